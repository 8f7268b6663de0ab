/**
 * The blackhole sink: reads and digests every value (row-digest.ts), keeps nothing. It is what
 * benchmarks write to, so that no figure is printed whose output was not seen.
 */
import {
  BATCH_ROWS_MAX,
  emptyHeader,
  newBatch,
  OP_DELETE,
  OP_UPDATE_BEFORE,
} from '../columnar/batch.js';
import type { Batch } from '../columnar/batch.js';
import { RowDigest } from './row-digest.js';
import type { DigestSummary } from './row-digest.js';
import type { Sink, SinkRequest } from './sink.js';

export class BlackholeSink implements Sink {
  private readonly digest: RowDigest;
  private readonly changelog: boolean;
  private readonly visible: Batch = newBatch([], emptyHeader('blackhole'));
  private readonly rows = new Int32Array(BATCH_ROWS_MAX);

  constructor(request: SinkRequest) {
    this.digest = new RowDigest(request.schema);
    this.changelog = request.changelog;
  }

  write(batch: Batch): void {
    this.digest.add(this.changelog || batch.ops === null ? batch : this.withoutOldRows(batch));
  }

  summary(): DigestSummary {
    return this.digest.summary();
  }

  pressure(): null {
    return null;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  rowsWritten(): number {
    return this.digest.rows;
  }

  private withoutOldRows(batch: Batch): Batch {
    const ops = batch.ops as Uint8Array;
    let count = 0;
    for (let k = 0; k < batch.selectedCount; k += 1) {
      const row = batch.selection === null ? k : (batch.selection[k] as number);
      const op = ops[row] as number;
      if (op === OP_UPDATE_BEFORE || op === OP_DELETE) continue;
      this.rows[count] = row;
      count += 1;
    }
    Object.assign(this.visible, batch, { selection: this.rows, selectedCount: count });
    return this.visible;
  }
}
