/**
 * The groups of a state as they are at one moment, written while rows go on changing them: a group
 * is written before the first row behind that moment reaches it, all others piece by piece. Owns
 * which groups belong to the moment, and their order, which is that of their slots whenever each was
 * written: who restores them finds them in order of first appearance. What a group's bytes are is
 * the state's (group-records.ts); when pieces are asked for is processors/state-copy.ts's. @hot
 *
 *   slot:  0 … written … cursor … waiting, or kept aside because a row came … count
 */
import { DataError } from '../../base/errors.js';
import { StateWriter } from '../snapshot.js';

/** Fewer are written at once: it takes less than a millisecond. */
export const FREEZE_GROUPS = 1024;
/** Groups between two looks at the clock. */
const GROUPS_AT_ONCE = 512;
/** Entries that are kept aside begin below that in their part of memory, which is never copied. */
const ASIDE_BITS = 22;
const ASIDE_BYTES = 1 << ASIDE_BITS;
const ASIDE_MASK = ASIDE_BYTES - 1;
const ASIDE_PARTS_MAX = 1023;

const WAITS = 0;
const GONE = 0xffffffff;

/** What of a state is needed for it. */
export interface GroupSource {
  readonly groupCount: number;
  /** Slots without a group are among them. */
  readonly hasFreed: boolean;
  isFreed(slot: number): boolean;
  /** Writes the entry of a group. */
  writeEntry(writer: StateWriter, slot: number): void;
  /** All are written: groups may change without being kept. */
  written(): void;
}

export class FrozenGroups {
  private readonly source: GroupSource;
  private readonly count: number;
  /** By slot: WAITS, GONE (there was no group), or 1 + its part of `aside` and where it begins there. */
  private readonly places: Uint32Array;
  private readonly aside: StateWriter[] = [];
  private cursor = 0;

  constructor(source: GroupSource) {
    this.source = source;
    this.count = source.groupCount;
    this.places = new Uint32Array(this.count);
    for (let slot = 0; source.hasFreed && slot < this.count; slot += 1) {
      if (source.isFreed(slot)) this.places[slot] = GONE;
    }
  }

  /** Before the groups at these places of `slots` change. */
  keep(slots: Int32Array, from: number, to: number): void {
    const { places, count, cursor } = this;
    for (let at = from; at < to; at += 1) {
      const slot = slots[at]!;
      if (slot >= cursor && slot < count && places[slot] === WAITS) this.putAside(slot);
    }
  }

  /** Before that group changes, or goes. */
  keepOne(slot: number): void {
    if (slot >= this.cursor && slot < this.count && this.places[slot] === WAITS) {
      this.putAside(slot);
    }
  }

  /** Before all groups go. */
  keepAll(): void {
    for (let slot = this.cursor; slot < this.count; slot += 1) this.keepOne(slot);
  }

  /** Writes entries while `goesOn`, and some at least. False: there are no more. */
  step(writer: StateWriter, goesOn: () => boolean): boolean {
    const { source, places, count } = this;
    while (this.cursor < count) {
      const end = Math.min(count, this.cursor + GROUPS_AT_ONCE);
      for (let slot = this.cursor; slot < end; slot += 1) {
        const place = places[slot]!;
        if (place === WAITS) source.writeEntry(writer, slot);
        else if (place !== GONE) {
          writer.copyEntry(this.aside[(place - 1) >>> ASIDE_BITS]!, (place - 1) & ASIDE_MASK);
        }
      }
      this.cursor = end;
      if (end < count && !goesOn()) return true;
    }
    source.written();
    return false;
  }

  private putAside(slot: number): void {
    const part = this.asideWithRoom();
    const place = (this.aside.length - 1) * ASIDE_BYTES + part.byteCount;
    this.places[slot] = place + 1;
    this.source.writeEntry(part, slot);
  }

  private asideWithRoom(): StateWriter {
    const last = this.aside.at(-1);
    if (last !== undefined && last.byteCount < ASIDE_BYTES) return last;
    if (this.aside.length === ASIDE_PARTS_MAX) {
      throw new DataError('STATE_TOO_LARGE', {
        message: 'the state of one operator takes more than 4 GiB beside a checkpoint',
        hint: 'keep fewer: use a window, filter before, or more partitions: --partitions 8',
      });
    }
    const part = new StateWriter();
    this.aside.push(part);
    return part;
  }
}
