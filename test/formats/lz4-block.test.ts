/**
 * lz4 blocks: what a plain decoder, written from the format's description, makes of them is what
 * ours makes of them, also when they are broken, and whatever lies before them.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LZ4_DISTANCE_MAX, unpackLz4Block } from '../../src/formats/codecs/lz4-block.js';

const SEED = 20261124;

interface Sequence {
  readonly literals: Uint8Array;
  /** Of the match behind them; null: the block ends. */
  readonly match: { readonly distance: number; readonly length: number } | null;
}

describe('a block', () => {
  it('of literals only is those', () => {
    for (const size of [0, 1, 14, 15, 16, 17, 269, 270, 271, 5_000]) {
      const literals = Uint8Array.from({ length: size }, (_, at) => at * 7);
      expect(unpacked(blockOf([{ literals, match: null }]))).toEqual(literals);
    }
  });

  it('repeats what it has just written, for every distance and length', () => {
    const literals = Uint8Array.from({ length: 40 }, (_, at) => at + 1);
    const none = new Uint8Array();
    for (let distance = 1; distance <= 40; distance += 1) {
      for (const length of [4, 5, 18, 19, 20, 40, 100, 274, 300]) {
        const match = { distance, length };
        const block = blockOf([
          { literals, match },
          { literals: none, match: null },
        ]);
        const expected = Uint8Array.from({ length: 40 + length }, (_, at) =>
          at < 40 ? at + 1 : 41 - distance + ((at - 40) % distance),
        );
        expect(unpacked(block)).toEqual(expected);
      }
    }
  });

  it('reaches back into what came before it, and no further', () => {
    const before = Uint8Array.from({ length: LZ4_DISTANCE_MAX }, (_, at) => at % 251);
    const reaching = (distance: number) =>
      blockOf([
        { literals: new Uint8Array(), match: { distance, length: 4 } },
        { literals: Uint8Array.of(9), match: null },
      ]);
    const found = unpacked(reaching(LZ4_DISTANCE_MAX), before);
    expect(found).toEqual(Uint8Array.of(0, 1, 2, 3, 9));
    expect(unpacked(reaching(LZ4_DISTANCE_MAX), before.subarray(1))).toBeNull();
    expect(unpacked(reaching(1))).toBeNull();
    expect(unpacked(reaching(0), before)).toBeNull();
  });

  it('is refused when it unpacks to more than its bound', () => {
    const literals = Uint8Array.from({ length: 20 }, (_, at) => at);
    const block = blockOf([
      { literals, match: { distance: 20, length: 10 } },
      { literals, match: null },
    ]);
    expect(unpacked(block, new Uint8Array(), 50)).toHaveLength(50);
    for (const bytesMax of [0, 19, 20, 29, 30, 49]) {
      expect(unpacked(block, new Uint8Array(), bytesMax)).toBeNull();
    }
  });

  it(`that is random, or mutated, is what a plain decoder finds (seed ${SEED})`, () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    const match = fc.record({
      distance: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 400 })),
      length: fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 4, max: 600 })),
    });
    const sequences = fc.array(fc.record({ literals: bytes, match }), { maxLength: 12 });
    const mutations = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(
        ...[sequences, bytes, mutations, fc.uint8Array({ maxLength: 300 }), fc.nat(12_000)],
        (some, last, mutated, before, bytesMax) => {
          const block = blockOf([...some, { literals: last, match: null }]);
          for (const [at, byte] of mutated) if (at < block.length) block[at] = byte;
          const expected = plainlyUnpacked(block, before, bytesMax);
          expect(unpacked(block, before, bytesMax)).toEqual(expected);
        },
      ),
      { seed: SEED, numRuns: 3_000 },
    );
  });
});

/** Copied: what is returned lives in the decoder's memory. The block lies amid other bytes. */
function unpacked(
  block: Uint8Array,
  before: Uint8Array = new Uint8Array(),
  bytesMax = 65_536,
): Uint8Array | null {
  const amid = new Uint8Array(block.length + 64).fill(0xee);
  amid.set(block, 17);
  const found = unpackLz4Block(
    { bytes: amid, from: 17, to: 17 + block.length },
    { bytes: before, from: 0, to: before.length },
    bytesMax,
  );
  return found?.slice() ?? null;
}

function blockOf(sequences: readonly Sequence[]): Uint8Array {
  const bytes: number[] = [];
  for (const { literals, match } of sequences) {
    const more = (match?.length ?? 4) - 4;
    bytes.push((Math.min(literals.length, 15) << 4) | Math.min(more, 15));
    bytes.push(...longLength(literals.length), ...literals);
    if (match !== null) bytes.push(match.distance & 255, match.distance >> 8, ...longLength(more));
  }
  return Uint8Array.from(bytes);
}

function longLength(length: number): number[] {
  if (length < 15) return [];
  const full = Math.floor((length - 15) / 255);
  return [...Array.from({ length: full }, () => 255), (length - 15) % 255];
}

function plainlyUnpacked(
  block: Uint8Array,
  before: Uint8Array,
  bytesMax: number,
): Uint8Array | null {
  const found = [...before];
  let at = 0;
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255; length += more) {
      more = block[at] ?? Number.NaN;
      at += 1;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at]!;
    at += 1;
    const literals = lengthFrom(token >> 4);
    if (!(at + literals <= block.length)) return null;
    for (let n = 0; n < literals; n += 1) found.push(block[at + n]!);
    at += literals;
    if (found.length - before.length > bytesMax) return null;
    if (at === block.length) return Uint8Array.from(found.slice(before.length));
    if (at + 2 > block.length) return null;
    const distance = block[at]! + 256 * block[at + 1]!;
    at += 2;
    const length = lengthFrom(token & 15) + 4;
    if (Number.isNaN(length) || distance === 0 || distance > found.length) return null;
    if (found.length - before.length + length > bytesMax) return null;
    for (let n = 0; n < length; n += 1) found.push(found[found.length - distance]!);
  }
  return null;
}
