/**
 * An expression of a subquery fails a record only where something above reads it: the matrix of
 * what stands between (plain, guarded, a filter on something else, a filter on it; one to three
 * levels) and what reads it on top (or nothing), with --on-error fail and skip, on V1 and V2.
 */
import { describe, expect, it } from 'vitest';
import { runSql } from '../support/run-sql.js';
import type { RunSqlOptions } from '../support/run-sql.js';

const LIMIT_MS = 120_000;
const TABLE = `CREATE TABLE t (id BIGINT AS i) WITH ('connector' = 'generator', 'rows' = '4');`;
/** Dear enough not to be computed twice, and undefined for the record 0. */
const FAILING = 'SELECT id, SQRT(id - 1) AS x FROM t';

/** What becomes of record 0 on the way up: x fails it where it is read, or no longer, or it did. */
type Record0 = 'fails when read' | 'is well' | 'is rejected' | 'has failed';

interface Level {
  readonly name: string;
  readonly sql: (below: string) => string;
  readonly above: (below: Record0) => Record0;
}

const LEVELS: readonly Level[] = [
  {
    name: 'plain',
    sql: (below) => `SELECT id, x + x AS x FROM (${below}) AS b`,
    above: (below) => below,
  },
  {
    name: 'guarded',
    sql: (below) => `SELECT id, CASE WHEN id > 0 THEN x + x ELSE 0e0 END AS x FROM (${below}) AS b`,
    above: (below) => (below === 'fails when read' ? 'is well' : below),
  },
  {
    name: 'filtered',
    sql: (below) => `SELECT id, x + x AS x FROM (${below}) AS b WHERE id > 0`,
    above: (below) => (below === 'has failed' ? below : 'is rejected'),
  },
  {
    name: 'filtered by it',
    sql: (below) => `SELECT id, x + x AS x FROM (${below}) AS b WHERE x >= 0`,
    above: (below) => (below === 'fails when read' ? 'has failed' : below),
  },
];

interface Top {
  readonly name: string;
  readonly list: string;
  readonly where?: string;
  readonly reads: boolean;
  readonly rejects0?: boolean;
}

const TOPS: readonly Top[] = [
  { name: 'used', list: 'id, x', reads: true },
  { name: 'used twice', list: 'id, x - x AS zero', reads: true },
  { name: 'unused', list: 'id', reads: false },
  { name: 'WHERE of something else', list: 'id, x', where: 'id > 0', reads: false, rejects0: true },
  { name: 'WHERE of it', list: 'id', where: 'x >= 0', reads: true },
  {
    name: 'WHERE behind another',
    list: 'id',
    where: 'id > 0 AND x >= 0',
    reads: false,
    rejects0: true,
  },
  { name: 'guarded', list: 'id, CASE WHEN id > 0 THEN x ELSE -1e0 END AS y', reads: false },
  {
    name: 'guarded, twice',
    list: 'id, CASE WHEN id > 0 THEN x + x ELSE -1e0 END AS y',
    reads: false,
  },
  {
    name: 'guarded in WHERE',
    list: 'id',
    where: 'CASE WHEN id > 0 THEN x >= 0 ELSE TRUE END',
    reads: false,
  },
];

const PATHS: readonly (readonly Level[])[] = [
  ...LEVELS.map((level) => [level]),
  ...LEVELS.flatMap((lower) => LEVELS.map((upper) => [lower, upper])),
  ...LEVELS.map((level) => [level, level, level]),
];

interface Outcome {
  readonly ids: readonly number[];
  readonly failed: boolean;
}

function expected(path: readonly Level[], top: Top): Outcome {
  const below = path.reduce<Record0>((state, level) => level.above(state), 'fails when read');
  const failed = below === 'has failed' || (below === 'fails when read' && top.reads);
  const isThere = !failed && below !== 'is rejected' && top.rejects0 !== true;
  return { ids: isThere ? [0, 1, 2, 3] : [1, 2, 3], failed };
}

async function run(sql: string, options: RunSqlOptions): Promise<Outcome & { errorText: string }> {
  const { lines, errorText, result } = await runSql(sql, options);
  const ids = lines.map((line) => (JSON.parse(line) as { id: number }).id).sort();
  const failed = result === null ? errorText !== '' : result.rowsFailed > 0;
  return { ids, failed, errorText };
}

async function check(path: readonly Level[], options: RunSqlOptions): Promise<void> {
  for (const top of TOPS) {
    const from = path.reduce((below, level) => level.sql(below), FAILING);
    const where = top.where === undefined ? '' : ` WHERE ${top.where}`;
    const sql = `${TABLE} SELECT ${top.list} FROM (${from}) AS s${where};`;
    const wanted = expected(path, top);
    const skipped = await run(sql, { ...options, onError: 'skip' });
    expect({
      top: top.name,
      ids: skipped.ids,
      failed: skipped.failed,
      error: skipped.errorText,
    }).toEqual({ top: top.name, ...wanted, error: '' });
    const strict = await run(sql, { ...options, onError: 'fail' });
    expect({ top: top.name, failed: strict.failed }).toEqual({
      top: top.name,
      failed: wanted.failed,
    });
    if (wanted.failed) expect(strict.errorText).toContain('VELO_NUMERIC_DOMAIN');
    else expect(strict.ids).toEqual(wanted.ids);
  }
}

describe('an expression below that fails', () => {
  it.each(PATHS.map((path) => [path.map(({ name }) => name).join(', then '), path] as const))(
    'fails who reads it: %s',
    async (_name, path) => check(path, {}),
    LIMIT_MS,
  );

  it.each(PATHS.slice(-LEVELS.length).map((path) => [path[0]!.name, path] as const))(
    'on V2 as well: three levels, %s',
    async (_name, path) => check(path, { partitioned: { partitions: 2, workers: 2 } }),
    LIMIT_MS,
  );
});
