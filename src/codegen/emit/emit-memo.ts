/**
 * The kernel's side of a memo table: look up the state of a key in place, call the site on a miss,
 * fail or bail as the state says. Tables and states are memo-site, what is memoised memo-input.
 */
import { code } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import type { BoundExpression } from '../../plan/expression/expression.js';
import { expressionKey } from '../../plan/expression/expression-walk.js';
import { numberBounds } from './emit-generic.js';
import { booleanValue } from './emit-truth.js';
import { codesAt, textValue } from './emit-text.js';
import { SAFE_MAX, clipped, isInt32, isSafe, scaleOfType, typeRange } from './emitted.js';
import type { Emitted } from './emitted.js';
import { interpret } from '../interpreter.js';
import type { KernelEmitter } from './kernel-emitter.js';
import { memoInput, overMemoInput } from './memo-input.js';
import type { MemoInput } from './memo-input.js';
import { FAILS, IS_NULL, TOO_WIDE, UNKNOWN } from '../memo/memo-site.js';
import { isNullable } from './nullability.js';

/** The expression through a memo table, or undefined when it has no use for one. */
export function emitMemo(e: KernelEmitter, expression: BoundExpression): Emitted | undefined {
  const input = memoInput(expression, (column) => e.inputs[column]?.kind);
  if (input === undefined || !holdsResult(e, expression)) return undefined;
  const computed = overMemoInput(expression, input);
  const memo = e.runtime.memo(expressionKey(expression), expression, (value) =>
    interpret(computed, [value], e.runtime.context),
  );
  if (memo.exhausted) return undefined;
  const name = e.constant('memo', memo);
  const value = e.emit(input.expression);
  if (value.form === 'exact' && value.wide) return undefined;
  const nullWhen = value.isNull === null ? null : e.temp('key_null', value.isNull);
  const key = input.kind === 'codes' ? codesAt(e, input.expression.index) : keyOf(value);
  const states = statesOf(e, name, input);
  const place = { name, key: e.temp('key', key), states, nullWhen };
  const lookup = lookedUp(e, place, value, expression.type);
  return resultOf(expression, lookup, nullWhen !== null);
}

/** A wide kernel cannot keep BIGINT and DECIMAL in a table of doubles. */
function holdsResult(e: KernelEmitter, { type }: BoundExpression): boolean {
  const isExact = type.kind === 'bigint' || type.kind === 'decimal';
  return e.mode === 'narrow' || !isExact || isSafe(typeRange(type));
}

function keyOf(value: Emitted): Code {
  return value.form === 'exact' ? value.code : code`0`;
}

function statesOf(e: KernelEmitter, name: Code, input: MemoInput): Code {
  const states =
    input.kind === 'codes'
      ? code`${name}.statesOfCodes(${e.input(input.expression.index, 'dictionary')})`
      : code`${name}.statesOfNumbers()`;
  return e.beforeLoop(`${name.text}_states`, states);
}

interface Place {
  readonly name: Code;
  readonly key: Code;
  readonly states: Code;
  readonly nullWhen: Code | null;
}

interface Lookup {
  readonly state: Code;
  /** The value of a numeric result. */
  readonly number: Code;
}

function lookedUp(e: KernelEmitter, place: Place, value: Emitted, type: SqlType): Lookup {
  const { name, key, nullWhen } = place;
  const isNumeric = type.kind !== 'varchar' && type.kind !== 'boolean';
  const state = e.variable('state', knownState(e, place, value));
  const number = isNumeric ? e.variable('number', knownNumber(e, place, state)) : code`0`;
  const miss =
    value.form === 'text' ? code`${name}.missCode(${key})` : code`${name}.missNumber(${key})`;
  const missed = nullWhen === null ? miss : code`${nullWhen} ? ${name}.missNull() : ${miss}`;
  e.body.open(code`if (${state} < 0)`);
  e.body.open(code`if (${state} === ${UNKNOWN})`);
  e.body.line(code`${state} = ${missed};`);
  if (isNumeric) e.body.line(code`${number} = ${name}.number[0];`);
  e.bailWhen(code`${name}.exhausted`);
  e.body.close();
  e.body.open(code`if (${state} === ${FAILS})`);
  e.failDynamic(name);
  e.body.close();
  if (isNumeric) e.bailWhen(code`${state} === ${TOO_WIDE}`);
  e.body.close();
  return { state, number };
}

function knownState(e: KernelEmitter, place: Place, value: Emitted): Code {
  const { name, key, states, nullWhen } = place;
  const found = code`${states}[${key}]`;
  if (value.form === 'text') {
    return nullWhen === null ? found : code`${nullWhen} ? ${UNKNOWN} : ${found}`;
  }
  const length = e.beforeLoop(`${name.text}_length`, code`${states}.length`);
  const isWord = value.form === 'exact' && isInt32(value);
  const inside = isWord
    ? code`(${key} >>> 0) < ${length}`
    : code`${key} >= 0 && ${key} < ${length}`;
  const known = nullWhen === null ? inside : code`!${nullWhen} && ${inside}`;
  return code`${known} ? ${found} : ${UNKNOWN}`;
}

function knownNumber(e: KernelEmitter, { name, key }: Place, state: Code): Code {
  const numbers = e.beforeLoop(`${name.text}_numbers`, code`${name}.numbers()`);
  return code`${state} === 0 ? ${numbers}[${key}] : 0`;
}

function resultOf(
  expression: BoundExpression,
  { state, number }: Lookup,
  hasNullKey: boolean,
): Emitted {
  const { type } = expression;
  const mayBeNull = isNullable(expression, () => hasNullKey);
  const isNull = mayBeNull ? code`(${state} === ${IS_NULL})` : null;
  switch (type.kind) {
    case 'varchar':
      return textValue({ kind: 'pool', code: state }, isNull, type);
    case 'boolean':
      return booleanValue(code`(${state} === 1)`, isNull);
    case 'bigint':
    case 'decimal': {
      const bounds = clipped(typeRange(type), { low: -SAFE_MAX, high: SAFE_MAX });
      const scale = scaleOfType(type);
      return { form: 'exact', type, isNull, code: number, wide: false, ...bounds, scale };
    }
    default:
      return { form: 'double', type, isNull, code: number, ...numberBounds(type) };
  }
}
