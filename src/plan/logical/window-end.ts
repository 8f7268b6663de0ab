/**
 * Carries the end of a window up through a relation, so that an operator above can tell when rows
 * are final: the input extended by a column with window_end, and which of its columns stand for
 * the window (window_end, window_time, window_start where all windows have one size). Owns which
 * operators work window by window: those that keep rows of different windows apart. Nothing here
 * holds rows back: that is ORDER BY (operators/sort) and EMIT FINAL (operators/final).
 */
import type { Span } from '../../base/span.js';
import { TIMESTAMP, sameType } from '../../columnar/types.js';
import type { BoundExpression } from '../expression/expression.js';
import { conjunctsOf, mapColumns } from '../expression/expression-walk.js';
import type { WindowSpec } from '../window-spec.js';
import { identity } from './calc-fusion.js';
import { isBounded } from './logical-plan.js';
import type {
  LogicalAggregate,
  LogicalJoin,
  LogicalNode,
  LogicalTopN,
  LogicalUnion,
} from './logical-plan.js';

export interface WindowedRelation {
  /** The relation's columns in their order, and perhaps more behind them. */
  readonly node: LogicalNode;
  /** The column of `node` that holds window_end. */
  readonly end: number;
  /** Columns that stand for the window: what is to be added to get its end, in milliseconds. */
  readonly marks: ReadonlyMap<number, number>;
}

/**
 * The relation with the end of the window that each row belongs to, when every row and every
 * change of a row with end E comes before the watermark behind E; else null. `groupsAtEnd`: GROUP
 * BY over an input that ends gives its groups at the end only (EMIT FINAL), behind all watermarks.
 */
export function windowedRelation(node: LogicalNode, groupsAtEnd: boolean): WindowedRelation | null {
  switch (node.kind) {
    case 'window-aggregate': {
      const { length } = node.keys;
      return { node, end: length + 1, marks: boundMarks(node.window, length) };
    }
    case 'window-columns': {
      if (node.window.kind === 'session') return null;
      const width = node.input.schema.length;
      const closing: LogicalNode = { ...node, closes: true };
      const marks = boundMarks(node.window, width).set(width + 2, 1);
      return { node: closing, end: width + 1, marks };
    }
    case 'filter': {
      const below = windowedRelation(node.input, groupsAtEnd);
      if (below === null) return null;
      return { ...below, node: { ...node, input: below.node, schema: below.node.schema } };
    }
    case 'project':
      return ofProject(node, groupsAtEnd);
    case 'aggregate':
      return ofAggregate(node, groupsAtEnd);
    case 'top-n':
      return ofTopN(node, groupsAtEnd);
    case 'join':
      return ofJoin(node, groupsAtEnd);
    case 'union':
      return ofUnion(node, groupsAtEnd);
    case 'scan':
    case 'rows-window':
    case 'over':
    case 'sort':
    case 'limit':
    case 'final':
      return null;
  }
}

/** window_start and window_end at column `at` and the next. */
function boundMarks(window: WindowSpec, at: number): Map<number, number> {
  const marks = new Map([[at + 1, 0]]);
  const size = fixedSizeMs(window);
  return size === null ? marks : marks.set(at, size);
}

/** The size that all windows of a kind have; null where windows with one start end differently. */
function fixedSizeMs(window: WindowSpec): number | null {
  return window.kind === 'tumbling' || window.kind === 'hopping' ? window.sizeMs : null;
}

/** What an expression says of the window: the milliseconds to its end, or null. */
function markOf(expression: BoundExpression, marks: ReadonlyMap<number, number>): number | null {
  const moved = timeShift(expression);
  if (moved === null) return null;
  const mark = marks.get(moved.column);
  return mark === undefined ? null : mark - moved.addedMs;
}

/** A column plus or minus a fixed number of milliseconds. */
export interface TimeShift {
  readonly column: number;
  readonly addedMs: number;
}

export function timeShift(expression: BoundExpression): TimeShift | null {
  if (expression.kind === 'column') return { column: expression.index, addedMs: 0 };
  if (expression.kind !== 'call') return null;
  const sign = expression.function === '+' ? 1 : expression.function === '-' ? -1 : 0;
  const [a, b] = expression.args;
  if (sign === 0 || a === undefined || b === undefined) return null;
  const added = millisecondsOf(b);
  const below = added === null ? null : timeShift(a);
  if (below === null || added === null) return null;
  return { column: below.column, addedMs: below.addedMs + sign * added };
}

function millisecondsOf(expression: BoundExpression): number | null {
  if (expression.kind === 'cast') return millisecondsOf(expression.operand);
  if (expression.kind !== 'literal') return null;
  const { value, type } = expression;
  const isMs = type.kind === 'bigint' || (type.kind === 'interval' && type.unit === 'millisecond');
  if (!isMs || (typeof value !== 'bigint' && typeof value !== 'number')) return null;
  return Number(value);
}

function ofProject(
  node: LogicalNode & { readonly kind: 'project' },
  groupsAtEnd: boolean,
): WindowedRelation | null {
  const below = windowedRelation(node.input, groupsAtEnd);
  if (below === null) return null;
  const marks = new Map<number, number>();
  node.expressions.forEach((expression, at) => {
    const mark = markOf(expression, below.marks);
    if (mark !== null) marks.set(at, mark);
  });
  const known = node.expressions.findIndex(
    (expression) => expression.kind === 'column' && expression.index === below.end,
  );
  const moved = { ...node, input: below.node };
  if (known >= 0) return { node: moved, end: known, marks };
  const end = node.expressions.length;
  return {
    node: {
      ...moved,
      expressions: [...node.expressions, columnAt(below.node, below.end, node.span)],
      schema: [...node.schema, { name: 'window_end', type: TIMESTAMP }],
    },
    end,
    marks: marks.set(end, 0),
  };
}

/** Groups of one window each: the window is among the keys. */
function ofAggregate(node: LogicalAggregate, groupsAtEnd: boolean): WindowedRelation | null {
  if (groupsAtEnd && isBounded(node)) return null;
  const below = windowedRelation(node.input, groupsAtEnd);
  if (below === null) return null;
  const marks = new Map<number, number>();
  node.keys.forEach((key, at) => {
    const mark = markOf(key, below.marks);
    if (mark !== null) marks.set(at, mark);
  });
  if (marks.size === 0) return null;
  const known = node.keys.findIndex((key) => key.kind === 'column' && key.index === below.end);
  if (known >= 0) return { node: { ...node, input: below.node }, end: known, marks };
  const count = node.keys.length;
  const grouped: LogicalNode = {
    ...node,
    input: below.node,
    keys: [...node.keys, columnAt(below.node, below.end, node.span)],
    schema: [
      ...node.schema.slice(0, count),
      { name: 'window_end', type: TIMESTAMP },
      ...node.schema.slice(count),
    ],
  };
  const places = node.schema.map((_, at) => (at < count ? at : at + 1));
  return ended(grouped, { node, places, end: columnAt(grouped, count, node.span), marks });
}

/** Rankings of one window each: the window is among the PARTITION BY columns. */
function ofTopN(node: LogicalTopN, groupsAtEnd: boolean): WindowedRelation | null {
  const below = windowedRelation(node.input, groupsAtEnd);
  if (below === null) return null;
  if (!node.partitionBy.some((key) => markOf(key, below.marks) !== null)) return null;
  const width = node.input.schema.length;
  const belowWidth = below.node.schema.length;
  const ranked: LogicalNode = {
    ...node,
    input: below.node,
    schema: [...below.node.schema, ...node.schema.slice(width)],
  };
  const places = node.schema.map((_, at) => (at < width ? at : belowWidth + at - width));
  const marks = new Map([...below.marks].filter(([column]) => column < width));
  return ended(ranked, { node, places, end: columnAt(ranked, below.end, node.span), marks });
}

/** A window join: an equality pairs windows of both sides that end at one time. */
function ofJoin(node: LogicalJoin, groupsAtEnd: boolean): WindowedRelation | null {
  const left = windowedRelation(node.left, groupsAtEnd);
  const right = windowedRelation(node.right, groupsAtEnd);
  if (left === null || right === null || !pairsWindows(node, left, right)) return null;
  const width = node.left.schema.length;
  const leftWidth = left.node.schema.length;
  const moved = (index: number): number => (index < width ? index : leftWidth + index - width);
  const joined: LogicalNode = {
    ...node,
    left: left.node,
    right: right.node,
    condition:
      node.condition === null
        ? null
        : mapColumns(node.condition, (column) => ({ ...column, index: moved(column.index) })),
    schema: [...left.node.schema, ...right.node.schema],
  };
  const ends = {
    left: columnAt(joined, left.end, node.span),
    right: columnAt(joined, leftWidth + right.end, node.span),
  };
  const end: BoundExpression =
    node.type === 'full'
      ? {
          kind: 'coalesce',
          operands: [ends.left, ends.right],
          type: TIMESTAMP,
          span: node.span,
        }
      : node.type === 'right'
        ? ends.right
        : ends.left;
  // A side that may be padded says nothing of the window.
  const marks = new Map<number, number>();
  if (node.type === 'inner' || node.type === 'left') {
    for (const [column, mark] of left.marks) if (column < width) marks.set(column, mark);
  }
  if (node.type === 'inner' || node.type === 'right') {
    for (const [column, mark] of right.marks) {
      if (column < node.right.schema.length) marks.set(width + column, mark);
    }
  }
  const places = node.schema.map((_, at) => moved(at));
  return ended(joined, { node, places, end, marks });
}

function pairsWindows(node: LogicalJoin, left: WindowedRelation, right: WindowedRelation): boolean {
  const width = node.left.schema.length;
  const sideOf = (expression: BoundExpression): { side: string; mark: number } | null => {
    const moved = timeShift(expression);
    if (moved === null) return null;
    const isLeft = moved.column < width;
    const mark = isLeft ? left.marks.get(moved.column) : right.marks.get(moved.column - width);
    if (mark === undefined) return null;
    return { side: isLeft ? 'left' : 'right', mark: mark - moved.addedMs };
  };
  return (node.condition === null ? [] : conjunctsOf(node.condition)).some((conjunct) => {
    if (conjunct.kind !== 'call' || conjunct.function !== '=') return false;
    const [a, b] = conjunct.args.map(sideOf);
    if (a === null || a === undefined || b === null || b === undefined) return false;
    return a.side !== b.side && a.mark === b.mark;
  });
}

function ofUnion(node: LogicalUnion, groupsAtEnd: boolean): WindowedRelation | null {
  const inputs = node.inputs.map((input) => windowedRelation(input, groupsAtEnd));
  const width = node.schema.length;
  const all: LogicalNode[] = [];
  let marks: Map<number, number> | null = null;
  for (const [at, input] of inputs.entries()) {
    const original = node.inputs[at];
    if (input === null || original === undefined) return null;
    const end = columnAt(input.node, input.end, node.span);
    const places = original.schema.map((_, column) => column);
    all.push(ended(input.node, { node: original, places, end, marks: input.marks }).node);
    const shared: readonly (readonly [number, number])[] =
      marks === null
        ? [...input.marks].filter(([column]) => column < width)
        : [...marks].filter(([column, mark]) => input.marks.get(column) === mark);
    marks = new Map(shared);
  }
  const schema = [...node.schema, { name: 'window_end', type: TIMESTAMP }];
  if (!all.every((input) => hasTypes(input, schema))) return null;
  return {
    node: { ...node, inputs: all, schema },
    end: width,
    marks: (marks ?? new Map<number, number>()).set(width, 0),
  };
}

function hasTypes(node: LogicalNode, schema: LogicalNode['schema']): boolean {
  return (
    node.schema.length === schema.length &&
    schema.every(({ type }, at) => sameType(type, node.schema[at]?.type ?? { kind: 'null' }))
  );
}

/** Puts the columns of `node` back in their order, the window's end behind them. */
function ended(
  over: LogicalNode,
  parts: {
    readonly node: LogicalNode;
    /** Where the columns of `node` are in `over`. */
    readonly places: readonly number[];
    readonly end: BoundExpression;
    readonly marks: ReadonlyMap<number, number>;
  },
): WindowedRelation {
  const { node, places, end } = parts;
  const all = identity(over);
  const width = node.schema.length;
  return {
    node: {
      kind: 'project',
      input: over,
      expressions: [...places.flatMap((place) => all[place] ?? []), end],
      schema: [...node.schema, { name: 'window_end', type: TIMESTAMP }],
      span: node.span,
    },
    end: width,
    marks: new Map(parts.marks).set(width, 0),
  };
}

function columnAt(node: LogicalNode, index: number, span: Span): BoundExpression {
  const { name, type } = node.schema[index] ?? { name: 'window_end', type: TIMESTAMP };
  return { kind: 'column', index, name, type, span };
}
