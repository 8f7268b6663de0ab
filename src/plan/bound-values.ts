/**
 * Building bound expressions: literals, conversions to a type, calls of registry functions, and
 * constant folding. A pure expression over literals becomes a literal unless it fails: then it
 * stays, so that it fails only for rows that reach it.
 */
import type { Span } from '../base/span.js';
import { BOOLEAN, VARCHAR, sameType, typeText } from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { castValue } from '../functions/cast.js';
import { scalarFunction } from '../functions/registry.js';
import { DataFault } from '../functions/registry-types.js';
import type { ArgumentInfo, ScalarFunction, SignatureFault } from '../functions/registry-types.js';
import { isFault } from '../functions/signature.js';
import { assert } from '../base/assert.js';
import type { BoundExpression, BoundLiteral } from './expression.js';
import type { FaultCollector } from './faults.js';

export function literal(value: SqlValue, type: SqlType, span: Span): BoundLiteral {
  return { kind: 'literal', value, type, span };
}

export function argumentInfo(expression: BoundExpression): ArgumentInfo {
  return {
    type: expression.type,
    literal: expression.kind === 'literal' ? expression.value : undefined,
  };
}

/** `expression` as a value of `type`, by a cast node where the types differ. */
export function castTo(expression: BoundExpression, type: SqlType, safe = false): BoundExpression {
  if (sameType(expression.type, type)) return expression;
  const { span } = expression;
  if (expression.kind === 'literal') {
    const folded = evaluated(() => castValue(expression.value, expression.type, type));
    if (folded !== undefined) return literal(folded, type, span);
    if (safe) return literal(null, type, span);
  }
  return { kind: 'cast', operand: expression, type, safe, span };
}

/** A condition: BOOLEAN or NULL. */
export function coerceToBoolean(
  faults: FaultCollector,
  expression: BoundExpression,
  what: string,
): BoundExpression {
  const { kind } = expression.type;
  if (kind === 'boolean' || kind === 'null') return castTo(expression, BOOLEAN);
  return faults.fail('TYPE_MISMATCH', {
    message: `${what} needs a BOOLEAN, not ${typeText(expression.type)}`,
    span: expression.span,
    hint: 'write a comparison',
  });
}

/** Gives a bare NULL a type that a column can have. */
export function settled(expression: BoundExpression): BoundExpression {
  return expression.type.kind === 'null' ? castTo(expression, VARCHAR) : expression;
}

/** A call of a registry function whose arguments are bound. */
export function bindFunction(
  faults: FaultCollector,
  name: string,
  args: readonly BoundExpression[],
  span: Span,
): BoundExpression {
  const entry = scalarFunction(name);
  assert(entry !== undefined, `the registry has "${name}"`);
  const resolved = entry.resolve(args.map(argumentInfo));
  if (isFault(resolved)) return failSignature(faults, resolved, { args, span });
  const cast = args.map((argument, at) => castTo(argument, resolved.argTypes[at] ?? argument.type));
  return folded(entry, cast, { type: resolved.type, span });
}

export function failSignature(
  faults: FaultCollector,
  fault: SignatureFault,
  call: { readonly args: readonly { readonly span: Span }[]; readonly span: Span },
): never {
  const argument = fault.argument === undefined ? undefined : call.args[fault.argument];
  return faults.fail(fault.key, {
    message: fault.message,
    span: argument?.span ?? call.span,
    hint: fault.hint,
  });
}

function folded(
  entry: ScalarFunction,
  args: readonly BoundExpression[],
  result: { readonly type: SqlType; readonly span: Span },
): BoundExpression {
  const call: BoundExpression = { kind: 'call', function: entry.name, args, ...result };
  const values: SqlValue[] = [];
  for (const argument of args) {
    if (argument.kind !== 'literal') return call;
    values.push(argument.value);
  }
  if (entry.pure === false) return call;
  if (entry.nulls === 'null' && values.includes(null))
    return literal(null, result.type, result.span);
  const types = args.map((argument) => argument.type);
  const value = evaluated(() => entry.evaluate(values, types, result.type, { nowMs: 0 }));
  return value === undefined ? call : literal(value, result.type, result.span);
}

/** The value, or undefined when evaluating is a data error. */
function evaluated(work: () => SqlValue): SqlValue | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof DataFault) return undefined;
    throw error;
  }
}

/** AND / OR over BOOLEAN operands; literal operands that decide nothing are left out. */
export function logical(
  operator: 'and' | 'or',
  operands: readonly BoundExpression[],
  span: Span,
): BoundExpression {
  const neutral = operator === 'and';
  const flat = operands.flatMap((operand) =>
    operand.kind === 'logical' && operand.operator === operator ? operand.operands : [operand],
  );
  const rest = flat.filter((operand) => operand.kind !== 'literal' || operand.value !== neutral);
  const [first] = rest;
  if (first === undefined) return literal(neutral, BOOLEAN, span);
  if (rest.length === 1) return first;
  if (first.kind === 'literal' && first.value === !neutral) return first;
  return { kind: 'logical', operator, operands: rest, type: BOOLEAN, span };
}
