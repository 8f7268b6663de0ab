/**
 * The Mann-Whitney U test, two-sided, for one pool of samples or for samples in rounds. Owns ranks
 * with ties, the exact distribution and the normal approximation; what p means for a benchmark is
 * comparison.ts.
 *
 * One round is the textbook test. Several rounds are aligned first: each round's mean logarithm is
 * taken off its samples, so that drift between rounds goes, and then all are ranked together
 * (Hodges and Lehmann, Annals of Mathematical Statistics 33, 1962). Aligned samples of a round hang
 * together, so the distribution is that of swapping the contenders inside each round only.
 * Rounds of one and one make it Wilcoxon's signed-rank test.
 */
import type { Round } from '../statistics.js';

export interface RankTest {
  /** Pairs (before, after) in which before is larger; a tie counts a half. */
  readonly u: number;
  /** Two-sided. */
  readonly p: number;
  readonly exact: boolean;
}

/** Beyond this many samples the normal approximation serves (and is right to three digits). */
const EXACT_SAMPLES_MAX = 60;

/** Ranks of one round, doubled, so that the middle ranks of ties are whole. */
interface RankedRound {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export function mannWhitney(rounds: readonly Round[]): RankTest {
  const ranked = rankRounds(rounds.length > 1 ? rounds.map(aligned) : rounds);
  const before = ranked.flatMap((round) => round.before);
  const samples = before.length + ranked.reduce((total, round) => total + round.after.length, 0);
  const rankSum = before.reduce(add, 0);
  const exact = samples <= EXACT_SAMPLES_MAX;
  const p = exact ? exactP(ranked, rankSum) : normalP(ranked, rankSum);
  return { u: (rankSum - before.length * (before.length + 1)) / 2, p, exact };
}

/** The smallest p that so many samples can give: with few, nothing can be shown. */
export function smallestP(rounds: readonly Round[]): number {
  const arrangements = rounds.reduce(
    (product, { before, after }) => product * choose(before.length + after.length, after.length),
    1,
  );
  return Math.min(1, 2 / arrangements);
}

function aligned({ before, after }: Round): Round {
  const logs = [...before, ...after].map(Math.log);
  const middle = logs.reduce(add, 0) / logs.length;
  return {
    before: logs.slice(0, before.length).map((value) => value - middle),
    after: logs.slice(before.length).map((value) => value - middle),
  };
}

function rankRounds(rounds: readonly Round[]): RankedRound[] {
  const sorted = rounds.flatMap(({ before, after }) => [...before, ...after]).sort((a, b) => a - b);
  const rankOf = new Map<number, number>();
  for (let first = 0; first < sorted.length;) {
    const value = sorted[first] as number;
    let last = first;
    while (last + 1 < sorted.length && sorted[last + 1] === value) last += 1;
    rankOf.set(value, first + last + 2);
    first = last + 1;
  }
  const rank = (value: number): number => rankOf.get(value) as number;
  return rounds.map(({ before, after }) => ({
    before: before.map(rank),
    after: after.map(rank),
  }));
}

/** How often each sum of doubled ranks comes up, by the sum. */
type SumCounts = ReadonlyMap<number, number>;

function exactP(rounds: readonly RankedRound[], rankSum: number): number {
  let all: SumCounts = new Map([[0, 1]]);
  for (const round of rounds) all = sumsOfBoth(all, sumsOfChoices(round));
  let total = 0;
  let below = 0;
  let above = 0;
  for (const [sum, count] of all) {
    total += count;
    if (sum <= rankSum) below += count;
    if (sum >= rankSum) above += count;
  }
  return Math.min(1, (2 * Math.min(below, above)) / total);
}

/** Sums of every way to call before.length of the round's samples `before`. */
function sumsOfChoices({ before, after }: RankedRound): SumCounts {
  const chosen: Map<number, number>[] = Array.from(
    { length: before.length + 1 },
    () => new Map<number, number>(),
  );
  chosen[0]?.set(0, 1);
  for (const rank of [...before, ...after]) {
    for (let count = before.length; count > 0; count -= 1) {
      const more = chosen[count] as Map<number, number>;
      for (const [sum, ways] of chosen[count - 1] as Map<number, number>) {
        more.set(sum + rank, (more.get(sum + rank) ?? 0) + ways);
      }
    }
  }
  return chosen[before.length] as Map<number, number>;
}

function sumsOfBoth(left: SumCounts, right: SumCounts): SumCounts {
  const both = new Map<number, number>();
  for (const [a, waysA] of left) {
    for (const [b, waysB] of right) both.set(a + b, (both.get(a + b) ?? 0) + waysA * waysB);
  }
  return both;
}

/** Drawing without replacement inside each round; ties are in the ranks' variance. */
function normalP(rounds: readonly RankedRound[], rankSum: number): number {
  let mean = 0;
  let variance = 0;
  for (const { before, after } of rounds) {
    const ranks = [...before, ...after];
    const middle = ranks.reduce(add, 0) / ranks.length;
    const spread = ranks.reduce((total, rank) => total + (rank - middle) ** 2, 0);
    mean += before.length * middle;
    if (ranks.length > 1) {
      variance += (before.length * after.length * spread) / (ranks.length * (ranks.length - 1));
    }
  }
  if (variance === 0) return 1;
  // Half a rank for continuity; ranks are doubled.
  const distance = Math.max(0, Math.abs(rankSum - mean) - 1);
  return Math.min(1, 2 * normalTail(distance / Math.sqrt(variance)));
}

/** P(Z > z) for z >= 0: Abramowitz and Stegun 26.2.17, to 7.5e-8. */
function normalTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}

function choose(n: number, k: number): number {
  let ways = 1;
  for (let at = 1; at <= k; at += 1) ways = (ways * (n - k + at)) / at;
  return ways;
}

function add(total: number, value: number): number {
  return total + value;
}
