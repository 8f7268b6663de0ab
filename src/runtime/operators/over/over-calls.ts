/**
 * What the evaluators of OVER share: how they are given rows and give results, and which evaluator
 * computes which call. Owns the frame that a call means when none is written, and what of a
 * partition a call needs to see. The evaluators:
 *
 *   over-rings     COUNT SUM AVG MIN MAX over ROWS n PRECEDING: rings of ROWS WINDOW BUFFER
 *   over-running   aggregates from the first row on: a group of GROUP BY per partition
 *   over-sliding   COUNT SUM AVG MIN MAX over any other frame, O(1) a row
 *   over-frames    other aggregates: the frame's rows through GROUP BY, O(frame) a row
 *   over-places    ranks, LAG, LEAD, FIRST_VALUE, LAST_VALUE, NTH_VALUE, NTILE
 */
import type { Batch } from '../../../columnar/batch.js';
import type { SqlValue } from '../../../columnar/types.js';
import type { WindowCall } from '../../../plan/pipeline/pipeline-plan.js';
import { WHOLE_PARTITION } from '../../../plan/window-spec.js';
import type { FrameSpec } from '../../../plan/window-spec.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import { isRingCall } from '../rows-window/rows-window-rings.js';

/** Rows that the watermark has reached: a part of them, in order of time. */
export interface OverRows {
  readonly batch: Batch;
  readonly count: number;
  /** Partition, event time and place in the partition of each row. */
  readonly slots: Int32Array;
  readonly times: Float64Array;
  /** Times of the rows themselves; below `times` for late rows. */
  readonly own: Float64Array;
  readonly places: Float64Array;
  /** Number of rows in the parts before. */
  readonly base: number;
}

/** Where results go: `call` is the number of the call in the plan. */
export interface OverResults {
  set(call: number, row: number, value: SqlValue): void;
  fail(row: number, message: string): void;
}

export interface OverEvaluator {
  ensureSlots(count: number): void;
  /** Sees every part once, in order, before any is evaluated: they may hold peers. */
  prepare(rows: OverRows): void;
  evaluate(rows: OverRows, results: OverResults): void;
  /** Least place of the partition that it will still read. */
  reach(slot: number): number;
  writeSlot(writer: StateWriter, slot: number): void;
  readSlot(reader: StateReader, slot: number): void;
  byteSize(): number;
}

export interface PlannedCall {
  /** Number in the plan. */
  readonly at: number;
  readonly call: WindowCall;
  readonly frame: FrameSpec;
}

export interface OverPlan {
  readonly rings: readonly PlannedCall[];
  readonly running: readonly PlannedCall[];
  readonly sliding: readonly PlannedCall[];
  readonly frames: readonly PlannedCall[];
  readonly places: readonly PlannedCall[];
  /** A row is only complete when all rows of its time are there: frames by RANGE. */
  readonly needsPeers: boolean;
  /** A row is only complete at the end of input: LEAD, NTILE, … */
  readonly needsAll: boolean;
}

/** The standard's frame for ORDER BY alone: up to the last row of the same time. */
export const UP_TO_PEERS: FrameSpec = {
  unit: 'range',
  preceding: Infinity,
  following: 0,
  exact: null,
};

const RANKS = new Set(['ROW_NUMBER', 'RANK', 'DENSE_RANK', 'LAG']);
const VALUES = new Set(['FIRST_VALUE', 'LAST_VALUE', 'NTH_VALUE']);
const SLIDING = new Set(['COUNT', 'SUM', 'AVG', 'MIN', 'MAX']);

/** Longer frames slide: their rows are kept once for all calls. */
const RING_ROWS_MAX = 1024;

export function planOver(calls: readonly WindowCall[]): OverPlan {
  const planned = calls.map((call, at) => ({ at, call, frame: call.frame ?? UP_TO_PEERS }));
  const kinds = planned.map((each) => evaluatorOf(each));
  const of = (kind: Kind): PlannedCall[] => planned.filter((_, at) => kinds[at] === kind);
  return {
    rings: of('rings'),
    running: of('running'),
    sliding: of('sliding'),
    frames: of('frames'),
    places: of('places'),
    needsPeers: planned.some(
      ({ call, frame }) =>
        frame.unit === 'range' && !RANKS.has(call.function) && !WHOLE_PARTITION.has(call.function),
    ),
    needsAll: planned.some(
      ({ call, frame }) =>
        WHOLE_PARTITION.has(call.function) || (call.frame !== null && frame.following > 0),
    ),
  };
}

type Kind = 'rings' | 'running' | 'sliding' | 'frames' | 'places';

function evaluatorOf({ call, frame }: PlannedCall): Kind {
  const { function: name } = call;
  if (RANKS.has(name) || WHOLE_PARTITION.has(name) || VALUES.has(name)) return 'places';
  if (frame.preceding === Infinity && frame.following === 0) return 'running';
  const isRing = frame.unit === 'rows' && frame.following === 0 && frame.preceding < RING_ROWS_MAX;
  if (isRing && isRingCall({ ...call, frame: null })) return 'rings';
  return SLIDING.has(name) && !call.distinct ? 'sliding' : 'frames';
}
