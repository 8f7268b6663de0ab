/**
 * LISTAGG and COLLECT, and FIRST_VALUE and LAST_VALUE where they have an ORDER BY or where rows
 * can be taken back: the values of a group in order of arrival, with the cells of their sort keys.
 * Sorting happens when a result is made, stably, so that equal keys keep order of arrival. @hot
 *
 *   entry := value cell, one cell per sort key
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import type { SqlValue } from '../../columnar/types.js';
import type { SortKey } from '../../plan/pipeline/pipeline-plan.js';
import type { GroupObject } from './group-object.js';
import { FAILED, WIDENED, WRITTEN } from './group-object.js';
import type { Interner } from './interner.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import type { CellCodec } from './value-cells.js';
import { NULL_CELL } from './value-cells.js';
import { markCell, remapCell } from './value-table.js';

/** A value of a result row has a record's size at most (record.max-bytes): 16 MiB. */
const VALUE_BYTES_MAX = 16 * 1024 * 1024;

/** The row fails, as one whose sum is out of range. */
function tooLong(results: ResultRows, what: 'list' | 'text', count: number): number {
  results.failure = {
    key: 'VALUE_INVALID',
    message: `the ${what} of ${count.toLocaleString('en-US')} values is longer than 16 MiB: collect over a window, filter the values, or count them instead`,
  };
  return FAILED;
}

export interface ListOptions {
  readonly result: 'text' | 'array' | 'first' | 'last';
  /** UTF-8 bytes between texts. */
  readonly separator: Uint8Array;
  readonly orderBy: readonly SortKey[];
  /** Codec of each sort key. */
  readonly orderCodecs: readonly CellCodec[];
  readonly distinct: boolean;
  /** Whether rows are taken back; otherwise first and last keep one entry. */
  readonly retracts: boolean;
}

class List {
  cells = new Float64Array(4);
  /** Entries. */
  count = 0;
}

export class ValueLists implements GroupObject {
  private readonly codec: CellCodec;
  private readonly options: ListOptions;
  private readonly interner: Interner;
  private readonly stride: number;
  private readonly keepsOne: boolean;
  private readonly entry: Float64Array;
  private readonly lists: (List | undefined)[] = [];
  private text = new Uint8Array(256);

  constructor(codec: CellCodec, options: ListOptions, interner: Interner) {
    this.codec = codec;
    this.options = options;
    this.interner = interner;
    this.stride = 1 + options.orderBy.length;
    this.entry = new Float64Array(this.stride);
    this.keepsOne = !options.retracts && (options.result === 'first' || options.result === 'last');
  }

  add(slot: number, cell: number, sign: number, batch: Batch, row: number): void {
    const { entry, options } = this;
    entry[0] = cell;
    for (let key = 0; key < options.orderBy.length; key += 1) {
      const column = batch.columns[options.orderBy[key]!.column]!;
      entry[key + 1] = options.orderCodecs[key]!.read(column, row);
    }
    const list = this.listOf(slot);
    if (sign < 0) this.remove(list);
    else this.push(list);
  }

  write(slot: number, results: ResultRows, column: number, row: number): number {
    const list = this.lists[slot];
    if (list === undefined || list.count === 0) {
      results.setNull(column, row);
      return WRITTEN;
    }
    switch (this.options.result) {
      case 'text':
        return this.writeText(list, results, column, row);
      case 'array':
        return this.writeArray(list, results, column, row);
      case 'first':
      case 'last':
        return this.codec.write(results, column, row, this.picked(list)) ? WIDENED : WRITTEN;
    }
  }

  merge(other: GroupObject, otherSlot: number, slot: number): void {
    assert(other instanceof ValueLists, 'states of one factory have the same objects');
    const from = other.lists[otherSlot];
    if (from === undefined) return;
    const list = this.listOf(slot);
    const cells = from.cells.slice(0, from.count * this.stride);
    for (let at = 0; at < cells.length; at += this.stride) {
      this.entry.set(cells.subarray(at, at + this.stride));
      this.push(list);
    }
  }

  mergeValue(other: GroupObject, otherSlot: number, slot: number, cell: number): void {
    assert(other instanceof ValueLists, 'states of one factory have the same objects');
    const from = other.lists[otherSlot];
    if (from === undefined) return;
    for (let at = 0; at < from.count * this.stride; at += this.stride) {
      if (from.cells[at] !== cell) continue;
      this.entry.set(from.cells.subarray(at, at + this.stride));
      this.push(this.listOf(slot));
      return;
    }
  }

  clearSlot(slot: number): void {
    if (slot < this.lists.length) this.lists[slot] = undefined;
  }

  clear(): void {
    this.lists.length = 0;
  }

  snapshot(writer: StateWriter, slot: number): void {
    const list = this.lists[slot];
    writer.writeU32(list === undefined ? 0 : list.count);
    if (list === undefined) return;
    for (let at = 0; at < list.count * this.stride; at += this.stride) {
      this.codec.store(writer, list.cells[at]!);
      this.options.orderCodecs.forEach((codec, key) => {
        codec.store(writer, list.cells[at + 1 + key]!);
      });
    }
  }

  restore(reader: StateReader, slot: number): void {
    const list = this.listOf(slot);
    for (let left = reader.readU32(); left > 0; left -= 1) {
      this.entry[0] = this.codec.load(reader);
      this.options.orderCodecs.forEach((codec, key) => {
        this.entry[key + 1] = codec.load(reader);
      });
      this.push(list);
    }
  }

  markIds(marks: Uint8Array): void {
    this.eachCell((codec, cells, at) => {
      markCell(codec, cells[at]!, marks);
    });
  }

  remapIds(newIds: Int32Array): void {
    this.eachCell((codec, cells, at) => {
      cells[at] = remapCell(codec, cells[at]!, newIds);
    });
  }

  byteSize(): number {
    let bytes = this.lists.length * 8;
    for (const list of this.lists) if (list !== undefined) bytes += list.cells.length * 8 + 48;
    return bytes;
  }

  private eachCell(visit: (codec: CellCodec, cells: Float64Array, at: number) => void): void {
    const codecs = [this.codec, ...this.options.orderCodecs];
    if (codecs.every((codec) => codec.ids === 'never')) return;
    for (const list of this.lists) {
      if (list === undefined) continue;
      for (let at = 0; at < list.count * this.stride; at += 1) {
        visit(codecs[at % this.stride]!, list.cells, at);
      }
    }
  }

  private listOf(slot: number): List {
    let list = this.lists[slot];
    if (list !== undefined) return list;
    while (this.lists.length <= slot) this.lists.push(undefined);
    list = new List();
    this.lists[slot] = list;
    return list;
  }

  /** Appends `this.entry`, or keeps the better of two. */
  private push(list: List): void {
    const { stride, entry } = this;
    if (this.keepsOne && list.count === 1) {
      const order = this.compareKeys(list.cells, 0, entry, 0);
      if (this.options.result === 'first' ? order > 0 : order <= 0) list.cells.set(entry);
      return;
    }
    const at = list.count * stride;
    if (at + stride > list.cells.length) {
      const grown = new Float64Array(Math.max(list.cells.length * 2, at + stride));
      grown.set(list.cells.subarray(0, at));
      list.cells = grown;
    }
    list.cells.set(entry, at);
    list.count += 1;
  }

  /** Takes out the earliest entry that equals `this.entry`. */
  private remove(list: List): void {
    const { stride, entry } = this;
    const compared = this.options.distinct ? 1 : stride;
    const end = list.count * stride;
    for (let at = 0; at < end; at += stride) {
      let same = true;
      for (let cell = 0; cell < compared; cell += 1) same &&= list.cells[at + cell] === entry[cell];
      if (!same) continue;
      list.cells.copyWithin(at, at + stride, end);
      list.count -= 1;
      return;
    }
  }

  private compareKeys(a: Float64Array, aAt: number, b: Float64Array, bAt: number): number {
    const { orderBy, orderCodecs } = this.options;
    for (let key = 0; key < orderBy.length; key += 1) {
      const x = a[aAt + 1 + key]!;
      const y = b[bAt + 1 + key]!;
      if (x === y) continue;
      if (x === NULL_CELL || y === NULL_CELL) {
        return (x === NULL_CELL) === orderBy[key]!.nullsFirst ? -1 : 1;
      }
      const order = orderCodecs[key]!.compare(x, y);
      if (order !== 0) return orderBy[key]!.descending ? -order : order;
    }
    return 0;
  }

  /** Offsets of the entries in result order. */
  private ordered(list: List): number[] {
    const offsets = Array.from({ length: list.count }, (_, entry) => entry * this.stride);
    if (this.options.orderBy.length === 0) return offsets;
    return offsets.sort((a, b) => this.compareKeys(list.cells, a, list.cells, b));
  }

  private picked(list: List): number {
    const first = this.options.result === 'first';
    if (this.options.orderBy.length === 0) {
      return list.cells[first ? 0 : (list.count - 1) * this.stride]!;
    }
    const offsets = this.ordered(list);
    return list.cells[offsets[first ? 0 : offsets.length - 1]!]!;
  }

  private writeArray(list: List, results: ResultRows, column: number, row: number): number {
    const target = results.columns[column]!;
    if (target.kind !== 'list') return WRITTEN;
    const { cells, count } = list;
    let bytes = 0;
    for (let entry = 0; entry < count && bytes <= VALUE_BYTES_MAX; entry += 1) {
      bytes += this.codec.byteSize(cells[entry * this.stride]!);
    }
    if (bytes > VALUE_BYTES_MAX) {
      target.values[row] = null;
      return tooLong(results, 'list', count);
    }
    const values: SqlValue[] = [];
    for (const at of this.ordered(list)) values.push(this.codec.value(cells[at]!));
    target.values[row] = values;
    results.weigh(bytes);
    return WRITTEN;
  }

  private writeText(list: List, results: ResultRows, column: number, row: number): number {
    const target = results.columns[column]!;
    if (target.kind !== 'dict') return WRITTEN;
    // The code of another dictionary may stand there, which this one need not have.
    target.codes[row] = 0;
    const { separator } = this.options;
    const { bytes, offsets, lengths } = this.interner.dictionary;
    let used = 0;
    let isFirst = true;
    for (const at of this.ordered(list)) {
      const id = list.cells[at]!;
      const start = offsets[id]!;
      const length = lengths[id]!;
      const needed = used + separator.length + length;
      if (needed > VALUE_BYTES_MAX) return tooLong(results, 'text', list.count);
      if (needed > this.text.length) this.growText(needed, used);
      if (!isFirst) {
        this.text.set(separator, used);
        used += separator.length;
      }
      isFirst = false;
      this.text.set(bytes.subarray(start, start + length), used);
      used += length;
    }
    target.codes[row] = this.interner.dictionary.intern(this.text, 0, used);
    return WRITTEN;
  }

  private growText(needed: number, used: number): void {
    const grown = new Uint8Array(needed * 2);
    grown.set(this.text.subarray(0, used));
    this.text = grown;
  }
}
