/**
 * Random sequences of start, pause, resume, snapshot, stop, drain and kill: each job ends, moving
 * all the time, one that ends well accounts for every row (law 11), one whose worker died says which
 * and why. VELO_CHAOS says how many (150 by default), VELO_CHAOS_SEED from which seed on.
 */
import { expect, it } from 'vitest';
import { playSequence } from './chaos-sequence.js';

const SEQUENCES = Number(process.env['VELO_CHAOS'] ?? 150);
/** Jobs at the same time: some wait, paused or for a worker to start, while others run. */
const AT_ONCE = 3;
const SEED = Number(process.env['VELO_CHAOS_SEED'] ?? 20261123);

it(
  `${SEQUENCES} random lives of jobs from seed ${SEED}`,
  async () => {
    const ends = { finished: 0, killed: 0, poisoned: 0 };
    const faults: string[] = [];
    let next = 0;
    const play = async (): Promise<void> => {
      while (next < SEQUENCES && faults.length < 5) {
        next += 1;
        try {
          ends[(await playSequence(SEED + next)).kind] += 1;
          if (next % 500 === 0) process.stdout.write(`${next} of ${SEQUENCES} lives\n`);
        } catch (error) {
          faults.push(String(error));
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, play));
    expect(faults.join('\n')).toBe('');
    expect(ends.finished + ends.killed + ends.poisoned).toBe(SEQUENCES);
    if (SEQUENCES >= 150) {
      expect(ends.finished).toBeGreaterThan(SEQUENCES / 2);
      expect(ends.killed).toBeGreaterThan(0);
      expect(ends.poisoned).toBeGreaterThan(0);
    }
  },
  // Each is watched by itself: this is for a machine that is very busy.
  Math.max(120_000, SEQUENCES * 10_000),
);
