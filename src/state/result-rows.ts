/**
 * Result rows on their way out of grouped state: one reusable batch that grows row by row and is
 * emitted when BATCH_ROWS_MAX rows are in it or when the operator asks (`flush`). Owns the result
 * columns (which start narrow and widen for good when a value needs it), row kinds, origins and
 * the rows that failed. What a row holds is decided by grouped-state and the generated kernels,
 * which write into the arrays directly. @hot
 */
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../columnar/batch.js';
import type { Batch, BatchHeader } from '../columnar/batch.js';
import type { Column, ColumnKind } from '../columnar/column.js';
import { Dictionary } from '../columnar/dictionary.js';
import type { SqlType, SqlValue } from '../columnar/types.js';

/** The part of runtime's Output that state needs; state knows no operators. */
export interface RowOutput {
  emit(batch: Batch): void;
}

/** Why a result row cannot be. */
export interface ResultFailure {
  readonly key: 'NUMERIC_OVERFLOW' | 'VALUE_INVALID';
  readonly message: string;
}

/** The part of runtime's RecordErrors that state needs. Row -1: a result row of no one record. */
export interface RowErrors {
  recordFailed(header: BatchHeader, row: number, failure: ResultFailure): void;
}

/** A state whose snapshots are appended; `version` changes when its groups do but for new ones. */
export interface SnapshotOwner {
  readonly version: number;
}

export interface ResultRowsOptions {
  /** Whether batches carry row kinds. Default false: all rows are +I. */
  readonly ops?: boolean;
}

/** Bytes of nested values, which are JavaScript objects, from which on a batch is given. */
const WEIGHT_MAX = 4 * 1024 * 1024;

const MASK_64 = (1n << 64n) - 1n;

const NO_TEXTS = new Dictionary();
NO_TEXTS.internText('');

export class ResultRows {
  readonly types: readonly SqlType[];
  readonly columns: Column[];
  /** Null bytes of each column; a column shows them only while `hasNulls` says so. */
  readonly nulls: Uint8Array[];
  readonly hasNulls: Uint8Array;
  rowCount = 0;
  readonly capacity = BATCH_ROWS_MAX;
  readonly ops: Uint8Array | null;
  readonly origins: Int32Array = new Int32Array(BATCH_ROWS_MAX);
  header: BatchHeader = emptyHeader('');
  windowStart = 0;
  windowEnd = 0;
  /** Row kind, origin and the only slot whose failure is reported (-1: all) of `emit` kernels. */
  op = 0;
  origin = -1;
  reportedSlot = -1;
  /** Not 0: rows hold what copying the plain arrays leaves out (see copyRest). */
  rest = 0;
  /** Number of this combination of column kinds among the factory's kernels; -1: not asked yet. */
  variant = -1;
  /** Why the row that is being written fails; null: a number is out of range. */
  failure: ResultFailure | null = null;
  /** Rows have lists, maps or rows in them, which may be of any size. */
  readonly isNested: boolean;
  /** Bytes of such values in the rows so far, and rows that may follow at once. */
  private weight = 0;
  private stepRows = 1;
  private readonly errors: RowErrors;
  private hasOrigins = false;
  private readonly failed: Uint8Array = new Uint8Array(BATCH_ROWS_MAX);
  private failedCount = 0;
  private readonly selection: Int32Array = new Int32Array(BATCH_ROWS_MAX);
  private readonly output: RowOutput;
  private readonly batch: Batch;
  private dictionary = NO_TEXTS;
  /** Rows whose keys and window bounds repeat every `size` rows: see fixedUntil. */
  private readonly pattern = { version: -1, size: 0, from: 0, to: 0, windowStart: 0, windowEnd: 0 };

  constructor(
    types: readonly SqlType[],
    output: RowOutput,
    errors: RowErrors,
    options: ResultRowsOptions = {},
  ) {
    this.types = types;
    this.output = output;
    this.errors = errors;
    this.columns = types.map((type) => newColumn(kindOf(type), BATCH_ROWS_MAX));
    this.nulls = types.map(() => new Uint8Array(BATCH_ROWS_MAX));
    this.hasNulls = new Uint8Array(types.length);
    this.isNested = types.some((type) => kindOf(type) === 'list');
    this.ops = options.ops === true ? new Uint8Array(BATCH_ROWS_MAX) : null;
    this.batch = newBatch(this.columns, this.header);
    this.rest = this.hasRestColumns() ? 1 : 0;
  }

  /** Window bounds of the rows that the next calls append. */
  setWindow(start: number, end: number): void {
    this.windowStart = start;
    this.windowEnd = end;
  }

  /**
   * Header, origins and dictionary of the rows that follow; rows of others are emitted first.
   * `keepsPattern`: only snapshots follow.
   */
  begin(
    header: BatchHeader,
    withOrigins: boolean,
    dictionary = this.dictionary,
    keepsPattern = false,
  ): void {
    if (this.rowCount > 0 && (this.header !== header || this.hasOrigins !== withOrigins)) {
      this.flush();
    }
    this.header = header;
    this.hasOrigins = withOrigins;
    if (!keepsPattern) this.forgetPattern();
    if (this.dictionary !== dictionary) this.useDictionary(dictionary);
  }

  /** A nested value of so many bytes was written. */
  weigh(bytes: number): void {
    this.weight += bytes;
  }

  get isFull(): boolean {
    return this.rowCount === this.capacity || this.weight >= WEIGHT_MAX;
  }

  /** How many of `rows` rows are to be written before isFull is looked at again. */
  step(rows: number): number {
    if (!this.isNested) return rows;
    const heavy = this.rowCount > 0 && this.weight * 8 > WEIGHT_MAX;
    this.stepRows = heavy ? 1 : Math.min(256, this.stepRows * 2);
    return Math.min(rows, this.stepRows);
  }

  /** Leaves the row out of the batch, and reports it against its origin unless that was done. */
  fail(row: number, origin: number, message: string, reports: boolean): void {
    this.failed[row] = 1;
    this.failedCount += 1;
    this.rest = 1;
    const failure = this.failure ?? { key: 'NUMERIC_OVERFLOW', message };
    this.failure = null;
    if (reports) this.errors.recordFailed(this.header, origin, failure);
  }

  /** Whether the failure of a slot's row in a snapshot is to be reported. */
  reports(slot: number): boolean {
    return this.reportedSlot < 0 || this.reportedSlot === slot;
  }

  /** Copies what is not in plain arrays: NULL bytes, wide and list columns, failures. */
  copyRest(source: number, target: number, count: number): void {
    const end = source + count;
    for (let index = 0; index < this.columns.length; index += 1) {
      const column = this.columns[index]!;
      if (this.hasNulls[index] === 1) this.nulls[index]!.copyWithin(target, source, end);
      if (column.kind === 'i64' || column.kind === 'list') {
        column.values.copyWithin(target, source, end);
      } else if (column.kind === 'i128') {
        column.high.copyWithin(target, source, end);
        column.low.copyWithin(target, source, end);
      }
    }
    if (this.failedCount === 0) return;
    for (let row = 0; row < count; row += 1) {
      if (this.failed[source + row] === 0) continue;
      this.failed[target + row] = 1;
      this.failedCount += 1;
    }
  }

  /** Undoes NULLs from a column on, and the failure, that a copied row brought. */
  clearRow(row: number, fromColumn: number): void {
    for (let index = fromColumn; index < this.nulls.length; index += 1) this.nulls[index]![row] = 0;
    if (this.failed[row] === 0) return;
    this.failed[row] = 0;
    this.failedCount -= 1;
  }

  /**
   * Row up to which keys and window bounds of further snapshots of that many groups stand already,
   * written `at` and on; -1 if none do.
   */
  fixedUntil(state: SnapshotOwner, size: number, at: number): number {
    const { pattern } = this;
    const fits =
      pattern.version === state.version &&
      pattern.size === size &&
      pattern.windowStart === this.windowStart &&
      pattern.windowEnd === this.windowEnd &&
      at >= pattern.from &&
      (at - pattern.from) % size === 0;
    return fits ? pattern.to : -1;
  }

  /** A snapshot was written whole at `at`: `size` groups, `before` of them in the one in front. */
  extend(state: SnapshotOwner, before: number, size: number, at: number): number {
    const { pattern } = this;
    const until = before === size ? this.fixedUntil(state, size, at) : -1;
    if (this.rest !== 0 || until < at) {
      pattern.version = this.rest === 0 ? state.version : -1;
      pattern.size = size;
      pattern.windowStart = this.windowStart;
      pattern.windowEnd = this.windowEnd;
      pattern.from = at;
      pattern.to = at + size;
    } else if (until < at + size) pattern.to = at + size;
    return pattern.version < 0 ? -1 : pattern.to;
  }

  forgetPattern(): void {
    this.pattern.version = -1;
  }

  /** Emits what is there. */
  flush(): void {
    const count = this.rowCount;
    if (count === 0) return;
    const { batch } = this;
    batch.rowCount = count;
    batch.header = this.header;
    batch.ops = this.ops;
    batch.origins = this.hasOrigins ? this.origins : null;
    batch.selection = null;
    batch.selectedCount = count;
    if (this.failedCount > 0) this.select(batch, count);
    for (let index = 0; index < this.columns.length; index += 1) {
      const column = this.columns[index] as Column;
      column.nulls = this.hasNulls[index] === 1 ? (this.nulls[index] as Uint8Array) : null;
    }
    this.rowCount = 0;
    if (this.weight > 0) this.stepRows = 1;
    this.weight = 0;
    if (batch.selectedCount > 0) this.output.emit(batch);
    if (this.isNested) this.letGo(count);
    for (let index = 0; index < this.columns.length; index += 1) {
      if (this.hasNulls[index] === 1) (this.nulls[index] as Uint8Array).fill(0, 0, count);
      this.hasNulls[index] = 0;
    }
    this.rest = this.hasRestColumns() ? 1 : 0;
  }

  /** Nested values of rows that are out: nobody needs them any more. */
  private letGo(count: number): void {
    for (const column of this.columns) {
      if (column.kind === 'list') column.values.fill(null, 0, count);
    }
  }

  setNull(column: number, row: number): void {
    (this.nulls[column] as Uint8Array)[row] = 1;
    this.hasNulls[column] = 1;
    this.rest = 1;
    const target = this.columns[column]!;
    if (target.kind === 'dict') target.codes[row] = 0;
  }

  /** Writes an exact value; true when the column had to widen for it. */
  setBigInt(index: number, row: number, value: bigint): boolean {
    let column = this.columns[index]!;
    const wanted = kindForBigInt(value);
    const widens = rankOf(wanted) > rankOf(column.kind);
    if (widens) column = this.widen(index, wanted);
    writeBigInt(column, row, value);
    return widens;
  }

  /** All text columns speak codes of one dictionary at a time. */
  private useDictionary(dictionary: Dictionary): void {
    this.flush();
    this.dictionary = dictionary;
    this.pattern.version = -1;
    for (const column of this.columns) if (column.kind === 'dict') column.dictionary = dictionary;
  }

  private hasRestColumns(): boolean {
    return this.columns.some(({ kind }) => kind === 'i64' || kind === 'i128' || kind === 'list');
  }

  /** Changes a column's kind for good, rows so far included. */
  widen(index: number, kind: ColumnKind): Column {
    const from = this.columns[index] as Column;
    const to = newColumn(kind, this.capacity);
    for (let row = 0; row < this.rowCount; row += 1) writeBigInt(to, row, readBigInt(from, row));
    this.columns[index] = to;
    this.rest = 1;
    this.variant = -1;
    this.pattern.version = -1;
    return to;
  }

  private select(batch: Batch, count: number): void {
    let selected = 0;
    for (let row = 0; row < count; row += 1) {
      if (this.failed[row] === 1) this.failed[row] = 0;
      else {
        this.selection[selected] = row;
        selected += 1;
      }
    }
    batch.selection = this.selection;
    batch.selectedCount = selected;
    this.failedCount = 0;
  }
}

function kindOf(type: SqlType): ColumnKind {
  switch (type.kind) {
    case 'boolean':
      return 'bool';
    case 'varchar':
      return 'dict';
    case 'array':
    case 'map':
    case 'row':
    case 'null':
      return 'list';
    default:
      return 'f64';
  }
}

export function newColumn(kind: ColumnKind, capacity: number): Column {
  switch (kind) {
    case 'i64':
      return { kind, values: new BigInt64Array(capacity), nulls: null };
    case 'i128':
      return {
        kind,
        high: new BigInt64Array(capacity),
        low: new BigUint64Array(capacity),
        nulls: null,
      };
    case 'bool':
      return { kind, values: new Uint8Array(capacity), nulls: null };
    case 'dict':
    case 'utf8':
      return { kind: 'dict', codes: new Int32Array(capacity), dictionary: NO_TEXTS, nulls: null };
    case 'list':
      return { kind, values: new Array<SqlValue>(capacity).fill(null), nulls: null };
    case 'f64':
      return { kind, values: new Float64Array(capacity), nulls: null };
  }
}

function rankOf(kind: ColumnKind): number {
  return kind === 'i128' ? 2 : kind === 'i64' ? 1 : 0;
}

function kindForBigInt(value: bigint): ColumnKind {
  if (value >= -9007199254740991n && value <= 9007199254740991n) return 'f64';
  return BigInt.asIntN(64, value) === value ? 'i64' : 'i128';
}

function writeBigInt(column: Column, row: number, value: bigint): void {
  if (column.kind === 'f64') column.values[row] = Number(value);
  else if (column.kind === 'i64') column.values[row] = value;
  else if (column.kind === 'i128') {
    column.high[row] = value >> 64n;
    column.low[row] = value & MASK_64;
  }
}

function readBigInt(column: Column, row: number): bigint {
  if (column.kind === 'f64') return BigInt(column.values[row] as number);
  if (column.kind === 'i64') return column.values[row] as bigint;
  if (column.kind !== 'i128') return 0n;
  return ((column.high[row] as bigint) << 64n) | (column.low[row] as bigint);
}
