/**
 * Cuts of entries into files: nothing is lost or split, sizes keep their bounds, and what comes in
 * between or goes changes the cut it lies in and no more than its neighbours.
 */
import { describe, expect, it } from 'vitest';
import { entryCuts } from '../../../src/state/checkpoint/entry-cuts.js';
import type { EntryCut } from '../../../src/state/checkpoint/entry-cuts.js';
import { GLOBAL_ENTRY, StateReader, StateWriter } from '../../../src/state/snapshot.js';
import { Random } from '../../oracle/random-data.js';
import { entriesOf } from './sample-states.js';

const SEED = 20261130;
const MIB = 1024 * 1024;

function cutsOf(...parts: Uint8Array[]): EntryCut[] {
  return [...entryCuts(parts)].filter((cut) => cut !== null);
}

function whole(cuts: readonly EntryCut[]): Buffer {
  return Buffer.concat(cuts.map(({ content }) => content));
}

function oneEntry(keyGroup: number, bytes: number): Uint8Array {
  const writer = new StateWriter();
  writer.beginEntry(keyGroup);
  writer.writeBytes(new Uint8Array(bytes), 0, bytes);
  writer.endEntry();
  return writer.finish();
}

describe('cuts of entries', () => {
  it('hold all entries whole, and count them and their key groups', () => {
    const parts = [1, 2, 3].map((seed) => entriesOf(new Random(SEED + seed), 150_000));
    const cuts = cutsOf(...parts);
    expect(whole(cuts).equals(Buffer.concat(parts))).toBe(true);
    expect(cuts.length).toBeGreaterThan(2);
    for (const { content, entries, keyGroups } of cuts) {
      const found: number[] = [];
      const reader = new StateReader(content);
      for (let group = reader.nextEntry(); group !== -1; group = reader.nextEntry()) {
        found.push(group);
      }
      expect(found).toHaveLength(entries);
      const keyed = found.filter((group) => group !== GLOBAL_ENTRY).sort((a, b) => a - b);
      expect(keyGroups).toEqual([keyed[0], keyed.at(-1)]);
    }
    for (const { content } of cuts.slice(0, -1))
      expect(content.length).toBeGreaterThan(2 * MIB - 64);
  });

  it('of small operators are one, of none are none', () => {
    expect(cutsOf()).toEqual([]);
    expect(cutsOf(new Uint8Array(0), new Uint8Array(0))).toEqual([]);
    const parts = [entriesOf(new Random(1), 5), new Uint8Array(0), entriesOf(new Random(2), 5)];
    expect(cutsOf(...parts)).toHaveLength(1);
    expect(cutsOf(oneEntry(GLOBAL_ENTRY, 10))).toMatchObject([{ entries: 1, keyGroups: null }]);
  });

  it('leave an entry that is larger than a file alone', () => {
    const parts = [oneEntry(1, 10), oneEntry(2, 20 * MIB), oneEntry(3, 10)];
    const cuts = cutsOf(new Uint8Array(Buffer.concat(parts)));
    expect(cuts.map(({ entries }) => entries).reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(cuts[0]?.content).toHaveLength(parts[0]?.length ?? 0);
    expect(cuts[1]?.keyGroups?.[0]).toBe(2);
  });

  it('stay where they are when entries come in front, in between, or go', () => {
    const before = entriesOf(new Random(SEED), 700_000);
    const cuts = cutsOf(before);
    const textOf = ({ content }: EntryCut): string => Buffer.from(content).toString('latin1');
    const texts = new Set(cuts.map(textOf));
    const ends = cuts.slice(0, 2).reduce((sum, { content }) => sum + content.length, 0);
    const added = entriesOf(new Random(7), 1000);
    const first = 8 + new DataView(before.buffer).getUint32(4, true);
    const changes = [
      Buffer.concat([added, before]),
      Buffer.concat([before, added]),
      Buffer.concat([before.subarray(0, ends), added, before.subarray(ends)]),
      before.subarray(first),
    ];
    for (const changed of changes) {
      const kept = cutsOf(changed).filter((cut) => texts.has(textOf(cut)));
      expect(cuts.length - kept.length).toBeLessThanOrEqual(3);
      expect(kept.length).toBeGreaterThan(0);
    }
  });

  it('come with pauses in which others work', () => {
    const found = [...entryCuts([entriesOf(new Random(SEED), 200_000)])];
    expect(found.filter((cut) => cut === null).length).toBeGreaterThan(2);
  });
});
