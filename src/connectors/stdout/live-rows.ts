/**
 * The rows of a result that stand by now: changes applied to what they replace or take back. Owns
 * which row a change is of, and how many rows are kept (law 8): beyond that the ones that came first
 * are forgotten, and the table says so. Drawing is live-table-sink.ts.
 */
import { OP_DELETE, OP_UPDATE_BEFORE } from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import type { TableCells } from '../../formats/text/table-cells.js';
import type { ResultUpdates } from '../../plan/pipeline/result-updates.js';

/** Rows that are kept as texts, about 1 KiB each. */
export const LIVE_ROWS_MAX = 10_000;

interface LiveRow {
  cells: readonly string[];
  /** Number of the change that made it. */
  changed: number;
  /** Equal rows that stand, where rows are told apart by all they hold. */
  count: number;
}

export class LiveRows {
  /** Changes that were no taking back. */
  written = 0;
  /** Some row was forgotten. */
  forgets = false;
  private readonly cells: TableCells;
  private readonly updates: ResultUpdates;
  private readonly rowsMax: number;
  /** In the order in which they came. */
  private readonly rows = new Map<string, LiveRow>();
  private changes = 0;

  constructor(cells: TableCells, updates: ResultUpdates, rowsMax = LIVE_ROWS_MAX) {
    this.cells = cells;
    this.updates = updates;
    this.rowsMax = rowsMax;
  }

  apply(batch: Batch): void {
    this.cells.bind(batch);
    const { selection, selectedCount } = batch;
    for (let k = 0; k < selectedCount; k += 1) {
      this.applyRow(selection === null ? k : (selection[k] as number));
    }
  }

  /** Every row that stands, equal ones as often as they do. */
  all(): string[][] {
    return [...this.rows.values()].flatMap(({ cells, count }) =>
      Array.from({ length: count }, () => [...cells]),
    );
  }

  /** Those that changed last, at most so many, in the order in which they came. */
  latest(most: number): string[][] {
    const rows = [...this.rows.values()];
    const times = rows.map(({ changed }) => changed).sort((a, b) => b - a);
    const since = times[most - 1] ?? 0;
    return rows.filter(({ changed }) => changed >= since).map(({ cells }) => [...cells]);
  }

  get size(): number {
    return this.rows.size;
  }

  private applyRow(row: number): void {
    const op = this.cells.op(row);
    const columns = this.updates.by === 'key' ? this.updates.columns : null;
    const key = this.cells.identity(row, columns);
    const known = this.rows.get(key);
    if (op === OP_UPDATE_BEFORE || op === OP_DELETE) {
      // A key's next row replaces this one where it stands.
      if (op === OP_UPDATE_BEFORE && columns !== null) return;
      if (known === undefined) return;
      known.count -= 1;
      if (known.count === 0) this.rows.delete(key);
      return;
    }
    this.written += 1;
    this.changes += 1;
    const cells = this.cells.row(row);
    if (known === undefined) {
      this.rows.set(key, { cells, changed: this.changes, count: 1 });
      if (this.rows.size > this.rowsMax) this.forgetFirst();
      return;
    }
    known.cells = cells;
    known.changed = this.changes;
    if (columns === null) known.count += 1;
  }

  private forgetFirst(): void {
    const [first] = this.rows.keys();
    if (first !== undefined) this.rows.delete(first);
    this.forgets = true;
  }
}
