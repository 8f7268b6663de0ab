/**
 * Which partition a key goes to: the one that Kafka's Java clients, and so Flink, send it to, which
 * is murmur2 of the key's bytes without its sign bit, modulo the number of partitions. Owns the
 * hash only; records without a key are spread by columnar-producer.ts. @hot
 */
const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;
const SHIFT = 24;

/** murmur2 (32 bits) of `bytes[0, length)`, as a signed number, as Java's Utils.murmur2 gives it. */
export function murmur2(bytes: Uint8Array, length: number): number {
  let hash = SEED ^ length;
  const words = length & ~3;
  for (let at = 0; at < words; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MIX);
    word ^= word >>> SHIFT;
    word = Math.imul(word, MIX);
    hash = Math.imul(hash, MIX) ^ word;
  }
  const left = length - words;
  if (left > 2) hash ^= bytes[words + 2]! << 16;
  if (left > 1) hash ^= bytes[words + 1]! << 8;
  if (left > 0) hash = Math.imul(hash ^ bytes[words]!, MIX);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MIX);
  return hash ^ (hash >>> 15);
}

/** Number of the partition for a key, of `partitions` that are numbered from 0. */
export function keyPartition(key: Uint8Array, length: number, partitions: number): number {
  return (murmur2(key, length) & 0x7fffffff) % partitions;
}
