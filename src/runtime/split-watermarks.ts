/**
 * Watermarks: how far event time has come. Owns the highest event time of every source split,
 * the minimum over splits and over inputs, and the loops that scan a batch's event times. The
 * operator around it is operators/watermark.ts; V2 uses the same loops block by block. No clock:
 * idleness is told, not measured. @hot
 *
 *   watermark of a split before a record = highest event time before it - bound
 *   watermark of the source              = minimum over its active splits, never backwards
 */
import type { Column } from '../columnar/column.js';
import { assert } from '../base/assert.js';

const ACTIVE = 0;
const IDLE = 1;
const ENDED = 2;

/**
 * The splits of one source. A split that has not spoken yet holds the minimum at -Infinity; an
 * idle or ended one does not take part. All lookups are by index (`indexOf`), O(splits) at most.
 */
export class SplitWatermarks {
  readonly boundMs: number;
  private splits: number[] = [];
  private highest = new Float64Array(8).fill(Number.NEGATIVE_INFINITY);
  private states = new Uint8Array(8);
  private readonly indexes = new Map<number, number>();
  /** Highest event times from a snapshot, of splits that may not have been assigned yet. */
  private readonly restored = new Map<number, { highest: number; ended: boolean }>();
  private reached = Number.NEGATIVE_INFINITY;

  constructor(boundMs: number) {
    this.boundMs = boundMs;
  }

  /** The splits to wait for from now on. Known ones keep their time, absent ones are forgotten. */
  setSplits(splits: readonly number[]): void {
    this.splits.forEach((split, index) => {
      const highest = this.highest[index] as number;
      this.restored.set(split, { highest, ended: this.states[index] === ENDED });
    });
    this.splits = [];
    this.indexes.clear();
    for (const split of splits) this.add(split);
  }

  /** Index of a split; one that setSplits did not name is added. */
  indexOf(split: number): number {
    return this.indexes.get(split) ?? this.add(split);
  }

  count(): number {
    return this.splits.length;
  }

  highestOf(index: number): number {
    return this.highest[index] as number;
  }

  watermarkOf(index: number): number {
    return (this.highest[index] as number) - this.boundMs;
  }

  /** Raises a split's highest event time. Its watermark never moves backwards. */
  raise(index: number, highestMs: number): void {
    if (highestMs > (this.highest[index] as number)) this.highest[index] = highestMs;
  }

  /** A split that speaks is active, whatever was said of it before. */
  speaks(index: number): void {
    this.states[index] = ACTIVE;
  }

  setIdle(split: number, idle: boolean): void {
    const index = this.indexOf(split);
    if (this.states[index] !== ENDED) this.states[index] = idle ? IDLE : ACTIVE;
  }

  ended(split: number): void {
    this.states[this.indexOf(split)] = ENDED;
  }

  /** Minimum over the other active splits; +Infinity if there are none. */
  others(index: number): number {
    const { highest, states } = this;
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.splits.length; at += 1) {
      const value = highest[at] as number;
      if (at !== index && states[at] === ACTIVE && value < least) least = value;
    }
    return least - this.boundMs;
  }

  /**
   * Watermark of the source: the minimum over the active splits, never less than it was. Without
   * an active split it stays where it is: only the end of the input makes it +Infinity.
   */
  current(): number {
    const minimum = this.others(-1);
    if (minimum !== Number.POSITIVE_INFINITY && minimum > this.reached) this.reached = minimum;
    return this.reached;
  }

  /** Every known split with its highest event time, for snapshots. */
  forEach(visit: (split: number, highestMs: number, ended: boolean) => void): void {
    for (let index = 0; index < this.splits.length; index += 1) {
      const split = this.splits[index] as number;
      visit(split, this.highest[index] as number, this.states[index] === ENDED);
    }
  }

  /** Takes in a split from a snapshot, whether or not it is (or will be) one of ours. */
  restore(split: number, highestMs: number, ended: boolean): void {
    const known = this.restored.get(split);
    const highest = Math.max(known?.highest ?? Number.NEGATIVE_INFINITY, highestMs);
    this.restored.set(split, { highest, ended });
    const index = this.indexes.get(split);
    if (index === undefined) return;
    this.raise(index, highest);
    if (ended) this.states[index] = ENDED;
  }

  private add(split: number): number {
    const index = this.splits.length;
    assert(!this.indexes.has(split), 'a split is named once');
    if (index === this.highest.length) this.grow();
    const known = this.restored.get(split);
    this.splits.push(split);
    this.indexes.set(split, index);
    this.highest[index] = known?.highest ?? Number.NEGATIVE_INFINITY;
    this.states[index] = known?.ended === true ? ENDED : ACTIVE;
    return index;
  }

  private grow(): void {
    const highest = new Float64Array(this.highest.length * 2);
    highest.set(this.highest);
    this.highest = highest;
    const states = new Uint8Array(this.states.length * 2);
    states.set(this.states);
    this.states = states;
  }
}

/** The watermark of an operator with several inputs (join, union): their minimum. */
export class MinimumWatermark {
  private readonly inputs: Float64Array;
  private reached = Number.NEGATIVE_INFINITY;

  constructor(inputCount: number) {
    this.inputs = new Float64Array(inputCount).fill(Number.NEGATIVE_INFINITY);
  }

  /** Takes in an input's watermark; true when the minimum moved. +Infinity: the input has ended. */
  update(input: number, watermarkMs: number): boolean {
    if (watermarkMs > (this.inputs[input] as number)) this.inputs[input] = watermarkMs;
    const minimum = this.others(-1);
    if (minimum <= this.reached) return false;
    this.reached = minimum;
    return true;
  }

  current(): number {
    return this.reached;
  }

  watermarkOf(input: number): number {
    return this.inputs[input] as number;
  }

  /**
   * Minimum over the other inputs. An operator that forwards batches of one input caps
   * header.watermarkOthers with it, so that no window behind it closes too early.
   */
  others(input: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.inputs.length; at += 1) {
      const value = this.inputs[at] as number;
      if (at !== input && value < least) least = value;
    }
    return least;
  }
}

/**
 * Event times of a column as doubles: the column's own array, or `scratch` filled with the first
 * `rowCount` rows when the column holds bigints.
 */
export function eventTimes(column: Column, rowCount: number, scratch: Float64Array): Float64Array {
  if (column.kind === 'f64') return column.values;
  assert(column.kind === 'i64', 'an event time is TIMESTAMP or BIGINT');
  const { values } = column;
  for (let row = 0; row < rowCount; row += 1) scratch[row] = Number(values[row]);
  return scratch;
}

/** Which rows count for the watermark: all but those marked here. */
export interface SkippedRows {
  readonly nulls: Uint8Array | null;
  readonly failed: Uint8Array | null;
}

/**
 * Walks the event times of one block in order from the split's highest time so far. Writes the
 * highest after the block to `highestAfter[0]` and returns how many rows were below the watermark.
 */
export function scanEventTimes(
  times: Float64Array,
  rowCount: number,
  skipped: SkippedRows,
  split: { readonly highestMs: number; readonly boundMs: number },
  highestAfter: Float64Array,
): number {
  const { nulls, failed } = skipped;
  if (nulls !== null || failed !== null) {
    return scanWithGaps(times, rowCount, skipped, split, highestAfter);
  }
  const { boundMs } = split;
  let highest = split.highestMs;
  let watermark = highest - boundMs;
  let late = 0;
  for (let row = 0; row < rowCount; row += 1) {
    const time = times[row]!;
    if (time > highest) {
      highest = time;
      watermark = time - boundMs;
    } else if (time < watermark) late += 1;
  }
  highestAfter[0] = highest;
  return late;
}

function scanWithGaps(
  times: Float64Array,
  rowCount: number,
  skipped: SkippedRows,
  split: { readonly highestMs: number; readonly boundMs: number },
  highestAfter: Float64Array,
): number {
  const { nulls, failed } = skipped;
  let highest = split.highestMs;
  let late = 0;
  for (let row = 0; row < rowCount; row += 1) {
    if ((nulls !== null && nulls[row] === 1) || (failed !== null && failed[row] === 1)) continue;
    const time = times[row]!;
    if (time > highest) highest = time;
    else if (time < highest - split.boundMs) late += 1;
  }
  highestAfter[0] = highest;
  return late;
}

/** Writes the split's watermark before each physical row to `rowWatermarks`. */
export function fillRowWatermarks(
  times: Float64Array,
  rowCount: number,
  skipped: SkippedRows,
  split: { readonly highestMs: number; readonly boundMs: number },
  rowWatermarks: Float64Array,
): void {
  const { nulls, failed } = skipped;
  let highest = split.highestMs;
  for (let row = 0; row < rowCount; row += 1) {
    rowWatermarks[row] = highest - split.boundMs;
    if ((nulls !== null && nulls[row] === 1) || (failed !== null && failed[row] === 1)) continue;
    const time = times[row]!;
    if (time > highest) highest = time;
  }
}
