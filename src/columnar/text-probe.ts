/**
 * A short cut to the codes of a dictionary, for a decoder that reads texts four bytes at a time:
 * which code a text had, found by a hash over words instead of the value hash over bytes. Owns the
 * table; a text that is not found there is interned, and remembered. @hot
 *
 *   words   little-endian int32 of the text, the last one of 0 to 3 bytes shifted to the top
 */
import type { Dictionary } from './dictionary.js';

const SLOTS_LEAST = 1024;
/** Slots per entry of the dictionary, at least. */
const SPREAD = 4;
const PRIME = 0x9e3779b1 | 0;
/** Of a slot: code + 1, or 0 for none; length in bytes; first and last four bytes. */
const SLOT_WORDS = 4;
const CODE = 0;
const LENGTH = 1;
const HEAD = 2;
const TAIL = 3;
const WORD_BYTES = 4;

export class TextProbe {
  private readonly dictionary: Dictionary;
  private slots = new Int32Array(SLOTS_LEAST * SLOT_WORDS);
  private slotMask = SLOTS_LEAST - 1;
  private entries: DataView;

  constructor(dictionary: Dictionary) {
    this.dictionary = dictionary;
    this.entries = viewOf(dictionary.bytes);
  }

  /**
   * Code of the text at bytes[start, start + length), added when new. `hash`: wordHash of all its
   * words but the last, `last`: that one. At least three bytes are behind the text.
   */
  code(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    length: number,
    hash: number,
    last: number,
  ): number {
    const { slots, slotMask } = this;
    const mixed = wordHash(hash ^ length, last);
    const short = length < WORD_BYTES;
    const head = short ? last : view.getInt32(start, true);
    const tail = short ? 0 : view.getInt32(start + length - WORD_BYTES, true);
    let slot = (mixed ^ (mixed >>> 16)) & slotMask;
    for (;;) {
      const at = slot * SLOT_WORDS;
      const code = slots[at + CODE]! - 1;
      if (code < 0) return this.intern(slot, bytes, start, length, head, tail);
      if (
        slots[at + LENGTH] === length &&
        slots[at + HEAD] === head &&
        slots[at + TAIL] === tail &&
        (length <= 2 * WORD_BYTES || this.sameBetween(code, view, start, length))
      ) {
        return code;
      }
      slot = (slot + 1) & slotMask;
    }
  }

  private intern(
    slot: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    head: number,
    tail: number,
  ): number {
    const { dictionary, slots } = this;
    const code = dictionary.intern(bytes, start, length);
    if (this.entries.buffer !== dictionary.bytes.buffer) this.entries = viewOf(dictionary.bytes);
    if (dictionary.size * SPREAD > this.slotMask) {
      // Empty again: who comes next is interned once more, and remembered then.
      this.slotMask = this.slotMask * 2 + 1;
      this.slots = new Int32Array((this.slotMask + 1) * SLOT_WORDS);
      return code;
    }
    const at = slot * SLOT_WORDS;
    slots[at + CODE] = code + 1;
    slots[at + LENGTH] = length;
    slots[at + HEAD] = head;
    slots[at + TAIL] = tail;
    return code;
  }

  /** Whether what lies between the first four bytes and the last is the same. */
  private sameBetween(code: number, view: DataView, start: number, length: number): boolean {
    const { entries } = this;
    const shift = this.dictionary.offsets[code]! - start;
    const end = start + length - WORD_BYTES;
    for (let at = start + WORD_BYTES; at < end; at += WORD_BYTES) {
      if (entries.getInt32(at + shift, true) !== view.getInt32(at, true)) return false;
    }
    return true;
  }
}

/** One step of the hash over words. */
export function wordHash(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, PRIME);
  return mixed ^ (mixed >>> 15);
}

/** The first `count` bytes of a word, 0 to 3 of them, shifted to its top. */
export function lastWord(word: number, count: number): number {
  return (word << (24 - count * 8)) << 8;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
