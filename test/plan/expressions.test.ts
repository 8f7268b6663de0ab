/** Expressions: names, literal types, implicit casts, folding, and what NULL becomes. */
import { describe, expect, it } from 'vitest';
import { typeText } from '../../src/columnar/types.js';
import { expressionText } from '../../src/plan/expression/expression-text.js';
import { faultsOf, nodesOf, queryOf } from './support.js';

/** The expression of the first result column, as EXPLAIN writes it, and its type. */
function bound(expression: string, from = 'FROM t'): string {
  const query = queryOf(`SELECT ${expression} AS x ${from}`);
  const calc = nodesOf(query.root).find((node) => node.kind === 'calc');
  if (calc?.kind !== 'calc') return `column ${query.root.schema[0]!.name}`;
  const [first] = calc.projections;
  return `${expressionText(first!)}: ${typeText(first!.type)}`;
}

describe('literals', () => {
  it.each([
    ['1', '1: BIGINT'],
    ['1.50', '1.50: DECIMAL(3, 2)'],
    ['0.1', '0.1: DECIMAL(2, 1)'],
    ['1e3', '1000e0: DOUBLE'],
    ['-9223372036854775808', '-9223372036854775808: BIGINT'],
    ['9223372036854775808', '9223372036854775808: DECIMAL(19, 0)'],
    ['12345678901234567890.5', '12345678901234567890.5: DECIMAL(21, 1)'],
    ["'it''s'", "'it''s': VARCHAR"],
    ['TRUE', 'TRUE: BOOLEAN'],
    ['NULL', 'NULL: VARCHAR'],
    ["TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMP '2024-01-01 00:00:00.000': TIMESTAMP(3)"],
    ["DATE '2024-02-29'", "DATE '2024-02-29': DATE"],
    ["INTERVAL '2' MINUTE", "INTERVAL '120000' MILLISECOND: INTERVAL SECOND(3)"],
    ["INTERVAL '2' YEAR", "INTERVAL '24' MONTH: INTERVAL MONTH"],
  ])('%s', (sql, text) => expect(bound(sql)).toBe(text));

  it.each(["DATE '2024-02-30'", '123456789012345678901234567890123456789', '1e999'])(
    '%s cannot be read',
    (sql) => expect(faultsOf(`SELECT ${sql} FROM t`)[0]).toMatch(/^LITERAL_INVALID/),
  );
});

describe('constants are folded unless they fail', () => {
  it.each([
    ['1 + 2 * 3', '7: BIGINT'],
    ['0.1 + 0.2', '0.3: DECIMAL(3, 1)'],
    ["UPPER('a') || 'b'", "'Ab': VARCHAR"],
    ["CASE 'x' WHEN 'y' THEN 1 ELSE id END", 'id: BIGINT'],
    ["CASE WHEN 1 = 1 THEN 'a' ELSE name END", "'a': VARCHAR"],
    ['IF(NULL, 1, 2)', '2: BIGINT'],
    ["COALESCE(NULL, 'default', name)", "'default': VARCHAR"],
    ['CAST(2.5 AS BIGINT)', '3: BIGINT'],
    ["TRY_CAST('x' AS BIGINT)", 'NULL: BIGINT'],
    ["CAST('x' AS BIGINT)", "CAST('x' AS BIGINT): BIGINT"],
    ['1 / 0', '1 / 0: DOUBLE'],
    ['9223372036854775807 + 1', '9223372036854775807 + 1: BIGINT'],
    ['1 = 1 OR ok', 'TRUE: BOOLEAN'],
    ['1 = 1 AND ok', 'ok: BOOLEAN'],
    ['NOW()', 'NOW(): TIMESTAMP(3)'],
  ])('%s', (sql, text) => {
    const plain = text.startsWith('id:') || text.startsWith('ok:');
    expect(bound(sql)).toBe(plain ? `column ${text.slice(0, 2)}` : text);
  });
});

describe('implicit conversions are cast nodes', () => {
  it.each([
    ['amount > 100', 'amount > 100e0: BOOLEAN'],
    ['amount = id', 'amount = id: BOOLEAN'],
    ['id + amount', 'CAST(id AS DOUBLE) + amount: DOUBLE'],
    [
      'CASE WHEN ok THEN id ELSE amount END',
      'CASE WHEN ok THEN CAST(id AS DOUBLE) ELSE amount END: DOUBLE',
    ],
    ["ts > '2024-01-01'", "ts > TIMESTAMP '2024-01-01 00:00:00.000': BOOLEAN"],
    ["ts + INTERVAL '1' HOUR", "ts + INTERVAL '3600000' MILLISECOND: TIMESTAMP(3)"],
    ['id BETWEEN 1 AND 2', '(id >= 1) AND (id <= 2): BOOLEAN'],
    ['id NOT BETWEEN 1 AND 2', 'NOT ((id >= 1) AND (id <= 2)): BOOLEAN'],
    ['id NOT IN (1, NULL)', 'NOT (id IN (1, NULL)): BOOLEAN'],
    ["name NOT LIKE 'a#%' ESCAPE '#'", "NOT (name LIKE 'a#%' ESCAPE '#'): BOOLEAN"],
    ['id IS NOT NULL', 'NOT (id IS NULL): BOOLEAN'],
    ['ok IS UNKNOWN', 'ok IS NULL: BOOLEAN'],
    ['ok IS NOT TRUE', 'NOT (ok IS TRUE): BOOLEAN'],
    ['id IS DISTINCT FROM 2', 'id IS DISTINCT FROM 2: BOOLEAN'],
    ['IF(ok, 1, amount)', 'CASE WHEN ok THEN 1e0 ELSE amount END: DOUBLE'],
    ['EXTRACT(HOUR FROM ts)', "EXTRACT('HOUR', ts): BIGINT"],
    ['FLOOR(ts TO DAY)', "FLOOR_TO('DAY', ts): TIMESTAMP(3)"],
    ['CASE id WHEN 1 THEN 2 END', 'CASE WHEN id = 1 THEN 2 ELSE NULL END: BIGINT'],
    ['-id', '-id: BIGINT'],
    ['info.inner_row.c', 'info.inner_row.c: VARCHAR'],
    ['list[1]', 'list[1]: BIGINT'],
  ])('%s', (sql, text) => expect(bound(sql)).toBe(text));
});

describe('DECIMAL typing', () => {
  it.each([
    ['price + 0.05', 'DECIMAL(11, 2)'],
    ['price * price', 'DECIMAL(21, 4)'],
    ['price / 3', 'DECIMAL(30, 22)'],
    ['price + 1', 'DECIMAL(22, 2)'],
    ['price * amount', 'DOUBLE'],
    ['COALESCE(price, 1)', 'DECIMAL(21, 2)'],
    ['SUM(price)', 'DECIMAL(38, 2)'],
    ['AVG(price)', 'DECIMAL(38, 6)'],
    ['MAX(price)', 'DECIMAL(10, 2)'],
  ])('%s is %s', (sql, type) => {
    const [column] = queryOf(`SELECT ${sql} AS x FROM t`).sink.schema;
    expect(typeText(column!.type)).toBe(type);
  });
});

describe('names', () => {
  it('match in any case and keep the declared spelling', () => {
    const query = queryOf('SELECT T.ID, T.Amount, o.NAME FROM t, u o WHERE t.id = o.id');
    expect(query.sink.schema.map(({ name }) => name)).toEqual(['id', 'amount', 'name']);
  });

  it('match exactly when quoted', () => {
    expect(faultsOf('SELECT "ID" FROM t')).toEqual(['COLUMN_NOT_FOUND "ID"']);
    expect(queryOf('SELECT "id" FROM t').sink.schema[0]!.name).toBe('id');
  });

  it('of expressions are their text, of aliases the alias', () => {
    const query = queryOf(
      'SELECT COUNT( * ), id  +\n 1, _Offset, id AS "two words" FROM t GROUP BY id, _offset',
    );
    expect(query.sink.schema.map(({ name }) => name)).toEqual([
      'COUNT( * )',
      'id + 1',
      '_Offset',
      'two words',
    ]);
  });

  it('of declared columns win over system columns', () => {
    const sql = `CREATE TABLE own (_offset STRING, id BIGINT) WITH ('connector' = 'file', 'path' = 'x');
      SELECT _offset, own._partition FROM own`;
    expect(queryOf(sql).sink.schema.map(({ type }) => type.kind)).toEqual(['varchar', 'bigint']);
  });

  it('of system columns are found in any case and are not part of *', () => {
    expect(queryOf('SELECT * FROM t').sink.schema.map(({ name }) => name)).toEqual([
      'id',
      'amount',
      'name',
      'price',
      'ok',
      'day',
      'ts',
      'info',
      'list',
    ]);
    const names = '_TIMESTAMP, _Partition, _offset, _TOPIC, _key, _Event_Time';
    expect(queryOf(`SELECT ${names} FROM t`).sink.schema.map(({ type }) => type.kind)).toEqual([
      'timestamp',
      'bigint',
      'bigint',
      'varchar',
      'varchar',
      'timestamp',
    ]);
  });

  it('in USING stand once', () => {
    const query = queryOf('SELECT * FROM t JOIN u USING (id)');
    expect(query.sink.schema.filter(({ name }) => name === 'id')).toHaveLength(1);
    expect(query.sink.schema[0]!.name).toBe('id');
  });

  it('of CTE columns replace those of the query', () => {
    const query = queryOf('WITH x (a, b) AS (SELECT id, name FROM t) SELECT b, a FROM x');
    expect(query.sink.schema.map(({ name }) => name)).toEqual(['b', 'a']);
  });
});

describe('SELECT without FROM', () => {
  it('gives one row', () => {
    const query = queryOf("SELECT 1 + 1 AS x, 'a' AS y");
    const scan = nodesOf(query.root).find((node) => node.kind === 'scan');
    expect(scan?.kind === 'scan' && scan.table.options).toEqual({ rows: '1' });
  });
});
