/**
 * Rewrites of the logical plan that the pipeline depends on: a GROUP BY over the columns of a
 * window table function is a window aggregate; ROW_NUMBER() <= n around a subquery is Top-N; WHERE
 * over a cross join is its condition; ORDER BY inside a query means nothing. Each rule is a
 * function of one node; pruning of columns is prune.ts, and comes last.
 */
import { BIGINT } from '../columnar/types.js';
import { calcChain, identity } from './logical/calc-fusion.js';
import { windowTime } from './bind/binder-group-window.js';
import type { BoundExpression } from './expression/expression.js';
import {
  columnIndexes,
  conjunctsOf,
  expressionKey,
  substitute,
} from './expression/expression-walk.js';
import type { FaultCollector } from './faults.js';
import { isBounded, mapInputs } from './logical/logical-plan.js';
import type {
  LogicalAggregate,
  LogicalFilter,
  LogicalJoin,
  LogicalNode,
  LogicalSort,
  LogicalWindowColumns,
} from './logical/logical-plan.js';
import { pruneColumns } from './logical/prune.js';
import { recognizeTopN } from './logical/top-n-pattern.js';
import { windowedRelation } from './logical/window-end.js';

export function optimize(faults: FaultCollector, root: LogicalNode): LogicalNode {
  return mergeProjects(pruneColumns(rewrite(faults, root, true)));
}

/** A project that only picks columns of another project becomes one with it. */
function mergeProjects(node: LogicalNode): LogicalNode {
  const merged = mapInputs(node, mergeProjects);
  if (merged.kind !== 'project' || merged.input.kind !== 'project') return merged;
  const { input } = merged;
  const picksOnly = merged.expressions.every((expression) => expression.kind === 'column');
  if (!picksOnly) return merged;
  const expressions = merged.expressions.map((expression) =>
    substitute(expression, input.expressions),
  );
  return { ...merged, input: input.input, expressions };
}

/** Bottom-up; `isOutermost` until an operator is passed that needs no order from below. */
function rewrite(faults: FaultCollector, node: LogicalNode, isOutermost: boolean): LogicalNode {
  const passesOrder = node.kind === 'project' || node.kind === 'filter' || node.kind === 'limit';
  const below = isOutermost && passesOrder;
  const node2 = mapInputs(node, (input) => rewrite(faults, input, below || node.kind === 'limit'));
  switch (node2.kind) {
    case 'aggregate':
      return groupedWindow(faults, node2) ?? node2;
    case 'filter':
      return recognizeTopN(node2) ?? joinFilter(node2);
    case 'sort':
      if (!isOutermost && node2.limit === null) return node2.input;
      return isBounded(node2) ? node2 : withWindowEnd(node2);
    default:
      return node2;
  }
}

/** GROUP BY window_start, window_end, … over a window table function. */
function groupedWindow(faults: FaultCollector, node: LogicalAggregate): LogicalNode | null {
  const chain = calcChain(node.input);
  const { base } = chain;
  if (base.kind !== 'window-columns' || chain.stages.length > 1) return null;
  const [stage] = chain.stages;
  const outputs = stage?.outputs ?? identity(base);
  const width = base.input.schema.length;
  const keys = node.keys.map((key) => substitute(key, outputs));
  const bounds = keys.map((key) =>
    key.kind === 'column' && key.index >= width ? key.index - width : -1,
  );
  if (!bounds.some((bound) => bound >= 0)) return null;
  const isWhole =
    (bounds.includes(0) && bounds.includes(1)) ||
    base.window.kind === 'tumbling' ||
    base.window.kind === 'hopping';
  if (!isWhole) {
    return faults.fail('WINDOW_INVALID', {
      message: 'GROUP BY names one bound of the window only',
      span: node.span,
      hint: 'group by window_start and window_end',
    });
  }
  const plainKeys = keys.filter((_, at) => (bounds[at] ?? -1) < 0);
  checkSessionKeys(faults, base, { keys: plainKeys, node });
  const filters = splitFilter(faults, stage?.filter ?? null, { base, keys: plainKeys });
  return windowOverTable(faults, { node, base, outputs, plainKeys, bounds, filters });
}

/** A session belongs to its PARTITION BY key, which must be the grouping key. */
function checkSessionKeys(
  faults: FaultCollector,
  base: LogicalWindowColumns,
  group: { readonly keys: readonly BoundExpression[]; readonly node: LogicalAggregate },
): void {
  if (base.window.kind !== 'session') return;
  const partition = base.partitionBy.map(expressionKey).sort().join();
  if (partition === group.keys.map(expressionKey).sort().join()) return;
  faults.fail('NOT_SUPPORTED', {
    message: 'SESSION(… PARTITION BY …) must be grouped by its PARTITION BY columns',
    span: group.node.span,
    hint: 'group by window_start, window_end and the same columns',
  });
}

interface SplitFilter {
  readonly below: BoundExpression | null;
  /** Over the window columns only. */
  readonly above: readonly BoundExpression[];
}

/** WHERE conjuncts over records go below the window, those over its bounds above. */
function splitFilter(
  faults: FaultCollector,
  filter: BoundExpression | null,
  window: { readonly base: LogicalWindowColumns; readonly keys: readonly BoundExpression[] },
): SplitFilter {
  if (filter === null) return { below: null, above: [] };
  const width = window.base.input.schema.length;
  const below: BoundExpression[] = [];
  const above: BoundExpression[] = [];
  for (const conjunct of conjunctsOf(filter)) {
    const indexes = [...columnIndexes(conjunct)];
    if (indexes.every((index) => index < width)) below.push(conjunct);
    else if (indexes.every((index) => index >= width)) above.push(conjunct);
    else {
      faults.fail('NOT_SUPPORTED', {
        message: 'WHERE cannot compare a column with a bound of the window',
        span: conjunct.span,
        hint: 'filter in a subquery, or with HAVING',
      });
    }
  }
  return { below: conjunction(below), above };
}

function conjunction(operands: readonly BoundExpression[]): BoundExpression | null {
  const [first] = operands;
  if (first === undefined) return null;
  if (operands.length === 1) return first;
  return { kind: 'logical', operator: 'and', operands, type: first.type, span: first.span };
}

function windowOverTable(
  faults: FaultCollector,
  parts: {
    readonly node: LogicalAggregate;
    readonly base: LogicalWindowColumns;
    readonly outputs: readonly BoundExpression[];
    readonly plainKeys: readonly BoundExpression[];
    readonly bounds: readonly number[];
    readonly filters: SplitFilter;
  },
): LogicalNode {
  const { node, base, outputs, plainKeys, bounds, filters } = parts;
  const ofRecords = (moved: BoundExpression, expression = moved): BoundExpression => {
    const width = base.input.schema.length;
    if ([...columnIndexes(moved)].every((index) => index < width)) return moved;
    return faults.fail('NOT_SUPPORTED', {
      message: 'an aggregate or key over the bounds of its own window is not supported',
      span: expression.span,
      hint: 'group in a subquery first',
    });
  };
  const inner = (expression: BoundExpression): BoundExpression =>
    ofRecords(substitute(expression, outputs), expression);
  const aggregates = node.aggregates.map((call) => ({
    ...call,
    args: call.args.map(inner),
    filter: call.filter === null ? null : inner(call.filter),
    orderBy: call.orderBy.map((key) => ({ ...key, expression: inner(key.expression) })),
  }));
  const { below } = filters;
  const filtered: LogicalNode =
    below === null
      ? base.input
      : {
          kind: 'filter',
          input: base.input,
          condition: below,
          schema: base.input.schema,
          span: below.span,
        };
  const plain = node.keys.flatMap((_, at) =>
    (bounds[at] ?? -1) < 0 ? (node.schema[at] ?? []) : [],
  );
  const boundSchema = base.schema.slice(base.input.schema.length).slice(0, 2);
  const aggregateSchema = node.schema.slice(node.keys.length);
  plainKeys.forEach((key) => ofRecords(key));
  const window: LogicalNode = {
    kind: 'window-aggregate',
    input: filtered,
    window: base.window,
    time: base.time,
    keys: plainKeys,
    aggregates,
    schema: [...plain, ...boundSchema, ...aggregateSchema],
    span: base.span,
  };
  return projectGroups(faults, window, { node, bounds, above: filters.above, base });
}

/** Puts the columns in the order of GROUP BY, and filters on the bounds behind the window. */
function projectGroups(
  faults: FaultCollector,
  window: LogicalNode,
  parts: {
    readonly node: LogicalAggregate;
    readonly bounds: readonly number[];
    readonly above: readonly BoundExpression[];
    readonly base: LogicalWindowColumns;
  },
): LogicalNode {
  const { node, bounds, above, base } = parts;
  const plainCount = bounds.filter((bound) => bound < 0).length;
  const output = (index: number): BoundExpression => {
    const { name, type } = window.schema[index] ?? { name: '', type: BIGINT };
    return { kind: 'column', index, name, type, span: node.span };
  };
  const boundOf = (bound: number): BoundExpression =>
    bound < 2 ? output(plainCount + bound) : windowTime(faults, output(plainCount + 1), node.span);
  let nextPlain = 0;
  const keys = bounds.map((bound) => (bound < 0 ? output(nextPlain++) : boundOf(bound)));
  const values = node.aggregates.map((_, at) => output(plainCount + 2 + at));
  const width = base.input.schema.length;
  const condition = conjunction(
    above.map((conjunct) =>
      substitute(
        conjunct,
        Array.from({ length: width + 3 }, (_, at) =>
          at < width ? output(0) : boundOf(at - width),
        ),
      ),
    ),
  );
  const { schema, span } = node;
  const kept: LogicalNode =
    condition === null
      ? window
      : { kind: 'filter', input: window, condition, schema: window.schema, span };
  return { kind: 'project', input: kept, expressions: [...keys, ...values], schema, span };
}

/** A filter over inner joins without their own equality: FROM a, b, c WHERE a.x = b.x AND … */
function joinFilter(node: LogicalFilter): LogicalNode {
  const { input, condition } = node;
  return isCrossJoin(input) ? conditioned(input, conjunctsOf(condition)) : node;
}

function isCrossJoin(node: LogicalNode): node is LogicalJoin {
  return node.kind === 'join' && node.type === 'inner' && node.condition === null;
}

/** Equalities of columns of both sides of the join on the left are its own. */
function conditioned(join: LogicalJoin, conjuncts: readonly BoundExpression[]): LogicalNode {
  const { left } = join;
  if (!isCrossJoin(left)) return { ...join, condition: conjunction(conjuncts) };
  const [inner, width] = [left.left.schema.length, left.schema.length];
  const sideOf = (expression: BoundExpression | undefined): number => {
    const indexes = expression === undefined ? [] : [...columnIndexes(expression)];
    if (indexes.length === 0 || indexes.some((index) => index >= width)) return 0;
    if (indexes.every((index) => index < inner)) return 1;
    return indexes.every((index) => index >= inner) ? 2 : 3;
  };
  const isBelow = (conjunct: BoundExpression): boolean => {
    if (conjunct.kind !== 'call' || conjunct.function !== '=') return false;
    const [a, b] = conjunct.args.map(sideOf);
    // Of a join further down: both sides stand left of this one's last input.
    return (a === 1 && b === 2) || (a === 2 && b === 1) || (a === 1 && b === 1);
  };
  const below = conjuncts.filter(isBelow);
  const above = conjuncts.filter((conjunct) => !below.includes(conjunct));
  const input = below.length === 0 ? left : conditioned(left, below);
  return { ...join, left: input, condition: conjunction(above) };
}

/** Carries window_end of an unbounded input's window up to ORDER BY. */
function withWindowEnd(node: LogicalSort): LogicalNode {
  const carried = windowedRelation(node.input, false);
  if (carried === null) return node;
  const { node: input, end: index } = carried;
  const { name, type } = input.schema[index] ?? { name: 'window_end', type: BIGINT };
  const windowEnd: BoundExpression = { kind: 'column', index, name, type, span: node.span };
  const expressions = identity(node.input);
  const sorted: LogicalSort = { ...node, input, windowEnd, schema: input.schema };
  return { kind: 'project', input: sorted, expressions, schema: node.schema, span: node.span };
}
