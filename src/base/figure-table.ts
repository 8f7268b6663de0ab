/**
 * Tables of figures for people, as wide as there is room: columns that matter least go first. Owns
 * widths, alignment and which columns stay; cells may hold colours, which take no room. Result rows
 * have a table of their own (formats/text/table-layout.ts), which folds cells.
 */
import { stripVTControlCharacters } from 'node:util';
import { cutToWidth, displayWidth } from './display-width.js';

export interface FigureColumn {
  readonly head: string;
  readonly align: 'left' | 'right';
  /** Columns of the highest number go first; 0: stays. */
  readonly expendable: number;
  /** Its cells, which have no colours, are cut where what stays is still too wide. Default: false. */
  readonly cut?: boolean;
}

export interface FigureSpace {
  /** null: lines may have any length. */
  readonly width: number | null;
  readonly paintHead?: (text: string) => string;
}

export interface FigureTable {
  readonly lines: readonly string[];
  readonly columnsShown: number;
}

const GAP = '  ';

/** A head and a line for each of `rows`, which have a cell for each of `columns`. */
export function figureTable(
  columns: readonly FigureColumn[],
  rows: readonly (readonly string[])[],
  { width, paintHead = (text) => text }: FigureSpace,
): FigureTable {
  const widths = columns.map(({ head }, at) =>
    Math.max(displayWidth(head), ...rows.map((row) => widthOf(row[at] ?? ''))),
  );
  const shown = columnsThatFit(columns, widths, width);
  const over = width === null ? 0 : totalOf(shown, widths) - width;
  const cut = shown.find((at) => columns[at]?.cut === true);
  if (over > 0 && cut !== undefined) widths[cut] = Math.max(1, (widths[cut] ?? 0) - over);
  const lineOf = (cells: readonly string[]): string =>
    shown
      .map((at) => padded(cells[at] ?? '', widths[at] ?? 0, columns[at]?.align ?? 'left'))
      .join(GAP)
      .trimEnd();
  return {
    lines: [paintHead(lineOf(columns.map(({ head }) => head))), ...rows.map(lineOf)],
    columnsShown: shown.length,
  };
}

function widthOf(cell: string): number {
  return displayWidth(stripVTControlCharacters(cell));
}

function padded(cell: string, width: number, align: 'left' | 'right'): string {
  const taken = widthOf(cell);
  if (taken > width) return cutToWidth(cell, width);
  const spaces = ' '.repeat(width - taken);
  return align === 'left' ? `${cell}${spaces}` : `${spaces}${cell}`;
}

/** Numbers of the columns that stay, in order. */
function columnsThatFit(
  columns: readonly FigureColumn[],
  widths: readonly number[],
  width: number | null,
): readonly number[] {
  let shown = [...columns.keys()];
  const expendable = (at: number): number => columns[at]?.expendable ?? 0;
  while (width !== null && totalOf(shown, widths) > width) {
    const worst = Math.max(...shown.map(expendable));
    if (worst === 0) break;
    const dropped = shown.findLast((at) => expendable(at) === worst);
    shown = shown.filter((at) => at !== dropped);
  }
  return shown;
}

function totalOf(shown: readonly number[], widths: readonly number[]): number {
  return shown.reduce((sum, at) => sum + (widths[at] ?? 0) + GAP.length, -GAP.length);
}
