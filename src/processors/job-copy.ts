/**
 * The state of a V1 job at one point of its streams, on its way out of the operators while the job
 * goes on. Owns the pace of that: short pieces between the job's own turns, or all of it where
 * somebody waits; what is copied, and how, is runtime/state-copy's.
 */
import { VeloError } from '../base/errors.js';
import type { Clock } from '../base/clock.js';
import type { StateCopy } from '../runtime/state-copy.js';
import type { JobState, QueryState } from '../state/checkpoint/job-state.js';

/** How long a piece may take, beside turns of the loop of four times that. */
const PIECE_MS = 2;

/** A query's state as far as it is there, and what the rest comes from. */
export interface TakenQuery {
  readonly state: QueryState;
  /** null: nothing of it is missing. */
  readonly copy: StateCopy | null;
}

interface Copying {
  readonly queries: readonly TakenQuery[];
  readonly resolve: (state: JobState) => void;
  readonly reject: (error: unknown) => void;
}

export class JobCopy {
  private readonly clock: Clock;
  private copying: Copying | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isUnderWay(): boolean {
    return this.copying !== null;
  }

  /** Resolves when all of it is there; rejects with JOB_ENDED. One at a time. */
  begin(queries: readonly TakenQuery[]): Promise<JobState> {
    this.finish();
    return new Promise((resolve, reject) => {
      this.copying = { queries, resolve, reject };
      this.conclude();
    });
  }

  /** The next piece, if there is one. */
  step(): void {
    if (this.copying === null) return;
    const untilNs = this.clock.monotonicNs() + PIECE_MS * 1e6;
    this.copy(() => this.clock.monotonicNs() < untilNs);
  }

  /** All the rest, now. */
  finish(): void {
    if (this.copying !== null) this.copy(() => true);
  }

  /** The job is over: what is missing will not come. */
  jobEnded(): void {
    this.copying?.reject(
      new VeloError('JOB_ENDED', { message: 'the job ended before its state was taken' }),
    );
    this.copying = null;
  }

  private copy(goesOn: () => boolean): void {
    for (const { copy } of this.copying?.queries ?? []) {
      if (copy === null || copy.isWhole) continue;
      copy.step(goesOn);
      if (!copy.isWhole) return;
    }
    this.conclude();
  }

  private conclude(): void {
    const { copying } = this;
    if (copying === null) return;
    if (copying.queries.some(({ copy }) => copy !== null && !copy.isWhole)) return;
    this.copying = null;
    copying.resolve(copying.queries.map(stateOf));
  }
}

function stateOf({ state, copy }: TakenQuery): QueryState {
  return copy === null ? state : { ...state, operators: [...state.operators, ...copy.parts] };
}
