/**
 * The watermark of one edge on the receiving side, block by block in sequence. Senders know only
 * the split of the block they read (operators/watermark.ts with a prefix); what the other splits
 * have reached, and the watermark of the source, is reckoned here, in the order in which one thread
 * would have read the blocks, so that it is what WatermarkOperator says on V1. Owns no event times
 * of single rows.
 *
 * Splits are kept by watermark, not by highest event time: senders have subtracted the bound, and
 * to add and subtract it again could round. Snapshots have the form of WatermarkOperator's.
 */
import type { BatchHeader } from '../columnar/batch.js';
import type { StateReader, StateWriter } from '../state/snapshot.js';
import { SplitWatermarks } from './split-watermarks.js';
import { readSplitWatermarks, writeSplitWatermark } from './watermark-entries.js';

export interface EdgeWatermarkOptions {
  readonly boundMs: number;
  /** False under SET 'emit.flush' = 'false': an ended split keeps its last watermark. */
  readonly flush: boolean;
}

export class EdgeWatermark {
  private readonly boundMs: number;
  private readonly flush: boolean;
  private readonly splits = new SplitWatermarks(0);
  private reached = Number.NEGATIVE_INFINITY;

  constructor(options: EdgeWatermarkOptions) {
    this.boundMs = options.boundMs;
    this.flush = options.flush;
  }

  /** All splits of the source: one that has not spoken yet holds the watermark back. */
  setSplits(splits: readonly number[]): void {
    this.splits.setSplits(splits);
    this.advance();
  }

  /** Takes in a block, in sequence, and fills header.watermarkOthers; before it is processed. */
  arrived(header: BatchHeader): void {
    const { splits } = this;
    const index = splits.indexOf(header.split);
    splits.speaks(index);
    splits.raise(index, header.watermarkAfter);
    header.watermarkOthers = splits.others(index);
    this.advance();
  }

  /** Watermark of the source after what has arrived so far; to be passed on behind the block. */
  current(): number {
    return this.reached;
  }

  /** A split of a bounded source is finished and holds nothing back any more. */
  splitEnded(split: number): void {
    if (!this.flush) return;
    this.splits.ended(split);
    this.advance();
  }

  /** An idle split leaves the minimum until it speaks again. */
  setIdle(split: number, idle: boolean): void {
    this.splits.setIdle(split, idle);
    if (idle) this.advance();
  }

  snapshot(writer: StateWriter): void {
    this.splits.forEach((split, watermarkMs, ended) => {
      writeSplitWatermark(writer, { split, highestMs: watermarkMs + this.boundMs, ended });
    });
  }

  restore(reader: StateReader): void {
    for (const { split, highestMs, ended } of readSplitWatermarks(reader)) {
      this.splits.restore(split, highestMs - this.boundMs, ended);
    }
    // It may have reached more than was passed on, and no row may come any more.
    this.advance();
  }

  /** The minimum is looked at whenever it may rise: a later fall does not take it back. */
  private advance(): void {
    this.reached = this.splits.current();
  }
}
