/**
 * The operator contract: batch, watermark, barrier (snapshot and restore), end of input. Operators
 * know no connector, thread or clock; what they need of the job they get in OperatorContext.
 *
 * Calls come from one thread, never re-entrantly: process* and watermark* in stream order, `end`
 * once per input after the last batch (and after watermark +Infinity when the job flushes),
 * `snapshot` only between those, when no work is left. `restore` comes before the first batch.
 *
 * An answer of more than a few batches is work (flow.ts): the operator may be interrupted in it,
 * and what comes next comes when it is done.
 */
import type { Batch, BatchHeader } from '../columnar/batch.js';
import type { ErrorKey } from '../base/error-codes.js';
import type { StateMemory } from '../state/paging/page-folder.js';
import type { StateReader, StateWriter } from '../state/snapshot.js';
import type { OperatorFlow } from './flow.js';
import type { Output } from './operator-output.js';

export interface Operator {
  readonly id: string;
  /** `input` numbers the operator's inputs (0 for all but join and union). */
  process(input: number, batch: Batch): void;
  watermark(input: number, watermarkMs: number): void;
  /** No more batches on this input. `flush` false: a stop, open windows stay unemitted. */
  end(input: number, flush: boolean): void;
  /** Writes all state as entries per key group (state/snapshot.ts). Stateless operators write nothing. */
  snapshot(writer: StateWriter): void;
  /**
   * As snapshot, where there is so much that it is better written while the operator goes on; null:
   * snapshot() is as good. One at a time.
   */
  freeze?(): FrozenState | null;
  /** Takes in what a snapshot of this operator (or a part of its key groups) holds. */
  restore(reader: StateReader): void;
  /** For metrics. */
  stateSize(): StateSize;
}

/** What the state of operators holds. */
export interface StateSize {
  /** What is on disk in several parts counts as several. */
  readonly rows: number;
  /** In memory. */
  readonly bytes: number;
  /** On disk, and how often a part of it was read back. Default: none. */
  readonly pagedBytes?: number;
  readonly pagesRead?: number;
}

/** That of all of these operators together. */
export function sizeOf(operators: readonly { stateSize(): StateSize }[]): Required<StateSize> {
  const sum = { rows: 0, bytes: 0, pagedBytes: 0, pagesRead: 0 };
  for (const operator of operators) {
    const { rows, bytes, pagedBytes = 0, pagesRead = 0 } = operator.stateSize();
    sum.rows += rows;
    sum.bytes += bytes;
    sum.pagedBytes += pagedBytes;
    sum.pagesRead += pagesRead;
  }
  return sum;
}

/** State as it was at one moment, whatever has become of it since. */
export interface FrozenState {
  /** Writes entries while `goesOn`, and some at least. False: there are no more. */
  step(writer: StateWriter, goesOn: () => boolean): boolean;
}

/** A record that failed inside an operator or a kernel. */
export interface RecordFailure {
  readonly key: ErrorKey;
  readonly message: string;
}

/** Follows --on-error: throws a DataError (fail), or counts and hands on (skip, dead-letter). */
export interface RecordErrors {
  /** `row` is the physical row of the source block that `header` describes. */
  recordFailed(header: BatchHeader, row: number, failure: RecordFailure): void;
}

export interface OperatorCounters {
  /** Records below their partition's watermark (late). */
  late: number;
  /** Late records dropped because their window had ended. */
  lateDropped: number;
  /** Late records beyond allowed lateness under process-*. */
  lateExpired: number;
  /** Records that the WHERE behind their scan did not let through. */
  rejected: number;
}

export interface LateRecords {
  /** A late record that the late strategy sends to the dead-letter sink. */
  lateRecord(header: BatchHeader, row: number, eventTimeMs: number): void;
}

export interface OperatorContext {
  readonly output: Output;
  readonly errors: RecordErrors;
  readonly late: LateRecords;
  readonly counters: OperatorCounters;
  /** Of a LIMIT: nobody needs another row from it. */
  readonly limitReached: () => void;
  /** Whether to go on putting out rows, and where to leave what is put off (law 15). */
  readonly flow: OperatorFlow;
  /** What an operator may hold that can put the rest on disk. Absent: all that there is. */
  readonly memory?: StateMemory;
}
