/** CAST between all types: values, rounding, what does not fit, and what cannot be cast at all. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BIGINT,
  BIGINT_MAX,
  BIGINT_MIN,
  BOOLEAN,
  DATE,
  DOUBLE,
  INTERVAL_MONTH,
  INTERVAL_MS,
  NULL_TYPE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { canCast, castValue } from '../../src/functions/cast.js';
import { valueText } from '../../src/functions/value-text.js';
import { array, date, dec, faultOf, labelled, ms, months, toTyped, ts } from './calls.js';
import type { Argument } from './calls.js';

const SEED = 20241220;

function cast(argument: Argument, to: SqlType): SqlValue {
  const { value, type } = toTyped(argument);
  expect(canCast(type, to)).toBe(true);
  return castValue(value, type, to);
}

describe('values', () => {
  const d52 = decimalType(5, 2);
  const cases: readonly [Argument, SqlType, string | null][] = [
    ['42', BIGINT, '42'],
    [' 42 ', BIGINT, '42'],
    ['1e3', BIGINT, '1000'],
    ['-0', BIGINT, '0'],
    [dec('2.7'), BIGINT, '3'],
    [dec('-2.7'), BIGINT, '-3'],
    [dec('2.5'), BIGINT, '3'],
    [dec('2.4'), BIGINT, '2'],
    [2.5, BIGINT, '3'],
    [-2.5, BIGINT, '-3'],
    [0.49999999999999994, BIGINT, '0'],
    [9007199254740991.5, BIGINT, '9007199254740992'],
    [true, BIGINT, '1'],
    [ts('1970-01-01 00:00:01.5'), BIGINT, '1500'],
    [date('1970-01-03'), BIGINT, '2'],
    [ms(1500), BIGINT, '1500'],
    [null, BIGINT, null],
    ['1.5', DOUBLE, '1.5'],
    [' .5e1 ', DOUBLE, '5'],
    [dec('1.10'), DOUBLE, '1.1'],
    [7n, DOUBLE, '7'],
    [false, DOUBLE, '0'],
    ['1.10', d52, '1.10'],
    ['1.005', d52, '1.01'],
    [1.005, d52, '1.01'],
    [dec('-1.005'), d52, '-1.01'],
    [true, d52, '1.00'],
    [false, d52, '0.00'],
    [7n, d52, '7.00'],
    [0.1, decimalType(38, 20), '0.10000000000000000000'],
    [1e-7, d52, '0.00'],
    [7n, VARCHAR, '7'],
    [1e21, VARCHAR, '1e+21'],
    [0.1 + 0.2, VARCHAR, '0.30000000000000004'],
    [100, VARCHAR, '100'],
    [-0, VARCHAR, '0'],
    [dec('1.50'), VARCHAR, '1.50'],
    [dec('-0.05'), VARCHAR, '-0.05'],
    [true, VARCHAR, 'true'],
    [ts('2024-12-20 01:02:03'), VARCHAR, '2024-12-20 01:02:03'],
    [ts('2024-12-20 01:02:03.040'), VARCHAR, '2024-12-20 01:02:03.040'],
    [date('2024-12-20'), VARCHAR, '2024-12-20'],
    [date('0044-03-15'), VARCHAR, '0044-03-15'],
    [ms(-90_061_001), VARCHAR, '-1 01:01:01.001'],
    [months(27), VARCHAR, '+2-03'],
    [array(BIGINT, 1n, null), VARCHAR, '[1,null]'],
    [array(TIMESTAMP, 0), VARCHAR, '["1970-01-01 00:00:00"]'],
    ['true', BOOLEAN, 'true'],
    [' No ', BOOLEAN, 'false'],
    [2n, BOOLEAN, 'true'],
    [0, BOOLEAN, 'false'],
    ['2024-12-20T01:02:03Z', TIMESTAMP, '2024-12-20 01:02:03'],
    [1734656523000n, TIMESTAMP, '2024-12-20 01:02:03'],
    [date('2024-12-20'), TIMESTAMP, '2024-12-20 00:00:00'],
    ['2024-12-20', DATE, '2024-12-20'],
    [ts('1969-12-31 23:59:59'), DATE, '1969-12-31'],
    [2n, DATE, '1970-01-03'],
    [1500n, INTERVAL_MS, '+0 00:00:01.500'],
    [array(BIGINT, 1n, null), { kind: 'array', element: VARCHAR }, '["1",null]'],
  ];
  test.each(labelled(cases))('%s', (_label, [argument, to, expected]) => {
    const value = cast(argument, to);
    expect(value === null ? null : valueText(value, to)).toBe(expected);
  });
});

describe('what does not fit is CAST_FAILED', () => {
  const cases: readonly [Argument, SqlType][] = [
    ['x', BIGINT],
    ['', BIGINT],
    ['1.5', BIGINT],
    ['9223372036854775808', BIGINT],
    [9.3e18, BIGINT],
    [NaN, BIGINT],
    [Infinity, BIGINT],
    [dec('9223372036854775807.5'), BIGINT],
    ['abc', DOUBLE],
    ['1e999', DOUBLE],
    ['NaN', DOUBLE],
    ['', DOUBLE],
    ['0x10', DOUBLE],
    [1000n, decimalType(5, 2)],
    ['999.995', decimalType(5, 2)],
    [1e10, decimalType(5, 2)],
    [NaN, decimalType(5, 2)],
    [true, decimalType(2, 2)],
    ['maybe', BOOLEAN],
    ['2024-02-30', TIMESTAMP],
    ['soon', DATE],
    [BIGINT_MAX, TIMESTAMP],
    [BIGINT_MAX, DATE],
    [BIGINT_MAX, INTERVAL_MS],
    [array(VARCHAR, '1', 'x'), { kind: 'array', element: BIGINT }],
  ];
  test.each(labelled(cases))('%s', (_label, [argument, to]) => {
    expect(faultOf(() => cast(argument, to))).toBe('CAST_FAILED');
  });

  test('the message shows the value and the type, and not pages of text', () => {
    expect(() => cast('x', BIGINT)).toThrow("'x' does not convert to BIGINT");
    expect(() => cast(1000n, decimalType(5, 2))).toThrow('1000 does not convert to DECIMAL(5, 2)');
    expect(() => cast('x'.repeat(5000), BIGINT)).toThrow(/^'x{60}…' does not convert/);
  });
});

test('types that have nothing in common do not cast', () => {
  const pairs: readonly [SqlType, SqlType][] = [
    [BOOLEAN, TIMESTAMP],
    [DOUBLE, TIMESTAMP],
    [DOUBLE, DATE],
    [VARCHAR, INTERVAL_MS],
    [INTERVAL_MS, INTERVAL_MONTH],
    [VARCHAR, { kind: 'array', element: VARCHAR }],
    [TIMESTAMP, DOUBLE],
    [TIMESTAMP, BOOLEAN],
  ];
  for (const [from, to] of pairs) expect(canCast(from, to)).toBe(false);
  expect(canCast(NULL_TYPE, TIMESTAMP)).toBe(true);
});

describe('round trips', () => {
  const values: readonly [string, SqlType, fc.Arbitrary<SqlValue>][] = [
    ['BIGINT', BIGINT, fc.bigInt({ min: BIGINT_MIN, max: BIGINT_MAX })],
    ['DOUBLE', DOUBLE, fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0)],
    ['DECIMAL', decimalType(38, 12), fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })],
    ['BOOLEAN', BOOLEAN, fc.boolean()],
    ['TIMESTAMP', TIMESTAMP, fc.integer({ min: -6e13, max: 2.5e14 })],
    ['DATE', DATE, fc.integer({ min: -700_000, max: 2_900_000 })],
  ];
  test.each(values)('%s comes back from its text', (_name, type, value) => {
    fc.assert(
      fc.property(value, (original) => {
        expect(castValue(castValue(original, type, VARCHAR), VARCHAR, type)).toBe(original);
      }),
      { seed: SEED },
    );
  });

  test('BIGINT comes back from a DECIMAL that holds it, TIMESTAMP from BIGINT', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: BIGINT_MIN, max: BIGINT_MAX }), (value) => {
        const wide = decimalType(38, 10);
        expect(castValue(castValue(value, BIGINT, wide), wide, BIGINT)).toBe(value);
      }),
      { seed: SEED },
    );
    expect(castValue(castValue(-1, TIMESTAMP, BIGINT), BIGINT, TIMESTAMP)).toBe(-1);
  });
});
