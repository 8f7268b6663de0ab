/**
 * One query in one worker: the reading side, the partitions owned here, on worker 0 the global
 * fragment, and the results. Owns their wiring from the task and what one step of each does; the
 * loop around all queries is worker-loop.ts. @hot
 */
import type { Clock } from '../../base/clock.js';
import type { BlockArena } from '../../columnar/arena.js';
import type { Batch } from '../../columnar/batch.js';
import {
  PartitionCells,
  PartitionCounter,
  WorkerCounter,
} from '../../metrics/partition-metrics.js';
import type { ExchangeEdge, StatefulFragment } from '../../plan/fragment-plan.js';
import type { OperatorCounters } from '../../runtime/operator.js';
import { buildPipeline } from '../../runtime/pipeline.js';
import type { ScanPort } from '../../runtime/pipeline.js';
import { LatencyLog } from '../latency-log.js';
import type { QueryAccounts } from '../query-accounts.js';
import { JobAborted } from './control.js';
import type { JobControl } from './control.js';
import { EdgeOutput } from './edge-output.js';
import * as exchange from './exchange.js';
import type { TurnFacts } from './exchange.js';
import { GlobalStage, stageMarker } from './global-stage.js';
import { partitionOfKeyGroup } from './key-hashes.js';
import type { LaneReader } from './lane-readers.js';
import type { Lane } from './lanes.js';
import { errorOfText } from './messages.js';
import type {
  ErrorText,
  LaneSnapshot,
  PartitionSnapshot,
  QueryReport,
  QueryTask,
} from './messages.js';
import { PartitionHost } from './partition-host.js';
import { PartitionStateManager } from './partition-state.js';
import { DigestOutput, EncodedOutput, StreamOutput } from './result-output.js';
import type { ResultOutput } from './result-output.js';
import { Ring } from './ring.js';
import type { PartitionedSettings } from './settings.js';
import { SourceThrottle } from './source-throttle.js';
import { StreamMerge } from './stream-merge.js';
import { StreamSender } from './stream.js';
import {
  edgePartitions,
  firstStreamOf,
  ownerOf,
  partitionsOf,
  resultShape,
  stageShape,
  topLevel,
} from './topology.js';
import { TurnTaker } from './turn-taker.js';
import type { TurnTable } from './turns.js';
import { ROUND_BARRIER } from './turns.js';
import { BatchReader, BatchWriter } from './wire.js';
import { WorkerAccounts } from './worker-accounts.js';
import type { QueryTime, WorkerTime } from './worker-time.js';

/** Blocks that are taken from one reader before other work has its turn. */
const BLOCKS_PER_POLL = 16;
/** How often the size of the state is measured. */
const STATE_EVERY_NS = 1e9;

export interface QueryWorkerParts {
  readonly index: number;
  readonly task: QueryTask;
  readonly worker: number;
  readonly workers: number;
  readonly partitions: number;
  readonly control: JobControl;
  readonly turns: TurnTable;
  readonly readers: readonly LaneReader[];
  readonly accounts: QueryAccounts;
  readonly deadLetters: boolean;
  readonly settings: PartitionedSettings;
  readonly clock: Clock;
  readonly time: WorkerTime;
  readonly arenas: {
    readonly exchange: readonly BlockArena[];
    readonly stage: readonly BlockArena[];
    readonly output: readonly BlockArena[];
  };
  /** Does something else, or sleeps for a moment; throws JobAborted. */
  readonly wait: () => void;
  readonly failed: (query: number, seq: number | null, error: unknown) => void;
  readonly snapshot: (
    query: number,
    lanes: readonly LaneSnapshot[] | null,
    partitions: readonly PartitionSnapshot[],
  ) => void;
}

export class QueryWorker {
  readonly taker: TurnTaker;
  readonly cells: PartitionCells;
  readonly throttle: SourceThrottle;
  private readonly parts: QueryWorkerParts;
  private readonly time: QueryTime;
  private readonly accounts: WorkerAccounts;
  private readonly host: PartitionHost | null = null;
  private readonly managers: PartitionStateManager[] = [];
  private readonly counters: OperatorCounters[] = [];
  private readonly receiver: exchange.ExchangeReceiver | null = null;
  private readonly sender: exchange.ExchangeSender | null = null;
  private readonly readers: (BatchReader | null)[] = [];
  private readonly stage: StreamMerge | null = null;
  private readonly stageSender: StreamSender | null = null;
  private readonly globalManager: PartitionStateManager | null = null;
  private readonly output: ResultOutput;
  private readonly level: 0 | 1 | 2;
  private readonly latency: LatencyLog;
  private readonly ownPartitions: readonly number[];
  private roundDone = 0;
  /** How long the last block waited before it was taken in. */
  private queueLatencyMs = 0;
  private queueLatencyNs = Number.NEGATIVE_INFINITY;
  private stateNextNs = 0;
  /** Failed records of a stateless query that partitions were told of. */
  private rowsFailedSeen = 0;
  /** Rows of the turn at hand that came to partitions here. */
  private rowsOfTurn = 0;
  private failedHere = false;
  /** A turn that failed: what follows it is taken in only if a LIMIT was reached before it. */
  private lost: { readonly seq: number; readonly error: unknown; raised: boolean } | null = null;
  private busyHost = false;
  private busyStage = false;
  /** The turn whose global part is the last. */
  private lastStageSeq = Number.POSITIVE_INFINITY;
  private stageSeq = 0;
  private lastDoneNs = Number.NaN;

  constructor(parts: QueryWorkerParts) {
    this.parts = parts;
    const { task, worker, workers, partitions } = parts;
    const { fragments, memory } = task;
    this.level = topLevel(fragments);
    this.cells = new PartitionCells(new Float64Array(memory.cells), workers, partitions);
    this.time = parts.time.addQuery(this.cells.workerRow(worker));
    this.throttle = new SourceThrottle(parts.settings, this.cells, worker);
    this.accounts = new WorkerAccounts(memory.accounts, worker);
    this.latency = new LatencyLog(parts.clock);
    this.ownPartitions = Array.from({ length: partitions }, (_, at) => at).filter(
      (partition) => ownerOf(partition, workers) === worker,
    );
    this.output = this.newOutput();
    if (this.level === 2) {
      const stage = this.buildStage();
      this.stageSender = stage.sender;
      this.stage = stage.merge;
      this.globalManager = stage.manager;
    }
    if (this.level > 0) {
      this.managers = this.buildManagers();
      this.host = new PartitionHost({
        fragments,
        lanes: task.lanes,
        workers,
        managers: this.managers,
        cells: this.cells,
        worker,
        time: this.time,
        turnDone: (seq) => this.hostTurnDone(seq),
        snapshot: () => this.hostBarrier(),
      });
      if (workers > 1) {
        this.sender = this.newSender();
        this.receiver = this.newReceiver();
        this.readers = fragments.edges.map((edge) =>
          edge.level === 1
            ? new BatchReader({ types: edge.schema.map(({ type }) => type), senders: workers })
            : null,
        );
      }
    }
    this.taker = this.buildTaker();
    if (task.restore !== null) this.restore(task.restore.partitions);
    if (fragments.fragments.length === 0) this.counters.length = 0;
  }

  get done(): boolean {
    if (!this.taker.done) return false;
    if (this.host !== null && !this.host.finished) return false;
    return this.stage === null || this.stageSeq > this.lastStageSeq;
  }

  /** Takes in what has arrived. True: something had. */
  poll(): boolean {
    this.sender?.push();
    if (this.failedHere) return false;
    if (this.lost !== null) {
      const staged = this.pollStage();
      return this.pollLost() || staged;
    }
    const progressed = this.pollHost();
    return this.pollStage() || progressed;
  }

  take(now: { readonly command: number; readonly barrier: number; readonly ms: number }): boolean {
    const progressed = this.taker.take(now);
    if (progressed) this.observe();
    return progressed;
  }

  /** Time this worker spent in the exchange waiting for others, ns. */
  waitedNs(): number {
    return this.sender?.waitedNs ?? 0;
  }

  /**
   * How much one measured piece of work is worth: rows of the last turn, shared by every two of the
   * partitions here, each of which is measured by itself.
   */
  get rowsPerMeasure(): number {
    const { rowsRead } = this.taker.turn;
    return Math.ceil(rowsRead / Math.max(1, this.ownPartitions.length / 2));
  }

  /**
   * What main can see: the accounts, the way to the partitions here (use of the rings, age of what
   * waits in them), now and then the size of the state.
   */
  observe(): void {
    const { time } = this;
    const before = time.enter(WorkerCounter.metricsUs);
    this.writeAccounts();
    const nowNs = time.worker.measured ? time.worker.lastNs : this.parts.clock.monotonicNs();
    this.throttle.observe(this.ownPartitions, {
      utilisation: Math.max(this.receiver?.utilisation() ?? 0, this.output.utilisation()),
      latencyMs: this.waitingMs(nowNs),
      nowMs: nowNs / 1e6,
    });
    if (nowNs >= this.stateNextNs) {
      this.stateNextNs = nowNs + STATE_EVERY_NS;
      this.measureState();
    }
    time.back(before);
  }

  /** How long the longest waiting block waits, or the last one did that was taken lately. */
  private waitingMs(nowNs: number): number {
    const oldestNs = this.receiver?.oldestSentNs() ?? Number.NaN;
    const waiting = Number.isNaN(oldestNs) ? 0 : (nowNs - oldestNs) / 1e6;
    const sinceMs = (nowNs - this.queueLatencyNs) / 1e6;
    const isRecent = sinceMs < this.parts.settings.backpressure.latencyThresholdMs;
    return isRecent ? Math.max(waiting, this.queueLatencyMs) : waiting;
  }

  private measureState(): void {
    const { cells } = this;
    const { worker } = this.parts;
    for (const partition of this.ownPartitions) {
      let rows = 0;
      let bytes = 0;
      for (const manager of this.allManagers()) {
        if (manager.partition !== partition) continue;
        const size = manager.stateSize();
        rows += size.rows;
        bytes += size.bytes;
      }
      cells.set(worker, partition, PartitionCounter.stateRows, rows);
      cells.set(worker, partition, PartitionCounter.stateBytes, bytes);
    }
  }

  private allManagers(): readonly PartitionStateManager[] {
    return this.globalManager === null ? this.managers : [...this.managers, this.globalManager];
  }

  report(): QueryReport {
    this.stateNextNs = 0;
    this.observe();
    // What main has still to take holds nothing back any more.
    const nowMs = this.parts.clock.monotonicNs() / 1e6;
    this.throttle.observe(this.ownPartitions, { utilisation: 0, latencyMs: 0, nowMs });
    return {
      digest: this.output.digest(),
      ...this.latency.report(),
      firstReadNs: this.taker.firstReadNs,
      lastDoneNs: this.lastDoneNs,
      limited: this.parts.turns.limited(),
    };
  }

  private writeAccounts(): void {
    this.accounts.write(this.parts.accounts, this.counters, this.output.rowsOut());
  }

  private newOutput(): ResultOutput {
    const { task, worker, workers, partitions, arenas, control, wait } = this.parts;
    if (task.sink === 'digest') return new DigestOutput(task.plan);
    const shape = resultShape(task.plan, task.fragments, { partitions, workers });
    const sender = new StreamSender({
      arena: arenas.output[worker]!,
      ring: new Ring(task.memory.outputRings[worker]!),
      wait,
      wakeReader: () => control.wakeMain(),
    });
    const marks = shape.senders.includes(worker);
    if (task.encoding !== null) {
      const { schema } = task.plan.sink;
      return new EncodedOutput(sender, task.encoding, { schema, marks, direct: shape.direct });
    }
    return new StreamOutput(sender, { plan: task.plan, streams: shape.streams.length, marks });
  }

  private newSender(): exchange.ExchangeSender {
    const { task, worker, workers, arenas, control, clock, wait } = this.parts;
    return new exchange.ExchangeSender({
      arena: arenas.exchange[worker]!,
      rings: Array.from(
        { length: workers },
        (_, receiver) => new Ring(task.memory.exchangeRings[worker * workers + receiver]!),
      ),
      wait,
      wakeReceiver: (receiver) => {
        if (receiver !== worker) control.wake(receiver);
      },
      nowNs: () => clock.monotonicNs(),
    });
  }

  private newReceiver(): exchange.ExchangeReceiver {
    const { task, worker, workers, arenas, control } = this.parts;
    return new exchange.ExchangeReceiver({
      rings: Array.from(
        { length: workers },
        (_, sender) => new Ring(task.memory.exchangeRings[sender * workers + worker]!),
      ),
      arenas: arenas.exchange,
      wakeSender: (sender) => {
        if (sender !== worker) control.wake(sender);
      },
    });
  }

  private newManager(
    fragment: StatefulFragment,
    partition: number,
    emit: (partition: number, batch: Batch) => void,
  ): PartitionStateManager {
    const { task, accounts, worker } = this.parts;
    const manager = new PartitionStateManager({
      partition,
      fragment,
      everyRowWatermark: task.fragments.everyRowWatermark,
      errors: accounts,
      late: accounts,
      requestStop: () => this.limitReached(),
      emit,
      cells: this.cells,
      worker,
    });
    this.counters.push(manager.counters);
    return manager;
  }

  private buildManagers(): PartitionStateManager[] {
    const { task, worker, workers, partitions } = this.parts;
    const managers: PartitionStateManager[] = [];
    for (const fragment of task.fragments.fragments) {
      if (fragment.level !== 1) continue;
      const emit = this.fragmentOutput(fragment);
      for (let partition = 0; partition < partitionsOf(fragment, partitions); partition += 1) {
        if (ownerOf(partition, workers) !== worker) continue;
        managers.push(this.newManager(fragment, partition, emit));
      }
    }
    return managers;
  }

  private fragmentOutput(fragment: StatefulFragment): (partition: number, batch: Batch) => void {
    const { task, partitions } = this.parts;
    const place = (): PartitionHost => this.host!;
    if (fragment.target === null) {
      return (partition, batch) => this.resultRows(place().seq, place().part, partition, batch);
    }
    const first = firstStreamOf(task.fragments, fragment.index, partitions);
    const edge = task.fragments.edges[fragment.target]!;
    const types = edge.schema.map(({ type }) => type);
    const writers = Array.from(
      { length: partitionsOf(fragment, partitions) },
      () => new BatchWriter({ types, withRaw: false }),
    );
    const sender = this.stageSender!;
    return (partition, batch) => {
      const before = this.time.enter(WorkerCounter.exchangeUs);
      sender.rows(place().seq, place().part, first + partition, writers[partition]!, batch);
      this.time.back(before);
    };
  }

  private resultRows(seq: number, part: number, stream: number, batch: Batch): void {
    const before = this.time.enter(WorkerCounter.outputUs);
    this.output.rows(seq, part, stream, batch);
    this.time.back(before);
  }

  private resultTurnDone(seq: number): void {
    const before = this.time.enter(WorkerCounter.outputUs);
    this.output.turnDone(seq);
    this.time.back(before);
  }

  private buildStage(): {
    sender: StreamSender;
    merge: StreamMerge | null;
    manager: PartitionStateManager | null;
  } {
    const { task, worker, workers, partitions, arenas, control, wait } = this.parts;
    const { fragments, memory } = task;
    const sender = new StreamSender({
      arena: arenas.stage[worker]!,
      ring: new Ring(memory.stageRings[worker]!),
      wait,
      wakeReader: () => {
        if (worker !== 0) control.wake(0);
      },
    });
    if (worker !== 0) return { sender, merge: null, manager: null };
    const shape = stageShape(fragments, { partitions, workers });
    const fragment = fragments.fragments.find(({ level }) => level === 2)!;
    const manager = this.newManager(fragment, 0, (_partition, batch) =>
      this.resultRows(this.stageSeq, 0, 0, batch),
    );
    const consumer = new GlobalStage({
      manager,
      edges: fragments.edges.filter((edge) => edge.level === 2),
      streamEdges: shape.streamEdges,
      turnDone: (seq) => this.stageTurnDone(seq),
      snapshot: () => this.stageBarrier(),
      barrier: ROUND_BARRIER,
    });
    const merge = new StreamMerge({
      rings: shape.senders.map((from) => new Ring(memory.stageRings[from]!)),
      arenas: shape.senders.map((from) => arenas.stage[from]!),
      streams: shape.streams,
      markersPerTurn: shape.markersPerTurn,
      direct: shape.direct,
      wakeSender: (from) => {
        if (from !== 0) control.wake(from);
      },
      consumer,
    });
    return { sender, merge, manager };
  }

  private buildTaker(): TurnTaker {
    const { task, worker, accounts, turns, readers, clock } = this.parts;
    const { fragments, lanes } = task;
    const edges: (EdgeOutput | null)[] = [];
    const ports: ScanPort[] = [];
    const taker = new TurnTaker({
      worker,
      turns,
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
      turnDone: (turn) => this.takenTurnDone(turn),
      failed: (seq, error) => this.turnFailed(seq, error),
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
          requestStop: () => this.limitReached(),
        },
        { everyRowWatermark: fragments.everyRowWatermark, prefix: taker },
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
    const { worker, partitions } = this.parts;
    const partition = turn.seq % partitions;
    this.cells.add(worker, partition, PartitionCounter.rowsOut, batch.selectedCount);
    this.resultRows(turn.seq, 0, worker, batch);
  }

  /** A turn was read and sent, or, without partitions, is done. */
  private takenTurnDone(turn: TurnFacts): void {
    const { partitions, task, clock } = this.parts;
    const isStateless = this.level === 0;
    if (isStateless) {
      this.resultTurnDone(turn.seq);
      this.countStateless(turn, turn.seq % partitions);
    }
    const edge = task.lanes[turn.lane]?.edge ?? null;
    const partial = edge !== null && task.fragments.edges[edge]!.partial !== null;
    if (turn.rowsRead > 0) this.latency.read(turn);
    if (this.sender !== null && !isStateless && !partial) return;
    if (turn.rowsRead > 0) this.latency.done(turn, turn.rowsRead);
    this.lastDoneNs = clock.monotonicNs();
  }

  /** Without partitions to own, a turn counts for the one that its number falls to. */
  private countStateless(turn: TurnFacts, partition: number): void {
    const { cells } = this;
    const { worker, accounts, clock } = this.parts;
    const { rowsFailed } = accounts;
    cells.add(worker, partition, PartitionCounter.rowsFailed, rowsFailed - this.rowsFailedSeen);
    this.rowsFailedSeen = rowsFailed;
    if (turn.rowsRead === 0) return;
    cells.add(worker, partition, PartitionCounter.rowsIn, turn.rowsRead);
    cells.add(worker, partition, PartitionCounter.batches, 1);
    const us = (clock.monotonicNs() - turn.readNs) / 1e3;
    cells.add(worker, partition, PartitionCounter.busyUs, us);
    cells.latency(worker, partition, us);
  }

  private pollHost(): boolean {
    const { receiver, host } = this;
    if (receiver === null || host === null || this.busyHost || host.finished) return false;
    // The global fragment waits for main: the partitions here would fill the ring that it empties.
    if (this.busyStage) return false;
    this.busyHost = true;
    const before = this.time.enter(WorkerCounter.exchangeUs);
    let taken = 0;
    try {
      while (taken < BLOCKS_PER_POLL && !host.finished && this.lost === null) {
        const sender = receiver.senderOf(host.seq);
        if (sender < 0) break;
        this.deliver(receiver, host, sender);
        receiver.done(sender);
        taken += 1;
      }
    } catch (error) {
      this.fail(host.seq, error);
    } finally {
      this.busyHost = false;
      this.time.back(before);
    }
    if (taken > 0) this.observe();
    return taken > 0;
  }

  private deliver(receiver: exchange.ExchangeReceiver, host: PartitionHost, sender: number): void {
    const at = receiver.blockOf(sender);
    const { memory } = receiver.arena(sender);
    const { f64, u8 } = memory;
    const head = at >> 3;
    const payload = at + exchange.EXCHANGE_HEADER_BYTES;
    const edge = f64[head + exchange.EDGE]!;
    const lane = f64[head + exchange.LANE]!;
    const a = f64[head + exchange.NUMBER_A]!;
    const b = f64[head + exchange.NUMBER_B]!;
    switch (f64[head + exchange.KIND]) {
      case exchange.KIND_ROWS: {
        const reader = this.readers[edge]!;
        const batch = reader.read(sender, memory, payload, this.ownPartitions);
        host.readNs = f64[head + exchange.READ_NS]!;
        batch.header.sourceName = (this.parts.task.lanes[lane] as Lane).sourceName;
        const part = f64[head + exchange.PART]!;
        this.rowsOfTurn += host.rows(edge, part, batch, (partition) => reader.rowsOf(partition));
        return;
      }
      case exchange.KIND_PARTIALS: {
        const length = f64[head + exchange.BYTES]!;
        const bytes = u8.subarray(payload, payload + length);
        host.readNs = f64[head + exchange.READ_NS]!;
        host.partials(edge, f64[head + exchange.PARTITION]!, bytes);
        return;
      }
      case exchange.KIND_TURN_END:
        this.received(f64, head);
        host.turnEnd(
          { lane, watermarkMs: a, ingestMs: f64[head + exchange.INGEST_MS]! },
          sender,
          b,
        );
        return;
      case exchange.KIND_LANE_END:
        host.laneEnd(lane);
        return;
      case exchange.KIND_LANE_IDLE:
        host.laneIdle(lane);
        return;
      case exchange.KIND_ROUND:
        host.round(a, sender, b);
        return;
      default: {
        const length = f64[head + exchange.BYTES]!;
        const text = new TextDecoder().decode(u8.slice(payload, payload + length));
        this.turnFailed(host.seq, errorOfText(JSON.parse(text) as ErrorText));
      }
    }
  }

  /** The latency of a turn's rows, where they went through the exchange. */
  private received(f64: Float64Array, head: number): void {
    const { task, clock } = this.parts;
    const lane = task.lanes[f64[head + exchange.LANE]!]!;
    const nowNs = clock.monotonicNs();
    this.queueLatencyNs = nowNs;
    this.queueLatencyMs = (nowNs - f64[head + exchange.SENT_NS]!) / 1e6;
    if (task.fragments.edges[lane.edge!]!.partial !== null) return;
    const rows = this.rowsOfTurn;
    this.rowsOfTurn = 0;
    this.lastDoneNs = nowNs;
    if (rows === 0) return;
    this.latency.done(
      {
        readNs: f64[head + exchange.READ_NS]!,
        dueFirstNs: f64[head + exchange.DUE_FIRST_NS]!,
        dueLastNs: f64[head + exchange.DUE_LAST_NS]!,
      },
      rows,
    );
  }

  /** In sequence: the partitions here have taken in everything before the failed turn. */
  private turnFailed(seq: number, error: unknown): void {
    if (this.host === null) this.parts.failed(this.parts.index, seq, error);
    else this.lost = { seq, error, raised: false };
  }

  /**
   * Passes over a failed turn when a LIMIT was reached before it; else worker 0 raises its error
   * as soon as that is certain: when the global fragment, too, has come to it.
   */
  private pollLost(): boolean {
    const { lost, stage } = this;
    const { turns, index, worker } = this.parts;
    if (lost === null || this.busyHost) return false;
    if (turns.limited()) {
      this.lost = null;
      this.busyHost = true;
      this.host!.skipTurn();
      this.busyHost = false;
      return true;
    }
    if (worker !== 0 || lost.raised || (stage !== null && this.stageSeq < lost.seq)) return false;
    lost.raised = true;
    this.parts.failed(index, lost.seq, lost.error);
    return false;
  }

  private limitReached(): void {
    this.parts.turns.limit();
    this.parts.control.wakeAll();
  }

  private fail(seq: number, error: unknown): void {
    if (error instanceof JobAborted) throw error;
    this.failedHere = true;
    this.parts.turns.halt();
    this.parts.failed(this.parts.index, seq, error);
  }

  /** All of a turn's rows have left the partitions here. */
  private hostTurnDone(seq: number): void {
    const { worker, workers, partitions, task, clock } = this.parts;
    this.lastDoneNs = clock.monotonicNs();
    if (this.level === 1) {
      this.resultTurnDone(seq);
      return;
    }
    const shape = stageShape(task.fragments, { partitions, workers });
    if (!shape.senders.includes(worker)) return;
    this.stageSender!.marker(seq, stageMarker(this.roundDone, this.host!.progress()));
    this.roundDone = 0;
    if (this.host!.finished) this.lastStageSeq = seq;
  }

  private pollStage(): boolean {
    if (this.stage === null || this.busyStage) return false;
    this.busyStage = true;
    const before = this.time.enter(WorkerCounter.operatorsUs);
    try {
      const progressed = this.stage.poll(BLOCKS_PER_POLL);
      if (progressed) this.observe();
      return progressed;
    } catch (error) {
      this.fail(this.stageSeq, error);
      return false;
    } finally {
      this.busyStage = false;
      this.time.back(before);
    }
  }

  private stageTurnDone(seq: number): void {
    this.resultTurnDone(seq);
    this.stageSeq = seq + 1;
    this.lastDoneNs = this.parts.clock.monotonicNs();
  }

  /** A barrier in sequence: the partitions hold exactly what came before it. */
  private hostBarrier(): void {
    const { index, worker } = this.parts;
    this.roundDone = ROUND_BARRIER;
    const partitions = this.managers.map((manager) => ({
      fragment: manager.fragment.index,
      partition: manager.partition,
      operators: manager.snapshot(),
    }));
    if (worker !== 0) {
      this.parts.snapshot(index, null, partitions);
      return;
    }
    const edges = { fragment: -1, partition: 0, operators: this.host!.edgeSnapshots() };
    this.parts.snapshot(index, null, [...partitions, edges]);
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

  private stageBarrier(): void {
    const manager = this.globalManager!;
    const { fragment } = manager;
    const part = { fragment: fragment.index, partition: 0, operators: manager.snapshot() };
    this.parts.snapshot(this.parts.index, null, [part]);
  }

  private restore(snapshots: readonly PartitionSnapshot[]): void {
    const { partitions } = this.parts;
    for (const { fragment, operators } of snapshots) {
      if (fragment < 0) this.host?.restoreEdges(operators);
      for (const manager of this.managers) {
        if (manager.fragment.index !== fragment) continue;
        const count = partitionsOf(manager.fragment, partitions);
        manager.restore(
          operators,
          (keyGroup) => partitionOfKeyGroup(keyGroup, count) === manager.partition,
        );
      }
      if (this.globalManager?.fragment.index === fragment) {
        this.globalManager.restore(operators, () => true);
      }
    }
  }
}
