/**
 * Aggregation on the sending side of an exchange: takes the rows of an edge, keeps their groups and
 * ships these instead of the rows, as snapshot entries that AggregateOperator and
 * WindowAggregateOperator merge. Only for EMIT FINAL of aggregates whose merge is exact whatever
 * the order, which the planner decides. Owns when and in which form groups leave, and whether that
 * pays; the groups are partial-groups.ts.
 *
 *   rows ──emit──▶ groups ──ship──▶ bytes of each partition ──exchange──▶ mergePartials
 *
 * Protocol: a receiver sees a watermark only after every sender has shipped what it makes due.
 */
import type { Batch } from '../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../columnar/batch.js';
import type { AggregateNode, WindowAggregateNode } from '../plan/pipeline/pipeline-plan.js';
import type { GroupedState } from '../state/groups/grouped-state.js';
import { KEY_GROUPS } from '../state/key-groups.js';
import { StateWriter } from '../state/snapshot.js';
import type { Output } from './operator-output.js';
import { writePane } from './operators/window/window-fixed.js';
import { windowsPerRecord } from './operators/window/window-slices.js';
import type { Pane } from './operators/window/window-panes.js';
import { newPartialGroups } from './partial-groups.js';
import type { PartialGroups, PartialParts } from './partial-groups.js';

export type { PartialParts } from './partial-groups.js';

/** Groups that the table may hold, and rows where groups may keep a value per row. */
const GROUPS_MAX = 1 << 16;
const ROWS_KEPT_MAX = 1 << 18;
/** Fewer rows say nothing about how far a stream reduces. */
const ROWS_JUDGED_MIN = 1 << 16;
/** Rows per group below which rows are exchanged instead. */
const REDUCTION_MIN = 2;
/** A group that keeps values weighs one more per so many bytes above the first few. */
const GROUP_BYTES_PLAIN = 256;
const VALUE_BYTES = 16;
/** Rows exchanged before groups are tried again. */
const ROWS_BYPASSED = 1 << 20;

/** Takes the bytes of one partition, a view that is valid during the call. */
export type PartialSink = (partition: number, bytes: Uint8Array) => void;

/** Windows of one record beyond which rows are exchanged: each would be a group of its own. */
const WINDOWS_MAX = 32;

/** Whether senders should form groups of these windows at all. */
export function formingPays(node: AggregateNode | WindowAggregateNode): boolean {
  const { kind } = node;
  if (kind === 'aggregate' || node.window.kind === 'session') return true;
  return windowsPerRecord(node.window) <= WINDOWS_MAX;
}

export class PartialAggregate implements Output {
  private readonly groups: PartialGroups;
  private readonly partitionOf: (keyGroup: number) => number;
  private readonly writers: readonly StateWriter[];
  private bypassed = false;
  private rowsBypassed = 0;
  /** Rows taken since the groups were all shipped. */
  private rowsKept = 0;
  /** Since the last judgement: rows taken, weight of groups shipped, groups there then. */
  private rows = 0;
  private shipped = 0;
  private groupsBefore = 0;
  /** Rows of the groups that were shipped, by key group, or all of them where there is one partition. */
  private readonly rowsShipped: Float64Array;

  constructor(
    node: AggregateNode | WindowAggregateNode,
    parts: PartialParts,
    partitionOf: (keyGroup: number) => number,
    partitions: number,
  ) {
    this.groups = newPartialGroups(node, parts);
    this.partitionOf = partitionOf;
    this.writers = Array.from({ length: partitions }, () => new StateWriter());
    this.rowsShipped = new Float64Array(partitions === 1 ? 1 : KEY_GROUPS);
  }

  /** Takes rows. The batch may be reused after return. */
  emit(batch: Batch): void {
    if (batch.selectedCount === 0) return;
    this.rows += batch.selectedCount;
    this.rowsKept += batch.selectedCount;
    this.groups.add(batch);
  }

  watermark(): void {
    // Watermarks reach the receivers by the exchange, which asks `due` first.
  }

  /**
   * Whether to ship before a watermark of `watermarkMs` is announced (a window that it closes has
   * groups here), or because the next batch may not find room in the table.
   */
  due(watermarkMs: number): boolean {
    return this.isFull() || this.groups.hasDue(watermarkMs);
  }

  /**
   * Serialises what is due, everything when `all` or when the table is full, and forgets it. Calls
   * `sink` once per partition that has any, or oftener: whenever `bytesMax` are written.
   */
  ship(
    watermarkMs: number,
    all: boolean,
    sink: PartialSink,
    bytesMax = Number.POSITIVE_INFINITY,
  ): void {
    const { groups, writers } = this;
    const until = all || this.isFull() ? Number.POSITIVE_INFINITY : watermarkMs;
    if (until === Number.POSITIVE_INFINITY) this.rowsKept = 0;
    groups.take(until, (state, pane) => this.write(state, pane, sink, bytesMax));
    writers.forEach((writer, partition) => drain(writer, partition, sink));
    if (this.rows >= ROWS_JUDGED_MIN) this.judge();
  }

  /**
   * Sets `rows` to the rows that stand in groups of each key group, of all in `rows[0]` where there is
   * one partition, shipped ones included: each row once in all, in parts where its windows overlap.
   * O(groups).
   */
  countRows(rows: Float64Array): void {
    rows.set(this.rowsShipped);
    this.groups.each((state, pane) => this.addRows(rows, state, pane));
  }

  private addRows(rows: Float64Array, state: GroupedState, pane: Pane | null): void {
    const share = this.groups.shareOf(pane);
    if (share === 0) return;
    for (let slot = 0; slot < state.groupCount; slot += 1) {
      const keyGroup = rows.length === 1 ? 0 : state.keyGroup(slot);
      rows[keyGroup] = (rows[keyGroup] ?? 0) + state.rowsOf(slot) * share;
    }
  }

  /**
   * Whether rows should rather be exchanged, because a group stands for less than two of them. The
   * groups that are here stay due.
   */
  get bypass(): boolean {
    return this.bypassed;
  }

  /** So many rows were exchanged under `bypass`: after a million the stream is tried again. */
  exchanged(rows: number): void {
    this.rowsBypassed += rows;
    if (this.rowsBypassed >= ROWS_BYPASSED) this.bypassed = false;
  }

  /** A batch may add a group per row, and a table beyond 64 K groups is slower. */
  private isFull(): boolean {
    if (this.groups.keepsValues && this.rowsKept >= ROWS_KEPT_MAX) return true;
    return this.groups.groupCount() > GROUPS_MAX - BATCH_ROWS_MAX;
  }

  private judge(): void {
    const left = this.groups.groupCount();
    const made = this.shipped + left - this.groupsBefore;
    this.bypassed = this.rows < made * REDUCTION_MIN;
    this.rowsBypassed = 0;
    this.rows = 0;
    this.shipped = 0;
    this.groupsBefore = left;
  }

  private write(state: GroupedState, pane: Pane | null, sink: PartialSink, bytesMax: number): void {
    const { keepsValues } = this.groups;
    const { groupCount } = state;
    this.addRows(this.rowsShipped, state, pane);
    for (let slot = 0; slot < groupCount; slot += 1) {
      const keyGroup = state.keyGroup(slot);
      const partition = this.partitionOf(keyGroup);
      const writer = this.writers[partition] as StateWriter;
      const before = writer.byteCount;
      writer.beginEntry(keyGroup);
      if (pane !== null) writePane(writer, pane);
      state.writeGroup(writer, slot);
      writer.endEntry();
      this.shipped += keepsValues ? valueWeight(writer.byteCount - before) : 1;
      if (writer.byteCount >= bytesMax) drain(writer, partition, sink);
    }
  }
}

/** What shipping a group with its values costs, in groups without any. */
function valueWeight(bytes: number): number {
  return 1 + Math.max(0, bytes - GROUP_BYTES_PLAIN) / VALUE_BYTES;
}

function drain(writer: StateWriter, partition: number, sink: PartialSink): void {
  if (writer.byteCount === 0) return;
  sink(partition, writer.written());
  writer.clear();
}
