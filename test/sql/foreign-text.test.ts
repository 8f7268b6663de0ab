/** Files that are no SQL: one fault that says what they look like; SQL with slips keeps its own. */
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/sql/parser.js';

function faultsOf(text: string): string[] {
  const { faults } = parseScript(text, { sourceName: 'x', variables: null });
  return faults.map(({ message }) => message);
}

const FOREIGN: readonly (readonly [string, string])[] = [
  ['id,name,at\n1,a,2024-03-01T10:00:00Z\n2,"b,c",\n', 'CSV'],
  ['id;name\n1;a\n2;b\n', 'CSV'],
  ['a|b|c\n1|2|3\n', 'CSV'],
  ['id\tname\n1\ta\n', 'TSV'],
  ['{"a":1}\n{"a":2}\n', 'JSON'],
  ['[\n  {"a": 1}\n]', 'JSON'],
  ['<?xml version="1.0"?>\n<a/>', 'XML or HTML'],
  ['name: x\nsteps:\n  - run: y\n', 'YAML'],
  ['#!/bin/sh\nvelo run x\n', 'a script'],
  [
    '127.0.0.1 - - [10/Oct/2024:13:55:36 +0000] "GET / HTTP/1.1" 200 5\n',
    'the log of a web server',
  ],
  ['PAR1\u0015\u0000', 'a Parquet file'],
  ['\u001f\ufffd\b\u0000', 'a gzip archive'],
  ['PK\u0003\u0004', 'a ZIP archive'],
  ['Obj\u0001\u0004', 'an Avro file'],
  ['abc\u0000\u0001', 'binary data'],
];

const SQL_LIKE: readonly string[] = [
  'SELCT a, b\nFROM t, u',
  'a, b, c',
  '-- a, b\n-- c, d\nSELEC x',
  'UPDATE t SET a = 1, b = 2',
  '(SELECT 1)',
  '"a"',
  'FROM t SELECT a, b',
  'hello world',
  '',
];

describe('a file that is no SQL', () => {
  it.each(FOREIGN)('%j looks like %s', (text, kind) => {
    expect(faultsOf(text)).toEqual([`"x" is no SQL: it looks like ${kind}`]);
  });

  it.each(SQL_LIKE)('%j goes to the parser', (text) => {
    expect(faultsOf(text).join()).not.toContain('it looks like');
  });

  it('is told by its beginning, however long it is', () => {
    const text = `id,at\n${'1,2024-03-01T10:00:00Z\n'.repeat(200_000)}`;
    expect(faultsOf(text)).toHaveLength(1);
  });
});
