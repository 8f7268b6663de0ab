/**
 * Starts V2 jobs for the tests of this folder and keeps hold of them: the running job, its worker
 * threads, what it wrote so far. Owns the capture of stdout and the time limit that turns a hang
 * into a failure; V2's workers are started from dist, so everything here comes from there.
 */
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { compileJob, createJob, createPartitionedJob } from '../../../dist/job.js';
import type { JobProcessor, JobResult } from '../../../dist/processors/job-processor.js';
import type { PartitionedJobCoordinator } from '../../../dist/processors/partitioned/main/coordinator.js';
import { PARTITIONED_DEFAULTS } from '../../../dist/processors/partitioned/job-settings.js';
import type { PartitionedSettings } from '../../../dist/processors/partitioned/job-settings.js';
import type { OnError } from '../../../dist/processors/query-accounts.js';
import type { JobState } from '../../../src/state/checkpoint/job-state.js';
import { linesOf } from '../../../src/cli/cases/case-file.js';

export interface JobOptions {
  readonly partitions: number;
  readonly workers: number;
  readonly settings?: Partial<PartitionedSettings>;
  readonly batchRows?: number;
  readonly changelog?: boolean;
  readonly onError?: OnError;
  readonly deadLetter?: string;
  readonly blackhole?: boolean;
  readonly durationMs?: number;
  readonly restore?: JobState;
  readonly stdout?: Writable;
}

/** Takes everything in at once. */
export class Capture extends Writable {
  private readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }

  lines(): string[] {
    return [...linesOf(Buffer.concat(this.chunks).toString('utf8'))];
  }
}

/**
 * A job stands still when so many looks in a row see the same: 20 s of a machine that is idle, more
 * of one that lets this thread wait as it does the job's.
 */
const LOOK_MS = 20;
const STILL_LOOKS = 1000;
/** CPU time of the process that threads have used while they start. */
const CPU_MOVES_US = 50_000;

function compile(sql: string, changelog: boolean): ReturnType<typeof compileJob> {
  return compileJob({
    source: { name: 'test.sql', text: sql },
    variables: () => undefined,
    settings: {},
    changelog,
    redirects: new Map(),
    limit: null,
  });
}

export class TestJob {
  readonly job: PartitionedJobCoordinator;
  readonly notices: string[] = [];
  /** What is said with -v. */
  readonly details: string[] = [];
  private readonly capture: Capture;

  private constructor(compiled: Awaited<ReturnType<typeof compileJob>>, options: JobOptions) {
    const capture = new Capture();
    this.capture = capture;
    const { partitions, workers, restore } = options;
    const settings = { ...PARTITIONED_DEFAULTS, ...options.settings, partitions, workers };
    this.job = createPartitionedJob(compiled, settings, {
      sinks: {
        stdout: options.stdout ?? capture,
        format: 'jsonl',
        onStdoutClosed: () => void this.job.stop(),
      },
      onError: options.onError ?? 'fail',
      deadLetter: options.deadLetter ?? null,
      durationMs: options.durationMs ?? null,
      batchRows: options.batchRows ?? null,
      notice: (line) => this.notices.push(line),
      detail: (line) => this.details.push(line),
      ...(options.blackhole === true ? { sink: 'blackhole' as const } : {}),
      ...(restore === undefined ? {} : { restore }),
    });
  }

  static async of(sql: string, options: JobOptions): Promise<TestJob> {
    return new TestJob(await compile(sql, options.changelog ?? false), options);
  }

  lines(): string[] {
    return this.capture.lines();
  }

  /** The threads of the running job. */
  threads(): readonly Worker[] {
    const { crew } = this.job as unknown as {
      readonly crew: { readonly threads: readonly Worker[] };
    };
    return crew.threads;
  }

  /** Runs to its end, which must come in time. */
  run(limitMs = 200_000): Promise<JobResult> {
    return within(this.job.start(), limitMs, () => JSON.stringify(this.job.metrics()));
  }

  /** Rejects when the job stands still before `work` is done, however long the work takes. */
  async whileItMoves<T>(work: Promise<T>, what: string): Promise<T> {
    let over = false;
    const watch = async (): Promise<never> => {
      let seen = '';
      for (let still = 0; !over; still += 1) {
        await delay(LOOK_MS);
        const facts = this.facts();
        if (facts !== seen) still = 0;
        seen = facts;
        if (still >= STILL_LOOKS) throw new Error(`${what}: nothing moves any more: ${facts}`);
      }
      return new Promise(() => undefined);
    };
    try {
      return await Promise.race([work, watch()]);
    } finally {
      over = true;
    }
  }

  /** What is different whenever the job has moved; while threads start, what they took. */
  private facts(): string {
    const { job } = this;
    const { state, queries } = job.metrics();
    const { crew } = job as unknown as {
      readonly crew: { readonly ready: Set<number>; readonly ended: Set<number> };
    };
    const { user, system } = process.cpuUsage();
    const started = job.opened ? null : Math.floor((user + system) / CPU_MOVES_US);
    return JSON.stringify({
      state,
      ready: crew.ready.size,
      ended: crew.ended.size,
      started,
      queries,
    });
  }
}

/** Runs to the end; gives rows and result. */
export async function runToEnd(
  sql: string,
  options: JobOptions,
): Promise<{ readonly lines: string[]; readonly result: JobResult; readonly job: TestJob }> {
  const job = await TestJob.of(sql, options);
  const result = await job.run();
  return { lines: job.lines(), result, job };
}

/** The same on V1. */
export async function runOnV1(
  sql: string,
  options: {
    readonly batchRows?: number;
    readonly changelog?: boolean;
    readonly onError?: OnError;
  } = {},
): Promise<{
  readonly lines: string[];
  readonly result: JobResult;
  readonly share: number | null;
}> {
  const stdout = new Capture();
  const processor: JobProcessor = createJob(await compile(sql, options.changelog ?? false), {
    sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    onError: options.onError ?? 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: options.batchRows ?? null,
    notice: () => undefined,
  });
  const result = await processor.start();
  return { lines: stdout.lines(), result, share: processor.metrics().share };
}

/** Rejects when `work` takes longer: a hang must cost one test, not the run. */
export async function within<T>(
  work: Promise<T>,
  limitMs: number,
  state: () => string = () => '',
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not done after ${limitMs} ms: ${state()}`));
    }, limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the condition holds; the job's workers go on meanwhile. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export function sorted(lines: readonly string[]): string[] {
  return [...lines].sort();
}

/** Law 11: read = processed + failed + dropped as late, of every query. */
export function unaccountedRows({ queries }: JobResult): number {
  return queries.reduce(
    (sum, query) =>
      sum +
      Math.abs(
        query.rowsRead -
          query.rowsProcessed -
          query.rowsFailed -
          query.rowsLateDropped -
          query.rowsLateExpired,
      ),
    0,
  );
}
