/**
 * The rows of each partition that OVER has evaluated or is about to, in order of time: as far back
 * as frames reach. Owns places (the number of a row in its partition, from 0, for good), the bounds
 * of a frame as places, and forgetting; what is evaluated over them are over-*.ts. @hot
 *
 *   partition   … forgotten │ first … place … end - 1 │       rows by ids of the store
 *
 * A late row that is let in stands where the watermark was (its place), not at its own time. While
 * a partition keeps such a row, RANGE frames with a distance are no run of places: `isScattered`
 * says so, and `scattered` lists their rows by their own times.
 */
import { assert } from '../../../base/assert.js';
import type { Batch } from '../../../columnar/batch.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import type { FrameSpec } from '../../../plan/window-spec.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { OverRows } from './over-calls.js';
import { RowStore } from '../rows/row-store.js';

/** Forgotten entries at the front of a partition's lists before these are cut. */
const SLACK = 64;

interface Partition {
  ids: number[];
  /** Times of the places: they never fall. */
  times: number[];
  /** Times of the rows themselves; the same list where no late row is let in. */
  own: number[];
  /** Kept rows whose own time is not that of their place. */
  lateRows: number;
  /** Entries of the lists that are forgotten. */
  head: number;
  /** Place of ids[0]: place p is at p - base. */
  base: number;
}

export class OverHistory {
  readonly store: RowStore;
  /** Bounds of the frame that `frame` was last asked for: places from `from`, below `to`. */
  from = 0;
  to = 0;
  private readonly partitions: Partition[] = [];
  /** How far behind the watermark a row may be. */
  private readonly latenessMs: number;

  constructor(types: readonly SqlType[], latenessMs: number) {
    this.store = new RowStore(types);
    this.latenessMs = latenessMs;
  }

  ensureSlots(count: number): void {
    while (this.partitions.length < count) {
      const times: number[] = [];
      const own = this.latenessMs === 0 ? times : [];
      this.partitions.push({ ids: [], times, own, lateRows: 0, head: 0, base: 0 });
    }
  }

  /** Appends rows 0 … count - 1, which are in order of time; writes their places. */
  append(batch: Batch, { slots, times, own, count, places }: OverRows): void {
    const ids = this.store.addRows(batch, null, count);
    for (let k = 0; k < count; k += 1) {
      const partition = this.partitions[slots[k]!]!;
      places[k] = partition.base + partition.ids.length;
      partition.ids.push(ids[k]!);
      partition.times.push(times[k]!);
      if (partition.own === partition.times) continue;
      partition.own.push(own[k]!);
      if (own[k] !== times[k]) partition.lateRows += 1;
    }
  }

  /** Whether rows of the frame may stand anywhere among the kept ones. */
  isScattered({ unit, preceding, following }: FrameSpec, slot: number): boolean {
    if (unit === 'rows' || preceding === Infinity || following === Infinity) return false;
    return this.partitions[slot]!.lateRows > 0;
  }

  /** The rows of such a frame, by their own times, ties in order of their places. */
  scattered({ preceding, following }: FrameSpec, slot: number, place: number): readonly number[] {
    const { ids, own, times, head, base } = this.partitions[slot]!;
    const at = place - base;
    const [least, greatest] = [own[at]! - preceding, own[at]! + following];
    const found: number[] = [];
    for (let row = head; row < ids.length && times[row]! <= times[at]!; row += 1) {
      if (own[row]! >= least && own[row]! <= greatest) found.push(row);
    }
    found.sort((a, b) => own[a]! - own[b]! || a - b);
    return found.map((row) => ids[row]!);
  }

  /** Number of rows that the partition has had. */
  end(slot: number): number {
    const { base, ids } = this.partitions[slot]!;
    return base + ids.length;
  }

  /** Row of the store at a place that is kept. */
  id(slot: number, place: number): number {
    const { base, ids } = this.partitions[slot]!;
    return ids[place - base]!;
  }

  value(column: number, slot: number, place: number): SqlValue {
    return this.store.value(column, this.id(slot, place));
  }

  isNull(column: number, slot: number, place: number): boolean {
    return this.store.isNull(column, this.id(slot, place));
  }

  /** Sets `from` and `to` to the frame of the row at a place. */
  frame(frame: FrameSpec, slot: number, place: number): void {
    const { preceding, following } = frame;
    const partition = this.partitions[slot]!;
    if (frame.unit === 'rows') {
      this.from = Math.max(0, place - preceding);
      this.to = Math.min(this.end(slot), place + following + 1);
    } else {
      const time = partition.times[place - partition.base]!;
      this.from = preceding === Infinity ? 0 : placeOf(partition, time - preceding, false);
      const end = time + following;
      this.to = following === Infinity ? this.end(slot) : placeOf(partition, end, true);
    }
    if (this.to < this.from) this.to = this.from;
  }

  /** Least place that frames of later rows can reach. */
  reach(frame: FrameSpec, slot: number): number {
    const { preceding } = frame;
    if (frame.unit === 'rows') return Math.max(0, this.end(slot) - preceding);
    const partition = this.partitions[slot]!;
    const last = partition.times.at(-1);
    if (preceding === Infinity || last === undefined) return 0;
    return placeOf(partition, last - this.latenessMs - preceding, false);
  }

  /** Forgets the rows before a place. */
  forget(slot: number, place: number): void {
    const partition = this.partitions[slot]!;
    const { ids } = partition;
    const head = Math.min(place - partition.base, ids.length);
    for (; partition.head < head; partition.head += 1) {
      this.store.release(ids[partition.head]!);
      if (partition.own[partition.head] !== partition.times[partition.head]) {
        partition.lateRows -= 1;
      }
    }
    if (partition.head < SLACK || partition.head * 2 < ids.length) return;
    const isSame = partition.own === partition.times;
    partition.ids = ids.slice(partition.head);
    partition.times = partition.times.slice(partition.head);
    partition.own = isSame ? partition.times : partition.own.slice(partition.head);
    partition.base += partition.head;
    partition.head = 0;
  }

  writeSlot(writer: StateWriter, slot: number): void {
    const { ids, times, own, head, base } = this.partitions[slot]!;
    writer.writeF64(base + head);
    writer.writeU32(ids.length - head);
    for (let at = head; at < ids.length; at += 1) {
      writer.writeF64(times[at]!);
      writer.writeF64(own[at]!);
      this.store.writeRow(writer, ids[at]!);
    }
  }

  readSlot(reader: StateReader, slot: number): void {
    this.ensureSlots(slot + 1);
    const partition = this.partitions[slot]!;
    assert(partition.ids.length === 0, 'a partition is restored once');
    partition.base = reader.readF64();
    for (let left = reader.readU32(); left > 0; left -= 1) {
      const time = reader.readF64();
      const own = reader.readF64();
      partition.times.push(time);
      if (partition.own !== partition.times) {
        partition.own.push(own);
        if (own !== time) partition.lateRows += 1;
      }
      partition.ids.push(this.store.readRow(reader));
    }
  }

  byteSize(): number {
    return this.store.byteSize() + this.store.size * 16;
  }
}

/** The first kept place at or after a time; `after`: only after it. */
function placeOf({ times, head, base }: Partition, time: number, after: boolean): number {
  let low = head;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! > time || (!after && times[middle] === time)) high = middle;
    else low = middle + 1;
  }
  return base + low;
}
