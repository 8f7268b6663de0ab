/**
 * Building bound expressions: literals, conversions to a type, calls of registry functions, and
 * constant folding. A pure expression over literals becomes a literal unless it fails: then it
 * stays, so that it fails only for rows that reach it.
 */
import type { Span } from '../../base/span.js';
import { BOOLEAN, VARCHAR, sameType, typeText } from '../../columnar/types.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { castValue, unifiedValue } from '../../functions/cast.js';
import { scalarFunction } from '../../functions/function-registry.js';
import { DataFault } from '../../functions/registry-types.js';
import type {
  ArgumentInfo,
  ScalarFunction,
  SignatureFault,
} from '../../functions/registry-types.js';
import { isFault } from '../../functions/signature.js';
import { assert } from '../../base/assert.js';
import type { BoundExpression, BoundLiteral } from '../expression/expression.js';
import { childrenOf } from '../expression/expression-walk.js';
import type { FaultCollector } from '../faults.js';
import { commonType } from '../../functions/type-rules.js';

/** Casts the results to their common type and drops branches that literals decide. */
export function searchedCase(faults: FaultCollector, parts: CaseParts): BoundExpression {
  const results = [...parts.thens, parts.otherwise];
  const type = commonResult(faults, results, { what: 'CASE', span: parts.span });
  const branches: { when: BoundExpression; then: BoundExpression }[] = [];
  let otherwise = unifyTo(parts.otherwise, type);
  for (const [at, when] of parts.whens.entries()) {
    const then = unifyTo(parts.thens[at] ?? parts.otherwise, type);
    if (when.kind !== 'literal') branches.push({ when, then });
    else if (when.value === true) {
      otherwise = then;
      break;
    }
  }
  if (branches.length === 0) return otherwise;
  return { kind: 'case', branches, otherwise, type, span: parts.span };
}

/** The type that all results convert to. */
export function commonResult(
  faults: FaultCollector,
  results: readonly BoundExpression[],
  call: { readonly what: string; readonly span: Span },
): SqlType {
  const type = commonType(results.map((result) => result.type));
  if (type !== undefined) return type;
  const types = [...new Set(results.map((result) => typeText(result.type)))];
  return faults.fail('TYPE_MISMATCH', {
    message: `the results of ${call.what} have no common type: ${types.join(', ')}`,
    span: call.span,
    hint: 'convert them with CAST(… AS …)',
  });
}

export interface CaseParts {
  readonly whens: readonly BoundExpression[];
  readonly thens: readonly BoundExpression[];
  readonly otherwise: BoundExpression;
  readonly span: Span;
}

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

/**
 * `expression` as the common type of several that stand together: a cast, unless a BIGINT inside
 * could lose digits in a DOUBLE, which must then be exact.
 */
export function unifyTo(expression: BoundExpression, type: SqlType): BoundExpression {
  const { span } = expression;
  if (!mayRound(expression.type, type)) return castTo(expression, type);
  const from = expression.type;
  const entry = scalarFunction('unified');
  assert(entry !== undefined, 'the registry has "unified"');
  if (expression.kind === 'literal') {
    const value = evaluated(() => unifiedValue(expression.value, from, type));
    if (value !== undefined) return literal(value, type, span);
  }
  return { kind: 'call', function: entry.name, args: [expression], type, span };
}

/** Whether a value of one type has a BIGINT that becomes a DOUBLE in the other. */
function mayRound(from: SqlType, to: SqlType): boolean {
  if (from.kind === 'bigint') return to.kind === 'double';
  if (from.kind === 'array' && to.kind === 'array') return mayRound(from.element, to.element);
  if (from.kind === 'map' && to.kind === 'map') {
    return mayRound(from.key, to.key) || mayRound(from.value, to.value);
  }
  if (from.kind !== 'row' || to.kind !== 'row') return false;
  return from.fields.some((field, at) => mayRound(field.type, to.fields[at]?.type ?? field.type));
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
  const convert = entry.unifies === true ? unifyTo : castTo;
  const cast = args.map((argument, at) =>
    convert(argument, resolved.argTypes[at] ?? argument.type),
  );
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
    hint: castHint(faults, fault, call.args) ?? fault.hint,
  });
}

/** Longer texts are not repeated in a hint. */
const HINT_TEXT_MAX = 40;

/** The argument as it is written, within the CAST that would do. */
function castHint(
  faults: FaultCollector,
  { cast }: SignatureFault,
  args: readonly { readonly span: Span }[],
): string | null {
  if (cast === undefined) return null;
  const { start, end } = args[cast.argument]?.span ?? { start: 0, end: 0 };
  const text = faults.source.text.slice(start, end);
  const shown = text === '' || text.length > HINT_TEXT_MAX || text.includes('\n') ? '…' : text;
  return `write CAST(${shown} AS ${typeText(cast.type)})`;
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

/** Operands of more nodes are computed into a name where they are compared several times. */
const REPEATED_NODES_MAX = 32;

/** What `compare` makes of an operand that it may use several times, and surely does once. */
export function comparedOften(
  operand: BoundExpression,
  compare: (operand: BoundExpression) => BoundExpression,
): BoundExpression {
  if (nodesLeft(operand, REPEATED_NODES_MAX) >= 0) return compare(operand);
  const body = compare({ kind: 'held', type: operand.type, span: operand.span });
  return { kind: 'let', value: operand, body, type: body.type, span: body.span };
}

/** `room` less the nodes of the expression; below 0 it may have more than were counted. */
function nodesLeft(expression: BoundExpression, room: number): number {
  let left = room - 1;
  for (const child of childrenOf(expression)) {
    if (left < 0) break;
    left = nodesLeft(child, left);
  }
  return left;
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
