/** Comparisons, truth tests and the functions that look at NULLs themselves. */
import { describe, expect, test } from 'vitest';
import { typeText } from '../../src/columnar/types.js';
import {
  bind,
  call,
  callText,
  column,
  date,
  dec,
  ms,
  signatureFault,
  ts,
  labelled,
} from './calls.js';
import type { Argument } from './calls.js';

describe('comparisons', () => {
  const cases: readonly [Argument, string, Argument, boolean | null][] = [
    [1n, '=', 1n, true],
    [1n, '=', null, null],
    [null, '=', null, null],
    [dec('20.00'), '=', 20n, true],
    [dec('0.30'), '=', dec('0.3'), true],
    [column(9007199254740993n), '=', column(9007199254740992), false],
    [column(9007199254740993n), '>', column(9007199254740992), true],
    [2n, '<', 2.5, true],
    [-0, '=', 0, true],
    [NaN, '=', NaN, true],
    [NaN, '>', Infinity, true],
    ['a', '<', 'b', true],
    ['Z', '<', 'a', true],
    ['\uffff', '<', '😀', true],
    ['', '<', 'a', true],
    [false, '<', true, true],
    [ts('2024-01-01 00:00:00'), '>=', '2024-01-01', true],
    ['2024-01-01T00:00:00Z', '=', ts('2024-01-01 00:00:00'), true],
    [ts('1970-01-01 00:00:01'), '=', 1000n, true],
    [999n, '<', ts('1970-01-01 00:00:01'), true],
    [date('2024-01-02'), '>', '2024-01-01', true],
    [date('2024-01-02'), '<', '2024-01-02 10:00:00', true],
    [date('2024-01-02'), '=', ts('2024-01-02 00:00:00'), true],
    [300_000n, '=', ms(300_000), true],
    [1n, '<>', 2n, true],
    [2n, '<=', 2n, true],
    [dec('1.01'), '>', 1.0, true],
  ];
  test.each(labelled(cases))('%s', (_label, [a, operator, b, expected]) => {
    expect(call(operator, a, b)).toBe(expected);
  });

  const faults: readonly [Argument, Argument, string][] = [
    [true, 1.5, 'operator ">" does not compare BOOLEAN with DOUBLE'],
    ['x', 1n, 'operator ">" does not compare VARCHAR with BIGINT'],
    [column('x'), ts('2024-01-01'), 'operator ">" does not compare VARCHAR with TIMESTAMP(3)'],
  ];
  test.each(labelled(faults))('%s', (_label, [a, b, message]) => {
    expect(signatureFault('>', a, b)).toMatchObject({ key: 'TYPE_MISMATCH', message });
  });

  test('a text literal that is no time is found while binding', () => {
    const fault = signatureFault('>', ts('2024-01-01'), 'yesterday');
    expect(fault).toMatchObject({ key: 'LITERAL_INVALID', argument: 1 });
    expect(fault.message).toContain('yesterday');
  });
});

describe('tests of truth and NULL', () => {
  const cases: readonly [string, Argument, boolean | null][] = [
    ['not', true, false],
    ['not', false, true],
    ['not', null, null],
    ['is-null', null, true],
    ['is-null', '', false],
    ['is-true', true, true],
    ['is-true', false, false],
    ['is-true', null, false],
    ['is-false', false, true],
    ['is-false', null, false],
    ['is-unknown', null, true],
    ['is-unknown', false, false],
  ];
  test.each(labelled(cases))('%s', (_label, [name, value, expected]) => {
    expect(call(name, value)).toBe(expected);
  });

  test('IS DISTINCT FROM treats NULL as a value', () => {
    expect(call('is-distinct', 1n, null)).toBe(true);
    expect(call('is-distinct', null, null)).toBe(false);
    expect(call('is-distinct', 1n, 1n)).toBe(false);
    expect(call('is-distinct', dec('1.0'), 1n)).toBe(false);
    expect(call('is-distinct', 1n, 2n)).toBe(true);
  });

  test('NOT and IS TRUE need a BOOLEAN', () => {
    expect(signatureFault('not', 1n).key).toBe('TYPE_MISMATCH');
    expect(signatureFault('is-true', 1n).key).toBe('FUNCTION_ARGUMENT');
  });
});

describe('NULLIF, IF, LEAST, GREATEST', () => {
  const cases: readonly [string, readonly Argument[], string | null, string][] = [
    ['NULLIF', [42n, 42n], null, 'BIGINT'],
    ['NULLIF', [42n, 41n], '42', 'BIGINT'],
    ['NULLIF', [null, 1n], null, 'BIGINT'],
    ['NULLIF', [1n, null], '1', 'BIGINT'],
    ['NULLIF', ['a', 'b'], 'a', 'VARCHAR'],
    ['NULLIF', [column(5n), 5], null, 'BIGINT'],
    ['IF', [true, 'big', 'small'], 'big', 'VARCHAR'],
    ['IF', [null, 1n, 2n], '2', 'BIGINT'],
    ['IF', [false, 1n, 2.5], '2.5', 'DOUBLE'],
    ['IF', [true, null, 2n], null, 'BIGINT'],
    ['LEAST', [10n, 5n, 15n], '5', 'BIGINT'],
    ['LEAST', [123.456, 42n], '42', 'DOUBLE'],
    ['GREATEST', [123.456, 42n], '123.456', 'DOUBLE'],
    ['LEAST', [10n, null, 5n], '5', 'BIGINT'],
    ['GREATEST', [10n, null, 5n], '10', 'BIGINT'],
    ['GREATEST', [null, null], null, 'NULL'],
    ['GREATEST', ['apple', 'cherry'], 'cherry', 'VARCHAR'],
    ['LEAST', ['apple', 'cherry'], 'apple', 'VARCHAR'],
    ['LEAST', [dec('1.50'), 2n], '1.50', 'DECIMAL(21, 2)'],
    ['LEAST', [ts('2024-01-02'), '2024-01-01'], '2024-01-01 00:00:00', 'TIMESTAMP(3)'],
  ];
  test.each(labelled(cases))('%s', (_label, [name, args, expected, type]) => {
    expect(callText(name, ...args)).toBe(expected);
    expect(typeText(bind(name, ...args).type)).toBe(type);
  });

  test('arguments without a common type are named', () => {
    expect(signatureFault('LEAST', 'a', 1n)).toMatchObject({
      key: 'TYPE_MISMATCH',
      message: 'the arguments of "LEAST" have no common type: VARCHAR, BIGINT',
    });
    expect(signatureFault('IF', 1n, 1n, 2n).key).toBe('FUNCTION_ARGUMENT');
    expect(signatureFault('IF', true, 1n, 'a').key).toBe('TYPE_MISMATCH');
  });
});
