/** Schemas of quoted files from their first records. */
import { describe, expect, test } from 'vitest';
import { ConnectorError } from '../../src/base/errors.js';
import { typeText } from '../../src/columnar/types.js';
import { inferJsonSchema } from '../../src/connectors/infer-json.js';
import { inferFileSchema } from '../../src/connectors/infer-schema.js';
import { OpenFile, pathOf, writeInput } from './file-support.js';

const types = (columns: ReturnType<typeof inferJsonSchema>): Record<string, string> =>
  Object.fromEntries(columns.map(({ name, type }) => [name, typeText(type)]));

const ofRecords = (...records: string[]): Record<string, string> =>
  types(inferJsonSchema(records.map((record) => new TextEncoder().encode(record))));

describe('JSON', () => {
  test('numbers are BIGINT while all are whole and fit, else DOUBLE', () => {
    expect(
      ofRecords(
        '{"a":1,"b":1,"c":1.0,"d":1e3,"e":9223372036854775807}',
        '{"a":-2,"b":2.5,"e":9223372036854775808}',
      ),
    ).toEqual({ a: 'BIGINT', b: 'DOUBLE', c: 'DOUBLE', d: 'DOUBLE', e: 'DOUBLE' });
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

  test('looks at the first 1,000 records only', () => {
    const lines = Array.from({ length: 1001 }, (_, i) =>
      i < 1000 ? '{"a":1}' : '{"a":"x","b":1}',
    );
    const path = writeInput('first.jsonl', lines.join('\n'));
    const { columns, format } = inferFileSchema(path);
    expect(format).toBe('json');
    expect(types([...columns])).toEqual({ a: 'BIGINT' });
  });

  test('every sampled record decodes with the schema found', () => {
    const records = [
      '{"a":1,"r":{"x":[{"y":1}]},"m":1}',
      '{"a":2.5,"r":{"x":[]},"m":"z"}',
      '{"m":{}}',
    ];
    const path = writeInput('round.jsonl', records.join('\n'));
    const file = new OpenFile({ path }, { physical: inferFileSchema(path).columns });
    expect(file.rows()).toEqual([
      [1, [[[1n]]], '1'],
      [2.5, [[]], 'z'],
      [null, null, '{}'],
    ]);
  });
});

describe('CSV', () => {
  test('names from the header, types from the values', () => {
    const path = writeInput(
      'i.csv',
      'id,price,ok,zip,name,empty,mixed\n1,1.5,true,01234,"a,b",,1\n-2,2,FALSE,1,c,,x\n',
    );
    const { columns, format } = inferFileSchema(path);
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

  test('.tsv files are separated by tabs', () => {
    const path = writeInput('i.tsv', 'a\tb\n1\tx\n');
    expect(types([...inferFileSchema(path).columns])).toEqual({ a: 'BIGINT', b: 'VARCHAR' });
  });
});

describe('files without a schema', () => {
  test.each([
    ['nothing.jsonl', '', 'the file is empty'],
    ['words.jsonl', 'a\nb\n', 'none of its first 2 lines is a JSON object'],
    ['arrays.jsonl', '[1]\n{}\n', 'none of its first 2 lines is a JSON object'],
  ])('%s is SCHEMA_INFERENCE', (name, content, message) => {
    const path = writeInput(name, content);
    expect(() => inferFileSchema(path)).toThrow(message);
    expect(() => inferFileSchema(path)).toThrow(ConnectorError);
  });

  test('a missing file is DATA_FILE_MISSING', () => {
    expect(() => inferFileSchema(pathOf('nowhere.jsonl'))).toThrow('does not exist');
  });
});
