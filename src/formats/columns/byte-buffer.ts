/**
 * A growing byte buffer that encoders append to: bytes, ASCII, UTF-8 and decimal digits. Owns the
 * memory; whoever drains it copies or clears. Knows no format. @hot
 */
import { withRoom } from '../../columnar/byte-room.js';
const encoder = new TextEncoder();

const CODE_0 = 48;
const HALF = 100_000_000;
const HALF_DIGITS = 8;

export class ByteBuffer {
  bytes: Uint8Array;
  /** Bytes in use; the next append writes here. */
  length = 0;

  constructor(initialBytes = 64 * 1024) {
    this.bytes = new Uint8Array(initialBytes);
  }

  clear(): void {
    this.length = 0;
  }

  /** The content, copied. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** The content itself, valid until the next append or clear. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    this.bytes = withRoom(this.bytes, { used: this.length, needed, what: 'rows of a batch' });
  }

  appendByte(byte: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length] = byte;
    this.length += 1;
  }

  appendBytes(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const { bytes } = this;
    const to = this.length;
    // A short copy costs less byte by byte than the view that set() needs.
    if (count <= 64) {
      for (let at = 0; at < count; at += 1) bytes[to + at] = source[start + at]!;
    } else {
      bytes.set(source.subarray(start, end), to);
    }
    this.length = to + count;
  }

  /** Text that is known to be ASCII: numbers, keywords. */
  appendAscii(text: string): void {
    const count = text.length;
    this.reserve(count);
    const { bytes } = this;
    const to = this.length;
    for (let at = 0; at < count; at += 1) bytes[to + at] = text.charCodeAt(at);
    this.length = to + count;
  }

  appendText(text: string): void {
    this.reserve(text.length * 3);
    this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
  }

  /** A safe integer in decimal. */
  appendInteger(value: number): void {
    this.reserve(17);
    let size = value;
    if (value < 0) {
      this.bytes[this.length] = 45;
      this.length += 1;
      size = -value;
    }
    if (size < HALF) {
      this.appendSmall(size | 0, digitCount(size | 0));
      return;
    }
    // 2^53 has 16 digits: both halves fit an int32.
    const high = Math.floor(size / HALF) | 0;
    this.appendSmall(high, digitCount(high));
    this.appendSmall((size - high * HALF) | 0, HALF_DIGITS);
  }

  /** A whole number below 10^8 with at least `width` digits, zeros in front. */
  appendPadded(value: number, width: number): void {
    this.reserve(8);
    this.appendSmall(value | 0, width);
  }

  private appendSmall(value: number, digits: number): void {
    const { bytes } = this;
    const start = this.length;
    let rest = value;
    for (let at = start + digits - 1; at >= start; at -= 1) {
      const quotient = (rest / 10) | 0;
      bytes[at] = CODE_0 + rest - quotient * 10;
      rest = quotient;
    }
    this.length = start + digits;
  }
}

/** Digits of a whole number below 10^8. */
function digitCount(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  if (value < 1_000_000) return value < 100_000 ? 5 : 6;
  return value < 10_000_000 ? 7 : 8;
}
