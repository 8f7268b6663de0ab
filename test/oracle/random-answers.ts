/**
 * Rows of velo and of DuckDB in one form, and their comparison: exact, but for numbers that one of
 * the two holds as a DOUBLE, which may differ in their last digits.
 */
import { DuckDBDateValue, DuckDBDecimalValue, DuckDBTimestampValue } from '@duckdb/node-api';
import type { DuckDBValue } from '@duckdb/node-api';

/** A number is its text without padding; NULL is null. */
export type Cell = string | boolean | null;
export type Answer = readonly Cell[];

/** Mark numbers, so that the text '12' is not the number 12; DuckDB says which are DOUBLE. */
const NUMBER = '#';
const DOUBLE = '~';

export function duckRow(row: readonly DuckDBValue[]): Answer {
  return row.map((value) => {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    if (typeof value === 'number') return `${DOUBLE}${value}`;
    if (typeof value === 'bigint') return numberCell(`${value}`);
    if (value instanceof DuckDBDecimalValue) return numberCell(value.toString());
    if (value instanceof DuckDBDateValue) return value.toString();
    if (value instanceof DuckDBTimestampValue) return numberCell(`${value.micros / 1000n}`);
    throw new Error(`unexpected value ${JSON.stringify(value)}`);
  });
}

/** The values of a JSON line in their order; numbers keep their digits. */
export function veloRow(line: string): Answer {
  const marked = line.replace(
    /("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)/g,
    (whole: string, text: string | undefined) => text ?? `{"number":"${whole}"}`,
  );
  return Object.values(JSON.parse(marked) as Record<string, unknown>).map((value) =>
    isNumber(value) ? numberCell(value.number) : (value as Cell),
  );
}

function isNumber(value: unknown): value is { readonly number: string } {
  return typeof value === 'object' && value !== null && 'number' in value;
}

function numberCell(text: string): string {
  const plain = /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text;
  return NUMBER + (plain === '-0' ? '0' : plain);
}

/** The rows that a changelog leaves: its first column says whether a row comes or goes. */
export function remaining(changes: readonly Answer[]): Answer[] {
  const rows = new Map<string, Answer[]>();
  for (const [op, ...row] of changes) {
    const key = JSON.stringify(row);
    const alike = rows.get(key) ?? [];
    if (op === '+I' || op === '+U') rows.set(key, [...alike, row]);
    else if (alike.length === 0)
      throw new Error(`${String(op)} of a row that is not there: ${key}`);
    else rows.set(key, alike.slice(1));
  }
  return [...rows.values()].flat();
}

export interface Comparison {
  readonly ordered: boolean;
  /** Columns of DOUBLEs that depend on the order of additions; others must agree in every digit. */
  readonly isRough?: (column: number) => boolean;
}

export function differences(
  got: readonly Answer[],
  want: readonly Answer[],
  { ordered, isRough = () => true }: Comparison,
): string[] {
  if (got.length !== want.length) return [`${got.length} rows instead of ${want.length}`];
  const mine = ordered ? got : sorted(got);
  const theirs = ordered ? want : sorted(want);
  return mine.flatMap((row, at) => {
    const other = theirs[at] ?? [];
    const equal =
      row.length === other.length && row.every((cell, n) => alike(cell, other[n], isRough(n)));
    return equal ? [] : [`got ${JSON.stringify(row)}, want ${JSON.stringify(other)}`];
  });
}

/** By their texts, numbers rounded so that a last digit does not change the order. */
function sorted(rows: readonly Answer[]): Answer[] {
  const key = (row: Answer): string =>
    JSON.stringify(
      row.map((cell) => (isNumberCell(cell) ? Number(cell.slice(1)).toPrecision(7) : cell)),
    );
  return rows
    .map((row) => ({ row, rough: key(row), exact: JSON.stringify(row) }))
    .sort((one, two) => order(one.rough, two.rough) || order(one.exact, two.exact))
    .map(({ row }) => row);
}

function order(one: string, two: string): number {
  return one < two ? -1 : one > two ? 1 : 0;
}

function isNumberCell(cell: Cell | undefined): cell is string {
  return typeof cell === 'string' && /^[#~]/.test(cell);
}

function alike(one: Cell, two: Cell | undefined, isRough: boolean): boolean {
  if (one === two) return true;
  if (!isNumberCell(one) || !isNumberCell(two)) return false;
  const isExact = !one.startsWith(DOUBLE) && !two.startsWith(DOUBLE);
  if (isExact) return false;
  const [left, right] = [Number(one.slice(1)), Number(two.slice(1))];
  if (!isRough) return left === right;
  return Math.abs(left - right) <= 1e-9 * Math.max(1e-3, Math.abs(left), Math.abs(right));
}
