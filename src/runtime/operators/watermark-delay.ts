/**
 * Watermarks of a time column that lags behind the one they are of by a fixed time: rows pass as
 * they are, watermarks are less by the delay, those in headers and of single rows, too. Keeps
 * nothing. A negative delay is a column that is ahead. @hot
 */
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../columnar/batch.js';
import type { WatermarkDelayNode } from '../../plan/pipeline/pipeline-plan.js';
import type { Operator, OperatorContext } from '../operator.js';

export class WatermarkDelayOperator implements Operator {
  readonly id: string;
  private readonly delayMs: number;
  private readonly context: OperatorContext;
  private readonly forwarded: Batch = newBatch([], emptyHeader(''));
  private rowWatermarks = new Float64Array(BATCH_ROWS_MAX);

  constructor(node: WatermarkDelayNode, context: OperatorContext) {
    this.id = node.id;
    this.delayMs = node.delayMs;
    this.context = context;
  }

  process(_input: number, batch: Batch): void {
    const { forwarded, delayMs } = this;
    const { header } = forwarded;
    Object.assign(forwarded, batch, { header: Object.assign(header, batch.header) });
    header.watermarkBefore -= delayMs;
    header.watermarkAfter -= delayMs;
    header.watermarkOthers -= delayMs;
    const { rowWatermarks, rowCount } = batch;
    if (rowWatermarks !== null) {
      if (rowCount > this.rowWatermarks.length) this.rowWatermarks = new Float64Array(rowCount);
      for (let row = 0; row < rowCount; row += 1) {
        this.rowWatermarks[row] = rowWatermarks[row]! - delayMs;
      }
      forwarded.rowWatermarks = this.rowWatermarks;
    }
    this.context.output.emit(forwarded);
  }

  watermark(_input: number, watermarkMs: number): void {
    this.context.output.watermark(watermarkMs - this.delayMs);
  }

  end(): void {
    // Nothing is held back.
  }

  snapshot(): void {
    // No state.
  }

  restore(): void {
    // No state.
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: 0, bytes: 0 };
  }
}
