/**
 * Where the rows of an operator go. Owns only this contract: operators are operator.ts, what wires and
 * interrupts them pipeline.ts and flow.ts.
 */
import type { Batch } from '../columnar/batch.js';

/** Where an operator's rows go. The receiver is done with the batch when emit returns. */
export interface Output {
  emit(batch: Batch): void;
  /** Watermark of this operator's output; never moves backwards. */
  watermark(watermarkMs: number): void;
}
