/**
 * Names of a query's output columns: a repeated name gets a number, as Flink gives it (a, a0, a1),
 * because readers of JSON, CSV and tables find columns by name. Owns only that rule; names that a
 * declared sink gives are its own, and inside a query a repeated name stays ambiguous.
 */
import type { SqlType } from '../columnar/types.js';

/** The column in front of the others that says what a row of a changelog is. */
export const CHANGELOG_COLUMN = 'op';

/** `taken`: names in front of the columns, which they must not repeat: `op` in a changelog. */
export function distinctNames<T extends { readonly name: string; readonly type: SqlType }>(
  columns: readonly T[],
  taken: readonly string[],
): readonly T[] {
  const used = new Set(taken);
  return columns.map((column) => {
    let { name } = column;
    for (let attempt = 0; used.has(name); attempt += 1) name = `${column.name}${attempt}`;
    used.add(name);
    return name === column.name ? column : { ...column, name };
  });
}
