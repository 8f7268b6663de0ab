/**
 * Runs of filters and projects → as few calc stages as possible. Fusing keeps SQL's rule of what
 * fails: an expression fails only for rows that reach it. Expressions move up into their users;
 * one that is expensive, used more than once and cannot fail gets a stage of its own instead.
 */
import { BOOLEAN } from '../columnar/types.js';
import type { BoundExpression } from './expression.js';
import {
  conjunctsOf,
  costOf,
  isPure,
  mayFail,
  substitute,
  visitColumns,
} from './expression-walk.js';
import type { LogicalNode } from './logical-plan.js';

/** Rows where `filter` is true, then `outputs`. */
export interface CalcStage {
  readonly filter: BoundExpression | null;
  readonly outputs: readonly BoundExpression[];
}
export interface CalcChain {
  /** The operator below: no filter and no project. */
  readonly base: LogicalNode;
  /** From the base upwards; empty when the node is the base itself. */
  readonly stages: readonly CalcStage[];
}

/** An expression this dear is not computed twice: about one text function. */
const DEAR = 8;

export function calcChain(node: LogicalNode): CalcChain {
  if (node.kind !== 'filter' && node.kind !== 'project') return { base: node, stages: [] };
  const { base, stages } = calcChain(node.input);
  const stage: CalcStage =
    node.kind === 'filter'
      ? { filter: node.condition, outputs: identity(node.input) }
      : { filter: null, outputs: node.expressions };
  const below = stages[stages.length - 1];
  if (below === undefined) return { base, stages: [stage] };
  if (mustSplit(below, stage)) return { base, stages: [...stages, stage] };
  return { base, stages: [...stages.slice(0, -1), fuse(below, stage)] };
}

export function identity(node: LogicalNode): readonly BoundExpression[] {
  return node.schema.map(({ name, type }, index) => ({
    kind: 'column',
    index,
    name,
    type,
    span: node.span,
  }));
}

function fuse(below: CalcStage, above: CalcStage): CalcStage {
  const outputs = above.outputs.map((output) => substitute(output, below.outputs));
  const filter = above.filter === null ? null : substitute(above.filter, below.outputs);
  return { filter: bothFilters(below.filter, filter), outputs };
}

/** The second filter sees only rows where the first is true, NULL included. */
function bothFilters(
  first: BoundExpression | null,
  second: BoundExpression | null,
): BoundExpression | null {
  if (first === null || second === null) return first ?? second;
  const guarded: BoundExpression = mayFail(second)
    ? { kind: 'call', function: 'is-true', args: [first], type: BOOLEAN, span: first.span }
    : first;
  const operands = [...conjunctsOf(guarded), ...conjunctsOf(second)];
  return { kind: 'logical', operator: 'and', operands, type: BOOLEAN, span: second.span };
}

/** Whether fusing would compute something dear, or impure, more than once. */
function mustSplit(below: CalcStage, above: CalcStage): boolean {
  const uses = new Map<number, number>();
  const count = (expression: BoundExpression): void =>
    visitColumns(expression, ({ index }) => uses.set(index, (uses.get(index) ?? 0) + 1));
  above.outputs.forEach(count);
  if (above.filter !== null) count(above.filter);
  const used = [...uses].flatMap(([index, times]) => {
    const expression = below.outputs[index];
    return expression === undefined || costOf(expression) === 0 ? [] : [{ expression, times }];
  });
  if (used.some(({ expression }) => mayFail(expression))) return false;
  return used.some(
    ({ expression, times }) => times > 1 && (costOf(expression) >= DEAR || !isPure(expression)),
  );
}
