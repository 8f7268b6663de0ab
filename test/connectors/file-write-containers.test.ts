/**
 * Avro and Parquet files that are written: random rows of all types come back as they were, on V1
 * and V2; DuckDB reads the same in Parquet; changelogs, shared files, faults.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { beforeAll, describe, expect, it } from 'vitest';
import { pathOf, writeInput } from './file-support.js';
import { runSql } from '../support/run-sql.js';
import type { RunSqlOptions } from '../support/run-sql.js';

const TARGETS: readonly (readonly [string, RunSqlOptions])[] = [
  ['v1', {}],
  ['v1-7', { batchRows: 7 }],
  ['v2', { partitioned: { partitions: 3, workers: 2 } }],
];
const FORMATS = ['avro', 'parquet'] as const;
const SEED = Number(process.env['VELO_SEED'] ?? 20_261);

const COLUMNS = `i BIGINT, d DOUBLE, b BOOLEAN, s STRING, dec9 DECIMAL(9, 2), dec18 DECIMAL(18, 4),
  dec38 DECIMAL(38, 10), ts TIMESTAMP(3), dt DATE, ai ARRAY<BIGINT>, aas ARRAY<ARRAY<STRING>>,
  m MAP<STRING, DOUBLE>, ma MAP<STRING, ARRAY<BIGINT>>,
  r ROW<a BIGINT, b ROW<c STRING, d DECIMAL(5, 1)>>, ar ARRAY<ROW<x DATE, y TIMESTAMP(3)>>`;

/** xorshift32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A row as JSON text: digits of any length. */
function rowText(random: (below: number) => number): string {
  const digits = (most: number): string => {
    const text = Array.from({ length: 1 + random(most) }, () => random(10)).join('');
    return `${random(2) === 0 ? '-' : ''}${BigInt(text)}`;
  };
  const decimal = (precision: number, scale: number): string =>
    `${digits(precision - scale)}.${String(random(10 ** Math.min(scale, 9))).padStart(Math.min(scale, 9), '0')}`;
  const some = (make: () => string): string => (random(6) === 0 ? 'null' : make());
  const list = (make: () => string): string =>
    `[${Array.from({ length: random(4) }, () => some(make)).join()}]`;
  const text = (): string =>
    JSON.stringify(['', 'a', 'späße €', '😀', 'x'.repeat(random(300)), '"\\\n'][random(6)]);
  const whole = (): string =>
    [digits(18), '9223372036854775807', '-9223372036854775808'][random(3)]!;
  const double = (): string =>
    ['0.1', '-1.5e300', '5e-324', '0.0', String(random(1e9))][random(5)]!;
  const time = (): string => String(random(2 ** 31) * 1000 - 10 ** 12 + random(1000));
  const date = (): string =>
    `"${new Date(random(2 ** 31) * 1000 - 10 ** 12).toISOString().slice(0, 10)}"`;
  const map = (make: () => string): string =>
    `{${['k', 'é', '__proto__']
      .slice(0, random(4))
      .map((key) => `"${key}":${some(make)}`)
      .join()}}`;
  const pairs: Readonly<Record<string, () => string>> = {
    i: whole,
    d: double,
    b: () => String(random(2) === 0),
    s: text,
    dec9: () => decimal(9, 2),
    dec18: () => decimal(18, 4),
    dec38: () => decimal(37, 9),
    ts: time,
    dt: date,
    ai: () => list(whole),
    aas: () => list(() => list(text)),
    m: () => map(double),
    ma: () => map(() => list(whole)),
    r: () =>
      `{"a":${some(whole)},"b":${some(() => `{"c":${some(text)},"d":${some(() => decimal(5, 1))}}`)}}`,
    ar: () => list(() => `{"x":${some(date)},"y":${some(time)}}`),
  };
  const fields = Object.entries(pairs).map(([name, make]) => `"${name}":${some(make)}`);
  return `{${fields.join()}}\n`;
}

let rowsPath = '';
let table = '';
beforeAll(() => {
  const random = randomOf(SEED);
  rowsPath = writeInput(
    'rows.jsonl',
    Array.from({ length: 3_000 }, () => rowText(random)).join(''),
  );
  table = `CREATE TABLE t (${COLUMNS}) WITH ('connector' = 'file', 'path' = '${rowsPath}');`;
});

describe.each(FORMATS)('format %s', (format) => {
  it.each(TARGETS)(
    `gives back random rows of all types on %s (seed ${SEED})`,
    async (name, target) => {
      const path = pathOf(`rows-${name}.${format}`);
      const written = await runSql(`${table} INSERT INTO '${path}' SELECT * FROM t`, target);
      expect(written.errorText).toBe('');
      const expected = await runSql(`${table} SELECT * FROM t`);
      const found = await runSql(`SELECT * FROM '${path}'`, target);
      expect(found.errorText).toBe('');
      expect(found.lines).toHaveLength(3_000);
      expect(found.lines).toEqual(expected.lines);
    },
  );

  it.each(['snappy', 'deflate', 'null', 'GZIP', 'gzip', 'UNCOMPRESSED'])(
    'packs with %s',
    async (codec) => {
      const isAvro = ['snappy', 'deflate', 'null'].includes(codec);
      if (isAvro !== (format === 'avro')) return;
      const path = pathOf(`packed-${codec}.${format}`);
      const option = isAvro ? `avro.codec=${codec}` : `parquet.compression=${codec}`;
      const written = await runSql(`${table} INSERT INTO '${path}?${option}' SELECT i, s FROM t`);
      expect(written.errorText).toBe('');
      const [found, expected] = [
        await runSql(`SELECT * FROM '${path}'`),
        await runSql(`${table} SELECT i, s FROM t`),
      ];
      expect(found.lines).toEqual(expected.lines);
    },
  );

  it('writes a file without rows, with its columns', async () => {
    const path = pathOf(`none.${format}`);
    await runSql(`${table} INSERT INTO '${path}' SELECT i, r FROM t WHERE i = 7 AND i = 8`);
    const found = await runSql(`SELECT COUNT(i) AS n, COUNT(r) AS m FROM '${path}' EMIT FINAL`);
    expect([found.errorText, found.lines]).toEqual(['', ['{"n":0,"m":0}']]);
  });

  it('writes the rows of two queries into one file', async () => {
    const path = pathOf(`two.${format}`);
    const sink = `CREATE TABLE o (i BIGINT) WITH ('connector' = 'file', 'path' = '${path}');`;
    const query = 'INSERT INTO o SELECT i FROM t';
    for (const [, target] of TARGETS) {
      const written = await runSql(`${table}${sink} ${query}; ${query}`, target);
      expect(written.errorText).toBe('');
      const found = await runSql(`SELECT COUNT(*) AS n, MIN(i) AS i FROM '${path}' EMIT FINAL`);
      expect(found.lines).toEqual(['{"n":6000,"i":-9223372036854775808}']);
    }
  });

  it('refuses two queries with other columns for one file', async () => {
    const path = pathOf(`other.${format}`);
    const queries = `INSERT INTO '${path}' SELECT i FROM t; INSERT INTO '${path}' SELECT s FROM t`;
    const { errorText } = await runSql(`${table} ${queries}`);
    expect(errorText).toContain('in different forms');
  });

  it('writes a changelog with its column op', async () => {
    const path = pathOf(`log.${format}`);
    const query = `SELECT b, COUNT(*) AS n FROM t WHERE i = 9223372036854775807 GROUP BY b`;
    await runSql(`${table} INSERT INTO '${path}' ${query}`, { changelog: true });
    const lines = await runSql(`${table} ${query}`, { changelog: true });
    const found = await runSql(`SELECT * FROM '${path}'`);
    expect(found.lines).toEqual(lines.lines);
    expect(found.lines.join()).toContain('"op":"-U"');
  });

  it('shows nothing, and leaves nothing, of a job that fails', async () => {
    const path = pathOf(`failed.${format}`);
    const { errorText } = await runSql(
      `${table} INSERT INTO '${path}' SELECT 1 / (i - i) AS x FROM t`,
    );
    expect(errorText).toContain('VELO_DIVISION_BY_ZERO');
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(pathOf('.')).filter((name) => name.startsWith('failed.'))).toEqual([]);
  });
});

describe('DuckDB', () => {
  let duck: DuckDBConnection;
  beforeAll(async () => {
    duck = await (await DuckDBInstance.create(':memory:')).connect();
  });

  const rowsOf = async (query: string): Promise<unknown[][]> =>
    (await duck.runAndReadAll(query)).getRowsJson();

  it('reads the same values in a Parquet file', async () => {
    const path = pathOf('duck.parquet');
    await runSql(`${table} INSERT INTO '${path}' SELECT * FROM t`);
    const scalars = await rowsOf(
      `SELECT i, d, b, s, dec9, dec18, dec38, epoch_ms(ts), dt - DATE '1970-01-01' FROM '${path}'`,
    );
    const expected = await runSql(
      `${table} SELECT i, d, b, s, dec9, dec18, dec38, ts, CAST(dt AS STRING) AS dt FROM t`,
    );
    // As texts: JSON.parse would lose digits.
    const whole = (value: unknown): string | null => (value === null ? null : String(value));
    const fields = expected.lines.map((line) => ({
      texts: /"i":([^,]+),.*"dec9":([^,]+),"dec18":([^,]+),"dec38":([^,]+),"ts":([^,]+),/.exec(
        line,
      ),
      values: JSON.parse(line) as Readonly<Record<string, unknown>>,
    }));
    scalars.forEach((row, at) => {
      const { texts, values } = fields[at]!;
      const exact = [row[0], row[4], row[5], row[6], row[7]].map((value) => whole(value) ?? 'null');
      expect(exact).toEqual(texts?.slice(1));
      expect([row[1], row[2], row[3]]).toEqual([values['d'], values['b'], values['s']]);
      const day = values['dt'] === null ? null : Date.parse(String(values['dt'])) / 86_400_000;
      expect(whole(row[8])).toBe(whole(day));
    });
    expect(scalars).toHaveLength(3_000);
  });

  it('reads the same types and nested values, and the row groups are bounded', async () => {
    const path = pathOf('nested.parquet');
    const many = writeInput(
      'many.jsonl',
      '{"i":1,"a":[1,null],"m":{"k":[2]},"r":{"x":{"y":"z"}}}\n'.repeat(210_000),
    );
    const sql = `CREATE TABLE n (i BIGINT, a ARRAY<BIGINT>, m MAP<STRING, ARRAY<BIGINT>>, r ROW<x ROW<y STRING>>)
      WITH ('connector' = 'file', 'path' = '${many}'); INSERT INTO '${path}' SELECT * FROM n`;
    expect((await runSql(sql)).errorText).toBe('');
    expect(
      await rowsOf(
        `SELECT COUNT(*), to_json(a)::VARCHAR, to_json(m)::VARCHAR, r.x.y FROM '${path}' GROUP BY ALL`,
      ),
    ).toEqual([['210000', '[1,null]', '{"k":[2]}', 'z']]);
    const types = await rowsOf(
      `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '${path}')`,
    );
    expect(types).toEqual([
      ['i', 'BIGINT'],
      ['a', 'BIGINT[]'],
      ['m', 'MAP(VARCHAR, BIGINT[])'],
      ['r', 'STRUCT(x STRUCT(y VARCHAR))'],
    ]);
    const groups = await rowsOf(
      `SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('${path}')`,
    );
    expect(groups.length).toBeGreaterThan(2);
    for (const [, rows] of groups) expect(Number(rows)).toBeLessThanOrEqual(105_000);
    expect(readFileSync(path).subarray(0, 4).toString()).toBe('PAR1');
  });
});
