/**
 * The most bytes that a record batch of a topic may have: the topic's 'max.message.bytes', as far as
 * somebody tells, or what refusals have taught. Owns the number that batches are sealed and cut by;
 * who asks the broker is open-delivery.ts and produce-sender.ts, cutting is batch-split.ts.
 *
 * The broker measures a batch as it is sent. Compressed ones are cut by what the refused one was
 * compressed to, less a tenth, because smaller batches compress less; a refusal of what should have
 * fitted makes it less again.
 */
import { BATCH_HEADER_BYTES } from '../batch/record-batch.js';
import type { BatchCompressor } from './produce-batch.js';

const COMPRESSED_SHARE = 0.9;

/** A batch that was refused: its bytes as they were sent, and before compression. */
export interface RefusedBatch {
  readonly bytes: Uint8Array;
  readonly writer: { readonly byteLength: number };
}

export class BatchLimit {
  /** Of a batch as it is sent; null: nobody has told. */
  bytesMax: number | null;
  /** Of a batch before compression, from two records on. */
  plainBytesMax = Number.POSITIVE_INFINITY;
  private readonly compressor: BatchCompressor | null;

  constructor(bytesMax: number | null, compressor: BatchCompressor | null) {
    this.compressor = compressor;
    this.bytesMax = null;
    this.learn(bytesMax);
  }

  /** The topic's setting; null: it is not told. */
  learn(bytesMax: number | null): void {
    if (bytesMax === null) return;
    this.bytesMax = bytesMax;
    if (this.compressor === null) this.plainBytesMax = Math.min(this.plainBytesMax, bytesMax);
  }

  /** Whether the limit that is known does not explain the refusal: the topic's may have changed. */
  isNews({ bytes }: RefusedBatch): boolean {
    return this.bytesMax === null || bytes.length <= this.bytesMax;
  }

  refused({ bytes, writer }: RefusedBatch): void {
    const { bytesMax, compressor } = this;
    const plainBytes = writer.byteLength;
    let fits = plainBytes >> 1;
    if (bytesMax !== null && bytes.length > bytesMax) {
      fits = (bytesMax * plainBytes) / bytes.length;
      if (compressor !== null) fits *= COMPRESSED_SHARE;
    }
    this.plainBytesMax = Math.max(1, Math.min(this.plainBytesMax, Math.floor(fits)));
  }

  /** Whether a record of so many bytes surely fits into no batch; `records` gives it alone. */
  excludes(recordBytes: number, records: () => Uint8Array): boolean {
    const { bytesMax, compressor } = this;
    if (bytesMax === null || BATCH_HEADER_BYTES + recordBytes <= bytesMax) return false;
    if (compressor === null) return true;
    return BATCH_HEADER_BYTES + compressor.compress(records()).length > bytesMax;
  }
}
