/**
 * Avro's long for avsc, in two forms: as number, and as bigint over the whole range of 64 bits. Owns
 * only these types and their choice; reading is avro.ts, writing avro-encoder.ts.
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

/** What an avsc type does inside; its declarations leave it out. */
interface LongMethods {
  _read(tap: unknown): number;
}

// Checked boundary: avsc's types are classes with these methods on the prototype.
const { _read: readLong } = avsc.types.LongType.prototype as unknown as LongMethods;

class NarrowLong extends avsc.types.LongType implements LongMethods {
  /** Throws, as avsc does, for what only WIDE_LONG reads. */
  _read(tap: unknown): number {
    const value = readLong(tap);
    if (isNarrow(value)) return value;
    throw new Error('a number of more than 52 bits');
  }
}

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
    typeHook: (schema) => (schema === 'long' ? long : undefined),
  });
}
