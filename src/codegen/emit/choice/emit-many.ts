/**
 * AND, OR, CASE, COALESCE and IN of many operands: a row of tests in one labelled block, which the
 * first that decides leaves. No depth anywhere: neither here nor in the code, whose compiler has a
 * stack too. Few operands are emit-logic and emit-in.
 */
import { code } from '../../../base/js-code.js';
import type { Code } from '../../../base/js-code.js';
import type {
  BoundCase,
  BoundExpression,
  BoundLogical,
} from '../../../plan/expression/expression.js';
import { unified } from '../emit-join.js';
import { booleanValue, isFalse, isTrue } from '../emit-truth.js';
import type { BooleanValue, Emitted } from '../emitted.js';
import type { Branch, KernelEmitter } from '../kernel-emitter.js';

/** More operands than this are tested in a row. */
export const NESTED_MAX = 32;
/** Runs `tests` inside a block that `leave`, which they are given, ends. */
function inBlock(e: KernelEmitter, wish: string, tests: (leave: Code) => void): void {
  const label = e.unique(wish);
  e.body.open(code`${label}:`);
  tests(code`break ${label};`);
  e.body.close();
}

/** The first is always reached: what it computes is known to the others, and behind the block. */
function reachFirst(e: KernelEmitter, expressions: readonly BoundExpression[]): void {
  const [first] = expressions;
  if (first !== undefined) e.emit(first);
}

function branches(
  e: KernelEmitter,
  expressions: readonly BoundExpression[],
  work: (value: Emitted, at: number) => void,
): void {
  for (const [at, expression] of expressions.entries()) {
    const { body, value } = e.branch(() => e.emit(expression));
    e.body.append(body);
    work(value, at);
  }
}

export function emitManyLogical(e: KernelEmitter, logical: BoundLogical): BooleanValue {
  const isAnd = logical.operator === 'and';
  const value = e.variable(logical.operator, isAnd);
  const isNull = e.variable(`${logical.operator}_null`, false);
  reachFirst(e, logical.operands);
  inBlock(e, `${logical.operator}_tests`, (leave) => {
    branches(e, logical.operands, (given) => {
      const operand = e.bound(given, 'operand');
      e.body.open(code`if (${isAnd ? isFalse(operand) : isTrue(operand)})`);
      e.body
        .line(code`${value} = ${!isAnd};`)
        .line(leave)
        .close();
      if (operand.isNull !== null) e.body.line(code`if (${operand.isNull}) ${isNull} = true;`);
    });
  });
  return booleanValue(value, code`(${isNull} && ${isAnd ? value : code`!${value}`})`);
}

/** Values of branches of which one is taken, in variables that all of them fit. */
function target(
  e: KernelEmitter,
  values: readonly Branch[],
  type: BoundExpression['type'],
): { readonly shared: Emitted; readonly parts: readonly Emitted[] } {
  const parts = unified(e, values, type);
  const [first] = parts;
  if (first === undefined) throw new RangeError('a choice has a branch');
  const isNullable = parts.some((part) => part.isNull !== null);
  const shape = { ...first, isNull: isNullable ? code`false` : null };
  return { shared: e.declare(shape, 'chosen'), parts };
}

export function emitManyCase(e: KernelEmitter, expression: BoundCase): Emitted {
  const whens = expression.branches.map(({ when }) => when);
  reachFirst(e, whens);
  const results = [...expression.branches.map(({ then }) => then), expression.otherwise];
  const values = results.map((result) => e.branch(() => e.emit(result)));
  const { shared, parts } = target(e, values, expression.type);
  inBlock(e, 'case_tests', (leave) => {
    const take = (at: number): void => {
      const body = values[at]?.body;
      if (body !== undefined) e.body.append(body);
      e.assign(shared, parts[at] ?? shared);
    };
    branches(e, whens, (value, at) => {
      e.body.open(code`if (${isTrue(value)})`);
      take(at);
      e.body.line(leave).close();
    });
    take(whens.length);
  });
  return shared;
}

export function emitManyCoalesce(
  e: KernelEmitter,
  operands: readonly BoundExpression[],
  type: BoundExpression['type'],
): Emitted {
  reachFirst(e, operands);
  const values = operands.map((operand) => e.branch(() => e.emit(operand)));
  const { shared, parts } = target(e, values, type);
  inBlock(e, 'coalesce_tests', (leave) => {
    for (const [at, part] of parts.entries()) {
      const body = values[at]?.body;
      if (body !== undefined) e.body.append(body);
      e.assign(shared, part);
      if (part.isNull === null) e.body.line(leave);
      else if (shared.isNull !== null) e.body.line(code`if (!${shared.isNull}) ${leave}`);
    }
  });
  return shared;
}

/** `isEqual` of each element in turn; NULL when none is equal and one is NULL. */
export function emitManyElements(
  e: KernelEmitter,
  elements: readonly BoundExpression[],
  isEqual: (value: Emitted, element: BoundExpression) => BooleanValue,
): BooleanValue {
  const found = e.variable('in', false);
  const isNull = e.variable('in_null', false);
  reachFirst(e, elements);
  inBlock(e, 'in_tests', (leave) => {
    branches(e, elements, (given, at) => {
      const value = e.bound(given, 'element');
      const element = elements[at];
      const equal = element === undefined ? booleanValue(code`false`) : isEqual(value, element);
      e.body.open(code`if (${isTrue(equal)})`);
      e.body
        .line(code`${found} = true;`)
        .line(leave)
        .close();
      if (value.isNull !== null) e.body.line(code`if (${value.isNull}) ${isNull} = true;`);
    });
  });
  return booleanValue(found, code`(${isNull} && !${found})`);
}
