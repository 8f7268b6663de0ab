/**
 * What one worker measures of one query: the latency of its records and how many it read in each
 * interval. A turn's records are read together, so they are recorded together; under a rate each
 * has its own intended send time, and the turn is recorded in slices.
 */
import type { Clock } from '../../base/clock.js';
import { Histogram } from '../../metrics/histogram.js';

export const INTERVAL_MS = 100;

/** Slices of a turn whose records were due at different times. */
const SLICES = 16;

export interface TurnTimes {
  readonly readNs: number;
  readonly dueFirstNs: number;
  readonly dueLastNs: number;
}

export class LatencyLog {
  private readonly clock: Clock;
  private readonly latencyUs = new Histogram();
  private readonly intervalRows: number[] = [];
  private startNs = Number.NaN;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A turn's records were read. */
  read(turn: { readonly readNs: number; readonly rowsRead: number }): void {
    if (Number.isNaN(this.startNs)) this.startNs = turn.readNs;
    const interval = Math.floor((turn.readNs - this.startNs) / (INTERVAL_MS * 1e6));
    this.intervalRows[interval] = (this.intervalRows[interval] ?? 0) + turn.rowsRead;
  }

  /** `rows` records of a turn are out. */
  done(turn: TurnTimes, rows: number): void {
    const nowNs = this.clock.monotonicNs();
    if (Number.isNaN(turn.dueFirstNs)) {
      this.latencyUs.record((nowNs - turn.readNs) / 1e3, rows);
      return;
    }
    const slices = Math.min(SLICES, rows);
    for (let slice = 0; slice < slices; slice += 1) {
      const count = Math.floor((rows * (slice + 1)) / slices) - Math.floor((rows * slice) / slices);
      const place = slices === 1 ? 1 : slice / (slices - 1);
      const dueNs = turn.dueFirstNs + (turn.dueLastNs - turn.dueFirstNs) * place;
      this.latencyUs.record((nowNs - dueNs) / 1e3, count);
    }
  }

  report(): {
    readonly latency: string;
    readonly latencySteps: readonly (readonly [number, number])[];
    readonly intervalRows: readonly number[];
  } {
    return {
      latency: this.latencyUs.encoded(),
      latencySteps: this.latencyUs.steps(),
      intervalRows: Array.from(this.intervalRows, (count) => count ?? 0),
    };
  }
}
