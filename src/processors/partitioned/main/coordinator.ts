/**
 * V2: the coordinator of a job's workers, on the main thread. Owns the job's life (start, pause,
 * resume, stop, drain, snapshot), what main does meanwhile (results in order into sinks, dead
 * letters, metrics) and the end of it, good or bad: nothing waits for ever. The threads are
 * job-workers.ts, what they do is worker-loop.ts; no record passes main but results of sinks that
 * live here.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../../base/clock.js';
import { VeloError } from '../../../base/errors.js';
import type { Sink } from '../../../connectors/sink.js';
import type { PartitionRegistry } from '../../../metrics/partition-metrics.js';
import type { JobMetricsForExport } from '../../../metrics/prometheus.js';
import type { QueryPlan } from '../../../plan/pipeline/pipeline-plan.js';
import { jobCounters, noState } from '../../job-processor.js';
import type {
  EndReason,
  HandedOver,
  JobMetrics,
  JobProcessor,
  JobResult,
  LifecycleState,
  StopOptions,
} from '../../job-processor.js';
import { leastShare, totalLag } from '../../read-share.js';
import type { DeadLetter, DeadLetterWriter, OnError } from '../../query-accounts.js';
import { pinWorkers } from './affinity.js';
import { COMMAND_DRAIN, COMMAND_PAUSE, COMMAND_RUN, COMMAND_STOP, JobControl } from '../control.js';
import { CoordinatedQuery } from './coordinated-query.js';
import { jobMemory } from './job-memory.js';
import type { JobMemory } from './job-memory.js';
import { JobObserver } from './job-observer.js';
import { lastDoneNs, summaryOf } from './job-summary.js';
import { totalLoad } from '../routing/key-group-load.js';
import { JobWorkers } from './job-workers.js';
import type { JobMessage } from './job-workers.js';
import { errorOfText } from '../messages.js';
import type { SinkPlace, WorkerTask } from '../messages.js';
import type { StateMemory } from '../../../state/paging/page-folder.js';
import { workersOf } from '../job-settings.js';
import type { PartitionedSettings } from '../job-settings.js';
import { SnapshotCollector } from './job-snapshots.js';
import type { JobState, QueryState } from '../../../state/checkpoint/job-state.js';
import { CheckpointPace } from '../../checkpoint-pace.js';
import type { CheckpointTarget } from '../../checkpoint-pace.js';
import { StateLimit } from '../../state-limit.js';
import type { StateLimits } from '../../state-limit.js';
import { JobCheckpoints } from './job-checkpoints.js';
import type { TakenOutcome } from './job-checkpoints.js';
import { cannotGoOn, reasonOf, requireLaterLife } from './later-life.js';

/** How long results before a failure are waited for. */
const FAILURE_GRACE_MS = 2000;
/** How long what a failed job had opened may take to close. */
const RELEASE_GRACE_MS = 2000;
/** How long a job that is asked to stop may take until its state is taken. */
const STATE_GRACE_MS = 1000;
const IDLE_MS = 50;
/** How long main may keep its event loop waiting. */
const SLICE_MS = 8;

export interface PartitionedJobOptions {
  readonly clock: Clock;
  readonly settings: PartitionedSettings;
  readonly queries: readonly QueryPlan[];
  readonly onError: OnError;
  readonly durationMs: number | null;
  readonly batchRows: number | null;
  readonly rate: number | null;
  /** When every record is read; null: when it is. */
  readonly nowMs: number | null;
  readonly sinkPlace: (query: QueryPlan) => SinkPlace;
  readonly notice: (line: string) => void;
  /** For those who want to know more. */
  readonly detail: (line: string) => void;
  readonly openSink: (query: QueryPlan) => Promise<Sink>;
  /** Everything is open, and reading begins. */
  readonly begun: () => void;
  readonly openDeadLetters: () => Promise<(DeadLetterWriter & { close(): Promise<void> }) | null>;
  /** What each operator may hold that can put the rest on disk; null: all that there is. */
  readonly stateMemory: StateMemory | null;
  /** State to start from; null: none. */
  readonly restore: JobState | null;
  /** null: the state may become as large as memory has room for. */
  readonly stateLimits: StateLimits | null;
  /** Where the job's state goes; null: nowhere. */
  readonly checkpoints: CheckpointTarget | null;
}

interface Failure {
  readonly query: number;
  readonly seq: number | null;
  readonly error: Error;
  readonly untilNs: number;
}

export class PartitionedJobCoordinator implements JobProcessor {
  state: LifecycleState = 'created';
  opened = false;
  isReleased = false;
  private readonly options: PartitionedJobOptions;
  private readonly control: JobControl;
  private memory: JobMemory | null = null;
  private queries: readonly CoordinatedQuery[] = [];
  private readonly crew: JobWorkers;
  private observer: JobObserver | null = null;
  private letters: (DeadLetterWriter & { close(): Promise<void> }) | null = null;
  private readonly snapshots = new SnapshotCollector();
  /** One barrier at a time: a worker's answer names the last one. */
  private lastSnapshot: Promise<void> = Promise.resolve();
  private pace: CheckpointPace | null = null;
  private checkpoints: JobCheckpoints | null = null;
  private failure: Failure | null = null;
  private stopReason: EndReason | null = null;
  /** What the next life of the job goes on with; null: this is the last one. */
  private left: HandedOver | null = null;
  private startedNs = Number.NaN;
  private endedNs = Number.NaN;
  private rssPeakBytes = 0;
  private finished: Promise<void> = Promise.resolve();
  private readonly controlMemory: SharedArrayBuffer;
  private readonly stateLimit: StateLimit;

  constructor(options: PartitionedJobOptions) {
    const workers = workersOf(options.settings.workers, availableParallelism());
    this.options = { ...options, settings: { ...options.settings, workers } };
    this.controlMemory = new SharedArrayBuffer(JobControl.bytesFor(workers));
    this.control = new JobControl(this.controlMemory, workers);
    this.stateLimit = new StateLimit(options.stateLimits, options.clock, options.notice);
    this.crew = new JobWorkers({
      count: workers,
      clock: options.clock,
      control: this.control,
      received: (message) => this.received(message),
      died: (error) => this.failed(0, null, error),
    });
  }

  async start(): Promise<JobResult> {
    let settle: () => void = () => undefined;
    this.finished = new Promise((resolve) => {
      settle = resolve;
    });
    const { durationMs } = this.options;
    const timer =
      durationMs === null
        ? undefined
        : setTimeout(() => this.end('duration', COMMAND_STOP), durationMs);
    const cpuBefore = process.cpuUsage();
    try {
      await this.open();
      await this.drive();
      await this.complete();
      this.state = 'finished';
      return this.result(process.cpuUsage(cpuBefore));
    } catch (error) {
      this.state = 'failed';
      await this.abort();
      throw error;
    } finally {
      clearTimeout(timer);
      this.observer?.end();
      this.snapshots.jobEnded();
      this.pace?.jobEnded();
      settle();
    }
  }

  pause(): void {
    if (this.state !== 'running') return;
    this.state = 'paused';
    this.control.order(COMMAND_PAUSE);
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'running';
    this.control.order(COMMAND_RUN);
  }

  async stop({ drain = false, patient = drain }: StopOptions = {}): Promise<void> {
    if (drain) this.end('drained', COMMAND_DRAIN, patient);
    else this.end('stopped', COMMAND_STOP, patient);
    if (!patient) for (const query of this.queries) query.hurry();
    await this.finished;
  }

  async takeState(): Promise<JobState> {
    if (this.pace === null) throw noState(this.state);
    const taken = this.pace.ask();
    this.control.wakeMain();
    return taken;
  }

  async handOver(): Promise<HandedOver> {
    const { checkpoints } = this;
    const ends = this.stopReason !== null;
    if (checkpoints === null || ends || !this.isAtWork) throw noState(this.state);
    requireLaterLife(this.queries);
    this.control.order(COMMAND_PAUSE);
    checkpoints.cancel('the job is cut anew');
    this.leave(await checkpoints.take('asked', true));
    await this.finished;
    if (this.left === null || this.hasFailed()) {
      throw new VeloError('JOB_ENDED', { message: 'the job ended before it was cut anew' });
    }
    return this.left;
  }

  private get isAtWork(): boolean {
    return this.state === 'running' || this.state === 'paused';
  }

  private hasFailed(): boolean {
    return this.state === 'failed';
  }

  /** Stops at that state, or goes on. */
  private leave({ state, error }: TakenOutcome): void {
    if (this.stopReason !== null || !this.isAtWork) return;
    if (state === null || state.every(({ ended }) => ended)) {
      if (this.state === 'running') this.control.order(COMMAND_RUN);
      throw cannotGoOn(state === null ? reasonOf(error) : 'its input has ended');
    }
    this.left = { state, outputs: { sinks: new Map(), letters: this.letters } };
    this.stopReason = 'stopped';
    this.state = 'stopping';
    this.control.order(COMMAND_STOP);
    this.control.wakeMain();
  }

  async keepState(): Promise<void> {
    if (this.pace === null) throw noState(this.state);
    const kept = this.pace.keep();
    this.control.wakeMain();
    await kept;
  }

  /**
   * The state of all partitions at one point of the stream; the job goes on. `begun` hears the
   * number of the barrier.
   */
  snapshot(begun: (barrier: number) => void = () => undefined): Promise<JobState> {
    const taken = this.lastSnapshot.then(() => this.takeSnapshot(begun));
    const settled = (): void => undefined;
    this.lastSnapshot = taken.then(settled, settled);
    return taken;
  }

  private async takeSnapshot(begun: (barrier: number) => void): Promise<JobState> {
    if (!this.isAtWork) {
      throw new VeloError('STATE_INVALID', {
        message: `a job that is ${this.state} has no snapshot to give`,
        hint: 'take it while the job runs or is paused',
      });
    }
    const expected = this.queries.map((query) => query.snapshotParts());
    const barrier = this.control.requestBarrier(begun);
    const parts = await this.snapshots.expect(barrier, expected);
    return this.queries.map((query, at) => query.state(parts[at] ?? null));
  }

  /** The query is over, and had no part in that barrier. */
  private readonly endedBefore = (query: number, barrier: number): boolean =>
    this.queries[query]?.endedBefore(barrier) === true;

  numberOfPartitions(): number {
    return this.options.settings.partitions;
  }

  keyGroupLoad(): Float64Array {
    return totalLoad(this.queries.flatMap(({ load }) => (load === null ? [] : [load])));
  }

  /** Kernel thread numbers of the workers, where the system has them. */
  workerThreads(): readonly (number | null)[] {
    return this.crew.tids;
  }

  /** The partitions' metrics of each query with their one-second snapshots; none before start(). */
  registries(): readonly PartitionRegistry[] {
    return this.observer?.registries ?? [];
  }

  observed(): JobMetricsForExport {
    const observed = this.observer?.observed() ?? { state: this.state, queries: [] };
    return { ...observed, stateLimitShare: this.stateLimit.share };
  }

  metrics(): JobMetrics {
    return {
      ...jobCounters(this.queries.map((query) => query.metrics())),
      state: this.state,
      seconds: this.seconds(),
      share: leastShare(this.queries.map((query) => query.share())),
      lag: totalLag(this.queries.map((query) => query.lag())),
    };
  }

  private seconds(): number {
    if (Number.isNaN(this.startedNs)) return 0;
    const endNs = Number.isNaN(this.endedNs) ? this.options.clock.monotonicNs() : this.endedNs;
    return (endNs - this.startedNs) / 1e9;
  }

  private end(reason: EndReason, command: number, patient = false): void {
    if (this.state === 'finished' || this.state === 'failed') return;
    const runs = this.opened && this.isAtWork;
    // What a drained job goes on with is kept when it is drained: nothing.
    const keeps = reason !== 'drained' || this.pace?.isAsked === true;
    if (this.stopReason === null && runs && this.checkpoints !== null && keeps) {
      this.stopReason = reason;
      void this.endWithState(this.checkpoints, command, patient);
      return;
    }
    if (this.stopReason === null) this.checkpoints?.cancel('the job is asked to stop');
    this.stopReason ??= reason;
    if (this.checkpoints?.busy === true) return;
    this.state = 'stopping';
    if (this.opened) this.control.order(command);
    else this.orderWhenReady = command;
    this.control.wakeMain();
  }

  /** Reads no further, keeps the state there, and then stops. */
  private async endWithState(
    checkpoints: JobCheckpoints,
    command: number,
    patient: boolean,
  ): Promise<void> {
    this.control.order(COMMAND_PAUSE);
    checkpoints.cancel('the job is asked to stop');
    const tooLong = (): void =>
      checkpoints.cancel('the state at the end is not kept: it takes too long');
    const late = patient ? undefined : setTimeout(tooLong, STATE_GRACE_MS);
    await checkpoints.take(command === COMMAND_DRAIN ? 'asked' : 'stop', true);
    clearTimeout(late);
    if (this.state === 'finished' || this.state === 'failed') return;
    this.state = 'stopping';
    this.control.order(command);
    this.control.wakeMain();
  }

  /** A stop that came before the workers were ready. */
  private orderWhenReady: number = COMMAND_RUN;

  private async open(): Promise<void> {
    const { options } = this;
    this.letters = await options.openDeadLetters();
    for (const plan of options.queries) {
      const restore = options.restore?.find(({ query }) => query === plan.id) ?? null;
      this.queries = [...this.queries, await CoordinatedQuery.open(plan, options, restore)];
    }
    const { queries } = this;
    this.memory = jobMemory(options.settings, queries);
    for (const query of queries) {
      await query.openSink(this.memory.outputArenas, this.control);
      query.openFeeds(this.control);
    }
    this.observer = new JobObserver({
      clock: options.clock,
      cells: queries.map((query) => query.cells),
      metrics: () => this.metrics(),
      notice: options.notice,
      detail: options.detail,
    });
    this.crew.start((worker) => this.taskOf(worker));
    await this.untilReady();
    if (options.settings.affinity) pinWorkers(this.crew.tids, options.notice);
    if (this.state === 'created') this.state = 'running';
    this.startedNs = options.clock.monotonicNs();
    this.opened = true;
    this.beginCheckpoints();
    this.control.order(this.orderWhenReady);
    options.begun();
  }

  private beginCheckpoints(): void {
    const { checkpoints, clock } = this.options;
    if (checkpoints === null) return;
    const pace = new CheckpointPace(checkpoints, clock, () => this.control.wakeMain());
    this.pace = pace;
    this.checkpoints = new JobCheckpoints({
      pace,
      clock,
      queries: () => this.queries,
      rowsMoved: () => this.rowsMoved(),
      snapshot: (begun) => this.snapshot(begun),
      wakeMain: () => this.control.wakeMain(),
    });
  }

  /** Time alone may bring rows out, of windows of an input that rests. */
  private rowsMoved(): number {
    const { rowsRead, rowsOut } = this.metrics();
    return rowsRead + rowsOut;
  }

  private taskOf(worker: number): WorkerTask {
    const { settings, onError, batchRows, rate, nowMs, stateMemory } = this.options;
    const memory = this.memory as JobMemory;
    return {
      worker,
      settings,
      onError,
      deadLetters: this.letters !== null,
      batchRows,
      rate,
      nowMs,
      stateMemory,
      control: this.controlMemory,
      exchangeArenas: memory.exchangeArenas,
      stageArenas: memory.stageArenas,
      outputArenas: memory.outputArenas,
      queries: this.queries.map((query) => query.task()),
      handed: worker === 0 ? this.queries.flatMap((query) => query.handed) : [],
    };
  }

  private async untilReady(): Promise<void> {
    const cell = this.control.wakeCell(this.options.settings.workers);
    for (;;) {
      const ticket = cell.ticket();
      if (this.failure !== null) throw this.failure.error;
      if (this.crew.allReady) return;
      await cell.sleepAsync(ticket, IDLE_MS);
    }
  }

  private received(message: JobMessage): void {
    switch (message.kind) {
      case 'notice':
        this.options.notice(message.line);
        break;
      case 'letter':
        this.letter(message.letter);
        break;
      case 'failed':
        this.failed(message.query, message.seq, errorOfText(message.error));
        break;
      case 'snapshot':
        this.snapshots.received(message);
        break;
    }
  }

  private letter(letter: DeadLetter): void {
    if (this.failure !== null) return;
    try {
      this.letters?.write(letter);
    } catch (error) {
      this.failed(0, null, error as Error);
    }
  }

  /** The failure of the earliest turn counts; one of the job as a whole comes first. */
  private failed(query: number, seq: number | null, error: Error): void {
    const before = this.failure;
    if (before !== null && (before.seq === null || (seq !== null && seq >= before.seq))) return;
    const untilNs = this.options.clock.monotonicNs() + FAILURE_GRACE_MS * 1e6;
    this.failure = { query, seq, error, untilNs };
  }

  private async drive(): Promise<void> {
    const { clock, settings } = this.options;
    const cell = this.control.wakeCell(settings.workers);
    let sliceEndNs = clock.monotonicNs() + SLICE_MS * 1e6;
    for (;;) {
      const ticket = cell.ticket();
      const { allEnded } = this.crew;
      this.snapshots.passOver(this.endedBefore);
      this.stateLimit.check(() => this.queries.map((query) => query.metrics()));
      this.checkpoints?.step();
      let progressed = false;
      for (const query of this.queries) {
        if (query.feed()) progressed = true;
        if (query.step()) progressed = true;
      }
      if (this.failure !== null && this.mayFail(this.failure, progressed)) throw this.failure.error;
      const resting = this.queries.some((query) => query.resting);
      if (!progressed && allEnded && !resting) {
        if (this.failure !== null) throw this.failure.error;
        return;
      }
      if (progressed && clock.monotonicNs() < sliceEndNs) continue;
      for (const query of this.queries) query.handOn();
      if (progressed) await nextTurnOfTheEventLoop();
      else await cell.sleepAsync(ticket, IDLE_MS);
      this.rssPeakBytes = Math.max(this.rssPeakBytes, process.memoryUsage.rss());
      sliceEndNs = clock.monotonicNs() + SLICE_MS * 1e6;
    }
  }

  /** Results of the turns before a failed one still reach the sink, as on one thread. */
  private mayFail(failure: Failure, progressed: boolean): boolean {
    if (failure.seq === null) return true;
    const query = this.queries[failure.query];
    if (query === undefined || query.hasResultsThrough(failure.seq)) return true;
    return !progressed && this.options.clock.monotonicNs() > failure.untilNs;
  }

  private async complete(): Promise<void> {
    // Every sink has all its rows before the first one publishes them.
    this.checkpoints?.cancel('the job has ended');
    // The workers are done: what they have not sent of a state will not come.
    this.snapshots.jobEnded();
    for (const query of this.queries) await query.finishRows();
    if (this.left !== null) await this.leaveOutputs(this.left);
    else await this.closeOutputs();
    const onMain = this.queries.some(({ sink }) => sink === 'main');
    // Sinks on main are done now; digests were when the last worker had its last row.
    this.endedNs = onMain
      ? this.options.clock.monotonicNs()
      : (lastDoneNs(this.crew.reports) ?? this.startedNs);
    this.crew.giveBack();
  }

  private async closeOutputs(): Promise<void> {
    if (this.stopReason === null || this.stopReason === 'drained') await this.keepEnd();
    await this.pace?.settled();
    for (const query of this.queries) await query.close();
    await this.letters?.close();
  }

  /** Outputs stay open for the next life of the job, but those of queries that are over. */
  private async leaveOutputs({ state }: HandedOver): Promise<void> {
    const sinks = new Map<string, Sink>();
    await this.pace?.handedOver();
    for (const [at, query] of this.queries.entries()) {
      const { query: id, ended } = state[at] as QueryState;
      const sink = await query.leave();
      if (ended) await sink?.close();
      else if (sink !== null) sinks.set(id, sink);
    }
    this.left = { state, outputs: { sinks, letters: this.letters } };
  }

  /** All rows are out: there is nothing to go on with. */
  private async keepEnd(): Promise<void> {
    const { pace, queries } = this;
    if (pace === null) return;
    const state: QueryState[] = [];
    for (const query of queries)
      state.push({ ...query.state(null), sink: await query.sinkPosition() });
    const sinceNs = this.options.clock.monotonicNs();
    pace.publish(Promise.resolve(state), 'end', { rowsMoved: this.rowsMoved(), sinceNs });
  }

  /** Sends every worker home, ends those that do not go, and releases what was opened. */
  private async abort(): Promise<void> {
    this.checkpoints?.cancel('the job has failed');
    await this.crew.leave();
    const released = Promise.allSettled([
      this.crew.release(),
      ...this.queries.map((query) => query.abandon()),
      this.letters?.close(),
    ]);
    // A sink that takes no more may never close either: the error matters more.
    await Promise.race([
      released.then(() => {
        this.isReleased = true;
      }),
      delay(RELEASE_GRACE_MS, undefined, { ref: false }),
    ]);
  }

  private result(cpu: NodeJS.CpuUsage): JobResult {
    this.rssPeakBytes = Math.max(this.rssPeakBytes, process.memoryUsage.rss());
    const { reports } = this.crew;
    const { firstReadNs, limited, ...summary } = summaryOf(reports);
    if (firstReadNs !== null) this.startedNs = firstReadNs;
    return {
      ...this.metrics(),
      ...summary,
      digests: this.queries.map((query, index) =>
        query.digest(reports.map((ofWorker) => ofWorker[index]?.digest ?? null)),
      ),
      end: this.stopReason ?? (limited ? 'limit' : 'end-of-input'),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      rssPeakBytes: this.rssPeakBytes,
    };
  }
}

function nextTurnOfTheEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
