/**
 * Rows of a join that expire: when each came, which of the other side's a row still finds, and their
 * memory given back. Owns the times of kept rows and their form in snapshots; lists of rows are
 * join-side.ts. @hot
 *
 * A row finds one that came before it while that is not older than its side's TTL. By processing
 * time those that are too old go before a batch is answered, whose rows are all of one time. By
 * event time each input has a clock of its own, and which row came first says nothing: two rows meet
 * where neither had expired at the time of the other, whatever order they came in, and a row goes
 * when the other input's clock says that nothing will find it any more.
 *
 *   key in a snapshot := what join.ts writes, time kind:u32, left times:f64*, right times:f64*
 */
import type { Batch } from '../../../columnar/batch.js';
import type { StateTtl } from '../../../plan/pipeline/pipeline-plan.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import { RowClock } from '../../row-clock.js';
import { NULL_ROW } from '../rows/row-store.js';
import type { Side } from './join-answer.js';
import { NO_KEY } from './join-keys.js';
import type { JoinSide } from './join-side.js';

const TIME_KINDS = { event: 1, processing: 2 } as const;

/** Of a row from before there was a TTL, or before event time had begun. */
const UNKNOWN = Number.NaN;

/** Keys, and rows that expired, looked at for each row that comes, and some more. */
const LOOKS_PER_ROW = 4;
const LOOKS_MORE = 64;

const SIDES: readonly Side[] = [0, 1];

export class JoinExpiry {
  /** By position of the batch at work: the time at its rows. */
  times: Float64Array = new Float64Array(0);
  /** Whether a row has to be asked for before it is a partner. */
  readonly filters: boolean;
  private readonly sides: readonly [JoinSide, JoinSide];
  private readonly keys: GroupedState;
  private readonly time: StateTtl['time'];
  private readonly ttlsMs: readonly [number, number];
  private readonly clocks: readonly [RowClock, RowClock];
  private readonly rowMs: [Float64Array, Float64Array] = [
    new Float64Array(64),
    new Float64Array(64),
  ];
  /** By side, from when rows whose time is not known count. */
  private readonly beganMs: [number, number] = [UNKNOWN, UNKNOWN];
  private cursor = 0;

  constructor(
    sides: readonly [JoinSide, JoinSide],
    keys: GroupedState,
    ttls: readonly [StateTtl | null, StateTtl | null],
  ) {
    this.sides = sides;
    this.keys = keys;
    this.time = (ttls[0] ?? ttls[1])?.time ?? 'processing';
    this.filters = this.time === 'event';
    this.ttlsMs = [ttls[0]?.ms ?? Infinity, ttls[1]?.ms ?? Infinity];
    const clock = new RowClock(this.time);
    this.clocks = [clock, this.filters ? new RowClock(this.time) : clock];
  }

  /** Before a batch is answered, and before its rows are kept. */
  begin(side: Side, batch: Batch, slots: Int32Array): void {
    this.times = this.clocks[side].timesOf(batch);
    const now = this.times[0]!;
    if (!this.filters) for (const each of SIDES) this.start(each, now);
    for (let k = 0; k < batch.selectedCount; k += 1) {
      const slot = slots[k]!;
      if (slot === NO_KEY) continue;
      this.dropExpired(side === 0 ? 1 : 0, slot, now, Infinity);
      if (!this.filters) this.dropExpired(side, slot, now, Infinity);
    }
  }

  /** A row came at a time, or another one that equals it. */
  came(side: Side, at: number, ms: number): void {
    if (at >= this.rowMs[side].length) this.grow(side);
    this.rowMs[side][at] = Number.isFinite(ms) ? ms : UNKNOWN;
  }

  /** Whether a row of the side at `ms` meets a kept row of the other side. */
  meets(side: Side, ms: number, partner: number): boolean {
    const other: Side = side === 0 ? 1 : 0;
    const theirs = this.msOf(other, partner);
    // What is not known is not too far away.
    return !(theirs + this.ttlsMs[other] <= ms) && !(ms + this.ttlsMs[side] <= theirs);
  }

  watermark(side: Side, watermarkMs: number): void {
    if (!this.clocks[side].watermark(watermarkMs)) return;
    this.start(side, watermarkMs);
    this.sweep(0);
  }

  /** Removes rows that nothing finds any more, and keys without rows; some at each call. */
  sweep(rowCount: number): void {
    const { keys } = this;
    const slotCount = keys.groupCount;
    let looks = Math.min(slotCount, rowCount * LOOKS_PER_ROW + LOOKS_MORE);
    for (; looks > 0; looks -= 1) {
      if (this.cursor >= slotCount) this.cursor = 0;
      const slot = this.cursor;
      if (!keys.table.isFreed(slot)) {
        for (const side of SIDES) {
          const now = this.clocks[side === 0 ? 1 : 0].nowMs;
          looks -= this.dropExpired(side, slot, now, looks);
        }
        // The rest of its rows has its turn next time.
        if (looks <= 0) return;
        if (this.sides.every((side) => side.isEmpty(slot))) keys.freeSlot(slot);
      }
      this.cursor += 1;
    }
  }

  /** The times of a key's rows, behind its other fields. */
  writeTimes(writer: StateWriter, slot: number): void {
    writer.writeU32(TIME_KINDS[this.time]);
    for (const side of SIDES) {
      const { next } = this.sides[side];
      for (let at = this.firstOf(side, slot); at !== NULL_ROW; at = next[at]!) {
        writer.writeF64(this.msOf(side, at));
      }
    }
  }

  /** Times of another clock say nothing: those rows count from now on. */
  readTimes(reader: StateReader, slot: number): void {
    const isSame = reader.hasMore() && reader.readU32() === TIME_KINDS[this.time];
    for (const side of SIDES) {
      const { next } = this.sides[side];
      for (let at = this.firstOf(side, slot); at !== NULL_ROW; at = next[at]!) {
        this.came(side, at, isSame ? reader.readF64() : UNKNOWN);
      }
    }
  }

  byteSize(): number {
    return this.rowMs[0].byteLength + this.rowMs[1].byteLength;
  }

  private start(side: Side, ms: number): void {
    if (Number.isNaN(this.beganMs[side]) && Number.isFinite(ms)) this.beganMs[side] = ms;
  }

  private firstOf(side: Side, slot: number): number {
    return this.sides[side].isEmpty(slot) ? NULL_ROW : this.sides[side].first[slot]!;
  }

  private msOf(side: Side, at: number): number {
    const ms = this.rowMs[side][at]!;
    return Number.isNaN(ms) ? this.beganMs[side] : ms;
  }

  /** Rows of a key in the order of their times: the first ones expire first. Gives their number. */
  private dropExpired(side: Side, slot: number, nowMs: number, most: number): number {
    const ttlMs = this.ttlsMs[side];
    const kept = this.sides[side];
    let dropped = 0;
    while (dropped < most && !kept.isEmpty(slot)) {
      if (!(this.msOf(side, kept.first[slot]!) + ttlMs <= nowMs)) break;
      kept.dropFirst(slot);
      dropped += 1;
    }
    return dropped;
  }

  private grow(side: Side): void {
    const before = this.rowMs[side];
    const longer = new Float64Array(this.sides[side].store.capacity);
    longer.set(before);
    this.rowMs[side] = longer;
  }
}
