/**
 * The sort of row numbers by partition, in one pass over the rows: each partition has a bucket, and
 * the buckets move together when all rows are in. Owns the memory of the buckets. @hot
 *
 *   while rows come   |0 0 0 …      |1 1 …        |2 2 2 2 …    |   a stride apart, filled from `next`
 *   when finished     |0 0 0 1 1 2 2 2 2|                           starts = 0, 3, 5, 9
 *
 * (Counting first and writing rows to their final places afterwards takes two passes more: 10 ns a
 * row instead of 5, with two keys of codes and 8 partitions.)
 */
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';

/** Buckets start in different sets of the cache, though they fill at the same pace. */
const SKEW = 80;

export class RowBuckets {
  rows: Int32Array;
  readonly starts: Int32Array;
  /** Where the next row of each partition goes; whoever sorts writes there and counts on. */
  readonly next: Int32Array;
  private readonly partitions: number;
  private rowsMax = BATCH_ROWS_MAX;

  constructor(partitions: number) {
    this.partitions = partitions;
    this.starts = new Int32Array(partitions + 1);
    this.next = new Int32Array(partitions);
    this.rows = new Int32Array(partitions * (this.rowsMax + SKEW));
  }

  /** Empty buckets, each with room for all of `count` rows. */
  begin(count: number): void {
    if (count > this.rowsMax) {
      this.rowsMax = count;
      this.rows = new Int32Array(this.partitions * (count + SKEW));
    }
    const stride = this.rowsMax + SKEW;
    for (let at = 0; at < this.partitions; at += 1) this.next[at] = at * stride;
  }

  /** Moves the buckets together: `rows` and `starts` are those of RoutedRows now. */
  finish(): void {
    const { rows, starts, next } = this;
    const stride = this.rowsMax + SKEW;
    let start = 0;
    for (let at = 0; at < this.partitions; at += 1) {
      const from = at * stride;
      const end = next[at]!;
      starts[at] = start;
      if (end > from && from > start) rows.copyWithin(start, from, end);
      start += end - from;
    }
    starts[this.partitions] = start;
  }
}
