/**
 * Queries that cover every operator with state, over generators and files whose records come late
 * now and then: what tests of snapshots and checkpoints run. Owns their tables and the files.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

export const ROWS = 6000;

export const folder = mkdtempSync(join(tmpdir(), 'velo-state-shapes-'));

/** Events in the order of their number, with every 13th late by up to 40 seconds. */
function eventOf(i: number): { i: number; k: string; g: number; v: number; ts: number } {
  const late = i % 13 === 0 ? (i % 40) * 1000 : 0;
  return { i, k: `k${(i * 7) % 23}`, g: i % 5, v: (i * 37) % 101, ts: i * 100 - late };
}

beforeAll(() => {
  const lines = Array.from({ length: ROWS }, (_, i) => JSON.stringify(eventOf(i)));
  writeFileSync(join(folder, 'events.jsonl'), `${lines.join('\n')}\n`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

export type Source = 'generator' | 'file';

const TIME = `WATERMARK FOR ts AS ts - INTERVAL '5' SECOND`;

function table(name: string, source: Source, splits: number): string {
  if (source === 'file') {
    return `CREATE TABLE ${name} (i BIGINT, k STRING, g BIGINT, v BIGINT, ts TIMESTAMP(3), ${TIME})
      WITH ('connector' = 'file', 'path' = '${join(folder, 'events.jsonl')}', 'format' = 'json');\n`;
  }
  return `CREATE TABLE ${name} (
      k STRING AS 'k' || CAST((i * 7) % 23 AS STRING),
      g BIGINT AS i % 5,
      v BIGINT AS (i * 37) % 101,
      ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(
        i * 100 - CASE WHEN i % 13 = 0 THEN (i % 40) * 1000 ELSE 0 END, 3),
      ${TIME})
    WITH ('connector' = 'generator', 'rows' = '${ROWS}', 'splits' = '${splits}');\n`;
}

export interface Shape {
  readonly name: string;
  readonly sql: string;
  readonly changelog?: boolean;
  /** Reads table u too. */
  readonly two?: boolean;
  /** SET statements in front of the query. */
  readonly set?: string;
}

/** Event time moves on by 100 ms a record: some groups expire between two of theirs, some do not. */
const EXPIRING = `SET 'state.ttl' = '9s'; SET 'state.ttl.time' = 'event';\n`;

export const SHAPES: readonly Shape[] = [
  { name: 'stateless', sql: `SELECT k, v + 1 AS w FROM t WHERE v > 10` },
  {
    name: 'GROUP BY, changes',
    sql: `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT CHANGES`,
  },
  {
    name: 'GROUP BY, final',
    sql: `SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM t GROUP BY k EMIT FINAL`,
  },
  { name: 'no keys', sql: `SELECT COUNT(*) AS n, SUM(v) AS s FROM t EMIT FINAL` },
  {
    name: 'GROUP BY that expires',
    set: EXPIRING,
    changelog: true,
    sql: `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t WHERE v < 20 GROUP BY k EMIT CHANGES`,
  },
  {
    name: 'one group that expires',
    set: EXPIRING,
    sql: `SELECT COUNT(*) AS n, SUM(v) AS s FROM t WHERE v = 7 EMIT CHANGES`,
  },
  {
    name: 'DISTINCT that expires',
    set: EXPIRING,
    sql: `SELECT DISTINCT k, g FROM t WHERE v < 20`,
  },
  {
    name: 'tumbling window, final',
    sql: `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k
      WINDOW TUMBLING(ts, INTERVAL '30' SECOND) EMIT FINAL`,
  },
  {
    name: 'hopping window, final, order matters',
    sql: `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, LAST_VALUE(v) AS l FROM t GROUP BY k
      WINDOW HOPPING(ts, INTERVAL '30' SECOND, INTERVAL '10' SECOND) EMIT FINAL`,
  },
  {
    name: 'session window',
    sql: `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM t WHERE v < 30 GROUP BY k
      WINDOW SESSION(ts, INTERVAL '4' SECOND) EMIT FINAL`,
  },
  {
    name: 'ROWS window',
    sql: `SELECT k, v,
      SUM(v) OVER (ROWS WINDOW BUFFER 20 ROWS PARTITION BY k ORDER BY ts) AS s,
      MIN(v) OVER (ROWS WINDOW BUFFER 20 ROWS PARTITION BY k ORDER BY ts) AS m FROM t`,
  },
  { name: 'DISTINCT', sql: `SELECT DISTINCT k, g FROM t` },
  {
    name: 'OVER',
    sql: `SELECT k, i2, SUM(v) OVER (PARTITION BY k ORDER BY ts
      ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS s FROM (SELECT k, v, ts, v * 2 AS i2 FROM t)`,
  },
  {
    name: 'interval join',
    two: true,
    sql: `SELECT t.k, t.v, u.v AS w FROM t JOIN u ON t.k = u.k
      AND t.ts BETWEEN u.ts - INTERVAL '1' SECOND AND u.ts + INTERVAL '1' SECOND`,
  },
  {
    name: 'join that expires',
    set: EXPIRING,
    two: true,
    sql: `SELECT t.k, t.v, u.v AS w FROM t JOIN u ON t.k = u.k AND t.v < u.v WHERE t.g = 1 AND u.g = 2`,
  },
  {
    name: 'Top-N that expires',
    set: EXPIRING,
    changelog: true,
    sql: `SELECT k, v, r FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, ts)
      AS r FROM t WHERE g = 1) WHERE r <= 3`,
  },
  {
    name: 'ROWS window that expires',
    set: EXPIRING,
    sql: `SELECT k, v, SUM(v) OVER (ROWS WINDOW BUFFER 20 ROWS PARTITION BY k ORDER BY ts) AS s,
      LAG(v) OVER (ROWS WINDOW BUFFER 20 ROWS PARTITION BY k ORDER BY ts) AS l FROM t WHERE g = 1`,
  },
  {
    name: 'Top-N per key',
    changelog: true,
    sql: `SELECT k, v, r FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, ts)
      AS r FROM t) WHERE r <= 3`,
  },
  {
    name: 'global stage over groups',
    sql: `SELECT n, COUNT(*) AS groups FROM (SELECT k, g, COUNT(*) AS n FROM t GROUP BY k, g)
      GROUP BY n EMIT FINAL`,
  },
  {
    name: 'UNION ALL of groups and rows',
    sql: `SELECT k, COUNT(*) AS n FROM t GROUP BY k UNION ALL SELECT k, -v AS n FROM t WHERE v > 90`,
  },
  {
    name: 'windows over UNION ALL',
    sql: `SELECT k, window_start AS w, COUNT(*) AS n, SUM(v) AS s FROM TABLE(TUMBLE(TABLE
      (SELECT k, v, ts FROM t WHERE v < 50 UNION ALL SELECT k, -v AS v, ts FROM t WHERE v > 40),
      DESCRIPTOR(ts), INTERVAL '30' SECOND)) GROUP BY k, window_start, window_end EMIT FINAL`,
  },
  {
    name: 'ORDER BY and LIMIT over windows',
    sql: `SELECT k, _WINDOW_START AS w, COUNT(*) AS n FROM t GROUP BY k
      WINDOW TUMBLING(ts, INTERVAL '30' SECOND) EMIT FINAL ORDER BY n DESC, w, k LIMIT 25`,
  },
  {
    name: 'many groups, changes',
    sql: `SELECT k, v, COUNT(*) AS n, SUM(g) AS s FROM t GROUP BY k, v EMIT CHANGES`,
  },
  {
    name: 'many groups under a window',
    sql: `SELECT k, v, _WINDOW_START AS w, COUNT(*) AS n FROM t GROUP BY k, v
      WINDOW TUMBLING(ts, INTERVAL '4' MINUTE) EMIT FINAL`,
  },
  {
    name: 'many groups, with rows taken back',
    changelog: true,
    sql: `SELECT n, v, COUNT(*) AS c, SUM(s) AS s FROM
      (SELECT k, v, COUNT(*) AS n, SUM(g) AS s FROM t GROUP BY k, v) GROUP BY n, v EMIT CHANGES`,
  },
];

export const SOURCES: readonly { readonly source: Source; readonly splits: number }[] = [
  { source: 'generator', splits: 1 },
  { source: 'generator', splits: 4 },
  { source: 'file', splits: 1 },
];

/** `into`: a file that takes the rows, instead of stdout. */
export function sqlOf(shape: Shape, source: Source, splits: number, into = ''): string {
  const second = shape.two === true ? table('u', source, splits) : '';
  const insert = into === '' ? '' : `INSERT INTO '${into}' `;
  return `${table('t', source, splits)}${second}${shape.set ?? ''}${insert}${shape.sql};`;
}
