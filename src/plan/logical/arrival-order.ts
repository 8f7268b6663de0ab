/**
 * Operators that go by arrival (ROWS WINDOW, FIRST_VALUE, LISTAGG …) over rows that a watermark or
 * the end of input brings: on V2 such rows come from every partition by itself. Where they would
 * come in another order than on V1, they are brought into one first: window by window, and by
 * their values within a window. Rows that answer to records need nothing: they come in the order of
 * the records everywhere.
 */
import { aggregateFunction } from '../../functions/function-registry.js';
import type { BoundExpression } from '../expression/expression.js';
import { expressionKey, substitute } from '../expression/expression-walk.js';
import { calcChain, identity } from './calc-fusion.js';
import { addsOnly } from './final-rows.js';
import { isBounded, logicalInputs, mapInputs } from './logical-plan.js';
import type { LogicalAggregate, LogicalNode, LogicalWindowAggregate } from './logical-plan.js';
import { windowedRelation } from './window-end.js';

/** `groupsAtEnd`: GROUP BY over an input that ends gives its groups at the end (EMIT FINAL). */
export function inArrivalOrder(node: LogicalNode, groupsAtEnd: boolean): LogicalNode {
  const settled = mapInputs(node, (input) => inArrivalOrder(input, groupsAtEnd));
  switch (settled.kind) {
    case 'rows-window':
      return { ...settled, input: ordered(settled.input, settled.partitionBy, groupsAtEnd) };
    case 'aggregate':
    case 'window-aggregate':
      if (!goesByArrival(settled)) return settled;
      return { ...settled, input: ordered(settled.input, settled.keys, groupsAtEnd) };
    default:
      return settled;
  }
}

function goesByArrival({ aggregates }: LogicalAggregate | LogicalWindowAggregate): boolean {
  return aggregates.some(
    (call) =>
      call.orderBy.length === 0 && aggregateFunction(call.function)?.orderSensitive === true,
  );
}

/** The rows in one order within each of the partitions of `keys`. */
function ordered(
  input: LogicalNode,
  keys: readonly BoundExpression[],
  groupsAtEnd: boolean,
): LogicalNode {
  if (
    comesInOrder(input, groupsAtEnd) ||
    !addsOnly(input, groupsAtEnd) ||
    hasOneRowEach(input, keys)
  ) {
    return input;
  }
  const windowed = windowedRelation(input, groupsAtEnd);
  if (windowed === null && !isBounded(input)) return input;
  const below = windowed?.node ?? input;
  const { schema, span } = input;
  const all = identity(below);
  const sorted: LogicalNode = {
    kind: 'sort',
    input: below,
    keys: all.map((expression) => ({ expression, descending: false, nullsFirst: false })),
    limit: null,
    windowEnd: windowed === null ? null : (all[windowed.end] ?? null),
    partitionBy: keys,
    schema: below.schema,
    span,
  };
  if (below.schema.length === schema.length) return sorted;
  const expressions = identity(sorted).slice(0, schema.length);
  return { kind: 'project', input: sorted, expressions, schema, span };
}

/** Whether each window gives at most one row to each partition: then the windows are the order. */
function hasOneRowEach(input: LogicalNode, keys: readonly BoundExpression[]): boolean {
  const { base, stages } = calcChain(input);
  if (base.kind !== 'window-aggregate' || base.window.kind === 'cumulate') return false;
  const known = new Set(
    keys.map((key) =>
      expressionKey(
        stages.toReversed().reduce((moved, stage) => substitute(moved, stage.outputs), key),
      ),
    ),
  );
  return identity(base)
    .slice(0, base.keys.length)
    .every((key) => known.has(expressionKey(key)));
}

function comesInOrder(node: LogicalNode, groupsAtEnd: boolean): boolean {
  switch (node.kind) {
    case 'window-aggregate':
    case 'over':
    case 'final':
      return false;
    case 'aggregate':
      return !(groupsAtEnd && isBounded(node)) && comesInOrder(node.input, groupsAtEnd);
    case 'sort':
      return true;
    default:
      return logicalInputs(node).every((input) => comesInOrder(input, groupsAtEnd));
  }
}
