/**
 * Which partition each row goes to. Owns the hash of a row's key, the map from key groups to
 * partitions, and the sort of a batch's selected rows by partition. Key groups are those of
 * GroupedState.keyGroup for the same key, because snapshots move between partition counts by key
 * group: the hash is a function of SQL values, never of column kinds or codes. How the hash of a
 * column's values is computed is key-hashes.ts; which keys an edge has is plan/fragments. @hot
 *
 *   selected rows → partition by position → counts → starts → rows, grouped by partition
 *
 * Keys that are all codes of small dictionaries find their partition in a table of combinations of
 * codes; others are hashed row by row.
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { SqlType } from '../../columnar/types.js';
import { keyGroupOf } from '../../state/key-groups.js';
import { CodePartitions } from './code-partitions.js';
import { identityRows } from './identity-rows.js';
import { KEY_GROUPS, KeyHashes, partitionOfKey, partitionOfKeyGroup } from './key-hashes.js';

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
}

export class HashRouter {
  private readonly partitions: number;
  private readonly hashes: KeyHashes;
  private readonly codes: CodePartitions;
  private readonly routed: RouteBuffer;
  private readonly whole: RouteBuffer;
  private readonly counts: Int32Array;
  /** By position among the selected rows: the key's hash or combination, then its partition. */
  private places: Int32Array = new Int32Array(BATCH_ROWS_MAX);

  constructor(options: HashRouterOptions) {
    const { keys, types, partitions } = options;
    assert(partitions >= 1 && partitions <= PARTITIONS_MAX, 'partition numbers fit 16 bits');
    this.partitions = partitions;
    this.hashes = new KeyHashes(keys, types);
    this.codes = new CodePartitions(keys, partitions);
    this.routed = new RouteBuffer(partitions);
    this.whole = new RouteBuffer(partitions);
    this.counts = new Int32Array(partitions);
  }

  /** The partition of every selected row. Valid until the next call, or until the batch goes. */
  route(batch: Batch): RoutedRows {
    const { routed, counts } = this;
    if (this.partitions === 1) return routeAll(batch, 0, 1, this.whole);
    const count = batch.selectedCount;
    if (this.places.length < count) this.places = new Int32Array(count);
    if (routed.rows.length < count) routed.rows = new Int32Array(count);
    const rows = batch.selection ?? identityRows(count);
    counts.fill(0);
    if (this.codes.fits(batch)) {
      this.codes.place(batch, rows, count, this.places, counts);
    } else {
      this.hashes.hash(batch, rows, count, this.places);
      placeHashes(this.places, count, this.partitions, counts);
    }
    setStarts(counts, routed.starts);
    scatter(rows, this.places, count, counts, routed.rows);
    return routed;
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
  reuse.rows = batch.selection ?? identityRows(batch.selectedCount);
  reuse.starts.fill(0, 0, partition + 1);
  reuse.starts.fill(batch.selectedCount, partition + 1, partitions + 1);
  return reuse;
}

/** Hashes of keys before their finaliser, by position, become partitions. */
function placeHashes(
  places: Int32Array,
  count: number,
  partitions: number,
  counts: Int32Array,
): void {
  for (let k = 0; k < count; k += 1) {
    const partition = partitionOfKey(places[k]!, partitions);
    places[k] = partition;
    counts[partition]! += 1;
  }
}

/** Counts become starts: `starts` for the reader, `counts` the next free place of each. */
function setStarts(counts: Int32Array, starts: Int32Array): void {
  let next = 0;
  for (let partition = 0; partition < counts.length; partition += 1) {
    starts[partition] = next;
    next += counts[partition]!;
    counts[partition] = starts[partition]!;
  }
  starts[counts.length] = next;
}

function scatter(
  rows: Int32Array,
  places: Int32Array,
  count: number,
  next: Int32Array,
  to: Int32Array,
): void {
  for (let k = 0; k < count; k += 1) {
    const partition = places[k]!;
    const at = next[partition]!;
    to[at] = rows[k]!;
    next[partition] = at + 1;
  }
}
