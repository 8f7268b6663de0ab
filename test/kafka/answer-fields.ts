/**
 * The named fields that a broker's answer on loopback is made of, so that a mutant can be of one of
 * them. Owns how each kind of field is written; which ones an answer has is loopback-broker.ts and
 * loopback-group.ts.
 *
 * Numbers are big-endian; strings and arrays of flexible versions have their length + 1 in front, as
 * a varint; the older ones have their length in 16 or 32 bits.
 */
import { varint } from '../support/record-batches.js';

/** A part of an answer: where a mutant can be put. */
export interface AnswerField {
  readonly name: string;
  readonly kind: 'number' | 'length' | 'text' | 'bytes';
  readonly bytes: Buffer;
}

export class AnswerFields {
  readonly all: AnswerField[] = [];

  i16(name: string, value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeInt16BE(value);
    return this.add(name, 'number', bytes);
  }

  i32(name: string, value: number): this {
    return this.add(name, 'number', i32(value));
  }

  i64(name: string, value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(value));
    return this.add(name, 'number', bytes);
  }

  /** Of a compact array or of bytes. */
  count(name: string, value: number): this {
    return this.add(name, 'length', unsigned(value + 1));
  }

  text(name: string, value: string | null): this {
    if (value === null) return this.add(`${name} length`, 'length', Buffer.of(0));
    const bytes = Buffer.from(value);
    return this.count(`${name} length`, bytes.length).add(name, 'text', bytes);
  }

  plainText(name: string, value: string | null): this {
    const bytes = Buffer.from(value ?? '');
    const length = Buffer.alloc(2);
    length.writeInt16BE(value === null ? -1 : bytes.length);
    return this.add(`${name} length`, 'length', length).add(name, 'text', bytes);
  }

  /** Bytes of older versions: made of fields themselves. */
  plainBytes(name: string, inner: AnswerFields): this {
    const length = inner.all.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.add(`${name} length`, 'number', i32(length));
    this.all.push(...inner.all);
    return this;
  }

  raw(name: string, bytes: Buffer): this {
    return this.add(name, 'bytes', bytes);
  }

  /** No tagged fields. */
  end(): this {
    return this.add('tags', 'length', Buffer.of(0));
  }

  private add(name: string, kind: AnswerField['kind'], bytes: Buffer): this {
    this.all.push({ name, kind, bytes });
    return this;
  }
}

export function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

/** Without zigzag: the zigzag of half of it. */
function unsigned(value: number): Buffer {
  return value % 2 === 0 ? varint(value / 2) : varint(-(value + 1) / 2);
}
