/**
 * Casts. Owns the inline ones: among numbers, times and BOOLEAN, and from plain numbers to text;
 * every other cast calls functions/cast. What does not fit is a CAST_FAILED of the row.
 */
import { code } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import { sameType, typeText } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { MS_PER_DAY } from '../../functions/time/calendar.js';
import type { BoundCast } from '../../plan/expression/expression.js';
import type { KernelFailure } from '../memo/memo-site.js';
import { asBigInt, dropDigits, exactFromNumber, fitted } from './emit-exact.js';
import { emitCastSite, nullOf, numberBounds } from './emit-generic.js';
import { textValue } from './emit-text.js';
import { scaleOfType } from './emitted.js';
import type { BooleanValue, DoubleValue, Emitted, ExactValue } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';
import { decimalAsDouble, roundHalfAway } from '../kernel-support.js';

/** Whether the cast has an inline form (which may still be left for TRY_CAST). */
export function hasInlineCast(from: SqlType, to: SqlType): boolean {
  if (sameType(from, to) || from.kind === 'null') return true;
  return INLINE[from.kind]?.includes(to.kind) ?? false;
}

const INLINE: Readonly<Partial<Record<SqlType['kind'], readonly SqlType['kind'][]>>> = {
  boolean: ['bigint', 'double', 'decimal', 'varchar'],
  bigint: ['double', 'decimal', 'timestamp', 'boolean', 'varchar'],
  decimal: ['double', 'decimal', 'bigint', 'boolean'],
  double: ['bigint', 'boolean', 'varchar'],
  timestamp: ['bigint', 'date'],
  date: ['timestamp', 'bigint'],
  interval: ['bigint'],
};

export function emitCast(e: KernelEmitter, cast: BoundCast, operand: Emitted): Emitted {
  const to = cast.type;
  if (operand.isNull?.text === 'true') return nullOf(to);
  if (sameType(cast.operand.type, to)) return operand;
  if (!hasInlineCast(cast.operand.type, to) || (cast.safe && mayFail(cast.operand.type, to))) {
    return emitCastSite(e, cast, operand);
  }
  return e.strict(operand.isNull, 'cast', () => inlineCast(e, { ...operand, isNull: null }, to));
}

function castFailure(to: SqlType): KernelFailure {
  return { key: 'CAST_FAILED', message: `the value does not convert to ${typeText(to)}` };
}

/** TRY_CAST must not fail the row: only casts that never do are inline for it. */
function mayFail(from: SqlType, to: SqlType): boolean {
  const never: readonly SqlType['kind'][] = ['double', 'boolean', 'varchar'];
  return !never.includes(to.kind) && !(from.kind === 'timestamp' || from.kind === 'date');
}

function inlineCast(e: KernelEmitter, operand: Emitted, to: SqlType): Emitted {
  switch (operand.form) {
    case 'boolean':
      return fromBoolean(e, operand, to);
    case 'exact':
      return fromExact(e, operand, to);
    case 'double':
      return fromDouble(e, operand, to);
    case 'text':
    case 'other':
      return operand;
  }
}

function fromBoolean(e: KernelEmitter, operand: BooleanValue, to: SqlType): Emitted {
  const number = code`(${operand.code} ? 1 : 0)`;
  if (to.kind === 'double') {
    return { form: 'double', type: to, isNull: null, code: number, low: 0, high: 1 };
  }
  if (to.kind === 'varchar') {
    const text = code`(${operand.code} ? 'true' : 'false')`;
    return textValue({ kind: 'string', code: text }, null, to);
  }
  const shape = { wide: false, low: 0n, high: 1n, scale: 0 };
  const digit: ExactValue = { form: 'exact', type: to, isNull: null, code: number, ...shape };
  return fitted(e, digit, to, castFailure(to));
}

function fromExact(e: KernelEmitter, operand: ExactValue, to: SqlType): Emitted {
  switch (to.kind) {
    case 'double':
      return toDouble(e, operand, to);
    case 'boolean':
      return {
        form: 'boolean',
        type: to,
        isNull: null,
        code: code`(${operand.code} !== ${operand.wide ? 0n : 0})`,
      };
    case 'varchar':
      return textValue({ kind: 'string', code: code`String(${operand.code})` }, null, to);
    case 'timestamp':
      return toTimestamp(e, operand, to);
    default: {
      const excess = operand.scale - scaleOfType(to);
      const rounded = excess > 0 ? dropDigits(e, operand, excess) : operand;
      return fitted(e, rounded, to, castFailure(to));
    }
  }
}

/** One division of two exact doubles is correctly rounded; a wide value goes through its text. */
function toDouble(e: KernelEmitter, operand: ExactValue, to: SqlType): DoubleValue {
  const unit = 10 ** operand.scale;
  const bounds = { low: Number(operand.low) / unit, high: Number(operand.high) / unit };
  const result = (fragment: Code): DoubleValue => ({
    form: 'double',
    type: to,
    isNull: null,
    code: fragment,
    ...bounds,
  });
  if (operand.scale === 0) {
    return result(operand.wide ? code`Number(${operand.code})` : operand.code);
  }
  if (!operand.wide && operand.scale <= 22) return result(code`(${operand.code} / ${unit})`);
  const convert = e.constant('decimalAsDouble', decimalAsDouble);
  return result(code`${convert}(${asBigInt(e, operand)}, ${operand.scale})`);
}

function toTimestamp(e: KernelEmitter, operand: ExactValue, to: SqlType): DoubleValue {
  const { high: max } = numberBounds(to);
  const raw = operand.wide ? code`Number(${operand.code})` : operand.code;
  if (operand.low >= -8_640_000_000_000_000n && operand.high <= 8_640_000_000_000_000n) {
    const bounds = { low: Number(operand.low), high: Number(operand.high) };
    return { form: 'double', type: to, isNull: null, code: raw, ...bounds };
  }
  const ms = e.temp('ms', raw);
  const outside = code`!(${ms} <= ${max} && ${ms} >= ${-max})`;
  const { key, message } = castFailure(to);
  e.failWhen(outside, key, message);
  return { form: 'double', type: to, isNull: null, code: ms, low: -max, high: max };
}

function fromDouble(e: KernelEmitter, operand: DoubleValue, to: SqlType): Emitted {
  const from = operand.type.kind;
  if (to.kind === 'boolean') {
    return { form: 'boolean', type: to, isNull: null, code: code`(${operand.code} !== 0)` };
  }
  if (to.kind === 'varchar') {
    return textValue({ kind: 'string', code: code`String(${operand.code})` }, null, to);
  }
  if (to.kind === 'timestamp') {
    const bounds = { low: operand.low * MS_PER_DAY, high: operand.high * MS_PER_DAY };
    const ms = code`(${operand.code} * ${MS_PER_DAY})`;
    return { form: 'double', type: to, isNull: null, code: ms, ...bounds };
  }
  if (to.kind === 'date') {
    const bounds = numberBounds(to);
    const days = code`Math.floor(${operand.code} / ${MS_PER_DAY})`;
    return { form: 'double', type: to, isNull: null, code: days, ...bounds };
  }
  const rounded =
    from === 'double'
      ? code`${e.constant('roundHalfAway', roundHalfAway)}(${operand.code})`
      : operand.code;
  return exactFromNumber(e, { ...operand, code: rounded }, to, castFailure(to));
}
