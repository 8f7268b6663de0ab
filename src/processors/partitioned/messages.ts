/**
 * What main and workers post to each other beside shared memory: the job, its end, failures, dead
 * letters and snapshots. Plain data; owns the form in which an error crosses threads.
 */
import { ERROR_CODES } from '../../base/error-codes.js';
import type { ErrorKey } from '../../base/error-codes.js';
import { ConfigError, ConnectorError, DataError, SqlError, VeloError } from '../../base/errors.js';
import type { ErrorFields } from '../../base/errors.js';
import type { DigestSummary } from '../../connectors/blackhole/row-digest.js';
import type { HandedSource } from '../../connectors/connector.js';
import type { PartitionRange } from '../../connectors/source.js';
import type { RowEncoding } from '../../formats/encoder.js';
import type { FragmentPlan } from '../../plan/fragments/fragment-plan.js';
import type { QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import type { StateMemory } from '../../state/paging/page-folder.js';
import type { DeadLetter, OnError } from '../query-accounts.js';
import type { Lane } from './turns/lanes.js';
import type { OperatorSnapshot } from './worker/partition-state.js';
import type { PartitionedSettings } from './job-settings.js';

/** Where result rows go: into a digest in the worker, or to the sink on main. */
export type SinkPlace = 'digest' | 'main';

export interface QueryMemory {
  readonly turns: SharedArrayBuffer;
  /** Ring from worker s to worker r at [s × workers + r]; empty with one worker. */
  readonly exchangeRings: readonly SharedArrayBuffer[];
  /** Ring from each worker to worker 0's global fragment. */
  readonly stageRings: readonly SharedArrayBuffer[];
  /** Ring from each worker to main. */
  readonly outputRings: readonly SharedArrayBuffer[];
  /** Ring from main, per lane that main reads; null for others. */
  readonly feedRings: readonly (SharedArrayBuffer | null)[];
  /** Where main puts those lanes' blocks; null without such lanes. */
  readonly feedArena: SharedArrayBuffer | null;
  readonly accounts: SharedArrayBuffer;
  readonly cells: SharedArrayBuffer;
  /** Rows by key group (routing/key-group-load); null: nobody wants to know. */
  readonly load: SharedArrayBuffer | null;
}

export interface QueryTask {
  readonly plan: QueryPlan;
  readonly fragments: FragmentPlan;
  readonly lanes: readonly Lane[];
  /** By source: what is read of the splits that workers own, resolved once for all; null: none. */
  readonly ranges: readonly (readonly PartitionRange[] | null)[];
  readonly sink: SinkPlace;
  /** How workers encode result rows for that sink; null: main does. */
  readonly encoding: RowEncoding | null;
  readonly memory: QueryMemory;
  /** Partitions by key group; null: equal ranges. */
  readonly owners: readonly number[] | null;
  /** State to start from; null: none. */
  readonly restore: QueryStart | null;
}

export interface WorkerTask {
  readonly worker: number;
  readonly settings: PartitionedSettings;
  readonly onError: OnError;
  readonly deadLetters: boolean;
  readonly batchRows: number | null;
  readonly rate: number | null;
  /** When every record is read; null: when it is. */
  readonly nowMs: number | null;
  /** What each operator may hold that can put the rest on disk; null: all that there is. */
  readonly stateMemory: StateMemory | null;
  readonly control: SharedArrayBuffer;
  /** One of each worker, for rows under way to partitions, to worker 0 and to main. */
  readonly exchangeArenas: readonly SharedArrayBuffer[];
  readonly stageArenas: readonly SharedArrayBuffer[];
  readonly outputArenas: readonly SharedArrayBuffer[];
  readonly queries: readonly QueryTask[];
  /** Those that this worker reads. */
  readonly handed: readonly HandedSource[];
}

/** State of one partition of one fragment, or of the edges (fragment -1). */
export interface PartitionSnapshot {
  readonly fragment: number;
  readonly partition: number;
  readonly operators: readonly OperatorSnapshot[];
}
export interface LaneSnapshot {
  readonly position: string;
  readonly highestMs: number;
  readonly ended: boolean;
  /** The lane that is asked first for a block. */
  readonly next: boolean;
}
export interface QuerySnapshot {
  readonly lanes: readonly LaneSnapshot[];
  readonly partitions: readonly PartitionSnapshot[];
}

/** Where a lane starts; position null: at its beginning. */
export type LaneStart = Omit<LaneSnapshot, 'position'> & { readonly position: string | null };
/** What a query starts from. */
export interface QueryStart {
  readonly lanes: readonly LaneStart[];
  readonly partitions: readonly PartitionSnapshot[];
}

/** What one worker did for one query. */
export interface QueryReport {
  readonly digest: DigestSummary | null;
  /** Latencies in HdrHistogram's compressed form, with their 1-2-5 steps. */
  readonly latency: string;
  readonly latencySteps: readonly (readonly [number, number])[];
  /** The latencies count from when records were due. */
  readonly openLoop: boolean;
  readonly firstReadNs: number;
  readonly lastDoneNs: number;
  readonly intervalRows: readonly number[];
  readonly limited: boolean;
}

export type ToWorker =
  | { readonly kind: 'job'; readonly task: WorkerTask }
  /** The job is over for everybody: forget it. */
  | { readonly kind: 'release' };

export type FromWorker =
  | { readonly kind: 'ready'; readonly threadId: number; readonly tid: number | null }
  | { readonly kind: 'notice'; readonly line: string }
  | { readonly kind: 'letter'; readonly letter: DeadLetter }
  | {
      readonly kind: 'failed';
      /** The turn that failed; null: the job as a whole. */
      readonly seq: number | null;
      readonly query: number;
      readonly error: ErrorText;
    }
  | {
      readonly kind: 'snapshot';
      readonly query: number;
      readonly barrier: number;
      readonly lanes: readonly LaneSnapshot[] | null;
      readonly partitions: readonly PartitionSnapshot[];
    }
  | { readonly kind: 'finished'; readonly reports: readonly QueryReport[] }
  | { readonly kind: 'aborted' };

/** An error as plain data. */
export interface ErrorText {
  readonly name: string;
  readonly key: ErrorKey | null;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly stack?: string | undefined;
}

/**
 * Whether one thread would have met the failure at this place of the sequence. A defect and the end
 * of memory have none: they end the job at once.
 */
export function standsInSequence(error: unknown): error is VeloError {
  return error instanceof VeloError && error.code !== 'VELO_MEMORY_EXHAUSTED';
}

export function errorText(error: unknown): ErrorText {
  if (error instanceof VeloError) {
    const { name, key, message, detail, hint, stack } = error;
    return { name, key, message, detail, hint, stack };
  }
  if (error instanceof Error) {
    return { name: error.name, key: null, message: error.message, stack: error.stack };
  }
  return { name: 'Error', key: null, message: String(error) };
}

const CLASSES: Readonly<Record<string, new (key: ErrorKey, fields: ErrorFields) => VeloError>> = {
  SqlError,
  ConfigError,
  DataError,
  ConnectorError,
  VeloError,
};

/** The error again; one of no known class is a defect, and says so. */
export function errorOfText(text: ErrorText): Error {
  const { name, key, message, detail, hint, stack } = text;
  if (key !== null && key in ERROR_CODES) {
    const error = new (CLASSES[name] ?? VeloError)(key, { message, detail, hint });
    if (stack !== undefined) error.stack = stack;
    return error;
  }
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
