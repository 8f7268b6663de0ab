/**
 * V1: one thread drives every query of the job, split by split, block by block. Owns the loop,
 * pausing and stopping; operators, sources and sinks are made by its parts. Yields to the event
 * loop every few milliseconds, so that signals, sockets and the progress line stay alive.
 */
import type { Clock } from '../base/clock.js';
import { VeloError } from '../base/errors.js';
import type { JobMetricsForExport } from '../metrics/prometheus.js';
import { jobCounters, noState } from './job-processor.js';
import type {
  JobMetrics,
  JobProcessor,
  JobResult,
  LifecycleState,
  EndReason,
  StopOptions,
} from './job-processor.js';
import { CheckpointPace } from './checkpoint-pace.js';
import type { CheckpointTarget, StateTrigger } from './checkpoint-pace.js';
import { JobCopy } from './job-copy.js';
import { MemoryBudget, memoryError } from './memory-budget.js';
import type { OperatorSize } from './memory-budget.js';
import { INTERVAL_MS, LatencyLog } from './latency-log.js';
import type { QueryRun } from './query-run.js';
import { leastShare, totalLag } from './read-share.js';
import { ReadyWait } from './ready-wait.js';
import { StateLimit } from './state-limit.js';
import type { StateLimits } from './state-limit.js';
import { SimpleObserver } from './simple-observer.js';
import type { JobState } from '../state/checkpoint/job-state.js';

/** How long the loop may keep the event loop waiting. */
const SLICE_MS = 8;
/** How long a timer may be late; a sleep that blocks this thread is never longer. */
const TIMER_LATE_MS = 1.5;
/** What is due sooner is not slept for: waking up takes longer. */
const AWAKE_MS = 0.05;
const RSS_EVERY_NS = INTERVAL_MS * 1e6;
/** How long what was read before a stop may still take on its way out. */
const SETTLE_MS = 500;
/** How often a job that drains looks whether a sink takes more. */
const DRAIN_LOOK_MS = 50;

export interface SimpleJobOptions {
  readonly clock: Clock;
  /** Opens sources and sinks and builds the pipelines; called once by start(). */
  readonly open: () => Promise<readonly QueryRun[]>;
  /** Ends the job after so many milliseconds; null = never. */
  readonly durationMs: number | null;
  /** Resident bytes that the job may take; null: most of what the machine has. */
  readonly maxMemoryBytes: number | null;
  /**
   * Blocks the thread for less than a timer can; given where each row is to be handed over when it
   * is due (individual mode). null: rows that a rate releases wait for a timer.
   */
  readonly sleep: ((ms: number) => void) | null;
  /** null: the state may become as large as memory has room for. */
  readonly stateLimits: StateLimits | null;
  readonly notice: (line: string) => void;
  /** Where the job's state goes; null: nowhere. */
  readonly checkpoints: CheckpointTarget | null;
}

export class SimpleJobProcessor implements JobProcessor {
  state: LifecycleState = 'created';
  opened = false;
  isReleased = false;
  private readonly options: SimpleJobOptions;
  private runs: readonly QueryRun[] = [];
  private observer: SimpleObserver | null = null;
  private readonly latency: LatencyLog;
  private firstReadNs = Number.NaN;
  private lastOutNs = Number.NaN;
  private stopReason: EndReason | null = null;
  private patient = false;
  private wake: (() => void) | null = null;
  private readonly inputWait = new ReadyWait();
  private finished: Promise<void> = Promise.resolve();
  private rssPeakBytes = 0;
  private rssNextNs = Number.NEGATIVE_INFINITY;
  private readonly budget: MemoryBudget;
  private readonly stateLimit: StateLimit;
  private pace: CheckpointPace | null = null;
  private readonly copy: JobCopy;

  constructor(options: SimpleJobOptions) {
    this.options = options;
    this.latency = new LatencyLog(options.clock);
    this.copy = new JobCopy(options.clock);
    this.budget = new MemoryBudget(options.maxMemoryBytes);
    this.stateLimit = new StateLimit(options.stateLimits, options.clock, options.notice);
  }

  async start(): Promise<JobResult> {
    let settle: () => void = () => undefined;
    this.finished = new Promise((resolve) => {
      settle = resolve;
    });
    const timer = this.startDurationTimer();
    const cpuBefore = process.cpuUsage();
    try {
      this.runs = await this.options.open();
      this.opened = true;
      this.observer = new SimpleObserver(this.options.clock, this.runs);
      const { checkpoints, clock } = this.options;
      if (checkpoints !== null) {
        this.pace = new CheckpointPace(checkpoints, clock, () => this.wake?.());
      }
      if (this.state === 'created') this.state = 'running';
      await this.drive();
      if (this.stopReason !== null) await this.settle();
      if (this.stopReason === 'drained') await this.drain();
      const drivenNs = this.options.clock.monotonicNs();
      const isOver = this.stopReason === null || this.stopReason === 'drained';
      if (!isOver) await this.checkpoint('stop');
      // Every sink has all its rows before the first one publishes them.
      for (const run of this.runs) await run.finishRows();
      if (isOver) await this.checkpoint('end');
      await this.pace?.settled();
      for (const run of this.runs) await run.complete();
      this.lastOutNs += this.options.clock.monotonicNs() - drivenNs;
      this.state = 'finished';
      return this.result(process.cpuUsage(cpuBefore));
    } catch (error) {
      this.state = 'failed';
      const told = memoryError(error, () => this.sizes());
      for (const run of this.runs) await run.abandon();
      this.isReleased = true;
      throw told;
    } finally {
      clearTimeout(timer);
      this.observer?.end();
      this.copy.jobEnded();
      this.pace?.jobEnded();
      settle();
    }
  }

  pause(): void {
    if (this.state === 'running') this.state = 'paused';
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'running';
    this.wake?.();
  }

  async stop({ drain = false, patient = drain }: StopOptions = {}): Promise<void> {
    this.patient = patient;
    this.requestStop(drain ? 'drained' : 'stopped');
    if (!patient) for (const run of this.runs) run.hurry();
    await this.finished;
  }

  async takeState(): Promise<JobState> {
    if (this.pace === null) throw noState(this.state);
    const taken = this.pace.ask();
    if (this.state === 'running') this.wake?.();
    return taken;
  }

  async keepState(): Promise<void> {
    if (this.pace === null) throw noState(this.state);
    const kept = this.pace.keep();
    if (this.state === 'running') this.wake?.();
    await kept;
  }

  numberOfPartitions(): number {
    return 1;
  }

  metrics(): JobMetrics {
    return {
      ...jobCounters(this.runs.map((run) => run.metrics())),
      state: this.state,
      seconds: this.seconds(),
      share: leastShare(this.runs.map((run) => run.share())),
      lag: totalLag(this.runs.map((run) => run.lag())),
    };
  }

  observed(): JobMetricsForExport {
    const observed = this.observer?.observed(this.state) ?? { state: this.state, queries: [] };
    return { ...observed, stateLimitShare: this.stateLimit.share };
  }

  private seconds(): number {
    if (Number.isNaN(this.firstReadNs) || Number.isNaN(this.lastOutNs)) return 0;
    return (this.lastOutNs - this.firstReadNs) / 1e9;
  }

  private startDurationTimer(): NodeJS.Timeout | undefined {
    const { durationMs } = this.options;
    return durationMs === null
      ? undefined
      : setTimeout(() => this.requestStop('duration'), durationMs);
  }

  private requestStop(reason: EndReason): void {
    if (this.state === 'finished' || this.state === 'failed') return;
    this.stopReason ??= reason;
    this.state = 'stopping';
    this.wake?.();
  }

  private async drive(): Promise<void> {
    let active = this.runs.filter((run) => !run.done);
    let sliceEndNs = this.options.clock.monotonicNs() + SLICE_MS * 1e6;
    while (active.length > 0 && this.stopReason === null) {
      if (this.state === 'paused') {
        this.copy.finish();
        await this.sleepUntilWoken();
      }
      let progressed = false;
      for (const run of active) {
        if (this.stepRun(run)) progressed = true;
        const pressure = run.pressure();
        if (pressure !== null) await this.wokenOr(pressure);
      }
      if (active.some((run) => run.done)) active = active.filter((run) => !run.done);
      const inSlice = this.options.clock.monotonicNs() < sliceEndNs;
      if (progressed && inSlice) continue;
      for (const run of active) run.handOn();
      if (!progressed && active.length > 0 && !this.copy.isUnderWay) {
        const dueMs = this.dueInMs(active);
        if (dueMs >= AWAKE_MS) await this.waitForInput(active, dueMs);
        else if (inSlice) continue;
      }
      await yieldToEventLoop();
      const nowNs = this.options.clock.monotonicNs();
      sliceEndNs = nowNs + SLICE_MS * 1e6;
      this.measureMemory(nowNs);
      this.copy.step();
      const trigger = this.pace?.due(() => this.rowsMoved()) ?? null;
      if (trigger !== null) await this.checkpoint(trigger);
    }
  }

  /** Keeps the state of all queries at one point, with all their rows where they go. */
  private async checkpoint(trigger: StateTrigger): Promise<void> {
    const { pace } = this;
    if (pace === null) return;
    this.copy.finish();
    const mayWait = trigger === 'interval' || trigger === 'asked';
    if (mayWait) await this.finishBlocks();
    // A long answer that is still put out is work, and no standing still.
    const sinceNs = this.options.clock.monotonicNs();
    const isPutOff = this.runs.some((run) => run.suspended && !run.done);
    if (isPutOff && mayWait) return;
    try {
      if (isPutOff) throw lostRows('rows that were on their way were given up');
      const untilNs = sinceNs + SETTLE_MS * 1e6;
      const sinks: (string | null)[] = [];
      for (const run of this.runs) {
        const position = run.sinkPosition();
        if (this.patient) await position;
        const isOut =
          this.patient || (await this.isDoneBy(position, trigger === 'stop' ? untilNs : null));
        if (!isOut && mayWait) return;
        if (!isOut || run.hasLostRows) throw lostRows('a sink has not taken all rows');
        sinks.push(await position);
      }
      const state = this.copy.begin(this.runs.map((run, at) => run.state(sinks[at] ?? null)));
      if (!mayWait) this.copy.finish();
      pace.publish(state, trigger, { rowsMoved: this.rowsMoved(), sinceNs });
    } catch (error) {
      if (!(error instanceof VeloError) || error.code !== 'VELO_STATE_INVALID') throw error;
      pace.missed(error);
    }
  }

  /** What was read is out, unless somebody wants the job to stop meanwhile. */
  private async finishBlocks(): Promise<void> {
    for (const run of this.runs) {
      while (run.suspended && !run.done && this.stopReason === null) {
        this.resumeRun(run);
        const pressure = run.pressure();
        if (pressure === null) await yieldToEventLoop();
        else await this.wokenOr(pressure);
      }
    }
  }

  /** false: not yet at that time; null: when the job is to stop. */
  private async isDoneBy(work: Promise<unknown>, untilNs: number | null): Promise<boolean> {
    let done = false;
    const settled = work.then(() => {
      done = true;
    });
    // A sink keeps what failed for whoever asks it next.
    settled.catch(() => undefined);
    const ms =
      untilNs === null
        ? Number.POSITIVE_INFINITY
        : Math.max(1, (untilNs - this.options.clock.monotonicNs()) / 1e6);
    await this.wokenOr(settled, ms);
    return done;
  }

  /** Time alone may bring rows out, of windows of an input that rests. */
  private rowsMoved(): number {
    return this.runs.reduce((sum, run) => sum + run.rowsRead + run.rowsOut, 0);
  }

  /** After a stop: what was read goes out, as far as that is a matter of moments. */
  private async settle(): Promise<void> {
    const { clock } = this.options;
    const untilNs = clock.monotonicNs() + SETTLE_MS * 1e6;
    const leftMs = (): number =>
      this.patient ? DRAIN_LOOK_MS : (untilNs - clock.monotonicNs()) / 1e6;
    for (const run of this.runs) {
      while (run.suspended && !run.done && leftMs() > 0) {
        run.resume();
        const pressure = run.pressure();
        if (pressure === null) await yieldToEventLoop();
        else await this.wokenOr(pressure, leftMs());
      }
    }
  }

  /** Ends all inputs: what waited for their end goes out. */
  private async drain(): Promise<void> {
    if (this.pace?.isAsked === true) await this.checkpoint('asked');
    for (const run of this.runs) run.endInputs();
    await this.settle();
  }

  /** Waits for a sink, but no longer than until somebody wants something else. */
  private async wokenOr(pressure: Promise<void>, ms = Number.POSITIVE_INFINITY): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        pressure.then(resolve, reject);
        if (Number.isFinite(ms)) timer = setTimeout(resolve, Math.max(0, ms));
        else if (this.stopReason === null) this.wake = resolve;
        else resolve();
      });
    } finally {
      clearTimeout(timer);
      this.wake = null;
    }
  }

  private sizes(): OperatorSize[] {
    return this.runs.flatMap((run) => run.sizes());
  }

  /** Asking for it takes longer than a turn of a few rows. */
  private measureMemory(nowNs: number): void {
    this.budget.check(this.options.clock, () => this.sizes());
    this.stateLimit.check(() => this.runs.map((run) => run.metrics()));
    if (nowNs < this.rssNextNs) return;
    this.rssNextNs = nowNs + RSS_EVERY_NS;
    this.rssPeakBytes = Math.max(this.rssPeakBytes, process.memoryUsage.rss());
  }

  /** One block of each of the query's splits, or one piece of what they gave; true: some had. */
  private stepRun(run: QueryRun): boolean {
    if (run.suspended) {
      this.resumeRun(run);
      return true;
    }
    let progressed = false;
    run.takeNewSplits();
    // A block that was put off does not begin the round anew: whoever is next stays next.
    for (let looks = run.inputs.length; looks > 0 && !run.suspended; looks -= 1) {
      const at = run.next < run.inputs.length ? run.next : 0;
      run.next = at + 1;
      const beforeNs = this.options.clock.monotonicNs();
      const rows = run.step(at);
      if (rows < 0) continue;
      progressed = true;
      const afterNs = this.options.clock.monotonicNs();
      // The end of a split: what it flushed counts, the wait for the end does not.
      run.work.busyUs += (afterNs - beforeNs) / 1e3;
      if (rows === 0) this.lastOutNs += afterNs - beforeNs;
      if (rows === 0) continue;
      if (Number.isNaN(this.firstReadNs)) this.firstReadNs = beforeNs;
      this.lastOutNs = afterNs;
      const { block } = run;
      const due = run.dueOf(at);
      block.readNs = beforeNs;
      block.dueFirstNs = due === null ? Number.NaN : due.first;
      block.dueLastNs = due === null ? Number.NaN : due.last;
      block.rowsRead = rows;
      run.work.batches += 1;
      this.latency.read(block);
      if (!run.suspended) this.blockDone(run, afterNs);
    }
    return progressed;
  }

  private resumeRun(run: QueryRun): void {
    const beforeNs = this.options.clock.monotonicNs();
    run.resume();
    this.lastOutNs = this.options.clock.monotonicNs();
    run.work.busyUs += (this.lastOutNs - beforeNs) / 1e3;
    if (!run.suspended) this.blockDone(run, this.lastOutNs);
  }

  /** All that a block brought about is out. */
  private blockDone({ block, work }: QueryRun, nowNs: number): void {
    if (block.rowsRead === 0) return;
    this.latency.done(block, block.rowsRead, nowNs);
    block.rowsRead = 0;
    const us = (nowNs - block.readNs) / 1e3;
    work.latencyUsLast = us;
    work.latencyUsMax = Math.max(work.latencyUsMax, us);
    work.latencyUsSum += us;
    work.latencyCount += 1;
  }

  /** ms until rows are due that are waited for to the point; Infinity where timers will do. */
  private dueInMs(active: readonly QueryRun[]): number {
    if (this.options.sleep === null) return Number.POSITIVE_INFINITY;
    return active.reduce((least, run) => Math.min(least, run.dueInMs()), Number.POSITIVE_INFINITY);
  }

  /** A timer brings the loop close to what is due in `dueMs`, a short sleep to the point. */
  private async waitForInput(active: readonly QueryRun[], dueMs: number): Promise<void> {
    const { sleep } = this.options;
    if (sleep !== null && dueMs < 2 * TIMER_LATE_MS) {
      sleep(Math.min(dueMs, TIMER_LATE_MS));
    } else {
      const { inputWait } = this;
      const ready = inputWait.any(active.flatMap((run) => run.waiting(sleep !== null)));
      this.wake = () => {
        inputWait.wake();
      };
      if (this.stopReason !== null) inputWait.wake();
      const idleMs = Math.min(...active.map((run) => run.idleAfterMs()));
      const keptMs = this.pace?.dueInMs(this.rowsMoved()) ?? Number.POSITIVE_INFINITY;
      const timerMs = Math.min(dueMs - TIMER_LATE_MS, idleMs, keptMs);
      const timer = Number.isFinite(timerMs) ? setTimeout(this.wake, timerMs) : undefined;
      try {
        await ready;
      } finally {
        clearTimeout(timer);
        this.wake = null;
      }
    }
    for (const run of active) run.markIdle(this.options.clock.nowMs());
  }

  private sleepUntilWoken(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      if (this.stopReason !== null) resolve();
    });
  }

  private result(cpu: NodeJS.CpuUsage): JobResult {
    this.rssPeakBytes = Math.max(this.rssPeakBytes, process.memoryUsage.rss());
    const limited = this.runs.some((run) => run.limited);
    return {
      ...this.metrics(),
      end: this.stopReason ?? (limited ? 'limit' : 'end-of-input'),
      digests: this.runs.map((run) => run.digest()),
      latencyUs: this.latency.latencyUs,
      latencyKind: this.latency.openLoop ? 'open-loop' : 'service',
      intervals: { intervalMs: INTERVAL_MS, rows: this.latency.intervalRows() },
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      rssPeakBytes: this.rssPeakBytes,
    };
  }
}

function lostRows(why: string): VeloError {
  return new VeloError('STATE_INVALID', { message: `the state at the end is not kept: ${why}` });
}

function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
