/**
 * When the groups of a state were last updated, which of them have expired, and their slots given
 * back. Owns the times of slots and their form in snapshots; what an operator does with an expired
 * group that a row comes to is its own business. What time it is at a row is told (runtime/row-clock.ts). @hot
 *
 * A group is judged when a row comes to it, so that results say nothing of when it is removed. The
 * sweep removes what any later row would find expired, some slots at each call.
 *
 *   group in a snapshot := what it has there without a TTL, time kind:u32, last update:f64
 */
import type { StateTtl } from '../../plan/pipeline/pipeline-plan.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import type { GroupedState, SlotNotes } from './grouped-state.js';

const TIME_KINDS = { event: 1, processing: 2 } as const;

/** Of a slot without a group, or whose group has had no row yet. */
const NO_GROUP = Number.POSITIVE_INFINITY;
/** Of a group from before there was a TTL, or before event time had begun. */
const UNKNOWN = Number.NaN;

/** A slot is looked at for each row that comes, and some more: the sweep is faster than the rows. */
const SLOTS_PER_ROW = 4;
const SLOTS_MORE = 64;

export class SlotTimes implements SlotNotes {
  private readonly state: GroupedState;
  private readonly ttl: StateTtl;
  private readonly hasKeys: boolean;
  private lastMs = new Float64Array(64).fill(NO_GROUP);
  /** From when groups whose time is not known count. */
  private beganMs = UNKNOWN;
  private cursor = 0;
  private readonly found: number[] = [];

  constructor(state: GroupedState, ttl: StateTtl, hasKeys: boolean) {
    this.state = state;
    this.ttl = ttl;
    this.hasKeys = hasKeys;
    state.notes = this;
  }

  forget(slot: number): void {
    this.lastMs[slot] = NO_GROUP;
  }

  /** Before the rows of a batch, whose groups have slots: the time at the first one. */
  arrived(nowMs: number): void {
    if (this.ttl.time === 'processing') this.begin(nowMs);
    this.reserve(this.state.groupCount);
  }

  /**
   * Groups whose time is not known count from here, the first time it is called with a time. Event
   * time begins with a watermark that is passed on, which is the same for all partitions.
   */
  begin(nowMs: number): void {
    if (Number.isNaN(this.beganMs) && Number.isFinite(nowMs)) this.beganMs = nowMs;
  }

  hasExpired(slot: number, nowMs: number): boolean {
    const last = this.lastMs[slot]!;
    if (last === NO_GROUP) return false;
    return (Number.isNaN(last) ? this.beganMs : last) + this.ttl.ms <= nowMs;
  }

  /** Whether the group was updated at `ms` or later. */
  isSince(slot: number, ms: number): boolean {
    return this.lastMs[slot]! >= ms;
  }

  touch(slot: number, nowMs: number): void {
    const last = this.lastMs[slot]!;
    if (last === NO_GROUP || !(last >= nowMs)) {
      this.lastMs[slot] = Number.isFinite(nowMs) ? nowMs : UNKNOWN;
    }
  }

  /**
   * Frees slots whose groups have expired at `nowMs`, of as many as are looked at for so many rows;
   * `drop` is told of each before.
   */
  sweep(nowMs: number, rowCount: number, drop: (slot: number) => void): void {
    const { state, lastMs, found } = this;
    const slotCount = state.groupCount;
    if (!this.hasKeys || slotCount === 0 || !Number.isFinite(nowMs)) return;
    this.reserve(slotCount);
    const looks = Math.min(slotCount, rowCount * SLOTS_PER_ROW + SLOTS_MORE);
    for (let look = 0; look < looks; look += 1) {
      if (this.cursor >= slotCount) this.cursor = 0;
      const slot = this.cursor;
      this.cursor += 1;
      if (lastMs[slot] === NO_GROUP || state.table.isFreed(slot)) continue;
      if (this.hasExpired(slot, nowMs)) found.push(slot);
    }
    if (found.length === 0) return;
    for (const slot of found) drop(slot);
    state.freeSlots(found);
    found.length = 0;
  }

  /** Writes the time of a group as it is then, behind its other fields. */
  fields(): (writer: StateWriter, slot: number) => void {
    const { beganMs } = this;
    const kind = TIME_KINDS[this.ttl.time];
    return (writer, slot) => {
      const last = this.lastMs[slot] ?? NO_GROUP;
      writer.writeU32(kind);
      writer.writeF64(Number.isFinite(last) ? last : beganMs);
    };
  }

  /** A time of another clock says nothing: that group counts from now on. */
  read(reader: StateReader, slot: number): void {
    this.reserve(slot + 1);
    const isSame = reader.hasMore() && reader.readU32() === TIME_KINDS[this.ttl.time];
    this.lastMs[slot] = isSame ? reader.readF64() : UNKNOWN;
  }

  byteSize(): number {
    return this.lastMs.byteLength;
  }

  private reserve(slotCount: number): void {
    if (slotCount <= this.lastMs.length) return;
    const grown = new Float64Array(Math.max(slotCount, this.lastMs.length * 2)).fill(NO_GROUP);
    grown.set(this.lastMs);
    this.lastMs = grown;
  }
}
