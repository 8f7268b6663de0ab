/**
 * The columns of a RowStore: cells of one input column, found by row number, in any order of coming
 * and going. Owns the layout per SQL type and the copying between batches and cells; which rows
 * exist is row-store.ts. Cells are the operator's own memory: nothing of a batch is kept. @hot
 *
 *   DOUBLE, times        Float64Array
 *   BIGINT, DECIMAL      Float64Array while every value is a safe integer, then bigints for good
 *   BOOLEAN              Uint8Array
 *   VARCHAR              strings, so that a row that goes leaves no text behind
 *   ARRAY, MAP, ROW      the values
 */
import type { Column, ColumnKind } from '../../../columnar/column.js';
import { columnValue, NARROW_MAX } from '../../../columnar/column.js';
import { ColumnBuilder } from '../../../columnar/column-builder.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import { compareDoubles, compareText, compareValues } from '../../../functions/compare.js';
import { CellPages } from './cell-pages.js';

export abstract class RowLane {
  protected capacity = 0;
  protected readonly builder = new ColumnBuilder();
  private nulls: Uint8Array | null = null;

  /** Makes room for rows 0 … capacity - 1. */
  grow(capacity: number): void {
    this.capacity = capacity;
    if (this.nulls !== null) this.nulls = grownBytes(this.nulls, capacity);
    this.growCells(capacity);
  }

  /** Copies rows of a column (null: 0 … count - 1) to the places `targets`, by position. */
  copy(column: Column, rows: Int32Array | null, count: number, targets: Int32Array): void {
    this.copyNulls(column.nulls, rows, count, targets);
    this.copyCells(column, rows, count, targets);
  }

  put(at: number, value: SqlValue): void {
    this.markNull(at, value === null);
    this.putCell(at, value);
  }

  value(at: number): SqlValue {
    return this.isNull(at) ? null : this.cell(at);
  }

  isNull(at: number): boolean {
    return this.nulls !== null && this.nulls[at] === 1;
  }

  /** The rows `places` as a column, valid until the next gather of this lane. */
  gather(places: Int32Array, count: number): Column {
    const { builder, nulls } = this;
    builder.reserve(this.kind(), count);
    // Only now: reserve turns a text column with a full dictionary into utf8.
    const kind = this.kind();
    let hasNulls = 0;
    if (nulls !== null) {
      const marks = builder.nulls;
      for (let k = 0; k < count; k += 1) {
        const mark = nulls[places[k]!]!;
        marks[k] = mark;
        hasNulls |= mark;
      }
    }
    this.gatherCells(places, count, nulls);
    return builder.finish(kind, hasNulls === 1);
  }

  /** Order of two rows whose values are not NULL, as functions/compare has it. */
  abstract compare(a: number, b: number): number;
  /** Lets go of what a row held. */
  abstract clear(at: number): void;
  abstract byteSize(): number;
  /** The kind of gathered columns; a lane's kind only ever widens. */
  protected abstract kind(): ColumnKind;
  protected abstract growCells(capacity: number): void;
  protected abstract copyCells(
    column: Column,
    rows: Int32Array | null,
    count: number,
    targets: Int32Array,
  ): void;
  protected abstract putCell(at: number, value: SqlValue): void;
  protected abstract cell(at: number): SqlValue;
  protected abstract gatherCells(places: Int32Array, count: number, nulls: Uint8Array | null): void;

  private markNull(at: number, isNull: boolean): void {
    if (this.nulls === null) {
      if (!isNull) return;
      this.nulls = new Uint8Array(this.capacity);
    }
    this.nulls[at] = isNull ? 1 : 0;
  }

  private copyNulls(
    from: Uint8Array | null,
    rows: Int32Array | null,
    count: number,
    targets: Int32Array,
  ): void {
    if (from === null && this.nulls === null) return;
    const nulls = (this.nulls ??= new Uint8Array(this.capacity));
    for (let k = 0; k < count; k += 1) {
      nulls[targets[k]!] = from === null ? 0 : from[rows === null ? k : rows[k]!]!;
    }
  }
}

export function newLane(type: SqlType): RowLane {
  switch (type.kind) {
    case 'boolean':
      return new BooleanLane();
    case 'bigint':
    case 'decimal':
      return new ExactLane(type);
    case 'varchar':
      return new TextLane();
    case 'array':
    case 'map':
    case 'row':
      return new ValueLane(type);
    default:
      return new NumberLane();
  }
}

class NumberLane extends RowLane {
  private cells: Float64Array = new Float64Array(0);

  clear(): void {
    // A number holds no memory.
  }
  compare(a: number, b: number): number {
    return compareDoubles(this.cells[a]!, this.cells[b]!);
  }
  byteSize(): number {
    return this.cells.byteLength;
  }
  protected kind(): ColumnKind {
    return 'f64';
  }
  protected growCells(capacity: number): void {
    this.cells = grownDoubles(this.cells, capacity);
  }
  protected copyCells(
    column: Column,
    rows: Int32Array | null,
    count: number,
    targets: Int32Array,
  ): void {
    if (column.kind === 'f64') copyDoubles(column.values, rows, count, this.cells, targets);
  }
  protected putCell(at: number, value: SqlValue): void {
    this.cells[at] = (value ?? 0) as number;
  }
  protected cell(at: number): SqlValue {
    return this.cells[at]!;
  }
  protected gatherCells(places: Int32Array, count: number): void {
    gatherDoubles(this.cells, places, count, this.builder.f64);
  }
}

class BooleanLane extends RowLane {
  private cells: Uint8Array = new Uint8Array(0);

  clear(): void {
    // A boolean holds no memory.
  }
  compare(a: number, b: number): number {
    return this.cells[a]! - this.cells[b]!;
  }
  byteSize(): number {
    return this.cells.byteLength;
  }
  protected kind(): ColumnKind {
    return 'bool';
  }
  protected growCells(capacity: number): void {
    this.cells = grownBytes(this.cells, capacity);
  }
  protected copyCells(
    column: Column,
    rows: Int32Array | null,
    count: number,
    targets: Int32Array,
  ): void {
    if (column.kind !== 'bool') return;
    for (let k = 0; k < count; k += 1) {
      this.cells[targets[k]!] = column.values[rows === null ? k : rows[k]!]!;
    }
  }
  protected putCell(at: number, value: SqlValue): void {
    this.cells[at] = value === true ? 1 : 0;
  }
  protected cell(at: number): SqlValue {
    return this.cells[at] === 1;
  }
  protected gatherCells(places: Int32Array, count: number): void {
    const to = this.builder.bool;
    for (let k = 0; k < count; k += 1) to[k] = this.cells[places[k]!]!;
  }
}

class ExactLane extends RowLane {
  private readonly type: SqlType;
  private cells: Float64Array = new Float64Array(0);
  /** Values once one was beyond the safe integers. */
  private wide: CellPages<bigint> | null = null;
  private wideKind: 'i64' | 'i128' = 'i64';

  constructor(type: SqlType) {
    super();
    this.type = type;
  }

  clear(at: number): void {
    this.wide?.set(at, 0n);
  }
  compare(a: number, b: number): number {
    const { wide } = this;
    if (wide === null) return this.cells[a]! - this.cells[b]!;
    const [left, right] = [wide.get(a), wide.get(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  }
  byteSize(): number {
    return this.wide === null ? this.cells.byteLength : this.wide.length * 24;
  }
  protected kind(): ColumnKind {
    return this.wide === null ? 'f64' : this.wideKind;
  }
  protected growCells(capacity: number): void {
    if (this.wide === null) this.cells = grownDoubles(this.cells, capacity);
  }
  protected copyCells(
    column: Column,
    rows: Int32Array | null,
    count: number,
    targets: Int32Array,
  ): void {
    if (column.kind === 'f64' && this.wide === null) {
      copyDoubles(column.values, rows, count, this.cells, targets);
      return;
    }
    for (let k = 0; k < count; k += 1) {
      this.putCell(targets[k]!, columnValue(column, this.type, rows === null ? k : rows[k]!));
    }
  }
  protected putCell(at: number, value: SqlValue): void {
    const exact = (value ?? 0n) as bigint;
    if (this.wide === null) {
      const narrow = Number(exact);
      if (narrow <= NARROW_MAX && narrow >= -NARROW_MAX) {
        this.cells[at] = narrow;
        return;
      }
      const wide = new CellPages(0n);
      for (let cell = 0; cell < this.cells.length; cell += 1) {
        wide.set(cell, BigInt(this.cells[cell]!));
      }
      this.wide = wide;
      this.cells = new Float64Array(0);
    }
    if (BigInt.asIntN(64, exact) !== exact) this.wideKind = 'i128';
    this.wide.set(at, exact);
  }
  protected cell(at: number): SqlValue {
    return this.wide === null ? BigInt(this.cells[at]!) : this.wide.get(at);
  }
  protected gatherCells(places: Int32Array, count: number): void {
    const { builder, wide } = this;
    if (wide === null) {
      gatherDoubles(this.cells, places, count, builder.f64);
    } else if (this.wideKind === 'i64') {
      for (let k = 0; k < count; k += 1) builder.i64[k] = wide.get(places[k]!);
    } else {
      for (let k = 0; k < count; k += 1) {
        const value = wide.get(places[k]!);
        builder.high[k] = value >> 64n;
        builder.low[k] = BigInt.asUintN(64, value);
      }
    }
  }
}

class TextLane extends RowLane {
  private readonly cells = new CellPages('');
  /** Codes of texts in the builder's dictionary, so that a known text is not encoded again. */
  private readonly codes = new Map<string, number>();

  clear(at: number): void {
    this.cells.set(at, '');
  }
  compare(a: number, b: number): number {
    return compareText(this.cells.get(a), this.cells.get(b));
  }
  byteSize(): number {
    return this.cells.length * 32;
  }
  protected kind(): ColumnKind {
    return this.builder.textKind;
  }
  protected growCells(): void {
    // Pages come as they are needed.
  }
  protected copyCells(
    column: Column,
    rows: Int32Array | null,
    count: number,
    targets: Int32Array,
  ): void {
    const { cells } = this;
    if (column.kind === 'dict') {
      const { codes, dictionary } = column;
      for (let k = 0; k < count; k += 1) {
        cells.set(targets[k]!, dictionary.text(codes[rows === null ? k : rows[k]!]!));
      }
      return;
    }
    for (let k = 0; k < count; k += 1) {
      const text = columnValue(column, TEXT, rows === null ? k : rows[k]!);
      cells.set(targets[k]!, (text ?? '') as string);
    }
  }
  protected putCell(at: number, value: SqlValue): void {
    this.cells.set(at, (value ?? '') as string);
  }
  protected cell(at: number): SqlValue {
    return this.cells.get(at);
  }
  protected gatherCells(places: Int32Array, count: number, nulls: Uint8Array | null): void {
    const { builder, cells, codes } = this;
    const usesCodes = builder.textKind === 'dict';
    if (!usesCodes && codes.size > 0) codes.clear();
    for (let k = 0; k < count; k += 1) {
      const at = places[k]!;
      // A row with many partners stands there as often.
      if (usesCodes && k > 0 && at === places[k - 1]) {
        builder.codes[k] = builder.codes[k - 1]!;
        continue;
      }
      if (nulls !== null && nulls[at] === 1) {
        builder.putNoText(k);
        continue;
      }
      const text = cells.get(at);
      const code = codes.get(text);
      if (code !== undefined) {
        builder.codes[k] = code;
        continue;
      }
      builder.putText(k, text);
      if (usesCodes) codes.set(text, builder.codes[k]!);
    }
  }
}

const TEXT: SqlType = { kind: 'varchar' };

class ValueLane extends RowLane {
  private readonly type: SqlType;
  private readonly cells = new CellPages<SqlValue>(null);

  constructor(type: SqlType) {
    super();
    this.type = type;
  }

  clear(at: number): void {
    this.cells.set(at, null);
  }
  compare(a: number, b: number): number {
    return compareValues(this.cells.get(a), this.cells.get(b), this.type);
  }
  byteSize(): number {
    return this.cells.length * 64;
  }
  protected kind(): ColumnKind {
    return 'list';
  }
  protected growCells(): void {
    // Pages come as they are needed.
  }
  protected copyCells(
    column: Column,
    rows: Int32Array | null,
    count: number,
    targets: Int32Array,
  ): void {
    if (column.kind !== 'list') return;
    for (let k = 0; k < count; k += 1) {
      this.cells.set(targets[k]!, column.values[rows === null ? k : rows[k]!]!);
    }
  }
  protected putCell(at: number, value: SqlValue): void {
    this.cells.set(at, value);
  }
  protected cell(at: number): SqlValue {
    return this.cells.get(at);
  }
  protected gatherCells(places: Int32Array, count: number): void {
    for (let k = 0; k < count; k += 1) this.builder.values[k] = this.cells.get(places[k]!);
  }
}

function copyDoubles(
  from: Float64Array,
  rows: Int32Array | null,
  count: number,
  to: Float64Array,
  targets: Int32Array,
): void {
  if (rows === null) {
    for (let k = 0; k < count; k += 1) to[targets[k]!] = from[k]!;
  } else {
    for (let k = 0; k < count; k += 1) to[targets[k]!] = from[rows[k]!]!;
  }
}

function gatherDoubles(
  from: Float64Array,
  places: Int32Array,
  count: number,
  to: Float64Array,
): void {
  for (let k = 0; k < count; k += 1) to[k] = from[places[k]!]!;
}

function grownDoubles(cells: Float64Array, capacity: number): Float64Array {
  const grown = new Float64Array(capacity);
  grown.set(cells);
  return grown;
}

function grownBytes(cells: Uint8Array, capacity: number): Uint8Array {
  const grown = new Uint8Array(capacity);
  grown.set(cells);
  return grown;
}
