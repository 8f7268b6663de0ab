/**
 * Changed copies of an AST, bottom-up: children first, then the node itself goes through the
 * rewriter's hook. Nodes are rebuilt field by field, so that a new field breaks the build here.
 * Spans stay those of the original text. Reading without changing is walk.ts.
 */
import { assertNever } from '../base/assert.js';
import type * as Ast from './ast.js';

/** What replaces a node whose children are rewritten already; absent hooks keep it. */
export interface Rewriter {
  readonly expression?: (expression: Ast.Expression) => Ast.Expression;
  readonly relation?: (relation: Ast.Relation) => Ast.Relation;
  readonly query?: (query: Ast.Query) => Ast.Query;
}

type AllFields<T> = { readonly [Field in keyof T]-?: T[Field] };

export function rewriteStatement(statement: Ast.Statement, rewriter: Rewriter): Ast.Statement {
  switch (statement.kind) {
    case 'set':
      return statement;
    case 'create-table': {
      const { columns, watermark } = statement;
      return {
        ...statement,
        columns: columns.map((column) => ({
          ...column,
          computed: maybe(column.computed, rewriter),
        })),
        watermark: watermark && {
          ...watermark,
          expression: rewriteExpression(watermark.expression, rewriter),
        },
      };
    }
    case 'create-as':
    case 'insert':
    case 'select-statement':
      return { ...statement, query: rewriteQuery(statement.query, rewriter) };
    default:
      return assertNever(statement);
  }
}

export function rewriteQuery(query: Ast.Query, rewriter: Rewriter): Ast.Query {
  const { kind, ctes, body, orderBy, limit, emit, into, options, span } = query;
  const copy = {
    kind,
    ctes: ctes.map((cte) => ({ ...cte, query: rewriteQuery(cte.query, rewriter) })),
    body: rewriteBody(body, rewriter),
    orderBy: order(orderBy, rewriter),
    limit: maybe(limit, rewriter),
    emit,
    into,
    options,
    span,
  } satisfies AllFields<Ast.Query>;
  return rewriter.query?.(copy) ?? copy;
}

function rewriteBody(body: Ast.QueryBody, rewriter: Rewriter): Ast.QueryBody {
  switch (body.kind) {
    case 'query':
      return rewriteQuery(body, rewriter);
    case 'union': {
      const { kind, all, left, right, span } = body;
      return {
        kind,
        all,
        left: rewriteBody(left, rewriter),
        right: rewriteBody(right, rewriter),
        span,
      } satisfies AllFields<Ast.Union>;
    }
    case 'select':
      return rewriteSelect(body, rewriter);
    default:
      return assertNever(body);
  }
}

function rewriteSelect(select: Ast.Select, rewriter: Rewriter): Ast.Select {
  const { kind, distinct, items, from, where, groupBy, window, namedWindows, having, span } =
    select;
  return {
    kind,
    distinct,
    items: items.map((item) =>
      item.kind === 'star'
        ? item
        : { ...item, expression: rewriteExpression(item.expression, rewriter) },
    ),
    from: from === null ? null : rewriteRelation(from, rewriter),
    where: maybe(where, rewriter),
    groupBy: all(groupBy, rewriter),
    window,
    namedWindows: namedWindows.map((one) => ({ ...one, spec: overSpec(one.spec, rewriter) })),
    having: maybe(having, rewriter),
    span,
  } satisfies AllFields<Ast.Select>;
}

export function rewriteRelation(relation: Ast.Relation, rewriter: Rewriter): Ast.Relation {
  const copy = relationChildren(relation, rewriter);
  return rewriter.relation?.(copy) ?? copy;
}

function relationChildren(relation: Ast.Relation, rewriter: Rewriter): Ast.Relation {
  switch (relation.kind) {
    case 'table':
      return { ...relation, asOf: maybe(relation.asOf, rewriter) };
    case 'quoted-source':
      return relation;
    case 'derived':
      return { ...relation, query: rewriteQuery(relation.query, rewriter) };
    case 'window-table': {
      const table = rewriteRelation(relation.table, rewriter);
      return { ...relation, table, partitionBy: all(relation.partitionBy, rewriter) };
    }
    case 'join': {
      const { kind, type, left, right, on, using, span } = relation;
      return {
        kind,
        type,
        left: rewriteRelation(left, rewriter),
        right: rewriteRelation(right, rewriter),
        on: maybe(on, rewriter),
        using,
        span,
      } satisfies AllFields<Ast.Join>;
    }
    default:
      return assertNever(relation);
  }
}

/** Includes the subqueries inside. */
export function rewriteExpression(expression: Ast.Expression, rewriter: Rewriter): Ast.Expression {
  const copy = expressionChildren(expression, rewriter);
  return rewriter.expression?.(copy) ?? copy;
}

function expressionChildren(expression: Ast.Expression, rewriter: Rewriter): Ast.Expression {
  const one = (child: Ast.Expression) => rewriteExpression(child, rewriter);
  switch (expression.kind) {
    case 'literal':
    case 'interval':
    case 'column':
      return expression;
    case 'unary':
    case 'cast':
    case 'extract':
    case 'floor-to':
      return { ...expression, operand: one(expression.operand) };
    case 'binary': {
      const { kind, operator, left, right, span } = expression;
      return { kind, operator, left: one(left), right: one(right), span };
    }
    case 'is': {
      const { kind, operand, test, other, negated, span } = expression;
      return { kind, operand: one(operand), test, other: maybe(other, rewriter), negated, span };
    }
    case 'in': {
      const { kind, operand, list, negated, span } = expression;
      return { kind, operand: one(operand), list: all(list, rewriter), negated, span };
    }
    case 'in-subquery': {
      const { kind, operand, query, negated, span } = expression;
      return { kind, operand: one(operand), query: rewriteQuery(query, rewriter), negated, span };
    }
    case 'between': {
      const { kind, operand, low, high, negated, span } = expression;
      return { kind, operand: one(operand), low: one(low), high: one(high), negated, span };
    }
    case 'like': {
      const { kind, operand, pattern, escape, negated, span } = expression;
      const ending = maybe(escape, rewriter);
      return { kind, operand: one(operand), pattern: one(pattern), escape: ending, negated, span };
    }
    case 'case':
      return rewriteCase(expression, rewriter);
    case 'call':
      return rewriteCall(expression, rewriter);
    case 'array':
    case 'row':
      return { ...expression, elements: all(expression.elements, rewriter) };
    case 'map': {
      const { kind, entries, span } = expression;
      const copies = entries.map(({ key, value }) => ({ key: one(key), value: one(value) }));
      return { kind, entries: copies, span };
    }
    case 'index': {
      const { kind, operand, index, span } = expression;
      return { kind, operand: one(operand), index: one(index), span };
    }
    case 'exists':
    case 'subquery':
      return { ...expression, query: rewriteQuery(expression.query, rewriter) };
    default:
      return assertNever(expression);
  }
}

function rewriteCase(expression: Ast.Case, rewriter: Rewriter): Ast.Case {
  const { kind, operand, branches, otherwise, span } = expression;
  return {
    kind,
    operand: maybe(operand, rewriter),
    branches: branches.map(({ when, then }) => ({
      when: rewriteExpression(when, rewriter),
      then: rewriteExpression(then, rewriter),
    })),
    otherwise: maybe(otherwise, rewriter),
    span,
  } satisfies AllFields<Ast.Case>;
}

function rewriteCall(expression: Ast.Call, rewriter: Rewriter): Ast.Call {
  const { kind, name, args, star, distinct, withinGroup, filter, over, span } = expression;
  return {
    kind,
    name,
    args: all(args, rewriter),
    star,
    distinct,
    orderBy: order(expression.orderBy, rewriter),
    withinGroup: order(withinGroup, rewriter),
    filter: maybe(filter, rewriter),
    over: over === null || 'name' in over ? over : overSpec(over, rewriter),
    span,
  } satisfies AllFields<Ast.Call>;
}

function overSpec(spec: Ast.OverSpec, rewriter: Rewriter): Ast.OverSpec {
  const { base, buffer, partitionBy, orderBy, frame, span } = spec;
  const bound = (one: Ast.FrameBound) => ({ ...one, offset: maybe(one.offset, rewriter) });
  return {
    base,
    buffer,
    partitionBy: all(partitionBy, rewriter),
    orderBy: order(orderBy, rewriter),
    frame: frame && { ...frame, start: bound(frame.start), end: bound(frame.end) },
    span,
  } satisfies AllFields<Ast.OverSpec>;
}

function order(items: readonly Ast.OrderItem[], rewriter: Rewriter): Ast.OrderItem[] {
  return items.map((item) => ({
    ...item,
    expression: rewriteExpression(item.expression, rewriter),
  }));
}

function all(list: readonly Ast.Expression[], rewriter: Rewriter): Ast.Expression[] {
  return list.map((expression) => rewriteExpression(expression, rewriter));
}

function maybe(expression: Ast.Expression | null, rewriter: Rewriter): Ast.Expression | null {
  return expression === null ? null : rewriteExpression(expression, rewriter);
}
