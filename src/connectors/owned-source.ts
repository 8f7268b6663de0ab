/**
 * Sources whose splits are dealt out to workers, each of which reads its own. Owns the contract of
 * such a split: to find the next block and to decode it are two steps, so that a worker looks for
 * blocks of its splits first, then takes its turn with one of them and decodes that. What is read
 * this way is Kafka's columnar fetch: kafka/owned-topic.ts.
 */
import type { Batch } from '../columnar/batch.js';

export interface OwnedSplit {
  /** Source partition number: _PARTITION. */
  readonly split: number;
  /**
   * Looks for the next block. 'wait': nothing now, see ready(); 'end': no more, ever. The batch of
   * the block before is invalid from here on. Throws what the source fails with.
   */
  find(): 'block' | 'wait' | 'end';
  /** Behind the last record of the block that was found: where a restart would go on after it. */
  readonly nextPosition: number;
  /**
   * Decodes the block that was found, once. Failed rows are reported to request.errors and not
   * selected, as by SplitReader.next(); the batch is valid until the next find() of this split or
   * read() of any split.
   */
  read(): Batch;
  /** After 'wait': resolves when find() may give something else. */
  ready(): Promise<void>;
  /** As SplitReader.lag(). */
  lag(): number | null;
  /** Position of the next record, as SplitReader.position(). */
  position(): string;
  /** Before the first find(): start from a position() of an earlier run. */
  seek(position: string): void;
}

export interface OwnedSource {
  readonly splits: readonly OwnedSplit[];
  close(): Promise<void>;
}
