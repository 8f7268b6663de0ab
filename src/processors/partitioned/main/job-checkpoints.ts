/**
 * Checkpoints of a job on partitions: a barrier through all queries, their rows up to it in the
 * sinks and none behind it, and then the state is copied and kept beside the running job. Owns the order of
 * these steps, each of which main takes in passing; barriers and the parts of a state are the
 * coordinator's, when one is due is processors/checkpoint-pace.
 */
import type { Clock } from '../../../base/clock.js';
import { VeloError } from '../../../base/errors.js';
import type { JobState } from '../../../state/checkpoint/job-state.js';
import type { CheckpointPace, StateTrigger } from '../../checkpoint-pace.js';
import type { CoordinatedQuery } from './coordinated-query.js';

export interface JobCheckpointsParts {
  readonly pace: CheckpointPace;
  readonly clock: Clock;
  readonly queries: () => readonly CoordinatedQuery[];
  readonly rowsMoved: () => number;
  /** Asks for the state behind a barrier; `begun` hears its number before anything comes of it. */
  readonly snapshot: (begun: (barrier: number) => void) => Promise<JobState>;
  readonly wakeMain: () => void;
}

interface Taking {
  readonly trigger: StateTrigger;
  readonly sinceNs: number;
  barrier: number;
  state: Promise<JobState> | null;
  isFlushing: boolean;
  /** Nobody goes on behind it: all of the state is waited for. */
  readonly isLast: boolean;
  readonly over: (outcome: TakenOutcome) => void;
}

/** What became of it. */
export interface TakenOutcome {
  /** All of it, of the last one; null: it is not there, or is still on its way. */
  readonly state: JobState | null;
  /** Why it could not be taken; null: it was. */
  readonly error: unknown;
}

export class JobCheckpoints {
  private readonly parts: JobCheckpointsParts;
  private taking: Taking | null = null;

  constructor(parts: JobCheckpointsParts) {
    this.parts = parts;
  }

  get busy(): boolean {
    return this.taking !== null;
  }

  /** In each pass of main's loop. */
  step(): void {
    const { pace, rowsMoved, queries } = this.parts;
    const { taking } = this;
    if (taking === null) {
      const trigger = pace.due(rowsMoved);
      if (trigger !== null) void this.take(trigger);
      return;
    }
    const { state, barrier } = taking;
    if (state === null || barrier === 0 || taking.isFlushing) return;
    if (!queries().every((query) => query.isAtBarrier(barrier, query.endedBefore(barrier)))) return;
    taking.isFlushing = true;
    void this.keep(taking, state);
  }

  /**
   * Resolves when the state is on its way to where it is kept, or that was not possible. `isLast`:
   * the job stops behind it, and all of the state is waited for.
   */
  take(trigger: StateTrigger, isLast = false): Promise<TakenOutcome> {
    return new Promise((resolve) => {
      const taking: Taking = {
        trigger,
        sinceNs: this.parts.clock.monotonicNs(),
        barrier: 0,
        state: null,
        isFlushing: false,
        isLast,
        over: (outcome) => {
          if (this.taking === taking) this.taking = null;
          resolve(outcome);
        },
      };
      this.taking = taking;
      const begun = (barrier: number): void => {
        taking.barrier = barrier;
        for (const query of this.parts.queries()) query.holdAt(barrier);
      };
      taking.state = this.parts.snapshot(begun);
      taking.state.catch((error: unknown) => this.giveUp(taking, error));
    });
  }

  /** Whatever is under way is not waited for any longer. */
  cancel(why: string): void {
    const { taking } = this;
    if (taking !== null) this.giveUp(taking, new VeloError('STATE_INVALID', { message: why }));
  }

  /** Rows go on behind the barrier when those before it are out; the copy of the state takes longer. */
  private async keep(taking: Taking, state: Promise<JobState>): Promise<void> {
    const { pace, queries, rowsMoved } = this.parts;
    try {
      const sinks: (string | null)[] = [];
      for (const query of queries()) sinks.push(await query.sinkPosition());
      const whole = state.then((parts) =>
        parts.map((query, at) => ({ ...query, sink: sinks[at] ?? null })),
      );
      const last = taking.isLast ? await whole : null;
      if (this.taking !== taking) return;
      pace.publish(whole, taking.trigger, { rowsMoved: rowsMoved(), sinceNs: taking.sinceNs });
      this.release(taking, { state: last, error: null });
    } catch (error) {
      this.giveUp(taking, error);
    }
  }

  /** The job's own end comes between: it says what was missed. */
  private giveUp(taking: Taking, error: unknown): void {
    if (this.taking !== taking) return;
    if (taking.trigger === 'stop') this.parts.pace.missed(error);
    this.release(taking, { state: null, error });
  }

  private release(taking: Taking, outcome: TakenOutcome): void {
    for (const query of this.parts.queries()) query.release();
    taking.over(outcome);
    this.parts.wakeMain();
  }
}
