/**
 * V2 with individual rows at a rate: latency counts from when rows were due, waiting takes no core,
 * and pause, resume and stop come through in the middle of a wait. Limits are generous: other work
 * may have the cores.
 */
import { describe, expect, it } from 'vitest';
import { compileJob, createPartitionedJob } from '../../../dist/job.js';
import type { JobProcessor, JobResult } from '../../../dist/processors/job-processor.js';
import { PARTITIONED_DEFAULTS } from '../../../dist/processors/partitioned/job-settings.js';

const QUERIES = {
  stateless: 'SELECT i FROM g',
  grouped: 'SELECT k, COUNT(*) AS n FROM g GROUP BY k',
  final: 'SELECT k, COUNT(*) AS n FROM g WINDOW TUMBLING(i, 100ms) GROUP BY k EMIT FINAL',
} as const;

interface Paced {
  readonly query: keyof typeof QUERIES;
  readonly rows: number;
  readonly rowsPerSecond: number;
  readonly workers: number;
}

interface RunningJob {
  readonly processor: JobProcessor;
  readonly done: Promise<JobResult>;
}

/** A running job after its first row. */
async function pacedJob({ query, rows, rowsPerSecond, workers }: Paced): Promise<RunningJob> {
  const job = await compileJob({
    source: {
      name: 'test.sql',
      text: `CREATE TABLE g (i BIGINT, k BIGINT AS i % 10) WITH ('connector' = 'generator',
        'rows' = '${rows}', 'rows-per-second' = '${rowsPerSecond}'); ${QUERIES[query]}`,
    },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const settings = {
    ...PARTITIONED_DEFAULTS,
    mode: { kind: 'individual' },
    partitions: 4,
    workers,
  } as const;
  const processor = createPartitionedJob(job, settings, {
    sinks: { stdout: process.stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    sink: 'blackhole',
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: null,
    notice: () => undefined,
  });
  const done = processor.start();
  while (processor.metrics().rowsRead < 1) await pause(1);
  return { processor, done };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe.each([1, 2])('V2 with individual rows at a rate, %i workers', (workers) => {
  it.each(['stateless', 'grouped', 'final'] as const)(
    'hands rows over when they are due: %s',
    { timeout: 240_000 },
    async (query) => {
      const { done } = await pacedJob({ query, rows: 2000, rowsPerSecond: 4000, workers });
      const result = await done;
      expect(result).toMatchObject({ rowsRead: 2000, latencyKind: 'open-loop' });
      expect(result.latencyUs.totalCount).toBe(2000);
      expect(result.latencyUs.percentiles().p50).toBeLessThan(50_000);
      expect(result.seconds).toBeGreaterThan(0.49);
    },
  );

  it('keeps no core busy while it waits', { timeout: 240_000 }, async () => {
    const paced = { query: 'grouped', rows: 200, rowsPerSecond: 100, workers } as const;
    // Threads and kernels of the measured job are there already.
    await (
      await pacedJob({ ...paced, rows: 1 })
    ).done;
    const result = await (await pacedJob(paced)).done;
    expect(result.rowsRead).toBe(200);
    // One core that spins for the 2 s takes 2; compiling beside other work has taken 0.46.
    expect(result.cpuSeconds).toBeLessThan(1);
  });

  it('stops in the middle of a long wait', { timeout: 240_000 }, async () => {
    const { processor, done } = await pacedJob({
      query: 'grouped',
      rows: 1000,
      rowsPerSecond: 1,
      workers,
    });
    await processor.stop();
    const result = await done;
    expect(result.end).toBe('stopped');
    expect(result.rowsRead).toBeLessThan(6);
  });

  it('a pause counts for all rows that were due in it', { timeout: 240_000 }, async () => {
    const { processor, done } = await pacedJob({
      query: 'grouped',
      rows: 500,
      rowsPerSecond: 1000,
      workers,
    });
    processor.pause();
    await pause(50);
    const { rowsRead } = processor.metrics();
    await pause(250);
    expect(processor.metrics().rowsRead).toBe(rowsRead);
    processor.resume();
    const { latencyUs, rowsRead: all } = await done;
    expect(all).toBe(500);
    const { p95, max } = latencyUs.percentiles();
    expect(max).toBeGreaterThan(200_000);
    expect(p95).toBeGreaterThan(150_000);
  });
});
