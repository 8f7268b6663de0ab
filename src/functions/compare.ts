/**
 * The order of SQL values: what =, <, ORDER BY, MIN and LEAST mean. Text compares by its UTF-8
 * bytes, −0.0 equals 0.0, NaN equals itself and is above every number. Slow and general: kernels
 * and state compare columns themselves and are tested against this.
 */
import { assert, assertNever } from '../base/assert.js';
import { isExact, isSqlMap } from '../columnar/types.js';
import type { SqlMap, SqlType, SqlValue } from '../columnar/types.js';
import { compareDecimals } from './decimal.js';

/** −1, 0 or 1 by UTF-8 bytes, without making bytes. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return utf8Rank(x) < utf8Rank(y) ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

/**
 * UTF-16 sorts surrogates (D800–DFFF, which stand for U+10000 and above) below E000–FFFF; UTF-8
 * sorts them above. Swapping the two ranges gives the order of the bytes.
 */
function utf8Rank(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}

/** −1, 0 or 1; NaN equals itself and is above every number. */
export function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1;
}

/**
 * −1, 0 or 1 for two values of one type. NULLs are equal and above everything: so the NULLs inside
 * ARRAY and ROW compare; the operators never come here with a NULL of their own.
 */
export function compareValues(a: SqlValue, b: SqlValue, type: SqlType): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  switch (type.kind) {
    case 'null':
      return 0;
    case 'boolean':
      return a === b ? 0 : a === false ? -1 : 1;
    case 'bigint':
    case 'decimal':
      return (a as bigint) < (b as bigint) ? -1 : (a as bigint) > (b as bigint) ? 1 : 0;
    case 'double':
    case 'timestamp':
    case 'date':
    case 'interval':
      return compareDoubles(a as number, b as number);
    case 'varchar':
      return compareText(a as string, b as string);
    case 'array':
      return compareLists(a as readonly SqlValue[], b as readonly SqlValue[], () => type.element);
    case 'row':
      return compareLists(
        a as readonly SqlValue[],
        b as readonly SqlValue[],
        (i) => type.fields[i]?.type ?? { kind: 'null' },
      );
    case 'map':
      assert(isSqlMap(a) && isSqlMap(b), 'a MAP value is a SqlMap');
      return compareMaps(a, b, type.key, type.value);
    default:
      return assertNever(type);
  }
}

function compareLists(
  a: readonly SqlValue[],
  b: readonly SqlValue[],
  typeAt: (index: number) => SqlType,
): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const order = compareValues(a[i] ?? null, b[i] ?? null, typeAt(i));
    if (order !== 0) return order;
  }
  return Math.sign(a.length - b.length);
}

/** By sorted entries, so that the order of entries does not matter. */
function compareMaps(a: SqlMap, b: SqlMap, key: SqlType, value: SqlType): number {
  const left = sortedEntries(a, key);
  const right = sortedEntries(b, key);
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i += 1) {
    const x = left[i] ?? [null, null];
    const y = right[i] ?? [null, null];
    const order = compareValues(x[0], y[0], key) || compareValues(x[1], y[1], value);
    if (order !== 0) return order;
  }
  return Math.sign(left.length - right.length);
}

function sortedEntries(map: SqlMap, key: SqlType): (readonly [SqlValue, SqlValue])[] {
  return map.keys
    .map((k, i) => [k, map.values[i] ?? null] as const)
    .sort((x, y) => compareValues(x[0], y[0], key));
}

/**
 * −1, 0 or 1 for two values that are not NULL, of one type or of two different numeric types. No
 * number is rounded: BIGINT against DOUBLE compares exactly, beyond 2^53 too.
 */
export function compareAcross(a: SqlValue, aType: SqlType, b: SqlValue, bType: SqlType): number {
  if (isExact(aType) && isExact(bType)) {
    return compareDecimals(
      { unscaled: a as bigint, scale: scaleOf(aType) },
      { unscaled: b as bigint, scale: scaleOf(bType) },
    );
  }
  if (aType.kind === bType.kind) return compareValues(a, b, aType);
  assert(
    (aType.kind === 'bigint' && bType.kind === 'double') ||
      (aType.kind === 'double' && bType.kind === 'bigint'),
    'only BIGINT and DOUBLE compare without a cast',
  );
  const left = a as bigint | number;
  const right = b as bigint | number;
  if (left < right) return -1;
  if (left > right) return 1;
  if (Number.isNaN(left)) return 1;
  return Number.isNaN(right) ? -1 : 0;
}

/** Digits after the point of an exact number; BIGINT has none. */
export function scaleOf(type: SqlType): number {
  return type.kind === 'decimal' ? type.scale : 0;
}
