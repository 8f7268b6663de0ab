/**
 * ORDER BY over a bounded input, or within each window: keeps rows until the end of input (or the
 * window's end), then emits them in order, ties by arrival. With a LIMIT only the best rows are
 * kept: the rest goes whenever there are twice as many. NULLs sort as the plan says (largest by
 * default). Rows live column by column in a RowStore; what is sorted are their numbers. @hot
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
import type { SortNode } from '../../plan/pipeline-plan.js';
import { GLOBAL_ENTRY } from '../../state/snapshot.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Operator, OperatorContext } from '../operator.js';
import { RowStore } from './row-store.js';

/** Rows taken back are settled when there are more than so many, and half as many as rows. */
const TAKEN_BACK_MIN = 4096;
/** Rows beyond twice the limit before the worst are dropped. */
const LIMIT_SLACK = 1024;

export class SortOperator implements Operator {
  readonly id: string;
  private readonly node: SortNode;
  private readonly context: OperatorContext;
  private readonly store: RowStore;
  /** Numbers of the rows, by arrival or in order already. */
  private rows: number[] = [];
  /** Rows that a later −U or −D took back out, with how often; settled before rows are sorted. */
  private takenBack = new Map<string, number>();
  private takenBackCount = 0;
  /** Least window end among the rows; with windows only. */
  private firstEnd = Number.POSITIVE_INFINITY;
  private readonly batch: Batch;

  constructor(node: SortNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.store = new RowStore(node.schema.map((column) => column.type));
    this.batch = newBatch([], emptyHeader(node.id));
  }

  process(_input: number, batch: Batch): void {
    const { selection, selectedCount, ops } = batch;
    this.batch.header.ingestTimeMs = batch.header.ingestTimeMs;
    const places = this.store.addRows(batch, selection, selectedCount);
    for (let k = 0; k < selectedCount; k += 1) {
      const op = ops === null ? OP_INSERT : ops[selection === null ? k : selection[k]!]!;
      if (op === OP_UPDATE_BEFORE || op === OP_DELETE) this.takeBack(places[k]!);
      else this.add(places[k]!);
    }
    if (this.takenBackCount > TAKEN_BACK_MIN + this.rows.length / 2) this.settle();
    this.cutToLimit();
  }

  private add(row: number): void {
    const { windowEnd } = this.node;
    this.rows.push(row);
    if (windowEnd !== null) this.firstEnd = Math.min(this.firstEnd, this.endOf(row, windowEnd));
  }

  private endOf(row: number, windowEnd: number): number {
    return Number(this.store.value(windowEnd, row));
  }

  private takeBack(row: number): void {
    const text = this.rowText(row);
    this.takenBack.set(text, (this.takenBack.get(text) ?? 0) + 1);
    this.takenBackCount += 1;
    this.store.release(row);
  }

  /** With append input a row behind the limit never comes back: forget it. */
  private cutToLimit(): void {
    const { limit, windowEnd, input } = this.node;
    if (limit === null || windowEnd !== null || input.mode !== 'append') return;
    if (this.rows.length <= 2 * limit + LIMIT_SLACK) return;
    this.sort(this.rows);
    for (const row of this.rows.splice(limit)) this.store.release(row);
  }

  /** Drops the rows that were taken back. */
  private settle(): void {
    if (this.takenBackCount === 0) return;
    this.rows = this.rows.filter((row) => {
      const text = this.rowText(row);
      const left = this.takenBack.get(text) ?? 0;
      if (left === 0) return true;
      this.takenBack.set(text, left - 1);
      this.store.release(row);
      return false;
    });
    this.takenBack = new Map();
    this.takenBackCount = 0;
  }

  /** Equal rows have equal texts; NULL, text and numbers do not meet. */
  private rowText(row: number): string {
    const values = this.node.schema.map((_, column) => this.store.value(column, row));
    return JSON.stringify(values, (_key, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : value,
    );
  }

  /** Windows whose end the watermark reached are complete: their rows go out in order. */
  watermark(_input: number, watermarkMs: number): void {
    const { windowEnd } = this.node;
    if (windowEnd !== null && this.firstEnd <= watermarkMs) this.emitDue(windowEnd, watermarkMs);
    this.context.output.watermark(watermarkMs);
  }

  end(_input: number, flush: boolean): void {
    if (!flush) return;
    const { windowEnd } = this.node;
    if (windowEnd !== null) {
      this.emitDue(windowEnd, Number.POSITIVE_INFINITY);
      return;
    }
    this.settle();
    const rows = this.rows;
    this.rows = [];
    this.emit(rows);
  }

  private emitDue(windowEnd: number, watermarkMs: number): void {
    this.settle();
    const windows = new Map<number, number[]>();
    const rest: number[] = [];
    this.firstEnd = Number.POSITIVE_INFINITY;
    for (const row of this.rows) {
      const end = this.endOf(row, windowEnd);
      if (end > watermarkMs) {
        this.firstEnd = Math.min(this.firstEnd, end);
        rest.push(row);
        continue;
      }
      const members = windows.get(end);
      if (members === undefined) windows.set(end, [row]);
      else members.push(row);
    }
    this.rows = rest;
    const ends = [...windows.keys()].sort((a, b) => a - b);
    for (const end of ends) this.emit(windows.get(end)!);
  }

  private sort(rows: number[]): void {
    const { store } = this;
    const { keys } = this.node;
    rows.sort((a, b) => store.compare(a, b, keys));
  }

  /** Emits rows in order, cut to the limit, and forgets them. */
  private emit(rows: number[]): void {
    const { batch, store } = this;
    this.sort(rows);
    const end = Math.min(rows.length, this.node.limit ?? rows.length);
    for (let from = 0; from < end; from += BATCH_ROWS_MAX) {
      const part = Int32Array.from(rows.slice(from, Math.min(from + BATCH_ROWS_MAX, end)));
      batch.columns.length = 0;
      store.gather(part, part.length, batch.columns);
      batch.rowCount = part.length;
      batch.selectedCount = part.length;
      this.context.output.emit(batch);
    }
    for (const row of rows) store.release(row);
  }

  snapshot(writer: StateWriter): void {
    this.settle();
    for (const row of this.rows) {
      writer.beginEntry(GLOBAL_ENTRY);
      this.store.writeRow(writer, row);
      writer.endEntry();
    }
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) this.add(this.store.readRow(reader));
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: this.store.size, bytes: this.store.byteSize() + this.rows.length * 8 };
  }
}
