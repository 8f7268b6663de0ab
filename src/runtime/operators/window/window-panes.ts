/**
 * The open windows of TUMBLING, HOPPING and CUMULATE. A pane is one window with its groups. Owns
 * which panes exist, the slice cache that finds the panes of a time, and which pane is due next;
 * empty windows are never walked. What is done with a pane's rows is window-fixed.ts. @hot
 *
 *   open --(watermark >= end)--> held --(watermark >= end + lateness)--> released
 *
 * Ends are unique among the windows of one operator (equal lengths, or equal starts and different
 * steps), so a pane is known by its end, and order of end is order of start, too.
 */
import type { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import { TimeHeap } from './window-heap.js';
import type { FixedWindowSpec } from './window-slices.js';
import { sliceUnitMs, windowSlice, windowsPerRecord } from './window-slices.js';

export interface Pane {
  readonly start: number;
  readonly end: number;
  readonly state: GroupedState;
  /** Scratch of one batch: rows assigned, and where the next one goes. */
  rowCount: number;
  cursor: number;
}

/** A slice of time with the panes that are not released yet. */
export interface PaneSlice {
  readonly from: number;
  readonly to: number;
  /** Least end of the windows that hold it, released or not; +Infinity if none. */
  readonly firstEnd: number;
  readonly panes: readonly Pane[];
  /** Scratch of one batch: number among its slices, -1 when it is not among them. */
  mark: number;
}

const CACHE_SLICES = 1024;
/** Slices of many windows are long: so many of their windows are kept in the cache, about. */
const CACHE_WINDOWS = 262_144;

/** No time at all. */
export const NO_SLICE: PaneSlice = {
  from: 0,
  to: 0,
  firstEnd: Number.POSITIVE_INFINITY,
  panes: [],
  mark: -1,
};

export class PaneStore {
  private readonly spec: FixedWindowSpec;
  private readonly factory: GroupedStateFactory;
  private readonly latenessMs: number;
  private readonly unitMs: number;
  private readonly byEnd = new Map<number, Pane>();
  private readonly due = new TimeHeap();
  private readonly held = new TimeHeap();
  private readonly cache: PaneSlice[];
  private last = NO_SLICE;
  private reachedMs = Number.NEGATIVE_INFINITY;

  constructor(spec: FixedWindowSpec, factory: GroupedStateFactory, latenessMs: number) {
    this.spec = spec;
    this.factory = factory;
    this.latenessMs = latenessMs;
    this.unitMs = sliceUnitMs(spec);
    const bits = Math.floor(Math.log2(CACHE_WINDOWS / windowsPerRecord(spec)));
    const slices = Math.max(1, Math.min(CACHE_SLICES, 2 ** bits));
    this.cache = new Array<PaneSlice>(slices).fill(NO_SLICE);
  }

  /** The watermark up to which windows have been closed. */
  reached(): number {
    return this.reachedMs;
  }

  /** The slice of a time. Its panes are made as needed, but not those that would be released. */
  sliceAt(timeMs: number): PaneSlice {
    const { last } = this;
    if (timeMs >= last.from && timeMs < last.to) return last;
    const place = Math.floor(timeMs / this.unitMs) & (this.cache.length - 1);
    const cached = this.cache[place]!;
    if (timeMs >= cached.from && timeMs < cached.to) {
      this.last = cached;
      return cached;
    }
    const slice = this.newSlice(timeMs);
    this.cache[place] = slice;
    this.last = slice;
    return slice;
  }

  /** Whether some window that is not closed ends at or before the watermark. */
  hasDue(watermarkMs: number): boolean {
    return this.due.hasDue(watermarkMs);
  }

  /** The next window to close, in order of their ends; null: none ends so early. */
  nextDue(watermarkMs: number): Pane | null {
    const { due } = this;
    if (!due.hasDue(watermarkMs)) return null;
    const pane = this.byEnd.get(due.topTime())!;
    due.pop();
    return pane;
  }

  /** The window that nextDue gave is closed. */
  closed(pane: Pane): void {
    if (this.latenessMs > 0) this.held.push(pane.end, 0);
    else this.release(pane);
  }

  /** All windows that end at or before the watermark are closed. */
  reach(watermarkMs: number): void {
    if (watermarkMs > this.reachedMs) this.reachedMs = watermarkMs;
  }

  /** Gives out the windows that end at or before the watermark; new ones may take their place. */
  take(watermarkMs: number, visit: (pane: Pane) => void): void {
    const { due } = this;
    while (due.hasDue(watermarkMs)) {
      const pane = this.byEnd.get(due.topTime())!;
      due.pop();
      visit(pane);
      this.release(pane);
    }
  }

  /** The window with these bounds, which is not closed yet. */
  open(start: number, end: number): Pane {
    const known = this.byEnd.get(end);
    if (known !== undefined) return known;
    const pane = this.newPane(start, end);
    this.schedule(end);
    return pane;
  }

  /** Forgets the held windows that no record can correct any more. Not while a batch is at work. */
  expire(watermarkMs: number): void {
    const { held } = this;
    while (held.hasDue(watermarkMs - this.latenessMs)) {
      const end = held.topTime();
      held.pop();
      this.release(this.byEnd.get(end)!);
    }
  }

  forEach(visit: (pane: Pane) => void): void {
    for (const pane of this.byEnd.values()) visit(pane);
  }

  /** The pane of a snapshot entry; `settle` must follow when all entries are in. */
  restored(start: number, end: number): Pane {
    return this.byEnd.get(end) ?? this.newPane(start, end);
  }

  /** After a restore: the watermark decides which panes are open and which are held. */
  settle(watermarkMs: number): void {
    this.reachedMs = watermarkMs;
    this.due.clear();
    this.held.clear();
    for (const { end } of this.byEnd.values()) this.schedule(end);
    this.forgetSlices();
  }

  private newSlice(timeMs: number): PaneSlice {
    const slice = windowSlice(this.spec, timeMs);
    const panes: Pane[] = [];
    slice.ends.forEach((end, index) => {
      if (end + this.latenessMs <= this.reachedMs) return;
      panes.push(this.open(slice.starts[index]!, end));
    });
    return {
      from: slice.from,
      to: slice.to,
      firstEnd: slice.ends[0] ?? Number.POSITIVE_INFINITY,
      panes,
      mark: -1,
    };
  }

  private newPane(start: number, end: number): Pane {
    const pane: Pane = { start, end, state: this.factory.create(), rowCount: 0, cursor: 0 };
    this.byEnd.set(end, pane);
    return pane;
  }

  private schedule(end: number): void {
    if (end <= this.reachedMs) this.held.push(end, 0);
    else this.due.push(end, 0);
  }

  private release(pane: Pane): void {
    this.byEnd.delete(pane.end);
    this.factory.release(pane.state);
    this.forgetSlices();
  }

  private forgetSlices(): void {
    if (this.last === NO_SLICE) return;
    this.cache.fill(NO_SLICE);
    this.last = NO_SLICE;
  }
}
