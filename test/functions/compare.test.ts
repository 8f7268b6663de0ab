/** The order of values: bytes of text, numbers of different types, NaN, nested values. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BIGINT, DOUBLE, VARCHAR, decimalType } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { compareAcross, compareText, compareValues } from '../../src/functions/compare.js';

const SEED = 20241220;
/** Letters, the ends of the ranges below and above the surrogates, and signs beyond them. */
const character = fc.constantFrom(
  '',
  'a',
  'b',
  'é',
  '漢',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '😀',
  '𝄞',
  '\u{10ffff}',
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(character, { maxLength: 6 }).map((parts) => parts.join('')),
);

describe('text', () => {
  test('compares as its UTF-8 bytes do', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(compareText(a, b)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  test('sorts signs beyond U+FFFF above those below, unlike UTF-16', () => {
    expect('\uffff' < '😀').toBe(false);
    expect(compareText('\uffff', '😀')).toBe(-1);
  });
});

describe('doubles', () => {
  test.each([
    [0, -0, 0],
    [NaN, NaN, 0],
    [NaN, Infinity, 1],
    [-Infinity, NaN, -1],
    [1, 2, -1],
  ])('%s against %s is %s', (a, b, expected) => {
    expect(compareValues(a, b, DOUBLE)).toBe(expected);
  });
});

describe('numbers of different types', () => {
  const cases: readonly [SqlValue, SqlType, SqlValue, SqlType, number][] = [
    [9007199254740993n, BIGINT, 9007199254740992, DOUBLE, 1],
    [9007199254740992, DOUBLE, 9007199254740993n, BIGINT, -1],
    [5n, BIGINT, 5, DOUBLE, 0],
    [5n, BIGINT, NaN, DOUBLE, -1],
    [NaN, DOUBLE, 5n, BIGINT, 1],
    [20n, BIGINT, 2000n, decimalType(12, 2), 0],
    [1999n, decimalType(12, 2), 20n, BIGINT, -1],
    [10n ** 37n + 1n, decimalType(38, 0), 1n, decimalType(38, 38), 1],
  ];
  test.each(cases)('%s %j against %s %j is %i', (a, aType, b, bType, expected) => {
    expect(compareAcross(a, aType, b, bType)).toBe(expected);
  });
});

describe('nested values', () => {
  const numbers: SqlType = { kind: 'array', element: BIGINT };
  test('arrays compare element by element, then by length', () => {
    expect(compareValues([1n, 2n], [1n, 3n], numbers)).toBe(-1);
    expect(compareValues([1n], [1n, 0n], numbers)).toBe(-1);
    expect(compareValues([], [], numbers)).toBe(0);
    expect(compareValues([null], [null], numbers)).toBe(0);
    expect(compareValues([null], [9n], numbers)).toBe(1);
  });

  test('maps are equal whatever the order of their entries', () => {
    const map: SqlType = { kind: 'map', key: VARCHAR, value: BIGINT };
    const a = { keys: ['x', 'y'], values: [1n, 2n] };
    const b = { keys: ['y', 'x'], values: [2n, 1n] };
    expect(compareValues(a, b, map)).toBe(0);
    expect(compareValues(a, { keys: ['x', 'y'], values: [1n, 3n] }, map)).toBe(-1);
  });

  test('rows compare by their fields in order', () => {
    const row: SqlType = {
      kind: 'row',
      fields: [
        { name: 'a', type: VARCHAR },
        { name: 'b', type: BIGINT },
      ],
    };
    expect(compareValues(['x', 1n], ['x', 2n], row)).toBe(-1);
    expect(compareValues(['y', 1n], ['x', 2n], row)).toBe(1);
  });
});
