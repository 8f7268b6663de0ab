/**
 * The row numbers 0, 1, 2 …, for code that takes a list of rows where a batch has no selection.
 * One array a thread, grown when a batch is larger; nobody writes to it. @hot
 */
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';

let rows = rowNumbers(BATCH_ROWS_MAX);

/** At least `count` row numbers; the array may be longer. Read only. */
export function identityRows(count: number): Int32Array {
  if (rows.length < count) rows = rowNumbers(Math.max(count, rows.length * 2));
  return rows;
}

function rowNumbers(count: number): Int32Array {
  const numbers = new Int32Array(count);
  for (let row = 0; row < count; row += 1) numbers[row] = row;
  return numbers;
}
