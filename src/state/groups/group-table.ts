/**
 * Groups by key: records of cells in chunks and the open-addressing table that finds them. Owns
 * slots (numbers of groups in order of first appearance), growth, and freed slots. The record's
 * layout is state/groups/aggregate-layout; generated kernels read `places`, `first` and `chunks`. @hot
 *
 *   places[hash & mask] = slot + 1, 0 = free; at most half are taken; linear probing
 *   slot → chunks[slot >>> 16], cells from (slot & 65535) × stride
 *
 * The first chunk grows by doubling up to 65,536 groups; further chunks have their full size, so
 * that ten million groups are never copied. The hash here is over cell bits and never leaves.
 */
import { assert } from '../../base/assert.js';
import { roomForEntries } from '../../columnar/byte-room.js';

export const SLOT_BITS = 16;
const CHUNK_SLOTS = 1 << SLOT_BITS;
const CHUNK_MASK = CHUNK_SLOTS - 1;
const FIRST_SLOTS = 16;

/** Places that are made for groups which are only expected: 512 MiB. */
const PLACES_EXPECTED_MAX = 1 << 27;

/** Rows cell of a slot that was freed. */
export const FREED = -1;

const bits = new Float64Array(1);
const words = new Int32Array(bits.buffer);
/** The scratch that generated kernels hash with. */
export const hashScratch = { bits, words };

export class GroupTable {
  places: Int32Array = new Int32Array(2 * FIRST_SLOTS);
  first: Float64Array;
  readonly chunks: Float64Array[];
  isChunked = false;
  /** Slots ever given out: 0 … slotCount - 1. */
  slotCount = 0;
  /** Key cells of the group that findOrAdd and add are about. */
  readonly keyCells: Float64Array;
  readonly stride: number;
  private readonly template: Float64Array;
  private readonly keyCount: number;
  private readonly rowsCell: number;
  private indexed = 0;
  private readonly freed: number[] = [];

  constructor(keyCount: number, rowsCell: number, template: Float64Array) {
    this.keyCount = keyCount;
    this.rowsCell = rowsCell;
    this.template = template;
    this.stride = template.length;
    this.keyCells = new Float64Array(keyCount);
    this.first = new Float64Array(FIRST_SLOTS * this.stride);
    this.chunks = [this.first];
  }

  /** Groups that exist. */
  get liveCount(): number {
    return this.slotCount - this.freed.length;
  }

  cellsOf(slot: number): Float64Array {
    return this.chunks[slot >>> SLOT_BITS]!;
  }

  baseOf(slot: number): number {
    return (slot & CHUNK_MASK) * this.stride;
  }

  isFreed(slot: number): boolean {
    return this.cellsOf(slot)[this.baseOf(slot) + this.rowsCell] === FREED;
  }

  /** Slot of the key in `keyCells`, added when new. */
  findOrAdd(): number {
    const { places, keyCells, keyCount } = this;
    const mask = places.length - 1;
    let place = this.hash(keyCells, 0) & mask;
    for (;;) {
      const slot = places[place]! - 1;
      if (slot < 0) return this.addAt(place);
      const cells = this.cellsOf(slot);
      const base = this.baseOf(slot);
      let key = 0;
      while (key < keyCount && cells[base + key] === keyCells[key]) key += 1;
      if (key === keyCount) return slot;
      place = (place + 1) & mask;
    }
  }

  /** Adds the key in `keyCells` at the free place where its look-up ended. */
  addAt(place: number): number {
    const slot = this.add();
    this.places[place] = slot + 1;
    this.indexed += 1;
    if (this.indexed * 2 > this.places.length) this.index(this.places.length * 2);
    return slot;
  }

  /** A record with the key in `keyCells` that no look-up finds. */
  add(): number {
    const slot = this.freed.pop() ?? this.nextSlot();
    const cells = this.cellsOf(slot);
    const base = this.baseOf(slot);
    cells.set(this.template, base);
    for (let key = 0; key < this.keyCount; key += 1) cells[base + key] = this.keyCells[key]!;
    return slot;
  }

  /** Brings a group back to no rows; its key stays. */
  reset(slot: number): void {
    const cells = this.cellsOf(slot);
    const base = this.baseOf(slot);
    for (let cell = this.keyCount; cell < this.stride; cell += 1) {
      cells[base + cell] = this.template[cell]!;
    }
  }

  /** Gives the slot back. True when look-ups had found it. */
  free(slot: number): boolean {
    assert(!this.isFreed(slot), 'a slot is freed once');
    const wasIndexed = this.unindex(slot);
    this.cellsOf(slot)[this.baseOf(slot) + this.rowsCell] = FREED;
    this.freed.push(slot);
    return wasIndexed;
  }

  /** Forgets all groups, keeps the memory of small tables. */
  clear(): void {
    if (this.slotCount === 0) return;
    this.slotCount = 0;
    this.freed.length = 0;
    this.indexed = 0;
    this.chunks.length = 1;
    this.isChunked = false;
    if (this.places.length > CHUNK_SLOTS) this.places = new Int32Array(2 * FIRST_SLOTS);
    else this.places.fill(0);
  }

  /** So many groups are to come: look-ups get their places once, instead of again and again. */
  expect(groups: number): void {
    let places = this.places.length;
    while (places < 2 * groups && places < PLACES_EXPECTED_MAX) places *= 2;
    if (places > this.places.length) this.index(places);
  }

  /** Of the key in `keyCells`, as look-ups find it. */
  keyHash(): number {
    return this.hash(this.keyCells, 0);
  }

  /**
   * Brings what look-ups of these hashes begin with into the processor's caches: reads that do not
   * wait for each other, unlike those of look-ups one by one. Gives a number that says nothing.
   */
  touch(hashes: Int32Array, count: number): number {
    const { places } = this;
    const mask = places.length - 1;
    let seen = 0;
    for (let at = 0; at < count; at += 1) {
      const place = hashes[at]! & mask;
      hashes[at] = places[place]!;
      // What is behind it in the table, in most cases in the same line of a cache.
      seen ^= places[(place + 1) & mask]!;
    }
    for (let at = 0; at < count; at += 1) {
      const slot = hashes[at]! - 1;
      if (slot >= 0) seen ^= this.cellsOf(slot)[this.baseOf(slot)]! & 1;
    }
    return seen;
  }

  /** Forgets all groups and keeps all memory, for as many again. */
  empty(): void {
    this.slotCount = 0;
    this.freed.length = 0;
    this.indexed = 0;
    this.places.fill(0);
  }

  /** Bytes of the groups that are there, and of what finds them. */
  usedBytes(): number {
    return this.places.length * 4 + this.slotCount * this.stride * 8;
  }

  /** Finds every place anew, after key cells have changed. */
  reindex(): void {
    this.index(this.places.length);
  }

  byteSize(): number {
    let bytes = this.places.length * 4;
    for (const chunk of this.chunks) bytes += chunk.length * 8;
    return bytes;
  }

  private nextSlot(): number {
    const slot = this.slotCount;
    const capacity = this.chunks[slot >>> SLOT_BITS];
    const isFull = capacity === undefined || this.baseOf(slot) === capacity.length;
    if (isFull) roomForEntries(slot + 1, 'groups');
    if (capacity === undefined) {
      this.chunks.push(new Float64Array(CHUNK_SLOTS * this.stride));
      this.isChunked = true;
    } else if (isFull) {
      const grown = new Float64Array(capacity.length * 2);
      grown.set(capacity);
      this.chunks[0] = grown;
      this.first = grown;
    }
    this.slotCount = slot + 1;
    return slot;
  }

  /** The places of all indexed slots, in so many places. */
  private index(length: number): void {
    const before = this.places;
    const after = new Int32Array(length);
    const mask = length - 1;
    for (let at = 0; at < before.length; at += 1) {
      const slot = before[at]! - 1;
      if (slot < 0) continue;
      let place = this.hash(this.cellsOf(slot), this.baseOf(slot)) & mask;
      while (after[place] !== 0) place = (place + 1) & mask;
      after[place] = slot + 1;
    }
    this.places = after;
  }

  /** Takes a slot out of the table and closes the gap behind it. */
  private unindex(slot: number): boolean {
    const { places } = this;
    const mask = places.length - 1;
    let gap = this.hash(this.cellsOf(slot), this.baseOf(slot)) & mask;
    while (places[gap] !== slot + 1) {
      if (places[gap] === 0) return false;
      gap = (gap + 1) & mask;
    }
    for (let at = (gap + 1) & mask; places[at] !== 0; at = (at + 1) & mask) {
      const moved = places[at]! - 1;
      const home = this.hash(this.cellsOf(moved), this.baseOf(moved)) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      places[gap] = moved + 1;
      gap = at;
    }
    places[gap] = 0;
    this.indexed -= 1;
    return true;
  }

  /** MurmurHash3's fmix32 per key, the same as the generated kernels' (state/groups/key-resolve). */
  private hash(cells: Float64Array, base: number): number {
    let hash = 0;
    for (let key = 0; key < this.keyCount; key += 1) {
      bits[0] = cells[base + key]!;
      hash ^= words[0]! ^ Math.imul(words[1]!, 0x9e3779b1);
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      hash ^= hash >>> 16;
    }
    return hash;
  }
}
