/**
 * Walking the AST. `walk*` calls a visitor for every statement, query, relation and expression in
 * the order of the text, parents first. It lists every kind of node, so that a new one breaks the
 * build here.
 * Also `stripSpans` and `sameSyntax`, which compare trees whatever their place in a text.
 */
import { assertNever } from '../base/assert.js';
import type * as Ast from './ast.js';

/** Hooks, called before a node's children; 'skip' leaves the children out. */
export interface Visitor {
  readonly statement?: (statement: Ast.Statement) => 'skip' | undefined;
  readonly query?: (query: Ast.Query) => 'skip' | undefined;
  readonly select?: (select: Ast.Select) => 'skip' | undefined;
  readonly relation?: (relation: Ast.Relation) => 'skip' | undefined;
  readonly expression?: (expression: Ast.Expression) => 'skip' | undefined;
}

export function walkScript(script: Ast.Script, visitor: Visitor): void {
  for (const statement of script.statements) walkStatement(statement, visitor);
}

export function walkStatement(statement: Ast.Statement, visitor: Visitor): void {
  if (visitor.statement?.(statement) === 'skip') return;
  switch (statement.kind) {
    case 'set':
      return;
    case 'create-table':
      for (const { computed } of statement.columns) {
        if (computed !== null) walkExpression(computed, visitor);
      }
      if (statement.watermark !== null) walkExpression(statement.watermark.expression, visitor);
      return;
    case 'create-as':
    case 'insert':
    case 'select-statement':
      walkQuery(statement.query, visitor);
      return;
    default:
      assertNever(statement);
  }
}

export function walkQuery(query: Ast.Query, visitor: Visitor): void {
  if (visitor.query?.(query) === 'skip') return;
  for (const cte of query.ctes) walkQuery(cte.query, visitor);
  walkBody(query.body, visitor);
  walkOrder(query.orderBy, visitor);
  if (query.limit !== null) walkExpression(query.limit, visitor);
}

function walkBody(body: Ast.QueryBody, visitor: Visitor): void {
  switch (body.kind) {
    case 'query':
      return walkQuery(body, visitor);
    case 'union':
      walkBody(body.left, visitor);
      return walkBody(body.right, visitor);
    case 'select':
      return walkSelect(body, visitor);
    default:
      assertNever(body);
  }
}

function walkSelect(select: Ast.Select, visitor: Visitor): void {
  if (visitor.select?.(select) === 'skip') return;
  for (const item of select.items) {
    if (item.kind === 'item') walkExpression(item.expression, visitor);
  }
  if (select.from !== null) walkRelation(select.from, visitor);
  if (select.where !== null) walkExpression(select.where, visitor);
  for (const key of select.groupBy) walkExpression(key, visitor);
  if (select.window?.timeColumn) walkExpression(select.window.timeColumn, visitor);
  for (const { spec } of select.namedWindows) walkOver(spec, visitor);
  if (select.having !== null) walkExpression(select.having, visitor);
}

export function walkRelation(relation: Ast.Relation, visitor: Visitor): void {
  if (visitor.relation?.(relation) === 'skip') return;
  switch (relation.kind) {
    case 'table':
      if (relation.asOf !== null) walkExpression(relation.asOf, visitor);
      return;
    case 'quoted-source':
      return;
    case 'derived':
      return walkQuery(relation.query, visitor);
    case 'window-table':
      walkRelation(relation.table, visitor);
      for (const key of relation.partitionBy) walkExpression(key, visitor);
      return;
    case 'join':
      walkRelation(relation.left, visitor);
      walkRelation(relation.right, visitor);
      if (relation.on !== null) walkExpression(relation.on, visitor);
      return;
    default:
      assertNever(relation);
  }
}

/** Includes the subqueries inside. */
export function walkExpression(expression: Ast.Expression, visitor: Visitor): void {
  // A long chain of operators is as deep as it is long: its first operands are walked in a loop.
  const spine: Ast.Expression[] = [];
  let next: Ast.Expression | undefined = expression;
  while (next !== undefined && visitor.expression?.(next) !== 'skip') {
    spine.push(next);
    next = childExpressions(next)[0];
  }
  for (const one of spine.reverse()) {
    for (const child of childExpressions(one).slice(1)) walkExpression(child, visitor);
    if (one.kind === 'exists' || one.kind === 'subquery' || one.kind === 'in-subquery') {
      walkQuery(one.query, visitor);
    }
  }
}

function walkOrder(items: readonly Ast.OrderItem[], visitor: Visitor): void {
  for (const { expression } of items) walkExpression(expression, visitor);
}

function walkOver(spec: Ast.OverSpec, visitor: Visitor): void {
  for (const expression of overExpressions(spec)) walkExpression(expression, visitor);
}

/** The expressions directly below one, in the order of the text, subqueries left out. */
export function childExpressions(expression: Ast.Expression): readonly Ast.Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'interval':
    case 'column':
    case 'exists':
    case 'subquery':
      return [];
    case 'unary':
    case 'cast':
    case 'extract':
    case 'floor-to':
    case 'in-subquery':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'is':
      return present([expression.operand, expression.other]);
    case 'in':
      return [expression.operand, ...expression.list];
    case 'between':
      return [expression.operand, expression.low, expression.high];
    case 'like':
      return present([expression.operand, expression.pattern, expression.escape]);
    case 'case': {
      const branches = expression.branches.flatMap(({ when, then }) => [when, then]);
      return present([expression.operand, ...branches, expression.otherwise]);
    }
    case 'call':
      return callExpressions(expression);
    case 'array':
    case 'row':
      return expression.elements;
    case 'map':
      return expression.entries.flatMap(({ key, value }) => [key, value]);
    case 'index':
      return [expression.operand, expression.index];
    case 'field':
      return [expression.operand];
    default:
      return assertNever(expression);
  }
}

function callExpressions({ args, orderBy, withinGroup, filter, over }: Ast.Call) {
  const ordering = [...orderBy, ...withinGroup].map(({ expression }) => expression);
  const window = over === null || 'name' in over ? [] : overExpressions(over);
  return present([...args, ...ordering, filter, ...window]);
}

function overExpressions({ partitionBy, orderBy, frame }: Ast.OverSpec): readonly Ast.Expression[] {
  const ordering = orderBy.map(({ expression }) => expression);
  return present([...partitionBy, ...ordering, frame?.start.offset, frame?.end.offset]);
}

function present(list: readonly (Ast.Expression | null | undefined)[]): readonly Ast.Expression[] {
  return list.filter((one): one is Ast.Expression => one !== null && one !== undefined);
}

/** Whether any expression below or at `expression` satisfies `test`; subqueries included. */
export function someExpression(
  expression: Ast.Expression,
  test: (expression: Ast.Expression) => boolean,
): boolean {
  let found = false;
  walkExpression(expression, {
    expression: (one) => {
      found ||= test(one);
      return found ? 'skip' : undefined;
    },
  });
  return found;
}

/**
 * A copy without positions and without the written form of durations: what law 6 compares. Takes
 * any part of an AST.
 */
export function stripSpans<T>(node: T): unknown {
  if (Array.isArray(node)) return node.map(stripSpans);
  if (node === null || typeof node !== 'object') return node;
  const isDuration = 'ms' in node;
  const fields = Object.entries(node).filter(
    ([key]) => !isSpanKey(key) && !(isDuration && key === 'text'),
  );
  return Object.fromEntries(fields.map(([key, value]) => [key, stripSpans(value)]));
}

/** Keys of nodes that hold a place in the text. */
export function isSpanKey(key: string): boolean {
  return key === 'span' || key.endsWith('Span');
}

/**
 * Whether two parts of an AST say the same, whatever their place, layout and the letter case of
 * unquoted names.
 */
export function sameSyntax(a: unknown, b: unknown): boolean {
  return JSON.stringify(foldNames(stripSpans(a))) === JSON.stringify(foldNames(stripSpans(b)));
}

function foldNames(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(foldNames);
  if (node === null || typeof node !== 'object') return node;
  const fields = Object.entries(node).map(([key, value]): [string, unknown] => [
    key,
    foldNames(value),
  ]);
  const folded = Object.fromEntries(fields);
  const isPlainName = folded['quoted'] === false && typeof folded['name'] === 'string';
  return isPlainName ? { ...folded, name: String(folded['name']).toLowerCase() } : folded;
}
