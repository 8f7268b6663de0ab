/** Forms of Parquet's lists and maps, as hyparquet gives their leaves: types and values. */
import { parquetSchema } from 'hyparquet';
import type { SchemaElement } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { typeText } from '../../src/columnar/types.js';
import { assembler } from '../../src/formats/parquet/parquet-nesting.js';
import { parquetType } from '../../src/formats/parquet/parquet-schema.js';

type Form = readonly [string, readonly SchemaElement[], string, readonly unknown[], unknown];

const leaf = (name: string, repetition_type: SchemaElement['repetition_type']): SchemaElement => ({
  name,
  type: 'INT64',
  ...(repetition_type === undefined ? {} : { repetition_type }),
});
const group = (
  name: string,
  repetition_type: 'REQUIRED' | 'OPTIONAL' | 'REPEATED',
  num_children: number,
  converted_type?: 'LIST' | 'MAP' | 'MAP_KEY_VALUE',
): SchemaElement => ({
  name,
  repetition_type,
  num_children,
  ...(converted_type === undefined ? {} : { converted_type }),
});

const FORMS: readonly Form[] = [
  ['a repeated leaf alone', [leaf('v', 'REPEATED')], 'ARRAY<BIGINT>', [[1n, 2n]], [1n, 2n]],
  [
    'a repeated group alone',
    [group('v', 'REPEATED', 2), leaf('a', 'REQUIRED'), leaf('b', 'OPTIONAL')],
    'ARRAY<ROW<a BIGINT, b BIGINT>>',
    [
      [1n, 2n],
      [null, 3n],
    ],
    [
      [1n, null],
      [2n, 3n],
    ],
  ],
  [
    'a list of three levels',
    [group('v', 'OPTIONAL', 1, 'LIST'), group('list', 'REPEATED', 1), leaf('element', 'OPTIONAL')],
    'ARRAY<BIGINT>',
    [[[1n, null]]],
    [1n, null],
  ],
  [
    'a list of two levels',
    [group('v', 'OPTIONAL', 1, 'LIST'), leaf('array', 'REPEATED')],
    'ARRAY<BIGINT>',
    [[[1n]]],
    [1n],
  ],
  [
    'a list whose group of one field is the element by its name',
    [group('v', 'REQUIRED', 1, 'LIST'), group('v_tuple', 'REPEATED', 1), leaf('x', 'REQUIRED')],
    'ARRAY<ROW<x BIGINT>>',
    [[1n, 2n]],
    [[1n], [2n]],
  ],
  [
    'a list that is NULL',
    [group('v', 'OPTIONAL', 1, 'LIST'), group('list', 'REPEATED', 1), leaf('element', 'OPTIONAL')],
    'ARRAY<BIGINT>',
    [[]],
    null,
  ],
  [
    'a map by its old name',
    [
      group('v', 'OPTIONAL', 1, 'MAP_KEY_VALUE'),
      group('map', 'REPEATED', 2),
      leaf('key', 'REQUIRED'),
      leaf('value', 'OPTIONAL'),
    ],
    'MAP<BIGINT, BIGINT>',
    [[[1n, 2n]], [[null, 4n]]],
    [
      [1n, null],
      [2n, 4n],
    ],
  ],
];

describe('nested columns', () => {
  test.each(FORMS)('%s', (_, elements, type, leaves, value) => {
    const root: SchemaElement = { name: 'root', num_children: 1 };
    const [node] = parquetSchema({ schema: [root, ...elements] } as never).children;
    expect(typeText(parquetType(node!).type!)).toBe(type);
    expect(assembler(node!)(leaves)).toEqual(value);
  });

  test('leaves of different lengths are an error', () => {
    const elements = [group('v', 'REPEATED', 2), leaf('a', 'REQUIRED'), leaf('b', 'REQUIRED')];
    const schema = [{ name: 'root', num_children: 1 }, ...elements];
    const [node] = parquetSchema({ schema } as never).children;
    expect(() => assembler(node!)([[1n], [1n, 2n]])).toThrow('differ in length');
  });
});
