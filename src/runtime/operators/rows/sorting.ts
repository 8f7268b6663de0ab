/**
 * Sorting as work (flow.ts): a long list of row numbers is put in order a bounded number of
 * comparisons at a time. Runs are sorted whole, then merged two by two; equal rows keep their order. @hot
 */
import type { OperatorFlow } from '../../flow.js';

type Compare = (a: number, b: number) => number;

/** Rows that are sorted whole. */
const RUN_ROWS = 2048;
/** Rows merged between two chances to stop. */
const MERGE_ROWS = 4096;

/** Gives the rows in order, in an array of its own. */
export function* sorting(
  rows: ArrayLike<number> & Iterable<number>,
  compare: Compare,
  flow: OperatorFlow,
): Generator<void, Int32Array, void> {
  const count = rows.length;
  let from = Int32Array.from(rows);
  for (let start = 0; start < count; start += RUN_ROWS) {
    from.subarray(start, Math.min(count, start + RUN_ROWS)).sort(compare);
    if (count <= RUN_ROWS) return from;
    flow.spend(RUN_ROWS);
    if (flow.suspended) yield;
  }
  let to = new Int32Array(count);
  for (let width = RUN_ROWS; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const merge = new Merge(from, to, start, width, compare);
      while (!merge.goOn()) {
        flow.spend(MERGE_ROWS);
        if (flow.suspended) yield;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Of two runs that lie side by side into one. */
class Merge {
  private readonly from: Int32Array;
  private readonly to: Int32Array;
  private readonly middle: number;
  private readonly end: number;
  private readonly compare: Compare;
  private left: number;
  private right: number;
  private at: number;

  constructor(from: Int32Array, to: Int32Array, start: number, width: number, compare: Compare) {
    this.from = from;
    this.to = to;
    this.middle = Math.min(from.length, start + width);
    this.end = Math.min(from.length, start + 2 * width);
    this.compare = compare;
    this.left = start;
    this.right = this.middle;
    this.at = start;
  }

  /** Places some more rows; true: all are. */
  goOn(): boolean {
    const { from, to, middle, end, compare } = this;
    const until = Math.min(end, this.at + MERGE_ROWS);
    let { left, right } = this;
    for (let at = this.at; at < until; at += 1) {
      const takesLeft = left < middle && (right === end || compare(from[left]!, from[right]!) <= 0);
      to[at] = takesLeft ? from[left]! : from[right]!;
      if (takesLeft) left += 1;
      else right += 1;
    }
    this.left = left;
    this.right = right;
    this.at = until;
    return until === end;
  }
}
