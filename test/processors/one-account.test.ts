/**
 * Law 16, one account: what a scrape, the live table and the summary read adds up at every moment
 * at which it is looked at, for each shape of plan, on V1 and on V2, and is complete at the end.
 */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../dist/base/clock.js';
import { compileJob, createJob } from '../../dist/job.js';
import type { PartitionSnapshot } from '../../dist/metrics/partition-metrics.js';
import type { JobMetricsForExport } from '../../dist/metrics/prometheus.js';
import type { JobProcessor } from '../../dist/processors/job-processor.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import { Writable } from 'node:stream';

const LIMIT_MS = 240_000;
const ROWS = 3_000_000;
const TABLE = `CREATE TABLE t (id BIGINT AS i, k BIGINT AS i % 7, price DOUBLE AS 1.5 + (i % 100),
  ts TIMESTAMP(3) AS i, WATERMARK FOR ts AS ts)
  WITH ('connector' = 'generator', 'rows' = '${ROWS}', 'splits' = '4');`;

/** [name, query, whether every record reaches a partition]. */
const SHAPES: readonly (readonly [string, string, boolean])[] = [
  ['stateless', 'SELECT k, id FROM t WHERE id % 100000 = 0', true],
  ['grouped', 'SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT FINAL', true],
  ['ungrouped', 'SELECT COUNT(*) AS n, SUM(price) AS s FROM t EMIT FINAL', true],
  [
    'many groups',
    'SELECT id % 200000 AS g, COUNT(*) AS n FROM t GROUP BY id % 200000 EMIT FINAL',
    true,
  ],
  [
    'tumbling',
    'SELECT k, COUNT(*) AS n FROM t GROUP BY k WINDOW TUMBLING(ts, 1m) EMIT FINAL',
    true,
  ],
  [
    'hopping',
    'SELECT k, COUNT(*) AS n FROM t GROUP BY k WINDOW HOPPING(ts, 2m, 1m) EMIT FINAL',
    true,
  ],
  ['failing', 'SELECT k, 1 / (id % 1000) AS x FROM t WHERE id % 100 = 0', true],
  ['distinct', 'SELECT DISTINCT k FROM t EMIT FINAL', true],
  ['where', 'SELECT k, COUNT(*) AS n FROM t WHERE id % 2 = 0 GROUP BY k EMIT FINAL', false],
];
const PLACES: readonly (readonly [string, { partitions: number; workers: number } | null])[] = [
  ['v1', null],
  ['2 partitions on 1 worker', { partitions: 2, workers: 1 }],
  ['8 partitions on 2 workers', { partitions: 8, workers: 2 }],
];

class Nowhere extends Writable {
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

async function jobOf(sql: string, place: (typeof PLACES)[number][1]): Promise<JobProcessor> {
  const compiled = await compileJob({
    source: { name: 'account.sql', text: `${TABLE} ${sql};` },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  return createJob(compiled, {
    sinks: { stdout: new Nowhere(), format: 'jsonl', onStdoutClosed: () => undefined },
    onError: 'skip',
    deadLetter: null,
    durationMs: null,
    batchRows: null,
    mode: { kind: 'batch', rows: 4096 },
    partitioned: place === null ? null : { ...PARTITIONED_DEFAULTS, ...place },
    notice: () => undefined,
    detail: () => undefined,
    clock: systemClock,
  });
}

interface Look {
  readonly rowsIn: number;
  readonly given: number;
  readonly batches: number;
  readonly busyUs: number;
  readonly latencyCount: number;
  readonly rate: number;
}

function lookAt({ queries }: JobMetricsForExport): Look {
  const [query] = queries;
  if (query === undefined)
    return { rowsIn: 0, given: 0, batches: 0, busyUs: 0, latencyCount: 0, rate: 0 };
  const sum = (pick: (one: PartitionSnapshot) => number): number =>
    query.snapshot.partitions.reduce((total, one) => total + pick(one), 0);
  return {
    rowsIn: query.rowsIn,
    given: sum(({ rowsIn }) => rowsIn),
    batches: sum(({ batches }) => batches),
    busyUs: sum(({ busyUs }) => busyUs),
    latencyCount: sum(({ latencyCount }) => latencyCount),
    rate: query.readRate,
  };
}

describe.each(PLACES)('on %s', (_, place) => {
  it.each(SHAPES)(
    '%s adds up at every look',
    { timeout: LIMIT_MS },
    async (_name, sql, reaches) => {
      const job = await jobOf(sql, place);
      const looks: Look[] = [];
      const watch = setInterval(() => {
        const { rowsRead, queries } = job.metrics();
        const [query] = queries;
        if (query !== undefined) {
          const { rowsProcessed, rowsFailed, rowsLateDropped, rowsLateExpired } = query;
          expect(rowsProcessed + rowsFailed + rowsLateDropped + rowsLateExpired).toBe(rowsRead);
        }
        looks.push(lookAt(job.observed()));
      }, 20);
      const result = await job.start();
      clearInterval(watch);
      const last = lookAt(job.observed());
      expect(result.rowsRead).toBe(ROWS);
      expect(last.rowsIn).toBe(ROWS);
      if (reaches) expect(last.given).toBe(ROWS);
      for (const name of ['batches', 'busyUs', 'latencyCount'] as const) {
        expect(last[name], name).toBeGreaterThan(0);
      }
      for (const [at, look] of [...looks, last].entries()) {
        const before = looks[at - 1];
        // The partitions are never given what was not read: the totals are read after the parts.
        expect(look.given).toBeLessThanOrEqual(ROWS);
        expect(look.rate).toBeLessThan(5e9);
        if (before === undefined) continue;
        for (const name of ['rowsIn', 'given', 'batches', 'busyUs', 'latencyCount'] as const) {
          expect(look[name], name).toBeGreaterThanOrEqual(before[name]);
        }
      }
    },
  );
});
