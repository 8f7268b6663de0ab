/**
 * Functions that generated grouping kernels call for what is too long to be written into them:
 * words of 64-bit columns, 128-bit sums, order of texts and wide integers. @hot
 */
import type { Column, Utf8Column } from '../../columnar/column.js';
import { int128 } from '../../columnar/column.js';
import { addBigInt } from '../sums/exact-sums.js';
import type { Interner } from '../values/interner.js';
import type { CellCodec } from '../values/value-cells.js';
import { NULL_CELL } from '../values/value-cells.js';

const wordViews = new WeakMap<BigInt64Array, Int32Array>();

/** The 32-bit words of a 64-bit array, low before high; one view per array. */
export function wordsOf(values: BigInt64Array): Int32Array {
  let words = wordViews.get(values);
  if (words === undefined) {
    words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    wordViews.set(values, words);
  }
  return words;
}

/** Adds ± a DECIMAL of any kind to an exact sum. */
export function addInteger(
  cells: Float64Array,
  at: number,
  column: Column,
  row: number,
  sign: number,
  wide: boolean,
): void {
  if (column.kind !== 'i128') return;
  const value = int128(column.high[row]!, column.low[row]!);
  addBigInt(cells, at, sign < 0 ? -value : value, wide);
}

/** MIN (direction 1) or MAX (-1) of text views; only a new extreme is interned. */
export function extremeText(
  interner: Interner,
  cells: Float64Array,
  at: number,
  column: Utf8Column,
  row: number,
  direction: number,
): void {
  const best = cells[at]!;
  if (best === NULL_CELL || direction * interner.compareRow(column, row, best) < 0) {
    cells[at] = interner.internRow(column, row);
  }
}

/** MIN or MAX of value cells that are ordered by their codec only. */
export function extremeCell(
  codec: CellCodec,
  cells: Float64Array,
  at: number,
  value: number,
  direction: number,
): void {
  const best = cells[at]!;
  const isNone = best === NULL_CELL || best === -NULL_CELL;
  if (isNone || direction * codec.compare(value, best) < 0) cells[at] = value;
}
