/**
 * When one contender counts as slower than another. Two independent questions must both say so,
 * because each alone is easily fooled on a noisy machine (docs/benchmarking.md):
 *
 *   the interval   the median ratio is beyond the allowed change, and the whole bootstrapped 95 %
 *                  interval of it lies on that side of 1
 *   the ranks      Mann-Whitney's U, two-sided, p < 0.01
 */
import { mannWhitney, smallestP } from './mann-whitney.js';
import type { Interval, Round } from '../statistics.js';
import { medianRatio, ratioInterval95 } from '../statistics.js';

export type Verdict = 'faster' | 'slower' | 'no change';

export interface Comparison {
  readonly verdict: Verdict;
  /** after / before: above 1 is faster. */
  readonly ratio: number;
  readonly ci95: Interval;
  readonly p: number;
  /** So few samples that no difference could have been shown. */
  readonly tooFew: boolean;
}

export interface ComparisonOptions {
  /** 0.07: up to 7 % less is no regression. */
  readonly maxRegression: number;
  readonly seed: number;
}

export const MAX_REGRESSION = 0.07;
const P_MAX = 0.01;

/** Samples are rates: larger is better. */
export function compareRates(rounds: readonly Round[], options: ComparisonOptions): Comparison {
  const ratio = medianRatio(rounds);
  const ci95 = ratioInterval95(rounds, options.seed);
  const { p } = mannWhitney(rounds);
  const least = 1 - options.maxRegression;
  let verdict: Verdict = 'no change';
  if (p < P_MAX && ratio < least && ci95[1] < 1) verdict = 'slower';
  if (p < P_MAX && ratio > 1 / least && ci95[0] > 1) verdict = 'faster';
  return { verdict, ratio, ci95, p, tooFew: smallestP(rounds) >= P_MAX };
}
