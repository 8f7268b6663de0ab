/**
 * Conversions that are no CAST of their own: `unified`, what a value becomes beside values of other
 * types, and `checked`, the range of TINYINT, SMALLINT and INT, which are BIGINT but for it. The
 * binder makes these calls; nobody writes them. CAST itself is cast.ts.
 */
import { BIGINT, BIGINT_MAX, BIGINT_MIN, NULL_TYPE, VARCHAR } from '../columnar/types.js';
import { unifiedValue } from './cast.js';
import { DataFault } from './registry-types.js';
import type { ScalarFunction } from './registry-types.js';
import { entry } from './signature.js';

/** The least and the greatest value of an integer type, by its name. */
export const INTEGER_RANGES: ReadonlyMap<string, readonly [bigint, bigint]> = new Map([
  ['TINYINT', [-(2n ** 7n), 2n ** 7n - 1n]],
  ['SMALLINT', [-(2n ** 15n), 2n ** 15n - 1n]],
  ['INT', [-(2n ** 31n), 2n ** 31n - 1n]],
  ['INTEGER', [-(2n ** 31n), 2n ** 31n - 1n]],
]);

/** Bounds of the values that `checked(x, name)` lets through. */
export function integerRange(name: unknown): readonly [bigint, bigint] {
  return INTEGER_RANGES.get(String(name)) ?? [BIGINT_MIN, BIGINT_MAX];
}

const unified: ScalarFunction = entry({
  name: 'unified',
  arity: [1, 1],
  nulls: 'null',
  resolve: ([argument]) => {
    const type = argument?.type ?? NULL_TYPE;
    return { type, argTypes: [type] };
  },
  evaluate: ([value], [from], type) => unifiedValue(value ?? null, from ?? NULL_TYPE, type),
  about: 'x beside y: x as their common type; a BIGINT that no DOUBLE holds is a data error.',
});

const ranged: ScalarFunction = entry({
  name: 'checked',
  arity: [2, 2],
  nulls: 'null',
  resolve: () => ({ type: BIGINT, argTypes: [BIGINT, VARCHAR] }),
  evaluate: ([value, name]) => {
    const [low, high] = integerRange(name);
    if ((value as bigint) >= low && (value as bigint) <= high) return value ?? null;
    throw new DataFault('CAST_FAILED', `${String(value)} does not convert to ${String(name)}`);
  },
  about: 'x as TINYINT, SMALLINT, INT: the whole number; outside of the range a data error.',
});

export const CONVERSIONS: readonly ScalarFunction[] = [unified, ranged];
