/**
 * One query in one worker: the reading side, the partitions owned here, on worker 0 the global
 * fragment, and the results. Owns how these hang together, what one step of each does, and what
 * becomes of a turn that fails; the loop around all queries is worker-loop.ts. @hot
 */
import type { OperatorSize } from '../../memory-budget.js';
import type { Batch } from '../../../columnar/batch.js';
import { PartitionCells } from '../../../metrics/partition-metrics.js';
import type { ExchangeEdge } from '../../../plan/fragments/fragment-plan.js';
import type { LimitNode } from '../../../plan/pipeline/pipeline-plan.js';
import { buildPipeline } from '../../../runtime/pipeline.js';
import type { ScanPort } from '../../../runtime/pipeline.js';
import { EdgeOutput } from './edge-output.js';
import type { ExchangeReceiver, ExchangeSender, TurnFacts } from '../exchange/exchange.js';
import { stageMarker } from './global-stage.js';
import { standsInSequence } from '../messages.js';
import type { PartitionSnapshot, QueryReport } from '../messages.js';
import { PartitionCopies } from './partition-copies.js';
import { PartitionHost } from './partition-host.js';
import type { PartitionStateManager } from './partition-state.js';
import { QueryArrivals } from './query-arrivals.js';
import { QueryObserver } from './query-observer.js';
import { QueryPartitions } from './query-partitions.js';
import type { LastRow } from './query-partitions.js';
import { QueryStage } from './query-stage.js';
import {
  newExchangeReceiver,
  newExchangeSender,
  newResultOutput,
  newStageSender,
  ownPartitionsOf,
} from './query-wiring.js';
import type { QueryWorkerParts } from './query-wiring.js';
import { TimedOutput } from './result-output.js';
import type { ResultOutput } from './result-output.js';
import type { SourceThrottle } from '../pressure/source-throttle.js';
import type { StreamPlace, StreamSender } from '../exchange/stream.js';
import { edgePartitions, stageShape, topLevel } from '../exchange/topology.js';
import type { StreamShape } from '../exchange/topology.js';
import { TurnTaker } from './turn-taker.js';
import { ROUND_BARRIER } from '../turns/turns.js';
import { KeyGroupLoad } from '../routing/key-group-load.js';
import { movedOwners, ownersOf } from '../routing/key-group-owners.js';
import type { KeyGroupOwners } from '../routing/key-group-owners.js';
import type { QueryTime } from './worker-time.js';

/** Blocks that are taken from one reader before other work has its turn. */
const BLOCKS_PER_POLL = 16;

interface LostTurn {
  readonly seq: number;
  readonly lane: number;
  readonly error: unknown;
  raised: boolean;
}

export class QueryWorker {
  readonly taker: TurnTaker;
  private readonly parts: QueryWorkerParts;
  private readonly cells: PartitionCells;
  private readonly time: QueryTime;
  private readonly owners: KeyGroupOwners;
  private readonly load: KeyGroupLoad | null;
  private readonly level: 0 | 1 | 2;
  private readonly stageShape: StreamShape;
  private readonly ownPartitions: readonly number[];
  /** By source: where its rows leave this worker; null: nowhere. */
  private readonly edgeOutputs: (EdgeOutput | null)[] = [];
  private readonly output: ResultOutput;
  private readonly stageSender: StreamSender | null;
  private readonly partitions: QueryPartitions;
  private readonly host: PartitionHost | null;
  private readonly sender: ExchangeSender | null;
  private readonly arrivals: QueryArrivals | null;
  private readonly stage: QueryStage | null;
  private readonly observer: QueryObserver;
  /** Of barriers that have passed. */
  readonly copies: PartitionCopies;
  /** Lanes whose readers here hold what others may wait for. */
  private readonly held: number[];
  /** Kind of the round that the turn at hand completes. */
  private roundDone = 0;
  private failedHere = false;
  private readonly lastRow: LastRow = { seq: -1, position: -1 };
  /** A turn that failed: what follows it is taken in only if a LIMIT was reached before it. */
  private lost: LostTurn | null = null;

  constructor(parts: QueryWorkerParts) {
    this.parts = parts;
    this.copies = new PartitionCopies(parts.clock);
    this.held = [...parts.readers.keys()].filter((lane) => parts.readers[lane]?.letGo);
    const { task, worker, workers, partitions } = parts;
    this.level = topLevel(task.fragments);
    this.stageShape = stageShape(task.fragments, { partitions, workers });
    const cells = new PartitionCells(new Float64Array(task.memory.cells), workers, partitions);
    this.cells = cells;
    const { load } = task.memory;
    this.owners = ownersOf(task.owners, partitions);
    this.load = load === null ? null : new KeyGroupLoad(load, worker);
    this.time = parts.time.addQuery(cells.workerRow(worker));
    this.ownPartitions = ownPartitionsOf(parts);
    this.output = new TimedOutput(newResultOutput(parts), this.time);
    this.stageSender = this.level === 2 ? newStageSender(parts) : null;
    this.partitions = this.newPartitions();
    this.host = this.level === 0 ? null : this.newHost();
    const exchanges = this.host !== null && workers > 1;
    const receiver = exchanges ? newExchangeReceiver(parts) : null;
    this.sender = exchanges ? newExchangeSender(parts) : null;
    this.observer = this.newObserver(receiver);
    this.arrivals = receiver === null ? null : this.newArrivals(receiver);
    this.stage = this.newStage();
    this.taker = this.newTaker();
    if (task.restore !== null) this.restore(task.restore.partitions);
  }

  get throttle(): SourceThrottle {
    return this.observer.throttle;
  }

  get done(): boolean {
    if (this.failedHere || this.lost !== null || !this.taker.done) return false;
    if (this.host !== null && !this.host.finished) return false;
    return this.stage === null || this.stage.done;
  }

  /** Takes in what has arrived. True: something had. */
  poll(): boolean {
    this.sender?.push();
    if (this.failedHere) return false;
    if (this.lost !== null) {
      const staged = this.pollStage();
      return this.pollLost() || staged;
    }
    const progressed = this.pollArrivals();
    return this.pollStage() || progressed;
  }

  take(now: { readonly command: number; readonly barrier: number; readonly ms: number }): boolean {
    const progressed = this.taker.take(now);
    if (this.held.length > 0) this.letGoOfEnded();
    if (progressed) this.observe();
    return progressed;
  }

  /**
   * How much one measured piece of work is worth: rows of the last turn, shared by every two of the
   * partitions here, each of which is measured by itself.
   */
  get rowsPerMeasure(): number {
    const { rowsRead } = this.taker.turn;
    return Math.ceil(rowsRead / Math.max(1, this.ownPartitions.length / 2));
  }

  /** Lanes that have ended, or that LIMITs have, hold nothing that others wait for. */
  private letGoOfEnded(): void {
    const { turns, readers } = this.parts;
    for (let at = this.held.length - 1; at >= 0; at -= 1) {
      const lane = this.held[at]!;
      if (!turns.limited() && !turns.isCut(lane) && !turns.laneEnded(lane)) continue;
      readers[lane]!.letGo!();
      this.held.splice(at, 1);
    }
  }

  /** State of each operator here. */
  sizes(): OperatorSize[] {
    return this.partitions.sizes();
  }

  observe(): void {
    this.observer.observe();
  }

  report(): QueryReport {
    return this.observer.report(this.taker.firstReadNs);
  }

  private newPartitions(): QueryPartitions {
    return new QueryPartitions({
      query: this.parts,
      cells: this.cells,
      time: this.time,
      output: this.output,
      stageSender: this.stageSender,
      place: () => this.host!,
      globalSeq: () => this.stage!.seq,
      lastRow: this.lastRow,
      limitReached: (limit) => this.limitReached(limit),
    });
  }

  private newHost(): PartitionHost {
    const { task, workers, worker } = this.parts;
    return new PartitionHost({
      fragments: task.fragments,
      lanes: task.lanes,
      workers,
      managers: this.partitions.managers,
      cells: this.cells,
      worker,
      time: this.time,
      isCut: (lane) => this.parts.turns.isCut(lane),
      progress: (seq, place) => this.tellProgress(seq, place),
      check: this.parts.check,
      turnDone: (seq) => this.hostTurnDone(seq),
      snapshot: () => this.hostBarrier(),
    });
  }

  private newObserver(receiver: ExchangeReceiver | null): QueryObserver {
    const { parts: query, cells, time, output, partitions, ownPartitions } = this;
    const countFormed = (): void => {
      for (const edge of this.edgeOutputs) edge?.countFormed();
    };
    return new QueryObserver({
      query,
      cells,
      time,
      output,
      receiver,
      partitions,
      ownPartitions,
      countFormed,
      checkMemory: () => query.budget.check(query.clock, () => partitions.sizes()),
    });
  }

  private newArrivals(receiver: ExchangeReceiver): QueryArrivals {
    return new QueryArrivals({
      query: this.parts,
      receiver,
      host: this.host!,
      observer: this.observer,
      time: this.time,
      ownPartitions: this.ownPartitions,
      blocksPerPoll: BLOCKS_PER_POLL,
      turnLost: (turn, error) => this.turnFailed(turn, error),
    });
  }

  private newStage(): QueryStage | null {
    const manager = this.partitions.global;
    if (manager === null) return null;
    return new QueryStage({
      query: this.parts,
      manager,
      time: this.time,
      blocksPerPoll: BLOCKS_PER_POLL,
      turnDone: (seq, isBarrier) => {
        this.output.turnDone(seq, this.barrierOf(isBarrier));
        this.observer.workDone();
        this.sawTurn(seq);
      },
      snapshot: () => this.copyState([this.partitions.global!], []),
    });
  }

  private newTaker(): TurnTaker {
    const { task, worker, accounts, turns, dealing, readers, clock } = this.parts;
    const { fragments, lanes } = task;
    const { edgeOutputs: edges } = this;
    const ports: ScanPort[] = [];
    const taker = new TurnTaker({
      worker,
      turns,
      dealing,
      lanes,
      readers,
      ports,
      edges,
      boundsMs: fragments.sources.map(({ edge }) =>
        edge === null ? null : (fragments.edges[edge]!.watermark?.boundMs ?? null),
      ),
      sender: this.sender,
      host: this.host,
      accounts,
      cells: this.cells,
      time: this.time,
      clock,
      turnDone: (turn, isBarrier) => this.takenTurnDone(turn, isBarrier),
      failed: (turn, error) => this.turnFailed(turn, error),
      roundTaken: () => this.parts.control.wakeAll(),
      barrierHeld: () => this.noteLanes(),
    });
    for (const { root, edge } of fragments.sources) {
      const output = edge === null ? null : this.newEdgeOutput(fragments.edges[edge]!);
      edges.push(output);
      const pipeline = buildPipeline(
        root,
        {
          sink: output ?? {
            emit: (batch) => this.statelessRows(taker.turn, batch),
            watermark: () => undefined,
          },
          errors: accounts,
          late: accounts,
          counters: accounts.counters,
          limitReached: (limit) => this.limitReached(limit),
        },
        {
          everyRowWatermark: fragments.everyRowWatermark,
          prefix: taker,
          between: this.parts.check,
        },
      );
      ports.push(pipeline.scans[0]!);
    }
    return taker;
  }

  private newEdgeOutput(edge: ExchangeEdge): EdgeOutput {
    const { task, partitions, accounts, worker, deadLetters } = this.parts;
    return new EdgeOutput({
      edge,
      partitions: edgePartitions(task.fragments, edge, partitions),
      owners: this.owners,
      moved: movedOwners(task.owners, partitions),
      load: this.load,
      sender: this.sender,
      host: this.host!,
      withRaw: deadLetters,
      errors: accounts,
      late: accounts,
      counters: accounts.counters,
      worker,
      cells: this.cells,
      time: this.time,
    });
  }

  /** A stateless query's rows: of the turn, from this worker. */
  private statelessRows(turn: TurnFacts, batch: Batch): void {
    this.observer.statelessRows(turn, batch.selectedCount);
    this.output.rows(turn.seq, 0, this.parts.worker, batch);
  }

  /** A turn was read and sent, or, without partitions, is done. */
  private takenTurnDone(turn: TurnFacts, isBarrier: boolean): void {
    const { task } = this.parts;
    const isStateless = this.level === 0;
    if (isStateless) {
      this.output.turnDone(turn.seq, this.barrierOf(isBarrier));
      this.observer.statelessTurn(turn);
    }
    const edge = task.lanes[turn.lane]?.edge ?? null;
    const partial = edge !== null && task.fragments.edges[edge]!.partial !== null;
    if (this.edgeOutputs[task.lanes[turn.lane]?.source ?? -1]?.forms === true) {
      this.observer.readTurn(turn);
    }
    this.observer.turnTaken(turn, this.sender === null || isStateless || partial);
  }

  private pollArrivals(): boolean {
    const { arrivals, stage } = this;
    // The global fragment waits for main: the partitions here would fill the ring that it empties.
    if (arrivals === null || stage?.busy === true) return false;
    try {
      const progressed = arrivals.poll();
      if (progressed) this.observe();
      return progressed;
    } catch (error) {
      this.fail(this.host!.seq, error);
      return false;
    }
  }

  private pollStage(): boolean {
    const { stage } = this;
    if (stage === null) return false;
    try {
      const progressed = stage.poll();
      if (progressed) this.observe();
      return progressed;
    } catch (error) {
      this.fail(stage.seq, error);
      return false;
    }
  }

  /** In sequence: the partitions here have taken in everything before the failed turn. */
  private turnFailed({ seq, lane }: Pick<TurnFacts, 'seq' | 'lane'>, error: unknown): void {
    if (this.host === null) this.parts.failed(this.parts.index, seq, error);
    else this.lost = { seq, lane, error, raised: false };
  }

  /**
   * Passes over a failed turn when a LIMIT was reached before it; else worker 0 raises its error
   * as soon as that is certain: when the global fragment, too, has come to it.
   */
  private pollLost(): boolean {
    const { lost, stage } = this;
    const { turns, index, worker } = this.parts;
    if (lost === null) return false;
    if (turns.limited() || turns.isCut(lost.lane)) {
      this.lost = null;
      turns.goOn();
      (this.arrivals ?? this.host!).skipTurn();
      return true;
    }
    if (worker !== 0 || lost.raised || (stage !== null && stage.seq < lost.seq)) return false;
    lost.raised = true;
    this.parts.failed(index, lost.seq, lost.error);
    return false;
  }

  private limitReached({ endsQuery, scans }: LimitNode): void {
    const { turns, task, control } = this.parts;
    const { sources } = task.fragments;
    if (endsQuery) {
      turns.log.noteLimit(this.lastRow.seq, this.lastRow.position);
      turns.limit();
    }
    task.lanes.forEach(({ source }, lane) => {
      if (scans.includes(sources[source]!.scan.id)) turns.cut(lane);
    });
    control.wakeAll();
  }

  /** As the failure of a turn; a defect ends the job at once. */
  private fail(seq: number, error: unknown): void {
    if (!standsInSequence(error)) throw error;
    this.failedHere = true;
    this.parts.turns.halt();
    this.parts.failed(this.parts.index, seq, error);
  }

  /** To whom puts the rows of all partitions in order. */
  private tellProgress(seq: number, place: StreamPlace): void {
    if (this.level === 1) this.output.progress(seq, place);
    else if (this.stageShape.senders.includes(this.parts.worker) && !this.stageShape.direct) {
      this.stageSender!.progress(seq, place);
    }
  }

  /** All of a turn's rows have left the partitions here. */
  private hostTurnDone(seq: number): void {
    const { worker } = this.parts;
    this.observer.workDone();
    if (this.level === 1) {
      this.output.turnDone(seq, this.barrierOf(this.roundDone === ROUND_BARRIER));
      this.roundDone = 0;
      if (worker === 0) this.sawTurn(seq);
      return;
    }
    if (!this.stageShape.senders.includes(worker)) return;
    this.stageSender!.marker(seq, stageMarker(this.roundDone, this.host!.progress()));
    this.roundDone = 0;
    if (this.host!.finished) this.stage?.endsWith(seq);
  }

  /** Number of the barrier at hand: the next one is asked for when it is over. */
  private barrierOf(isBarrier: boolean): number {
    return isBarrier ? this.parts.control.barrier() : 0;
  }

  /** Every LIMIT is here: lanes may be read on, maybe by others. */
  private sawTurn(seq: number): void {
    if (this.parts.turns.sawTurn(seq)) this.parts.control.wakeAll();
  }

  /** A barrier in sequence: the partitions hold exactly what came before it. */
  private hostBarrier(): void {
    this.roundDone = ROUND_BARRIER;
    const isFirst = this.parts.worker === 0;
    const edges = { fragment: -1, partition: 0, operators: this.host!.edgeSnapshots() };
    this.copyState(this.partitions.managers, isFirst ? [edges] : []);
  }

  /** Where the lanes stand at a barrier; nobody reads on before that is noted. */
  private noteLanes(): void {
    const { index, task, readers, turns } = this.parts;
    const lanes = task.lanes.map((_, lane) => ({
      position: readers[lane]!.position(turns.positionCells(lane)),
      highestMs: turns.highestOf(lane),
      ended: turns.laneEnded(lane),
      next: turns.nextLane() === lane,
    }));
    this.parts.snapshot(index, lanes, []);
  }

  private copyState(
    managers: readonly PartitionStateManager[],
    rest: readonly PartitionSnapshot[],
  ): void {
    const { index, snapshot } = this.parts;
    this.copies.begin(managers, rest, (parts) => snapshot(index, null, parts));
  }

  private restore(snapshots: readonly PartitionSnapshot[]): void {
    this.partitions.restore(snapshots, this.owners);
    for (const { fragment, operators } of snapshots) {
      if (fragment < 0) this.host?.restoreEdges(operators);
    }
  }
}
