/**
 * A result table of which every row is known: the first and the last rows where there are more than
 * are to be drawn, and below it what is not there. Owns that choice and the wording; lines are
 * table-layout.ts.
 */
import { wrapToWidth } from '../../base/display-width.js';
import { TableLayout } from './table-layout.js';
import type { TableColumn, TableSpace } from './table-layout.js';

export interface WholeTable {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
  /** Rows that are drawn at most; null: all. */
  readonly rowsMax: number | null;
}

export function wholeTable({ columns, rows, rowsMax }: WholeTable, space: TableSpace): string[] {
  const all = rowsMax === null || rows.length <= rowsMax;
  const first = all ? rows : rows.slice(0, Math.ceil(rowsMax / 2));
  const last = all ? [] : rows.slice(rows.length - Math.floor(rowsMax / 2));
  const layout = new TableLayout(columns, [...first, ...last], space);
  const lines = [layout.head(), ...first.map((row) => layout.row(row))];
  if (!all) lines.push(layout.rowGap());
  lines.push(...last.map((row) => layout.row(row)), layout.bottom());
  const counts = { rows: rows.length, first: first.length, last: last.length };
  return [...lines, ...noteLines([all ? null : rowsNote(counts), layout.note], space.width)];
}

export interface RowCounts {
  readonly rows: number;
  /** Of these, drawn. */
  readonly first: number;
  readonly last: number;
}

export function rowsNote({ rows, first, last }: RowCounts): string {
  const parts = [`the first ${countText(first)}`];
  if (last > 0) parts.push(`the last ${countText(last)}`);
  return `${countText(rows)} rows, ${parts.join(' and ')} shown (all with --max-rows all)`;
}

/** Notes below a table, in lines that fit. */
export function noteLines(notes: readonly (string | null)[], width: number | null): string[] {
  return notes.flatMap((note) => {
    if (note === null) return [];
    return width === null ? [note] : wrapToWidth(note, width);
  });
}

export function countText(count: number): string {
  return count.toLocaleString('en-US');
}
