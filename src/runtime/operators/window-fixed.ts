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
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { WindowAggregateNode } from '../../plan/pipeline-plan.js';
import { GroupMerger } from '../../state/group-merger.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Pane, PaneSlice } from './window-panes.js';
import { PaneStore } from './window-panes.js';
import { WindowAssignment } from './window-assignment.js';
import type { WindowInput, WindowParts, Windows } from './window-parts.js';
import { shareOfRows } from './window-slices.js';
import type { FixedWindowSpec } from './window-slices.js';

export class FixedWindows implements Windows {
  private readonly spec: FixedWindowSpec;
  private readonly parts: WindowParts;
  private readonly emission: WindowAggregateNode['emission'];
  private readonly latenessMs: number;
  private readonly store: PaneStore;
  private readonly merger: GroupMerger;
  private readonly closed: (pane: Pane) => void;
  private readonly isTumbling: boolean;
  private readonly assignment: WindowAssignment;
  /** For the bulk update: rows in the order of their panes. */
  private scattered = new Int32Array(BATCH_ROWS_MAX);
  private readonly panes: Pane[] = [];
  private readonly oneRow = new Int32Array(1);

  constructor(spec: FixedWindowSpec, parts: WindowParts) {
    this.spec = spec;
    this.parts = parts;
    this.emission = parts.node.emission;
    this.latenessMs = parts.node.late.allowedLatenessMs;
    this.store = new PaneStore(spec, parts.factory, this.latenessMs);
    this.merger = new GroupMerger(parts.factory);
    this.isTumbling = spec.kind === 'tumbling';
    this.assignment = new WindowAssignment(spec, this.store, parts.late, this.latenessMs);
    this.closed = (pane) => this.emitClosed(pane);
  }

  process(batch: Batch, input: WindowInput): void {
    if (input.count === 0) return;
    const { assignment, store } = this;
    assignment.span(input);
    if (batch.rowWatermarks === null) {
      const slice = store.sliceAt(assignment.least);
      if (store.reached() < slice.firstEnd && assignment.greatest < slice.to) {
        this.addToSlice(batch, slice, input.rows, input.count);
        return;
      }
    }
    assignment.assign(batch, input);
    if (this.emission !== 'final') this.addWithChanges(batch);
    else if (assignment.someLate && this.latenessMs > 0) this.addWithCorrections(batch);
    else this.addInBulk(batch, 0, assignment.rowCount);
    assignment.clear();
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
      pane.state.snapshot(writer, () => writePane(writer, pane));
    });
  }

  restoreEntry(reader: StateReader): void {
    const start = reader.readF64();
    const end = reader.readF64();
    this.store.restored(start, end).state.restoreGroup(reader);
  }

  /**
   * Adds the group of one entry to its window, which must be open; gives the group's rows, so that
   * over all windows of a row they add up to one.
   */
  mergeEntry(reader: StateReader): number {
    assert(this.emission === 'final' && this.latenessMs === 0, 'a window takes in groups whole');
    const start = reader.readF64();
    const end = reader.readF64();
    assert(end > this.store.reached(), 'senders ship a window before its watermark arrives');
    const rows = this.merger.merge(reader, this.store.open(start, end).state);
    return rows * shareOfRows(this.spec, start, end);
  }

  /** Whether a window with rows ends at or before the watermark. */
  hasDue(watermarkMs: number): boolean {
    return this.store.hasDue(watermarkMs);
  }

  /**
   * Visits the windows that end at or before the watermark and forgets them. They are not closed:
   * rows may come for them again.
   */
  take(watermarkMs: number, visit: (pane: Pane) => void): void {
    this.store.take(watermarkMs, visit);
  }

  /** Groups of all windows. */
  groupCount(): number {
    let count = 0;
    this.store.forEach((pane) => {
      count += pane.state.liveCount;
    });
    return count;
  }

  settle(watermarkMs: number): void {
    this.store.settle(watermarkMs);
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    let rows = 0;
    let bytes = 0;
    this.store.forEach(({ state }) => {
      rows += state.liveCount;
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

  /** Updates each pane once with its rows among [from, to), in their order. Emits nothing. */
  private addInBulk(batch: Batch, from: number, to: number): void {
    if (from === to) return;
    if (to - from < this.assignment.rowCount) this.countRows(from, to);
    if (this.isTumbling) this.addBySlice(batch, from, to);
    else this.addByPane(batch, from, to);
  }

  /** Counts again, for a part of the batch. */
  private countRows(from: number, to: number): void {
    const { rowSlices, slices, counts } = this.assignment;
    counts.fill(0, 0, slices.length);
    for (let at = from; at < to; at += 1) {
      const mark = rowSlices[at]!;
      counts[mark] = counts[mark]! + 1;
    }
  }

  /** TUMBLING: a slice is a window, and a row that was kept is in time for it. */
  private addBySlice(batch: Batch, from: number, to: number): void {
    const { rows, rowSlices, slices, counts } = this.assignment;
    if (to - from > this.scattered.length) this.scattered = new Int32Array(rows.length);
    const { scattered } = this;
    let start = 0;
    for (let mark = 0; mark < slices.length; mark += 1) {
      const count = counts[mark]!;
      counts[mark] = start;
      start += count;
    }
    for (let at = from; at < to; at += 1) {
      const mark = rowSlices[at]!;
      const place = counts[mark]!;
      counts[mark] = place + 1;
      scattered[place] = rows[at]!;
    }
    start = 0;
    for (let mark = 0; mark < slices.length; mark += 1) {
      const end = counts[mark]!;
      if (end === start) continue;
      slices[mark]!.panes[0]!.state.update(batch, scattered.subarray(start, end), end - start);
      start = end;
    }
  }

  private addByPane(batch: Batch, from: number, to: number): void {
    const { rows, rowSlices, slices, someLate } = this.assignment;
    this.placePanes();
    const { scattered } = this;
    for (let at = from; at < to; at += 1) {
      const { panes } = slices[rowSlices[at]!]!;
      for (let each = 0; each < panes.length; each += 1) {
        const pane = panes[each]!;
        if (someLate && this.isTooLate(batch, rows[at]!, pane)) continue;
        scattered[pane.cursor] = rows[at]!;
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

  /** Lists the panes of the counted rows and gives each its place in `scattered`. */
  private placePanes(): void {
    const { slices, counts } = this.assignment;
    const { panes } = this;
    for (let mark = 0; mark < slices.length; mark += 1) {
      const count = counts[mark]!;
      if (count === 0) continue;
      for (const pane of slices[mark]!.panes) {
        if (pane.rowCount === 0) panes.push(pane);
        pane.rowCount += count;
      }
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
    const { rows, rowSlices, slices, rowCount } = this.assignment;
    let from = 0;
    for (let at = 0; at < rowCount; at += 1) {
      const row = rows[at]!;
      const slice = slices[rowSlices[at]!]!;
      const watermark = this.watermarkOf(batch, row);
      if (watermark < slice.firstEnd) continue;
      this.addInBulk(batch, from, at);
      from = at + 1;
      this.store.close(Math.min(batch.header.watermarkOthers, watermark), this.closed);
      this.addOrCorrect(batch, row, slice);
    }
    this.addInBulk(batch, from, rowCount);
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
    const { rows, rowSlices, slices, rowCount } = this.assignment;
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
}

/** What every entry of a pane's groups starts with; restoreEntry and mergeEntry read it. */
export function writePane(writer: StateWriter, pane: Pane): void {
  writer.writeF64(pane.start);
  writer.writeF64(pane.end);
}
