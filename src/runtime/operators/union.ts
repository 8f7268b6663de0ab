/**
 * UNION ALL: batches of every input pass in the order they come; the watermark is the minimum over
 * the inputs that have not ended.
 */
import type { Batch } from '../../columnar/batch.js';
import type { UnionNode } from '../../plan/pipeline-plan.js';
import { GLOBAL_ENTRY } from '../../state/snapshot.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Operator, OperatorContext } from '../operator.js';

export class UnionOperator implements Operator {
  readonly id: string;
  private readonly context: OperatorContext;
  private readonly watermarks: number[];

  constructor(node: UnionNode, context: OperatorContext) {
    this.id = node.id;
    this.context = context;
    this.watermarks = node.inputs.map(() => Number.NEGATIVE_INFINITY);
  }

  process(_input: number, batch: Batch): void {
    this.context.output.emit(batch);
  }

  watermark(input: number, watermarkMs: number): void {
    const before = Math.min(...this.watermarks);
    this.watermarks[input] = Math.max(watermarkMs, this.watermarks[input] as number);
    const after = Math.min(...this.watermarks);
    if (after > before) this.context.output.watermark(after);
  }

  end(input: number): void {
    this.watermark(input, Number.POSITIVE_INFINITY);
  }

  snapshot(writer: StateWriter): void {
    writer.beginEntry(GLOBAL_ENTRY);
    for (const watermark of this.watermarks) writer.writeF64(watermark);
    writer.endEntry();
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) {
      this.watermarks.forEach((_, input) => {
        this.watermarks[input] = reader.readF64();
      });
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: 0, bytes: this.watermarks.length * 8 };
  }
}
