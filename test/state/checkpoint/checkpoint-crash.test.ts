/**
 * Failures at every call that a job's checkpoints make to the file system: the process dies in front
 * of it, behind it or in its middle, with or without the machine's power; or the call fails and the
 * job goes on. Whatever it was, what is read afterwards is one checkpoint whole: the newest that was
 * reported, or the one that was under way.
 */
import { describe, expect, it } from 'vitest';
import { StateError } from '../../../src/base/errors.js';
import type { JobState } from '../../../src/state/checkpoint/job-state.js';
import { Random } from '../../oracle/random-data.js';
import { Death, FaultyFiles, MemoryFiles } from './memory-files.js';
import type { Fault } from './memory-files.js';
import { containerPlace, contentOf, DIR, openStore, randomState, textOf } from './sample-states.js';

const SEED = 20261130;
const EPOCHS = 4;
const NEVER = Number.MAX_SAFE_INTEGER;
/** Losses of power for each moment: what reaches the disk is chance. */
const LOSSES = 4;

/** States of which some operators stay as they were: their files are linked. */
function scenario(seed: number): readonly JobState[] {
  const random = new Random(seed);
  const states = [randomState(random)];
  while (states.length < EPOCHS) {
    const before = states.at(-1) ?? [];
    const after = randomState(random);
    states.push(random.chance(30) ? after : before.map((query, at) => after[at] ?? query));
  }
  return states;
}

interface Outcome {
  /** Highest epoch that was reported as written. */
  reported: number;
  errors: unknown[];
}

/** A job that writes its checkpoints and, when one fails, goes on with the next. */
async function job(files: FaultyFiles, states: readonly JobState[], run: number): Promise<Outcome> {
  const outcome: Outcome = { reported: -1, errors: [] };
  const tried = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      outcome.errors.push(error);
      return false;
    }
  };
  await tried(async () => {
    const { store } = await openStore(files, { keep: 2, place: containerPlace(run) });
    for (const [epoch, state] of states.entries()) {
      if (await tried(() => store.write(contentOf(epoch, state)))) outcome.reported = epoch;
    }
    await store.close();
  });
  return outcome;
}

/** What the next run finds; it must be one of `states`, not older than what was reported. */
async function expectWhole(
  disk: MemoryFiles,
  states: readonly JobState[],
  { reported }: Outcome,
): Promise<number> {
  const { store } = await openStore(disk, { place: containerPlace(2) });
  const names = await disk.list(DIR);
  expect(names.filter((name) => name.startsWith('epoch-') && name.endsWith('.partial'))).toEqual(
    [],
  );
  const found = await store.latest();
  const epoch = found?.epoch ?? -1;
  expect(epoch).toBeGreaterThanOrEqual(reported);
  expect(found?.passedOver ?? []).toEqual([]);
  if (found !== null) expect(textOf(found.state)).toBe(textOf(states[epoch] ?? []));
  // And it goes on from there.
  const next = states.at(0) ?? [];
  const written = await store.write(contentOf(store.newestEpoch + 1, next));
  expect(textOf((await store.read(written.epoch)).state)).toBe(textOf(next));
  await store.close();
  return epoch;
}

async function callsOf(states: readonly JobState[]): Promise<readonly string[]> {
  const files = new FaultyFiles(new MemoryFiles(), NEVER, { kind: 'dies', when: 'before' });
  expect((await job(files, states, 1)).errors).toEqual([]);
  return files.made;
}

const SEEDS = [1, 2].map((number) => SEED + number);

describe.each(SEEDS)('checkpoints of states with seed %i', (seed) => {
  const states = scenario(seed);

  it.each(['before', 'after', 'within'] as const)(
    'are whole when the process dies %s any call, with or without power',
    async (when) => {
      const calls = await callsOf(states);
      expect(calls).toContain('rename');
      let newer = 0;
      for (let at = 0; at < calls.length; at += 1) {
        const disk = new MemoryFiles();
        const outcome = await job(new FaultyFiles(disk, at, { kind: 'dies', when }), states, 1);
        const foreign = outcome.errors.filter(
          (error) => !(error instanceof Death) && !(error instanceof StateError),
        );
        expect(foreign).toEqual([]);
        const left = Array.from({ length: LOSSES }, (_, loss) =>
          disk.withoutPower(new Random(seed + at * LOSSES + loss)),
        );
        for (const each of [disk.copy(), ...left]) {
          const epoch = await expectWhole(each, states, outcome).catch((error: unknown) => {
            throw new Error(`seed ${seed}, dies ${when} call ${at} (${calls[at]})`, {
              cause: error,
            });
          });
          if (epoch > outcome.reported) newer += 1;
        }
      }
      // Between publishing and reporting there are such moments.
      expect(newer).toBeGreaterThan(0);
    },
  );

  it.each(['ENOSPC', 'EACCES', 'EROFS', 'EIO', 'ENOENT', 'EMFILE'])(
    'are whole when any call fails with %s, and the job goes on',
    async (code) => {
      const calls = await callsOf(states);
      const fault: Fault = { kind: 'fails', code };
      let failed = 0;
      for (let at = 0; at < calls.length; at += 1) {
        const disk = new MemoryFiles();
        const outcome = await job(new FaultyFiles(disk, at, fault), states, 1);
        for (const error of outcome.errors) {
          expect(error, `call ${at} (${calls[at]})`).toBeInstanceOf(StateError);
          expect((error as StateError).message).toContain(DIR);
        }
        failed += outcome.errors.length;
        // Not more than one checkpoint, or the whole job where it could not take the folder.
        expect(outcome.errors.length).toBeLessThanOrEqual(1);
        const epoch = await expectWhole(disk.copy(), states, outcome);
        const last = outcome.errors.length === 0 ? EPOCHS - 1 : EPOCHS - 2;
        if (outcome.reported >= 0) expect(epoch).toBeGreaterThanOrEqual(last);
      }
      expect(failed).toBeGreaterThan(10);
    },
  );
});
