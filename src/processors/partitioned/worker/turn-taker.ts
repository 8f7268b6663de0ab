/**
 * The reading side of one query in one worker: takes turns, reads their blocks and pushes them
 * through this worker's copy of the source fragments. Owns the order within a turn and the event
 * times that run through a lane; where rows go behind a fragment is edge-output.ts, or for a
 * stateless query the result output. @hot
 */
import type { Clock } from '../../../base/clock.js';
import type { BatchHeader } from '../../../columnar/batch.js';
import type { PartitionCells } from '../../../metrics/partition-metrics.js';
import { WorkerCounter } from '../../../metrics/partition-metrics.js';
import type { EventTimePrefix } from '../../../runtime/operators/watermark.js';
import type { ScanPort } from '../../../runtime/pipeline.js';
import type { QueryAccounts } from '../../query-accounts.js';
import type { EdgeOutput } from './edge-output.js';
import { KIND_FLUSHED, KIND_LANE_END, KIND_LANE_IDLE, KIND_ROUND } from '../exchange/exchange.js';
import type { ExchangeSender, TurnFacts } from '../exchange/exchange.js';
import { COMMAND_RUN } from '../control.js';
import type { LaneReader } from './lane-readers.js';
import type { Lane } from '../turns/lanes.js';
import { errorText, standsInSequence } from '../messages.js';
import type { PartitionHost } from './partition-host.js';
import type { ClaimKind, Dealing, TurnTable } from '../turns/turns.js';
import { ROUND_BARRIER, ROUND_END } from '../turns/turns.js';
import type { QueryTime } from './worker-time.js';

const encoder = new TextEncoder();

/** A worker without a block says so often, at most, how far it has shipped its partial groups. */
const TELL_EVERY_MS = 10;

export interface TurnTakerParts {
  readonly worker: number;
  readonly turns: TurnTable;
  readonly dealing: Dealing;
  readonly lanes: readonly Lane[];
  readonly readers: readonly LaneReader[];
  /** Scan ports and edges by source. */
  readonly ports: readonly ScanPort[];
  readonly edges: readonly (EdgeOutput | null)[];
  /** Watermark bound by source; null without one. */
  readonly boundsMs: readonly (number | null)[];
  readonly sender: ExchangeSender | null;
  /** null: a stateless query. */
  readonly host: PartitionHost | null;
  readonly accounts: QueryAccounts;
  readonly cells: PartitionCells;
  readonly time: QueryTime;
  readonly clock: Clock;
  /** `isBarrier`: the turn is this worker's part of a barrier. */
  readonly turnDone: (turn: TurnFacts, isBarrier: boolean) => void;
  readonly failed: (turn: TurnFacts, error: unknown) => void;
  /** This worker's part of a round is taken: others may be waiting for it. */
  readonly roundTaken: () => void;
  /** On worker 0: all blocks before a barrier are read, none after it. */
  readonly barrierHeld: () => void;
}

export class TurnTaker implements EventTimePrefix {
  /** Of the turn at hand. */
  readonly turn: TurnFacts = {
    seq: 0,
    lane: 0,
    readNs: Number.NaN,
    dueFirstNs: Number.NaN,
    dueLastNs: Number.NaN,
    rowsRead: 0,
    watermarkMs: Number.NEGATIVE_INFINITY,
    ingestMs: 0,
  };
  firstReadNs = Number.NaN;
  done = false;
  dueInMs = Number.POSITIVE_INFINITY;
  private readonly parts: TurnTakerParts;
  private readonly rowsSeen: Float64Array;
  private readonly preparing: readonly LaneReader[];
  /** Sources whose partial groups here others must hear of though no turn comes. */
  private readonly telling: readonly number[];
  private told = 0;
  private toldNs = Number.NEGATIVE_INFINITY;
  private waitFor: (condition: () => boolean) => void = () => undefined;
  private block = 0;
  /** The last block of the turn is on its way. */
  private ending = false;
  private highestMs = Number.NaN;

  constructor(parts: TurnTakerParts) {
    this.parts = parts;
    this.rowsSeen = new Float64Array(parts.lanes.length);
    this.preparing = parts.readers.filter((reader) => reader.prepare !== undefined);
    this.telling = tellingSources(parts);
  }

  /** How to wait for another worker; set before the first turn. */
  useWait(waitFor: (condition: () => boolean) => void): void {
    this.waitFor = waitFor;
  }

  /** Takes one turn if there is one. False: nothing to do now, for `dueInMs` at least. */
  take(now: { readonly command: number; readonly barrier: number; readonly ms: number }): boolean {
    if (this.done) return false;
    const { turns } = this.parts;
    if (now.command === COMMAND_RUN) {
      for (let at = 0; at < this.preparing.length; at += 1) this.preparing[at]!.prepare!();
    }
    const kind = turns.claim(this.parts.readers, now);
    if (kind === 'wait') {
      this.dueInMs = turns.dueInMs;
      return this.telling.length > 0 && this.tellFlushed(now.command);
    }
    if (kind === 'busy') return true;
    if (kind === 'done') {
      this.done = true;
      return false;
    }
    if (kind === 'held') {
      this.parts.barrierHeld();
      turns.releaseBarrier();
      this.parts.roundTaken();
      return true;
    }
    this.runTurn(kind);
    return true;
  }

  private runTurn(kind: ClaimKind | 'flushed'): void {
    this.begin();
    try {
      this.run(kind);
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Where turns are not dealt out, a worker may get none, because its lanes are silent or others
   * are faster; they wait for its partial groups all the same when a watermark makes them due.
   */
  private tellFlushed(command: number): boolean {
    const { turns, edges, clock } = this.parts;
    const source = this.telling.find((each) => {
      const reachedMs = this.watermarkOf(each);
      return reachedMs < Number.POSITIVE_INFINITY && edges[each]!.owes(reachedMs);
    });
    if (source === undefined) return false;
    const restMs = TELL_EVERY_MS - (clock.monotonicNs() - this.toldNs) / 1e6;
    if (restMs > 0) {
      this.dueInMs = Math.min(this.dueInMs, restMs);
      return false;
    }
    if (!turns.claimNotice(command)) return false;
    this.toldNs = clock.monotonicNs();
    this.told = source;
    this.runTurn('flushed');
    return true;
  }

  private runFlushed(): void {
    const edge = this.parts.edges[this.told]!;
    edge.begin(this.turn, 0);
    this.notice(KIND_FLUSHED, edge.index, edge.flush(this.watermarkOf(this.told), false));
  }

  private begin(): void {
    const { turns } = this.parts;
    const { turn } = this;
    turn.seq = turns.seq;
    turn.lane = turns.lane;
    turn.rowsRead = 0;
    turn.watermarkMs = Number.NEGATIVE_INFINITY;
    turn.dueFirstNs = Number.NaN;
    turn.dueLastNs = Number.NaN;
    this.block = turns.block;
    this.highestMs = Number.NaN;
    this.ending = false;
  }

  private run(kind: ClaimKind | 'flushed'): void {
    switch (kind) {
      case 'block':
        this.runBlock();
        return;
      case 'lane-end':
        this.notice(KIND_LANE_END, 0, 0);
        return;
      case 'lane-idle':
        this.notice(KIND_LANE_IDLE, 0, 0);
        return;
      case 'flushed':
        this.runFlushed();
        return;
      case 'round':
        this.runRound();
        this.parts.roundTaken();
        return;
      case 'busy':
      case 'wait':
      case 'held':
      case 'done':
        return;
    }
  }

  private runBlock(): void {
    const { turn } = this;
    const { clock, readers, lanes, ports, edges, accounts, cells, worker, time } = this.parts;
    const laneIndex = turn.lane;
    const lane = lanes[laneIndex]!;
    const reader = readers[laneIndex]!;
    const before = time.enter(WorkerCounter.sourceUs);
    turn.readNs = clock.monotonicNs();
    if (Number.isNaN(this.firstReadNs)) this.firstReadNs = turn.readNs;
    const edge = edges[lane.source]!;
    edge?.begin(turn, lane.split);
    const batch = reader.read();
    turn.ingestMs = batch.header.ingestTimeMs;
    const rows = reader.rowsRead();
    turn.rowsRead = rows - this.rowsSeen[laneIndex]!;
    this.rowsSeen[laneIndex] = rows;
    accounts.rowsRead += turn.rowsRead;
    const due = reader.dueNs();
    if (due !== null) {
      turn.dueFirstNs = due.first;
      turn.dueLastNs = due.last;
    }
    ports[lane.source]!.process(batch);
    this.publishHighest();
    time.back(before);
    this.endBlock(edge);
    cells.addWorker(worker, WorkerCounter.rowsRead, turn.rowsRead);
    cells.addWorker(worker, WorkerCounter.turns, 1);
    this.parts.turnDone(turn, false);
  }

  private endBlock(edge: EdgeOutput | null): void {
    const { turn } = this;
    const { host, sender, worker, time } = this.parts;
    if (edge === null || host === null) return;
    const flushedMs = edge.flush(this.sourceWatermark(), false);
    if (sender !== null) {
      const before = time.enter(WorkerCounter.exchangeUs);
      this.ending = true;
      sender.turnEnd(turn, flushedMs);
      time.back(before);
    } else host.turnEnd(turn, worker, flushedMs);
  }

  /** What the lanes of the turn's source have published: never more than what is so in sequence. */
  private sourceWatermark(): number {
    const { lanes, boundsMs } = this.parts;
    const { source } = lanes[this.turn.lane]!;
    if ((boundsMs[source] ?? null) === null) return Number.NEGATIVE_INFINITY;
    // One split: what it reached with this turn, whatever others have read meanwhile, so that groups
    // are shipped at the same turns in every run.
    if (lanes.length === 1) return this.turn.watermarkMs;
    const reachedMs = this.watermarkOf(source);
    return reachedMs === Number.POSITIVE_INFINITY ? this.turn.watermarkMs : reachedMs;
  }

  /** What the open lanes of a source with a watermark have published; Infinity: none is open. */
  private watermarkOf(source: number): number {
    const { lanes, turns, boundsMs } = this.parts;
    let least = Number.POSITIVE_INFINITY;
    for (let lane = 0; lane < lanes.length; lane += 1) {
      if (lanes[lane]!.source !== source || turns.laneEnded(lane)) continue;
      least = Math.min(least, turns.highestOf(lane));
    }
    return least - boundsMs[source]!;
  }

  private notice(kind: number, a: number, b: number): void {
    const { sender, host } = this.parts;
    const { turn } = this;
    if (sender !== null) this.endWith(sender, kind, a, b);
    else if (host === null) this.parts.turnDone(turn, false);
    else if (kind === KIND_LANE_END) host.laneEnd(turn.lane);
    else host.laneIdle(turn.lane);
  }

  private endWith(sender: ExchangeSender, kind: number, a: number, b: number): void {
    this.ending = true;
    sender.notice(this.turn, kind, a, b);
  }

  /** Every worker's pseudo-turn: partial groups are shipped, so that nothing is left behind. */
  private runRound(): void {
    const { sender, host, edges, worker, turns } = this.parts;
    const { turn } = this;
    const kind = turns.round;
    for (const edge of edges) {
      edge?.begin(turn, 0);
      edge?.flush(Number.NEGATIVE_INFINITY, true);
    }
    // Nothing partial is left: at the end of the input every watermark may be announced.
    const flushedMs = kind === ROUND_END ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    if (sender !== null) this.endWith(sender, KIND_ROUND, kind, flushedMs);
    else if (host !== null) host.round(kind, worker, flushedMs);
    else this.parts.turnDone(turn, kind === ROUND_BARRIER);
  }

  /**
   * A failure of data stands in the sequence, where one thread would have met it. A defect, or one
   * behind the end of its turn, which receivers may have seen, has no place there: it ends the job.
   */
  private fail(error: unknown): void {
    const { sender, host, turns } = this.parts;
    if (!standsInSequence(error) || this.ending) throw error;
    turns.halt();
    if (sender === null || host === null) {
      this.parts.failed(this.turn, error);
      return;
    }
    sender.failure(this.turn, encoder.encode(JSON.stringify(errorText(error))));
  }

  /** The highest event time of the lane before this block, once it is known. */
  before(_header: BatchHeader): number {
    if (!Number.isNaN(this.highestMs)) return this.highestMs;
    const { turns } = this.parts;
    const { lane } = this.turn;
    const { block } = this;
    if (!turns.highestReady(lane, block)) this.waitFor(() => turns.highestReady(lane, block));
    this.highestMs = turns.highestOf(lane);
    return this.highestMs;
  }

  after(_header: BatchHeader, highestMs: number): void {
    this.highestMs = highestMs;
    this.publishHighest();
  }

  /** A block is one batch: its highest time is final as soon as it is known. */
  private publishHighest(): void {
    const { turns } = this.parts;
    const { lane } = this.turn;
    if (Number.isNaN(this.highestMs) || !turns.highestReady(lane, this.block)) return;
    turns.publishHighest(lane, this.block, this.highestMs);
  }
}

/**
 * None where turns come to every worker by themselves, or where this one reads no lane of a source: receivers
 * know that. When all lanes have ended the last round follows.
 */
function tellingSources(parts: TurnTakerParts): number[] {
  const { lanes, boundsMs, sender, worker, dealing } = parts;
  if (sender === null || dealing !== 'any') return [];
  return boundsMs.flatMap((boundMs, source) => {
    const isRead = lanes.some(
      ({ source: of, owner }) => of === source && (owner === null || owner === worker),
    );
    return isRead && boundMs !== null ? [source] : [];
  });
}
