/**
 * Runs of filters and projects → as few calc stages as possible. Fusing keeps SQL's rule of what
 * fails: an expression fails only for rows that reach it. Expressions move up into their users;
 * one that is expensive, used more than once and cannot fail gets a stage of its own instead.
 */
import { BOOLEAN } from '../../columnar/types.js';
import type { BoundExpression } from '../expression/expression.js';
import { refuseLarge } from '../expression/expression-size.js';
import {
  childrenOf,
  conjunctsOf,
  costOf,
  isPure,
  mayFail,
  substitute,
  visitColumns,
} from '../expression/expression-walk.js';
import type { LogicalFilter, LogicalNode, LogicalProject } from './logical-plan.js';

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

/**
 * `reached`: columns of the node that what stands above reads for every row; null says all. A
 * column that is not among them may be read for some rows only, or for none.
 */
export function calcChain(
  node: LogicalNode,
  reached: ReadonlySet<number> | null = null,
): CalcChain {
  if (node.kind !== 'filter' && node.kind !== 'project') return { base: node, stages: [] };
  const reachedBelow = surelyReached(node, reached);
  const { base, stages } = calcChain(node.input, reachedBelow);
  const stage: CalcStage =
    node.kind === 'filter'
      ? { filter: node.condition, outputs: identity(node.input) }
      : { filter: null, outputs: node.expressions };
  const below = stages[stages.length - 1];
  if (below === undefined) return { base, stages: [stage] };
  if (mustSplit(below, stage, reachedBelow)) return { base, stages: [...stages, stage] };
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
  const inlined = (expression: BoundExpression): BoundExpression => {
    const whole = substitute(expression, below.outputs);
    refuseLarge(whole, expression.span);
    return whole;
  };
  const outputs = above.outputs.map(inlined);
  const filter = above.filter === null ? null : inlined(above.filter);
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

/**
 * Columns of the input that the node reads for every row: a filter those of its condition, since it
 * may reject the row before anything above is read; a project those of its columns that are surely
 * read. One that fails then fails the row in a stage of its own as well as inside its users.
 * Without this a SELECT over a SELECT, each naming a column twice, would double its expression at
 * every level.
 */
function surelyReached(
  node: LogicalFilter | LogicalProject,
  reached: ReadonlySet<number> | null,
): ReadonlySet<number> {
  const columns = new Set<number>();
  const visit = (expression: BoundExpression): void => {
    if (expression.kind === 'column') columns.add(expression.index);
    alwaysRead(expression).forEach(visit);
  };
  if (node.kind === 'filter') visit(node.condition);
  else {
    node.expressions.forEach((expression, at) => {
      if (reached === null || reached.has(at)) visit(expression);
    });
  }
  return columns;
}

/** Children that are evaluated wherever the expression is. */
function alwaysRead(expression: BoundExpression): readonly BoundExpression[] {
  const isChoice = ['case', 'coalesce', 'logical', 'in'].includes(expression.kind);
  const children = childrenOf(expression);
  return isChoice ? children.slice(0, 1) : children;
}

/** Whether fusing would compute something dear, or impure, more than once. */
function mustSplit(below: CalcStage, above: CalcStage, reached: ReadonlySet<number>): boolean {
  const uses = new Map<number, number>();
  const count = (expression: BoundExpression): void =>
    visitColumns(expression, ({ index }) => uses.set(index, (uses.get(index) ?? 0) + 1));
  above.outputs.forEach(count);
  if (above.filter !== null) count(above.filter);
  const used = [...uses].flatMap(([index, times]) => {
    const expression = below.outputs[index];
    return expression === undefined || costOf(expression) === 0
      ? []
      : [{ index, expression, times }];
  });
  if (used.some(({ index, expression }) => !reached.has(index) && mayFail(expression)))
    return false;
  return used.some(
    ({ expression, times }) => times > 1 && (costOf(expression) >= DEAR || !isPure(expression)),
  );
}
