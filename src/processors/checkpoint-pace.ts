/**
 * When a job's state is kept, and that one state is written at a time, beside the running job. Owns
 * the interval, the last one of a job that stops or ends, and those who ask for a state between;
 * what the state is, is the processor's, how it lies on disk state/checkpoint's.
 */
import { VeloError } from '../base/errors.js';
import type { Clock } from '../base/clock.js';
import { holdFiles } from '../state/checkpoint/entry-files.js';
import type { JobState } from '../state/checkpoint/job-state.js';

/** Why a state is kept: its time has come, the job is asked to stop, or all of it is done. */
export type CheckpointTrigger = 'interval' | 'stop' | 'end';
/** Why a state is taken: to be kept, or only because somebody asks for it. */
export type StateTrigger = CheckpointTrigger | 'asked';

/** A state that is to be kept. */
export interface TakenState {
  /** Rejects with JOB_ENDED where the job ends before all of it is there. */
  readonly state: Promise<JobState>;
  /** asked: somebody wants one between the intervals. */
  readonly trigger: CheckpointTrigger | 'asked';
  /** How long the job stood still for it. */
  readonly pauseMs: number;
}

/** Where states go. */
export interface CheckpointTarget {
  readonly intervalMs: number;
  /** A state is kept after so long without a row, too; null, the default: none is. */
  readonly restMs?: number | null;
  /**
   * At the point of the state, with all rows before it in the sinks and none behind it. Gives what
   * makes it durable, one after the other, which rejects where that is not possible.
   */
  readonly take: (taken: TakenState) => () => Promise<void>;
  /** Rows are seen when their state is kept: a job that cannot keep one has to end. */
  readonly isVital: boolean;
  /** A state that could not be kept, for the user: the job goes on with the one before. */
  readonly failed: (error: unknown) => void;
}

interface Asked<T> {
  readonly resolve: (answer: T | Promise<T>) => void;
  readonly reject: (error: unknown) => void;
}

/** What timers take. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class CheckpointPace {
  private readonly target: CheckpointTarget;
  private readonly clock: Clock;
  private dueNs: number;
  /** When one is due though nothing has moved. */
  private restNs: number;
  private writing: Promise<void> | null = null;
  private rowsBefore = 0;
  private asked: Asked<JobState>[] = [];
  private wanted: Asked<undefined>[] = [];
  /** Why the job has to end. */
  private broken: { readonly error: unknown } | null = null;
  private readonly wake: () => void;

  /** `wake`: due() is to be asked. */
  constructor(target: CheckpointTarget, clock: Clock, wake: () => void) {
    this.target = target;
    this.clock = clock;
    this.wake = wake;
    this.dueNs = this.afterInterval();
    this.restNs = this.afterRest();
  }

  /**
   * Why a state is to be taken now; null: it is not. `rowsMoved`: how many rows
   * the job has read and put out. Throws what a vital state could not be kept for.
   */
  due(rowsMoved: () => number): StateTrigger | null {
    this.requireWhole();
    if (this.writing === null) {
      const nowNs = this.clock.monotonicNs();
      if (this.wanted.length > 0 || nowNs >= this.restNs) return 'interval';
      if (nowNs >= this.dueNs && rowsMoved() !== this.rowsBefore) return 'interval';
    }
    return this.isAsked ? 'asked' : null;
  }

  get isAsked(): boolean {
    return this.asked.length > 0;
  }

  /** The state that is taken next; rejects where the job ends before. */
  ask(): Promise<JobState> {
    return new Promise((resolve, reject) => {
      this.asked.push({ resolve, reject });
    });
  }

  /** The next state is kept, whatever its time; resolves when it is, rejects where it cannot be. */
  keep(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.wanted.push({ resolve, reject });
    });
  }

  /** ms until due() may give one; Infinity while a state is being written, or nothing will move. */
  dueInMs(rowsMoved: number): number {
    if (this.isAsked) return 0;
    if (this.writing !== null) return Number.POSITIVE_INFINITY;
    if (this.wanted.length > 0) return 0;
    const dueNs = rowsMoved === this.rowsBefore ? this.restNs : Math.min(this.dueNs, this.restNs);
    const ms = Math.max(0, (dueNs - this.clock.monotonicNs()) / 1e6);
    return Number.isFinite(ms) ? Math.min(TIMER_MS_MAX, ms) : ms;
  }

  /**
   * Hands a state to who asked for one and, where it is to be kept, writes it beside the job. Each of
   * them releases its files (state/checkpoint/entry-files).
   */
  publish(
    taken: Promise<JobState>,
    trigger: StateTrigger,
    { rowsMoved, sinceNs }: { readonly rowsMoved: number; readonly sinceNs: number },
  ): void {
    const holders = this.asked.length + (trigger === 'asked' ? 0 : 1);
    const state = taken.then((whole) => {
      holdFiles(whole, holders);
      return whole;
    });
    for (const { resolve } of this.asked.splice(0)) resolve(state);
    // Who asked hears of a job that ends; of one that keeps its state, its own end tells.
    state.catch(() => undefined);
    if (trigger === 'asked') return;
    this.rowsBefore = rowsMoved;
    const pauseMs = (this.clock.monotonicNs() - sinceNs) / 1e6;
    const before = this.writing ?? Promise.resolve();
    const wanted = this.wanted.splice(0);
    const why = trigger === 'interval' && wanted.length > 0 ? 'asked' : trigger;
    const write = this.target.take({ state, trigger: why, pauseMs });
    const writing = before
      .then(() => {
        this.requireWhole();
        return write();
      })
      .then(
        () => {
          for (const { resolve } of wanted) resolve(undefined);
        },
        (error: unknown) => {
          for (const { reject } of wanted) reject(error);
          this.failed(error);
        },
      )
      .finally(() => {
        this.dueNs = this.afterInterval();
        this.restNs = this.afterRest();
        if (this.writing === writing) this.writing = null;
        if (this.wanted.length > 0) this.wake();
      });
    this.writing = writing;
  }

  /** No state could be taken, for a reason that the user hears. */
  missed(error: unknown): void {
    this.refuse(error);
    this.dueNs = this.afterInterval();
    this.target.failed(error);
  }

  /** Whatever is being written is. Throws what a vital state could not be kept for. */
  async settled(): Promise<void> {
    await this.writing;
    this.requireWhole();
  }

  /** Somebody else goes on from here: a write that others build on is waited for, and has to be whole. */
  async handedOver(): Promise<void> {
    if (this.target.isVital) await this.settled();
  }

  private failed(error: unknown): void {
    if (error instanceof VeloError && error.key === 'JOB_ENDED') return;
    if (!this.target.isVital) {
      this.target.failed(error);
      return;
    }
    this.broken ??= { error };
    this.wake();
  }

  private requireWhole(): void {
    if (this.broken !== null) throw this.broken.error;
  }

  /** The job is over: who still asks gets none. */
  jobEnded(): void {
    const message = 'the job ended before its state was taken';
    this.refuse(new VeloError('JOB_ENDED', { message }));
  }

  private refuse(error: unknown): void {
    for (const { reject } of this.asked.splice(0)) reject(error);
    for (const { reject } of this.wanted.splice(0)) reject(error);
  }

  private afterInterval(): number {
    return this.clock.monotonicNs() + this.target.intervalMs * 1e6;
  }

  private afterRest(): number {
    const { restMs = null } = this.target;
    return restMs === null ? Number.POSITIVE_INFINITY : this.clock.monotonicNs() + restMs * 1e6;
  }
}
