/** Output columns: reuse from batch to batch, growth, texts as codes and as bytes. */
import { describe, expect, test } from 'vitest';
import {
  ColumnBuilder,
  columnFromValues,
  encodeText,
  kindForValues,
} from '../../src/columnar/column-builder.js';
import { columnValue } from '../../src/columnar/column.js';
import type { ColumnKind } from '../../src/columnar/column.js';
import { DICTIONARY_ENTRIES_MAX } from '../../src/columnar/dictionary.js';
import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';

const wide = decimalType(38, 2);

describe('columnFromValues', () => {
  test.each<[SqlType, ColumnKind, readonly SqlValue[]]>([
    [BIGINT, 'f64', [1n, null, -(2n ** 53n) + 1n]],
    [BIGINT, 'i64', [2n ** 53n, null, -(2n ** 63n)]],
    [wide, 'i128', [10n ** 37n, -(10n ** 37n), -1n, null, 2n ** 64n]],
    [DOUBLE, 'f64', [0.1, null, -0]],
    [TIMESTAMP, 'f64', [1_734_652_800_123]],
    [BOOLEAN, 'bool', [true, false, null]],
    [VARCHAR, 'dict', ['a', '', null, 'caf\u00e9', '\ud83d\ude00', 'x'.repeat(99)]],
    [{ kind: 'array', element: BIGINT }, 'list', [[1n, null], null]],
  ])('of %j is %s and gives its values back', (type, kind, values) => {
    const column = columnFromValues(type, values);
    expect(column.kind).toBe(kind);
    expect(values.map((_, row) => columnValue(column, type, row))).toEqual(values);
    expect(column.nulls === null).toBe(!values.includes(null));
  });

  test('keeps texts as bytes when asked', () => {
    const values = ['', 'caf\u00e9', null, '\u6f22'.repeat(50)];
    const column = columnFromValues(VARCHAR, values, 'utf8');
    expect(column.kind).toBe('utf8');
    expect(values.map((_, row) => columnValue(column, VARCHAR, row))).toEqual(values);
  });
});

test('the narrowest kind that holds the values', () => {
  expect(kindForValues(BIGINT, [2n ** 53n - 1n])).toBe('f64');
  expect(kindForValues(BIGINT, [2n ** 53n])).toBe('i64');
  expect(kindForValues(wide, [2n ** 63n])).toBe('i128');
  expect(kindForValues(wide, [])).toBe('f64');
});

describe('ColumnBuilder', () => {
  test('gives the same column object for every batch of one kind', () => {
    const builder = new ColumnBuilder();
    builder.reserve('f64', 2);
    builder.f64[0] = 1;
    const first = builder.finish('f64', false);
    builder.reserve('f64', 100);
    builder.f64[99] = 2;
    const second = builder.finish('f64', true);
    expect(second).toBe(first);
    expect(columnValue(second, DOUBLE, 99)).toBe(2);
    expect(second.nulls).not.toBeNull();
  });

  test('turns to bytes once the dictionary is full, from the next batch on', () => {
    const builder = new ColumnBuilder();
    const rows = DICTIONARY_ENTRIES_MAX + 10;
    builder.reserve('dict', rows);
    for (let row = 0; row < rows; row += 1) builder.putText(row, `t${row}`);
    const full = builder.finish(builder.textKind, false);
    expect(full.kind).toBe('dict');
    expect(columnValue(full, VARCHAR, rows - 1)).toBe(`t${rows - 1}`);
    builder.reserve('dict', 3);
    builder.putText(0, 'new');
    builder.putNoText(1);
    builder.putBytes(2, Uint8Array.of(120, 97, 98), 1, 2);
    const bytes = builder.finish(builder.textKind, false);
    expect(bytes.kind).toBe('utf8');
    expect([0, 1, 2].map((row) => columnValue(bytes, VARCHAR, row))).toEqual(['new', '', 'ab']);
  });

  test('a row without text has a code of the dictionary', () => {
    const builder = new ColumnBuilder();
    builder.reserve('dict', 1);
    builder.putNoText(0);
    const column = builder.finish('dict', true);
    expect(column.kind === 'dict' && (column.codes[0] ?? -1) < column.dictionary.size).toBe(true);
  });
});

test.each(['', 'plain', 'caf\u00e9', '\ud83d\ude00x', 'a'.repeat(65), '\u6f22'.repeat(65)])(
  'encodeText writes the UTF-8 bytes of %j',
  (text) => {
    const target = new Uint8Array(400);
    const length = encodeText(text, target, 7);
    expect(Buffer.from(target.subarray(7, 7 + length)).toString('utf8')).toBe(text);
    expect(length).toBe(Buffer.byteLength(text));
  },
);
