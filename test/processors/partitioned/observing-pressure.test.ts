/**
 * Backpressure as it is seen from outside, on real threads: a sink that takes nothing drives the
 * partitions through the tiers and back, sources are throttled and lose nothing, and a block that
 * waits too long counts even where the rings are empty.
 */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Severity } from '../../../dist/metrics/partition-metrics.js';
import { PARTITIONED_DEFAULTS } from '../../../dist/processors/partitioned/job-settings.js';
import { TestJob, until, within } from './jobs.js';

const LIMIT_MS = 240_000;
const TIERS: readonly Severity[] = ['healthy', 'warning', 'critical', 'saturated'];

/** Takes rows when it is told to. */
class Valve extends Writable {
  bytes = 0;
  private open = false;
  private held: (() => void) | null = null;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.bytes += chunk.length;
    if (this.open) done();
    else this.held = done;
  }

  release(): void {
    this.open = true;
    this.held?.();
  }
}

const ROWS = 8000;
/** So slow, and the rings so long, that no tier is over before it was looked at. */
const COUNTS = `CREATE TABLE orders (k BIGINT AS i % 40, v BIGINT AS i)
  WITH ('connector' = 'generator', 'rows' = '${ROWS}', 'rows-per-second' = '2000');
  SELECT k, COUNT(*) AS n FROM orders GROUP BY k EMIT CHANGES;`;

describe('a sink that takes nothing', () => {
  it.each([1, 2])(
    'drives the partitions through the tiers and back (%i workers)',
    { timeout: LIMIT_MS },
    async (workers) => {
      const valve = new Valve();
      const seen: Severity[] = [];
      const job = await TestJob.of(COUNTS, {
        partitions: 2,
        workers,
        batchRows: 8,
        stdout: valve,
        settings: {
          ringSlots: 256,
          backpressure: { ...PARTITIONED_DEFAULTS.backpressure, latencyThresholdMs: 100_000 },
        },
      });
      const look = (): void => {
        for (const { severity } of job.job.observed().queries[0]?.snapshot.partitions ?? []) {
          if (!seen.includes(severity)) seen.push(severity);
        }
      };
      const running = job.run(LIMIT_MS);
      await within(
        until(() => {
          look();
          return seen.includes('saturated');
        }),
        LIMIT_MS / 2,
        () => seen.join(),
      );
      expect(seen).toEqual(TIERS);
      const held = job.job.metrics().rowsRead;
      expect(held).toBeLessThan(ROWS);
      valve.release();
      const result = await running;
      expect(result.rowsRead).toBe(ROWS);
      expect(result.rowsOut).toBe(ROWS);
      const [query] = job.job.observed().queries;
      for (const partition of query?.snapshot.partitions ?? []) {
        expect(partition.severity).toBe('healthy');
        expect(partition.utilisation).toBeLessThan(0.7);
      }
      const all = query?.snapshot.workers ?? [];
      // Each partition rises three times at least.
      expect(all.reduce((sum, one) => sum + one.backpressureEvents, 0)).toBeGreaterThanOrEqual(3);
      expect(all.reduce((sum, one) => sum + one.throttledUs, 0)).toBeGreaterThan(0);
    },
  );

  it('is no reason to throttle where backpressure is off', { timeout: LIMIT_MS }, async () => {
    const valve = new Valve();
    const off = { ...PARTITIONED_DEFAULTS.backpressure, enabled: false };
    const job = await TestJob.of(COUNTS, {
      partitions: 2,
      workers: 2,
      batchRows: 8,
      stdout: valve,
      settings: { backpressure: off },
    });
    const running = job.run(LIMIT_MS);
    const full = (): boolean =>
      job.job.observed().queries[0]?.snapshot.partitions.some((one) => one.utilisation > 0.95) ===
      true;
    await within(until(full), LIMIT_MS / 2);
    const snapshot = job.job.observed().queries[0]?.snapshot;
    expect(snapshot?.partitions.map(({ severity }) => severity)).toEqual(['healthy', 'healthy']);
    valve.release();
    expect((await running).rowsOut).toBe(ROWS);
    const workers = job.job.observed().queries[0]?.snapshot.workers ?? [];
    expect(workers.map(({ throttledUs }) => throttledUs)).toEqual([0, 0]);
    expect(workers.map(({ backpressureEvents }) => backpressureEvents)).toEqual([0, 0]);
  });
});

describe('a block that waits', () => {
  it('is a warning by its age, whatever the rings say', { timeout: LIMIT_MS }, async () => {
    // Every block waits longer than this.
    const backpressure = { ...PARTITIONED_DEFAULTS.backpressure, latencyThresholdMs: 1e-6 };
    const job = await TestJob.of(COUNTS, {
      partitions: 2,
      workers: 2,
      settings: { backpressure, ringSlots: 65_536 },
      blackhole: true,
    });
    await job.run(LIMIT_MS);
    const workers = job.job.observed().queries[0]?.snapshot.workers ?? [];
    expect(workers.reduce((sum, one) => sum + one.backpressureEvents, 0)).toBeGreaterThan(0);
    expect(workers.reduce((sum, one) => sum + one.throttledUs, 0)).toBeGreaterThan(0);
  });
});
