/**
 * Grouped state: groups by key, their accumulators, and the result rows of both the updating GROUP
 * BY and the windows. Owns the interface those operators are built on and the order of calls into
 * the generated kernels; groups live in group-table, kernels come from grouping-kernels, and what
 * states share is grouped-state-factory. @hot
 *
 *   factory (one per operator: texts, kernels, codecs)
 *      └─ state (one per window pane, or one)  ──update/updateEmit…──▶  ResultRows ──▶ output
 *
 * A row's group is found first for all rows of a call (`resolve`), then one kernel runs over them;
 * it stops where a result column must widen or the result batch is full, and is called again.
 */
import { BATCH_ROWS_MAX, OP_INSERT, OP_UPDATE_AFTER } from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import { combineHash, finaliseHash } from '../../columnar/hash.js';
import { CodeCombinations } from './code-combinations.js';
import { FrozenGroups } from './frozen-groups.js';
import type { GroupObject } from '../values/group-object.js';
import { newGroupObject } from './group-objects.js';
import { GroupTable } from './group-table.js';
import type { AggregateLayout } from './aggregate-layout.js';
import type { Interner } from '../values/interner.js';
import type { CellCodec } from '../values/value-cells.js';
import type { GroupRecords } from './group-records.js';
import type { GroupSpec } from './group-spec.js';
import type { GroupingKernels } from './grouping-kernels.js';
import type { IdHolder } from '../values/interner.js';
import { keyGroupOf } from '../key-groups.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import { ValueTable } from '../values/value-table.js';

const NO_SLOTS = new Int32Array(BATCH_ROWS_MAX);
/** Groups that are emitted, or hashed, in one piece. */
const GROUPS_AT_ONCE = 4096;
/** Entries of a restore whose keys are looked at together. */
const ENTRIES_AT_ONCE = 256;
/** Look-ups in so many places are fast one by one. */
const PLACES_IN_CACHES = 1 << 18;
/** Turns the order of 32-bit integers into that of their bits. */
const SIGN = 1 << 31;
/** Groups that are put in order in one piece, about. */
const GROUPS_TO_SORT = 1024;

/** A long answer in pieces: goes on to the next one with each next(). */
export type Pieces = Generator<void, void, void>;

/** Writes fields of a group into the current entry. */
type WriteFields = (writer: StateWriter, slot: number) => void;

/** Rows whose groups are known, by position: `slots` is the group of each of the first `count`. */
export interface ResolvedRows {
  readonly batch: Batch;
  readonly rows: Int32Array | null;
  readonly slots: Int32Array;
  readonly count: number;
}

/** What an entry has beside its group. */
export interface EntryParts {
  readonly before?: (writer: StateWriter) => void;
  readonly behind?: (writer: StateWriter, slot: number) => void;
}

/** What is known of slots beside their groups. */
export interface SlotNotes {
  /** The slot has no group any more. */
  forget(slot: number): void;
}

/** A batch, and one of its rows. */
export interface RowOfBatch {
  readonly batch: Batch;
  readonly rows: Int32Array;
}

/** What the states of one operator share; grouped-state-factory.ts makes it. */
export interface SharedParts {
  readonly spec: GroupSpec;
  readonly layout: AggregateLayout;
  readonly interner: Interner;
  readonly codecs: ReadonlyMap<number, CellCodec>;
  readonly kernels: GroupingKernels;
  readonly records: GroupRecords;
  /** A number no state of the operator has had. */
  nextVersion(): number;
  /** Forgets texts that no state needs, when there are many; between calls of kernels only. */
  tidy(): void;
}

export class GroupedState implements IdHolder {
  readonly table: GroupTable;
  readonly tables: readonly ValueTable[];
  readonly objects: readonly GroupObject[];
  readonly combinations: CodeCombinations;
  /** For kernel 'all': groups in the snapshot in front. */
  present = 0;
  /** Groups came from elsewhere, in an order that says nothing. */
  isMerged = false;
  /** Unique among states; a new one whenever a slot may mean another group. */
  version: number;
  notes: SlotNotes | null = null;
  private readonly shared: SharedParts;
  /** Slots whose group may have lost its last row in the call at work. */
  private readonly suspects: number[] = [];
  private slots = NO_SLOTS;
  /** So that nobody leaves out reads whose results say nothing. */
  touched = 0;
  /** Who writes the groups as they were at one moment; null: nobody. */
  private frozen: FrozenGroups | null = null;

  constructor(shared: SharedParts) {
    const { layout, codecs, interner } = shared;
    this.shared = shared;
    this.version = shared.nextVersion();
    this.table = new GroupTable(layout.spec.keys.length, layout.rowsCell, layout.template);
    this.tables = layout.tables.map(({ column }) => new ValueTable(codecs.get(column)!));
    this.objects = layout.items
      .filter((item) => item.kind === 'object')
      .map((item) => newGroupObject(item, layout.spec, codecs, interner));
    this.combinations = new CodeCombinations(layout.spec.keys);
  }

  /** Slots ever used: 0 … groupCount - 1 in order of first appearance, freed ones included. */
  get groupCount(): number {
    return this.table.slotCount;
  }

  /** Groups that exist now. */
  get liveCount(): number {
    return this.table.liveCount;
  }

  /** Group slot of each row (by position), adding groups that are new. Valid until the next call. */
  resolve(batch: Batch, rows: Int32Array | null, count: number): Int32Array {
    const { table, combinations } = this;
    this.shared.tidy();
    if (this.shared.spec.keys.length === 0) {
      this.ensureGlobalGroup();
      return count <= NO_SLOTS.length ? NO_SLOTS : new Int32Array(count);
    }
    if (this.slots === NO_SLOTS || this.slots.length < count) {
      this.slots = new Int32Array(Math.max(count, BATCH_ROWS_MAX));
    }
    const combined = combinations.fits(batch);
    for (let at = 0; at < count;) {
      const form = { selected: rows !== null, chunked: table.isChunked && !combined, combined };
      const kernel = this.shared.kernels.resolve(batch, form);
      at = kernel(this, batch, rows, at, count, this.slots);
    }
    return this.slots;
  }

  /** The one group of a query without keys exists even before its first row. */
  ensureGlobalGroup(): void {
    if (this.shared.spec.keys.length === 0 && this.table.slotCount === 0) this.table.add();
  }

  /** A group with the key of that row which no look-up finds: a session. */
  addSlot(batch: Batch, row: number): number {
    this.readKey(batch, row);
    return this.table.add();
  }

  /** Kernels: the slot of a combination of codes that is not in the table of them yet. */
  addCombination(batch: Batch, row: number, place: number): number {
    this.readKey(batch, row);
    const slot = this.table.findOrAdd();
    this.combinations.slots[place] = slot + 1;
    return slot;
  }

  /** Adds rows to their groups. `rows` are physical row numbers; null means 0 … count - 1. */
  update(batch: Batch, rows: Int32Array | null, count: number): void {
    if (count === 0) return;
    this.runUpdate(batch, rows, this.resolve(batch, rows, count), 0, count, count);
    this.settle();
  }

  /** Adds rows to given slots, by position. */
  updateSlots(batch: Batch, rows: Int32Array | null, slots: Int32Array, count: number): void {
    if (count === 0) return;
    this.shared.tidy();
    this.runUpdate(batch, rows, slots, 0, count, count);
    this.settle();
  }

  /** As update; appends after each row the new state of its group (ops: +I, +U, −D). */
  updateEmitChanged(
    batch: Batch,
    rows: Int32Array | null,
    count: number,
    results: ResultRows,
  ): void {
    this.runEmitting('changed', batch, rows, count, results);
  }

  /** As update; −U old, +U new after each row; +I for a group that is new, −D for one that ends. */
  updateEmitRetract(
    batch: Batch,
    rows: Int32Array | null,
    count: number,
    results: ResultRows,
  ): void {
    this.runEmitting('retract', batch, rows, count, results);
  }

  /**
   * As update; appends after each row every group of this state, in order of first appearance. The
   * first snapshot is made from the records, each next one is the copy of it with one row changed.
   */
  updateEmitAll(batch: Batch, rows: Int32Array | null, count: number, results: ResultRows): void {
    if (count === 0) return;
    let present = this.table.slotCount;
    const slots = this.resolve(batch, rows, count);
    this.frozen?.keep(slots, 0, count);
    const { interner, spec } = this.shared;
    const takesBack = batch.ops !== null && spec.inputRetracts === true;
    results.begin(batch.header, true, interner.dictionary, true);
    for (let at = 0; at < count;) {
      const slot = slots[at]!;
      this.runUpdate(batch, rows, slots, at, at + 1, count);
      present = Math.max(present, slot + 1);
      if (results.rowCount + present > results.capacity) results.flush();
      const start = results.rowCount;
      results.op = OP_UPDATE_AFTER;
      results.origin = rows === null ? at : rows[at]!;
      results.reportedSlot = slot;
      this.emitRange(0, present, results);
      at += 1;
      const isWhole = this.table.liveCount === this.groupCount && present <= results.capacity;
      if (isWhole) results.extend(this, present, present, start);
      else results.forgetPattern();
      if (takesBack || !isWhole || at === count) continue;
      this.present = present;
      const form = { selected: rows !== null, chunked: this.table.isChunked };
      const kernel = this.shared.kernels.aggregate('all', batch, results, form);
      at = kernel(this, batch, rows, slots, at, count, count, results);
      present = this.present;
    }
    this.settle();
  }

  /**
   * As updateEmitAll for one row, where there are so many groups that the row's snapshot is given
   * in pieces. `rowOf` gives the batch and the row, which may be elsewhere after a piece.
   */
  *updateEmitAllPieces(rowOf: () => RowOfBatch, results: ResultRows): Pieces {
    const { batch, rows } = rowOf();
    const slot = this.resolve(batch, rows, 1)[0]!;
    results.begin(batch.header, true, this.shared.interner.dictionary);
    this.runUpdate(batch, rows, this.slots, 0, 1, 1);
    const present = this.table.slotCount;
    const origin = rows[0]!;
    for (let from = 0; from < present; from += GROUPS_AT_ONCE) {
      const { header } = rowOf().batch;
      results.begin(header, true, this.shared.interner.dictionary);
      results.op = OP_UPDATE_AFTER;
      results.origin = origin;
      results.reportedSlot = slot;
      this.emitRange(from, Math.min(present, from + GROUPS_AT_ONCE), results);
      yield;
    }
    this.settle();
  }

  /** Whether a snapshot of all groups is too long to be given for several rows at once. */
  get isWide(): boolean {
    return this.table.slotCount >= GROUPS_AT_ONCE;
  }

  /**
   * Appends one row per group (ops: +I), in order of first appearance; of groups that were merged,
   * which come when their sender ships them, in order of their keys' hashes.
   */
  emitAll(results: ResultRows): void {
    const pieces = this.emitPieces(results);
    while (pieces.next().done !== true);
  }

  /** As emitAll, piece by piece. */
  *emitPieces(results: ResultRows): Pieces {
    const count = this.groupCount;
    if (this.isMerged) {
      yield* this.emitByHash(results);
      return;
    }
    for (let from = 0; from < count; from += GROUPS_AT_ONCE) {
      this.emitSlots(from, Math.min(count, from + GROUPS_AT_ONCE), results);
      yield;
    }
  }

  /** Groups are dealt out by the first bits of their hash, and each part is sorted when its turn comes. */
  private *emitByHash(results: ResultRows): Pieces {
    const count = this.groupCount;
    const bits = Math.max(0, Math.min(20, Math.ceil(Math.log2(count / GROUPS_TO_SORT))));
    const hashes = new Int32Array(count);
    const ends = new Int32Array((1 << bits) + 1);
    const partOf = (hash: number): number => (bits === 0 ? 0 : (hash ^ SIGN) >>> (32 - bits));
    for (let slot = 0; slot < count; slot += 1) {
      hashes[slot] = this.keyHash(slot);
      const part = partOf(hashes[slot]!) + 1;
      ends[part] = ends[part]! + 1;
      if (slot % GROUPS_AT_ONCE === GROUPS_AT_ONCE - 1) yield;
    }
    for (let part = 1; part < ends.length; part += 1) ends[part] = ends[part]! + ends[part - 1]!;
    const slots = new Int32Array(count);
    for (let slot = 0; slot < count; slot += 1) {
      const part = partOf(hashes[slot]!);
      slots[ends[part]!] = slot;
      ends[part] = ends[part]! + 1;
    }
    let from = 0;
    for (let part = 0; part < 1 << bits; part += 1) {
      const members = slots.subarray(from, ends[part]);
      from = ends[part]!;
      members.sort((a, b) => hashes[a]! - hashes[b]! || a - b);
      for (const slot of members) this.emitSlots(slot, slot + 1, results);
      yield;
    }
  }

  /** Appends the row of one group. */
  emitGroup(slot: number, results: ResultRows): void {
    this.emitSlots(slot, slot + 1, results);
  }

  /** Adds the group `otherSlot` of `other` (same factory) to `slot`, whose rows came first. */
  merge(other: GroupedState, otherSlot: number, slot: number): void {
    this.frozen?.keepOne(slot);
    this.shared.records.merge(this, slot, other, otherSlot);
  }

  /** Slot in this state of the group with the key of `otherSlot` in `other`; added when new. */
  slotOf(other: GroupedState, otherSlot: number): number {
    const { keyCells } = this.table;
    const base = other.table.baseOf(otherSlot);
    keyCells.set(other.table.cellsOf(otherSlot).subarray(base, base + keyCells.length));
    if (keyCells.length > 0) return this.table.findOrAdd();
    this.ensureGlobalGroup();
    return 0;
  }

  /** Forgets a group; its slot is used again by a later one. */
  freeSlot(slot: number): void {
    if (this.freeOne(slot)) this.combinations.clear();
  }

  /** As freeSlot, for many. */
  freeSlots(slots: readonly number[]): void {
    let found = false;
    for (const slot of slots) if (this.freeOne(slot)) found = true;
    if (found) this.combinations.clear();
  }

  private freeOne(slot: number): boolean {
    this.frozen?.keepOne(slot);
    this.version = this.shared.nextVersion();
    this.clearParts(slot);
    this.notes?.forget(slot);
    return this.table.free(slot);
  }

  /** Kernels: brings a group back to no rows. */
  resetSlot(slot: number): void {
    this.clearParts(slot);
    this.table.reset(slot);
  }

  /** Kernels: the group may be without rows when the call is over. */
  suspect(slot: number): void {
    this.suspects.push(slot);
  }

  /** Forgets all groups. */
  clear(): void {
    this.frozen?.keepAll();
    this.version = this.shared.nextVersion();
    this.isMerged = false;
    this.table.clear();
    this.combinations.clear();
    for (const table of this.tables) table.clear();
    for (const object of this.objects) object.clear();
  }

  /** Forgets all groups, whose memory serves as many again. */
  empty(): void {
    this.frozen?.keepAll();
    this.version = this.shared.nextVersion();
    this.isMerged = false;
    this.table.empty();
    this.combinations.clear();
    for (const table of this.tables) table.clear();
    for (const object of this.objects) object.clear();
  }

  /** One entry per group; `extra` may write fields in front (a pane's start), `tail` behind. */
  snapshot(writer: StateWriter, extra?: WriteFields, tail?: WriteFields): void {
    for (let slot = 0; slot < this.groupCount; slot += 1) {
      if (this.table.isFreed(slot)) continue;
      writer.beginEntry(this.keyGroup(slot));
      extra?.(writer, slot);
      this.writeGroup(writer, slot);
      tail?.(writer, slot);
      writer.endEntry();
    }
  }

  /** As snapshot, of the groups as they are now, while rows go on changing them; one at a time. */
  freeze({ before, behind }: EntryParts = {}): FrozenGroups {
    const frozen = new FrozenGroups({
      groupCount: this.groupCount,
      hasFreed: this.liveCount < this.groupCount,
      isFreed: (slot) => this.table.isFreed(slot),
      writeEntry: (writer, slot) => {
        writer.beginEntry(this.keyGroup(slot));
        before?.(writer);
        this.writeGroup(writer, slot);
        behind?.(writer, slot);
        writer.endEntry();
      },
      written: () => {
        if (this.frozen === frozen) this.frozen = null;
      },
    });
    this.frozen = frozen;
    return frozen;
  }

  /** Key group of a group: from the value hash of its key. */
  keyGroup(slot: number): number {
    return keyGroupOf(this.keyHash(slot));
  }

  /** Rows that a group stands for. */
  rowsOf(slot: number): number {
    return this.table.isFreed(slot) ? 0 : this.shared.records.rowsOf(this, slot);
  }

  private keyHash(slot: number): number {
    const cells = this.table.cellsOf(slot);
    const base = this.table.baseOf(slot);
    let hash = 0;
    for (let key = 0; key < this.shared.spec.keys.length; key += 1) {
      hash = combineHash(hash, this.shared.records.codecOfKey(key).hash(cells[base + key]!));
    }
    return finaliseHash(hash);
  }

  /** Key and accumulators of a group as fields of the current entry. */
  writeGroup(writer: StateWriter, slot: number): void {
    this.shared.records.store(writer, this, slot);
  }

  /** Reads what writeGroup wrote into the group of that key; gives its slot. */
  restoreGroup(reader: StateReader): number {
    const { records, spec } = this.shared;
    records.loadKey(reader, this);
    this.ensureGlobalGroup();
    const slot = spec.keys.length === 0 ? 0 : this.table.findOrAdd();
    records.load(reader, this, slot);
    return slot;
  }

  /** As restoreGroup, into a slot that no look-up finds (see addSlot). */
  restoreSlot(reader: StateReader): number {
    this.shared.records.loadKey(reader, this);
    const slot = this.table.add();
    this.shared.records.load(reader, this, slot);
    return slot;
  }

  /** All entries of a snapshot written without extra fields. */
  restore(reader: StateReader): void {
    const { table, shared } = this;
    if (shared.spec.keys.length > 0) table.expect(reader.expectedEntries());
    if (!shared.records.hasPlainKeys || table.places.length < PLACES_IN_CACHES) {
      while (reader.nextEntry() >= 0) this.restoreGroup(reader);
      return;
    }
    const hashes = new Int32Array(ENTRIES_AT_ONCE);
    for (;;) {
      const { place } = reader;
      let count = 0;
      while (count < ENTRIES_AT_ONCE && reader.nextEntry() >= 0) {
        shared.records.loadKey(reader, this);
        hashes[count] = table.keyHash();
        count += 1;
      }
      if (count === 0) return;
      this.touched = table.touch(hashes, count);
      reader.goBackTo(place);
      for (let at = 0; at < count; at += 1) {
        reader.nextEntry();
        this.restoreGroup(reader);
      }
    }
  }

  /** Bytes of the groups that are there, shared texts aside: without memory that waits for more. */
  usedBytes(): number {
    return this.table.usedBytes() + this.valueBytes();
  }

  private valueBytes(): number {
    let bytes = 0;
    for (const table of this.tables) bytes += table.byteSize();
    for (const object of this.objects) bytes += object.byteSize();
    return bytes;
  }

  /** Approximate bytes held, shared texts aside. */
  byteSize(): number {
    return this.table.byteSize() + this.valueBytes();
  }

  markIds(marks: Uint8Array): void {
    this.shared.records.markIds(this, marks);
  }

  remapIds(newIds: Int32Array): void {
    this.shared.records.remapIds(this, newIds);
  }

  private readKey(batch: Batch, row: number): void {
    const { keys } = this.shared.spec;
    for (let key = 0; key < keys.length; key += 1) {
      const column = keys[key]!;
      this.table.keyCells[key] = this.shared.codecs.get(column)!.read(batch.columns[column]!, row);
    }
  }

  private runUpdate(
    batch: Batch,
    rows: Int32Array | null,
    slots: Int32Array,
    from: number,
    to: number,
    end: number,
  ): void {
    this.frozen?.keep(slots, from, to);
    const form = { selected: rows !== null, chunked: this.table.isChunked };
    const kernel = this.shared.kernels.aggregate('update', batch, null, form);
    kernel(this, batch, rows, slots, from, to, end, null);
  }

  private runEmitting(
    mode: 'changed' | 'retract',
    batch: Batch,
    rows: Int32Array | null,
    count: number,
    results: ResultRows,
  ): void {
    if (count === 0) return;
    const slots = this.resolve(batch, rows, count);
    this.emitting({ batch, rows, slots, count }, results);
    this.emitRows(mode, { batch, rows, slots, count }, { from: 0, to: count }, results);
    this.settle();
  }

  /** Before the first emitRows of a call; `settle` ends it. */
  emitting({ batch, slots, count }: ResolvedRows, results: ResultRows): void {
    this.frozen?.keep(slots, 0, count);
    results.begin(batch.header, true, this.shared.interner.dictionary);
  }

  /** Adds the rows `from … to`, and appends what their groups are after each. */
  emitRows(
    mode: 'changed' | 'retract',
    { batch, rows, slots, count }: ResolvedRows,
    { from, to: end }: { readonly from: number; readonly to: number },
    results: ResultRows,
  ): void {
    const { kernels } = this.shared;
    const form = { selected: rows !== null, chunked: this.table.isChunked };
    const rowsEach = mode === 'retract' ? 2 : 1;
    for (let at = from; at < end;) {
      if (results.isFull || results.rowCount + rowsEach > results.capacity) results.flush();
      const room = Math.floor((results.capacity - results.rowCount) / rowsEach);
      const to = at + results.step(Math.min(end - at, room));
      const kernel = kernels.aggregate(mode, batch, results, form);
      at = kernel(this, batch, rows, slots, at, to, count, results);
    }
  }

  private emitSlots(from: number, to: number, results: ResultRows): void {
    results.begin(results.header, false, this.shared.interner.dictionary);
    results.op = OP_INSERT;
    results.origin = -1;
    results.reportedSlot = -1;
    this.emitRange(from, to, results);
  }

  private emitRange(from: number, to: number, results: ResultRows): void {
    const form = { selected: false, chunked: this.table.isChunked };
    for (let at = from; at < to;) {
      if (results.isFull) results.flush();
      const kernel = this.shared.kernels.aggregate('emit', null, results, form);
      const end = at + results.step(to - at);
      at = kernel(this, null, null, NO_SLOTS, at, end, to, results);
    }
  }

  /** Forgets the groups that the rows of a call have left without any. */
  settle(): void {
    const { suspects, table } = this;
    const { layout, spec } = this.shared;
    if (suspects.length === 0) return;
    for (const slot of suspects) {
      const cells = table.cellsOf(slot);
      const rows = cells[table.baseOf(slot) + layout.rowsCell];
      if (rows === 0 && spec.keys.length > 0) this.freeSlot(slot);
    }
    suspects.length = 0;
  }

  private clearParts(slot: number): void {
    for (const table of this.tables) table.clearSlot(slot);
    for (const object of this.objects) object.clearSlot(slot);
  }
}
