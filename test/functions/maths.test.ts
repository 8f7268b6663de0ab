/** Functions of numbers: values, result types, and where they are not defined. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BIGINT_MAX, BIGINT_MIN, typeText } from '../../src/columnar/types.js';
import {
  bind,
  call,
  callText,
  column,
  dec,
  decimal,
  faultOf,
  signatureFault,
  labelled,
} from './calls.js';
import type { Argument } from './calls.js';

describe('values and types', () => {
  const cases: readonly [string, readonly Argument[], string | null, string][] = [
    ['ABS', [-15n], '15', 'BIGINT'],
    ['ABS', [dec('-1.50')], '1.50', 'DECIMAL(3, 2)'],
    ['ABS', [-1.5], '1.5', 'DOUBLE'],
    ['ABS', [null], null, 'BIGINT'],
    ['SIGN', [-15n], '-1', 'BIGINT'],
    ['SIGN', [dec('0.00')], '0', 'BIGINT'],
    ['SIGN', [2.5], '1', 'DOUBLE'],
    ['ROUND', [123.456], '123', 'DOUBLE'],
    ['ROUND', [123.456, 2n], '123.46', 'DOUBLE'],
    ['ROUND', [1.005, 2n], '1.01', 'DOUBLE'],
    ['ROUND', [2.5], '3', 'DOUBLE'],
    ['ROUND', [-2.5], '-3', 'DOUBLE'],
    ['ROUND', [0.49999999999999994], '0', 'DOUBLE'],
    ['ROUND', [1e300, 2n], '1e+300', 'DOUBLE'],
    ['ROUND', [5e-324, 2n], '0', 'DOUBLE'],
    ['ROUND', [1250, -2n], '1300', 'DOUBLE'],
    ['ROUND', [123.456, null], null, 'DOUBLE'],
    ['ROUND', [15n], '15', 'BIGINT'],
    ['ROUND', [15n, -1n], '20', 'BIGINT'],
    ['ROUND', [-15n, -1n], '-20', 'BIGINT'],
    ['ROUND', [15n, -30n], '0', 'BIGINT'],
    ['ROUND', [dec('2.345'), 2n], '2.35', 'DECIMAL(4, 2)'],
    ['ROUND', [dec('-2.345'), 2n], '-2.35', 'DECIMAL(4, 2)'],
    ['ROUND', [dec('9.99')], '10', 'DECIMAL(2, 0)'],
    ['ROUND', [dec('2.345'), column(1n)], '2.300', 'DECIMAL(4, 3)'],
    ['ROUND', [decimal('1250', 6, 2), -2n], '1300', 'DECIMAL(5, 0)'],
    ['TRUNCATE', [dec('-2.349'), 2n], '-2.34', 'DECIMAL(4, 2)'],
    ['TRUNCATE', [1.999], '1', 'DOUBLE'],
    ['CEIL', [123.456], '124', 'DOUBLE'],
    ['CEILING', [dec('-1.5')], '-1', 'DECIMAL(2, 0)'],
    ['CEIL', [dec('9.1')], '10', 'DECIMAL(2, 0)'],
    ['CEIL', [5n], '5', 'BIGINT'],
    ['FLOOR', [123.456], '123', 'DOUBLE'],
    ['FLOOR', [dec('-1.5')], '-2', 'DECIMAL(2, 0)'],
    ['FLOOR', [dec('-2.0')], '-2', 'DECIMAL(2, 0)'],
    ['MOD', [42n, 10n], '2', 'BIGINT'],
    ['MOD', [-7n, 2n], '-1', 'BIGINT'],
    ['MOD', [dec('5.5'), 2n], '1.5', 'DECIMAL(2, 1)'],
    ['POWER', [2n, 3n], '8', 'DOUBLE'],
    ['POW', [42n, 2n], '1764', 'DOUBLE'],
    ['POWER', [0n, 0n], '1', 'DOUBLE'],
    ['SQRT', [16n], '4', 'DOUBLE'],
    ['SQRT', [dec('6.25')], '2.5', 'DOUBLE'],
    ['EXP', [0n], '1', 'DOUBLE'],
    ['LN', [1n], '0', 'DOUBLE'],
    ['LOG', [1000n], '3', 'DOUBLE'],
    ['LOG', [2n, 8n], '3', 'DOUBLE'],
    ['LOG', [10n, 1000n], '3', 'DOUBLE'],
    ['LOG10', [100n], '2', 'DOUBLE'],
    ['PI', [], '3.141592653589793', 'DOUBLE'],
    ['SIN', [0n], '0', 'DOUBLE'],
    ['COS', [0n], '1', 'DOUBLE'],
    ['ATAN2', [1n, 1n], String(Math.PI / 4), 'DOUBLE'],
    ['ACOS', [1n], '0', 'DOUBLE'],
    ['DEGREES', [0n], '0', 'DOUBLE'],
  ];
  test.each(labelled(cases))('%s', (_label, [name, args, expected, type]) => {
    expect(callText(name, ...args)).toBe(expected);
    expect(typeText(bind(name, ...args).type)).toBe(type);
  });

  test('EXP and LN undo one another', () => {
    expect(call('ROUND', call('LN', call('EXP', 2n) as number) as number, 9n)).toBe(2);
    expect(call('ROUND', call('EXP', 1n) as number, 9n)).toBe(2.718281828);
  });
});

describe('data errors', () => {
  const cases: readonly [string, readonly Argument[], string][] = [
    ['ABS', [BIGINT_MIN], 'NUMERIC_OVERFLOW'],
    ['ROUND', [BIGINT_MAX, -1n], 'NUMERIC_OVERFLOW'],
    ['ROUND', [1.7e308, -308n], 'NUMERIC_OVERFLOW'],
    ['ROUND', [decimal('99.5', 3, 1), column(0n)], 'NUMERIC_OVERFLOW'],
    ['MOD', [1n, 0n], 'DIVISION_BY_ZERO'],
    ['MOD', [1.5, 0], 'DIVISION_BY_ZERO'],
    ['SQRT', [-1n], 'NUMERIC_DOMAIN'],
    ['LN', [0n], 'NUMERIC_DOMAIN'],
    ['LN', [-1], 'NUMERIC_DOMAIN'],
    ['LOG', [0n], 'NUMERIC_DOMAIN'],
    ['LOG', [1n, 5n], 'NUMERIC_DOMAIN'],
    ['LOG', [-2n, 5n], 'NUMERIC_DOMAIN'],
    ['EXP', [1000n], 'NUMERIC_OVERFLOW'],
    ['POWER', [10n, 400n], 'NUMERIC_OVERFLOW'],
    ['POWER', [0n, -1n], 'NUMERIC_DOMAIN'],
    ['POWER', [-8n, 0.5], 'NUMERIC_DOMAIN'],
    ['ASIN', [2n], 'NUMERIC_DOMAIN'],
    ['ACOS', [-1.5], 'NUMERIC_DOMAIN'],
  ];
  test.each(labelled(cases))('%s', (_label, [name, args, expected]) => {
    expect(faultOf(() => call(name, ...args))).toBe(expected);
  });
});

describe('arguments', () => {
  test('their number is checked by name', () => {
    expect(signatureFault('ABS').message).toBe('function "ABS" takes 1 argument, not 0');
    expect(signatureFault('PI', 1n).message).toBe('function "PI" takes no arguments, not 1');
    expect(signatureFault('ROUND').message).toBe('function "ROUND" takes 1 to 2 arguments, not 0');
    expect(signatureFault('LEAST').message).toBe(
      'function "LEAST" takes at least 1 argument, not 0',
    );
    expect(signatureFault('MOD', 1n)).toMatchObject({
      key: 'FUNCTION_ARITY',
      message: 'function "MOD" takes 2 arguments, not 1',
    });
  });

  test('their types are checked by name and place', () => {
    expect(signatureFault('ROUND', 1.5, 'invalid')).toMatchObject({
      key: 'FUNCTION_ARGUMENT',
      message: 'argument 2 of function "ROUND" is VARCHAR, not a whole number',
      argument: 1,
    });
    expect(signatureFault('ABS', 'x').key).toBe('FUNCTION_ARGUMENT');
    expect(signatureFault('SQRT', true).key).toBe('FUNCTION_ARGUMENT');
    expect(signatureFault('MOD', 'x', 1n)).toMatchObject({ key: 'FUNCTION_ARGUMENT', argument: 0 });
  });
});

test('ROUND of a DOUBLE is the decimal number nearest to its shortest text', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1e9, max: 1e9 }),
      fc.integer({ min: 0, max: 6 }),
      (n, digits) => {
        const value = n / 1000;
        const rounded = call('ROUND', value, BigInt(digits)) as number;
        const text = String(value);
        const fraction = text.split('.')[1] ?? '';
        if (fraction.length <= digits) expect(rounded).toBe(value);
        else {
          const up = Number(fraction[digits]) >= 5;
          const cut = Math.abs(Number(`${text.split('.')[0]}.${fraction.slice(0, digits)}0`));
          const next = Number((cut + (up ? 10 ** -digits : 0)).toFixed(digits));
          expect(Math.abs(rounded)).toBe(next);
        }
      },
    ),
    { seed: 20241220 },
  );
});
