/**
 * Dictionaries across threads. Owns both ends of one column: what of its dictionary a sender has
 * shipped, and on the receiver one dictionary for the texts of all senders with each sender's codes
 * as codes of it. @hot
 *
 *   sender 0   0:'' 1:'a' 2:'b'   ─┐   0→0 1→1 2→2   as they are: codes are read where they lie
 *                                  ├─▶ 0:'' 1:'a' 2:'b' 3:'c'
 *   sender 1   0:'' 1:'c' 2:'a'   ─┘   0→0 1→3 2→1   codes are rewritten into an array of our own
 *
 * A block carries the entries that came since the block before, at most INCREMENT_BYTES_MAX of
 * them, less where many columns share the block; while the receivers lack entries beyond that, the column's texts travel as utf8. So a
 * block's size is bounded by its rows, however large the dictionary.
 */
import type { BlockMemory } from '../../../columnar/arena.js';
import { Dictionary } from '../../../columnar/dictionary.js';
import { assert } from '../../../base/assert.js';
import { aligned, putBytes, putI32 } from './wire-layout.js';

export const INCREMENT_BYTES_MAX = 1 << 18;
/** Of all columns of a block together. */
const BLOCK_INCREMENTS_BYTES_MAX = 1 << 20;
const INCREMENT_HEAD_BYTES = 16;

/** Entries and their bytes that one block takes. */
interface Increment {
  base: number;
  count: number;
  bytes: number;
}

/** The sender's end. */
export class DictionarySender {
  private dictionary: Dictionary | null = null;
  private sent = 0;
  private readonly next: Increment = { base: 0, count: 0, bytes: 0 };
  private readonly bytesMax: number;

  /** `columns`: how many columns of a block may have a dictionary. */
  constructor(columns: number) {
    this.bytesMax = Math.min(INCREMENT_BYTES_MAX, Math.floor(BLOCK_INCREMENTS_BYTES_MAX / columns));
  }

  /** Whether receivers know every code once they have the next increment. */
  completes(dictionary: Dictionary): boolean {
    const { base, count } = this.measure(dictionary);
    return base + count === dictionary.size;
  }

  size(dictionary: Dictionary | null): number {
    if (dictionary === null) return INCREMENT_HEAD_BYTES;
    const { count, bytes } = this.measure(dictionary);
    return INCREMENT_HEAD_BYTES + 2 * aligned(count * 4) + aligned(bytes);
  }

  /** Writes the next increment, an empty one for a column without a dictionary. */
  write(dictionary: Dictionary | null, memory: BlockMemory, at: number): number {
    const { i32 } = memory;
    const head = at >> 2;
    if (dictionary === null) {
      i32[head + 1] = 0;
      return at + INCREMENT_HEAD_BYTES;
    }
    const { base, count, bytes } = this.measure(dictionary);
    this.dictionary = dictionary;
    this.sent = base + count;
    i32[head] = base;
    i32[head + 1] = count;
    i32[head + 2] = bytes;
    if (count === 0) return at + INCREMENT_HEAD_BYTES;
    const { lengths, hashes, offsets } = dictionary;
    const end = base + count;
    let to = at + INCREMENT_HEAD_BYTES;
    to = putI32(memory, to, lengths.subarray(base, end), count);
    to = putI32(memory, to, hashes.subarray(base, end), count);
    return putBytes(memory, to, dictionary.bytes, offsets[base]!, bytes);
  }

  /** What is new, up to the bound but one entry at least; entries lie one behind the other. */
  private measure(dictionary: Dictionary): Increment {
    const { next } = this;
    const { size } = dictionary;
    const base = this.dictionary === dictionary ? this.sent : 0;
    let end = size;
    if (bytesOf(dictionary, base, end) > this.bytesMax) {
      end = base + 1;
      while (end < size && bytesOf(dictionary, base, end + 1) <= this.bytesMax) end += 1;
    }
    next.base = base;
    next.count = end - base;
    next.bytes = bytesOf(dictionary, base, end);
    return next;
  }
}

function bytesOf(dictionary: Dictionary, from: number, to: number): number {
  if (from === to) return 0;
  const { offsets, lengths } = dictionary;
  return offsets[to - 1]! + lengths[to - 1]! - offsets[from]!;
}

/** One sender's codes as codes of the receiver's dictionary. */
class CodeMap {
  codes: Int32Array = new Int32Array(64);
  size = 0;
  /** Whether every code is its own. */
  isIdentity = true;

  add(code: number): void {
    if (this.size === this.codes.length) {
      const grown = new Int32Array(this.size * 2);
      grown.set(this.codes);
      this.codes = grown;
    }
    if (code !== this.size) this.isIdentity = false;
    this.codes[this.size] = code;
    this.size += 1;
  }

  clear(): void {
    this.size = 0;
    this.isIdentity = true;
  }
}

/** Entries that no sender uses any more may stay up to this many beyond those in use. */
const UNUSED_ENTRIES_MAX = 1 << 16;

/** The receiver's end. */
export class DictionaryReceiver {
  /** Replaced when most of its entries belong to dictionaries that senders have left. */
  dictionary = new Dictionary();
  private readonly maps: readonly CodeMap[];
  private codes: Int32Array = new Int32Array(0);

  constructor(senders: number) {
    this.maps = Array.from({ length: senders }, () => new CodeMap());
  }

  /** Takes in an increment; gives the place behind it. */
  read(sender: number, memory: BlockMemory, at: number): number {
    const { i32, u8 } = memory;
    const head = at >> 2;
    const base = i32[head]!;
    const count = i32[head + 1]!;
    const entriesAt = at + INCREMENT_HEAD_BYTES;
    if (count === 0) return entriesAt;
    const map = this.maps[sender]!;
    if (base === 0) {
      map.clear();
      this.forgetUnused();
    }
    assert(map.size === base, 'blocks of a sender are read in order');
    const { dictionary } = this;
    const lengthsAt = entriesAt >> 2;
    const hashesAt = (entriesAt + aligned(count * 4)) >> 2;
    const bytesAt = entriesAt + 2 * aligned(count * 4);
    let from = bytesAt;
    for (let entry = 0; entry < count; entry += 1) {
      const length = i32[lengthsAt + entry]!;
      map.add(dictionary.internHashed(u8, from, length, i32[hashesAt + entry]!));
      from += length;
    }
    return bytesAt + aligned(i32[head + 2]!);
  }

  /** Whether the sender's codes are this dictionary's. */
  sharesCodes(sender: number): boolean {
    return this.maps[sender]!.isIdentity;
  }

  /** An array with room for the codes of all rows; valid codes wherever nobody wrote. */
  codesFor(rowCount: number): Int32Array {
    if (this.codes.length < rowCount) this.codes = new Int32Array(rowCount);
    return this.codes;
  }

  /** Rewrites the sender's codes of rows[from … to) into `codesFor`'s array. */
  translate(sender: number, codesAt: Int32Array, rows: Int32Array, from: number, to: number): void {
    translateCodes(this.maps[sender]!.codes, codesAt, rows, from, to, this.codes);
  }

  private forgetUnused(): void {
    const used = this.maps.reduce((entries, map) => entries + map.size, 0);
    const old = this.dictionary;
    if (old.size <= 2 * used + UNUSED_ENTRIES_MAX) return;
    this.dictionary = new Dictionary();
    this.codes.fill(0);
    for (const map of this.maps) {
      const { codes, size } = map;
      map.clear();
      for (let at = 0; at < size; at += 1) {
        const code = codes[at]!;
        const start = old.offsets[code]!;
        const hash = old.hashes[code]!;
        map.add(this.dictionary.internHashed(old.bytes, start, old.lengths[code]!, hash));
      }
    }
  }
}

function translateCodes(
  map: Int32Array,
  codes: Int32Array,
  rows: Int32Array,
  from: number,
  to: number,
  out: Int32Array,
): void {
  for (let k = from; k < to; k += 1) {
    const row = rows[k]!;
    out[row] = map[codes[row]!]!;
  }
}
