/**
 * Rates of counters over the last second, and which partitions are hot by them. Owns a bounded
 * history of running totals: a reading compares two of its moments and changes nothing. Knows no
 * cells and reads no clock; partition-metrics.ts feeds it.
 */
import { assert } from '../base/assert.js';

/** A tick may come this much early and still count as a second. */
const SECOND_NS_MIN = 0.95e9;
const HOT_FACTOR = 2;

export interface RateInterval {
  readonly seconds: number;
  /** What each column grew by. */
  readonly deltas: Float64Array;
}

/** The totals of `columns` counters at the last `intervals` + 1 moments; all 0 at the start. */
export class RateWindow {
  private readonly columns: number;
  private readonly moments: number;
  private readonly timesNs: Float64Array;
  private readonly totals: Float64Array;
  /** Moments pushed so far, the start included; moment n lies in slot n % moments. */
  private pushed = 1;

  constructor(options: {
    readonly columns: number;
    readonly intervals: number;
    readonly startNs: number;
  }) {
    assert(options.intervals >= 2, 'a rate over a second needs at least two intervals');
    this.columns = options.columns;
    this.moments = options.intervals + 1;
    this.timesNs = new Float64Array(this.moments);
    this.totals = new Float64Array(this.moments * this.columns);
    this.timesNs[0] = options.startNs;
  }

  /** Copies the totals of this moment; the oldest moment makes room. */
  push(nowNs: number, totals: Float64Array): void {
    const slot = this.pushed % this.moments;
    this.timesNs[slot] = nowNs;
    this.totals.set(totals, slot * this.columns);
    this.pushed += 1;
  }

  /**
   * Growth per second of the first `count` columns up to the last moment, from the newest moment
   * that lies a second before it, else from the oldest. Before the first push: from the start to
   * now, which only then is asked for.
   */
  rates(
    count: number,
    now: () => { readonly timeNs: number; readonly totals: Float64Array },
  ): number[] {
    if (this.pushed === 1) {
      const { timeNs, totals } = now();
      return growth(this.totalsAt(0), totals, { count, seconds: this.secondsFrom(0, timeNs) });
    }
    const last = this.pushed - 1;
    let from = last - 1;
    while (from > this.oldest() && this.timeNs(last) - this.timeNs(from) < SECOND_NS_MIN) from -= 1;
    const seconds = this.secondsFrom(from, this.timeNs(last));
    return growth(this.totalsAt(from), this.totalsAt(last), { count, seconds });
  }

  /** Growth between neighbouring moments, oldest first. */
  intervals(): readonly RateInterval[] {
    const oldest = this.oldest();
    return Array.from({ length: this.pushed - 1 - oldest }, (_, at) => {
      const to = oldest + at + 1;
      const [before, after] = [this.totalsAt(to - 1), this.totalsAt(to)];
      return {
        seconds: this.secondsFrom(to - 1, this.timeNs(to)),
        deltas: after.map((total, column) => total - (before[column] as number)),
      };
    });
  }

  private secondsFrom(moment: number, timeNs: number): number {
    return (timeNs - this.timeNs(moment)) / 1e9;
  }

  private oldest(): number {
    return Math.max(0, this.pushed - this.moments);
  }

  private timeNs(moment: number): number {
    return this.timesNs[moment % this.moments] as number;
  }

  private totalsAt(moment: number): Float64Array {
    const slot = moment % this.moments;
    return this.totals.subarray(slot * this.columns, (slot + 1) * this.columns);
  }
}

/** A plain loop: typed arrays mapped by a closure took ten times as long (bench/micro-metrics). */
function growth(
  before: Float64Array,
  after: Float64Array,
  { count, seconds }: { readonly count: number; readonly seconds: number },
): number[] {
  const rates: number[] = [];
  for (let column = 0; column < count; column += 1) {
    const delta = (after[column] as number) - (before[column] as number);
    rates.push(seconds > 0 ? delta / seconds : 0);
  }
  return rates;
}

/**
 * Partitions whose rate is more than twice the average of the *other* partitions, ascending.
 * Against the average of all, one of two partitions could never be hot: 900 and 100 average 500,
 * and 900 < 2 × 500. One partition alone is never hot.
 */
export function hotPartitions(rates: ArrayLike<number>): number[] {
  const others = rates.length - 1;
  const hot: number[] = [];
  if (others < 1) return hot;
  let total = 0;
  for (let partition = 0; partition < rates.length; partition += 1) {
    total += rates[partition] as number;
  }
  for (let partition = 0; partition < rates.length; partition += 1) {
    const rate = rates[partition] as number;
    if (rate > (HOT_FACTOR * (total - rate)) / others) hot.push(partition);
  }
  return hot;
}
