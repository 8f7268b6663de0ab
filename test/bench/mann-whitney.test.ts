/**
 * The rank test against values worked out by hand and printed in tables, and against brute force:
 * every way to call the samples before and after.
 */
import { describe, expect, it } from 'vitest';
import { mannWhitney, smallestP } from '../../src/bench/compare/mann-whitney.js';
import { mulberry32 } from '../../src/bench/statistics.js';
import type { Round } from '../../src/bench/statistics.js';

describe('one pool of samples', () => {
  it('counts the pairs in which before is larger', () => {
    // 19, 22, 16, 29, 24 against 20, 11, 17, 12: 4 + 4 + 2 + 4 + 4 of the 20 pairs, less one.
    const round = { before: [19, 22, 16, 29, 24], after: [20, 11, 17, 12] };
    expect(mannWhitney([round]).u).toBe(17);
    expect(mannWhitney([{ before: round.after, after: round.before }]).u).toBe(3);
    // Of the 126 choices of 4 from 9, 7 have U <= 3: 1 + 1 + 2 + 3.
    expect(mannWhitney([round]).p).toBeCloseTo((2 * 7) / 126, 12);
  });

  it('gives 2 / C(n + m, n) when all of one side are below all of the other', () => {
    expect(mannWhitney([{ before: [1, 2, 3], after: [4, 5, 6] }]).p).toBeCloseTo(2 / 20, 12);
    expect(mannWhitney([{ before: [6, 7, 8, 9, 10], after: [1, 2, 3, 4, 5] }]).p).toBeCloseTo(
      2 / 252,
      12,
    );
  });

  it('counts a tie as a half, and identical samples as no evidence', () => {
    const same = mannWhitney([{ before: [5, 5, 5, 5], after: [5, 5, 5, 5] }]);
    expect(same).toEqual({ u: 8, p: 1, exact: true });
    expect(mannWhitney([{ before: [1, 2], after: [2, 3] }]).u).toBe(0.5);
  });

  it('takes the normal approximation for many samples, close to the exact value', () => {
    // n = m = 31: mean 480.5, variance 31 · 31 · 63 / 12. The k-th of before exceeds k + 6 of after,
    // at most 31: 6 + 7 + … + 31, and 31 five times more.
    const before = Array.from({ length: 31 }, (_, at) => 2 * at + 12);
    const after = Array.from({ length: 31 }, (_, at) => 2 * at + 1);
    const { u, p, exact } = mannWhitney([{ before, after }]);
    expect(exact).toBe(false);
    expect(u).toBe(636);
    const z = (636 - 480.5 - 0.5) / Math.sqrt((31 * 31 * 63) / 12);
    expect(z).toBeCloseTo(2.1822, 4);
    // Φ(-2.1822) = 0.01455 (tables).
    expect(p).toBeCloseTo(2 * 0.01455, 4);
  });

  it('has ties in the variance of the approximation', () => {
    const before = Array.from({ length: 40 }, (_, at) => at % 4);
    const after = Array.from({ length: 40 }, (_, at) => (at % 4) + (at < 20 ? 1 : 0));
    // Half of the after samples moved up one of five levels. Levels and their ranks:
    // counts 15, 20, 20, 20, 5. Before's levels exceed 2.5, 10, 20 and 30 of after, ten times each.
    const ties = [15, 20, 20, 20, 5].reduce((sum, t) => sum + (t ** 3 - t), 0);
    const variance = ((40 * 40) / 12) * (81 - ties / (80 * 79));
    const { u, p } = mannWhitney([{ before, after }]);
    const z = (Math.abs(u - 800) - 0.5) / Math.sqrt(variance);
    expect(u).toBe(625);
    expect(z).toBeCloseTo(1.726, 3);
    expect(p).toBeCloseTo(2 * 0.04218, 4);
  });
});

/** All 2^rounds ways to swap before and after inside the rounds. */
function bruteForce(rounds: readonly Round[]): number {
  const logs = rounds.map(({ before, after }) => {
    const [a, b] = [Math.log(before[0]!), Math.log(after[0]!)];
    return [a - (a + b) / 2, b - (a + b) / 2] as const;
  });
  const sorted = logs.flat().sort((x, y) => x - y);
  const ranks = logs.map(([a, b]) => [sorted.indexOf(a) + 1, sorted.indexOf(b) + 1] as const);
  const observed = ranks.reduce((sum, [a]) => sum + a, 0);
  let below = 0;
  let above = 0;
  for (let mask = 0; mask < 2 ** rounds.length; mask += 1) {
    const sum = ranks.reduce((total, pair, at) => total + pair[(mask >> at) & 1]!, 0);
    if (sum <= observed) below += 1;
    if (sum >= observed) above += 1;
  }
  return Math.min(1, (2 * Math.min(below, above)) / 2 ** rounds.length);
}

describe('samples in rounds', () => {
  it('does not see what drifts between rounds', () => {
    // Every round is 10 % slower after; the machine doubles its speed on the way.
    const rounds = Array.from({ length: 10 }, (_, at) => ({
      before: [100 * 2 ** (at / 10) * (1 + (at % 3) / 100)],
      after: [90 * 2 ** (at / 10)],
    }));
    expect(mannWhitney(rounds).p).toBeCloseTo(2 / 2 ** 10, 12);
    const pooled = {
      before: rounds.flatMap((round) => round.before),
      after: rounds.flatMap((round) => round.after),
    };
    expect(mannWhitney([pooled]).p).toBeGreaterThan(0.1);
  });

  it('agrees with every way to swap inside the rounds', () => {
    const random = mulberry32(5);
    for (let trial = 0; trial < 50; trial += 1) {
      const rounds = Array.from({ length: 7 }, () => ({
        before: [1 + random()],
        after: [0.8 + random()],
      }));
      expect(mannWhitney(rounds).p).toBeCloseTo(bruteForce(rounds), 10);
    }
  });
});

describe('the smallest p', () => {
  it('is what complete separation gives', () => {
    expect(smallestP([{ before: [1, 2, 3], after: [4, 5, 6] }])).toBeCloseTo(0.1, 12);
    const pair = { before: [1], after: [2] };
    expect(smallestP([pair, pair, pair, pair, pair, pair, pair, pair])).toBeCloseTo(2 / 256, 12);
  });
});
