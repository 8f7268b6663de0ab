/**
 * The layouts of a column. Owns the physical kinds and which kinds a SQL type may use; building
 * columns is column-builder.ts, text entries are dictionary.ts. @hot
 *
 * | kind | holds                                              | layout                          |
 * | f64  | DOUBLE TIMESTAMP DATE INTERVAL; BIGINT and DECIMAL  | Float64Array                    |
 * |      | (unscaled) while every value is a safe integer     |                                 |
 * | i64  | BIGINT, DECIMAL unscaled within 64 bits             | BigInt64Array                   |
 * | i128 | DECIMAL unscaled beyond 64 bits                     | high (signed), low (unsigned)   |
 * | bool | BOOLEAN                                             | Uint8Array, 0 or 1              |
 * | utf8 | VARCHAR as views into one byte buffer               | offsets, lengths, bytes         |
 * | dict | VARCHAR as codes of a dictionary                    | Int32Array + Dictionary         |
 * | list | ARRAY MAP ROW                                       | one JavaScript value a row      |
 *
 * `nulls` holds one byte a row, 1 = NULL; it is null when no row is NULL (docs/decisions/0001).
 * The value at a NULL row is unspecified, except that a dict code is always a valid code.
 * Arrays may be longer than the batch's row count and are reused by their producer.
 */
import type { Dictionary } from './dictionary.js';
import type { SqlType, SqlValue } from './types.js';
import { decodeText } from './text-bytes.js';

export type Nulls = Uint8Array | null;

export interface F64Column {
  readonly kind: 'f64';
  values: Float64Array;
  nulls: Nulls;
}
export interface I64Column {
  readonly kind: 'i64';
  values: BigInt64Array;
  nulls: Nulls;
}
export interface I128Column {
  readonly kind: 'i128';
  high: BigInt64Array;
  low: BigUint64Array;
  nulls: Nulls;
}
export interface BoolColumn {
  readonly kind: 'bool';
  values: Uint8Array;
  nulls: Nulls;
}
export interface Utf8Column {
  readonly kind: 'utf8';
  bytes: Uint8Array;
  offsets: Int32Array;
  lengths: Int32Array;
  nulls: Nulls;
}
export interface DictColumn {
  readonly kind: 'dict';
  codes: Int32Array;
  dictionary: Dictionary;
  nulls: Nulls;
}
export interface ListColumn {
  readonly kind: 'list';
  values: SqlValue[];
  nulls: Nulls;
}

export type Column =
  F64Column | I64Column | I128Column | BoolColumn | Utf8Column | DictColumn | ListColumn;
export type ColumnKind = Column['kind'];

/** Largest magnitude a BIGINT or an unscaled DECIMAL may have in an f64 column: 2^53 - 1. */
export const NARROW_MAX = Number.MAX_SAFE_INTEGER;

export function int128(high: bigint, low: bigint): bigint {
  return (high << 64n) | low;
}

/**
 * The value of a row as a SqlValue (see types.ts). Allocates: for tests, the interpreter,
 * snapshots and error messages; never per row on a hot path.
 */
export function columnValue(column: Column, type: SqlType, row: number): SqlValue {
  if (column.nulls !== null && column.nulls[row] === 1) return null;
  switch (column.kind) {
    case 'f64': {
      const value = column.values[row] as number;
      return type.kind === 'bigint' || type.kind === 'decimal' ? BigInt(value) : value;
    }
    case 'i64':
      return column.values[row] as bigint;
    case 'i128':
      return int128(column.high[row] as bigint, column.low[row] as bigint);
    case 'bool':
      return column.values[row] === 1;
    case 'utf8':
      return decodeText(column.bytes, column.offsets[row] as number, column.lengths[row] as number);
    case 'dict':
      return column.dictionary.text(column.codes[row] as number);
    case 'list':
      return column.values[row] as SqlValue;
  }
}
