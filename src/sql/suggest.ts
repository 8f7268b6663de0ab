/**
 * "Did you mean": the candidate closest to a word that nothing knows. Pure text; serves keywords
 * here and table, column and function names in the binder.
 */

/**
 * The candidate that differs from `word` by the fewest edits (insert, delete, change, swap of
 * neighbours; letter case aside), when that is few enough to be a slip: one edit in up to 4
 * letters, two in up to 8, then three. The first of equals wins. O(candidates × length²).
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let limit = wanted.length <= 2 ? 0 : wanted.length <= 4 ? 1 : wanted.length <= 8 ? 2 : 3;
  let best: string | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const edits = editDistance(wanted, candidate.toLowerCase());
    if (edits > limit || edits >= wanted.length || edits >= candidate.length) continue;
    if (edits === 0) return candidate;
    best = candidate;
    limit = edits - 1;
  }
  return best;
}

/** Edits between two texts, swaps of neighbours counted as one (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let twoBack: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, (twoBack[j - 2] ?? 0) + 1);
      current.push(edits);
    }
    twoBack = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
