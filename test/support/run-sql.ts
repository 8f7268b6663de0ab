/**
 * Runs SQL in this process, as `velo run` would, and gives back what it wrote. Owns the capture of
 * stdout; what comes out is compared by the tests. Runs what was built, on V1 too: V2's workers are
 * started from dist, and an error must be of one class on both sides.
 */
import { Writable } from 'node:stream';
import { Chalk } from 'chalk';
import { errorTexts } from '../../dist/cli/terminal/error-text.js';
import { exitCodeOf } from '../../dist/cli/terminal/exit-code.js';
import { StreamSink } from '../../dist/connectors/stream-sink.js';
import type { Sink } from '../../dist/connectors/sink.js';
import { createRowEncoder } from '../../dist/formats/encoder-choice.js';
import { compileJob, createJob } from '../../dist/job.js';
import type { CompiledJob, RunOptions } from '../../dist/job.js';
import type { QueryPlan } from '../../dist/plan/pipeline/pipeline-plan.js';
import type { Clock } from '../../dist/base/clock.js';
import type { JobResult } from '../../dist/processors/job-processor.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import type { PartitionedSettings } from '../../dist/processors/partitioned/job-settings.js';
import type { OnError } from '../../dist/processors/query-accounts.js';
import { linesOf } from '../../src/cli/cases/case-file.js';

export interface RunSqlOptions {
  readonly batchRows?: number;
  readonly changelog?: boolean;
  readonly onError?: OnError;
  readonly deadLetter?: string;
  readonly limit?: number;
  readonly variables?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly redirects?: ReadonlyMap<string, string>;
  /** V1 only: workers have clocks of their own. */
  readonly clock?: Clock;
  /** V2 with these settings, the rest by default; absent: V1. */
  readonly partitioned?: Partial<PartitionedSettings> & {
    readonly partitions: number;
    readonly workers: number;
  };
}

export interface RunSqlResult {
  readonly exit: number;
  /** JSON lines. */
  readonly lines: readonly string[];
  /** What the command line would print for the error, without colour. */
  readonly errorText: string;
  /** null when the job failed. */
  readonly result: JobResult | null;
  readonly notices: readonly string[];
}

class Capture extends Writable {
  private readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }

  text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }
}

export async function runSql(sql: string, options: RunSqlOptions = {}): Promise<RunSqlResult> {
  const stdout = new Capture();
  const ran = await run(sql, options, stdout, () => ({}));
  return { ...ran, lines: linesOf(stdout.text()) };
}

/** As runSql, with the lines of each query by itself, in the order of the file. */
export async function runQueries(
  sql: string,
  options: RunSqlOptions = {},
): Promise<Omit<RunSqlResult, 'lines'> & { readonly lines: readonly (readonly string[])[] }> {
  const outputs = new Map<QueryPlan, Capture>();
  const ran = await run(sql, options, new Capture(), ({ plan }) => {
    for (const query of plan.queries) outputs.set(query, new Capture());
    const sinkFor = (query: QueryPlan): Sink => {
      const encoder = createRowEncoder('jsonl', query.sink.schema, { changelog: query.changelog });
      const stream = outputs.get(query) ?? new Capture();
      return new StreamSink(encoder, { stream, onClosed: () => undefined });
    };
    return { sinkFor };
  });
  return { ...ran, lines: [...outputs.values()].map((output) => linesOf(output.text())) };
}

async function run(
  sql: string,
  options: RunSqlOptions,
  stdout: Capture,
  more: (job: CompiledJob) => Pick<RunOptions, 'sinkFor'>,
): Promise<Omit<RunSqlResult, 'lines'>> {
  const notices: string[] = [];
  try {
    const job = await compileJob({
      source: { name: 'case.sql', text: sql },
      variables: (name) => options.variables?.[name],
      settings: options.settings ?? {},
      changelog: options.changelog ?? false,
      redirects: options.redirects ?? new Map(),
      limit: options.limit ?? null,
    });
    const result = await createJob(job, {
      sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
      onError: options.onError ?? 'fail',
      deadLetter: options.deadLetter ?? null,
      durationMs: null,
      batchRows: options.batchRows ?? null,
      notice: (line) => notices.push(line),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      ...more(job),
      partitioned:
        options.partitioned === undefined
          ? null
          : { ...PARTITIONED_DEFAULTS, ...options.partitioned },
    }).start();
    return { exit: 0, errorText: '', result, notices };
  } catch (error) {
    const errorText = errorTexts(error, new Chalk({ level: 0 })).join('\n');
    return { exit: exitCodeOf(error), errorText, result: null, notices };
  }
}
