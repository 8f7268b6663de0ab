/**
 * Sources whose blocks main takes and hands on to workers as bytes, or whose positions it commits.
 * Owns the contract; the only such source yet is a topic, kafka/blocks. A worker turns the bytes of
 * a block into a batch with a FedDecoder.
 */
import type { Batch } from '../columnar/batch.js';
import type { PartitionRange } from './source.js';

/** A block of records as its source holds it, valid until the next one of its split. */
export interface FedBlock {
  readonly split: number;
  /** Position of the record behind it. */
  readonly nextOffset: number;
}

export interface SourceBlocks {
  /** In their order; a read without end may append some. */
  readonly splits: readonly FedSplit[];
  /** Bytes that writeBlock() takes. */
  blockBytes(block: FedBlock): number;
  /** Writes the block for a FedDecoder to `target[at …]`. */
  writeBlock(block: FedBlock, target: Uint8Array, at: number): void;
  /** Commits what is finished; resolves when the other side agreed. */
  commit(): Promise<void>;
  /** The job is stopped by its user: whoever does not answer is not waited for any longer. */
  hurry(): void;
  /**
   * Only where splits come and go while they are read. `settle` finishes what was handed out:
   * it resolves when that is so and finishedThrough() was told. Of `going`, splits that are about
   * to be given back, what nobody has begun with may be dropped instead.
   */
  settleWith?(settle: (going: readonly number[]) => Promise<void>): void;
  close(): Promise<void>;
}

export interface FedSplit {
  /** Source partition number: _PARTITION. */
  readonly split: number;
  /** Where it starts and stops, as resolved at opening. */
  readonly range: PartitionRange;
  next(): FedBlock | 'wait' | 'end';
  /** Resolves when next() may give something else than 'wait'. */
  ready(): Promise<void>;
  /** As SplitReader.lag(). */
  lag(): number | null;
  /** Position of the next record that was not handed out. */
  position(): string;
  /** Before the first next(): start at a position() of an earlier run. */
  seek(position: string): void;
  /** Receivers have finished every record before this offset: it may be committed. */
  finishedThrough(nextOffset: number): void;
}

/** Turns the bytes of a block into a batch that needs them no more. */
export interface FedDecoder {
  decode(bytes: Uint8Array, at: number): Batch;
}
