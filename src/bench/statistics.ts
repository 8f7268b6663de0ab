/**
 * Statistics of few noisy samples: median and a percentile bootstrap of the median's 95 % interval
 * (Efron and Tibshirani, An Introduction to the Bootstrap, 1993). Seeded, so that a report can be
 * made again from its samples.
 */

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

const RESAMPLES = 2000;

/** [low, high] of the median; both the sample itself when there is only one. */
export function medianInterval95(
  samples: readonly number[],
  seed: number,
): readonly [number, number] {
  const random = mulberry32(seed);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(samples.map(() => samples[Math.floor(random() * samples.length)] as number)),
  ).sort((a, b) => a - b);
  const at = (share: number): number => medians[Math.floor(share * (RESAMPLES - 1))] as number;
  return [at(0.025), at(0.975)];
}

/** A small seeded generator of doubles in [0, 1): mulberry32 (Tommy Ettinger, public domain). */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
