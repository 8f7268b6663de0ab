/**
 * Reads the fields of one record after the other: variable-length numbers, each within the bounds
 * it is given. Owns the position and what a number may look like; which fields there are is
 * record-set.ts. A number that does not fit throws a RecordFault, so nothing is read beyond the
 * batch and every loop moves on. @hot
 */

/** A record whose bytes do not add up; record-set.ts says where. */
export class RecordFault extends Error {
  override readonly name = 'RecordFault';
}

export class RecordCursor {
  at = 0;

  /** A zigzag number of up to 32 bits, before `end`. */
  int(bytes: Uint8Array, end: number): number {
    const { at } = this;
    if (at >= end) throw endsEarly();
    const first = bytes[at]!;
    if (first < 128) {
      this.at = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    if (at + 1 < end) {
      const second = bytes[at + 1]!;
      if (second < 128) {
        this.at = at + 2;
        const raw = (first & 127) | (second << 7);
        return (raw >>> 1) ^ -(raw & 1);
      }
    }
    return this.longInt(bytes, end);
  }

  /** A zigzag number of up to 64 bits, before `end`; beyond ±2^53 it is rounded. */
  long(bytes: Uint8Array, end: number): number {
    const { at } = this;
    if (at >= end) throw endsEarly();
    const first = bytes[at]!;
    if (first < 128) {
      this.at = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    if (at + 1 < end) {
      const second = bytes[at + 1]!;
      if (second < 128) {
        this.at = at + 2;
        const raw = (first & 127) | (second << 7);
        return (raw >>> 1) ^ -(raw & 1);
      }
    }
    return this.longLong(bytes, end);
  }

  /** Moves over `byte` if it is next, before `end`: the usual numbers cost one comparison. */
  passes(byte: number, bytes: Uint8Array, end: number): boolean {
    if (this.at >= end || bytes[this.at] !== byte) return false;
    this.at += 1;
    return true;
  }

  /** Moves over `length` bytes, all before `end`. */
  skip(length: number, end: number): void {
    if (length < 0) throw new RecordFault(`a length is ${length}`);
    if (length > end - this.at) throw endsEarly();
    this.at += length;
  }

  /** Moves over `count` headers: what they say is for the caller to read again. */
  skipHeaders(bytes: Uint8Array, count: number, end: number): void {
    if (count < 0) throw new RecordFault(`it has ${count} headers`);
    for (let left = count; left > 0; left -= 1) {
      this.skip(this.int(bytes, end), end);
      const length = this.int(bytes, end);
      if (length !== -1) this.skip(length, end);
    }
  }

  private longInt(bytes: Uint8Array, end: number): number {
    let raw = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= end) throw endsEarly();
      const byte = bytes[this.at]!;
      this.at += 1;
      if (shift === 28 && byte > 15) break;
      raw |= (byte & 127) << shift;
      if (byte < 128) return (raw >>> 1) ^ -(raw & 1);
    }
    throw new RecordFault('a number has more than 32 bits');
  }

  private longLong(bytes: Uint8Array, end: number): number {
    let low = 0;
    let high = 0;
    // 28 bits go to `low`, the other 36 to `high`: both stay exact numbers.
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= end) throw endsEarly();
      const byte = bytes[this.at]!;
      this.at += 1;
      if (shift === 63 && byte > 1) break;
      if (shift < 28) low |= (byte & 127) << shift;
      else high += (byte & 127) * 2 ** (shift - 28);
      if (byte < 128) return unzigzag(low, high);
    }
    throw new RecordFault('a number has more than 64 bits');
  }
}

/** Zigzag of high · 2^28 + low: even numbers are n / 2, odd ones −(n + 1) / 2. */
function unzigzag(low: number, high: number): number {
  const half = high * 2 ** 27 + (low >>> 1);
  return (low & 1) === 0 ? half : -half - 1;
}

function endsEarly(): RecordFault {
  return new RecordFault('a record ends before its fields do');
}
