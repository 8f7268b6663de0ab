/**
 * The sink contract: takes batches in order, copies or encodes what it keeps before write()
 * returns, and says when it wants a pause. What it cannot write it reports as ConnectorError.
 */
import type { Batch } from '../columnar/batch.js';
import type { RowEncoding } from '../formats/encoder.js';
import type { SinkCommits } from './sink-commits.js';
import type { DigestSummary } from './blackhole/row-digest.js';
import type { ResultUpdates } from '../plan/pipeline/result-updates.js';
import type { Schema } from '../plan/schema.js';
import type { TableDefinition } from '../plan/schema.js';

export interface SinkRequest {
  /** null: stdout. */
  readonly table: TableDefinition | null;
  readonly schema: Schema;
  readonly keyColumns: readonly number[];
  /** Write −U/−D rows and an `op` column; otherwise rows with −U or −D are left out. */
  readonly changelog: boolean;
  /** How rows that update the result are told apart. Default: none do, or nothing tells. */
  readonly updates?: ResultUpdates | null;
  /** The job does not end by itself: rows are to be seen as they come. Default: false. */
  readonly endless?: boolean;
  /**
   * The job keeps checkpoints: rows are seen as they come, and what was written stays when the job
   * fails. `resume`: the position() of the checkpoint that it goes on from; null: it begins.
   * `commits`: what rows are written through that are seen with their state; null: none are.
   * Default: it keeps none.
   */
  readonly checkpoints?: {
    readonly resume: string | null;
    readonly commits: SinkCommits | null;
  } | null;
  readonly notice: (line: string) => void;
}

export interface Sink {
  /** Rows appear only when the sink is closed; otherwise as they are flushed. */
  readonly publishesAtEnd?: boolean;
  write(batch: Batch): void;
  /** How its rows are encoded, where others may do that: then it takes encoded rows too. */
  readonly encoding?: RowEncoding | null;
  /** In place of a batch `bytes[start, end)`, which are `rows` rows; copied before it returns. */
  writeEncoded?(bytes: Uint8Array, start: number, end: number, rows: number): void;
  /** null: go on. A promise: wait for it before the next write (backpressure). */
  pressure(): Promise<void> | null;
  /** Hands on what is buffered without waiting; called every few milliseconds and on pauses. */
  handOn?(): void;
  /** All rows written so far are out (delivered, on disk). */
  flush(): Promise<void>;
  /**
   * After flush(): plain text with which a sink that is opened later (SinkRequest.resume) goes on
   * behind exactly these rows. A sink without it, or null, writes rows again that came after a
   * checkpoint.
   */
  position?(): string | null;
  /** The job is stopped by its user: from now on what stands still is given up sooner. */
  hurry?(): void;
  /** Flushes and releases; the sink is complete afterwards. */
  close(): Promise<void>;
  /** The job failed: releases without publishing. A sink without it is closed instead. */
  abandon?(): Promise<void>;
  /** Rows written (after leaving out hidden changelog rows). */
  rowsWritten(): number;
  /**
   * How many of these have left for good, of a sink whose reader may go away without an error. Of
   * others all have after flush().
   */
  rowsDelivered?(): number;
  /** Bytes of these rows as they were encoded, of a sink that encodes. */
  bytesWritten?(): number;
  /** What the rows add up to, of a sink that digests them. */
  summary?(): DigestSummary;
}
