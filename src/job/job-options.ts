/**
 * What a job is compiled and run with. Plain data and callbacks; what they mean is job.ts and those
 * that it calls.
 */
import type { SourceText } from '../base/errors.js';
import type { Clock } from '../base/clock.js';
import type { InferenceRemark, SinkEnvironment } from '../connectors/connector.js';
import type { SinkCommits } from '../connectors/sink-commits.js';
import type { Sink } from '../connectors/sink.js';
import type { QueryPlan } from '../plan/pipeline/pipeline-plan.js';
import type {
  PartitionedSettings,
  ProcessingMode,
} from '../processors/partitioned/job-settings.js';
import type { CheckpointTarget } from '../processors/checkpoint-pace.js';
import type { KeptOutputs } from '../processors/job-processor.js';
import type { OnError } from '../processors/query-accounts.js';
import type { StateLimits } from '../processors/state-limit.js';
import type { StateMemoryChoice } from './state-memory.js';
import type { JobState } from '../state/checkpoint/job-state.js';

export interface CompileOptions {
  readonly source: SourceText;
  readonly variables: (name: string) => string | undefined;
  /** --set key=value. */
  readonly settings: Readonly<Record<string, string>>;
  /** From the environment and velo.yaml, by SET key: SET wins over them. Default: none. */
  readonly defaults?: Readonly<Record<string, string>>;
  readonly changelog: boolean;
  /** --source table=URI. */
  readonly redirects: ReadonlyMap<string, string>;
  /** --to URI: where the rows of SELECTs go; null, the default: to stdout. */
  readonly to?: string | null;
  /** --limit N: result rows of each query; null = none. */
  readonly limit: number | null;
  /**
   * false: no network is opened and no variable substituted to learn the schema of a quoted
   * source; queries that read one whose schema is not known so are left out, with a warning.
   * Default: true.
   */
  readonly resolve?: boolean;
  /** Talk about how quoted sources were found to be written. Default: nobody listens. */
  readonly remark?: (remark: InferenceRemark) => void;
  /** A file without a query is a fault. */
  readonly needsQuery?: boolean;
}

/** Which checkpoint a job goes on from: the newest whole one, that of an epoch, or none. */
export type RestoreChoice = 'latest' | 'none' | number;

/** Where a job keeps its state, and what it goes on with. */
export interface JobCheckpointing {
  readonly target: CheckpointTarget;
  /** What rows are written through that are seen with the job's state; null: none are. */
  readonly commits: SinkCommits | null;
  /** null: it begins. */
  readonly restore: JobState | null;
  /** The queries as they go on; absent: as they were compiled. */
  readonly queries?: readonly QueryPlan[];
}

/** How a job with checkpoints goes on after a crash. */
export interface RestartPolicy {
  /** Crashes in a row, without a checkpoint between them, that it goes on after; 0: none. */
  readonly attempts: number;
  /** Before the first of them; then twice as long each time. */
  readonly delayMs: number;
}

export interface RunOptions {
  readonly sinks: SinkEnvironment;
  readonly onError: OnError;
  /** --dead-letter URI; needed for --on-error dead-letter. */
  readonly deadLetter: string | null;
  readonly durationMs: number | null;
  /** Resident bytes that the job may take on V1; V2's are in `partitioned`. Default: most. */
  readonly maxMemoryBytes?: number | null;
  /** How large the state may become, all queries together. Default: as large as memory allows. */
  readonly stateLimits?: StateLimits | null;
  /** What state may take of memory before groups go to disk. Default: all stay in memory. */
  readonly stateMemory?: StateMemoryChoice | null;
  /** Physical rows per batch; null = the query's own or the default. */
  readonly batchRows: number | null;
  /** How long a source collects; V2's is in `partitioned`. Default: batches. */
  readonly mode?: ProcessingMode;
  readonly clock?: Clock;
  /** When every record is read, on V1 and V2; null: when it is. Default: null. */
  readonly nowMs?: number | null;
  readonly notice: (line: string) => void;
  /** As notice, for those who asked for more (-v). */
  readonly detail?: (line: string) => void;
  /** 'blackhole': every query writes to a digest instead of its own sink. */
  readonly sink?: 'declared' | 'blackhole';
  /** Replaces the sink of every query, on V1 (tests that look at rows, fixtures). */
  readonly sinkFor?: (query: QueryPlan) => Sink | Promise<Sink>;
  /** How V2 runs the job; null or absent: V1. */
  readonly partitioned?: PartitionedSettings | null;
  /** null or absent: a job that stops has forgotten everything. */
  readonly checkpoints?: JobCheckpointing | null;
  /** What an earlier life of the job left open, on V2. Default: nothing. */
  readonly outputs?: KeptOutputs | null;
  /** V2: everything is open, and reading begins. Default: nobody waits for it. */
  readonly begun?: () => void;
  /** Rows per second of generator tables, whatever they declare (open loop); null: as declared. */
  readonly rate?: number | null;
}
