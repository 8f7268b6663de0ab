/**
 * Expressions of the syntax tree → bound expressions: names to columns, every implicit conversion
 * a cast node, constants folded. What a clause adds (aggregates, window functions, aliases) comes
 * in as hooks of the context; functions by name are binder-call.ts.
 */
import { assertNever } from '../../base/assert.js';
import type { Span } from '../../base/span.js';
import { BOOLEAN, VARCHAR, isNumeric, typeText } from '../../columnar/types.js';
import { membershipType } from '../../functions/type-rules.js';
import type * as ast from '../../sql/ast.js';
import { bindCall } from './binder-call.js';
import type { BindContext } from './binder-environment.js';
import { boundField } from './bound-field.js';
import { bindInterval, bindLiteral, bindNumber } from './binder-literal.js';
import {
  argumentInfo,
  bindFunction,
  coerceToBoolean,
  comparedOften,
  literal,
  logical,
} from './bound-values.js';
import type { BoundExpression } from '../expression/expression.js';
import { Poisoned } from '../faults.js';
import { findColumn, missingColumn } from './scope.js';
import type { ResolvedColumn } from './scope.js';
import { bindChain, longChain } from './binder-chain.js';
import { boundCast, membershipTests } from './binder-conversion.js';
import { searchedCase } from './bound-values.js';

export function bindExpression(context: BindContext, node: ast.Expression): BoundExpression {
  const chain = longChain(node);
  return chain === null ? bindNode(context, node) : bindChain(context, chain, bindExpression);
}

function bindNode(context: BindContext, node: ast.Expression): BoundExpression {
  switch (node.kind) {
    case 'literal':
      return bindLiteral(context.faults, node);
    case 'interval':
      return bindInterval(context.faults, node);
    case 'column':
      return bindColumn(context, node);
    case 'unary':
      return bindUnary(context, node);
    case 'binary':
      return bindBinary(context, node);
    case 'is':
      return bindIs(context, node);
    case 'in':
      return bindIn(context, node);
    case 'between':
      return bindBetween(context, node);
    case 'like':
      return bindLike(context, node);
    case 'case':
      return bindCase(context, node);
    case 'cast':
      return bindCast(context, node);
    case 'call':
      return bindCall(context, node, bindExpression);
    case 'extract':
      return bindUnitCall(context, 'EXTRACT', node);
    case 'floor-to':
      return bindUnitCall(context, node.direction === 'floor' ? 'FLOOR_TO' : 'CEIL_TO', node);
    case 'array':
    case 'row':
      return apply(context, node.kind === 'array' ? 'ARRAY' : 'ROW', node.elements, node.span);
    case 'map': {
      const parts = node.entries.flatMap(({ key, value }) => [key, value]);
      return apply(context, 'MAP', parts, node.span);
    }
    case 'index':
      return apply(context, 'INDEX', [node.operand, node.index], node.span);
    case 'field':
      return boundField(
        context.faults,
        bindExpression(context, node.operand),
        node.field,
        node.span,
      );
    case 'exists':
    case 'subquery':
    case 'in-subquery':
      return refuseSubquery(context, node);
    default:
      return assertNever(node);
  }
}

/** Binds every argument, so that all their faults are found, then the call. */
export function apply(
  context: BindContext,
  name: string,
  args: readonly ast.Expression[],
  span: Span,
): BoundExpression {
  const bound = context.faults.all(args, (argument) => bindExpression(context, argument));
  return bindFunction(context.faults, name, bound, span);
}

export function bindCondition(
  context: BindContext,
  node: ast.Expression,
  what: string,
): BoundExpression {
  return coerceToBoolean(context.faults, bindExpression(context, node), what);
}

function bindColumn(context: BindContext, node: ast.ColumnReference): BoundExpression {
  const named = context.resolveName?.(node) ?? null;
  if (named !== null) return named;
  const found = findColumn(context.faults, context.columns, node);
  if (found !== null) return columnExpression(context, found, node.span);
  const other = context.resolveMissing?.(node) ?? null;
  return other ?? missingColumn(context.faults, context.columns, node);
}

/** The column, or a field of it; marks the column as named. */
export function columnExpression(
  context: BindContext,
  found: ResolvedColumn,
  span: Span,
): BoundExpression {
  const { column, fields } = found;
  if (column.reads !== null) column.reads.into.push(...column.reads.columns);
  const { index, name, type } = column;
  let value: BoundExpression = { kind: 'column', index, name, type, span };
  for (const field of fields) {
    value = boundField(context.faults, value, field, span);
  }
  return value;
}

function bindUnary(context: BindContext, node: ast.Unary): BoundExpression {
  const { operand, operator, span } = node;
  if (operator === 'not') {
    const condition = bindCondition(context, operand, 'NOT');
    return bindFunction(context.faults, 'not', [condition], span);
  }
  if (operator === '-') {
    const isNumber =
      operand.kind === 'literal' && (operand.type === 'integer' || operand.type === 'decimal');
    if (isNumber) return { ...bindNumber(context.faults, operand, '-'), span };
    return apply(context, 'neg', [operand], span);
  }
  const value = bindExpression(context, operand);
  if (isNumeric(value.type) || value.type.kind === 'interval') return value;
  return context.faults.fail('TYPE_MISMATCH', {
    message: `+ needs a number, not ${typeText(value.type)}`,
    span: operand.span,
  });
}

function bindBinary(context: BindContext, node: ast.Binary): BoundExpression {
  const { operator, left, right, span } = node;
  if (operator === 'and' || operator === 'or') {
    const operands = context.faults.all([left, right], (operand) =>
      bindCondition(context, operand, operator.toUpperCase()),
    );
    return logical(operator, operands, span);
  }
  return apply(context, operator, [left, right], span);
}

function bindIs(context: BindContext, node: ast.IsTest): BoundExpression {
  const { faults } = context;
  const negate = (test: BoundExpression): BoundExpression =>
    node.negated ? bindFunction(faults, 'not', [test], node.span) : test;
  if (node.test === 'distinct') {
    const args = node.other === null ? [node.operand] : [node.operand, node.other];
    return negate(apply(context, 'is-distinct', args, node.span));
  }
  if (node.test === 'null') return negate(apply(context, 'is-null', [node.operand], node.span));
  const operand = bindCondition(context, node.operand, `IS ${node.test.toUpperCase()}`);
  const test = node.test === 'unknown' ? 'is-null' : `is-${node.test}`;
  return negate(bindFunction(faults, test, [operand], node.span));
}

function bindIn(context: BindContext, node: ast.InList): BoundExpression {
  const { faults } = context;
  const [operand, ...list] = faults.all([node.operand, ...node.list], (item) =>
    bindExpression(context, item),
  );
  if (operand === undefined) return literal(false, BOOLEAN, node.span);
  const type = membershipType([operand, ...list].map(argumentInfo));
  if (type === undefined) {
    const misfit = list.find(
      (item) => membershipType([operand, item].map(argumentInfo)) === undefined,
    );
    return faults.fail('TYPE_MISMATCH', {
      message: `IN cannot compare ${typeText(operand.type)} with ${typeText((misfit ?? operand).type)}`,
      span: misfit?.span ?? node.span,
    });
  }
  const test = comparedOften(operand, (each) =>
    logical(
      'or',
      membershipTests(faults, { operand: each, list, type, span: node.span }),
      node.span,
    ),
  );
  return node.negated ? bindFunction(faults, 'not', [test], node.span) : test;
}

function bindBetween(context: BindContext, node: ast.Between): BoundExpression {
  const { faults } = context;
  const { operand, low, high, span } = node;
  const bounds = [
    { sign: '>=', bound: low },
    { sign: '<=', bound: high },
  ];
  const value = faults.attempt(() => bindExpression(context, operand));
  const limits = faults.all(bounds, ({ sign, bound }) => {
    const limit = bindExpression(context, bound);
    // A fault of this side is told beside one of the other bound.
    if (value !== null) bindFunction(faults, sign, [value, limit], span);
    return { sign, limit };
  });
  if (value === null) throw new Poisoned();
  const both = comparedOften(value, (compared) =>
    logical(
      'and',
      limits.map(({ sign, limit }) => bindFunction(faults, sign, [compared, limit], span)),
      span,
    ),
  );
  return node.negated ? bindFunction(faults, 'not', [both], span) : both;
}

function bindLike(context: BindContext, node: ast.Like): BoundExpression {
  const args = [node.operand, node.pattern, ...(node.escape === null ? [] : [node.escape])];
  const like = apply(context, 'like', args, node.span);
  return node.negated ? bindFunction(context.faults, 'not', [like], node.span) : like;
}

function bindCase(context: BindContext, node: ast.Case): BoundExpression {
  const { faults } = context;
  const { operand, span } = node;
  const value =
    operand === null ? undefined : faults.attempt(() => bindExpression(context, operand));
  const whens = faults.attempt(() =>
    faults.all(node.branches, ({ when }) => {
      if (value === undefined) return bindCondition(context, when, 'WHEN');
      const compared = bindExpression(context, when);
      // A fault of one comparison is told beside those of the others.
      if (value !== null) bindFunction(faults, '=', [value, compared], when.span);
      return compared;
    }),
  );
  const thens = faults.all(node.branches, ({ then }) => bindExpression(context, then));
  const otherwise =
    node.otherwise === null
      ? literal(null, { kind: 'null' }, span)
      : bindExpression(context, node.otherwise);
  if (whens === null || value === null) throw new Poisoned();
  if (value === undefined) return searchedCase(faults, { whens, thens, otherwise, span });
  return comparedOften(value, (each) => {
    const tests = whens.map((when) => bindFunction(faults, '=', [each, when], when.span));
    return searchedCase(faults, { whens: tests, thens, otherwise, span });
  });
}

function bindCast(context: BindContext, node: ast.Cast): BoundExpression {
  const operand = context.faults.attempt(() => bindExpression(context, node.operand));
  return boundCast(context.faults, operand, node);
}

function bindUnitCall(
  context: BindContext,
  name: string,
  node: ast.Extract | ast.FloorTo,
): BoundExpression {
  const operand = bindExpression(context, node.operand);
  const unit = literal(node.unit.name.toUpperCase(), VARCHAR, node.unit.span);
  return bindFunction(context.faults, name, [unit, operand], node.span);
}

function refuseSubquery(
  context: BindContext,
  node: ast.Exists | ast.ScalarSubquery | ast.InSubquery,
): never {
  const what =
    node.kind === 'exists'
      ? 'EXISTS (SELECT …)'
      : node.kind === 'subquery'
        ? 'a subquery as a value'
        : 'IN (SELECT …)';
  return context.faults.fail('NOT_SUPPORTED', {
    message: `${what} is not supported yet`,
    span: node.span,
    hint: 'write a JOIN',
  });
}
