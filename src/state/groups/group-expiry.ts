/**
 * Updates of groups that expire. Owns what becomes of an expired group that a row comes to: it is
 * brought back to no rows, as if it were not there, and begins again with +I; and of rows that are
 * taken back from a group that is not there: they are left out. When groups expire is slot-times. @hot
 */
import { BATCH_ROWS_MAX, OP_DELETE, OP_UPDATE_BEFORE } from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import type { StateTtl } from '../../plan/pipeline/pipeline-plan.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import type { FrozenGroups } from './frozen-groups.js';
import type { GroupedState, ResolvedRows } from './grouped-state.js';
import { SlotTimes } from './slot-times.js';

export class GroupExpiry {
  readonly times: SlotTimes;
  private readonly state: GroupedState;
  private kept: { rows: Int32Array; slots: Int32Array } | null = null;

  constructor(state: GroupedState, ttl: StateTtl, hasKeys: boolean) {
    this.state = state;
    this.times = new SlotTimes(state, ttl, hasKeys);
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
    const slots = state.resolve(batch, batch.selection, count);
    this.times.arrived(times[0]!);
    const given = { batch, rows: batch.selection, slots, count };
    state.emitting(given, results);
    if (batch.ops === null) this.updateAdding(mode, given, times, results);
    else this.updateSigned(mode, given, batch.ops, times, results);
    state.settle();
  }

  /** Removes groups that have expired at `nowMs`: so many slots are looked at as rows have come. */
  sweep(nowMs: number, rowCount: number): void {
    this.times.sweep(nowMs, rowCount, () => undefined);
  }

  snapshot(writer: StateWriter): void {
    this.freeze().step(writer, () => true);
  }

  /** The groups and their times as they are now, while rows go on changing them. */
  freeze(): FrozenGroups {
    return this.state.freeze({ behind: this.times.fields() });
  }

  restore(reader: StateReader): void {
    while (reader.nextEntry() >= 0) this.times.read(reader, this.state.restoreGroup(reader));
  }

  private updateAdding(
    mode: 'changed' | 'retract',
    given: ResolvedRows,
    times: Float64Array,
    results: ResultRows,
  ): void {
    const { state, times: slotTimes } = this;
    const { slots, count } = given;
    let from = 0;
    for (let at = 0; at < count; at += 1) {
      const slot = slots[at]!;
      const now = times[at]!;
      if (slotTimes.hasExpired(slot, now)) {
        // Rows of this call that the group has got are not added yet.
        if (slotTimes.isSince(slot, times[from]!)) {
          state.emitRows(mode, given, { from, to: at }, results);
          from = at;
        }
        state.resetSlot(slot);
      }
      slotTimes.touch(slot, now);
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
      if (this.times.hasExpired(slot, now)) {
        addPending();
        state.resetSlot(slot);
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
      this.times.touch(slot, now);
      kept.rows[to] = row;
      kept.slots[to] = slot;
      to += 1;
    }
    addPending();
  }

  private keptRows(count: number): { readonly rows: Int32Array; readonly slots: Int32Array } {
    if (this.kept === null || this.kept.rows.length < count) {
      const length = Math.max(count, BATCH_ROWS_MAX);
      this.kept = { rows: new Int32Array(length), slots: new Int32Array(length) };
    }
    return this.kept;
  }
}
