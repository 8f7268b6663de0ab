/**
 * How long a source waits before its next block, by severity. Owns the arithmetic only: sleeping is
 * the worker's business (shorter than a timer's floor of about 1 ms, so on a wake cell), and
 * severities come from backpressure.ts.
 */
import { assertNever } from '../../../base/assert.js';
import type { Severity } from '../../../metrics/partition-metrics.js';
import type { PartitionedSettings } from '../job-settings.js';

export type ThrottleSettings = PartitionedSettings['throttle'];

/**
 * Nothing at Healthy, the minimum at Warning, the minimum times the multiplier at Critical, the
 * maximum at Saturated, and never more than the maximum.
 */
export function throttleDelayMs(severity: Severity, settings: ThrottleSettings): number {
  const { minDelayMs, maxDelayMs, backoffMultiplier } = settings;
  switch (severity) {
    case 'healthy':
      return 0;
    case 'warning':
      return Math.min(minDelayMs, maxDelayMs);
    case 'critical':
      return Math.min(minDelayMs * Math.max(1, backoffMultiplier), maxDelayMs);
    case 'saturated':
      return maxDelayMs;
    default:
      return assertNever(severity);
  }
}
