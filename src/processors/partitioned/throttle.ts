/**
 * How long a source waits before its next block, by severity. Owns the three settings and their
 * arithmetic only: sleeping is the worker's business (timers have a floor of 1.1 ms here, so
 * shorter delays are slept on a wake cell), and severities come from backpressure.ts.
 */
import type { Severity } from '../../metrics/partition-metrics.js';
import { assertNever } from '../../base/assert.js';

export interface ThrottleSettings {
  /** Delay at Warning. */
  readonly minDelayMs: number;
  /** Delay at Saturated, and the most at any tier. */
  readonly maxDelayMs: number;
  /** Critical waits this many times as long as Warning. */
  readonly backoffMultiplier: number;
}

export const THROTTLE_DEFAULTS: ThrottleSettings = {
  minDelayMs: 0.1,
  maxDelayMs: 10,
  backoffMultiplier: 2,
};

export function throttleDelayMs(severity: Severity, settings: ThrottleSettings): number {
  const { minDelayMs, maxDelayMs, backoffMultiplier } = settings;
  switch (severity) {
    case 'healthy':
      return 0;
    case 'warning':
      return Math.min(minDelayMs, maxDelayMs);
    case 'critical':
      return Math.min(minDelayMs * backoffMultiplier, maxDelayMs);
    case 'saturated':
      return maxDelayMs;
    default:
      return assertNever(severity);
  }
}
