/** Exact sums, quotients and double-double arithmetic against BigInt. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DoubleDouble, productError } from '../../src/state/sums/double-double.js';
import {
  addBigInt,
  addSafe,
  addSum,
  addWords,
  quotientToDouble,
  roundedQuotient,
  settle,
  sumBigInt,
} from '../../src/state/sums/exact-sums.js';

const FIXED = { seed: 42, numRuns: 300 };
const safe = fc.maxSafeInteger();
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const wide = fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n });

test('safe integers add up exactly', () => {
  fc.assert(
    fc.property(fc.array(safe, { maxLength: 40 }), (values) => {
      const cells = new Float64Array(2);
      let sum = 0n;
      for (const value of values) {
        addSafe(cells, 0, value);
        sum += BigInt(value);
      }
      expect(sumBigInt(cells, 0, false)).toBe(sum);
    }),
    FIXED,
  );
});

test('64-bit integers add up and are taken back exactly', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(long, fc.boolean()), { maxLength: 40 }), (changes) => {
      const values = BigInt64Array.from(changes, ([value]) => value);
      const words = new Int32Array(values.buffer);
      const cells = new Float64Array(2);
      let sum = 0n;
      changes.forEach(([value, adds], row) => {
        addWords(cells, 0, words, row, adds ? 1 : -1);
        sum += adds ? value : -value;
      });
      expect(sumBigInt(cells, 0, false)).toBe(sum);
    }),
    FIXED,
  );
});

test('128-bit integers add up exactly, alone and merged', () => {
  fc.assert(
    fc.property(fc.array(wide, { maxLength: 40 }), fc.nat(40), (values, middle) => {
      const [left, right] = [new Float64Array(3), new Float64Array(3)];
      values.forEach((value, at) => {
        addBigInt(at < middle ? left : right, 0, value, true);
      });
      addSum(left, 0, right, 0, true);
      const sum = values.reduce((total, value) => total + value, 0n);
      expect(sumBigInt(left, 0, true)).toBe(sum);
    }),
    FIXED,
  );
});

test('a sum settles in its first cell exactly when it is a safe integer', () => {
  fc.assert(
    fc.property(fc.array(wide, { maxLength: 6 }), safe, (values, target) => {
      const cells = new Float64Array(3);
      for (const value of values) addBigInt(cells, 0, value, true);
      const back = -values.reduce((total, value) => total + value, 0n);
      expect(settle(cells, 0, true)).toBe(back >= -(2n ** 53n - 1n) && back <= 2n ** 53n - 1n);
      addBigInt(cells, 0, back + BigInt(target), true);
      expect(settle(cells, 0, true)).toBe(true);
      expect([cells[0], cells[1], cells[2]]).toEqual([target, 0, 0]);
    }),
    FIXED,
  );
});

test('quotients are the nearest double', () => {
  fc.assert(
    fc.property(safe, fc.integer({ min: 1, max: 1e9 }), (numerator, denominator) => {
      expect(quotientToDouble(BigInt(numerator), BigInt(denominator))).toBe(
        numerator === 0 ? 0 : numerator / denominator,
      );
    }),
    FIXED,
  );
  expect(quotientToDouble(2n ** 200n + 1n, 2n ** 100n)).toBe(2 ** 100);
  // Half way between two doubles but for the last bit: rounds up.
  expect(quotientToDouble((2n ** 53n + 1n) * 2n ** 80n + 1n, 2n ** 80n)).toBe(2 ** 53 + 2);
});

test('quotients round half away from zero', () => {
  expect([5n, -5n, 4n, -4n, 6n].map((value) => roundedQuotient(value, 10n))).toEqual([
    1n,
    -1n,
    0n,
    0n,
    1n,
  ]);
});

test('a product and its error are the exact product', () => {
  const factor = fc.integer({ min: -(2 ** 31), max: 2 ** 31 }).map((value) => value * 2 ** 21 + 1);
  fc.assert(
    fc.property(factor, factor, (x, y) => {
      const product = x * y;
      expect(BigInt(product) + BigInt(productError(x, y, product))).toBe(BigInt(x) * BigInt(y));
    }),
    FIXED,
  );
});

test('double-doubles keep twice the digits', () => {
  const third = new DoubleDouble(1, 0).dividedBy(new DoubleDouble(3, 0));
  const rest = new DoubleDouble(1, 0).minus(third.times(new DoubleDouble(3, 0)));
  expect(Math.abs(rest.value())).toBeLessThan(1e-31);
});
