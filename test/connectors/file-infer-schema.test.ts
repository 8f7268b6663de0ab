/** Schemas of quoted files from their first records. */
import { describe, expect, test } from 'vitest';
import { ConnectorError } from '../../src/base/errors.js';
import { typeText } from '../../src/columnar/types.js';
import { inferJsonSchema } from '../../src/connectors/infer-json.js';
import { fileAddress, fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import { fileTable, OpenFile, pathOf, writeInput } from './file-support.js';

const types = (columns: ReturnType<typeof inferJsonSchema>): Record<string, string> =>
  Object.fromEntries(columns.map(({ name, type }) => [name, typeText(type)]));

const ofRecords = (...records: string[]): Record<string, string> =>
  types(inferJsonSchema(records.map((record) => new TextEncoder().encode(record))));

/** What a query gets that quotes the address. */
const inferred = (address: string) =>
  inferFileSchema(fileOptions(fileTable(fileAddress(address).options, [])), { sniff: true });

describe('JSON', () => {
  test('numbers are BIGINT while all are whole and fit, DECIMAL while all are whole, else DOUBLE', () => {
    expect(
      ofRecords(
        '{"a":1,"b":1,"c":1.0,"d":1e3,"e":9223372036854775807}',
        '{"a":-2,"b":2.5,"e":9223372036854775808}',
      ),
    ).toEqual({ a: 'BIGINT', b: 'DOUBLE', c: 'DOUBLE', d: 'DOUBLE', e: 'DECIMAL(38, 0)' });
  });

  test('texts, booleans, only null, mixed', () => {
    expect(
      ofRecords(
        '{"t":"x","b":true,"n":null,"m":1,"o":{"x":1}}',
        '{"t":null,"b":false,"m":"x","o":[1],"late":1}',
      ),
    ).toEqual({
      t: 'VARCHAR',
      b: 'BOOLEAN',
      n: 'VARCHAR',
      m: 'VARCHAR',
      o: 'VARCHAR',
      late: 'BIGINT',
    });
  });

  test('objects are ROW, arrays ARRAY, both merged over records', () => {
    expect(
      ofRecords(
        '{"r":{"x":1,"y":{"z":true}},"a":[1,2],"e":[],"o":{}}',
        '{"r":{"x":1.5,"w":"t"},"a":[null,2.5],"e":[]}',
      ),
    ).toEqual({
      r: 'ROW<x DOUBLE, y ROW<z BOOLEAN>, w VARCHAR>',
      a: 'ARRAY<DOUBLE>',
      e: 'ARRAY<VARCHAR>',
      o: 'VARCHAR',
    });
  });

  test('escaped keys, repeated keys, spaces and records that are none', () => {
    expect(ofRecords('{ "\\u00e9" : 1 , "a":1,"a":"x" }', 'not json', '[1]', '{"z":')).toEqual({
      é: 'BIGINT',
      a: 'VARCHAR',
    });
  });

  test('very deep values are VARCHAR', () => {
    const deep = `${'['.repeat(500)}1${']'.repeat(500)}`;
    expect(ofRecords(`{"a":${deep}}`)['a']).toMatch(/^(ARRAY<){15}VARCHAR/);
  });

  test('looks at the first 1,000 records only', async () => {
    const lines = Array.from({ length: 1001 }, (_, i) =>
      i < 1000 ? '{"a":1}' : '{"a":"x","b":1}',
    );
    const path = writeInput('first.jsonl', lines.join('\n'));
    const { columns, format } = await inferred(path);
    expect(format).toBe('json');
    expect(types([...columns])).toEqual({ a: 'BIGINT' });
  });

  test('every sampled record decodes with the schema found', async () => {
    const records = [
      '{"a":1,"r":{"x":[{"y":1}]},"m":1}',
      '{"a":2.5,"r":{"x":[]},"m":"z"}',
      '{"m":{}}',
    ];
    const path = writeInput('round.jsonl', records.join('\n'));
    const file = new OpenFile({ path }, { physical: (await inferred(path)).columns });
    expect(file.rows()).toEqual([
      [1, [[[1n]]], '1'],
      [2.5, [[]], 'z'],
      [null, null, '{}'],
    ]);
  });
});

describe('CSV', () => {
  test('names from the header, types from the values', async () => {
    const path = writeInput(
      'i.csv',
      'id,price,ok,zip,name,empty,mixed\n1,1.5,true,01234,"a,b",,1\n-2,2,FALSE,1,c,,x\n',
    );
    const { columns, format } = await inferred(path);
    expect(format).toBe('csv');
    expect(types([...columns])).toEqual({
      id: 'BIGINT',
      price: 'DOUBLE',
      ok: 'BOOLEAN',
      zip: 'VARCHAR',
      name: 'VARCHAR',
      empty: 'VARCHAR',
      mixed: 'VARCHAR',
    });
  });

  test('.tsv files are separated by tabs', async () => {
    const path = writeInput('i.tsv', 'a\tb\n1\tx\n');
    expect(types([...(await inferred(path)).columns])).toEqual({
      a: 'BIGINT',
      b: 'VARCHAR',
    });
  });
});

describe('files without a schema', () => {
  test.each([
    ['z.json', Buffer.from([0x50, 0x4b, 3, 4, 0]), 'it is a ZIP archive'],
    ['values.json', '[1, 2]', 'an array of values has no columns'],
    ['words.txt', 'hello', '?format=raw'],
    ['keyless.json', '{}', 'CREATE TABLE'],
  ])('%s: the hint says what it is', async (name, content, hint) => {
    const path = writeInput(name, content);
    await expect(inferred(path)).rejects.toMatchObject({
      hint: expect.stringContaining(hint) as string,
    });
  });

  test.each([
    ['nothing.jsonl', '', 'the file is empty'],
    ['words.jsonl', 'a\nb\n', 'its first record is no JSON object: expected "{" at byte 1'],
    ['arrays.jsonl', '[1]\n{}\n', 'its first record is no JSON object: expected "{" at byte 1'],
    ['keyless.jsonl', '{}\n', 'none of its first records has a key'],
  ])('%s is SCHEMA_INFERENCE', async (name, content, message) => {
    const path = writeInput(name, content);
    await expect(inferred(path)).rejects.toThrow(message);
    await expect(inferred(path)).rejects.toThrow(ConnectorError);
  });

  test.each([
    ['array.csv', '[{"a":1},{"a":2}]', 'format=json'],
    ['lines.csv', '\ufeff{"a":1,"b":2}\n{"a":2}\n', 'format=json'],
    ['z.csv', Buffer.from([0x50, 0x4b, 3, 4, 0, 10, 1, 2]), 'it is a ZIP archive'],
  ])('%s is no CSV: the hint says what it is', async (name, content, hint) => {
    await expect(inferred(writeInput(name, content))).rejects.toMatchObject({
      code: 'VELO_SCHEMA_INFERENCE',
      message: expect.stringContaining('it is no CSV') as string,
      hint: expect.stringContaining(hint) as string,
    });
  });

  test('a header in brackets is one of CSV', async () => {
    expect(types([...(await inferred(writeInput('b.csv', '[a],{b}\n1,2\n'))).columns])).toEqual({
      '[a]': 'BIGINT',
      '{b}': 'BIGINT',
    });
  });

  test.each(['\ufeff', ''])('UTF-16 (mark %j) that is said to be UTF-8', async (mark) => {
    const path = writeInput('utf16.json', Buffer.from(`${mark}{"a":1}`, 'utf16le'));
    await expect(inferred(`${path}?encoding=utf-8`)).rejects.toMatchObject({
      hint: expect.stringContaining("leave 'encoding' away") as string,
    });
  });

  test('a missing file is DATA_FILE_MISSING', async () => {
    await expect(inferred(pathOf('nowhere.jsonl'))).rejects.toThrow('does not exist');
  });
});
