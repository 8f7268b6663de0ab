/**
 * What can be seen of a V2 job while it runs and afterwards, on real threads: every partition's own
 * counters, one-second snapshots that add up, the hot partition by name, watermarks that keep
 * together, the workers' time, pinned threads. Backpressure is observing-pressure.test.ts.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { PartitionRegistry } from '../../../dist/metrics/partition-metrics.js';
import type { JobMetricsForExport } from '../../../dist/metrics/prometheus.js';
import { checkExposition } from '../../metrics/promtool.js';
import { MetricsServer } from '../../../dist/metrics/prometheus.js';
import { runOnV1, runToEnd, TestJob, until, within } from './jobs.js';
import { atThisPace } from '../../support/machine-pace.js';

const LIMIT_MS = 240_000;

function orders(rows: number, more = ''): string {
  return `CREATE TABLE orders (
    k BIGINT AS i % 40,
    v BIGINT AS i,
    ts BIGINT AS 1700000000000 + i,
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
  ) WITH ('connector' = 'generator', 'rows' = '${rows}', 'splits' = '4'${more});`;
}

const COUNTS = 'SELECT k, COUNT(*) AS n FROM orders GROUP BY k EMIT CHANGES;';
const FINAL = 'SELECT k, COUNT(*) AS n FROM orders GROUP BY k EMIT FINAL;';

const partitionsOf = (job: TestJob): JobMetricsForExport['queries'][0]['snapshot']['partitions'] =>
  job.job.observed().queries.flatMap(({ snapshot }) => snapshot.partitions);
const registryOf = (job: TestJob): PartitionRegistry => {
  const [registry] = job.job.registries();
  if (registry === undefined) throw new Error('the job has no query');
  return registry;
};
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

describe('the share that was read', () => {
  const table = (name: string, rows: string): string =>
    `CREATE TABLE ${name} (v BIGINT AS i) WITH ('connector' = 'generator'${rows});`;
  const twoQueries = (rows: string): string => `${table('a', ", 'rows' = '700'")}${table('b', rows)}
    CREATE TABLE o (v BIGINT) WITH ('connector' = 'blackhole');
    INSERT INTO o SELECT v FROM a; INSERT INTO o SELECT v FROM b LIMIT 30;`;

  it.each([
    ['is that of all queries', ", 'rows' = '50'", 1],
    ['is not known where a source has no end', '', null],
  ])('%s, as on V1', { timeout: LIMIT_MS }, async (_, rows, share) => {
    const { job } = await runToEnd(twoQueries(rows), { partitions: 2, workers: 1 });
    expect(job.job.metrics().share).toBe(share);
    expect((await runOnV1(twoQueries(rows))).share).toBe(share);
  });
});

describe('counters of a partition', () => {
  it.each([1, 2])(
    'are its own, and add up to what was read (%i workers)',
    { timeout: LIMIT_MS },
    async (workers) => {
      const { lines, job } = await runToEnd(orders(60_000) + COUNTS, { partitions: 4, workers });
      const partitions = partitionsOf(job);
      expect(sum(partitions.map(({ rowsIn }) => rowsIn))).toBe(60_000);
      expect(sum(partitions.map(({ rowsOut }) => rowsOut))).toBe(lines.length);
      for (const { rowsIn, rowsOut, queueRows, batches, stateRows, stateBytes } of partitions) {
        // Keys are equally frequent: 1,500 rows each, and a row of the state for each.
        expect(rowsIn % 1500).toBe(0);
        expect(rowsOut).toBe(rowsIn);
        expect(stateRows).toBe(rowsIn / 1500);
        expect(stateBytes > 0).toBe(rowsIn > 0);
        expect(batches > 0).toBe(rowsIn > 0);
        expect(queueRows).toBe(0);
      }
      const busy = partitions.filter(({ rowsIn }) => rowsIn > 0);
      for (const { busyUs, latencyCount, latencyUsMax, latencyUsSum } of busy) {
        expect(busyUs).toBeGreaterThan(0);
        expect(latencyCount).toBeGreaterThan(0);
        expect(latencyUsMax * latencyCount).toBeGreaterThanOrEqual(latencyUsSum);
      }
    },
  );

  it.each(['EMIT FINAL', 'EMIT CHANGES'])(
    'count rows, not the groups that stand for them: %s',
    { timeout: LIMIT_MS },
    async (emission) => {
      const sql = `${orders(200_000)} SELECT k, SUM(v) AS s FROM orders GROUP BY k ${emission};`;
      const { job } = await runToEnd(sql, { partitions: 3, workers: 2 });
      expect(partitionsOf(job).map(({ rowsIn }) => rowsIn % 5000)).toEqual([0, 0, 0]);
      expect(sum(partitionsOf(job).map(({ rowsIn }) => rowsIn))).toBe(200_000);
    },
  );

  it.each(['TUMBLING(2s)', 'HOPPING(4s, 1s)'])(
    'count a row once, however many windows it is in: %s',
    { timeout: LIMIT_MS },
    async (window) => {
      const sql = `${orders(100_000)} SELECT k, COUNT(*) AS n FROM orders
        WINDOW ${window} GROUP BY k EMIT FINAL;`;
      const { job } = await runToEnd(sql, { partitions: 3, workers: 2 });
      expect(sum(partitionsOf(job).map(({ rowsIn }) => rowsIn))).toBe(100_000);
    },
  );

  it(
    'a failure in one partition counts there and nowhere else',
    { timeout: LIMIT_MS },
    async () => {
      const sql = `${orders(4000)}
      SELECT k, 10 / (MAX(v) - 7) AS q FROM orders WHERE k = 7 OR k = 8 GROUP BY k EMIT CHANGES;`;
      const { job, result } = await runToEnd(sql, { partitions: 4, workers: 2, onError: 'skip' });
      const failed = partitionsOf(job).map(({ rowsFailed }) => rowsFailed);
      expect(sum(failed)).toBe(1);
      expect(result.rowsFailed + sum(result.queries.map((query) => query.resultsFailed))).toBe(1);
      const failing = partitionsOf(job)[failed.indexOf(1)];
      expect(failing?.rowsIn).toBeGreaterThan(0);
    },
  );

  it('late records count for the partition of their key', { timeout: LIMIT_MS }, async () => {
    const sql = `CREATE TABLE events (
        k BIGINT AS i % 2,
        ts BIGINT AS CASE WHEN i % 100 = 99 THEN 1700000000000 ELSE 1700000000000 + i * 10 END,
        WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
      ) WITH ('connector' = 'generator', 'rows' = '20000');
      SELECT k, COUNT(*) AS n FROM events WINDOW TUMBLING(1s) GROUP BY k EMIT FINAL;`;
    const { job, result } = await runToEnd(sql, { partitions: 4, workers: 2 });
    expect(result.rowsLate).toBeGreaterThan(100);
    const late = partitionsOf(job).map(({ rowsLate }) => rowsLate);
    expect(sum(late)).toBe(result.rowsLate);
    // Only odd numbers are late: one key, one partition.
    expect(late.filter((count) => count > 0)).toHaveLength(1);
  });
});

describe('one-second snapshots', () => {
  it('add up to the final counters', { timeout: LIMIT_MS }, async () => {
    const job = await TestJob.of(orders(5000, ", 'rows-per-second' = '2000'") + COUNTS, {
      partitions: 4,
      workers: 2,
    });
    await job.run();
    const history = registryOf(job).history();
    expect(history.length).toBeGreaterThanOrEqual(2);
    expect(history[0]?.seconds).toBeGreaterThan(0.9);
    const final = partitionsOf(job);
    for (const name of ['rowsIn', 'rowsOut', 'rowsLate', 'rowsFailed', 'batches'] as const) {
      const added = final.map(({ partition }) =>
        sum(history.map(({ partitions }) => partitions[partition]?.[name] ?? Number.NaN)),
      );
      const counted = registryOf(job)
        .snapshot()
        .partitions.map((one) => one[name]);
      expect(added, name).toEqual(counted);
    }
    expect(sum(final.map(({ rowsIn }) => rowsIn))).toBe(5000);
  });

  it('reading them changes nothing', { timeout: LIMIT_MS }, async () => {
    const { job } = await runToEnd(orders(10_000) + COUNTS, { partitions: 2, workers: 2 });
    const before = JSON.stringify(job.job.observed());
    for (let read = 0; read < 5; read += 1) job.job.observed();
    expect(JSON.stringify(job.job.observed())).toBe(before);
  });
});

describe('a skewed key', () => {
  it('nine tenths of the rows make one partition hot, by name', { timeout: LIMIT_MS }, async () => {
    const sql = `CREATE TABLE skewed (
        k BIGINT AS CASE WHEN i % 10 = 0 THEN 1 + i % 7 ELSE 0 END, v BIGINT AS i
      ) WITH ('connector' = 'generator', 'rows' = '400000');
      SELECT k, COUNT(*) AS n FROM skewed GROUP BY k EMIT CHANGES;`;
    const { job } = await runToEnd(sql, { partitions: 4, workers: 2, blackhole: true });
    const rows = partitionsOf(job).map(({ rowsIn }) => rowsIn);
    const hottest = rows.indexOf(Math.max(...rows));
    expect(rows[hottest]).toBeGreaterThanOrEqual(360_000);
    expect(registryOf(job).hot()).toEqual([hottest]);
    const said = [...job.notices, ...job.details].filter((line) => line.includes('hot'));
    expect(said[0]).toMatch(new RegExp(`^partition ${hottest} is hot: \\S+ K of \\S+ K rec/s$`));
  });

  it('equal keys make none', { timeout: LIMIT_MS }, async () => {
    const sql = orders(400_000).replace('i % 40', 'i % 4000') + COUNTS;
    const { job } = await runToEnd(sql, { partitions: 4, workers: 2, blackhole: true });
    expect(registryOf(job).hot()).toEqual([]);
    expect(job.details.filter((line) => line.includes('hot'))).toEqual([]);
  });
});

describe('watermarks', () => {
  it('partitions keep within 100 ms of each other at a pace', { timeout: LIMIT_MS }, async () => {
    const job = await TestJob.of(
      `${orders(3000, ", 'rows-per-second' = '1500'").replace("'splits' = '4'", "'splits' = '1'")}
       SELECT k, COUNT(*) AS n FROM orders WINDOW TUMBLING(1s) GROUP BY k EMIT CHANGES;`,
      { partitions: 4, workers: 2, settings: { mode: { kind: 'individual' } } },
    );
    const lagsMs: number[] = [];
    const watch = setInterval(() => {
      for (const { watermarkLagMs } of partitionsOf(job)) {
        if (watermarkLagMs !== null) lagsMs.push(watermarkLagMs);
      }
    }, 10);
    await job.run();
    clearInterval(watch);
    expect(lagsMs.length).toBeGreaterThan(100);
    lagsMs.sort((a, b) => a - b);
    // One look in a hundred may meet a thread that has no core.
    expect(lagsMs[Math.floor(lagsMs.length * 0.99)]).toBeLessThan(atThisPace(100));
    for (const { watermarkMs, eventTimeMsMax } of partitionsOf(job)) {
      expect(eventTimeMsMax).toBeLessThanOrEqual(1_700_000_002_999);
      expect(eventTimeMsMax).toBeGreaterThan(1_700_000_002_900);
      expect((eventTimeMsMax ?? 0) - (watermarkMs ?? 0)).toBeLessThanOrEqual(1100);
    }
  });
});

describe('workers', () => {
  it('say where their time went, and it adds up', { timeout: LIMIT_MS }, async () => {
    const shares: number[] = [];
    for (let run = 0; run < 5; run++) {
      const { job, result } = await runToEnd(orders(400_000) + FINAL, {
        partitions: 4,
        workers: 2,
      });
      const workers = job.job.observed().queries.flatMap(({ snapshot }) => snapshot.workers);
      expect(sum(workers.map(({ rowsRead }) => rowsRead))).toBe(400_000);
      let all = 0;
      for (const worker of workers) {
        const { sourceUs, operatorsUs, exchangeUs, outputUs, waitUs } = worker;
        const { throttledUs, metricsUs, loopUs } = worker;
        const kinds = [sourceUs, operatorsUs, exchangeUs, outputUs, waitUs];
        for (const us of [...kinds, throttledUs, metricsUs, loopUs]) {
          expect(us).toBeGreaterThanOrEqual(0);
        }
        const total = sum([...kinds, throttledUs, metricsUs, loopUs]);
        expect(total / 1e6).toBeGreaterThan(result.seconds * 0.5);
        expect(sourceUs).toBeGreaterThan(0);
        all += total;
      }
      shares.push(sum(workers.map(({ metricsUs }) => metricsUs)) / all);
    }
    // A thread that lost its core while it counted says so in one run, not in all of them.
    expect(Math.min(...shares)).toBeLessThan(0.1);
  });

  it.runIf(process.platform === 'linux')(
    'stay on their cores under affinity',
    { timeout: LIMIT_MS },
    async () => {
      const job = await TestJob.of(orders(100_000, ", 'rows-per-second' = '50000'") + COUNTS, {
        partitions: 2,
        workers: 2,
        settings: { affinity: true },
        blackhole: true,
      });
      const running = job.run();
      await within(
        until(() => job.job.metrics().rowsRead > 0),
        LIMIT_MS,
      );
      const cores = job.job.workerThreads().map((tid) => {
        const status = readFileSync(`/proc/self/task/${String(tid)}/status`, 'utf8');
        return /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
      });
      void job.job.stop();
      await running;
      expect(job.notices).toEqual([]);
      expect(cores).toEqual(availableParallelism() > 1 ? ['0', '1'] : ['0', '0']);
    },
  );
});

describe('a scrape of a running job', () => {
  it('is well-formed and shows its partitions', { timeout: LIMIT_MS }, async () => {
    const job = await TestJob.of(orders(100_000, ", 'rows-per-second' = '50000'") + COUNTS, {
      partitions: 3,
      workers: 2,
      blackhole: true,
    });
    const server = await MetricsServer.start(0, () => job.job.observed());
    try {
      const running = job.run();
      await within(
        until(() => job.job.metrics().rowsRead > 1000),
        LIMIT_MS,
      );
      const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
      void job.job.stop();
      await running;
      checkExposition(text);
      expect(text).toContain('velo_job_state{state="running"} 1');
      const rows = [...text.matchAll(/^velo_partition_records_in_total\{.*\} (\d+)$/gm)];
      expect(rows).toHaveLength(3);
      expect(sum(rows.map(([, count]) => Number(count)))).toBeGreaterThan(0);
    } finally {
      await server.close();
    }
  });
});
