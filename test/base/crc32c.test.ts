/**
 * CRC-32C: known sums, and a library's for bytes of any length, also across the slices that are
 * copied at a time and at places that are not aligned.
 */
import { crc32c as libraryCrc32c } from '@platformatic/wasm-utils';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.js';

const SEED = 20261124;

describe('crc32c', () => {
  it('gives the sums of RFC 3720, appendix B.4', () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, at) => at);
    expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32), 0, 32)).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255), 0, 32)).toBe(0x62a8ab43);
    expect(crc32c(ascending, 0, 32)).toBe(0x46dd794e);
    expect(crc32c(ascending, 5, 5)).toBe(0);
  });

  it(`gives a library's sums for any part of random bytes (seed ${SEED})`, () => {
    const bytes = new Uint8Array(400_000);
    for (let at = 0, state = SEED; at < bytes.length; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      bytes[at] = state >>> 24;
    }
    const place = fc.oneof(
      fc.integer({ min: 0, max: bytes.length }),
      fc.integer({ min: 0, max: 80 }),
      fc.integer({ min: 114_600, max: 114_800 }),
    );
    fc.assert(
      fc.property(place, place, (one, other) => {
        const from = Math.min(one, other);
        const to = Math.max(one, other);
        expect(crc32c(bytes, from, to)).toBe(libraryCrc32c(bytes.subarray(from, to)) >>> 0);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
