/**
 * How large an expression may become. Owns the measure and its limit: where a column that may fail
 * is named twice under a guard, its expression stands there twice, and again in what names that one;
 * nothing may be computed before the guard. Operands of one expression are bound once (BoundLet).
 */
import type { Span } from '../../base/span.js';
import { Refused } from '../faults.js';
import { childrenOf } from './expression-walk.js';
import type { BoundExpression } from './expression.js';

export const EXPRESSION_NODES_MAX = 50_000;
/** An expression of which less than this is repetition is as long as it is written. */
const REPETITION = 4;

/** Inlined expressions share what is inlined: each part is measured once. */
const sizes = new WeakMap<BoundExpression, number>();

export function nodesOf(expression: BoundExpression): number {
  const known = sizes.get(expression);
  if (known !== undefined) return known;
  let nodes = 1;
  for (const child of childrenOf(expression)) nodes += nodesOf(child);
  sizes.set(expression, nodes);
  return nodes;
}

function distinctNodes(root: BoundExpression): number {
  const seen = new Set<BoundExpression>();
  const visit = (expression: BoundExpression): void => {
    if (seen.has(expression)) return;
    seen.add(expression);
    childrenOf(expression).forEach(visit);
  };
  visit(root);
  return seen.size;
}

/** `span`: what makes it so large. */
export function refuseLarge(expression: BoundExpression, span: Span): void {
  const nodes = nodesOf(expression);
  if (nodes <= EXPRESSION_NODES_MAX || nodes < REPETITION * distinctNodes(expression)) return;
  throw new Refused('QUERY_TOO_LARGE', {
    message: `expression has more than ${EXPRESSION_NODES_MAX} parts, columns of subqueries written out`,
    span,
    hint: 'name what it repeats once: write that into a topic or file, and read it from there',
  });
}
