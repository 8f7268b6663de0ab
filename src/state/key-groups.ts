/**
 * Key groups: 1,024 of them, the unit in which state moves between partitions. A key's group is
 * the top ten bits of its value hash (columnar/hash.ts combined over the key columns, finalised).
 */

const KEY_GROUP_BITS = 10;

export const KEY_GROUPS = 1 << KEY_GROUP_BITS;

export function keyGroupOf(hash: number): number {
  return hash >>> (32 - KEY_GROUP_BITS);
}
