/**
 * How much of its input a job has read. Owns how the splits of a source, and sources with units of
 * their own, come to one number; splits know their extents, and what is left to wait for is talk.
 */
import type { ReadProgress } from '../connectors/source.js';

/** Of one source, 0 to 1; null: some split has no end that is known. */
export function shareOfSplits(splits: readonly (ReadProgress | null)[]): number | null {
  let [done, total] = [0, 0];
  for (const split of splits) {
    if (split === null) return null;
    // A file may have grown since, and its last line end is counted though it is not there.
    done += Math.min(Math.max(0, split.done), split.total);
    total += split.total;
  }
  return total === 0 ? 1 : done / total;
}

/** Of all splits together; null: of some it is not known. */
export function totalLag(lags: readonly (number | null)[]): number | null {
  let total = 0;
  for (const lag of lags) {
    if (lag === null) return null;
    total += lag;
  }
  return lags.length === 0 ? null : total;
}

/** Of several: of what is furthest behind, because that is what is waited for. null: no end. */
export function leastShare(shares: readonly (number | null)[]): number | null {
  let least: number | null = null;
  for (const share of shares) {
    if (share === null) return null;
    least = Math.min(least ?? 1, share);
  }
  return least;
}
