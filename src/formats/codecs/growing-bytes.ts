/**
 * Memory that batches of records and pages of files are decompressed into. Owns growing it up to a
 * limit, the copies that codecs are made of, and a few buffers per thread for reuse: fresh memory
 * costs a page fault per 4 KiB, and thousands of idle partitions must not keep one buffer each. @hot
 */

/** Bytes behind `length` that a copy may overwrite: copies go in steps of four. */
const SLACK = 16;
const BYTES_LEAST = 64 * 1024;
const SPARE_BUFFERS_MAX = 4;
/** A larger buffer is given back to the garbage collector. */
const SPARE_BYTES_MAX = 4 << 20;
/** From here on the call of set() or copyWithin() costs less than the loop. */
const LONG_COPY = 96;

const NONE: Uint8Array = new Uint8Array(0);
const spare: Uint8Array[] = [];

/** Compressed bytes that cannot be unpacked. `tooLarge`: because of their size, not their form. */
export class CodecFault extends Error {
  override readonly name = 'CodecFault';
  readonly kind: 'corrupt' | 'too large' | 'unknown';

  constructor(kind: 'corrupt' | 'too large' | 'unknown', message: string) {
    super(message);
    this.kind = kind;
  }
}

export class GrowingBytes {
  bytes: Uint8Array = NONE;
  /** The same memory, for numbers that are not aligned. */
  view: DataView = new DataView(NONE.buffer);
  length = 0;
  /** More than so many are refused. */
  private limit = 0;

  /** From here on at most `more` bytes are taken. */
  limitTo(more: number): void {
    this.limit = this.length + more;
  }

  /** Makes room for `more` bytes behind `length`; what is there stays. */
  reserve(more: number): void {
    const least = this.length + more;
    if (least > this.limit) {
      throw new CodecFault('too large', `it unpacks to more than ${this.limit} bytes`);
    }
    if (least + SLACK > this.bytes.length) this.grow(least + SLACK);
  }

  /** Appends source[from, to) and makes room for it. */
  append(source: Uint8Array, from: number, to: number): void {
    this.reserve(to - from);
    this.bytes.set(source.subarray(from, to), this.length);
    this.length += to - from;
  }

  /** Forgets what it holds and lends its buffer to others. */
  release(): void {
    const { bytes } = this;
    this.length = 0;
    if (bytes.length === 0) return;
    this.use(NONE);
    if (bytes.length <= SPARE_BYTES_MAX && spare.length < SPARE_BUFFERS_MAX) spare.push(bytes);
  }

  private grow(least: number): void {
    const { bytes, length } = this;
    const lent = length === 0 ? spare.pop() : undefined;
    if (lent !== undefined && lent.length >= least) {
      this.use(lent);
      return;
    }
    const grown = new Uint8Array(Math.max(least, bytes.length * 2, BYTES_LEAST));
    grown.set(bytes.subarray(0, length));
    this.use(grown);
  }

  private use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}

/**
 * Copies what begins `distance` before `to` to `to`, byte after byte: where they overlap, the copy
 * repeats itself. There is room, with SLACK; `distance` is at least 1 and not beyond the start.
 */
export function copyBack(target: GrowingBytes, to: number, distance: number, length: number): void {
  const from = to - distance;
  if (distance < 4) {
    const { bytes } = target;
    for (let at = 0; at < length; at += 1) bytes[to + at] = bytes[from + at]!;
  } else if (length > LONG_COPY && distance >= length) {
    target.bytes.copyWithin(to, from, from + length);
  } else {
    const { view } = target;
    for (let at = 0; at < length; at += 4) {
      view.setInt32(to + at, view.getInt32(from + at, true), true);
    }
  }
}

/** Copies source[from, from + length) to `to`; `source` and `view` are the same memory. */
export function copyIn(
  target: GrowingBytes,
  to: number,
  source: Uint8Array,
  view: DataView,
  from: number,
  length: number,
): void {
  if (length > LONG_COPY || from + length + 4 > source.length) {
    target.bytes.set(source.subarray(from, from + length), to);
    return;
  }
  const out = target.view;
  for (let at = 0; at < length; at += 4) {
    out.setInt32(to + at, view.getInt32(from + at, true), true);
  }
}
