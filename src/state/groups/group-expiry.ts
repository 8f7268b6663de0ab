/**
 * Groups that expire: when each was last updated, which of them a row no longer finds, and their
 * memory given back. Owns the times of slots and their form in snapshots; what time it is at a row
 * is told (runtime/row-clock.ts). @hot
 *
 * A group is judged when a row comes to it, so that results say nothing of when it is removed: an
 * expired one is brought back to no rows, as if it were not there, and begins again with +I. The
 * sweep removes what any later row would find expired, some slots at each call.
 *
 *   group in a snapshot := what grouped-state writes, time kind:u32, last update:f64
 */
import { BATCH_ROWS_MAX, OP_DELETE, OP_UPDATE_BEFORE } from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import type { StateTtl } from '../../plan/pipeline/pipeline-plan.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import type { FrozenGroups } from './frozen-groups.js';
import type { GroupedState, ResolvedRows, SlotNotes } from './grouped-state.js';

const TIME_KINDS = { event: 1, processing: 2 } as const;

/** Of a slot without a group, or whose group has had no row yet. */
const NO_GROUP = Number.POSITIVE_INFINITY;
/** Of a group from before there was a TTL, or before event time had begun. */
const UNKNOWN = Number.NaN;

/** A slot is looked at for each row that comes, and some more: the sweep is faster than the rows. */
const SLOTS_PER_ROW = 4;
const SLOTS_MORE = 64;

export class GroupExpiry implements SlotNotes {
  /** Groups that expired and were found, or removed. */
  expiredCount = 0;
  private readonly state: GroupedState;
  private readonly ttl: StateTtl;
  private readonly hasKeys: boolean;
  private lastMs = new Float64Array(64).fill(NO_GROUP);
  /** From when groups whose time is not known count. */
  private beganMs = UNKNOWN;
  private cursor = 0;
  private readonly found: number[] = [];
  private kept: { rows: Int32Array; slots: Int32Array } | null = null;

  constructor(state: GroupedState, ttl: StateTtl, hasKeys: boolean) {
    this.state = state;
    this.ttl = ttl;
    this.hasKeys = hasKeys;
    state.notes = this;
  }

  forget(slot: number): void {
    this.lastMs[slot] = NO_GROUP;
  }

  /** As the state's own updates; `times` says what time it is at each row, and never falls. */
  update(
    mode: 'changed' | 'retract',
    batch: Batch,
    times: Float64Array,
    results: ResultRows,
  ): void {
    const { state } = this;
    const count = batch.selectedCount;
    if (count === 0) return;
    if (this.ttl.time === 'processing') this.begin(times[0]!);
    const slots = state.resolve(batch, batch.selection, count);
    this.reserve(state.groupCount);
    const given = { batch, rows: batch.selection, slots, count };
    state.emitting(given, results);
    if (batch.ops === null) this.updateAdding(mode, given, times, results);
    else this.updateSigned(mode, given, batch.ops, times, results);
    state.settle();
  }

  /** Removes groups that have expired at `nowMs`: so many slots are looked at as rows have come. */
  sweep(nowMs: number, rowCount: number): void {
    const { state, lastMs, found, ttl } = this;
    const slotCount = state.groupCount;
    if (!this.hasKeys || slotCount === 0 || !Number.isFinite(nowMs)) return;
    this.reserve(slotCount);
    const looks = Math.min(slotCount, rowCount * SLOTS_PER_ROW + SLOTS_MORE);
    for (let look = 0; look < looks; look += 1) {
      if (this.cursor >= slotCount) this.cursor = 0;
      const slot = this.cursor;
      this.cursor += 1;
      const last = lastMs[slot]!;
      if (last === NO_GROUP || state.table.isFreed(slot)) continue;
      if (Number.isNaN(last)) lastMs[slot] = this.beganMs;
      if (lastMs[slot]! + ttl.ms <= nowMs) found.push(slot);
    }
    if (found.length === 0) return;
    this.expiredCount += found.length;
    state.freeSlots(found);
    found.length = 0;
  }

  /**
   * Groups whose time is not known count from here, the first time it is called with a time. Event
   * time begins with a watermark that is passed on, which is the same for all partitions.
   */
  begin(nowMs: number): void {
    if (Number.isNaN(this.beganMs) && Number.isFinite(nowMs)) this.beganMs = nowMs;
  }

  snapshot(writer: StateWriter): void {
    this.freeze().step(writer, () => true);
  }

  /** The groups and their times as they are now, while rows go on changing them. */
  freeze(): FrozenGroups {
    const { state, beganMs } = this;
    const kind = TIME_KINDS[this.ttl.time];
    this.reserve(state.groupCount);
    return state.freeze({
      behind: (writer, slot) => {
        const last = this.lastMs[slot]!;
        writer.writeU32(kind);
        writer.writeF64(Number.isFinite(last) ? last : beganMs);
      },
    });
  }

  /** Times of another clock say nothing: those groups count from now on. */
  restore(reader: StateReader): void {
    const { state } = this;
    while (reader.nextEntry() >= 0) {
      const slot = state.restoreGroup(reader);
      this.reserve(slot + 1);
      const isSame = reader.hasMore() && reader.readU32() === TIME_KINDS[this.ttl.time];
      this.lastMs[slot] = isSame ? reader.readF64() : UNKNOWN;
    }
  }

  byteSize(): number {
    return this.lastMs.byteLength;
  }

  private updateAdding(
    mode: 'changed' | 'retract',
    given: ResolvedRows,
    times: Float64Array,
    results: ResultRows,
  ): void {
    const { state } = this;
    const { slots, count } = given;
    let from = 0;
    for (let at = 0; at < count; at += 1) {
      const slot = slots[at]!;
      const now = times[at]!;
      if (this.hasExpired(slot, now)) {
        // Rows of this call that the group has got are not added yet.
        if (this.lastMs[slot]! >= times[from]!) {
          state.emitRows(mode, given, { from, to: at }, results);
          from = at;
        }
        this.expire(slot);
      }
      this.touch(slot, now);
    }
    state.emitRows(mode, given, { from, to: count }, results);
  }

  /** A row that is taken back from a group that is not there (any more) is left out. */
  private updateSigned(
    mode: 'changed' | 'retract',
    { batch, rows, slots, count }: ResolvedRows,
    ops: Uint8Array,
    times: Float64Array,
    results: ResultRows,
  ): void {
    const { state } = this;
    const kept = this.keptRows(count);
    const given: ResolvedRows = { batch, rows: kept.rows, slots: kept.slots, count };
    let from = 0;
    let to = 0;
    const addPending = (): void => {
      state.emitRows(mode, { ...given, count: to }, { from, to }, results);
      from = to;
    };
    for (let at = 0; at < count; at += 1) {
      const row = rows === null ? at : rows[at]!;
      const slot = slots[at]!;
      const now = times[at]!;
      if (this.hasExpired(slot, now)) {
        addPending();
        this.expire(slot);
      }
      const op = ops[row]!;
      if (op === OP_UPDATE_BEFORE || op === OP_DELETE) {
        // So many at most are to be taken from the group before this one.
        if (state.rowsOf(slot) <= to - from) addPending();
        if (state.rowsOf(slot) === 0) {
          state.suspect(slot);
          continue;
        }
      }
      this.touch(slot, now);
      kept.rows[to] = row;
      kept.slots[to] = slot;
      to += 1;
    }
    addPending();
  }

  private hasExpired(slot: number, nowMs: number): boolean {
    const last = this.lastMs[slot]!;
    if (last === NO_GROUP) return false;
    return (Number.isNaN(last) ? this.beganMs : last) + this.ttl.ms <= nowMs;
  }

  private expire(slot: number): void {
    this.expiredCount += 1;
    this.state.resetSlot(slot);
  }

  private touch(slot: number, nowMs: number): void {
    const last = this.lastMs[slot]!;
    if (last === NO_GROUP || !(last >= nowMs)) {
      this.lastMs[slot] = Number.isFinite(nowMs) ? nowMs : UNKNOWN;
    }
  }

  private keptRows(count: number): { readonly rows: Int32Array; readonly slots: Int32Array } {
    if (this.kept === null || this.kept.rows.length < count) {
      const length = Math.max(count, BATCH_ROWS_MAX);
      this.kept = { rows: new Int32Array(length), slots: new Int32Array(length) };
    }
    return this.kept;
  }

  private reserve(slotCount: number): void {
    if (slotCount <= this.lastMs.length) return;
    const grown = new Float64Array(Math.max(slotCount, this.lastMs.length * 2)).fill(NO_GROUP);
    grown.set(this.lastMs);
    this.lastMs = grown;
  }
}
