/** The rare halves of inline operations, against exact arithmetic. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bigOf,
  floorDivide,
  floorQuotient,
  remainder,
  roundDigits,
  roundDouble,
  roundHalfAway,
  roundQuotient,
} from '../../src/codegen/kernel-support.js';
import { divideRounded } from '../../src/functions/decimal.js';
import { scalarFunction } from '../../src/functions/function-registry.js';
import { BIGINT, DOUBLE } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';

const MAX = Number.MAX_SAFE_INTEGER;
const safe = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc.constantFrom(MAX, -MAX, MAX - 1, 0, 5, -5, 2 ** 52 - 1, 2 ** 52 + 1),
);
const divisor = safe.filter((value) => value !== 0);
const power = fc.integer({ min: 1, max: 15 }).map((digits) => 10 ** digits);
const OPTIONS = { seed: 7, numRuns: 3000 };

describe('quotients of safe integers', () => {
  test('round half away from zero as exact arithmetic does', () => {
    const property = fc.property(safe, fc.oneof(divisor, power), (n, d) => {
      expect(BigInt(roundQuotient(n, d))).toBe(divideRounded(BigInt(n), BigInt(d)));
    });
    fc.assert(property, OPTIONS);
  });

  test('round down as exact arithmetic does', () => {
    const property = fc.property(safe, power, (n, d) => {
      expect(BigInt(floorQuotient(n, d))).toBe(floorDivide(BigInt(n), BigInt(d)));
    });
    fc.assert(property, OPTIONS);
  });

  test('leave the remainder of exact arithmetic', () => {
    const property = fc.property(safe, divisor, (n, d) => {
      expect(remainder(n, d)).toBe(Number(BigInt(n) % BigInt(d)));
    });
    fc.assert(property, OPTIONS);
  });

  test('are never -0', () => {
    expect(roundQuotient(-1, 10)).toBe(0);
    expect(roundQuotient(1, -10)).toBe(0);
    expect(remainder(-10, 5)).toBe(0);
    expect(remainder(-(2 ** 40), 2 ** 20)).toBe(0);
    expect(roundHalfAway(-0.4)).toBe(0);
  });
});

describe('rounding doubles', () => {
  const evaluate = (value: number, ...digits: SqlValue[]): SqlValue =>
    scalarFunction('ROUND')?.evaluate([value, ...digits], [DOUBLE, BIGINT], DOUBLE, { nowMs: 0 }) ??
    null;
  const doubles = fc.oneof(
    fc.double(),
    fc.double({ min: -1e6, max: 1e6 }),
    fc.integer().map((n) => n / 1000),
    fc.integer().map((n) => n + 0.5),
    fc.constantFrom(0.49999999999999994, -0.3, -0, 1.005, 2.675, 2 ** 52 + 0.5, 1e22),
  );

  test('to whole numbers is what ROUND says', () => {
    const property = fc.property(doubles, (value) => {
      expect(roundDouble(value)).toBe(evaluate(value));
    });
    fc.assert(property, OPTIONS);
  });

  test('to digits is what ROUND says wherever the product decides', () => {
    let decided = 0;
    const property = fc.property(doubles, fc.integer({ min: 1, max: 6 }), (value, digits) => {
      const fast = roundDigits(value, 10 ** digits);
      if (Number.isNaN(fast)) return;
      decided += 1;
      expect(fast).toBe(evaluate(value, BigInt(digits)));
    });
    fc.assert(property, OPTIONS);
    expect(decided).toBeGreaterThan(1000);
  });
});

test('what stands at a NULL row still becomes a bigint', () => {
  expect([bigOf(5), bigOf(NaN), bigOf(0.5), bigOf(Infinity)]).toEqual([5n, 0n, 0n, 0n]);
});
