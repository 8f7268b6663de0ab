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
import type { BlockArena, BlockMemory } from '../../../columnar/arena.js';
import type { Batch } from '../../../columnar/batch.js';
import type { SqlType } from '../../../columnar/types.js';
import type { Ring } from './ring.js';
import {
  STREAM_ENTRIES,
  STREAM_HEADER_BYTES,
  STREAM_ID,
  STREAM_HEADER,
  STREAM_KIND,
  STREAM_MARKER,
  STREAM_NUMBERS,
  STREAM_KEY,
  STREAM_PART,
  STREAM_PROGRESS,
  STREAM_SEQ,
  STREAM_TEXT,
  STREAM_TEXT_BYTES,
  STREAM_TEXT_ROWS,
  STREAM_WITH_ORIGINS,
} from './stream.js';
import type { EncodedRows, StreamPlace } from './stream.js';
import { bytesOf, Cursor, CursorHeap, isBehind } from './stream-cursors.js';
import type { Pending } from './stream-cursors.js';
import { BatchReader } from '../wire/wire.js';

export interface StreamConsumer {
  /** Nothing behind the turn that ended last is taken for now. Default: everything is. */
  readonly holds?: boolean;
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

/** Rows that are put in order at once. */
const ROWS_AT_ONCE = 16_384;
/** Bytes of a turn from which senders that are ahead of others are held back. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;

/** Behind every key. */
const NOWHERE = { key: Number.POSITIVE_INFINITY, stream: Number.POSITIVE_INFINITY };

/** Whether a row of a stream comes behind a place of the same part. */
function isPast(
  stream: number,
  key: number,
  place: { readonly key: number; readonly stream: number },
): boolean {
  return key > place.key || (key === place.key && stream > place.stream);
}

export class StreamMerge {
  /** The turn whose rows come next. */
  seq = 0;
  private readonly parts: StreamMergeParts;
  private readonly cursors: readonly Cursor[];
  private readonly markers: (Float64Array | null)[];
  private markersGot = 0;
  /** Cursors that have rows at hand. */
  private active: Cursor[] = [];
  /** Up to where each sender has told that it has come in the turn. */
  private readonly places: (StreamPlace | null)[];
  private keptBytes = 0;
  private readonly heap = new CursorHeap();
  /** Under way: as far as the turn at hand has come, its rows are put in order. */
  private merging: Generator<void, void, void> | null = null;

  constructor(parts: StreamMergeParts) {
    this.parts = parts;
    this.cursors = parts.streams.map(
      (types, stream) => new Cursor(stream, new BatchReader({ types, senders: 1 })),
    );
    this.markers = parts.rings.map(() => null);
    this.places = parts.rings.map(() => null);
  }

  /**
   * Takes in what has arrived of the turns in order, at most `blocksMax` blocks, or goes on with the
   * merge of a turn that has come whole. True: something was done.
   */
  poll(blocksMax: number): boolean {
    if (this.merging !== null) {
      if (this.merging.next().done === true) this.merging = null;
      return true;
    }
    const { consumer } = this.parts;
    let taken = 0;
    for (let progressed = true; progressed && taken < blocksMax && this.merging === null;) {
      progressed = false;
      for (let sender = 0; sender < this.parts.rings.length && taken < blocksMax; sender += 1) {
        if (this.merging !== null || consumer.holds === true) break;
        if (this.isHeld(sender)) continue;
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
    while (taken < blocksMax && this.merging === null) {
      if (this.parts.consumer.holds === true) break;
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
      if (this.markersGot === this.parts.markersPerTurn) this.begin(this.endTurn());
      else if (this.places[sender] !== null) this.progressed(sender, this.places[sender]!);
      return;
    }
    if (memory.f64[head + STREAM_KIND] === STREAM_PROGRESS) {
      const place = {
        part: memory.f64[head + STREAM_PART]!,
        key: memory.f64[head + STREAM_KEY]!,
        stream: memory.f64[head + STREAM_ID]!,
      };
      this.release(sender, at);
      this.progressed(sender, place);
      return;
    }
    const stream = memory.f64[head + STREAM_ID]!;
    const isText = memory.f64[head + STREAM_KIND] === STREAM_TEXT;
    if (this.parts.direct) {
      if (isText) this.passText(at, memory);
      else this.passBatch(stream, at, memory);
      this.release(sender, at);
      return;
    }
    const part = memory.f64[head + STREAM_PART]!;
    const content = isText ? copyText(at, memory) : this.parts.arenas[sender]!.copy(at);
    this.release(sender, at);
    this.keep(stream, { part, content });
    if (this.places[sender] !== null) this.handOn(this.cursors[stream]!);
  }

  private keep(stream: number, block: Pending): void {
    const cursor = this.cursors[stream]!;
    const isIdle = Number.isNaN(cursor.key);
    this.keptBytes += bytesOf(block);
    cursor.push(block);
    if (!isIdle) return;
    if (!this.active.includes(cursor)) {
      this.active.push(cursor);
    }
  }

  private progressed(sender: number, place: StreamPlace): void {
    this.places[sender] = place;
    const earliest = this.earliest();
    if (earliest !== null) this.begin(this.mergeUpTo(earliest));
  }

  /**
   * Rows at the very place that the turn has come to: of one partition or one record there may be any
   * number, and nobody tells of the same place twice.
   */
  private handOn(cursor: Cursor): void {
    const earliest = this.earliest();
    if (earliest !== null && !isBehind(cursor, earliest)) this.begin(this.mergeUpTo(earliest));
  }

  private begin(merging: Generator<void, void, void>): void {
    if (merging.next().done !== true) this.merging = merging;
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

  /** A turn has come whole: its rows in order, some at a time. */
  private *endTurn(): Generator<void, void, void> {
    yield* this.mergeUpTo(null);
    for (const cursor of this.cursors) cursor.reset();
    this.places.fill(null);
    const { seq } = this;
    this.seq += 1;
    this.markersGot = 0;
    this.parts.consumer.endOfTurn(seq, this.markers);
    this.markers.fill(null);
  }

  /** Puts out the rows at hand in order, up to a place before which no more can come; null: all. */
  private *mergeUpTo(place: StreamPlace | null): Generator<void, void, void> {
    let rows = 0;
    const { heap } = this;
    heap.fill(this.active);
    for (;;) {
      const { first } = heap;
      if (first === null || (place !== null && isBehind(first, place))) break;
      rows += this.emitRun(first, heap.second, place);
      heap.settle();
      if (rows < ROWS_AT_ONCE) continue;
      rows = 0;
      yield;
      // Blocks that came meanwhile belong to it, too.
      heap.fill(this.active);
    }
    this.active = this.active.filter(({ key }) => !Number.isNaN(key));
  }

  /** Every sender still has rows of the turn at this place at the earliest; null: at any. */
  private earliest(): StreamPlace | null {
    let earliest: StreamPlace | null = null;
    for (let sender = 0; sender < this.places.length; sender += 1) {
      if (this.markers[sender] !== null) continue;
      const place = this.places[sender]!;
      if (place === null) return null;
      if (earliest === null || isBehind(earliest, place)) earliest = place;
    }
    return earliest;
  }

  /** A sender that is far ahead of another in the turn waits, or all its rows would be kept here. */
  private isHeld(sender: number): boolean {
    if (this.keptBytes < KEPT_BYTES_MAX) return false;
    const place = this.places[sender]!;
    if (place === null) return false;
    const earliest = this.earliest();
    return earliest === null || isBehind(place, earliest);
  }

  /** Rows of `first` that come before the next row of `bound`; how many. */
  private emitRun(first: Cursor, bound: Cursor | null, place: StreamPlace | null): number {
    let end = first.at + 1;
    if (first.key === Number.POSITIVE_INFINITY) end = first.count;
    else {
      const next = bound === null || bound.part > first.part ? NOWHERE : bound;
      const last = place === null || place.part > first.part ? NOWHERE : place;
      while (end < first.count) {
        const key = first.keyAt(end);
        if (isPast(first.stream, key, next) || isPast(first.stream, key, last)) break;
        end += 1;
      }
    }
    if (first.encoded === null) this.emitRows(first, end);
    else this.emitText(first.encoded, first.at, end);
    const rows = end - first.at;
    this.keptBytes -= first.advance(rows);
    return rows;
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
