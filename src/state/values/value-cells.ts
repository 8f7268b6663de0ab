/**
 * Value cells: any SQL value as one double, the form in which state keeps keys, MIN, FIRST,
 * DISTINCT values and lists. Owns the codec of each type: column row → cell → result row, order,
 * value hash and snapshot form. Equal values have equal cells, whatever column kind they came in,
 * so groups compare cells. @hot
 *
 *   NULL                    Infinity (a DOUBLE in a column is always finite)
 *   DOUBLE and times        the value, -0.0 as 0.0
 *   BOOLEAN                 0 or 1
 *   BIGINT, DECIMAL         the (unscaled) integer within ±2^53; beyond that 2^60 + 256 × id of its
 *                           8 or 16 bytes in the interner
 *   VARCHAR                 id of the text in the interner
 *   ARRAY, MAP, ROW         id of its JSON text in the interner
 */
import type { Column, I128Column, I64Column } from '../../columnar/column.js';
import { int128, NARROW_MAX } from '../../columnar/column.js';
import {
  hashBigInt,
  hashBoolean,
  hashDouble,
  hashSafeInteger,
  NULL_HASH,
} from '../../columnar/hash.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import type { Interner } from './interner.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import { decodeValueText, encodeValueText } from './nested-text.js';

export const NULL_CELL = Number.POSITIVE_INFINITY;

/** Where a type's cells are ids: never, only those of wide integers, or all but NULL. */
export type IdUse = 'never' | 'wide' | 'always';

export interface CellCodec {
  readonly ids: IdUse;
  /** The cell of a row; NULL_CELL for NULL. */
  read(column: Column, row: number): number;
  /** Writes a cell into a result row. True when the column had to widen for it. */
  write(results: ResultRows, column: number, row: number, cell: number): boolean;
  /** Order of two cells that are not NULL. */
  compare(a: number, b: number): number;
  /** The value hash (columnar/hash.ts). */
  hash(cell: number): number;
  value(cell: number): SqlValue;
  /** Bytes that the value takes in a list. */
  byteSize(cell: number): number;
  store(writer: StateWriter, cell: number): void;
  load(reader: StateReader): number;
}

const CELL_BYTES = 8;

export function codecOf(type: SqlType, interner: Interner): CellCodec {
  switch (type.kind) {
    case 'boolean':
      return new BooleanCodec();
    case 'bigint':
    case 'decimal':
      return new ExactCodec(interner);
    case 'varchar':
      return new TextCodec(interner);
    case 'array':
    case 'map':
    case 'row':
    case 'null':
      return new ListCodec(type, interner);
    default:
      return new NumberCodec();
  }
}

class NumberCodec implements CellCodec {
  readonly ids = 'never';
  read(column: Column, row: number): number {
    if (column.kind !== 'f64' || isNull(column, row)) return NULL_CELL;
    return column.values[row]! + 0;
  }
  write(results: ResultRows, column: number, row: number, cell: number): boolean {
    const target = results.columns[column]!;
    if (target.kind === 'f64') target.values[row] = cell;
    return false;
  }
  compare(a: number, b: number): number {
    return a - b;
  }
  hash(cell: number): number {
    return cell === NULL_CELL ? NULL_HASH : hashDouble(cell);
  }
  value(cell: number): SqlValue {
    return cell === NULL_CELL ? null : cell;
  }
  byteSize(): number {
    return CELL_BYTES;
  }
  store(writer: StateWriter, cell: number): void {
    writer.writeF64(cell);
  }
  load(reader: StateReader): number {
    return reader.readF64();
  }
}

class BooleanCodec implements CellCodec {
  readonly ids = 'never';
  read(column: Column, row: number): number {
    if (column.kind !== 'bool' || isNull(column, row)) return NULL_CELL;
    return column.values[row]!;
  }
  write(results: ResultRows, column: number, row: number, cell: number): boolean {
    const target = results.columns[column]!;
    if (target.kind === 'bool') target.values[row] = cell;
    return false;
  }
  compare(a: number, b: number): number {
    return a - b;
  }
  hash(cell: number): number {
    return cell === NULL_CELL ? NULL_HASH : hashBoolean(cell === 1);
  }
  value(cell: number): SqlValue {
    return cell === NULL_CELL ? null : cell === 1;
  }
  byteSize(): number {
    return CELL_BYTES;
  }
  store(writer: StateWriter, cell: number): void {
    writer.writeU32(cell === NULL_CELL ? 2 : cell);
  }
  load(reader: StateReader): number {
    const stored = reader.readU32();
    return stored === 2 ? NULL_CELL : stored;
  }
}

const WIDE_BASE = 2 ** 60;
const WIDE_STEP = 256;
/** Largest magnitude that is its own cell; one more than a narrow column may hold. */
const PLAIN_MAX = NARROW_MAX + 1;

export function isWideCell(cell: number): boolean {
  return cell >= WIDE_BASE && cell !== NULL_CELL;
}
export function idOfWideCell(cell: number): number {
  return (cell - WIDE_BASE) / WIDE_STEP;
}
export function wideCellOfId(id: number): number {
  return WIDE_BASE + id * WIDE_STEP;
}

const wideBytes = new Uint8Array(16);
const wideView = new DataView(wideBytes.buffer);

class ExactCodec implements CellCodec {
  readonly ids = 'wide';
  private readonly interner: Interner;
  private values: BigInt64Array | BigUint64Array | null = null;
  private words: Int32Array = new Int32Array(0);
  private bytes: Uint8Array = new Uint8Array(0);

  constructor(interner: Interner) {
    this.interner = interner;
  }

  read(column: Column, row: number): number {
    if (isNull(column, row)) return NULL_CELL;
    if (column.kind === 'f64') return column.values[row]! + 0;
    if (column.kind === 'i64') return this.readI64(column, row);
    if (column.kind === 'i128') return this.readI128(column, row);
    return NULL_CELL;
  }

  write(results: ResultRows, column: number, row: number, cell: number): boolean {
    const target = results.columns[column]!;
    if (target.kind === 'f64' && cell >= -NARROW_MAX && cell <= NARROW_MAX) {
      target.values[row] = cell;
      return false;
    }
    return results.setBigInt(column, row, cell === NULL_CELL ? 0n : this.bigInt(cell));
  }

  compare(a: number, b: number): number {
    if (!isWideCell(a) && !isWideCell(b)) return a - b;
    const [x, y] = [this.bigInt(a), this.bigInt(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  }

  hash(cell: number): number {
    if (cell === NULL_CELL) return NULL_HASH;
    return isWideCell(cell) ? hashBigInt(this.bigInt(cell)) : hashSafeInteger(cell);
  }

  value(cell: number): SqlValue {
    return cell === NULL_CELL ? null : this.bigInt(cell);
  }

  byteSize(): number {
    return CELL_BYTES;
  }
  store(writer: StateWriter, cell: number): void {
    writer.writeBoolean(isWideCell(cell));
    if (isWideCell(cell)) writer.writeBigInt(this.bigInt(cell));
    else writer.writeF64(cell);
  }

  load(reader: StateReader): number {
    return reader.readBoolean() ? this.cell(reader.readBigInt()) : reader.readF64();
  }

  bigInt(cell: number): bigint {
    if (!isWideCell(cell)) return BigInt(cell);
    const { bytes, offsets, lengths } = this.interner.dictionary;
    const id = idOfWideCell(cell);
    const view = new DataView(bytes.buffer, bytes.byteOffset + offsets[id]!, lengths[id]!);
    const low = view.getBigUint64(0, true);
    return lengths[id] === 8 ? BigInt.asIntN(64, low) : (view.getBigInt64(8, true) << 64n) | low;
  }

  cell(value: bigint): number {
    if (value >= -BigInt(PLAIN_MAX) && value <= BigInt(NARROW_MAX)) return Number(value);
    wideView.setBigUint64(0, BigInt.asUintN(64, value), true);
    wideView.setBigInt64(8, value >> 64n, true);
    const length = BigInt.asIntN(64, value) === value ? 8 : 16;
    return wideCellOfId(this.interner.dictionary.intern(wideBytes, 0, length));
  }

  private readI64(column: I64Column, row: number): number {
    this.view(column.values);
    const high = this.words[2 * row + 1]!;
    if (high >= -0x200000 && high < 0x200000) {
      return high * 4294967296 + (this.words[2 * row]! >>> 0);
    }
    return wideCellOfId(this.interner.dictionary.intern(this.bytes, row * 8, 8));
  }

  private readI128(column: I128Column, row: number): number {
    return this.cell(int128(column.high[row]!, column.low[row]!));
  }

  private view(values: BigInt64Array): void {
    if (this.values === values) return;
    this.values = values;
    this.words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    this.bytes = new Uint8Array(values.buffer, values.byteOffset, values.length * 8);
  }
}

class TextCodec implements CellCodec {
  readonly ids = 'always';
  private readonly interner: Interner;

  constructor(interner: Interner) {
    this.interner = interner;
  }

  read(column: Column, row: number): number {
    if (isNull(column, row)) return NULL_CELL;
    if (column.kind === 'utf8') return this.interner.internRow(column, row);
    if (column.kind !== 'dict') return NULL_CELL;
    const ids = this.interner.idsOf(column.dictionary);
    const code = column.codes[row]!;
    const id = ids[code]!;
    return id >= 0 ? id : this.interner.internCode(column.dictionary, ids, code);
  }

  write(results: ResultRows, column: number, row: number, cell: number): boolean {
    const target = results.columns[column]!;
    if (target.kind === 'dict') target.codes[row] = cell;
    return false;
  }

  compare(a: number, b: number): number {
    return this.interner.compare(a, b);
  }

  hash(cell: number): number {
    return cell === NULL_CELL ? NULL_HASH : this.interner.dictionary.hashes[cell]!;
  }

  value(cell: number): SqlValue {
    return cell === NULL_CELL ? null : this.interner.dictionary.text(cell);
  }

  byteSize(cell: number): number {
    const bytes = cell === NULL_CELL ? 0 : this.interner.dictionary.lengths[cell]!;
    return CELL_BYTES + bytes;
  }

  store(writer: StateWriter, cell: number): void {
    writer.writeBoolean(cell !== NULL_CELL);
    if (cell === NULL_CELL) return;
    const { bytes, offsets, lengths } = this.interner.dictionary;
    writer.writeBytes(bytes, offsets[cell]!, lengths[cell]!);
  }

  load(reader: StateReader): number {
    if (!reader.readBoolean()) return NULL_CELL;
    const bytes = reader.readBytes();
    return this.interner.dictionary.intern(bytes, 0, bytes.length);
  }
}

class ListCodec implements CellCodec {
  readonly ids = 'always';
  private readonly type: SqlType;
  private readonly interner: Interner;

  constructor(type: SqlType, interner: Interner) {
    this.type = type;
    this.interner = interner;
  }

  read(column: Column, row: number): number {
    if (column.kind !== 'list' || isNull(column, row)) return NULL_CELL;
    const value = column.values[row]!;
    if (value === null) return NULL_CELL;
    return this.interner.dictionary.internText(encodeValueText(value, this.type));
  }

  write(results: ResultRows, column: number, row: number, cell: number): boolean {
    const target = results.columns[column]!;
    if (target.kind === 'list') target.values[row] = this.value(cell);
    return false;
  }

  compare(a: number, b: number): number {
    return this.interner.compare(a, b);
  }

  hash(cell: number): number {
    return cell === NULL_CELL ? NULL_HASH : this.interner.dictionary.hashes[cell]!;
  }

  value(cell: number): SqlValue {
    if (cell === NULL_CELL) return null;
    return decodeValueText(this.interner.dictionary.text(cell), this.type);
  }

  byteSize(cell: number): number {
    const bytes = cell === NULL_CELL ? 0 : this.interner.dictionary.lengths[cell]!;
    return CELL_BYTES + bytes;
  }

  store(writer: StateWriter, cell: number): void {
    writer.writeBoolean(cell !== NULL_CELL);
    if (cell !== NULL_CELL) writer.writeText(this.interner.dictionary.text(cell));
  }

  load(reader: StateReader): number {
    if (!reader.readBoolean()) return NULL_CELL;
    return this.interner.dictionary.internText(reader.readText());
  }
}

function isNull(column: Column, row: number): boolean {
  return column.nulls !== null && column.nulls[row] === 1;
}
