/**
 * Random choices that are written down, and their shrinking: whatever is made of a list of choices
 * is made simpler by leaving out and lowering some of them, and stays well formed, because the same
 * generator makes it again. Knows nothing of what is made.
 */
import { Random } from '../random-data.js';

/** Gives back a list of choices, 0 behind its end, and writes down what was given. */
export class Choices extends Random {
  readonly taken: number[] = [];
  private readonly given: readonly number[] | null;

  /** Chooses by the seed, or as `given` says. */
  constructor(seed: number, given: readonly number[] | null = null) {
    super(seed);
    this.given = given;
  }

  override below(limit: number): number {
    const at = this.taken.length;
    const choice = this.given === null ? super.below(limit) : (this.given[at] ?? 0) % limit;
    this.taken.push(choice);
    return choice;
  }
}

/** Shorter, then smaller choices that still fail; looks at no more than `looks` candidates. */
export async function shrunkChoices(
  first: readonly number[],
  fails: (choices: readonly number[]) => Promise<boolean>,
  looks: number,
): Promise<readonly number[]> {
  let best = first;
  let left = looks;
  const takes = async (candidate: readonly number[]): Promise<boolean> => {
    if (left <= 0) return false;
    left -= 1;
    if (!(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let isBetter = true; isBetter && left > 0;) {
    isBetter = false;
    for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < best.length;) {
        const without = [...best.slice(0, at), ...best.slice(at + size)];
        if (await takes(without)) isBetter = true;
        else at += size;
        if (left <= 0) return best;
      }
    }
    for (let at = 0; at < best.length && left > 0; at += 1) {
      const choice = best[at] ?? 0;
      for (const lower of [0, choice >> 1, choice - 1]) {
        if (lower < 0 || lower >= choice) continue;
        if (await takes(best.map((each, place) => (place === at ? lower : each)))) {
          isBetter = true;
          break;
        }
      }
    }
  }
  return best;
}

/** Items without those that the failure does not need. */
export async function shrunkItems<T>(
  first: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let best = first;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length;) {
      const without = [...best.slice(0, at), ...best.slice(at + size)];
      if (await fails(without)) best = without;
      else at += size;
    }
  }
  return best;
}
