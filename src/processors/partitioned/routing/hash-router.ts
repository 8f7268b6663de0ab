/**
 * Which partition each row goes to. Owns the strategies' routes: by the hash of a key, or all rows
 * to one partition. Key groups are those of GroupedState.keyGroup for the same key, because
 * snapshots move between partition counts by key group: the hash is a function of SQL values, never
 * of column kinds or codes. Hashes are key-hashes.ts, keys of dictionary codes code-partitions.ts,
 * the sort by partition is row-buckets.ts; which keys an edge has is plan/fragments/fragments. @hot
 */
import { assert } from '../../../base/assert.js';
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { SqlType } from '../../../columnar/types.js';
import { KEY_GROUPS, keyGroupOf } from '../../../state/key-groups.js';
import { CodePartitions } from './code-partitions.js';
import { identityRows } from './identity-rows.js';
import { equalRanges } from './key-group-owners.js';
import type { KeyGroupOwners } from './key-group-owners.js';
import type { KeyGroupLoad } from './key-group-load.js';
import { KeyHashes, partitionOfKey, partitionOfKeyGroup, partitionOfRange } from './key-hashes.js';
import { RowBuckets } from './row-buckets.js';

/** More partitions than key groups would stay without rows anyway. */
const PARTITIONS_MAX = KEY_GROUPS * 32;

/** Physical rows grouped by partition, ascending inside; `starts` has one number more. */
export interface RoutedRows {
  /** Used up to starts[partitions]. */
  readonly rows: Int32Array;
  readonly starts: Int32Array;
}

/** Routed rows whose arrays are used again for the next batch. */
export class RouteBuffer implements RoutedRows {
  rows: Int32Array = new Int32Array(BATCH_ROWS_MAX);
  readonly starts: Int32Array;

  constructor(partitions: number) {
    this.starts = new Int32Array(partitions + 1);
  }
}

export interface HashRouterOptions {
  /** Key columns, in the order of the operator's keys. */
  readonly keys: readonly number[];
  /** Types of all columns of the batches. */
  readonly types: readonly SqlType[];
  readonly partitions: number;
  /** Default, and null: equal ranges. */
  readonly owners?: KeyGroupOwners | null;
  /** null: nobody wants to know which key groups the rows have. Default: null. */
  readonly load?: KeyGroupLoad | null;
}

export class HashRouter {
  private readonly partitions: number;
  private readonly owners: KeyGroupOwners | null;
  private readonly load: KeyGroupLoad | null;
  private readonly hashes: KeyHashes;
  private readonly codes: CodePartitions;
  private readonly buckets: RowBuckets;
  private readonly whole: RouteBuffer;
  /** By position among the selected rows: the hash of the key's columns so far. */
  private running: Int32Array = new Int32Array(BATCH_ROWS_MAX);

  constructor(options: HashRouterOptions) {
    const { keys, types, partitions, load = null } = options;
    assert(partitions >= 1 && partitions <= PARTITIONS_MAX, 'partition numbers fit 16 bits');
    const { owners = null } = options;
    this.partitions = partitions;
    this.owners = owners;
    this.load = load;
    this.hashes = new KeyHashes(keys, types);
    this.codes = new CodePartitions(keys, owners ?? equalRanges(partitions));
    this.buckets = new RowBuckets(partitions);
    this.whole = new RouteBuffer(1);
  }

  /** The partition of every selected row. Valid until the next call, or until the batch goes. */
  route(batch: Batch): RoutedRows {
    if (this.partitions === 1) return routeAll(batch, 0, 1, this.whole);
    const { buckets } = this;
    const count = batch.selectedCount;
    const rows = batch.selection ?? identityRows(count);
    buckets.begin(count);
    if (this.load !== null && this.load.next()) this.count(this.load, batch, rows, count);
    if (this.codes.fits(batch)) {
      this.codes.sort(batch, rows, count, buckets);
    } else {
      if (this.running.length < count) this.running = new Int32Array(count);
      this.hashes.hash(batch, rows, count, this.running);
      if (this.owners === null) {
        sortHashes(this.running, this.partitions, rows, count, buckets.rows, buckets.next);
      } else {
        sortOwned(this.running, this.owners, rows, count, buckets.rows, buckets.next);
      }
    }
    buckets.finish();
    return buckets;
  }

  private count(load: KeyGroupLoad, batch: Batch, rows: Int32Array, count: number): void {
    if (this.running.length < count) this.running = new Int32Array(count);
    this.hashes.hash(batch, rows, count, this.running);
    load.count(this.running, count);
  }

  /** Contiguous ranges of the key groups. */
  static partitionOfGroup(keyGroup: number, partitions: number): number {
    return partitionOfKeyGroup(keyGroup, partitions);
  }

  /** Of a key's finalised hash. */
  static partitionOfHash(hash: number, partitions: number): number {
    return partitionOfKeyGroup(keyGroupOf(hash), partitions);
  }
}

/**
 * All selected rows to one partition: for edges of strategy single, split and turn. The rows are
 * the batch's own selection where it has one.
 */
export function routeAll(
  batch: Batch,
  partition: number,
  partitions: number,
  reuse: RouteBuffer,
): RoutedRows {
  assert(partition >= 0 && partition < partitions, 'the partition exists');
  assert(reuse.starts.length === partitions + 1, 'the buffer is for as many partitions');
  reuse.rows = batch.selection ?? identityRows(batch.selectedCount);
  reuse.starts.fill(0, 0, partition + 1);
  reuse.starts.fill(batch.selectedCount, partition + 1);
  return reuse;
}

/** Puts rows into the buckets of their partitions, two a turn (see code-partitions). */
function sortHashes(
  running: Int32Array,
  partitions: number,
  rows: Int32Array,
  count: number,
  to: Int32Array,
  next: Int32Array,
): void {
  let k = 0;
  for (; k < count - 1; k += 2) {
    const partition = partitionOfRange(running[k]!, partitions);
    const second = partitionOfRange(running[k + 1]!, partitions);
    const at = next[partition]!;
    to[at] = rows[k]!;
    next[partition] = at + 1;
    const secondAt = next[second]!;
    to[secondAt] = rows[k + 1]!;
    next[second] = secondAt + 1;
  }
  if (k === count) return;
  const last = partitionOfRange(running[k]!, partitions);
  to[next[last]!] = rows[k]!;
  next[last]! += 1;
}

/** As sortHashes, of key groups that were moved: the table takes 0.4 ns a row more (of 6.6). */
function sortOwned(
  running: Int32Array,
  owners: Uint16Array,
  rows: Int32Array,
  count: number,
  to: Int32Array,
  next: Int32Array,
): void {
  let k = 0;
  for (; k < count - 1; k += 2) {
    const partition = partitionOfKey(running[k]!, owners);
    const second = partitionOfKey(running[k + 1]!, owners);
    const at = next[partition]!;
    to[at] = rows[k]!;
    next[partition] = at + 1;
    const secondAt = next[second]!;
    to[secondAt] = rows[k + 1]!;
    next[second] = secondAt + 1;
  }
  if (k === count) return;
  const last = partitionOfKey(running[k]!, owners);
  to[next[last]!] = rows[k]!;
  next[last]! += 1;
}
