/**
 * Walking and rewriting bound expressions: children, maps, structural keys, columns, and what the
 * optimizer must know of an expression (may it fail, what does it cost). Pure functions over plain
 * data; owns no names and no types.
 */
import { assertNever } from '../base/assert.js';
import { DECIMAL_PRECISION_MAX, typeText } from '../columnar/types.js';
import type { SqlValue } from '../columnar/types.js';
import { scalarFunction } from '../functions/registry.js';
import type { BoundCall, BoundColumn, BoundExpression } from './expression.js';

export function childrenOf(expression: BoundExpression): readonly BoundExpression[] {
  switch (expression.kind) {
    case 'literal':
    case 'column':
      return [];
    case 'call':
      return expression.args;
    case 'logical':
    case 'coalesce':
      return expression.operands;
    case 'case':
      return [
        ...expression.branches.flatMap((branch) => [branch.when, branch.then]),
        expression.otherwise,
      ];
    case 'in':
      return [expression.operand, ...expression.list];
    case 'cast':
      return [expression.operand];
    default:
      return assertNever(expression);
  }
}

/** The same expression over `map` of each child. */
export function mapChildren(
  expression: BoundExpression,
  map: (child: BoundExpression) => BoundExpression,
): BoundExpression {
  switch (expression.kind) {
    case 'literal':
    case 'column':
      return expression;
    case 'call':
      return { ...expression, args: expression.args.map(map) };
    case 'logical':
    case 'coalesce':
      return { ...expression, operands: expression.operands.map(map) };
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, then }) => ({
          when: map(when),
          then: map(then),
        })),
        otherwise: map(expression.otherwise),
      };
    case 'in':
      return { ...expression, operand: map(expression.operand), list: expression.list.map(map) };
    case 'cast':
      return { ...expression, operand: map(expression.operand) };
    default:
      return assertNever(expression);
  }
}

export function mapColumns(
  expression: BoundExpression,
  map: (column: BoundColumn) => BoundExpression,
): BoundExpression {
  if (expression.kind === 'column') return map(expression);
  return mapChildren(expression, (child) => mapColumns(child, map));
}

/** Each column replaced by the expression at its index. */
export function substitute(
  expression: BoundExpression,
  columns: readonly BoundExpression[],
): BoundExpression {
  return mapColumns(expression, (column) => columns[column.index] ?? column);
}

export function visitColumns(
  expression: BoundExpression,
  visit: (column: BoundColumn) => void,
): void {
  if (expression.kind === 'column') visit(expression);
  else for (const child of childrenOf(expression)) visitColumns(child, visit);
}

export function columnIndexes(expression: BoundExpression): Set<number> {
  const indexes = new Set<number>();
  visitColumns(expression, (column) => indexes.add(column.index));
  return indexes;
}

/** A text that is equal for two expressions exactly when they are the same but for spans. */
export function expressionKey(expression: BoundExpression): string {
  const inner = (): string => childrenOf(expression).map(expressionKey).join(',');
  switch (expression.kind) {
    case 'literal':
      return `${valueKey(expression.value)}:${typeText(expression.type)}`;
    case 'column':
      return `$${expression.index}`;
    case 'call':
      return `${expression.function}(${inner()})`;
    case 'logical':
      return `${expression.operator}(${inner()})`;
    case 'case':
      return `case(${inner()})`;
    case 'coalesce':
      return `coalesce(${inner()})`;
    case 'in':
      return `in(${inner()})`;
    case 'cast':
      return `${expression.safe ? 'try_' : ''}cast(${inner()} as ${typeText(expression.type)})`;
    default:
      return assertNever(expression);
  }
}

function valueKey(value: SqlValue): string {
  if (typeof value === 'number' && Object.is(value, -0)) return '-0';
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? part.toString() : part,
  );
}

/** The operands of a conjunction, flattened; one element when it is none. */
export function conjunctsOf(condition: BoundExpression): readonly BoundExpression[] {
  return condition.kind === 'logical' && condition.operator === 'and'
    ? condition.operands.flatMap(conjunctsOf)
    : [condition];
}

const NEVER_FAILS = new Set([
  ...['=', '<>', '<', '<=', '>', '>=', 'not', 'is-null', 'is-true', 'is-false', 'is-distinct'],
  ...['||', 'CONCAT', 'UPPER', 'LOWER', 'TRIM', 'LTRIM', 'RTRIM', 'LENGTH', 'like'],
]);

/** Whether evaluating the expression may be a data error for some row. Errs on the side of yes. */
export function mayFail(expression: BoundExpression): boolean {
  if (expression.kind === 'cast') {
    const from = expression.operand.type.kind;
    const to = expression.type.kind;
    const widens = to === 'double' ? from === 'bigint' || from === 'decimal' : to === 'varchar';
    if (!expression.safe && !widens) return true;
  }
  if (expression.kind === 'call' && callMayFail(expression)) return true;
  return childrenOf(expression).some(mayFail);
}

function callMayFail(call: BoundCall): boolean {
  if (NEVER_FAILS.has(call.function)) return false;
  const [, divisor] = call.args;
  if (divisor?.kind === 'literal' && typeof divisor.value !== 'string') {
    const size = Math.abs(Number(divisor.value));
    if (call.function === '%') return size === 0;
    if (call.function === '/' && call.type.kind === 'double') return size < 1;
  }
  const isSum = call.function === '+' || call.function === '-' || call.function === '*';
  return !(isSum && call.type.kind === 'decimal' && call.type.precision < DECIMAL_PRECISION_MAX);
}

/** False when NOW() or the like is inside: its value is not a function of the row. */
export function isPure(expression: BoundExpression): boolean {
  if (expression.kind === 'call' && scalarFunction(expression.function)?.pure === false) {
    return false;
  }
  return childrenOf(expression).every(isPure);
}

/** Rough work per row in units of an addition: whether computing it twice is worth a column. */
export function costOf(expression: BoundExpression): number {
  const inner = childrenOf(expression).reduce((total, child) => total + costOf(child), 0);
  switch (expression.kind) {
    case 'literal':
    case 'column':
      return 0;
    case 'call':
      return inner + (/^[A-Z]/.test(expression.function) || expression.function === '||' ? 10 : 1);
    case 'cast':
      return inner + (expression.type.kind === 'double' ? 0 : 4);
    case 'logical':
    case 'case':
    case 'coalesce':
    case 'in':
      return inner + 1;
    default:
      return assertNever(expression);
  }
}
