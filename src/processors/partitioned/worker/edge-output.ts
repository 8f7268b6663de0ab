/**
 * The sending side of one edge in one worker: takes the rows of a source fragment and brings them
 * to their partitions, through the exchange or, with one worker, directly. Owns the choice between
 * rows and partial groups; routes and bytes are hash-router.ts and wire.ts. @hot
 */
import type { Batch } from '../../../columnar/batch.js';
import type { PartitionCells } from '../../../metrics/partition-metrics.js';
import { PartitionCounter, WorkerCounter } from '../../../metrics/partition-metrics.js';
import type { ExchangeEdge } from '../../../plan/fragments/fragment-plan.js';
import type { LateRecords, OperatorCounters, RecordErrors } from '../../../runtime/operator.js';
import type { Output } from '../../../runtime/operator-output.js';
import { PartialAggregate, formingPays } from '../../../runtime/partial-aggregate.js';
import type { ExchangeSender, RowsRoute, TurnFacts } from '../exchange/exchange.js';
import { HashRouter, RouteBuffer, routeAll } from '../routing/hash-router.js';
import type { RoutedRows } from '../routing/hash-router.js';
import { PartialBundle } from '../exchange/partial-bundle.js';
import type { KeyGroupLoad } from '../routing/key-group-load.js';
import type { KeyGroupOwners } from '../routing/key-group-owners.js';
import { KEY_GROUPS } from '../../../state/key-groups.js';
import type { PartitionHost } from './partition-host.js';
import { BatchWriter } from '../wire/wire.js';
import type { QueryTime } from './worker-time.js';

export interface EdgeOutputParts {
  readonly edge: ExchangeEdge;
  /** 1 for an edge into a fragment that is not parallel. */
  readonly partitions: number;
  readonly owners: KeyGroupOwners;
  /** The same, where they are not equal ranges; else null. */
  readonly moved: KeyGroupOwners | null;
  /** null: nobody wants to know which key groups the rows have. */
  readonly load: KeyGroupLoad | null;
  /** null: one worker, whose host takes the rows directly. */
  readonly sender: ExchangeSender | null;
  readonly host: PartitionHost;
  readonly withRaw: boolean;
  readonly errors: RecordErrors;
  readonly late: LateRecords;
  readonly counters: OperatorCounters;
  readonly worker: number;
  readonly cells: PartitionCells;
  readonly time: QueryTime;
}

export class EdgeOutput implements Output, RowsRoute {
  private readonly parts: EdgeOutputParts;
  private readonly router: HashRouter | null;
  private readonly whole: RouteBuffer;
  private readonly writer: BatchWriter;
  private readonly partial: PartialAggregate | null;
  private readonly bundle = new PartialBundle();
  private turn: TurnFacts | null = null;
  /** Partition of rows that are routed by split or turn. */
  private partition = 0;
  /** Partial groups of windows that end no later are shipped. */
  private flushedMs = Number.NEGATIVE_INFINITY;
  /** Late records of the query here when the turn began. */
  private lateBefore = 0;
  /** Rows in groups by key group, as counted last and before that; of all where there is one partition. */
  private rowsFormed: Float64Array;
  private formedBefore: Float64Array;

  constructor(parts: EdgeOutputParts) {
    this.parts = parts;
    const { edge, partitions, load } = parts;
    const types = edge.schema.map((column) => column.type);
    const { routing } = edge;
    this.router =
      routing.kind === 'hash' && partitions > 1
        ? new HashRouter({ keys: routing.keys, types, partitions, owners: parts.moved, load })
        : null;
    this.whole = new RouteBuffer(partitions);
    this.rowsFormed = new Float64Array(partitions === 1 ? 1 : KEY_GROUPS);
    this.formedBefore = this.rowsFormed.slice();
    this.writer = new BatchWriter({ types, withRaw: parts.withRaw });
    // One partition in this very thread: what the partial groups would save is not there.
    const isOne = parts.sender === null && partitions === 1;
    const pays = edge.partial !== null && !isOne && formingPays(edge.partial);
    this.partial = pays && edge.partial !== null ? this.newPartial(edge.partial) : null;
  }

  private newPartial(node: NonNullable<ExchangeEdge['partial']>): PartialAggregate {
    const { errors, late, counters, partitions, owners } = this.parts;
    const partitionOf = (keyGroup: number): number => (partitions === 1 ? 0 : owners[keyGroup]!);
    return new PartialAggregate(node, { errors, late, counters }, partitionOf, partitions);
  }

  /** Whether rows of the turn are formed into groups here, and not sent. */
  get forms(): boolean {
    return this.partial !== null && !this.partial.bypass;
  }

  /** Tells main how many rows stand in groups for each partition. O(groups). */
  countFormed(): void {
    if (this.partial === null) return;
    const { rowsFormed, formedBefore } = this;
    const { cells, worker, partitions, owners, load } = this.parts;
    this.partial.countRows(formedBefore);
    if (partitions > 1) load?.formed(rowsFormed, formedBefore);
    this.rowsFormed = formedBefore;
    this.formedBefore = rowsFormed;
    const sums = new Float64Array(partitions);
    this.rowsFormed.forEach((rows, keyGroup) => {
      sums[partitions === 1 ? 0 : owners[keyGroup]!]! += rows;
    });
    for (let partition = 0; partition < partitions; partition += 1) {
      cells.set(worker, partition, PartitionCounter.rowsFormed, sums[partition]!);
    }
  }

  get index(): number {
    return this.parts.edge.index;
  }

  begin(turn: TurnFacts, split: number): void {
    this.turn = turn;
    this.lateBefore = this.parts.counters.late;
    const { kind } = this.parts.edge.routing;
    if (kind === 'split') this.partition = split % this.parts.partitions;
    if (kind === 'turn') this.partition = turn.seq % this.parts.partitions;
  }

  emit(batch: Batch): void {
    const turn = this.turn!;
    if (batch.header.watermarkAfter > turn.watermarkMs) {
      turn.watermarkMs = batch.header.watermarkAfter;
    }
    if (batch.selectedCount === 0) return;
    const { partial } = this;
    if (partial !== null) {
      if (!partial.bypass) {
        if (this.someLate(batch)) this.countLate(batch, this.route(batch));
        partial.emit(batch);
        if (partial.due(Number.NEGATIVE_INFINITY)) this.ship(Number.NEGATIVE_INFINITY, false);
        return;
      }
      partial.exchanged(batch.selectedCount);
    }
    this.send(turn, batch);
  }

  watermark(): void {
    // Receivers reckon the watermark of the edge in sequence, from the lanes' own.
  }

  /** Whether receivers wait for this edge to ship what a watermark makes due. */
  owes(watermarkMs: number): boolean {
    return this.partial !== null && watermarkMs > this.flushedMs;
  }

  /**
   * Ships what a watermark makes due, before it is announced; gives the watermark up to which no
   * partial group is left here.
   */
  flush(watermarkMs: number, all: boolean): number {
    if (this.partial === null) return Number.POSITIVE_INFINITY;
    if (all || this.partial.due(watermarkMs)) this.ship(watermarkMs, all);
    if (watermarkMs > this.flushedMs) this.flushedMs = watermarkMs;
    return this.flushedMs;
  }

  private send(turn: TurnFacts, batch: Batch): void {
    const { sender, host, edge, partitions, time } = this.parts;
    if (sender !== null) {
      const before = time.enter(WorkerCounter.exchangeUs);
      sender.rows(turn, edge.index, this.writer, batch, this);
      time.back(before);
      return;
    }
    host.readNs = turn.readNs;
    if (partitions === 1) {
      this.sent(batch, routeAll(batch, 0, 1, this.whole));
      host.wholeBatch(edge.index, batch);
      return;
    }
    const before = time.enter(WorkerCounter.exchangeUs);
    const routed = this.route(batch);
    this.sent(batch, routed);
    time.back(before);
    const { rows, starts } = routed;
    host.rows(edge.index, batch, (partition) =>
      rows.subarray(starts[partition]!, starts[partition + 1]!),
    );
  }

  route(batch: Batch): RoutedRows {
    return this.router === null
      ? routeAll(batch, this.partition, this.parts.partitions, this.whole)
      : this.router.route(batch);
  }

  /** Counts what each partition is sent, and how much of it is late. */
  sent(batch: Batch, routed: RoutedRows): void {
    const { cells, worker, partitions } = this.parts;
    const { starts } = routed;
    for (let partition = 0; partition < partitions; partition += 1) {
      const count = starts[partition + 1]! - starts[partition]!;
      if (count > 0) cells.add(worker, partition, PartitionCounter.rowsEnqueued, count);
    }
    if (this.someLate(batch)) this.countLate(batch, routed);
  }

  /** Whether the turn has late records at all: only then they are looked for. */
  private someLate(batch: Batch): boolean {
    if (this.parts.counters.late === this.lateBefore) return false;
    return batch.rowWatermarks !== null && this.parts.edge.eventTime !== null;
  }

  private countLate(batch: Batch, { rows, starts }: RoutedRows): void {
    const { cells, worker, partitions, edge } = this.parts;
    for (let partition = 0; partition < partitions; partition += 1) {
      const [from, to] = [starts[partition]!, starts[partition + 1]!];
      const late = lateRows(batch, batch.rowWatermarks!, edge.eventTime!, rows, from, to);
      if (late > 0) cells.add(worker, partition, PartitionCounter.rowsLate, late);
    }
  }

  private ship(watermarkMs: number, all: boolean): void {
    const { time } = this.parts;
    const before = time.enter(WorkerCounter.exchangeUs);
    this.shipGroups(watermarkMs, all);
    time.back(before);
  }

  private shipGroups(watermarkMs: number, all: boolean): void {
    const { sender, host, edge } = this.parts;
    const turn = this.turn!;
    host.readNs = turn.readNs;
    if (sender === null) {
      this.partial!.ship(watermarkMs, all, (partition, bytes) =>
        host.partials(edge.index, partition, bytes),
      );
      return;
    }
    const { bundle } = this;
    const send = (bytes: Uint8Array): void => sender.partials(turn, edge.index, bytes);
    this.partial!.ship(
      watermarkMs,
      all,
      (partition, bytes) => bundle.add(partition, bytes, send),
      sender.partBytesMax >> 1,
    );
    bundle.flush(send);
  }
}

function lateRows(
  batch: Batch,
  rowWatermarks: Float64Array,
  timeColumn: number,
  rows: Int32Array,
  from: number,
  to: number,
): number {
  const column = batch.columns[timeColumn]!;
  if (column.kind !== 'f64' && column.kind !== 'i64') return 0;
  const { values } = column;
  let late = 0;
  for (let at = from; at < to; at += 1) {
    const row = rows[at]!;
    if (values[row]! < rowWatermarks[row]!) late += 1;
  }
  return late;
}
