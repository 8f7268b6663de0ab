/**
 * Which runs are merged when: a stretch of neighbours of about one size, so that an entry is
 * written again once for each time that all there is has grown by a factor (size-tiered merging,
 * as in O'Neil et al., "The log-structured merge-tree", 1996). Owns that rule alone.
 */

/** Runs of one size that become one; also the most that stay of each size. */
const FAN_IN = 8;

/**
 * How many of the newest runs, given by their bytes, oldest first, are to become one; 0: none.
 * A size is a power of FAN_IN: eight runs of 60 MB or less make one below 512 MB.
 */
export function mergeableRuns(bytes: readonly number[]): number {
  const newest = bytes.at(-1);
  if (newest === undefined) return 0;
  let tier = tierOf(newest);
  let count = 0;
  let ofTier = 0;
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    const own = tierOf(bytes[at] as number);
    if (own > tier) {
      if (ofTier >= FAN_IN) return count;
      tier = own;
      ofTier = 0;
    }
    count += 1;
    ofTier += 1;
  }
  return ofTier >= FAN_IN ? count : 0;
}

function tierOf(bytes: number): number {
  return Math.floor(Math.log2(Math.max(1, bytes)) / Math.log2(FAN_IN));
}
