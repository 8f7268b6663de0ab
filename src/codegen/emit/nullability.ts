/**
 * Whether an expression can be NULL, given which columns can: what lets a kernel leave NULL code
 * out. Errs on the side of yes.
 */
import type { BoundExpression } from '../../plan/expression/expression.js';

/** Functions that are NULL exactly when an argument is. */
const STRICT = new Set([
  ...['+', '-', '*', '/', '%', 'neg', '=', '<>', '<', '<=', '>', '>=', '||', 'not'],
  ...['ABS', 'SIGN', 'ROUND', 'CEIL', 'FLOOR', 'MOD', 'SQRT', 'POWER', 'EXP', 'LN', 'LOG', 'LOG10'],
  ...['LOG2', 'SIN', 'COS', 'TAN', 'ASIN', 'ACOS', 'ATAN', 'ATAN2', 'UPPER', 'LOWER', 'LENGTH'],
  ...['TRIM', 'LTRIM', 'RTRIM', 'LEFT', 'RIGHT', 'SUBSTRING', 'REPLACE', 'POSITION', 'LIKE'],
  ...['unified', 'checked'],
]);
const NEVER = new Set(['CONCAT', 'is-null', 'is-true', 'is-false', 'is-unknown', 'is-distinct']);

export function isNullable(
  expression: BoundExpression,
  columnIsNullable: (column: number) => boolean,
): boolean {
  const inner = (child: BoundExpression): boolean => isNullable(child, columnIsNullable);
  switch (expression.kind) {
    case 'literal':
      return expression.value === null;
    case 'column':
      return columnIsNullable(expression.index);
    case 'call':
      if (NEVER.has(expression.function)) return false;
      return !STRICT.has(expression.function) || expression.args.some(inner);
    case 'logical':
      return expression.operands.some(inner);
    case 'case':
      return expression.branches.some(({ then }) => inner(then)) || inner(expression.otherwise);
    case 'coalesce':
      return expression.operands.every(inner);
    case 'in':
      return inner(expression.operand) || expression.list.some(inner);
    case 'cast':
      return expression.safe || inner(expression.operand);
    case 'chain':
    case 'held':
      return true;
    case 'let':
      return inner(expression.body);
  }
}
