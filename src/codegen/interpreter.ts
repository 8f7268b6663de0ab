/**
 * Evaluates a bound expression over one row of plain values: slow, obviously right, the oracle that
 * compiled kernels are tested against, and what folds constants. An expression fails only for rows
 * that reach it: AND, OR, CASE, COALESCE and IN evaluate from left to right and stop as soon as
 * the rest cannot matter.
 */
import { assert, assertNever } from '../base/assert.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { castValue } from '../functions/cast.js';
import { compareValues } from '../functions/compare.js';
import { DataFault } from '../functions/registry-types.js';
import type { EvaluationContext, ScalarFunction } from '../functions/registry-types.js';
import { scalarFunction } from '../functions/function-registry.js';
import { childrenOf, isPureStep, mapChildren } from '../plan/expression/expression-walk.js';
import type {
  BoundCall,
  BoundCase,
  BoundCast,
  BoundChain,
  BoundCoalesce,
  BoundExpression,
  BoundIn,
  BoundLet,
  BoundLogical,
} from '../plan/expression/expression.js';

/** The value of `expression` for `row`, whose values stand in schema order. Throws DataFault. */
export function interpret(
  expression: BoundExpression,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'column':
      return row[expression.index] ?? null;
    case 'call':
      return interpretCall(expression, row, context);
    case 'logical':
      return interpretLogical(expression, row, context);
    case 'case':
      return interpretCase(expression, row, context);
    case 'coalesce':
      return interpretCoalesce(expression, row, context);
    case 'in':
      return interpretIn(expression, row, context);
    case 'cast':
      return interpretCast(expression, row, context);
    case 'chain':
      return interpretChain(expression, row, context);
    case 'let':
      return interpretLet(expression, row, context);
    case 'held':
      // interpretLet has put the value in its place.
      throw new TypeError('a held value stands below its LET');
    default:
      return assertNever(expression);
  }
}

/** The entry a bound call names; the binder has looked it up before. */
export function calledFunction(call: BoundCall): ScalarFunction {
  const found = scalarFunction(call.function);
  assert(found !== undefined, `the binder only makes calls of known functions: ${call.function}`);
  return found;
}

function interpretCall(
  call: BoundCall,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  const called = calledFunction(call);
  const args: SqlValue[] = [];
  const types: SqlType[] = [];
  for (const arg of call.args) {
    args.push(interpret(arg, row, context));
    types.push(arg.type);
  }
  if (called.nulls === 'null' && args.includes(null)) return null;
  return called.evaluate(args, types, call.type, context);
}

/** FALSE decides AND, TRUE decides OR; NULL decides nothing but stays if nothing else does. */
function interpretLogical(
  logical: BoundLogical,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  const deciding = logical.operator === 'or';
  let result: boolean | null = !deciding;
  for (const operand of logical.operands) {
    const value = interpret(operand, row, context);
    if (value === deciding) return deciding;
    if (value === null) result = null;
  }
  return result;
}

function interpretCase(
  expression: BoundCase,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  for (const branch of expression.branches) {
    if (interpret(branch.when, row, context) === true) return interpret(branch.then, row, context);
  }
  return interpret(expression.otherwise, row, context);
}

function interpretCoalesce(
  expression: BoundCoalesce,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  for (const operand of expression.operands) {
    const value = interpret(operand, row, context);
    if (value !== null) return value;
  }
  return null;
}

/** TRUE at the first equal element; else NULL when the operand or an element is NULL. */
function interpretIn(
  expression: BoundIn,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  const operand = interpret(expression.operand, row, context);
  if (operand === null) return expression.list.length === 0 ? false : null;
  let result: boolean | null = false;
  for (const element of expression.list) {
    const value = interpret(element, row, context);
    if (value === null) result = null;
    else if (compareValues(operand, value, expression.operand.type) === 0) return true;
  }
  return result;
}

/** A safe cast gives NULL for what does not convert; a fault of its operand stays a fault. */
function interpretCast(
  cast: BoundCast,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  const value = interpret(cast.operand, row, context);
  if (!cast.safe) return castValue(value, cast.operand.type, cast.type);
  try {
    return castValue(value, cast.operand.type, cast.type);
  } catch (error) {
    if (error instanceof DataFault) return null;
    throw error;
  }
}

/** One step after the other: the value so far is the first argument of the next call. */
function interpretChain(
  { first, steps, span }: BoundChain,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  let value = interpret(first, row, context);
  let { type } = first;
  for (const step of steps) {
    const soFar: BoundExpression = { kind: 'literal', value, type, span };
    const next: BoundExpression =
      step.kind === 'call'
        ? { ...step, args: [soFar, ...step.args], span }
        : { ...step, operand: soFar, span };
    value = interpret(next, row, context);
    ({ type } = step);
  }
  return value;
}

/** The value first, then the body with it in its place. */
function interpretLet(
  { value, body }: BoundLet,
  row: readonly SqlValue[],
  context: EvaluationContext,
): SqlValue {
  const { type, span } = value;
  const held = interpret(value, row, context);
  return interpret(withHeld(body, { kind: 'literal', value: held, type, span }), row, context);
}

function withHeld(expression: BoundExpression, value: BoundExpression): BoundExpression {
  if (expression.kind === 'held') return value;
  const inner = (child: BoundExpression): BoundExpression => withHeld(child, value);
  if (expression.kind === 'let') return { ...expression, value: inner(expression.value) };
  return mapChildren(expression, inner);
}

/** Whether the value is the same for every row and every time: no columns, no NOW(). */
export function isConstant(expression: BoundExpression): boolean {
  switch (expression.kind) {
    case 'literal':
      return true;
    case 'column':
      return false;
    case 'call':
      return calledFunction(expression).pure !== false && expression.args.every(isConstant);
    case 'logical':
    case 'coalesce':
      return expression.operands.every(isConstant);
    case 'case':
      return (
        expression.branches.every((branch) => isConstant(branch.when) && isConstant(branch.then)) &&
        isConstant(expression.otherwise)
      );
    case 'in':
      return isConstant(expression.operand) && expression.list.every(isConstant);
    case 'cast':
      return isConstant(expression.operand);
    case 'let':
      return isConstant(expression.value) && isConstant(expression.body);
    case 'held':
      return false;
    case 'chain':
      return expression.steps.every(isPureStep) && childrenOf(expression).every(isConstant);
    default:
      return assertNever(expression);
  }
}
