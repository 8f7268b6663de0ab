/**
 * What ROWS WINDOW buffers live in: typed arrays with some cells per slot, and typed arrays with
 * some cells per row of room. Owns allocation: a slot's room starts small, doubles when it is full
 * and is never larger than what its buffer may hold, so that memory follows the rows, not the
 * number of rows that was declared. What a cell means is the kernel's business. @hot
 *
 *   row lane:  … │ room of slot 3 │ free │ room of slot 0 … │ free …      room = a power of two
 *                ^ base[3]                ^ base[0]
 */
import { assert } from '../../base/assert.js';
import { roomForEntries } from '../../columnar/byte-room.js';

export type CellKind = 'f64' | 'i32' | 'u8';
type Cells = Float64Array | Int32Array | Uint8Array;

interface Lane {
  readonly kind: CellKind;
  /** Cells per slot or per row. */
  readonly stride: number;
  readonly perRow: boolean;
}

/** Lanes that every store has: a slot's first row in the row lanes, and how many it has. */
export const BASE_LANE = 0;
export const ROOM_LANE = 1;

const FIRST_SLOTS = 16;
const FIRST_ROOM = 8;
export class RingStore {
  /** One array per lane. Replaced when slots or rows grow. */
  readonly arrays: Cells[] = [];
  private readonly lanes: Lane[] = [];
  private slots = FIRST_SLOTS;
  /** Rows of the row lanes: taken so far, and allocated. */
  private used = 0;
  private rows = 0;
  /** Bases of rooms that slots have outgrown, by room. */
  private readonly free = new Map<number, number[]>();

  constructor() {
    this.addLane('i32', 1);
    this.addLane('i32', 1);
  }

  /** Adds a lane with cells per slot; its index in `arrays`. Cells start at 0. */
  addLane(kind: CellKind, stride: number): number {
    this.lanes.push({ kind, stride, perRow: false });
    this.arrays.push(allocate(kind, stride * this.slots));
    return this.lanes.length - 1;
  }

  /** Adds a lane with cells per row of room, before any slot has room. */
  addRowLane(kind: CellKind, stride: number): number {
    assert(this.rows === 0, 'lanes are added before rows');
    this.lanes.push({ kind, stride, perRow: true });
    this.arrays.push(allocate(kind, 0));
    return this.lanes.length - 1;
  }

  /** Where a slot's cells of a lane are: the first one and how many. */
  cellsOf(lane: number, slot: number): readonly [number, number] {
    const { stride, perRow } = this.lanes[lane]!;
    if (!perRow) return [slot * stride, stride];
    return [this.arrays[BASE_LANE]![slot]! * stride, this.room(slot) * stride];
  }

  room(slot: number): number {
    return this.arrays[ROOM_LANE]![slot]!;
  }

  /** Makes room for slots 0 … count - 1. */
  ensureSlots(count: number): void {
    if (count <= this.slots) return;
    while (this.slots < count) this.slots *= 2;
    this.lanes.forEach(({ kind, stride, perRow }, at) => {
      if (!perRow) this.arrays[at] = longer(kind, this.arrays[at]!, stride * this.slots);
    });
  }

  /** Doubles a slot's room, up to `most` rows, a power of two; what it holds moves along. */
  grow(slot: number, most: number): void {
    const room = this.room(slot);
    this.give(slot, room === 0 ? Math.min(FIRST_ROOM, most) : Math.min(room * 2, most));
  }

  /** Gives a slot a room of that many rows, a power of two, with what its old one holds. */
  give(slot: number, room: number): void {
    const [bases, rooms] = [this.arrays[BASE_LANE]!, this.arrays[ROOM_LANE]!];
    const [from, held] = [bases[slot]!, rooms[slot]!];
    const base = this.take(room);
    this.lanes.forEach(({ stride, perRow }, at) => {
      if (!perRow) return;
      const cells = this.arrays[at]!;
      cells.copyWithin(base * stride, from * stride, (from + held) * stride);
      cells.fill(0, (base + held) * stride, (base + room) * stride);
    });
    if (held > 0) this.free.set(held, [...(this.free.get(held) ?? []), from]);
    bases[slot] = base;
    rooms[slot] = room;
  }

  byteSize(): number {
    return this.arrays.reduce((total, cells) => total + cells.byteLength, 0);
  }

  private take(room: number): number {
    const reused = this.free.get(room)?.pop();
    if (reused !== undefined) return reused;
    const base = this.used;
    // Row numbers times two stay below 2^31: kernels compute with them as 32-bit integers.
    roomForEntries(base + room, 'rows of ROWS buffers');
    this.used += room;
    if (this.used > this.rows) {
      this.rows = Math.max(this.used, this.rows * 2, FIRST_ROOM * FIRST_SLOTS);
      this.lanes.forEach(({ kind, stride, perRow }, at) => {
        if (perRow) this.arrays[at] = longer(kind, this.arrays[at]!, stride * this.rows);
      });
    }
    return base;
  }
}

function longer(kind: CellKind, cells: Cells, length: number): Cells {
  const grown = allocate(kind, length);
  grown.set(cells);
  return grown;
}

function allocate(kind: CellKind, length: number): Cells {
  switch (kind) {
    case 'f64':
      return new Float64Array(length);
    case 'i32':
      return new Int32Array(length);
    case 'u8':
      return new Uint8Array(length);
  }
}
