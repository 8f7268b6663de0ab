/**
 * Records of one sink on their way to a topic in transactions: two columnar producers, one for each
 * transactional id of the job, of which one takes records at a time. Owns only that turn; whose it
 * is job-transactions.ts says, everything about records is columnar-producer.ts.
 */
import type { SqlMap } from '../../../columnar/types.js';
import type { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import type { ColumnarProducer } from '../produce/columnar-producer.js';
import type { RecordDelivery } from '../record/record-delivery.js';

export interface TransactionalParts {
  readonly producers: readonly ColumnarProducer[];
  /** Index of the one whose transaction takes rows now. */
  readonly current: () => number;
  readonly hurry: () => void;
  readonly close: () => Promise<void>;
}

export class TransactionalDelivery implements RecordDelivery {
  readonly path = 'columnar';
  private readonly parts: TransactionalParts;

  constructor(parts: TransactionalParts) {
    this.parts = parts;
  }

  get acknowledged(): number {
    return this.parts.producers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  begin(key: ByteBuffer | null, timestampMs: number): ByteBuffer {
    return this.producer.begin(key, timestampMs);
  }

  end(headers: SqlMap | null): void {
    this.producer.end(headers);
  }

  endWithoutValue(headers: SqlMap | null): void {
    this.producer.endWithoutValue(headers);
  }

  drop(): void {
    this.producer.drop();
  }

  pressure(): Promise<void> | null {
    return this.producer.pressure();
  }

  hurry(patienceMs: number): void {
    for (const producer of this.parts.producers) producer.hurry(patienceMs);
    this.parts.hurry();
  }

  /** What was written before the turn went round is out already: it was sealed. */
  flush(): Promise<void> {
    return this.producer.flush();
  }

  /** Without a flush: rows that no state was kept for are taken back. */
  async close(): Promise<void> {
    for (const producer of this.parts.producers) await producer.release();
    await this.parts.close();
  }

  private get producer(): ColumnarProducer {
    // Checked boundary: there are two.
    return this.parts.producers[this.parts.current()] as ColumnarProducer;
  }
}
