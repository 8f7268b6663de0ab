/**
 * What the tests of fragments share: the chain of event times between the blocks of a split, and
 * batches cut into the rows of partitions, as processors/partitioned does both.
 */
import type { Batch, BatchHeader } from '../../src/columnar/batch.js';
import type { EventTimePrefix } from '../../src/runtime/operators/watermark.js';
import type { GroupedState } from '../../src/state/groups/grouped-state.js';

/** The highest event time of every split, handed from sender to sender. */
export class PrefixChain implements EventTimePrefix {
  private readonly highest = new Map<number, number>();

  before(header: BatchHeader): number {
    return this.highest.get(header.split) ?? Number.NEGATIVE_INFINITY;
  }

  after(header: BatchHeader, highestMs: number): void {
    this.highest.set(header.split, highestMs);
  }
}

/** Calls back with the batch once per partition, its selection being that partition's rows. */
export function routed(
  batch: Batch,
  keys: GroupedState,
  partitionOf: (keyGroup: number) => number,
  partitions: number,
  visit: (partition: number, batch: Batch) => void,
): void {
  const { selection, selectedCount } = batch;
  const rows = Array.from({ length: selectedCount }, (_, at) => selection?.[at] ?? at);
  const slots = [...keys.resolve(batch, selection, selectedCount).subarray(0, selectedCount)];
  for (let partition = 0; partition < partitions; partition += 1) {
    const own = rows.filter((_, at) => {
      return partitionOf(keys.keyGroup(slots[at] as number)) === partition;
    });
    visit(partition, { ...batch, selection: Int32Array.from(own), selectedCount: own.length });
  }
}
