/**
 * Any aggregate of OVER over any frame: the frame's rows go through a group of GROUP BY, one group
 * per row at work. Owns that detour, for calls that cannot slide: O(frame) a row, without state of
 * its own. @hot
 */
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../../columnar/batch.js';
import { columnValue } from '../../../columnar/column.js';
import type { SqlType } from '../../../columnar/types.js';
import type { FrameSpec } from '../../../plan/window-spec.js';
import { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import type { ResultRows } from '../../../state/result-rows.js';
import type { OverEvaluator, OverResults, OverRows, PlannedCall } from './over-calls.js';
import type { OverHistory } from './over-history.js';

export class OverFrames implements OverEvaluator {
  private readonly history: OverHistory;
  private readonly sets: readonly FrameSet[];

  /** `columnOf` gives the place of an input column in the history. */
  constructor(
    history: OverHistory,
    types: readonly SqlType[],
    calls: readonly PlannedCall[],
    columnOf: (column: number) => number,
  ) {
    this.history = history;
    const frames = new Map<string, PlannedCall[]>();
    for (const each of calls) {
      const { unit, preceding, following } = each.frame;
      const key = `${unit} ${preceding} ${following}`;
      frames.set(key, [...(frames.get(key) ?? []), each]);
    }
    this.sets = [...frames.values()].map((set) => new FrameSet(history, types, set, columnOf));
  }

  ensureSlots(): void {
    // Frames have no state but the history.
  }

  prepare(): void {
    // The history has the rows.
  }

  evaluate(rows: OverRows, results: OverResults): void {
    for (const set of this.sets) set.evaluate(rows, results);
  }

  reach(slot: number): number {
    let least = Infinity;
    for (const { frame } of this.sets) least = Math.min(least, this.history.reach(frame, slot));
    return least;
  }

  writeSlot(): void {
    // Frames have no state but the history.
  }

  readSlot(): void {
    // Frames have no state but the history.
  }

  byteSize(): number {
    return 0;
  }
}

/** The calls of one frame. */
class FrameSet {
  readonly frame: FrameSpec;
  private readonly history: OverHistory;
  private readonly calls: readonly PlannedCall[];
  private readonly state: GroupedState;
  private readonly output: ResultRows;
  private readonly batch: Batch = newBatch([], emptyHeader(''));
  private readonly ids = new Int32Array(BATCH_ROWS_MAX);
  private readonly groups = new Int32Array(BATCH_ROWS_MAX);
  private count = 0;
  /** Rows at work: the first one of the state, and the one whose result is being made. */
  private first = 0;
  private current = 0;
  private results: OverResults | null = null;

  constructor(
    history: OverHistory,
    types: readonly SqlType[],
    calls: readonly PlannedCall[],
    columnOf: (column: number) => number,
  ) {
    this.history = history;
    this.calls = calls;
    this.frame = calls[0]!.frame;
    const factory = new GroupedStateFactory({
      id: 'over-frames',
      inputTypes: types,
      keys: [],
      aggregates: calls.map(({ call }) => ({
        ...call,
        args: call.args.map(columnOf),
        filter: call.filter === null ? null : columnOf(call.filter),
        orderBy: call.orderBy.map((key) => ({ ...key, column: columnOf(key.column) })),
      })),
      windowColumns: false,
    });
    this.state = factory.create();
    const fail = (message: string): void => this.results?.fail(this.current, message);
    this.output = factory.results(
      { emit: (batch) => this.take(batch) },
      { recordFailed: (_header, _row, { message }) => fail(message) },
    );
  }

  evaluate({ count, slots, places }: OverRows, results: OverResults): void {
    this.results = results;
    const { history } = this;
    this.first = 0;
    for (let k = 0; k < count; k += 1) {
      const slot = slots[k]!;
      const group = this.state.addSlot(this.batch, 0);
      if (history.isScattered(this.frame, slot)) {
        for (const id of history.scattered(this.frame, slot, places[k]!)) this.add(id, group);
      } else {
        history.frame(this.frame, slot, places[k]!);
        const { from, to } = history;
        for (let place = from; place < to; place += 1) this.add(history.id(slot, place), group);
      }
      if (group + 1 === BATCH_ROWS_MAX) this.finish(k + 1);
    }
    this.finish(count);
    this.results = null;
  }

  private add(id: number, group: number): void {
    this.ids[this.count] = id;
    this.groups[this.count] = group;
    this.count += 1;
    if (this.count === BATCH_ROWS_MAX) this.feed();
  }

  private feed(): void {
    const { batch, count } = this;
    if (count === 0) return;
    this.count = 0;
    batch.columns.length = 0;
    this.history.store.gather(this.ids, count, batch.columns);
    batch.rowCount = count;
    batch.selectedCount = count;
    this.state.updateSlots(batch, null, this.groups, count);
  }

  /** Makes the results of the rows up to `end`. */
  private finish(end: number): void {
    this.feed();
    for (let k = this.first; k < end; k += 1) {
      this.current = k;
      this.state.emitGroup(k - this.first, this.output);
    }
    this.output.flush();
    this.state.clear();
    this.first = end;
  }

  /** Results of the groups in order: BATCH_ROWS_MAX at most, so in one batch. */
  private take(batch: Batch): void {
    this.calls.forEach(({ at, call }, index) => {
      const column = batch.columns[index]!;
      for (let k = 0; k < batch.selectedCount; k += 1) {
        const row = batch.selection === null ? k : batch.selection[k]!;
        this.results?.set(at, this.first + row, columnValue(column, call.type, row));
      }
    });
  }
}
