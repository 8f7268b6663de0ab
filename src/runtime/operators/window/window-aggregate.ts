/**
 * GROUP BY with a window: one group per (window, key). Owns the operator's side of windows: input,
 * watermark, end of input, snapshots; the windows are window-fixed.ts (TUMBLING, HOPPING,
 * CUMULATE) and window-sessions.ts, groups and accumulators state/groups/grouped-state.ts. A window
 * without records has no row. The watermark passes on behind the rows that it closed.
 *
 * Snapshot: one global entry with the watermark, and one entry per window and group.
 */
import { assert } from '../../../base/assert.js';
import type { Batch, BatchHeader } from '../../../columnar/batch.js';
import { resultHeader } from '../../../columnar/batch.js';
import type { WindowAggregateNode } from '../../../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { ResultRows } from '../../../state/result-rows.js';
import { GLOBAL_ENTRY, StateReader } from '../../../state/snapshot.js';
import type { StateWriter } from '../../../state/snapshot.js';
import { spending } from '../../flow.js';
import type { HeldBatch, Work } from '../../flow.js';
import type { FrozenState, Operator, OperatorContext } from '../../operator.js';
import { FixedWindows } from './window-fixed.js';
import type { WindowParts, Windows } from './window-parts.js';
import { LateAccount, WindowInput } from './window-parts.js';
import { SessionWindows } from './window-sessions.js';

export class WindowAggregateOperator implements Operator {
  readonly id: string;
  private readonly node: WindowAggregateNode;
  private readonly context: OperatorContext;
  private readonly input: WindowInput;
  private readonly results: ResultRows;
  private readonly closingHeader: BatchHeader;
  private readonly factory: GroupedStateFactory;
  private readonly windows: Windows;
  private passedOn = Number.NEGATIVE_INFINITY;
  private restoredMs = Number.POSITIVE_INFINITY;
  /** Rows of merged groups that were not yet given: parts of rows. */
  private rowsMerged = 0;

  constructor(node: WindowAggregateNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.input = new WindowInput(node.timeColumn, context);
    this.factory = new GroupedStateFactory({
      id: node.id,
      inputTypes: node.input.schema.map((column) => column.type),
      keys: node.keys,
      aggregates: node.aggregates,
      windowColumns: true,
    });
    this.results = this.factory.results(spending(context), context.errors, {
      ops: node.mode !== 'append',
    });
    this.closingHeader = resultHeader(node.id);
    const late = new LateAccount(node.late, context);
    const { factory, results, closingHeader } = this;
    const { flow } = context;
    const parts: WindowParts = { node, factory, results, late, closingHeader, flow };
    this.windows =
      node.window.kind === 'session'
        ? new SessionWindows(node.window.gapMs, parts)
        : new FixedWindows(node.window, parts);
  }

  process(_input: number, batch: Batch): void {
    // A block without rows counts: its watermark may close windows, of merged groups, too.
    this.closingHeader.ingestTimeMs = batch.header.ingestTimeMs;
    if (batch.selectedCount === 0) return;
    this.input.load(batch);
    if (this.windows.takeIn(batch, this.input)) return;
    const held = { batch };
    this.context.flow.run(this.answer(held), held);
  }

  private *answer(held: HeldBatch): Work {
    yield* this.windows.process(held, this.input);
    this.results.flush();
  }

  /**
   * Takes in groups of open windows that a sender aggregated (runtime/partial-aggregate): EMIT
   * FINAL without lateness only, and never of a window that a watermark here has closed. Gives the
   * rows that the groups stand for; each row once, however many windows it is in.
   */
  mergePartials(bytes: Uint8Array): number {
    const { windows } = this;
    assert(windows instanceof FixedWindows, 'sessions are not aggregated by senders');
    const reader = new StateReader(bytes);
    this.factory.tidy();
    while (reader.nextEntry() >= 0) this.rowsMerged += windows.mergeEntry(reader);
    const rows = Math.floor(this.rowsMerged);
    this.rowsMerged -= rows;
    return rows;
  }

  /** +Infinity is the end of the input: with emit.flush = false it closes nothing. */
  watermark(_input: number, watermarkMs: number): void {
    const closes = watermarkMs !== Number.POSITIVE_INFINITY || this.node.flush;
    this.context.flow.run(this.reach(watermarkMs, closes), null);
  }

  end(_input: number, flush: boolean): void {
    if (flush && this.node.flush) this.context.flow.run(this.close(Number.POSITIVE_INFINITY), null);
  }

  private *reach(watermarkMs: number, closes: boolean): Work {
    if (closes) yield* this.close(watermarkMs);
    if (watermarkMs <= this.passedOn) return;
    this.passedOn = watermarkMs;
    this.context.output.watermark(watermarkMs);
  }

  snapshot(writer: StateWriter): void {
    writeReached(writer, this.windows.reached());
    this.windows.snapshot(writer);
  }

  freeze(): FrozenState | null {
    const windows = this.windows.freeze?.() ?? null;
    if (windows === null) return null;
    const reachedMs = this.windows.reached();
    return new FrozenWindows(reachedMs, windows);
  }

  /** May be called once per former partition; the windows go on from the least watermark. */
  restore(reader: StateReader): void {
    for (let group = reader.nextEntry(); group >= 0; group = reader.nextEntry()) {
      if (group === GLOBAL_ENTRY) this.restoredMs = Math.min(this.restoredMs, reader.readF64());
      else this.windows.restoreEntry(reader);
    }
    const noneYet = this.restoredMs === Number.POSITIVE_INFINITY;
    this.windows.settle(noneYet ? Number.NEGATIVE_INFINITY : this.restoredMs);
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return this.windows.stateSize();
  }

  private *close(watermarkMs: number): Work {
    yield* this.windows.advance(watermarkMs);
    this.results.flush();
  }
}

function writeReached(writer: StateWriter, reachedMs: number): void {
  writer.beginEntry(GLOBAL_ENTRY);
  writer.writeF64(reachedMs);
  writer.endEntry();
}

/** How far the windows had come, and then one window behind the other. */
class FrozenWindows implements FrozenState {
  private readonly reachedMs: number;
  private readonly windows: readonly FrozenState[];
  private at = -1;

  constructor(reachedMs: number, windows: readonly FrozenState[]) {
    this.reachedMs = reachedMs;
    this.windows = windows;
  }

  step(writer: StateWriter, goesOn: () => boolean): boolean {
    if (this.at < 0) {
      writeReached(writer, this.reachedMs);
      this.at = 0;
    }
    while (this.at < this.windows.length) {
      if (this.windows[this.at]?.step(writer, goesOn) !== true) this.at += 1;
      if (!goesOn()) break;
    }
    return this.at < this.windows.length;
  }
}
