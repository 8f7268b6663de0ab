/**
 * Block arena: shared memory in which one thread, the owner, writes blocks that other threads read
 * where they lie. Owns the memory's layout, allocation and reference counts. What a block holds is
 * the writer's business, and how readers learn of it the exchange's. @hot
 *
 *   arena     line 0: what the owner alone writes      then, 64-byte lines without a gap between:
 *             | free | oldest | newest | used | … |    [head|payload…][head|payload…][free…    ]
 *   head      one line in front of every block         | bytes | readers | next | … |
 *
 *   bytes     block with its head, a multiple of 64    written by the owner
 *   readers   -1 while the owner writes the payload    owner: store; readers: subtract 1
 *   next      block allocated after this one           written by the owner
 *             in free memory: next free extent, by address; -1 = none
 *
 * Blocks are listed in the order of their allocation, and given back from the oldest while nobody
 * reads it: readers take a sender's blocks in that order. When a block does not fit then, every
 * block is looked at, so that one slow reader (another query's) holds back only what it reads.
 *
 * A block goes to the lowest address where it fits, so that few blocks in flight keep to the same
 * cache lines. (Wrapping a plain ring back to 0 early does that too, but then cannot use what lies
 * behind the wrap: the arena would be full with as many blocks in flight as at the time it wrapped.
 * docs/decisions/0007-exchange.md has what the low addresses are worth.) When all blocks are given
 * back the memory is one extent again: whoever waits for its own blocks to be read gets its space.
 *
 * Memory order. The owner's plain writes to a payload come before the store of `readers`, and that
 * before the store by which a ring publishes the block; a reader's plain reads come before its
 * subtraction, and the owner writes there again only after it has loaded the 0. So no payload is
 * ever read and written at a time, and the payload needs no atomic access.
 */
import { assert } from '../base/assert.js';

export interface BlockMemory {
  readonly buffer: SharedArrayBuffer;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
}

/** Views over the whole of `buffer`, whose length must be a multiple of 8. */
export function blockMemory(buffer: SharedArrayBuffer): BlockMemory {
  return {
    buffer,
    u8: new Uint8Array(buffer),
    i32: new Int32Array(buffer),
    f64: new Float64Array(buffer),
  };
}

const LINE_BYTES = 64;

/** Words of the arena's own line. A free list of 0, an address no extent has: not yet set up. */
const FREE = 0;
const OLDEST = 1;
const NEWEST = 2;
const USED = 3;

/** Words of a block's or free extent's head. */
const BYTES = 0;
const READERS = 1;
const NEXT = 2;

const NONE = -1;
const WRITING = -1;

export class BlockArena {
  readonly memory: BlockMemory;
  /** Bytes for blocks and their heads of 64 bytes. */
  readonly capacity: number;
  /** The largest payload that can be allocated: a quarter of the arena with its head. */
  readonly blockBytesMax: number;
  private readonly words: Int32Array;

  /** Bytes of shared memory for an arena of at least `capacityBytes`. */
  static bytesFor(capacityBytes: number): number {
    return LINE_BYTES + roundUp(capacityBytes);
  }

  /** On any thread, over zeroed memory or an arena in use. Only one thread may be the owner. */
  constructor(buffer: SharedArrayBuffer) {
    this.capacity = (buffer.byteLength & -LINE_BYTES) - LINE_BYTES;
    assert(this.capacity >= 8 * LINE_BYTES, 'an arena has room for four blocks');
    assert(buffer.byteLength <= 0x7fffffff, 'offsets in an arena are 32-bit integers');
    this.memory = blockMemory(buffer);
    this.words = this.memory.i32;
    this.blockBytesMax = ((this.capacity >> 2) & -LINE_BYTES) - LINE_BYTES;
  }

  /**
   * Owner: a block for `bytes` of payload (at most blockBytesMax): the payload's offset in the
   * memory, a multiple of 64, or -1 when there is no room before readers release some.
   */
  allocate(bytes: number): number {
    assert(bytes >= 0 && bytes <= this.blockBytesMax, 'a block is at most a quarter of its arena');
    if (this.words[FREE] === 0) this.setUp();
    const wanted = roundUp(bytes) + LINE_BYTES;
    this.reclaimOldest();
    let at = this.take(wanted);
    if (at === NONE && this.reclaimAll()) at = this.take(wanted);
    return at === NONE ? -1 : at + LINE_BYTES;
  }

  /** Owner: keeps `usedBytes` of the block for `readers` readers; with none it is free at once. */
  commit(offset: number, usedBytes: number, readers: number): void {
    const { words } = this;
    const at = offset - LINE_BYTES;
    const head = at >> 2;
    assert(words[head + READERS] === WRITING, 'a block is committed once');
    const kept = roundUp(usedBytes) + LINE_BYTES;
    const spare = words[head + BYTES]! - kept;
    assert(usedBytes >= 0 && spare >= 0, 'a block holds no more than was allocated');
    if (spare > 0) {
      words[head + BYTES] = kept;
      words[USED]! -= spare;
      this.give(at + kept, spare);
    }
    Atomics.store(words, head + READERS, readers);
    // Mostly it is the only one or follows blocks in flight; those behind it find it later.
    if (readers === 0) this.reclaimAll();
  }

  /** A reader, on any thread: it is done. True when it was the last: the owner may wait for space. */
  release(offset: number): boolean {
    const before = Atomics.sub(this.words, ((offset - LINE_BYTES) >> 2) + READERS, 1);
    assert(before > 0, 'a block is released once by each of its readers');
    return before === 1;
  }

  /** A reader: the payload in memory of its own, from offset 0. */
  copy(offset: number): BlockMemory {
    const length = this.words[((offset - LINE_BYTES) >> 2) + BYTES]! - LINE_BYTES;
    const own = new SharedArrayBuffer(length);
    const memory = blockMemory(own);
    memory.u8.set(this.memory.u8.subarray(offset, offset + length));
    return memory;
  }

  /** Owner: bytes of blocks in flight with their heads, without those that readers are done with. */
  usedBytes(): number {
    this.reclaimAll();
    return this.words[USED]!;
  }

  private setUp(): void {
    const { words } = this;
    words[OLDEST] = NONE;
    words[NEWEST] = NONE;
    words[FREE] = LINE_BYTES;
    words[(LINE_BYTES >> 2) + BYTES] = this.capacity;
    words[(LINE_BYTES >> 2) + NEXT] = NONE;
  }

  /** The lowest extent that fits, listed as the newest block: its address, or NONE. */
  private take(wanted: number): number {
    const { words } = this;
    let before = NONE;
    let at = words[FREE]!;
    while (at !== NONE && words[(at >> 2) + BYTES]! < wanted) {
      before = at;
      at = words[(at >> 2) + NEXT]!;
    }
    if (at === NONE) return NONE;
    const head = at >> 2;
    const left = words[head + BYTES]! - wanted;
    let follower = words[head + NEXT]!;
    if (left > 0) {
      const rest = (at + wanted) >> 2;
      words[rest + BYTES] = left;
      words[rest + NEXT] = follower;
      follower = at + wanted;
    }
    if (before === NONE) words[FREE] = follower;
    else words[(before >> 2) + NEXT] = follower;
    words[head + BYTES] = wanted;
    words[head + NEXT] = NONE;
    Atomics.store(words, head + READERS, WRITING);
    if (words[NEWEST] === NONE) words[OLDEST] = at;
    else words[(words[NEWEST]! >> 2) + NEXT] = at;
    words[NEWEST] = at;
    words[USED]! += wanted;
    return at;
  }

  /** Gives back the oldest blocks up to one that is read or written. */
  private reclaimOldest(): void {
    const { words } = this;
    let at = words[OLDEST]!;
    while (at !== NONE && Atomics.load(words, (at >> 2) + READERS) === 0) {
      const next = words[(at >> 2) + NEXT]!;
      // Out of the list first: what is given back is never met in it again.
      words[OLDEST] = next;
      if (next === NONE) words[NEWEST] = NONE;
      this.giveBlock(at);
      at = next;
    }
  }

  /** Gives back every block that nobody reads, in whatever order. True when there was one. */
  private reclaimAll(): boolean {
    const { words } = this;
    if (words[FREE] === 0) return false;
    let found = false;
    let before = NONE;
    let at = words[OLDEST]!;
    while (at !== NONE) {
      const next = words[(at >> 2) + NEXT]!;
      if (Atomics.load(words, (at >> 2) + READERS) === 0) {
        if (before === NONE) words[OLDEST] = next;
        else words[(before >> 2) + NEXT] = next;
        if (next === NONE) words[NEWEST] = before;
        this.giveBlock(at);
        found = true;
      } else {
        before = at;
      }
      at = next;
    }
    return found;
  }

  private giveBlock(at: number): void {
    const bytes = this.words[(at >> 2) + BYTES]!;
    this.words[USED]! -= bytes;
    this.give(at, bytes);
  }

  /** Lists memory as free, joined with free memory on either side. O(free extents). */
  private give(at: number, bytes: number): void {
    const { words } = this;
    let before = NONE;
    let after = words[FREE]!;
    while (after !== NONE && after < at) {
      before = after;
      after = words[(after >> 2) + NEXT]!;
    }
    let start = at;
    let length = bytes;
    if (before !== NONE && before + words[(before >> 2) + BYTES]! === at) {
      start = before;
      length += words[(before >> 2) + BYTES]!;
    } else if (before === NONE) {
      words[FREE] = at;
    } else {
      words[(before >> 2) + NEXT] = at;
    }
    if (start + length === after) {
      length += words[(after >> 2) + BYTES]!;
      after = words[(after >> 2) + NEXT]!;
    }
    words[(start >> 2) + BYTES] = length;
    words[(start >> 2) + NEXT] = after;
  }
}

function roundUp(bytes: number): number {
  return (bytes + LINE_BYTES - 1) & -LINE_BYTES;
}
