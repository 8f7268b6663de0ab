/**
 * A record batch that is too large for its topic, as several: the same records in the same order,
 * under the sequence numbers that they had; and the record too many of an open one. Owns the walk
 * over records that were just written and are not compressed; writing is produce-batch.ts, how large
 * a batch may be is batch-limit.ts. @hot
 *
 * Sequence numbers count records, not batches. So parts of a batch that was not stored fit where
 * it was, and the batches behind it keep their numbers.
 */
import { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import { RecordBatchWriter } from './produce-batch.js';
import { BATCH_HEADER_BYTES } from '../batch/record-batch.js';

/** For a record that is written before it is known to be too many. */
const SPARE_BYTES = 4096;

/**
 * Writers with the records of one, each of at most so many bytes, or of one record. The given one
 * is left as it is.
 */
export function splitRecords(writer: RecordBatchWriter, bytesMax: number): RecordBatchWriter[] {
  const { out, rows } = writer;
  const room = Math.min(out.length, bytesMax) + SPARE_BYTES;
  let part = new RecordBatchWriter(room);
  const parts = [part];
  const walk = new RecordWalk(out.bytes.subarray(0, out.length), BATCH_HEADER_BYTES);
  for (let row = 0; row < rows; row += 1) {
    walk.next();
    const from = part.byteLength;
    copyRecord(walk, writer, part);
    if (part.byteLength <= bytesMax || part.rows === 1) continue;
    part.cutRecord(from);
    part = new RecordBatchWriter(room);
    parts.push(part);
    copyRecord(walk, writer, part);
  }
  return parts;
}

/** Moves the last record of a batch, which begins at `from`, into an empty one. */
export function carryRecord(
  writer: RecordBatchWriter,
  from: number,
  target: RecordBatchWriter,
): void {
  const walk = new RecordWalk(writer.out.bytes.subarray(0, writer.out.length), from);
  walk.next();
  copyRecord(walk, writer, target);
  writer.cutRecord(from);
}

function copyRecord(
  walk: RecordWalk,
  { baseTimestampMs }: RecordBatchWriter,
  target: RecordBatchWriter,
): void {
  const { bytes, key, keyLength, value, valueLength, headers, end } = walk;
  target.beginRecord(bytes.subarray(key), keyLength, baseTimestampMs + walk.timestampDelta);
  const tail = new ByteBuffer(end - headers);
  tail.appendBytes(bytes, headers, end);
  if (valueLength < 0) {
    target.endWithoutValue(tail);
  } else {
    target.out.appendBytes(bytes, value, value + valueLength);
    target.endRecord(tail);
  }
}

/** One record after the other, as places within the bytes. */
class RecordWalk {
  readonly bytes: Uint8Array;
  timestampDelta = 0;
  key = 0;
  keyLength = 0;
  value = 0;
  valueLength = 0;
  /** Their count and they themselves, up to `end`. */
  headers = 0;
  end = 0;
  private at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes;
    this.at = start;
  }

  next(): void {
    const length = this.varint();
    this.end = this.at + length;
    this.at += 1;
    this.timestampDelta = this.varint();
    this.varint();
    this.keyLength = this.varint();
    this.key = this.at;
    this.at += Math.max(0, this.keyLength);
    this.valueLength = this.varint();
    this.value = this.at;
    this.headers = this.at + Math.max(0, this.valueLength);
    this.at = this.end;
  }

  /** A zigzag varint of a safe integer. */
  private varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.bytes[this.at]!;
      this.at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
