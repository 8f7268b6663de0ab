/**
 * Streams: ordered rows of one worker on their way to one reader, main (results) or worker 0 (the
 * global fragment). Owns the messages and the sender's side; stream-merge.ts puts the streams of
 * all workers back in order. @hot
 *
 *   block   16 doubles of header, then the payload
 *   header  0 seq · 1 kind · 2 stream · 3 part · 4 key · 5 numbers in the payload ·
 *           6 entries · 7 1 = with origins · 8 bytes of text · 9 rows in it
 *   rows    payload = one batch (wire.ts)
 *   text    payload = i32 × entries: where each entry ends in the text · i32 × entries: origins ·
 *           text: encoded rows. An entry is a row, or nothing where the row was left out; no
 *           entries: the text is taken whole.
 *   marker  payload = numbers: this worker will send nothing more of this seq
 *   progress  no payload; 4 key: all that this worker still sends of this seq comes behind that key
 *           of that stream and part
 */
import type { BlockArena } from '../../../columnar/arena.js';
import type { Batch } from '../../../columnar/batch.js';
import { ConnectorError } from '../../../base/errors.js';
import type { Ring } from './ring.js';
import type { BatchWriter } from '../wire/wire.js';

export const STREAM_HEADER = 16;
export const STREAM_HEADER_BYTES = STREAM_HEADER * 8;
export const STREAM_SEQ = 0;
export const STREAM_KIND = 1;
export const STREAM_ID = 2;
export const STREAM_PART = 3;
export const STREAM_KEY = 4;
export const STREAM_NUMBERS = 5;
export const STREAM_ENTRIES = 6;
export const STREAM_WITH_ORIGINS = 7;
export const STREAM_TEXT_BYTES = 8;
export const STREAM_TEXT_ROWS = 9;

export const STREAM_ROWS = 0;
export const STREAM_MARKER = 1;
export const STREAM_TEXT = 2;
export const STREAM_PROGRESS = 3;

/** Encoded rows of one batch. */
export interface EncodedRows {
  readonly text: Uint8Array;
  readonly rows: number;
  /** Where each entry ends in `text`; null: nobody will cut it. */
  readonly ends: Int32Array | null;
  /** The source row that each entry answers to; null: to none. */
  readonly origins: Int32Array | null;
}

/** A place in the order of a turn's rows: by part, source row (key), and stream. */
export interface StreamPlace {
  readonly part: number;
  readonly key: number;
  readonly stream: number;
}

export interface StreamSenderParts {
  readonly arena: BlockArena;
  readonly ring: Ring;
  /** Called again and again until there is room: does other work, or sleeps for a moment. */
  readonly wait: () => void;
  readonly wakeReader: () => void;
}

export class StreamSender {
  private readonly parts: StreamSenderParts;

  constructor(parts: StreamSenderParts) {
    this.parts = parts;
  }

  /** Rows of a part of a turn, in their order. A batch too large for a block goes in pieces. */
  rows(seq: number, part: number, stream: number, writer: BatchWriter, batch: Batch): void {
    if (batch.selectedCount === 0) return;
    const { arena } = this.parts;
    const bytes = STREAM_HEADER_BYTES + writer.size(batch, null);
    if (bytes > arena.blockBytesMax) {
      for (const half of halves(batch)) this.rows(seq, part, stream, writer, half);
      return;
    }
    const at = this.reserve(bytes);
    this.head(at, seq, STREAM_ROWS);
    const { f64 } = arena.memory;
    f64[(at >> 3) + STREAM_ID] = stream;
    f64[(at >> 3) + STREAM_PART] = part;
    const used = writer.write(batch, null, arena.memory, at + STREAM_HEADER_BYTES);
    this.publish(at, STREAM_HEADER_BYTES + used);
  }

  /** Encoded rows of a part of a turn; false when they are too large for a block. */
  encoded(
    place: { readonly seq: number; readonly part: number; readonly stream: number },
    { text, rows, ends, origins }: EncodedRows,
  ): boolean {
    const { arena } = this.parts;
    const entries = ends?.length ?? 0;
    const numbers = origins === null ? entries : 2 * entries;
    const bytes = STREAM_HEADER_BYTES + 4 * numbers + text.length;
    if (bytes > arena.blockBytesMax) return false;
    const at = this.reserve(bytes);
    this.head(at, place.seq, STREAM_TEXT);
    const { f64, i32, u8 } = arena.memory;
    const head = at >> 3;
    f64[head + STREAM_ID] = place.stream;
    f64[head + STREAM_PART] = place.part;
    f64[head + STREAM_ENTRIES] = entries;
    f64[head + STREAM_WITH_ORIGINS] = origins === null ? 0 : 1;
    f64[head + STREAM_TEXT_BYTES] = text.length;
    f64[head + STREAM_TEXT_ROWS] = rows;
    const payload = at + STREAM_HEADER_BYTES;
    if (ends !== null) i32.set(ends, payload >> 2);
    if (origins !== null) i32.set(origins, (payload >> 2) + entries);
    u8.set(text, payload + 4 * numbers);
    this.publish(at, bytes);
    return true;
  }

  /** The end of this worker's share of a turn. */
  marker(seq: number, numbers: ArrayLike<number>): void {
    const bytes = STREAM_HEADER_BYTES + 8 * numbers.length;
    const at = this.reserve(bytes);
    this.head(at, seq, STREAM_MARKER);
    const { f64 } = this.parts.arena.memory;
    f64[(at >> 3) + STREAM_NUMBERS] = numbers.length;
    for (let index = 0; index < numbers.length; index += 1) {
      f64[(at >> 3) + STREAM_HEADER + index] = numbers[index]!;
    }
    this.publish(at, bytes);
  }

  /** A long turn: what follows of it comes at `place` or behind it. */
  progress(seq: number, place: StreamPlace): void {
    const at = this.reserve(STREAM_HEADER_BYTES);
    this.head(at, seq, STREAM_PROGRESS);
    const { f64 } = this.parts.arena.memory;
    f64[(at >> 3) + STREAM_ID] = place.stream;
    f64[(at >> 3) + STREAM_PART] = place.part;
    f64[(at >> 3) + STREAM_KEY] = place.key;
    this.publish(at, STREAM_HEADER_BYTES);
  }

  /** Share of the ring or of the arena that is in use, whichever is more. */
  utilisation(): number {
    const { arena, ring } = this.parts;
    return Math.max(ring.size() / ring.slots, arena.usedBytes() / arena.capacity);
  }

  private head(at: number, seq: number, kind: number): void {
    const { f64 } = this.parts.arena.memory;
    f64[(at >> 3) + STREAM_SEQ] = seq;
    f64[(at >> 3) + STREAM_KIND] = kind;
  }

  private reserve(bytes: number): number {
    const { arena, wait } = this.parts;
    let at = arena.allocate(bytes);
    while (at < 0) {
      wait();
      at = arena.allocate(bytes);
    }
    return at;
  }

  private publish(at: number, used: number): void {
    const { arena, ring, wait, wakeReader } = this.parts;
    arena.commit(at, used, 1);
    while (!ring.tryPush(at)) wait();
    wakeReader();
  }
}

/** A batch as two with half of its rows each. Throws for a single row: it fits in no block. */
export function halves(batch: Batch): readonly Batch[] {
  if (batch.selectedCount < 2) {
    throw new ConnectorError('RECORD_TOO_LARGE', {
      message: 'a record is too large to be passed between workers',
      hint: 'run it with --arch v1, which passes records by reference',
    });
  }
  const rows = selectedRows(batch);
  const middle = batch.selectedCount >> 1;
  return [rows.slice(0, middle), rows.slice(middle)].map((selection) => ({
    ...batch,
    selection,
    selectedCount: selection.length,
  }));
}

/** The physical rows that exist, as numbers of our own. */
export function selectedRows(batch: Batch): Int32Array {
  const { selection, selectedCount } = batch;
  if (selection !== null) return selection.slice(0, selectedCount);
  return Int32Array.from({ length: selectedCount }, (_, row) => row);
}
