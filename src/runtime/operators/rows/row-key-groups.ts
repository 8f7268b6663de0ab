/**
 * The key groups of kept rows: an operator that stays with the state of another one writes its rows
 * under that one's key, so that both move together when a snapshot is restored in other partitions.
 * Looked up for snapshots only.
 */
import { emptyHeader, newBatch } from '../../../columnar/batch.js';
import type { Batch } from '../../../columnar/batch.js';
import type { Column } from '../../../columnar/column.js';
import type { SqlType } from '../../../columnar/types.js';
import { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import type { RowStore } from './row-store.js';

export class RowKeyGroups {
  private readonly store: RowStore;
  private readonly lists: readonly {
    readonly keys: readonly number[];
    readonly groups: GroupedState;
  }[];

  /** Of several lists of key columns the first that is not all NULL counts. */
  constructor(
    store: RowStore,
    parts: { readonly id: string; readonly types: readonly SqlType[] },
    keyLists: readonly (readonly number[])[],
  ) {
    this.store = store;
    this.lists = (keyLists.length === 0 ? [[]] : keyLists).map((keys) => ({
      keys,
      groups: new GroupedStateFactory({
        id: parts.id,
        inputTypes: parts.types,
        keys,
        aggregates: [],
        windowColumns: false,
      }).create(),
    }));
  }

  of(at: number): number {
    const alone = rowAlone(this.store, at);
    let keyGroup = 0;
    for (const { keys, groups } of this.lists) {
      const [slot = 0] = groups.resolve(alone, null, 1);
      keyGroup = groups.keyGroup(slot);
      if (keys.some((key) => !this.store.isNull(key, at))) break;
    }
    return keyGroup;
  }
}

/** A batch of one kept row. */
export function rowAlone(store: RowStore, at: number): Batch {
  const columns: Column[] = [];
  store.gather(Int32Array.of(at), 1, columns);
  const alone = newBatch(columns, emptyHeader(''));
  alone.rowCount = 1;
  alone.selectedCount = 1;
  return alone;
}
