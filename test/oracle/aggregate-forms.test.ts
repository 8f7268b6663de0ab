/**
 * Every aggregate × DISTINCT, FILTER, ORDER BY, WITHIN GROUP × type, in GROUP BY, in time windows,
 * in standard OVER and over ROWS buffers: each has DuckDB's value in every form, or is refused with
 * a span in every form. DuckDB gets the rows of each frame by a join, so that it has no window
 * function of its own to be compared with.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { planSql } from '../plan/support.js';
import { runSql } from '../support/run-sql.js';
import type { RunSqlOptions } from '../support/run-sql.js';

const SEED = 20_261_129;
const ROWS = 48;
const LIMIT_MS = 240_000;

const folder = mkdtempSync(join(tmpdir(), 'velo-aggregates-'));
const path = join(folder, 't.jsonl');
const TABLE = `CREATE TABLE t (id BIGINT, k STRING, ts TIMESTAMP(3), i BIGINT, w BIGINT,
  d DECIMAL(20, 2), m DECIMAL(38, 4), x DOUBLE, s STRING, b BOOLEAN, t TIMESTAMP(3), day DATE, f BOOLEAN, o BIGINT,
  WATERMARK FOR ts AS ts) WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json');`;
let duckdb: DuckDBConnection;

interface SampleRow {
  readonly id: number;
  readonly k: string;
  readonly ts: number;
  readonly [column: string]: unknown;
}

/** In order of time, with equal times, and with NULLs in every column that an aggregate reads. */
function records(): SampleRow[] {
  const random = mulberry32(SEED);
  const below = (limit: number): number => Math.floor(random() * limit);
  const orNull = <T>(value: T): T | null => (random() < 0.15 ? null : value);
  let ts = 0;
  return Array.from({ length: ROWS }, (_, id) => {
    ts += below(5) * 1000;
    return {
      id,
      k: 'ab'[below(2)] ?? 'a',
      ts,
      i: orNull(below(9) - 4),
      w: orNull(`${9_007_199_254_740_993n + BigInt(below(4))}`),
      d: orNull(`${below(7)}.${10 + below(3)}`),
      m: orNull(`1234567890123456789012345678.000${below(4)}`),
      x: orNull(below(9) / 4 - 1),
      s: orNull('xyzé'[below(4)] ?? ''),
      b: orNull(random() < 0.5),
      t: orNull(1_700_000_000_000 + below(5)),
      day: orNull(`2024-01-0${1 + below(5)}`),
      f: orNull(random() < 0.6),
      o: (id * 7919) % 101,
    };
  });
}

beforeAll(async () => {
  const rows = records();
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  // What DuckDB joins by: the row's number in its group, and the start of its session.
  const starts = new Map<string, { start: number; last: number; count: number }>();
  const joined = rows.map((row) => {
    const before = starts.get(row.k);
    const goes = before !== undefined && row.ts - before.last <= 3000;
    const start = goes ? before.start : row.ts;
    const count = (before?.count ?? 0) + 1;
    starts.set(row.k, { start, last: row.ts, count });
    return { ...row, n: count, ss: start };
  });
  const other = join(folder, 'joined.jsonl');
  writeFileSync(other, joined.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  duckdb = await instance.connect();
  await duckdb.run(`CREATE TABLE t AS SELECT * FROM read_json('${other}', columns = {
    id: 'BIGINT', k: 'VARCHAR', ts: 'BIGINT', i: 'BIGINT', w: 'BIGINT', d: 'DECIMAL(20, 2)',
    m: 'DECIMAL(38, 4)', x: 'DOUBLE', s: 'VARCHAR', b: 'BOOLEAN', t: 'BIGINT', day: 'VARCHAR',
    f: 'BOOLEAN', o: 'BIGINT', n: 'BIGINT', ss: 'BIGINT'})`);
  await duckdb.run(
    `CREATE TABLE r AS SELECT id AS rid, k AS rk, ts AS rts, n AS rn, o AS ro FROM t`,
  );
}, LIMIT_MS);

afterAll(() => {
  duckdb.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

interface Form {
  readonly name: string;
  /** The query over calls; OVER is behind each call where `over` says so. */
  readonly velo: (calls: readonly string[]) => string;
  readonly over: string | null;
  /** Key and rows of DuckDB. */
  readonly key: string;
  readonly from: string;
  /** What stands for the order of arrival. */
  readonly order: string;
}

const grouped = (name: string, velo: string, key: string, from = 't'): Form => ({
  name,
  over: null,
  velo: (calls) => {
    const bounds = velo.includes('WINDOW') ? ', _WINDOW_START AS ws' : '';
    return `SELECT k${bounds}, ${calls.join(', ')} FROM t GROUP BY k ${velo} EMIT FINAL;`;
  },
  key,
  from,
  order: 'id',
});
const framed = (name: string, over: string, rows: string, order = 'id'): Form => ({
  name,
  over,
  velo: (calls) => `SELECT id, ${calls.join(', ')} FROM t;`,
  key: 'rid',
  from: `r JOIN t ON t.k = rk AND ${rows}`,
  order,
});

const FORMS: readonly Form[] = [
  grouped('GROUP BY', '', 'k'),
  grouped(
    'TUMBLING',
    "WINDOW TUMBLING(ts, INTERVAL '10' SECOND)",
    "k || '|' || (ts // 10000 * 10000)",
  ),
  grouped(
    'HOPPING',
    "WINDOW HOPPING(ts, INTERVAL '20' SECOND, INTERVAL '10' SECOND)",
    "k || '|' || (ts // 10000 * 10000 - back)",
    't, (VALUES (0), (10000)) AS hops(back)',
  ),
  grouped('SESSION', "WINDOW SESSION(ts, INTERVAL '3' SECOND)", "k || '|' || ss"),
  framed('OVER', 'PARTITION BY k ORDER BY ts', 'ts <= rts'),
  framed('OVER ROWS', 'PARTITION BY k ORDER BY ts ROWS 2 PRECEDING', 'n BETWEEN rn - 2 AND rn'),
  framed(
    'OVER RANGE',
    "PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND CURRENT ROW",
    'ts BETWEEN rts - 5000 AND rts',
  ),
  framed('BUFFER', 'ROWS WINDOW BUFFER 4 ROWS PARTITION BY k', 'n BETWEEN rn - 3 AND rn'),
  framed(
    'BUFFER ORDER BY',
    'ROWS WINDOW BUFFER 4 ROWS PARTITION BY k ORDER BY o RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW',
    'n BETWEEN rn - 3 AND rn AND o <= ro',
    'o',
  ),
];

interface AggregateCall {
  readonly velo: string;
  /** DuckDB's, with $ORDER for the order of arrival. */
  readonly duck: string;
  readonly isList?: boolean;
}

const NUMBERS = ['i', 'd', 'x', 'w', 'm'];
const ORDERED = [...NUMBERS, 's', 'b', 't', 'day'];
const FILTERS = ['', ' FILTER (WHERE f)'];

function calls(): AggregateCall[] {
  const all: AggregateCall[] = [{ velo: 'COUNT(*)', duck: 'COUNT(*)' }];
  const add = (velo: string, duck: string, isList = false): void => {
    for (const filter of FILTERS) all.push({ velo: velo + filter, duck: duck + filter, isList });
  };
  for (const column of ORDERED) {
    add(`COUNT(${column})`, `COUNT(${column})`);
    add(`COUNT(DISTINCT ${column})`, `COUNT(DISTINCT ${column})`);
    add(`APPROX_COUNT_DISTINCT(${column})`, `COUNT(DISTINCT ${column})`);
    for (const name of ['MIN', 'MAX']) {
      add(`${name}(${column})`, `${name}(${column})`);
      add(`${name}(DISTINCT ${column} ORDER BY o)`, `${name}(${column})`);
    }
    add(`PERCENTILE_DISC(0.3) WITHIN GROUP (ORDER BY ${column})`, disc(column, 0.3, ''));
    add(`PERCENTILE_DISC(0.3) WITHIN GROUP (ORDER BY ${column} DESC)`, disc(column, 0.3, 'DESC'));
    for (const order of ['', ` ORDER BY o`, ` ORDER BY o DESC`]) {
      const duckOrder = order === '' ? ' ORDER BY $ORDER' : order;
      add(`ARRAY_AGG(${column}${order})`, `list(${column}${duckOrder})`, true);
      const present = `list(${column}${duckOrder}) FILTER (WHERE ${column} IS NOT NULL`;
      all.push({ velo: `COLLECT(${column}${order})`, duck: `${present})`, isList: true });
      all.push({
        velo: `COLLECT(${column}${order}) FILTER (WHERE f)`,
        duck: `${present} AND f)`,
        isList: true,
      });
    }
    const descending = ` ORDER BY ${column} DESC`;
    add(
      `ARRAY_AGG(DISTINCT ${column}${descending})`,
      `list(DISTINCT ${column}${descending} NULLS FIRST)`,
      true,
    );
    add(
      `COLLECT(${column}) WITHIN GROUP (ORDER BY o)`,
      `nullif(list(${column} ORDER BY o) FILTER (WHERE ${column} IS NOT NULL$AND), [])`,
      true,
    );
  }
  for (const column of NUMBERS) {
    const double = `CAST(${column} AS DOUBLE)`;
    for (const name of ['SUM', 'AVG']) {
      add(`${name}(${column})`, `${name}(${column})`);
      add(`${name}(DISTINCT ${column} ORDER BY o)`, `${name}(DISTINCT ${column})`);
    }
    add(`DELTA(${column})`, `MAX(${column}) - MIN(${column})$BOTH`);
    add(`MEDIAN(${column})`, `quantile_cont(${double}, 0.5)`);
    add(`PERCENTILE_CONT(0.3) WITHIN GROUP (ORDER BY ${column})`, `quantile_cont(${double}, 0.3)`);
    add(
      `PERCENTILE_CONT(0.3) WITHIN GROUP (ORDER BY ${column} DESC)`,
      `quantile_cont(${double}, 0.7)`,
    );
    // DuckDB takes these through DOUBLE, which w and m do not fit: statistics-large-integers.case.
    if (column === 'w' || column === 'm') continue;
    for (const name of ['STDDEV_SAMP', 'STDDEV_POP', 'VAR_SAMP', 'VAR_POP']) {
      add(`${name}(${column})`, `${name}(${double})`);
      add(`${name}(DISTINCT ${column})`, `${name}(DISTINCT ${double})`);
    }
    for (const name of [
      'CORR',
      'COVAR_POP',
      'COVAR_SAMP',
      'REGR_SLOPE',
      'REGR_INTERCEPT',
      'REGR_R2',
    ]) {
      add(`${name}(${column}, o)`, `${name}(${double}, CAST(o AS DOUBLE))`);
    }
  }
  for (const order of ['', ' ORDER BY o DESC', ' ORDER BY s, o']) {
    const duckOrder = order === '' ? ' ORDER BY $ORDER' : order;
    add(`LISTAGG(s, '|'${order})`, `string_agg(s, '|'${duckOrder})`);
  }
  add(`LISTAGG(DISTINCT s, '|' ORDER BY s)`, `string_agg(DISTINCT s, '|' ORDER BY s)`);
  add(`LISTAGG(s) WITHIN GROUP (ORDER BY o)`, `string_agg(s, ',' ORDER BY o)`);
  return all;
}

function disc(column: string, fraction: number, direction: string): string {
  return `PERCENTILE_DISC(${fraction}) WITHIN GROUP (ORDER BY ${column} ${direction})`;
}

/** DuckDB's text of a call in a form: everything as VARCHAR, lists as JSON of VARCHARs. */
function duckText({ duck, isList }: AggregateCall, { order }: Form): string {
  const [call = '', filter = ''] = duck.split(/(?= FILTER \(WHERE f\)$)/);
  const both = call.replace('$BOTH', '').split(' - ');
  const filtered = call.includes('$BOTH')
    ? both.map((part) => part + filter).join(' - ')
    : call.includes('$AND')
      ? call.replace('$AND', filter === '' ? '' : ' AND f')
      : call + filter;
  const text = filtered.replaceAll('$ORDER', order);
  if (isList !== true) return `CAST(${text} AS VARCHAR)`;
  return `CAST(to_json(list_transform(${text}, lambda e: CAST(e AS VARCHAR))) AS VARCHAR)`;
}

/** Numbers keep their digits, lists become lists of texts. */
function cellsOf(line: string): readonly (string | null)[] {
  const marked = line.replace(
    /("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)/g,
    (whole: string, text: string | undefined) => text ?? `"${whole}"`,
  );
  return Object.values(JSON.parse(marked) as Record<string, unknown>).map((value) => {
    if (value === null) return null;
    if (!Array.isArray(value)) return String(value);
    return JSON.stringify(value.map((each: unknown) => (each === null ? null : String(each))));
  });
}

function isSame(got: string | null, want: string | null): boolean {
  if (got === null || want === null) return got === want || want === 'nan';
  if (got === want) return true;
  if (got.startsWith('[') && want.startsWith('[')) {
    const [a, b] = [got, want].map((text) => JSON.parse(text) as (string | null)[]);
    return a?.length === b?.length && (a ?? []).every((each, at) => isSame(each, b?.[at] ?? null));
  }
  const [a, b] = [Number(got), Number(want)];
  const isExact = /^-?\d{16,}$/.test(got) && /^-?\d{16,}$/.test(want);
  // AVG of DECIMAL has six digits behind the point.
  return !isExact && Math.abs(a - b) <= Math.max(1e-6, 1e-9 * Math.abs(b));
}

const RUNS: readonly RunSqlOptions[] = [
  { batchRows: 7 },
  { partitioned: { partitions: 3, workers: 2 } },
];

describe('aggregates in all their forms', () => {
  it.each(FORMS.map((form) => [form.name, form] as const))(
    '%s',
    async (_name, form) => {
      const texts = calls();
      const over = form.over === null ? '' : ` OVER (${form.over})`;
      const columns = texts.map((call, at) => `${call.velo}${over} AS c${at}`);
      const reader = await duckdb.runAndReadAll(
        `SELECT CAST(${form.key} AS VARCHAR), ${texts.map((call) => duckText(call, form)).join(', ')}
         FROM ${form.from} GROUP BY ${form.key}`,
      );
      const want = new Map(
        reader.getRows().map(([key, ...values]) => [String(key), values as (string | null)[]]),
      );
      for (const run of RUNS) {
        const { exit, lines, errorText } = await runSql(`${TABLE}\n${form.velo(columns)}`, run);
        expect(errorText).toBe('');
        expect(exit).toBe(0);
        const width = form.velo([]).includes(' AS ws') ? 2 : 1;
        const got = lines.map((line) => {
          const cells = cellsOf(line);
          return [cells.slice(0, width).join('|'), cells.slice(width)] as const;
        });
        expect(got.length).toBe(want.size);
        const faults = got.flatMap(([key, values]) =>
          values.flatMap((value, at) =>
            isSame(value, want.get(key)?.[at] ?? null)
              ? []
              : [`${key} ${texts[at]?.velo}: ${value}, DuckDB ${want.get(key)?.[at]}`],
          ),
        );
        expect(faults).toEqual([]);
      }
    },
    LIMIT_MS,
  );

  it('what does not fit is refused with a span, in every form', () => {
    const lists = ['LISTAGG(s, k)', 'ARRAY_AGG()', 'COLLECT(*)'];
    const pairs = ['COVAR_POP(DISTINCT x, i)', 'CORR(x)', 'REGR_SLOPE(s, x)'];
    const percentiles = [
      'PERCENTILE_CONT(0.5, x ORDER BY o)',
      'PERCENTILE_CONT(2) WITHIN GROUP (ORDER BY x)',
      'PERCENTILE_CONT(x) WITHIN GROUP (ORDER BY x)',
      'PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY s)',
      'PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY x, i)',
      'MEDIAN(day)',
    ];
    const others = [
      'SUM(s)',
      'AVG(DISTINCT b)',
      'SUM(*)',
      'COUNT(DISTINCT *)',
      'MIN(x, i)',
      'SUM(x) FILTER (WHERE x)',
    ];
    for (const call of [...lists, ...pairs, ...percentiles, ...others]) {
      for (const form of FORMS) {
        const over = form.over === null ? '' : ` OVER (${form.over})`;
        const { faults } = planSql(`${TABLE}\n${form.velo([`${call}${over} AS c`])}`);
        expect(faults.length, `${form.name} ${call}`).toBeGreaterThan(0);
        for (const { span, code } of faults) {
          expect(span, `${form.name} ${call}`).toBeDefined();
          expect(code).not.toBe('VELO_INTERNAL');
        }
      }
    }
  });
});
