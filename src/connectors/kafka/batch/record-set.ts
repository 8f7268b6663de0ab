/**
 * Walks the record batches (version 2) of one partition's fetched bytes into blocks: starts and
 * ends of values and keys within those bytes, without a copy or an object per record. Owns which
 * records count (from the fetch offset to the stop, no control records, no aborted ones), what a
 * batch must look like, and the position. The batch header is record-batch.ts, numbers are
 * record-cursor.ts, compressed batches record-codecs.ts, aborted transactions record-isolation.ts.
 * Fetching is not its business. @hot
 *
 *   record  length · attributes · timestamp Δ · offset Δ · key length · key · value length · value ·
 *           headers · (key length · key · value length · value)*        all numbers zigzag varints
 *
 * A block refers to one buffer: the fetched bytes, or a scratch that compressed batches are unpacked
 * into, one behind the other. What fill() gave is valid until the next fill(), begin() or release().
 */
import type { ConnectorError } from '../../../base/errors.js';
import { BLOCK_BYTES_MAX, RECORD_BYTES_MAX } from '../blocks/message-block.js';
import { TOO_LARGE } from '../blocks/message-block.js';
import type { MessageBlock, MessageParts } from '../blocks/message-block.js';
import * as batch from './record-batch.js';
import { CodecFault, GrowingBytes } from '../../../formats/codecs/growing-bytes.js';
import { batchChecksum } from './record-checksum.js';
import { DECOMPRESSED_BYTES_MAX, unpack } from './record-codecs.js';
import { codecError } from './record-codecs.js';
import { RecordCursor, RecordFault } from './record-cursor.js';
import { readHeaders } from './record-headers.js';
import { AbortedProducers } from './record-isolation.js';
import type { AbortedTransaction } from './record-isolation.js';

export { scanRecordSet } from './record-batch.js';
export type { AbortedTransaction } from './record-isolation.js';

export interface RecordSetOptions {
  readonly parts: MessageParts;
  /** Checks the CRC-32C of each batch. */
  readonly checkCrcs: boolean;
  readonly isolation: 'read_committed' | 'read_uncommitted';
  /** For errors: topic "t" partition 3. */
  readonly label: string;
}

export interface RecordSetStart {
  /** Records before it are skipped. */
  readonly firstOffset: number;
  /** The first offset that is not read any more; Infinity without an end. */
  readonly stop: number;
  /** The response's list, for read_committed. */
  readonly aborted: readonly AbortedTransaction[];
}

/** What the scratch holds. */
type ScratchUse = 'nothing' | 'batches';

/** Zigzag numbers as bytes. */
const ZERO = 0;
const MINUS_ONE = 1;
const NO_BYTES: Uint8Array = new Uint8Array(0);

export class RecordSetReader {
  /** Offset behind everything walked so far, also where it held no record for the reader. */
  nextOffset = 0;
  /** Records without a value: no row. Counts on from set to set. */
  tombstones = 0;
  private readonly options: RecordSetOptions;
  private readonly cursor = new RecordCursor();
  private readonly aborted = new AbortedProducers();
  private readonly scratch = new GrowingBytes();
  private scratchUse: ScratchUse = 'nothing';
  /** The set: bytes[setAt, setEnd) is still to be walked. */
  private set = NO_BYTES;
  private setAt = 0;
  private setEnd = 0;
  private stop = 0;
  /** The batch: its records are source[cursor.at, recordsEnd). */
  private source = NO_BYTES;
  private recordsEnd = 0;
  private recordsLeft = 0;
  private baseOffset = 0;
  private lastOffset = 0;
  private previousOffset = -1;
  /** A record's time is timeBase + timeScale · Δ: the scale is 0 where the broker set the times. */
  private timeBase = 0;
  private timeScale = 1;

  constructor(options: RecordSetOptions) {
    this.options = options;
  }

  /**
   * Begins the record set bytes[from, to) of a response. The bytes stay as they are until the set
   * is drained and the block of the last fill() is done with.
   */
  begin(bytes: Uint8Array, from: number, to: number, at: RecordSetStart): void {
    this.release();
    this.set = bytes;
    this.setAt = from;
    this.setEnd = to;
    this.nextOffset = at.firstOffset;
    this.stop = at.stop;
    this.recordsLeft = 0;
    this.aborted.begin(this.options.isolation === 'read_committed' ? at.aborted : []);
  }

  /** What fill() gave is not read any more, and the set is given up: frees memory. */
  release(): void {
    this.set = NO_BYTES;
    this.setAt = 0;
    this.setEnd = 0;
    this.source = NO_BYTES;
    this.recordsLeft = 0;
    this.dropScratch();
  }

  /**
   * Fills an empty block; false when the set is exhausted, with or without rows in the block.
   * Throws ConnectorError KAFKA_RECORD_CORRUPT, KAFKA_RECORD_FORMAT or KAFKA_CODEC; the block is
   * of no use then.
   */
  fill(block: MessageBlock): boolean {
    if (this.recordsLeft === 0 && this.scratchUse === 'batches') this.dropScratch();
    let exhausted = false;
    while (!block.full) {
      if (this.recordsLeft === 0) {
        const opened = this.openBatch(block);
        exhausted = opened === 'end';
        if (opened !== 'records') break;
      }
      this.walk(block);
    }
    if (block.rowCount > 0) {
      const copied = this.scratchUse !== 'nothing';
      block.refer(this.source, copied ? this.scratch.length : this.cursor.at);
    }
    return !exhausted;
  }

  /** Makes the next batch with records current, unless it lies in another buffer than the block. */
  private openBatch(block: MessageBlock): 'records' | 'other buffer' | 'end' {
    const { set, setEnd } = this;
    const { label, checkCrcs } = this.options;
    while (this.nextOffset < this.stop) {
      const at = this.setAt;
      const size = batch.wholeBatchBytes(set, at, setEnd, label);
      if (size === 0) break;
      this.baseOffset = batch.i64At(set, at);
      this.lastOffset = batch.lastOffsetAt(set, at);
      const count = batch.i32At(set, at + batch.RECORD_COUNT_AT);
      const attributes = batch.i16At(set, at + batch.ATTRIBUTES_AT);
      const codec = attributes & batch.CODEC_MASK;
      const wanted = count !== 0 && this.wants(at, attributes);
      if (wanted && block.rowCount > 0 && !this.joins(codec)) return 'other buffer';
      if (checkCrcs && batchChecksum(set, at, size) !== batch.i32At(set, at + batch.CRC_AT)) {
        throw this.corrupt('its checksum does not match');
      }
      if (count < 0) throw this.corrupt(`it has ${count} records`);
      this.setAt = at + size;
      if (wanted) {
        if (block.rowCount === 0 && this.scratchUse === 'batches') this.dropScratch();
        this.enter(at, size, attributes, count);
        return 'records';
      }
      if (count === 0 && size !== batch.BATCH_HEADER_BYTES) {
        throw this.corrupt('it has no records, but bytes of some');
      }
      if ((attributes & batch.CONTROL) !== 0) this.passControl(at, size, attributes, count);
      this.pass(this.lastOffset + 1);
    }
    return 'end';
  }

  /** Whether the reader gets records of the batch at `at`. */
  private wants(at: number, attributes: number): boolean {
    if ((attributes & batch.CONTROL) !== 0 || this.lastOffset < this.nextOffset) return false;
    if ((attributes & batch.TRANSACTIONAL) === 0) return true;
    return !this.aborted.includes(
      batch.i64At(this.set, at + batch.PRODUCER_ID_AT),
      this.lastOffset,
    );
  }

  /** Whether a batch can go into a block that has rows already. */
  private joins(codec: number): boolean {
    if (codec === 0) return this.scratchUse !== 'batches';
    return this.scratchUse === 'batches' && this.scratch.length < BLOCK_BYTES_MAX;
  }

  private enter(at: number, size: number, attributes: number, count: number): void {
    const { set, cursor, scratch } = this;
    const from = at + batch.BATCH_HEADER_BYTES;
    const codec = attributes & batch.CODEC_MASK;
    const appended = (attributes & batch.LOG_APPEND_TIME) !== 0;
    const timeAt = appended ? batch.MAX_TIMESTAMP_AT : batch.BASE_TIMESTAMP_AT;
    this.timeBase = batch.i64At(set, at + timeAt);
    this.timeScale = appended ? 0 : 1;
    this.previousOffset = this.baseOffset - 1;
    if (codec === 0) {
      if (this.scratchUse === 'batches') this.dropScratch();
      this.source = set;
      cursor.at = from;
      this.recordsEnd = at + size;
    } else {
      cursor.at = scratch.length;
      this.unpackRecords(codec, from, at + size);
      this.source = scratch.bytes;
      this.scratchUse = 'batches';
      this.recordsEnd = scratch.length;
    }
    this.recordsLeft = count;
  }

  private unpackRecords(codec: number, from: number, to: number): void {
    this.scratch.limitTo(DECOMPRESSED_BYTES_MAX);
    try {
      unpack(codec, this.set, from, to, this.scratch);
    } catch (error) {
      if (!(error instanceof CodecFault)) throw error;
      if (error.kind === 'corrupt') throw this.corrupt(error.message);
      throw codecError(this.options.label, this.baseOffset, error);
    }
  }

  /** Moves behind a control batch; an abort marker ends its producer's aborted transaction. */
  private passControl(at: number, size: number, attributes: number, count: number): void {
    const { set, cursor } = this;
    if (count === 0) return;
    if ((attributes & batch.CODEC_MASK) !== 0) throw this.corrupt('a compressed control batch');
    const end = at + size;
    cursor.at = at + batch.BATCH_HEADER_BYTES;
    try {
      cursor.skip(cursor.int(set, end), end);
      cursor.at = at + batch.BATCH_HEADER_BYTES;
      cursor.int(set, end);
      cursor.skip(1, end);
      cursor.long(set, end);
      cursor.int(set, end);
      const keyLength = cursor.int(set, end);
      cursor.skip(keyLength, end);
      // i16 version, i16 type: 0 aborts, 1 commits, others are the broker's own affairs.
      if (keyLength < 4) throw new RecordFault(`a control record with a key of ${keyLength} bytes`);
      if (batch.i16At(set, cursor.at - keyLength + 2) !== 0) return;
    } catch (error) {
      throw this.asCorrupt(error);
    }
    this.aborted.ended(batch.i64At(set, at + batch.PRODUCER_ID_AT), this.lastOffset);
  }

  /** Appends records of the current batch until it or the room in the block ends. */
  private walk(block: MessageBlock): void {
    try {
      this.walkRecords(block);
      if (this.recordsLeft > 0) return;
      if (this.cursor.at !== this.recordsEnd) {
        throw new RecordFault('there are bytes behind its last record');
      }
    } catch (error) {
      throw this.asCorrupt(error);
    }
    this.pass(this.lastOffset + 1);
  }

  private walkRecords(block: MessageBlock): void {
    const { starts, ends, offsets, timestampsMs } = block;
    const { cursor, baseOffset, lastOffset, recordsEnd, timeBase, timeScale, stop } = this;
    const { keys, headers } = this.options.parts;
    const rowsMax = starts.length;
    const bytes = this.source;
    let row = block.rowCount;
    let left = this.recordsLeft;
    let next = this.nextOffset;
    let previous = this.previousOffset;
    while (left > 0 && row < rowsMax) {
      const length = cursor.int(bytes, recordsEnd);
      if (length < 0 || length > recordsEnd - cursor.at) {
        throw new RecordFault(`a record of ${length} bytes`);
      }
      const end = cursor.at + length;
      cursor.at += 1;
      const timeDelta = cursor.long(bytes, end);
      const offset = baseOffset + cursor.int(bytes, end);
      if (offset <= previous || offset > lastOffset) {
        throw new RecordFault(`offset ${offset} does not ascend`);
      }
      previous = offset;
      const keyLength = cursor.passes(MINUS_ONE, bytes, end) ? -1 : cursor.int(bytes, end);
      const keyAt = cursor.at;
      if (keyLength !== -1) cursor.skip(keyLength, end);
      const valueLength = cursor.int(bytes, end);
      const valueAt = cursor.at;
      if (valueLength !== -1) cursor.skip(valueLength, end);
      const headerCount = cursor.passes(ZERO, bytes, end) ? 0 : cursor.int(bytes, end);
      const headersAt = cursor.at;
      if (headerCount !== 0) cursor.skipHeaders(bytes, headerCount, end);
      if (cursor.at !== end) throw new RecordFault('a record is longer than its fields');
      left -= 1;
      if (offset < next) continue;
      if (offset >= stop) {
        next = stop;
        left = 0;
        cursor.at = recordsEnd;
        break;
      }
      next = offset + 1;
      if (valueLength === -1) {
        this.tombstones += 1;
        continue;
      }
      starts[row] = valueAt;
      ends[row] = valueLength > RECORD_BYTES_MAX ? TOO_LARGE : valueAt + valueLength;
      if (valueLength > RECORD_BYTES_MAX) block.tooLargeBytes = valueLength;
      offsets[row] = offset;
      timestampsMs[row] = timeBase + timeScale * timeDelta;
      if (headers) block.headers.push(readHeaders(bytes, headersAt, headerCount));
      if (keys) placeKey(block, row, keyAt, keyLength);
      row += 1;
    }
    block.rowCount = row;
    this.recordsLeft = left;
    this.nextOffset = next;
    this.previousOffset = previous;
  }

  private dropScratch(): void {
    this.scratch.release();
    this.scratchUse = 'nothing';
  }

  private pass(nextOffset: number): void {
    this.nextOffset = Math.min(Math.max(this.nextOffset, nextOffset), this.stop);
  }

  private corrupt(why: string): ConnectorError {
    return batch.corruptBatch(this.options.label, this.baseOffset, why);
  }

  private asCorrupt(error: unknown): unknown {
    return error instanceof RecordFault ? this.corrupt(error.message) : error;
  }
}

/** Notes where a key lies. */
function placeKey(block: MessageBlock, row: number, at: number, length: number): void {
  block.keyNulls[row] = length < 0 ? 1 : 0;
  block.keyStarts[row] = at;
  block.keyLengths[row] = length < 0 ? 0 : length;
}
