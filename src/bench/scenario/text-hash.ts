/** The hash of a text value, as digests and routing know it, for expectations. */
import { hashBytes } from '../../columnar/hash.js';

const encoder = new TextEncoder();

/** Unsigned: what a digest adds up. */
export function textHash(text: string): number {
  const bytes = encoder.encode(text);
  return hashBytes(bytes, 0, bytes.length) >>> 0;
}
