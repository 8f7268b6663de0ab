/**
 * Hashes of SQL values. Owns the 32-bit hash that routing, key groups, state rows and digests
 * share: a function of the SQL value, never of the column kind (f64 or i64, utf8 or dict). @hot
 *
 * Text: FNV-1a over the UTF-8 bytes, then finalised. Integers (BIGINT, unscaled DECIMAL within 64
 * bits): two 32-bit words of the two's complement. DOUBLE and times: the two words of the IEEE bits,
 * -0.0 as 0.0. Finaliser: MurmurHash3's fmix32 (Austin Appleby, public domain algorithm).
 */

export const NULL_HASH = 0x2545f491 | 0;

export function finaliseHash(hash: number): number {
  let h = hash;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h | 0;
}

/** Adds one key column's hash to the running hash of a key: order and position count. */
export function combineHash(running: number, hash: number): number {
  return (Math.imul(running ^ (running >>> 15), 0x9e3779b1) + hash) | 0;
}

export function hashWords(low: number, high: number): number {
  return finaliseHash(Math.imul(low, 0x9e3779b1) ^ Math.imul(high ^ (low >>> 16), 0x85ebca77));
}

/** Hash of a safe integer. */
export function hashSafeInteger(value: number): number {
  return hashWords(value | 0, Math.floor(value / 4294967296) | 0);
}

export function hashBigInt(value: bigint): number {
  const low = Number(BigInt.asIntN(32, value));
  const rest = value >> 32n;
  const high = Number(BigInt.asIntN(32, rest));
  const beyond = rest >> 32n;
  const base = hashWords(low, high);
  // Beyond 64 bits only a wide DECIMAL goes; a value within 64 bits hashes as its two words.
  return beyond === 0n || beyond === -1n
    ? base
    : combineHash(base, hashWords(Number(BigInt.asIntN(32, beyond)), Number(beyond >> 32n)));
}

const doubleCell = new Float64Array(1);
const wordCells = new Int32Array(doubleCell.buffer);

export function hashDouble(value: number): number {
  doubleCell[0] = value === 0 ? 0 : value;
  return hashWords(wordCells[0] as number, wordCells[1] as number);
}

export function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  let h = 0x811c9dc5 | 0;
  const end = start + length;
  for (let at = start; at < end; at += 1) {
    h = Math.imul(h ^ (bytes[at] as number), 0x01000193);
  }
  return finaliseHash(h ^ length);
}

export function hashBoolean(value: boolean): number {
  return hashWords(value ? 1 : 0, 0);
}
