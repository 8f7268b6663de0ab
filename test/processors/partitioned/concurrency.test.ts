/**
 * Arena, rings and wake cells between real threads: random interleavings with tiny rings and
 * arenas, threads that stall, threads that die at every operation, and many items in a row. Runs
 * the compiled project. A wake-up that is lost ends as a sleep that times out, and fails the test.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../../../src/bench/statistics.js';
import { startMesh } from './mesh.js';
import type { MeshOptions, PeerReport } from './mesh.js';

const LIMIT_MS = 240_000;
/** Within which threads notice that another died, and end. */
const NOTICE_MS = 5_000;

const SMALL: Omit<MeshOptions, 'seed'> = {
  peers: 2,
  slots: 2,
  arenaBytes: 4096,
  blocks: 1500,
  blockBytesMax: 700,
  stalls: 0.02,
  asleep: 'blocked',
  heldMax: 2,
};

/** Sizes and stalls from the seed. */
function randomMesh(seed: number): MeshOptions {
  const random = mulberry32(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const arenaBytes = 2048 << below(4);
  return {
    ...SMALL,
    seed,
    peers: 2 + below(3),
    slots: 2 << below(3),
    arenaBytes,
    blockBytesMax: Math.min(64 + below(2000), arenaBytes / 4 - 128),
    blocks: 300 + below(1200),
    stalls: [0, 0.002, 0.02, 0.1][below(4)] ?? 0,
    asleep: below(2) === 0 ? 'blocked' : 'beside the event loop',
    heldMax: below(4),
  };
}

function expectComplete(reports: readonly (PeerReport | null)[], options: MeshOptions): void {
  const all = reports.map(() => options.blocks);
  for (const report of reports) {
    expect(report).toMatchObject({ outcome: 'complete', faults: [], received: all, lost: 0 });
  }
}

describe('threads of a mesh', () => {
  test.each([101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112])(
    'every block arrives whole, once and in order (seed %i)',
    async (seed) => {
      const options = randomMesh(seed);
      const mesh = startMesh(options, LIMIT_MS);
      expectComplete(await mesh.reports, options);
      // All blocks were released: the arenas are one free piece again.
      expect(mesh.arenas.map((arena) => arena.usedBytes())).toEqual(mesh.arenas.map(() => 0));
    },
    LIMIT_MS + 5_000,
  );

  test.each(['blocked', 'beside the event loop'] as const)(
    'two that push into each other’s full rings end (asleep: %s)',
    async (asleep) => {
      const options: MeshOptions = {
        ...SMALL,
        seed: 201,
        asleep,
        slots: 1,
        arenaBytes: 2048,
        blockBytesMax: 64,
        blocks: 20_000,
        stalls: 0,
        heldMax: 0,
      };
      const reports = await startMesh(options, LIMIT_MS).reports;
      expectComplete(reports, options);
      reports.forEach((report) => expect(report?.full).toBeGreaterThan(100));
    },
    LIMIT_MS + 5_000,
  );

  test(
    'no wake-up is lost among four that sleep at every turn',
    async () => {
      const options: MeshOptions = {
        ...SMALL,
        seed: 202,
        peers: 4,
        slots: 1,
        blockBytesMax: 64,
        blocks: 6_000,
        stalls: 0.001,
        heldMax: 0,
      };
      const reports = await startMesh(options, LIMIT_MS).reports;
      expectComplete(reports, options);
      reports.forEach((report) => expect(report?.sleeps).toBeGreaterThan(1_000));
    },
    LIMIT_MS + 5_000,
  );
});

describe('a thread that ends', () => {
  test(
    'at any of its first 48 operations, leaves no other waiting',
    async () => {
      for (let endAtOperation = 1; endAtOperation <= 48; endAtOperation += 1) {
        const options = { ...SMALL, seed: 300 + endAtOperation, endAtOperation, stalls: 0.005 };
        const [dead, other] = await startMesh(options, NOTICE_MS).reports;
        expect(dead).toBeNull();
        expect(other).toMatchObject({ outcome: 'aborted', faults: [] });
      }
    },
    48 * NOTICE_MS,
  );

  test.each(['blocked', 'beside the event loop'] as const)(
    'by termination at a random time, leaves no other waiting (asleep: %s)',
    async (asleep) => {
      const random = mulberry32(401);
      for (let round = 0; round < 20; round += 1) {
        const options = { ...SMALL, seed: 400 + round, peers: 3, asleep, blocks: 1_000_000 };
        const mesh = startMesh(options, NOTICE_MS);
        await soon(40 + random() * 60);
        mesh.terminate(round % 3);
        const reports = await mesh.reports;
        expect(reports[round % 3]).toBeNull();
        const others = reports.filter((_, peer) => peer !== round % 3);
        others.forEach((report) =>
          expect(report).toMatchObject({ outcome: 'aborted', faults: [], lost: 0 }),
        );
      }
    },
    20 * NOTICE_MS,
  );

  test(
    'all stop when told, at a random time',
    async () => {
      const random = mulberry32(501);
      for (let round = 0; round < 20; round += 1) {
        const options = { ...SMALL, seed: 500 + round, peers: 3, blocks: 1_000_000 };
        const mesh = startMesh(options, NOTICE_MS);
        await soon(random() * 80);
        mesh.abort();
        for (const report of await mesh.reports) {
          expect(report).toMatchObject({ outcome: 'aborted', faults: [], lost: 0 });
        }
      }
    },
    20 * NOTICE_MS,
  );
});

function soon(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

describe('a ring between two threads', () => {
  test('carries 100 million items', async () => {
    const script = fileURLToPath(
      new URL('../../../dist/bench/micro/micro-exchange.js', import.meta.url),
    );
    const run = promisify(execFile)(process.execPath, [script, '--items', '100m'], {
      timeout: 240_000,
    });
    expect((await run).stdout).toMatch(/^100000000 items, checksums equal/);
  }, 60_000);
});
