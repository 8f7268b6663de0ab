/**
 * What can be seen of one query's work in one worker: its accounts, latency, the pressure on its
 * partitions and the size of their state. Owns when each is looked at; main reads the shared cells
 * (metrics/partition-metrics), and gets a report at the end. @hot
 */
import { sizeOf } from '../../../runtime/operator.js';
import type { PartitionCells } from '../../../metrics/partition-metrics.js';
import { PartitionCounter, WorkerCounter } from '../../../metrics/partition-metrics.js';
import { LatencyLog } from '../../latency-log.js';
import type { BlockTimes } from '../../latency-log.js';
import type { ExchangeReceiver, TurnFacts } from '../exchange/exchange.js';
import type { QueryReport } from '../messages.js';
import type { QueryPartitions } from './query-partitions.js';
import type { QueryWorkerParts } from './query-wiring.js';
import type { ResultOutput } from './result-output.js';
import { SourceThrottle } from '../pressure/source-throttle.js';
import { WorkerAccounts } from './worker-accounts.js';
import type { QueryTime } from './worker-time.js';

/** How often the size of the state is measured. */
const STATE_EVERY_NS = 1e9;
/** How often rows in groups are counted: less often where there are many groups, up to a limit. */
const FORMED_EVERY_NS = 1e8;
const FORMED_EVERY_NS_MAX = 5e8;
const FORMED_SHARE = 1 / 200;

export interface QueryObserverParts {
  readonly query: QueryWorkerParts;
  readonly cells: PartitionCells;
  readonly time: QueryTime;
  readonly output: ResultOutput;
  /** null: nothing comes from other workers. */
  readonly receiver: ExchangeReceiver | null;
  readonly partitions: QueryPartitions;
  readonly ownPartitions: readonly number[];
  /** Throws when the job takes too much memory. */
  readonly checkMemory: () => void;
  /** Tells main how many rows stand in groups that are formed here. */
  readonly countFormed: () => void;
}

export class QueryObserver {
  readonly throttle: SourceThrottle;
  private readonly parts: QueryObserverParts;
  private readonly accounts: WorkerAccounts;
  private readonly latency: LatencyLog;
  /** How long the last block waited before it was taken in. */
  private queueLatencyMs = 0;
  private queueLatencyNs = Number.NEGATIVE_INFINITY;
  private stateNextNs = 0;
  private formedNextNs = 0;
  /** Failed records of a stateless query that partitions were told of. */
  private rowsFailedSeen = 0;
  private lastDoneNs = Number.NaN;

  constructor(parts: QueryObserverParts) {
    this.parts = parts;
    const { settings, task, worker, clock } = parts.query;
    this.throttle = new SourceThrottle(settings, parts.cells, worker);
    this.accounts = new WorkerAccounts(task.memory.accounts, worker);
    this.latency = new LatencyLog(clock);
  }

  /**
   * What main can see: the accounts, the way to the partitions here (use of the rings, age of what
   * waits in them), now and then the size of the state.
   */
  observe(): void {
    const { query, time, receiver, output, ownPartitions } = this.parts;
    const before = time.enter(WorkerCounter.metricsUs);
    this.writeAccounts();
    const nowNs = time.worker.measured ? time.worker.lastNs : query.clock.monotonicNs();
    this.throttle.observe(ownPartitions, {
      utilisation: Math.max(receiver?.utilisation() ?? 0, output.utilisation()),
      latencyMs: this.waitingMs(nowNs),
      nowMs: nowNs / 1e6,
    });
    if (nowNs >= this.stateNextNs) {
      this.stateNextNs = nowNs + STATE_EVERY_NS;
      this.measureState();
    }
    if (nowNs >= this.formedNextNs) this.countFormed(nowNs);
    this.parts.checkMemory();
    time.back(before);
  }

  /** Many groups take longer to count, and are counted less often. */
  private countFormed(nowNs: number): void {
    this.parts.countFormed();
    const tookNs = this.parts.query.clock.monotonicNs() - nowNs;
    const pauseNs = Math.max(FORMED_EVERY_NS, tookNs / FORMED_SHARE);
    this.formedNextNs = nowNs + Math.min(pauseNs, FORMED_EVERY_NS_MAX);
  }

  /** How long the longest waiting block waits, or the last one did that was taken lately. */
  private waitingMs(nowNs: number): number {
    const { receiver, query } = this.parts;
    const oldestNs = receiver?.oldestSentNs() ?? Number.NaN;
    const waiting = Number.isNaN(oldestNs) ? 0 : (nowNs - oldestNs) / 1e6;
    const sinceMs = (nowNs - this.queueLatencyNs) / 1e6;
    const isRecent = sinceMs < query.settings.backpressure.latencyThresholdMs;
    return isRecent ? Math.max(waiting, this.queueLatencyMs) : waiting;
  }

  private measureState(): void {
    const { query, cells, partitions, ownPartitions } = this.parts;
    for (const partition of ownPartitions) {
      const managers = partitions.all.filter((manager) => manager.partition === partition);
      const { rows, bytes, pagedBytes, pagesRead } = sizeOf(managers);
      const set = (counter: PartitionCounter, value: number): void =>
        cells.set(query.worker, partition, counter, value);
      set(PartitionCounter.stateRows, rows);
      set(PartitionCounter.stateBytes, bytes);
      set(PartitionCounter.pagedBytes, pagedBytes);
      set(PartitionCounter.pagesRead, pagesRead);
    }
  }

  private writeAccounts(): void {
    const { query, partitions, output } = this.parts;
    this.accounts.write(query.accounts, partitions.counters, output.rowsOut());
  }

  /** A block that was sent at `sentNs` is taken in now. */
  blockWaited(sentNs: number, nowNs: number): void {
    this.queueLatencyNs = nowNs;
    this.queueLatencyMs = (nowNs - sentNs) / 1e6;
  }

  /** `rows` rows of a turn have been through the partitions here, or wait in their state. */
  rowsDone(times: BlockTimes, rows: number): void {
    this.workDone();
    if (rows > 0) this.latency.done(times, rows);
  }

  /** Something is done that results may have come of. */
  workDone(): void {
    this.lastDoneNs = this.parts.query.clock.monotonicNs();
  }

  /** A turn's block was read here; `isDone`: and its rows are through, or in partial groups. */
  turnTaken(turn: TurnFacts, isDone: boolean): void {
    if (turn.rowsRead > 0) this.latency.read(turn);
    if (isDone) this.rowsDone(turn, turn.rowsRead);
  }

  /** Rows of a stateless query are counted for the partition that the turn's number falls to. */
  statelessRows(turn: TurnFacts, rows: number): void {
    const { query, cells } = this.parts;
    cells.add(query.worker, turn.seq % query.partitions, PartitionCounter.rowsOut, rows);
  }

  /** As statelessRows, for the turn as a whole. */
  statelessTurn(turn: TurnFacts): void {
    const { cells, query } = this.parts;
    const { rowsFailed } = query.accounts;
    const partition = turn.seq % query.partitions;
    const failed = rowsFailed - this.rowsFailedSeen;
    cells.add(query.worker, partition, PartitionCounter.rowsFailed, failed);
    this.rowsFailedSeen = rowsFailed;
    if (turn.rowsRead === 0) return;
    cells.add(query.worker, partition, PartitionCounter.rowsIn, turn.rowsRead);
    this.readTurn(turn);
  }

  /**
   * A turn whose rows are done where they were read, by a stateless query or formed into groups: the
   * work is counted for the partition that the turn's number falls to. Which partitions the groups
   * belong to is counted apart.
   */
  readTurn(turn: TurnFacts): void {
    const { cells, query } = this.parts;
    const { worker, clock } = query;
    if (turn.rowsRead === 0) return;
    const partition = turn.seq % query.partitions;
    cells.add(worker, partition, PartitionCounter.batches, 1);
    const us = (clock.monotonicNs() - turn.readNs) / 1e3;
    cells.add(worker, partition, PartitionCounter.busyUs, us);
    cells.latency(worker, partition, us);
  }

  /** Once, when all is done. */
  report(firstReadNs: number): QueryReport {
    const { query, output, ownPartitions } = this.parts;
    this.stateNextNs = 0;
    this.formedNextNs = 0;
    this.observe();
    // What main has still to take holds nothing back any more.
    const nowMs = query.clock.monotonicNs() / 1e6;
    this.throttle.observe(ownPartitions, { utilisation: 0, latencyMs: 0, nowMs });
    return {
      digest: output.digest(),
      ...this.latency.report(),
      firstReadNs,
      lastDoneNs: this.lastDoneNs,
      limited: query.turns.endedByLimits(),
    };
  }
}
