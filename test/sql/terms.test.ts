/** Durations in option values, and the nearest word. */
import { describe, expect, it } from 'vitest';
import { durationUnit, intervalUnit, parseDurationMs, unitMs } from '../../src/sql/durations.js';
import { closest } from '../../src/sql/suggest.js';

describe('parseDurationMs', () => {
  it.each([
    ['1m', 60_000],
    ['120s', 120_000],
    ['500 ms', 500],
    ['0', 0],
    ['30', 30_000],
    ['1.5h', 5_400_000],
    ['2 Days', 172_800_000],
    ["INTERVAL '1' MINUTE", 60_000],
    ['interval 1 week', 604_800_000],
    ['-1s', -1000],
  ])('%s', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', 'm', '1 parsec', '1 month', '1m2s', "INTERVAL '1'x MINUTE"])(
    '%s is none',
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined();
    },
  );
});

it('short units are no units of intervals', () => {
  expect([durationUnit('m'), intervalUnit('m'), intervalUnit('minutes')]).toEqual([
    'MINUTE',
    undefined,
    'MINUTE',
  ]);
  expect([unitMs('MONTH'), unitMs('DAY')]).toEqual([undefined, 86_400_000]);
});

describe('closest', () => {
  it.each([
    ['FORM', ['WHERE', 'FROM'], 'FROM'],
    ['amuont', ['id', 'amount', 'account'], 'amount'],
    ['Customer_ID', ['customer_id'], 'customer_id'],
    ['price', ['precision', 'prices', 'pricey'], 'prices'],
  ])('%s', (word, candidates, expected) => {
    expect(closest(word, candidates)).toBe(expected);
  });

  it.each([
    ['x', ['y', 'z']],
    ['to', ['on']],
    ['a', ['AS']],
    ['foo', ['bar', 'quantity']],
    ['amount', []],
  ])('%s is near to nothing', (word, candidates) => {
    expect(closest(word, candidates)).toBeUndefined();
  });
});
