/**
 * A LIMIT ends the reading: behind its last row no source is read further than one batch, whatever
 * operator the row comes from, on V1 and on V2. What is needed is what is read with batches of one
 * record on V1; what is read with larger ones is counted. Workers who read ahead of the LIMIT may be
 * within the next batch of each source, which is none of V1's.
 */
import { describe, expect, it } from 'vitest';
import { runSql } from '../support/run-sql.js';

const BATCH = 100;

function numbers(name: string): string {
  return `CREATE TABLE ${name} (i BIGINT, k BIGINT AS i % 10,
    ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i * 10, 3), WATERMARK FOR ts AS ts)
    WITH ('connector' = 'generator');\n`;
}

const G = numbers('g');
const TWO = numbers('a') + numbers('b');
const TUMBLE = `TABLE(TUMBLE(TABLE g, DESCRIPTOR(ts), INTERVAL '1' SECOND))`;

/** Sources without end: whoever reads on does not come back. */
const QUERIES: Readonly<Record<string, readonly [string, number]>> = {
  projection: [`${G} SELECT i FROM g LIMIT 7`, 1],
  filter: [`${G} SELECT i FROM g WHERE i % 50 = 3 LIMIT 7`, 1],
  'groups that change': [`${G} SELECT k, COUNT(*) AS n FROM g GROUP BY k EMIT CHANGES LIMIT 7`, 1],
  windows: [
    `${G} SELECT k, window_end, COUNT(*) AS n FROM ${TUMBLE}
      GROUP BY k, window_start, window_end LIMIT 7`,
    1,
  ],
  sessions: [
    `${G} SELECT k, COUNT(*) AS n FROM TABLE(SESSION(TABLE g PARTITION BY k, DESCRIPTOR(ts),
      INTERVAL '50' MILLISECOND)) GROUP BY k, window_start, window_end LIMIT 7`,
    1,
  ],
  'a window function': [`${G} SELECT i, window_end FROM ${TUMBLE} LIMIT 7`, 1],
  over: [`${G} SELECT i, SUM(i) OVER (PARTITION BY k ORDER BY ts) AS s FROM g LIMIT 7`, 1],
  'buffers of rows': [
    `${G} SELECT i, SUM(i) OVER (ROWS WINDOW BUFFER 10 ROWS PARTITION BY k) AS s FROM g LIMIT 7`,
    1,
  ],
  join: [`${TWO} SELECT a.i FROM a JOIN b ON a.i = b.i LIMIT 7`, 2],
  'interval join': [
    `${TWO} SELECT a.i FROM a JOIN b ON a.k = b.k
      AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1' SECOND LIMIT 7`,
    2,
  ],
  union: [`${TWO} SELECT i FROM (SELECT i FROM a UNION ALL SELECT i FROM b) LIMIT 7`, 2],
  'a branch of a union': [
    `${TWO} (SELECT i FROM a LIMIT 7) UNION ALL (SELECT i FROM b LIMIT 7)`,
    2,
  ],
  'distinct rows': [`${G} SELECT DISTINCT k FROM g LIMIT 7`, 1],
  'numbered rows': [
    `${G} SELECT i, r FROM (SELECT i, ROW_NUMBER() OVER (PARTITION BY k ORDER BY i) AS r FROM g)
      WHERE r <= 3 LIMIT 7`,
    1,
  ],
};

async function rowsRead(
  sql: string,
  batchRows: number,
  partitioned: { readonly partitions: number; readonly workers: number } | null,
): Promise<{ readonly rows: number; readonly out: number }> {
  const { result, errorText, lines } = await runSql(sql, {
    batchRows,
    ...(partitioned === null ? {} : { partitioned }),
  });
  expect(errorText).toBe('');
  return { rows: result!.rowsRead, out: lines.length };
}

describe('a LIMIT ends the reading', () => {
  it.each(Object.entries(QUERIES))('of %s', async (_name, [sql, sources]) => {
    const needed = await rowsRead(sql, 1, null);
    expect(needed.out).toBeGreaterThanOrEqual(7);
    const v1 = await rowsRead(sql, BATCH, null);
    expect(v1.rows).toBeLessThanOrEqual(needed.rows + sources * BATCH);
    expect(v1.out).toBe(needed.out);
    for (const workers of [1, 2, 3]) {
      for (const partitions of [workers, 8]) {
        const v2 = await rowsRead(sql, BATCH, { partitions, workers });
        const at = `${partitions} partitions, ${workers} workers`;
        expect(v2.rows, at).toBeLessThanOrEqual(v1.rows + sources * BATCH);
        expect(v2.out, at).toBe(needed.out);
      }
    }
  });
});
