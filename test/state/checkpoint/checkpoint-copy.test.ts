/**
 * A checkpoint that is copied: it is the same one, to the sum of its manifest; whatever call to the
 * disk fails or is the last one, there is none in its place that looks like it.
 */
import { describe, expect, it } from 'vitest';
import { StateError } from '../../../src/base/errors.js';
import { copyCheckpoint } from '../../../src/state/checkpoint/checkpoint-copy.js';
import { CheckpointReader } from '../../../src/state/checkpoint/checkpoint-reader.js';
import { Random } from '../../oracle/random-data.js';
import { Death, FaultyFiles, MemoryFiles } from './memory-files.js';
import type { Fault } from './memory-files.js';
import { contentOf, DIR, openStore, randomState, textOf } from './sample-states.js';

const SEED = 20261130;
const COPY = '/copy';
const EPOCH = 2;
const FAULTS: readonly Fault[] = [
  { kind: 'fails', code: 'ENOSPC' },
  { kind: 'dies', when: 'before' },
  { kind: 'dies', when: 'within' },
  { kind: 'dies', when: 'after' },
];

/** A disk with a checkpoint, and an empty folder beside it. */
async function diskWith(state: ReturnType<typeof randomState>): Promise<MemoryFiles> {
  const disk = new MemoryFiles();
  const { store } = await openStore(disk);
  await store.write(contentOf(EPOCH - 1, state.slice(0, 1)));
  await store.write(contentOf(EPOCH, state));
  await store.close();
  await disk.makeFolders(COPY);
  return disk;
}

describe(`a copy of a checkpoint (seed ${SEED})`, () => {
  const state = randomState(new Random(SEED));

  it('is the same one', async () => {
    const disk = await diskWith(state);
    const from = new CheckpointReader(DIR, disk);
    const written = await copyCheckpoint(from, EPOCH, COPY, disk);
    expect(written).toMatchObject({ epoch: EPOCH, bytesLinked: 0 });
    const copy = new CheckpointReader(COPY, disk);
    expect(await copy.epochs()).toEqual([EPOCH]);
    expect(await copy.sumOf(EPOCH)).toBe(await from.sumOf(EPOCH));
    expect((await copy.verify(EPOCH)).problems).toEqual([]);
    expect(textOf((await copy.read(EPOCH)).state)).toBe(textOf(state));
  });

  it.each(FAULTS)('is whole or none where a call fails: %j', async (fault) => {
    let whole = 0;
    for (let at = 0; whole === 0; at += 1) {
      const disk = await diskWith(state);
      const faulty = new FaultyFiles(disk, at, fault);
      const from = new CheckpointReader(DIR, disk);
      const error = await copyCheckpoint(from, EPOCH, COPY, faulty).then(
        () => null,
        (reason: unknown) => reason,
      );
      const copy = new CheckpointReader(COPY, disk);
      const [epoch] = await copy.epochs();
      if (epoch !== undefined) expect(await copy.sumOf(epoch)).toBe(await from.sumOf(EPOCH));
      if (error === null) whole += 1;
      else if (fault.kind === 'fails') {
        expect(error).toBeInstanceOf(StateError);
        expect(await disk.list(COPY)).toEqual(
          epoch === undefined ? [] : [`epoch-000000000${EPOCH}`],
        );
      } else expect([Death, StateError]).toContain((error as Error).constructor);
    }
  });
});
