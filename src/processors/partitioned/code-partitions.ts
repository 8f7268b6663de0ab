/**
 * Partitions of keys that are all codes of small dictionaries: combination of codes → partition,
 * learned from the values' hashes when a combination first comes. Owns whether the codes of a batch
 * fit into one number. A change of a dictionary or of its size class empties the table; entries
 * that a dictionary gains within its class are learned like any other. @hot
 *
 *   table[((code0 << bits1) | code1) << bits2 | code2 …] = partition, UNKNOWN = not yet learned
 */
import type { Batch } from '../../columnar/batch.js';
import type { Dictionary } from '../../columnar/dictionary.js';
import { combineHash, NULL_HASH } from '../../columnar/hash.js';
import { partitionOfKey } from './key-hashes.js';

/** More combinations than this are hashed: the table stays within a core's first cache. */
const BITS_MAX = 14;
const UNKNOWN = 0xffff;

export class CodePartitions {
  private readonly keys: readonly number[];
  private readonly partitions: number;
  private readonly bits: Int32Array;
  private readonly dictionaries: (Dictionary | null)[];
  private table = new Uint16Array(0);

  constructor(keys: readonly number[], partitions: number) {
    this.keys = keys;
    this.partitions = partitions;
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

  /** Writes the partition of each row by position and counts them. */
  place(
    batch: Batch,
    rows: Int32Array,
    count: number,
    places: Int32Array,
    counts: Int32Array,
  ): void {
    for (let at = 0; at < this.keys.length; at += 1) {
      const column = batch.columns[this.keys[at]!]!;
      if (column.kind !== 'dict') return;
      const bits = this.bits[at]!;
      if (at === 0) firstCodes(column.codes, rows, count, places);
      else nextCodes(column.codes, rows, count, places, bits);
      if (column.nulls !== null) nullCodes(column.nulls, rows, count, places, 2 ** bits - 1);
    }
    for (let at = 0; at < count;) {
      at = lookUp(this.table, places, at, count, counts);
      if (at < count) this.learn(places[at]!);
    }
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
    this.table[combination] = partitionOfKey(hash, this.partitions);
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

/** Combinations become partitions, up to one that is not known yet; its position, or count. */
function lookUp(
  table: Uint16Array,
  places: Int32Array,
  from: number,
  count: number,
  counts: Int32Array,
): number {
  for (let k = from; k < count; k += 1) {
    const partition = table[places[k]!]!;
    if (partition === UNKNOWN) return k;
    places[k] = partition;
    counts[partition]! += 1;
  }
  return count;
}
