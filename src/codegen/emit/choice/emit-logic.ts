/**
 * What decides which operands are reached: AND, OR, CASE, COALESCE, IN; and the tests of NULL and
 * truth. Operands that need no statements become plain JavaScript operators; others stand in
 * nested blocks, so that an expression fails only for rows that reach it.
 */
import { code, joined } from '../../../base/js-code.js';
import type { Code } from '../../../base/js-code.js';
import type { SqlType } from '../../../columnar/types.js';
import type {
  BoundCase,
  BoundCoalesce,
  BoundExpression,
  BoundLogical,
} from '../../../plan/expression/expression.js';
import { NESTED_MAX, emitManyCase, emitManyCoalesce, emitManyLogical } from './emit-many.js';
import { unified } from '../emit-join.js';
import { booleanValue, isFalse, isTrue } from '../emit-truth.js';
import { both, either } from '../emitted.js';
import type { BooleanValue, Emitted } from '../emitted.js';
import type { Branch, KernelEmitter } from '../kernel-emitter.js';
import { fragmentOf } from '../kernel-emitter.js';

export function emitLogical(e: KernelEmitter, logical: BoundLogical): BooleanValue {
  if (logical.operands.length > NESTED_MAX) return emitManyLogical(e, logical);
  const [first, ...rest] = logical.operands;
  const isAnd = logical.operator === 'and';
  if (first === undefined) return booleanValue(code`${isAnd}`);
  return rest.reduce<BooleanValue>(
    (left, operand) => emitPair(e, isAnd, left, operand),
    asBoolean(e.emit(first)),
  );
}

function asBoolean(value: Emitted): BooleanValue {
  return value.form === 'boolean' ? value : booleanValue(code`false`, code`true`);
}

/** `left AND operand` or `left OR operand`: the operand is reached unless `left` decides. */
function emitPair(
  e: KernelEmitter,
  isAnd: boolean,
  left: BooleanValue,
  operand: BoundExpression,
): BooleanValue {
  const { body, value } = e.branch(() => e.emit(operand));
  const right = asBoolean(value);
  if (body.length === 0) return plainPair(e, isAnd, left, right);
  const a = e.bound(left, 'left');
  const target = e.declare(
    booleanValue(code`false`, either(a.isNull, right.isNull)),
    isAnd ? 'and' : 'or',
  );
  e.within(body, () => {
    e.assign(target, plainPair(e, isAnd, a, right));
  });
  const decided = isAnd ? isFalse(a) : isTrue(a);
  e.body.open(code`if (!${decided})`).append(body);
  if (!isAnd) e.body.between(code`else`).line(code`${target.code} = true;`);
  e.body.close();
  return target;
}

function plainPair(
  e: KernelEmitter,
  isAnd: boolean,
  left: BooleanValue,
  right: BooleanValue,
): BooleanValue {
  if (left.isNull === null && right.isNull === null) {
    return booleanValue(
      isAnd ? code`(${left.code} && ${right.code})` : code`(${left.code} || ${right.code})`,
    );
  }
  const a = e.bound(left, 'left');
  const b = e.bound(right, 'right');
  const value = isAnd ? code`(${isTrue(a)} && ${isTrue(b)})` : code`(${isTrue(a)} || ${isTrue(b)})`;
  const decided = isAnd
    ? code`(${isFalse(a)} || ${isFalse(b)})`
    : code`(${isTrue(a)} || ${isTrue(b)})`;
  const isNull = code`(!${decided} && ${either(a.isNull, b.isNull) ?? code`false`})`;
  return booleanValue(value, isNull);
}

export function emitCase(e: KernelEmitter, expression: BoundCase): Emitted {
  if (expression.branches.length > NESTED_MAX) return emitManyCase(e, expression);
  return emitBranches(e, expression, 0);
}

function emitBranches(e: KernelEmitter, expression: BoundCase, from: number): Emitted {
  const branch = expression.branches[from];
  if (branch === undefined) return e.emit(expression.otherwise);
  const condition = isTrue(e.emit(branch.when));
  const then = e.branch(() => e.emit(branch.then));
  const otherwise = e.branch(() => emitBranches(e, expression, from + 1));
  return choose(e, condition, then, otherwise, expression.type);
}

export function emitCoalesce(e: KernelEmitter, expression: BoundCoalesce): Emitted {
  const { operands, type } = expression;
  if (operands.length > NESTED_MAX) return emitManyCoalesce(e, operands, type);
  return coalesced(e, operands, 0, type);
}

function coalesced(
  e: KernelEmitter,
  operands: readonly BoundExpression[],
  from: number,
  type: SqlType,
): Emitted {
  const operand = operands[from];
  const first = operand === undefined ? undefined : e.emit(operand);
  if (first === undefined) return booleanValue(code`false`, code`true`);
  if (first.isNull === null || from === operands.length - 1) return first;
  if (first.isNull.text === 'true') return coalesced(e, operands, from + 1, type);
  const named = e.bound(first, 'first');
  const known = e.branch(() => ({ ...named, isNull: null }));
  const rest = e.branch(() => coalesced(e, operands, from + 1, type));
  return choose(e, code`!${named.isNull ?? code`false`}`, known, rest, type);
}

/** `condition ? then : otherwise`, in one form; statements of a side are reached on that side only. */
function choose(
  e: KernelEmitter,
  condition: Code,
  then: Branch,
  otherwise: Branch,
  type: SqlType,
): Emitted {
  const [a, b] = unified(e, [then, otherwise], type);
  if (a === undefined || b === undefined) return then.value;
  const isPlain = then.body.length === 0 && otherwise.body.length === 0;
  const test = e.temp('condition', condition);
  if (isPlain) return chosen(test, a, b);
  const shape = { ...a, isNull: either(a.isNull, b.isNull) } as Emitted;
  const target = e.declare(shape, 'chosen');
  e.within(then.body, () => {
    e.assign(target, a);
  });
  e.within(otherwise.body, () => {
    e.assign(target, b);
  });
  e.body
    .open(code`if (${test})`)
    .append(then.body)
    .between(code`else`)
    .append(otherwise.body);
  e.body.close();
  return target;
}

function chosen(test: Code, a: Emitted, b: Emitted): Emitted {
  const isNull =
    a.isNull === null && b.isNull === null
      ? null
      : code`(${test} ? ${a.isNull ?? false} : ${b.isNull ?? false})`;
  const x = fragmentOf(a);
  const y = fragmentOf(b);
  if (x === null || y === null) return { ...a, isNull };
  const fragment = code`(${test} ? ${x} : ${y})`;
  if (a.form !== 'text') return { ...a, isNull, code: fragment };
  const source = { ...a.source, code: fragment } as typeof a.source;
  return { ...a, isNull, source };
}

/** NOT, and the tests IS NULL, IS TRUE, IS FALSE, IS UNKNOWN. */
export function emitTest(e: KernelEmitter, name: string, value: Emitted): BooleanValue | undefined {
  switch (name) {
    case 'not':
      return booleanValue(code`!${asBoolean(value).code}`, value.isNull);
    case 'is-null':
    case 'is-unknown':
      return booleanValue(value.isNull ?? code`false`);
    case 'is-true':
      return booleanValue(isTrue(value));
    case 'is-false':
      return booleanValue(isFalse(e.bound(asBoolean(value), 'test')));
    default:
      return undefined;
  }
}

/** `a` or `b` decides that the row differs: IS DISTINCT FROM, given whether known values do. */
export function emitDistinct(a: Emitted, b: Emitted, differ: Code): BooleanValue {
  const anyNull = either(a.isNull, b.isNull);
  if (anyNull === null) return booleanValue(differ);
  const bothNull = both(a.isNull, b.isNull);
  if (bothNull === null) return booleanValue(code`(${anyNull} || ${differ})`);
  return booleanValue(code`(${anyNull} ? !${bothNull} : ${differ})`);
}

/** Any of the tests holds; false when there is none. */
export function anyOf(tests: readonly Code[]): Code {
  return tests.length === 0 ? code`false` : code`(${joined(tests, ' || ')})`;
}
