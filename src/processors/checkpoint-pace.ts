/**
 * When a job's state is kept, and that one state is written at a time, beside the running job. Owns
 * the interval, the last one of a job that stops or ends, and those who ask for a state between;
 * what the state is, is the processor's, how it lies on disk state/checkpoint's.
 */
import { VeloError } from '../base/errors.js';
import type { Clock } from '../base/clock.js';
import type { JobState } from '../state/checkpoint/job-state.js';

/** Why a state is kept: its time has come, the job is asked to stop, or all of it is done. */
export type CheckpointTrigger = 'interval' | 'stop' | 'end';
/** Why a state is taken: to be kept, or only because somebody asks for it. */
export type StateTrigger = CheckpointTrigger | 'asked';

/** A state that is to be kept. */
export interface TakenState {
  readonly state: JobState;
  readonly trigger: CheckpointTrigger;
  /** How long the job stood still for it. */
  readonly pauseMs: number;
}

/** Where states go. */
export interface CheckpointTarget {
  readonly intervalMs: number;
  /** Makes it durable. Rejects where that is not possible: the job goes on with the one before. */
  readonly write: (taken: TakenState) => Promise<void>;
  /** A state that could not be kept, for the user. */
  readonly failed: (error: unknown) => void;
}

interface Asked {
  readonly resolve: (state: JobState) => void;
  readonly reject: (error: unknown) => void;
}

export class CheckpointPace {
  private readonly target: CheckpointTarget;
  private readonly clock: Clock;
  private dueNs: number;
  private writing: Promise<void> | null = null;
  private rowsBefore = 0;
  private asked: Asked[] = [];

  constructor(target: CheckpointTarget, clock: Clock) {
    this.target = target;
    this.clock = clock;
    this.dueNs = this.afterInterval();
  }

  /** Why a state is to be taken now; null: it is not. `rowsRead`: how many rows the job has read. */
  due(rowsRead: () => number): StateTrigger | null {
    const isTime = this.writing === null && this.clock.monotonicNs() >= this.dueNs;
    if (isTime && rowsRead() !== this.rowsBefore) return 'interval';
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

  /** ms until due() may give one; Infinity while a state is being written, or nothing was read. */
  dueInMs(rowsRead: number): number {
    if (this.isAsked) return 0;
    if (this.writing !== null || rowsRead === this.rowsBefore) return Number.POSITIVE_INFINITY;
    return Math.max(0, (this.dueNs - this.clock.monotonicNs()) / 1e6);
  }

  /** Hands a state to who asked for one and, where it is to be kept, writes it beside the job. */
  publish(
    state: JobState,
    trigger: StateTrigger,
    { rowsRead, sinceNs }: { readonly rowsRead: number; readonly sinceNs: number },
  ): void {
    for (const { resolve } of this.asked.splice(0)) resolve(state);
    if (trigger === 'asked') return;
    this.rowsBefore = rowsRead;
    const pauseMs = (this.clock.monotonicNs() - sinceNs) / 1e6;
    const before = this.writing ?? Promise.resolve();
    const writing = before
      .then(() => this.target.write({ state, trigger, pauseMs }))
      .catch((error: unknown) => this.target.failed(error))
      .finally(() => {
        this.dueNs = this.afterInterval();
        if (this.writing === writing) this.writing = null;
      });
    this.writing = writing;
  }

  /** No state could be taken, for a reason that the user hears. */
  missed(error: unknown): void {
    this.refuse(error);
    this.dueNs = this.afterInterval();
    this.target.failed(error);
  }

  /** Whatever is being written is. */
  async settled(): Promise<void> {
    await this.writing;
  }

  /** The job is over: who still asks gets none. */
  jobEnded(): void {
    const message = 'the job ended before its state was taken';
    this.refuse(new VeloError('JOB_ENDED', { message }));
  }

  private refuse(error: unknown): void {
    for (const { reject } of this.asked.splice(0)) reject(error);
  }

  private afterInterval(): number {
    return this.clock.monotonicNs() + this.target.intervalMs * 1e6;
  }
}
