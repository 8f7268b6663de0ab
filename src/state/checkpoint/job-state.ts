/**
 * What a job's state is made of at one point of its streams, whichever way the job ran: where its
 * splits stood, what its operators held, and what its sinks had. Plain data without fragments,
 * partitions or threads, so that V1 and V2 with any number of partitions take it in. How it lies
 * on disk is checkpoint-store.ts; taking it is the processors' business.
 */
import type { EntryFile } from '../snapshot.js';

/** Where one split of one scan stood. */
export interface SplitState {
  /** Id of the scan node that reads it. */
  readonly scan: string;
  /** The split's own number (_PARTITION). */
  readonly split: number;
  readonly sourceName: string;
  /** A position() of its reader. */
  readonly position: string;
  /** Highest event time of its records; -Infinity before the first one or without event times. */
  readonly highestMs: number;
  readonly ended: boolean;
  /** The split that is asked first for a block. */
  readonly next: boolean;
}

/** Entries (state/snapshot.ts) of one operator: all of them, or those of some key groups. */
export interface OperatorState {
  readonly operator: string;
  readonly bytes: Uint8Array;
  /** Where its entries are instead (entry-files.ts); `bytes` is empty then. */
  readonly file?: EntryFile;
}

export interface QueryState {
  /** Its id in the plan. */
  readonly query: string;
  /** All its rows are out: nothing of it goes on. */
  readonly ended: boolean;
  readonly splits: readonly SplitState[];
  /** Several of one operator are its parts. */
  readonly operators: readonly OperatorState[];
  /** What its sink goes on with (connectors/sink.ts, position); null: it knows no position. */
  readonly sink: string | null;
}

/** By query, in the order of the job. */
export type JobState = readonly QueryState[];

/** Of a query that is over. */
export function endedState(query: string): QueryState {
  return { query, ended: true, splits: [], operators: [], sink: null };
}
