/**
 * One trial, in a process of its own: compile, warm up on fewer records, run, report. Reads its
 * task as one JSON argument and sends one message to its parent. Owns no judgement: the digest is
 * compared by the parent.
 */
import { BlackholeSink } from '../connectors/blackhole.js';
import type { DigestSummary } from '../connectors/row-digest.js';
import { compileJob, createJob } from '../job.js';
import type { Percentiles } from '../metrics/histogram.js';
import type { JobResult } from '../processors/job-processor.js';

export interface TrialTask {
  readonly sourceName: string;
  readonly text: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly warmupVariables: Readonly<Record<string, string>>;
  readonly warmups: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly redirects: readonly (readonly [string, string])[];
  readonly batchRows: number | null;
}

export interface TrialOutcome {
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rowsFailed: number;
  readonly digest: DigestSummary;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssPeakBytes: number;
  readonly latencyUs: Percentiles;
  readonly latencyHdr: string;
  /** [lower bound in µs, records] of 1-2-5 steps. */
  readonly latencySteps: readonly (readonly [number, number])[];
  readonly intervalMs: number;
  readonly intervalRows: readonly number[];
}

export type TrialMessage =
  | { readonly kind: 'done'; readonly outcome: TrialOutcome }
  | { readonly kind: 'failed'; readonly message: string };

async function runOnce(
  task: TrialTask,
  variables: Readonly<Record<string, string>>,
): Promise<{ result: JobResult; digest: DigestSummary }> {
  const job = await compileJob({
    source: { name: task.sourceName, text: task.text },
    variables: (name) => variables[name],
    settings: task.settings,
    changelog: false,
    redirects: new Map(task.redirects),
    limit: null,
  });
  const sinks: BlackholeSink[] = [];
  const processor = createJob(job, {
    sinks: { stdout: process.stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: task.batchRows,
    notice: () => undefined,
    sinkFor: (query) => {
      const { table, schema, keyColumns } = query.sink;
      const notice = (): void => undefined;
      const sink = new BlackholeSink({ table, schema, keyColumns, changelog: false, notice });
      sinks.push(sink);
      return sink;
    },
  });
  const result = await processor.start();
  const digest = sinks.at(-1)?.summary() ?? { rows: 0, columns: [] };
  return { result, digest };
}

async function main(): Promise<void> {
  const task = JSON.parse(process.argv[2] ?? '{}') as TrialTask;
  for (let run = 0; run < task.warmups; run += 1) await runOnce(task, task.warmupVariables);
  const { result, digest } = await runOnce(task, task.variables);
  send({
    kind: 'done',
    outcome: {
      rowsIn: result.rowsRead,
      rowsOut: result.rowsOut,
      rowsFailed: result.rowsFailed,
      digest,
      seconds: result.seconds,
      cpuSeconds: result.cpuSeconds,
      rssPeakBytes: result.rssPeakBytes,
      latencyUs: result.latencyUs.percentiles(),
      latencyHdr: result.latencyUs.encoded(),
      latencySteps: result.latencyUs.steps(),
      intervalMs: result.intervals.intervalMs,
      intervalRows: result.intervals.rows,
    },
  });
}

function send(message: TrialMessage): void {
  if (process.send === undefined) process.stdout.write(`${JSON.stringify(message)}\n`);
  else process.send(message);
}

try {
  await main();
} catch (error) {
  send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
