/**
 * A topic as numbered blocks of undecoded records: what reading needs of a way to Kafka, and what
 * such a way consists of. Owns the contracts only; block-source.ts fulfils the first over the
 * second, which rdkafka-reader.ts is through librdkafka and fetch-reader.ts through Fetch requests of
 * our own.
 */
import type { Clock } from '../../../base/clock.js';
import type { PartitionRange } from '../../source.js';
import type { MessageBlock, MessageParts } from './message-block.js';
import type { MessageBlockView } from './message-wire.js';
import type { KafkaReadOptions } from '../settings/table-options.js';

/**
 * Finishes what was handed out: resolves when it is, and finishedThrough() was told. Of `going`,
 * partitions that are about to be given back, what nobody has begun with may be dropped instead:
 * their next owner reads it.
 */
export type Settle = (going: readonly number[]) => Promise<void>;

/** What is to be read. */
export interface BlocksRequest {
  readonly options: KafkaReadOptions;
  readonly parts: MessageParts;
  /** Most records per block. */
  readonly rowsMax: number;
  readonly clock: Clock;
  readonly notice: (line: string) => void;
  /** Only these partitions; null: all. */
  readonly partitions: readonly number[] | null;
  /** Where they start and stop, resolved before; null: at opening, as the options say. */
  readonly ranges: readonly PartitionRange[] | null;
  /** Partitions that the topic gets while it is read without end are read too; else only named. */
  readonly grows: boolean;
  /** The topics of the splits, as main found them; null: they are found at opening. */
  readonly found: readonly string[] | null;
  /** Of so many topics that are read together, whose memory is shared out. */
  readonly share: number;
  /** Whether a group's members may share the topic (SourceRequest.group); null: no membership. */
  readonly group: 'shared' | 'whole' | null;
}

export interface KafkaBlocks {
  readonly bounded: boolean;
  readonly topic: string;
  readonly path: 'columnar' | 'librdkafka';
  /**
   * One per partition that is read, in their order; while a read without end runs, those of
   * partitions that the topic has got since are appended, and every split's ready() resolves.
   */
  readonly splits: readonly KafkaSplitBlocks[];
  /** With a group id: commits what is finished; resolves when the broker agreed. */
  commit(): Promise<void>;
  /** The job is stopped: a broker that does not answer is not waited for any longer. */
  hurry(): void;
  /** Only of a member of a group, whose partitions change while it reads. */
  settleWith?(settle: Settle): void;
  close(): Promise<void>;
}

export interface KafkaSplitBlocks {
  /** Number of the partition; of several topics, of the partition among all of theirs. */
  readonly split: number;
  /** Name of the topic. */
  readonly topic: string;
  /** Where it starts and stops, as resolved at opening (a later seek() does not show here). */
  readonly range: PartitionRange;
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
  /** Offsets between the next record and the end of the log, as it was seen last; null: unknown. */
  lag(): number | null;
  /** Receivers have finished every record before this offset: it may be committed. */
  finishedThrough(nextOffset: number): void;
}

/** A way to fetch, as block-source.ts drives it: queues that are filled while they have room. */
export interface RecordFetcher {
  /** Partitions that are added while it reads are appended. */
  readonly queues: readonly RecordQueue[];
  /** What ended reading; the readers throw it. */
  readonly failure: Error | null;
  /** Records without a value, which give no row. */
  readonly tombstones: number;
  /** Begins to fetch, once. Positions are final from here on. */
  start(): void;
  /** A reader took a block or waits for one. */
  drained(): void;
  /** Commits the partitions' positions to the group, those that moved. */
  commit(positionOf: (partition: number) => number): Promise<void>;
  /** The job is stopped: a broker that does not answer is not waited for any longer. */
  hurry(): void;
  close(): Promise<void>;
}

/** The fetched records of one partition, each offset once and in order. */
export interface RecordQueue {
  readonly partition: number;
  readonly range: PartitionRange;
  /** Everything up to the stop offset was fetched. */
  readonly complete: boolean;
  /** Offset of the next record that take() has not handed out. */
  readonly position: number;
  /** Offset behind the last record that take() has handed out. */
  readonly handedTo: number;
  /** End of the log for this reader, as the broker said last; -1: it has not, or nobody asks. */
  readonly logEnd: number;
  /** Before anything was fetched: start elsewhere. */
  startAt(offset: number): void;
  /** The oldest block, or null. The caller gives it back with release(). */
  take(): MessageBlock | null;
  release(block: MessageBlock): void;
  /** Resolves when there is a block, the end or a failure. */
  ready(): Promise<void>;
}
