/**
 * The form of operator state outside the operator: entries, each with a key group and a payload
 * of typed fields, in one growing byte buffer. Owns the encoding; where snapshots are kept and
 * checked is the processor's business. Text is written by bytes, numbers by value: never codes.
 *
 *   snapshot := entry*            entry := keyGroup:u32 length:u32 payload
 *   fields of a payload have no tags: reader and writer agree by the operator's signature.
 */
import { assert } from '../base/assert.js';
import { snapshotBytes } from '../columnar/byte-room.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Key group of entries that belong to the operator as a whole; every restore sees them. */
export const GLOBAL_ENTRY = 0xffffffff;

export class StateWriter {
  private bytes = new Uint8Array(4096);
  private view = new DataView(this.bytes.buffer);
  private used = 0;
  private entryStart = -1;

  beginEntry(keyGroup: number): void {
    assert(this.entryStart < 0, 'entries do not nest');
    this.reserve(8);
    this.entryStart = this.used;
    this.view.setUint32(this.used, keyGroup, true);
    this.used += 8;
  }

  endEntry(): void {
    assert(this.entryStart >= 0, 'endEntry closes an entry');
    this.view.setUint32(this.entryStart + 4, this.used - this.entryStart - 8, true);
    this.entryStart = -1;
  }

  writeF64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.used, value, true);
    this.used += 8;
  }

  writeU32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.used, value, true);
    this.used += 4;
  }

  writeBoolean(value: boolean): void {
    this.reserve(1);
    this.bytes[this.used] = value ? 1 : 0;
    this.used += 1;
  }

  writeBytes(source: Uint8Array, start: number, length: number): void {
    this.writeU32(length);
    this.reserve(length);
    this.bytes.set(source.subarray(start, start + length), this.used);
    this.used += length;
  }

  writeText(text: string): void {
    const encoded = encoder.encode(text);
    this.writeBytes(encoded, 0, encoded.length);
  }

  /** Any size; sign and magnitude as text of base 36, for wide values only. */
  writeBigInt(value: bigint): void {
    this.writeText(value.toString(36));
  }

  /** Bytes written so far. */
  get byteCount(): number {
    return this.used;
  }

  /** A view of what was written, valid until the next write. */
  written(): Uint8Array {
    assert(this.entryStart < 0, 'entries are whole');
    return this.bytes.subarray(0, this.used);
  }

  /** Starts anew in the same memory. */
  clear(): void {
    assert(this.entryStart < 0, 'entries are whole');
    this.used = 0;
  }

  finish(): Uint8Array {
    assert(this.entryStart < 0, 'a snapshot ends between entries');
    return this.bytes.slice(0, this.used);
  }

  private reserve(length: number): void {
    if (this.used + length <= this.bytes.length) return;
    const grown = new Uint8Array(snapshotBytes(this.bytes.length, this.used + length));
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

export class StateReader {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private readonly owns: (keyGroup: number) => boolean;
  private at = 0;
  private entryEnd = 0;

  /** `owns` picks the key groups to restore; global entries always are. */
  constructor(bytes: Uint8Array, owns: (keyGroup: number) => boolean = () => true) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.owns = owns;
  }

  /** Moves to the next owned entry; its key group, or -1 at the end. */
  nextEntry(): number {
    this.at = this.entryEnd;
    while (this.at < this.bytes.length) {
      const keyGroup = this.view.getUint32(this.at, true);
      const length = this.view.getUint32(this.at + 4, true);
      this.at += 8;
      this.entryEnd = this.at + length;
      if (keyGroup === GLOBAL_ENTRY || this.owns(keyGroup)) return keyGroup;
      this.at = this.entryEnd;
    }
    return -1;
  }

  /** Whether the current entry holds more fields. */
  hasMore(): boolean {
    return this.at < this.entryEnd;
  }

  readF64(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  readU32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  readBoolean(): boolean {
    this.at += 1;
    return this.bytes[this.at - 1] === 1;
  }

  /** A view of the snapshot's own bytes: copy what you keep. */
  readBytes(): Uint8Array {
    const length = this.readU32();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  readText(): string {
    return decoder.decode(this.readBytes());
  }

  readBigInt(): bigint {
    const text = this.readText();
    const negative = text.startsWith('-');
    let value = 0n;
    for (const digit of negative ? text.slice(1) : text)
      value = value * 36n + BigInt(parseInt(digit, 36));
    return negative ? -value : value;
  }
}
