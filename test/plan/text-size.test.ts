/**
 * Work in proportion to the text: expressions and relations that stand in one another, each reading
 * what stands in it several times. What is counted is the size of the plan at one and at two times
 * the depth; a plan that doubled at every level would be 2^12 times as large.
 */
import { describe, expect, it } from 'vitest';
import { runSql } from '../support/run-sql.js';
import { TABLES, planOf, planSql } from './support.js';

const LEVELS = 12;
const LIMIT_MS = 60_000;

/** `inner` inside `levels` of `wrap`. */
function nested(
  inner: string,
  levels: number,
  wrap: (inner: string, at: number) => string,
): string {
  let text = inner;
  for (let at = 0; at < levels; at += 1) text = wrap(text, at);
  return text;
}

function planSize(query: string): number {
  return JSON.stringify(planOf(query), (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  ).length;
}

/** What repeats its operand: how it is written around one, its start, and its value for id = 1. */
const OPERANDS: readonly (readonly [
  name: string,
  start: string,
  wrap: (inner: string) => string,
  value: (levels: number) => unknown,
])[] = [
  ['BETWEEN', '(id > 0)', (x) => `(${x} BETWEEN FALSE AND TRUE)`, () => true],
  ['NOT BETWEEN', '(id > 0)', (x) => `(${x} NOT BETWEEN TRUE AND TRUE)`, (n) => n % 2 === 0],
  ['BETWEEN of numbers', 'id', (x) => `CASE WHEN ${x} BETWEEN 1 AND 1 THEN 1 END`, () => 1],
  [
    'CASE x',
    'id',
    (x) => `CASE ${x} WHEN 0 THEN 1 WHEN 1 THEN 0 END`,
    (n) => (n % 2 === 0 ? 1 : 0),
  ],
  [
    'CASE x of texts',
    `CAST(id AS STRING)`,
    (x) => `CASE ${x} WHEN '1' THEN 'b' WHEN 'b' THEN '1' END`,
    (n) => (n % 2 === 0 ? '1' : 'b'),
  ],
  ['IN of several types', 'id', (x) => `IF(${x} IN (1, 2.5, 3e0, id), 1, 0)`, () => 1],
  ['IN', 'id', (x) => `IF(${x} IN (1, 2), 1, 0)`, () => 1],
  ['TRY_CAST', 'id', (x) => `TRY_CAST(${x} AS INT)`, () => 1],
  ['NULLIF', 'id', (x) => `NULLIF(${x}, 5)`, () => 1],
  ['COALESCE', 'id', (x) => `COALESCE(${x}, 5)`, () => 1],
  ['LEAST', 'id', (x) => `LEAST(${x}, 5)`, () => 1],
  ['IS DISTINCT FROM', '(id > 0)', (x) => `(${x} IS DISTINCT FROM FALSE)`, () => true],
];

describe('an operand that is compared several times', () => {
  it.each(OPERANDS)('is bound once: %s', (_name, start, wrap) => {
    const size = (levels: number): number =>
      planSize(`SELECT ${nested(start, levels, wrap)} AS x FROM t`);
    expect(size(2 * LEVELS) / size(LEVELS)).toBeLessThan(3);
  });

  it.each(OPERANDS)(
    'has the value that it has: %s',
    async (_name, start, wrap, value) => {
      const table = `CREATE TABLE t (id BIGINT AS i + 1) WITH ('connector' = 'generator', 'rows' = '1');`;
      const levels = [1, 2, 2 * LEVELS - 1, 2 * LEVELS];
      const list = levels.map((n) => `${nested(start, n, wrap)} AS x${n}`).join(', ');
      const { lines, errorText } = await runSql(`${table} SELECT ${list} FROM t;`, {});
      expect(errorText).toBe('');
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        Object.fromEntries(levels.map((n) => [`x${n}`, value(n)])),
      ]);
    },
    LIMIT_MS,
  );

  it('is computed for rows that reach it only, and fails them once', async () => {
    const table = `CREATE TABLE t (id BIGINT AS i) WITH ('connector' = 'generator', 'rows' = '3');`;
    const operand = nested('10 / (id - 1)', LEVELS, (x) => `COALESCE(${x} + 1e0, 0e0)`);
    const query = `SELECT id, CASE WHEN id = 0 THEN 'zero' WHEN ${operand} BETWEEN 0 AND 99 THEN 'in' ELSE 'out' END AS x FROM t;`;
    const { lines, errorText } = await runSql(table + query, { onError: 'skip' });
    expect(errorText).toBe('');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { id: 0, x: 'zero' },
      { id: 2, x: 'in' },
    ]);
  });
});

/** SELECTs around one another that name their column twice; what may fail is read by all above. */
const SELECTS: readonly (readonly [
  name: string,
  level: (below: string, at: number) => string,
  top: string,
])[] = [
  ['sums', (below, at) => `(SELECT id + id AS id FROM ${below} AS d${at})`, ''],
  [
    'products below WHERE',
    (below, at) => `(SELECT id * id AS id FROM ${below} AS d${at})`,
    ' WHERE id > 0',
  ],
  [
    'quotients below WHERE',
    (below, at) => `(SELECT 10 / (id + id) AS id FROM ${below} AS d${at})`,
    ' WHERE id > 0',
  ],
  [
    'roots below WHERE',
    (below, at) => `(SELECT SQRT(id) + SQRT(id) AS id FROM ${below} AS d${at})`,
    ' WHERE id > 0',
  ],
  [
    'filters',
    (below, at) => `(SELECT id * id AS id FROM ${below} AS d${at} WHERE id * id > 0)`,
    '',
  ],
  [
    'CASE of it',
    (below, at) =>
      `(SELECT CASE WHEN id > 1 THEN 10 / id ELSE id END AS id FROM ${below} AS d${at})`,
    '',
  ],
];

describe('SELECTs in one another', () => {
  it.each(SELECTS)('make a plan in proportion: %s', (_name, level, top) => {
    const size = (levels: number): number =>
      planSize(`SELECT id FROM ${nested('(SELECT id FROM t)', levels, level)} AS d${top}`);
    expect(size(2 * LEVELS) / size(LEVELS)).toBeLessThan(3);
  });
});

const MANY = 20_000;
const list = (count: number, item: (at: number) => string, separator: string): string =>
  Array.from({ length: count }, (_, at) => item(at)).join(separator);

const joins = (count: number): string =>
  `SELECT t0.id FROM t AS t0 ${list(count, (at) => `JOIN t AS t${at + 1} ON t0.id = t${at + 1}.id`, ' ')}`;
const unions = (count: number): string =>
  list(count + 1, (at) => `SELECT id + ${at} AS id FROM t`, ' UNION ALL ');
const chainOfCtes = (count: number, level: (below: string) => string): string =>
  `WITH c0 AS (SELECT id FROM t)${list(count, (at) => `, c${at + 1} AS (${level(`c${at}`)})`, '')} SELECT id FROM c${count}`;
const doubling = (below: string): string =>
  `SELECT x.id FROM ${below} AS x JOIN ${below} AS y ON x.id = y.id`;

/** What is as large as it may be, one more, and where the fault stands. */
const LIMITS: readonly (readonly [
  name: string,
  query: (count: number) => string,
  largest: number,
  fault: string,
])[] = [
  ['JOINs', joins, 256, 'more than 256 JOINs stand side by side'],
  [
    'comma joins',
    (n) =>
      `SELECT t0.id FROM t AS t0${list(n, (at) => `, t AS t${at + 1}`, '')} WHERE ${list(n, (at) => `t0.id = t${at + 1}.id`, ' AND ')}`,
    256,
    'more than 256 JOINs stand side by side',
  ],
  ['tables of UNION ALL', unions, 999, 'query reads more than 1000 tables'],
  [
    'queries of WITH',
    (n) => `WITH ${list(n, (at) => `c${at} AS (SELECT id FROM t)`, ', ')} SELECT id FROM c0`,
    1_000,
    'more than 1000 queries of WITH stand side by side',
  ],
  [
    'columns',
    (n) => `SELECT ${list(n, (at) => `id + ${at} AS c${at}`, ', ')} FROM t`,
    4_096,
    'more than 4096 columns stand side by side',
  ],
  [
    'CTEs over one another',
    (n) => chainOfCtes(n, (below) => `SELECT id + 1 AS id FROM ${below}`),
    997,
    'query has more than 1000 operators on one another',
  ],
  [
    'a CTE that is read twice',
    (n) => chainOfCtes(n, doubling),
    9,
    'query reads more than 1000 tables',
  ],
  [
    'a view that is read twice',
    (n) =>
      `CREATE STREAM v0 AS SELECT id FROM t; ${list(n, (at) => `CREATE STREAM v${at + 1} AS ${doubling(`v${at}`)}; `, '')} SELECT id FROM v${n}`,
    9,
    'query reads more than 1000 tables',
  ],
  [
    'columns of columns',
    (n) =>
      `CREATE TABLE c (c0 BIGINT AS i, ${list(n, (at) => `c${at + 1} BIGINT AS c${at} + c${at}`, ', ')}) WITH ('connector' = 'generator'); SELECT c${n} FROM c`,
    14,
    'expression has more than 50000 parts',
  ],
  [
    'a guarded column that may fail',
    (n) =>
      `SELECT id FROM ${nested('(SELECT id, ok FROM t)', n, (below, at) => `(SELECT CASE WHEN ok THEN 10 / id + 10 / id + id ELSE 0 END AS id, ok FROM ${below} AS d${at})`)} AS d WHERE ok`,
    8,
    'expression has more than 50000 parts',
  ],
];

describe('limits of a plan', () => {
  it.each(LIMITS)(
    '%s: as many as the limit says',
    (_name, query, largest) => {
      expect(planSql(TABLES + query(largest)).faults.map(({ message }) => message)).toEqual([]);
    },
    LIMIT_MS,
  );

  it.each(LIMITS)(
    '%s: one more is refused, with a place and a hint',
    (_name, query, largest, message) => {
      const { faults } = planSql(TABLES + query(largest + 1));
      expect(faults.map((fault) => [fault.code, fault.message.startsWith(message)])).toEqual([
        ['VELO_QUERY_TOO_LARGE', true],
      ]);
      expect(faults[0]?.span?.start).toBeGreaterThan(TABLES.length);
      expect(faults[0]?.hint).toBeDefined();
    },
    LIMIT_MS,
  );
});

/** Texts that a stack does not hold: each ends with one fault that has a place. */
const HUGE: readonly (readonly [name: string, query: string])[] = [
  ['JOINs', joins(MANY)],
  ['UNION ALL', unions(MANY)],
  ['CTEs', chainOfCtes(MANY, (below) => `SELECT id FROM ${below}`)],
  ['columns', `SELECT ${list(MANY, (at) => `c${at}`, ', ')} FROM t`],
  ['parentheses', `SELECT ${'('.repeat(MANY)}id${')'.repeat(MANY)} FROM t`],
  [
    'parentheses in FROM',
    `SELECT id FROM ${'('.repeat(MANY)}SELECT id FROM t${')'.repeat(MANY)} AS d`,
  ],
  ['NOT', `SELECT ${'NOT '.repeat(MANY)}ok FROM t`],
  ['signs', `SELECT ${'- '.repeat(MANY)}id FROM t`],
  ['functions', `SELECT ${'ABS('.repeat(2_000)}id${')'.repeat(2_000)} FROM t`],
  ['CASE', `SELECT ${'CASE WHEN ok THEN '.repeat(2_000)}id${' END'.repeat(2_000)} FROM t`],
  [
    'subqueries',
    `SELECT id FROM ${nested('t', 2_000, (below, at) => `(SELECT id FROM ${below} AS d${at})`)} AS d`,
  ],
  ['types', `SELECT CAST(NULL AS ${'ARRAY<'.repeat(2_000)}BIGINT${'>'.repeat(2_000)}) AS x FROM t`],
];

describe('texts that are far too large', () => {
  it.each(HUGE)(
    '%s: end with one fault',
    (_name, query) => {
      const { faults } = planSql(TABLES + query);
      expect(faults.map(({ code }) => code)).toEqual([
        expect.stringMatching(/^VELO_(QUERY_TOO_LARGE|SYNTAX)$/),
      ]);
      expect(faults[0]?.span?.start).toBeGreaterThanOrEqual(TABLES.length);
    },
    LIMIT_MS,
  );
});
