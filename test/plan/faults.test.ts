/** Faults: each with its code and the text it points at, and all of a file in one go. */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faultsOf, firstFault, planSql, textOf } from './support.js';

const cases = new URL('../cases/errors/', import.meta.url);

/** Code and pointed-at text of each fault of a case file's SQL. */
const CASES: Readonly<Record<string, readonly string[]>> = {
  'aggregate-in-where': ['AGGREGATE_MISPLACED SUM(amount)'],
  'all-faults': ['COLUMN_NOT_FOUND nope1', 'COLUMN_NOT_FOUND nope2', 'TABLE_NOT_FOUND nope3'],
  'argument-type': ["FUNCTION_ARGUMENT 'invalid'"],
  arity: ['FUNCTION_ARITY ABS()'],
  'compare-mismatch': ['TYPE_MISMATCH (id = 1) > amount'],
  'compare-time-interval': ["TYPE_MISMATCH ts > INTERVAL '1' DAY"],
  'datediff-unit': ["FUNCTION_ARGUMENT 'parsecs'"],
  'distinct-two-arguments': ['FUNCTION_ARGUMENT CORR(DISTINCT x, y)'],
  'final-unbounded': ['EMIT_INVALID EMIT FINAL'],
  'limit-beyond-bigint': ['LIMIT_INVALID 9223372036854775808'],
  'limit-fraction': ['LIMIT_INVALID 1.5'],
  'limit-negative': ['LIMIT_INVALID -1'],
  'not-grouped': ['COLUMN_NOT_GROUPED name'],
  'order-by-unbounded': ['ORDER_BY_UNBOUNDED i'],
  'over-lag-arity': [
    'FUNCTION_ARITY LAG() OVER (ROWS WINDOW BUFFER 5 ROWS)',
    'FUNCTION_ARITY LAG(id, 1, 2, 3) OVER (ROWS WINDOW BUFFER 5 ROWS)',
  ],
  'over-not-positive': ['FUNCTION_ARGUMENT 0', 'FUNCTION_ARGUMENT 0'],
  'over-row-number-argument': ['FUNCTION_ARITY ROW_NUMBER(id) OVER (ROWS WINDOW BUFFER 5 ROWS)'],
  'over-unsupported': ['WINDOW_MISPLACED UPPER(name) OVER (ROWS WINDOW BUFFER 5 ROWS)'],
  'position-column': ['COLUMN_NOT_FOUND nope'],
  'regexp-back-reference': ["FUNCTION_ARGUMENT '(a)\\1'"],
  'regexp-lookaround': ["FUNCTION_ARGUMENT 'a(?=b)'"],
  'ttl-behind-groups': [
    'TTL_INVALID SELECT n, COUNT(*) AS groups FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n',
  ],
  'ttl-hint': [
    "TTL_INVALID 'u'",
    "TTL_INVALID 'soon'",
    "TTL_INVALID 't'",
    'TTL_INVALID EMIT FINAL',
  ],
  'ttl-no-watermark': ['TTL_INVALID SELECT k, COUNT(*) AS n FROM t GROUP BY k'],
  'type-mismatch': ['TYPE_MISMATCH name + id'],
  'unknown-column': ['COLUMN_NOT_FOUND amuont'],
  'unknown-function': ['FUNCTION_NOT_FOUND FROBNICATE'],
  'unknown-system-column': ['COLUMN_NOT_FOUND _NOPE'],
  'unknown-table': ['TABLE_NOT_FOUND nowhere'],
  'where-not-boolean': ['TYPE_MISMATCH amount'],
  'window-column-type': ['WINDOW_INVALID name'],
};
/** Found by the lexer, the parser or the variables, before there is anything to bind. */
const SYNTAX = [
  'duration-unit',
  'filter-inside-a-call',
  'interval-unit',
  'missing-variable',
  'named-window-twice',
  'syntax',
  'syntax-unclosed',
];

describe('cases/errors', () => {
  const files = readdirSync(cases).map((file) => file.replace('.case', ''));
  const bound = files.filter((file) => !file.startsWith('data-') && !SYNTAX.includes(file));

  it('are all covered here', () => expect(Object.keys(CASES).sort()).toEqual(bound.sort()));

  it.each(Object.entries(CASES))('%s', (name, expected) => {
    const text = readFileSync(new URL(`${name}.case`, cases), 'utf8');
    const sql = /^=== sql\n([\s\S]*?)(?=^=== )/m.exec(text)![1]!;
    const { faults } = planSql(sql);
    expect(faults.map((fault) => `${fault.key} ${textOf(sql, fault)}`)).toEqual(expected);
  });
});

describe('faults of one query', () => {
  it('come from every clause at once, in the order of the text', () => {
    const query =
      'SELECT nme, COUNT(amout), SUM(name), FOO(id) FROM t WHERE amnt > 2 GROUP BY naem HAVING COUNT(zz) > 1 ORDER BY qq';
    expect(faultsOf(query)).toEqual([
      'COLUMN_NOT_FOUND nme',
      'COLUMN_NOT_FOUND amout',
      'FUNCTION_ARGUMENT name',
      'FUNCTION_NOT_FOUND FOO',
      'COLUMN_NOT_FOUND amnt',
      'COLUMN_NOT_FOUND naem',
      'COLUMN_NOT_FOUND zz',
      'COLUMN_NOT_FOUND qq',
    ]);
  });

  it('come from every argument of one call and both sides of one operator', () => {
    expect(faultsOf('SELECT nope1 + CONCAT(nope2, nope3) FROM t')).toHaveLength(3);
  });

  it('of a faulty declaration are reported once, not at every use', () => {
    const sql = `CREATE TABLE bad (x FOO) WITH ('connector' = 'file');
      SELECT x FROM bad; SELECT y FROM bad; CREATE STREAM s AS SELECT z FROM t2; SELECT * FROM s;`;
    expect(faultsOf(sql)).toEqual(['TYPE_NOT_FOUND FOO', 'TABLE_NOT_FOUND t2']);
  });

  it('of a CTE are reported once', () => {
    const query = 'WITH x AS (SELECT nope FROM t) SELECT a.q FROM x a JOIN x b ON a.q = b.q';
    expect(faultsOf(query)).toEqual(['COLUMN_NOT_FOUND nope']);
  });
});

describe('hints', () => {
  it.each([
    ['SELECT amuont FROM t', 'did you mean "amount"?'],
    ['SELECT t.nmae FROM t', 'did you mean "name"?'],
    ['SELECT id FROM T2', 'declared are t, u, g, endless, sink'],
    ['SELECT id FROM snk', 'did you mean "sink"?'],
    ['SELECT UPER(name) FROM t', 'did you mean "UPPER"?'],
    ['SELECT _PARTITON FROM t', 'did you mean "_PARTITION"?'],
    [
      "SELECT id FROM later; CREATE TABLE later (id BIGINT) WITH ('connector' = 'file')",
      'it is declared further down: move its declaration above this statement',
    ],
    [
      'SELECT SUM(id) OVER ww FROM t WINDOW w2 AS (ROWS WINDOW BUFFER 2 ROWS)',
      'add WINDOW ww AS (…)',
    ],
    ['SELECT id FROM t WHERE SUM(id) > 1', 'filter groups with HAVING'],
    ["SET 'emit.chnges' = 'delta'", 'did you mean "emit.changes"?'],
    ["SET 'emit.changes' = 'dleta'", 'did you mean "delta"?'],
    ["CREATE TABLE x (a BIGINT) WITH ('connector' = 'fiel')", 'did you mean "file"?'],
    ['SELECT info.aa FROM t', undefined],
    ['SELECT info.inner_ro FROM t', 'did you mean "inner_row"?'],
  ])('%s', (query, hint) => expect(firstFault(query).hint).toBe(hint));
});

describe('what is no fault of types but of place', () => {
  it.each([
    ['SELECT RANK() FROM t', 'WINDOW_MISPLACED RANK()'],
    ['SELECT SUM(SUM(id)) FROM t', 'AGGREGATE_MISPLACED SUM(id)'],
    ['SELECT id FROM t GROUP BY SUM(id)', 'AGGREGATE_MISPLACED SUM(id)'],
    [
      "SELECT TUMBLE_START(ts, INTERVAL '1' MINUTE) FROM t",
      "WINDOW_MISPLACED TUMBLE_START(ts, INTERVAL '1' MINUTE)",
    ],
    ['SELECT _WINDOW_START FROM t', 'WINDOW_MISPLACED _WINDOW_START'],
    [
      'SELECT COUNT(*) FROM t WHERE _window_end > 1 WINDOW TUMBLING(ts, 1m)',
      'WINDOW_MISPLACED _window_end',
    ],
    [
      'SELECT id FROM t WHERE SUM(id) OVER (ROWS WINDOW BUFFER 5 ROWS) > 1',
      'WINDOW_MISPLACED SUM(id) OVER (ROWS WINDOW BUFFER 5 ROWS)',
    ],
    ['SELECT SUM(id) OVER nope FROM t', 'WINDOW_INVALID nope'],
    ['SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 0s)', 'WINDOW_INVALID WINDOW TUMBLING(ts, 0s)'],
    // The window is at fault, not the columns that stand on it.
    [
      'SELECT _WINDOW_START FROM t WINDOW TUMBLING(ts, 0s)',
      'WINDOW_INVALID WINDOW TUMBLING(ts, 0s)',
    ],
    [
      'SELECT COUNT(*) FROM t WINDOW HOPPING(ts, 1s, 2s)',
      'WINDOW_INVALID WINDOW HOPPING(ts, 1s, 2s)',
    ],
    ['SELECT name FROM t WINDOW TUMBLING(ts, 1s)', 'COLUMN_NOT_GROUPED name'],
    ['SELECT id FROM (SELECT id FROM t EMIT CHANGES)', 'EMIT_INVALID EMIT CHANGES'],
    ['SELECT * FROM t GROUP BY id', 'COLUMN_NOT_GROUPED *'],
    ['SELECT id FROM t ORDER BY 3', 'STATEMENT_INVALID 3'],
    ['SELECT x.* FROM t', 'TABLE_NOT_FOUND x.*'],
    ['SELECT id FROM sink2', 'TABLE_NOT_FOUND sink2'],
    ['SELECT name, id FROM t JOIN u ON t.id = u.id', 'COLUMN_AMBIGUOUS name'],
    ['SELECT 1 FROM t JOIN t ON t.id = t.id', 'COLUMN_AMBIGUOUS t'],
    [
      'SELECT id FROM t UNION ALL SELECT name FROM t',
      'TYPE_MISMATCH SELECT id FROM t UNION ALL SELECT name FROM t',
    ],
    [
      'SELECT id FROM t UNION ALL SELECT id, name FROM t',
      'STATEMENT_INVALID SELECT id, name FROM t',
    ],
  ])('%s', (query, fault) => expect(faultsOf(query)[0]).toBe(fault));
});

describe('what has no operator is refused where it stands', () => {
  it.each([
    ['SELECT EXISTS (SELECT 1 FROM t) FROM t', 'EXISTS (SELECT 1 FROM t)'],
    ['SELECT id IN (SELECT id FROM u) FROM t', 'id IN (SELECT id FROM u)'],
    ['SELECT (SELECT 1) FROM t', '(SELECT 1)'],
    ['SELECT t.id FROM t CROSS JOIN u', 't CROSS JOIN u'],
    ['SELECT t.id FROM t JOIN u ON t.id > u.id', 't JOIN u ON t.id > u.id'],
    [
      'SELECT t.id FROM t JOIN u FOR SYSTEM_TIME AS OF t.ts ON t.id = u.id',
      'u FOR SYSTEM_TIME AS OF t.ts',
    ],
    ['SELECT SUM(id) OVER (PARTITION BY name ORDER BY amount) FROM t', 'amount'],
    ['SELECT SUM(id) OVER (PARTITION BY name) FROM t', 'SUM(id) OVER (PARTITION BY name)'],
    ['SELECT COUNT(*) FROM t JOIN u ON t.id = u.id WINDOW TUMBLING(t.ts, 1m)', 't.ts'],
  ])('%s', (query, text) => expect(faultsOf(query)).toEqual([`NOT_SUPPORTED ${text}`]));
});
