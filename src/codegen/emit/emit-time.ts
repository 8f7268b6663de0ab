/**
 * Times: TIMESTAMP ± INTERVAL, distances, EXTRACT and FLOOR(ts TO unit) with a literal unit. Values
 * and faults are those of functions/arithmetic and functions/time/time-units; patterns go through the
 * registry.
 */
import { code, quoted } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import {
  MS_PER_DAY,
  MS_PER_HOUR,
  MS_PER_MINUTE,
  MS_PER_SECOND,
  TIMESTAMP_MS_MAX,
  addMonths,
} from '../../functions/time/calendar.js';
import { parseTimeField, parseTimeUnit, timeField } from '../../functions/time/time-units.js';
import type { TimeField } from '../../functions/time/time-units.js';
import type { BoundCall } from '../../plan/expression/expression.js';
import { exactFromNumber, exactResult } from './emit-exact.js';
import type { DoubleValue, Emitted } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';

type Sign = '+' | '-' | '*' | '/' | '%';

/** TIMESTAMP ± INTERVAL or BIGINT milliseconds, and the distance of two TIMESTAMPs. */
export function emitTimeArithmetic(
  e: KernelEmitter,
  sign: Sign,
  a: Emitted,
  b: Emitted,
  type: SqlType,
): Emitted | undefined {
  if (sign !== '+' && sign !== '-') return undefined;
  const [point, amount] = a.type.kind === 'timestamp' ? [a, b] : [b, a];
  if (point.form !== 'double' || point.type.kind !== 'timestamp') return undefined;
  if (sign === '-' && amount.type.kind === 'timestamp' && amount.form === 'double') {
    const low = point.low - amount.high;
    const high = point.high - amount.low;
    const distance = { ...point, code: code`(${point.code} - ${amount.code})`, low, high };
    return exactFromNumber(e, distance, type, {
      key: 'NUMERIC_OVERFLOW',
      message: 'result of operator "-" does not fit BIGINT',
    });
  }
  return type.kind === 'timestamp' ? emitMove(e, sign, point, amount, type) : undefined;
}

function emitMove(
  e: KernelEmitter,
  sign: '+' | '-',
  point: DoubleValue,
  amount: Emitted,
  type: SqlType,
): Emitted | undefined {
  if (amount.form !== 'exact' && amount.form !== 'double') return undefined;
  const size = amount.form === 'exact' && amount.wide ? code`Number(${amount.code})` : amount.code;
  const isMonths = amount.type.kind === 'interval' && amount.type.unit === 'month';
  const low = Number(amount.low);
  const high = Number(amount.high);
  const moved: Code = isMonths
    ? code`${e.constant('addMonths', addMonths)}(${point.code}, ${sign === '+' ? size : code`-${size}`})`
    : sign === '+'
      ? code`(${point.code} + ${size})`
      : code`(${point.code} - ${size})`;
  const bounds =
    sign === '+'
      ? { low: point.low + low, high: point.high + high }
      : { low: point.low - high, high: point.high - low };
  const max = TIMESTAMP_MS_MAX;
  if (!isMonths && bounds.low >= -max && bounds.high <= max) {
    return { ...point, type, code: moved, ...bounds };
  }
  const ms = e.temp('ms', moved);
  const outside = code`!(${ms} <= ${max} && ${ms} >= ${-max})`;
  e.failWhen(outside, 'NUMERIC_OVERFLOW', `result of operator "${sign}" does not fit TIMESTAMP`);
  return { ...point, type, code: ms, low: -max, high: max };
}

/** Functions of one time that are EXTRACT under another name. */
const FIELDS: Readonly<Record<string, TimeField>> = {
  YEAR: 'YEAR',
  QUARTER: 'QUARTER',
  MONTH: 'MONTH',
  WEEK: 'WEEK',
  DAYOFYEAR: 'DOY',
  DAYOFMONTH: 'DAY',
  HOUR: 'HOUR',
  MINUTE: 'MINUTE',
  SECOND: 'SECOND',
};

/** Units whose starts divide the range of TIMESTAMP, so that rounding down never leaves it. */
const UNITS_MS: Readonly<Record<string, number>> = {
  SECOND: MS_PER_SECOND,
  MINUTE: MS_PER_MINUTE,
  HOUR: MS_PER_HOUR,
  DAY: MS_PER_DAY,
};

/** Whether the call has an inline form: a field, or rounding a TIMESTAMP down to a short unit. */
export function isTimeFunction(call: BoundCall): boolean {
  return fieldOf(call) !== undefined || unitMsOf(call) !== undefined;
}

function fieldOf(call: BoundCall): TimeField | undefined {
  if (call.function !== 'EXTRACT') return FIELDS[call.function];
  const text = literalText(call);
  return text === undefined ? undefined : parseTimeField(text);
}

function unitMsOf(call: BoundCall): number | undefined {
  if (call.function !== 'FLOOR_TO' || call.type.kind !== 'timestamp') return undefined;
  const text = literalText(call);
  return UNITS_MS[(text === undefined ? undefined : parseTimeUnit(text)) ?? ''];
}

function literalText({ args }: BoundCall): string | undefined {
  const [unit] = args;
  return unit?.kind === 'literal' && typeof unit.value === 'string' ? unit.value : undefined;
}

/** The call over a time that is not NULL. */
export function emitTimeFunction(
  e: KernelEmitter,
  call: BoundCall,
  time: Emitted,
): Emitted | undefined {
  const field = fieldOf(call);
  const unitMs = unitMsOf(call);
  if (time.form !== 'double' || time.type.kind !== 'timestamp') return undefined;
  if (field !== undefined) return emitField(e, field, e.temp('ms', time.code), call.type);
  if (unitMs === undefined) return undefined;
  return {
    ...time,
    type: call.type,
    code: code`(Math.floor(${time.code} / ${unitMs}) * ${unitMs})`,
  };
}

/** A quotient of milliseconds is rounded to a double between the same two whole numbers. */
function emitField(e: KernelEmitter, field: TimeField, ms: Code, type: SqlType): Emitted {
  const whole = (unit: number): Code => code`Math.floor(${ms} / ${unit})`;
  const within = (unit: number, larger: number): Code =>
    code`(${whole(unit)} - ${whole(larger)} * ${larger / unit})`;
  switch (field) {
    case 'EPOCH':
      return exactResult(code`(${whole(MS_PER_SECOND)} + 0)`, type, fieldShape(8_640_000_000_000n));
    case 'HOUR':
      return exactResult(within(MS_PER_HOUR, MS_PER_DAY), type, fieldShape(23n));
    case 'MINUTE':
      return exactResult(within(MS_PER_MINUTE, MS_PER_HOUR), type, fieldShape(59n));
    case 'SECOND':
      return exactResult(within(MS_PER_SECOND, MS_PER_MINUTE), type, fieldShape(59n));
    default: {
      const read = e.constant('timeField', timeField);
      const value = code`(${read}(${quoted(field)}, ${ms}) + 0)`;
      return exactResult(value, type, fieldShape(999_000_000n));
    }
  }
}

function fieldShape(max: bigint): Parameters<typeof exactResult>[2] {
  return { low: -max, high: max, wide: false, scale: 0 };
}
