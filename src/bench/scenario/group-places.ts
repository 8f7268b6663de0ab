/**
 * Which partition keeps each group of the trades scenarios on V2, from the routing itself: value
 * hashes of trader and symbol, key group, partition. What a snapshot of scenario 3b holds depends
 * on it; no other expectation does.
 */
import { combineHash, finaliseHash } from '../../columnar/hash.js';
import type { PartitioningStrategy } from '../../plan/fragments/fragments.js';
import { HashRouter } from '../../processors/partitioned/routing/hash-router.js';
import { textHash } from './text-hash.js';

/** Partition by group number. */
export interface GroupPlaces {
  readonly partitions: number;
  readonly ofGroup: Int32Array;
}

export function traderOf(group: number): string {
  return `TRADER${group % 20}`;
}

export function symbolOf(group: number, groups: number): string {
  return `SYM${groups === 200 ? Math.floor(group / 20) % 10 : group % 10}`;
}

export interface PlacesOptions {
  readonly groups: number;
  readonly partitions: number;
  /** null: chosen by the query, which is hash for grouped ones. */
  readonly strategy: PartitioningStrategy | null;
}

/** The fixture is one split, so sticky keeps all groups where fan-in does. */
export function groupPlaces({ groups, partitions, strategy }: PlacesOptions): GroupPlaces {
  const together = strategy === 'fan-in' || strategy === 'sticky';
  const ofGroup = Int32Array.from({ length: groups }, (_, group) =>
    together ? 0 : HashRouter.partitionOfHash(keyHash(group, groups), partitions),
  );
  return { partitions, ofGroup };
}

function keyHash(group: number, groups: number): number {
  const trader = combineHash(0, textHash(traderOf(group)) | 0);
  return finaliseHash(combineHash(trader, textHash(symbolOf(group, groups)) | 0));
}
