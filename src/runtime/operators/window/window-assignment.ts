/**
 * Which slice of time each row of a batch falls into, and which rows are too late for all of their
 * windows. Owns these two loops' worth of per-row work; what happens to the rows is
 * window-fixed.ts. Two ways to the same answer: by table where slices have one length and the batch
 * spans few of them, and from slice to slice otherwise. The table has no branch that out-of-order
 * data makes hard to guess: measured 14 ns a row against 31, everything but the groups included.
 * @hot
 */
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { PaneSlice, PaneStore } from './window-panes.js';
import { NO_SLICE } from './window-panes.js';
import type { LateAccount, WindowInput } from './window-parts.js';
import type { FixedWindowSpec } from './window-slices.js';
import { floorTo, hasEvenSlices, lastWindowEnd, sliceUnitMs } from './window-slices.js';

/** A batch may span so many slices, even if it has fewer rows, to be assigned by table. */
const TABLE_SLICES_MIN = 16;

export class WindowAssignment {
  /** The rows that are not too late, in order, with the number of their slice in `slices`. */
  rows = new Int32Array(BATCH_ROWS_MAX);
  rowSlices = new Int32Array(BATCH_ROWS_MAX);
  rowCount = 0;
  /** Rows by number of their slice. The reader may overwrite them. */
  counts = new Int32Array(BATCH_ROWS_MAX);
  /** Slices by number; NO_SLICE at numbers that no row has. */
  readonly slices: PaneSlice[] = [];
  /** Whether one of the rows is late for one of its windows. */
  someLate = false;
  /** Least and greatest time of the rows that `span` looked at. */
  least = 0;
  greatest = 0;
  private readonly spec: FixedWindowSpec;
  private readonly store: PaneStore;
  private readonly late: LateAccount;
  private readonly latenessMs: number;
  private readonly unitMs: number;
  private readonly isEven: boolean;

  constructor(spec: FixedWindowSpec, store: PaneStore, late: LateAccount, latenessMs: number) {
    this.spec = spec;
    this.store = store;
    this.late = late;
    this.latenessMs = latenessMs;
    this.unitMs = sliceUnitMs(spec);
    this.isEven = hasEvenSlices(spec);
  }

  /** Finds the least and the greatest time; there must be a row. */
  span(input: WindowInput): void {
    const { times, rows, count } = input;
    let least = times[rows === null ? 0 : rows[0]!]!;
    let greatest = least;
    if (rows === null) {
      for (let row = 1; row < count; row += 1) {
        const time = times[row]!;
        if (time < least) least = time;
        if (time > greatest) greatest = time;
      }
    } else {
      for (let at = 1; at < count; at += 1) {
        const time = times[rows[at]!]!;
        if (time < least) least = time;
        if (time > greatest) greatest = time;
      }
    }
    this.least = least;
    this.greatest = greatest;
  }

  /** Assigns the rows; `span` comes first. Too late ones are rejected in their order. */
  assign(batch: Batch, input: WindowInput): void {
    const { count } = input;
    if (count > this.rows.length) {
      this.rows = new Int32Array(count);
      this.rowSlices = new Int32Array(count);
      this.counts = new Int32Array(count);
    }
    const base = floorTo(this.least, this.unitMs);
    const sliceCount = Math.floor((this.greatest - base) / this.unitMs) + 1;
    if (!this.isEven || sliceCount > Math.max(TABLE_SLICES_MIN, count)) {
      this.assignByWalk(batch, input);
      return;
    }
    this.counts.fill(0, 0, sliceCount);
    const onTime = batch.rowWatermarks === null && this.store.reached() < base + this.unitMs;
    if (onTime) this.assignOnTime(input, base);
    else this.assignByTable(batch, input, base);
    for (let mark = 0; mark < sliceCount; mark += 1) {
      const isUsed = this.counts[mark]! > 0;
      this.slices.push(isUsed ? this.store.sliceAt(base + mark * this.unitMs) : NO_SLICE);
    }
  }

  clear(): void {
    for (const slice of this.slices) slice.mark = -1;
    this.slices.length = 0;
    this.rowCount = 0;
    this.someLate = false;
  }

  private assignOnTime({ times, rows, count }: WindowInput, base: number): void {
    const target = { rows: this.rows, rowSlices: this.rowSlices, counts: this.counts };
    if (rows === null) markAllRows(times, count, { base, unitMs: this.unitMs }, target);
    else markRows(times, rows, count, { base, unitMs: this.unitMs }, target);
    this.rowCount = count;
  }

  private assignByTable(batch: Batch, input: WindowInput, base: number): void {
    const { times, rows, count } = input;
    const { rows: keptRows, rowSlices, counts, unitMs } = this;
    const { rowWatermarks } = batch;
    const reached = this.store.reached();
    let kept = 0;
    for (let at = 0; at < count; at += 1) {
      const row = rows === null ? at : rows[at]!;
      const time = times[row]!;
      const mark = ((time - base) / unitMs) | 0;
      const own = rowWatermarks === null ? reached : rowWatermarks[row]!;
      const watermark = own > reached ? own : reached;
      // An even slice ends where the first of its windows does.
      if (watermark >= base + (mark + 1) * unitMs) {
        if (this.rejects(batch, row, time, watermark)) continue;
      }
      keptRows[kept] = row;
      rowSlices[kept] = mark;
      kept += 1;
      counts[mark] = counts[mark]! + 1;
    }
    this.rowCount = kept;
  }

  private assignByWalk(batch: Batch, input: WindowInput): void {
    const { times, rows, count } = input;
    const { store, slices, rows: keptRows, rowSlices, counts } = this;
    const { rowWatermarks } = batch;
    const reached = store.reached();
    let slice = NO_SLICE;
    let kept = 0;
    for (let at = 0; at < count; at += 1) {
      const row = rows === null ? at : rows[at]!;
      const time = times[row]!;
      if (time < slice.from || time >= slice.to) slice = store.sliceAt(time);
      const own = rowWatermarks === null ? reached : rowWatermarks[row]!;
      const watermark = own > reached ? own : reached;
      if (watermark >= slice.firstEnd) {
        if (this.rejects(batch, row, time, watermark)) continue;
      }
      if (slice.mark < 0) {
        slice.mark = slices.length;
        counts[slice.mark] = 0;
        slices.push(slice);
      }
      keptRows[kept] = row;
      rowSlices[kept] = slice.mark;
      kept += 1;
      counts[slice.mark] = counts[slice.mark]! + 1;
    }
    this.rowCount = kept;
  }

  /** A row that is late for its first window: whether it is too late for its last, too. */
  private rejects(batch: Batch, row: number, time: number, watermark: number): boolean {
    if (watermark >= lastWindowEnd(this.spec, time) + this.latenessMs) {
      this.late.reject(batch, row, time);
      return true;
    }
    this.someLate = true;
    return false;
  }
}

interface SliceGrid {
  readonly base: number;
  readonly unitMs: number;
}
interface SliceMarks {
  readonly rows: Int32Array;
  readonly rowSlices: Int32Array;
  readonly counts: Int32Array;
}

/**
 * Both loops are functions that do nothing after the loop: entered in the middle of it (on-stack
 * replacement), optimised code left the method at the first property access behind the loop, on
 * every call, and the next call started in the interpreter (10 ns a row of scenario 3a).
 */
function markAllRows(
  times: Float64Array,
  count: number,
  { base, unitMs }: SliceGrid,
  { rows, rowSlices, counts }: SliceMarks,
): void {
  for (let row = 0; row < count; row += 1) {
    const mark = ((times[row]! - base) / unitMs) | 0;
    rows[row] = row;
    rowSlices[row] = mark;
    counts[mark] = counts[mark]! + 1;
  }
}

function markRows(
  times: Float64Array,
  selection: Int32Array,
  count: number,
  { base, unitMs }: SliceGrid,
  { rows, rowSlices, counts }: SliceMarks,
): void {
  for (let at = 0; at < count; at += 1) {
    const row = selection[at]!;
    const mark = ((times[row]! - base) / unitMs) | 0;
    rows[at] = row;
    rowSlices[at] = mark;
    counts[mark] = counts[mark]! + 1;
  }
}
