/**
 * A window table function without GROUP BY: appends window_start, window_end and window_time
 * (end - 1) to each record. Stateless, so late records pass like any other. A record in several
 * windows (HOP, CUMULATE) leaves once per window: one batch per place in the record's list of
 * windows, the rows picked by selection, no column copied. SESSION needs state and is planned as
 * an aggregation only. @hot
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../columnar/batch.js';
import type { F64Column } from '../../columnar/column.js';
import type { WindowColumnsNode } from '../../plan/pipeline-plan.js';
import type { Operator, OperatorContext } from '../operator.js';
import { eventTimes } from '../watermark.js';
import type { FixedWindowSpec, WindowSlice } from './window-slices.js';
import { windowSlice, windowsPerRecord } from './window-slices.js';

export class WindowColumnsOperator implements Operator {
  readonly id: string;
  private readonly spec: FixedWindowSpec;
  private readonly timeColumn: number;
  private readonly context: OperatorContext;
  private readonly copies: number;
  private readonly output: Batch = newBatch([], emptyHeader(''));
  private readonly windowStart = timeColumn();
  private readonly windowEnd = timeColumn();
  private readonly windowTime = timeColumn();
  private selection = new Int32Array(BATCH_ROWS_MAX);
  private scratch = new Float64Array(BATCH_ROWS_MAX);

  constructor(node: WindowColumnsNode, context: OperatorContext) {
    assert(node.window.kind !== 'session', 'SESSION is planned as an aggregation');
    this.id = node.id;
    this.spec = node.window;
    this.timeColumn = node.timeColumn;
    this.context = context;
    this.copies = windowsPerRecord(node.window);
  }

  process(_input: number, batch: Batch): void {
    if (batch.selectedCount === 0) return;
    if (batch.rowCount > this.selection.length) this.grow(batch.rowCount);
    const column = batch.columns[this.timeColumn]!;
    const times = eventTimes(column, batch.rowCount, this.scratch);
    const { output } = this;
    Object.assign(output, batch);
    output.columns = [...batch.columns, this.windowStart, this.windowEnd, this.windowTime];
    for (let place = 0; place < this.copies; place += 1) {
      const count = this.fill(batch, times, place);
      if (count === 0) continue;
      output.selection = this.selection;
      output.selectedCount = count;
      this.context.output.emit(output);
    }
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

  /** Writes the window at `place` of each row's list; the number of rows that have one. */
  private fill(batch: Batch, times: Float64Array, place: number): number {
    const { selection, selectedCount } = batch;
    const nulls = batch.columns[this.timeColumn]!.nulls;
    const starts = this.windowStart.values;
    const ends = this.windowEnd.values;
    const windowTimes = this.windowTime.values;
    let slice: WindowSlice = EMPTY_SLICE;
    let count = 0;
    for (let at = 0; at < selectedCount; at += 1) {
      const row = selection === null ? at : selection[at]!;
      if (nulls !== null && nulls[row] === 1) {
        if (place === 0) this.failNullTime(batch, row);
        continue;
      }
      const time = times[row]!;
      if (time < slice.from || time >= slice.to) slice = windowSlice(this.spec, time);
      const end = slice.ends[place];
      if (end === undefined) continue;
      starts[row] = slice.starts[place]!;
      ends[row] = end;
      windowTimes[row] = end - 1;
      this.selection[count++] = row;
    }
    return count;
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
    this.scratch = new Float64Array(rowCount);
    this.windowStart.values = new Float64Array(rowCount);
    this.windowEnd.values = new Float64Array(rowCount);
    this.windowTime.values = new Float64Array(rowCount);
  }
}

const EMPTY_SLICE: WindowSlice = { from: 0, to: 0, starts: [], ends: [] };

function timeColumn(): F64Column {
  return { kind: 'f64', values: new Float64Array(BATCH_ROWS_MAX), nulls: null };
}
