/**
 * How many rows each key group gets, for whoever moves key groups: one row of 1,024 counters for
 * each worker, in memory that main reads. Owns their layout and that only one batch of sixteen is
 * looked at, which costs less than a nanosecond a row; nothing is counted where nobody asks. @hot
 */
import { finaliseHash } from '../../../columnar/hash.js';
import { KEY_GROUPS, keyGroupOf } from '../../../state/key-groups.js';

/** Batches of which one is counted, for all of them. */
const EVERY = 16;

export class KeyGroupLoad {
  /** Of this worker, by key group: rows so far, or about so many. */
  private readonly rows: Float64Array;
  private batches = 0;

  static bytesFor(workers: number): number {
    return workers * KEY_GROUPS * Float64Array.BYTES_PER_ELEMENT;
  }

  constructor(memory: SharedArrayBuffer, worker: number) {
    const bytes = KEY_GROUPS * Float64Array.BYTES_PER_ELEMENT;
    this.rows = new Float64Array(memory, worker * bytes, KEY_GROUPS);
  }

  /** Whether the keys of the batch at hand are to be counted. */
  next(): boolean {
    this.batches += 1;
    return this.batches % EVERY === 0;
  }

  /** `hashes`: of the batch's keys, not finalised. */
  count(hashes: Int32Array, count: number): void {
    const { rows } = this;
    for (let k = 0; k < count; k += 1) rows[keyGroupOf(finaliseHash(hashes[k]!))]! += EVERY;
  }

  /** Rows that came to stand in groups since they were counted last. */
  formed(before: Float64Array, now: Float64Array): void {
    const { rows } = this;
    for (let group = 0; group < KEY_GROUPS; group += 1)
      rows[group]! += now[group]! - before[group]!;
  }
}

/** All workers' counts together. */
export function totalLoad(memories: readonly SharedArrayBuffer[]): Float64Array {
  const total = new Float64Array(KEY_GROUPS);
  for (const memory of memories) {
    const rows = new Float64Array(memory);
    for (let at = 0; at < rows.length; at += 1) total[at % KEY_GROUPS]! += rows[at]!;
  }
  return total;
}
