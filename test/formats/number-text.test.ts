/** Numbers from bytes against Number() and BigInt(). */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { NumberText } from '../../src/formats/columns/number-text.js';

const SEED = 42;
const encoder = new TextEncoder();
const numberText = new NumberText();

function read(text: string): boolean {
  const bytes = encoder.encode(text);
  return numberText.read(bytes, 0, bytes.length);
}

const digits = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength });

const spelled = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits(24),
    fc.option(digits(24), { nil: '' }),
    fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), fc.nat(330)), { nil: null }),
  )
  .map(([sign, whole, fraction, exponent]) => {
    const tail = exponent === null ? '' : `${exponent[0]}${exponent[1]}`;
    return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}${tail}`;
  });

describe('doubles', () => {
  test('random digit strings read as Number() reads them', () => {
    fc.assert(
      fc.property(spelled, (text) => {
        expect(read(text)).toBe(true);
        expect(numberText.toDouble()).toBe(Number(text));
      }),
      { seed: SEED, numRuns: 6000 },
    );
  });

  test('every double reads back from its own text and with more digits', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 1, max: 21 }),
        (value, precision) => {
          for (const text of [String(value), value.toPrecision(precision), value.toExponential()]) {
            expect(read(text)).toBe(true);
            expect(numberText.toDouble()).toBe(Number(text));
          }
        },
      ),
      { seed: SEED, numRuns: 4_000 },
    );
  });

  test('numbers half-way between two doubles round to even, their neighbours do not', () => {
    const half = fc.oneof(
      fc.bigInt(2n ** 53n, 2n ** 54n - 1n).map((n) => `${n | 1n}.`),
      fc.bigInt(2n ** 52n, 2n ** 53n - 1n).map((n) => `${n}.5`),
      fc.bigInt(2n ** 51n, 2n ** 52n - 1n).map((n) => `${n}.25`),
      fc.bigInt(2n ** 51n, 2n ** 52n - 1n).map((n) => `${n}.75`),
    );
    fc.assert(
      fc.property(half, fc.constantFrom('0', '00', '01', '1'), (middle, more) => {
        expect(read(middle + more)).toBe(true);
        expect(numberText.toDouble()).toBe(Number(middle + more));
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  test.each(['', '-', '.', 'e5', '1e', '1e+', '--1', '1.2.3', '0x10', '1 2', '٣', 'Infinity'])(
    'refuses %j',
    (text) => {
      expect(read(text)).toBe(false);
    },
  );

  test.each([
    [' 12 ', 12],
    ['+5', 5],
    ['007', 7],
    ['.5', 0.5],
    ['5.', 5],
    ['1e-99999999999', 0],
    ['0e99999999999', 0],
  ])('reads %j as texts and CSV fields spell it', (text, value) => {
    expect(read(text)).toBe(true);
    expect(numberText.toDouble()).toBe(value);
  });
});

describe('words', () => {
  test('whole numbers of up to 19 digits split exactly', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 19n - 1n), (value) => {
        expect(read(String(value))).toBe(true);
        expect(numberText.words()).toBe(true);
        const { wordHigh, wordLow } = numberText;
        expect((BigInt(wordHigh) << 32n) | BigInt(wordLow)).toBe(value);
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  test('more digits do not', () => {
    expect(read('12345678901234567890')).toBe(true);
    expect(numberText.words()).toBe(false);
  });
});
