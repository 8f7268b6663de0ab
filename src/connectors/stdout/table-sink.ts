/**
 * Rows on stdout as a table: as they come, under one header, or the first and the last of them when
 * no more than some are to be shown. Owns which rows are drawn and what is said of the rest; cells
 * and columns are formats/text. Rows that are not drawn count as any others.
 */
import type { Batch } from '../../columnar/batch.js';
import type { EncoderOptions } from '../../formats/encoder.js';
import { TableCells } from '../../formats/text/table-cells.js';
import { TableLayout } from '../../formats/text/table-layout.js';
import { noteLines, rowsNote } from '../../formats/text/whole-table.js';
import type { Schema } from '../../plan/schema.js';
import type { TableForm } from '../connector.js';
import type { Sink } from '../sink.js';
import { StreamGate } from '../stream-gate.js';
import type { StreamTarget } from '../stream-sink.js';

/** Where nobody said how tables are to be: as a pipe has them. */
const WHOLE: TableForm = { width: () => null, rowsMax: null, wholeRowsMax: null };
/** Lines of a folded text on a terminal; in a pipe nothing is left out. */
const CELL_LINES_MAX = 4;
/** Rows that are laid out together before any is drawn. */
const HELD_MAX = 1000;

const encoder = new TextEncoder();

/** The table that was drawn upon last, of each stream: two never share a header. */
const lastDrawn = new WeakMap<StreamTarget['stream'], TableSink>();

export class TableSink implements Sink {
  private readonly cells: TableCells;
  private readonly target: StreamTarget;
  private readonly gate: StreamGate;
  private readonly form: TableForm;
  private readonly firstMax: number;
  private readonly lastMax: number;
  /** The last rows but the first ones. */
  private last: string[][] = [];
  /** Rows that are to be drawn and are not yet. */
  private held: string[][] = [];
  /** Rows that were drawn or are held, of the first ones. */
  private first = 0;
  private rows = 0;
  private rowsTaken = 0;
  private layout: TableLayout | null = null;
  private layoutWidth: number | null = null;

  constructor(
    schema: Schema,
    options: EncoderOptions & { readonly form?: TableForm | undefined },
    target: StreamTarget,
  ) {
    this.cells = new TableCells(schema, options);
    this.target = target;
    this.form = options.form ?? WHOLE;
    const { rowsMax } = this.form;
    this.firstMax = rowsMax === null ? Number.POSITIVE_INFINITY : Math.ceil(rowsMax / 2);
    this.lastMax = rowsMax === null ? 0 : Math.floor(rowsMax / 2);
    this.gate = StreamGate.of(target.stream, target.name ?? 'stdout');
    this.gate.listen(target);
  }

  write(batch: Batch): void {
    const { cells } = this;
    cells.bind(batch);
    const { selection, selectedCount } = batch;
    const others: number[] = [];
    for (let k = 0; k < selectedCount; k += 1) {
      const row = selection === null ? k : (selection[k] as number);
      if (!cells.has(row)) continue;
      this.rows += 1;
      if (this.first < this.firstMax) {
        this.first += 1;
        this.held.push(cells.row(row));
      } else {
        others.push(row);
      }
    }
    this.keepLast(others);
    if (this.held.length >= HELD_MAX) this.draw();
  }

  /** Only rows that may be drawn in the end become text. */
  private keepLast(rows: readonly number[]): void {
    const { lastMax, cells } = this;
    const kept = rows.slice(Math.max(0, rows.length - lastMax));
    for (const row of kept) this.last.push(cells.row(row));
    if (this.last.length > lastMax) this.last = this.last.slice(this.last.length - lastMax);
  }

  pressure(): Promise<void> | null {
    this.gate.throwFailure();
    return this.gate.drained;
  }

  handOn(): void {
    if (this.held.length > 0) this.draw();
    else if (this.gate.idle) this.rowsTaken = this.rows;
  }

  async flush(): Promise<void> {
    this.handOn();
    await this.settled();
  }

  hurry(): void {
    this.gate.hurry();
  }

  async close(): Promise<void> {
    this.drawEnd();
    await this.settled();
  }

  /** What came before the failure; a table without rows would only stand in the error's way. */
  async abandon(): Promise<void> {
    if (this.rows > 0) await this.close();
  }

  private async settled(): Promise<void> {
    await this.gate.settled();
    this.gate.throwFailure();
  }

  rowsWritten(): number {
    return this.rows;
  }

  rowsDelivered(): number {
    return this.rowsTaken;
  }

  private draw(): void {
    const lines: string[] = [];
    const layout = this.opened(lines, { grows: true });
    for (const row of this.held) lines.push(layout.row(row));
    this.held = [];
    this.send(lines);
  }

  /** The rest of the table, and what of it is not there. */
  private drawEnd(): void {
    const lines: string[] = [];
    const layout = this.opened(lines, { grows: false });
    const leftOut = this.rows - this.first - this.last.length;
    for (const row of this.held) lines.push(layout.row(row));
    if (leftOut > 0) lines.push(layout.rowGap());
    for (const row of this.last) lines.push(layout.row(row));
    lines.push(layout.bottom());
    lastDrawn.delete(this.target.stream);
    const counts = { rows: this.rows, first: this.first, last: this.last.length };
    const notes = [leftOut > 0 ? rowsNote(counts) : null, layout.note];
    lines.push(...noteLines(notes, this.layoutWidth));
    this.held = [];
    this.last = [];
    this.layout = null;
    this.send(lines);
  }

  /** Begins a table where none is open, where another query's is, and where the width is another. */
  private opened(lines: string[], { grows }: { readonly grows: boolean }): TableLayout {
    const { stream } = this.target;
    const width = this.form.width();
    const before = lastDrawn.get(stream);
    if (before === this && this.layout !== null && this.layoutWidth === width) return this.layout;
    if (before !== undefined && before !== this) lines.push(before.layout?.bottom() ?? '');
    const cellLinesMax = width === null ? null : CELL_LINES_MAX;
    const rows = [...this.held, ...this.last];
    this.layout = new TableLayout(this.cells.columns, rows, { width, cellLinesMax, grows });
    this.layoutWidth = width;
    lastDrawn.set(stream, this);
    lines.push(this.layout.head());
    return this.layout;
  }

  private send(lines: readonly string[]): void {
    if (!this.gate.open) return;
    const { rows } = this;
    this.gate.write(encoder.encode(`${lines.join('\n')}\n`), () => {
      this.rowsTaken = rows;
    });
  }
}
