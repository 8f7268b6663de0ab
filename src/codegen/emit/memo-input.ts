/**
 * Which expressions are worth a memo table, and over what: pure ones with text or a registry call
 * inside whose only input is one whole number (`'SYM' || i % 10`, by i % 10) or one dict column
 * (`UPPER(symbol) = 'A'`, by code). Pure analysis; the code is emit-memo, the table memo-site.
 */
import { sameType } from '../../columnar/types.js';
import type { ColumnKind } from '../../columnar/column.js';
import type { BoundColumn, BoundExpression } from '../../plan/expression/expression.js';
import {
  childrenOf,
  expressionKey,
  isPure,
  mapChildren,
  mayFail,
} from '../../plan/expression/expression-walk.js';
import { hasInlineCall } from './emit-call.js';
import { hasInlineCast } from './emit-cast.js';

export type MemoInput =
  | { readonly kind: 'number'; readonly key: string; readonly expression: BoundExpression }
  | { readonly kind: 'codes'; readonly key: string; readonly expression: BoundColumn };

type Found = MemoInput | 'constant' | 'none';

/** The input of an expression that a memo table pays for, else undefined. */
export function memoInput(
  expression: BoundExpression,
  kindOf: (column: number) => ColumnKind | undefined,
): MemoInput | undefined {
  if (!hasMemoResult(expression) || !isCostly(expression) || !isPure(expression)) return undefined;
  const found = inputOf(expression, kindOf);
  if (found === 'constant' || found === 'none') return undefined;
  // An input that may fail must not be computed where the expression would not have reached it.
  if (mayFail(found.expression) && hasBranches(expression)) return undefined;
  return found;
}

/** The expression with its memo input replaced by column 0. */
export function overMemoInput(expression: BoundExpression, input: MemoInput): BoundExpression {
  if (expressionKey(expression) === input.key) {
    const { type, span } = expression;
    return { kind: 'column', index: 0, name: 'input', type, span };
  }
  return mapChildren(expression, (child) => overMemoInput(child, input));
}

function hasMemoResult({ type }: BoundExpression): boolean {
  return !['null', 'array', 'map', 'row'].includes(type.kind);
}

function hasBranches(expression: BoundExpression): boolean {
  if (['case', 'coalesce', 'logical', 'in'].includes(expression.kind)) return true;
  return childrenOf(expression).some(hasBranches);
}

/** Whether text is made or a registry function is called anywhere inside. */
export function isCostly(expression: BoundExpression): boolean {
  return isCostlyNode(expression) || childrenOf(expression).some(isCostly);
}

function isCostlyNode(expression: BoundExpression): boolean {
  const takesText = childrenOf(expression).some(
    ({ kind, type }) => type.kind === 'varchar' && kind !== 'literal',
  );
  switch (expression.kind) {
    case 'literal':
    case 'column':
    case 'held':
    case 'let':
      return false;
    case 'call':
      if (expression.function === 'is-null') return false;
      return takesText || !hasInlineCall(expression);
    case 'cast': {
      const from = expression.operand.type;
      const isText = takesText || expression.type.kind === 'varchar';
      return (isText && !sameType(from, expression.type)) || !hasInlineCast(from, expression.type);
    }
    case 'in':
      return takesText;
    case 'case':
      return chooses(expression.branches.map(({ then }) => then).concat(expression.otherwise));
    case 'coalesce':
      return chooses(expression.operands);
    case 'logical':
      return false;
    case 'chain':
      return takesText;
  }
}

/** A choice among texts costs something unless all are literals. */
function chooses(results: readonly BoundExpression[]): boolean {
  return results.some(({ kind, type }) => type.kind === 'varchar' && kind !== 'literal');
}

function inputOf(
  expression: BoundExpression,
  kindOf: (column: number) => ColumnKind | undefined,
): Found {
  if (expression.kind === 'literal') return 'constant';
  if (expression.kind === 'held') return 'none';
  if (expression.kind === 'column') {
    const key = expressionKey(expression);
    if (expression.type.kind === 'bigint') return { kind: 'number', key, expression };
    const isDict = expression.type.kind === 'varchar' && kindOf(expression.index) === 'dict';
    return isDict ? { kind: 'codes', key, expression } : 'none';
  }
  const merged = childrenOf(expression)
    .map((child) => inputOf(child, kindOf))
    .reduce<Found>(merge, 'constant');
  if (merged === 'constant' || expression.type.kind !== 'bigint' || isCostly(expression)) {
    return merged;
  }
  // Looked up in front of the LET, where nothing is held yet.
  if (readsHeld(expression)) return 'none';
  // A plain whole number stands for all that it is computed from.
  return { kind: 'number', key: expressionKey(expression), expression };
}

/** Whether it means something only below a LET that it stands in. */
function readsHeld(expression: BoundExpression): boolean {
  if (expression.kind === 'held') return true;
  if (expression.kind === 'let') return readsHeld(expression.value);
  return childrenOf(expression).some(readsHeld);
}

function merge(a: Found, b: Found): Found {
  if (a === 'constant') return b;
  if (b === 'constant') return a;
  if (a === 'none' || b === 'none') return 'none';
  return a.kind === b.kind && a.key === b.key ? a : 'none';
}
