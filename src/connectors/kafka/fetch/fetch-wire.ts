/**
 * Fetch requests and responses as bytes: version 12, the last one that names topics, for one topic.
 * Owns the layout and its checks; the record sets stay where they are in the frame (record-set.ts
 * walks them), who asks for what is leader-fetch.ts.
 *
 *   request   replica i32 · wait i32 · min bytes i32 · max bytes i32 · isolation i8 · session i32 ·
 *             session epoch i32 · [topic [partition i32 · leader epoch i32 · offset i64 · last epoch
 *             i32 · log start i64 · max bytes i32 · tags] tags] · [forgotten] · rack · tags
 *   response  throttle i32 · error i16 · session i32 · [topic [partition i32 · error i16 · high
 *             watermark i64 · last stable i64 · log start i64 · [aborted: producer i64 · first i64 ·
 *             tags] · preferred replica i32 · record set · tags] tags] · tags
 *             tag 0 of a partition: diverging epoch i32 · its end i64 · tags
 *
 * `last epoch` is that of the last record before the offset: a leader whose log holds other records
 * there, or fewer, gives none and says where it diverges.
 *
 * No fetch sessions: a request of a hundred partitions has 4 kB, and each is asked for megabytes.
 */
import { ConnectorError } from '../../../base/errors.js';
import type { AbortedTransaction } from '../batch/record-set.js';

export const FETCH_KEY = 1;
export const FETCH_VERSION = 12;

export interface FetchRequest {
  readonly topic: string;
  /** How long the broker may wait for minBytes. */
  readonly waitMs: number;
  readonly minBytes: number;
  /** Of the response, unless its first batch alone is larger. */
  readonly maxBytes: number;
  readonly readCommitted: boolean;
  /** The rack of this client: a broker may name a closer replica. Empty: none. */
  readonly rack: string;
  /** The broker fills the response in this order. */
  readonly partitions: readonly FetchedFrom[];
}

export interface FetchedFrom {
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly offset: number;
  /** Leader epoch of the last batch before the offset; -1: not known, nothing is checked. */
  readonly lastEpoch: number;
  readonly maxBytes: number;
}

export interface FetchResponse {
  /** The client should not ask again for so long. */
  readonly throttleMs: number;
  /** Of the whole response. */
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Node to read this partition from instead; -1: none. */
  readonly preferredReplica: number;
  /** The leader's log does not hold what was read before the offset, from here on; -1: it does. */
  readonly divergesAt: number;
  /** The record set is bytes[from, to) of the frame. */
  readonly from: number;
  readonly to: number;
}

/** A tagged field of a partition: an epoch (i32), then its last offset + 1 (i64). */
const DIVERGING_EPOCH = 0;
const EPOCH_BYTES = 4;
const EPOCH_END_BYTES = 12;
const NO_ABORTED: readonly AbortedTransaction[] = [];
const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
/** Bytes of a request beside its names and partitions, at most. */
const FIXED_BYTES = 64;
const PARTITION_BYTES = 33;
/** Of a compact array that is null, and of one without elements. */
const NONE = 0;
const EMPTY = 1;

export function fetchRequest(request: FetchRequest): Uint8Array {
  const topic = textEncoder.encode(request.topic);
  const rack = textEncoder.encode(request.rack);
  const { partitions } = request;
  const bytes = new Uint8Array(
    FIXED_BYTES + topic.length + rack.length + partitions.length * PARTITION_BYTES,
  );
  const view = new DataView(bytes.buffer);
  view.setInt32(0, -1);
  view.setInt32(4, request.waitMs);
  view.setInt32(8, request.minBytes);
  view.setInt32(12, request.maxBytes);
  view.setInt8(16, request.readCommitted ? 1 : 0);
  // Session 0 with epoch -1: a request on its own.
  view.setInt32(17, 0);
  view.setInt32(21, -1);
  bytes[25] = 2;
  let at = writeBytes(bytes, 26, topic);
  at = writeVarint(bytes, at, partitions.length + 1);
  for (const from of partitions) at = writePartition(bytes, view, at, from);
  bytes[at] = NONE;
  bytes[at + 1] = EMPTY;
  at = writeBytes(bytes, at + 2, rack);
  bytes[at] = NONE;
  return bytes.subarray(0, at + 1);
}

function writePartition(bytes: Uint8Array, view: DataView, at: number, from: FetchedFrom): number {
  view.setInt32(at, from.partition);
  view.setInt32(at + 4, from.leaderEpoch);
  view.setBigInt64(at + 8, BigInt(from.offset));
  view.setInt32(at + 16, from.lastEpoch);
  view.setBigInt64(at + 20, -1n);
  view.setInt32(at + 28, from.maxBytes);
  bytes[at + 32] = NONE;
  return at + PARTITION_BYTES;
}

/** A compact string: its length + 1, then its bytes. */
function writeBytes(bytes: Uint8Array, at: number, text: Uint8Array): number {
  const from = writeVarint(bytes, at, text.length + 1);
  bytes.set(text, from);
  return from + text.length;
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let to = at;
  while (rest > 127) {
    bytes[to] = (rest & 127) | 128;
    rest >>>= 7;
    to += 1;
  }
  bytes[to] = rest;
  return to + 1;
}

/**
 * Reads the body bytes[from, to) of a response; what is of other topics is left out. O(partitions).
 * Throws ConnectorError KAFKA_RECORD_CORRUPT where lengths do not add up.
 */
export function parseFetchResponse(
  bytes: Uint8Array,
  from: number,
  to: number,
  topic: string,
): FetchResponse {
  const cursor = new ResponseCursor(bytes, from, to, topic);
  const throttleMs = cursor.int32();
  const errorCode = cursor.int16();
  cursor.int32();
  const partitions: FetchedPartition[] = [];
  for (let topics = cursor.count(); topics > 0; topics -= 1) {
    const wanted = cursor.text() === topic;
    for (let left = cursor.count(); left > 0; left -= 1) {
      const partition = readPartition(cursor);
      if (wanted) partitions.push(partition);
    }
    cursor.tags();
  }
  cursor.tags();
  return { throttleMs, errorCode, partitions };
}

function readPartition(cursor: ResponseCursor): FetchedPartition {
  const partition = cursor.int32();
  const errorCode = cursor.int16();
  const highWatermark = cursor.int64();
  const lastStableOffset = cursor.int64();
  const logStartOffset = cursor.int64();
  const aborted = readAborted(cursor);
  const preferredReplica = cursor.int32();
  const size = cursor.count();
  const from = cursor.advance(size);
  const divergesAt = cursor.divergesAt();
  return {
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    preferredReplica,
    divergesAt,
    from,
    to: from + size,
  };
}

function readAborted(cursor: ResponseCursor): readonly AbortedTransaction[] {
  const count = cursor.count();
  if (count === 0) return NO_ABORTED;
  const aborted: AbortedTransaction[] = [];
  for (let left = count; left > 0; left -= 1) {
    aborted.push({ producerId: cursor.int64(), firstOffset: cursor.int64() });
    cursor.tags();
  }
  return aborted;
}

class ResponseCursor {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly to: number;
  private readonly topic: string;
  private at: number;

  constructor(bytes: Uint8Array, from: number, to: number, topic: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = from;
    this.to = to;
    this.topic = topic;
  }

  int16(): number {
    return this.view.getInt16(this.advance(2));
  }

  int32(): number {
    return this.view.getInt32(this.advance(4));
  }

  /** An offset or an id, as a number: those that matter are below 2^53. */
  int64(): number {
    const at = this.advance(8);
    return this.view.getInt32(at) * 4_294_967_296 + this.view.getUint32(at + 4);
  }

  /** Elements or bytes of what follows; 0 too where it is null. */
  count(): number {
    return Math.max(0, this.varint() - 1);
  }

  text(): string {
    const length = this.count();
    const from = this.advance(length);
    return textDecoder.decode(this.bytes.subarray(from, from + length));
  }

  /** Tagged fields say what velo does not use: sessions, the leader of an epoch that ended. */
  tags(): void {
    for (let left = this.varint(); left > 0; left -= 1) {
      this.varint();
      this.advance(this.varint());
    }
  }

  /** Tagged fields of a partition: where its log diverges, -1 where it does not. */
  divergesAt(): number {
    let divergesAt = -1;
    for (let left = this.varint(); left > 0; left -= 1) {
      const tag = this.varint();
      const size = this.varint();
      const behind = this.at + size;
      if (tag === DIVERGING_EPOCH && size >= EPOCH_END_BYTES) {
        this.advance(EPOCH_BYTES);
        divergesAt = this.int64();
      }
      this.advance(behind - this.at);
    }
    return divergesAt;
  }

  /** Where the next `length` bytes begin; the cursor is behind them. */
  advance(length: number): number {
    const from = this.at;
    if (length > this.to - from) this.fail();
    this.at = from + length;
    return from;
  }

  private varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.advance(1)] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return this.fail();
  }

  private fail(): never {
    throw new ConnectorError('KAFKA_RECORD_CORRUPT', {
      message: `a fetch response of topic "${this.topic}" is shorter than it says`,
      hint: 'the broker or something between it and velo changed the bytes',
    });
  }
}
