/**
 * Aggregates of a SELECT. While its clauses are bound, an aggregate call becomes a placeholder
 * column and is collected (identical ones once); afterwards every expression is rewritten to the
 * output of the GROUP BY: keys, window bounds, aggregates. Owns both, and "is not grouped".
 */
import { assert } from '../../base/assert.js';
import { aggregateFunction } from '../../functions/function-registry.js';
import type { AggregateFunction } from '../../functions/registry-types.js';
import { isFault } from '../../functions/signature.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import type { Call, OrderItem } from '../../sql/ast.js';
import { bindCondition, bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import { WINDOW_PLACEHOLDERS, windowTime } from './binder-group-window.js';
import { argumentInfo, castTo, failSignature, literal, settled } from './bound-values.js';
import type { BoundColumn, BoundExpression } from '../expression/expression.js';
import { expressionKey, mapChildren, mayFail } from '../expression/expression-walk.js';
import type { FaultCollector } from '../faults.js';
import type { LogicalAggregateCall, LogicalSortKey } from '../logical/logical-plan.js';

/** Numbers of placeholder columns for aggregates; input columns lie below, window bounds above. */
export const AGGREGATE_PLACEHOLDERS = 1_000_000;
/** Aggregates that read the column of WITHIN GROUP (ORDER BY …) as their argument. */
const ORDERED_SET = new Set(['PERCENTILE_CONT', 'PERCENTILE_DISC', 'MEDIAN']);
/** Aggregates that a value which comes again does not change. */
const DISTINCT_ALREADY = new Set(['MIN', 'MAX', 'COUNT_DISTINCT', 'APPROX_COUNT_DISTINCT']);

export class AggregateCollector {
  readonly calls: LogicalAggregateCall[] = [];
  private readonly keys = new Map<string, number>();
  /** Scope of the arguments: the columns of the input, nothing of the SELECT. */
  private readonly inner: BindContext;

  constructor(inner: BindContext) {
    this.inner = inner;
  }

  /** The placeholder of an aggregate call; null when the call is none. */
  bind(call: Call): BoundExpression | null {
    const entry = call.over === null ? aggregateFunction(call.name.name) : undefined;
    if (entry === undefined) return null;
    const bound = bindAggregateCall(this.inner, call, entry);
    const key = aggregateKey(bound);
    let at = this.keys.get(key);
    if (at === undefined) {
      at = this.calls.length;
      this.keys.set(key, at);
      this.calls.push(bound);
    }
    return {
      kind: 'column',
      index: AGGREGATE_PLACEHOLDERS + at,
      name: this.inner.faults.textAt(call.span),
      type: bound.type,
      span: call.span,
    };
  }
}

export interface CallParts {
  readonly args: readonly BoundExpression[];
  readonly literals: readonly SqlValue[];
  readonly type: SqlType;
}

/** An aggregate call, in GROUP BY or with OVER. */
export function bindAggregateCall(
  inner: BindContext,
  call: Call,
  entry: AggregateFunction,
): LogicalAggregateCall {
  const { faults } = inner;
  const context = { ...inner, clause: `the arguments of "${entry.name}"` };
  const { args, literals, type } = bindAggregateArguments(context, call, entry);
  const filter =
    call.filter === null
      ? null
      : bindCondition({ ...context, clause: 'FILTER' }, call.filter, 'FILTER');
  const orderBy = ORDERED_SET.has(entry.name)
    ? orderOfSet(faults, call, args)
    : faults.all([...call.orderBy, ...call.withinGroup], (item) => bindSortKey(context, item));
  const countsDistinct = call.distinct && entry.name === 'COUNT' && args.length > 0;
  const distinct = call.distinct && !DISTINCT_ALREADY.has(entry.name);
  if (distinct && args.length !== 1) {
    return faults.fail('FUNCTION_ARGUMENT', {
      message: `function "${entry.name}" takes DISTINCT with one argument only`,
      span: call.span,
      hint: 'leave DISTINCT away, or aggregate a SELECT DISTINCT of the pairs',
    });
  }
  return {
    function: countsDistinct ? 'COUNT_DISTINCT' : entry.name,
    args: args.map((argument) => guardedBy(filter, argument)),
    literals,
    filter,
    distinct: distinct && !countsDistinct,
    orderBy: orderBy.map((key) => ({ ...key, expression: guardedBy(filter, key.expression) })),
    type,
    span: call.span,
  };
}

/**
 * An argument as FILTER lets it be seen: what the filter rejects is not evaluated, so that it fails
 * nobody. The value of a rejected row does not matter, since the filter itself still rejects it.
 */
function guardedBy(filter: BoundExpression | null, argument: BoundExpression): BoundExpression {
  if (filter === null || !mayFail(argument)) return argument;
  const { type, span } = argument;
  const branches = [{ when: filter, then: argument }];
  return { kind: 'case', branches, otherwise: literal(null, type, span), type, span };
}

/** PERCENTILE_… reads its values from the end where WITHIN GROUP is descending. */
function orderOfSet(
  faults: FaultCollector,
  call: Call,
  args: readonly BoundExpression[],
): readonly LogicalSortKey[] {
  const [inside] = call.orderBy;
  if (inside !== undefined) {
    faults.fail('FUNCTION_ARGUMENT', {
      message: `"${call.name.name}" takes no ORDER BY between its parentheses`,
      span: inside.span,
      hint: 'write WITHIN GROUP (ORDER BY …)',
    });
  }
  const [item] = call.withinGroup;
  const [expression] = args;
  return item?.descending === true && expression !== undefined ? [sortKey(item, expression)] : [];
}

/** Binds and resolves the arguments of an aggregate, in GROUP BY or with OVER. */
export function bindAggregateArguments(
  context: BindContext,
  call: Call,
  entry: AggregateFunction,
): CallParts {
  const { faults } = context;
  if (call.star && entry.name !== 'COUNT') {
    faults.fail('FUNCTION_ARGUMENT', {
      message: `"${entry.name}" takes no *`,
      span: call.span,
      hint: 'name a column',
    });
  }
  const within = ORDERED_SET.has(entry.name) ? call.withinGroup.map((item) => item.expression) : [];
  const nodes = [...within, ...call.args];
  const bound = faults.all(nodes, (node) => bindExpression(context, node));
  const resolved = entry.resolve(bound.map(argumentInfo));
  if (isFault(resolved)) return failSignature(faults, resolved, { args: nodes, span: call.span });
  const cast = bound.map((argument, at) =>
    castTo(argument, resolved.argTypes[at] ?? argument.type),
  );
  const literalsFrom = entry.literalArgsFrom ?? cast.length;
  return {
    args: cast.slice(0, literalsFrom).map(settled),
    literals: literalValues(faults, cast.slice(literalsFrom), entry.name),
    type: resolved.type,
  };
}

export function literalValues(
  faults: FaultCollector,
  args: readonly BoundExpression[],
  name: string,
): readonly SqlValue[] {
  return faults.all(args, (argument) => {
    if (argument.kind === 'literal') return argument.value;
    return faults.fail('FUNCTION_ARGUMENT', {
      message: `this argument of "${name}" must be a literal`,
      span: argument.span,
    });
  });
}

/** NULLs are the largest values: last ascending, first descending, unless written otherwise. */
export function bindSortKey(context: BindContext, item: OrderItem): LogicalSortKey {
  const expression = settled(bindExpression(context, item.expression));
  return sortKey(item, expression);
}

export function sortKey(item: OrderItem, expression: BoundExpression): LogicalSortKey {
  const { descending } = item;
  return {
    expression,
    descending,
    nullsFirst: item.nulls === null ? descending : item.nulls === 'first',
  };
}

/** Equal for calls that have one value. */
export function aggregateKey(call: LogicalAggregateCall): string {
  const args = call.args.map(expressionKey).join(',');
  const order = call.orderBy.map(sortKeyText).join(',');
  const filter = call.filter === null ? '' : expressionKey(call.filter);
  const literals = call.literals.map(literalKey).join(',');
  return `${call.function}(${call.distinct ? 'distinct ' : ''}${args};${literals};${order}) ${filter}`;
}

/** NULL and 'null', 1 and '1' are different arguments. */
function literalKey(value: SqlValue): string {
  return typeof value === 'string' ? JSON.stringify(value) : `${typeof value} ${String(value)}`;
}

export function sortKeyText(key: LogicalSortKey): string {
  const direction = key.descending ? ' desc' : '';
  return `${expressionKey(key.expression)}${direction}${key.nullsFirst ? ' nulls first' : ''}`;
}

/** The output of a GROUP BY that expressions are rewritten to. */
export interface GroupedOutput {
  readonly faults: FaultCollector;
  readonly keys: readonly BoundExpression[];
  readonly keyNames: readonly string[];
  readonly isWindowed: boolean;
  readonly aggregates: readonly LogicalAggregateCall[];
}

/**
 * Rewrites an expression over input columns and placeholders to the grouped output. A subtree that
 * equals a key is that key; an input column anywhere else is not grouped. Numbers from
 * `firstForeign` on belong to others (window functions) and stay.
 */
export function toGroupedOutput(
  output: GroupedOutput,
  expression: BoundExpression,
  firstForeign: number,
): BoundExpression {
  const { keys, keyNames } = output;
  const texts = keyTexts(keys);
  const rewrite = (node: BoundExpression): BoundExpression => {
    if (node.kind === 'literal') return node;
    const at = texts.get(expressionKey(node));
    if (at !== undefined) return outputColumn(node, at, keyNames[at] ?? '');
    if (node.kind !== 'column') return mapChildren(node, rewrite);
    if (node.index >= firstForeign) return node;
    return placeholderColumn(output, node) ?? notGrouped(output, node);
  };
  return rewrite(expression);
}

const textsOfKeys = new WeakMap<readonly BoundExpression[], ReadonlyMap<string, number>>();

/** The first key of each text; a GROUP BY may have thousands, and so may the list. */
function keyTexts(keys: readonly BoundExpression[]): ReadonlyMap<string, number> {
  const known = textsOfKeys.get(keys);
  if (known !== undefined) return known;
  const texts = new Map(keys.map((key, at) => [expressionKey(key), at] as const).reverse());
  textsOfKeys.set(keys, texts);
  return texts;
}

function outputColumn(node: BoundExpression, index: number, name: string): BoundColumn {
  return { kind: 'column', index, name, type: node.type, span: node.span };
}

function placeholderColumn(output: GroupedOutput, node: BoundColumn): BoundExpression | null {
  const keyCount = output.keys.length;
  if (node.index >= WINDOW_PLACEHOLDERS) {
    assert(output.isWindowed, 'window columns are bound under a window only');
    const end = outputColumn(node, keyCount + 1, 'window_end');
    if (node.index === WINDOW_PLACEHOLDERS) return outputColumn(node, keyCount, 'window_start');
    if (node.index === WINDOW_PLACEHOLDERS + 1) return end;
    return windowTime(output.faults, end, node.span);
  }
  if (node.index < AGGREGATE_PLACEHOLDERS) return null;
  const first = keyCount + (output.isWindowed ? 2 : 0);
  return outputColumn(node, first + node.index - AGGREGATE_PLACEHOLDERS, node.name);
}

function notGrouped(output: GroupedOutput, node: BoundColumn): never {
  return output.faults.fail('COLUMN_NOT_GROUPED', {
    message: `column "${node.name}" is neither grouped nor inside an aggregate`,
    span: node.span,
    hint: `add it to GROUP BY, or take one value of each group with MAX(${node.name})`,
  });
}
