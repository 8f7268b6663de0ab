/**
 * Exact decimal arithmetic on unscaled bigints: rescaling, reading number text, printing. A DECIMAL
 * value is `unscaled / 10^scale`; the scale is always its type's. Every rounding is half away from
 * zero. Knows nothing of SQL types; the result types of operators are type-rules.ts.
 */
import { BIGINT_MAX, BIGINT_MIN } from '../columnar/types.js';

const POWERS_CACHED = 96;
const POWERS: readonly bigint[] = Array.from({ length: POWERS_CACHED }, (_, n) => 10n ** BigInt(n));

/** 10^exponent for a whole exponent of at least 0. */
export function powerOfTen(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent);
}

/** numerator / denominator as a whole number, half away from zero. The denominator is not 0. */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const rest = numerator % denominator;
  const doubled = rest < 0n ? -rest * 2n : rest * 2n;
  const size = denominator < 0n ? -denominator : denominator;
  if (doubled < size) return quotient;
  return numerator < 0n === denominator < 0n ? quotient + 1n : quotient - 1n;
}

/** The unscaled value at another scale; fewer digits round half away from zero. */
export function rescale(unscaled: bigint, from: number, to: number): bigint {
  if (from === to) return unscaled;
  if (to > from) return unscaled * powerOfTen(to - from);
  return divideRounded(unscaled, powerOfTen(from - to));
}

/** Whether the unscaled value has at most `precision` digits. */
export function fitsPrecision(unscaled: bigint, precision: number): boolean {
  const bound = powerOfTen(precision);
  return unscaled < bound && unscaled > -bound;
}

export function fitsBigint(value: bigint): boolean {
  return value >= BIGINT_MIN && value <= BIGINT_MAX;
}

/** a + b, exact, at the given result scale. */
export function addDecimals(a: Scaled, b: Scaled, scale: number): bigint {
  const wide = Math.max(a.scale, b.scale);
  return rescale(
    rescale(a.unscaled, a.scale, wide) + rescale(b.unscaled, b.scale, wide),
    wide,
    scale,
  );
}

/** a × b, exact, then at the given result scale. */
export function multiplyDecimals(a: Scaled, b: Scaled, scale: number): bigint {
  return rescale(a.unscaled * b.unscaled, a.scale + b.scale, scale);
}

/** a ÷ b at the given result scale, rounded once. b is not 0. */
export function divideDecimals(a: Scaled, b: Scaled, scale: number): bigint {
  const shift = scale + b.scale - a.scale;
  if (shift >= 0) return divideRounded(a.unscaled * powerOfTen(shift), b.unscaled);
  return divideRounded(a.unscaled, b.unscaled * powerOfTen(-shift));
}

/** The remainder of a ÷ b with the sign of a, at the given result scale. b is not 0. */
export function remainderDecimals(a: Scaled, b: Scaled, scale: number): bigint {
  const wide = Math.max(a.scale, b.scale);
  const rest = rescale(a.unscaled, a.scale, wide) % rescale(b.unscaled, b.scale, wide);
  return rescale(rest, wide, scale);
}

/** A decimal number beside its scale. */
export interface Scaled {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** −1, 0 or 1 by the exact values. */
export function compareDecimals(a: Scaled, b: Scaled): number {
  const wide = Math.max(a.scale, b.scale);
  const left = rescale(a.unscaled, a.scale, wide);
  const right = rescale(b.unscaled, b.scale, wide);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The number `digits × 10^exponent`, as some text spelled it. */
export interface NumberParts {
  readonly digits: bigint;
  readonly exponent: number;
  /** How many decimal digits `digits` has at most. */
  readonly length: number;
}

/** Digits of a number text that count; see shortened(). */
const DIGITS_MAX = 400;

const NUMBER_TEXT = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;

/** Reads number text: sign, digits, point, exponent; blanks around it are dropped. */
export function parseNumberText(text: string): NumberParts | undefined {
  const match = NUMBER_TEXT.exec(text.trim());
  if (match === null) return undefined;
  const fraction = match[3] ?? match[4] ?? '';
  const all = ((match[2] ?? '') + fraction).replace(/^0+(?=.)/, '');
  const kept = shortened(all);
  const digits = BigInt(kept);
  return {
    digits: match[1] === '-' ? -digits : digits,
    exponent: Number(match[5] ?? '0') - fraction.length + all.length - kept.length,
    length: kept.length,
  };
}

/**
 * The first digits of a number of very many, and a 1 behind them if any of the others is not 0: no
 * SQL type and no rounding tells it from the number itself, and a million digits cost nothing.
 */
function shortened(digits: string): string {
  if (digits.length <= DIGITS_MAX) return digits;
  const isWhole = /^0*$/.test(digits.slice(DIGITS_MAX - 1));
  return digits.slice(0, DIGITS_MAX - 1) + (isWhole ? '0' : '1');
}

/** The unscaled DECIMAL(precision, scale), rounded; undefined when it has too many digits. */
export function partsToDecimal(
  parts: NumberParts,
  precision: number,
  scale: number,
): bigint | undefined {
  if (parts.digits === 0n) return 0n;
  const shift = parts.exponent + scale;
  // Bounded on both sides, so that 1e1000000000 costs nothing.
  if (shift > precision) return undefined;
  if (shift < -parts.length - 1) return 0n;
  const unscaled =
    shift >= 0 ? parts.digits * powerOfTen(shift) : divideRounded(parts.digits, powerOfTen(-shift));
  return fitsPrecision(unscaled, precision) ? unscaled : undefined;
}

/** The BIGINT in any spelling (1.0, 1e3); undefined for a fraction or what 64 bits do not hold. */
export function partsToBigint(parts: NumberParts): bigint | undefined {
  if (parts.digits === 0n) return 0n;
  if (parts.exponent > 19) return undefined;
  if (parts.exponent >= 0) {
    const value = parts.digits * powerOfTen(parts.exponent);
    return fitsBigint(value) ? value : undefined;
  }
  if (-parts.exponent > parts.length) return undefined;
  const divisor = powerOfTen(-parts.exponent);
  if (parts.digits % divisor !== 0n) return undefined;
  const value = parts.digits / divisor;
  return fitsBigint(value) ? value : undefined;
}

/** The value with exactly `scale` digits after the point. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The nearest double. */
export function decimalToDouble(unscaled: bigint, scale: number): number {
  return scale === 0 ? Number(unscaled) : Number(decimalText(unscaled, scale));
}

/** The digits of a finite double's shortest text: what a person reads is what gets rounded. */
export function doubleParts(value: number): NumberParts {
  const parts = parseNumberText(String(value));
  return parts ?? { digits: 0n, exponent: 0, length: 1 };
}
