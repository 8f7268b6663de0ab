/**
 * The only place that reads wall time. Connectors, processors and the command line get a Clock;
 * operators get times as arguments and never see one (law 10).
 */

export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic nanoseconds, for durations only. */
  monotonicNs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicNs: () => performance.now() * 1e6,
};
