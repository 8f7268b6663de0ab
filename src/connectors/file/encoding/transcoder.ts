/**
 * UTF-8 of texts in other encodings, in as many pieces as they come in. Owns the loops over bytes;
 * where the pieces come from is utf8-bytes.ts. What is malformed becomes a byte that is no UTF-8, so
 * that its record is refused. @hot
 */
import type { Encoding } from './text-encoding.js';

/** No UTF-8 has this byte. */
const MALFORMED = 0xff;
const NONE = -1;

export class Transcoder {
  /** What was made since clear(). */
  bytes = new Uint8Array(1024);
  length = 0;
  private readonly encoding: Exclude<Encoding, 'utf-8'>;
  /** Half a unit of UTF-16, and half a pair of them. */
  private half = NONE;
  private high = NONE;

  constructor(encoding: Exclude<Encoding, 'utf-8'>) {
    this.encoding = encoding;
  }

  /** Forgets what was made, not what is unfinished. */
  clear(): void {
    this.length = 0;
  }

  take(bytes: Uint8Array, length: number): void {
    const room = this.length + 3 * (length + 2);
    if (this.bytes.length < room) {
      const grown = new Uint8Array(room);
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    if (this.encoding === 'windows-1252') this.takeSingle(bytes, length);
    else this.takePairs(bytes, length, this.encoding === 'utf-16le');
  }

  /** Nothing follows. */
  end(): void {
    if (this.half !== NONE || this.high !== NONE) this.put(MALFORMED);
    this.half = NONE;
    this.high = NONE;
  }

  private takeSingle(bytes: Uint8Array, length: number): void {
    for (let at = 0; at < length; at += 1) {
      const byte = bytes[at]!;
      if (byte < 128) this.put(byte);
      else this.character(byte < 160 ? WINDOWS_1252[byte - 128]! : byte);
    }
  }

  private takePairs(bytes: Uint8Array, length: number, isLittle: boolean): void {
    for (let at = 0; at < length; at += 1) {
      const byte = bytes[at]!;
      if (this.half === NONE) {
        this.half = byte;
        continue;
      }
      const unit = isLittle ? (byte << 8) | this.half : (this.half << 8) | byte;
      this.half = NONE;
      if (unit < 128 && this.high === NONE) this.put(unit);
      else this.unit(unit);
    }
  }

  private unit(unit: number): void {
    const { high } = this;
    this.high = NONE;
    const isLow = unit >= 0xdc00 && unit < 0xe000;
    if (high !== NONE) {
      if (isLow) {
        this.character(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
        return;
      }
      this.put(MALFORMED);
    }
    if (isLow) this.put(MALFORMED);
    else if (unit >= 0xd800 && unit < 0xdc00) this.high = unit;
    else this.character(unit);
  }

  private character(code: number): void {
    if (code < 0x80) {
      this.put(code);
    } else if (code < 0x800) {
      this.put(0xc0 | (code >> 6));
      this.put(0x80 | (code & 63));
    } else if (code < 0x10000) {
      this.put(0xe0 | (code >> 12));
      this.put(0x80 | ((code >> 6) & 63));
      this.put(0x80 | (code & 63));
    } else {
      this.put(0xf0 | (code >> 18));
      this.put(0x80 | ((code >> 12) & 63));
      this.put(0x80 | ((code >> 6) & 63));
      this.put(0x80 | (code & 63));
    }
  }

  private put(byte: number): void {
    this.bytes[this.length] = byte;
    this.length += 1;
  }
}

/** Characters of the bytes 0x80 to 0x9f; those that stand for nothing are themselves. */
const WINDOWS_1252 = Uint16Array.of(
  ...[0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021],
  ...[0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f],
  ...[0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014],
  ...[0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178],
);
