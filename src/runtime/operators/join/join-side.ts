/**
 * What a join keeps of one input: its rows, in a list per key in order of arrival. Owns the lists,
 * how often a row is there, and (outer joins) with how many rows of the other input it is joined.
 * Of an input that takes rows back, equal rows are kept once, with their number. @hot
 *
 *   first[slot] ⇄ … ⇄ last[slot]     rows of a key, linked by next and previous; 0 ends a list
 */
import type { Batch } from '../../../columnar/batch.js';
import { emptyHeader, newBatch } from '../../../columnar/batch.js';
import { roomForCount } from '../../../columnar/byte-room.js';
import type { Column } from '../../../columnar/column.js';
import type { SqlType } from '../../../columnar/types.js';
import { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import { grown, NULL_ROW, RowStore } from '../rows/row-store.js';

export interface JoinSideOptions {
  readonly id: string;
  readonly types: readonly SqlType[];
  /** Whether the input has −U and −D rows. */
  readonly retracts: boolean;
  /** Whether `dropFirst` will be called. Default false. */
  readonly expires?: boolean;
}

export class JoinSide {
  readonly store: RowStore;
  /** By key slot; NULL_ROW when the key has no row. */
  first: Int32Array = new Int32Array(64);
  /** By row: the next row of its key. */
  next: Int32Array = new Int32Array(64);
  /** By row: how many equal rows there are. */
  copies: Int32Array = new Int32Array(64);
  /** By row: how many rows of the other input it is joined with. */
  matches: Int32Array = new Int32Array(64);
  private last: Int32Array = new Int32Array(64);
  private previous: Int32Array = new Int32Array(64);
  /** Identity of rows by all their values: group → row. */
  private readonly identity: GroupedState | null;
  private rowOf: Int32Array = new Int32Array(64);
  private ids: Int32Array = new Int32Array(0);
  /** Identity by row, where rows expire; else empty. */
  private idOf: Int32Array = new Int32Array(0);
  private readonly expires: boolean;
  private readonly gone: number[] = [];

  constructor({ id, types, retracts, expires = false }: JoinSideOptions) {
    this.expires = expires && retracts;
    this.store = new RowStore(types);
    this.identity = retracts
      ? new GroupedStateFactory({
          id,
          inputTypes: types,
          keys: types.map((_, at) => at),
          aggregates: [],
          windowColumns: false,
        }).create()
      : null;
  }

  /** Before the rows of a batch are added and removed, for an input that takes rows back. */
  begin(batch: Batch): void {
    if (this.identity === null) return;
    this.ids = this.identity.resolve(batch, batch.selection, batch.selectedCount);
    this.ensureIds(this.identity.groupCount);
  }

  /** A copy of the batch's row that belongs to no key; to be given to `retire` in the end. */
  hold(batch: Batch, row: number): number {
    const at = this.store.addRow(batch, row);
    this.ensureRows();
    this.copies[at] = 1;
    return at;
  }

  /** Copies of all rows of a batch, by position, that belong to no key; gone at the next sweep. */
  holdAll(batch: Batch): Int32Array {
    const places = this.addAll(batch).slice(0, batch.selectedCount);
    for (const at of places) this.retire(at);
    return places;
  }

  /** Adds the row at a position of the batch under a key; gives the kept row. */
  add(batch: Batch, row: number, position: number, slot: number): number {
    const id = this.identity === null ? -1 : this.ids[position]!;
    const known = id < 0 ? NULL_ROW : this.rowOf[id]!;
    if (known !== NULL_ROW) {
      this.copies[known] = roomForCount(this.copies[known]! + 1, 'equal rows');
      return known;
    }
    const at = this.store.addRow(batch, row);
    this.ensureRows();
    this.append(at, slot);
    this.identify(at, id);
    return at;
  }

  /** Adds all rows of a batch that only adds: rows by position. Keys follow with `append`. */
  addAll(batch: Batch): Int32Array {
    const places = this.store.addRows(batch, batch.selection, batch.selectedCount);
    this.ensureRows();
    return places;
  }

  /** Puts a row at the end of its key's list. */
  append(at: number, slot: number): void {
    const before = this.last[slot]!;
    this.copies[at] = 1;
    this.matches[at] = 0;
    this.next[at] = NULL_ROW;
    this.previous[at] = before;
    this.last[slot] = at;
    if (before === NULL_ROW) this.first[slot] = at;
    else this.next[before] = at;
  }

  /**
   * Takes back the row at a position; gives the kept row, which stays readable until `sweep`, or
   * NULL_ROW when there is none: its record failed when it came.
   */
  remove(position: number, slot: number): number {
    const id = this.ids[position]!;
    const at = this.rowOf[id]!;
    if (at === NULL_ROW) return NULL_ROW;
    this.copies[at] = this.copies[at]! - 1;
    if (this.copies[at]! > 0) return at;
    const before = this.previous[at]!;
    const after = this.next[at]!;
    if (before === NULL_ROW) this.first[slot] = after;
    else this.next[before] = after;
    if (after === NULL_ROW) this.last[slot] = before;
    else this.previous[after] = before;
    this.rowOf[id] = NULL_ROW;
    this.gone.push(at);
    return at;
  }

  /** Forgets the first row of a key, at once. */
  dropFirst(slot: number): void {
    const at = this.first[slot]!;
    const after = this.next[at]!;
    this.first[slot] = after;
    if (after === NULL_ROW) this.last[slot] = NULL_ROW;
    else this.previous[after] = NULL_ROW;
    this.store.release(at);
    if (this.identity === null) return;
    const id = this.idOf[at]!;
    if (this.rowOf[id] !== at) return;
    this.rowOf[id] = NULL_ROW;
    this.identity.freeSlot(id);
  }

  /** The kept row that the one at a position equals is not taken for it, unless it is joined as often. */
  disown(position: number, matches: number): void {
    const id = this.ids[position]!;
    const known = this.rowOf[id]!;
    if (known !== NULL_ROW && this.matches[known] !== matches) this.rowOf[id] = NULL_ROW;
  }

  /** Puts a row at the end of its key's list, where it is already in it. */
  moveToEnd(at: number, slot: number): void {
    const after = this.next[at]!;
    if (after === NULL_ROW) return;
    const before = this.previous[at]!;
    if (before === NULL_ROW) this.first[slot] = after;
    else this.next[before] = after;
    this.previous[after] = before;
    const end = this.last[slot]!;
    this.next[end] = at;
    this.previous[at] = end;
    this.next[at] = NULL_ROW;
    this.last[slot] = at;
  }

  /** A row that is in no list goes at the next sweep. */
  retire(at: number): void {
    this.gone.push(at);
  }

  /** At the end of a batch, when nobody reads removed rows any more. */
  sweep(batch: Batch): void {
    for (const at of this.gone) this.store.release(at);
    this.gone.length = 0;
    const { identity, ids, rowOf } = this;
    if (identity === null) return;
    for (let k = 0; k < batch.selectedCount; k += 1) {
      const id = ids[k]!;
      if (rowOf[id] === NULL_ROW && !identity.table.isFreed(id)) identity.freeSlot(id);
    }
  }

  isEmpty(slot: number): boolean {
    return slot >= this.first.length || this.first[slot] === NULL_ROW;
  }

  /** Rows of a key as fields of the current snapshot entry. */
  writeKey(writer: StateWriter, slot: number): void {
    let count = 0;
    const head = this.isEmpty(slot) ? NULL_ROW : this.first[slot]!;
    for (let at = head; at !== NULL_ROW; at = this.next[at]!) count += 1;
    writer.writeU32(count);
    for (let at = head; at !== NULL_ROW; at = this.next[at]!) {
      writer.writeU32(this.copies[at]!);
      writer.writeU32(this.matches[at]!);
      this.store.writeRow(writer, at);
    }
  }

  /** Takes in what writeKey wrote; `restoreKey` gives the rows their key. */
  readKey(reader: StateReader): readonly RestoredRow[] {
    const rows: RestoredRow[] = [];
    for (let left = reader.readU32(); left > 0; left -= 1) {
      const copies = reader.readU32();
      const matches = reader.readU32();
      rows.push({ at: this.store.readRow(reader), copies, matches });
    }
    return rows;
  }

  restoreKey(rows: readonly RestoredRow[], slot: number): void {
    this.ensureRows();
    this.ensureSlots(slot + 1);
    for (const { at, copies, matches } of rows) {
      this.append(at, slot);
      this.copies[at] = copies;
      this.matches[at] = matches;
      if (this.identity !== null) this.identify(at, this.identityOf(at, this.identity));
    }
  }

  byteSize(): number {
    const lists = (this.next.length * 5 + this.first.length * 2) * 4;
    const ids = this.idOf.byteLength;
    return this.store.byteSize() + lists + ids + (this.identity?.byteSize() ?? 0);
  }

  private identityOf(at: number, identity: GroupedState): number {
    const columns: Column[] = [];
    this.store.gather(Int32Array.of(at), 1, columns);
    const batch = newBatch(columns, emptyHeader(''));
    batch.rowCount = 1;
    batch.selectedCount = 1;
    const id = identity.resolve(batch, null, 1)[0]!;
    this.ensureIds(identity.groupCount);
    return id;
  }

  private identify(at: number, id: number): void {
    if (id < 0) return;
    this.rowOf[id] = at;
    if (!this.expires) return;
    if (this.idOf.length < this.next.length) this.idOf = grown(this.idOf, this.next.length);
    this.idOf[at] = id;
  }

  /** Makes room for key slots 0 … count - 1. */
  ensureSlots(count: number): void {
    if (count <= this.first.length) return;
    const length = Math.max(count, this.first.length * 2);
    this.first = grown(this.first, length);
    this.last = grown(this.last, length);
  }

  private ensureIds(count: number): void {
    if (count > this.rowOf.length) {
      this.rowOf = grown(this.rowOf, Math.max(count, this.rowOf.length * 2));
    }
  }

  private ensureRows(): void {
    const { capacity } = this.store;
    if (capacity <= this.next.length) return;
    this.next = grown(this.next, capacity);
    this.previous = grown(this.previous, capacity);
    this.copies = grown(this.copies, capacity);
    this.matches = grown(this.matches, capacity);
  }
}

interface RestoredRow {
  readonly at: number;
  readonly copies: number;
  readonly matches: number;
}
