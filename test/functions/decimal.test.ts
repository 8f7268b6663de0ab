/**
 * Exact decimal arithmetic against rational arithmetic on bigints, and number text in all spellings.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDecimals,
  decimalText,
  decimalToDouble,
  divideDecimals,
  divideRounded,
  doubleParts,
  fitsPrecision,
  multiplyDecimals,
  parseNumberText,
  partsToBigint,
  partsToDecimal,
  powerOfTen,
  remainderDecimals,
  rescale,
} from '../../src/functions/decimal.js';

const SEED = 20241220;
const unscaled = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
const scale = fc.integer({ min: 0, max: 38 });
const scaled = fc.record({ unscaled, scale });

/** |exact − result| as twice the numerator over the denominator, to judge half-way rounding. */
function isNearest(numerator: bigint, denominator: bigint, result: bigint): boolean {
  const positive = denominator < 0n ? -denominator : denominator;
  const top = denominator < 0n ? -numerator : numerator;
  const error = top - result * positive;
  const doubled = (error < 0n ? -error : error) * 2n;
  if (doubled < positive) return true;
  // A tie goes away from zero: the result is larger in size than the exact value.
  const size = (value: bigint): bigint => (value < 0n ? -value : value);
  return doubled === positive && size(result) * positive > size(top);
}

describe('rounding', () => {
  test('divides half away from zero on every sign', () => {
    fc.assert(
      fc.property(
        unscaled,
        unscaled.filter((value) => value !== 0n),
        (a, b) => {
          expect(isNearest(a, b, divideRounded(a, b))).toBe(true);
        },
      ),
      { seed: SEED },
    );
  });

  test.each([
    [5n, 2n, 3n],
    [-5n, 2n, -3n],
    [5n, -2n, -3n],
    [-5n, -2n, 3n],
    [1n, 2n, 1n],
    [-1n, 2n, -1n],
    [1n, 3n, 0n],
    [-2n, 3n, -1n],
    [0n, 7n, 0n],
  ])('%s / %s is %s', (a, b, expected) => {
    expect(divideRounded(a, b)).toBe(expected);
  });

  test('keeps the value when digits are added and taken off again', () => {
    fc.assert(
      fc.property(unscaled, scale, scale, (value, from, more) => {
        expect(rescale(rescale(value, from, from + more), from + more, from)).toBe(value);
      }),
      { seed: SEED },
    );
  });
});

describe('operators equal rational arithmetic', () => {
  const run = (check: (a: Scaled, b: Scaled, to: number) => void): void => {
    fc.assert(fc.property(scaled, scaled, scale, check), { seed: SEED });
  };
  interface Scaled {
    readonly unscaled: bigint;
    readonly scale: number;
  }

  test('addition', () => {
    run((a, b, to) => {
      const top = a.unscaled * powerOfTen(b.scale) + b.unscaled * powerOfTen(a.scale);
      const bottom = powerOfTen(a.scale + b.scale);
      expect(isNearest(top * powerOfTen(to), bottom, addDecimals(a, b, to))).toBe(true);
    });
  });

  test('multiplication', () => {
    run((a, b, to) => {
      const top = a.unscaled * b.unscaled * powerOfTen(to);
      const bottom = powerOfTen(a.scale + b.scale);
      expect(isNearest(top, bottom, multiplyDecimals(a, b, to))).toBe(true);
    });
  });

  test('division rounds once', () => {
    run((a, b, to) => {
      if (b.unscaled === 0n) return;
      const top = a.unscaled * powerOfTen(b.scale) * powerOfTen(to);
      const bottom = b.unscaled * powerOfTen(a.scale);
      expect(isNearest(top, bottom, divideDecimals(a, b, to))).toBe(true);
    });
  });

  test('the remainder has the sign of the dividend and completes the quotient', () => {
    run((a, b) => {
      if (b.unscaled === 0n) return;
      const wide = Math.max(a.scale, b.scale);
      const rest = remainderDecimals(a, b, wide);
      const dividend = rescale(a.unscaled, a.scale, wide);
      const divisor = rescale(b.unscaled, b.scale, wide);
      expect((dividend - rest) % divisor).toBe(0n);
      expect(rest === 0n || rest < 0n === dividend < 0n).toBe(true);
      expect((rest < 0n ? -rest : rest) < (divisor < 0n ? -divisor : divisor)).toBe(true);
    });
  });
});

describe('number text', () => {
  test.each([
    ['1.5', 5, 2, 150n],
    [' -1.5 ', 5, 2, -150n],
    ['.5', 5, 2, 50n],
    ['5.', 5, 2, 500n],
    ['+12e-1', 5, 2, 120n],
    ['1.005', 5, 2, 101n],
    ['-1.005', 5, 2, -101n],
    ['1.0049', 5, 2, 100n],
    ['999.995', 5, 2, undefined],
    ['1e3', 5, 2, undefined],
    ['1e1000000000', 38, 0, undefined],
    ['1e-1000000000', 38, 38, 0n],
    ['0e1000000000', 38, 0, 0n],
    ['00000000000000000000000000000000000000000000001', 1, 0, 1n],
  ])('%s as DECIMAL(%i, %i) is %s', (text, precision, to, expected) => {
    const parts = parseNumberText(text);
    expect(parts && partsToDecimal(parts, precision, to)).toBe(expected);
  });

  test.each(['', '.', '-', 'e5', '1e', '1.5.2', '0x10', '1_000', 'NaN', 'Infinity', '1 2', '--1'])(
    '%j is no number',
    (text) => {
      expect(parseNumberText(text)).toBeUndefined();
    },
  );

  test.each([
    ['12', 12n],
    ['1.0', 1n],
    ['1e3', 1000n],
    ['50e-1', 5n],
    ['-0', 0n],
    ['1.5', undefined],
    ['1e-1', undefined],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['9223372036854775808', undefined],
    ['-9223372036854775808', -(2n ** 63n)],
    ['-9223372036854775809', undefined],
    ['1e19', undefined],
    ['1e99999999', undefined],
    ['1e-99999999', undefined],
    ['10000000000000000000e-1', 10n ** 18n],
  ])('%s as BIGINT is %s', (text, expected) => {
    const parts = parseNumberText(text);
    expect(parts && partsToBigint(parts)).toBe(expected);
  });

  test('what is printed reads back, and has the digits of its scale', () => {
    fc.assert(
      fc.property(unscaled, scale, (value, to) => {
        const text = decimalText(value, to);
        const parts = parseNumberText(text);
        expect(parts && partsToDecimal(parts, 38, to)).toBe(value);
        expect(text.split('.')[1]?.length ?? 0).toBe(to);
      }),
      { seed: SEED },
    );
  });

  test('the digits of a double are those of its shortest text', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const parts = doubleParts(value);
        expect(Number(`${parts.digits}e${parts.exponent}`) + 0).toBe(value + 0);
      }),
      { seed: SEED },
    );
  });
});

test('a precision counts digits, not powers', () => {
  expect(fitsPrecision(999n, 3)).toBe(true);
  expect(fitsPrecision(-999n, 3)).toBe(true);
  expect(fitsPrecision(1000n, 3)).toBe(false);
  expect(fitsPrecision(-1000n, 3)).toBe(false);
});

test('a decimal goes to the nearest double, not through an inexact quotient', () => {
  expect(decimalToDouble(110n, 2)).toBe(1.1);
  expect(decimalToDouble(9007199254740993n, 0)).toBe(9007199254740992);
  expect(decimalToDouble(123456789012345678901234567890n, 20)).toBe(1234567890.1234567);
});

describe('number texts of any length', () => {
  const nines = '9'.repeat(900_000);

  test('cost their length, not its square, and round as they would', { timeout: 240_000 }, () => {
    const parts = (text: string): NonNullable<ReturnType<typeof parseNumberText>> =>
      parseNumberText(text) ?? { digits: 0n, exponent: 0, length: 0 };
    expect(partsToDecimal(parts(nines), 38, 0)).toBeUndefined();
    expect(partsToDecimal(parts(`0.${nines}`), 38, 2)).toBe(100n);
    expect(partsToDecimal(parts(`0.12${'4'.repeat(900_000)}`), 38, 2)).toBe(12n);
    expect(partsToDecimal(parts(`0.125${'0'.repeat(900_000)}`), 38, 2)).toBe(13n);
    expect(partsToDecimal(parts(`-0.12${'4'.repeat(500)}5e3`), 38, 0)).toBe(-124n);
    expect(partsToDecimal(parts(`0.1250${'0'.repeat(900_000)}1`), 38, 2)).toBe(13n);
    expect(partsToBigint(parts(`${'0'.repeat(900_000)}7`))).toBe(7n);
    expect(partsToBigint(parts(`7.${'0'.repeat(900_000)}`))).toBe(7n);
    expect(partsToBigint(parts(`7.${'0'.repeat(900_000)}1`))).toBeUndefined();
    expect(partsToBigint(parts(`7${'0'.repeat(500)}e-500`))).toBe(7n);
    for (const exponent of ['1000000000', '-1000000000', '9'.repeat(400)]) {
      const wanted = exponent.startsWith('-') ? 0n : undefined;
      expect(partsToDecimal(parts(`1e${exponent}`), 38, 2)).toBe(wanted);
      expect(partsToBigint(parts(`1e${exponent}`))).toBeUndefined();
    }
  });
});
