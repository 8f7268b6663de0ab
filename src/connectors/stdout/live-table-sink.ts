/**
 * A result that updates, as a table on a terminal: what stands is drawn over itself while the job
 * runs, and the final table stays. Owns what is drawn; when and where is the screen's (LiveScreen),
 * which rows stand live-rows.ts.
 */
import type { Batch } from '../../columnar/batch.js';
import { TableCells } from '../../formats/text/table-cells.js';
import { TableLayout } from '../../formats/text/table-layout.js';
import { countText, noteLines, wholeTable } from '../../formats/text/whole-table.js';
import type { ResultUpdates } from '../../plan/pipeline/result-updates.js';
import type { Schema } from '../../plan/schema.js';
import type { LiveScreen, TableForm } from '../connector.js';
import type { Sink } from '../sink.js';
import { StreamGate } from '../stream-gate.js';
import type { StreamTarget } from '../stream-sink.js';
import { LiveRows } from './live-rows.js';

/** Lines around the rows: the bottom and two notes. */
const AROUND = 3;
const FINAL_CELL_LINES_MAX = 4;

export interface LiveTableParts {
  readonly schema: Schema;
  readonly updates: ResultUpdates;
  readonly form: TableForm;
  readonly screen: LiveScreen;
}

export class LiveTableSink implements Sink {
  private readonly cells: TableCells;
  private readonly rows: LiveRows;
  private readonly form: TableForm;
  private readonly gate: StreamGate;
  private readonly hide: () => void;
  private rowsTaken = 0;

  constructor({ schema, updates, form, screen }: LiveTableParts, target: StreamTarget) {
    this.cells = new TableCells(schema, { changelog: false });
    this.rows = new LiveRows(this.cells, updates);
    this.form = form;
    this.gate = StreamGate.of(target.stream, target.name ?? 'stdout');
    this.gate.listen(target);
    this.hide = screen.show((space) => this.view(space));
  }

  write(batch: Batch): void {
    this.rows.apply(batch);
  }

  pressure(): null {
    this.gate.throwFailure();
    return null;
  }

  /** What is on the screen is seen; the table at the end only repeats it. */
  handOn(): void {
    this.rowsTaken = this.rows.written;
  }

  async flush(): Promise<void> {
    this.handOn();
    await this.gate.settled();
    this.gate.throwFailure();
  }

  hurry(): void {
    this.gate.hurry();
  }

  async close(): Promise<void> {
    this.hide();
    const width = this.form.width();
    const lines = wholeTable(
      { columns: this.cells.columns, rows: this.rows.all(), rowsMax: this.form.wholeRowsMax },
      { width, cellLinesMax: FINAL_CELL_LINES_MAX },
    );
    if (this.rows.forgets) lines.push(...noteLines([this.forgottenNote()], width));
    if (this.gate.open) {
      this.gate.write(new TextEncoder().encode(`${lines.join('\n')}\n`), () => undefined);
    }
    await this.flush();
  }

  /** What came before the failure stays; nothing is drawn of nothing. */
  async abandon(): Promise<void> {
    if (this.rows.size > 0) await this.close();
    else this.hide();
  }

  rowsWritten(): number {
    return this.rows.written;
  }

  rowsDelivered(): number {
    return this.rowsTaken;
  }

  /** Lines of a table that is no higher and no wider: of more rows those that changed last. */
  private view({ columns, rows }: { readonly columns: number; readonly rows: number }): string[] {
    const space = { width: columns, cellLinesMax: 1, grows: true };
    const { columns: names } = this.cells;
    // Names may be folded, the more the narrower; values are not, so that a row is a line.
    const headLines = (shown: readonly string[][]): number =>
      new TableLayout(names, shown, space).head().split('\n').length;
    const some = this.rows.latest(rows);
    const most = Math.max(1, rows - AROUND - headLines(some));
    const shown = some.length <= most ? some : this.rows.latest(most);
    const layout = new TableLayout(names, shown, space);
    const size = this.rows.forgets
      ? `more than ${countText(this.rows.size)}`
      : countText(this.rows.size);
    const note = `${size} rows, the ${countText(shown.length)} that changed last shown`;
    return [
      layout.head(),
      ...shown.map((row) => layout.row(row)),
      layout.bottom(),
      ...noteLines([shown.length < this.rows.size ? note : null, layout.note], columns),
    ].flatMap((lines) => lines.split('\n'));
  }

  private forgottenNote(): string {
    return `there were more than ${countText(this.rows.size)} rows: the first of them are gone`;
  }
}
