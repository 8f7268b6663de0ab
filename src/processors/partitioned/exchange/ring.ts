/**
 * Ring: a bounded queue of integers from one thread to another, in shared memory. Owns the queue
 * only: what the integers mean is the exchange's business, and whoever waits sleeps on a WakeCell.
 * When full it refuses; the producer drains its own inputs before it tries again. @hot
 *
 *   byte 0     | head |  next to pop; written by the consumer      a line of 64 bytes each, so that
 *   byte 64    | tail |  next to push; written by the producer     the two do not share one
 *   byte 128   | slot 0 | slot 1 | … | slot 2ⁿ - 1 |               written by the producer
 *
 * head and tail count upward through all 32 bits and wrap; the slot is the count under a mask;
 * tail - head, as a 32-bit difference, is the size: 0 empty, 2ⁿ full.
 *
 * Memory order. The producer writes the slot plainly, then stores tail: a consumer that loads that
 * tail sees the slot, and everything else the producer wrote before. The consumer reads the slot
 * plainly, then stores head: the producer writes the slot again only after it has loaded that head.
 *
 * Each side keeps its own count in a field, and of the other side's the value it saw last. It
 * loads the other's line only when that value says full or empty; so in steady flow the lines stay
 * where they are for many items (padenot/ringbuf.js and LMAX Disruptor do the same).
 */
import { assert } from '../../../base/assert.js';

const LINE_BYTES = 64;
const TAIL_WORD = LINE_BYTES >> 2;
const SLOTS_WORD = (2 * LINE_BYTES) >> 2;
const SLOTS_MAX = 1 << 24;

export class Ring {
  /** Capacity: a power of two. */
  readonly slots: number;
  private readonly words: Int32Array;
  private readonly mask: number;
  /** Producer: its own count, and the head it saw last. */
  private tail: number;
  private headSeen: number;
  /** Consumer: its own count, and the tail it saw last. */
  private head: number;
  private tailSeen: number;

  /** Bytes of shared memory for `slots` slots, or the next power of two. From 16 on, whole lines. */
  static bytesFor(slots: number): number {
    return 2 * LINE_BYTES + 4 * slotsFor(slots);
  }

  /** The ring that fills `buffer`, or one of several in it: then its place and slots are given. */
  constructor(buffer: SharedArrayBuffer);
  constructor(buffer: SharedArrayBuffer, byteOffset: number, slots: number);
  constructor(buffer: SharedArrayBuffer, byteOffset = 0, slots?: number) {
    assert(byteOffset % LINE_BYTES === 0, 'a ring starts at a line of its own');
    const room = (buffer.byteLength - byteOffset - 2 * LINE_BYTES) >> 2;
    assert(room > 0, 'a ring has a slot');
    this.slots = slots === undefined ? 1 << (31 - Math.clz32(room)) : slotsFor(slots);
    assert(this.slots <= room, 'the memory holds all slots');
    this.words = new Int32Array(buffer, byteOffset, SLOTS_WORD + this.slots);
    this.mask = this.slots - 1;
    this.head = Atomics.load(this.words, 0);
    this.tail = Atomics.load(this.words, TAIL_WORD);
    this.headSeen = this.head;
    this.tailSeen = this.tail;
  }

  /** Producer: appends a value ≥ 0; false when the ring is full. */
  tryPush(value: number): boolean {
    const { tail } = this;
    if (((tail - this.headSeen) | 0) === this.slots) {
      this.headSeen = Atomics.load(this.words, 0);
      if (((tail - this.headSeen) | 0) === this.slots) return false;
    }
    this.words[SLOTS_WORD + (tail & this.mask)] = value;
    this.tail = (tail + 1) | 0;
    Atomics.store(this.words, TAIL_WORD, this.tail);
    return true;
  }

  /** Consumer: the next value, which stays; -1 when the ring is empty. */
  peek(): number {
    const { head } = this;
    if (head === this.tailSeen) {
      this.tailSeen = Atomics.load(this.words, TAIL_WORD);
      if (head === this.tailSeen) return -1;
    }
    return this.words[SLOTS_WORD + (head & this.mask)]!;
  }

  /** Consumer: takes the next value; -1 when the ring is empty. */
  pop(): number {
    const value = this.peek();
    if (value === -1) return -1;
    this.head = (this.head + 1) | 0;
    Atomics.store(this.words, 0, this.head);
    return value;
  }

  /**
   * The consumer of the next peek() and pop() is this object now: where several take turns at
   * consuming, each calls it when it holds the lock that they share.
   */
  takeOver(): void {
    this.head = Atomics.load(this.words, 0);
    this.tailSeen = Atomics.load(this.words, TAIL_WORD);
  }

  /** Any thread: values in the ring. Exact for its two sides, up to what the other does next. */
  size(): number {
    // Head first: it never passes the tail that is loaded after it.
    const head = Atomics.load(this.words, 0);
    const size = (Atomics.load(this.words, TAIL_WORD) - head) | 0;
    return Math.min(size, this.slots);
  }
}

function slotsFor(slots: number): number {
  assert(slots >= 1 && slots <= SLOTS_MAX, 'a ring has 1 to 2^24 slots');
  return slots === 1 ? 1 : 1 << (32 - Math.clz32(slots - 1));
}
