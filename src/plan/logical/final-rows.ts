/**
 * EMIT FINAL: puts a `final` above each operator of the outermost SELECT whose rows may be taken
 * back, so that only those leave that stand: of a window behind its end, else at the end of input.
 * Owns which queries mean EMIT FINAL without saying so (Window Top-N and window joins, as windows
 * do) and the fault of one that never could: an unbounded input without a window. GROUP BY emits
 * final groups by itself (pipeline/changelog-mode.ts), LIMIT counts what stands (pipeline-limit).
 */
import { assertNever } from '../../base/assert.js';
import type { FaultCollector } from '../faults.js';
import { calcChain, identity } from './calc-fusion.js';
import { isBounded, logicalInputs } from './logical-plan.js';
import type { LogicalEmit, LogicalNode } from './logical-plan.js';
import { windowedRelation } from './window-end.js';

export interface FinalRowsContext {
  readonly faults: FaultCollector;
  readonly emit: LogicalEmit | null;
}

export function finalRows(context: FinalRowsContext, root: LogicalNode): LogicalNode {
  if (context.emit?.mode === 'changes') return root;
  return settled({ ...context, isReported: false }, root);
}

interface Walk extends FinalRowsContext {
  /** One fault of EMIT FINAL is enough, however many branches a UNION has. */
  isReported: boolean;
}

function settled(context: Walk, node: LogicalNode): LogicalNode {
  switch (node.kind) {
    case 'filter':
    case 'project':
    case 'limit':
    case 'window-columns':
      return { ...node, input: settled(context, node.input) };
    case 'union':
      return { ...node, inputs: node.inputs.map((input) => settled(context, input)) };
    case 'top-n':
    case 'join':
      return settledChanges(context, node);
    case 'aggregate':
      return settledGroups(context, node);
    case 'window-aggregate':
    case 'sort':
    case 'final':
      return node;
    case 'scan':
    case 'rows-window':
    case 'over':
      requireEnd(context, node);
      return node;
    default:
      return assertNever(node);
  }
}

/** EMIT FINAL: GROUP BY inside the query waits for the end of an input that has one. */
function groupsAtEnd({ emit }: FinalRowsContext): boolean {
  return emit !== null;
}

/** Top-N and joins: by window where they have one, whether or not the query says EMIT FINAL. */
function settledChanges(context: Walk, node: LogicalNode): LogicalNode {
  if (addsOnly(node)) {
    requireEnd(context, node);
    return node;
  }
  const windowed = windowedRelation(node, groupsAtEnd(context));
  if (windowed === null && context.emit === null) return node;
  if (windowed === null) requireEnd(context, node);
  return finalOf(context, node);
}

/** Groups of an unbounded input are final only where each belongs to a window. */
function settledGroups(context: Walk, node: LogicalNode): LogicalNode {
  const isPerWindow =
    context.emit !== null &&
    !isBounded(node) &&
    windowedRelation(node, groupsAtEnd(context)) !== null;
  return isPerWindow ? finalOf(context, node) : node;
}

function finalOf(context: Walk, node: LogicalNode): LogicalNode {
  const windowed = windowedRelation(node, groupsAtEnd(context));
  const input = windowed?.node ?? node;
  const { schema, span } = node;
  const windowEnd = windowed === null ? null : (identity(input)[windowed.end] ?? null);
  const final: LogicalNode = { kind: 'final', input, windowEnd, schema: input.schema, span };
  if (input.schema.length === schema.length) return final;
  const expressions = identity(final).slice(0, schema.length);
  return { kind: 'project', input: final, expressions, schema, span };
}

/** EMIT FINAL of rows that are added one by one: the input ends, or windows give them. */
function requireEnd(walk: Walk, node: LogicalNode): void {
  const { faults, emit } = walk;
  if (emit === null || walk.isReported || isBounded(node)) return;
  if (addsOnly(node) && isBehindWindows(node)) return;
  walk.isReported = true;
  const why = WHY[node.kind] ?? 'an unbounded input never ends';
  faults.report('EMIT_INVALID', {
    message: `EMIT FINAL without WINDOW needs a bounded input: ${why}`,
    span: emit.span.end > 0 ? emit.span : node.span,
    hint: HINTS[node.kind] ?? 'leave out EMIT FINAL: without GROUP BY every row is final',
  });
}

const WHY: Partial<Readonly<Record<LogicalNode['kind'], string>>> = {
  'top-n': 'on an unbounded input no rank is ever final',
  join: 'on an unbounded input a partner may always come',
};

const HINTS: Partial<Readonly<Record<LogicalNode['kind'], string>>> = {
  'top-n':
    'add window_start, window_end of a windowed input to PARTITION BY, or write EMIT CHANGES',
  join: 'join windows on window_start and window_end, or write EMIT CHANGES',
};

/**
 * Whether no row of the relation is ever taken back or replaced. `groupsAtEnd`: GROUP BY inside
 * the query gives its groups at the end of input only.
 */
export function addsOnly(node: LogicalNode, groupsAtEnd = false): boolean {
  const { base } = calcChain(node);
  const addsBelow = (input: LogicalNode): boolean => addsOnly(input, groupsAtEnd);
  switch (base.kind) {
    case 'top-n':
      return false;
    case 'aggregate':
      return (groupsAtEnd && isBounded(base)) || (base.distinct && addsBelow(base.input));
    case 'join':
      return base.type === 'inner' && addsBelow(base.left) && addsBelow(base.right);
    case 'window-columns':
    case 'limit':
      return addsBelow(base.input);
    case 'union':
      return base.inputs.every(addsBelow);
    case 'scan':
    case 'filter':
    case 'project':
    case 'window-aggregate':
    case 'rows-window':
    case 'over':
    case 'sort':
    case 'final':
      return true;
    default:
      return assertNever(base);
  }
}

/** Whether every source passes a window on its way. */
function isBehindWindows(node: LogicalNode): boolean {
  if (node.kind === 'window-aggregate') return true;
  const inputs = logicalInputs(node);
  return inputs.length > 0 && inputs.every(isBehindWindows);
}
