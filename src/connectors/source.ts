/**
 * The source contract. A source has splits (source partitions), each an ordered sequence of
 * blocks; a split hands out batches synchronously while it has data and says otherwise what to
 * wait for. Decoding happens here (through formats/), evaluation does not. No source knows
 * operators; the processor owns the loop.
 */
import type { Batch } from '../columnar/batch.js';
import type { Clock } from '../base/clock.js';
import type { RecordErrors } from '../runtime/operator.js';
import type { SystemColumn, TableDefinition } from '../plan/schema.js';

export interface SourceRequest {
  readonly table: TableDefinition;
  /** Indexes into table.physical that the query needs, in output order. */
  readonly physical: readonly number[];
  /** System columns, output behind the physical ones. */
  readonly system: readonly SystemColumn[];
  /** Most physical rows per batch, 1 … BATCH_ROWS_MAX. */
  readonly batchRowsMax: number;
  readonly errors: RecordErrors;
  readonly clock: Clock;
  /** Talk for the user (reconnects, fallbacks), one line each. */
  readonly notice: (line: string) => void;
  /** Rows per second of generator tables, instead of their 'rows-per-second'. */
  readonly rate?: number;
  /** Kafka: only these partitions, a worker's share of them. Absent: all. */
  readonly partitions?: readonly number[];
  /**
   * Kafka: where partitions start and stop, resolved before for all workers that share them, so
   * that they agree. Absent: resolved at opening.
   */
  readonly ranges?: readonly PartitionRange[];
  /** The splits by name as main found them, for workers, so that all open the same. */
  readonly splitNames?: readonly string[];
  /**
   * Kafka, with a group id and no start of the table's own: whether members of the group may share
   * the topic ('shared'), or this query needs all of it because state, or rows that are not yet
   * published, would be lost with a partition ('whole'). Absent: the group only keeps offsets.
   */
  readonly group?: 'shared' | 'whole';
}

/** How much of a split was read, in a unit of its source's own: rows, bytes, offsets. */
export interface ReadProgress {
  readonly done: number;
  readonly total: number;
}

/** What is read of a partition of a topic. */
export interface PartitionRange {
  readonly partition: number;
  readonly start: number;
  /** First offset that is not read any more; Infinity = unbounded. */
  readonly stop: number;
}

export interface Source {
  readonly bounded: boolean;
  /**
   * All splits known at opening; a source without end may append some later, and then every
   * split's ready() resolves.
   */
  readonly splits: readonly SplitReader[];
  /** Called now and then with positions that are safe to commit (consumer groups). */
  commit(): Promise<void>;
  /** The job is stopped by its user: whoever does not answer is not waited for any longer. */
  hurry?(): void;
  /** Kafka, in a group: how whatever was handed out gets finished, before a partition goes. */
  settleWith?(settle: () => Promise<void>): void;
  close(): Promise<void>;
}

/** 'wait': nothing now, call ready(); 'end': no more, ever. */
export type NextBatch = Batch | 'wait' | 'end';

/** When the first and the last row of a block were due, in the clock's monotonic nanoseconds. */
export interface DueTimes {
  readonly first: number;
  readonly last: number;
}

export interface SplitReader {
  /** Source partition number: _PARTITION; of several topics see columnar/record-place.ts. */
  readonly split: number;
  /** Of a source whose splits have names of their own: its file or topic. Default: the table's. */
  readonly sourceName?: string;
  /**
   * The next batch, valid until the next call. Failed rows are already reported to
   * request.errors and are not selected (batch.failed marks them).
   * header.split, sequence, firstOffset, offsets, ingestTimeMs, sourceName and rawRecord are set
   * here; the watermark fields are the watermark operator's.
   */
  next(): NextBatch;
  /** Resolves when next() may give something else than 'wait'. */
  ready(): Promise<void>;
  /**
   * After 'wait': ms until next() will have rows, a fraction; for a table with a rate. Who has no
   * such method is asked to be ready().
   */
  dueInMs?(): number;
  /** Position of the next record, for snapshots: plain text that seek() takes. */
  position(): string;
  /** Before the first next(): start from a position() of an earlier run. */
  seek(position: string): void;
  /** Rows of everything before this position() have left the sink: it may be committed. */
  finished?(position: string): void;
  /** Records handed out so far, failed ones included. */
  rowsRead(): number;
  /** Records, or about so many, that are there and were not handed out; null or absent: unknown. */
  lag?(): number | null;
  /** How far it is; null or absent: it has no end that is known. */
  progress?(): ReadProgress | null;
  /** When the rows of the last batch were due, for a table with a rate; else null. */
  dueNs?(): DueTimes | null;
  /** Nobody takes batches any more, though the job may go on: what others wait for is let go. */
  letGo?(): void;
}
