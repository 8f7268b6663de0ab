/**
 * A topic as numbered blocks of undecoded records: what reading needs of a way to Kafka. Owns the
 * contract only; block-source.ts fulfils it through librdkafka, columnar-blocks.ts through Fetch
 * requests of our own.
 */
import type { MessageBlockView } from './message-wire.js';

export interface KafkaBlocks {
  readonly bounded: boolean;
  readonly topic: string;
  readonly path: 'columnar' | 'librdkafka';
  /** One per partition that is read, in their order. */
  readonly splits: readonly KafkaSplitBlocks[];
  /** With a group id: commits what is finished; resolves when the broker agreed. */
  commit(): Promise<void>;
  close(): Promise<void>;
}

export interface KafkaSplitBlocks {
  /** Number of the partition. */
  readonly split: number;
  /** The next block, valid until the next call; the first call of any split begins to fetch. */
  next(): MessageBlockView | 'wait' | 'end';
  /** Resolves when next() may give something else than 'wait'. */
  ready(): Promise<void>;
  /** Offset of the next record that was not handed out. */
  position(): string;
  /** Before the first next(): start at a position() of an earlier run. */
  seek(position: string): void;
  /** Records handed out so far. */
  rowsRead(): number;
  /** Receivers have finished every record before this offset: it may be committed. */
  finishedThrough(nextOffset: number): void;
}
