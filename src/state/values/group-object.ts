/**
 * Accumulators that do not fit into cells: lists, sorted values, multisets, sketches. Owns their
 * interface, one object per aggregate and state, addressed by group slot. The generated kernels
 * call `add` and `write` per row, each from a call site of its own.
 */
import type { Batch } from '../../columnar/batch.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';

/** What became of writing a result. */
export const WRITTEN = 0;
/** Written, and the result column changed its kind for it. */
export const WIDENED = 1;
/** Out of range: the result row fails. */
export const FAILED = 2;

export interface GroupObject {
  /** Adds (sign 1) or takes back (sign -1) a value that is not NULL; `row` is where it stands. */
  add(slot: number, cell: number, sign: number, batch: Batch, row: number): void;
  /** Writes the group's result, NULL included. WRITTEN, WIDENED or FAILED. */
  write(slot: number, results: ResultRows, column: number, row: number): number;
  /** Adds a group of another state's object of the same aggregate. */
  merge(other: GroupObject, otherSlot: number, slot: number): void;
  /** Adds one value of such a group, for DISTINCT: this group does not have it yet. */
  mergeValue(other: GroupObject, otherSlot: number, slot: number, cell: number): void;
  clearSlot(slot: number): void;
  clear(): void;
  snapshot(writer: StateWriter, slot: number): void;
  restore(reader: StateReader, slot: number): void;
  markIds(marks: Uint8Array): void;
  remapIds(newIds: Int32Array): void;
  byteSize(): number;
}
