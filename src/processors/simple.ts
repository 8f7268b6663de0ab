/**
 * V1: one thread drives every query of the job, split by split, block by block. Owns the loop,
 * pausing and stopping; operators, sources and sinks are made by its parts. Yields to the event
 * loop every few milliseconds, so that signals, sockets and the progress line stay alive.
 */
import type { Clock } from '../base/clock.js';
import { Histogram } from '../metrics/histogram.js';
import type {
  JobMetrics,
  JobProcessor,
  JobResult,
  LifecycleState,
  EndReason,
} from './job-processor.js';
import type { QueryRun } from './query-run.js';

/** How long the loop may keep the event loop waiting. */
const SLICE_MS = 8;
const INTERVAL_MS = 100;

export interface SimpleJobOptions {
  readonly clock: Clock;
  /** Opens sources and sinks and builds the pipelines; called once by start(). */
  readonly open: () => Promise<readonly QueryRun[]>;
  /** Ends the job after so many milliseconds; null = never. */
  readonly durationMs: number | null;
}

export class SimpleJobProcessor implements JobProcessor {
  state: LifecycleState = 'created';
  private readonly options: SimpleJobOptions;
  private runs: readonly QueryRun[] = [];
  private readonly latencyUs = new Histogram();
  private readonly intervalRows: number[] = [];
  private firstReadNs = Number.NaN;
  private lastOutNs = Number.NaN;
  private stopReason: EndReason | null = null;
  private wake: (() => void) | null = null;
  private finished: Promise<void> = Promise.resolve();
  private rssPeakBytes = 0;

  constructor(options: SimpleJobOptions) {
    this.options = options;
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
      if (this.state === 'created') this.state = 'running';
      await this.drive();
      const drivenNs = this.options.clock.monotonicNs();
      for (const run of this.runs) await run.complete();
      this.lastOutNs += this.options.clock.monotonicNs() - drivenNs;
      this.state = 'finished';
      return this.result(process.cpuUsage(cpuBefore));
    } catch (error) {
      this.state = 'failed';
      for (const run of this.runs) await run.abandon();
      throw error;
    } finally {
      clearTimeout(timer);
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

  async stop(): Promise<void> {
    this.requestStop('stopped');
    await this.finished;
  }

  numberOfPartitions(): number {
    return 1;
  }

  metrics(): JobMetrics {
    const queries = this.runs.map((run) => run.metrics());
    const sum = (pick: (query: (typeof queries)[number]) => number): number =>
      queries.reduce((total, query) => total + pick(query), 0);
    return {
      state: this.state,
      queries,
      rowsRead: sum((query) => query.rowsRead),
      rowsOut: sum((query) => query.rowsOut),
      rowsFailed: sum((query) => query.rowsFailed),
      rowsLate: sum((query) => query.rowsLate),
      seconds: this.seconds(),
      rowsTotal: this.rowsTotal(),
    };
  }

  private rowsTotal(): number | null {
    let total = 0;
    for (const run of this.runs) {
      const rows = run.rowsTotal();
      if (rows === null) return null;
      total += rows;
    }
    return this.runs.length === 0 ? null : total;
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
      if (this.state === 'paused') await this.sleepUntilWoken();
      let progressed = false;
      for (const run of active) {
        if (this.stepRun(run)) progressed = true;
        const pressure = run.pressure();
        if (pressure !== null) await pressure;
      }
      if (active.some((run) => run.done)) active = active.filter((run) => !run.done);
      const nowNs = this.options.clock.monotonicNs();
      if (progressed && nowNs < sliceEndNs) continue;
      for (const run of active) run.handOn();
      if (!progressed && active.length > 0) await this.waitForInput(active);
      else await yieldToEventLoop();
      sliceEndNs = this.options.clock.monotonicNs() + SLICE_MS * 1e6;
      this.rssPeakBytes = Math.max(this.rssPeakBytes, process.memoryUsage.rss());
    }
  }

  /** One block of each of the query's splits; true when any had one. */
  private stepRun(run: QueryRun): boolean {
    let progressed = false;
    for (let at = 0; at < run.inputs.length; at += 1) {
      const beforeNs = this.options.clock.monotonicNs();
      const rows = run.step(at);
      if (rows < 0) continue;
      progressed = true;
      const afterNs = this.options.clock.monotonicNs();
      // The end of a split: what it flushed counts, the wait for the end does not.
      if (rows === 0) this.lastOutNs += afterNs - beforeNs;
      if (rows === 0) continue;
      if (Number.isNaN(this.firstReadNs)) this.firstReadNs = beforeNs;
      this.lastOutNs = afterNs;
      this.latencyUs.record((afterNs - beforeNs) / 1e3, rows);
      const interval = Math.floor((afterNs - this.firstReadNs) / (INTERVAL_MS * 1e6));
      this.intervalRows[interval] = (this.intervalRows[interval] ?? 0) + rows;
    }
    return progressed;
  }

  private async waitForInput(active: readonly QueryRun[]): Promise<void> {
    const woken = this.sleepUntilWoken();
    const ready = active.flatMap((run) => run.waiting());
    await Promise.race([woken, ...ready]);
    this.wake = null;
    for (const run of active) run.markIdle(this.options.clock.nowMs());
    await yieldToEventLoop();
  }

  private sleepUntilWoken(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      if (this.stopReason !== null) resolve();
    });
  }

  private result(cpu: NodeJS.CpuUsage): JobResult {
    this.rssPeakBytes = Math.max(this.rssPeakBytes, process.memoryUsage.rss());
    const rows = Array.from(this.intervalRows, (count) => count ?? 0);
    const limited = this.runs.some((run) => run.limited);
    return {
      ...this.metrics(),
      end: this.stopReason ?? (limited ? 'limit' : 'end-of-input'),
      digests: this.runs.map((run) => run.digest()),
      latencyUs: this.latencyUs,
      latencyKind: 'service',
      intervals: { intervalMs: INTERVAL_MS, rows },
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      rssPeakBytes: this.rssPeakBytes,
    };
  }
}

function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
