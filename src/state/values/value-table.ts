/**
 * Counted values per group: the multiset behind DISTINCT and behind MIN and MAX of retracting
 * input. One open-addressing table for all groups, keyed by (slot, cell); the entries of a slot
 * form a list, so that a group can be merged, written or forgotten by itself. @hot
 *
 *   entry := slot, cell (value-cells.ts), count, next entry of the slot
 *   places[hash & mask] := entry + 1, 0 = free
 *
 * An entry whose count fell to 0 stays until its slot is cleared or the table is rebuilt, which
 * happens instead of growing once half the entries are such.
 */
import { roomForEntries } from '../../columnar/byte-room.js';
import type { CellCodec } from './value-cells.js';
import { idOfWideCell, isWideCell, NULL_CELL, wideCellOfId } from './value-cells.js';
import type { StateReader, StateWriter } from '../snapshot.js';

const bits = new Float64Array(1);
const words = new Int32Array(bits.buffer);

export class ValueTable {
  private readonly codec: CellCodec;
  private slots = new Int32Array(16);
  private cells = new Float64Array(16);
  private counts = new Float64Array(16);
  private next = new Int32Array(16);
  private used = 0;
  private dead = 0;
  /** First entry of each slot, -1 = none. */
  private heads = new Int32Array(16).fill(-1);
  private places = new Int32Array(32);

  constructor(codec: CellCodec) {
    this.codec = codec;
  }

  /** Counts a value up or down: 1 when it is new, -1 when it was the last, else 0. */
  add(slot: number, cell: number, sign: number): number {
    const entry = this.entryOf(slot, cell);
    const before = this.counts[entry]!;
    const after = before + sign;
    // A row that was never added (its record had failed) cannot be taken back.
    if (after < 0) return 0;
    this.counts[entry] = after;
    if (before === 0 && after > 0) {
      this.dead -= 1;
      return 1;
    }
    if (after === 0) {
      this.dead += 1;
      return -1;
    }
    return 0;
  }

  count(slot: number, cell: number): number {
    const entry = this.find(slot, cell);
    return entry < 0 ? 0 : this.counts[entry]!;
  }

  /** Calls back for each value of a slot with its count. */
  forEach(slot: number, visit: (cell: number, count: number) => void): void {
    if (slot >= this.heads.length) return;
    for (let entry = this.heads[slot]!; entry >= 0; entry = this.next[entry]!) {
      if (this.counts[entry]! > 0) visit(this.cells[entry]!, this.counts[entry]!);
    }
  }

  /** The values of a slot and their counts, oldest first; the caller may change the table. */
  entriesOf(slot: number): { readonly cells: number[]; readonly counts: number[] } {
    const cells: number[] = [];
    const counts: number[] = [];
    this.forEach(slot, (cell, count) => {
      cells.push(cell);
      counts.push(count);
    });
    return { cells: cells.reverse(), counts: counts.reverse() };
  }

  clearSlot(slot: number): void {
    if (slot >= this.heads.length) return;
    for (let entry = this.heads[slot]!; entry >= 0; entry = this.next[entry]!) {
      if (this.counts[entry]! > 0) this.dead += 1;
      this.counts[entry] = 0;
      this.slots[entry] = -1;
    }
    this.heads[slot] = -1;
    if (this.dead * 2 > this.used && this.used > 64) this.rebuild(this.places.length);
  }

  clear(): void {
    if (this.used === 0) return;
    this.used = 0;
    this.dead = 0;
    this.heads.fill(-1);
    if (this.places.length > 4096) this.allocate(16);
    else this.places.fill(0);
  }

  snapshot(writer: StateWriter, slot: number): void {
    const { cells, counts } = this.entriesOf(slot);
    writer.writeU32(cells.length);
    cells.forEach((cell, at) => {
      this.codec.store(writer, cell);
      writer.writeF64(counts[at]!);
    });
  }

  restore(reader: StateReader, slot: number): void {
    for (let left = reader.readU32(); left > 0; left -= 1) {
      const cell = this.codec.load(reader);
      this.add(slot, cell, reader.readF64());
    }
  }

  markIds(marks: Uint8Array): void {
    for (let entry = 0; entry < this.used; entry += 1) {
      if (this.counts[entry]! > 0) markCell(this.codec, this.cells[entry]!, marks);
    }
  }

  remapIds(newIds: Int32Array): void {
    if (this.codec.ids === 'never') return;
    for (let entry = 0; entry < this.used; entry += 1) {
      this.cells[entry] = remapCell(this.codec, this.cells[entry]!, newIds);
    }
    this.rebuild(this.places.length);
  }

  byteSize(): number {
    return this.slots.length * 24 + this.heads.length * 4 + this.places.length * 4;
  }

  private find(slot: number, cell: number): number {
    const mask = this.places.length - 1;
    for (let at = hashOf(slot, cell) & mask; ; at = (at + 1) & mask) {
      const entry = this.places[at]! - 1;
      if (entry < 0) return -1;
      if (this.cells[entry] === cell && this.slots[entry] === slot) return entry;
    }
  }

  private entryOf(slot: number, cell: number): number {
    const mask = this.places.length - 1;
    let at = hashOf(slot, cell) & mask;
    for (;;) {
      const entry = this.places[at]! - 1;
      if (entry < 0) break;
      if (this.cells[entry] === cell && this.slots[entry] === slot) return entry;
      at = (at + 1) & mask;
    }
    if (this.used * 2 >= this.places.length) {
      this.rebuild(this.dead * 2 > this.used ? this.places.length : this.places.length * 2);
      return this.entryOf(slot, cell);
    }
    if (slot >= this.heads.length) this.growHeads(slot);
    return this.append(slot, cell, 0, at);
  }

  private append(slot: number, cell: number, count: number, at: number): number {
    const entry = this.used;
    this.used = entry + 1;
    this.slots[entry] = slot;
    this.cells[entry] = cell;
    this.counts[entry] = count;
    this.next[entry] = this.heads[slot]!;
    this.heads[slot] = entry;
    this.places[at] = entry + 1;
    if (count === 0) this.dead += 1;
    return entry;
  }

  /** Copies the live entries, oldest first, into tables with so many places. */
  private rebuild(places: number): void {
    const { slots, cells, counts, used } = this;
    this.allocate(places / 2);
    this.heads.fill(-1);
    this.used = 0;
    this.dead = 0;
    const mask = this.places.length - 1;
    for (let entry = 0; entry < used; entry += 1) {
      if (counts[entry]! === 0) continue;
      let at = hashOf(slots[entry]!, cells[entry]!) & mask;
      while (this.places[at] !== 0) at = (at + 1) & mask;
      this.append(slots[entry]!, cells[entry]!, counts[entry]!, at);
    }
  }

  private allocate(entries: number): void {
    roomForEntries(entries, 'different values of groups');
    this.slots = new Int32Array(entries);
    this.cells = new Float64Array(entries);
    this.counts = new Float64Array(entries);
    this.next = new Int32Array(entries);
    this.places = new Int32Array(entries * 2);
  }

  private growHeads(slot: number): void {
    const grown = new Int32Array(Math.max(slot + 1, this.heads.length * 2)).fill(-1);
    grown.set(this.heads);
    this.heads = grown;
  }
}

function hashOf(slot: number, cell: number): number {
  bits[0] = cell;
  let h = Math.imul(slot, 0x27d4eb2d) ^ words[0]! ^ Math.imul(words[1]!, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

export function markCell(codec: CellCodec, cell: number, marks: Uint8Array): void {
  if (codec.ids === 'never' || cell === NULL_CELL || cell < 0) return;
  if (codec.ids === 'always') marks[cell] = 1;
  else if (isWideCell(cell)) marks[idOfWideCell(cell)] = 1;
}

export function remapCell(codec: CellCodec, cell: number, newIds: Int32Array): number {
  if (codec.ids === 'never' || cell === NULL_CELL || cell < 0) return cell;
  if (codec.ids === 'always') return newIds[cell]!;
  return isWideCell(cell) ? wideCellOfId(newIds[idOfWideCell(cell)]!) : cell;
}
