/**
 * Calls of registry functions as the binder would make them: resolve, cast the arguments, evaluate
 * with the interpreter. JavaScript values stand for literals of their SQL type.
 */
import { expect } from 'vitest';
import { NO_SPAN } from '../../src/base/span.js';
import { interpret } from '../../src/codegen/interpreter.js';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  INTERVAL_MONTH,
  INTERVAL_MS,
  NULL_TYPE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
  sameType,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { partsToDecimal, parseNumberText } from '../../src/functions/decimal.js';
import { parseDate, parseTimestamp } from '../../src/functions/time/time-format.js';
import { valueText } from '../../src/functions/value-text.js';
import { DataFault } from '../../src/functions/registry-types.js';
import type { ResolvedSignature, SignatureFault } from '../../src/functions/registry-types.js';
import { scalarFunction } from '../../src/functions/function-registry.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';

export interface Typed {
  readonly value: SqlValue;
  readonly type: SqlType;
  /** Whether the binder sees the value: false for what stands for a column. */
  readonly isLiteral: boolean;
}
export type Argument = Typed | null | boolean | number | bigint | string;

export const NOW_MS = 1_734_652_800_123;

export function typed(value: SqlValue, type: SqlType): Typed {
  return { value, type, isLiteral: true };
}

/** A value whose type only is known while binding. */
export function column(argument: Argument): Typed {
  return { ...toTyped(argument), isLiteral: false };
}

/** `1.50` is DECIMAL(3, 2). */
export function dec(text: string): Typed {
  const digits = text.replace(/^-/, '');
  const scale = digits.includes('.') ? digits.length - digits.indexOf('.') - 1 : 0;
  const precision = Math.max(digits.replace('.', '').replace(/^0+(?=\d)/, '').length, scale, 1);
  return decimal(text, precision, scale);
}

export function decimal(text: string, precision: number, scale: number): Typed {
  const parts = parseNumberText(text);
  const unscaled = parts && partsToDecimal(parts, precision, scale);
  if (unscaled === undefined) throw new Error(`bad decimal in a test: ${text}`);
  return typed(unscaled, decimalType(precision, scale));
}

export function ts(text: string): Typed {
  const ms = parseTimestamp(text);
  if (ms === undefined) throw new Error(`bad timestamp in a test: ${text}`);
  return typed(ms, TIMESTAMP);
}

export function date(text: string): Typed {
  const days = parseDate(text);
  if (days === undefined) throw new Error(`bad date in a test: ${text}`);
  return typed(days, DATE);
}

export const ms = (value: number): Typed => typed(value, INTERVAL_MS);
export const months = (value: number): Typed => typed(value, INTERVAL_MONTH);

export function array(element: SqlType, ...values: SqlValue[]): Typed {
  return typed(values, { kind: 'array', element });
}

export function toTyped(argument: Argument): Typed {
  if (argument === null) return typed(null, NULL_TYPE);
  switch (typeof argument) {
    case 'boolean':
      return typed(argument, BOOLEAN);
    case 'number':
      return typed(argument, DOUBLE);
    case 'bigint':
      return typed(argument, BIGINT);
    case 'string':
      return typed(argument, VARCHAR);
    default:
      return argument;
  }
}

export function resolve(name: string, ...args: Argument[]): ResolvedSignature | SignatureFault {
  const found = scalarFunction(name);
  if (found === undefined) throw new Error(`no function ${name}`);
  return found.resolve(
    args
      .map(toTyped)
      .map((arg) => ({ type: arg.type, literal: arg.isLiteral ? arg.value : undefined })),
  );
}

/** The bound call over columns 0, 1, … that hold the arguments. */
export function bind(name: string, ...args: Argument[]): BoundExpression {
  const resolved = resolve(name, ...args);
  if ('key' in resolved) throw new Error(`${resolved.key}: ${resolved.message}`);
  expect(resolved.argTypes).toHaveLength(args.length);
  const bound = args.map((argument, index): BoundExpression => {
    const { type } = toTyped(argument);
    const operand: BoundExpression = {
      kind: 'column',
      index,
      name: `c${index}`,
      type,
      span: NO_SPAN,
    };
    const target = resolved.argTypes[index] ?? type;
    if (sameType(type, target)) return operand;
    return { kind: 'cast', operand, safe: false, type: target, span: NO_SPAN };
  });
  const id = scalarFunction(name)?.name ?? name;
  return { kind: 'call', function: id, args: bound, type: resolved.type, span: NO_SPAN };
}

export function call(name: string, ...args: Argument[]): SqlValue {
  const row = args.map((argument) => toTyped(argument).value);
  return interpret(bind(name, ...args), row, { nowMs: NOW_MS });
}

/** The value as text, and the type: what a table of expectations compares. */
export function callText(name: string, ...args: Argument[]): string | null {
  const bound = bind(name, ...args);
  const value = call(name, ...args);
  return value === null ? null : valueText(value, bound.type);
}

/** The key of the data fault that the call ends in. */
export function faultOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DataFault) return error.key;
    throw error;
  }
  return 'no fault';
}

/** The fault of binding the call. */
export function signatureFault(name: string, ...args: Argument[]): SignatureFault {
  const resolved = resolve(name, ...args);
  if (!('key' in resolved)) throw new Error(`${name} resolved`);
  return resolved;
}

/** A readable name in front of every row of a table, for `test.each(labelled(rows))('%s', …)`. */
export function labelled<R extends readonly unknown[]>(rows: readonly R[]): [string, R][] {
  return rows.map((row) => [row.map(show).join(' '), row]);
}

function show(item: unknown): string {
  if (Array.isArray(item)) return `(${item.map(show).join(', ')})`;
  if (typeof item === 'object' && item !== null && 'isLiteral' in item) {
    const { value, type } = item as Typed;
    return value === null ? 'NULL' : valueText(value, type);
  }
  if (typeof item === 'bigint') return String(item);
  return Object.is(item, -0)
    ? '-0'
    : typeof item === 'string'
      ? JSON.stringify(item)
      : String(item);
}
