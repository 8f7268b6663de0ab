/**
 * What an expression is while a kernel is generated: fragments for its value and its NULL test,
 * with the form that its JavaScript value has and what is known of its range. Owns these records
 * and the arithmetic of ranges; emitting code is kernel-emitter and emit-*.
 *
 * Fragments have no effect and may be placed anywhere below the statements that were emitted with
 * them. Whoever needs one more than once binds it to a name first. The value at a NULL row is
 * unspecified: statements that check it must stand under the NULL test (KernelEmitter.strict).
 */
import type { Code } from '../../base/js-code.js';
import { code } from '../../base/js-code.js';
import { BIGINT_MAX, BIGINT_MIN } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';

interface EmittedBase {
  readonly type: SqlType;
  /** A boolean fragment; null when the value is never NULL. */
  readonly isNull: Code | null;
}

/**
 * DOUBLE, TIMESTAMP, DATE, INTERVAL as a number. Infinite bounds say that the value may be an
 * infinity or NaN, too; finite bounds exclude both.
 */
export interface DoubleValue extends EmittedBase {
  readonly form: 'double';
  readonly code: Code;
  readonly low: number;
  readonly high: number;
}

/**
 * BIGINT and DECIMAL: `code × 10^-scale`. Narrow: a number that is a safe integer, never -0.
 * Wide: a bigint. The scale is at most the type's: zeros at the end of a DECIMAL stay implied
 * until the value is stored, so that `i / 100.0` costs nothing.
 */
export interface ExactValue extends EmittedBase {
  readonly form: 'exact';
  readonly code: Code;
  readonly wide: boolean;
  /** Bounds of `code`, both reachable or not. */
  readonly low: bigint;
  readonly high: bigint;
  readonly scale: number;
}

export interface BooleanValue extends EmittedBase {
  readonly form: 'boolean';
  readonly code: Code;
}

/** Where the text of a row is found; a string is made only where one is needed. */
export type TextSource =
  | { readonly kind: 'constant'; readonly text: string }
  /** Input column of kind dict or utf8. */
  | { readonly kind: 'dict' | 'utf8'; readonly column: number }
  /** Code in the calc's own dictionary, the pool. */
  | { readonly kind: 'pool'; readonly code: Code }
  | { readonly kind: 'string'; readonly code: Code };

export interface TextValue extends EmittedBase {
  readonly form: 'text';
  readonly source: TextSource;
}

/** ARRAY, MAP, ROW as a SqlValue; and the untyped NULL. */
export interface OtherValue extends EmittedBase {
  readonly form: 'other';
  readonly code: Code;
}

export type Emitted = DoubleValue | ExactValue | BooleanValue | TextValue | OtherValue;

export const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

export interface Range {
  readonly low: bigint;
  readonly high: bigint;
}

export function isSafe(range: Range): boolean {
  return range.low >= -SAFE_MAX && range.high <= SAFE_MAX;
}

export function isInt32(range: Range): boolean {
  return range.low >= -(2n ** 31n) && range.high < 2n ** 31n;
}

export function clipped(range: Range, to: Range): Range {
  return {
    low: range.low > to.low ? range.low : to.low,
    high: range.high < to.high ? range.high : to.high,
  };
}

/** The least and the greatest of some bounds. */
export function hull(bounds: readonly bigint[]): Range {
  const [first = 0n] = bounds;
  let [low, high] = [first, first];
  for (const bound of bounds) {
    if (bound < low) low = bound;
    if (bound > high) high = bound;
  }
  return { low, high };
}

/** What values of an exact type may be, in units of 10^-scale of the type. */
export function typeRange(type: SqlType): Range {
  if (type.kind !== 'decimal') return { low: BIGINT_MIN, high: BIGINT_MAX };
  const bound = 10n ** BigInt(type.precision) - 1n;
  return { low: -bound, high: bound };
}

export function scaleOfType(type: SqlType): number {
  return type.kind === 'decimal' ? type.scale : 0;
}

export function either(a: Code | null, b: Code | null): Code | null {
  if (a === null) return b;
  if (b === null || b.text === a.text) return a;
  if (a.text === 'true' || b.text === 'true') return code`true`;
  return code`(${a} || ${b})`;
}

export function both(a: Code | null, b: Code | null): Code | null {
  if (a === null || b === null) return null;
  if (a.text === b.text || b.text === 'true') return a;
  return a.text === 'true' ? b : code`(${a} && ${b})`;
}

export function anyNull(values: readonly Emitted[]): Code | null {
  return values.reduce<Code | null>((sum, value) => either(sum, value.isNull), null);
}

export function isFiniteRange(value: DoubleValue): boolean {
  return Number.isFinite(value.low) && Number.isFinite(value.high);
}
