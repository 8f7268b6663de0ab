/**
 * Standard OVER ordered by the time attribute: holds rows until the watermark reaches them, then
 * gives them their results in order of time, ties in order of arrival. Owns waiting, late rows, the
 * output batches and the state of partitions; results are made by the evaluators of over-calls. @hot
 *
 * The watermark reaches a row when it is at its time, with frames by RANGE when it is past it: rows
 * of one time are peers, and one that is not late (time >= watermark) may still come. So results
 * never depend on how the stream is cut into batches.
 *
 * A late row is dropped and counted. Under process-* it takes its place in the order where its
 * partition's watermark is, within the allowed lateness, because rows before it are out already;
 * the place goes on with it as its watermark.
 */
import { assert } from '../../../base/assert.js';
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../../columnar/batch.js';
import type { Column } from '../../../columnar/column.js';
import type { OverNode } from '../../../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import { GLOBAL_ENTRY } from '../../../state/snapshot.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { Work } from '../../flow.js';
import type { Operator, OperatorContext } from '../../operator.js';
import { planOver } from './over-calls.js';
import type { OverPlan } from './over-calls.js';
import { OverEvaluation } from './over-evaluation.js';
import { OverWaiting } from './over-waiting.js';
import { LateAccount, WindowInput } from '../window/window-parts.js';

/** Kinds of snapshot entries that belong to a partition. */
const PARTITION = 0;
const RUNNING = 1;

export class OverOperator implements Operator {
  readonly id: string;
  private readonly context: OperatorContext;
  private readonly plan: OverPlan;
  private readonly input: WindowInput;
  private readonly late: LateAccount;
  private readonly latenessMs: number;
  private readonly partitions: GroupedState;
  private readonly waiting: OverWaiting;
  private readonly evaluation: OverEvaluation;
  private readonly ties: OverNode['ties'];
  /** Rows of one time are given together: frames by RANGE, or ties that are settled by value. */
  private readonly needsPeers: boolean;
  private reached = Number.NEGATIVE_INFINITY;
  private passedOn = Number.NEGATIVE_INFINITY;
  private restoredMs = Number.POSITIVE_INFINITY;
  private readonly output: Batch = newBatch([], emptyHeader(''));
  private readonly selection = new Int32Array(BATCH_ROWS_MAX);
  /** Rows of a batch that are not too late, with the times of their places in the order. */
  private rows: Int32Array = new Int32Array(BATCH_ROWS_MAX);
  private times: Float64Array = new Float64Array(BATCH_ROWS_MAX);

  constructor(node: OverNode, context: OperatorContext) {
    this.id = node.id;
    this.context = context;
    this.plan = planOver(node.calls);
    const types = node.input.schema.map((column) => column.type);
    this.input = new WindowInput(node.timeColumn, context);
    this.late = new LateAccount(node.late, context);
    this.latenessMs = node.late.allowedLatenessMs;
    this.partitions = new GroupedStateFactory({
      id: node.id,
      inputTypes: types,
      keys: node.partitionBy,
      aggregates: [],
      windowColumns: false,
    }).create();
    this.waiting = new OverWaiting(node.id, types);
    this.ties = node.ties;
    this.needsPeers = this.plan.needsPeers || node.ties.length > 0;
    this.evaluation = new OverEvaluation(node, this.plan);
  }

  process(_input: number, batch: Batch): void {
    if (batch.selectedCount === 0) return;
    this.input.load(batch);
    const count = this.keepTimely(batch);
    if (count === 0) return;
    const slots = this.partitions.resolve(batch, this.rows, count);
    this.evaluation.ensureSlots(this.partitions.groupCount);
    this.waiting.add(batch, this.rows, count, slots, this.times);
    const isReached = !this.needsPeers && this.waiting.firstTime() <= this.reached;
    if (isReached) this.context.flow.run(this.advance(this.reached), null);
  }

  /** Fills `rows` and `times`; how many rows there are. */
  private keepTimely(batch: Batch): number {
    const { rows, times, count } = this.input;
    const { rowWatermarks } = batch;
    if (count > this.rows.length) {
      this.rows = new Int32Array(count);
      this.times = new Float64Array(count);
    }
    let kept = 0;
    for (let k = 0; k < count; k += 1) {
      const row = rows === null ? k : rows[k]!;
      const time = times[row]!;
      const own = rowWatermarks === null ? Number.NEGATIVE_INFINITY : rowWatermarks[row]!;
      const watermark = Math.max(own, this.reached);
      if (watermark > time + this.latenessMs) {
        this.late.reject(batch, row, time);
        continue;
      }
      this.rows[kept] = row;
      this.times[kept] = Math.max(time, watermark);
      kept += 1;
    }
    return kept;
  }

  watermark(_input: number, watermarkMs: number): void {
    this.context.flow.run(this.reach(watermarkMs), null);
  }

  end(_input: number, flush: boolean): void {
    if (flush) this.context.flow.run(this.advance(Number.POSITIVE_INFINITY), null);
  }

  private *reach(watermarkMs: number): Work {
    if (watermarkMs > this.reached) yield* this.advance(watermarkMs);
    if (watermarkMs <= this.passedOn) return;
    this.passedOn = watermarkMs;
    // Rows that wait for the end must not be late for what follows.
    const isHeld = this.plan.needsAll && watermarkMs !== Number.POSITIVE_INFINITY;
    if (!isHeld) this.context.output.watermark(watermarkMs);
  }

  private *advance(watermarkMs: number): Work {
    this.reached = Math.max(this.reached, watermarkMs);
    const isEnd = watermarkMs === Number.POSITIVE_INFINITY;
    if (this.plan.needsAll && !isEnd) return;
    const { waiting, evaluation } = this;
    const { flow } = this.context;
    while (waiting.take(watermarkMs, !this.needsPeers)) {
      flow.spend(BATCH_ROWS_MAX);
      if (flow.suspended) yield;
    }
    const { dueCount } = waiting;
    if (dueCount === 0) return;
    if (this.ties.length > 0) waiting.settleTies(this.ties);
    const isOne = dueCount <= BATCH_ROWS_MAX;
    for (let from = 0; evaluation.looksAhead && from < dueCount; from += BATCH_ROWS_MAX) {
      waiting.load(from, Math.min(BATCH_ROWS_MAX, dueCount - from));
      evaluation.prepare(waiting, from);
      if (flow.suspended && !isOne) yield;
    }
    for (let from = 0; from < dueCount; from += BATCH_ROWS_MAX) {
      if (!isOne || !evaluation.looksAhead) {
        waiting.load(from, Math.min(BATCH_ROWS_MAX, dueCount - from));
      }
      this.emit(evaluation.evaluate(waiting, from), from);
      flow.spend(BATCH_ROWS_MAX);
      if (flow.suspended && !isOne) yield;
    }
    evaluation.finish();
    waiting.release();
  }

  private emit(results: readonly Column[], from: number): void {
    const { output, waiting } = this;
    const { batch } = waiting;
    output.columns.length = 0;
    output.columns.push(...batch.columns, ...results);
    output.header = batch.header;
    output.rowCount = batch.rowCount;
    output.selection = null;
    output.selectedCount = batch.rowCount;
    // A late row is late for what follows, at the same place, whatever batch it left in. Where all
    // wait for the end no watermark was passed on.
    const hasPlaces = this.latenessMs > 0 && !this.plan.needsAll;
    output.rowWatermarks = hasPlaces ? waiting.times : null;
    if (this.evaluation.faults.size > 0) this.leaveOut(from);
    if (output.selectedCount > 0) this.context.output.emit(output);
  }

  /** Reports the rows without a result, in order. */
  private leaveOut(from: number): void {
    const { output, waiting } = this;
    const { faults } = this.evaluation;
    let count = 0;
    for (let row = 0; row < output.rowCount; row += 1) {
      const message = faults.get(row);
      if (message === undefined) {
        this.selection[count] = row;
        count += 1;
        continue;
      }
      const failure = { key: 'NUMERIC_OVERFLOW', message } as const;
      this.context.errors.recordFailed(waiting.headerOf(from + row), 0, failure);
    }
    output.selection = this.selection;
    output.selectedCount = count;
  }

  snapshot(writer: StateWriter): void {
    writer.beginEntry(GLOBAL_ENTRY);
    writer.writeF64(this.reached);
    writer.endEntry();
    const waiting = this.waiting.byPartition();
    this.partitions.snapshot(writer, (entry, slot) => {
      entry.writeU32(PARTITION);
      this.waiting.writeRows(entry, waiting.get(slot) ?? []);
      this.evaluation.writeSlot(entry, slot);
    });
    this.evaluation.snapshotRunning(writer, (entry) => entry.writeU32(RUNNING));
  }

  /** May be called once per former partition; rows go on from the least watermark. */
  restore(reader: StateReader): void {
    for (let group = reader.nextEntry(); group >= 0; group = reader.nextEntry()) {
      if (group === GLOBAL_ENTRY) {
        this.restoredMs = Math.min(this.restoredMs, reader.readF64());
        this.reached = this.restoredMs;
      } else if (reader.readU32() === RUNNING) this.evaluation.restoreRunning(reader);
      else this.restorePartition(reader);
    }
  }

  private restorePartition(reader: StateReader): void {
    const slot = this.partitions.groupCount;
    const rows = this.waiting.readRows(reader);
    this.evaluation.readSlot(reader, slot);
    const restored = this.partitions.restoreGroup(reader);
    assert(restored === slot, 'a partition is restored once');
    this.waiting.restoreRows(rows, slot);
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    const bytes = this.waiting.byteSize() + this.evaluation.byteSize() + this.partitions.byteSize();
    return { rows: this.waiting.size + this.evaluation.rowsKept, bytes };
  }
}
