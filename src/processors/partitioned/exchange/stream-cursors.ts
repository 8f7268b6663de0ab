/**
 * Where each stream of a turn stands that is put in order: its blocks, and the row of them that comes
 * next; and the heap that says whose row that is. Owns the order of rows within a turn; taking blocks
 * in and handing rows on is stream-merge.ts. @hot
 */
import type { BlockMemory } from '../../../columnar/arena.js';
import type { Batch } from '../../../columnar/batch.js';
import type { BatchReader } from '../wire/wire.js';
import { STREAM_HEADER_BYTES } from './stream.js';
import type { EncodedRows, StreamPlace } from './stream.js';

/** A block of rows that is kept. */
export interface Pending {
  readonly part: number;
  /** A block with a batch, or encoded rows. */
  readonly content: BlockMemory | EncodedRows;
}

/** Where a stream stands in the turn that is being merged. */
export class Cursor {
  readonly stream: number;
  readonly reader: BatchReader;
  part = 0;
  /** What is at hand: a batch with its rows, or encoded rows. */
  batch: Batch | null = null;
  rows: Int32Array = new Int32Array(0);
  encoded: EncodedRows | null = null;
  at = 0;
  count = 0;
  /** Source row of the next row; Infinity = answers to none; NaN = nothing at hand. */
  key = Number.NaN;
  private blocks: Pending[] = [];
  private next = 0;
  /** Bytes of the block at hand. */
  private bytes = 0;
  /** The greatest key of the part so far. */
  private reached = Number.NEGATIVE_INFINITY;

  constructor(stream: number, reader: BatchReader) {
    this.stream = stream;
    this.reader = reader;
  }

  push(block: Pending): void {
    this.blocks.push(block);
    if (Number.isNaN(this.key)) this.settle();
  }

  /** The turn is over. */
  reset(): void {
    this.blocks = [];
    this.next = 0;
    this.batch = null;
    this.encoded = null;
    this.at = 0;
    this.count = 0;
    this.part = 0;
    this.key = Number.NaN;
    this.reached = Number.NEGATIVE_INFINITY;
  }

  /** Moves on past `rows` rows; the bytes of blocks that are done with. */
  advance(rows: number): number {
    this.at += rows;
    return this.settle();
  }

  /** The key of row `index` of what is at hand, never less than those before it. */
  keyAt(index: number): number {
    const { encoded } = this;
    const { origins } = encoded ?? this.batch!;
    if (origins === null) return Number.POSITIVE_INFINITY;
    const row = encoded === null ? this.rows[index]! : index;
    return Math.max(this.reached, origins[row]!);
  }

  private settle(): number {
    let bytes = 0;
    while (this.at === this.count) {
      bytes += this.bytes;
      this.bytes = 0;
      const block = this.blocks[this.next];
      if (block === undefined) {
        this.key = Number.NaN;
        this.blocks = [];
        this.next = 0;
        this.at = 0;
        this.count = 0;
        return bytes;
      }
      this.next += 1;
      this.at = 0;
      this.take(block);
    }
    this.key = this.keyAt(this.at);
    this.reached = this.key;
    return bytes;
  }

  private take(block: Pending): void {
    const { content } = block;
    if (block.part !== this.part) {
      this.part = block.part;
      this.reached = Number.NEGATIVE_INFINITY;
    }
    this.bytes = bytesOf(block);
    if ('text' in content) {
      this.encoded = content;
      this.count = content.ends!.length;
      return;
    }
    this.batch = this.reader.read(0, content, STREAM_HEADER_BYTES, []);
    this.rows = rowNumbers(this.batch);
    this.count = this.batch.selectedCount;
  }
}

/**
 * Cursors that have rows, as a binary heap: the one whose row comes next is on top, of equal keys
 * that of the lower stream. With 1,024 partitions a look at all of them for each row is too long.
 */
export class CursorHeap {
  private readonly cursors: Cursor[] = [];

  fill(cursors: readonly Cursor[]): void {
    this.cursors.length = 0;
    for (const cursor of cursors) if (!Number.isNaN(cursor.key)) this.cursors.push(cursor);
    for (let at = (this.cursors.length >> 1) - 1; at >= 0; at -= 1) this.sink(at);
  }

  /** Null when all are done. */
  get first(): Cursor | null {
    return this.cursors[0] ?? null;
  }

  /** Whose row would come next without the first. */
  get second(): Cursor | null {
    const [, left, right] = this.cursors;
    if (left === undefined) return null;
    return right !== undefined && isBehind(left, right) ? right : left;
  }

  /** The first has moved on, or has nothing left. */
  settle(): void {
    const { cursors } = this;
    if (Number.isNaN(cursors[0]!.key)) {
      const last = cursors.pop()!;
      if (cursors.length === 0) return;
      cursors[0] = last;
    }
    this.sink(0);
  }

  private sink(from: number): void {
    const { cursors } = this;
    const cursor = cursors[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= cursors.length) break;
      if (child + 1 < cursors.length && isBehind(cursors[child]!, cursors[child + 1]!)) child += 1;
      if (isBehind(cursors[child]!, cursor)) break;
      cursors[at] = cursors[child]!;
      at = child;
    }
    cursors[at] = cursor;
  }
}

/** Of a block that is kept. */
export function bytesOf({ content }: Pending): number {
  return 'text' in content ? content.text.length : content.u8.length;
}

/** Whether `one` comes behind `other` in the order of a turn's rows. */
export function isBehind(one: StreamPlace, other: StreamPlace): boolean {
  if (one.part !== other.part) return one.part > other.part;
  if (one.key !== other.key) return one.key > other.key;
  return one.stream > other.stream;
}

let ascending = new Int32Array(0);

/** The rows of a batch as physical row numbers. */
function rowNumbers(batch: Batch): Int32Array {
  if (batch.selection !== null) return batch.selection;
  if (ascending.length < batch.rowCount) {
    ascending = Int32Array.from({ length: Math.max(4096, batch.rowCount) }, (_, row) => row);
  }
  return ascending;
}
