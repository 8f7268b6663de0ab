/**
 * How many rows a turn may take. Owns the processing modes: individual (whatever has arrived, at
 * once), batch (a fixed size) and adaptive, which goes up while turns stay well within the target
 * latency and down when they do not.
 */
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { ProcessingMode } from '../job-settings.js';

/**
 * Rows of a block of a topic, at most: batches adapt where blocks become batches of any size, and
 * here a block is what has arrived. `own`: the query's own size, which --batch-size overrides.
 */
export function blockRowsOf(
  mode: ProcessingMode,
  sizes: { readonly batchRows: number | null; readonly own: number | null },
): number {
  const { batchRows, own } = sizes;
  const ofMode = mode.kind === 'adaptive' ? BATCH_ROWS_MAX : firstRows(mode, batchRows);
  const ofQuery = batchRows === null ? (own ?? BATCH_ROWS_MAX) : BATCH_ROWS_MAX;
  return Math.min(ofMode, ofQuery, BATCH_ROWS_MAX);
}

/** Sizes that adaptive batches take; it starts with the first. */
const STEPS = [500, 1000, 2000, BATCH_ROWS_MAX] as const;
/** Turns at one size before it may change. */
const TURNS_PER_STEP = 32;

export class BatchRows {
  /** Rows of the next turn, at most. */
  rows: number;
  private readonly targetMs: number | null;
  private step = 0;
  private turns = 0;
  private slowestMs = 0;

  constructor(mode: ProcessingMode, batchRows: number | null) {
    this.targetMs = mode.kind === 'adaptive' ? mode.targetLatencyMs : null;
    this.rows = firstRows(mode, batchRows);
  }

  /** A turn took so long in this worker. */
  turnTook(ms: number): void {
    if (this.targetMs === null) return;
    this.slowestMs = Math.max(this.slowestMs, ms);
    this.turns += 1;
    if (this.turns < TURNS_PER_STEP) return;
    if (this.slowestMs > this.targetMs && this.step > 0) this.step -= 1;
    else if (this.slowestMs < this.targetMs / 2 && this.step < STEPS.length - 1) this.step += 1;
    this.rows = STEPS[this.step] as number;
    this.turns = 0;
    this.slowestMs = 0;
  }
}

function firstRows(mode: ProcessingMode, batchRows: number | null): number {
  if (mode.kind === 'adaptive') return STEPS[0];
  if (mode.kind === 'batch' && batchRows === null) return mode.rows;
  return batchRows ?? BATCH_ROWS_MAX;
}
