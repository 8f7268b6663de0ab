/**
 * Conversions that the binder adds: a BIGINT as the DOUBLE it stands beside, which must not lose
 * digits, and the range of TINYINT, SMALLINT and INT. Values and faults are those of
 * functions/conversion; written casts are emit-cast.
 */
import { code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import { ROUNDED_TEXT } from '../../functions/cast.js';
import { integerRange } from '../../functions/conversion.js';
import type { BoundCall } from '../../plan/expression/expression.js';
import { within } from './emit-exact.js';
import type { DoubleValue, ExactValue } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';
import { isRounded } from '../kernel-support.js';

/** A BIGINT as a DOUBLE; undefined for what is inside of nested values. */
export function emitUnified(
  e: KernelEmitter,
  value: ExactValue,
  type: SqlType,
): DoubleValue | undefined {
  if (type.kind !== 'double') return undefined;
  const bounds = { low: Number(value.low), high: Number(value.high) };
  if (!value.wide) return { form: 'double', type, isNull: null, code: value.code, ...bounds };
  const big = e.temp('whole', value.code);
  const number = e.temp('number', code`Number(${big})`);
  const rounded = e.constant('isRounded', isRounded);
  e.failWhen(code`${rounded}(${number}, ${big})`, 'NUMERIC_OVERFLOW', ROUNDED_TEXT);
  return { form: 'double', type, isNull: null, code: number, ...bounds };
}

/** `checked(x, name)`: the range of the integer type of that name. */
export function emitChecked(
  e: KernelEmitter,
  value: ExactValue,
  { args, type }: BoundCall,
): ExactValue | undefined {
  const name = args[1];
  if (name?.kind !== 'literal') return undefined;
  const [low, high] = integerRange(name.value);
  const message = `the value does not convert to ${String(name.value)}`;
  return within(e, { ...value, type }, { low, high }, { key: 'CAST_FAILED', message });
}
