/**
 * The partitions that one worker owns, of one query, fed in sequence. Owns what happens at each
 * turn: rows and partial groups to their partitions, the watermark of every edge behind them, the
 * end of lanes and rounds, and the note that the turn is done here. Where blocks come from
 * (rings, or the same thread) is the caller's business, what operators do is theirs. @hot
 */
import type { Batch, BatchHeader } from '../../../columnar/batch.js';
import { emptyHeader, newBatch } from '../../../columnar/batch.js';
import type { PartitionCells } from '../../../metrics/partition-metrics.js';
import { PartitionCounter, WorkerCounter } from '../../../metrics/partition-metrics.js';
import type { ExchangeEdge, FragmentPlan } from '../../../plan/fragments/fragment-plan.js';
import { PIECE_ROWS } from '../../../runtime/flow.js';
import { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { TurnFacts } from '../exchange/exchange.js';
import type { Lane } from '../turns/lanes.js';
import type { StreamPlace } from '../exchange/stream.js';
import { EdgeState, edgeStateName } from './edge-state.js';
import { NO_KEY } from './partition-state.js';
import type { OperatorSnapshot, PartitionStateManager } from './partition-state.js';
import { ROUND_BARRIER, ROUND_END } from '../turns/turns.js';
import type { QueryTime } from './worker-time.js';

/** What an edge is told of the partitions behind it when a turn is done. */
export interface EdgeProgress {
  readonly edge: number;
  /** Least watermark of the rows that left the partitions here. */
  readonly watermarkMs: number;
  readonly ended: boolean;
  readonly flush: boolean;
}

export interface PartitionHostParts {
  readonly fragments: FragmentPlan;
  readonly lanes: readonly Lane[];
  readonly workers: number;
  /** The partitions owned here, fragment by fragment. */
  readonly managers: readonly PartitionStateManager[];
  readonly cells: PartitionCells;
  readonly worker: number;
  readonly time: QueryTime;
  /** Whether a LIMIT has ended the lane, whose rows nobody needs any more. */
  readonly isCut: (lane: number) => boolean;
  /** In a long turn: all rows that still leave the partitions here come at this place or behind. */
  readonly progress: (seq: number, place: StreamPlace) => void;
  /** Between two pieces of long answers; may throw. */
  readonly check: () => void;
  /** All of a turn's rows have left the partitions here. */
  readonly turnDone: (seq: number) => void;
  /** A barrier: all rows before it are in the state. */
  readonly snapshot: () => void;
}

/** Time and latency of the partitions, one after the other: each lap is one partition's work. */
class PartitionAccounts {
  private readonly parts: PartitionHostParts;
  /** The fragments' parts of each partition. */
  private readonly managers: readonly (readonly PartitionStateManager[])[];
  private operatorsUs = 0;

  constructor(parts: PartitionHostParts) {
    this.parts = parts;
    this.managers = Array.from({ length: parts.cells.partitions }, (_, partition) =>
      parts.managers.filter((manager) => manager.partition === partition),
    );
  }

  /** A watermark of the partition has risen: the least of its fragments is the partition's. */
  watermark(partition: number): void {
    const { cells, worker } = this.parts;
    let leastMs = Number.POSITIVE_INFINITY;
    for (const { arrivedMs } of this.managers[partition]!) leastMs = Math.min(leastMs, arrivedMs);
    cells.set(worker, partition, PartitionCounter.watermarkMs, leastMs);
  }

  /** What follows is work of partitions; gives what end() takes. */
  begin(): number {
    const { time } = this.parts;
    const before = time.enter(WorkerCounter.operatorsUs);
    this.operatorsUs = time.operatorsUsBefore();
    return before;
  }

  /** The time since the last lap was this partition's. */
  worked(partition: number): void {
    const { cells, worker, time } = this.parts;
    const us = time.operatorsUs();
    cells.add(worker, partition, PartitionCounter.busyUs, us - this.operatorsUs);
    this.operatorsUs = us;
  }

  /** As worked, for rows that were read at `readNs`. */
  workedOnRows(partition: number, readNs: number): void {
    this.worked(partition);
    const { cells, worker, time } = this.parts;
    if (!time.worker.measured || Number.isNaN(readNs)) return;
    cells.latency(worker, partition, (time.worker.lastNs - readNs) / 1e3);
  }

  end(before: number): void {
    this.parts.time.back(before);
  }
}

/** How long the next block of a turn is waited for before others are told that it goes on. */
const PART_PATIENCE_NS = 1e6;

/** Of partitions at work the one whose next row comes first. */
function firstOf(managers: readonly PartitionStateManager[]): PartitionStateManager {
  let first = managers[0] as PartitionStateManager;
  for (const manager of managers) {
    const isBefore =
      manager.key === first.key ? manager.stream < first.stream : manager.key < first.key;
    if (isBefore) first = manager;
  }
  return first;
}

export class PartitionHost {
  /** The turn that is processed next. */
  seq = 0;
  /**
   * The part of the turn at hand: its rows come out as such. Each block of rows is a part, and each
   * watermark and end behind it: all workers count the same, since all see the same blocks.
   */
  part = 0;
  /** When the rows at hand were read, monotonic ns. */
  readNs = Number.NaN;
  /** A final round is over: nothing more will come. */
  finished = false;
  private readonly parts: PartitionHostParts;
  private readonly accounts: PartitionAccounts;
  private readonly edges: readonly (EdgeState | null)[];
  private readonly header: BatchHeader = emptyHeader('');
  private readonly noRows: Batch = newBatch([], emptyHeader(''));
  /** What was told last of the part at hand. */
  private told: StreamPlace | null = null;
  /** Nothing is to be told of the part at hand. */
  private isPartTold = true;
  /** Since when the next block of the turn is waited for, monotonic ns; NaN: it is not. */
  private waitsSinceNs = Number.NaN;
  /** Rows that have left the partitions here since the last chance to stop. */
  private rowsLeft = 0;
  private roundTaken = 0;
  private stoppedWithoutFlush = false;

  constructor(parts: PartitionHostParts) {
    this.parts = parts;
    this.accounts = new PartitionAccounts(parts);
    this.edges = parts.fragments.edges.map((edge) => {
      if (edge.level !== 1) return null;
      const managers = parts.managers.filter(({ fragment }) => fragment.index === edge.fragment);
      return new EdgeState(edge, managers, parts.workers, {
        close: (act, state) => this.closePart(act, state),
        risen: (partition) => this.accounts.watermark(partition),
      });
    });
    parts.fragments.edges.forEach((edge) => this.setSplits(edge));
  }

  private setSplits(edge: ExchangeEdge): void {
    const state = this.edges[edge.index];
    if (state === null || state === undefined) return;
    const lanes = this.parts.lanes.filter((lane) => lane.edge === edge.index);
    state.openLanes = lanes.length;
    state.watermark?.setSplits(lanes.map(({ split }) => split));
    if (lanes.length === 0) state.end(true);
    if (lanes.some(({ owner }) => owner === null)) return;
    // Who reads none of the lanes has no partial groups, and will not say so.
    for (let worker = 0; worker < this.parts.workers; worker += 1) {
      if (lanes.every(({ owner }) => owner !== worker))
        state.flushed(worker, Number.POSITIVE_INFINITY);
    }
  }

  private edge(index: number): EdgeState {
    return this.edges[index] as EdgeState;
  }

  /**
   * Rows of the turn at hand; gives how many were for partitions here. `rowsOf`: the physical rows
   * of a partition, empty for others.
   */
  rows(edge: number, batch: Batch, rowsOf: (partition: number) => Int32Array): number {
    const state = this.edge(edge);
    let count = 0;
    this.newPart();
    state.watermark?.arrived(batch.header);
    const open: PartitionStateManager[] = [];
    const reachedMs = state.eventTimeMs(batch.header);
    const before = this.accounts.begin();
    for (const manager of state.managers) {
      const rows = rowsOf(manager.partition);
      if (rows.length === 0) continue;
      batch.selection = rows.length === batch.rowCount ? null : rows;
      batch.selectedCount = rows.length;
      count += rows.length;
      manager.reached(reachedMs);
      manager.process(edge, batch);
      this.accounts.workedOnRows(manager.partition, this.readNs);
      if (manager.suspended) open.push(manager);
      this.rest(manager);
    }
    this.settle(open);
    this.accounts.end(before);
    state.advance();
    return count;
  }

  /**
   * Brings to its end what partitions have put off, always the one whose rows come first: so who
   * puts them in order can hand them on, and needs to keep only a few.
   */
  private settle(managers: readonly PartitionStateManager[]): void {
    let open = managers;
    while (open.length > 0) {
      const next = firstOf(open);
      if (next.key !== NO_KEY) {
        this.tell({ part: this.part, key: next.key, stream: next.stream });
      }
      next.resume();
      this.accounts.worked(next.partition);
      if (!next.suspended) open = open.filter((manager) => manager !== next);
    }
  }

  /**
   * What closes windows or ends an input is a part of its own, whose rows answer to no record: they
   * come partition by partition, each of which gives all it has before the next one begins.
   */
  private closePart(
    act: (manager: PartitionStateManager) => void,
    { managers }: { readonly managers: readonly PartitionStateManager[] },
  ): void {
    this.newPart();
    const before = this.accounts.begin();
    for (const manager of managers) {
      manager.closing = true;
      act(manager);
      if (manager.suspended) this.settle([manager]);
      manager.closing = false;
      this.accounts.worked(manager.partition);
      this.rest(manager);
    }
    this.accounts.end(before);
  }

  /** Before the next partition: a chance to stop, when those so far have put out a piece together. */
  private rest(manager: PartitionStateManager): void {
    this.rowsLeft += manager.rowsLeft;
    manager.rowsLeft = 0;
    if (this.rowsLeft < PIECE_ROWS) return;
    this.rowsLeft = 0;
    this.parts.check();
  }

  private tell(place: StreamPlace): void {
    const { told } = this;
    if (told?.part === place.part && told.key === place.key && told.stream === place.stream) return;
    this.told = place;
    this.parts.progress(this.seq, place);
  }

  /** The turn goes on, and its next block does not come: says that this part has no more rows. */
  tellPart(nowNs: number): void {
    if (this.isPartTold) return;
    if (Number.isNaN(this.waitsSinceNs)) this.waitsSinceNs = nowNs;
    if (nowNs - this.waitsSinceNs < PART_PATIENCE_NS) return;
    this.isPartTold = true;
    this.tell({ part: this.part + 1, key: NO_KEY, stream: 0 });
  }

  private newPart(): void {
    this.part += 1;
    this.isPartTold = false;
    this.forgetPart();
  }

  private forgetPart(): void {
    for (const manager of this.parts.managers) manager.key = NO_KEY;
    this.told = null;
    this.waitsSinceNs = Number.NaN;
  }

  /** As rows, for a batch that one partition takes whole. */
  wholeBatch(edge: number, batch: Batch): void {
    const state = this.edge(edge);
    this.newPart();
    state.watermark?.arrived(batch.header);
    if (batch.selectedCount > 0) {
      const manager = state.managers[0]!;
      const before = this.accounts.begin();
      manager.reached(state.eventTimeMs(batch.header));
      manager.process(edge, batch);
      this.accounts.workedOnRows(manager.partition, this.readNs);
      if (manager.suspended) this.settle([manager]);
      this.accounts.end(before);
    }
    state.advance();
  }

  partials(edge: number, partition: number, bytes: Uint8Array): void {
    const { ended, managerOf } = this.edge(edge);
    const manager = managerOf.get(partition);
    if (ended || manager === undefined) return;
    const before = this.accounts.begin();
    manager.mergePartials(edge, bytes);
    this.accounts.workedOnRows(partition, this.readNs);
    this.accounts.end(before);
  }

  /** The last of a turn of rows. */
  turnEnd(
    turn: Pick<TurnFacts, 'lane' | 'watermarkMs' | 'ingestMs'>,
    sender: number,
    flushedMs: number,
  ): void {
    const lane = this.parts.lanes[turn.lane] as Lane;
    const state = this.edge(lane.edge as number);
    this.header.split = lane.split;
    this.header.watermarkAfter = turn.watermarkMs;
    state.watermark?.arrived(this.header);
    if (state.edge.partial !== null) {
      const reachedMs = state.eventTimeMs(this.header);
      for (const manager of state.managers) manager.reached(reachedMs);
    }
    state.flushed(sender, flushedMs);
    if (state.edge.partial !== null) {
      // Groups carry no time of reading, which NOW() over their rows means.
      this.noRows.header.ingestTimeMs = turn.ingestMs;
      this.closePart((manager) => manager.heard(state.edge.index, this.noRows), state);
    }
    state.advance();
    this.endOfTurn();
  }

  laneEnd(laneIndex: number): void {
    const lane = this.parts.lanes[laneIndex] as Lane;
    const state = this.edge(lane.edge as number);
    const { partial } = state.edge;
    if (partial !== null && this.parts.isCut(laneIndex)) state.needNoPartials();
    state.watermark?.splitEnded(lane.split);
    state.advance();
    state.openLanes -= 1;
    if (state.openLanes === 0 && !state.waitsForPartials) state.end(true);
    this.endOfTurn();
  }

  laneIdle(laneIndex: number): void {
    const lane = this.parts.lanes[laneIndex] as Lane;
    const state = this.edge(lane.edge as number);
    state.watermark?.setIdle(lane.split, true);
    state.advance();
    this.endOfTurn();
  }

  /** A sender that reads nothing at the moment has shipped its partial groups so far. */
  flushed(edge: number, sender: number, flushedMs: number): void {
    const state = this.edge(edge);
    state.flushed(sender, flushedMs);
    state.advance();
    this.endOfTurn();
  }

  /** A sender's pseudo-turn of a round; the last of them completes it. */
  round(kind: number, sender: number, flushedMs: number): void {
    for (const state of this.edges) state?.flushed(sender, flushedMs);
    this.roundTaken += 1;
    if (this.roundTaken === this.parts.workers) {
      this.roundTaken = 0;
      if (kind === ROUND_BARRIER) this.parts.snapshot();
      else this.finish(kind === ROUND_END);
    }
    this.endOfTurn();
  }

  private finish(flush: boolean): void {
    this.stoppedWithoutFlush = !flush;
    for (const state of this.edges) {
      if (state === null) continue;
      if (flush) state.advance();
      state.end(flush);
    }
    this.finished = true;
  }

  /** A turn that failed, and does not matter. */
  skipTurn(): void {
    this.endOfTurn();
  }

  private endOfTurn(): void {
    const { seq } = this;
    this.seq = seq + 1;
    this.part = 0;
    this.isPartTold = true;
    this.forgetPart();
    this.parts.turnDone(seq);
  }

  /** What the edges of level 2 hear of this worker's partitions. */
  progress(): EdgeProgress[] {
    const { fragments, managers } = this.parts;
    return fragments.edges
      .filter((edge) => edge.level === 2)
      .map((edge) => {
        const feeding = fragments.fragments.filter(({ target }) => target === edge.index);
        const indexes = new Set(feeding.map(({ index }) => index));
        const own = managers.filter(({ fragment }) => indexes.has(fragment.index));
        const inputs = this.edges.filter((state) => indexes.has(state?.edge.fragment ?? -1));
        return {
          edge: edge.index,
          watermarkMs: own.reduce(
            (least, manager) => Math.min(least, manager.watermarkMs),
            Number.POSITIVE_INFINITY,
          ),
          ended: inputs.every((state) => state?.ended === true),
          flush: !this.stoppedWithoutFlush,
        };
      });
  }

  /** What of the edges' watermarks goes into a snapshot; the same in every worker. */
  edgeSnapshots(): OperatorSnapshot[] {
    return this.edges.flatMap((state) => {
      if (state === null || state.watermark === null) return [];
      const writer = new StateWriter();
      state.watermark.snapshot(writer);
      return [{ operator: edgeStateName(state.edge.index), bytes: writer.finish() }];
    });
  }

  restoreEdges(snapshots: readonly OperatorSnapshot[]): void {
    for (const state of this.edges) {
      if (state === null) continue;
      const name = edgeStateName(state.edge.index);
      for (const { operator, bytes } of snapshots) {
        if (operator === name) state.watermark?.restore(new StateReader(bytes));
      }
    }
  }
}
