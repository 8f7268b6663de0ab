/**
 * A record batch that the broker refuses as too large, as two: the same records in the same order,
 * under the sequence numbers that they had. Owns the walk over records that were just written and
 * are not compressed; writing is produce-batch.ts. @hot
 *
 * Sequence numbers count records, not batches. So halves of a batch that was not stored fit where
 * it was, and the batches behind it keep their numbers.
 */
import { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import { RecordBatchWriter } from './produce-batch.js';
import { BATCH_HEADER_BYTES } from '../batch/record-batch.js';

/** Two writers with the records of one. The given one is left as it is. */
export function splitRecords(writer: RecordBatchWriter): readonly RecordBatchWriter[] {
  const { out, rows, baseTimestampMs } = writer;
  const parts = [
    new RecordBatchWriter((out.length >> 1) + 4096),
    new RecordBatchWriter((out.length >> 1) + 4096),
  ];
  const walk = new RecordWalk(out.bytes.subarray(0, out.length), BATCH_HEADER_BYTES);
  for (let row = 0; row < rows; row += 1) {
    walk.next();
    const part = parts[row < rows >> 1 ? 0 : 1]!;
    const { bytes, key, keyLength, value, valueLength, headers, end } = walk;
    part.beginRecord(bytes.subarray(key), keyLength, baseTimestampMs + walk.timestampDelta);
    const tail = new ByteBuffer(end - headers);
    tail.appendBytes(bytes, headers, end);
    if (valueLength < 0) {
      part.endWithoutValue(tail);
    } else {
      part.out.appendBytes(bytes, value, value + valueLength);
      part.endRecord(tail);
    }
  }
  return parts;
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
