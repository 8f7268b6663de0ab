/**
 * Columns in a block, one writer and one reader for each column of an edge. Owns the bodies by
 * kind: arrays are copied whole, so that rows keep their numbers; texts and lists only for the rows
 * that are shipped. The layout is wire-layout.ts, texts and dictionaries have files of their own.
 * @hot
 */
import { deserialize, serialize } from 'node:v8';
import type { BlockMemory } from '../../../columnar/arena.js';
import type {
  BoolColumn,
  Column,
  ColumnKind,
  DictColumn,
  F64Column,
  I128Column,
  I64Column,
  ListColumn,
  Nulls,
  Utf8Column,
} from '../../../columnar/column.js';
import { emptyColumn, narrowKindOf } from '../../../columnar/column-builder.js';
import type { Dictionary } from '../../../columnar/dictionary.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import { DictionaryReceiver, DictionarySender } from './wire-dictionaries.js';
import { aligned, KINDS, putBytes, putF64, putI32, putI64 } from './wire-layout.js';
import { putTexts, sizeOfTexts, takeTexts, textBytes, textSource } from './wire-text.js';

const HEAD_BYTES = 8;
const LENGTH_BYTES = 8;

/** Rows that a block carries: rows[0 … count) of a batch with `rowCount` physical rows. */
export interface ShippedRows {
  rows: Int32Array;
  count: number;
  rowCount: number;
}

/** Whose rows a reader needs: rows[from[i] … to[i]) for each i below `count`. */
export interface NeededRows {
  rows: Int32Array;
  readonly from: number[];
  readonly to: number[];
}

export class ColumnWriter {
  private readonly dictionary: DictionarySender;
  private readonly lists = new ListBytes();

  /** `columns`: how many there are in a block. */
  constructor(columns: number) {
    this.dictionary = new DictionarySender(columns);
  }

  /** The exact size of what write() would write for the same rows. */
  size(column: Column, shipped: ShippedRows): number {
    const { rowCount } = shipped;
    const nulls = column.nulls === null ? 0 : aligned(rowCount);
    return HEAD_BYTES + nulls + this.sizeOfBody(column, shipped);
  }

  /** Gives the place behind the column. */
  write(column: Column, shipped: ShippedRows, memory: BlockMemory, at: number): number {
    const kind = this.shippedKind(column);
    memory.i32[at >> 2] = KINDS.indexOf(kind);
    memory.i32[(at >> 2) + 1] = column.nulls === null ? 0 : 1;
    let to = at + HEAD_BYTES;
    if (column.nulls !== null) to = putBytes(memory, to, column.nulls, 0, shipped.rowCount);
    return this.writeBody(column, kind, shipped, memory, to);
  }

  private sizeOfBody(column: Column, shipped: ShippedRows): number {
    const { rows, count, rowCount } = shipped;
    switch (column.kind) {
      case 'f64':
      case 'i64':
        return rowCount * 8;
      case 'i128':
        return rowCount * 16;
      case 'bool':
        return aligned(rowCount);
      case 'utf8':
      case 'dict': {
        const increment = this.dictionary.size(dictionaryOf(column));
        if (this.shippedKind(column) === 'dict') return increment + aligned(rowCount * 4);
        return increment + sizeOfTexts(rowCount, textBytes(textSource(column), rows, count));
      }
      case 'list':
        return LENGTH_BYTES + aligned(this.lists.of(column, shipped).length);
    }
  }

  private writeBody(
    column: Column,
    kind: ColumnKind,
    shipped: ShippedRows,
    memory: BlockMemory,
    at: number,
  ): number {
    const { rows, count, rowCount } = shipped;
    switch (column.kind) {
      case 'f64':
        return putF64(memory, at, column.values, rowCount);
      case 'i64':
        return putI64(memory, at, column.values, rowCount);
      case 'i128':
        return putI64(memory, putI64(memory, at, column.high, rowCount), column.low, rowCount);
      case 'bool':
        return putBytes(memory, at, column.values, 0, rowCount);
      case 'utf8':
      case 'dict': {
        const to = this.dictionary.write(dictionaryOf(column), memory, at);
        if (column.kind === 'dict' && kind === 'dict') {
          return putI32(memory, to, column.codes, rowCount);
        }
        return putTexts(memory, to, textSource(column), rows, count, rowCount);
      }
      case 'list': {
        const bytes = this.lists.take(column, shipped);
        memory.i32[at >> 2] = bytes.length;
        return putBytes(memory, at + LENGTH_BYTES, bytes, 0, bytes.length);
      }
    }
  }

  /** Codes travel once the receivers know all of them. */
  private shippedKind(column: Column): ColumnKind {
    if (column.kind !== 'dict') return column.kind;
    return this.dictionary.completes(column.dictionary) ? 'dict' : 'utf8';
  }
}

function dictionaryOf(column: Utf8Column | DictColumn): Dictionary | null {
  return column.kind === 'dict' ? column.dictionary : null;
}

/** Serialised values of a list column, kept from size() for the write() that follows. */
class ListBytes {
  private values: readonly SqlValue[] | null = null;
  private rows: Int32Array | null = null;
  private count = 0;
  private bytes: Uint8Array = new Uint8Array(0);

  of(column: ListColumn, shipped: ShippedRows): Uint8Array {
    const { rows, count } = shipped;
    const { values, nulls } = column;
    const picked = new Array<SqlValue>(count);
    for (let k = 0; k < count; k += 1) {
      const row = rows[k]!;
      picked[k] = nulls !== null && nulls[row] === 1 ? null : (values[row] ?? null);
    }
    this.values = values;
    this.rows = rows;
    this.count = count;
    this.bytes = serialize(picked);
    return this.bytes;
  }

  take(column: ListColumn, shipped: ShippedRows): Uint8Array {
    const isKept =
      this.values === column.values && this.rows === shipped.rows && this.count === shipped.count;
    const bytes = isKept ? this.bytes : this.of(column, shipped);
    this.values = null;
    return bytes;
  }
}

export class ColumnReader {
  column: Column;
  private readonly dictionary: DictionaryReceiver;
  private readonly columns: Partial<Record<ColumnKind, Column>> = {};

  constructor(type: SqlType, senders: number) {
    this.dictionary = new DictionaryReceiver(senders);
    this.column = this.columnOf(narrowKindOf(type));
  }

  /** Sets `column` to the next column of a block; gives the place behind it. */
  read(
    sender: number,
    memory: BlockMemory,
    at: number,
    shipped: ShippedRows,
    needed: NeededRows,
  ): number {
    const { rowCount } = shipped;
    const column = this.columnOf(KINDS[memory.i32[at >> 2]!]!);
    const hasNulls = memory.i32[(at >> 2) + 1] === 1;
    const nullsAt = at + HEAD_BYTES;
    const nulls: Nulls = hasNulls ? new Uint8Array(memory.buffer, nullsAt, rowCount) : null;
    const body = hasNulls ? nullsAt + aligned(rowCount) : nullsAt;
    column.nulls = nulls;
    this.column = column;
    switch (column.kind) {
      case 'f64':
        return takeF64(column, memory, body, rowCount);
      case 'i64':
        return takeI64(column, memory, body, rowCount);
      case 'i128':
        return takeI128(column, memory, body, rowCount);
      case 'bool':
        return takeBool(column, memory, body, rowCount);
      case 'utf8':
        return takeTexts(memory, this.dictionary.read(sender, memory, body), rowCount, column);
      case 'dict':
        return this.takeCodes(column, sender, memory, body, rowCount, needed);
      case 'list':
        return takeLists(column, memory, body, shipped);
    }
  }

  private takeCodes(
    column: DictColumn,
    sender: number,
    memory: BlockMemory,
    at: number,
    rowCount: number,
    needed: NeededRows,
  ): number {
    const { dictionary } = this;
    const codesAt = dictionary.read(sender, memory, at);
    const shipped = new Int32Array(memory.buffer, codesAt, rowCount);
    column.dictionary = dictionary.dictionary;
    if (dictionary.sharesCodes(sender)) {
      column.codes = shipped;
    } else {
      column.codes = dictionary.codesFor(rowCount);
      for (let part = 0; part < needed.from.length; part += 1) {
        dictionary.translate(sender, shipped, needed.rows, needed.from[part]!, needed.to[part]!);
      }
    }
    return codesAt + aligned(rowCount * 4);
  }

  private columnOf(kind: ColumnKind): Column {
    return (this.columns[kind] ??= emptyColumn(kind, this.dictionary.dictionary));
  }
}

function takeF64(column: F64Column, memory: BlockMemory, at: number, rowCount: number): number {
  column.values = new Float64Array(memory.buffer, at, rowCount);
  return at + rowCount * 8;
}

function takeI64(column: I64Column, memory: BlockMemory, at: number, rowCount: number): number {
  column.values = new BigInt64Array(memory.buffer, at, rowCount);
  return at + rowCount * 8;
}

function takeI128(column: I128Column, memory: BlockMemory, at: number, rowCount: number): number {
  column.high = new BigInt64Array(memory.buffer, at, rowCount);
  column.low = new BigUint64Array(memory.buffer, at + rowCount * 8, rowCount);
  return at + rowCount * 16;
}

function takeBool(column: BoolColumn, memory: BlockMemory, at: number, rowCount: number): number {
  column.values = new Uint8Array(memory.buffer, at, rowCount);
  return at + aligned(rowCount);
}

/** Values in row order become values by row number. */
function takeLists(
  column: ListColumn,
  memory: BlockMemory,
  at: number,
  shipped: ShippedRows,
): number {
  const { rows, count, rowCount } = shipped;
  const { values } = column;
  const length = memory.i32[at >> 2]!;
  const from = at + LENGTH_BYTES;
  // A copy of our own: the deserialiser is not said to take shared memory.
  const read = deserialize(memory.u8.slice(from, from + length)) as SqlValue[];
  while (values.length < rowCount) values.push(null);
  for (let k = 0; k < count; k += 1) values[rows[k]!] = read[k]!;
  return from + aligned(length);
}
