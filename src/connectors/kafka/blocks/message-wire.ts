/**
 * A block of messages as bytes: how the main thread, the only one that loads node-rdkafka, hands it
 * to the worker that decodes it. Owns the layout; blocks are message-block.ts, the memory is the
 * processor's. Both sides are threads of one process, so numbers are in its own byte order. @hot
 *
 *   f64 × 10  rows · split · sequence · ingest time · bytes · bytes of headers · too large bytes ·
 *             keys · bytes of schemas · bytes of keys' schemas
 *   f64 × n   offsets          f64 × n  times of the records
 *   i32 × n   starts           i32 × n  ends
 *   i32 × n   key starts       i32 × n  key lengths       (only with keys)
 *   u8        values and keys, key NULLs (only with keys), headers as JSON (only with headers),
 *             schemas of values and keys as JSON (only of formats whose records name theirs)
 */
import type { SqlMap } from '../../../columnar/types.js';
import type { WriterSchema } from '../../../formats/message/wire-schema.js';
import { TOO_LARGE } from './message-block.js';
import type { MessageBlock } from './message-block.js';

/** A block on its way: valid until the next block of its split is asked for. */
export interface MessageBlockView {
  readonly split: number;
  /** Number of the block within its split, from 0. */
  readonly sequence: number;
  readonly block: MessageBlock;
  /** Offset behind its last record: what is committed once all receivers have finished it. */
  readonly nextOffset: number;
}

const HEADER = 10;
const ROWS = 0;
const SPLIT = 1;
const SEQUENCE = 2;
const INGEST_MS = 3;
const BYTES = 4;
const HEADERS_BYTES = 5;
const TOO_LARGE_BYTES = 6;
const KEYS = 7;
const SCHEMAS_BYTES = 8;
const KEY_SCHEMAS_BYTES = 9;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

/** Bytes that writeMessageBlock will use. O(rows, headers and schemas). */
export function messageBlockBytes({ block }: MessageBlockView): number {
  const { rowCount } = block;
  const keys = hasKeys(block) ? 9 * rowCount : 0;
  const schemas = valueSchemas.bytesOf(block.schemas).length;
  const texts = headerText(block).length + schemas + keySchemas.bytesOf(block.keySchemas).length;
  return 8 * HEADER + 24 * rowCount + keys + bytesEnd(block) - bytesStart(block) + texts;
}

/** Writes the block to `u8` from `at`, a multiple of 8 in its buffer; returns the bytes used. */
export function writeMessageBlock(view: MessageBlockView, u8: Uint8Array, at: number): number {
  const { block } = view;
  const { rowCount } = block;
  const from = bytesStart(block);
  const to = bytesEnd(block);
  const headers = headerText(block);
  const schemas = valueSchemas.bytesOf(block.schemas);
  const ofKeys = keySchemas.bytesOf(block.keySchemas);
  const keys = hasKeys(block);
  const head = new Float64Array(u8.buffer, u8.byteOffset + at, HEADER);
  head[ROWS] = rowCount;
  head[SPLIT] = view.split;
  head[SEQUENCE] = view.sequence;
  head[INGEST_MS] = block.ingestTimeMs;
  head[BYTES] = to - from;
  head[HEADERS_BYTES] = headers.length;
  head[TOO_LARGE_BYTES] = block.tooLargeBytes;
  head[KEYS] = keys ? 1 : 0;
  head[SCHEMAS_BYTES] = schemas.length;
  head[KEY_SCHEMAS_BYTES] = ofKeys.length;
  const cursor = new WireCursor(u8, at + 8 * HEADER);
  cursor.f64(rowCount).set(block.offsets.subarray(0, rowCount));
  cursor.f64(rowCount).set(block.timestampsMs.subarray(0, rowCount));
  writePlaces(cursor.i32(rowCount), block.starts, from);
  writePlaces(cursor.i32(rowCount), block.ends, from);
  if (keys) {
    writePlaces(cursor.i32(rowCount), block.keyStarts, from);
    cursor.i32(rowCount).set(block.keyLengths.subarray(0, rowCount));
  }
  cursor.u8(to - from).set(block.bytes.subarray(from, to));
  if (keys) cursor.u8(rowCount).set(block.keyNulls.subarray(0, rowCount));
  cursor.u8(headers.length).set(headers);
  cursor.u8(schemas.length).set(schemas);
  cursor.u8(ofKeys.length).set(ofKeys);
  return cursor.at - at;
}

/** A fetched block refers to a whole response: its own records begin somewhere in it. */
function bytesStart(block: MessageBlock): number {
  if (block.rowCount === 0) return 0;
  return hasKeys(block) ? Math.min(block.starts[0]!, block.keyStarts[0]!) : block.starts[0]!;
}

function bytesEnd(block: MessageBlock): number {
  const { rowCount, starts, ends, keyStarts, keyLengths } = block;
  const keys = hasKeys(block);
  let end = 0;
  for (let row = 0; row < rowCount; row += 1) {
    end = Math.max(end, starts[row]!, ends[row]!);
    if (keys) end = Math.max(end, keyStarts[row]! + keyLengths[row]!);
  }
  return end;
}

/** Where the rows' bytes lie behind `from`. */
function writePlaces(target: Int32Array, places: Int32Array, from: number): void {
  for (let row = 0; row < target.length; row += 1) {
    const place = places[row]!;
    target[row] = place === TOO_LARGE ? TOO_LARGE : place - from;
  }
}

/**
 * Copies a written block to `block`, made for as many rows and the same parts, so that the memory
 * it came in may be given back at once: a copy costs a hundredth of decoding it.
 */
export function readMessageBlock(
  u8: Uint8Array,
  at: number,
  block: MessageBlock,
): { readonly split: number; readonly sequence: number } {
  const head = new Float64Array(u8.buffer, u8.byteOffset + at, HEADER);
  const rowCount = head[ROWS]!;
  const byteLength = head[BYTES]!;
  const keys = head[KEYS] === 1;
  const cursor = new WireCursor(u8, at + 8 * HEADER);
  block.clear();
  block.rowCount = rowCount;
  block.ingestTimeMs = head[INGEST_MS]!;
  block.tooLargeBytes = head[TOO_LARGE_BYTES]!;
  block.offsets.set(cursor.f64(rowCount));
  block.timestampsMs.set(cursor.f64(rowCount));
  block.starts.set(cursor.i32(rowCount));
  block.ends.set(cursor.i32(rowCount));
  if (keys) {
    block.keyStarts.set(cursor.i32(rowCount));
    block.keyLengths.set(cursor.i32(rowCount));
  }
  block.reserve(byteLength);
  block.bytes.set(cursor.u8(byteLength));
  block.byteLength = byteLength;
  if (keys) block.keyNulls.set(cursor.u8(rowCount));
  const headers = cursor.u8(head[HEADERS_BYTES]!);
  // The text is what headerText() made; a copy, because shared memory is not decoded in place.
  if (headers.length > 0) {
    block.headers.push(...(JSON.parse(decoder.decode(headers.slice())) as SqlMap[]));
  }
  const schemas = cursor.u8(head[SCHEMAS_BYTES]!);
  if (schemas.length > 0) block.schemas = schemasIn(schemas);
  const ofKeys = cursor.u8(head[KEY_SCHEMAS_BYTES]!);
  if (ofKeys.length > 0) block.keySchemas = schemasIn(ofKeys);
  return { split: head[SPLIT]!, sequence: head[SEQUENCE]! };
}

class WireCursor {
  at: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  f64(length: number): Float64Array {
    return new Float64Array(this.bytes.buffer, this.take(8 * length), length);
  }

  i32(length: number): Int32Array {
    return new Int32Array(this.bytes.buffer, this.take(4 * length), length);
  }

  u8(length: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.take(length), length);
  }

  private take(byteLength: number): number {
    const from = this.bytes.byteOffset + this.at;
    this.at += byteLength;
    return from;
  }
}

function hasKeys(block: MessageBlock): boolean {
  return block.keyNulls.length > 0;
}

/** The last list of schemas as bytes: blocks that need the same ones share the list. */
class WrittenSchemas {
  private last: readonly WriterSchema[] = [];
  private bytes: Uint8Array = NO_BYTES;

  bytesOf(schemas: readonly WriterSchema[]): Uint8Array {
    if (schemas.length === 0) return NO_BYTES;
    if (schemas !== this.last) {
      this.last = schemas;
      this.bytes = encoder.encode(JSON.stringify(schemas));
    }
    return this.bytes;
  }
}

const valueSchemas = new WrittenSchemas();
const keySchemas = new WrittenSchemas();

/** The text is what WrittenSchemas made; a copy, because shared memory is not decoded in place. */
function schemasIn(bytes: Uint8Array): WriterSchema[] {
  return JSON.parse(decoder.decode(bytes.slice())) as WriterSchema[];
}

function headerText(block: MessageBlock): Uint8Array {
  return encoder.encode(block.headers.length === 0 ? '' : JSON.stringify(block.headers));
}
