/** The oracle itself: three-valued logic, what is evaluated and what is not, constants. */
import { describe, expect, test } from 'vitest';
import { NO_SPAN } from '../../src/base/span.js';
import { interpret, isConstant } from '../../src/codegen/interpreter.js';
import { BIGINT, BOOLEAN, DOUBLE, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { DataFault } from '../../src/functions/registry-types.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';

const span = NO_SPAN;
const CONTEXT = { nowMs: 1000 };

const literal = (value: SqlValue, type: SqlType): BoundExpression => ({
  kind: 'literal',
  value,
  type,
  span,
});
const bool = (value: boolean | null): BoundExpression => literal(value, BOOLEAN);
const int = (value: bigint | null): BoundExpression => literal(value, BIGINT);
const column = (index: number, type: SqlType): BoundExpression => ({
  kind: 'column',
  index,
  name: `c${index}`,
  type,
  span,
});
const call = (name: string, type: SqlType, ...args: BoundExpression[]): BoundExpression => ({
  kind: 'call',
  function: name,
  args,
  type,
  span,
});
const logical = (operator: 'and' | 'or', ...operands: BoundExpression[]): BoundExpression => ({
  kind: 'logical',
  operator,
  operands,
  type: BOOLEAN,
  span,
});
const cast = (operand: BoundExpression, type: SqlType, safe: boolean): BoundExpression => ({
  kind: 'cast',
  operand,
  type,
  safe,
  span,
});

/** 1 / 0 = 1: fails wherever it is evaluated. */
const failing = call('=', BOOLEAN, call('/', DOUBLE, int(1n), int(0n)), literal(1, DOUBLE));
const evaluate = (expression: BoundExpression, row: readonly SqlValue[] = []): SqlValue =>
  interpret(expression, row, CONTEXT);

describe('AND and OR', () => {
  const T = true;
  const F = false;
  const table: readonly [boolean | null, boolean | null, boolean | null, boolean | null][] = [
    [T, T, T, T],
    [T, F, F, T],
    [T, null, null, T],
    [F, T, F, T],
    [F, F, F, F],
    [F, null, F, null],
    [null, T, null, T],
    [null, F, F, null],
    [null, null, null, null],
  ];
  test.each(table)('%s with %s gives %s and %s', (a, b, and, or) => {
    expect(evaluate(logical('and', bool(a), bool(b)))).toBe(and);
    expect(evaluate(logical('or', bool(a), bool(b)))).toBe(or);
  });

  test('stop at the operand that decides', () => {
    expect(evaluate(logical('and', bool(false), failing))).toBe(false);
    expect(evaluate(logical('or', bool(true), failing))).toBe(true);
    expect(evaluate(logical('and', bool(null), bool(false), failing))).toBe(false);
  });

  test('evaluate what stands before it, and what follows a NULL', () => {
    expect(() => evaluate(logical('and', failing, bool(false)))).toThrow(DataFault);
    expect(() => evaluate(logical('and', bool(null), failing))).toThrow(DataFault);
    expect(() => evaluate(logical('or', bool(false), failing))).toThrow(DataFault);
  });
});

describe('CASE and COALESCE', () => {
  const branch = (when: BoundExpression, then: BoundExpression, otherwise: BoundExpression) =>
    ({ kind: 'case', branches: [{ when, then }], otherwise, type: BOOLEAN, span }) as const;

  test('only the branch that is taken is evaluated', () => {
    expect(evaluate(branch(bool(true), bool(true), failing))).toBe(true);
    expect(evaluate(branch(bool(false), failing, bool(true)))).toBe(true);
    expect(evaluate(branch(bool(null), failing, bool(false)))).toBe(false);
    expect(() => evaluate(branch(failing, bool(true), bool(true)))).toThrow(DataFault);
  });

  test('COALESCE stops at the first value', () => {
    const coalesce = (...operands: BoundExpression[]): BoundExpression => ({
      kind: 'coalesce',
      operands,
      type: BOOLEAN,
      span,
    });
    expect(evaluate(coalesce(bool(null), bool(false), failing))).toBe(false);
    expect(evaluate(coalesce(bool(null), bool(null)))).toBeNull();
    expect(() => evaluate(coalesce(bool(null), failing))).toThrow(DataFault);
  });
});

describe('IN', () => {
  const isIn = (operand: bigint | null, ...list: (bigint | null)[]): SqlValue =>
    evaluate({ kind: 'in', operand: int(operand), list: list.map(int), type: BOOLEAN, span });

  test('is NULL only where equality is unknown', () => {
    expect(isIn(1n, 1n, null)).toBe(true);
    expect(isIn(1n, null, 1n)).toBe(true);
    expect(isIn(3n, 1n, null)).toBeNull();
    expect(isIn(3n, 1n, 2n)).toBe(false);
    expect(isIn(null, 1n)).toBeNull();
  });
});

describe('calls, columns and casts', () => {
  test('a column is the value of the row, a missing one NULL', () => {
    const sum = call('+', BIGINT, column(0, BIGINT), column(1, BIGINT));
    expect(evaluate(sum, [2n, 3n])).toBe(5n);
    expect(evaluate(sum, [2n])).toBeNull();
  });

  test('a NULL argument keeps the function from being evaluated', () => {
    expect(evaluate(call('/', DOUBLE, int(null), int(0n)))).toBeNull();
    expect(evaluate(call('CONCAT', VARCHAR, literal('a', VARCHAR), literal(null, VARCHAR)))).toBe(
      'a',
    );
  });

  test('a cast fails, a safe one gives NULL, but not for a fault below it', () => {
    const text = literal('x', VARCHAR);
    expect(() => evaluate(cast(text, BIGINT, false))).toThrow("'x' does not convert to BIGINT");
    expect(evaluate(cast(text, BIGINT, true))).toBeNull();
    expect(() => evaluate(cast(failing, BIGINT, true))).toThrow('division by zero');
  });

  test('NOW is the time of the context', () => {
    expect(evaluate(call('NOW', TIMESTAMP))).toBe(1000);
  });
});

describe('constants', () => {
  test('have no column and no time in them', () => {
    expect(isConstant(call('+', BIGINT, int(1n), int(2n)))).toBe(true);
    expect(isConstant(call('+', BIGINT, int(1n), column(0, BIGINT)))).toBe(false);
    expect(isConstant(call('NOW', TIMESTAMP))).toBe(false);
    expect(isConstant(cast(literal('1', VARCHAR), BIGINT, false))).toBe(true);
    expect(isConstant(logical('and', bool(true), column(0, BOOLEAN)))).toBe(false);
    expect(
      isConstant({ kind: 'in', operand: int(1n), list: [column(0, BIGINT)], type: BOOLEAN, span }),
    ).toBe(false);
    expect(
      isConstant({
        kind: 'case',
        branches: [{ when: bool(true), then: int(1n) }],
        otherwise: column(0, BIGINT),
        type: BIGINT,
        span,
      }),
    ).toBe(false);
  });
});
