/**
 * Functions of numbers: rounding, powers, logarithms, trigonometry. BIGINT and DECIMAL stay exact
 * wherever the function keeps their type; what goes through a DOUBLE says so in its result type.
 * A result outside its type is NUMERIC_OVERFLOW, a number a function is not defined for is
 * NUMERIC_DOMAIN. The operators are arithmetic.ts.
 */
import { BIGINT, DOUBLE, NULL_TYPE, decimalType, isNumeric } from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { ARITHMETIC, checkedBigint, resolveArithmetic } from './arithmetic.js';
import { divideRounded, doubleParts, fitsPrecision, powerOfTen, rescale } from './decimal.js';
import { finiteDouble } from './number-checks.js';
import { DataFault } from './registry-types.js';
import type { ArgumentInfo, ScalarFunction } from './registry-types.js';
import { argumentFault, at, entry, firstType, takes } from './signature.js';
import { decimalRoundType } from './type-rules.js';

const absolute: ScalarFunction = entry({
  name: 'ABS',
  arity: [1, 1],
  nulls: 'null',
  resolve: takes('ABS', ['number'], firstType),
  evaluate: ([value], [type]) => {
    if (typeof value !== 'bigint') return Math.abs(value as number);
    const size = value < 0n ? -value : value;
    return type?.kind === 'bigint' ? checkedBigint(size, 'ABS') : size;
  },
  about: 'ABS(x): the number without its sign.',
});

const sign: ScalarFunction = entry({
  name: 'SIGN',
  arity: [1, 1],
  nulls: 'null',
  resolve: takes('SIGN', ['number'], ([type]) => (type?.kind === 'double' ? DOUBLE : BIGINT)),
  evaluate: ([value]) => {
    if (typeof value === 'bigint') return value > 0n ? 1n : value < 0n ? -1n : 0n;
    return Math.sign(value as number);
  },
  about: 'SIGN(x): -1, 0 or 1.',
});

/** CEIL and FLOOR: `exact` gives the whole number below or above unscaled / divisor. */
function toWhole(
  name: string,
  aliases: readonly string[],
  onDouble: (value: number) => number,
  exact: (unscaled: bigint, divisor: bigint) => bigint,
  about: string,
): ScalarFunction {
  return entry({
    name,
    aliases,
    arity: [1, 1],
    nulls: 'null',
    resolve: takes(name, ['number'], ([type]) =>
      type?.kind === 'decimal' ? decimalType(type.precision, 0) : (type ?? NULL_TYPE),
    ),
    evaluate: ([value], [type]) => {
      if (typeof value !== 'bigint') return onDouble(value as number);
      return type?.kind === 'decimal' ? exact(value, powerOfTen(type.scale)) : value;
    },
    about,
  });
}

function floorDivide(unscaled: bigint, divisor: bigint): bigint {
  const quotient = unscaled / divisor;
  return unscaled < 0n && quotient * divisor !== unscaled ? quotient - 1n : quotient;
}

/** The type of ROUND and TRUNCATE: a literal count of digits narrows a DECIMAL. */
function roundedType(types: readonly SqlType[], args: readonly ArgumentInfo[]): SqlType {
  const type = firstType(types);
  if (type.kind !== 'decimal') return type;
  const digits = args.length === 1 ? 0n : args[1]?.literal;
  return typeof digits === 'bigint' ? decimalRoundType(type, clampDigits(digits)) : type;
}

const DIGITS_LIMIT = 400;

/** Digits after the point as a small number: beyond ±400 nothing changes any more. */
function clampDigits(digits: SqlValue): number {
  return Math.max(-DIGITS_LIMIT, Math.min(DIGITS_LIMIT, Number(digits ?? 0n)));
}

/** How a quotient loses its fraction. */
type Division = (numerator: bigint, denominator: bigint) => bigint;

function cutDigits(
  name: string,
  division: Division,
  args: readonly SqlValue[],
  types: readonly SqlType[],
  type: SqlType,
): SqlValue {
  const value = at(args, 0);
  const digits = clampDigits(at(args, 1));
  if (typeof value === 'number') return cutDouble(name, division, value, digits);
  const from = firstType(types);
  const scale = from.kind === 'decimal' ? from.scale : 0;
  const cut = cutUnscaled(division, value as bigint, scale, digits);
  if (type.kind !== 'decimal') return checkedBigint(cut, name);
  const result = rescale(cut, scale, type.scale);
  if (fitsPrecision(result, type.precision)) return result;
  throw new DataFault('NUMERIC_OVERFLOW', `result of "${name}" does not fit its DECIMAL type`);
}

/** The value at its own scale, with zeros behind the digits that stay. */
function cutUnscaled(division: Division, unscaled: bigint, scale: number, digits: number): bigint {
  if (digits >= scale) return unscaled;
  const unit = powerOfTen(scale - digits);
  return division(unscaled, unit) * unit;
}

/** A double as its shortest text suggests: ROUND(1.005, 2) is 1.01, though 1.005 is below it. */
function cutDouble(name: string, division: Division, value: number, digits: number): number {
  if (!Number.isFinite(value)) return value;
  const parts = doubleParts(value);
  const surplus = -parts.exponent - digits;
  if (surplus <= 0) return value;
  if (surplus > parts.length + 1) return 0;
  const kept = division(parts.digits, powerOfTen(surplus));
  return finiteDouble(Number(`${kept}e${-digits}`), `function "${name}"`, value);
}

function cutting(
  name: string,
  aliases: readonly string[],
  division: Division,
  about: string,
): ScalarFunction {
  return entry({
    name,
    aliases,
    arity: [1, 2],
    nulls: 'null',
    resolve: takes(name, ['number', 'integer'], roundedType),
    evaluate: (args, types, type) => cutDigits(name, division, args, types, type),
    about,
  });
}

const remainder = ARITHMETIC.find((operator) => operator.name === '%');

const modulo: ScalarFunction = entry({
  name: 'MOD',
  arity: [2, 2],
  nulls: 'null',
  resolve: (args) => {
    for (const [index, argument] of args.entries()) {
      if (!isNumeric(argument.type) && argument.type.kind !== 'null') {
        return argumentFault('MOD', index, 'a number', argument.type);
      }
    }
    return resolveArithmetic('%', args);
  },
  evaluate: (args, types, type, context) =>
    remainder === undefined ? null : remainder.evaluate(args, types, type, context),
  about: 'MOD(a, b): the remainder with the sign of a; MOD(x, 0) is a data error.',
});

/** A function of one DOUBLE; `domain` says where it is defined. */
function ofDouble(
  name: string,
  compute: (x: number) => number,
  about: string,
  domain: (x: number) => boolean = () => true,
): ScalarFunction {
  return entry({
    name,
    arity: [1, 1],
    nulls: 'null',
    resolve: takes(name, ['double'], DOUBLE),
    evaluate: ([value]) => {
      const x = value as number;
      if (!Number.isNaN(x) && !domain(x)) throw outOfDomain(name, x);
      return finiteDouble(compute(x), `function "${name}"`, x);
    },
    about,
  });
}

function outOfDomain(name: string, x: number): DataFault {
  return new DataFault('NUMERIC_DOMAIN', `function "${name}" is not defined for ${x}`);
}

const isPositive = (x: number): boolean => x > 0;
const isUnit = (x: number): boolean => x >= -1 && x <= 1;

const power: ScalarFunction = entry({
  name: 'POWER',
  aliases: ['POW'],
  arity: [2, 2],
  nulls: 'null',
  resolve: takes('POWER', ['double', 'double'], DOUBLE),
  evaluate: ([base, exponent]) => {
    const [x, y] = [base as number, exponent as number];
    if (x === 0 && y < 0) throw outOfDomain('POWER', 0);
    return finiteDouble(x ** y, 'function "POWER"', x, y);
  },
  about: 'POWER(x, y): x to the power of y, as DOUBLE.',
});

const logarithm: ScalarFunction = entry({
  name: 'LOG',
  arity: [1, 2],
  nulls: 'null',
  resolve: takes('LOG', ['double', 'double'], DOUBLE),
  evaluate: (args) => {
    const base = args.length === 2 ? (args[0] as number) : 10;
    const x = args[args.length - 1] as number;
    if (base <= 0 || base === 1) throw outOfDomain('LOG', base);
    if (x <= 0) throw outOfDomain('LOG', x);
    return finiteDouble(logToBase(base, x), 'function "LOG"', base, x);
  },
  about: 'LOG(x): to base 10; LOG(b, x): to base b.',
});

/** Bases 10 and 2 have functions that are exact on their powers: LOG(10, 1000) is 3. */
function logToBase(base: number, x: number): number {
  if (base === 10) return Math.log10(x);
  if (base === 2) return Math.log2(x);
  return Math.log(x) / Math.log(base);
}

const arcTangent2: ScalarFunction = entry({
  name: 'ATAN2',
  arity: [2, 2],
  nulls: 'null',
  resolve: takes('ATAN2', ['double', 'double'], DOUBLE),
  evaluate: ([y, x]) => Math.atan2(y as number, x as number),
  about: 'ATAN2(y, x): the angle of the point (x, y) in radians.',
});

const pi: ScalarFunction = entry({
  name: 'PI',
  arity: [0, 0],
  nulls: 'null',
  resolve: takes('PI', [], DOUBLE),
  evaluate: () => Math.PI,
  about: 'PI(): 3.141592653589793.',
});

export const MATHS: readonly ScalarFunction[] = [
  absolute,
  sign,
  cutting('ROUND', [], divideRounded, 'ROUND(x[, digits]): half away from zero.'),
  cutting('TRUNCATE', ['TRUNC'], (a, b) => a / b, 'TRUNCATE(x[, digits]): digits are cut off.'),
  toWhole(
    'CEIL',
    ['CEILING'],
    Math.ceil,
    (unscaled, divisor) => -floorDivide(-unscaled, divisor),
    'CEIL(x): the next whole number upwards.',
  ),
  toWhole('FLOOR', [], Math.floor, floorDivide, 'FLOOR(x): the next whole number downwards.'),
  modulo,
  ofDouble('SQRT', Math.sqrt, 'SQRT(x): the square root; x < 0 is a data error.', (x) => x >= 0),
  power,
  ofDouble('EXP', Math.exp, 'EXP(x): e to the power of x.'),
  ofDouble('LN', Math.log, 'LN(x): the natural logarithm; x <= 0 is a data error.', isPositive),
  logarithm,
  ofDouble('LOG10', Math.log10, 'LOG10(x): the logarithm to base 10.', isPositive),
  ofDouble('LOG2', Math.log2, 'LOG2(x): the logarithm to base 2.', isPositive),
  pi,
  ofDouble('SIN', Math.sin, 'SIN(x): the sine of x radians.'),
  ofDouble('COS', Math.cos, 'COS(x): the cosine of x radians.'),
  ofDouble('TAN', Math.tan, 'TAN(x): the tangent of x radians.'),
  ofDouble('ASIN', Math.asin, 'ASIN(x): the arc sine, x from -1 to 1.', isUnit),
  ofDouble('ACOS', Math.acos, 'ACOS(x): the arc cosine, x from -1 to 1.', isUnit),
  ofDouble('ATAN', Math.atan, 'ATAN(x): the arc tangent.'),
  arcTangent2,
  ofDouble('RADIANS', (x) => (x / 180) * Math.PI, 'RADIANS(x): degrees as radians.'),
  ofDouble('DEGREES', (x) => (x / Math.PI) * 180, 'DEGREES(x): radians as degrees.'),
];
