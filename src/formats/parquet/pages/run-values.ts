/**
 * Small numbers in runs: definition levels, places in a dictionary, booleans. Owns the grammar of
 * runs and reading bits; what the numbers mean is the caller's. @hot
 *
 *   runs    := run*
 *   run     := varint count << 1 · value, in as few bytes as `width` bits need
 *            | varint groups << 1 | 1 · groups × 8 numbers of `width` bits, the lowest bits first
 *
 * Numbers are loaded as words of four bytes: eight readable bytes are behind the data.
 */
import { PageFault } from './page-fault.js';

const WIDTH_MAX = 32;
/** Four numbers of so many bits have at most 32. */
const QUARTER_BITS = 8;
/** A number of so many bits lies within four bytes wherever it begins. */
const ONE_LOAD_BITS = 25;
const WORD_BITS = 32;

export class RunValues {
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.bytes.buffer);
  private at = 0;
  private to = 0;
  private width = 0;
  /** Numbers left of the run; of a repeated one its value, else where it lies and the next number. */
  private left = 0;
  private isRepeated = false;
  private value = 0;
  private packedAt = 0;
  private packedNext = 0;

  /** Runs of numbers of `width` bits in bytes[from, to). */
  begin(memory: PageMemory, from: number, to: number, width: number): void {
    if (width > WIDTH_MAX) throw new PageFault(`numbers of ${width} bits are no numbers`);
    this.bytes = memory.bytes;
    this.view = memory.view;
    this.at = from;
    this.to = to;
    this.width = width;
    this.left = 0;
  }

  /** The bits of bytes[from, to) alone, without runs. */
  beginPacked(memory: PageMemory, from: number, to: number, width: number): void {
    this.begin(memory, from, to, width);
    this.isRepeated = false;
    this.left = ((to - from) * 8) / width;
    this.packedAt = from;
    this.packedNext = 0;
    this.at = to;
  }

  /** The value of the next `count` numbers, stepped over, if it is one and the same run; else -1. */
  repeated(count: number): number {
    if (this.left === 0) this.nextRun();
    if (!this.isRepeated || this.left < count) return -1;
    this.left -= count;
    return this.value;
  }

  /** The next `count` numbers to out[0, count). Throws PageFault. */
  read(out: Int32Array, count: number): void {
    let to = 0;
    while (to < count) {
      if (this.left === 0) this.nextRun();
      const here = Math.min(this.left, count - to);
      if (this.isRepeated) out.fill(this.value, to, to + here);
      else this.unpack(out, to, here);
      this.left -= here;
      to += here;
    }
  }

  private nextRun(): void {
    const { bytes, width } = this;
    const head = this.varint();
    const valueBytes = (width + 7) >> 3;
    this.isRepeated = (head & 1) === 0;
    const count = head >>> 1;
    if (count === 0) throw new PageFault('a run of its numbers is empty');
    if (this.isRepeated) {
      if (this.at + valueBytes > this.to) throw ended();
      let value = 0;
      for (let n = 0; n < valueBytes; n += 1) value |= bytes[this.at + n]! << (8 * n);
      this.at += valueBytes;
      this.value = value;
      this.left = count;
      return;
    }
    // The last group may be cut where its numbers end.
    const there = width === 0 ? count * 8 : Math.floor(((this.to - this.at) * 8) / width);
    this.left = Math.min(count * 8, there);
    if (this.left === 0) throw ended();
    this.packedAt = this.at;
    this.packedNext = 0;
    this.at = Math.min(this.to, this.at + count * width);
  }

  private unpack(out: Int32Array, to: number, count: number): void {
    const { view, width } = this;
    const mask = width === WORD_BITS ? -1 : (1 << width) - 1;
    let at = to;
    const end = to + count;
    let next = this.packedNext;
    this.packedNext += count;
    if (width <= QUARTER_BITS) {
      // Four of them lie within one load, if they begin at a byte or in its middle.
      for (; at < end && (next & 3) !== 0; at += 1, next += 1) out[at] = this.packed(next) & mask;
      for (; at + 4 <= end; at += 4, next += 4) {
        const bit = (next & 7) * width;
        const from = this.packedAt + (next >>> 3) * width + (bit >> 3);
        const word = view.getInt32(from, true) >>> (bit & 7);
        out[at] = word & mask;
        out[at + 1] = (word >>> width) & mask;
        out[at + 2] = (word >>> (2 * width)) & mask;
        out[at + 3] = (word >>> (3 * width)) & mask;
      }
    }
    if (width <= ONE_LOAD_BITS) {
      const { packedAt } = this;
      for (; at < end; at += 1, next += 1) {
        const bit = (next & 7) * width;
        const from = packedAt + (next >>> 3) * width + (bit >> 3);
        out[at] = (view.getInt32(from, true) >>> (bit & 7)) & mask;
      }
    }
    for (; at < end; at += 1, next += 1) out[at] = this.packed(next) & mask;
  }

  /** The 32 bits from where the number `next` of the run begins. */
  private packed(next: number): number {
    const bit = (next & 7) * this.width;
    return wordAt(this.view, this.packedAt + (next >>> 3) * this.width + (bit >> 3), bit & 7);
  }

  private varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.to) throw ended();
      const byte = this.bytes[this.at]!;
      this.at += 1;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new PageFault('a run of its numbers is too long');
  }
}

/** The memory that a page lies in. */
export interface PageMemory {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly view: DataView;
}

/** 32 bits from bit `shift`, below 8, of the byte at `at`. */
export function wordAt(view: DataView, at: number, shift: number): number {
  const low = view.getInt32(at, true);
  return shift === 0 ? low : (low >>> shift) | (view.getInt32(at + 4, true) << (WORD_BITS - shift));
}

function ended(): PageFault {
  return new PageFault('a page has fewer values than it says');
}
