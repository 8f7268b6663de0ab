/**
 * Rows of OVER that the watermark has not reached: all their columns, partition, time, order of
 * arrival and the record they come from. Owns what is due and the batches of due rows; their
 * results are over-evaluation.ts. @hot
 */
import type { Batch, BatchHeader } from '../../../columnar/batch.js';
import {
  BATCH_ROWS_MAX,
  emptyHeader,
  newBatch,
  rowOffset,
  rowSplit,
} from '../../../columnar/batch.js';
import type { SqlType } from '../../../columnar/types.js';
import type { SortKey } from '../../../plan/pipeline/pipeline-plan.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import { OverQueue } from './over-queue.js';
import { grown, RowStore } from '../rows/row-store.js';

/** The record of a row has no line: it is not from a file of lines. */
const NO_LINE = 0;

export class OverWaiting {
  /** Rows taken by `take`, in order; only the first `dueCount` count. */
  due: Int32Array = new Int32Array(BATCH_ROWS_MAX);
  dueCount = 0;
  readonly batch: Batch;
  readonly slots: Int32Array = new Int32Array(BATCH_ROWS_MAX);
  readonly times: Float64Array = new Float64Array(BATCH_ROWS_MAX);
  private readonly store: RowStore;
  private readonly queue = new OverQueue();
  /** By row of the store. */
  private slotOf: Int32Array = new Int32Array(0);
  private timeOf: Float64Array = new Float64Array(0);
  private sequenceOf: Float64Array = new Float64Array(0);
  private splitOf: Int32Array = new Int32Array(0);
  private offsetOf: Float64Array = new Float64Array(0);
  private lineOf: Float64Array = new Float64Array(0);
  /** Index into `names`; -1: restored, and of the source that speaks now. */
  private nameOf: Int32Array = new Int32Array(0);
  private readonly names: string[] = [];
  private arrived = 0;
  private readonly id: string;
  private sourceName: string;
  private ingestTimeMs = 0;
  private readonly offsets: Float64Array = new Float64Array(BATCH_ROWS_MAX);
  private readonly lines: Float64Array = new Float64Array(BATCH_ROWS_MAX);
  private readonly splits: Int32Array = new Int32Array(BATCH_ROWS_MAX);

  constructor(id: string, types: readonly SqlType[]) {
    this.store = new RowStore(types);
    this.id = id;
    this.sourceName = id;
    this.batch = newBatch([], emptyHeader(id));
  }

  get size(): number {
    return this.queue.size;
  }

  /** Least time of a waiting row; +Infinity without any. */
  firstTime(): number {
    return this.queue.firstTime();
  }

  /** Adds rows of a batch; partitions and times by position. */
  add(
    batch: Batch,
    rows: Int32Array | null,
    count: number,
    slots: Int32Array,
    times: Float64Array,
  ): void {
    const { header, origins } = batch;
    const places = this.store.addRows(batch, rows, count);
    this.ensureRows();
    const name = this.nameOfSource(header.sourceName);
    this.ingestTimeMs = header.ingestTimeMs;
    for (let k = 0; k < count; k += 1) {
      const at = places[k]!;
      const row = rows === null ? k : rows[k]!;
      const record = origins === null ? row : Math.max(0, origins[row]!);
      this.nameOf[at] = name;
      this.splitOf[at] = rowSplit(header, record);
      this.offsetOf[at] = rowOffset(header, record);
      this.lineOf[at] = header.lineNumbers === null ? NO_LINE : header.lineNumbers[record]!;
      this.put(at, slots[k]!, times[k]!, this.arrived);
      this.arrived += 1;
    }
  }

  /** Takes out rows before a time, or (inclusive) at it, too: some at a time. True: there are more. */
  take(time: number, inclusive: boolean): boolean {
    const { queue } = this;
    for (let left = BATCH_ROWS_MAX; left > 0; left -= 1) {
      const first = queue.firstTime();
      if (first > time || (first === time && !inclusive) || queue.size === 0) return false;
      if (this.dueCount === this.due.length) this.due = grown(this.due, this.dueCount * 2);
      this.due[this.dueCount] = queue.pop();
      this.dueCount += 1;
    }
    return true;
  }

  /** Puts due rows of one time in the order of the keys. */
  settleTies(keys: readonly SortKey[]): void {
    const { due, dueCount, timeOf, sequenceOf, store } = this;
    let from = 0;
    while (from < dueCount) {
      let to = from + 1;
      while (to < dueCount && timeOf[due[to]!] === timeOf[due[from]!]) to += 1;
      if (to - from > 1) {
        const tied = Array.from(due.subarray(from, to));
        tied.sort((a, b) => store.compare(a, b, keys) || sequenceOf[a]! - sequenceOf[b]!);
        due.set(tied, from);
      }
      from = to;
    }
  }

  /** Brings due rows from `from` on into `batch`, `slots` and `times`. */
  load(from: number, count: number): void {
    const { batch, due, slots, times, slotOf, timeOf } = this;
    const ids = due.subarray(from, from + count);
    batch.columns.length = 0;
    this.store.gather(ids, count, batch.columns);
    batch.rowCount = count;
    batch.selectedCount = count;
    batch.selection = null;
    for (let k = 0; k < count; k += 1) {
      slots[k] = slotOf[ids[k]!]!;
      times[k] = timeOf[ids[k]!]!;
    }
    this.loadHeader(batch.header, ids, count);
  }

  /** Header of the record that a due row comes from, which is its row 0. */
  headerOf(at: number): BatchHeader {
    const id = this.due[at]!;
    const header = emptyHeader(this.nameAt(id));
    header.split = this.splitOf[id]!;
    header.firstOffset = this.offsetOf[id]!;
    header.lineNumbers = this.lineOf[id] === NO_LINE ? null : Float64Array.of(this.lineOf[id]!);
    header.ingestTimeMs = this.ingestTimeMs;
    return header;
  }

  /** Forgets the due rows. */
  release(): void {
    for (let at = 0; at < this.dueCount; at += 1) this.store.release(this.due[at]!);
    this.dueCount = 0;
  }

  /** The waiting rows of each partition, in order. */
  byPartition(): ReadonlyMap<number, readonly number[]> {
    const { slotOf, timeOf, sequenceOf } = this;
    const rows = this.queue
      .rows()
      .sort((a, b) => timeOf[a]! - timeOf[b]! || sequenceOf[a]! - sequenceOf[b]!);
    const partitions = new Map<number, number[]>();
    for (const row of rows) {
      const slot = slotOf[row]!;
      const members = partitions.get(slot);
      if (members === undefined) partitions.set(slot, [row]);
      else members.push(row);
    }
    return partitions;
  }

  writeRows(writer: StateWriter, rows: readonly number[]): void {
    writer.writeU32(rows.length);
    for (const at of rows) {
      writer.writeF64(this.timeOf[at]!);
      writer.writeF64(this.sequenceOf[at]!);
      writer.writeU32(this.splitOf[at]!);
      writer.writeF64(this.offsetOf[at]!);
      writer.writeF64(this.lineOf[at]!);
      this.store.writeRow(writer, at);
    }
  }

  /** Takes in what writeRows wrote; `restoreRows` gives them their partition. */
  readRows(reader: StateReader): readonly RestoredRow[] {
    return Array.from({ length: reader.readU32() }, () => {
      const time = reader.readF64();
      const sequence = reader.readF64();
      const split = reader.readU32();
      const offset = reader.readF64();
      const line = reader.readF64();
      return { time, sequence, split, offset, line, at: this.store.readRow(reader) };
    });
  }

  restoreRows(rows: readonly RestoredRow[], slot: number): void {
    this.ensureRows();
    for (const { at, time, sequence, split, offset, line } of rows) {
      this.nameOf[at] = -1;
      this.splitOf[at] = split;
      this.offsetOf[at] = offset;
      this.lineOf[at] = line;
      this.put(at, slot, time, sequence);
      this.arrived = Math.max(this.arrived, sequence + 1);
    }
  }

  byteSize(): number {
    return this.store.byteSize() + this.queue.byteSize() + this.slotOf.length * 44;
  }

  private put(at: number, slot: number, time: number, sequence: number): void {
    this.slotOf[at] = slot;
    this.timeOf[at] = time;
    this.sequenceOf[at] = sequence;
    this.queue.push(time, sequence, at);
  }

  /** The record of each row. Rows of several sources have no name in common but the operator's. */
  private loadHeader(header: BatchHeader, ids: Int32Array, count: number): void {
    const split = this.splitOf[ids[0]!]!;
    const nameIndex = this.nameOf[ids[0]!]!;
    const name = this.nameAt(ids[0]!);
    let hasSplits = false;
    let hasNames = false;
    let hasLines = true;
    for (let k = 0; k < count; k += 1) {
      const id = ids[k]!;
      this.splits[k] = this.splitOf[id]!;
      this.offsets[k] = this.offsetOf[id]!;
      this.lines[k] = this.lineOf[id]!;
      if (this.lineOf[id] === NO_LINE) hasLines = false;
      if (this.splitOf[id] !== split) hasSplits = true;
      if (this.nameOf[id] !== nameIndex && this.nameAt(id) !== name) hasNames = true;
    }
    header.sourceName = hasNames ? this.id : name;
    header.split = split;
    header.splits = hasSplits ? this.splits : null;
    header.offsets = this.offsets;
    header.lineNumbers = hasLines ? this.lines : null;
    header.ingestTimeMs = this.ingestTimeMs;
  }

  private nameAt(id: number): string {
    return this.names[this.nameOf[id]!] ?? this.sourceName;
  }

  private nameOfSource(sourceName: string): number {
    if (sourceName !== this.sourceName || this.names.length === 0) {
      this.sourceName = sourceName;
      if (!this.names.includes(sourceName)) this.names.push(sourceName);
    }
    return this.names.indexOf(sourceName);
  }

  private ensureRows(): void {
    const { capacity } = this.store;
    if (capacity <= this.slotOf.length) return;
    this.slotOf = grown(this.slotOf, capacity);
    this.splitOf = grown(this.splitOf, capacity);
    this.nameOf = grown(this.nameOf, capacity);
    this.timeOf = longer(this.timeOf, capacity);
    this.sequenceOf = longer(this.sequenceOf, capacity);
    this.offsetOf = longer(this.offsetOf, capacity);
    this.lineOf = longer(this.lineOf, capacity);
  }
}

interface RestoredRow {
  readonly at: number;
  readonly time: number;
  readonly sequence: number;
  readonly split: number;
  readonly offset: number;
  readonly line: number;
}

function longer(cells: Float64Array, length: number): Float64Array {
  const result = new Float64Array(length);
  result.set(cells);
  return result;
}
