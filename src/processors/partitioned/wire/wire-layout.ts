/**
 * The layout of a block: a batch in shared memory. Owns the numbers of the header's words, the
 * flags and the copies of whole arrays; who writes and reads what is wire.ts and wire-columns.ts.
 * Every part starts at a multiple of 8. @hot
 *
 *   block   := header  section*  column*          without rows: the header alone
 *
 *   header     word (i32)   0 bytes        block length, header included
 *                           1 flags
 *                           2 rowCount     physical rows, numbered as in the source block
 *                           3 rows         rows shipped: selected ones
 *                           4 split
 *                           5 partitions   0 = not routed
 *              number (f64) 3 sequence  4 firstOffset  5 ingestTimeMs
 *                           6 watermarkBefore  7 watermarkAfter  8 watermarkOthers
 *
 *   section, each there when its flag is set, in this order
 *     STARTS         i32 × (partitions + 1)       of the rows below, by partition
 *     ROWS           i32 × rows                   by partition, or the selection; else 0, 1, 2 …
 *     OPS            u8  × rowCount
 *     ROW_WATERMARKS f64 × rowCount
 *     ORIGINS        i32 × rowCount
 *     OFFSETS        f64 × rowCount
 *     LINES          f64 × rowCount
 *     SPLITS         i32 × rowCount
 *     RAW            texts                        the records' bytes
 *
 *   column  := kind:i32 hasNulls:i32  [nulls u8 × rowCount]  body
 *     f64, i64       8 bytes × rowCount
 *     i128           high, low: 8 bytes × rowCount each
 *     bool           u8  × rowCount
 *     utf8           increment  texts
 *     dict           increment  codes i32 × rowCount
 *     list           length:i32 pad:i32  bytes    structured clone of the rows' values, in row order
 *
 *   texts     := length:i32 pad:i32  offsets i32 × rowCount  lengths i32 × rowCount  bytes
 *                only the rows' own bytes; lengths of other rows are 0
 *   increment := base:i32 count:i32 length:i32 pad:i32
 *                lengths i32 × count  hashes i32 × count  bytes
 *                the sender's dictionary entries base … base + count - 1; a base of 0 begins
 *                another dictionary, whose codes have nothing to do with those before
 */
import type { BlockMemory } from '../../../columnar/arena.js';
import type { ColumnKind } from '../../../columnar/column.js';

export const HEADER_BYTES = 72;
/** Words of the header. */
export const BYTES = 0;
export const FLAGS = 1;
export const ROW_COUNT = 2;
export const ROWS_SHIPPED = 3;
export const SPLIT = 4;
export const PARTITIONS = 5;
/** Numbers of the header. */
export const SEQUENCE = 3;
export const FIRST_OFFSET = 4;
export const INGEST_TIME = 5;
export const WATERMARK_BEFORE = 6;
export const WATERMARK_AFTER = 7;
export const WATERMARK_OTHERS = 8;

export const HAS_STARTS = 1;
export const HAS_ROWS = 2;
export const HAS_OPS = 4;
export const HAS_ROW_WATERMARKS = 8;
export const HAS_ORIGINS = 16;
export const HAS_OFFSETS = 32;
export const HAS_LINES = 64;
export const HAS_RAW = 128;
/** Of the header: its rows answer to no one record. */
export const IS_RESULT = 256;
export const HAS_SPLITS = 512;

/** Kinds by their number in a block. */
export const KINDS: readonly ColumnKind[] = ['f64', 'i64', 'i128', 'bool', 'utf8', 'dict', 'list'];

export function aligned(bytes: number): number {
  return (bytes + 7) & -8;
}

/** Each put gives the place behind what it wrote. */
export function putI32(memory: BlockMemory, at: number, from: Int32Array, count: number): number {
  memory.i32.set(from.length === count ? from : from.subarray(0, count), at >> 2);
  return at + aligned(count * 4);
}

export function putF64(memory: BlockMemory, at: number, from: Float64Array, count: number): number {
  memory.f64.set(from.length === count ? from : from.subarray(0, count), at >> 3);
  return at + count * 8;
}

export function putBytes(
  memory: BlockMemory,
  at: number,
  from: Uint8Array,
  start: number,
  length: number,
): number {
  memory.u8.set(from.subarray(start, start + length), at);
  return at + aligned(length);
}

/** 64-bit integers, bit by bit. */
export function putI64(
  memory: BlockMemory,
  at: number,
  from: BigInt64Array | BigUint64Array,
  count: number,
): number {
  memory.i32.set(new Int32Array(from.buffer, from.byteOffset, count * 2), at >> 2);
  return at + count * 8;
}
