/**
 * Long chains of operators, as tools write them: `a OR b OR c …`, `a + b + c …`, `x::T::U …`. The
 * syntax tree of such a chain is as deep as it is long; it is bound from the bottom up in a loop,
 * and what comes out is one node (BoundChain) or one list of operands. Short chains are bound by
 * binder-expression, node by node.
 */
import { assertNever } from '../../base/assert.js';
import type { Span } from '../../base/span.js';
import type * as ast from '../../sql/ast.js';
import type { BoundExpression, ChainStep } from '../expression/expression.js';
import { Poisoned } from '../faults.js';
import type { BindContext } from './binder-environment.js';
import { boundCast } from './binder-conversion.js';
import { boundField } from './bound-field.js';
import { bindFunction, coerceToBoolean, logical } from './bound-values.js';

type Bind = (context: BindContext, node: ast.Expression) => BoundExpression;
/** Nodes whose first operand may be a long chain. */
type Link = ast.Binary | ast.Cast | ast.IndexAccess | ast.FieldAccess | ast.IsTest;

/** Longer chains than this are bound in a loop. */
const NESTED_MAX = 48;

/** The links of a long chain, outermost first, and what stands at its bottom; null when it is short. */
export function longChain(
  node: ast.Expression,
): { readonly links: readonly Link[]; readonly bottom: ast.Expression } | null {
  const links: Link[] = [];
  let bottom = node;
  for (let link = linkOf(bottom); link !== null; link = linkOf(bottom)) {
    links.push(link);
    bottom = link.kind === 'binary' ? link.left : link.operand;
  }
  return links.length > NESTED_MAX ? { links, bottom } : null;
}

function linkOf(node: ast.Expression): Link | null {
  switch (node.kind) {
    case 'binary':
    case 'cast':
    case 'index':
    case 'field':
    case 'is':
      return node;
    default:
      return null;
  }
}

export function bindChain(
  context: BindContext,
  chain: { readonly links: readonly Link[]; readonly bottom: ast.Expression },
  bind: Bind,
): BoundExpression {
  const { faults } = context;
  let value = faults.attempt(() => bind(context, chain.bottom));
  for (let at = chain.links.length - 1; at >= 0; at -= 1) {
    const link = chain.links[at];
    if (link === undefined) break;
    const before = value;
    if (link.kind === 'binary' && (link.operator === 'and' || link.operator === 'or')) {
      const run = logicalRun(chain.links, at);
      at -= run.length - 1;
      value = faults.attempt(() => bindRun(context, before, run, bind));
    } else value = faults.attempt(() => bindLink(context, before, link, bind));
  }
  if (value === null) throw new Poisoned();
  return flattened(value);
}

/** Links of one operator, AND or OR, from `at` upwards. */
function logicalRun(links: readonly Link[], at: number): readonly ast.Binary[] {
  const run: ast.Binary[] = [];
  for (let next = at; next >= 0; next -= 1) {
    const link = links[next];
    if (link?.kind !== 'binary' || (run[0] !== undefined && link.operator !== run[0].operator))
      break;
    run.push(link);
  }
  return run;
}

function bindRun(
  context: BindContext,
  first: BoundExpression | null,
  run: readonly ast.Binary[],
  bind: Bind,
): BoundExpression {
  const [lowest] = run;
  const last = run.at(-1);
  const operator = lowest?.operator === 'and' ? 'and' : 'or';
  const what = operator.toUpperCase();
  const condition = (bound: BoundExpression): BoundExpression =>
    coerceToBoolean(context.faults, bound, what);
  const rights = context.faults.all(run, ({ right }) => condition(bind(context, right)));
  if (first === null || last === undefined) throw new Poisoned();
  return logical(operator, [condition(flattened(first)), ...rights], last.span);
}

function bindLink(
  context: BindContext,
  first: BoundExpression | null,
  link: Link,
  bind: Bind,
): BoundExpression {
  const { faults } = context;
  const over = (name: string, others: readonly ast.Expression[]): BoundExpression => {
    const rest = faults.all(others, (other) => bind(context, other));
    if (first === null) throw new Poisoned();
    return bindFunction(faults, name, [first, ...rest], link.span);
  };
  switch (link.kind) {
    case 'binary':
      return over(link.operator, [link.right]);
    case 'index':
      return over('INDEX', [link.index]);
    case 'field':
      if (first === null) throw new Poisoned();
      return boundField(faults, first, link.field, link.span);
    case 'cast':
      if (first === null) throw new Poisoned();
      return boundCast(faults, first, link);
    case 'is': {
      const tested = over(IS_TESTS[link.test], link.other === null ? [] : [link.other]);
      return link.negated ? bindFunction(faults, 'not', [tested], link.span) : tested;
    }
    default:
      return assertNever(link);
  }
}

const IS_TESTS: Readonly<Record<ast.IsTest['test'], string>> = {
  null: 'is-null',
  unknown: 'is-null',
  true: 'is-true',
  false: 'is-false',
  distinct: 'is-distinct',
};

/** Calls and casts that stand in one another's first argument become steps of one node. */
function flattened(value: BoundExpression): BoundExpression {
  const steps: ChainStep[] = [];
  let first = value;
  for (;;) {
    if (first.kind === 'cast') {
      steps.push({ kind: 'cast', safe: first.safe, type: first.type });
      first = first.operand;
    } else if (first.kind === 'call' && first.args.length > 0) {
      const [inner, ...args] = first.args;
      if (inner === undefined) break;
      steps.push({ kind: 'call', function: first.function, args, type: first.type });
      first = inner;
    } else break;
  }
  if (steps.length <= NESTED_MAX) return value;
  const { type, span }: { type: BoundExpression['type']; span: Span } = value;
  return { kind: 'chain', first, steps: steps.reverse(), type, span };
}
