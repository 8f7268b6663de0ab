/**
 * Arithmetic and functions of DOUBLE. Owns the range analysis that spares the test for overflow:
 * where operands are known to be finite and small enough, no check is emitted. Values and faults
 * are those of functions/arithmetic and functions/maths.
 */
import { code } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import { DOUBLE } from '../../columnar/types.js';
import { isFiniteRange } from './emitted.js';
import type { DoubleValue } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';
import { leftDoubles, roundDouble, roundDigits } from '../kernel-support.js';

const MAX = Number.MAX_VALUE;

interface Bounds {
  readonly low: number;
  readonly high: number;
}
const ANY: Bounds = { low: -Infinity, high: Infinity };
const FINITE: Bounds = { low: -MAX, high: MAX };

export function doubleValue(fragment: Code, bounds: Bounds, type: SqlType = DOUBLE): DoubleValue {
  return { form: 'double', type, isNull: null, code: fragment, low: bounds.low, high: bounds.high };
}

/**
 * A result with its overflow check. The result of finite operands that is no finite number fails;
 * of others it is what IEEE arithmetic says.
 */
function finite(
  e: KernelEmitter,
  raw: DoubleValue,
  what: string,
  operands: readonly DoubleValue[],
): DoubleValue {
  if (isFiniteRange(raw)) return raw;
  const result = e.temp('result', raw.code);
  const message = `result of ${what} does not fit DOUBLE`;
  const loose = operands.filter((operand) => !isFiniteRange(operand));
  const [a, b = a] = loose;
  if (a === undefined || b === undefined) {
    e.failWhen(code`${result} - ${result} !== 0`, 'NUMERIC_OVERFLOW', message);
    return { ...raw, code: result, ...clip(raw) };
  }
  const left = e.constant('leftDoubles', leftDoubles);
  const escaped = code`${left}(${result}, ${a.code}, ${b.code})`;
  e.failWhen(code`${result} - ${result} !== 0 && ${escaped}`, 'NUMERIC_OVERFLOW', message);
  return { ...raw, code: result, ...ANY };
}

function clip({ low, high }: Bounds): Bounds {
  return { low: Math.max(low, -MAX), high: Math.min(high, MAX) };
}

function named(e: KernelEmitter, value: DoubleValue, wish: string): DoubleValue {
  return isFiniteRange(value) ? value : { ...value, code: e.temp(wish, value.code) };
}

export type DoubleSign = '+' | '-' | '*' | '/' | '%';

const SYMBOLS: Readonly<Record<DoubleSign, Code>> = {
  '+': code`+`,
  '-': code`-`,
  '*': code`*`,
  '/': code`/`,
  '%': code`%`,
};

export function emitDoubleArithmetic(
  e: KernelEmitter,
  sign: DoubleSign,
  left: DoubleValue,
  right: DoubleValue,
): DoubleValue {
  const a = named(e, left, 'left');
  const b = sign === '/' || sign === '%' ? failOnZero(e, right) : named(e, right, 'right');
  const bounds = isFiniteRange(a) && isFiniteRange(b) ? resultBounds(sign, a, b) : ANY;
  const raw = doubleValue(code`(${a.code} ${SYMBOLS[sign]} ${b.code})`, bounds);
  return finite(e, raw, `operator "${sign}"`, [a, b]);
}

function failOnZero(e: KernelEmitter, divisor: DoubleValue): DoubleValue {
  if (divisor.low > 0 || divisor.high < 0) return divisor;
  const checked = { ...divisor, code: e.temp('divisor', divisor.code) };
  e.failWhen(code`${checked.code} === 0`, 'DIVISION_BY_ZERO', 'division by zero');
  return checked;
}

/** Rounding is monotonic, so the rounded results of the corners bound all results. */
function resultBounds(sign: DoubleSign, a: Bounds, b: Bounds): Bounds {
  switch (sign) {
    case '+':
      return { low: a.low + b.low, high: a.high + b.high };
    case '-':
      return { low: a.low - b.high, high: a.high - b.low };
    case '*':
      return corners([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]);
    case '/':
      if (b.low <= 0 && b.high >= 0) return ANY;
      return corners([a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high]);
    case '%':
      return { low: Math.min(a.low, 0), high: Math.max(a.high, 0) };
  }
}

function corners(values: readonly number[]): Bounds {
  return { low: Math.min(...values), high: Math.max(...values) };
}

export function emitDoubleNegation(value: DoubleValue, type: SqlType): DoubleValue {
  return doubleValue(code`(-${value.code})`, { low: -value.high, high: -value.low }, type);
}

interface MathsFunction {
  readonly call: (e: KernelEmitter, x: Code) => Code;
  /** Of a finite operand. */
  readonly bounds: (x: Bounds) => Bounds;
  /** Where the function is not defined. */
  readonly undefinedWhen?: (x: Bounds) => '<0' | '<=0' | 'not unit' | null;
}

const unit: Bounds = { low: -1, high: 1 };
const angle: Bounds = { low: -4, high: 4 };
const logBounds: Bounds = { low: -1100, high: 1100 };
const always = (bounds: Bounds) => (): Bounds => bounds;
const monotonic =
  (compute: (x: number) => number) =>
  (x: Bounds): Bounds => ({ low: compute(x.low), high: compute(x.high) });
const notPositive = (x: Bounds): '<=0' | null => (x.low > 0 ? null : '<=0');
const notUnit = (x: Bounds): 'not unit' | null => (x.low >= -1 && x.high <= 1 ? null : 'not unit');

const MATHS: Readonly<Record<string, MathsFunction>> = {
  SQRT: {
    call: (_e, x) => code`Math.sqrt(${x})`,
    bounds: ({ high }) => ({ low: 0, high: Math.sqrt(Math.max(high, 0)) }),
    undefinedWhen: (x) => (x.low >= 0 ? null : '<0'),
  },
  SIN: { call: (_e, x) => code`Math.sin(${x})`, bounds: always(unit) },
  COS: { call: (_e, x) => code`Math.cos(${x})`, bounds: always(unit) },
  TAN: { call: (_e, x) => code`Math.tan(${x})`, bounds: always(ANY) },
  ASIN: { call: (_e, x) => code`Math.asin(${x})`, bounds: always(angle), undefinedWhen: notUnit },
  ACOS: { call: (_e, x) => code`Math.acos(${x})`, bounds: always(angle), undefinedWhen: notUnit },
  ATAN: { call: (_e, x) => code`Math.atan(${x})`, bounds: always(angle) },
  EXP: {
    call: (_e, x) => code`Math.exp(${x})`,
    bounds: ({ high }) => ({ low: 0, high: high < 700 ? Math.exp(700) : Infinity }),
  },
  LN: {
    call: (_e, x) => code`Math.log(${x})`,
    bounds: always(logBounds),
    undefinedWhen: notPositive,
  },
  LOG10: {
    call: (_e, x) => code`Math.log10(${x})`,
    bounds: always(logBounds),
    undefinedWhen: notPositive,
  },
  LOG2: {
    call: (_e, x) => code`Math.log2(${x})`,
    bounds: always(logBounds),
    undefinedWhen: notPositive,
  },
  ABS: {
    call: (_e, x) => code`Math.abs(${x})`,
    bounds: ({ low, high }) => ({ low: 0, high: Math.max(Math.abs(low), Math.abs(high)) }),
  },
  SIGN: { call: (_e, x) => code`Math.sign(${x})`, bounds: always(unit) },
  FLOOR: { call: (_e, x) => code`Math.floor(${x})`, bounds: monotonic(Math.floor) },
  CEIL: { call: (_e, x) => code`Math.ceil(${x})`, bounds: monotonic(Math.ceil) },
  ROUND: {
    call: (e, x) => code`${e.constant('roundDouble', roundDouble)}(${x})`,
    bounds: ({ low, high }) => ({ low: Math.floor(low), high: Math.ceil(high) }),
  },
};

export function isDoubleFunction(name: string): boolean {
  return name in MATHS || name === 'POWER' || name === 'ATAN2';
}

/** A function of one DOUBLE. */
export function emitDoubleFunction(
  e: KernelEmitter,
  name: string,
  argument: DoubleValue,
): DoubleValue | undefined {
  const maths = MATHS[name];
  if (maths === undefined) return undefined;
  const undefinedWhen = maths.undefinedWhen?.(argument) ?? null;
  const mustName = undefinedWhen !== null || !isFiniteRange(argument);
  const x = mustName ? { ...argument, code: e.temp('x', argument.code) } : argument;
  if (undefinedWhen !== null) {
    const outside =
      undefinedWhen === '<0'
        ? code`${x.code} < 0`
        : undefinedWhen === '<=0'
          ? code`${x.code} <= 0`
          : code`${x.code} < -1 || ${x.code} > 1`;
    e.failWhen(outside, 'NUMERIC_DOMAIN', `function "${name}" is not defined for this number`);
  }
  const bounds = isFiniteRange(x) ? maths.bounds(x) : ANY;
  return finite(e, doubleValue(maths.call(e, x.code), bounds), `function "${name}"`, [x]);
}

export function emitPower(e: KernelEmitter, base: DoubleValue, exponent: DoubleValue): DoubleValue {
  const x = { ...base, code: e.temp('base', base.code) };
  const y = { ...exponent, code: e.temp('exponent', exponent.code) };
  if (x.low <= 0 && x.high >= 0 && !(y.low >= 0)) {
    const outside = code`${x.code} === 0 && ${y.code} < 0`;
    e.failWhen(outside, 'NUMERIC_DOMAIN', 'function "POWER" is not defined for 0');
  }
  const what = 'function "POWER"';
  const result = e.temp('power', code`${x.code} ** ${y.code}`);
  if (!(x.low >= 0)) {
    // NaN out of finite operands: a root of a number below 0.
    const left = e.constant('leftDoubles', leftDoubles);
    const isUndefined = code`${result} !== ${result} && ${left}(${result}, ${x.code}, ${y.code})`;
    e.failWhen(isUndefined, 'NUMERIC_DOMAIN', `${what} is not defined here`);
  }
  return finite(e, doubleValue(result, ANY), what, [x, y]);
}

export function emitArcTangent2(y: DoubleValue, x: DoubleValue): DoubleValue {
  const bounds = isFiniteRange(y) && isFiniteRange(x) ? angle : ANY;
  return doubleValue(code`Math.atan2(${y.code}, ${x.code})`, bounds);
}

/** ROUND(x, digits) for 1 to 15 digits. `slow` decides where the product is too near to a half. */
export function emitRoundDigits(
  e: KernelEmitter,
  argument: DoubleValue,
  digits: number,
  slow: (x: DoubleValue) => DoubleValue,
): DoubleValue {
  const x = { ...argument, code: e.temp('x', argument.code) };
  const round = e.constant('roundDigits', roundDigits);
  const bounds = isFiniteRange(x) ? FINITE : ANY;
  const fast = e.temp('fast', code`${round}(${x.code}, ${10 ** digits})`);
  const branch = e.branch(() => slow(x));
  const target = e.variable('rounded', fast);
  e.within(branch.body, () => {
    if (branch.value.form === 'double') e.body.line(code`${target} = ${branch.value.code};`);
  });
  e.body
    .open(code`if (${fast} !== ${fast})`)
    .append(branch.body)
    .close();
  return doubleValue(target, bounds);
}
