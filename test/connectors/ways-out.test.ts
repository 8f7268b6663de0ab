/**
 * The thousand rows go out by many ways, and read back they are the same rows, to their last digit,
 * NULL beside the empty text, written on V1 and on V2. A table on a terminal and Markdown are for
 * people and not read back. Topics are in test/kafka.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { runQueries, runSql } from '../support/run-sql.js';
import {
  ALL_ROWS,
  DECLARED,
  GROUPS,
  jsonObject,
  queriesOver,
  THOUSAND,
} from '../support/thousand-rows.js';
import { VELO } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-out-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TARGETS = [
  ['V1', {}, []],
  ['V2', { partitioned: { partitions: 3, workers: 2 } }, ['--partitions', '3', '--workers', '2']],
] as const;

type Options = Readonly<Record<string, string>>;

const ROWS = join(folder, 'rows.jsonl');
writeFileSync(ROWS, `${THOUSAND.map((row) => jsonObject(row)).join('\n')}\n`);

function table(name: string, path: string, options: Options = {}): string {
  const all = { connector: 'file', path, ...options };
  const list = Object.entries(all).map(
    ([key, value]) => `'${key}' = '${value.replaceAll("'", "''")}'`,
  );
  return `CREATE TABLE ${name} (${DECLARED}) WITH (${list.join(', ')});`;
}

const FROM_ROWS = table('t', ROWS);
const SELECT = 'SELECT id, name, note, price, at, ok FROM t';

/** How rows are written, if not by INSERT INTO a table with the options that read them. */
interface Out {
  readonly name: string;
  readonly options?: Options;
  readonly sql?: (path: string) => string;
  readonly needs?: 'zstd';
}

const CSV = { format: 'csv' };
const IN_PROCESS: readonly Out[] = [
  { name: 'declared.jsonl' },
  { name: 'declared.csv', options: CSV },
  { name: 'semicolons.csv', options: { ...CSV, 'csv.field-delimiter': ';' } },
  { name: 'tabs.tsv', options: { ...CSV, 'csv.field-delimiter': '\t' } },
  { name: 'headless.csv', options: { ...CSV, 'csv.header': 'false' } },
  { name: 'null.csv', options: { ...CSV, 'csv.null-literal': '\\N' } },
  { name: 'packed.jsonl.gz' },
  { name: 'packed.csv.gz', options: CSV },
  { name: 'packed.jsonl.zst', needs: 'zstd' },
  { name: 'declared.avro', options: { format: 'avro' } },
  { name: 'deflated.avro', options: { format: 'avro', 'avro.codec': 'deflate' } },
  { name: 'declared.parquet', options: { format: 'parquet' } },
  {
    name: 'quoted.parquet',
    options: { format: 'parquet' },
    sql: (path) => `INSERT INTO '${path}' ${SELECT};`,
  },
  { name: 'quoted.jsonl', sql: (path) => `INSERT INTO '${path}' ${SELECT};` },
  { name: 'quoted.csv', options: CSV, sql: (path) => `INSERT INTO '${path}' ${SELECT};` },
  { name: 'quoted.csv.gz', options: CSV, sql: (path) => `INSERT INTO '${path}' ${SELECT};` },
  {
    name: 'quoted.txt',
    options: { ...CSV, 'csv.field-delimiter': '|' },
    sql: (path) => `INSERT INTO '${path}?format=csv&delimiter=|' ${SELECT};`,
  },
  {
    name: 'as.jsonl',
    sql: (path) => `CREATE TABLE s WITH ('connector' = 'file', 'path' = '${path}') AS ${SELECT};`,
  },
  {
    name: 'two.jsonl',
    sql: (path) =>
      `INSERT INTO '${path}' ${SELECT} WHERE id > 0; INSERT INTO '${path}' ${SELECT} WHERE id < 0;`,
  },
];

/** Half of the rows, and then the other half behind them. */
const APPENDED: readonly Out[] = ['appended.jsonl', 'appended.csv', 'appended.csv.gz'].map(
  (name) => ({
    name,
    ...(name.includes('csv') ? { options: CSV } : {}),
  }),
);

/** A line of bash behind `velo -q SQL`; $OUT is where the rows are to be. */
const BY_COMMAND: readonly (Out & { readonly line: string })[] = [
  { name: 'to.jsonl', line: 'velo --to "$OUT"' },
  { name: 'to.csv', options: CSV, line: 'velo --to "$OUT"' },
  { name: 'to.csv.gz', options: CSV, line: 'velo --to "$OUT"' },
  { name: 'to.parquet', options: { format: 'parquet' }, line: 'velo --to "$OUT"' },
  { name: 'stdout.jsonl', line: 'velo > "$OUT"' },
  { name: 'stdout.csv', options: CSV, line: 'velo --format csv > "$OUT"' },
  { name: 'pipe.csv', options: CSV, line: 'velo --to "/dev/stdout?format=csv" | cat > "$OUT"' },
  { name: 'minus.jsonl', line: 'velo --to - > "$OUT"' },
  { name: 'fifo.jsonl', line: 'mkfifo "$OUT.f"; cat "$OUT.f" > "$OUT" & velo --to "$OUT.f"; wait' },
];

async function expectBack(path: string, options: Options = {}): Promise<void> {
  const back = await runQueries(`${table('t', path, options)} ${queriesOver('t')}`);
  expect(back.errorText).toBe('');
  const [rows = [], groups = []] = back.lines;
  expect([...rows].sort()).toEqual(ALL_ROWS);
  expect([...groups].sort()).toEqual(GROUPS);
}

describe.each(TARGETS)('ways out on %s', (arch, target, flags) => {
  const possible = IN_PROCESS.filter(({ needs }) => needs === undefined || 'zstdCompress' in zlib);

  it.each(possible)('$name', async ({ name, options = {}, sql }) => {
    const path = join(folder, `${arch}-${name}`);
    const insert = sql?.(path) ?? `${table('s', path, options)} INSERT INTO s ${SELECT};`;
    const { errorText } = await runSql(`${FROM_ROWS} ${insert}`, target);
    expect(errorText).toBe('');
    await expectBack(path, options);
  });

  it.each(APPENDED)('$name', async ({ name, options }) => {
    const path = join(folder, `${arch}-${name}`);
    for (const where of ['id > 0', 'id < 0']) {
      const insert = `INSERT INTO '${path}?append=true' ${SELECT} WHERE ${where};`;
      const { errorText } = await runSql(`${FROM_ROWS} ${insert}`, target);
      expect(errorText).toBe('');
    }
    await expectBack(path, options);
  });

  it.each(BY_COMMAND)('$line, $name', async ({ name, options, line }) => {
    const path = join(folder, `${arch}-${name}`);
    const script = `set -e\nvelo() { "$NODE" "$VELO" -q "$SQL" ${flags.join(' ')} "$@"; }\n${line}`;
    const { status, stderr } = spawnSync('bash', ['-c', script], {
      env: {
        ...process.env,
        NODE: process.execPath,
        VELO,
        SQL: `${FROM_ROWS} ${SELECT}`,
        OUT: path,
      },
      encoding: 'utf8',
      timeout: 200_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    await expectBack(path, options);
  });
});

it('are more than twenty', () => {
  expect(IN_PROCESS.length + BY_COMMAND.length).toBeGreaterThan(20);
});
