/**
 * Bound expressions as text: for EXPLAIN and for the signatures of stateful operators. Columns are
 * named by the caller, so that a signature speaks of source columns and not of aliases.
 */
import { assertNever } from '../../base/assert.js';
import { isSqlMap, typeText } from '../../columnar/types.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { decimalText } from '../../functions/decimal.js';
import type { BoundCall, BoundColumn, BoundExpression, ChainStep } from './expression.js';

/** Calls in lower case that are written without operators around them. */
const PLAIN = new Set(['field', 'index', 'unified', 'checked']);
const INFIX = new Set(['=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '*', '/', '%']);

/** What is computed once and compared often. */
const HELD = 'it';

/** The expression in SQL's spelling; every operator but the outermost is in parentheses. */
export function expressionText(
  expression: BoundExpression,
  nameOf: (column: BoundColumn) => string = (column) => column.name,
): string {
  const text = (node: BoundExpression): string => expressionText(node, nameOf);
  const nested = (node: BoundExpression): string =>
    isOperator(node) ? `(${text(node)})` : text(node);
  switch (expression.kind) {
    case 'literal':
      return valueText(expression.value, expression.type);
    case 'column':
      return nameOf(expression);
    case 'call':
      return (
        castCall(expression, text) ??
        callText(expression.function, expression.args, { text, nested })
      );
    case 'logical':
      return expression.operands.map(nested).join(` ${expression.operator.toUpperCase()} `);
    case 'case': {
      const branches = expression.branches.map(
        ({ when, then }) => `WHEN ${text(when)} THEN ${text(then)}`,
      );
      return `CASE ${branches.join(' ')} ELSE ${text(expression.otherwise)} END`;
    }
    case 'coalesce':
      return `COALESCE(${expression.operands.map(text).join(', ')})`;
    case 'in':
      return `${nested(expression.operand)} IN (${expression.list.map(text).join(', ')})`;
    case 'cast': {
      const name = expression.safe ? 'TRY_CAST' : 'CAST';
      return `${name}(${text(expression.operand)} AS ${typeText(expression.type)})`;
    }
    case 'chain':
      return expression.steps.reduce(
        (sum, step) => stepText(sum, step, { text, nested }),
        nested(expression.first),
      );
    case 'let':
      return `LET ${HELD} = ${text(expression.value)} IN ${text(expression.body)}`;
    case 'held':
      return HELD;
    default:
      return assertNever(expression);
  }
}

function stepText(sum: string, step: ChainStep, { text, nested }: Writers): string {
  if (step.kind === 'cast') {
    return `${step.safe ? 'TRY_CAST' : 'CAST'}(${sum} AS ${typeText(step.type)})`;
  }
  const [second] = step.args;
  if (second === undefined) return `${step.function}(${sum})`;
  if (INFIX.has(step.function)) return `${sum} ${step.function} ${nested(second)}`;
  if (step.function === 'index') return `${sum}[${text(second)}]`;
  if (step.function === 'field') return `${sum}.${fieldName(second)}`;
  return `${step.function}(${[sum, ...step.args.map(text)].join(', ')})`;
}

function isOperator(node: BoundExpression): boolean {
  if (['logical', 'in', 'chain', 'let'].includes(node.kind)) return true;
  return node.kind === 'call' && !/^[A-Z]/.test(node.function) && !PLAIN.has(node.function);
}

/** Conversions that are calls for the engine are casts for a reader. */
function castCall(
  { function: name, args, type }: BoundCall,
  text: (node: BoundExpression) => string,
): string | undefined {
  const [value, written] = args;
  if (value === undefined) return undefined;
  if (name === 'unified') return `CAST(${text(value)} AS ${typeText(type)})`;
  return name === 'checked' ? `CAST(${text(value)} AS ${fieldName(written)})` : undefined;
}

interface Writers {
  readonly text: (node: BoundExpression) => string;
  readonly nested: (node: BoundExpression) => string;
}

function callText(name: string, args: readonly BoundExpression[], writers: Writers): string {
  const { text, nested } = writers;
  const [first, second] = args;
  if (first === undefined) return `${name}()`;
  if (second !== undefined && INFIX.has(name)) return `${nested(first)} ${name} ${nested(second)}`;
  switch (name) {
    case 'neg':
      return `-${nested(first)}`;
    case 'not':
      return `NOT ${nested(first)}`;
    case 'is-null':
      return `${nested(first)} IS NULL`;
    case 'is-true':
      return `${nested(first)} IS TRUE`;
    case 'is-false':
      return `${nested(first)} IS FALSE`;
    case 'is-distinct':
      return `${nested(first)} IS DISTINCT FROM ${second === undefined ? '' : nested(second)}`;
    case 'field':
      return `${nested(first)}.${fieldName(second)}`;
    case 'index':
      return `${nested(first)}[${second === undefined ? '' : text(second)}]`;
    case 'like':
      return `${nested(first)} LIKE ${args.slice(1).map(text).join(' ESCAPE ')}`;
    default:
      return `${name}(${args.map(text).join(', ')})`;
  }
}

function fieldName(name: BoundExpression | undefined): string {
  return name?.kind === 'literal' ? String(name.value) : '?';
}

/** A literal as SQL writes it. */
export function valueText(value: SqlValue, type: SqlType): string {
  if (value === null) return 'NULL';
  if (typeof value === 'bigint') {
    return type.kind === 'decimal' ? decimalText(value, type.scale) : value.toString();
  }
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  if (typeof value === 'number') return numberText(value, type);
  if (isSqlMap(value)) {
    const entries = value.keys.map((key, at) => `${String(key)}, ${String(value.values[at])}`);
    return `MAP[${entries.join(', ')}]`;
  }
  const element: SqlType = type.kind === 'array' ? type.element : { kind: 'null' };
  return `[${value.map((item) => valueText(item, element)).join(', ')}]`;
}

function numberText(value: number, type: SqlType): string {
  switch (type.kind) {
    case 'interval':
      return type.unit === 'month'
        ? `INTERVAL '${value}' MONTH`
        : `INTERVAL '${value}' MILLISECOND`;
    case 'timestamp':
      return `TIMESTAMP '${new Date(value).toISOString().replace('T', ' ').replace('Z', '')}'`;
    case 'date':
      return `DATE '${new Date(value * 86_400_000).toISOString().slice(0, 10)}'`;
    default:
      return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}e0` : String(value);
  }
}
