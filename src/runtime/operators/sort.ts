/**
 * ORDER BY over a bounded input, or within each window: keeps rows until the end of input (or the
 * window's end), then emits them in order, ties by arrival. With a LIMIT only the best rows are
 * kept: the rest goes whenever there are twice as many. NULLs sort as the plan says (largest by
 * default). Rows live column by column in a RowStore; what is sorted are their numbers. @hot
 */
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, resultHeader, newBatch } from '../../columnar/batch.js';
import type { SortNode } from '../../plan/pipeline/pipeline-plan.js';
import { GLOBAL_ENTRY } from '../../state/snapshot.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import { AT_ONCE } from '../flow.js';
import type { Work } from '../flow.js';
import type { Operator, OperatorContext } from '../operator.js';
import { RowKeyGroups } from './rows/row-key-groups.js';
import { sorting } from './rows/sorting.js';
import { RowNumbers } from './rows/row-numbers.js';
import { StandingRows } from './rows/standing-rows.js';

/** Rows beyond twice the limit before the worst are dropped. */
const LIMIT_SLACK = 1024;

export class SortOperator implements Operator {
  readonly id: string;
  private readonly node: SortNode;
  private readonly context: OperatorContext;
  /** By arrival or in order already; settled before they are sorted. */
  private readonly held: StandingRows;
  /** Least window end among the rows; with windows only. */
  private firstEnd = Number.POSITIVE_INFINITY;
  private readonly batch: Batch;

  constructor(node: SortNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.held = new StandingRows(node.schema.map((column) => column.type));
    this.batch = newBatch([], resultHeader(node.id));
  }

  process(_input: number, batch: Batch): void {
    const { held, node } = this;
    this.batch.header.ingestTimeMs = batch.header.ingestTimeMs;
    held.take(batch);
    if (node.windowEnd !== null) this.noteEnds(node.windowEnd, batch.selectedCount);
    if (held.isUnsettled || this.isBeyondLimit()) this.context.flow.run(this.tidy(), null);
  }

  private *tidy(): Work {
    if (this.held.isUnsettled) yield* this.held.settle(this.context.flow);
    if (this.isBeyondLimit()) yield* this.cutToLimit();
  }

  /** Of the last `count` rows at most. */
  private noteEnds(windowEnd: number, count: number): void {
    const rows = this.held.rows.all();
    for (let at = Math.max(0, rows.length - count); at < rows.length; at += 1) {
      this.firstEnd = Math.min(this.firstEnd, this.endOf(rows[at]!, windowEnd));
    }
  }

  private endOf(row: number, windowEnd: number): number {
    return Number(this.held.store.value(windowEnd, row));
  }

  /** With append input a row behind the limit never comes back: it is to be forgotten. */
  private isBeyondLimit(): boolean {
    const { limit, windowEnd, input } = this.node;
    if (limit === null || windowEnd !== null || input.mode !== 'append') return false;
    return this.held.rows.length > 2 * limit + LIMIT_SLACK;
  }

  private *cutToLimit(): Work {
    const { held } = this;
    const sorted = yield* this.inOrder(held.rows.all());
    held.rows = new RowNumbers();
    for (let at = 0; at < sorted.length; at += 1) {
      if (at < (this.node.limit ?? 0)) held.rows.push(sorted[at]!);
      else held.store.release(sorted[at]!);
    }
  }

  /** Windows whose end the watermark reached are complete: their rows go out in order. */
  watermark(_input: number, watermarkMs: number): void {
    const { windowEnd } = this.node;
    // Rows that wait for the end must not be late for what follows.
    if (windowEnd === null) return;
    if (this.firstEnd <= watermarkMs) {
      this.context.flow.run(this.emitDue(windowEnd, watermarkMs), null);
    } else this.context.output.watermark(watermarkMs);
  }

  end(_input: number, flush: boolean): void {
    if (!flush) return;
    const { windowEnd } = this.node;
    const work =
      windowEnd === null ? this.emitAll() : this.emitWindows(windowEnd, Number.POSITIVE_INFINITY);
    this.context.flow.run(work, null);
  }

  private *emitAll(): Work {
    const { held } = this;
    yield* held.settle(this.context.flow);
    const rows = held.rows.all();
    held.rows = new RowNumbers();
    yield* this.emit(rows);
    this.context.output.watermark(Number.POSITIVE_INFINITY);
  }

  private *emitDue(windowEnd: number, watermarkMs: number): Work {
    yield* this.emitWindows(windowEnd, watermarkMs);
    this.context.output.watermark(watermarkMs);
  }

  private *emitWindows(windowEnd: number, watermarkMs: number): Work {
    const { held } = this;
    const { flow } = this.context;
    yield* held.settle(flow);
    const windows = new Map<number, RowNumbers>();
    const rest = new RowNumbers();
    this.firstEnd = Number.POSITIVE_INFINITY;
    for (const row of held.rows.all()) {
      const end = this.endOf(row, windowEnd);
      flow.spend(1);
      if (flow.suspended) yield;
      if (end > watermarkMs) {
        this.firstEnd = Math.min(this.firstEnd, end);
        rest.push(row);
        continue;
      }
      const members = windows.get(end) ?? new RowNumbers();
      members.push(row);
      windows.set(end, members);
    }
    held.rows = rest;
    const ends = [...windows.keys()].sort((a, b) => a - b);
    for (const end of ends) yield* this.emit(windows.get(end)!.all());
  }

  private inOrder(rows: Int32Array): Generator<void, Int32Array, void> {
    const { store } = this.held;
    const { keys } = this.node;
    return sorting(rows, (a, b) => store.compare(a, b, keys), this.context.flow);
  }

  /** Emits rows in order, cut to the limit, and forgets them. */
  private *emit(rows: Int32Array): Work {
    const { batch } = this;
    const { store } = this.held;
    const { flow, output } = this.context;
    const sorted = yield* this.inOrder(rows);
    const end = Math.min(rows.length, this.node.limit ?? rows.length);
    for (let from = 0; from < end; from += BATCH_ROWS_MAX) {
      const part = sorted.subarray(from, Math.min(from + BATCH_ROWS_MAX, end));
      batch.columns.length = 0;
      store.gather(part, part.length, batch.columns);
      batch.rowCount = part.length;
      batch.selectedCount = part.length;
      flow.spend(part.length);
      output.emit(batch);
      if (flow.suspended) yield;
    }
    for (const row of rows) store.release(row);
  }

  snapshot(writer: StateWriter): void {
    AT_ONCE.run(this.held.settle(AT_ONCE), null);
    const { id, schema, partitionBy } = this.node;
    const types = schema.map((column) => column.type);
    const keyGroups = new RowKeyGroups(this.held.store, { id, types }, [partitionBy]);
    for (const row of this.held.rows.all()) {
      writer.beginEntry(partitionBy.length === 0 ? GLOBAL_ENTRY : keyGroups.of(row));
      this.held.store.writeRow(writer, row);
      writer.endEntry();
    }
  }

  restore(reader: StateReader): void {
    const { rows, store } = this.held;
    while (reader.nextEntry() >= 0) rows.push(store.readRow(reader));
    const { windowEnd } = this.node;
    if (windowEnd !== null) this.noteEnds(windowEnd, rows.length);
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: this.held.store.size, bytes: this.held.byteSize() };
  }
}
