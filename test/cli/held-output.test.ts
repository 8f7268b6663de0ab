/** Why nothing has come out: said once, after ten seconds, from the plan and the account. */
import { describe, expect, it } from 'vitest';
import { compileJob } from '../../dist/job.js';
import { HeldOutput } from '../../src/cli/terminal/held-output.js';
import type { JobMetrics, QueryMetrics } from '../../src/processors/job-processor.js';
import { runSql } from '../support/run-sql.js';

const TABLES = `CREATE TABLE g (i BIGINT, ts TIMESTAMP(3) AS CAST(i AS TIMESTAMP), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
  WITH ('connector' = 'generator');
CREATE TABLE b (i BIGINT) WITH ('connector' = 'generator', 'rows' = '9');
CREATE TABLE k (i BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',
  'properties.bootstrap.servers' = 'localhost:1', 'scan.startup.mode' = 'latest-offset');
`;
const WINDOWED =
  'SELECT i % 3 AS k, COUNT(*) AS n FROM g GROUP BY i % 3 WINDOW TUMBLING(ts, 1m) EMIT FINAL';

const QUERY: QueryMetrics = {
  query: 'query-1',
  rowsRead: 1200,
  rowsProcessed: 1200,
  rowsFailed: 0,
  resultsFailed: 0,
  rowsLate: 0,
  rowsLateDropped: 0,
  rowsLateExpired: 0,
  rowsOut: 0,
  rowsRejected: 0,
  silentSplits: [],
  stateRows: 0,
  stateBytes: 0,
  pagedBytes: 0,
  pagesRead: 0,
  partitions: [],
};

async function held(sql: string, metrics: Partial<QueryMetrics>, job: Partial<JobMetrics> = {}) {
  const { plan } = await compileJob({
    source: { name: 'held.sql', text: TABLES + sql },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const said: string[] = [];
  const output = new HeldOutput(plan.queries, (line) => said.push(line));
  const at = (
    seconds: number,
    more: Partial<QueryMetrics> = {},
    state = job.state ?? 'running',
  ) => {
    const queries = plan.queries.map(() => ({ ...QUERY, ...metrics, ...more }));
    const sums = { rowsRead: 0, rowsOut: 0, rowsFailed: 0, rowsLate: 0, seconds };
    output.observe(seconds * 1000, { share: null, ...sums, ...job, state, queries });
  };
  return { said, at };
}

async function reason(
  sql: string,
  metrics: Partial<QueryMetrics>,
  job: Partial<JobMetrics> = {},
): Promise<string> {
  const { said, at } = await held(sql, metrics, job);
  for (let seconds = 0; seconds <= 30; seconds += 1) at(seconds);
  expect(said).toHaveLength(1);
  return said[0] ?? '';
}

describe('after ten seconds without a row', () => {
  it('says so once, and not before', async () => {
    const { said, at } = await held('SELECT i FROM g WHERE i < 0', { rowsRejected: 1200 });
    for (let seconds = 5; seconds < 15; seconds += 1) at(seconds);
    expect(said).toEqual([]);
    at(15);
    expect(said).toEqual([
      'no row after 10 s: WHERE rejects all 1,200 records that were read (100 %)',
    ]);
    for (let seconds = 16; seconds < 60; seconds += 1) at(seconds);
    expect(said).toHaveLength(1);
  });

  it('says nothing of a query that gave a row, nor before the job runs', async () => {
    const { said, at } = await held('SELECT i FROM g', {});
    at(0);
    at(9, { rowsOut: 1 });
    at(20);
    const opening = await held('SELECT i FROM g', {});
    for (const seconds of [0, 20, 40]) opening.at(seconds, {}, 'created');
    expect([...said, ...opening.said]).toEqual([]);
  });

  it('names what was not read', async () => {
    expect(await reason('SELECT i FROM k', { rowsRead: 0 })).toBe(
      "no row after 10 s: nothing was read yet of k (kafka); 'scan.startup.mode' = 'latest-offset' reads new records only",
    );
    expect(await reason('SELECT i FROM g', { rowsRead: 0 })).toMatch(/yet of g \(generator\)$/);
  });

  it('names the watermark, and what holds it back', async () => {
    const partitions = [
      { partition: 0, rowsIn: 1, rowsOut: 0, watermarkMs: 1709287200123 },
      { partition: 1, rowsIn: 1, rowsOut: 0, watermarkMs: null },
    ];
    expect(await reason(WINDOWED, { partitions })).toBe(
      'no row after 10 s: rows come when the watermark has passed them; the watermark stands at 2024-03-01 10:00:00.123 (ts − 5 s)',
    );
    expect(await reason(WINDOWED, { silentSplits: ['3'] })).toMatch(
      /there is no watermark yet \(ts − 5 s\); source partition 3 has given no record, which holds it back unless 'source.idle-timeout' is set$/,
    );
    const silentSplits = Array.from({ length: 20 }, (_, at) => String(at));
    expect(await reason(WINDOWED, { silentSplits })).toContain(
      'source partitions 0, 1, 2, 3, 4, 5, 6, 7 and 12 more have given no record',
    );
  });

  it('names failures, late records and the end that is waited for', async () => {
    expect(await reason('SELECT i FROM g', { rowsFailed: 1200 })).toMatch(/all 1,200 .* failed$/);
    expect(await reason(WINDOWED, { rowsFailed: 200, rowsRejected: 1000 })).toMatch(
      /WHERE rejects 1,000, the others failed$/,
    );
    expect(await reason(WINDOWED, { rowsLateDropped: 700, rowsRejected: 500 })).toMatch(
      /700 of 1,200 records were late and dropped, WHERE rejects the others$/,
    );
    const final = 'SELECT COUNT(*) AS n FROM b EMIT FINAL';
    expect(await reason(final, {}, { share: 0.429 })).toMatch(
      /its rows come at the end of the input; 42 % of it are read$/,
    );
    expect(await reason('SELECT i FROM b ORDER BY i', {})).toMatch(/at the end of the input$/);
    expect(await reason('SELECT i FROM g', { rowsRejected: 3 })).toMatch(
      /1,200 records were read, and none has brought about a row$/,
    );
  });

  it('names the query where there are several', async () => {
    const { said, at } = await held('SELECT i FROM g; SELECT i FROM b;', {});
    for (const seconds of [0, 10]) at(seconds);
    expect(said.map((line) => line.split(':')[0])).toEqual(['query-1', 'query-2']);
  });
});

describe('records that WHERE rejects', () => {
  it.each([undefined, { partitions: 3, workers: 2 }])('are counted (%j)', async (partitioned) => {
    const source = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '10000');`;
    const counted = async (sql: string): Promise<unknown> => {
      const { result } = await runSql(`${source} ${sql}`, {
        onError: 'skip',
        ...(partitioned === undefined ? {} : { partitioned }),
      });
      const [query] = result?.queries ?? [];
      return [query?.rowsRead, query?.rowsRejected, query?.rowsFailed, query?.silentSplits];
    };
    expect(await counted('SELECT i FROM g WHERE i < 0')).toEqual([10000, 10000, 0, []]);
    expect(await counted('SELECT i FROM g WHERE i < 4000')).toEqual([10000, 6000, 0, []]);
    expect(await counted('SELECT 1 / (i % 2) AS v FROM g WHERE i < 4000')).toEqual([
      10000,
      6000,
      2000,
      [],
    ]);
    expect(
      await counted(
        'SELECT i % 5 AS k, COUNT(*) AS n FROM g WHERE i % 10 = 0 GROUP BY i % 5 EMIT FINAL',
      ),
    ).toEqual([10000, 9000, 0, []]);
    expect(await counted('SELECT i FROM g')).toEqual([10000, 0, 0, []]);
  });
});
