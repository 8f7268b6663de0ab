/**
 * The blackhole sink: reads and digests every value (row-digest.ts), keeps nothing. It is what
 * benchmarks write to, so that no figure is printed whose output was not seen. @hot
 */
import {
  BATCH_ROWS_MAX,
  emptyHeader,
  newBatch,
  OP_DELETE,
  OP_UPDATE_BEFORE,
} from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import { RowDigest } from './row-digest.js';
import type { DigestSummary } from './row-digest.js';
import type { Sink, SinkRequest } from '../sink.js';

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
    this.digest.add(this.changelog || !hasOldRows(batch) ? batch : this.withoutOldRows(batch));
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

/** Whether any row is −U or −D: those row kinds are the odd ones. */
function hasOldRows(batch: Batch): boolean {
  const { ops } = batch;
  if (ops === null) return false;
  let all = 0;
  for (let row = 0; row < batch.rowCount; row += 1) all |= ops[row] as number;
  return (all & 1) === 1;
}
