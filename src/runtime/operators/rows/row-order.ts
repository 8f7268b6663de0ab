/**
 * Order of rows of values under ORDER BY keys: for operators that keep whole rows. NULLs come
 * where the key says; values compare as functions/compare does.
 */
import type { SqlValue } from '../../../columnar/types.js';
import { compareValues } from '../../../functions/compare.js';
import type { SortKey } from '../../../plan/pipeline/pipeline-plan.js';

/** Negative when `a` comes first; 0 for peers. Rows hold values by column number. */
export function compareRows(
  a: readonly SqlValue[],
  b: readonly SqlValue[],
  keys: readonly SortKey[],
): number {
  for (const { column, type, descending, nullsFirst } of keys) {
    const x = a[column] as SqlValue;
    const y = b[column] as SqlValue;
    if (x === null || y === null) {
      if (x === y) continue;
      return (x === null) === nullsFirst ? -1 : 1;
    }
    const order = compareValues(x, y, type);
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}
