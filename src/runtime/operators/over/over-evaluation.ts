/**
 * Results of OVER for rows that the watermark has reached. Owns the evaluators of the node's calls,
 * the history that they share (only the columns they read) and the result columns. All due rows are
 * shown to the evaluators before any is evaluated, because peers may be in different batches. @hot
 */
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../../columnar/batch.js';
import type { Column } from '../../../columnar/column.js';
import { ValueColumn } from '../../../columnar/value-column.js';
import type { SqlValue } from '../../../columnar/types.js';
import type { OverNode } from '../../../plan/pipeline/pipeline-plan.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { OverEvaluator, OverPlan, OverResults, OverRows, PlannedCall } from './over-calls.js';
import { OverFrames } from './over-frames.js';
import { OverHistory } from './over-history.js';
import { OverPlaces } from './over-places.js';
import { OverRings } from './over-rings.js';
import { OverRunning } from './over-running.js';
import { OverSliding } from './over-sliding.js';
import type { OverWaiting } from './over-waiting.js';

export class OverEvaluation implements OverResults {
  /** Rows of the last part that failed, with the reason. */
  readonly faults: Map<number, string> = new Map<number, string>();
  private readonly node: OverNode;
  private readonly rings: OverRings;
  private readonly running: OverRunning | null;
  /** Evaluators over the history, and the input columns that it has. */
  private readonly evaluators: readonly OverEvaluator[];
  private readonly needed: readonly number[];
  private readonly history: OverHistory;
  private readonly historyBatch: Batch = newBatch([], emptyHeader(''));
  /** Places of all due rows. */
  private places: Float64Array = new Float64Array(BATCH_ROWS_MAX);
  private readonly own: Float64Array = new Float64Array(BATCH_ROWS_MAX);
  private values: (ValueColumn | null)[] = [];
  private readonly columns: (Column | null)[] = [];
  private readonly isRing: readonly boolean[];
  private readonly touched = new Set<number>();
  private readonly failRow = (row: number, message: string): void => this.fail(row, message);

  constructor(node: OverNode, plan: OverPlan) {
    this.node = node;
    const overHistory = [...plan.sliding, ...plan.frames, ...plan.places];
    this.needed = neededColumns(overHistory);
    const columnOf = (column: number): number => this.needed.indexOf(column);
    const types = this.needed.map((column) => node.input.schema[column]!.type);
    this.history = new OverHistory(types, node.late.allowedLatenessMs);
    this.rings = new OverRings(plan.rings);
    this.running = plan.running.length === 0 ? null : new OverRunning(node, plan.running);
    const { history } = this;
    const evaluators: OverEvaluator[] = [];
    if (plan.sliding.length > 0) {
      evaluators.push(
        new OverSliding(history, plan.sliding, ({ call }) => ({
          argument: call.args[0] === undefined ? -1 : columnOf(call.args[0]),
          filter: call.filter === null ? -1 : columnOf(call.filter),
        })),
      );
    }
    if (plan.frames.length > 0) {
      evaluators.push(new OverFrames(history, types, plan.frames, columnOf));
    }
    if (plan.places.length > 0) evaluators.push(new OverPlaces(history, plan.places, columnOf));
    this.evaluators = evaluators;
    this.isRing = node.calls.map((_, at) => plan.rings.some((ring) => ring.at === at));
  }

  ensureSlots(count: number): void {
    this.rings.ensureSlots(count);
    this.history.ensureSlots(count);
    for (const evaluator of this.evaluators) evaluator.ensureSlots(count);
  }

  /** Whether rows must be shown with `prepare` before they are evaluated. */
  get looksAhead(): boolean {
    return this.running !== null || this.evaluators.length > 0;
  }

  /** Shows the part that `waiting` has loaded, whose first row is the due row `base`. */
  prepare(waiting: OverWaiting, base: number): void {
    const rows = this.rowsOf(waiting, base);
    this.running?.prepare(rows);
    if (this.evaluators.length === 0) return;
    this.historyBatch.columns = this.needed.map((column) => rows.batch.columns[column]!);
    this.historyBatch.rowCount = rows.count;
    this.history.append(this.historyBatch, rows);
    for (const evaluator of this.evaluators) evaluator.prepare(rows);
    for (let k = 0; k < rows.count; k += 1) this.touched.add(rows.slots[k]!);
  }

  /** One column per call for the loaded part, valid until the next one; and `faults`. */
  evaluate(waiting: OverWaiting, base: number): readonly Column[] {
    const rows = this.rowsOf(waiting, base);
    this.faults.clear();
    this.values = this.node.calls.map(({ type }, at) =>
      this.isRing[at]! ? null : new ValueColumn(type, rows.count),
    );
    this.rings.evaluate(rows, this.columns, this.failRow);
    this.running?.evaluate(rows, this);
    for (const evaluator of this.evaluators) evaluator.evaluate(rows, this);
    return this.values.map((values, at) => values?.take() ?? this.columns[at]!);
  }

  /** All due rows have been evaluated: what no frame reaches any more is forgotten. */
  finish(): void {
    this.running?.finish();
    for (const slot of this.touched) {
      let least = Infinity;
      for (const evaluator of this.evaluators) least = Math.min(least, evaluator.reach(slot));
      this.history.forget(slot, least);
    }
    this.touched.clear();
  }

  set(call: number, row: number, value: SqlValue): void {
    this.values[call]!.set(row, value);
  }

  fail(row: number, message: string): void {
    if (!this.faults.has(row)) this.faults.set(row, message);
  }

  writeSlot(writer: StateWriter, slot: number): void {
    this.rings.writeSlot(writer, slot);
    this.history.writeSlot(writer, slot);
    for (const evaluator of this.evaluators) evaluator.writeSlot(writer, slot);
  }

  readSlot(reader: StateReader, slot: number): void {
    this.ensureSlots(slot + 1);
    this.rings.readSlot(reader, slot);
    this.history.readSlot(reader, slot);
    for (const evaluator of this.evaluators) evaluator.readSlot(reader, slot);
  }

  snapshotRunning(writer: StateWriter, before: (writer: StateWriter) => void): void {
    this.running?.snapshot(writer, before);
  }

  restoreRunning(reader: StateReader): void {
    this.running?.restoreEntry(reader);
  }

  get rowsKept(): number {
    return this.history.store.size;
  }

  byteSize(): number {
    let bytes = this.rings.byteSize() + this.history.byteSize() + (this.running?.byteSize() ?? 0);
    for (const evaluator of this.evaluators) bytes += evaluator.byteSize();
    return bytes;
  }

  private ownTimes(batch: Batch, count: number): Float64Array {
    const column = batch.columns[this.node.timeColumn]!;
    if (column.kind === 'f64') return column.values;
    if (column.kind !== 'i64') return this.own;
    for (let k = 0; k < count; k += 1) this.own[k] = Number(column.values[k]!);
    return this.own;
  }

  private rowsOf({ batch, slots, times }: OverWaiting, base: number): OverRows {
    const count = batch.rowCount;
    if (base + count > this.places.length) {
      const places = new Float64Array(Math.max(base + count, this.places.length * 2));
      places.set(this.places);
      this.places = places;
    }
    const places = this.places.subarray(base, base + count);
    const own = this.ownTimes(batch, count);
    return { batch, count, slots, times, own, places, base };
  }
}

function neededColumns(calls: readonly PlannedCall[]): readonly number[] {
  const columns = new Set<number>();
  for (const { call } of calls) {
    for (const argument of call.args) columns.add(argument);
    for (const key of call.orderBy) columns.add(key.column);
    if (call.filter !== null) columns.add(call.filter);
  }
  return [...columns];
}
