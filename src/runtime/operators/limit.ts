/**
 * LIMIT n: lets the first n rows of the job through, then asks the query to stop. Rows that are
 * taken back out (−U, −D) do not count against the limit.
 */
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../columnar/batch.js';
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
    if (spec.count === 0) context.requestStop();
  }

  process(_input: number, batch: Batch): void {
    const room = this.limit - this.passed;
    if (room <= 0) return;
    if (batch.selectedCount <= room) {
      this.passed += batch.selectedCount;
      this.context.output.emit(batch);
    } else {
      for (let k = 0; k < room; k += 1) {
        this.rows[k] = batch.selection === null ? k : (batch.selection[k] as number);
      }
      Object.assign(this.cut, batch, { selection: this.rows, selectedCount: room });
      this.passed += room;
      this.context.output.emit(this.cut);
    }
    if (this.passed >= this.limit) this.context.requestStop();
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
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: 1, bytes: 8 };
  }
}
