/**
 * A whole job over a topic, as tests of V1 and V2 run it: compiled, started, looked at while it
 * runs, its rows collected. V2 starts worker threads, so all of it comes from dist.
 */
import { Writable } from 'node:stream';
import { compileJob, createJob } from '../../dist/job.js';
import type { JobProcessor, JobResult } from '../../dist/processors/job-processor.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';

export interface Shape {
  readonly partitions: number;
  readonly workers: number;
}

export type Row = Readonly<Record<string, unknown>>;

/** CREATE TABLE t with these columns. */
export function kafkaDdl(
  brokers: string,
  topic: string,
  options: Readonly<Record<string, string>>,
  columns: string,
  name = 't',
): string {
  const all = {
    connector: 'kafka',
    topic,
    'properties.bootstrap.servers': brokers,
    format: 'json',
    ...options,
  };
  const list = Object.entries(all).map(([name, value]) => `'${name}' = '${value}'`);
  return `CREATE TABLE ${name} (${columns}) WITH (${list.join(', ')});`;
}

export class JobRun {
  readonly notices: string[] = [];
  readonly result: Promise<JobResult>;
  private readonly job: JobProcessor;
  private text = '';

  /** `shape` null: V1. */
  static async start(sql: string, shape: Shape | null): Promise<JobRun> {
    const compiled = await compileJob({
      source: { name: 'test.sql', text: sql },
      variables: () => undefined,
      settings: {},
      changelog: false,
      redirects: new Map(),
      limit: null,
    });
    return new JobRun(compiled, shape);
  }

  /** All rows of a bounded job. */
  static async rowsOf(sql: string, shape: Shape | null): Promise<Row[]> {
    const run = await JobRun.start(sql, shape);
    await run.result;
    return run.rows();
  }

  private constructor(compiled: Awaited<ReturnType<typeof compileJob>>, shape: Shape | null) {
    const stdout = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.text += chunk.toString('utf8');
        done();
      },
    });
    this.job = createJob(compiled, {
      sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows: null,
      notice: (line) => this.notices.push(line),
      partitioned: shape === null ? null : { ...PARTITIONED_DEFAULTS, ...shape },
    });
    this.result = this.job.start();
    // Tests that look at a running job learn of a failure when they wait for its result.
    this.result.catch(() => undefined);
  }

  /** Records read so far. */
  get rowsRead(): number {
    return this.job.metrics().rowsRead;
  }

  get running(): boolean {
    return this.job.state === 'running';
  }

  pause(): void {
    this.job.pause();
  }

  resume(): void {
    this.job.resume();
  }

  async stop(): Promise<void> {
    await this.job.stop();
  }

  rows(): Row[] {
    const lines = this.text.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Row);
  }
}
