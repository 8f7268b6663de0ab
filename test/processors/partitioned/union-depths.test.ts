/**
 * UNION ALL of two branches, each ordered pair of twelve kinds (stateless to two-level, with
 * LIMITs of their own): V2 gives the changes of V1, whatever the depths of the branches, at 1, 2, 3
 * and 8 partitions, with 1 and 2 workers and batches of 1, 7 and the default. A run takes a seeded part of
 * the shapes of each pair; VELO_UNION_PAIRS=all takes all of them, VELO_FUZZ_SEED other ones.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../oracle/random-data.js';
import { runSql } from '../../support/run-sql.js';
import type { RunSqlOptions, RunSqlResult } from '../../support/run-sql.js';
import { sorted } from './jobs.js';

const EVERY_SHAPE = process.env['VELO_UNION_PAIRS'] === 'all';
const SEED = Number(process.env['VELO_FUZZ_SEED'] ?? 20261129);
const SHAPES_PER_PAIR = 4;
const ROWS = 40;
const LIMIT_MS = EVERY_SHAPE ? 600_000 : 60_000;

/** Each gives two BIGINT columns. */
const KINDS: Readonly<Record<string, string>> = {
  stateless: 'SELECT i AS x, k AS c FROM a WHERE i % 3 <> 0',
  'GROUP BY': 'SELECT k AS x, COUNT(*) AS c FROM a GROUP BY k',
  'one group': 'SELECT COUNT(*) AS x, MAX(i) AS c FROM a',
  window: `SELECT k AS x, COUNT(*) AS c FROM a GROUP BY k WINDOW TUMBLING(ts, INTERVAL '5' SECOND)`,
  join: 'SELECT l.i AS x, r.k AS c FROM a l JOIN b r ON l.i = r.i',
  DISTINCT: 'SELECT DISTINCT k AS x, g AS c FROM a',
  'Top-N': `SELECT x, c FROM (SELECT k AS x, i AS c,
    ROW_NUMBER() OVER (PARTITION BY k ORDER BY g DESC, i) AS n FROM a) z WHERE n <= 2`,
  OVER: 'SELECT i AS x, COUNT(*) OVER (PARTITION BY k ORDER BY ts) AS c FROM a',
  'two levels': `SELECT n AS x, COUNT(*) AS c
    FROM (SELECT k, COUNT(*) AS n FROM a GROUP BY k) z GROUP BY n`,
  'ORDER BY': 'SELECT x, c FROM (SELECT i AS x, k AS c FROM a ORDER BY g, i LIMIT 5) z',
  LIMIT: 'SELECT x, c FROM (SELECT i AS x, g AS c FROM a LIMIT 9) z',
  'LIMIT of an outer join': `SELECT x, c
    FROM (SELECT l.i AS x, r.k AS c FROM a l LEFT JOIN b r ON l.i = r.i LIMIT 6) z`,
};

interface Shape {
  readonly partitions: number;
  readonly workers: number;
  readonly batchRows: number | undefined;
}
const SHAPES: readonly Shape[] = [1, 2, 3, 8].flatMap((partitions) =>
  [1, 2].flatMap((workers) =>
    [1, 7, undefined].map((batchRows) => ({ partitions, workers, batchRows })),
  ),
);

const folder = mkdtempSync(join(tmpdir(), 'velo-union-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function table(name: string): string {
  const path = join(folder, `${name}.jsonl`);
  return `CREATE TABLE ${name} (i BIGINT, k BIGINT, g BIGINT, ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
    WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json');\n`;
}

beforeAll(() => {
  for (const name of ['a', 'b']) {
    const step = name === 'a' ? 1 : 3;
    const lines = Array.from({ length: ROWS }, (_, at) =>
      JSON.stringify({ i: at * step, k: (at * 5) % 7, g: at % 4, ts: at * 400 }),
    );
    writeFileSync(join(folder, `${name}.jsonl`), `${lines.join('\n')}\n`);
  }
});

function unionOf(first: string, second: string): string {
  return `${table('a')}${table('b')}${first} UNION ALL ${second};`;
}

function run(sql: string, { partitions, workers, batchRows }: Shape): Promise<RunSqlResult> {
  const options: RunSqlOptions = {
    changelog: true,
    ...(batchRows === undefined ? {} : { batchRows }),
    ...(partitions === 0 ? {} : { partitioned: { partitions, workers } }),
  };
  return runSql(sql, options);
}

/** What V1 gives, once per number of rows in a batch. */
function oracleOf(sql: string): (shape: Shape) => Promise<readonly string[]> {
  const known = new Map<number | undefined, Promise<readonly string[]>>();
  return (shape) => {
    const found = known.get(shape.batchRows) ?? v1Rows(sql, shape);
    known.set(shape.batchRows, found);
    return found;
  };
}

async function v1Rows(sql: string, shape: Shape): Promise<readonly string[]> {
  const { exit, lines, errorText } = await run(sql, { ...shape, partitions: 0 });
  expect(exit, errorText).toBe(0);
  return sorted(lines);
}

/** Every shape, or a part of them in which each number of partitions occurs. */
function shapesOf(random: Random): readonly Shape[] {
  if (EVERY_SHAPE) return SHAPES;
  return Array.from({ length: SHAPES_PER_PAIR }, (_, at) => {
    const perCount = SHAPES.length / SHAPES_PER_PAIR;
    return SHAPES[at * perCount + random.below(perCount)]!;
  });
}

const names = Object.keys(KINDS);

/** What a pair gets wrong, shape by shape. */
async function faultsOf(
  first: string,
  second: string,
  shapes: readonly Shape[],
): Promise<string[]> {
  const sql = unionOf(KINDS[first]!, KINDS[second]!);
  const v1 = oracleOf(sql);
  const faults: string[] = [];
  for (const shape of shapes) {
    const { exit, lines, errorText } = await run(sql, shape);
    const wanted = await v1(shape);
    const given = exit === 0 ? sorted(lines) : [errorText];
    if (given.join() === wanted.join()) continue;
    faults.push(
      `${first} and ${second} at ${JSON.stringify(shape)}: ${given.length} rows of ${wanted.length}`,
      ...given.filter((line) => !wanted.includes(line)).slice(0, 3),
    );
  }
  return faults;
}

describe(`UNION ALL of branches of every depth (seed ${SEED})`, () => {
  it.each(names)(
    '%s and each other kind',
    async (first) => {
      const random = new Random(SEED + names.indexOf(first));
      for (const second of names) {
        expect.soft(await faultsOf(first, second, shapesOf(random))).toEqual([]);
      }
    },
    LIMIT_MS,
  );
});
