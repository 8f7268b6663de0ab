/**
 * Runs SQL in this process, as `velo run` would, and gives back what it wrote. Owns the capture of
 * stdout; what comes out is compared by the tests. Runs what was built, on V1 too: V2's workers are
 * started from dist, and an error must be of one class on both sides.
 */
import { Writable } from 'node:stream';
import { Chalk } from 'chalk';
import { errorTexts } from '../../dist/cli/terminal.js';
import { exitCodeOf } from '../../dist/cli/exit-code.js';
import { compileJob, createJob } from '../../dist/job.js';
import type { JobResult } from '../../dist/processors/job-processor.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/settings.js';
import type { PartitionedSettings } from '../../dist/processors/partitioned/settings.js';
import type { OnError } from '../../dist/processors/query-accounts.js';
import { linesOf } from './case-file.js';

export interface RunSqlOptions {
  readonly batchRows?: number;
  readonly changelog?: boolean;
  readonly onError?: OnError;
  readonly deadLetter?: string;
  readonly limit?: number;
  readonly variables?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly redirects?: ReadonlyMap<string, string>;
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
      partitioned:
        options.partitioned === undefined
          ? null
          : { ...PARTITIONED_DEFAULTS, ...options.partitioned },
    }).start();
    return { exit: 0, lines: linesOf(stdout.text()), errorText: '', result, notices };
  } catch (error) {
    const errorText = errorTexts(error, new Chalk({ level: 0 })).join('\n');
    return {
      exit: exitCodeOf(error),
      lines: linesOf(stdout.text()),
      errorText,
      result: null,
      notices,
    };
  }
}
