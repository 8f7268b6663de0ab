/**
 * The only place that reads wall time. Connectors, processors and the command line get a Clock;
 * operators get times as arguments and never see one (law 10).
 */

export interface Clock {
  /** Milliseconds since the epoch; never goes backwards (processing time, forwardClock). */
  nowMs(): number;
  /** Monotonic nanoseconds with one origin for all threads of a process; for durations only. */
  monotonicNs(): number;
}

/**
 * performance.now() starts at 0 in each thread; what it lags behind the process's own monotonic
 * clock is measured once per thread (to less than a microsecond or two) and added.
 */
const threadOriginNs = measureOrigin();

/** The closest of several looks at both clocks: the thread may lose its core between the two. */
function measureOrigin(): number {
  let closestMs = Number.POSITIVE_INFINITY;
  let originNs = 0;
  for (let look = 0; look < 16; look += 1) {
    const beforeMs = performance.now();
    const [seconds, nanoseconds] = process.hrtime();
    const afterMs = performance.now();
    if (afterMs - beforeMs >= closestMs) continue;
    closestMs = afterMs - beforeMs;
    originNs = seconds * 1e9 + nanoseconds - ((beforeMs + afterMs) / 2) * 1e6;
  }
  return originNs;
}

/**
 * Wall time that never goes backwards: while the wall clock is behind a time that was given, time
 * passes half as fast, so that windows of processing time still close and the two meet again.
 * Standing still would stop them for as long as the clock was set back.
 */
export function forwardClock(wall: Clock): Clock {
  let givenMs = Number.NEGATIVE_INFINITY;
  let givenNs = 0;
  return {
    nowMs: () => {
      const nowMs = wall.nowMs();
      const nowNs = wall.monotonicNs();
      const leastMs = givenMs + Math.max(0, nowNs - givenNs) / 2e6;
      givenMs = Math.max(nowMs, leastMs);
      givenNs = nowNs;
      return Math.floor(givenMs);
    },
    monotonicNs: () => wall.monotonicNs(),
  };
}

/** Wall time that stands still: every record of a job is read then. null: the system's clock. */
export function clockAt(nowMs: number | null): Clock {
  if (nowMs === null) return systemClock;
  return { nowMs: () => nowMs, monotonicNs: () => systemClock.monotonicNs() };
}

export const systemClock: Clock = forwardClock({
  nowMs: () => Date.now(),
  monotonicNs: () => performance.now() * 1e6 + threadOriginNs,
});
