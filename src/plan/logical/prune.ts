/**
 * Column pruning: keeps of every project and operator what something above reads. Scans stay
 * whole (the pipeline reads off them what the calc above needs), and operators that pass their
 * input's columns on shrink with it.
 */
import { assertNever } from '../../base/assert.js';
import { identity } from './calc-fusion.js';
import type { BoundExpression } from '../expression/expression.js';
import { columnIndexes, mapColumns } from '../expression/expression-walk.js';
import type {
  LogicalAggregate,
  LogicalAggregateCall,
  LogicalJoin,
  LogicalNode,
  LogicalOver,
  LogicalRowsWindow,
  LogicalSortKey,
  LogicalUnion,
  LogicalWindowAggregate,
  LogicalWindowCall,
} from './logical-plan.js';

interface Pruned {
  readonly node: LogicalNode;
  /** New number of each old column; -1: gone. */
  readonly moved: readonly number[];
}

/** The same rows; the root keeps all its columns, in order. */
export function pruneColumns(root: LogicalNode): LogicalNode {
  return exactly(root, new Set(root.schema.map((_, at) => at)));
}

/** `node` with the required columns, in ascending order, and no other. */
function exactly(node: LogicalNode, required: ReadonlySet<number>): LogicalNode {
  const pruned = prune(node, required);
  const wanted = [...required].sort((a, b) => a - b);
  const places = wanted.map((index) => pruned.moved[index] ?? -1);
  const { schema } = pruned.node;
  if (places.length === schema.length && places.every((place, at) => place === at)) {
    return pruned.node;
  }
  const all = identity(pruned.node);
  const expressions = places.flatMap((place) => all[place] ?? []);
  const names = wanted.flatMap((index) => node.schema[index] ?? []);
  return { kind: 'project', input: pruned.node, expressions, schema: names, span: node.span };
}

function prune(node: LogicalNode, required: ReadonlySet<number>): Pruned {
  switch (node.kind) {
    case 'scan':
      return { node, moved: node.schema.map((_, at) => at) };
    case 'filter': {
      const input = prune(node.input, union(required, columnIndexes(node.condition)));
      const condition = remap(node.condition, input);
      return {
        node: { ...node, input: input.node, condition, schema: input.node.schema },
        moved: input.moved,
      };
    }
    case 'project':
      return pruneProject(node, required);
    case 'aggregate':
    case 'window-aggregate':
      return pruneAggregate(node, required);
    case 'window-columns': {
      const width = node.input.schema.length;
      const input = prune(node.input, union(below(required, width), columnIndexes(node.time)));
      const partitionBy = node.partitionBy.map((key) => remap(key, input));
      return appending(
        { ...node, input: input.node, time: remap(node.time, input), partitionBy },
        input,
        node.schema.slice(width),
      );
    }
    case 'rows-window':
    case 'over':
      return pruneCalls(node, required);
    case 'top-n': {
      const width = node.input.schema.length;
      const inputs = [...node.partitionBy, ...node.orderBy.map(({ expression }) => expression)];
      const input = prune(node.input, union(below(required, width), ...inputs.map(columnIndexes)));
      const rankColumn = node.rankColumn && required.has(width);
      return appending(
        {
          ...node,
          input: input.node,
          partitionBy: node.partitionBy.map((key) => remap(key, input)),
          orderBy: remapOrder(node.orderBy, input),
          rankColumn,
        },
        input,
        rankColumn ? node.schema.slice(width) : [],
      );
    }
    case 'join':
      return pruneJoin(node, required);
    case 'sort': {
      const extra = node.windowEnd === null ? [] : [columnIndexes(node.windowEnd)];
      const keys = node.keys.map(({ expression }) => columnIndexes(expression));
      const input = prune(node.input, union(required, ...keys, ...extra));
      const windowEnd = node.windowEnd === null ? null : remap(node.windowEnd, input);
      const keysMoved = remapOrder(node.keys, input);
      const { schema } = input.node;
      return {
        node: { ...node, input: input.node, keys: keysMoved, windowEnd, schema },
        moved: input.moved,
      };
    }
    case 'limit': {
      const input = prune(node.input, required);
      return {
        node: { ...node, input: input.node, schema: input.node.schema },
        moved: input.moved,
      };
    }
    case 'union':
      return pruneUnion(node, required);
    case 'final':
      throw new TypeError('final rows are found after pruning');
    default:
      return assertNever(node);
  }
}

function union(...sets: readonly Iterable<number>[]): Set<number> {
  return new Set(sets.flatMap((set) => [...set]));
}

function below(required: ReadonlySet<number>, width: number): readonly number[] {
  return [...required].filter((index) => index < width);
}

function remap(expression: BoundExpression, input: Pruned): BoundExpression {
  return mapColumns(expression, (column) => ({
    ...column,
    index: input.moved[column.index] ?? column.index,
  }));
}

function remapOrder(keys: readonly LogicalSortKey[], input: Pruned): readonly LogicalSortKey[] {
  return keys.map((key) => ({ ...key, expression: remap(key.expression, input) }));
}

/** An operator behind whose input columns the columns `added` stand. */
function appending(node: LogicalNode, input: Pruned, added: LogicalNode['schema']): Pruned {
  const width = input.node.schema.length;
  const schema = [...input.node.schema, ...added];
  return {
    node: { ...node, schema } as LogicalNode,
    moved: [...input.moved, ...added.map((_, at) => width + at)],
  };
}

function pruneProject(
  node: LogicalNode & { readonly kind: 'project' },
  required: ReadonlySet<number>,
): Pruned {
  const kept = node.expressions.flatMap((expression, at) =>
    required.has(at) ? [{ expression, at }] : [],
  );
  const input = prune(
    node.input,
    union(...kept.map(({ expression }) => columnIndexes(expression))),
  );
  const expressions = kept.map(({ expression }) => remap(expression, input));
  const schema = kept.flatMap(({ at }) => node.schema[at] ?? []);
  const moved = node.expressions.map((_, at) => kept.findIndex((column) => column.at === at));
  return { node: { ...node, input: input.node, expressions, schema }, moved };
}

function callColumns(call: LogicalAggregateCall | LogicalWindowCall): Set<number> {
  const order = call.orderBy.map(({ expression }) => expression);
  const all = [...call.args, ...(call.filter === null ? [] : [call.filter]), ...order];
  return union(...all.map(columnIndexes));
}

function remapCall<C extends LogicalAggregateCall | LogicalWindowCall>(call: C, input: Pruned): C {
  return {
    ...call,
    args: call.args.map((argument) => remap(argument, input)),
    filter: call.filter === null ? null : remap(call.filter, input),
    orderBy: remapOrder(call.orderBy, input),
  };
}

function pruneAggregate(
  node: LogicalAggregate | LogicalWindowAggregate,
  required: ReadonlySet<number>,
): Pruned {
  const time = node.kind === 'window-aggregate' ? [node.time] : [];
  const first = node.schema.length - node.aggregates.length;
  const kept = node.aggregates.flatMap((call, at) =>
    required.has(first + at) ? [{ call, at }] : [],
  );
  const input = prune(
    node.input,
    union(
      ...[...node.keys, ...time].map(columnIndexes),
      ...kept.map(({ call }) => callColumns(call)),
    ),
  );
  const keys = node.keys.map((key) => remap(key, input));
  const aggregates = kept.map(({ call }) => remapCall(call, input));
  const schema = [
    ...node.schema.slice(0, first),
    ...kept.flatMap(({ at }) => node.schema[first + at] ?? []),
  ];
  const shared = { input: input.node, keys, aggregates, schema };
  const moved = node.schema.map((_, at) =>
    at < first
      ? at
      : mapped(
          kept.findIndex((call) => call.at === at - first),
          first,
        ),
  );
  if (node.kind === 'aggregate') return { node: { ...node, ...shared }, moved };
  return { node: { ...node, ...shared, time: remap(node.time, input) }, moved };
}

function mapped(at: number, first: number): number {
  return at < 0 ? -1 : first + at;
}

function pruneCalls(node: LogicalRowsWindow | LogicalOver, required: ReadonlySet<number>): Pruned {
  const width = node.input.schema.length;
  const kept = node.calls.flatMap((call, at) => (required.has(width + at) ? [{ call, at }] : []));
  const filtersRows = node.kind === 'rows-window' && node.emit === 'buffer-full';
  if (kept.length === 0 && !filtersRows) {
    const input = prune(node.input, new Set(below(required, width)));
    return { node: input.node, moved: [...input.moved, ...node.calls.map(() => -1)] };
  }
  const expiry = node.kind === 'rows-window' ? node.expiry : null;
  const expressions = [
    ...node.partitionBy,
    ...node.orderBy.map(({ expression }) => expression),
    ...(expiry === null ? [] : [expiry.time]),
  ];
  const input = prune(
    node.input,
    union(
      below(required, width),
      ...expressions.map(columnIndexes),
      ...kept.map(({ call }) => callColumns(call)),
    ),
  );
  const shared = {
    input: input.node,
    partitionBy: node.partitionBy.map((key) => remap(key, input)),
    orderBy: remapOrder(node.orderBy, input),
    calls: kept.map(({ call }) => remapCall(call, input)),
    schema: [...input.node.schema, ...kept.flatMap(({ at }) => node.schema[width + at] ?? [])],
  };
  const added = node.calls.map((_, at) =>
    mapped(
      kept.findIndex((call) => call.at === at),
      input.node.schema.length,
    ),
  );
  const moved = [...input.moved, ...added];
  if (node.kind === 'over') return { node: { ...node, ...shared }, moved };
  const expiryMoved = expiry === null ? null : { ...expiry, time: remap(expiry.time, input) };
  return { node: { ...node, ...shared, expiry: expiryMoved }, moved };
}

function pruneJoin(node: LogicalJoin, required: ReadonlySet<number>): Pruned {
  const width = node.left.schema.length;
  const condition = node.condition === null ? [] : [...columnIndexes(node.condition)];
  const wanted = union(required, condition);
  const left = prune(node.left, new Set(below(wanted, width)));
  const right = prune(
    node.right,
    new Set([...wanted].filter((index) => index >= width).map((index) => index - width)),
  );
  const rightStart = left.node.schema.length;
  const moved = [...left.moved, ...right.moved.map((index) => mapped(index, rightStart))];
  const pruned: LogicalJoin = {
    ...node,
    left: left.node,
    right: right.node,
    condition: node.condition === null ? null : remap(node.condition, { node, moved }),
    schema: [...left.node.schema, ...right.node.schema],
  };
  return { node: pruned, moved };
}

function pruneUnion(node: LogicalUnion, required: ReadonlySet<number>): Pruned {
  const wanted = [...required].sort((a, b) => a - b);
  const inputs = node.inputs.map((input) => exactly(input, required));
  const schema = wanted.flatMap((index) => node.schema[index] ?? []);
  return {
    node: { ...node, inputs, schema },
    moved: node.schema.map((_, at) => wanted.indexOf(at)),
  };
}
