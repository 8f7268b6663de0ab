/** The operators + − * / % and unary minus: values, result types and data errors. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BIGINT_MAX, BIGINT_MIN, typeText } from '../../src/columnar/types.js';
import {
  bind,
  call,
  callText,
  column,
  date,
  dec,
  decimal,
  faultOf,
  months,
  ms,
  signatureFault,
  ts,
  labelled,
} from './calls.js';
import type { Argument } from './calls.js';

const SEED = 20241220;

describe('values', () => {
  const cases: readonly [Argument, string, Argument, string | null, string][] = [
    [7n, '+', 2n, '9', 'BIGINT'],
    [9007199254740993n, '*', 3n, '27021597764222979', 'BIGINT'],
    [7n, '/', 2n, '3.5', 'DOUBLE'],
    [-7n, '%', 2n, '-1', 'BIGINT'],
    [7n, '%', -2n, '1', 'BIGINT'],
    [7.5, '%', 2n, '1.5', 'DOUBLE'],
    [-7.5, '%', 2, '-1.5', 'DOUBLE'],
    [dec('0.1'), '+', dec('0.2'), '0.3', 'DECIMAL(2, 1)'],
    [dec('1.10'), '*', 3n, '3.30', 'DECIMAL(23, 2)'],
    [dec('1.50'), '-', dec('0.25'), '1.25', 'DECIMAL(4, 2)'],
    [decimal('-5.55', 12, 2), '*', 3n, '-16.65', 'DECIMAL(32, 2)'],
    [decimal('19.99', 12, 2), '*', decimal('19.99', 12, 2), '399.6001', 'DECIMAL(25, 4)'],
    [dec('1.00'), '/', dec('3'), '0.333333', 'DECIMAL(7, 6)'],
    [dec('-2.00'), '/', dec('3'), '-0.666667', 'DECIMAL(7, 6)'],
    [dec('5.5'), '%', dec('2'), '1.5', 'DECIMAL(2, 1)'],
    [dec('-5.5'), '%', dec('2'), '-1.5', 'DECIMAL(2, 1)'],
    [dec('1.5'), '+', 1.5, '3', 'DOUBLE'],
    [null, '+', 1n, null, 'BIGINT'],
    [ts('2024-12-20 00:00:00'), '+', null, null, 'TIMESTAMP(3)'],
    [null, '/', null, null, 'DOUBLE'],
    [ts('2024-12-20 00:00:00'), '+', ms(3_600_000), '2024-12-20 01:00:00', 'TIMESTAMP(3)'],
    [ms(3_600_000), '+', ts('2024-12-20 00:00:00'), '2024-12-20 01:00:00', 'TIMESTAMP(3)'],
    [ts('2024-12-20 00:00:00'), '-', ms(1_800_000), '2024-12-19 23:30:00', 'TIMESTAMP(3)'],
    [ts('2024-01-31 10:00:00'), '+', months(1), '2024-02-29 10:00:00', 'TIMESTAMP(3)'],
    [ts('2024-03-31 10:00:00'), '-', months(13), '2023-02-28 10:00:00', 'TIMESTAMP(3)'],
    [ts('2024-12-20 00:00:00'), '+', 1500n, '2024-12-20 00:00:01.500', 'TIMESTAMP(3)'],
    [ts('2024-12-20 00:00:01'), '-', 1000n, '2024-12-20 00:00:00', 'TIMESTAMP(3)'],
    [ts('2024-12-20 00:00:01'), '-', ts('2024-12-20 00:00:00'), '1000', 'BIGINT'],
    [ts('2024-12-20 00:00:00'), '-', date('2024-12-19'), '86400000', 'BIGINT'],
    [date('2024-03-01'), '-', date('2024-02-28'), '2', 'BIGINT'],
    [date('2024-02-28'), '+', 2n, '2024-03-01', 'DATE'],
    [date('2024-02-28'), '+', ms(86_400_000), '2024-02-29', 'DATE'],
    [date('2024-02-28'), '-', ms(3_600_000), '2024-02-27 23:00:00', 'TIMESTAMP(3)'],
    [date('2024-01-31'), '+', months(1), '2024-02-29', 'DATE'],
    [
      column(date('2024-02-28')),
      '+',
      column(ms(86_400_000)),
      '2024-02-29 00:00:00',
      'TIMESTAMP(3)',
    ],
    [ms(1000), '+', ms(500), '+0 00:00:01.500', 'INTERVAL SECOND(3)'],
    [ms(1000), '*', 90n, '+0 00:01:30.000', 'INTERVAL SECOND(3)'],
    [3n, '*', months(5), '+1-03', 'INTERVAL MONTH'],
  ];
  test.each(labelled(cases))('%s', (_label, [a, operator, b, expected, type]) => {
    expect(callText(operator, a, b)).toBe(expected);
    expect(typeText(bind(operator, a, b).type)).toBe(type);
  });

  test('a minus sign negates numbers and intervals', () => {
    expect(call('neg', 7n)).toBe(-7n);
    expect(callText('neg', dec('4.5'))).toBe('-4.5');
    expect(call('neg', 1.5)).toBe(-1.5);
    expect(call('neg', ms(5))).toBe(-5);
    expect(call('neg', null)).toBeNull();
  });
});

describe('data errors', () => {
  const cases: readonly [Argument, string, Argument, string][] = [
    [BIGINT_MAX, '+', 1n, 'NUMERIC_OVERFLOW'],
    [BIGINT_MIN, '-', 1n, 'NUMERIC_OVERFLOW'],
    [2n ** 62n, '*', 2n, 'NUMERIC_OVERFLOW'],
    [1e308, '*', 10, 'NUMERIC_OVERFLOW'],
    [1e308, '/', 1e-10, 'NUMERIC_OVERFLOW'],
    [-1.7e308, '-', 1.7e308, 'NUMERIC_OVERFLOW'],
    [decimal('1e37', 38, 0), '*', decimal('100', 38, 0), 'NUMERIC_OVERFLOW'],
    [decimal('9e37', 38, 0), '+', decimal('9e37', 38, 0), 'NUMERIC_OVERFLOW'],
    [1n, '/', 0n, 'DIVISION_BY_ZERO'],
    [0n, '/', 0n, 'DIVISION_BY_ZERO'],
    [1, '/', 0, 'DIVISION_BY_ZERO'],
    [1, '/', -0, 'DIVISION_BY_ZERO'],
    [0, '/', 0, 'DIVISION_BY_ZERO'],
    [dec('1.5'), '/', dec('0.0'), 'DIVISION_BY_ZERO'],
    [1n, '%', 0n, 'DIVISION_BY_ZERO'],
    [1.5, '%', 0, 'DIVISION_BY_ZERO'],
    [dec('1.5'), '%', 0n, 'DIVISION_BY_ZERO'],
    [ts('2024-01-01 00:00:00'), '+', BIGINT_MAX, 'NUMERIC_OVERFLOW'],
    [ts('2024-01-01 00:00:00'), '+', months(12_000_000), 'NUMERIC_OVERFLOW'],
    [date('2024-01-01'), '+', BIGINT_MAX, 'NUMERIC_OVERFLOW'],
    [ms(2 ** 52), '*', 4n, 'NUMERIC_OVERFLOW'],
  ];
  test.each(labelled(cases))('%s', (_label, [a, operator, b, expected]) => {
    expect(faultOf(() => call(operator, a, b))).toBe(expected);
  });

  test('the smallest BIGINT has no opposite', () => {
    expect(faultOf(() => call('neg', BIGINT_MIN))).toBe('NUMERIC_OVERFLOW');
  });

  test('NULL divided by zero is NULL', () => {
    expect(call('/', null, 0n)).toBeNull();
    expect(call('/', column(typedNull()), 0n)).toBeNull();
  });
});

function typedNull(): { value: null; type: { kind: 'bigint' }; isLiteral: boolean } {
  return { value: null, type: { kind: 'bigint' }, isLiteral: false };
}

describe('types that do not fit', () => {
  const cases: readonly [Argument, string, Argument][] = [
    ['x', '+', 1n],
    [1n, '+', 'x'],
    ['1', '-', 1.5],
    [true, '+', 1n],
    [1n, '-', ts('2024-01-01 00:00:00')],
    [ts('2024-01-01 00:00:00'), '*', 2n],
    [ts('2024-01-01 00:00:00'), '+', 1.5],
    [ts('2024-01-01 00:00:00'), '+', ts('2024-01-01 00:00:00')],
    [ms(5), '+', months(1)],
    ['a', '+', null],
  ];
  test.each(labelled(cases))('%s', (_label, [a, operator, b]) => {
    const fault = signatureFault(operator, a, b);
    expect(fault.key).toBe('TYPE_MISMATCH');
    expect(fault.message).toContain(`"${operator}"`);
  });

  test('the message names both types', () => {
    expect(signatureFault('+', 'x', 1n).message).toBe(
      'operator "+" does not take VARCHAR and BIGINT',
    );
  });
});

describe('BIGINT arithmetic over the whole range', () => {
  const bigints = fc.oneof(
    fc.bigInt({ min: BIGINT_MIN, max: BIGINT_MAX }),
    fc.constantFrom(BIGINT_MIN, BIGINT_MAX, 0n, -1n, 1n, 2n ** 53n, 2n ** 53n + 1n),
  );
  const operators: readonly [string, (a: bigint, b: bigint) => bigint][] = [
    ['+', (a, b) => a + b],
    ['-', (a, b) => a - b],
    ['*', (a, b) => a * b],
  ];
  test.each(operators)('%s is exact or an overflow', (operator, exact) => {
    fc.assert(
      fc.property(bigints, bigints, (a, b) => {
        const result = exact(a, b);
        if (result > BIGINT_MAX || result < BIGINT_MIN) {
          expect(faultOf(() => call(operator, a, b))).toBe('NUMERIC_OVERFLOW');
        } else {
          expect(call(operator, a, b)).toBe(result);
        }
      }),
      { seed: SEED },
    );
  });
});
