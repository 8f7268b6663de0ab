/**
 * The one interface of V1 and V2, and the plain data that both report. Owns no loop and no
 * operator; the command line, the bench and tests talk to this and never ask which one it is.
 */
import { VeloError } from '../base/errors.js';
import type { DigestSummary } from '../connectors/blackhole/row-digest.js';
import type { CheckpointFigures } from '../metrics/checkpoint-figures.js';
import type { Histogram } from '../metrics/histogram.js';
import type { JobMetricsForExport } from '../metrics/prometheus.js';
import type { RecutFigures } from '../metrics/recut-figures.js';
import type { Sink } from '../connectors/sink.js';
import type { JobState } from '../state/checkpoint/job-state.js';
import type { DeadLetterWriter } from './query-accounts.js';

export type LifecycleState =
  'created' | 'running' | 'paused' | 'stopping' | 'restarting' | 'finished' | 'failed';

/** How a job ended. */
export type EndReason = 'end-of-input' | 'limit' | 'duration' | 'stopped' | 'drained';

export interface SplitMetrics {
  readonly partition: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** null before the first record or without an event time. */
  readonly watermarkMs: number | null;
}

/**
 * Counters of one query since its start. rowsRead = rowsProcessed + rowsFailed + rowsLateDropped +
 * rowsLateExpired at any time (law 11); rows that WHERE rejects are processed.
 */
export interface QueryMetrics {
  readonly query: string;
  readonly rowsRead: number;
  readonly rowsProcessed: number;
  readonly rowsFailed: number;
  /** Result rows of several records that failed; not part of rowsFailed. */
  readonly resultsFailed: number;
  /** Below their partition's watermark. */
  readonly rowsLate: number;
  readonly rowsLateDropped: number;
  readonly rowsLateExpired: number;
  readonly rowsOut: number;
  /** Records that the WHERE behind their source did not let through; part of rowsProcessed. */
  readonly rowsRejected: number;
  /** Source splits that gave no record so far and have neither ended nor been idle too long. */
  readonly silentSplits: readonly string[];
  readonly stateRows: number;
  readonly stateBytes: number;
  /** State that is on disk, and how often a part of it was read back. */
  readonly pagedBytes: number;
  readonly pagesRead: number;
  readonly partitions: readonly SplitMetrics[];
}

export interface JobMetrics {
  readonly state: LifecycleState;
  readonly queries: readonly QueryMetrics[];
  readonly rowsRead: number;
  readonly rowsOut: number;
  readonly rowsFailed: number;
  readonly rowsLate: number;
  /** First record in to last row out so far. */
  readonly seconds: number;
  /** Of the input, 0 to 1, by the source that is furthest behind; null: it has no known end. */
  readonly share: number | null;
  /** Records, or about so many, that are there and were not read; null or absent: unknown. */
  readonly lag?: number | null;
}

/** The counters of a job: its queries' together. */
export function jobCounters(
  queries: readonly QueryMetrics[],
): Pick<JobMetrics, 'queries' | 'rowsRead' | 'rowsOut' | 'rowsFailed' | 'rowsLate'> {
  const sum = (pick: (query: QueryMetrics) => number): number =>
    queries.reduce((total, query) => total + pick(query), 0);
  return {
    queries,
    rowsRead: sum((query) => query.rowsRead),
    rowsOut: sum((query) => query.rowsOut),
    rowsFailed: sum((query) => query.rowsFailed),
    rowsLate: sum((query) => query.rowsLate),
  };
}

/** Of a job that keeps no state, or whose sources and sinks are not open yet. */
export function noState(state: LifecycleState): VeloError {
  return new VeloError('STATE_INVALID', { message: `a job that is ${state} has no state to give` });
}

export interface JobResult extends JobMetrics {
  readonly end: EndReason;
  /** What each query's blackhole sink saw; null for a query with another sink. */
  readonly digests: readonly (DigestSummary | null)[];
  /**
   * Per record, in microseconds, until its rows are out. 'service': since its block was read;
   * 'open-loop': since the record was due, which a rate fixes.
   */
  readonly latencyUs: Histogram;
  readonly latencyKind: 'service' | 'open-loop';
  /** Records read in each interval of `intervalMs`, in order. */
  readonly intervals: { readonly intervalMs: number; readonly rows: readonly number[] };
  readonly cpuSeconds: number;
  readonly rssPeakBytes: number;
  /** Crashes that the job has gone on after; other figures are those since then. Default: 0. */
  readonly restarts?: number;
  /** Default: it keeps none. */
  readonly checkpoints?: CheckpointFigures | null;
  /** How often its key groups were cut anew. Default: never. */
  readonly recuts?: RecutFigures | null;
}

/** What stays open between two lives of a job. */
export interface KeptOutputs {
  /** By query, of those that have not ended: all rows before the state are out, none behind it. */
  readonly sinks: ReadonlyMap<string, Sink>;
  /** null: the job writes none. */
  readonly letters: (DeadLetterWriter & { close(): Promise<void> }) | null;
}

/** What one life of a job leaves to the next. */
export interface HandedOver {
  readonly state: JobState;
  readonly outputs: KeptOutputs;
}

export interface StopOptions {
  /** As if the input had ended: open windows are emitted, and nothing goes on. Default: false. */
  readonly drain?: boolean;
  /** What is under way is waited for, however long that takes. Default: true where it drains. */
  readonly patient?: boolean;
}

export interface JobProcessor {
  /** Runs to the end; rejects with the error that failed the job, sinks closed. */
  start(): Promise<JobResult>;
  /** Stops reading; what was read is finished. */
  pause(): void;
  resume(): void;
  /** A stop: open windows are not flushed, sinks are completed. Resolves when start() did. */
  stop(options?: StopOptions): Promise<void>;
  /**
   * The state at one point of the streams, with all rows up to it in the sinks; the job goes on. Of
   * one that is stopped in the same breath it is where reading ends. Rejects with JOB_ENDED, and
   * where the job keeps no state.
   */
  takeState(): Promise<JobState>;
  /**
   * Ends at one point of the streams, for another life of the job that goes on there: what is open
   * stays unemitted, and its outputs stay open for that one. Rejects with JOB_RESCALE where that is
   * not possible, and then goes on, and with JOB_ENDED where the job ends. Absent: it is never
   * possible.
   */
  handOver?(): Promise<HandedOver>;
  /**
   * Keeps the state now, as at an interval. Resolves when it is where states are kept and rows that
   * wait for it are seen; rejects as takeState() does, and where it cannot be kept.
   */
  keepState(): Promise<void>;
  /** Rows by key group, or about so many, since this life began; all 0 where they are not counted. Absent: on V1. */
  keyGroupLoad?(): Float64Array;
  numberOfPartitions(): number;
  metrics(): JobMetrics;
  /** What a scrape shows: every partition, one for all of V1. Reading changes nothing. */
  observed(): JobMetricsForExport;
  readonly state: LifecycleState;
  /** Sources and sinks are open: until then a stop waits for whatever they wait for. */
  readonly opened: boolean;
  /** After a failure: nothing that it had opened is open any more. */
  readonly isReleased: boolean;
}
