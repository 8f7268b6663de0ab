/**
 * What kernels call besides Math: the rare halves of operations that are emitted inline. Small
 * enough for the compiler to inline, no state. @hot
 */

import { decimalToDouble } from '../functions/decimal.js';

/** A narrow value as a bigint; the value at a NULL row may be anything and gives 0. */
export function bigOf(value: number): bigint {
  return Number.isInteger(value) ? BigInt(value) : 0n;
}

/** `a % b` of safe integers with the sign of `a`, never -0. */
export function remainder(a: number, b: number): number {
  const x = a | 0;
  const y = b | 0;
  if (x === a && y === b && y !== 0) return (x % y) | 0;
  return (a % b) + 0;
}

/**
 * n / d rounded half away from zero, for safe integers and d not 0. The quotient of doubles is off
 * by at most one step at whole numbers, where the exact rest says what it should be.
 */
export function roundQuotient(n: number, d: number): number {
  const quotient = Math.trunc(n / d);
  const rest = n - quotient * d;
  if (Math.abs(rest) * 2 < Math.abs(d)) return quotient + 0;
  return n < 0 === d < 0 ? quotient + 1 : quotient - 1;
}

/** Half away from zero, never -0. */
export function roundHalfAway(value: number): number {
  return (value < 0 ? -Math.round(-value) : Math.round(value)) + 0;
}

/** Whether the double of a whole number is another number. */
export function isRounded(number: number, whole: bigint): boolean {
  return !Number.isSafeInteger(number) && BigInt(number) !== whole;
}

/** Whether a result left the doubles although its operands were in them. */
export function leftDoubles(result: number, a: number, b: number): boolean {
  return !Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b);
}

/** ROUND(x): half away from zero; a value without a fraction is itself, -0 included. */
export function roundDouble(value: number): number {
  return value === 0 || Number.isInteger(value) ? value : roundHalfAway(value);
}

const PRODUCT_MAX = 2 ** 40;
const NEAR_HALF = 0.499;

/**
 * ROUND(x, digits) with `factor` = 10^digits where the product tells the result beyond doubt: it
 * is off by less than 2^-12, so what is further than 0.001 from a half is rounded as the exact
 * digits would be. NaN otherwise: near halves the digits of the shortest text decide.
 */
export function roundDigits(value: number, factor: number): number {
  const product = value * factor;
  const whole = Math.round(product);
  if (Math.abs(product - whole) < NEAR_HALF && Math.abs(product) < PRODUCT_MAX) {
    return whole !== 0 ? whole / factor : value === 0 ? value : 0;
  }
  return NaN;
}

/** The whole number below n / d, for safe integers and d > 0. */
export function floorQuotient(n: number, d: number): number {
  const quotient = Math.floor(n / d);
  const rest = n - quotient * d;
  return rest < 0 ? quotient - 1 : rest >= d ? quotient + 1 : quotient;
}

/** The whole number below n / d, for d > 0. */
export function floorDivide(n: bigint, d: bigint): bigint {
  const quotient = n / d;
  return n < 0n && quotient * d !== n ? quotient - 1n : quotient;
}

const EXACT_POWER_MAX = 22;

/** unscaled / 10^scale as the nearest double: one division where both sides are exact doubles. */
export function decimalAsDouble(unscaled: bigint, scale: number): number {
  const number = Number(unscaled);
  if (scale <= EXACT_POWER_MAX && Number.isSafeInteger(number)) return number / 10 ** scale;
  return decimalToDouble(unscaled, scale);
}
