/**
 * A dictionary of texts: append-only, one writer, entry = (offset, length, hash) in one byte
 * buffer. Owns interning by bytes and the cached string of an entry. Codes mean nothing outside
 * the dictionary: they never enter routing, state or snapshots. @hot
 */
import { roomForEntries, withRoom } from './byte-room.js';
import { decodeText } from './text-bytes.js';
import { hashBytes } from './hash.js';

const encoder = new TextEncoder();

/** Past this many entries a decoder should write utf8 columns instead of dict columns. */
export const DICTIONARY_ENTRIES_MAX = 65_536;
/** Of texts whose strings are kept: the dictionary of a state may hold millions of them. */
const KEPT_BYTES_MAX = 1024 * 1024;

export class Dictionary {
  /** Number of entries; codes are 0 … size - 1. */
  size = 0;
  bytes: Uint8Array = new Uint8Array(1024);
  offsets: Int32Array = new Int32Array(64);
  lengths: Int32Array = new Int32Array(64);
  /** Value hash of each entry (hash.ts). */
  hashes: Int32Array = new Int32Array(64);
  private bytesUsed = 0;
  private slots: Int32Array = new Int32Array(128).fill(-1);
  private slotMask = 127;
  private keptBytes = 0;
  private readonly strings: (string | undefined)[] = [];

  /** Code of the text in `source[start, start + length)`, added when new. */
  intern(source: Uint8Array, start: number, length: number): number {
    return this.internHashed(source, start, length, hashBytes(source, start, length));
  }

  /** As intern, with the value hash already at hand. */
  internHashed(source: Uint8Array, start: number, length: number, hash: number): number {
    const { slots, slotMask, hashes, lengths } = this;
    let slot = hash & slotMask;
    for (;;) {
      const code = slots[slot] as number;
      if (code < 0) return this.append(source, start, length, hash);
      if (hashes[code] === hash && lengths[code] === length && this.equals(code, source, start)) {
        return code;
      }
      slot = (slot + 1) & slotMask;
    }
  }

  internText(text: string): number {
    const encoded = encoder.encode(text);
    return this.intern(encoded, 0, encoded.length);
  }

  /** Code of a text that may be absent: -1 then. */
  find(source: Uint8Array, start: number, length: number): number {
    const hash = hashBytes(source, start, length);
    let slot = hash & this.slotMask;
    for (;;) {
      const code = this.slots[slot] as number;
      if (code < 0) return -1;
      if (
        this.hashes[code] === hash &&
        this.lengths[code] === length &&
        this.equals(code, source, start)
      ) {
        return code;
      }
      slot = (slot + 1) & this.slotMask;
    }
  }

  text(code: number): string {
    const known = this.strings[code];
    if (known !== undefined) return known;
    const text = decodeText(this.bytes, this.offsets[code] as number, this.lengths[code] as number);
    this.keep(code, text);
    return text;
  }

  private keep(code: number, text: string): void {
    const bytes = this.keptBytes + this.lengths[code]!;
    if (code >= DICTIONARY_ENTRIES_MAX || bytes > KEPT_BYTES_MAX) return;
    this.keptBytes = bytes;
    this.strings[code] = text;
  }

  private equals(code: number, source: Uint8Array, start: number): boolean {
    const { bytes } = this;
    const offset = this.offsets[code] as number;
    const length = this.lengths[code] as number;
    for (let at = 0; at < length; at += 1) {
      if (bytes[offset + at] !== source[start + at]) return false;
    }
    return true;
  }

  private append(source: Uint8Array, start: number, length: number, hash: number): number {
    if (this.size * 2 >= this.slots.length) this.growSlots();
    if (this.size === this.offsets.length) this.growEntries();
    this.reserveBytes(length);
    const code = this.size;
    this.bytes.set(source.subarray(start, start + length), this.bytesUsed);
    this.offsets[code] = this.bytesUsed;
    this.lengths[code] = length;
    this.hashes[code] = hash;
    this.bytesUsed += length;
    let slot = hash & this.slotMask;
    while ((this.slots[slot] as number) >= 0) slot = (slot + 1) & this.slotMask;
    this.slots[slot] = code;
    if (code < DICTIONARY_ENTRIES_MAX) this.strings.push(undefined);
    this.size = code + 1;
    return code;
  }

  private reserveBytes(length: number): void {
    const used = this.bytesUsed;
    if (used + length <= this.bytes.length) return;
    this.bytes = withRoom(this.bytes, { used, needed: used + length, what: 'different texts' });
  }

  private growEntries(): void {
    roomForEntries(this.size + 1, 'different texts');
    this.offsets = grownCopy(this.offsets);
    this.lengths = grownCopy(this.lengths);
    this.hashes = grownCopy(this.hashes);
  }

  private growSlots(): void {
    const slots = new Int32Array(this.slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let code = 0; code < this.size; code += 1) {
      let slot = (this.hashes[code] as number) & mask;
      while ((slots[slot] as number) >= 0) slot = (slot + 1) & mask;
      slots[slot] = code;
    }
    this.slots = slots;
    this.slotMask = mask;
  }
}

function grownCopy(array: Int32Array): Int32Array {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}
