/**
 * velo against DuckDB over a JSON file of a million trades: scenarios 0, 2 and 3a must give
 * DuckDB's answer, value by value.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSql } from '../support/run-sql.js';

const RECORDS = 1_000_000;
const folder = mkdtempSync(join(tmpdir(), 'velo-oracle-'));
const path = join(folder, 'trades.jsonl');
let duckdb: DuckDBConnection;

const TABLE = `CREATE TABLE trades (trader_id STRING, symbol STRING, price DOUBLE, quantity BIGINT,
  trade_time BIGINT) WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json');`;
const LIST = `trader_id, symbol, COUNT(*) AS trade_count, AVG(price) AS avg_price,
  SUM(quantity) AS total_quantity, SUM(price * quantity) AS total_value`;
const SOURCE = `read_json('${path}', format = 'newline_delimited', columns = {trader_id: 'VARCHAR',
  symbol: 'VARCHAR', price: 'DOUBLE', quantity: 'BIGINT', trade_time: 'BIGINT'})`;

beforeAll(async () => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  duckdb = await instance.connect();
  await duckdb.run(`COPY (
    SELECT 'TRADER' || (i * 7919 % 31) AS trader_id, 'SYM' || (i * 104729 % 13) AS symbol,
      round(100 + (i * 31 % 5000) / 100.0, 2)::DOUBLE AS price, (100 + i * 17 % 1000)::BIGINT AS quantity,
      (1700000000000 + i * 3)::BIGINT AS trade_time
    FROM range(${RECORDS}) AS source(i)) TO '${path}' (FORMAT json)`);
}, 120_000);

afterAll(() => {
  duckdb.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

type Row = Record<string, string | number>;

async function duckdbRows(query: string): Promise<Row[]> {
  const reader = await duckdb.runAndReadAll(query);
  return reader
    .getRowObjects()
    .map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : Number(value),
        ]),
      ),
    );
}

async function veloRows(query: string): Promise<Row[]> {
  const { exit, lines, errorText } = await runSql(`${TABLE}\n${query}`);
  expect(errorText).toBe('');
  expect(exit).toBe(0);
  return lines.map((line) => JSON.parse(line) as Row);
}

function byKey(rows: readonly Row[], keys: readonly string[]): Map<string, Row> {
  return new Map(rows.map((row) => [keys.map((key) => row[key]).join('|'), row]));
}

/** Same keys; numbers equal to 1e-12 relative, everything else exactly. */
function expectSame(got: readonly Row[], want: readonly Row[], keys: readonly string[]): void {
  const rows = byKey(got, keys);
  expect(rows.size).toBe(want.length);
  for (const row of want) {
    const mine = rows.get(keys.map((key) => row[key]).join('|'));
    for (const [name, value] of Object.entries(row)) {
      const other = mine?.[name];
      if (typeof value === 'string' || Number.isInteger(value)) expect(other).toBe(value);
      else expect(Math.abs((other as number) - value)).toBeLessThanOrEqual(1e-12 * Math.abs(value));
    }
  }
}

describe('a million JSON trades', () => {
  it('scenario 0: filter and projection', async () => {
    const where = 'price > 140 AND quantity < 500';
    const got = await veloRows(
      `SELECT trader_id, symbol, price, quantity FROM trades WHERE ${where};`,
    );
    const [want] = await duckdbRows(`SELECT COUNT(*) AS n, SUM(quantity) AS q, SUM(price) AS p,
      SUM(length(trader_id)) AS l FROM ${SOURCE} WHERE ${where}`);
    const sum = (pick: (row: Row) => number): number =>
      got.reduce((total, row) => total + pick(row), 0);
    expect(got.length).toBe(want?.['n']);
    expect(sum((row) => row['quantity'] as number)).toBe(want?.['q']);
    expect(sum((row) => (row['trader_id'] as string).length)).toBe(want?.['l']);
    expect(sum((row) => row['price'] as number)).toBeCloseTo(want?.['p'] as number, 3);
  }, 60_000);

  it('scenario 2: the last row of each group under EMIT CHANGES', async () => {
    const got = await veloRows(`SELECT ${LIST} FROM trades GROUP BY trader_id, symbol;`);
    expect(got.length).toBe(RECORDS);
    const want = await duckdbRows(`SELECT ${LIST} FROM ${SOURCE} GROUP BY trader_id, symbol`);
    const keys = ['trader_id', 'symbol'];
    expectSame([...byKey(got, keys).values()], want, keys);
  }, 60_000);

  it('scenario 3a: one-minute windows', async () => {
    const got = await veloRows(`SELECT _WINDOW_START AS ws, ${LIST} FROM trades
      GROUP BY trader_id, symbol WINDOW TUMBLING(trade_time, INTERVAL '1' MINUTE) EMIT FINAL;`);
    const want = await duckdbRows(`SELECT trade_time // 60000 * 60000 AS ws, ${LIST}
      FROM ${SOURCE} GROUP BY ws, trader_id, symbol`);
    expectSame(got, want, ['ws', 'trader_id', 'symbol']);
  }, 60_000);
});
