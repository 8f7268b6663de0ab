/**
 * The operators + − * / % and unary minus: on numbers, exact or DOUBLE with every overflow a data
 * error, and on TIMESTAMP, DATE and INTERVAL. Owns their signatures and their values; the decimal
 * result types are type-rules.ts.
 *
 * TIMESTAMP − TIMESTAMP is BIGINT milliseconds, not an INTERVAL: it can be averaged, compared with
 * a number, and compares with INTERVAL all the same. DATE − DATE is BIGINT days, DATE ± BIGINT
 * moves by days. DATE ± INTERVAL is a DATE while the interval is written in months or whole days,
 * as the standard has it, and a TIMESTAMP otherwise.
 */
import {
  DECIMAL_PRECISION_MAX,
  BIGINT,
  DATE,
  DOUBLE,
  INTERVAL_MONTH,
  INTERVAL_MS,
  NULL_TYPE,
  TIMESTAMP,
  isExact,
  isNumeric,
  sameType,
  typeText,
} from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { MS_PER_DAY, addMonths } from './time/calendar.js';
import { scaleOf } from './compare.js';
import {
  addDecimals,
  divideDecimals,
  fitsBigint,
  fitsPrecision,
  multiplyDecimals,
  remainderDecimals,
} from './decimal.js';
import type { Scaled } from './decimal.js';
import { checkedTimestamp, finiteDouble } from './number-checks.js';
import { DataFault } from './registry-types.js';
import type {
  ArgumentInfo,
  ResolvedSignature,
  ScalarFunction,
  SignatureFault,
} from './registry-types.js';
import { at, entry, textCast } from './signature.js';
import {
  decimalProductType,
  decimalQuotientType,
  decimalRemainderType,
  decimalShape,
  decimalSumType,
} from './type-rules.js';
import type { DecimalShape } from './type-rules.js';

type Sign = '+' | '-' | '*' | '/' | '%';
type Resolved = ResolvedSignature | undefined;

const DECIMAL_TYPES: Readonly<Record<Sign, (a: DecimalShape, b: DecimalShape) => SqlType>> = {
  '+': decimalSumType,
  '-': decimalSumType,
  '*': decimalProductType,
  '/': decimalQuotientType,
  '%': decimalRemainderType,
};

/** The signature of `a sign b`, or the fault that names both types. */
export function resolveArithmetic(
  sign: Sign,
  args: readonly ArgumentInfo[],
): ResolvedSignature | SignatureFault {
  const [a, b] = [args[0]?.type ?? NULL_TYPE, args[1]?.type ?? NULL_TYPE];
  const resolved =
    resolveNull(sign, a, b) ??
    resolveNumbers(sign, a, b) ??
    resolveDays(sign, args) ??
    resolveTimes(sign, a, b);
  return (
    resolved ?? {
      key: 'TYPE_MISMATCH',
      message: `operator "${sign}" does not take ${typeText(a)} and ${typeText(b)}`,
      hint:
        sign === '+' && a.kind === 'varchar' && b.kind === 'varchar'
          ? 'join texts with ||'
          : 'convert one side with CAST(… AS …)',
      cast: textCast([a, b]),
    }
  );
}

/** A bare NULL takes the type that makes the other side work. */
function resolveNull(sign: Sign, a: SqlType, b: SqlType): Resolved {
  if (a.kind === 'null' && b.kind === 'null') {
    return { type: sign === '/' ? DOUBLE : BIGINT, argTypes: [BIGINT, BIGINT] };
  }
  if (a.kind === 'null') return resolveNumbers(sign, b, b) ?? resolveTimes(sign, BIGINT, b);
  if (b.kind === 'null') return resolveNumbers(sign, a, a) ?? resolveTimes(sign, a, INTERVAL_MS);
  return undefined;
}

function resolveNumbers(sign: Sign, a: SqlType, b: SqlType): Resolved {
  if (!isNumeric(a) || !isNumeric(b)) return undefined;
  if (a.kind === 'double' || b.kind === 'double')
    return { type: DOUBLE, argTypes: [DOUBLE, DOUBLE] };
  if (a.kind === 'bigint' && b.kind === 'bigint') {
    return sign === '/'
      ? { type: DOUBLE, argTypes: [BIGINT, BIGINT] }
      : { type: BIGINT, argTypes: [BIGINT, BIGINT] };
  }
  const left = decimalShape(a);
  const right = decimalShape(b);
  return {
    type: DECIMAL_TYPES[sign](left, right),
    argTypes: [
      { kind: 'decimal', precision: left.precision, scale: left.scale },
      { kind: 'decimal', precision: right.precision, scale: right.scale },
    ],
  };
}

function resolveTimes(sign: Sign, a: SqlType, b: SqlType): Resolved {
  if (sign === '+') return resolveMove(a, b) ?? resolveMove(b, a, true) ?? resolveSpans(a, b);
  if (sign === '-') return resolveDistance(a, b) ?? resolveMove(a, b) ?? resolveSpans(a, b);
  if (sign === '*') return resolveScaling(a, b) ?? resolveScaling(b, a, true);
  return undefined;
}

/** A point in time moved by an amount; `swapped`: the amount was written first. */
function resolveMove(point: SqlType, amount: SqlType, swapped = false): Resolved {
  const inOrder = (from: SqlType): readonly SqlType[] =>
    swapped ? [amount, from] : [from, amount];
  const isAmount = amount.kind === 'interval' || amount.kind === 'bigint';
  if (point.kind === 'timestamp' && isAmount)
    return { type: TIMESTAMP, argTypes: inOrder(TIMESTAMP) };
  if (point.kind !== 'date') return undefined;
  if (amount.kind === 'bigint') return { type: DATE, argTypes: inOrder(DATE) };
  if (amount.kind !== 'interval') return undefined;
  const type = amount.unit === 'month' ? DATE : TIMESTAMP;
  return { type, argTypes: inOrder(type) };
}

/** DATE ± INTERVAL of a literal number of whole days. */
function resolveDays(sign: Sign, args: readonly ArgumentInfo[]): Resolved {
  const isDate = (argument: ArgumentInfo | undefined): boolean => argument?.type.kind === 'date';
  const isDays = (argument: ArgumentInfo | undefined): boolean =>
    argument !== undefined &&
    sameType(argument.type, INTERVAL_MS) &&
    typeof argument.literal === 'number' &&
    argument.literal % MS_PER_DAY === 0;
  const fits =
    (sign === '+' || sign === '-') && isDate(args[0])
      ? isDays(args[1])
      : sign === '+' && isDays(args[0]) && isDate(args[1]);
  return fits ? { type: DATE, argTypes: args.map((argument) => argument.type) } : undefined;
}

function resolveDistance(a: SqlType, b: SqlType): Resolved {
  if (a.kind === 'date' && b.kind === 'date') return { type: BIGINT, argTypes: [DATE, DATE] };
  const isPoint = (type: SqlType): boolean => type.kind === 'timestamp' || type.kind === 'date';
  if (isPoint(a) && isPoint(b)) return { type: BIGINT, argTypes: [TIMESTAMP, TIMESTAMP] };
  return undefined;
}

/** INTERVAL ± INTERVAL of one unit, and ± BIGINT milliseconds. */
function resolveSpans(a: SqlType, b: SqlType): Resolved {
  if (a.kind === 'interval' && sameType(a, b)) return { type: a, argTypes: [a, a] };
  const both = [a, b];
  const hasMs = both.some((type) => sameType(type, INTERVAL_MS));
  if (hasMs && both.some((type) => type.kind === 'bigint')) {
    return { type: INTERVAL_MS, argTypes: [INTERVAL_MS, INTERVAL_MS] };
  }
  return undefined;
}

function resolveScaling(span: SqlType, factor: SqlType, swapped = false): Resolved {
  if (span.kind !== 'interval' || factor.kind !== 'bigint') return undefined;
  const type = span.unit === 'month' ? INTERVAL_MONTH : INTERVAL_MS;
  return { type, argTypes: swapped ? [BIGINT, type] : [type, BIGINT] };
}

function evaluateArithmetic(
  sign: Sign,
  args: readonly SqlValue[],
  types: readonly SqlType[],
  type: SqlType,
): SqlValue {
  const [a, b] = [at(args, 0), at(args, 1)];
  const [left, right] = [types[0] ?? NULL_TYPE, types[1] ?? NULL_TYPE];
  if (left.kind === 'double' && right.kind === 'double') {
    return doubleArithmetic(sign, a as number, b as number);
  }
  if (left.kind === 'bigint' && right.kind === 'bigint') {
    return bigintArithmetic(sign, a as bigint, b as bigint);
  }
  if (type.kind === 'decimal' && isExact(left) && isExact(right)) {
    return decimalArithmetic(
      sign,
      { unscaled: a as bigint, scale: scaleOf(left) },
      { unscaled: b as bigint, scale: scaleOf(right) },
      type,
    );
  }
  return timeArithmetic(sign, { value: a, type: left }, { value: b, type: right }, type);
}

export function doubleArithmetic(sign: Sign, a: number, b: number): number {
  if ((sign === '/' || sign === '%') && b === 0) throw divisionByZero();
  const result =
    sign === '+'
      ? a + b
      : sign === '-'
        ? a - b
        : sign === '*'
          ? a * b
          : sign === '/'
            ? a / b
            : a % b;
  return finiteDouble(result, `operator "${sign}"`, a, b);
}

/** On `/` both sides become doubles. */
export function bigintArithmetic(sign: Sign, a: bigint, b: bigint): bigint | number {
  if ((sign === '/' || sign === '%') && b === 0n) throw divisionByZero();
  if (sign === '/') return Number(a) / Number(b);
  const result = sign === '+' ? a + b : sign === '-' ? a - b : sign === '*' ? a * b : a % b;
  return checkedBigint(result, sign);
}

function decimalArithmetic(sign: Sign, a: Scaled, b: Scaled, type: DecimalShape): bigint {
  if ((sign === '/' || sign === '%') && b.unscaled === 0n) throw divisionByZero();
  const negated = { unscaled: -b.unscaled, scale: b.scale };
  const result =
    sign === '+'
      ? addDecimals(a, b, type.scale)
      : sign === '-'
        ? addDecimals(a, negated, type.scale)
        : sign === '*'
          ? multiplyDecimals(a, b, type.scale)
          : sign === '/'
            ? divideDecimals(a, b, type.scale)
            : remainderDecimals(a, b, type.scale);
  if (fitsPrecision(result, type.precision)) return result;
  throw new DataFault(
    'NUMERIC_OVERFLOW',
    `result of operator "${sign}" does not fit DECIMAL(${type.precision}, ${type.scale})`,
  );
}

export function checkedBigint(value: bigint, what: string): bigint {
  if (fitsBigint(value)) return value;
  throw new DataFault('NUMERIC_OVERFLOW', `result of operator "${what}" does not fit BIGINT`);
}

function divisionByZero(): DataFault {
  return new DataFault('DIVISION_BY_ZERO', 'division by zero');
}

interface Typed {
  readonly value: SqlValue;
  readonly type: SqlType;
}

function timeArithmetic(sign: Sign, a: Typed, b: Typed, type: SqlType): SqlValue {
  if (type.kind === 'bigint') return BigInt((a.value as number) - (b.value as number));
  if (type.kind === 'interval') return spanArithmetic(sign, a, b);
  const pointFirst = a.type.kind === 'timestamp' || a.type.kind === 'date';
  const [point, amount] = pointFirst ? [a, b] : [b, a];
  const size = Number(amount.value) * (sign === '-' ? -1 : 1);
  const unit = type.kind === 'date' ? MS_PER_DAY : 1;
  const start = (point.value as number) * unit;
  const inMonths = amount.type.kind === 'interval' && amount.type.unit === 'month';
  const inUnits = amount.type.kind === 'bigint';
  const moved = inMonths ? addMonths(start, size) : start + (inUnits ? size * unit : size);
  return checkedTimestamp(moved, `operator "${sign}"`) / unit;
}

/** Lengths of time stay whole numbers that a double holds. */
function spanArithmetic(sign: Sign, a: Typed, b: Typed): number {
  const [x, y] = [Number(a.value), Number(b.value)];
  const result = sign === '+' ? x + y : sign === '-' ? x - y : x * y;
  if (Number.isSafeInteger(result)) return result;
  throw new DataFault('NUMERIC_OVERFLOW', `result of operator "${sign}" does not fit INTERVAL`);
}

const ABOUT: Readonly<Record<Sign, string>> = {
  '+': 'a + b: the sum; moves a TIMESTAMP by an INTERVAL or by BIGINT milliseconds.',
  '-': 'a - b: the difference; TIMESTAMP − TIMESTAMP gives BIGINT milliseconds.',
  '*': 'a * b: the product; INTERVAL * BIGINT is an INTERVAL.',
  '/': 'a / b: the quotient; DOUBLE for two BIGINTs, x / 0 is a data error.',
  '%': 'a % b: the remainder with the sign of a; x % 0 is a data error.',
};

/** A written divisor is known not to be 0; sums of DECIMALs get a digit more while there is one. */
function mayFail(sign: Sign, second: ArgumentInfo | undefined, type: SqlType): boolean {
  if (sign === '%' || sign === '/') {
    const divisor = second?.literal;
    if (divisor === undefined || divisor === null || typeof divisor === 'string') return true;
    const size = Math.abs(Number(divisor));
    return sign === '%' ? !(size > 0) : type.kind !== 'double' || !(size >= 1);
  }
  return type.kind !== 'decimal' || type.precision === DECIMAL_PRECISION_MAX;
}

function arithmetic(name: Sign): ScalarFunction {
  return entry({
    name,
    arity: [2, 2],
    nulls: 'null',
    mayFail: (args, type) => mayFail(name, args[1], type),
    resolve: (args) => resolveArithmetic(name, args),
    evaluate: (args, types, type) => evaluateArithmetic(name, args, types, type),
    about: ABOUT[name],
  });
}

const negation: ScalarFunction = entry({
  name: 'neg',
  arity: [1, 1],
  nulls: 'null',
  resolve: ([argument]) => {
    const type = argument?.type.kind === 'null' ? BIGINT : (argument?.type ?? NULL_TYPE);
    if (isNumeric(type) || type.kind === 'interval') return { type, argTypes: [type] };
    return { key: 'TYPE_MISMATCH', message: `operator "-" does not take ${typeText(type)}` };
  },
  evaluate: ([value], [type]) => {
    if (type?.kind === 'bigint') return checkedBigint(-(value as bigint), '-');
    return typeof value === 'bigint' ? -value : -(value as number);
  },
  about: '-a: the number or INTERVAL with the other sign.',
});

export const ARITHMETIC: readonly ScalarFunction[] = [
  arithmetic('+'),
  arithmetic('-'),
  arithmetic('*'),
  arithmetic('/'),
  arithmetic('%'),
  negation,
];
