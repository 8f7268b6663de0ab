/**
 * Which expressions of a kernel occur more than once: they are computed once per row and bound to
 * a name. Pure analysis over structural keys.
 */
import type { BoundExpression } from '../../plan/expression/expression.js';
import { childrenOf, expressionKey } from '../../plan/expression/expression-walk.js';

/** Keys of expressions that occur twice or more; what is inside a repeated one counts once. */
export function sharedKeys(expressions: readonly BoundExpression[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  const visit = (expression: BoundExpression): void => {
    if (expression.kind === 'literal') return;
    const key = expressionKey(expression);
    if (seen.has(key)) {
      shared.add(key);
      return;
    }
    seen.add(key);
    childrenOf(expression).forEach(visit);
  };
  expressions.forEach(visit);
  return shared;
}
