/**
 * Raw records in a block, so that a receiver can write a dead letter for a row that fails there.
 * Owns their gathering into one buffer: a source shows records one at a time. Only for jobs with
 * dead letters; it allocates per row. @hot
 */
import type { BlockMemory } from '../../../columnar/arena.js';
import type { BatchHeader } from '../../../columnar/batch.js';
import type { ShippedRows } from './wire-columns.js';
import type { TextSource } from './wire-text.js';
import { putTexts, sizeOfTexts, takeTexts } from './wire-text.js';

export class RawWriter {
  private bytes = new Uint8Array(4096);
  private offsets: Int32Array = new Int32Array(0);
  private lengths: Int32Array = new Int32Array(0);

  size(header: BatchHeader, shipped: ShippedRows): number {
    const { rawRecord } = header;
    if (rawRecord === null) return 0;
    let bytes = 0;
    for (let k = 0; k < shipped.count; k += 1) bytes += rawRecord(shipped.rows[k]!).length;
    return sizeOfTexts(shipped.rowCount, bytes);
  }

  write(header: BatchHeader, shipped: ShippedRows, memory: BlockMemory, at: number): number {
    const { rows, count, rowCount } = shipped;
    return putTexts(memory, at, this.gather(header, shipped), rows, count, rowCount);
  }

  private gather(header: BatchHeader, shipped: ShippedRows): TextSource {
    const { rawRecord } = header;
    const { rows, count, rowCount } = shipped;
    if (this.offsets.length < rowCount) {
      this.offsets = new Int32Array(rowCount);
      this.lengths = new Int32Array(rowCount);
    }
    let used = 0;
    for (let k = 0; k < count && rawRecord !== null; k += 1) {
      const row = rows[k]!;
      const record = rawRecord(row);
      this.reserve(used + record.length, used);
      this.bytes.set(record, used);
      this.offsets[row] = used;
      this.lengths[row] = record.length;
      used += record.length;
    }
    const { bytes, offsets, lengths } = this;
    return { bytes, offsets, lengths, codes: null, nulls: null };
  }

  private reserve(length: number, used: number): void {
    if (length <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, length));
    grown.set(this.bytes.subarray(0, used));
    this.bytes = grown;
  }
}

export class RawReader {
  private readonly texts = {
    bytes: new Uint8Array(0),
    offsets: new Int32Array(0),
    lengths: new Int32Array(0),
  };

  read(memory: BlockMemory, at: number, rowCount: number): number {
    return takeTexts(memory, at, rowCount, this.texts);
  }

  /** A view of the block: copy what you keep. */
  record(row: number): Uint8Array {
    const { bytes, offsets, lengths } = this.texts;
    return bytes.subarray(offsets[row]!, offsets[row]! + lengths[row]!);
  }
}
