/**
 * Statistics of few noisy samples: medians and percentile bootstraps of a median and of the ratio
 * of two (Efron and Tibshirani, An Introduction to the Bootstrap, 1993). Seeded, so that a report
 * can be made again from its samples. Which of two sets is larger: mann-whitney.ts.
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

/** [low, high]. */
export type Interval = readonly [number, number];

/** [low, high] of the median; both the sample itself when there is only one. */
export function medianInterval95(samples: readonly number[], seed: number): Interval {
  const random = mulberry32(seed);
  return interval95(() => median(resample(samples, random)));
}

/** Samples of two contenders that were taken next to each other: drift between rounds cancels. */
export interface Round {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * How many times `before` the contender `after` is. Several rounds: the median of the rounds'
 * ratios. One round: the ratio of the medians of all that were measured.
 */
export function medianRatio(rounds: readonly Round[]): number {
  return median(rounds.map(({ before, after }) => median(after) / median(before)));
}

/** Of medianRatio: resamples rounds; with one round, the samples of each side. */
export function ratioInterval95(rounds: readonly Round[], seed: number): Interval {
  const random = mulberry32(seed);
  const [only] = rounds;
  if (only !== undefined && rounds.length === 1) {
    return interval95(
      () => median(resample(only.after, random)) / median(resample(only.before, random)),
    );
  }
  const ratios = rounds.map((round) => medianRatio([round]));
  return interval95(() => median(resample(ratios, random)));
}

function resample(samples: readonly number[], random: () => number): number[] {
  return samples.map(() => samples[Math.floor(random() * samples.length)] as number);
}

function interval95(draw: () => number): Interval {
  const draws = Array.from({ length: RESAMPLES }, draw).sort((a, b) => a - b);
  const at = (share: number): number => draws[Math.floor(share * (RESAMPLES - 1))] as number;
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
