/**
 * ORDER BY over a bounded input, or within each window: keeps rows until the end of input (or the
 * window's end), then emits them in order. With a LIMIT only the best rows are kept: the buffer is
 * cut back whenever it holds twice the limit. NULLs sort as the plan says (largest by default).
 */
import type { Batch } from '../../columnar/batch.js';
import {
  BATCH_ROWS_MAX,
  emptyHeader,
  newBatch,
  OP_DELETE,
  OP_INSERT,
  OP_UPDATE_BEFORE,
} from '../../columnar/batch.js';
import { columnValue } from '../../columnar/column.js';
import type { Column } from '../../columnar/column.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { ValueColumn } from '../../columnar/value-column.js';
import type { SortNode } from '../../plan/pipeline-plan.js';
import { GLOBAL_ENTRY } from '../../state/snapshot.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Operator, OperatorContext } from '../operator.js';
import { compareRows } from './row-order.js';
import { readRow, writeRow } from './row-values.js';

/** Rows taken back are settled when there are more than so many, and half as many as rows. */
const TAKEN_BACK_MIN = 4096;

export class SortOperator implements Operator {
  readonly id: string;
  private readonly node: SortNode;
  private readonly context: OperatorContext;
  private readonly types: readonly SqlType[];
  private readonly allColumns: readonly number[];
  private rows: SqlValue[][] = [];
  /** Rows that a later −U or −D took back out, with how often; settled before rows are sorted. */
  private takenBack = new Map<string, number>();
  private takenBackCount = 0;
  /** Least window end among the rows, as far as it matters when nothing is due. */
  private firstEnd = Number.POSITIVE_INFINITY;

  constructor(node: SortNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.types = node.schema.map((column) => column.type);
    this.allColumns = node.schema.map((_, at) => at);
  }

  process(_input: number, batch: Batch): void {
    for (let k = 0; k < batch.selectedCount; k += 1) {
      const row = batch.selection === null ? k : (batch.selection[k] as number);
      const values = this.types.map((type, at) =>
        columnValue(batch.columns[at] as Column, type, row),
      );
      const op = batch.ops === null ? OP_INSERT : (batch.ops[row] as number);
      if (op === OP_UPDATE_BEFORE || op === OP_DELETE) this.takeBack(values);
      else this.add(values);
    }
    this.cutToLimit();
  }

  private add(values: SqlValue[]): void {
    const { windowEnd } = this.node;
    this.rows.push(values);
    if (windowEnd !== null) this.firstEnd = Math.min(this.firstEnd, Number(values[windowEnd]));
  }

  private takeBack(values: readonly SqlValue[]): void {
    const text = rowText(values);
    this.takenBack.set(text, (this.takenBack.get(text) ?? 0) + 1);
    this.takenBackCount += 1;
    if (this.takenBackCount > TAKEN_BACK_MIN + this.rows.length / 2) this.settle();
  }

  /** With append input a row behind the limit never comes back: forget it. */
  private cutToLimit(): void {
    const { limit, windowEnd, input } = this.node;
    if (limit === null || windowEnd !== null || input.mode !== 'append') return;
    if (this.rows.length > 2 * limit + 1024) this.rows = this.sorted(this.rows);
  }

  /** Drops the rows that were taken back. */
  private settle(): void {
    if (this.takenBack.size === 0) return;
    this.rows = this.rows.filter((row) => {
      const text = rowText(row);
      const left = this.takenBack.get(text) ?? 0;
      if (left > 0) this.takenBack.set(text, left - 1);
      return left === 0;
    });
    this.takenBack = new Map();
    this.takenBackCount = 0;
  }

  /** Windows whose end the watermark reached are complete: their rows go out in order. */
  watermark(_input: number, watermarkMs: number): void {
    const { windowEnd } = this.node;
    if (windowEnd !== null && this.firstEnd <= watermarkMs) this.emitDue(windowEnd, watermarkMs);
    this.context.output.watermark(watermarkMs);
  }

  end(_input: number, flush: boolean): void {
    if (!flush) return;
    this.settle();
    const { windowEnd } = this.node;
    const rows = this.rows;
    this.rows = [];
    if (windowEnd !== null) this.emitWindows(rows, windowEnd);
    else this.emit(this.sorted(rows));
  }

  private emitDue(windowEnd: number, watermarkMs: number): void {
    this.settle();
    const due: SqlValue[][] = [];
    const rest: SqlValue[][] = [];
    this.firstEnd = Number.POSITIVE_INFINITY;
    for (const row of this.rows) {
      const end = Number(row[windowEnd]);
      if (end > watermarkMs) this.firstEnd = Math.min(this.firstEnd, end);
      (end <= watermarkMs ? due : rest).push(row);
    }
    this.rows = rest;
    this.emitWindows(due, windowEnd);
  }

  private emitWindows(rows: readonly SqlValue[][], windowEnd: number): void {
    const windows = new Map<SqlValue, SqlValue[][]>();
    for (const row of rows) {
      const end = row[windowEnd] as SqlValue;
      const members = windows.get(end);
      if (members === undefined) windows.set(end, [row]);
      else members.push(row);
    }
    const ends = [...windows.keys()].sort((a, b) => Number(a) - Number(b));
    for (const end of ends) this.emit(this.sorted(windows.get(end) as SqlValue[][]));
  }

  /** In order, cut to the limit. */
  private sorted(rows: readonly SqlValue[][]): SqlValue[][] {
    const ordered = [...rows].sort((a, b) => compareRows(a, b, this.node.keys));
    return this.node.limit === null ? ordered : ordered.slice(0, this.node.limit);
  }

  private emit(rows: readonly SqlValue[][]): void {
    for (let from = 0; from < rows.length; from += BATCH_ROWS_MAX) {
      const part = rows.slice(from, from + BATCH_ROWS_MAX);
      const columns = this.types.map((type, at) => {
        const column = new ValueColumn(type, part.length);
        part.forEach((row, index) => column.set(index, row[at] as SqlValue));
        return column.take();
      });
      const batch = newBatch(columns, emptyHeader(this.id));
      batch.rowCount = part.length;
      batch.selectedCount = part.length;
      this.context.output.emit(batch);
    }
  }

  snapshot(writer: StateWriter): void {
    this.settle();
    for (const row of this.rows) {
      writer.beginEntry(GLOBAL_ENTRY);
      writeRow(writer, row, this.allColumns, this.types);
      writer.endEntry();
    }
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) this.add(readRow(reader, this.allColumns, this.types));
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: this.rows.length, bytes: this.rows.length * this.types.length * 24 };
  }
}

/** Equal rows have equal texts; NULL, text and numbers do not meet. */
function rowText(row: readonly SqlValue[]): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}
