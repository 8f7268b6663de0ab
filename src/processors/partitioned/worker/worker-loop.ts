/**
 * A worker thread: gets a job, works on all of its queries until they are done, reports, and waits
 * for the next job. Owns the loop, sleeping, and waiting without blocking others; one query's work
 * is query-worker.ts, what it reads worker-lanes.ts. The loop is synchronous: a worker looks at its
 * event loop only between jobs, while a lane waits for the world and, where lanes are read through
 * sockets of its own, now and then.
 *
 * A worker that cannot go on (a full ring, a time that another must publish) drains its own inputs
 * and tries again; it sleeps only when there is nothing to drain, and never in a wait that another
 * worker's progress does not end.
 */
import { readlinkSync } from 'node:fs';
import { parentPort, threadId } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { clockAt, systemClock } from '../../../base/clock.js';
import type { Clock } from '../../../base/clock.js';
import { BlockArena } from '../../../columnar/arena.js';
import { takeOverSources } from '../../../connectors/registry.js';
import { WorkerCounter } from '../../../metrics/partition-metrics.js';
import { QueryAccounts } from '../../query-accounts.js';
import { ReadyWait } from '../../ready-wait.js';
import { BatchRows } from '../turns/batch-rows.js';
import {
  COMMAND_ABORT,
  COMMAND_HOLD,
  COMMAND_STOP,
  JobAborted,
  JobControl,
  TurnGivenUp,
} from '../control.js';
import type { LaneReader } from './lane-readers.js';
import { MemoryBudget, memoryError } from '../../memory-budget.js';
import type { OperatorSize } from '../../memory-budget.js';
import { errorText } from '../messages.js';
import type { FromWorker, QueryTask, ToWorker, WorkerTask } from '../messages.js';
import { QueryWorker } from './query-worker.js';
import { dealingOf, pacedLanes } from '../exchange/topology.js';
import { TurnTable } from '../turns/turns.js';
import { WorkerLanes } from './worker-lanes.js';
import { WorkerTime } from './worker-time.js';

/** A wait begins without sleep for so long: falling asleep and waking up take about as long. */
const AWAKE_MS = 0.05;
/** A sleep inside a wait: short, since a publication of an event time wakes nobody. */
const WAIT_SLEEP_MS = 0.05;
/** An idle worker looks up so often even if nobody wakes it. */
const IDLE_MS_MAX = 100;
/** How long what is under way may still take when the job is stopped. */
const STOP_PATIENCE_MS = 500;
/** How long sockets may wait for a worker that is busy. A look at them takes some microseconds. */
const SOCKETS_EVERY_NS = 0.5e6;

class WorkerJob {
  readonly queries: QueryWorker[] = [];
  private readonly task: WorkerTask;
  private readonly port: MessagePort;
  private readonly control: JobControl;
  private readonly readers: LaneReader[] = [];
  private readonly lanes: WorkerLanes;
  private readonly budget: MemoryBudget;
  private readonly batchRows: BatchRows;
  /** Individual rows: taken when they are due, and passed on at once. */
  private readonly precise: boolean;
  private idleSinceNs = Number.NaN;
  /** When a long answer, or a wait, was first told of a stop. */
  private stopSeenNs = Number.NaN;
  private socketsSeenNs = 0;
  private readonly time = new WorkerTime(systemClock);
  /** When records are read. */
  private readonly clock: Clock;
  private readonly inputWait = new ReadyWait();
  private readonly arenas: {
    readonly exchange: readonly BlockArena[];
    readonly stage: readonly BlockArena[];
    readonly output: readonly BlockArena[];
  };

  constructor(task: WorkerTask, port: MessagePort) {
    this.task = task;
    this.port = port;
    const { settings } = task;
    this.control = new JobControl(task.control, settings.workers);
    this.clock = clockAt(task.nowMs);
    this.precise = settings.mode.kind === 'individual';
    this.batchRows = new BatchRows(settings.mode, task.batchRows);
    this.budget = new MemoryBudget(settings.maxMemoryBytes);
    this.lanes = new WorkerLanes({
      task,
      control: this.control,
      batchRows: this.batchRows,
      notice: (line) => this.post({ kind: 'notice', line }),
    });
    const arena = (buffer: SharedArrayBuffer): BlockArena => new BlockArena(buffer);
    this.arenas = {
      exchange: task.exchangeArenas.map(arena),
      stage: task.stageArenas.map(arena),
      output: task.outputArenas.map(arena),
    };
  }

  async open(): Promise<void> {
    takeOverSources(this.task.handed);
    for (const [index, query] of this.task.queries.entries()) {
      await this.openQuery(query, index);
    }
  }

  private async openQuery(query: QueryTask, index: number): Promise<void> {
    const { task, control } = this;
    const { workers, partitions } = task.settings;
    const accounts = new QueryAccounts(
      task.onError,
      task.deadLetters ? { write: (letter) => this.post({ kind: 'letter', letter }) } : null,
    );
    const dealing = dealingOf(query.fragments, { lanes: query.lanes, mode: task.settings.mode });
    const turns = new TurnTable(query.memory.turns, {
      lanes: query.lanes.length,
      workers,
      worker: task.worker,
      dealing,
      paced: pacedLanes(query),
    });
    const readers = await this.lanes.open({ query, turns, errors: accounts });
    this.readers.push(...readers);
    this.queries.push(
      new QueryWorker({
        index,
        task: query,
        worker: task.worker,
        workers,
        partitions,
        control,
        turns,
        dealing,
        readers,
        accounts,
        deadLetters: task.deadLetters,
        settings: task.settings,
        stateMemory: task.stateMemory,
        budget: this.budget,
        clock: systemClock,
        time: this.time,
        arenas: this.arenas,
        wait: () => this.waitMoment(),
        check: () => this.check(),
        failed: (at, seq, error) =>
          this.post({ kind: 'failed', query: at, seq, error: errorText(error) }),
        snapshot: (at, lanes, parts) =>
          this.postSnapshot({
            kind: 'snapshot',
            query: at,
            barrier: control.barrier(),
            lanes,
            partitions: parts,
          }),
      }),
    );
    this.queries.at(-1)?.taker.useWait((condition) => this.waitUntil(condition));
  }

  /** Works until every query is done. Throws JobAborted when main says so. */
  async run(): Promise<void> {
    const cell = this.control.wakeCell(this.task.worker);
    const open = new Set(this.queries);
    let rowsPerMeasure = Number.POSITIVE_INFINITY;
    for (;;) {
      const ticket = cell.ticket();
      this.control.throwIfAborted();
      this.time.round(rowsPerMeasure);
      let progressed = false;
      rowsPerMeasure = 0;
      for (const query of open) {
        if (query.poll()) progressed = true;
        if (this.take(query)) progressed = true;
        rowsPerMeasure = Math.max(rowsPerMeasure, query.rowsPerMeasure);
        if (query.done) {
          query.copies.finish();
          open.delete(query);
        }
      }
      if (open.size === 0) return;
      if (this.copyState(open, !progressed)) progressed = true;
      if (progressed) {
        this.idleSinceNs = Number.NaN;
        if (this.socketsWait()) await this.lookAtSockets();
        continue;
      }
      if (this.staysAwake()) continue;
      for (const query of open) query.observe();
      await this.sleep(ticket);
    }
  }

  /** Between turns; true: there is more of it. */
  private copyState(queries: ReadonlySet<QueryWorker>, isIdle: boolean): boolean {
    let hasMore = false;
    for (const { copies } of queries) if (copies.step(isIdle)) hasMore = true;
    return hasMore;
  }

  private socketsWait(): boolean {
    if (!this.lanes.hasSockets) return false;
    return systemClock.monotonicNs() - this.socketsSeenNs > SOCKETS_EVERY_NS;
  }

  /** The event loop turns once: what has come is taken in, and the next is asked for. */
  private async lookAtSockets(): Promise<void> {
    this.time.whole();
    const before = this.time.enter(0, WorkerCounter.sourceUs);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.time.back(before);
    this.socketsSeenNs = systemClock.monotonicNs();
  }

  /** Waking up takes longer than what is waited for, or may take longer. */
  private staysAwake(): boolean {
    if (!this.precise || this.lanes.hasSockets) return false;
    const nowNs = systemClock.monotonicNs();
    if (Number.isNaN(this.idleSinceNs)) this.idleSinceNs = nowNs;
    return nowNs - this.idleSinceNs < AWAKE_MS * 1e6 || this.dueInMs() < AWAKE_MS;
  }

  /** ms until a lane has rows to take; Infinity if only an event tells. */
  private dueInMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const query of this.queries) dueMs = Math.min(dueMs, Math.max(0, query.taker.dueInMs));
    return dueMs;
  }

  private take(query: QueryWorker): boolean {
    const { control } = this;
    const command = control.command();
    if (command === COMMAND_HOLD || query.taker.done) return false;
    const delayMs = query.throttle.delayMs();
    if (delayMs > 0) this.pauseFor(query, delayMs);
    const began = systemClock.monotonicNs();
    const took = query.take({ command, barrier: control.barrier(), ms: this.clock.nowMs() });
    if (took) this.batchRows.turnTook((systemClock.monotonicNs() - began) / 1e6);
    return took;
  }

  /**
   * Backpressure: the source rests until the receivers have caught up, at most so long; own inputs
   * are drained meanwhile.
   */
  private pauseFor(query: QueryWorker, delayMs: number): void {
    const untilNs = systemClock.monotonicNs() + delayMs * 1e6;
    const isOver = (): boolean => {
      query.observe();
      return systemClock.monotonicNs() >= untilNs || query.throttle.delayMs() === 0;
    };
    this.waitUntil(isOver, WorkerCounter.throttledUs);
  }

  private async sleep(ticket: number): Promise<void> {
    const cell = this.control.wakeCell(this.task.worker);
    const before = this.waits(WorkerCounter.waitUs);
    const earlyMs = this.precise ? AWAKE_MS : 0;
    const dueMs = Math.min(IDLE_MS_MAX, this.dueInMs() - earlyMs);
    const ready = this.readers.flatMap((reader) => reader.ready() ?? []);
    if (ready.length > 0) {
      const input = this.inputWait.any(ready);
      await Promise.race([input, cell.sleepAsync(ticket, dueMs)]);
    } else if (this.lanes.hasSockets) await cell.sleepAsync(ticket, Math.max(0, dueMs));
    else if (dueMs > 0) cell.sleep(ticket, dueMs);
    this.time.back(before);
  }

  /** Waits for what another worker will do. */
  private waitUntil(condition: () => boolean, counter: WorkerCounter = WorkerCounter.waitUs): void {
    const cell = this.control.wakeCell(this.task.worker);
    const before = this.waits(counter);
    const patientNs = systemClock.monotonicNs() + AWAKE_MS * 1e6;
    while (!condition()) {
      const ticket = cell.ticket();
      this.check();
      if (this.drain()) continue;
      if (systemClock.monotonicNs() < patientNs || condition()) continue;
      cell.sleep(ticket, WAIT_SLEEP_MS);
    }
    this.time.back(before);
  }

  /** One step of a wait for room. */
  private waitMoment(): void {
    for (const query of this.queries) query.observe();
    const cell = this.control.wakeCell(this.task.worker);
    const ticket = cell.ticket();
    this.check();
    if (this.drain()) return;
    const before = this.waits(WorkerCounter.waitUs);
    cell.sleep(ticket, 1);
    this.time.back(before);
  }

  /** What begins is no work: it is measured in full. */
  private waits(counter: WorkerCounter): number {
    this.time.whole();
    return this.time.enter(0, counter);
  }

  /** In waits and in long answers: throws when the job is to be left, has been stopped too long, or memory ends. */
  private check(): void {
    const { control } = this;
    control.throwIfAborted();
    this.budget.check(systemClock, () => this.sizes());
    if (control.command() !== COMMAND_STOP) return;
    const nowNs = systemClock.monotonicNs();
    if (Number.isNaN(this.stopSeenNs)) this.stopSeenNs = nowNs;
    if (nowNs - this.stopSeenNs < STOP_PATIENCE_MS * 1e6) return;
    control.cut();
    control.throwIfAborted();
  }

  private drain(): boolean {
    let progressed = false;
    for (const query of this.queries) if (query.poll()) progressed = true;
    return progressed;
  }

  sizes(): OperatorSize[] {
    return this.queries.flatMap((query) => query.sizes());
  }

  finish(): void {
    this.post({ kind: 'finished', reports: this.queries.map((query) => query.report()) });
  }

  async close(): Promise<void> {
    await this.lanes.close();
  }

  private post(message: FromWorker): void {
    this.port.postMessage(message);
  }

  /** The memory of its parts becomes main's: nobody here looks at it again. */
  private postSnapshot(message: Extract<FromWorker, { kind: 'snapshot' }>): void {
    const parts = message.partitions.flatMap(({ operators }) => operators);
    const memory = new Set(parts.map(({ bytes }) => bytes.buffer as ArrayBuffer));
    this.port.postMessage(message, [...memory]);
  }
}

/** The kernel's number of this thread, for taskset and /proc; null where there is none. */
function kernelThreadId(): number | null {
  try {
    const id = Number(/(\d+)$/.exec(readlinkSync('/proc/thread-self'))?.[1]);
    return Number.isSafeInteger(id) ? id : null;
  } catch {
    return null;
  }
}

/** Works on one job. Whatever happens in it, main hears how it ended, and never waits for it. */
async function work(task: WorkerTask, port: MessagePort): Promise<void> {
  const post = (message: FromWorker): void => port.postMessage(message);
  let job: WorkerJob | null = null;
  try {
    job = new WorkerJob(task, port);
    await job.open();
    post({ kind: 'ready', threadId, tid: kernelThreadId() });
    await job.run().catch((error: unknown) => {
      if (!(error instanceof TurnGivenUp)) throw error;
    });
    await job.close();
    job.finish();
  } catch (error) {
    if (!(error instanceof JobAborted)) {
      const told = memoryError(error, () => job?.sizes() ?? []);
      post({ kind: 'failed', query: 0, seq: null, error: errorText(told) });
      await leave(task);
    }
    // What the job has to say is said: a source that does not close adds nothing.
    await job?.close().catch(() => undefined);
    post({ kind: 'aborted' });
  }
}

/** Waits until main has heard of the failure and ends the job for everybody. */
async function leave({ control: words, settings, worker }: WorkerTask): Promise<void> {
  const control = new JobControl(words, settings.workers);
  const cell = control.wakeCell(worker);
  while (control.command() !== COMMAND_ABORT) {
    await cell.sleepAsync(cell.ticket(), IDLE_MS_MAX);
  }
}

const port = parentPort;
if (port !== null) {
  let working = Promise.resolve();
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'job') working = working.then(() => work(message.task, port));
  });
}
