/**
 * One trial, in a process of its own: compile, warm up on fewer records, run, report. Reads its
 * task as one JSON argument and sends one message to its parent. Owns no judgement: the digest is
 * compared by the parent. The task and the outcome are what two builds that are compared have in
 * common: fields are added, never renamed.
 */
import { systemClock } from '../base/clock.js';
import { environmentVariable } from '../base/environment-variable.js';
import type { DigestSummary } from '../connectors/blackhole/row-digest.js';
import { compileJob, createJob } from '../job.js';
import type { RunOptions } from '../job.js';
import type { Percentiles } from '../metrics/histogram.js';
import type { JobMetricsForExport } from '../metrics/prometheus.js';
import type { JobResult } from '../processors/job-processor.js';
import type {
  PartitionedSettings,
  ProcessingMode,
} from '../processors/partitioned/job-settings.js';
import type { OnError } from '../processors/query-accounts.js';
import { SlowedSink } from './compare/slowed-sink.js';
import { changeSources } from './scenario/source-changes.js';
import type { SourceChanges } from './scenario/source-changes.js';
import { runWatched } from './trial-watch.js';

export interface TrialTask {
  readonly sourceName: string;
  readonly text: string;
  /** Of ${NAME}; what is not among them comes from the environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly warmupVariables: Readonly<Record<string, string>>;
  readonly warmups: number;
  /** Warm-ups go on until they took that long together, however many that are. */
  readonly warmupMs: number;
  /** Measured runs inside the process; the fastest is reported. */
  readonly repeats: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly redirects: readonly (readonly [string, string])[];
  readonly batchRows: number | null;
  /** How long V1 collects rows; V2's is in `partitioned`. */
  readonly mode: ProcessingMode;
  /** null: V1. */
  readonly partitioned: PartitionedSettings | null;
  /** Rows per second that the generator releases; null: as fast as they are taken. */
  readonly rate: number | null;
  /** V1 only: makes the work take so much longer (0.15: 15 %), to see that a comparison says so. */
  readonly slowdown: number;
  /** Send a snapshot of the partitions every second. */
  readonly observed: boolean;
  /** What a user's file is run with besides; null: a scenario, which needs nothing. */
  readonly own: OwnTask | null;
}

/** A user's file, as `velo run` would run it, but for where its sources end. */
export interface OwnTask {
  /** CompileOptions.defaults: of the environment and velo.yaml. */
  readonly defaults: Readonly<Record<string, string>>;
  readonly onError: OnError;
  readonly deadLetter: string | null;
  readonly changes: SourceChanges;
  readonly warmupChanges: SourceChanges;
}

/** One partition over all queries. */
export interface PartitionRows {
  readonly partition: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly watermarkMs: number | null;
}

export interface TrialOutcome {
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rowsFailed: number;
  /** Of the last query. */
  readonly digest: DigestSummary;
  /** Of every query; absent from older builds. */
  readonly digests?: readonly DigestSummary[];
  /** Which partitions did what; one line for all of V1. */
  readonly partitions: readonly PartitionRows[];
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssPeakBytes: number;
  readonly latencyKind: 'service' | 'open-loop';
  readonly latencyUs: Percentiles;
  readonly latencyHdr: string;
  /** [lower bound in µs, records] of 1-2-5 steps. */
  readonly latencySteps: readonly (readonly [number, number])[];
  readonly intervalMs: number;
  readonly intervalRows: readonly number[];
  /** Of every measured run, in order. */
  readonly repeats: readonly { readonly seconds: number; readonly cpuSeconds: number }[];
}

export type TrialMessage =
  | { readonly kind: 'observed'; readonly observed: JobMetricsForExport }
  | { readonly kind: 'done'; readonly outcome: TrialOutcome }
  | { readonly kind: 'failed'; readonly message: string };

async function runOnce(task: TrialTask, run: 'warm-up' | 'measured'): Promise<JobResult> {
  // Another build's task may not know of a user's own files.
  const { own = null } = task as Partial<TrialTask>;
  const isMeasured = run === 'measured';
  const variables = isMeasured ? task.variables : task.warmupVariables;
  const compiled = await compileJob({
    source: { name: task.sourceName, text: task.text },
    variables: (name) => variables[name] ?? environmentVariable(name),
    settings: task.settings,
    defaults: own?.defaults ?? {},
    changelog: false,
    redirects: new Map(task.redirects),
    limit: null,
  });
  const changes = isMeasured ? own?.changes : own?.warmupChanges;
  const job = changeSources(compiled, changes ?? {});
  const slowed: Pick<RunOptions, 'sinkFor'> =
    task.slowdown > 0 ? { sinkFor: (query) => new SlowedSink(query, task.slowdown) } : {};
  const processor = createJob(job, {
    sinks: { stdout: process.stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    sink: 'blackhole',
    onError: own?.onError ?? 'fail',
    deadLetter: own?.deadLetter ?? null,
    durationMs: null,
    batchRows: task.batchRows,
    mode: task.mode,
    partitioned: task.partitioned,
    rate: task.rate,
    notice: () => undefined,
    ...slowed,
  });
  return runWatched(processor, {
    show: task.observed ? (observed) => send({ kind: 'observed', observed }) : null,
    metricsPort: task.partitioned?.metricsPort ?? null,
  });
}

async function main(): Promise<void> {
  const task = JSON.parse(process.argv[2] ?? '{}') as TrialTask;
  await warmUp(task);
  let best = await runOnce(task, 'measured');
  const repeats = [best];
  while (repeats.length < task.repeats) {
    const result = await runOnce(task, 'measured');
    repeats.push(result);
    if (result.seconds < best.seconds) best = result;
  }
  send({
    kind: 'done',
    outcome: {
      ...outcomeOf(best),
      repeats: repeats.map(({ seconds, cpuSeconds }) => ({ seconds, cpuSeconds })),
    },
  });
}

/** Another build's task may not know of a time. */
async function warmUp(task: TrialTask): Promise<void> {
  const untilNs = systemClock.monotonicNs() + (task.warmupMs ?? 0) * 1e6;
  for (let run = 0; run < task.warmups || systemClock.monotonicNs() < untilNs; run += 1) {
    await runOnce(task, 'warm-up');
  }
}

const NOTHING: DigestSummary = { rows: 0, columns: [] };

function outcomeOf(result: JobResult): Omit<TrialOutcome, 'repeats'> {
  return {
    rowsIn: result.rowsRead,
    rowsOut: result.rowsOut,
    rowsFailed: result.rowsFailed,
    digest: result.digests.at(-1) ?? NOTHING,
    digests: result.digests.map((digest) => digest ?? NOTHING),
    partitions: partitionsOf(result),
    seconds: result.seconds,
    cpuSeconds: result.cpuSeconds,
    rssPeakBytes: result.rssPeakBytes,
    latencyKind: result.latencyKind,
    latencyUs: result.latencyUs.percentiles(),
    latencyHdr: result.latencyUs.encoded(),
    latencySteps: result.latencyUs.steps(),
    intervalMs: result.intervals.intervalMs,
    intervalRows: result.intervals.rows,
  };
}

function partitionsOf(result: JobResult): PartitionRows[] {
  const rows = new Map<number, PartitionRows>();
  for (const { partition, rowsIn, rowsOut, watermarkMs } of result.queries.flatMap(
    (query) => query.partitions,
  )) {
    const other = rows.get(partition);
    rows.set(partition, {
      partition,
      rowsIn: rowsIn + (other?.rowsIn ?? 0),
      rowsOut: rowsOut + (other?.rowsOut ?? 0),
      watermarkMs: other?.watermarkMs ?? watermarkMs,
    });
  }
  return [...rows.values()].sort((a, b) => a.partition - b.partition);
}

function send(message: TrialMessage): void {
  if (process.send === undefined) process.stdout.write(`${JSON.stringify(message)}\n`);
  else process.send(message);
}

// ^C goes to all processes of a terminal: the parent decides, and takes this one along when it ends.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
process.channel?.unref();
main().catch((error: unknown) => {
  send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
});
