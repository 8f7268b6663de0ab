/**
 * What one thread measures of one query or job: the latency of its records and how many it read in
 * each interval. A block's records are read together, so they are recorded together; under a rate
 * each has its own intended send time, and the block is recorded in slices.
 *
 * Under a rate latency counts from the intended send time, however late the record was read: a
 * stall of 100 ms shows in all records that were due in it, as it would for whoever sends them, and
 * not only in the one block that took so long (coordinated omission).
 */
import type { Clock } from '../base/clock.js';
import { Histogram } from '../metrics/histogram.js';

export const INTERVAL_MS = 100;

/** Slices of a block whose records were due at different times, at most. */
const SLICES_MAX = 16;
/** A slice's records share one latency; they were due within this share of it, or this time. */
const SLICE_SHARE = 1 / 32;
const SLICE_NS_MIN = 1000;

export interface BlockTimes {
  readonly readNs: number;
  /** When the first and the last record were due under a rate; NaN without one. */
  readonly dueFirstNs: number;
  readonly dueLastNs: number;
}

export class LatencyLog {
  readonly latencyUs = new Histogram();
  /** Whether some record's latency counts from when it was due. */
  openLoop = false;
  private readonly clock: Clock;
  private readonly rowsByInterval: number[] = [];
  private startNs = Number.NaN;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A block's records were read. */
  read(block: { readonly readNs: number; readonly rowsRead: number }): void {
    if (Number.isNaN(this.startNs)) this.startNs = block.readNs;
    const interval = Math.floor((block.readNs - this.startNs) / (INTERVAL_MS * 1e6));
    this.rowsByInterval[interval] = (this.rowsByInterval[interval] ?? 0) + block.rowsRead;
  }

  /** `rows` records of a block are out. */
  done(block: BlockTimes, rows: number, nowNs: number = this.clock.monotonicNs()): void {
    if (Number.isNaN(block.dueFirstNs)) {
      this.latencyUs.record((nowNs - block.readNs) / 1e3, rows);
      return;
    }
    this.openLoop = true;
    const spreadNs = block.dueLastNs - block.dueFirstNs;
    const sliceNs = Math.max(SLICE_NS_MIN, (nowNs - block.dueLastNs) * SLICE_SHARE);
    const slices = Math.min(SLICES_MAX, rows, Math.floor(spreadNs / sliceNs) + 1);
    for (let slice = 0; slice < slices; slice += 1) {
      const count = Math.floor((rows * (slice + 1)) / slices) - Math.floor((rows * slice) / slices);
      const place = slices === 1 ? 0 : slice / (slices - 1);
      const dueNs = block.dueFirstNs + spreadNs * place;
      this.latencyUs.record((nowNs - dueNs) / 1e3, count);
    }
  }

  intervalRows(): readonly number[] {
    return Array.from(this.rowsByInterval, (count) => count ?? 0);
  }

  report(): {
    readonly latency: string;
    readonly latencySteps: readonly (readonly [number, number])[];
    readonly intervalRows: readonly number[];
    readonly openLoop: boolean;
  } {
    return {
      latency: this.latencyUs.encoded(),
      latencySteps: this.latencyUs.steps(),
      intervalRows: this.intervalRows(),
      openLoop: this.openLoop,
    };
  }
}
