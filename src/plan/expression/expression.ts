/**
 * Bound expressions: names resolved to input columns, types known, every implicit conversion an
 * explicit cast node. Plain data, printed by EXPLAIN, evaluated by plan-independent code: the
 * interpreter (codegen/interpreter) is the oracle, codegen/ makes kernels. Both follow the same
 * rule for what fails: an expression fails only for rows that reach it.
 */
import type { Span } from '../../base/span.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';

export type BoundExpression =
  | BoundLiteral
  | BoundColumn
  | BoundCall
  | BoundLogical
  | BoundCase
  | BoundCoalesce
  | BoundIn
  | BoundCast
  | BoundChain
  | BoundLet
  | BoundHeld;

interface Bound {
  readonly type: SqlType;
  readonly span: Span;
}

export interface BoundLiteral extends Bound {
  readonly kind: 'literal';
  readonly value: SqlValue;
}
/** Column `index` of the input schema. */
export interface BoundColumn extends Bound {
  readonly kind: 'column';
  readonly index: number;
  readonly name: string;
}
/**
 * A scalar function or an operator by its registry id. Operators are functions named by their
 * sign: '+', '-', '*', '/', '%', 'neg', '=', '<>', '<', '<=', '>', '>=', '||', 'not', 'is-null',
 * 'is-true', 'is-false', 'is-distinct'. Arguments already have the types the function resolved to.
 */
export interface BoundCall extends Bound {
  readonly kind: 'call';
  readonly function: string;
  readonly args: readonly BoundExpression[];
}
/** Three-valued AND / OR over BOOLEAN operands, left to right; stops at the deciding operand. */
export interface BoundLogical extends Bound {
  readonly kind: 'logical';
  readonly operator: 'and' | 'or';
  readonly operands: readonly BoundExpression[];
}
/** Searched CASE (the simple form is bound to '=' conditions); all results have `type`. */
export interface BoundCase extends Bound {
  readonly kind: 'case';
  readonly branches: readonly { readonly when: BoundExpression; readonly then: BoundExpression }[];
  readonly otherwise: BoundExpression;
}
export interface BoundCoalesce extends Bound {
  readonly kind: 'coalesce';
  readonly operands: readonly BoundExpression[];
}
/** operand IN (list): list and operand have one type. NOT IN is 'not' around it. */
export interface BoundIn extends Bound {
  readonly kind: 'in';
  readonly operand: BoundExpression;
  readonly list: readonly BoundExpression[];
}
/** Conversion to `type`. `safe`: NULL instead of failing. */
export interface BoundCast extends Bound {
  readonly kind: 'cast';
  readonly operand: BoundExpression;
  readonly safe: boolean;
}
/**
 * A long chain of operators, `a + b + c …`, `x::T::U …`: `first`, then one step after the other. It
 * means what nested calls and casts mean, without their depth: nobody who walks expressions runs
 * out of stack. Short chains are nested.
 */
export interface BoundChain extends Bound {
  readonly kind: 'chain';
  readonly first: BoundExpression;
  readonly steps: readonly ChainStep[];
}

/**
 * `body`, where BoundHeld stands for the value of `value`, which is computed first and once. What
 * BETWEEN and CASE compare several times is bound like this when it is large: written into each
 * comparison, one inside the other would double at every level. Small operands are repeated, so
 * that all who look at comparisons see plain ones.
 */
export interface BoundLet extends Bound {
  readonly kind: 'let';
  readonly value: BoundExpression;
  readonly body: BoundExpression;
}
/** The value of the innermost BoundLet around: no body reaches beyond its own. */
export interface BoundHeld extends Bound {
  readonly kind: 'held';
}

export type ChainStep =
  /** The function over the value so far and these arguments. */
  | {
      readonly kind: 'call';
      readonly function: string;
      readonly args: readonly BoundExpression[];
      readonly type: SqlType;
    }
  | { readonly kind: 'cast'; readonly safe: boolean; readonly type: SqlType };
