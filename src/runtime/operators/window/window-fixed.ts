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
import { assert } from '../../../base/assert.js';
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { WindowAggregateNode } from '../../../plan/pipeline/pipeline-plan.js';
import type { FrozenState } from '../../operator.js';
import { FREEZE_GROUPS } from '../../../state/groups/frozen-groups.js';
import { GroupMerger } from '../../../state/groups/group-merger.js';
import type { RowOfBatch } from '../../../state/groups/grouped-state.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import { interruptible } from '../../flow.js';
import type { HeldBatch, Work } from '../../flow.js';
import type { Pane, PaneSlice } from './window-panes.js';
import { PaneStore } from './window-panes.js';
import { WindowAssignment } from './window-assignment.js';
import { rowNumbers } from './window-parts.js';
import type { WindowInput, WindowParts, Windows } from './window-parts.js';
import { shareOfRows, windowsPerRecord } from './window-slices.js';
import type { FixedWindowSpec } from './window-slices.js';

/** Rows times windows that are worked on at once. */
const UPDATES_AT_ONCE = 65_536;
/** Updates of windows that count as one row put out. */
const UPDATES_PER_ROW = 4;
/** Rows that the snapshots of several records come to at most. */
const SNAPSHOT_ROWS = 262_144;

export class FixedWindows implements Windows {
  private readonly spec: FixedWindowSpec;
  private readonly parts: WindowParts;
  private readonly emission: WindowAggregateNode['emission'];
  private readonly latenessMs: number;
  private readonly store: PaneStore;
  private readonly merger: GroupMerger;
  /** Rows that are brought to their windows at once. */
  private readonly rowsAtOnce: number;
  /** Rows that come are answered when their windows close, and by nothing before or behind that. */
  private readonly answersLater: boolean;
  /** Windows that one row is in at most. */
  private readonly windows: number;
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
    this.answersLater = this.emission === 'final' && this.latenessMs === 0;
    this.store = new PaneStore(spec, parts.factory, this.latenessMs);
    this.merger = new GroupMerger(parts.factory);
    this.isTumbling = spec.kind === 'tumbling';
    this.assignment = new WindowAssignment(spec, this.store, parts.late, this.latenessMs);
    this.windows = windowsPerRecord(spec);
    this.rowsAtOnce = Math.max(1, Math.floor(UPDATES_AT_ONCE / this.windows));
  }

  takeIn(batch: Batch, input: WindowInput): boolean {
    if (!this.answersLater || input.count > this.rowsAtOnce) return false;
    const { assignment } = this;
    assignment.span(input);
    const slice = this.sliceOfAll(batch);
    if (slice !== null) {
      for (const pane of slice.panes) pane.state.update(batch, input.rows, input.count);
      return true;
    }
    assignment.assign(batch, input);
    this.addInBulk(batch, 0, assignment.rowCount);
    assignment.clear();
    return true;
  }

  /** The slice that all spanned rows are in, where none of them is late for any of its windows. */
  private sliceOfAll(batch: Batch): PaneSlice | null {
    if (batch.rowWatermarks !== null) return null;
    const { assignment, store } = this;
    const slice = store.sliceAt(assignment.least);
    return store.reached() < slice.firstEnd && assignment.greatest < slice.to ? slice : null;
  }

  /** In parts of so many rows that each comes to a bounded number of windows. */
  *process(held: HeldBatch, input: WindowInput): Work {
    const { flow } = this.parts;
    const { count } = input;
    const rows = input.rows?.slice(0, count) ?? null;
    let { batch } = held;
    for (let from = 0; from < count; from += this.rowsAtOnce) {
      if (flow.suspended) yield;
      if (batch !== held.batch) {
        ({ batch } = held);
        input.rebind(batch);
      }
      const to = Math.min(count, from + this.rowsAtOnce);
      input.narrow(rows, from, to);
      yield* this.processPart(held, input);
      // What a row costs in one of its windows is less than a row that is put out.
      if (to < count) flow.spend(((to - from) * this.windows) / UPDATES_PER_ROW);
    }
  }

  private *processPart(held: HeldBatch, input: WindowInput): Work {
    const { assignment } = this;
    const { batch } = held;
    assignment.span(input);
    const slice = this.sliceOfAll(batch);
    if (slice !== null) {
      yield* this.addToSlice(held, slice, input.rows, input.count);
      return;
    }
    assignment.assign(batch, input);
    if (this.emission !== 'final') yield* this.addWithChanges(held);
    else if (assignment.someLate && this.latenessMs > 0) yield* this.addWithCorrections(held);
    else this.addInBulk(batch, 0, assignment.rowCount);
    assignment.clear();
  }

  *advance(watermarkMs: number): Work {
    yield* this.close(watermarkMs);
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

  freeze(): FrozenState[] | null {
    const frozen: FrozenState[] = [];
    if (this.stateSize().rows < FREEZE_GROUPS) return null;
    this.store.forEach((pane) => {
      frozen.push(pane.state.freeze({ before: (writer) => writePane(writer, pane) }));
    });
    return frozen;
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

  /** Visits all windows, and changes nothing. */
  each(visit: (pane: Pane) => void): void {
    this.store.forEach(visit);
  }

  /** How much of a row counts in a window, so that it counts once in all of its windows. */
  shareOf({ start, end }: Pane): number {
    return shareOfRows(this.spec, start, end);
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

  private *close(watermarkMs: number): Work {
    const { store } = this;
    const { flow, results, closingHeader } = this.parts;
    let pane = store.nextDue(watermarkMs);
    for (; pane !== null; pane = store.nextDue(watermarkMs)) {
      if (this.emission === 'final') {
        results.begin(closingHeader, false);
        results.setWindow(pane.start, pane.end);
        yield* interruptible(pane.state.emitPieces(results), flow);
      }
      store.closed(pane);
      flow.spend(1);
      if (flow.suspended) yield;
    }
    store.reach(watermarkMs);
  }

  /** All rows of the batch have the same windows and are late for none. */
  private *addToSlice(
    held: HeldBatch,
    slice: PaneSlice,
    rows: Int32Array | null,
    count: number,
  ): Work {
    const { panes } = slice;
    if (this.emission === 'final') {
      for (const pane of panes) pane.state.update(held.batch, rows, count);
    } else if (panes.length === 1) {
      yield* this.addAndEmit(held, panes[0]!, rows, count);
    } else {
      for (let at = 0; at < count; at += 1) {
        for (const pane of panes) {
          this.oneRow[0] = rows === null ? at : rows[at]!;
          yield* this.addAndEmit(held, pane, this.oneRow, 1);
        }
      }
    }
  }

  private *addAndEmit(held: HeldBatch, pane: Pane, rows: Int32Array | null, count: number): Work {
    const { results, flow } = this.parts;
    const { state } = pane;
    results.setWindow(pane.start, pane.end);
    if (this.emission !== 'snapshot') {
      state.updateEmitChanged(held.batch, rows, count, results);
      if (flow.suspended) yield;
      return;
    }
    const numbers = rows ?? rowNumbers(count);
    for (let at = 0; at < count;) {
      const inPieces = state.isWide || results.isNested;
      const some = inPieces ? 1 : Math.min(count - at, rowsOfSnapshots(state.groupCount));
      const part = numbers.subarray(at, at + some);
      if (inPieces) {
        const rowOf = (): RowOfBatch => ({ batch: held.batch, rows: part });
        yield* interruptible(state.updateEmitAllPieces(rowOf, results), flow);
      } else state.updateEmitAll(held.batch, part, some, results);
      at += some;
      if (flow.suspended) yield;
    }
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
  private *addWithCorrections(held: HeldBatch): Work {
    const { rows, rowSlices, slices, rowCount } = this.assignment;
    let from = 0;
    for (let at = 0; at < rowCount; at += 1) {
      const row = rows[at]!;
      const slice = slices[rowSlices[at]!]!;
      const watermark = this.watermarkOf(held.batch, row);
      if (watermark < slice.firstEnd) continue;
      this.addInBulk(held.batch, from, at);
      from = at + 1;
      yield* this.close(Math.min(held.batch.header.watermarkOthers, watermark));
      this.addOrCorrect(held.batch, row, slice);
    }
    this.addInBulk(held.batch, from, rowCount);
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
  private *addWithChanges(held: HeldBatch): Work {
    const { rows, rowSlices, slices, rowCount } = this.assignment;
    let at = 0;
    while (at < rowCount) {
      const mark = rowSlices[at]!;
      const { panes } = slices[mark]!;
      if (panes.length !== 1) {
        for (const pane of panes) {
          if (this.isTooLate(held.batch, rows[at]!, pane)) continue;
          this.oneRow[0] = rows[at]!;
          yield* this.addAndEmit(held, pane, this.oneRow, 1);
        }
        at += 1;
        continue;
      }
      const from = at;
      while (at < rowCount && rowSlices[at] === mark) at += 1;
      yield* this.addAndEmit(held, panes[0]!, rows.subarray(from, at), at - from);
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

/** Records whose snapshots are given at once, each of which may add a group. */
function rowsOfSnapshots(groups: number): number {
  return Math.max(1, Math.floor((Math.sqrt(groups * groups + 4 * SNAPSHOT_ROWS) - groups) / 2));
}

/** What every entry of a pane's groups starts with; restoreEntry and mergeEntry read it. */
export function writePane(writer: StateWriter, pane: Pane): void {
  writer.writeF64(pane.start);
  writer.writeF64(pane.end);
}
