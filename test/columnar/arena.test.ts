/** Block arena: where blocks lie, when their memory comes back, and what readers see meanwhile. */
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { BlockArena } from '../../src/columnar/arena.js';

const KIB = 1024;

function arenaOf(capacityBytes: number): BlockArena {
  return new BlockArena(new SharedArrayBuffer(BlockArena.bytesFor(capacityBytes)));
}

/** Allocates and commits at once. */
function block(arena: BlockArena, bytes: number, readers = 1): number {
  const offset = arena.allocate(bytes);
  if (offset !== -1) arena.commit(offset, bytes, readers);
  return offset;
}

/** Blocks of `bytes` until the arena is full. */
function fill(arena: BlockArena, bytes: number): number[] {
  const offsets: number[] = [];
  for (let at = block(arena, bytes); at !== -1; at = block(arena, bytes)) offsets.push(at);
  return offsets;
}

describe('a block arena', () => {
  test('gives every block a line of its own, within the memory', () => {
    const arena = arenaOf(16 * KIB);
    const offsets = [0, 1, 8, 63, 64, 65].map((bytes) => block(arena, bytes));
    expect(offsets.map((offset) => offset % 64)).toEqual([0, 0, 0, 0, 0, 0]);
    const steps = offsets.slice(1).map((offset, i) => offset - (offsets[i] ?? 0));
    expect(steps).toEqual([64, 128, 128, 128, 128]);
    expect(arena.memory.u8.length).toBeGreaterThanOrEqual((offsets[5] ?? 0) + 65);
  });

  test('is full when the memory is, and never before', () => {
    const arena = arenaOf(64 * KIB);
    const offsets = fill(arena, 960);
    expect(offsets.length).toBe(64);
    expect(arena.usedBytes()).toBe(arena.capacity);
    offsets.forEach((offset) => arena.release(offset));
    expect(arena.usedBytes()).toBe(0);
    expect([1, 2, 3, 4].map(() => block(arena, arena.blockBytesMax))).not.toContain(-1);
    expect(block(arena, 0)).toBe(-1);
  });

  test('keeps few blocks in flight at low addresses', () => {
    const arena = arenaOf(64 * KIB * KIB);
    const inFlight: number[] = [];
    let highest = 0;
    for (let i = 0; i < 10_000; i += 1) {
      const offset = block(arena, 96 * KIB - (i % 7) * 1000);
      highest = Math.max(highest, offset + 96 * KIB);
      inFlight.push(offset);
      if (inFlight.length > 5) arena.release(inFlight.shift() as number);
    }
    expect(highest).toBeLessThan(8 * 96 * KIB);
  });

  test('uses all of its memory after it has kept to low addresses', () => {
    const arena = arenaOf(KIB * KIB);
    const inFlight = [1, 2, 3].map(() => block(arena, 1000));
    for (let i = 0; i < 100; i += 1) {
      arena.release(inFlight.shift() as number);
      inFlight.push(block(arena, 1000));
    }
    fill(arena, 960);
    expect(arena.capacity - arena.usedBytes()).toBeLessThan(2 * KIB);
  });

  test('takes back what a block was not written to', () => {
    const arena = arenaOf(64 * KIB);
    const offset = arena.allocate(arena.blockBytesMax);
    arena.memory.u8.fill(7, offset, offset + 100);
    arena.commit(offset, 100, 1);
    expect(arena.usedBytes()).toBe(192);
    expect(block(arena, 10)).toBe(offset + 192);
    expect(arena.memory.u8.subarray(offset, offset + 100)).toEqual(new Uint8Array(100).fill(7));
  });

  test('frees a block without readers at once', () => {
    const arena = arenaOf(64 * KIB);
    const kept = block(arena, 100);
    const dropped = block(arena, 100, 0);
    expect(arena.usedBytes()).toBe(192);
    expect(block(arena, 100)).toBe(dropped);
    arena.release(kept);
  });

  test('waits for the last of a block’s readers, on whichever view', () => {
    const arena = arenaOf(64 * KIB);
    const other = new BlockArena(arena.memory.buffer);
    const offset = block(arena, 100, 3);
    expect(other.memory.i32[offset >> 2]).toBe(0);
    expect([other.release(offset), arena.release(offset)]).toEqual([false, false]);
    expect(arena.usedBytes()).toBe(192);
    expect(other.release(offset)).toBe(true);
    expect(arena.usedBytes()).toBe(0);
  });

  test('a reader may copy a block and release it', () => {
    const arena = arenaOf(64 * KIB);
    block(arena, 100);
    const offset = arena.allocate(16);
    arena.memory.f64.set([1.5, 2.5], offset >> 3);
    arena.commit(offset, 16, 1);
    const copy = arena.copy(offset);
    arena.release(offset);
    arena.memory.f64.fill(0, offset >> 3);
    expect([...copy.f64.subarray(0, 2)]).toEqual([1.5, 2.5]);
  });

  test('a slow reader holds back only the block that it reads', () => {
    const arena = arenaOf(64 * KIB);
    const [slow, ...others] = fill(arena, 960);
    others.forEach((offset) => arena.release(offset));
    expect(fill(arena, 960).length).toBe(63);
    arena.release(slow as number);
    expect(fill(arena, 960)).toEqual([slow]);
  });

  test('a block being written stays while later ones come and go', () => {
    const arena = arenaOf(64 * KIB);
    const open = arena.allocate(200);
    arena.memory.u8.fill(9, open, open + 200);
    for (let i = 0; i < 500; i += 1) {
      const offset = block(arena, 5000);
      arena.memory.u8.fill(1, offset, offset + 5000);
      arena.release(offset);
    }
    expect(arena.memory.u8.subarray(open, open + 200)).toEqual(new Uint8Array(200).fill(9));
    arena.commit(open, 200, 1);
    expect(arena.usedBytes()).toBe(320);
  });

  test('refuses what would corrupt it', () => {
    const arena = arenaOf(64 * KIB);
    expect(() => arena.allocate(arena.blockBytesMax + 1)).toThrow('a quarter');
    const offset = arena.allocate(100);
    expect(() => arena.release(offset)).toThrow('released once');
    const written = arena.allocate(100);
    expect(() => arena.commit(written, 129, 1)).toThrow('no more than');
    arena.commit(written, 128, 1);
    expect(() => arena.commit(written, 128, 1)).toThrow('committed once');
    arena.release(written);
    expect(() => arena.release(written)).toThrow('released once');
  });

  test.each([11, 12, 13, 14, 15, 16])(
    'random blocks keep their bytes and lose none (seed %i)',
    (seed) => {
      const random = mulberry32(seed);
      const below = (limit: number): number => Math.floor(random() * limit);
      const arena = arenaOf((4 + below(60)) * KIB);
      const live: { offset: number; bytes: number; mark: number; readers: number }[] = [];
      let refused = 0;
      for (let step = 0; step < 5000; step += 1) {
        if (random() < 0.55) {
          const bytes = below(random() < 0.1 ? arena.blockBytesMax : 600);
          const offset = arena.allocate(bytes);
          if (offset === -1) {
            refused += 1;
          } else {
            const used = random() < 0.3 ? below(bytes + 1) : bytes;
            const readers = below(4);
            arena.memory.u8.fill(step & 255, offset, offset + used);
            arena.commit(offset, used, readers);
            if (readers > 0) live.push({ offset, bytes: used, mark: step & 255, readers });
          }
        } else if (live.length > 0) {
          const at = random() < 0.8 ? 0 : below(live.length);
          const entry = live[at] as (typeof live)[number];
          const bytes = arena.memory.u8.subarray(entry.offset, entry.offset + entry.bytes);
          expect(bytes.every((byte) => byte === entry.mark)).toBe(true);
          entry.readers -= 1;
          expect(arena.release(entry.offset)).toBe(entry.readers === 0);
          if (entry.readers === 0) live.splice(at, 1);
        }
        const expected = live.reduce((sum, { bytes }) => sum + 64 + ((bytes + 63) & -64), 0);
        expect(arena.usedBytes()).toBe(expected);
      }
      expect(refused).toBeGreaterThan(0);
      live.forEach(({ offset, readers }) => {
        for (let i = 0; i < readers; i += 1) arena.release(offset);
      });
      expect([1, 2, 3, 4].map(() => block(arena, arena.blockBytesMax))).not.toContain(-1);
    },
  );
});
