/**
 * Avro's long for avsc, in two forms: as number, and as bigint over the whole range of 64 bits; and
 * int and boolean that refuse what is none. Owns only these types and their choice; reading is avro.ts, writing avro-encoder.ts.
 *
 * avsc's own long is not used: it adds the digits of the zigzag number up as a double, so that below
 * −2^52 the last bit, which is the sign, is rounded away, and a negative number is read (and
 * written) as a positive one without a word.
 */
import avsc from 'avsc';
import type { AvroJson } from './avro-schema.js';

/** Numbers of this size and more are bigints: zigzag needs one bit of a double's 53. */
const NARROW_SIZE_MAX = 2 ** 52;

export const WIDE_LONG = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(0),
  toBuffer: (value: bigint | number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: (value: number) => BigInt(value),
  toJSON: (value: bigint | number) => Number(value),
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** What avsc reads from: bytes and the place of the next one. */
interface Tap {
  readonly buf: Uint8Array;
  pos: number;
}

/** What an avsc type does inside; its declarations leave it out. */
interface ReadMethod<T> {
  _read(tap: Tap): T;
}

// Checked boundary: avsc's types are classes with these methods on the prototype.
const { _read: readLong } = avsc.types.LongType.prototype as unknown as ReadMethod<number>;

const LONG_BYTES_MAX = 10;
const INT_BYTES_MAX = 5;
const INT_MAX = 2 ** 31 - 1;

class NarrowLong extends avsc.types.LongType implements ReadMethod<number> {
  /** Throws, as avsc does, for what only WIDE_LONG reads and for numbers that do not end. */
  _read(tap: Tap): number {
    const from = tap.pos;
    const value = readLong(tap);
    if (isNarrow(value) && tap.pos - from <= LONG_BYTES_MAX) return value;
    throw new Error('a number of more than 52 bits');
  }
}

/** avsc's own takes whatever number stands there for one of 32 bits. */
class CheckedInt extends avsc.types.IntType implements ReadMethod<number> {
  _read(tap: Tap): number {
    const from = tap.pos;
    const value = readLong(tap);
    if (value <= INT_MAX && value >= -INT_MAX - 1 && tap.pos - from <= INT_BYTES_MAX) return value;
    throw new Error('a number of more than 32 bits');
  }
}

/** avsc's own takes any byte but 0 for true. */
class CheckedBoolean extends avsc.types.BooleanType implements ReadMethod<boolean> {
  _read(tap: Tap): boolean {
    const byte = tap.buf[tap.pos];
    tap.pos += 1;
    if (byte === 0 || byte === 1) return byte === 1;
    throw new Error('a byte that is no boolean');
  }
}

const CHECKED_INT: avsc.Type = new CheckedInt();
const CHECKED_BOOLEAN: avsc.Type = new CheckedBoolean();

/** Reads and writes what isNarrow(). */
const NARROW_LONG: avsc.Type = new NarrowLong();

export function isNarrow(value: number): boolean {
  return value < NARROW_SIZE_MAX && value > -NARROW_SIZE_MAX;
}

/** The type of a schema; `wide`: its longs are bigints, which is slower. Throws avsc's Error. */
export function newAvroType(json: AvroJson, wide: boolean): avsc.Type {
  const long = wide ? WIDE_LONG : NARROW_LONG;
  // Checked boundary: avsc checks schemas itself and throws.
  return avsc.Type.forSchema(json as Parameters<typeof avsc.Type.forSchema>[0], {
    omitRecordMethods: true,
    typeHook: (schema) => {
      if (schema === 'long') return long;
      if (schema === 'int') return CHECKED_INT;
      return schema === 'boolean' ? CHECKED_BOOLEAN : undefined;
    },
  });
}
