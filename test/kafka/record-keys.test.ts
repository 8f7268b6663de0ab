/**
 * What lies in records' keys, read and written: 'key.format', 'key.fields', 'key.fields-prefix' and
 * 'value.fields-include' as Flink has them, and keys and headers that are no text. V1 and V2, over a
 * broker on loopback.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { JobRun, kafkaDdl } from './job-run.js';
import type { Row, Shape } from './job-run.js';
import { LoopbackBroker, batchOf } from './loopback-broker.js';
import { readRecordSet } from '../connectors/kafka/read-records.js';
import type { TestRecord } from '../support/record-batches.js';

let broker: LoopbackBroker | null = null;
const folder = mkdtempSync(join(tmpdir(), 'velo-keys-'));
afterEach(async () => {
  await broker?.close();
  broker = null;
});

const SHAPES: readonly (readonly [string, Shape | null])[] = [
  ['V1', null],
  ['V2', { partitions: 2, workers: 2 }],
];
const READ = {
  'scan.startup.mode': 'earliest-offset',
  'scan.bounded.mode': 'latest-offset',
  fetch: 'columnar',
};

interface KeyedRecord {
  readonly key: string | Uint8Array | null;
  readonly value: string;
  readonly headers?: TestRecord['headers'];
}

async function holding(records: readonly KeyedRecord[]): Promise<LoopbackBroker> {
  const batch = batchOf({
    baseOffset: 0,
    records: records.map(({ key, value, headers = [] }, delta) => ({
      delta,
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(value),
      headers,
    })),
  });
  broker = await LoopbackBroker.start({ logs: [[batch]] });
  return broker;
}

function rowsOf(
  from: LoopbackBroker,
  shape: Shape | null,
  table: { readonly columns: string; readonly options?: Readonly<Record<string, string>> },
  sql: string,
): Promise<Row[]> {
  const options = { ...READ, ...table.options };
  return JobRun.rowsOf(`${kafkaDdl(from.address, 't', options, table.columns)} ${sql}`, shape);
}

describe.each(SHAPES)('columns of the key on %s', (_, shape) => {
  it('come from the key where the value has them not', async () => {
    const from = await holding([
      { key: 'k1', value: '{"a":1}' },
      { key: null, value: '{"a":2}' },
      { key: '', value: '{"a":3}' },
      { key: 'k1', value: '{"a":4,"k":"of the value"}' },
    ]);
    const options = {
      'key.format': 'raw',
      'key.fields': 'k',
      'value.format': 'json',
      'value.fields-include': 'EXCEPT_KEY',
    };
    const table = { columns: 'a BIGINT, k STRING', options };
    expect(await rowsOf(from, shape, table, 'SELECT k, a FROM t')).toEqual([
      { k: 'k1', a: 1 },
      { k: null, a: 2 },
      { k: '', a: 3 },
      { k: 'k1', a: 4 },
    ]);
    const grouped = 'SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT FINAL';
    const groups = await rowsOf(from, shape, table, grouped);
    expect(groups.sort((a, b) => Number(b['n']) - Number(a['n']))[0]).toEqual({ k: 'k1', n: 2 });
    expect(groups).toHaveLength(3);
    // Without the columns of the key, and with nothing else.
    expect(await rowsOf(from, shape, table, 'SELECT a FROM t WHERE a > 2')).toEqual([
      { a: 3 },
      { a: 4 },
    ]);
    expect(await rowsOf(from, shape, table, "SELECT k FROM t WHERE k = 'k1'")).toHaveLength(2);
  }, 60_000);

  it('may have a prefix in the table, several columns, and names of the value', async () => {
    const from = await holding([
      { key: '{"id":7,"name":"x"}', value: '{"id":1,"name":"of the value"}' },
      { key: '{"name":"y"}', value: '{"id":2}' },
      { key: null, value: '{"id":3}' },
    ]);
    const options = {
      'key.format': 'json',
      'key.fields': 'k_id;k_name',
      'key.fields-prefix': 'k_',
      'value.fields-include': 'EXCEPT_KEY',
    };
    const columns = 'k_id BIGINT, id BIGINT, k_name STRING, name STRING';
    expect(await rowsOf(from, shape, { columns, options }, 'SELECT * FROM t')).toEqual([
      { k_id: 7, id: 1, k_name: 'x', name: 'of the value' },
      { k_id: null, id: 2, k_name: 'y', name: null },
      { k_id: null, id: 3, k_name: null, name: null },
    ]);
  }, 60_000);

  it('come from the value, too, with ALL: then the key is not asked', async () => {
    const from = await holding([{ key: 'no JSON', value: '{"k":"v","a":1}' }]);
    const options = { 'key.format': 'json', 'key.fields': 'k', 'value.fields-include': 'ALL' };
    const table = { columns: 'k STRING, a BIGINT', options };
    expect(await rowsOf(from, shape, table, 'SELECT k, a FROM t')).toEqual([{ k: 'v', a: 1 }]);
  }, 60_000);

  it('that cannot be read are a data error of the record', async () => {
    const from = await holding([{ key: '{"k":', value: '{"a":1}' }]);
    const options = {
      'key.format': 'json',
      'key.fields': 'k',
      'value.fields-include': 'EXCEPT_KEY',
    };
    const table = { columns: 'k STRING, a BIGINT', options };
    await expect(rowsOf(from, shape, table, 'SELECT k FROM t')).rejects.toMatchObject({
      code: 'VELO_DECODE',
      message: expect.stringContaining('key of the record: ') as string,
    });
    expect(await rowsOf(from, shape, table, 'SELECT a FROM t')).toEqual([{ a: 1 }]);
  }, 60_000);
});

describe.each(SHAPES)('keys and headers that are no text on %s', (_, shape) => {
  it('a key is a data error, as a value is; never mended', async () => {
    const keys = [0x81, 0x82, 0x83].map((last) => Uint8Array.of(0, 0, 0, 0, last));
    const from = await holding(keys.map((key) => ({ key, value: '{"a":1}' })));
    const table = { columns: "a BIGINT, k STRING METADATA FROM 'key'" };
    for (const sql of ['SELECT k FROM t', 'SELECT _KEY AS k, COUNT(*) AS n FROM t GROUP BY _KEY']) {
      await expect(rowsOf(from, shape, table, sql)).rejects.toMatchObject({
        code: 'VELO_DECODE',
        message: expect.stringContaining('invalid UTF-8 at byte 5') as string,
      });
    }
    expect(await rowsOf(from, shape, table, 'SELECT a FROM t')).toHaveLength(3);
  }, 60_000);

  it('headers: NULL without a value, and different bytes are different texts', async () => {
    const from = await holding([
      {
        key: null,
        value: '{"a":1}',
        headers: [
          ['n', null],
          ['e', Buffer.alloc(0)],
          ['x', Buffer.of(0, 0x81)],
          ['y', Buffer.of(0, 0x82)],
        ],
      },
    ]);
    const table = { columns: "a BIGINT, h MAP<STRING, STRING> METADATA FROM 'headers'" };
    const sql =
      "SELECT h, HEADER('n') AS n, HEADER('e') AS e, HEADER('x') AS x, HEADER('none') AS o FROM t";
    expect(await rowsOf(from, shape, table, sql)).toEqual([
      {
        h: { n: null, e: '', x: '\\x0081', y: '\\x0082' },
        n: null,
        e: '',
        x: '\\x0081',
        o: null,
      },
    ]);
  }, 60_000);
});

describe('keys that are written', () => {
  const input = join(folder, 'in.jsonl');
  writeFileSync(input, '{"id":7,"name":"x","n":1}\n{"id":8,"name":null,"n":2}\n');
  const source = `CREATE TABLE i (id BIGINT, name STRING, n BIGINT)
    WITH ('connector' = 'file', 'path' = '${input}');`;
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function written(
    options: Readonly<Record<string, string>>,
    columns: string,
    shape: Shape | null = null,
  ): Promise<(readonly [string | null, string])[]> {
    broker = await LoopbackBroker.start({ logs: [[]] });
    const ddl = kafkaDdl(broker.address, 't', options, columns, 'o');
    const run = await JobRun.start(`${source} ${ddl} INSERT INTO o SELECT * FROM i`, shape);
    await run.result;
    return broker.written.flatMap((batch) =>
      readRecordSet(batch).records.map(({ key, value }) => [key, value] as const),
    );
  }

  it.each(SHAPES)(
    'without the columns of the key in the value (%s)',
    async (_, shape) => {
      const options = { 'key.fields': 'id', 'value.fields-include': 'EXCEPT_KEY' };
      const columns = 'id BIGINT, name STRING, n BIGINT';
      expect(await written(options, columns, shape)).toEqual([
        ['7', '{"name":"x","n":1}'],
        ['8', '{"name":null,"n":2}'],
      ]);
    },
    60_000,
  );

  it('as JSON objects, without the prefix that the table has', async () => {
    const options = {
      'key.format': 'json',
      'key.fields': 'k_id;k_name',
      'key.fields-prefix': 'k_',
      'value.fields-include': 'EXCEPT_KEY',
    };
    expect(await written(options, 'k_id BIGINT, k_name STRING, id BIGINT')).toEqual([
      ['{"id":7,"name":"x"}', '{"id":1}'],
      ['{"id":8,"name":null}', '{"id":2}'],
    ]);
  }, 60_000);

  it('and with them in both', async () => {
    const options = { 'key.format': 'json', 'key.fields': 'id', 'value.fields-include': 'ALL' };
    expect(await written(options, 'id BIGINT, name STRING, n BIGINT')).toEqual([
      ['{"id":7}', '{"id":7,"name":"x","n":1}'],
      ['{"id":8}', '{"id":8,"name":null,"n":2}'],
    ]);
  }, 60_000);
});

describe('options of keys that say nothing', () => {
  const EXCEPT = { 'value.fields-include': 'EXCEPT_KEY' };

  it.each<[string, Readonly<Record<string, string>>]>([
    ['value.fields-include', { 'value.fields-include': 'garbage' }],
    ['key.format', { 'key.format': 'garbage' }],
    ['value.fields-include', EXCEPT],
    ['key.fields', { ...EXCEPT, 'key.fields': 'nothing' }],
    ['key.fields-prefix', { 'key.fields': 'id', 'key.fields-prefix': 'i' }],
    ['key.fields', { ...EXCEPT, 'key.fields': 'id', 'key.fields-prefix': 'k_' }],
    ['key.format', { ...EXCEPT, 'key.format': 'raw', 'key.fields': 'id;name' }],
  ])('%s of %j is refused, read or written', async (name, options) => {
    const ddl = kafkaDdl('127.0.0.1:1', 't', { ...READ, ...options }, 'id BIGINT, name STRING');
    const input = `CREATE TABLE i (id BIGINT AS i, name STRING AS 'x')
      WITH ('connector' = 'generator', 'rows' = '1');`;
    for (const sql of ['SELECT * FROM t', 'INSERT INTO t SELECT * FROM i']) {
      const failed = async (): Promise<void> => {
        const run = await JobRun.start(`${ddl} ${input} ${sql}`, null);
        await run.result;
      };
      await expect(failed()).rejects.toMatchObject({
        message: expect.stringContaining(`"${name}"`) as string,
      });
    }
  });
});
