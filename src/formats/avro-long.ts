/**
 * Avro's long as JavaScript's bigint, for avsc: over the whole range of 64 bits, where avsc's own
 * refuses numbers of more than 53. Owns only this type; reading is avro.ts, writing
 * avro-encoder.ts.
 */
import avsc from 'avsc';

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
