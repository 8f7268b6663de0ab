/**
 * Reads an answer of a broker field by field, in the versions without tagged fields. Owns the bounds:
 * nothing is read behind the answer's end, and what says more than it has, or has more than it says,
 * is an AnswerFault. What the fields mean is up to whoever asked.
 */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Bytes that are no answer to what was asked. */
export class AnswerFault extends Error {
  override readonly name = 'AnswerFault';
}

/** Big-endian fields one after the other. */
export class ResponseReader {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array, from: number, to: number) {
    if (from > to) throw shorter();
    this.bytes = bytes.subarray(from, to);
    this.view = new DataView(bytes.buffer, bytes.byteOffset + from, to - from);
  }

  int16(): number {
    return this.view.getInt16(this.skip(2));
  }

  int32(): number {
    return this.view.getInt32(this.skip(4));
  }

  int64(): bigint {
    return this.view.getBigInt64(this.skip(8));
  }

  /** Of an array's elements; one that is null has none. */
  count(): number {
    const count = this.int32();
    if (count > this.bytes.length) throw shorter();
    return Math.max(0, count);
  }

  /** Where the next `length` bytes begin; the reader is behind them. */
  skip(length: number): number {
    const from = this.at;
    if (length > this.bytes.length - from) throw shorter();
    this.at = from + length;
    return from;
  }

  /** A text, or null for a length of -1. */
  text(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    const from = this.skip(length);
    return decoder.decode(this.bytes.subarray(from, from + length));
  }

  /** Throws where bytes are left: what was read is not what was sent. */
  end(): void {
    if (this.at < this.bytes.length) throw new AnswerFault('an answer is longer than it says');
  }
}

function shorter(): AnswerFault {
  return new AnswerFault('an answer is shorter than it says');
}
