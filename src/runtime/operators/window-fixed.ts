/**
 * TUMBLING, HOPPING and CUMULATE: brings each row to the panes of its windows. Owns the order of
 * updates, emissions and corrections, so that the way a stream is cut into batches never shows:
 * rows of one pane keep their order, EMIT CHANGES goes record by record, and before a late record
 * corrects a closed window, the windows that the watermark passed before that record are closed.
 * Which panes exist is window-panes.ts. @hot
 *
 * With w = max(the record's own watermark, the operator's), a record is added to a window when
 * w < end, corrects it when end <= w < end + lateness, and is too late for it beyond.
 */
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { WindowAggregateNode } from '../../plan/pipeline-plan.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Pane, PaneSlice } from './window-panes.js';
import { PaneStore } from './window-panes.js';
import type { WindowInput, WindowParts, Windows } from './window-parts.js';
import type { FixedWindowSpec } from './window-slices.js';

export class FixedWindows implements Windows {
  private readonly parts: WindowParts;
  private readonly emission: WindowAggregateNode['emission'];
  private readonly latenessMs: number;
  private readonly store: PaneStore;
  private readonly closed: (pane: Pane) => void;
  /** The rows of the batch at work that are not too late, with their slices. */
  private rows = new Int32Array(BATCH_ROWS_MAX);
  private rowSlices = new Int32Array(BATCH_ROWS_MAX);
  private rowCount = 0;
  private readonly slices: PaneSlice[] = [];
  /** Whether some of them are late for one of their windows. */
  private someLate = false;
  /** Rows by pane, for the bulk update. */
  private scattered = new Int32Array(BATCH_ROWS_MAX);
  private readonly panes: Pane[] = [];
  private readonly oneRow = new Int32Array(1);

  constructor(spec: FixedWindowSpec, parts: WindowParts) {
    this.parts = parts;
    this.emission = parts.node.emission;
    this.latenessMs = parts.node.late.allowedLatenessMs;
    this.store = new PaneStore(spec, parts.factory, this.latenessMs);
    this.closed = (pane) => this.emitClosed(pane);
  }

  process(batch: Batch, input: WindowInput): void {
    const { rows, count, times } = input;
    if (count === 0) return;
    if (batch.rowWatermarks === null) {
      const slice = this.store.sliceAt(times[rows === null ? 0 : rows[0]!]!);
      const onTime = this.store.reached() < slice.firstEnd;
      if (onTime && allWithin(slice.from, slice.to, times, rows, count)) {
        this.addToSlice(batch, slice, rows, count);
        return;
      }
    }
    this.assign(batch, input);
    if (this.emission !== 'final') this.addWithChanges(batch);
    else if (this.someLate && this.latenessMs > 0) this.addWithCorrections(batch);
    else this.addInBulk(batch, 0, this.rowCount);
    this.forgetBatch();
  }

  advance(watermarkMs: number): void {
    this.store.close(watermarkMs, this.closed);
    this.store.expire(watermarkMs);
  }

  reached(): number {
    return this.store.reached();
  }

  snapshot(writer: StateWriter): void {
    this.store.forEach((pane) => {
      pane.state.snapshot(writer, () => {
        writer.writeF64(pane.start);
        writer.writeF64(pane.end);
      });
    });
  }

  restoreEntry(reader: StateReader): void {
    const start = reader.readF64();
    const end = reader.readF64();
    this.store.restored(start, end).state.restoreGroup(reader);
  }

  settle(watermarkMs: number): void {
    this.store.settle(watermarkMs);
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    let rows = 0;
    let bytes = 0;
    this.store.forEach(({ state }) => {
      rows += state.groupCount;
      bytes += state.byteSize();
    });
    return { rows, bytes };
  }

  private emitClosed(pane: Pane): void {
    if (this.emission !== 'final') return;
    const { results, closingHeader } = this.parts;
    results.begin(closingHeader, false);
    results.setWindow(pane.start, pane.end);
    pane.state.emitAll(results);
  }

  /** All rows of the batch have the same windows and are late for none. */
  private addToSlice(batch: Batch, slice: PaneSlice, rows: Int32Array | null, count: number): void {
    const { panes } = slice;
    if (this.emission === 'final') {
      for (const pane of panes) pane.state.update(batch, rows, count);
    } else if (panes.length === 1) {
      this.addAndEmit(batch, panes[0]!, rows, count);
    } else {
      for (let at = 0; at < count; at += 1) {
        this.oneRow[0] = rows === null ? at : rows[at]!;
        for (const pane of panes) this.addAndEmit(batch, pane, this.oneRow, 1);
      }
    }
  }

  private addAndEmit(batch: Batch, pane: Pane, rows: Int32Array | null, count: number): void {
    const { results } = this.parts;
    results.setWindow(pane.start, pane.end);
    if (this.emission === 'snapshot') pane.state.updateEmitAll(batch, rows, count, results);
    else pane.state.updateEmitChanged(batch, rows, count, results);
  }

  /** Finds the slice of every row and leaves out the rows that are too late for all windows. */
  private assign(batch: Batch, input: WindowInput): void {
    const { times, rows, count } = input;
    const { store, latenessMs, slices } = this;
    if (count > this.rows.length) this.grow(count);
    const reached = store.reached();
    const { rowWatermarks } = batch;
    let slice = store.sliceAt(times[rows === null ? 0 : rows[0]!]!);
    let kept = 0;
    for (let at = 0; at < count; at += 1) {
      const row = rows === null ? at : rows[at]!;
      const time = times[row]!;
      if (time < slice.from || time >= slice.to) slice = store.sliceAt(time);
      const watermark = rowWatermarks === null ? reached : Math.max(rowWatermarks[row]!, reached);
      if (watermark >= slice.firstEnd) {
        if (watermark >= slice.lastEnd + latenessMs) {
          this.parts.late.reject(batch, row, time);
          continue;
        }
        this.someLate = true;
      }
      if (slice.mark < 0) {
        slice.mark = slices.length;
        slices.push(slice);
      }
      this.rows[kept] = row;
      this.rowSlices[kept] = slice.mark;
      kept += 1;
    }
    this.rowCount = kept;
  }

  private forgetBatch(): void {
    for (const slice of this.slices) slice.mark = -1;
    this.slices.length = 0;
    this.rowCount = 0;
    this.someLate = false;
  }

  /** Updates each pane once with its rows among [from, to), in their order. Emits nothing. */
  private addInBulk(batch: Batch, from: number, to: number): void {
    if (from === to) return;
    this.countRows(from, to);
    const { scattered, rows, rowSlices, slices } = this;
    for (let at = from; at < to; at += 1) {
      const row = rows[at]!;
      const { panes } = slices[rowSlices[at]!]!;
      for (let each = 0; each < panes.length; each += 1) {
        const pane = panes[each]!;
        if (this.someLate && this.isTooLate(batch, row, pane)) continue;
        scattered[pane.cursor] = row;
        pane.cursor += 1;
      }
    }
    let start = 0;
    for (const pane of this.panes) {
      const count = pane.cursor - start;
      if (count > 0) pane.state.update(batch, scattered.subarray(start, pane.cursor), count);
      start += pane.rowCount;
      pane.rowCount = 0;
    }
    this.panes.length = 0;
  }

  /** Lists the panes of the rows and gives each its place in `scattered`. */
  private countRows(from: number, to: number): void {
    const { slices, rowSlices, panes } = this;
    for (let at = from; at < to; at += 1) slices[rowSlices[at]!]!.rowCount += 1;
    for (const slice of slices) {
      if (slice.rowCount === 0) continue;
      for (const pane of slice.panes) {
        if (pane.rowCount === 0) panes.push(pane);
        pane.rowCount += slice.rowCount;
      }
      slice.rowCount = 0;
    }
    let start = 0;
    for (const pane of panes) {
      pane.cursor = start;
      start += pane.rowCount;
    }
    if (start > this.scattered.length) this.scattered = new Int32Array(start * 2);
  }

  /** EMIT FINAL with lateness: closed windows are corrected record by record. */
  private addWithCorrections(batch: Batch): void {
    let from = 0;
    for (let at = 0; at < this.rowCount; at += 1) {
      const row = this.rows[at]!;
      const slice = this.slices[this.rowSlices[at]!]!;
      const watermark = this.watermarkOf(batch, row);
      if (watermark < slice.firstEnd) continue;
      this.addInBulk(batch, from, at);
      from = at + 1;
      this.store.close(Math.min(batch.header.watermarkOthers, watermark), this.closed);
      this.addOrCorrect(batch, row, slice);
    }
    this.addInBulk(batch, from, this.rowCount);
  }

  private addOrCorrect(batch: Batch, row: number, slice: PaneSlice): void {
    const { results } = this.parts;
    this.oneRow[0] = row;
    for (const pane of slice.panes) {
      if (this.isTooLate(batch, row, pane)) continue;
      if (pane.end > this.store.reached()) {
        pane.state.update(batch, this.oneRow, 1);
        continue;
      }
      results.setWindow(pane.start, pane.end);
      pane.state.updateEmitChanged(batch, this.oneRow, 1, results);
    }
  }

  /**
   * EMIT CHANGES: record by record, in runs of records that have the same window. A record that was
   * kept is in time for the last of its windows, so for the only one there is.
   */
  private addWithChanges(batch: Batch): void {
    const { rows, rowSlices, slices, rowCount } = this;
    let at = 0;
    while (at < rowCount) {
      const mark = rowSlices[at]!;
      const { panes } = slices[mark]!;
      if (panes.length !== 1) {
        this.oneRow[0] = rows[at]!;
        for (const pane of panes) {
          if (this.isTooLate(batch, rows[at]!, pane)) continue;
          this.addAndEmit(batch, pane, this.oneRow, 1);
        }
        at += 1;
        continue;
      }
      const from = at;
      while (at < rowCount && rowSlices[at] === mark) at += 1;
      this.addAndEmit(batch, panes[0]!, rows.subarray(from, at), at - from);
    }
  }

  private watermarkOf(batch: Batch, row: number): number {
    const reached = this.store.reached();
    const { rowWatermarks } = batch;
    return rowWatermarks === null ? reached : Math.max(rowWatermarks[row]!, reached);
  }

  private isTooLate(batch: Batch, row: number, pane: Pane): boolean {
    return this.watermarkOf(batch, row) >= pane.end + this.latenessMs;
  }

  private grow(count: number): void {
    this.rows = new Int32Array(count);
    this.rowSlices = new Int32Array(count);
  }
}

function allWithin(
  from: number,
  to: number,
  times: Float64Array,
  rows: Int32Array | null,
  count: number,
): boolean {
  if (rows === null) {
    for (let row = 0; row < count; row += 1) {
      const time = times[row]!;
      if (time < from || time >= to) return false;
    }
    return true;
  }
  for (let at = 0; at < count; at += 1) {
    const time = times[rows[at]!]!;
    if (time < from || time >= to) return false;
  }
  return true;
}
