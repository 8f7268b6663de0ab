/** Runs on disk: what is written is read again, any stretch of it; when many become one. */
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesOf, restorePart } from '../../../src/state/checkpoint/entry-files.js';
import { KEY_GROUPS } from '../../../src/state/key-groups.js';
import { PageFolder } from '../../../src/state/paging/page-folder.js';
import { rankOf, RunWriter } from '../../../src/state/paging/page-run.js';
import type { Run } from '../../../src/state/paging/page-run.js';
import { mergeableRuns } from '../../../src/state/paging/run-tiers.js';
import { StateReader, StateWriter } from '../../../src/state/snapshot.js';
import { Random } from '../../oracle/random-data.js';

const SEED = 20_261_130;
const dir = mkdtempSync(join(tmpdir(), 'velo-runs-'));

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Entries by rank: `lengths` bytes each. */
function written(folder: PageFolder, ranks: ReadonlyMap<number, readonly number[]>): Run {
  const run = new RunWriter(folder);
  for (const rank of [...ranks.keys()].sort((a, b) => a - b)) {
    run.reach(rank);
    const writer = new StateWriter();
    const lengths = ranks.get(rank)!;
    for (const length of lengths) {
      writer.beginEntry(rankOf(rank));
      writer.writeBytes(new Uint8Array(length).fill(rank), 0, length);
      writer.endEntry();
    }
    run.put(writer.written(), lengths.length);
  }
  return run.finish();
}

function lengthsIn(bytes: Uint8Array): Map<number, number[]> {
  const found = new Map<number, number[]>();
  const reader = new StateReader(bytes);
  for (let group = reader.nextEntry(); group >= 0; group = reader.nextEntry()) {
    const rank = rankOf(group);
    const content = reader.readBytes();
    expect(content.every((byte) => byte === (rank & 255))).toBe(true);
    found.set(rank, [...(found.get(rank) ?? []), content.length]);
  }
  return found;
}

function randomRanks(random: Random): Map<number, number[]> {
  const ranks = new Map<number, number[]>();
  for (let entry = 0; entry < 300; entry += 1) {
    const rank = random.pick([0, 1, 511, 512, 1023, random.below(KEY_GROUPS)]);
    // Some reach over pieces of a megabyte.
    const length = random.chance(2) ? random.below(3_000_000) : random.below(2000);
    ranks.set(rank, [...(ranks.get(rank) ?? []), length]);
  }
  return ranks;
}

describe(`a run (seed ${SEED})`, () => {
  it('is read back as a whole and in any stretch', () => {
    const random = new Random(SEED);
    const ranks = randomRanks(random);
    const run = written(new PageFolder({ dir, isNamed: false }), ranks);
    expect(lengthsIn(run.read(0, KEY_GROUPS))).toEqual(
      new Map([...ranks].sort(([a], [b]) => a - b)),
    );
    for (let trial = 0; trial < 40; trial += 1) {
      const from = random.below(KEY_GROUPS);
      const to = from + 1 + random.below(KEY_GROUPS - from);
      const expected = [...ranks].filter(([rank]) => rank >= from && rank < to);
      expect(lengthsIn(run.read(from, to))).toEqual(new Map(expected.sort(([a], [b]) => a - b)));
    }
    run.remove();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('is handed over as the content of a checkpoint, and outlives its own name', () => {
    const ranks = randomRanks(new Random(SEED + 1));
    const run = written(new PageFolder({ dir, isNamed: true }), ranks);
    const file = run.handOver()!;
    run.remove();
    const part = { bytes: new Uint8Array(0), file };
    expect(lengthsIn(bytesOf(part))).toEqual(new Map([...ranks].sort(([a], [b]) => a - b)));
    let entries = 0;
    const owned = (group: number): boolean => group % 2 === 0;
    const restore = (reader: StateReader): void => {
      for (let group = reader.nextEntry(); group >= 0; group = reader.nextEntry()) {
        expect(owned(group)).toBe(true);
        entries += 1;
      }
    };
    restorePart({ restore }, part, owned);
    const expected = [...ranks].filter(([rank]) => owned(rankOf(rank)));
    expect(entries).toBe(expected.reduce((sum, [, lengths]) => sum + lengths.length, 0));
    expect(file.entries).toBe(300);
    writeFileSync(file.path, 'x', { flag: 'r+' });
    expect(() => bytesOf(part)).toThrow(expect.objectContaining({ key: 'CHECKPOINT_DAMAGED' }));
    truncateSync(file.path, 100);
    expect(() => bytesOf(part)).toThrow(expect.objectContaining({ key: 'CHECKPOINT_DAMAGED' }));
    rmSync(file.path);
    expect(() => bytesOf(part)).toThrow(expect.objectContaining({ key: 'CHECKPOINT_DAMAGED' }));
  });

  it('says where it cannot be written', () => {
    const folder = new PageFolder({ dir: '/proc/velo-pages', isNamed: false });
    expect(() => new RunWriter(folder)).toThrow(
      expect.objectContaining({
        key: 'STATE_PAGES',
        message: expect.stringContaining('"/proc/velo-pages" cannot be written') as string,
      }),
    );
  });
});

describe('runs are merged', () => {
  it('eight of a size at a time, the newest ones', () => {
    expect(mergeableRuns([])).toBe(0);
    expect(mergeableRuns(new Array<number>(7).fill(100))).toBe(0);
    expect(mergeableRuns(new Array<number>(8).fill(100))).toBe(8);
    expect(mergeableRuns([5000, ...new Array<number>(8).fill(100)])).toBe(8);
    expect(mergeableRuns([5000, ...new Array<number>(7).fill(100)])).toBe(0);
    // Small ones between go along with the larger ones around them.
    expect(mergeableRuns([...new Array<number>(8).fill(900), 70])).toBe(9);
  });

  it('so that each entry is written a logarithm of times', () => {
    const runs: number[] = [];
    let bytesWritten = 0;
    for (let added = 1; added <= 4096; added += 1) {
      runs.push(1000);
      bytesWritten += 1000;
      for (let count = mergeableRuns(runs); count > 0; count = mergeableRuns(runs)) {
        const sum = runs.splice(-count).reduce((all, bytes) => all + bytes, 0);
        runs.push(sum);
        bytesWritten += sum;
      }
    }
    expect(runs.length).toBeLessThan(40);
    expect(bytesWritten / 4_096_000).toBeLessThan(6);
  });
});
