/**
 * Arithmetic on BIGINT and DECIMAL. Owns range analysis: a narrow result whose range is proven to
 * be safe costs one machine operation; else it is checked, and a narrow kernel gives up (bails)
 * while a wide one computes with bigints. Whatever leaves the result type's range is a
 * NUMERIC_OVERFLOW. Values and faults are those of functions/arithmetic.
 *
 * Zeros at the end of a DECIMAL are implied (ExactValue.scale): 100.0 is 100, and a division by a
 * literal whose only prime factors are 2 and 5 is a multiplication with more digits.
 */
import { Code, code } from '../../base/js-code.js';
import type { CodePart } from '../../base/js-code.js';
import { typeText } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { divideRounded } from '../../functions/decimal.js';
import type { KernelFailure } from '../memo/memo-site.js';
import { SAFE_MAX, clipped, hull, isInt32, isSafe, scaleOfType, typeRange } from './emitted.js';
import type { DoubleValue, ExactValue, Range } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';
import { bigOf, remainder, roundQuotient } from '../kernel-support.js';

/** A literal with its trailing zeros implied. */
export function exactLiteral(unscaled: bigint, type: SqlType): ExactValue {
  let scale = scaleOfType(type);
  let value = unscaled;
  while (scale > 0 && value % 10n === 0n) {
    value /= 10n;
    scale -= 1;
  }
  return constantExact(value, scale, type);
}

function constantExact(value: bigint, scale: number, type: SqlType): ExactValue {
  const wide = !isSafe({ low: value, high: value });
  const part: CodePart = wide ? value : Number(value);
  return {
    form: 'exact',
    type,
    isNull: null,
    code: code`${part}`,
    wide,
    low: value,
    high: value,
    scale,
  };
}

export function isConstant(value: ExactValue): boolean {
  return value.low === value.high;
}

/** The value as a bigint fragment. */
export function asBigInt(e: KernelEmitter, value: ExactValue): Code {
  if (value.wide) return value.code;
  if (isConstant(value)) return code`${value.low}`;
  return code`${e.constant('bigOf', bigOf)}(${value.code})`;
}

/** The same number with `scale` digits after the point, which are no fewer than it has. */
export function withScale(e: KernelEmitter, value: ExactValue, scale: number): ExactValue {
  if (value.scale === scale) return value;
  return times(e, value, 10n ** BigInt(scale - value.scale), scale);
}

/** The value with all digits of its type: what columns store and functions take. */
export function atTypeScale(e: KernelEmitter, value: ExactValue): ExactValue {
  return withScale(e, value, scaleOfType(value.type));
}

/** `value.code × factor` read at another scale; the factor is not 0. */
function times(e: KernelEmitter, value: ExactValue, factor: bigint, scale: number): ExactValue {
  if (factor === 1n) return { ...value, scale };
  const range = hull([value.low * factor, value.high * factor]);
  if (isConstant(value)) {
    return { ...constantExact(range.low, scale, value.type), isNull: value.isNull };
  }
  const wide = value.wide || (e.mode === 'wide' && !isSafe(range));
  if (wide) {
    return { ...value, wide, ...range, scale, code: code`(${asBigInt(e, value)} * ${factor})` };
  }
  const product = code`(${value.code} * ${Number(factor)}${factor < 0n ? code` + 0` : code``})`;
  return safeNarrow(e, { ...value, ...range, scale, code: product });
}

/** A narrow value that is a safe integer from here on: a narrow kernel bails where it is not. */
function safeNarrow(e: KernelEmitter, value: ExactValue): ExactValue {
  if (value.wide || isSafe(value)) return value;
  const checked = e.temp('checked', value.code);
  const max = Number(SAFE_MAX);
  const bounds: Code[] = [];
  if (value.high > SAFE_MAX) bounds.push(code`${checked} <= ${max}`);
  if (value.low < -SAFE_MAX) bounds.push(code`${checked} >= ${-max}`);
  const inside = bounds.map((bound) => bound.text).join(' && ');
  e.bailWhen(code`!(${new Code(inside)})`);
  return { ...value, code: checked, ...clipped(value, { low: -SAFE_MAX, high: SAFE_MAX }) };
}

/**
 * A computed value as a value of `type`: within the safe integers or wide, at a scale the type
 * has, inside the type's range. `range` bounds what the operation can give.
 */
export function settled(e: KernelEmitter, raw: ExactValue, what: string): ExactValue {
  const safe = safeNarrow(e, raw);
  const excess = safe.scale - scaleOfType(safe.type);
  const rounded = excess > 0 ? dropDigits(e, safe, excess) : safe;
  return fitted(e, rounded, safe.type, {
    key: 'NUMERIC_OVERFLOW',
    message: `result of ${what} does not fit ${typeText(safe.type)}`,
  });
}

/** The value with `digits` fewer digits after the point, rounded half away from zero. */
export function dropDigits(e: KernelEmitter, value: ExactValue, digits: number): ExactValue {
  const divisor = 10n ** BigInt(digits);
  const scale = value.scale - digits;
  const range = {
    low: divideRounded(value.low, divisor),
    high: divideRounded(value.high, divisor),
  };
  if (isConstant(value)) {
    return { ...constantExact(range.low, scale, value.type), isNull: value.isNull };
  }
  if (value.wide || !isSafe({ low: -divisor, high: divisor })) {
    const divide = e.constant('divideRounded', divideRounded);
    const rounded = code`${divide}(${asBigInt(e, value)}, ${divisor})`;
    return unwidened({ ...value, ...range, wide: true, scale, code: rounded });
  }
  const quotient = e.constant('roundQuotient', roundQuotient);
  const rounded = code`${quotient}(${value.code}, ${Number(divisor)})`;
  return { ...value, ...range, scale, code: rounded };
}

/** A wide value that is proven to be safe becomes a number again. */
function unwidened(value: ExactValue): ExactValue {
  if (!value.wide || !isSafe(value)) return value;
  return { ...value, wide: false, code: code`Number(${value.code})` };
}

/** The value as one of `type`, which has at least its scale; `fault` is what happens outside. */
export function fitted(
  e: KernelEmitter,
  given: ExactValue,
  type: SqlType,
  fault: KernelFailure,
): ExactValue {
  const { low, high } = typeRange(type);
  const implied = 10n ** BigInt(scaleOfType(type) - given.scale);
  return within(e, { ...given, type }, { low: low / implied, high: high / implied }, fault);
}

/** The value, whose code is within the bounds from here on. */
export function within(
  e: KernelEmitter,
  value: ExactValue,
  bounds: Range,
  fault: KernelFailure,
): ExactValue {
  const inside = clipped(value, bounds);
  if (inside.low === value.low && inside.high === value.high) return unwidened(value);
  const result = e.temp('result', value.code);
  const tests: Code[] = [];
  const literal = (bound: bigint): CodePart => (value.wide ? bound : Number(bound));
  if (value.high > bounds.high) tests.push(code`${result} > ${literal(bounds.high)}`);
  if (value.low < bounds.low) tests.push(code`${result} < ${literal(bounds.low)}`);
  const outside = new Code(tests.map((test) => test.text).join(' || '));
  e.failWhen(outside, fault.key, fault.message);
  return unwidened({ ...value, ...inside, code: result });
}

/** A number that is whole, or no finite number, as an exact value of `type` (scale 0). */
export function exactFromNumber(
  e: KernelEmitter,
  value: DoubleValue,
  type: SqlType,
  fault: KernelFailure,
): ExactValue {
  const max = Number(SAFE_MAX);
  const shape = { form: 'exact', type, isNull: null, wide: false, scale: 0 } as const;
  if (value.low >= -max && value.high <= max) {
    const bounds = { low: BigInt(Math.floor(value.low)), high: BigInt(Math.ceil(value.high)) };
    return { ...shape, ...bounds, code: value.code };
  }
  const number = e.temp('number', value.code);
  if (e.mode === 'narrow') {
    e.bailWhen(code`!(${number} <= ${max} && ${number} >= ${-max})`);
    return { ...shape, code: number, low: -SAFE_MAX, high: SAFE_MAX };
  }
  e.failWhen(code`${number} - ${number} !== 0`, fault.key, fault.message);
  const big = code`${e.constant('bigOf', bigOf)}(${number})`;
  const bound = 10n ** 309n;
  return fitted(e, { ...shape, code: big, wide: true, low: -bound, high: bound }, type, fault);
}

export function emitSum(
  e: KernelEmitter,
  sign: '+' | '-',
  a: ExactValue,
  b: ExactValue,
  type: SqlType,
): ExactValue {
  const scale = Math.max(a.scale, b.scale);
  const x = withScale(e, a, scale);
  const y = withScale(e, b, scale);
  const range =
    sign === '+'
      ? { low: x.low + y.low, high: x.high + y.high }
      : { low: x.low - y.high, high: x.high - y.low };
  const wide = isWide(e, x, y, range);
  const symbol = sign === '+' ? code`+` : code`-`;
  const result = wide
    ? code`(${asBigInt(e, x)} ${symbol} ${asBigInt(e, y)})`
    : code`(${x.code} ${symbol} ${y.code})`;
  return settled(e, exactResult(result, type, { ...range, wide, scale }), `operator "${sign}"`);
}

function isWide(e: KernelEmitter, x: ExactValue, y: ExactValue, range: Range): boolean {
  return x.wide || y.wide || (e.mode === 'wide' && !isSafe(range));
}

export function exactResult(
  fragment: Code,
  type: SqlType,
  shape: Range & { readonly wide: boolean; readonly scale: number },
): ExactValue {
  const { low, high, wide, scale } = shape;
  return { form: 'exact', type, isNull: null, code: fragment, wide, low, high, scale };
}

export function emitProduct(
  e: KernelEmitter,
  a: ExactValue,
  b: ExactValue,
  type: SqlType,
): ExactValue {
  const range = hull([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]);
  const scale = a.scale + b.scale;
  const wide = isWide(e, a, b, range);
  const mayBeMinusZero =
    (a.low < 0n && b.low <= 0n && b.high >= 0n) || (b.low < 0n && a.low <= 0n && a.high >= 0n);
  const result = wide
    ? code`(${asBigInt(e, a)} * ${asBigInt(e, b)})`
    : mayBeMinusZero
      ? code`(${a.code} * ${b.code} + 0)`
      : code`(${a.code} * ${b.code})`;
  return settled(e, exactResult(result, type, { ...range, wide, scale }), 'operator "*"');
}

export function failOnZero(e: KernelEmitter, divisor: ExactValue): ExactValue {
  if (divisor.low > 0n || divisor.high < 0n) return divisor;
  const checked = { ...divisor, code: e.temp('divisor', divisor.code) };
  const zero: CodePart = divisor.wide ? 0n : 0;
  e.failWhen(code`${checked.code} === ${zero}`, 'DIVISION_BY_ZERO', 'division by zero');
  return checked;
}

/** BIGINT / BIGINT: the quotient of the nearest doubles. */
export function emitBigintQuotient(
  e: KernelEmitter,
  a: ExactValue,
  b: ExactValue,
  type: SqlType,
): DoubleValue {
  const divisor = failOnZero(e, b);
  const number = (value: ExactValue): Code =>
    value.wide ? code`Number(${value.code})` : value.code;
  const reach = Math.max(Math.abs(Number(a.low)), Math.abs(Number(a.high)));
  return {
    form: 'double',
    type,
    isNull: null,
    code: code`(${number(a)} / ${number(divisor)})`,
    low: -reach,
    high: reach,
  };
}

export function emitDecimalQuotient(
  e: KernelEmitter,
  a: ExactValue,
  b: ExactValue,
  type: SqlType,
): ExactValue {
  const what = 'operator "/"';
  const shortcut = isConstant(b) ? finiteQuotient(e, a, b, type) : undefined;
  if (shortcut !== undefined) return settled(e, { ...shortcut, type }, what);
  const divisor = failOnZero(e, b);
  const scale = scaleOfType(type);
  const shift = scale + b.scale - a.scale;
  const n = shift > 0 ? times(e, a, 10n ** BigInt(shift), scale) : a;
  const d = shift < 0 ? times(e, divisor, 10n ** BigInt(-shift), b.scale) : divisor;
  const reach = hull([n.low, n.high, -n.low, -n.high]);
  if (n.wide || d.wide) {
    const divide = e.constant('divideRounded', divideRounded);
    // A statement, so that it is not reached at NULL rows, where a bigint 0 would throw.
    const quotient = e.temp('quotient', code`${divide}(${asBigInt(e, n)}, ${asBigInt(e, d)})`);
    return settled(e, exactResult(quotient, type, { ...reach, wide: true, scale }), what);
  }
  const divide = e.constant('roundQuotient', roundQuotient);
  const quotient = code`${divide}(${n.code}, ${d.code})`;
  return settled(e, exactResult(quotient, type, { ...reach, wide: false, scale }), what);
}

/** The quotient by a constant 2^x × 5^y as a product, when it has no more digits than the type. */
function finiteQuotient(
  e: KernelEmitter,
  a: ExactValue,
  b: ExactValue,
  type: SqlType,
): ExactValue | undefined {
  if (b.low === 0n) return undefined;
  const size = b.low < 0n ? -b.low : b.low;
  let digits = 0;
  while (digits < 40 && 10n ** BigInt(digits) % size !== 0n) digits += 1;
  const scale = a.scale + digits - b.scale;
  if (digits === 40 || scale > scaleOfType(type)) return undefined;
  const factor = (10n ** BigInt(digits) / size) * (b.low < 0n ? -1n : 1n);
  if (scale >= 0) return times(e, a, factor, scale);
  return times(e, a, factor * 10n ** BigInt(-scale), 0);
}

export function emitRemainder(
  e: KernelEmitter,
  a: ExactValue,
  b: ExactValue,
  type: SqlType,
): ExactValue {
  const scale = Math.max(a.scale, b.scale);
  const x = withScale(e, a, scale);
  const y = failOnZero(e, withScale(e, b, scale));
  const reach = hull([y.low, y.high, -y.low, -y.high]).high - 1n;
  const bounds = clipped(x, { low: -reach, high: reach });
  const range = {
    low: x.low < 0n ? bounds.low : 0n,
    high: x.high > 0n ? bounds.high : 0n,
  };
  const wide = x.wide || y.wide;
  const result = wide
    ? e.temp('rest', code`${asBigInt(e, x)} % ${asBigInt(e, y)}`)
    : narrowRemainder(e, x, y);
  return settled(e, exactResult(result, type, { ...range, wide, scale }), 'operator "%"');
}

/** `%` on doubles is a call of fmod; on 32-bit integers it is a few instructions. */
function narrowRemainder(e: KernelEmitter, x: ExactValue, y: ExactValue): Code {
  const slow = e.constant('remainder', remainder);
  if (!isConstant(y) || !isInt32(y)) return code`${slow}(${x.code}, ${y.code})`;
  if (isInt32(x)) return code`(((${x.code} | 0) % ${y.code}) | 0)`;
  const dividend = e.temp('dividend', x.code);
  const word = e.temp('word', code`${dividend} | 0`);
  const fast = code`(${word} % ${y.code}) | 0`;
  return code`(${word} === ${dividend} ? ${fast} : ${slow}(${dividend}, ${y.code}))`;
}
