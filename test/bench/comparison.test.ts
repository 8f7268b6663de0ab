/**
 * When a contender counts as slower: by hand, and how often it does on simulated machines that are
 * noisy, drift and have spikes. The simulations are seeded; their bounds are the gate's promise
 * (one alarm in 20 comparisons of equals at most, nine of ten slowdowns of 15 % caught).
 */
import { describe, expect, it } from 'vitest';
import { compareRates } from '../../src/bench/compare/comparison.js';
import {
  median,
  medianInterval95,
  medianRatio,
  mulberry32,
  ratioInterval95,
} from '../../src/bench/statistics.js';
import type { Round } from '../../src/bench/statistics.js';

const OPTIONS = { maxRegression: 0.07, seed: 1 };

function pairs(before: readonly number[], after: readonly number[]): Round[] {
  return before.map((rate, at) => ({ before: [rate], after: [after[at]!] }));
}

describe('medians and their intervals', () => {
  it('are the middle of odd and even counts', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('take the ratio inside each round', () => {
    expect(medianRatio(pairs([10, 100, 1000], [9, 80, 1100]))).toBe(0.9);
    expect(medianRatio([{ before: [10, 20, 30], after: [12, 18, 40] }])).toBe(0.9);
  });

  it('hold the median of their samples and cover the truth as often as they say', () => {
    const random = mulberry32(11);
    let covered = 0;
    for (let trial = 0; trial < 300; trial += 1) {
      const samples = Array.from({ length: 15 }, () => 100 * (1 + 0.1 * normal(random)));
      const [low, high] = medianInterval95(samples, trial);
      expect(low).toBeLessThanOrEqual(median(samples));
      expect(high).toBeGreaterThanOrEqual(median(samples));
      if (low <= 100 && high >= 100) covered += 1;
    }
    expect(covered / 300).toBeGreaterThan(0.9);
  });

  it('shrink to the sample when there is one', () => {
    expect(medianInterval95([7], 1)).toEqual([7, 7]);
    expect(ratioInterval95([{ before: [4], after: [2] }], 1)).toEqual([0.5, 0.5]);
  });

  it('are the same for the same seed', () => {
    const rounds = pairs([1, 2, 3, 4, 5], [1.1, 1.9, 3.2, 3.7, 5.4]);
    expect(ratioInterval95(rounds, 3)).toEqual(ratioInterval95(rounds, 3));
  });
});

describe('a verdict', () => {
  const before = Array.from({ length: 10 }, (_, at) => 100 + at);

  it('is slower when every round is 15 % below, faster the other way round', () => {
    const after = before.map((rate) => rate * 0.85);
    expect(compareRates(pairs(before, after), OPTIONS)).toMatchObject({ verdict: 'slower' });
    expect(compareRates(pairs(after, before), OPTIONS)).toMatchObject({ verdict: 'faster' });
  });

  it('is no change within what is allowed, however sure', () => {
    const after = before.map((rate) => rate * 0.94);
    const { verdict, p, ci95 } = compareRates(pairs(before, after), OPTIONS);
    expect(verdict).toBe('no change');
    expect(p).toBeLessThan(0.01);
    expect(ci95[1]).toBeLessThan(1);
  });

  it('is no change when the ranks do not agree with the ratio', () => {
    // Seven rounds at 0.8, three at 1.3: the median ratio is low, the rounds disagree.
    const after = before.map((rate, at) => rate * (at % 3 === 0 && at > 0 ? 1.3 : 0.8));
    const { verdict, ratio, p } = compareRates(pairs(before, after), OPTIONS);
    expect(ratio).toBeCloseTo(0.8, 10);
    expect(p).toBeGreaterThan(0.01);
    expect(verdict).toBe('no change');
  });

  it('says when there are too few samples to show anything', () => {
    const few = pairs([100, 100, 100], [50, 50, 50]);
    expect(compareRates(few, OPTIONS)).toMatchObject({ verdict: 'no change', tooFew: true });
    const pooled = { before: [100, 101, 102, 103, 104], after: [50, 51, 52, 53, 54] };
    expect(compareRates([pooled], OPTIONS)).toMatchObject({ verdict: 'slower', tooFew: false });
  });
});

/** Standard normal, by Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

interface Machine {
  /** A run is off by up to so much, a whole trial by a third of it (standard deviation). */
  readonly noise: number;
  /** The machine's speed wanders by so much from round to round. */
  readonly drift: number;
  /** Share of runs that something else disturbs, by up to a half. */
  readonly spikes: number;
}

const MACHINES: readonly (readonly [string, Machine])[] = [
  ['quiet', { noise: 0.03, drift: 0, spikes: 0 }],
  ['noisy', { noise: 0.1, drift: 0, spikes: 0 }],
  ['drifting', { noise: 0.1, drift: 0.15, spikes: 0 }],
  ['disturbed', { noise: 0.1, drift: 0.15, spikes: 0.4 }],
];

/** Ten rounds, A B B A, the fastest of five runs of each trial. */
function simulate(machine: Machine, slowdown: number, seed: number): Round[] {
  const random = mulberry32(seed);
  const run = (): number => {
    const disturbed = random() < machine.spikes ? 1 - random() / 2 : 1;
    return disturbed * (1 + machine.noise * (2 * random() - 1));
  };
  const trial = (speed: number): number =>
    1e7 *
    speed *
    Math.exp((machine.noise / 3) * normal(random)) *
    Math.max(...Array.from({ length: 5 }, run));
  return Array.from({ length: 10 }, (_, at) => {
    const speed = Math.exp(machine.drift * normal(random));
    const order = at % 2 === 0 ? [1, 1 / (1 + slowdown)] : [1 / (1 + slowdown), 1];
    const [first, second] = order.map((factor) => trial(speed * factor)) as [number, number];
    return at % 2 === 0
      ? { before: [first], after: [second] }
      : { before: [second], after: [first] };
  });
}

function shareSlower(machine: Machine, slowdown: number): number {
  const comparisons = 200;
  let slower = 0;
  for (let seed = 1; seed <= comparisons; seed += 1) {
    const { verdict } = compareRates(simulate(machine, slowdown, seed), { ...OPTIONS, seed });
    if (verdict === 'slower') slower += 1;
  }
  return slower / comparisons;
}

describe.each(MACHINES)('on a %s machine, ten rounds', (_, machine) => {
  it('equals raise an alarm in two of a hundred comparisons at most', () => {
    expect(shareSlower(machine, 0)).toBeLessThanOrEqual(0.02);
  });

  it('a slowdown of 15 % is caught nine times of ten', () => {
    expect(shareSlower(machine, 0.15)).toBeGreaterThanOrEqual(0.9);
  });

  it('a slowdown of 2 % is not worth an alarm', () => {
    expect(shareSlower(machine, 0.02)).toBeLessThanOrEqual(0.05);
  });
});

describe('baselines, ten runs on each side without rounds', () => {
  it.each([
    [0, 0, 0.01],
    [0.15, 0.9, 1],
  ])('a slowdown of %f on a noisy machine', (slowdown, least, most) => {
    let slower = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const rounds = simulate({ noise: 0.1, drift: 0, spikes: 0 }, slowdown, seed);
      const pool = {
        before: rounds.flatMap((round) => round.before),
        after: rounds.flatMap((round) => round.after),
      };
      if (compareRates([pool], OPTIONS).verdict === 'slower') slower += 1;
    }
    expect(slower / 200).toBeGreaterThanOrEqual(least);
    expect(slower / 200).toBeLessThanOrEqual(most);
  });
});
