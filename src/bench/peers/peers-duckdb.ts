/**
 * DuckDB as a peer: the same data (a table in memory, or the same file), on as many
 * threads as asked for, every value of the answer read. Owns the SQL of each work; timing is peers.ts.
 */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { BuiltinId } from '../scenario/scenario.js';
import type { PeerContext } from './peer-lanes.js';

export interface PreparedPeer {
  run(threads: number, faults: string[]): Promise<void>;
  close(): Promise<void>;
}
export interface DuckDbPeer {
  /** null where DuckDB has no counterpart: a row out per row in, snapshots. */
  prepare(context: PeerContext): Promise<PreparedPeer | null>;
  /** Writes a file of JSON lines as Parquet, packed with snappy, beside it; returns where. */
  packed(scenario: BuiltinId, path: string): Promise<string>;
}

const TRADES = (records: number): string => `
  SELECT 'TRADER' || (i % 20) AS trader_id, 'SYM' || (i % 10) AS symbol,
    (100.0 + (i % 50))::DOUBLE AS price, (100 + (i % 1000))::BIGINT AS quantity,
    (1700000000 + i)::BIGINT AS trade_time
  FROM range(${records}) AS source(i)`;

const ORDERS = (records: number): string => `
  SELECT i::BIGINT AS order_id, (i % 1000)::BIGINT AS customer_id, '2024-01-15' AS order_date,
    (150.0 + (i % 100))::DOUBLE AS total_amount
  FROM range(${records}) AS source(i)`;

const PRICES = (records: number): string => `
  SELECT 'SYM' || (i % 10) AS symbol, 100.0 + (i % 50) + sin(i / 100.0) * 10.0 AS price,
    (1700000000000 + i * 1000)::BIGINT AS ts
  FROM range(${records}) AS source(i)`;

const COLUMNS: Readonly<Record<string, string>> = {
  '0': "{order_id: 'BIGINT', customer_id: 'BIGINT', order_date: 'VARCHAR', total_amount: 'DOUBLE'}",
  '2': "{trader_id: 'VARCHAR', symbol: 'VARCHAR', price: 'DOUBLE', quantity: 'BIGINT', trade_time: 'BIGINT'}",
};

/** The whole-number sums that each query gives behind its row count. */
const EXACT_SUMS: Readonly<Record<string, readonly string[]>> = {
  '0': ['order_id', 'customer_id'],
  '2': ['trade_count', 'total_quantity'],
  '3a': ['trade_count', 'total_quantity'],
};

const AGGREGATES = `trader_id, symbol, COUNT(*) AS trade_count, AVG(price) AS avg_price,
  SUM(quantity) AS total_quantity, SUM(price * quantity) AS total_value`;

export async function openDuckDb(): Promise<DuckDbPeer> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  return {
    prepare: (context) => prepare(connection, context),
    packed: async (scenario, path) => {
      const written = `${path}.parquet`;
      const rows = `SELECT * FROM ${readJson(scenario, path)}`;
      await connection.run(`COPY (${rows}) TO '${written}' (FORMAT parquet, COMPRESSION snappy)`);
      return written;
    },
  };
}

async function prepare(
  connection: DuckDBConnection,
  context: PeerContext,
): Promise<PreparedPeer | null> {
  const { work, fixture, path } = context;
  const isParquet = work.source === 'parquet';
  const file = isParquet ? `read_parquet('${path}')` : readJson(work.scenario, path ?? '');
  const source = path === null ? 'fixture' : file;
  const query = peerQuery(work, source);
  if (query === null) return null;
  if (path === null) {
    const rows = { '0': ORDERS, '1': PRICES }[work.scenario as string] ?? TRADES;
    await connection.run(`CREATE OR REPLACE TABLE fixture AS ${rows(fixture.records)}`);
  }
  return {
    run: async (threads, faults) => {
      await connection.run(`SET threads = ${threads}`);
      const reader = await connection.runAndReadAll(query);
      const [rows, first, second] = reader.getRows()[0] ?? [];
      const { rows: wantRows, sums } = context.expected;
      if (Number(rows) !== wantRows)
        faults.push(`DuckDB gave ${String(rows)} rows instead of ${wantRows}`);
      const exact = EXACT_SUMS[work.scenario] ?? [];
      [first, second].forEach((got, at) => {
        const name = exact[at];
        if (name === undefined || String(got) === String(sums[name])) return;
        faults.push(`DuckDB's sum of "${name}" is ${String(got)} instead of ${String(sums[name])}`);
      });
    },
    close: async () => {
      await connection.run('DROP TABLE IF EXISTS fixture');
    },
  };
}

function readJson(scenario: string, path: string): string {
  const columns = COLUMNS[scenario === '0' ? '0' : '2'] as string;
  return `read_json('${path}', format = 'newline_delimited', columns = ${columns})`;
}

function peerQuery(work: PeerContext['work'], source: string): string | null {
  switch (work.scenario) {
    case '0':
      return `SELECT COUNT(*), SUM(order_id), SUM(customer_id), SUM(hash(order_date) % 4294967296), SUM(total_amount)
        FROM ${source} WHERE total_amount > 100`;
    case '1':
      return `SELECT COUNT(*), SUM(a), SUM(lo), SUM(hi) FROM (
        SELECT AVG(price) OVER w AS a, MIN(price) OVER w AS lo, MAX(price) OVER w AS hi FROM ${source}
        WINDOW w AS (PARTITION BY symbol ORDER BY ts ROWS BETWEEN 99 PRECEDING AND CURRENT ROW))`;
    case '2':
      if (!work.final) return null;
      return `SELECT COUNT(*), SUM(trade_count), SUM(total_quantity) FROM (
        SELECT ${AGGREGATES} FROM ${source} GROUP BY trader_id, symbol)`;
    case '3a':
      return `SELECT COUNT(*), SUM(trade_count), SUM(total_quantity) FROM (
        SELECT ${AGGREGATES}, trade_time // 60000 AS w FROM ${source} GROUP BY trader_id, symbol, w)`;
    case '3b':
      return null;
  }
}
