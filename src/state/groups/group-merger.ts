/**
 * Takes groups that were aggregated elsewhere into a state: entries as GroupedState.writeGroup
 * wrote them, of a state with the same keys and aggregates. A group that is new here is read into
 * its place; one that is known is read beside it and added, the known rows counting as the earlier
 * ones. Owns the one scratch group; what adding means is group-records. @hot
 */
import type { GroupedStateFactory } from './grouped-state-factory.js';
import type { GroupedState } from './grouped-state.js';
import type { StateReader } from '../snapshot.js';

const SCRATCH_SLOT = 0;

export class GroupMerger {
  private readonly factory: GroupedStateFactory;
  private scratch: GroupedState | null = null;

  constructor(factory: GroupedStateFactory) {
    this.factory = factory;
  }

  /**
   * Adds the group of the current entry; the reader stands where writeGroup began. Gives the rows
   * that the group stands for.
   */
  merge(reader: StateReader, state: GroupedState): number {
    const { records, spec } = this.factory;
    const { table } = state;
    state.isMerged = true;
    records.loadKey(reader, state);
    let slot = 0;
    if (spec.keys.length === 0) state.ensureGlobalGroup();
    else {
      const known = table.liveCount;
      slot = table.findOrAdd();
      if (table.liveCount > known) {
        records.load(reader, state, slot);
        return records.rowsOf(state, slot);
      }
    }
    const scratch = this.scratch ?? this.newScratch();
    records.load(reader, scratch, SCRATCH_SLOT);
    state.merge(scratch, SCRATCH_SLOT, slot);
    const rows = records.rowsOf(scratch, SCRATCH_SLOT);
    scratch.resetSlot(SCRATCH_SLOT);
    return rows;
  }

  /** All entries of a snapshot, several of which may be parts of one group. */
  restore(reader: StateReader, state: GroupedState): void {
    const { isMerged } = state;
    while (reader.nextEntry() >= 0) this.merge(reader, state);
    state.isMerged = isMerged;
  }

  private newScratch(): GroupedState {
    this.scratch = this.factory.create();
    this.scratch.table.add();
    return this.scratch;
  }
}
