/**
 * When a job's state is kept, and that one state is written at a time, beside the running job. Owns
 * the interval, the count of failures and the last one of a job that stops or ends; what the state
 * is, is the processor's, how it lies on disk state/checkpoint's.
 */
import type { Clock } from '../base/clock.js';
import type { JobState } from '../state/checkpoint/job-state.js';

/** Why a state is kept: its time has come, the job is asked to stop, or all of it is done. */
export type CheckpointTrigger = 'interval' | 'stop' | 'end';

/** Where states go. */
export interface CheckpointTarget {
  readonly intervalMs: number;
  /** Makes it durable. Rejects where that is not possible: the job goes on with the one before. */
  readonly write: (state: JobState, trigger: CheckpointTrigger) => Promise<void>;
  /** A state that could not be kept, for the user. */
  readonly failed: (error: unknown) => void;
}

export class CheckpointPace {
  private readonly target: CheckpointTarget;
  private readonly clock: Clock;
  private dueNs: number;
  private writing: Promise<void> | null = null;
  private rowsBefore = 0;

  constructor(target: CheckpointTarget, clock: Clock) {
    this.target = target;
    this.clock = clock;
    this.dueNs = this.afterInterval();
  }

  /** Whether a state is to be taken now; `rowsRead` says how many rows the job has read. */
  isDue(rowsRead: () => number): boolean {
    if (this.writing !== null || this.clock.monotonicNs() < this.dueNs) return false;
    return rowsRead() !== this.rowsBefore;
  }

  /** ms until isDue() may say yes; Infinity while a state is being written, or nothing was read. */
  dueInMs(rowsRead: number): number {
    if (this.writing !== null || rowsRead === this.rowsBefore) return Number.POSITIVE_INFINITY;
    return Math.max(0, (this.dueNs - this.clock.monotonicNs()) / 1e6);
  }

  /** Writes a state without making its job wait. */
  publish(state: JobState, trigger: CheckpointTrigger, rowsRead: number): void {
    this.rowsBefore = rowsRead;
    const before = this.writing ?? Promise.resolve();
    const writing = before
      .then(() => this.target.write(state, trigger))
      .catch((error: unknown) => this.target.failed(error))
      .finally(() => {
        this.dueNs = this.afterInterval();
        if (this.writing === writing) this.writing = null;
      });
    this.writing = writing;
  }

  /** No state could be taken, for a reason that the user hears. */
  missed(error: unknown): void {
    this.dueNs = this.afterInterval();
    this.target.failed(error);
  }

  /** Whatever is being written is. */
  async settled(): Promise<void> {
    await this.writing;
  }

  private afterInterval(): number {
    return this.clock.monotonicNs() + this.target.intervalMs * 1e6;
  }
}
