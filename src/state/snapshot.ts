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

const ENTRY_HEAD_BYTES = 8;
/** Beyond so many bytes a call that copies memory is faster than a loop. */
const LONG_ENTRY = 256;

/** Entries that are in a file of their own (checkpoint/state-file.ts), which does not change. */
export interface EntryFile {
  readonly path: string;
  /** Of entries; on disk it has more. */
  readonly bytes: number;
  readonly entries: number;
  /** As in a checkpoint's manifest. */
  readonly crc32c: number;
  readonly sha256: string;
  /** Lowest and highest key group. */
  readonly keyGroups: readonly [number, number];
}

export class StateWriter {
  /** Entries in front of those that are written here, in order. */
  readonly files: EntryFile[] = [];
  private bytes: Uint8Array;
  private view: DataView;
  private used = 0;
  private entryStart = -1;

  /** `bytes`: for how many there is room before memory has to grow. */
  constructor(bytes = 4096) {
    this.bytes = new Uint8Array(bytes);
    this.view = new DataView(this.bytes.buffer);
  }

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

  /** Whole entries of another writer. */
  writeEntries(entries: Uint8Array): void {
    assert(this.entryStart < 0, 'entries do not nest');
    this.reserve(entries.length);
    this.bytes.set(entries, this.used);
    this.used += entries.length;
  }

  writeF64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.used, value, true);
    this.used += 8;
  }

  /** As writeF64 for each of `cells` from `from` to `to`. */
  writeCells(cells: Float64Array, from: number, to: number): void {
    this.reserve(8 * (to - from));
    const { view } = this;
    let { used } = this;
    for (let at = from; at < to; at += 1) {
      view.setFloat64(used, cells[at] as number, true);
      used += 8;
    }
    this.used = used;
  }

  /** An entry of another writer, which begins there. */
  copyEntry(other: StateWriter, place: number): void {
    assert(this.entryStart < 0, 'entries do not nest');
    const size = 8 + other.view.getUint32(place + 4, true);
    this.reserve(size);
    if (size > LONG_ENTRY) {
      this.bytes.set(other.bytes.subarray(place, place + size), this.used);
    } else this.copyWords(other.view, place, size);
    this.used += size;
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

  /** What was written, without a copy; the writer begins anew in other memory. */
  handOver(): Uint8Array {
    assert(this.entryStart < 0, 'entries are whole');
    const written = this.bytes.subarray(0, this.used);
    this.bytes = new Uint8Array(this.bytes.length);
    this.view = new DataView(this.bytes.buffer);
    this.used = 0;
    return written;
  }

  finish(): Uint8Array {
    assert(this.entryStart < 0, 'a snapshot ends between entries');
    return this.bytes.slice(0, this.used);
  }

  private copyWords(from: DataView, place: number, size: number): void {
    const { view, used } = this;
    let at = 0;
    // As integers: a float64 of a text's bytes may be a NaN, whose bits are not kept.
    for (; at + 4 <= size; at += 4) {
      view.setUint32(used + at, from.getUint32(place + at, true), true);
    }
    for (; at < size; at += 1) view.setUint8(used + at, from.getUint8(place + at));
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
  private readonly expectedBytes: number;

  /**
   * `owns` picks the key groups to restore; global entries always are. `expectedBytes`: about how
   * many bytes of them whoever restores will see, in this part and those behind it.
   */
  constructor(
    bytes: Uint8Array,
    owns: (keyGroup: number) => boolean = () => true,
    expectedBytes = bytes.length,
  ) {
    this.bytes = bytes;
    this.expectedBytes = expectedBytes;
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

  /** Where the next entry begins; `goBackTo` reads from there again. */
  get place(): number {
    return this.entryEnd;
  }

  goBackTo(place: number): void {
    this.entryEnd = place;
  }

  /** About how many entries are to come, from the size of the first one. */
  expectedEntries(): number {
    if (this.bytes.length < ENTRY_HEAD_BYTES) return 0;
    return this.expectedBytes / (ENTRY_HEAD_BYTES + this.view.getUint32(4, true));
  }

  /** Whether the current entry holds more fields. */
  hasMore(): boolean {
    return this.at < this.entryEnd;
  }

  readF64(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  /** As readF64 for each of `cells` from `from` to `to`. */
  readCells(cells: Float64Array, from: number, to: number): void {
    const { view } = this;
    let { at } = this;
    for (let cell = from; cell < to; cell += 1) {
      cells[cell] = view.getFloat64(at, true);
      at += 8;
    }
    this.at = at;
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
