/**
 * Output columns that are written row by row and reused batch after batch. Owns their arrays and
 * the column objects that wrap them: `reserve` before a batch, writes by row number (generated
 * code writes the arrays directly), `finish` for the column. What finish returned is valid until
 * the next reserve. @hot
 *
 * Text starts as dict codes in a dictionary of its own; once that is full (65,536 entries) the
 * column is utf8 from the next batch on, its bytes appended row by row.
 */
import { withRoom } from './byte-room.js';
import { assertNever } from '../base/assert.js';
import type {
  BoolColumn,
  Column,
  ColumnKind,
  DictColumn,
  F64Column,
  I128Column,
  I64Column,
  ListColumn,
  Utf8Column,
} from './column.js';
import { DICTIONARY_ENTRIES_MAX, Dictionary } from './dictionary.js';
import type { SqlType, SqlValue } from './types.js';

const NO_F64 = new Float64Array(0);
const NO_I64 = new BigInt64Array(0);
const NO_U64 = new BigUint64Array(0);
const NO_I32 = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();

/** Bytes per UTF-16 code unit at most. */
const UTF8_EXPANSION = 3;

export class ColumnBuilder {
  /** Rows that every reserved array holds. */
  capacity = 0;
  nulls: Uint8Array = NO_BYTES;
  f64: Float64Array = NO_F64;
  i64: BigInt64Array = NO_I64;
  high: BigInt64Array = NO_I64;
  low: BigUint64Array = NO_U64;
  bool: Uint8Array = NO_BYTES;
  codes: Int32Array = NO_I32;
  offsets: Int32Array = NO_I32;
  lengths: Int32Array = NO_I32;
  bytes: Uint8Array = NO_BYTES;
  values: SqlValue[] = [];
  /** Entries of texts that were put one by one; entry 0 is '', a valid code for NULL rows. */
  readonly dictionary = new Dictionary();
  /** What putText writes in this batch. */
  textKind: 'dict' | 'utf8' = 'dict';
  private bytesUsed = 0;
  private scratch = new Uint8Array(256);
  private readonly columns: Partial<Record<ColumnKind, Column>> = {};

  constructor() {
    this.dictionary.internText('');
  }

  /** Makes room for `rows` rows of a kind; must come before the first write of each batch. */
  reserve(kind: ColumnKind, rows: number): void {
    if (this.nulls.length < rows) this.nulls = new Uint8Array(rows);
    if (rows > this.capacity) this.capacity = rows;
    switch (kind) {
      case 'f64':
        if (this.f64.length < rows) this.f64 = new Float64Array(rows);
        return;
      case 'i64':
        if (this.i64.length < rows) this.i64 = new BigInt64Array(rows);
        return;
      case 'i128':
        if (this.high.length < rows) this.high = new BigInt64Array(rows);
        if (this.low.length < rows) this.low = new BigUint64Array(rows);
        return;
      case 'bool':
        if (this.bool.length < rows) this.bool = new Uint8Array(rows);
        return;
      case 'utf8':
      case 'dict':
        this.reserveText(rows);
        return;
      case 'list':
        return;
      default:
        assertNever(kind);
    }
  }

  /** Chooses how this batch's texts are kept; codes and views start empty. */
  private reserveText(rows: number): void {
    if (this.dictionary.size >= DICTIONARY_ENTRIES_MAX) this.textKind = 'utf8';
    this.bytesUsed = 0;
    if (this.codes.length < rows) this.codes = new Int32Array(rows);
    if (this.offsets.length >= rows || this.textKind === 'dict') return;
    this.offsets = new Int32Array(rows);
    this.lengths = new Int32Array(rows);
  }

  /** Texts are expected to be many: utf8 from the next reserve on. */
  preferUtf8(): void {
    this.textKind = 'utf8';
  }

  /** Writes a text; needs reserve('dict' or 'utf8'). */
  putText(row: number, text: string): void {
    if (this.textKind === 'utf8') {
      this.appendText(row, text);
      return;
    }
    const needed = text.length * UTF8_EXPANSION;
    if (this.scratch.length < needed) this.scratch = new Uint8Array(needed * 2);
    const length = encodeText(text, this.scratch, 0);
    this.codes[row] = this.dictionary.intern(this.scratch, 0, length);
  }

  /** Writes a text that is bytes already; needs reserve('dict' or 'utf8'). */
  putBytes(row: number, source: Uint8Array, start: number, length: number): void {
    if (this.textKind === 'dict') {
      this.codes[row] = this.dictionary.intern(source, start, length);
      return;
    }
    this.reserveBytes(length);
    this.bytes.set(source.subarray(start, start + length), this.bytesUsed);
    this.offsets[row] = this.bytesUsed;
    this.lengths[row] = length;
    this.bytesUsed += length;
  }

  /** The row has no text: whatever its code or view says must be valid. */
  putNoText(row: number): void {
    if (this.textKind === 'dict') {
      this.codes[row] = 0;
      return;
    }
    this.offsets[row] = 0;
    this.lengths[row] = 0;
  }

  private appendText(row: number, text: string): void {
    this.reserveBytes(text.length * UTF8_EXPANSION);
    const length = encodeText(text, this.bytes, this.bytesUsed);
    this.offsets[row] = this.bytesUsed;
    this.lengths[row] = length;
    this.bytesUsed += length;
  }

  private reserveBytes(length: number): void {
    const used = this.bytesUsed;
    if (used + length <= this.bytes.length) return;
    this.bytes = withRoom(this.bytes, { used, needed: used + length, what: 'texts of a batch' });
  }

  /** Writes any value in the form of `kind`; slow, for tests and rare rows. */
  putValue(row: number, kind: ColumnKind, value: SqlValue): void {
    this.nulls[row] = value === null ? 1 : 0;
    if (value === null) {
      if (kind === 'dict' || kind === 'utf8') this.putNoText(row);
      return;
    }
    switch (kind) {
      case 'f64':
        this.f64[row] = Number(value);
        return;
      case 'i64':
        this.i64[row] = value as bigint;
        return;
      case 'i128':
        this.high[row] = (value as bigint) >> 64n;
        this.low[row] = BigInt.asUintN(64, value as bigint);
        return;
      case 'bool':
        this.bool[row] = value === true ? 1 : 0;
        return;
      case 'utf8':
      case 'dict':
        this.putText(row, value as string);
        return;
      case 'list':
        this.values[row] = value;
        return;
      default:
        assertNever(kind);
    }
  }

  /** The column of what was written; `dictionary` replaces the builder's own for dict codes. */
  finish(kind: ColumnKind, hasNulls: boolean, dictionary = this.dictionary): Column {
    const column = this.columnOf(kind);
    column.nulls = hasNulls ? this.nulls : null;
    switch (column.kind) {
      case 'f64':
        column.values = this.f64;
        break;
      case 'i64':
        column.values = this.i64;
        break;
      case 'i128':
        column.high = this.high;
        column.low = this.low;
        break;
      case 'bool':
        column.values = this.bool;
        break;
      case 'utf8':
        column.bytes = this.bytes;
        column.offsets = this.offsets;
        column.lengths = this.lengths;
        break;
      case 'dict':
        column.codes = this.codes;
        column.dictionary = dictionary;
        break;
      case 'list':
        column.values = this.values;
        break;
      default:
        assertNever(column);
    }
    return column;
  }

  private columnOf(kind: ColumnKind): Column {
    const known = this.columns[kind];
    if (known !== undefined) return known;
    const column = emptyColumn(kind, this.dictionary);
    this.columns[kind] = column;
    return column;
  }
}

/** A column of a kind without rows. */
export function emptyColumn(kind: ColumnKind, dictionary: Dictionary = new Dictionary()): Column {
  switch (kind) {
    case 'f64':
      return { kind, values: NO_F64, nulls: null } satisfies F64Column;
    case 'i64':
      return { kind, values: NO_I64, nulls: null } satisfies I64Column;
    case 'i128':
      return { kind, high: NO_I64, low: NO_U64, nulls: null } satisfies I128Column;
    case 'bool':
      return { kind, values: NO_BYTES, nulls: null } satisfies BoolColumn;
    case 'utf8':
      return {
        kind,
        bytes: NO_BYTES,
        offsets: NO_I32,
        lengths: NO_I32,
        nulls: null,
      } satisfies Utf8Column;
    case 'dict':
      return { kind, codes: NO_I32, dictionary, nulls: null } satisfies DictColumn;
    case 'list':
      return { kind, values: [], nulls: null } satisfies ListColumn;
    default:
      return assertNever(kind);
  }
}

/** The narrowest kind for values of a type whose exact numbers are within the safe integers. */
export function narrowKindOf(type: SqlType): ColumnKind {
  switch (type.kind) {
    case 'boolean':
      return 'bool';
    case 'varchar':
      return 'dict';
    case 'array':
    case 'map':
    case 'row':
      return 'list';
    default:
      return 'f64';
  }
}

/** The narrowest kind that holds all the values. */
export function kindForValues(type: SqlType, values: readonly SqlValue[]): ColumnKind {
  const narrow = narrowKindOf(type);
  if (narrow !== 'f64') return narrow;
  const exact = values.filter((value) => typeof value === 'bigint');
  if (exact.every((value) => Number.isSafeInteger(Number(value)))) return 'f64';
  return exact.every((value) => BigInt.asIntN(64, value) === value) ? 'i64' : 'i128';
}

/** A column of its own with these values; for tests, literals and rare rows. */
export function columnFromValues(
  type: SqlType,
  values: readonly SqlValue[],
  kind: ColumnKind = kindForValues(type, values),
): Column {
  const builder = new ColumnBuilder();
  if (kind === 'utf8') builder.preferUtf8();
  builder.reserve(kind, Math.max(values.length, 1));
  values.forEach((value, row) => {
    builder.putValue(row, kind, value);
  });
  return builder.finish(kind, values.includes(null));
}

/** Writes the UTF-8 bytes of a text, which has room; gives their count. */
export function encodeText(text: string, target: Uint8Array, start: number): number {
  const { length } = text;
  if (length > 64) return encoder.encodeInto(text, target.subarray(start)).written;
  for (let at = 0; at < length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit > 127) return encoder.encodeInto(text, target.subarray(start)).written;
    target[start + at] = unit;
  }
  return length;
}
