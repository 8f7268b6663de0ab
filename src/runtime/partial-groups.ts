/**
 * The groups that a sender aggregates before they cross an exchange: one state for a GROUP BY
 * without a window, the panes of its windows for one with. Owns which groups exist and which of
 * them a watermark makes due; how they travel is partial-aggregate.ts. Rows are brought to their
 * groups by what the operator on the receiving side would use.
 */
import { assert } from '../base/assert.js';
import type { Batch } from '../columnar/batch.js';
import { resultHeader } from '../columnar/batch.js';
import type { AggregateNode, WindowAggregateNode } from '../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../state/groups/grouped-state.js';
import type { LateRecords, OperatorContext, OperatorCounters, RecordErrors } from './operator.js';
import { FixedWindows } from './operators/window/window-fixed.js';
import type { Pane } from './operators/window/window-panes.js';
import { LateAccount, WindowInput } from './operators/window/window-parts.js';
import { AT_ONCE } from './flow.js';

/** What partial aggregation needs of the job. */
export interface PartialParts {
  readonly errors: RecordErrors;
  readonly late: LateRecords;
  readonly counters: OperatorCounters;
}

/** Called with a state that is forgotten when the call returns; `pane` is null without windows. */
export type TakeGroups = (state: GroupedState, pane: Pane | null) => void;

export interface PartialGroups {
  /** Whether a group may keep a value per row: DISTINCT, percentiles. */
  readonly keepsValues: boolean;
  add(batch: Batch): void;
  groupCount(): number;
  /** Whether there are groups that the watermark makes final; +Infinity: whether there are any. */
  hasDue(watermarkMs: number): boolean;
  /** Gives out what is due and forgets it. */
  take(watermarkMs: number, take: TakeGroups): void;
  /** Shows all groups that are here. */
  each(visit: TakeGroups): void;
  /** How much of a row is counted in each of its windows, so that it counts once in all. */
  shareOf(pane: Pane | null): number;
}

export function newPartialGroups(
  node: AggregateNode | WindowAggregateNode,
  parts: PartialParts,
): PartialGroups {
  assert(node.emission === 'final', 'partial groups give no row until the final one');
  assert(node.input.mode === 'append', 'what was sent cannot be taken back');
  return node.kind === 'aggregate' ? new WholeGroups(node) : new WindowGroups(node, parts);
}

function factoryOf(node: AggregateNode | WindowAggregateNode): GroupedStateFactory {
  return new GroupedStateFactory({
    id: node.id,
    inputTypes: node.input.schema.map((column) => column.type),
    keys: node.keys,
    aggregates: node.aggregates,
    windowColumns: node.kind === 'window-aggregate',
  });
}

function keepsValues({ layout }: GroupedStateFactory): boolean {
  return layout.tables.length > 0 || layout.objectCount > 0;
}

/** GROUP BY without a window: due at the end only. */
class WholeGroups implements PartialGroups {
  readonly keepsValues: boolean;
  private readonly state: GroupedState;

  constructor(node: AggregateNode) {
    const factory = factoryOf(node);
    this.keepsValues = keepsValues(factory);
    this.state = factory.create();
  }

  add(batch: Batch): void {
    this.state.update(batch, batch.selection, batch.selectedCount);
  }

  groupCount(): number {
    return this.state.liveCount;
  }

  hasDue(watermarkMs: number): boolean {
    return watermarkMs === Number.POSITIVE_INFINITY && this.state.liveCount > 0;
  }

  take(watermarkMs: number, take: TakeGroups): void {
    if (!this.hasDue(watermarkMs)) return;
    take(this.state, null);
    this.state.clear();
  }

  each(visit: TakeGroups): void {
    visit(this.state, null);
  }

  shareOf(): number {
    return 1;
  }
}

/**
 * Windows that no watermark closes here: a record is late for a window by the watermark of its own
 * split alone. Another split cannot be ahead of it in the receiver's watermark, which is the least
 * of all splits.
 */
class WindowGroups implements PartialGroups {
  readonly keepsValues: boolean;
  private readonly input: WindowInput;
  private readonly windows: FixedWindows;

  constructor(node: WindowAggregateNode, parts: PartialParts) {
    const { window } = node;
    assert(window.kind !== 'session', 'sessions are not aggregated by senders');
    assert(node.late.allowedLatenessMs === 0, 'a correction needs the closed window');
    const context = contextOf(parts);
    const factory = factoryOf(node);
    this.keepsValues = keepsValues(factory);
    this.input = new WindowInput(node.timeColumn, context);
    this.windows = new FixedWindows(window, {
      node,
      factory,
      results: factory.results(context.output, context.errors),
      late: new LateAccount(node.late, context),
      closingHeader: resultHeader(node.id),
      flow: AT_ONCE,
    });
  }

  add(batch: Batch): void {
    this.input.load(batch);
    if (this.windows.takeIn(batch, this.input)) return;
    AT_ONCE.run(this.windows.process({ batch }, this.input), null);
  }

  groupCount(): number {
    return this.windows.groupCount();
  }

  hasDue(watermarkMs: number): boolean {
    return this.windows.hasDue(watermarkMs);
  }

  take(watermarkMs: number, take: TakeGroups): void {
    this.windows.take(watermarkMs, (pane) => take(pane.state, pane));
  }

  each(visit: TakeGroups): void {
    this.windows.each((pane) => visit(pane.state, pane));
  }

  shareOf(pane: Pane | null): number {
    return pane === null ? 1 : this.windows.shareOf(pane);
  }
}

/** Windows that only take in rows emit none and stop nothing. */
function contextOf({ errors, late, counters }: PartialParts): OperatorContext {
  const unused = (): void => assert(false, 'partial windows take in rows only');
  const output = { emit: unused, watermark: unused };
  return { output, errors, late, counters, flow: AT_ONCE, limitReached: unused };
}
