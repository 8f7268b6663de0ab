/**
 * Which windows a point in time belongs to. Owns the arithmetic of TUMBLING, HOPPING and CUMULATE;
 * sessions have no fixed windows (window-sessions.ts). Times between two window edges share their
 * windows, so the answer is a slice of time with its list of windows, looked up once per slice and
 * not once per row.
 *
 *   HOPPING(size 4, advance 2)   |0   |2   |4   |6        slice [2, 4): windows [0, 4) [2, 6)
 *   CUMULATE(step 1, size 3)     |0 |1 |2 |3              slice [1, 2): windows [0, 2) [0, 3)
 *
 * Edges are multiples of the advance (step, size) from the epoch, before 1970 too.
 */
import type { WindowSpec } from '../../../plan/window-spec.js';

export type FixedWindowSpec = Exclude<WindowSpec, { readonly kind: 'session' }>;

/** Half-open [from, to) and the windows that hold all of it, in order of end, then start. */
export interface WindowSlice {
  readonly from: number;
  readonly to: number;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export function windowSlice(spec: FixedWindowSpec, timeMs: number): WindowSlice {
  switch (spec.kind) {
    case 'tumbling': {
      const start = floorTo(timeMs, spec.sizeMs);
      const end = start + spec.sizeMs;
      return { from: start, to: end, starts: [start], ends: [end] };
    }
    case 'hopping':
      return hoppingSlice(timeMs, spec.sizeMs, spec.advanceMs);
    case 'cumulate':
      return cumulateSlice(timeMs, spec.sizeMs, spec.stepMs);
  }
}

/** Greatest end of the windows that hold a time; +Infinity if there are none. */
export function lastWindowEnd(spec: FixedWindowSpec, timeMs: number): number {
  if (spec.kind !== 'hopping') return floorTo(timeMs, spec.sizeMs) + spec.sizeMs;
  const end = floorTo(timeMs, spec.advanceMs) + spec.sizeMs;
  return end > timeMs ? end : Number.POSITIVE_INFINITY;
}

/** Windows a single record can be in at most. */
export function windowsPerRecord(spec: FixedWindowSpec): number {
  switch (spec.kind) {
    case 'tumbling':
      return 1;
    case 'hopping':
      return Math.ceil(spec.sizeMs / spec.advanceMs);
    case 'cumulate':
      return Math.ceil(spec.sizeMs / spec.stepMs);
  }
}

/**
 * What part of a row counts for a window, so that all its windows count it once: the windows that
 * lie side by side count their rows, the others none. Where no such windows are, each counts alike.
 */
export function shareOfRows(spec: FixedWindowSpec, startMs: number, endMs: number): number {
  const { sizeMs } = spec;
  if (spec.kind === 'hopping' && sizeMs % spec.advanceMs !== 0) return 1 / windowsPerRecord(spec);
  return endMs - startMs === sizeMs && floorTo(startMs, sizeMs) === startMs ? 1 : 0;
}

/** Distance between slices in time, for caches: a slice is never longer. */
export function sliceUnitMs(spec: FixedWindowSpec): number {
  switch (spec.kind) {
    case 'tumbling':
      return spec.sizeMs;
    case 'hopping':
      return spec.advanceMs;
    case 'cumulate':
      return spec.stepMs;
  }
}

/**
 * Whether all slices have the length of sliceUnitMs and start at its multiples. Then every slice is
 * within some window, and the first of its windows ends where it does.
 */
export function hasEvenSlices(spec: FixedWindowSpec): boolean {
  switch (spec.kind) {
    case 'tumbling':
      return true;
    case 'hopping':
      return spec.sizeMs % spec.advanceMs === 0;
    case 'cumulate':
      return spec.sizeMs % spec.stepMs === 0;
  }
}

/**
 * The greatest multiple of `unit` that is not above `time`. By remainder, which is exact: a
 * quotient can round up to the next whole number when `time` is large.
 */
export function floorTo(time: number, unit: number): number {
  const remainder = time % unit;
  return remainder < 0 ? time - remainder - unit : time - remainder;
}

/** With an advance beyond the size there are times in no window: a slice without windows. */
function hoppingSlice(time: number, size: number, advance: number): WindowSlice {
  const last = floorTo(time, advance);
  const starts: number[] = [];
  let start = last;
  while (start + size > time) {
    starts.push(start);
    start -= advance;
  }
  starts.reverse();
  const first = starts[0];
  return {
    from: Math.max(last, start + size),
    to: first === undefined ? last + advance : Math.min(last + advance, first + size),
    starts,
    ends: starts.map((each) => each + size),
  };
}

/** A size that is no multiple of the step ends in one shorter step. */
function cumulateSlice(time: number, size: number, step: number): WindowSlice {
  const start = floorTo(time, size);
  const from = start + floorTo(time - start, step);
  const to = Math.min(from + step, start + size);
  const ends = [to];
  for (let end = to; end < start + size;) {
    end = Math.min(end + step, start + size);
    ends.push(end);
  }
  return { from, to, starts: ends.map(() => start), ends };
}
