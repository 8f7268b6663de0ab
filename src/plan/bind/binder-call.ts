/**
 * Calls by name → bound calls. Owns the order in which a name is looked up (what the clause adds,
 * COALESCE and IF, scalar functions, then what is misplaced or unknown). What a call's arguments
 * may be is the registry's business.
 */
import {
  aggregateFunction,
  functionNames,
  scalarFunction,
  windowFunction,
} from '../../functions/function-registry.js';
import { parseTimeUnit } from '../../functions/time/time-units.js';
import type { Call, Expression } from '../../sql/ast.js';
import {
  bindFunction,
  coerceToBoolean,
  commonResult,
  searchedCase,
  unifyTo,
} from './bound-values.js';
import type { BindContext } from './binder-environment.js';
import type { BoundExpression } from '../expression/expression.js';
import { didYouMean } from '../faults.js';
import type { FaultCollector } from '../faults.js';

/** Functions of a window that are no registry entries: TUMBLE_START(ts, size) and the like. */
const WINDOW_BOUNDS = /^(TUMBLE|HOP|CUMULATE|SESSION)(_START|_END|_ROWTIME)?$/i;

export function isWindowBound(call: Call): boolean {
  return WINDOW_BOUNDS.test(call.name.name);
}

/** How arguments are bound: binder-expression's bindExpression. */
export type BindArgument = (context: BindContext, node: Expression) => BoundExpression;

export function bindCall(
  context: BindContext,
  call: Call,
  bindArgument: BindArgument,
): BoundExpression {
  const own = context.resolveCall?.(call) ?? null;
  if (own !== null) return own;
  const { faults, clause } = context;
  const name = call.name.name.toUpperCase();
  if (call.over !== null) {
    return faults.fail('WINDOW_MISPLACED', {
      message: `window function "${name}" cannot stand in ${clause}`,
      span: call.span,
      hint: 'compute it in a subquery and use its column here',
    });
  }
  if (name === 'COALESCE') return bindCoalesce(context, call, bindArgument);
  if (name === 'IF') return bindIf(context, call, bindArgument);
  const entry = scalarFunction(name);
  if (entry !== undefined) {
    refuseAggregateParts(faults, call);
    if (entry.suppliedArgs === 1) return bindHeaderCall(context, call, bindArgument);
    const args = entry.name === 'DATEDIFF' ? unitFirst(call.args) : call.args;
    const bound = faults.all(args, (argument) => bindArgument(context, argument));
    return bindFunction(faults, name, bound, call.span);
  }
  return failCall(context, call);
}

/** DATEDIFF(DAY, a, b) means DATEDIFF('DAY', a, b). */
function unitFirst(args: readonly Expression[]): readonly Expression[] {
  const [first, ...rest] = args;
  if (first?.kind !== 'column' || first.parts.length > 1) return args;
  const [word] = first.parts;
  if (word === undefined || word.quoted || parseTimeUnit(word.name) === undefined) return args;
  return [{ kind: 'literal', type: 'string', text: word.name, span: first.span }, ...rest];
}

/** HEADER(name) and the like read the record's headers, a system column of its table. */
function bindHeaderCall(
  context: BindContext,
  call: Call,
  bindArgument: BindArgument,
): BoundExpression {
  const headers: Expression = {
    kind: 'column',
    parts: [{ name: '_headers', quoted: false, span: call.name.span }],
    span: call.name.span,
  };
  const { faults } = context;
  const bound = faults.all([headers, ...call.args], (argument) => bindArgument(context, argument));
  return bindFunction(faults, call.name.name.toUpperCase(), bound, call.span);
}

function failCall(context: BindContext, call: Call): never {
  const { faults, clause } = context;
  const name = call.name.name.toUpperCase();
  const { span } = call;
  if (isWindowBound(call)) {
    return faults.fail('WINDOW_MISPLACED', {
      message: `"${name}" in ${clause} needs a window in GROUP BY`,
      span,
      hint: 'write GROUP BY TUMBLE(ts, INTERVAL …) or WINDOW TUMBLING(ts, …)',
    });
  }
  if (aggregateFunction(name) !== undefined) {
    return faults.fail('AGGREGATE_MISPLACED', {
      message: `aggregate "${name}" cannot stand in ${clause}`,
      span,
      hint: clause === 'WHERE' ? 'filter groups with HAVING' : undefined,
    });
  }
  if (windowFunction(name) !== undefined) {
    return faults.fail('WINDOW_MISPLACED', {
      message: `window function "${name}" needs OVER (…)`,
      span,
      hint: `write ${name}(…) OVER (ROWS WINDOW BUFFER n ROWS)`,
    });
  }
  return faults.fail('FUNCTION_NOT_FOUND', {
    message: `function "${call.name.name}" does not exist`,
    span: call.name.span,
    hint: didYouMean(name, functionNames()),
  });
}

/** FILTER, DISTINCT, `*` and ORDER BY belong to aggregates. */
function refuseAggregateParts(faults: FaultCollector, call: Call): void {
  const part = call.star
    ? '*'
    : call.distinct
      ? 'DISTINCT'
      : call.filter !== null
        ? 'FILTER'
        : call.orderBy.length + call.withinGroup.length > 0
          ? 'ORDER BY'
          : null;
  if (part === null) return;
  faults.fail('FUNCTION_ARGUMENT', {
    message: `function "${call.name.name.toUpperCase()}" takes no ${part}: it is no aggregate`,
    span: call.span,
  });
}

function bindCoalesce(
  context: BindContext,
  call: Call,
  bindArgument: BindArgument,
): BoundExpression {
  const { faults } = context;
  refuseAggregateParts(faults, call);
  requireArguments(faults, call, { least: 1, most: Number.POSITIVE_INFINITY });
  const bound = faults.all(call.args, (argument) => bindArgument(context, argument));
  const type = commonResult(faults, bound, { what: 'COALESCE', span: call.span });
  const operands: BoundExpression[] = [];
  for (const operand of bound.map((argument) => unifyTo(argument, type))) {
    if (operand.kind === 'literal' && operand.value === null) continue;
    operands.push(operand);
    if (operand.kind === 'literal') break;
  }
  const [first] = operands;
  if (first === undefined) return { kind: 'literal', value: null, type, span: call.span };
  if (operands.length === 1) return first;
  return { kind: 'coalesce', operands, type, span: call.span };
}

function bindIf(context: BindContext, call: Call, bindArgument: BindArgument): BoundExpression {
  const { faults } = context;
  refuseAggregateParts(faults, call);
  requireArguments(faults, call, { least: 3, most: 3 });
  const [condition, then, otherwise] = faults.all(call.args, (argument, at) =>
    at === 0
      ? coerceToBoolean(faults, bindArgument(context, argument), 'IF')
      : bindArgument(context, argument),
  ) as [BoundExpression, BoundExpression, BoundExpression];
  return searchedCase(faults, { whens: [condition], thens: [then], otherwise, span: call.span });
}

function requireArguments(
  faults: FaultCollector,
  call: Call,
  arity: { readonly least: number; readonly most: number },
): void {
  const count = call.args.length;
  if (count >= arity.least && count <= arity.most) return;
  const wanted = arity.most === arity.least ? `${arity.least}` : `at least ${arity.least}`;
  faults.fail('FUNCTION_ARITY', {
    message: `function "${call.name.name.toUpperCase()}" takes ${wanted} arguments, not ${count}`,
    span: call.span,
  });
}
