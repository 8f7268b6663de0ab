/**
 * A window table function without GROUP BY: appends window_start, window_end and window_time
 * (end - 1) to each record. Keeps nothing. Where every record has one window, rows pass by selection
 * and no column is copied; a record in several (HOP, CUMULATE) leaves once per window, one copy
 * behind the other, so that the order of rows does not depend on batches. Late records pass like
 * any other, unless something above closes the windows: then a record whose own watermark has
 * reached the end of a window is late for it. SESSION is planned as an aggregation only. @hot
 */
import { assert } from '../../../base/assert.js';
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../../columnar/batch.js';
import type { F64Column } from '../../../columnar/column.js';
import type { WindowColumnsNode } from '../../../plan/pipeline/pipeline-plan.js';
import type { HeldBatch, Work } from '../../flow.js';
import type { Operator, OperatorContext } from '../../operator.js';
import { RowStore } from '../rows/row-store.js';
import { eventTimes } from '../../split-watermarks.js';
import type { FixedWindowSpec, WindowSlice } from './window-slices.js';
import { windowSlice, windowsPerRecord } from './window-slices.js';
import { LateAccount } from './window-parts.js';

export class WindowColumnsOperator implements Operator {
  readonly id: string;
  private readonly spec: FixedWindowSpec;
  private readonly timeColumn: number;
  private readonly context: OperatorContext;
  private readonly late: LateAccount | null;
  private readonly latenessMs: number;
  private readonly isSingle: boolean;
  private readonly output: Batch = newBatch([], emptyHeader(''));
  private readonly windowStart = timeColumn();
  private readonly windowEnd = timeColumn();
  private readonly windowTime = timeColumn();
  private selection = new Int32Array(BATCH_ROWS_MAX);
  private scratch = new Float64Array(BATCH_ROWS_MAX);
  /** Of records with several windows: the copies at hand, by the row that each is of. */
  private readonly store: RowStore;
  private readonly rows = new Int32Array(BATCH_ROWS_MAX);
  private readonly origins = new Int32Array(BATCH_ROWS_MAX);
  private readonly rowWatermarks = new Float64Array(BATCH_ROWS_MAX);
  private readonly ops = new Uint8Array(BATCH_ROWS_MAX);
  private count = 0;

  constructor(node: WindowColumnsNode, context: OperatorContext) {
    assert(node.window.kind !== 'session', 'SESSION is planned as an aggregation');
    this.id = node.id;
    this.spec = node.window;
    this.timeColumn = node.timeColumn;
    this.context = context;
    this.late = node.late === null ? null : new LateAccount(node.late, context);
    this.latenessMs = node.late?.allowedLatenessMs ?? 0;
    this.isSingle = windowsPerRecord(node.window) === 1;
    this.store = new RowStore(node.input.schema.map((column) => column.type));
  }

  process(_input: number, batch: Batch): void {
    if (batch.selectedCount === 0) return;
    if (batch.rowCount > this.scratch.length) this.scratch = new Float64Array(batch.rowCount);
    const { output } = this;
    Object.assign(output, batch);
    if (!this.isSingle) {
      const held = { batch };
      this.context.flow.run(this.copyRows(held), held);
      return;
    }
    if (batch.rowCount > this.selection.length) this.grow(batch.rowCount);
    output.columns = [...batch.columns, this.windowStart, this.windowEnd, this.windowTime];
    output.selection = this.selection;
    output.selectedCount = this.selectRows(batch, this.timesOf(batch));
    if (output.selectedCount > 0) this.context.output.emit(output);
  }

  private timesOf(batch: Batch): Float64Array {
    return eventTimes(batch.columns[this.timeColumn]!, batch.rowCount, this.scratch);
  }

  watermark(_input: number, watermarkMs: number): void {
    this.context.output.watermark(watermarkMs);
  }

  end(): void {
    // Nothing is held back.
  }

  snapshot(): void {
    // No state.
  }

  restore(): void {
    // No state.
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: 0, bytes: 0 };
  }

  /** Writes the window of each row where the row is; how many rows have one. */
  private selectRows(batch: Batch, times: Float64Array): number {
    const { selection, selectedCount } = batch;
    let slice: WindowSlice = EMPTY_SLICE;
    let count = 0;
    for (let at = 0; at < selectedCount; at += 1) {
      const row = selection === null ? at : selection[at]!;
      if (this.hasNoTime(batch, row)) continue;
      const time = times[row]!;
      if (time < slice.from || time >= slice.to) slice = windowSlice(this.spec, time);
      const end = slice.ends[0];
      if (end === undefined) continue;
      if (this.isLate(batch, row, end)) {
        this.late?.reject(batch, row, time);
        continue;
      }
      this.bound(row, slice, 0);
      this.selection[count++] = row;
    }
    return count;
  }

  /** Emits each row once per window of its own. */
  private *copyRows(held: HeldBatch): Work {
    const { flow } = this.context;
    let { batch } = held;
    let times = this.timesOf(batch);
    let slice: WindowSlice = EMPTY_SLICE;
    for (let at = 0; at < batch.selectedCount; at += 1) {
      const row = batch.selection === null ? at : batch.selection[at]!;
      if (this.hasNoTime(batch, row)) continue;
      const time = times[row]!;
      if (time < slice.from || time >= slice.to) slice = windowSlice(this.spec, time);
      let isInTime = slice.ends.length === 0;
      for (let place = 0; place < slice.ends.length; place += 1) {
        if (this.isLate(batch, row, slice.ends[place]!)) continue;
        isInTime = true;
        if (this.count === BATCH_ROWS_MAX) this.emitCopies(batch);
        if (flow.suspended) {
          yield;
          ({ batch } = held);
          times = this.timesOf(batch);
        }
        this.bound(this.count, slice, place);
        this.rows[this.count] = row;
        this.count += 1;
      }
      if (!isInTime) this.late?.reject(batch, row, time);
    }
    this.emitCopies(batch);
  }

  private emitCopies(batch: Batch): void {
    const { count, rows, output, store } = this;
    if (count === 0) return;
    this.count = 0;
    const { rowWatermarks, origins, ops } = batch;
    const places = store.addRows(batch, rows, count);
    output.columns = [];
    store.gather(places, count, output.columns);
    output.columns.push(this.windowStart, this.windowEnd, this.windowTime);
    for (let at = 0; at < count; at += 1) {
      const row = rows[at]!;
      this.origins[at] = origins === null ? row : origins[row]!;
      if (rowWatermarks !== null) this.rowWatermarks[at] = rowWatermarks[row]!;
      if (ops !== null) this.ops[at] = ops[row]!;
    }
    output.rowCount = count;
    output.selection = null;
    output.selectedCount = count;
    output.ops = ops === null ? null : this.ops;
    output.failed = null;
    output.rowWatermarks = rowWatermarks === null ? null : this.rowWatermarks;
    output.origins = this.origins;
    output.header = batch.header;
    this.context.flow.spend(count);
    this.context.output.emit(output);
    for (let at = 0; at < count; at += 1) store.release(places[at]!);
  }

  private bound(at: number, slice: WindowSlice, place: number): void {
    const end = slice.ends[place]!;
    this.windowStart.values[at] = slice.starts[place]!;
    this.windowEnd.values[at] = end;
    this.windowTime.values[at] = end - 1;
  }

  /** A row that has no time has no window: its record fails. */
  private hasNoTime(batch: Batch, row: number): boolean {
    const { nulls } = batch.columns[this.timeColumn]!;
    if (nulls === null || nulls[row] !== 1) return false;
    this.failNullTime(batch, row);
    return true;
  }

  private isLate({ rowWatermarks }: Batch, row: number, endMs: number): boolean {
    if (this.late === null || rowWatermarks === null) return false;
    return rowWatermarks[row]! >= endMs + this.latenessMs;
  }

  private failNullTime(batch: Batch, row: number): void {
    const origin = batch.origins === null ? row : batch.origins[row]!;
    this.context.errors.recordFailed(batch.header, origin, {
      key: 'EVENT_TIME_NULL',
      message: 'the event time is NULL',
    });
  }

  private grow(rowCount: number): void {
    this.selection = new Int32Array(rowCount);
    this.windowStart.values = new Float64Array(rowCount);
    this.windowEnd.values = new Float64Array(rowCount);
    this.windowTime.values = new Float64Array(rowCount);
  }
}

const EMPTY_SLICE: WindowSlice = { from: 0, to: 0, starts: [], ends: [] };

function timeColumn(): F64Column {
  return { kind: 'f64', values: new Float64Array(BATCH_ROWS_MAX), nulls: null };
}
