/**
 * One change of how a running job is cut, from its request to its answer: the life that runs hands
 * its state over, the next one goes on with it, and the state is kept beside it. Owns what is known
 * of it at each step, and what it came to; the lives are restarting-job.ts's.
 */
import type { HandedOver } from '../processors/job-processor.js';
import { movedState } from './placement.js';
import type { MovedState, Placement } from './placement.js';
import type { RebalancePlan } from './rebalancing.js';

/** A running job that was cut anew. */
export interface RescaledJob {
  readonly from: Placement;
  readonly to: Placement;
  /** The checkpoint of the point where it was cut; null: it could not be kept. */
  readonly epoch: number | null;
  /** State that is another partition's than before. */
  readonly movedRows: number;
  readonly movedBytes: number;
  /** From when reading ended to when it began again. */
  readonly pauseMs: number;
}

/** One whose key groups were moved off a partition that had stayed hot. */
export interface RebalancedJob extends RebalancePlan {
  readonly cut: RescaledJob;
}

export class Recut {
  readonly from: Placement;
  readonly to: Placement;
  /** What the life that runs leaves. */
  readonly handing: Promise<HandedOver>;
  /** The next life exists, and does not read yet. */
  isBetween = false;
  /** The epoch that the state is kept as; null: it is not. */
  kept: Promise<number | null> = Promise.resolve(null);
  /** Whatever came of it. */
  readonly over: Promise<void>;
  private readonly begun: Promise<void>;
  private begin: () => void = () => undefined;
  private fail: (error: unknown) => void = () => undefined;
  private end: () => void = () => undefined;

  constructor(from: Placement, to: Placement, handing: Promise<HandedOver>) {
    this.from = from;
    this.to = to;
    this.handing = handing;
    this.begun = new Promise((resolve, reject) => {
      this.begin = resolve;
      this.fail = reject;
    });
    // Looked at when the state was handed over.
    this.begun.catch(() => undefined);
    this.over = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /** The next life reads. */
  readonly reads = (): void => {
    this.isBetween = false;
    this.begin();
  };

  /** There will be no such life. */
  gaveUp(error: unknown): void {
    this.isBetween = false;
    this.fail(error);
  }

  /** Resolves when the next life reads, with what moved. Rejects where there is none. */
  async done(pauseMs: () => number): Promise<RescaledJob> {
    const { state } = await this.handing;
    await this.begun;
    const pause = pauseMs();
    const { from, to } = this;
    const moved: MovedState = movedState(state, from, to);
    const epoch = await this.kept;
    return { from, to, epoch, movedRows: moved.rows, movedBytes: moved.bytes, pauseMs: pause };
  }

  settled(): void {
    this.end();
  }
}
