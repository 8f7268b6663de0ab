/**
 * Where the cells of a result table stand: which columns fit into a width, how wide each is, and the
 * lines of the table. Long texts are folded, narrow tables lose columns from their middle, and no
 * line is wider than the width. Owns geometry only; cells are table-cells.ts, and which rows are
 * drawn the sink's business.
 */
import { cutToWidth, displayWidth, padToWidth, wrapToWidth } from '../../base/display-width.js';

export interface TableColumn {
  readonly name: string;
  readonly align: 'left' | 'right';
  /** Its cells may be folded to make the table fit; others are as wide as they are. */
  readonly elastic: boolean;
  /** What its cells are likely to be as wide as. */
  readonly usualWidth: number;
}

export interface TableSpace {
  /** Of the terminal; null: lines may have any length. */
  readonly width: number | null;
  /** Lines that a folded text may take before the rest of it is left out; null: any number. */
  readonly cellLinesMax: number | null;
  /** More rows may come: columns are as wide as is usual, if there is room. Default: false. */
  readonly grows?: boolean;
}

/** An elastic column is not made narrower than this to keep another column. */
const ELASTIC_MIN = 12;
/** A name is folded to this before a column goes. */
const NAME_MIN = 12;
/** Of an elastic column where the width is no one's. */
const ELASTIC_MAX = 60;
/** What stands around a cell: two spaces and a bar. */
const AROUND = 3;
/** In place of the columns that are left out. */
const GAP_NAME = '…';

/** One drawn column; `at` is its number among the cells, null the gap. */
interface Place {
  readonly at: number | null;
  readonly name: string;
  readonly width: number;
  readonly align: 'left' | 'right';
  readonly linesMax: number | null;
}

interface Wish {
  readonly at: number;
  readonly column: TableColumn;
  readonly least: number;
  readonly natural: number;
}

export class TableLayout {
  /** What is to be said of the columns below the table; null: all are there. */
  readonly note: string | null;
  private readonly places: readonly Place[];

  /** Columns as wide as their names and the cells of `rows` ask for, as far as there is room. */
  constructor(
    columns: readonly TableColumn[],
    rows: readonly (readonly string[])[],
    { width, cellLinesMax, grows = false }: TableSpace,
  ) {
    const room = width === null ? Number.POSITIVE_INFINITY : Math.max(1, width - 1 - AROUND);
    const wishes = columns.map((column, at) => wishOf(column, at, { rows, room, grows }));
    const shown = columnsThatFit(wishes, width);
    const gap = shown.length < wishes.length;
    const widths = widthsOf(shown, width === null ? null : width - 1 - (gap ? AROUND + 1 : 0));
    const places = shown.map(({ at, column: { name, align, elastic } }, index): Place => ({
      at,
      name,
      align,
      width: widths[index] as number,
      linesMax: elastic ? cellLinesMax : null,
    }));
    const middle = shown.findIndex(({ at }, index) => at !== index);
    if (gap) places.splice(middle < 0 ? places.length : middle, 0, GAP);
    this.places = places;
    this.note = gap ? `${shown.length} of ${columns.length} columns shown` : null;
  }

  /** The top of the table with the names of its columns. */
  head(): string {
    const names = this.lines((place) => (place.at === null ? GAP_NAME : place.name), true);
    return [this.rule('┌', '┬', '┐'), names, this.rule('├', '┼', '┤')].join('\n');
  }

  row(cells: readonly string[]): string {
    return this.lines(({ at }) => (at === null ? GAP_NAME : (cells[at] ?? '')), false);
  }

  /** A line in place of rows that are left out. */
  rowGap(): string {
    return this.lines(() => '·', false);
  }

  bottom(): string {
    return this.rule('└', '┴', '┘');
  }

  private rule(left: string, middle: string, right: string): string {
    return `${left}${this.places.map(({ width }) => '─'.repeat(width + 2)).join(middle)}${right}`;
  }

  private lines(textOf: (place: Place) => string, isHead: boolean): string {
    const cells = this.places.map((place) => folded(textOf(place), place, isHead));
    const height = Math.max(...cells.map((lines) => lines.length));
    const lines: string[] = [];
    for (let line = 0; line < height; line += 1) {
      const parts = this.places.map(({ width, align }, at) =>
        padToWidth(cells[at]?.[line] ?? '', width, align === 'right' ? 'left' : 'right'),
      );
      lines.push(`│ ${parts.join(' │ ')} │`);
    }
    return lines.join('\n');
  }
}

const GAP: Place = { at: null, name: GAP_NAME, width: 1, align: 'left', linesMax: 1 };

function folded(text: string, { width, linesMax }: Place, isHead: boolean): string[] {
  if (text.length <= width && displayWidth(text) <= width) return [text];
  // A wide character in a column of one.
  const lines = wrapToWidth(text, width).map((line) => cutToWidth(line, width));
  if (isHead || linesMax === null || lines.length <= linesMax) return lines;
  const last = `${lines[linesMax - 1] ?? ''}…`;
  return [...lines.slice(0, linesMax - 1), cutToWidth(last, width)];
}

interface Wanted {
  readonly rows: readonly (readonly string[])[];
  /** Of one column. */
  readonly room: number;
  readonly grows: boolean;
}

function wishOf(column: TableColumn, at: number, { rows, room, grows }: Wanted): Wish {
  const { elastic, usualWidth } = column;
  const cells = rows.reduce((most, row) => Math.max(most, displayWidth(row[at] ?? '')), 1);
  const name = displayWidth(column.name);
  const most = Number.isFinite(room) || !elastic ? room : ELASTIC_MAX;
  const natural = Math.min(most, Math.max(cells, name, grows ? usualWidth : 1));
  const needed = elastic ? Math.min(cells, ELASTIC_MIN) : cells;
  const least = Math.min(natural, Math.max(needed, Math.min(name, NAME_MIN)));
  return { at, column, least, natural };
}

/** All, or as many as fit from the left and the right in turn; at least the first. */
function columnsThatFit(wishes: readonly Wish[], width: number | null): readonly Wish[] {
  const needed = (some: readonly Wish[]): number =>
    some.reduce((sum, { least }) => sum + least + AROUND, 1);
  if (width === null || needed(wishes) <= width) return wishes;
  const left: Wish[] = [];
  const right: Wish[] = [];
  let free = width - needed([]) - (AROUND + 1);
  for (let taken = 0; taken < wishes.length; taken += 1) {
    const fromLeft = taken % 2 === 0;
    const next = fromLeft ? wishes[left.length] : wishes[wishes.length - 1 - right.length];
    if (next === undefined) break;
    free -= next.least + AROUND;
    if (free < 0 && taken > 0) break;
    if (fromLeft) left.push(next);
    else right.unshift(next);
  }
  return [...left, ...right];
}

/** Each as wide as it would be, the widest giving way first, none below its least. */
function widthsOf(wishes: readonly Wish[], room: number | null): number[] {
  const widths = wishes.map(({ natural }) => natural);
  if (room === null) return widths;
  let over = widths.reduce((sum, each) => sum + each + AROUND, 0) - room;
  while (over > 0) {
    const widest = widths.reduce(
      (best, width, at) =>
        width > (wishes[at] as Wish).least && (best < 0 || width > (widths[best] as number))
          ? at
          : best,
      -1,
    );
    // The only column there is room for may be wider than it: it is folded whatever it holds.
    const at = widest >= 0 ? widest : widths.indexOf(Math.max(...widths));
    if ((widths[at] as number) <= 1) break;
    widths[at] = (widths[at] as number) - 1;
    over -= 1;
  }
  return widths;
}
