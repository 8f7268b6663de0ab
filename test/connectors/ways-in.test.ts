/**
 * One thousand rows come in by many ways, and each gives one answer: the rows, to their last digit,
 * and a grouped query, on V1 and on V2. What a way cannot say (a time in CSV, the scale of a number)
 * is said by a declaration. Topics are in test/kafka.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, describe, expect, it } from 'vitest';
import { runQueries } from '../support/run-sql.js';
import {
  ALL_ROWS,
  AVRO_SCHEMA,
  avroRecord,
  csvText,
  DECLARED,
  GROUPS,
  jsonObject,
  jsonPairs,
  queriesOver,
  THOUSAND,
} from '../support/thousand-rows.js';
import type { CsvForm } from '../support/thousand-rows.js';
import { velo } from '../support/velo-process.js';
import { avroFile } from './container-support.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-ways-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TARGETS = [
  ['V1', {}],
  ['V2', { partitioned: { partitions: 3, workers: 2 } }],
] as const;

/** What is read, and where a redirect (`--source t=URI`) has it. */
interface Way {
  readonly sql: string;
  readonly source?: string;
}

function put(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A quoted source: decimals are DOUBLE there, exact at this size. */
function quoted(path: string, options = 'times=true'): Way {
  const source = options === '' ? path : `${path}?${options}`;
  return {
    sql: queriesOver(
      `(SELECT id, name, note, CAST(price AS DECIMAL(18, 4)) AS price, at, ok FROM '${source}') AS q`,
    ),
  };
}

function declared(path: string, options: Readonly<Record<string, string>> = {}): Way {
  const all = { connector: 'file', path, ...options };
  const list = Object.entries(all).map(
    ([key, value]) => `'${key}' = '${value.replaceAll("'", "''")}'`,
  );
  return { sql: `CREATE TABLE t (${DECLARED}) WITH (${list.join(', ')}); ${queriesOver('t')}` };
}

const LINES = THOUSAND.map((row) => jsonObject(row));
const JSONL = `${LINES.join('\n')}\n`;
const PRETTY = `[\n${THOUSAND.map((row) => `  ${jsonObject(row, ',\n    ')}`).join(',\n')}\n]\n`;

function csv(form: Partial<CsvForm> = {}): string {
  return csvText(THOUSAND, form);
}

function utf16(text: string, order: 'le' | 'be'): Buffer {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return order === 'le' ? bytes : bytes.swap16();
}

/** The only sign of the rows that Latin-1 has elsewhere. */
function windows1252(text: string): Buffer {
  return Buffer.from(text.replaceAll('€', '\u0080'), 'latin1');
}

/** Four files with a quarter of the rows each. */
function quarters(name: (index: number) => string): void {
  for (let index = 0; index < 4; index += 1) {
    const lines = LINES.filter((_, at) => at % 4 === index);
    put(name(index), `${lines.join('\n')}\n`);
  }
}

/** A FIFO that a process writes into. */
function fifo(name: string, content: string | Uint8Array, suffix = ''): string {
  const from = put(`${name}.data`, content);
  const path = join(folder, `${name}${suffix}`);
  rmSync(path, { force: true });
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  spawn('bash', ['-c', 'cat "$0" > "$1"', from, path]);
  return path;
}

function packed(command: string, content: string): Buffer {
  const { stdout, status } = spawnSync(command, ['-c'], { input: content, maxBuffer: 1 << 26 });
  expect(status).toBe(0);
  return stdout;
}

function avro(name: string, codec: string): string {
  const records = THOUSAND.map(avroRecord);
  const blocks = [records.slice(0, 600), records.slice(600)];
  return put(name, avroFile(AVRO_SCHEMA, blocks, codec));
}

/** As DuckDB writes them, from JSON of its own reading. */
async function duckParquet(name: string): Promise<string> {
  const from = put(`${name}.jsonl`, JSONL);
  const path = join(folder, name);
  const duck = await (await DuckDBInstance.create(':memory:')).connect();
  const columns = `{id: 'BIGINT', name: 'VARCHAR', note: 'VARCHAR', price: 'DECIMAL(18, 4)', "at": 'TIMESTAMP_MS', ok: 'BOOLEAN'}`;
  await duck.run(
    `COPY (SELECT * FROM read_json('${from}', columns = ${columns})) TO '${path}'
     (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 256)`,
  );
  duck.closeSync();
  return path;
}

function writtenParquet(name: string): string {
  const written = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: THOUSAND.map(({ id }) => id), type: 'INT64' },
      { name: 'name', data: THOUSAND.map((row) => row.name), type: 'STRING' },
      { name: 'note', data: THOUSAND.map(({ note }) => note), type: 'STRING' },
      {
        name: 'price',
        data: THOUSAND.map(({ price }) => (price === null ? null : Number(price))),
        type: 'DOUBLE',
      },
      {
        name: 'at',
        data: THOUSAND.map(({ atMs }) => (atMs === null ? null : new Date(atMs))),
        type: 'TIMESTAMP',
      },
      { name: 'ok', data: THOUSAND.map(({ ok }) => ok), type: 'BOOLEAN' },
    ],
  });
  return put(name, new Uint8Array(written));
}

/** Without keys that are NULL, in another order, with keys that nobody asks for. */
function uneven(): string {
  const lines = THOUSAND.map((row, index) => {
    const pairs = jsonPairs(row).filter(([, json]) => json !== 'null');
    const members = [...pairs].reverse().map(([name, json]) => `"${name}" : ${json}`);
    return `{ "other": [${index}, {"id": 7}], ${members.join(' ,')} }`;
  });
  return `${lines.join('\n')}\n`;
}

/** Every value as text, and times as milliseconds. */
function texts(): string {
  const lines = THOUSAND.map((row) => {
    const at = row.atMs === null ? null : String(row.atMs);
    const pairs = { id: String(row.id), name: row.name, note: row.note, price: row.price, at };
    return JSON.stringify({ ...pairs, ok: row.ok === null ? null : String(row.ok) });
  });
  return `${lines.join('\n')}\n`;
}

const REMARKS = `# exported 2024-03-01\n# by nobody\n`;
const PREAMBLE = `Rows of May\n\n`;
/** A comment in the midst of the records. */
function remarked(text: string): string {
  return text.replace('\n', '\n# the first of them\n');
}

const WAYS: Readonly<Record<string, () => Way | Promise<Way>>> = {
  'JSON lines': () => quoted(put('a/rows.jsonl', JSONL)),
  'JSON lines, declared': () => declared(put('a/declared.jsonl', JSONL)),
  'JSON lines with CRLF': () => quoted(put('a/crlf.jsonl', JSONL.replaceAll('\n', '\r\n'))),
  'JSON lines without the last line end': () => quoted(put('a/cut.jsonl', JSONL.trimEnd())),
  'JSON lines of a name that says nothing': () => quoted(put('a/rows.log', JSONL)),
  'JSON with missing, other and turned keys': () => quoted(put('a/uneven.jsonl', uneven())),
  'JSON whose values are all texts': () => declared(put('a/texts.jsonl', texts())),
  'a JSON array': () => quoted(put('a/array.json', `[${LINES.join(', ')}]`)),
  'a pretty JSON array': () => quoted(put('a/pretty.json', PRETTY)),
  'JSON objects behind one another': () => quoted(put('a/behind.json', LINES.join(''))),
  'a declared JSON array': () => declared(put('a/declared.json', PRETTY)),
  'JSON lines in UTF-16, little end first': () => quoted(put('a/le.jsonl', utf16(JSONL, 'le'))),
  'JSON lines in UTF-16, big end first': () => quoted(put('a/be.jsonl', utf16(JSONL, 'be'))),
  'a pattern': () => {
    quarters((index) => `glob/part-${index}.jsonl`);
    return quoted(join(folder, 'glob/part-?.jsonl').replaceAll('?', '[0-3]'));
  },
  'a folder': () => {
    quarters((index) => `tree/day=${index}/rows.jsonl`);
    return quoted(join(folder, 'tree'));
  },
  'several files': () => {
    quarters((index) => `some/${'abcd'[index]}.jsonl`);
    return declared(join(folder, 'some/{a,b,c,d}.jsonl'));
  },
  'file:///': () => quoted(String(pathToFileURL(put('a/uri.jsonl', JSONL)))),
  '--source t=path': () => ({ ...declared('nowhere'), source: put('a/redirected.jsonl', JSONL) }),
  '--source t=path with options': () => {
    const path = put('a/redirected.txt', csv({ delimiter: ';' }));
    return { ...declared('nowhere'), source: `${path}?format=csv&delimiter=;` };
  },
  '.gz': () => quoted(put('a/rows.jsonl.gz', gzipSync(JSONL))),
  '.gz of several members': () => {
    const members = [JSONL.slice(0, 30_000), JSONL.slice(30_000)].map((part) => gzipSync(part));
    return declared(put('a/members.jsonl.gz', Buffer.concat(members)));
  },
  '.zst': () => quoted(put('a/rows.jsonl.zst', packed('zstd', JSONL))),
  '.bz2': () => quoted(put('a/rows.jsonl.bz2', packed('bzip2', JSONL))),
  'a FIFO of gzip': () => quoted(fifo('fifo-gz', gzipSync(JSONL))),
  CSV: () => quoted(put('a/rows.csv', csv())),
  'CSV, declared': () => declared(put('a/declared.csv', csv()), { format: 'csv' }),
  'CSV with semicolons': () => quoted(put('a/semicolons.csv', csv({ delimiter: ';' }))),
  'CSV with bars': () => quoted(put('a/bars.csv', csv({ delimiter: '|' }))),
  TSV: () => quoted(put('a/rows.tsv', csv({ delimiter: '\t' }))),
  'CSV with CRLF': () => quoted(put('a/crlf.csv', csv({ lineEnd: '\r\n' }))),
  'CSV without a header': () => {
    const options = { format: 'csv', 'csv.header': 'false' };
    return declared(put('a/headless.csv', csv({ header: false })), options);
  },
  'CSV with single quotes': () => {
    const options = { format: 'csv', 'csv.quote-character': "'" };
    return declared(put('a/single.csv', csv({ quote: "'", escape: "'" })), options);
  },
  'CSV with backslashes': () =>
    quoted(put('a/escaped.csv', csv({ escape: '\\' })), 'times=true&escape=\\'),
  'CSV with a word for NULL': () =>
    quoted(put('a/null.csv', csv({ nullText: '\\N' })), 'times=true&null=\\N'),
  'CSV with decimal commas': () =>
    quoted(put('a/commas.csv', csv({ delimiter: ';', decimal: ',' }))),
  'CSV with comments': () =>
    quoted(put('a/remarks.csv', REMARKS + remarked(csv())), 'times=true&comments=true'),
  'CSV behind words': () => quoted(put('a/words.csv', PREAMBLE + csv())),
  'CSV in UTF-16, little end first': () => quoted(put('a/le.csv', utf16(csv(), 'le'))),
  'CSV in UTF-16, big end first': () => quoted(put('a/be.csv', utf16(csv(), 'be'))),
  'CSV in Windows-1252': () =>
    quoted(put('a/latin.csv', windows1252(csv())), 'times=true&encoding=windows-1252'),
  'CSV, packed': () => declared(put('a/rows.csv.gz', gzipSync(csv())), { format: 'csv' }),
  'CSV whose columns are turned': () =>
    quoted(put('a/turned.csv', csv({ columns: ['ok', 'at', 'price', 'note', 'name', 'id'] }))),
  'an Avro file': () => quoted(avro('a/rows.avro', 'deflate'), ''),
  'an Avro file, declared': () => declared(avro('a/snappy.avro', 'snappy'), { format: 'avro' }),
  "DuckDB's Parquet": async () => quoted(await duckParquet('duck.parquet'), ''),
  "hyparquet-writer's Parquet": () => quoted(writtenParquet('a/written.parquet'), ''),
  'a FIFO': () => quoted(fifo('fifo-a', JSONL)),
  'a FIFO of CSV': () => quoted(fifo('fifo-b', csv({ delimiter: ';' }))),
  'a declared FIFO': () => declared(fifo('fifo-c', csv()), { format: 'csv' }),
};

describe.each(TARGETS)('ways in on %s', (arch, target) => {
  it.each(Object.entries(WAYS))('%s', async (_, way) => {
    const { sql, source } = await way();
    const redirects = new Map(source === undefined ? [] : [['t', source]]);
    const run = await runQueries(sql, { ...target, redirects });
    expect(run.errorText).toBe('');
    const [rows = [], groups = []] = run.lines;
    expect([...rows].sort()).toEqual(ALL_ROWS);
    expect([...groups].sort()).toEqual(GROUPS);
  });

  const STDIN: readonly (readonly [name: string, source: string, content: string | Buffer])[] = [
    ["stdin '-'", '-?times=true', JSONL],
    ['/dev/stdin', '/dev/stdin?times=true&format=csv', csv()],
    ['stdin of zstd', '-?times=true', packed('zstd', csv({ delimiter: '|' }))],
  ];
  it.each(STDIN)('%s', async (_, source, content) => {
    const flags = arch === 'V1' ? [] : ['--partitions', '3', '--workers', '2'];
    const { sql } = quoted(source, '');
    const { exit, stdout, stderr } = await velo(['-q', sql, ...flags], { stdin: content });
    expect(stderr).toBe('');
    expect(exit).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.sort()).toEqual([...ALL_ROWS, ...GROUPS].sort());
  });
});

it('are more than forty', () => {
  expect(Object.keys(WAYS).length + 2).toBeGreaterThan(40);
});
