/**
 * LIMIT n of rows that may be taken back: holds them and lets the first n that stand through, at
 * the end of a bounded input, or as soon as there are n of them. What is through is never taken
 * back. Owns when that is; which rows stand is rows/standing-rows.ts.
 */
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, resultHeader, newBatch } from '../../columnar/batch.js';
import type { LimitNode } from '../../plan/pipeline/pipeline-plan.js';
import { GLOBAL_ENTRY } from '../../state/snapshot.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import { AT_ONCE } from '../flow.js';
import type { Work } from '../flow.js';
import type { Operator, OperatorContext } from '../operator.js';
import { RowNumbers } from './rows/row-numbers.js';
import { StandingRows } from './rows/standing-rows.js';

export class StandingLimitOperator implements Operator {
  readonly id: string;
  private readonly limit: number;
  /** So many rows are enough; Infinity: the input has to end first. */
  private readonly enough: number;
  private readonly context: OperatorContext;
  private readonly held: StandingRows;
  private readonly batch: Batch;
  private done = false;

  constructor(node: LimitNode, context: OperatorContext) {
    this.id = node.id;
    this.limit = node.count;
    this.enough = node.counts === 'standing' ? node.count : Number.POSITIVE_INFINITY;
    this.context = context;
    this.held = new StandingRows(node.schema.map((column) => column.type));
    this.batch = newBatch([], resultHeader(node.id));
    if (node.count > 0) return;
    this.done = true;
    context.limitReached();
  }

  process(_input: number, batch: Batch): void {
    if (this.done) return;
    this.batch.header.ingestTimeMs = batch.header.ingestTimeMs;
    this.held.take(batch, this.enough);
    const isEnough = this.held.count >= this.enough;
    if (isEnough || this.held.isUnsettled) this.context.flow.run(this.settle(isEnough), null);
  }

  private *settle(isEnough: boolean): Work {
    if (!isEnough) {
      yield* this.held.settle(this.context.flow);
      return;
    }
    yield* this.letThrough();
    this.context.limitReached();
  }

  /** Rows that are held may be of any time: nothing is said before they are through. */
  watermark(_input: number, watermarkMs: number): void {
    if (this.done) this.context.output.watermark(watermarkMs);
  }

  end(_input: number, flush: boolean): void {
    if (flush) this.context.flow.run(this.finish(), null);
  }

  private *finish(): Work {
    if (!this.done) yield* this.letThrough();
    this.context.output.watermark(Number.POSITIVE_INFINITY);
  }

  private *letThrough(): Work {
    const { held, batch, limit } = this;
    const { flow } = this.context;
    this.done = true;
    yield* held.settle(flow);
    const rows = held.rows.all();
    const end = Math.min(rows.length, limit);
    for (let from = 0; from < end; from += BATCH_ROWS_MAX) {
      const part = rows.subarray(from, Math.min(from + BATCH_ROWS_MAX, end));
      batch.columns.length = 0;
      held.store.gather(part, part.length, batch.columns);
      batch.rowCount = part.length;
      batch.selectedCount = part.length;
      flow.spend(part.length);
      this.context.output.emit(batch);
      if (flow.suspended) yield;
    }
    for (const row of rows) held.store.release(row);
    held.rows = new RowNumbers();
  }

  /** An entry says whether it is a row; one that is none says that the rows are through. */
  snapshot(writer: StateWriter): void {
    AT_ONCE.run(this.held.settle(AT_ONCE), null);
    if (this.done) {
      writer.beginEntry(GLOBAL_ENTRY);
      writer.writeBoolean(false);
      writer.endEntry();
    }
    for (const row of this.held.rows.all()) {
      writer.beginEntry(GLOBAL_ENTRY);
      writer.writeBoolean(true);
      this.held.store.writeRow(writer, row);
      writer.endEntry();
    }
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) {
      if (reader.readBoolean()) this.held.rows.push(this.held.store.readRow(reader));
      else this.done = true;
    }
    // No row will come through to say it.
    if (this.done) this.context.limitReached();
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: this.held.store.size, bytes: this.held.byteSize() };
  }
}
