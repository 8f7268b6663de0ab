/**
 * Whole numbers as their differences (DELTA_BINARY_PACKED): numbers of 32 and 64 bits, lengths of
 * texts. Owns the grammar and adding up, in two words of 32 bits: a bigint per number would cost ten
 * times as much. @hot
 *
 *   numbers  := block size · miniblocks per block · count · first number, as zigzag varints · block*
 *   block    := least difference · bits of each miniblock, a byte each · miniblock*
 *   miniblock of (block size / miniblocks) differences from the least one, packed, lowest bits first
 *
 * Miniblocks behind the last number have no bytes. Twelve readable bytes are behind the data.
 */
import { PageFault } from './page-fault.js';
import { wordAt } from './run-values.js';
import type { PageMemory } from './run-values.js';

const WORD_BITS = 32;
const BLOCK_VALUES_MAX = 1 << 20;

export class DeltaValues {
  /** Numbers that are left. */
  left = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.bytes.buffer);
  private at = 0;
  private to = 0;
  private miniblocks = 0;
  private miniblockValues = 0;
  /** The number that comes next, if it is the first one. */
  private isFirst = false;
  private low = 0;
  private high = 0;
  /** Of the block: its least difference, the bits of its miniblocks, the next of them. */
  private leastLow = 0;
  private leastHigh = 0;
  private widthsAt = 0;
  private miniblock = 0;
  /** Of the miniblock: where it lies, bits of a difference, the next one and those left. */
  private from = 0;
  private width = 0;
  private next = 0;
  private miniblockLeft = 0;
  /** What long() read. */
  private longLow = 0;
  private longHigh = 0;

  /** Numbers in bytes[from, to). Throws PageFault. */
  begin(memory: PageMemory, from: number, to: number): void {
    this.bytes = memory.bytes;
    this.view = memory.view;
    this.at = from;
    this.to = to;
    const blockValues = this.count();
    this.miniblocks = this.count();
    this.left = this.count();
    this.miniblockValues = blockValues / this.miniblocks;
    const isWhole = Number.isInteger(this.miniblockValues) && this.miniblockValues % 8 === 0;
    if (!isWhole || blockValues === 0 || blockValues > BLOCK_VALUES_MAX) {
      throw new PageFault('the blocks of its differences have no size');
    }
    this.long();
    this.low = this.longLow;
    this.high = this.longHigh;
    this.isFirst = true;
    this.miniblock = this.miniblocks;
    this.miniblockLeft = 0;
  }

  /** Where the numbers end, once none is left. */
  end(): number {
    return this.at;
  }

  /** The next numbers, one word each or two, low before high. Throws PageFault. */
  read(words: Int32Array, count: number, isWide: boolean): void {
    if (count > this.left) throw new PageFault('a page has fewer values than it says');
    this.left -= count;
    let to = 0;
    if (this.isFirst && count > 0) {
      this.isFirst = false;
      words[0] = this.low;
      if (isWide) words[1] = this.high;
      to = 1;
    }
    while (to < count) {
      if (this.miniblockLeft === 0) this.nextMiniblock();
      const here = Math.min(this.miniblockLeft, count - to);
      if (isWide) this.addWide(words, to, here);
      else this.addNarrow(words, to, here);
      this.miniblockLeft -= here;
      this.next += here;
      to += here;
    }
  }

  private addNarrow(words: Int32Array, to: number, count: number): void {
    const { view, from, width, leastLow, next } = this;
    const bits = Math.min(width, WORD_BITS);
    const mask = bits === WORD_BITS ? -1 : (1 << bits) - 1;
    let { low } = this;
    let bit = next * width;
    for (let n = 0; n < count; n += 1) {
      const difference = bits === 0 ? 0 : wordAt(view, from + (bit >> 3), bit & 7) & mask;
      low = (low + leastLow + difference) | 0;
      words[to + n] = low;
      bit += width;
    }
    this.low = low;
  }

  private addWide(words: Int32Array, to: number, count: number): void {
    const { view, from, width, leastLow, leastHigh, next } = this;
    const lowMask = width >= WORD_BITS ? -1 : (1 << width) - 1;
    const highBits = width - WORD_BITS;
    const highMask = highBits === WORD_BITS ? -1 : highBits > 0 ? (1 << highBits) - 1 : 0;
    let { low, high } = this;
    let bit = next * width;
    for (let n = 0; n < count; n += 1) {
      const at = from + (bit >> 3);
      const shift = bit & 7;
      const lowPart = lowMask === 0 ? 0 : wordAt(view, at, shift) & lowMask;
      const highPart = highMask === 0 ? 0 : wordAt(view, at + 4, shift) & highMask;
      const sum = (low >>> 0) + (leastLow >>> 0) + (lowPart >>> 0);
      low = sum | 0;
      // The carry is 0, 1 or 2.
      high = (high + leastHigh + highPart + Math.floor(sum / 4_294_967_296)) | 0;
      words[2 * (to + n)] = low;
      words[2 * (to + n) + 1] = high;
      bit += width;
    }
    this.low = low;
    this.high = high;
  }

  private nextMiniblock(): void {
    if (this.miniblock === this.miniblocks) {
      this.long();
      this.leastLow = this.longLow;
      this.leastHigh = this.longHigh;
      this.widthsAt = this.at;
      this.at += this.miniblocks;
      this.miniblock = 0;
      if (this.at > this.to) throw ended();
    }
    this.width = this.bytes[this.widthsAt + this.miniblock]!;
    this.miniblock += 1;
    this.from = this.at;
    this.next = 0;
    this.miniblockLeft = this.miniblockValues;
    this.at += (this.miniblockValues * this.width) / 8;
    if (this.width > 2 * WORD_BITS || this.at > this.to) throw ended();
  }

  private count(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw ended();
  }

  /** A zigzag varint of 64 bits. */
  private long(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      const bits = byte & 127;
      if (shift < WORD_BITS) low |= bits << shift;
      if (shift === 28) high |= bits >> 4;
      else if (shift > 28) high |= bits << (shift - WORD_BITS);
      if (byte >= 128) continue;
      const sign = -(low & 1);
      this.longLow = ((low >>> 1) | (high << 31)) ^ sign;
      this.longHigh = (high >>> 1) ^ sign;
      return;
    }
    throw ended();
  }

  private byte(): number {
    if (this.at >= this.to) throw ended();
    const byte = this.bytes[this.at]!;
    this.at += 1;
    return byte;
  }
}

function ended(): PageFault {
  return new PageFault('the differences of its numbers end too early');
}
