/**
 * What must not depend on threads: ten runs of a job give identical rows, in order; random queries
 * at random partitions, workers, batch rows and ring sizes give the rows of V1 (law 1), and in V1's
 * order where rows answer to records. VELO_FUZZ_ROUNDS and VELO_FUZZ_SEED as for test/oracle.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differences, remaining, veloRow } from '../../oracle/random-answers.js';
import { COLUMNS, Random, randomTable } from '../../oracle/random-data.js';
import { QUERY_KINDS } from '../../oracle/random-query-kinds.js';
import { runSql } from '../../support/run-sql.js';
import type { RunSqlOptions } from '../../support/run-sql.js';
import { runOnV1, runToEnd, sorted } from './jobs.js';

const ROUNDS = Number(process.env['VELO_FUZZ_ROUNDS'] ?? 8);
const SEED = Number(process.env['VELO_FUZZ_SEED'] ?? 20261123);
const ROWS = 4000;
const RUNS = 10;
const LIMIT_MS = Math.max(60_000, ROUNDS * 2000);

const folder = mkdtempSync(join(tmpdir(), 'velo-laws-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TIME = `WATERMARK FOR ts AS ts - INTERVAL '3' SECOND`;

function eventsTable(source: string): string {
  if (source === 'a file') {
    return `CREATE TABLE t (k STRING, v BIGINT, ts TIMESTAMP(3), ${TIME})
      WITH ('connector' = 'file', 'path' = '${join(folder, 'events.jsonl')}', 'format' = 'json');\n`;
  }
  return `CREATE TABLE t (k STRING AS 'k' || CAST(i % 31 AS STRING), v BIGINT AS (i * 37) % 101,
      ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(
        i * 100 - CASE WHEN i % 13 = 0 THEN (i % 40) * 1000 ELSE 0 END, 3), ${TIME})
    WITH ('connector' = 'generator', 'rows' = '${ROWS}',
          'splits' = '${source === 'four splits' ? 4 : 1}');\n`;
}

const DECLARED = COLUMNS.map(({ name, veloType }) => `${name} ${veloType}`).join(', ');

function randomTableOf(name: string): string {
  return `CREATE TABLE ${name} (id BIGINT, ${DECLARED},
    WATERMARK FOR ts AS ts - INTERVAL '1' DAY)
    WITH ('connector' = 'file', 'path' = '${join(folder, `${name}.jsonl`)}', 'format' = 'json');\n`;
}

beforeAll(() => {
  const events = Array.from({ length: ROWS }, (_, i) =>
    JSON.stringify({
      k: `k${i % 31}`,
      v: (i * 37) % 101,
      ts: i * 100 - (i % 13 === 0 ? (i % 40) * 1000 : 0),
    }),
  );
  writeFileSync(join(folder, 'events.jsonl'), `${events.join('\n')}\n`);
  for (const [at, name] of ['rt', 'ru'].entries()) {
    const rows = randomTable(new Random(SEED + at), 60);
    writeFileSync(join(folder, `${name.slice(1)}.jsonl`), rows.map(({ json }) => json).join(''));
  }
});

const QUERIES: readonly (readonly [string, string])[] = [
  ['GROUP BY changes', 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT CHANGES'],
  [
    'windows final',
    `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, AVG(v) AS a FROM t GROUP BY k
      WINDOW TUMBLING(ts, INTERVAL '20' SECOND) EMIT FINAL`,
  ],
  [
    'ROWS window',
    `SELECT k, v, AVG(v) OVER (ROWS WINDOW BUFFER 9 ROWS PARTITION BY k ORDER BY ts) AS a FROM t`,
  ],
  ['stateless', 'SELECT k, v FROM t WHERE v % 3 = 0'],
];

const waits = ['windows final', 'ROWS window'];

describe(`${RUNS} runs of a job give the same rows in the same order`, () => {
  for (const source of ['one split', 'four splits', 'a file']) {
    it.each(QUERIES)(
      `%s of ${source}`,
      async (name, query) => {
        const sql = `${eventsTable(source)}${query};`;
        const place = { partitions: 8, workers: 2, batchRows: 64 };
        const first = await runToEnd(sql, place);
        expect(first.lines.length).toBeGreaterThan(0);
        for (let run = 1; run < RUNS; run += 1) {
          const again = await runToEnd(sql, place);
          // Which turn ships partial groups of several splits depends on how far each was read.
          if (source === 'four splits' && name === 'windows final') {
            expect(sorted(again.lines), `run ${run}`).toEqual(sorted(first.lines));
          } else expect(again.lines, `run ${run}`).toEqual(first.lines);
          const rowsIn = ({ result }: typeof again): unknown =>
            result.queries[0]!.partitions.map((partition) => partition.rowsIn);
          expect(rowsIn(again), `run ${run}`).toEqual(rowsIn(first));
        }
        const v1 = await runOnV1(sql, { batchRows: 64 });
        // Rows that wait for a watermark answer to no record: those of a partition come together.
        if (waits.includes(name)) expect(sorted(first.lines)).toEqual(sorted(v1.lines));
        else expect(first.lines).toEqual(v1.lines);
      },
      LIMIT_MS,
    );
  }
});

describe(`random queries of seed ${SEED} give the rows of V1`, () => {
  it.each(Object.keys(QUERY_KINDS))(
    '%s',
    async (kind) => {
      const random = new Random(SEED + kind.length * 6007);
      let answers = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const query = QUERY_KINDS[kind as keyof typeof QUERY_KINDS](random);
        const sql = `${randomTableOf('t')}${randomTableOf('u')}${query.velo}`;
        const changelog = query.changelog ?? false;
        const options: RunSqlOptions = {
          changelog,
          batchRows: random.pick([1, 3, 7, 64, 4096]),
          partitioned: {
            partitions: 1 + random.below(9),
            workers: 1 + random.below(3),
            ringSlots: 2 + random.below(15),
          },
        };
        const want = await runSql(sql, { changelog });
        const got = await runSql(sql, options);
        const at = `${JSON.stringify(options)}\n${query.velo}`;
        expect(got.exit, `${got.errorText}\n${at}`).toBe(want.exit);
        if (want.exit !== 0) continue;
        answers += 1;
        const rows = (lines: readonly string[]) =>
          changelog ? remaining(lines.map(veloRow)) : lines.map(veloRow);
        const faults = differences(rows(got.lines), rows(want.lines), { ordered: query.ordered });
        expect(faults, at).toEqual([]);
      }
      expect(answers).toBeGreaterThan(ROUNDS / 2);
    },
    LIMIT_MS,
  );
});
