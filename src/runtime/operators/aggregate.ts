/**
 * GROUP BY without a window: one state for all of the operator's groups. 'changes' emits the new
 * state of its group after each record, 'retract' the old and the new one, 'final' every group at
 * the end of input, where a group of no keys and no records shows its row in any case. Groups and
 * accumulators are state/groups/grouped-state; this is only the order of things. Watermarks pass
 * unchanged, behind the rows of the batches before them. With a TTL, groups that no row has come to
 * for so long are forgotten without a word: state/groups/group-expiry. Where parts of a group can be
 * added up and nobody asks for it before the end, groups may be on disk: state/paging/paged-groups.
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import { resultHeader } from '../../columnar/batch.js';
import type { AggregateNode } from '../../plan/pipeline/pipeline-plan.js';
import { isPageable } from '../../plan/pipeline/pageable.js';
import { FREEZE_GROUPS } from '../../state/groups/frozen-groups.js';
import { GroupExpiry } from '../../state/groups/group-expiry.js';
import { GroupMerger } from '../../state/groups/group-merger.js';
import { GroupedStateFactory } from '../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../state/groups/grouped-state.js';
import { PagedGroups } from '../../state/paging/paged-groups.js';
import type { ResultRows } from '../../state/result-rows.js';
import { GLOBAL_ENTRY, StateReader } from '../../state/snapshot.js';
import type { StateWriter } from '../../state/snapshot.js';
import { interruptible, spending } from '../flow.js';
import type { Work } from '../flow.js';
import type { FrozenState, Operator, OperatorContext, StateSize } from '../operator.js';
import { RowClock } from '../row-clock.js';

export class AggregateOperator implements Operator {
  readonly id: string;
  private readonly node: AggregateNode;
  private readonly context: OperatorContext;
  private readonly factory: GroupedStateFactory;
  private readonly state: GroupedState;
  private readonly merger: GroupMerger;
  private readonly results: ResultRows;
  /** The input has ended, and its groups are out: other inputs of the query may go on. */
  private given = false;
  private readonly expiry: { readonly groups: GroupExpiry; readonly clock: RowClock } | null;
  /** null: all groups are in memory. */
  private readonly paged: PagedGroups | null;

  constructor(node: AggregateNode, context: OperatorContext) {
    this.id = node.id;
    this.node = node;
    this.context = context;
    this.factory = new GroupedStateFactory({
      id: node.id,
      inputTypes: node.input.schema.map((column) => column.type),
      keys: node.keys,
      aggregates: node.aggregates,
      windowColumns: false,
      inputRetracts: node.input.mode === 'retract',
    });
    this.state = this.factory.create();
    this.merger = new GroupMerger(this.factory);
    this.results = this.factory.results(spending(context), context.errors, {
      ops: node.emission !== 'final',
    });
    const { ttl } = node;
    this.expiry =
      ttl === null
        ? null
        : {
            groups: new GroupExpiry(this.state, ttl, node.keys.length > 0),
            clock: new RowClock(ttl.time),
          };
    this.paged = this.newPaged();
  }

  private newPaged(): PagedGroups | null {
    const { factory, state, merger, context } = this;
    const { memory, flow } = context;
    if (memory === undefined || !isPageable(this.node)) return null;
    const spend = (groups: number): void => flow.spend(groups);
    return new PagedGroups({ factory, state, merger, memory, spend });
  }

  process(_input: number, batch: Batch): void {
    const { state, results } = this;
    const rows = batch.selection;
    const count = batch.selectedCount;
    if (this.node.emission === 'final') {
      state.update(batch, rows, count);
      if (this.paged?.isDue(count) === true) this.context.flow.run(this.pageOut(this.paged), null);
      return;
    }
    if (this.expiry !== null) this.updateExpiring(this.expiry, batch);
    else if (this.node.emission === 'changes') state.updateEmitChanged(batch, rows, count, results);
    else state.updateEmitRetract(batch, rows, count, results);
    results.flush();
  }

  private updateExpiring(
    { groups, clock }: { readonly groups: GroupExpiry; readonly clock: RowClock },
    batch: Batch,
  ): void {
    const mode = this.node.emission === 'changes' ? 'changed' : 'retract';
    groups.update(mode, batch, clock.timesOf(batch), this.results);
    groups.sweep(clock.nowMs, batch.selectedCount);
  }

  /**
   * Takes in groups that a sender aggregated (runtime/partial-aggregate); EMIT FINAL only. Gives
   * the rows that the groups stand for.
   */
  mergePartials(bytes: Uint8Array): number {
    assert(this.node.emission === 'final', 'merged groups say nothing of single rows');
    const reader = new StateReader(bytes);
    this.factory.tidy();
    let rows = 0;
    let groups = 0;
    while (reader.nextEntry() >= 0) {
      rows += this.merger.merge(reader, this.state);
      groups += 1;
    }
    if (this.paged?.isDue(groups) === true) {
      for (const pieces = this.paged.pageOut(); pieces.next().done !== true;);
    }
    return rows;
  }

  watermark(_input: number, watermarkMs: number): void {
    if (this.expiry?.clock.watermark(watermarkMs) === true) {
      this.expiry.groups.times.begin(watermarkMs);
      this.expiry.groups.sweep(watermarkMs, 0);
    }
    this.context.output.watermark(watermarkMs);
  }

  end(_input: number, flush: boolean): void {
    if (!flush || this.given) return;
    const isOneGroup = this.node.keys.length === 0;
    // The one group that had no record has shown no change: what changes leave is what FINAL gives.
    const isMissing = isOneGroup && this.state.liveCount === 0;
    if (this.node.emission !== 'final' && !isMissing) return;
    if (isOneGroup) this.state.ensureGlobalGroup();
    this.context.flow.run(this.emitAll(), null);
  }

  private *emitAll(): Work {
    const { state, results } = this;
    results.begin(resultHeader(this.id), false);
    const groups = this.paged?.isPaged === true ? this.paged : state;
    yield* interruptible(groups.emitPieces(results), this.context.flow);
    results.flush();
    this.given = true;
  }

  private *pageOut(paged: PagedGroups): Work {
    yield* interruptible(paged.pageOut(), this.context.flow);
  }

  /** Groups that were given at the end of the input are not needed any more: an entry says that. */
  snapshot(writer: StateWriter): void {
    if (this.given) {
      writer.beginEntry(GLOBAL_ENTRY);
      writer.endEntry();
      return;
    }
    if (this.expiry !== null) this.expiry.groups.snapshot(writer);
    else (this.paged ?? this.state).snapshot(writer);
  }

  freeze(): FrozenState | null {
    if (this.given) return null;
    if (this.state.groupCount < FREEZE_GROUPS || this.paged?.givesFiles === true) return null;
    return this.expiry === null ? this.state.freeze() : this.expiry.groups.freeze();
  }

  restore(reader: StateReader): void {
    const { place } = reader;
    if (reader.nextEntry() === GLOBAL_ENTRY) {
      this.given = true;
      return;
    }
    reader.goBackTo(place);
    if (this.expiry !== null) this.expiry.groups.restore(reader);
    else if (this.paged !== null) this.paged.restore(reader);
    else if (isPageable(this.node)) this.merger.restore(reader, this.state);
    else this.state.restore(reader);
  }

  stateSize(): StateSize {
    const times = this.expiry?.groups.times.byteSize() ?? 0;
    const bytes = this.state.byteSize() + this.factory.interner.byteSize() + times;
    const rows = this.state.liveCount;
    if (this.paged?.isPaged !== true) return { rows, bytes };
    const { entries, bytes: pagedBytes, pagesRead } = this.paged.figures();
    return { rows: rows + entries, bytes, pagedBytes, pagesRead };
  }
}
