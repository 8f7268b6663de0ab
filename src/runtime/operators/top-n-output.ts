/**
 * The result rows of Top-N: kept rows with their ranks, gathered into columns batch by batch. Owns
 * the output batch; the rows must stay readable until `flush`. Rows that belong together (−U and
 * +U) are never split between batches, so that what follows sees them as one. @hot
 */
import type { Batch, BatchHeader } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../columnar/batch.js';
import type { Column, F64Column } from '../../columnar/column.js';
import type { OperatorContext } from '../operator.js';
import type { RowStore } from './rows/row-store.js';

export class TopNOutput {
  private readonly store: RowStore;
  private readonly context: OperatorContext;
  /** Whether the rank is a column of the result. */
  private readonly ranked: boolean;
  private readonly batch: Batch = newBatch([], emptyHeader(''));
  private readonly places = new Int32Array(BATCH_ROWS_MAX);
  private readonly ops = new Uint8Array(BATCH_ROWS_MAX);
  private readonly origins = new Int32Array(BATCH_ROWS_MAX);
  private readonly ranks: F64Column = {
    kind: 'f64',
    values: new Float64Array(BATCH_ROWS_MAX),
    nulls: null,
  };
  private count = 0;
  private origin = 0;

  constructor(store: RowStore, context: OperatorContext, ranked: boolean) {
    this.store = store;
    this.context = context;
    this.ranked = ranked;
  }

  /** Rows from here on answer to records of this header. */
  begin(header: BatchHeader): void {
    this.batch.header = header;
  }

  /** Rows from here on answer to this record. */
  answer(origin: number): void {
    this.origin = origin;
  }

  /** The next two rows belong together. */
  keepTwo(): void {
    if (this.count + 2 > BATCH_ROWS_MAX) this.flush();
  }

  push(row: number, rank: number, op: number): void {
    if (this.count === BATCH_ROWS_MAX) this.flush();
    const at = this.count;
    this.places[at] = row;
    this.ranks.values[at] = rank;
    this.ops[at] = op;
    this.origins[at] = this.origin;
    this.count = at + 1;
  }

  flush(): void {
    const { batch, count } = this;
    if (count === 0) return;
    this.count = 0;
    const columns: Column[] = batch.columns;
    columns.length = 0;
    this.store.gather(this.places, count, columns);
    if (this.ranked) columns.push(this.ranks);
    batch.rowCount = count;
    batch.selectedCount = count;
    batch.ops = this.ops;
    batch.origins = this.origins;
    this.context.flow.spend(count);
    this.context.output.emit(batch);
  }
}
