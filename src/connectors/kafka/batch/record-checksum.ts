/**
 * The checksum of record batches: CRC-32C (Castagnoli). Owns which bytes it covers; the sum itself
 * is crc32c.ts.
 */
import { crc32c } from '../../../base/crc32c.js';
import { ATTRIBUTES_AT } from './record-batch.js';

/** Checksum of the batch bytes[at, at + size), as a signed number like the header's. O(size). */
export function batchChecksum(bytes: Uint8Array, at: number, size: number): number {
  return crc32c(bytes, at + ATTRIBUTES_AT, at + size) | 0;
}
