/**
 * The watermark operator: reads each record's event time, fills the watermark fields of the
 * batches it forwards and passes the source's watermark on behind them. Sees every physical row of
 * a block: rows that WHERE rejected count, failed ones do not. The reckoning is runtime/split-watermarks;
 * what late means for a window is the window's business. @hot
 *
 * On V2 several workers read a split in turn, and each runs this operator as a sender: what the
 * blocks before told of event time comes from a prefix, and the watermark of the source is the
 * receivers' (runtime/edge-watermark), which see all blocks in sequence.
 */
import type { Batch, BatchHeader } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../columnar/batch.js';
import type { WatermarkNode } from '../../plan/pipeline/pipeline-plan.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Operator, OperatorContext } from '../operator.js';
import {
  eventTimes,
  fillRowWatermarks,
  scanEventTimes,
  SplitWatermarks,
} from '../split-watermarks.js';
import { readSplitWatermarks, writeSplitWatermark } from '../watermark-entries.js';

/** Carries a split's highest event time from block to block, whoever reads them. */
export interface EventTimePrefix {
  /** Highest event time of the split before this block; waits for the block before. */
  before(header: BatchHeader): number;
  /** Called once per batch, before it is handed on; the header's watermarks are set. */
  after(header: BatchHeader, highestMs: number): void;
}

export interface WatermarkOptions {
  /**
   * Sets batch.rowWatermarks on every batch instead of only on those with late rows: sessions need
   * it, and what expires by event time (pipeline-plan's needsEveryRowWatermark). Default false.
   */
  readonly everyRow: boolean;
  /** Makes the operator a sender. Default null: it knows all blocks and passes watermarks on. */
  readonly prefix?: EventTimePrefix | null;
}

export class WatermarkOperator implements Operator {
  readonly id: string;
  private readonly column: number;
  private readonly context: OperatorContext;
  private readonly everyRow: boolean;
  private readonly prefix: EventTimePrefix | null;
  private readonly splits: SplitWatermarks;
  private readonly forwarded: Batch;
  private readonly highestAfter = new Float64Array(1);
  private scratch = new Float64Array(BATCH_ROWS_MAX);
  private rowWatermarks = new Float64Array(BATCH_ROWS_MAX);
  private failed = new Uint8Array(BATCH_ROWS_MAX);
  private selection = new Int32Array(BATCH_ROWS_MAX);
  private passedOn = Number.NEGATIVE_INFINITY;

  constructor(node: WatermarkNode, context: OperatorContext, options?: WatermarkOptions) {
    this.id = node.id;
    this.column = node.column;
    this.context = context;
    this.everyRow = options?.everyRow === true;
    this.prefix = options?.prefix ?? null;
    this.splits = new SplitWatermarks(node.boundMs);
    this.forwarded = newBatch([], emptyHeader(''));
  }

  /** All splits of the source: one that has not spoken yet holds the watermark back. */
  setSplits(splits: readonly number[]): void {
    this.splits.setSplits(splits);
    this.advance();
  }

  /** A split of a bounded source is finished and holds nothing back any more. */
  splitEnded(split: number): void {
    this.splits.ended(split);
    this.advance();
  }

  /** The processor found a split silent: it leaves the minimum until it speaks again. */
  idle(split: number): void {
    this.splits.setIdle(split, true);
    this.advance();
  }

  active(split: number): void {
    this.splits.setIdle(split, false);
  }

  process(_input: number, batch: Batch): void {
    const { splits, context, prefix, highestAfter } = this;
    const index = splits.indexOf(batch.header.split);
    splits.speaks(index);
    const forwarded = this.forwardable(batch);
    const column = batch.columns[this.column]!;
    if (column.nulls !== null) this.failNullTimes(forwarded, column.nulls);
    const times = eventTimes(column, batch.rowCount, this.scratch);
    const skipped = { nulls: column.nulls, failed: forwarded.failed };
    if (prefix !== null) splits.raise(index, prefix.before(forwarded.header));
    const split = { highestMs: splits.highestOf(index), boundMs: splits.boundMs };
    const late = scanEventTimes(times, batch.rowCount, skipped, split, highestAfter);
    context.counters.late += late;
    if (late > 0 || this.everyRow) {
      fillRowWatermarks(times, batch.rowCount, skipped, split, this.rowWatermarks);
      forwarded.rowWatermarks = this.rowWatermarks;
    }
    forwarded.header.watermarkBefore = splits.watermarkOf(index);
    splits.raise(index, highestAfter[0]!);
    forwarded.header.watermarkAfter = splits.watermarkOf(index);
    if (prefix === null) forwarded.header.watermarkOthers = splits.others(index);
    else {
      forwarded.header.watermarkOthers = Number.POSITIVE_INFINITY;
      prefix.after(forwarded.header, splits.highestOf(index));
    }
    context.output.emit(forwarded);
    this.advance();
  }

  /** A source has no watermark of its own; +Infinity is the processor's end of the input. */
  watermark(_input: number, watermarkMs: number): void {
    if (watermarkMs === Number.POSITIVE_INFINITY) this.pass(watermarkMs);
  }

  end(): void {
    // Nothing is held back: whether open windows are flushed is decided by the windows.
  }

  /** A sender has no state of its own. */
  snapshot(writer: StateWriter): void {
    if (this.prefix !== null) return;
    this.splits.forEach((split, highestMs, ended) => {
      writeSplitWatermark(writer, { split, highestMs, ended });
    });
  }

  restore(reader: StateReader): void {
    for (const { split, highestMs, ended } of readSplitWatermarks(reader)) {
      this.splits.restore(split, highestMs, ended);
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: this.splits.count(), bytes: this.splits.count() * 9 };
  }

  private advance(): void {
    this.pass(this.splits.current());
  }

  private pass(watermarkMs: number): void {
    if (this.prefix !== null || watermarkMs <= this.passedOn) return;
    this.passedOn = watermarkMs;
    this.context.output.watermark(watermarkMs);
  }

  /** The batch with a header of our own: the source's may be shared with other queries. */
  private forwardable(batch: Batch): Batch {
    const { forwarded } = this;
    forwarded.rowCount = batch.rowCount;
    forwarded.columns = batch.columns;
    forwarded.selection = batch.selection;
    forwarded.selectedCount = batch.selectedCount;
    forwarded.ops = batch.ops;
    forwarded.failed = batch.failed;
    forwarded.rowWatermarks = null;
    forwarded.origins = batch.origins;
    Object.assign(forwarded.header, batch.header);
    if (batch.rowCount > this.rowWatermarks.length) this.grow(batch.rowCount);
    return forwarded;
  }

  /** Fails the selected rows without an event time; rejected ones are not asked for one. */
  private failNullTimes(batch: Batch, nulls: Uint8Array): void {
    const { selection, selectedCount } = batch;
    let kept = 0;
    for (let at = 0; at < selectedCount; at += 1) {
      const row = selection === null ? at : selection[at]!;
      if (nulls[row] === 1) this.failNullTime(batch, row);
      else this.selection[kept++] = row;
    }
    if (kept === selectedCount) return;
    batch.selection = this.selection;
    batch.selectedCount = kept;
  }

  private failNullTime(batch: Batch, row: number): void {
    this.context.errors.recordFailed(batch.header, row, {
      key: 'EVENT_TIME_NULL',
      message: 'the event time is NULL',
    });
    if (batch.failed !== this.failed) {
      if (batch.failed === null) this.failed.fill(0, 0, batch.rowCount);
      else this.failed.set(batch.failed.subarray(0, batch.rowCount));
      batch.failed = this.failed;
    }
    this.failed[row] = 1;
  }

  private grow(rowCount: number): void {
    this.scratch = new Float64Array(rowCount);
    this.rowWatermarks = new Float64Array(rowCount);
    this.failed = new Uint8Array(rowCount);
    this.selection = new Int32Array(rowCount);
  }
}
