/**
 * Puts the streams of several workers back into one order: by turn, within a turn by part and
 * source row, so that rows that answer to records come out as V1 gives them; rows that answer to
 * none (a window's at its close) follow those of their part, partition by partition. Owns the
 * reader's side of stream.ts; what becomes of the rows is the consumer's business. @hot
 *
 * Blocks of the turn at hand are copied and released at once, so that a sender never waits for
 * another's share of the turn; blocks of later turns stay where they are and hold their sender
 * back. Where a turn has one sender (a stateless query, a single partition) nothing is copied.
 */
import type { BlockArena, BlockMemory } from '../../columnar/arena.js';
import type { Batch } from '../../columnar/batch.js';
import type { SqlType } from '../../columnar/types.js';
import type { Ring } from './ring.js';
import {
  STREAM_ENTRIES,
  STREAM_HEADER_BYTES,
  STREAM_ID,
  STREAM_HEADER,
  STREAM_KIND,
  STREAM_MARKER,
  STREAM_NUMBERS,
  STREAM_PART,
  STREAM_SEQ,
  STREAM_TEXT,
  STREAM_TEXT_BYTES,
  STREAM_TEXT_ROWS,
  STREAM_WITH_ORIGINS,
} from './stream.js';
import type { EncodedRows } from './stream.js';
import { BatchReader } from './wire.js';

export interface StreamConsumer {
  /** Rows of a stream, valid until it returns. */
  rows(stream: number, batch: Batch): void;
  /** Encoded rows, `bytes[start, end)`, valid until it returns. */
  encoded?(bytes: Uint8Array, start: number, end: number, rows: number): void;
  /** All rows of the turn were handed over. `markers`: each sender's numbers, null = none sent. */
  endOfTurn(seq: number, markers: readonly (Float64Array | null)[]): void;
}

export interface StreamMergeParts {
  readonly rings: readonly Ring[];
  readonly arenas: readonly BlockArena[];
  /** Types of the rows of each stream. */
  readonly streams: readonly (readonly SqlType[])[];
  /** Markers that complete a turn: 1 where the worker that took it is alone, else one of each. */
  readonly markersPerTurn: number;
  /** Rows of a turn come from one stream: they are handed on as they arrive. */
  readonly direct: boolean;
  readonly wakeSender: (sender: number) => void;
  readonly consumer: StreamConsumer;
}

interface Pending {
  readonly stream: number;
  readonly part: number;
  /** A block with a batch, or encoded rows. */
  readonly content: BlockMemory | EncodedRows;
}

/** Where a stream stands within the part that is being merged. */
class Cursor {
  readonly stream: number;
  readonly reader: BatchReader;
  blocks: Pending[] = [];
  /** What is at hand: a batch with its rows, or encoded rows. */
  batch: Batch | null = null;
  rows: Int32Array = new Int32Array(0);
  encoded: EncodedRows | null = null;
  at = 0;
  count = 0;
  /** Source row of the next row; Infinity = answers to none; NaN = nothing left. */
  key = Number.NaN;
  private next = 0;

  constructor(stream: number, reader: BatchReader) {
    this.stream = stream;
    this.reader = reader;
  }

  begin(): void {
    this.next = 0;
    this.at = 0;
    this.count = 0;
    this.key = Number.NEGATIVE_INFINITY;
    this.settle();
  }

  clear(): void {
    this.blocks = [];
    this.batch = null;
    this.encoded = null;
  }

  /** Moves on past `rows` rows. */
  advance(rows: number): void {
    this.at += rows;
    this.settle();
  }

  /** The key of row `index` of what is at hand, never less than those before it. */
  keyAt(index: number): number {
    const { encoded } = this;
    const { origins } = encoded ?? this.batch!;
    if (origins === null) return Number.POSITIVE_INFINITY;
    const row = encoded === null ? this.rows[index]! : index;
    return Math.max(this.key, origins[row]!);
  }

  private settle(): void {
    while (this.at === this.count) {
      const block = this.blocks[this.next];
      if (block === undefined) {
        this.key = Number.NaN;
        return;
      }
      this.next += 1;
      this.at = 0;
      this.take(block.content);
    }
    this.key = this.keyAt(this.at);
  }

  private take(content: BlockMemory | EncodedRows): void {
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

export class StreamMerge {
  /** The turn whose rows come next. */
  seq = 0;
  private readonly parts: StreamMergeParts;
  private readonly cursors: readonly Cursor[];
  private readonly markers: (Float64Array | null)[];
  private markersGot = 0;
  private pending: Pending[] = [];

  constructor(parts: StreamMergeParts) {
    this.parts = parts;
    this.cursors = parts.streams.map(
      (types, stream) => new Cursor(stream, new BatchReader({ types, senders: 1 })),
    );
    this.markers = parts.rings.map(() => null);
  }

  /** Takes in what has arrived of the turns in order; at most `blocksMax` blocks. True: some did. */
  poll(blocksMax: number): boolean {
    let taken = 0;
    for (let progressed = true; progressed && taken < blocksMax;) {
      progressed = false;
      for (let sender = 0; sender < this.parts.rings.length && taken < blocksMax; sender += 1) {
        const count = this.takeFrom(sender, blocksMax - taken);
        if (count === 0) continue;
        taken += count;
        progressed = true;
      }
    }
    return taken > 0;
  }

  /** Blocks of the turn at hand that this sender had. */
  private takeFrom(sender: number, blocksMax: number): number {
    const ring = this.parts.rings[sender]!;
    const { memory } = this.parts.arenas[sender]!;
    let taken = 0;
    while (taken < blocksMax) {
      const at = ring.peek();
      if (at < 0 || memory.f64[(at >> 3) + STREAM_SEQ] !== this.seq) break;
      taken += 1;
      this.take(sender, at, memory);
    }
    return taken;
  }

  private take(sender: number, at: number, memory: BlockMemory): void {
    const head = at >> 3;
    if (memory.f64[head + STREAM_KIND] === STREAM_MARKER) {
      const first = head + STREAM_HEADER;
      const numbers = memory.f64.slice(first, first + memory.f64[head + STREAM_NUMBERS]!);
      this.release(sender, at);
      this.markers[sender] = numbers;
      this.markersGot += 1;
      if (this.markersGot === this.parts.markersPerTurn) this.endTurn();
      return;
    }
    const stream = memory.f64[head + STREAM_ID]!;
    const isText = memory.f64[head + STREAM_KIND] === STREAM_TEXT;
    if (this.parts.direct) {
      if (isText) this.passText(at, memory);
      else this.passBatch(stream, at, memory);
    } else {
      const part = memory.f64[head + STREAM_PART]!;
      const content = isText ? copyText(at, memory) : this.parts.arenas[sender]!.copy(at);
      this.pending.push({ stream, part, content });
    }
    this.release(sender, at);
  }

  private passBatch(stream: number, at: number, memory: BlockMemory): void {
    const batch = this.cursors[stream]!.reader.read(0, memory, at + STREAM_HEADER_BYTES, []);
    this.parts.consumer.rows(stream, batch);
  }

  private passText(at: number, { f64, u8 }: BlockMemory): void {
    const head = at >> 3;
    const start = at + STREAM_HEADER_BYTES;
    const end = start + f64[head + STREAM_TEXT_BYTES]!;
    this.parts.consumer.encoded?.(u8, start, end, f64[head + STREAM_TEXT_ROWS]!);
  }

  private release(sender: number, at: number): void {
    this.parts.rings[sender]!.pop();
    this.parts.arenas[sender]!.release(at);
    this.parts.wakeSender(sender);
  }

  private endTurn(): void {
    if (this.pending.length > 0) this.mergePending();
    const { seq } = this;
    this.seq += 1;
    this.markersGot = 0;
    this.parts.consumer.endOfTurn(seq, this.markers);
    this.markers.fill(null);
  }

  private mergePending(): void {
    const byPart = new Map<number, Pending[]>();
    for (const block of this.pending) {
      const blocks = byPart.get(block.part);
      if (blocks === undefined) byPart.set(block.part, [block]);
      else blocks.push(block);
    }
    this.pending = [];
    const parts = [...byPart.keys()].sort((a, b) => a - b);
    for (const part of parts) this.mergePart(byPart.get(part)!);
  }

  private mergePart(blocks: readonly Pending[]): void {
    const active = new Set<Cursor>();
    for (const block of blocks) {
      const cursor = this.cursors[block.stream]!;
      cursor.blocks.push(block);
      active.add(cursor);
    }
    const cursors = [...active].sort((a, b) => a.stream - b.stream);
    for (const cursor of cursors) cursor.begin();
    for (;;) {
      const first = least(cursors, null);
      if (first === null) break;
      const bound = least(cursors, first);
      this.emitRun(first, bound);
    }
    for (const cursor of cursors) cursor.clear();
  }

  /** Rows of `first` that come before the next row of `bound`. */
  private emitRun(first: Cursor, bound: Cursor | null): void {
    let end = first.at + 1;
    if (bound === null || first.key === Number.POSITIVE_INFINITY) {
      end = first.count;
    } else {
      const wins = first.stream < bound.stream;
      while (end < first.count) {
        const key = first.keyAt(end);
        if (wins ? key > bound.key : key >= bound.key) break;
        end += 1;
      }
    }
    if (first.encoded === null) this.emitRows(first, end);
    else this.emitText(first.encoded, first.at, end);
    first.advance(end - first.at);
  }

  private emitRows(first: Cursor, end: number): void {
    const batch = first.batch!;
    if (end - first.at < first.count) {
      batch.selection = first.rows.subarray(first.at, end);
      batch.selectedCount = end - first.at;
    }
    this.parts.consumer.rows(first.stream, batch);
  }

  private emitText({ text, ends }: EncodedRows, from: number, to: number): void {
    const start = from === 0 ? 0 : ends![from - 1]!;
    let end = start;
    let rows = 0;
    for (let entry = from; entry < to; entry += 1) {
      if (ends![entry]! > end) rows += 1;
      end = ends![entry]!;
    }
    if (rows > 0) this.parts.consumer.encoded?.(text, start, end, rows);
  }
}

/** Encoded rows in memory of their own. */
function copyText(at: number, { f64, u8 }: BlockMemory): EncodedRows {
  const head = at >> 3;
  const entries = f64[head + STREAM_ENTRIES]!;
  const withOrigins = f64[head + STREAM_WITH_ORIGINS] === 1;
  const textFrom = 4 * (withOrigins ? 2 * entries : entries);
  const start = at + STREAM_HEADER_BYTES;
  const copy = u8.slice(start, start + textFrom + f64[head + STREAM_TEXT_BYTES]!);
  return {
    text: copy.subarray(textFrom),
    rows: f64[head + STREAM_TEXT_ROWS]!,
    ends: new Int32Array(copy.buffer, 0, entries),
    origins: withOrigins ? new Int32Array(copy.buffer, 4 * entries, entries) : null,
  };
}

/** The cursor with the least key, the first of equals; null when all are done. */
function least(cursors: readonly Cursor[], without: Cursor | null): Cursor | null {
  let found: Cursor | null = null;
  for (const cursor of cursors) {
    if (cursor === without || Number.isNaN(cursor.key)) continue;
    if (found === null || cursor.key < found.key) found = cursor;
  }
  return found;
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
