/**
 * One record batch (format v2) of one partition, written in place: the value's bytes are appended
 * by the encoder where they stay. Owns lengths, deltas, the header, its CRC and the compressed
 * form; which records go together, and when, is columnar-producer.ts. The header's layout is drawn
 * in record-batch.ts. @hot
 *
 *   record: length | attributes 0 | Δtimestamp | Δoffset | key length | key | value length | value
 *           | header count | headers
 *
 * Lengths are varints in front of what they measure. Their width is guessed from the record before
 * and put right by moving the bytes behind it, which happens once for records of like size: writing
 * the value elsewhere first would copy every one.
 */
import { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  CRC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  TRANSACTIONAL,
} from '../batch/record-batch.js';
import { batchChecksum } from '../batch/record-checksum.js';

const LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const LAST_DELTA_AT = 23;
const PRODUCER_EPOCH_AT = 51;
const SEQUENCE_AT = 53;

const MAGIC = 2;
const NULL_LENGTH = -1;
/** Varints of a record's fixed part: length, attributes, Δtimestamp, Δoffset and key length. */
const PREFIX_BYTES_MAX = 5 + 1 + 10 + 5 + 5;
const VARINT_BYTES_MAX = 5;

/** Compresses the records of a batch; `bits` are those of the batch's attributes. */
export interface BatchCompressor {
  readonly bits: number;
  /** Comes before the first compress(), where it is there. */
  readonly load?: () => Promise<void>;
  compress(records: Uint8Array): Uint8Array;
}

/** Who produces, and the number of the batch's first record in the partition. */
export interface ProducerStamp {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
  /** The batch belongs to the producer's transaction. Default: no. */
  readonly transactional?: boolean;
}

export class RecordBatchWriter {
  /** Values are appended here between beginRecord() and endRecord(). */
  readonly out: ByteBuffer;
  rows = 0;
  baseTimestampMs = 0;
  private maxTimestampMs = 0;
  /** Without the last record. */
  private maxTimestampBefore = 0;
  private recordAt = 0;
  private valueLengthAt = 0;
  /** Widths of the last record's length and value length. */
  private recordWidth = 2;
  private valueWidth = 2;

  constructor(initialBytes: number) {
    this.out = new ByteBuffer(initialBytes);
    this.clear();
  }

  /** Bytes of the batch so far, before compression. */
  get byteLength(): number {
    return this.out.length;
  }

  clear(): void {
    this.rows = 0;
    this.out.clear();
    this.out.reserve(BATCH_HEADER_BYTES);
    this.out.length = BATCH_HEADER_BYTES;
  }

  /** `key[0, keyLength)`, or none with a length of -1. A timestamp of -1 means none. */
  beginRecord(key: Uint8Array, keyLength: number, timestampMs: number): void {
    const { out, rows } = this;
    out.reserve(PREFIX_BYTES_MAX + Math.max(0, keyLength) + VARINT_BYTES_MAX);
    this.maxTimestampBefore = this.maxTimestampMs;
    if (rows === 0) {
      this.baseTimestampMs = timestampMs;
      this.maxTimestampMs = timestampMs;
    } else if (timestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = timestampMs;
    }
    const { bytes } = out;
    this.recordAt = out.length;
    let at = out.length + this.recordWidth;
    bytes[at] = 0;
    at = putVarlong(bytes, at + 1, timestampMs - this.baseTimestampMs);
    at = putVarint(bytes, at, rows);
    at = putVarint(bytes, at, keyLength);
    for (let from = 0; from < keyLength; from += 1) bytes[at + from] = key[from]!;
    if (keyLength > 0) at += keyLength;
    this.valueLengthAt = at;
    out.length = at + this.valueWidth;
  }

  /** The record's value is what was appended. `headers` holds their count and them. */
  endRecord(headers: ByteBuffer | null): void {
    const { out, valueLengthAt } = this;
    const valueLength = out.length - valueLengthAt - this.valueWidth;
    const width = varintWidth(valueLength);
    if (width !== this.valueWidth) {
      this.move(valueLengthAt + this.valueWidth, width - this.valueWidth);
      this.valueWidth = width;
    }
    putVarint(out.bytes, valueLengthAt, valueLength);
    this.endBody(headers);
  }

  /** The record has no value: a tombstone. */
  endWithoutValue(headers: ByteBuffer | null): void {
    this.out.length = putVarint(this.out.bytes, this.valueLengthAt, NULL_LENGTH);
    this.endBody(headers);
  }

  /** Takes back what beginRecord() began. */
  dropRecord(): void {
    this.out.length = this.recordAt;
  }

  /** Takes the last record back, which is complete and began at `from`. */
  cutRecord(from: number): void {
    this.out.length = from;
    this.rows -= 1;
    this.maxTimestampMs = this.maxTimestampBefore;
  }

  /**
   * Completes the batch and gives its bytes: the writer's own, valid until clear(), or those of
   * its compressed form.
   */
  seal(stamp: ProducerStamp, compressor: BatchCompressor | null): Uint8Array {
    const { out, rows } = this;
    const plain = out.view();
    const batch = compressor === null ? plain : compressed(plain, compressor);
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    view.setBigInt64(0, 0n);
    view.setInt32(LENGTH_AT, batch.length - LEADER_EPOCH_AT);
    view.setInt32(LEADER_EPOCH_AT, -1);
    view.setInt8(MAGIC_AT, MAGIC);
    const bits = compressor === null ? 0 : compressor.bits;
    view.setInt16(ATTRIBUTES_AT, stamp.transactional === true ? bits | TRANSACTIONAL : bits);
    view.setInt32(LAST_DELTA_AT, rows - 1);
    view.setBigInt64(BASE_TIMESTAMP_AT, BigInt(this.baseTimestampMs));
    view.setBigInt64(MAX_TIMESTAMP_AT, BigInt(this.maxTimestampMs));
    view.setBigInt64(PRODUCER_ID_AT, stamp.producerId);
    view.setInt16(PRODUCER_EPOCH_AT, stamp.epoch);
    view.setInt32(SEQUENCE_AT, stamp.sequence);
    view.setInt32(RECORD_COUNT_AT, rows);
    view.setInt32(CRC_AT, batchChecksum(batch, 0, batch.length));
    return batch;
  }

  private endBody(headers: ByteBuffer | null): void {
    const { out, recordAt } = this;
    if (headers === null) out.appendByte(0);
    else out.appendBytes(headers.bytes, 0, headers.length);
    const recordLength = out.length - recordAt - this.recordWidth;
    const width = varintWidth(recordLength);
    if (width !== this.recordWidth) {
      this.move(recordAt + this.recordWidth, width - this.recordWidth);
      this.recordWidth = width;
    }
    putVarint(out.bytes, recordAt, recordLength);
    this.rows += 1;
  }

  /** Moves everything from `from` on by some bytes. */
  private move(from: number, by: number): void {
    const { out } = this;
    if (by > 0) out.reserve(by);
    out.bytes.copyWithin(from + by, from, out.length);
    out.length += by;
  }
}

/** Gives a sealed batch, which was never stored, another epoch and number. */
export function renumberBatch(batch: Uint8Array, epoch: number, sequence: number): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  view.setInt16(PRODUCER_EPOCH_AT, epoch);
  view.setInt32(SEQUENCE_AT, sequence);
  view.setInt32(CRC_AT, batchChecksum(batch, 0, batch.length));
}

/** Room for the header, which seal() writes, and the compressed records. */
function compressed(plain: Uint8Array, compressor: BatchCompressor): Uint8Array {
  const records = compressor.compress(plain.subarray(BATCH_HEADER_BYTES));
  const batch = new Uint8Array(BATCH_HEADER_BYTES + records.length);
  batch.set(records, BATCH_HEADER_BYTES);
  return batch;
}

/** Zigzag varint of a number of at most 31 bits; where it ends. */
function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let rest = (value << 1) ^ (value >> 31);
  let at = start;
  while ((rest & ~127) !== 0) {
    bytes[at] = (rest & 127) | 128;
    rest >>>= 7;
    at += 1;
  }
  bytes[at] = rest;
  return at + 1;
}

/** Zigzag varint of a number of at most 52 bits; where it ends. */
function putVarlong(bytes: Uint8Array, start: number, value: number): number {
  if (value === value >> 0) return putVarint(bytes, start, value);
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let at = start;
  while (rest > 127) {
    bytes[at] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
    at += 1;
  }
  bytes[at] = rest;
  return at + 1;
}

/** Bytes of the zigzag varint of a number of at least 0. */
function varintWidth(value: number): number {
  if (value < 64) return 1;
  if (value < 8192) return 2;
  if (value < 1 << 20) return 3;
  return value < 1 << 27 ? 4 : 5;
}

/** Appends a zigzag varint: for headers. */
export function appendVarint(out: ByteBuffer, value: number): void {
  out.reserve(VARINT_BYTES_MAX);
  out.length = putVarint(out.bytes, out.length, value);
}
