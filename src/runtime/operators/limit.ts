/**
 * LIMIT n of rows that pass as they come: lets n of them through, then says that nobody needs more.
 * Of changes that were asked for, a row that is taken back for good (−D) gives its place up, and
 * the −U before its +U has none. Rows that must stand are standing-limit.ts.
 */
import type { Batch } from '../../columnar/batch.js';
import {
  BATCH_ROWS_MAX,
  emptyHeader,
  newBatch,
  OP_DELETE,
  OP_UPDATE_BEFORE,
} from '../../columnar/batch.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import { GLOBAL_ENTRY } from '../../state/snapshot.js';
import type { Operator, OperatorContext } from '../operator.js';

export class LimitOperator implements Operator {
  readonly id: string;
  private readonly limit: number;
  private readonly context: OperatorContext;
  private readonly cut: Batch = newBatch([], emptyHeader(''));
  private readonly rows = new Int32Array(BATCH_ROWS_MAX);
  private passed = 0;

  constructor(spec: { readonly id: string; readonly count: number }, context: OperatorContext) {
    this.id = spec.id;
    this.limit = spec.count;
    this.context = context;
    if (spec.count === 0) context.limitReached();
  }

  process(_input: number, batch: Batch): void {
    if (this.passed >= this.limit) return;
    const taken = this.take(batch);
    if (taken === batch.selectedCount) this.context.output.emit(batch);
    else {
      for (let k = 0; k < taken; k += 1) {
        this.rows[k] = batch.selection === null ? k : (batch.selection[k] as number);
      }
      Object.assign(this.cut, batch, { selection: this.rows, selectedCount: taken });
      this.context.output.emit(this.cut);
    }
    if (this.passed >= this.limit) this.context.limitReached();
  }

  /** How many of the batch's rows pass. */
  private take({ ops, selection, selectedCount }: Batch): number {
    if (ops === null) {
      const taken = Math.min(selectedCount, this.limit - this.passed);
      this.passed += taken;
      return taken;
    }
    for (let k = 0; k < selectedCount; k += 1) {
      const op = ops[selection === null ? k : (selection[k] as number)];
      if (op === OP_DELETE) this.passed -= 1;
      else if (op !== OP_UPDATE_BEFORE) this.passed += 1;
      if (this.passed === this.limit) return k + 1;
    }
    return selectedCount;
  }

  watermark(_input: number, watermarkMs: number): void {
    this.context.output.watermark(watermarkMs);
  }

  end(): void {
    // Nothing is held back.
  }

  snapshot(writer: StateWriter): void {
    writer.beginEntry(GLOBAL_ENTRY);
    writer.writeF64(this.passed);
    writer.endEntry();
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) this.passed = reader.readF64();
    // No row will come through to say it, and a source without end would be read for ever.
    if (this.passed >= this.limit) this.context.limitReached();
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: 1, bytes: 8 };
  }
}
