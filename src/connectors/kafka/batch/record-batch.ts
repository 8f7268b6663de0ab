/**
 * The header of a Kafka record batch and the way from batch to batch in fetched bytes. Owns the
 * layout, big-endian numbers, what no batch can say, and the errors that name a batch; the records
 * behind the header are record-set.ts. @hot
 *
 *    0  i64 base offset     8  i32 length of what follows   12  i32 leader epoch   16  i8 magic, 2
 *   17  u32 CRC-32C of all that follows                     21  i16 attributes
 *   23  i32 last offset − base offset                       27  i64 base timestamp
 *   35  i64 largest timestamp                               43  i64 producer id
 *   51  i16 producer epoch 53  i32 base sequence            57  i32 records        61  records …
 */
import { ConnectorError } from '../../../base/errors.js';

export const BATCH_HEADER_BYTES = 61;
/** Bytes of base offset and length, which the length does not count. */
const BATCH_PREFIX_BYTES = 12;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
export const CRC_AT = 17;
/** The checksum covers what begins here. */
export const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const RECORD_COUNT_AT = 57;

/** Bits of the attributes; the codec is their lowest three. */
export const CODEC_MASK = 7;
export const LOG_APPEND_TIME = 8;
export const TRANSACTIONAL = 16;
export const CONTROL = 32;

const TWO_TO_32 = 4_294_967_296;

export function i16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

export function i32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Exact within ±2^53, else rounded. */
export function i64At(bytes: Uint8Array, at: number): number {
  return i32At(bytes, at) * TWO_TO_32 + (i32At(bytes, at + 4) >>> 0);
}

/** What a fetched record set holds, from the headers of its batches alone. */
export interface RecordSetScan {
  /** Offset that the first complete batch begins at; -1 without a batch. */
  readonly baseOffset: number;
  /** Offset behind the last complete batch: what the next fetch asks for; -1 without a batch. */
  readonly nextOffset: number;
  /** Offset behind the batch before the last, and its leader epoch; -1 where there is none. */
  readonly previousOffset: number;
  readonly previousEpoch: number;
  /** Where the last complete batch begins: its place in the bytes, and its offset. */
  readonly lastAt: number;
  readonly lastBaseOffset: number;
  /** Every offset from the first batch on has a record. */
  readonly dense: boolean;
  /** Leader epoch of the last complete batch; -1 without one, or where it is not known. */
  readonly leaderEpoch: number;
  readonly batches: number;
  /** Size of a first batch that did not come whole, else 0. */
  readonly partialBytes: number;
}

/**
 * Looks over a record set without decoding it. O(batches). `label` names the partition in errors.
 * Throws ConnectorError KAFKA_RECORD_FORMAT for unknown magic, KAFKA_RECORD_CORRUPT: also where a
 * batch begins before the one in front of it ends. No checksum covers a batch's base offset and
 * length; the batches beside it tell.
 */
export function scanRecordSet(
  bytes: Uint8Array,
  from: number,
  to: number,
  label = 'a partition',
): RecordSetScan {
  let at = from;
  let lastAt = from;
  let baseOffset = -1;
  let lastBaseOffset = -1;
  let nextOffset = -1;
  let previousOffset = -1;
  let leaderEpoch = -1;
  let previousEpoch = -1;
  let dense = true;
  let batches = 0;
  for (;;) {
    if (batches > 0) requireBatch(bytes, at, to, label);
    const size = wholeBatchBytes(bytes, at, to, label);
    if (size === 0) break;
    lastBaseOffset = i64At(bytes, at);
    if (lastBaseOffset < nextOffset) {
      throw corruptBatch(label, lastBaseOffset, `the one before it ends at ${nextOffset - 1}`);
    }
    if (batches === 0) baseOffset = lastBaseOffset;
    else if (lastBaseOffset > nextOffset) dense = false;
    if (i32At(bytes, at + LAST_OFFSET_DELTA_AT) !== i32At(bytes, at + RECORD_COUNT_AT) - 1) {
      dense = false;
    }
    previousOffset = nextOffset;
    previousEpoch = leaderEpoch;
    nextOffset = lastOffsetAt(bytes, at) + 1;
    leaderEpoch = i32At(bytes, at + LEADER_EPOCH_AT);
    lastAt = at;
    batches += 1;
    at += size;
  }
  const partialBytes = batches === 0 && from < to ? announcedBytes(bytes, from, to) : 0;
  return {
    baseOffset,
    nextOffset,
    previousOffset,
    previousEpoch,
    lastAt,
    lastBaseOffset,
    dense,
    leaderEpoch,
    batches,
    partialBytes,
  };
}

/** Behind a batch of version 2 comes no other version: its length leads elsewhere. */
function requireBatch(bytes: Uint8Array, at: number, to: number, label: string): void {
  if (to - at <= MAGIC_AT || bytes[at + MAGIC_AT] === 2) return;
  throw corruptBatch(label, i64At(bytes, at), 'what lies behind the one before it is none');
}

/**
 * Size of the batch at `at`, or 0 when it did not come whole (the broker cuts a response where the
 * fetch size says so). Throws for what no batch of version 2 can say.
 */
export function wholeBatchBytes(bytes: Uint8Array, at: number, to: number, label: string): number {
  if (to - at <= MAGIC_AT) return 0;
  const magic = bytes[at + MAGIC_AT]!;
  if (magic !== 2) throw unknownMagic(label, bytes, at);
  const length = i32At(bytes, at + 8);
  if (length < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES) {
    throw corruptBatch(label, i64At(bytes, at), `its length is ${length}`);
  }
  if (length > to - at - BATCH_PREFIX_BYTES) return 0;
  const baseOffset = i64At(bytes, at);
  if (baseOffset < 0 || baseOffset > Number.MAX_SAFE_INTEGER - TWO_TO_32) {
    throw corruptBatch(label, baseOffset, 'it begins at no offset');
  }
  if (i32At(bytes, at + LAST_OFFSET_DELTA_AT) < 0) {
    throw corruptBatch(label, baseOffset, 'it ends before it begins');
  }
  return length + BATCH_PREFIX_BYTES;
}

/** Offset of the last record that a whole batch had when it was written. */
export function lastOffsetAt(bytes: Uint8Array, at: number): number {
  return i64At(bytes, at) + i32At(bytes, at + LAST_OFFSET_DELTA_AT);
}

/** A batch whose bytes do not add up. */
export function corruptBatch(label: string, offset: number, why: string): ConnectorError {
  return new ConnectorError('KAFKA_RECORD_CORRUPT', {
    message: `${label}: the record batch at offset ${offset} is corrupt: ${why}`,
    hint: 'start behind it, or restore the partition from another replica',
  });
}

/** Size that an incomplete batch announces; where not even that came, that of a header. */
function announcedBytes(bytes: Uint8Array, at: number, to: number): number {
  if (to - at < BATCH_PREFIX_BYTES) return BATCH_HEADER_BYTES;
  const size = i32At(bytes, at + 8) + BATCH_PREFIX_BYTES;
  return Math.max(size, BATCH_HEADER_BYTES);
}

function unknownMagic(label: string, bytes: Uint8Array, at: number): ConnectorError {
  const magic = (bytes[at + MAGIC_AT]! << 24) >> 24;
  const known = magic === 0 || magic === 1;
  return new ConnectorError('KAFKA_RECORD_FORMAT', {
    message:
      `${label}: the records at offset ${i64At(bytes, at)} are in format ${magic}, ` +
      'velo reads record batches of version 2',
    hint: known
      ? "that format is of brokers before 0.11: copy the topic, or use 'fetch' = 'librdkafka'"
      : "use 'fetch' = 'librdkafka'",
  });
}
