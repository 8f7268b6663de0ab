/**
 * The result rows of a join: pairs of kept rows, gathered into columns batch by batch. Owns the
 * output batch; the rows must stay readable until `flush`. An update's two rows are never split
 * between batches, so that what follows sees them as one. @hot
 */
import type { Batch, BatchHeader } from '../../../columnar/batch.js';
import {
  BATCH_ROWS_MAX,
  emptyHeader,
  newBatch,
  OP_UPDATE_AFTER,
  OP_UPDATE_BEFORE,
} from '../../../columnar/batch.js';
import type { OperatorContext } from '../../operator.js';
import type { RowStore } from '../rows/row-store.js';

export class JoinOutput {
  private readonly left: RowStore;
  private readonly right: RowStore;
  private readonly context: OperatorContext;
  private readonly batch: Batch = newBatch([], emptyHeader(''));
  private readonly lefts = new Int32Array(BATCH_ROWS_MAX);
  private readonly rights = new Int32Array(BATCH_ROWS_MAX);
  private readonly ops = new Uint8Array(BATCH_ROWS_MAX);
  private readonly origins = new Int32Array(BATCH_ROWS_MAX);
  private count = 0;
  private origin = 0;
  /** Whether rows are ever taken back: else the batches have no ops. */
  private readonly retracts: boolean;

  constructor(stores: readonly [RowStore, RowStore], context: OperatorContext, retracts: boolean) {
    this.left = stores[0];
    this.right = stores[1];
    this.context = context;
    this.retracts = retracts;
  }

  /** Rows from here on answer to records of this header. */
  begin(header: BatchHeader): void {
    this.batch.header = header;
  }

  /** Rows from here on answer to this record. */
  answer(origin: number): void {
    this.origin = origin;
  }

  push(left: number, right: number, op: number): void {
    if (this.count === BATCH_ROWS_MAX) this.flush();
    const at = this.count;
    this.lefts[at] = left;
    this.rights[at] = right;
    this.ops[at] = op;
    this.origins[at] = this.origin;
    this.count = at + 1;
  }

  /** −U and +U of one result row, each as (left, right). */
  pushUpdate(left: number, right: number, newLeft: number, newRight: number): void {
    if (this.count + 2 > BATCH_ROWS_MAX) this.flush();
    this.push(left, right, OP_UPDATE_BEFORE);
    this.push(newLeft, newRight, OP_UPDATE_AFTER);
  }

  flush(): void {
    const { batch, count } = this;
    if (count === 0) return;
    this.count = 0;
    batch.columns.length = 0;
    this.left.gather(this.lefts, count, batch.columns);
    this.right.gather(this.rights, count, batch.columns);
    batch.rowCount = count;
    batch.selectedCount = count;
    batch.selection = null;
    batch.ops = this.retracts ? this.ops : null;
    batch.origins = this.origins;
    this.context.flow.spend(count);
    this.context.output.emit(batch);
  }
}
