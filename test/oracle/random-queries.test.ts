/**
 * Random queries over random rows: velo's answer must be DuckDB's. Rounds by VELO_FUZZ_ROUNDS
 * (15 of each kind by default), seed by VELO_FUZZ_SEED; a failure prints both queries. A query that
 * is a data error for velo (overflow) or for DuckDB is passed over, and most must not be.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSql } from '../support/run-sql.js';
import { differences, duckRow, remaining, veloRow } from './random-answers.js';
import type { Answer } from './random-answers.js';
import { COLUMNS, Random, randomTable } from './random-data.js';
import { QUERY_KINDS } from './random-query-kinds.js';
import type { RandomQuery } from './random-query-kinds.js';

const ROUNDS = Number(process.env['VELO_FUZZ_ROUNDS'] ?? 15);
const SEED = Number(process.env['VELO_FUZZ_SEED'] ?? 20261123);
const ROWS_PER_TABLE = 60;
const BATCH_ROWS = [1, 7, 1024];

const folder = mkdtempSync(join(tmpdir(), 'velo-random-'));
let duckdb: DuckDBConnection;

function declaration(name: string): string {
  const columns = COLUMNS.map((column) => `${column.name} ${column.veloType}`).join(', ');
  const path = join(folder, `${name}.jsonl`);
  return `CREATE TABLE ${name} (id BIGINT, ${columns},
    WATERMARK FOR ts AS ts - INTERVAL '1' DAY)
    WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json');\n`;
}

async function fill(name: string, seed: number): Promise<void> {
  const rows = randomTable(new Random(seed), ROWS_PER_TABLE);
  writeFileSync(join(folder, `${name}.jsonl`), rows.map(({ json }) => json).join(''));
  const columns = COLUMNS.map((column) => `${column.name} ${column.duckType}`).join(', ');
  await duckdb.run(`CREATE TABLE ${name} (id BIGINT, ${columns})`);
  await duckdb.run(`INSERT INTO ${name} VALUES ${rows.map(({ duck }) => duck).join(',\n')}`);
}

beforeAll(async () => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  duckdb = await instance.connect();
  await duckdb.run('SET order_by_non_integer_literal = true');
  await fill('t', SEED);
  await fill('u', SEED + 1);
}, 60_000);

afterAll(() => {
  duckdb.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

/** DuckDB's rows; null when the query fails there. */
async function oracle(query: string): Promise<Answer[] | null> {
  try {
    const reader = await duckdb.runAndReadAll(query);
    return reader.getRows().map(duckRow);
  } catch (error) {
    const message = String(error);
    if (/Out of Range|Conversion Error/.test(message)) return null;
    throw new Error(`${message}\n${query}`, { cause: error });
  }
}

/** velo's rows; null when a record is a data error. */
async function velo(query: RandomQuery, batchRows: number): Promise<Answer[] | null> {
  const text = `${declaration('t')}${declaration('u')}${query.velo}`;
  const changelog = query.changelog ?? false;
  const { exit, lines, errorText } = await runSql(text, { batchRows, changelog });
  if (exit === 1 && /VELO_NUMERIC_OVERFLOW|VELO_CAST_FAILED/.test(errorText)) return null;
  if (exit !== 0) throw new Error(`${errorText}\n${query.velo}`);
  const rows = lines.map(veloRow);
  return changelog ? remaining(rows) : rows;
}

async function answered(query: RandomQuery, batchRows: number): Promise<boolean> {
  const want = await oracle(query.duck);
  const got = await velo(query, batchRows);
  if (want === null || got === null) return false;
  const faults = differences(got, want, { ordered: query.ordered });
  if (faults.length > 0) {
    const texts = [`velo:   ${query.velo}`, `duckdb: ${query.duck}`, `batch rows: ${batchRows}`];
    expect.fail([...faults.slice(0, 8), ...texts].join('\n'));
  }
  return true;
}

describe(`random queries of seed ${SEED} against DuckDB`, () => {
  it.each(Object.keys(QUERY_KINDS))(
    '%s',
    async (kind) => {
      const random = new Random(SEED + kind.length * 7919);
      let answers = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const query = QUERY_KINDS[kind as keyof typeof QUERY_KINDS](random);
        if (await answered(query, random.pick(BATCH_ROWS))) answers += 1;
      }
      expect(answers).toBeGreaterThan(ROUNDS / 2);
    },
    Math.max(60_000, ROUNDS * 1000),
  );
});
