/**
 * A worker thread: gets a job, works on all of its queries until they are done, reports, and waits
 * for the next job. Owns the loop, sleeping, waiting without blocking others, and what a worker
 * opens for itself; one query's work is query-worker.ts. The loop is synchronous: a worker looks
 * at its event loop only between jobs and while a lane waits for the world.
 *
 * A worker that cannot go on (a full ring, a time that another must publish) drains its own inputs
 * and tries again; it sleeps only when there is nothing to drain, and never in a wait that another
 * worker's progress does not end.
 */
import { readlinkSync } from 'node:fs';
import { parentPort, threadId } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../../base/clock.js';
import { BlockArena } from '../../columnar/arena.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import { openSource } from '../../connectors/registry.js';
import { openSharedSource, sharingOf } from '../../connectors/shared-source.js';
import type { SharedSource, Sharing } from '../../connectors/shared-source.js';
import type { Source, SourceRequest } from '../../connectors/source.js';
import { WorkerCounter } from '../../metrics/partition-metrics.js';
import { QueryAccounts } from '../query-accounts.js';
import { BatchRows } from './batch-rows.js';
import { COMMAND_ABORT, COMMAND_HOLD, JobAborted, JobControl } from './control.js';
import { FeedLaneReader } from './feeds.js';
import type { FeedDecoder } from './feeds.js';
import { ForeignLaneReader, HomeLaneReader, SharedLaneReader } from './lane-readers.js';
import type { LaneReader } from './lane-readers.js';
import type { Lane } from './lanes.js';
import { errorText } from './messages.js';
import type { FromWorker, QueryTask, ToWorker, WorkerTask } from './messages.js';
import { QueryWorker } from './query-worker.js';
import { Ring } from './ring.js';
import { dealingOf } from './topology.js';
import { TurnTable } from './turns.js';
import { WorkerTime } from './worker-time.js';

/** A wait begins without sleep for so long: falling asleep and waking up take about as long. */
const AWAKE_MS = 0.05;
/** A sleep inside a wait: short, since a publication of an event time wakes nobody. */
const WAIT_SLEEP_MS = 0.05;
/** An idle worker looks up so often even if nobody wakes it. */
const IDLE_MS_MAX = 100;

/** What a worker opened for the lanes of one source. */
type OpenedSource = Source | SharedSource | FeedDecoder;

class WorkerJob {
  readonly queries: QueryWorker[] = [];
  private readonly task: WorkerTask;
  private readonly port: MessagePort;
  private readonly control: JobControl;
  private readonly readers: LaneReader[] = [];
  private readonly sources: { close(): unknown }[] = [];
  private readonly batchRows: BatchRows;
  /** Individual rows: taken when they are due, and passed on at once. */
  private readonly precise: boolean;
  private idleSinceNs = Number.NaN;
  private readonly time = new WorkerTime(systemClock);
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
    this.precise = settings.mode.kind === 'individual';
    this.batchRows = new BatchRows(settings.mode, task.batchRows);
    const arena = (buffer: SharedArrayBuffer): BlockArena => new BlockArena(buffer);
    this.arenas = {
      exchange: task.exchangeArenas.map(arena),
      stage: task.stageArenas.map(arena),
      output: task.outputArenas.map(arena),
    };
  }

  async open(): Promise<void> {
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
    const readers = await this.openReaders(query, accounts);
    this.readers.push(...readers);
    const someHome = query.fragments.sources.some(({ scan }) => sharingOf(scan.table) === 'home');
    const turns = new TurnTable(query.memory.turns, {
      lanes: query.lanes.length,
      workers,
      worker: task.worker,
      dealing: dealingOf(query.fragments, { someHome, mode: task.settings.mode }),
    });
    this.queries.push(
      new QueryWorker({
        index,
        task: query,
        worker: task.worker,
        workers,
        partitions,
        control,
        turns,
        readers,
        accounts,
        deadLetters: task.deadLetters,
        settings: task.settings,
        clock: systemClock,
        time: this.time,
        arenas: this.arenas,
        wait: () => this.waitMoment(),
        failed: (at, seq, error) =>
          this.post({ kind: 'failed', query: at, seq, error: errorText(error) }),
        snapshot: (at, lanes, parts) =>
          this.post({
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

  private async openReaders(query: QueryTask, accounts: QueryAccounts): Promise<LaneReader[]> {
    const { batchRows, task } = this;
    const own = task.batchRows === null ? query.plan.settings.batchSize : null;
    const rowsMax = Math.min(own ?? BATCH_ROWS_MAX, BATCH_ROWS_MAX);
    const opened = new Map<number, OpenedSource>();
    const readers: LaneReader[] = [];
    for (const [index, lane] of query.lanes.entries()) {
      const { scan } = query.fragments.sources[lane.source] as (typeof query.fragments.sources)[0];
      const request: SourceRequest = {
        table: scan.table,
        physical: scan.physical,
        system: scan.system,
        get batchRowsMax(): number {
          return Math.min(batchRows.rows, rowsMax);
        },
        errors: accounts,
        clock: systemClock,
        notice: (line) => this.post({ kind: 'notice', line }),
        ...(task.rate === null ? {} : { rate: task.rate }),
      };
      readers.push(await this.openReader({ query, lane, index, request, opened }));
    }
    return readers;
  }

  private async openReader(parts: {
    readonly query: QueryTask;
    readonly lane: Lane;
    readonly index: number;
    readonly request: SourceRequest;
    readonly opened: Map<number, OpenedSource>;
  }): Promise<LaneReader> {
    const { query, lane, index, request, opened } = parts;
    const sharing = sharingOf(request.table);
    if (sharing === 'home' && this.task.worker !== 0) return new ForeignLaneReader();
    let source = opened.get(lane.source);
    if (source === undefined) {
      source = await openForWorker(request, sharing);
      opened.set(lane.source, source);
      if ('close' in source) this.sources.push(source);
    }
    if ('decode' in source) return this.feedReader(query, index, source);
    const split = source.splits[lane.at];
    if (split === undefined) throw new Error(`split ${lane.at} of a source has gone`);
    if ('claim' in split) return new SharedLaneReader(split, lane.idleTimeoutMs);
    const position = query.restore?.lanes[index]?.position;
    if (position !== undefined) split.seek(position);
    return new HomeLaneReader(split, lane.idleTimeoutMs);
  }

  private feedReader(query: QueryTask, index: number, decoder: FeedDecoder): FeedLaneReader {
    const { feedArena, feedRings } = query.memory;
    return new FeedLaneReader({
      ring: new Ring(feedRings[index] as SharedArrayBuffer),
      arena: new BlockArena(feedArena as SharedArrayBuffer),
      decoder,
      idleTimeoutMs: (query.lanes[index] as Lane).idleTimeoutMs,
      wakeFeeder: () => this.control.wakeMain(),
    });
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
        if (query.done) open.delete(query);
      }
      if (open.size === 0) return;
      if (progressed) {
        this.idleSinceNs = Number.NaN;
        continue;
      }
      if (this.staysAwake()) continue;
      for (const query of open) query.observe();
      await this.sleep(ticket);
    }
  }

  /** Waking up takes longer than what is waited for, or may take longer. */
  private staysAwake(): boolean {
    if (!this.precise) return false;
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
    const took = query.take({ command, barrier: control.barrier(), ms: systemClock.nowMs() });
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
    if (ready.length > 0) await Promise.race([...ready, cell.sleepAsync(ticket, dueMs)]);
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
      this.control.throwIfAborted();
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
    this.control.throwIfAborted();
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

  private drain(): boolean {
    let progressed = false;
    for (const query of this.queries) if (query.poll()) progressed = true;
    return progressed;
  }

  finish(): void {
    this.post({ kind: 'finished', reports: this.queries.map((query) => query.report()) });
  }

  async close(): Promise<void> {
    for (const source of this.sources) await source.close();
  }

  /** Nothing more to say than that the failed job is left. */
  async leave(): Promise<void> {
    while (this.control.command() !== COMMAND_ABORT) {
      const cell = this.control.wakeCell(this.task.worker);
      await cell.sleepAsync(cell.ticket(), IDLE_MS_MAX);
    }
  }

  private post(message: FromWorker): void {
    this.port.postMessage(message);
  }
}

/** For lanes that main reads: what decodes their blocks, which may have any number of rows. */
async function openForWorker(request: SourceRequest, sharing: Sharing): Promise<OpenedSource> {
  if (sharing === 'home') return openSource(request);
  if (sharing === 'shared') return openSharedSource(request);
  const { KafkaBlockDecoder } = await import('../../connectors/kafka/block-decoder.js');
  return new KafkaBlockDecoder({ ...request, batchRowsMax: BATCH_ROWS_MAX });
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

async function work(task: WorkerTask, port: MessagePort): Promise<void> {
  const post = (message: FromWorker): void => port.postMessage(message);
  const job = new WorkerJob(task, port);
  try {
    await job.open();
    post({ kind: 'ready', threadId, tid: kernelThreadId() });
    await job.run();
    job.finish();
  } catch (error) {
    if (error instanceof JobAborted) {
      post({ kind: 'aborted' });
    } else {
      post({ kind: 'failed', query: 0, seq: null, error: errorText(error) });
      await job.leave();
      post({ kind: 'aborted' });
    }
  } finally {
    await job.close();
  }
}

const port = parentPort;
if (port !== null) {
  let working = Promise.resolve();
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'job') working = working.then(() => work(message.task, port));
  });
}
