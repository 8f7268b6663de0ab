/**
 * UNION ALL: batches of every input pass in the order they come; the watermark is the minimum over
 * the inputs that have not ended. A batch is passed on with the watermark of the other inputs in
 * its header, so that no window behind the union closes too early within it.
 */
import type { Batch, BatchHeader } from '../../columnar/batch.js';
import { emptyHeader, newBatch } from '../../columnar/batch.js';
import type { UnionNode } from '../../plan/pipeline/pipeline-plan.js';
import { GLOBAL_ENTRY } from '../../state/snapshot.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Operator, OperatorContext } from '../operator.js';
import { MinimumWatermark } from '../split-watermarks.js';

export class UnionOperator implements Operator {
  readonly id: string;
  private readonly context: OperatorContext;
  private readonly inputCount: number;
  private readonly minimum: MinimumWatermark;
  private readonly header: BatchHeader = emptyHeader('');
  private readonly forwarded: Batch = newBatch([], this.header);

  constructor(node: UnionNode, context: OperatorContext) {
    this.id = node.id;
    this.context = context;
    this.inputCount = node.inputs.length;
    this.minimum = new MinimumWatermark(node.inputs.length);
  }

  process(input: number, batch: Batch): void {
    const { header, forwarded } = this;
    Object.assign(header, batch.header);
    header.watermarkOthers = Math.min(header.watermarkOthers, this.minimum.others(input));
    Object.assign(forwarded, batch, { header });
    this.context.output.emit(forwarded);
  }

  watermark(input: number, watermarkMs: number): void {
    if (this.minimum.update(input, watermarkMs)) {
      this.context.output.watermark(this.minimum.current());
    }
  }

  /** An input that ended no longer holds the watermark back; after a stop nothing moves. */
  end(input: number, flush: boolean): void {
    if (flush) this.watermark(input, Number.POSITIVE_INFINITY);
  }

  snapshot(writer: StateWriter): void {
    writer.beginEntry(GLOBAL_ENTRY);
    for (let input = 0; input < this.inputCount; input += 1) {
      writer.writeF64(this.minimum.watermarkOf(input));
    }
    writer.endEntry();
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) {
      for (let input = 0; input < this.inputCount; input += 1) {
        this.minimum.update(input, reader.readF64());
      }
    }
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: 0, bytes: this.inputCount * 8 };
  }
}
