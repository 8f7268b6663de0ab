/**
 * Numbers and texts that look random and are not: the same for the same seed and place, whatever
 * order or thread asks. What 'datagen' and 'faker' tables are made of.
 */
import type { SqlValue } from '../columnar/types.js';
import { BIGINT, DOUBLE, VARCHAR } from '../columnar/types.js';
import { DataFault } from './registry-types.js';
import type { ScalarFunction } from './registry-types.js';
import { entry, takes } from './signature.js';

const TEXT_LENGTH_MAX = 1_000_000;
const TWO_32 = 2 ** 32;

/** Two mixed 32-bit words of (seed, place): the finaliser of MurmurHash3 over all their words. */
function mixed(seed: SqlValue, place: SqlValue): readonly [number, number] {
  const [seedLow, seedHigh] = wordsOf(seed);
  const [low, high] = wordsOf(place);
  let first = finalised(low ^ Math.imul(seedLow, 0x9e3779b1));
  first = finalised(first ^ high ^ Math.imul(seedHigh, 0x85ebca6b));
  return [first >>> 0, finalised(first ^ 0x6d2b79f5) >>> 0];
}

function wordsOf(value: SqlValue): readonly [number, number] {
  if (typeof value === 'bigint') {
    return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
  }
  const number = value as number;
  return [number | 0, Math.floor(number / TWO_32) | 0];
}

function finalised(word: number): number {
  let mix = word ^ (word >>> 16);
  mix = Math.imul(mix, 0x85ebca6b);
  mix ^= mix >>> 13;
  mix = Math.imul(mix, 0xc2b2ae35);
  return mix ^ (mix >>> 16);
}

function fraction([first, second]: readonly [number, number]): number {
  return ((first >>> 5) * 67_108_864 + (second >>> 6)) / 2 ** 53;
}

export const RANDOM: readonly ScalarFunction[] = [
  entry({
    name: 'RANDOM_AT',
    arity: [2, 2],
    nulls: 'null',
    resolve: takes('RANDOM_AT', ['integer', 'integer'], DOUBLE),
    evaluate: ([seed, place]) => fraction(mixed(seed as SqlValue, place as SqlValue)),
    about:
      'RANDOM_AT(seed, n): a DOUBLE from 0 to below 1, always the same for the same seed and n.',
  }),
  entry({
    name: 'RANDOM_BIGINT_AT',
    arity: [4, 4],
    nulls: 'null',
    resolve: takes('RANDOM_BIGINT_AT', ['integer', 'integer', 'integer', 'integer'], BIGINT),
    evaluate: ([seed, place, least, most]) => {
      const [low, high] = [BigInt(least as bigint), BigInt(most as bigint)];
      if (high < low) {
        const message = `function "RANDOM_BIGINT_AT" has no number from ${low} to ${high}`;
        throw new DataFault('VALUE_INVALID', message);
      }
      const [first, second] = mixed(seed as SqlValue, place as SqlValue);
      const count = high - low + 1n;
      // The top of first · 2³² + second, scaled to the range: no modulo, which would favour some.
      return low + ((((BigInt(first) << 32n) | BigInt(second)) * count) >> 64n);
    },
    about: 'RANDOM_BIGINT_AT(seed, n, low, high): such a BIGINT, from low to high.',
  }),
  entry({
    name: 'RANDOM_TEXT_AT',
    arity: [3, 3],
    nulls: 'null',
    resolve: takes('RANDOM_TEXT_AT', ['integer', 'integer', 'integer'], VARCHAR),
    evaluate: ([seed, place, wanted]) => {
      const length = Number(wanted);
      if (length < 0 || length > TEXT_LENGTH_MAX) {
        const message = `function "RANDOM_TEXT_AT" makes 0 to ${TEXT_LENGTH_MAX} characters`;
        throw new DataFault('VALUE_INVALID', message);
      }
      const [first, second] = mixed(seed as SqlValue, place as SqlValue);
      let text = '';
      for (let part = 0; text.length < length; part += 1) {
        const word = finalised(first ^ Math.imul(second, part + 1)) >>> 0;
        text += word.toString(16).padStart(8, '0');
      }
      return text.slice(0, length);
    },
    about: 'RANDOM_TEXT_AT(seed, n, length): such a text of hexadecimal digits.',
  }),
];
