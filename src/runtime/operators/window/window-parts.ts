/**
 * What the window engines share: what they are given, what they offer the operator, the event
 * times of a batch, and the account of late records. Owns no windows. @hot
 */
import type { Batch, BatchHeader } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { LatePolicy, WindowAggregateNode } from '../../../plan/pipeline/pipeline-plan.js';
import type { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { ResultRows } from '../../../state/result-rows.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { HeldBatch, OperatorFlow, Work } from '../../flow.js';
import type { FrozenState, OperatorContext } from '../../operator.js';
import { eventTimes } from '../../split-watermarks.js';

/** The windows of one operator: FixedWindows or SessionWindows. */
export interface Windows {
  /**
   * Adds the rows of `input` in one go, where that is a bounded piece and answers with no row; false:
   * process() is to.
   */
  takeIn(batch: Batch, input: WindowInput): boolean;
  /** Adds the rows of `input`; rows below a window's end by their own watermark are late for it. */
  process(held: HeldBatch, input: WindowInput): Work;
  /** Closes the windows that the watermark has passed and forgets those beyond lateness. */
  advance(watermarkMs: number): Work;
  /** The watermark up to which windows have been closed; may run ahead within a batch. */
  reached(): number;
  snapshot(writer: StateWriter): void;
  /** As snapshot, one behind the other; null: there is too little for it, or it is not known how. */
  freeze?(): FrozenState[] | null;
  /** Reads one entry that `snapshot` wrote; the reader stands behind its key group. */
  restoreEntry(reader: StateReader): void;
  /** After all entries of a restore. */
  settle(watermarkMs: number): void;
  stateSize(): { readonly rows: number; readonly bytes: number };
}

export interface WindowParts {
  readonly node: WindowAggregateNode;
  readonly factory: GroupedStateFactory;
  readonly results: ResultRows;
  readonly late: LateAccount;
  readonly flow: OperatorFlow;
  /** Header of rows that answer to no record: a window's rows at its close. */
  readonly closingHeader: BatchHeader;
}

/**
 * The event times of the batch at work and its rows that have one. A NULL time can only come from
 * another operator (a source's was failed by the watermark operator) and fails the row here.
 */
export class WindowInput {
  times: Float64Array = new Float64Array(0);
  rows: Int32Array | null = null;
  count = 0;
  private readonly column: number;
  private readonly context: OperatorContext;
  private scratch = new Float64Array(0);
  private kept = new Int32Array(0);

  constructor(column: number, context: OperatorContext) {
    this.column = column;
    this.context = context;
  }

  load(batch: Batch): void {
    const column = batch.columns[this.column]!;
    if (column.kind !== 'f64' && this.scratch.length < batch.rowCount) {
      this.scratch = new Float64Array(Math.max(BATCH_ROWS_MAX, batch.rowCount));
    }
    this.times = eventTimes(column, batch.rowCount, this.scratch);
    this.rows = batch.selection;
    this.count = batch.selectedCount;
    if (column.nulls !== null) this.failNulls(batch, column.nulls);
  }

  /** The same rows of another copy of the batch. */
  rebind(batch: Batch): void {
    this.times = eventTimes(batch.columns[this.column]!, batch.rowCount, this.scratch);
  }

  /** Leaves of `rows` (null: the physical ones) those at positions from `from` up to `to`. */
  narrow(rows: Int32Array | null, from: number, to: number): void {
    this.count = to - from;
    if (rows === null && from > 0) this.rows = rowNumbers(to).subarray(from, to);
    else this.rows = rows === null ? null : rows.subarray(from, to);
  }

  private failNulls(batch: Batch, nulls: Uint8Array): void {
    const { selection, selectedCount } = batch;
    if (this.kept.length < selectedCount) {
      this.kept = new Int32Array(Math.max(BATCH_ROWS_MAX, selectedCount));
    }
    let count = 0;
    for (let at = 0; at < selectedCount; at += 1) {
      const row = selection === null ? at : selection[at]!;
      if (nulls[row] !== 1) {
        this.kept[count++] = row;
        continue;
      }
      this.context.errors.recordFailed(batch.header, originOf(batch, row), {
        key: 'EVENT_TIME_NULL',
        message: 'the event time is NULL',
      });
    }
    if (count === selectedCount) return;
    this.rows = this.kept;
    this.count = count;
  }
}

/** Counts the records that are too late for all of their windows, each once, and hands them on. */
export class LateAccount {
  private readonly strategy: LatePolicy['strategy'];
  private readonly context: OperatorContext;

  constructor(policy: LatePolicy, context: OperatorContext) {
    this.strategy = policy.strategy;
    this.context = context;
  }

  reject(batch: Batch, row: number, eventTimeMs: number): void {
    const { counters, late } = this.context;
    const expires = this.strategy === 'process-all' || this.strategy === 'process-with-warning';
    if (expires) counters.lateExpired += 1;
    else counters.lateDropped += 1;
    if (this.strategy === 'drop') return;
    late.lateRecord(batch.header, originOf(batch, row), eventTimeMs);
  }
}

function originOf(batch: Batch, row: number): number {
  return batch.origins === null ? row : batch.origins[row]!;
}

let numbers = new Int32Array(0);

/** 0 … count - 1. */
export function rowNumbers(count: number): Int32Array {
  if (numbers.length < count) {
    numbers = Int32Array.from({ length: Math.max(BATCH_ROWS_MAX, count) }, (_, row) => row);
  }
  return numbers;
}
