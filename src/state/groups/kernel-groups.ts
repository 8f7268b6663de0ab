/**
 * What grouping kernels see of a grouped state. Owns only this view; the state is grouped-state.ts,
 * the kernels are aggregate-kernel.ts and key-resolve.ts.
 */
import type { Batch } from '../../columnar/batch.js';
import type { GroupObject } from '../values/group-object.js';
import type { ValueTable } from '../values/value-table.js';
import type { CodeCombinations } from './code-combinations.js';
import type { GroupTable } from './group-table.js';

export interface KernelGroups {
  readonly table: GroupTable;
  readonly tables: readonly ValueTable[];
  readonly objects: readonly GroupObject[];
  readonly combinations: CodeCombinations;
  /** For kernel 'all': groups in the snapshot in front. */
  present: number;
  /** The group of `slot` may have lost its last row. */
  suspect(slot: number): void;
  resetSlot(slot: number): void;
  /** The slot of the row's group, found by value and noted for its combination of codes. */
  addCombination(batch: Batch, row: number, place: number): number;
}
