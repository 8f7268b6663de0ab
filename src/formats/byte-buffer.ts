/**
 * A growing byte buffer that encoders append to: bytes, ASCII, UTF-8 and decimal digits. Owns the
 * memory; whoever drains it copies or clears. Knows no format. @hot
 */
const encoder = new TextEncoder();

const CODE_0 = 48;

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
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.view());
    this.bytes = grown;
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
    const { bytes } = this;
    let rest = value;
    let to = this.length;
    if (rest < 0) {
      bytes[to] = 45;
      to += 1;
      rest = -rest;
    }
    const digits = digitCount(rest);
    let at = to + digits;
    // Above 2^31 the division is one of doubles: take four digits with each.
    while (rest > 0x7fffffff) {
      const quotient = Math.floor(rest / 10_000);
      at = writeFourDigits(bytes, at, rest - quotient * 10_000);
      rest = quotient;
    }
    let small = rest | 0;
    do {
      const quotient = (small / 10) | 0;
      at -= 1;
      bytes[at] = CODE_0 + small - quotient * 10;
      small = quotient;
    } while (at > to);
    this.length = to + digits;
  }
}

/** Writes the four digits of `value` in front of `end`; the position of the first. */
function writeFourDigits(bytes: Uint8Array, end: number, value: number): number {
  let rest = value | 0;
  for (let at = end - 1; at >= end - 4; at -= 1) {
    const quotient = (rest / 10) | 0;
    bytes[at] = CODE_0 + rest - quotient * 10;
    rest = quotient;
  }
  return end - 4;
}

function digitCount(value: number): number {
  let digits = 1;
  for (let bound = 10; bound <= value; bound *= 10) digits += 1;
  return digits;
}
