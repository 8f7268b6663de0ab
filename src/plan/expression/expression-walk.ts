/**
 * Walking and rewriting bound expressions: children, maps, structural keys, columns, and what the
 * optimizer must know of an expression (may it fail, what does it cost). Pure functions over plain
 * data; owns no names and no types.
 */
import { assertNever } from '../../base/assert.js';
import { typeText } from '../../columnar/types.js';
import type { SqlValue } from '../../columnar/types.js';
import { scalarFunction } from '../../functions/function-registry.js';
import type { BoundCall, BoundColumn, BoundExpression, ChainStep } from './expression.js';

export function childrenOf(expression: BoundExpression): readonly BoundExpression[] {
  switch (expression.kind) {
    case 'literal':
    case 'column':
    case 'held':
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
    case 'chain':
      return [expression.first, ...expression.steps.flatMap(argsOf)];
    case 'let':
      return [expression.value, expression.body];
    default:
      return assertNever(expression);
  }
}

function argsOf(step: ChainStep): readonly BoundExpression[] {
  return step.kind === 'call' ? step.args : [];
}

/** The same expression over `map` of each child. */
export function mapChildren(
  expression: BoundExpression,
  map: (child: BoundExpression) => BoundExpression,
): BoundExpression {
  switch (expression.kind) {
    case 'literal':
    case 'column':
    case 'held':
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
    case 'chain': {
      const steps = expression.steps.map((step) =>
        step.kind === 'call' ? { ...step, args: step.args.map(map) } : step,
      );
      return { ...expression, first: map(expression.first), steps };
    }
    case 'let':
      return { ...expression, value: map(expression.value), body: map(expression.body) };
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
    case 'chain':
      return `chain(${expressionKey(expression.first)}${expression.steps.map(stepKey).join('')})`;
    case 'let':
      return `let(${inner()})`;
    case 'held':
      return `@:${typeText(expression.type)}`;
    default:
      return assertNever(expression);
  }
}

function stepKey(step: ChainStep): string {
  if (step.kind === 'cast') return `;${step.safe ? 'try_' : ''}cast ${typeText(step.type)}`;
  return `;${step.function}(${step.args.map(expressionKey).join(',')})`;
}

/** JSON has no word for some numbers, in lists of values neither: -0, NaN and the infinities. */
function valueKey(value: SqlValue): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return part.toString();
    if (typeof part !== 'number') return part;
    return Number.isFinite(part) && !Object.is(part, -0) ? part : { number: numberKey(part) };
  });
}

function numberKey(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The operands of a conjunction, flattened; one element when it is none. */
export function conjunctsOf(condition: BoundExpression): readonly BoundExpression[] {
  return condition.kind === 'logical' && condition.operator === 'and'
    ? condition.operands.flatMap(conjunctsOf)
    : [condition];
}

/** Whether evaluating the expression may be a data error for some row. Errs on the side of yes. */
export function mayFail(expression: BoundExpression): boolean {
  if (expression.kind === 'cast') {
    const from = expression.operand.type.kind;
    const to = expression.type.kind;
    const widens = to === 'double' ? from === 'bigint' || from === 'decimal' : to === 'varchar';
    if (!expression.safe && !widens) return true;
  }
  if (expression.kind === 'call' && callMayFail(expression)) return true;
  if (expression.kind === 'chain') return true;
  return childrenOf(expression).some(mayFail);
}

function callMayFail(call: BoundCall): boolean {
  const declared = scalarFunction(call.function)?.mayFail;
  if (declared === undefined) return true;
  const args = call.args.map((argument) => ({
    type: argument.type,
    literal: argument.kind === 'literal' ? argument.value : undefined,
  }));
  return declared(args, call.type);
}

/** False when NOW() or the like is inside: its value is not a function of the row. */
export function isPure(expression: BoundExpression): boolean {
  if (expression.kind === 'call' && scalarFunction(expression.function)?.pure === false) {
    return false;
  }
  if (expression.kind === 'chain' && !expression.steps.every(isPureStep)) return false;
  return childrenOf(expression).every(isPure);
}

/** Whether the step itself gives the same result for the same values every time. */
export function isPureStep(step: ChainStep): boolean {
  return step.kind === 'cast' || scalarFunction(step.function)?.pure !== false;
}

/** Rough work per row in units of an addition: whether computing it twice is worth a column. */
export function costOf(expression: BoundExpression): number {
  const inner = childrenOf(expression).reduce((total, child) => total + costOf(child), 0);
  switch (expression.kind) {
    case 'literal':
    case 'column':
    case 'held':
      return 0;
    case 'call':
      return inner + (/^[A-Z]/.test(expression.function) || expression.function === '||' ? 10 : 1);
    case 'cast':
      return inner + (expression.type.kind === 'double' ? 0 : 4);
    case 'logical':
    case 'case':
    case 'coalesce':
    case 'in':
    case 'let':
      return inner + 1;
    case 'chain':
      return inner + expression.steps.length;
    default:
      return assertNever(expression);
  }
}
