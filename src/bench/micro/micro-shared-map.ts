/**
 * The alternative to one owner per partition: a hash table in shared memory that every thread
 * updates. Owns the table in two forms, a lock per group, and atomic additions of integers modulo
 * 2³², which can neither add DOUBLEs nor keep extremes or text but are the cheapest there is. Built
 * to be measured beside the exchange (docs/decisions/0008-one-owner.md); no job uses it. @hot
 *
 *   slots   | lock | key + 1 | count | price | quantity | … |   64 bytes each, so that two groups
 *                                                             never share a line
 */
/* eslint no-restricted-globals: off -- the memory that processors do not share is the subject */
import type { Columns } from './micro-rows.js';
import { groupNumber, hashKey, slotsFor, SUMS } from './micro-rows.js';

const SLOT_BYTES = 64;
const SLOT_WORDS = SLOT_BYTES >> 2;
const LOCK = 0;
const KEY = 1;
/** Words of the integer sums; the sums under the lock are doubles from byte 32. */
const INTEGERS = 2;
const DOUBLES = 4;

export class SharedMap {
  readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly mask: number;

  static bytesFor(groups: number): number {
    return slotsFor(groups) * SLOT_BYTES;
  }

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.mask = buffer.byteLength / SLOT_BYTES - 1;
  }

  clear(): void {
    this.words.fill(0);
  }

  /** Adds rows 0 … count, each under its group's lock. */
  updateLocked(columns: Columns, count: number): void {
    const { first, second, price, quantity } = columns;
    const { words, doubles } = this;
    for (let row = 0; row < count; row += 1) {
      const slot = this.slot(first[row]!, second[row]!);
      const lock = slot * SLOT_WORDS + LOCK;
      while (Atomics.compareExchange(words, lock, 0, 1) !== 0);
      const base = slot * (SLOT_BYTES >> 3) + DOUBLES;
      doubles[base]! += 1;
      doubles[base + 1]! += price[row]!;
      doubles[base + 2]! += quantity[row]!;
      Atomics.store(words, lock, 0);
    }
  }

  /** Adds rows 0 … count to integers modulo 2³², without a lock. */
  updateAdding(columns: Columns, count: number): void {
    const { first, second, price, quantity } = columns;
    const { words } = this;
    for (let row = 0; row < count; row += 1) {
      const base = this.slot(first[row]!, second[row]!) * SLOT_WORDS + INTEGERS;
      Atomics.add(words, base, 1);
      Atomics.add(words, base + 1, price[row]!);
      Atomics.add(words, base + 2, quantity[row]!);
    }
  }

  /** The sums of all groups; of integers modulo 2³² when `integers`. */
  addTo(all: Float64Array, integers: boolean): void {
    for (let slot = 0; slot <= this.mask; slot += 1) {
      const key = this.words[slot * SLOT_WORDS + KEY]!;
      if (key === 0) continue;
      for (let sum = 0; sum < SUMS; sum += 1) {
        all[(key - 1) * SUMS + sum]! += integers
          ? this.words[slot * SLOT_WORDS + INTEGERS + sum]! >>> 0
          : this.doubles[slot * (SLOT_BYTES >> 3) + DOUBLES + sum]!;
      }
    }
  }

  /** Finds the slot of a key or claims one: a key is one word, so that a claim is one exchange. */
  private slot(first: number, second: number): number {
    const { words, mask } = this;
    const key = groupNumber(first, second) + 1;
    let at = hashKey(first, second) & mask;
    for (;;) {
      const word = at * SLOT_WORDS + KEY;
      let found = Atomics.load(words, word);
      if (found === 0) found = Atomics.compareExchange(words, word, 0, key);
      if (found === 0 || found === key) return at;
      at = (at + 1) & mask;
    }
  }
}
