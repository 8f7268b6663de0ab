/**
 * Partitions of keys that are all codes of small dictionaries: combination of codes → partition,
 * learned from the values' hashes when a combination first comes. Owns whether the codes of a batch
 * fit into one number. A change of a dictionary or of its size class empties the table; entries
 * that a dictionary gains within its class are learned like any other. @hot
 *
 *   table[((code0 << bits1) | code1) << bits2 | code2 …] = partition, UNKNOWN = not yet learned
 */
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { Dictionary } from '../../../columnar/dictionary.js';
import { combineHash, NULL_HASH } from '../../../columnar/hash.js';
import type { KeyGroupOwners } from './key-group-owners.js';
import { partitionOfKey } from './key-hashes.js';
import type { RowBuckets } from './row-buckets.js';

/** More combinations than this are hashed: the table stays within a core's first cache. */
const BITS_MAX = 14;
const UNKNOWN = 0xffff;

export class CodePartitions {
  private readonly keys: readonly number[];
  private readonly owners: KeyGroupOwners;
  private readonly bits: Int32Array;
  private readonly dictionaries: (Dictionary | null)[];
  private table = new Uint16Array(0);
  /** Combination of codes by position among the selected rows. */
  private places: Int32Array = new Int32Array(BATCH_ROWS_MAX);

  constructor(keys: readonly number[], owners: KeyGroupOwners) {
    this.keys = keys;
    this.owners = owners;
    this.bits = new Int32Array(keys.length);
    this.dictionaries = keys.map(() => null);
  }

  /** Whether the batch's keys fit; prepares the table for them if they do. */
  fits(batch: Batch): boolean {
    let total = 0;
    let changed = false;
    for (let at = 0; at < this.keys.length; at += 1) {
      const column = batch.columns[this.keys[at]!]!;
      if (column.kind !== 'dict') return false;
      // One code more than the dictionary has entries: the last one stands for NULL.
      const bits = 32 - Math.clz32(column.dictionary.size);
      total += bits;
      if (total > BITS_MAX) return false;
      if (this.dictionaries[at] !== column.dictionary || this.bits[at] !== bits) changed = true;
    }
    if (this.keys.length === 0) return false;
    if (changed) this.prepare(batch, total);
    return true;
  }

  /** Puts each row into the bucket of its partition; the batch must fit. */
  sort(batch: Batch, rows: Int32Array, count: number, buckets: RowBuckets): void {
    if (this.sortTwo(batch, rows, count, buckets)) return;
    if (this.places.length < count) this.places = new Int32Array(count);
    const { places } = this;
    for (let at = 0; at < this.keys.length; at += 1) {
      const column = batch.columns[this.keys[at]!]!;
      if (column.kind !== 'dict') return;
      const bits = this.bits[at]!;
      if (at === 0) firstCodes(column.codes, rows, count, places);
      else nextCodes(column.codes, rows, count, places, bits);
      if (column.nulls !== null) nullCodes(column.nulls, rows, count, places, 2 ** bits - 1);
    }
    for (let at = 0; at < count;) {
      at = sortPlaces(this.table, places, rows, at, count, buckets.rows, buckets.next);
      for (let k = at; k < count && k < at + 2; k += 1) this.learn(places[k]!);
    }
  }

  /** Two keys without NULLs, in one pass; false when the batch's keys are not that. */
  private sortTwo(batch: Batch, rows: Int32Array, count: number, buckets: RowBuckets): boolean {
    if (this.keys.length !== 2) return false;
    const first = batch.columns[this.keys[0]!]!;
    const second = batch.columns[this.keys[1]!]!;
    if (first.kind !== 'dict' || second.kind !== 'dict') return false;
    if (first.nulls !== null || second.nulls !== null) return false;
    const { table } = this;
    const bits = this.bits[1]!;
    const { rows: to, next } = buckets;
    for (let at = 0; at < count;) {
      at = sortTwoCodes(table, first.codes, second.codes, bits, rows, at, count, to, next);
      for (let k = at; k < count && k < at + 2; k += 1) {
        this.learn((first.codes[rows[k]!]! << bits) | second.codes[rows[k]!]!);
      }
    }
    return true;
  }

  /** The value of a combination of codes decides, as it does for rows without codes. */
  private learn(combination: number): void {
    let hash = 0;
    let shift = 0;
    for (let at = 1; at < this.keys.length; at += 1) shift += this.bits[at]!;
    for (let at = 0; at < this.keys.length; at += 1) {
      const mask = 2 ** this.bits[at]! - 1;
      const code = (combination >>> shift) & mask;
      hash = combineHash(hash, code === mask ? NULL_HASH : this.dictionaries[at]!.hashes[code]!);
      shift -= this.bits[at + 1] ?? 0;
    }
    this.table[combination] = partitionOfKey(hash, this.owners);
  }

  private prepare(batch: Batch, total: number): void {
    for (let at = 0; at < this.keys.length; at += 1) {
      const column = batch.columns[this.keys[at]!]!;
      if (column.kind !== 'dict') return;
      this.dictionaries[at] = column.dictionary;
      this.bits[at] = 32 - Math.clz32(column.dictionary.size);
    }
    if (this.table.length !== 2 ** total) this.table = new Uint16Array(2 ** total);
    this.table.fill(UNKNOWN);
  }
}

function firstCodes(codes: Int32Array, rows: Int32Array, count: number, places: Int32Array): void {
  for (let k = 0; k < count; k += 1) places[k] = codes[rows[k]!]!;
}

function nextCodes(
  codes: Int32Array,
  rows: Int32Array,
  count: number,
  places: Int32Array,
  bits: number,
): void {
  for (let k = 0; k < count; k += 1) places[k] = (places[k]! << bits) | codes[rows[k]!]!;
}

/** The all-ones code takes the place of whatever valid code a NULL row has. */
function nullCodes(
  nulls: Uint8Array,
  rows: Int32Array,
  count: number,
  places: Int32Array,
  nullCode: number,
): void {
  for (let k = 0; k < count; k += 1) {
    if (nulls[rows[k]!] === 1) places[k] = places[k]! | nullCode;
  }
}

/**
 * Sorts rows up to a pair with a combination that is not known yet; its position, or count. Two
 * rows a turn: a row that waits for its bucket's last place does not hold up the next one.
 */
function sortPlaces(
  table: Uint16Array,
  places: Int32Array,
  rows: Int32Array,
  from: number,
  count: number,
  to: Int32Array,
  next: Int32Array,
): number {
  let k = from;
  for (; k < count - 1; k += 2) {
    const partition = table[places[k]!]!;
    const second = table[places[k + 1]!]!;
    if (partition === UNKNOWN || second === UNKNOWN) return k;
    const at = next[partition]!;
    to[at] = rows[k]!;
    next[partition] = at + 1;
    const secondAt = next[second]!;
    to[secondAt] = rows[k + 1]!;
    next[second] = secondAt + 1;
  }
  if (k === count) return count;
  const last = table[places[k]!]!;
  if (last === UNKNOWN) return k;
  to[next[last]!] = rows[k]!;
  next[last]! += 1;
  return count;
}

/** As sortPlaces, straight from the codes `a` and `b` of two keys. */
function sortTwoCodes(
  table: Uint16Array,
  a: Int32Array,
  b: Int32Array,
  bits: number,
  rows: Int32Array,
  from: number,
  count: number,
  to: Int32Array,
  next: Int32Array,
): number {
  let k = from;
  for (; k < count - 1; k += 2) {
    const row = rows[k]!;
    const secondRow = rows[k + 1]!;
    const partition = table[(a[row]! << bits) | b[row]!]!;
    const second = table[(a[secondRow]! << bits) | b[secondRow]!]!;
    if (partition === UNKNOWN || second === UNKNOWN) return k;
    const at = next[partition]!;
    to[at] = row;
    next[partition] = at + 1;
    const secondAt = next[second]!;
    to[secondAt] = secondRow;
    next[second] = secondAt + 1;
  }
  if (k === count) return count;
  const row = rows[k]!;
  const last = table[(a[row]! << bits) | b[row]!]!;
  if (last === UNKNOWN) return k;
  to[next[last]!] = row;
  next[last]! += 1;
  return count;
}
