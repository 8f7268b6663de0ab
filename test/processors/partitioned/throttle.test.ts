/** How long a source waits at each severity. */
import { describe, expect, it } from 'vitest';
import { SEVERITIES } from '../../../src/metrics/partition-metrics.js';
import { PARTITIONED_DEFAULTS } from '../../../src/processors/partitioned/job-settings.js';
import { throttleDelayMs } from '../../../src/processors/partitioned/pressure/throttle.js';
import type { ThrottleSettings } from '../../../src/processors/partitioned/pressure/throttle.js';

const delays = (settings: ThrottleSettings): number[] =>
  SEVERITIES.map((severity) => throttleDelayMs(severity, settings));

describe('throttle', () => {
  it('0, 0.1, 0.2 and 10 ms by default', () => {
    expect(delays(PARTITIONED_DEFAULTS.throttle)).toEqual([0, 0.1, 0.2, 10]);
  });

  it('follows minimum, multiplier and maximum', () => {
    const settings = { minDelayMs: 0.5, maxDelayMs: 8, backoffMultiplier: 3 };
    expect(delays(settings)).toEqual([0, 0.5, 1.5, 8]);
  });

  it('never waits longer than the maximum', () => {
    expect(delays({ minDelayMs: 3, maxDelayMs: 5, backoffMultiplier: 10 })).toEqual([0, 3, 5, 5]);
    expect(delays({ minDelayMs: 3, maxDelayMs: 0, backoffMultiplier: 10 })).toEqual([0, 0, 0, 0]);
  });

  it('a multiplier below 1 cannot make a worse tier wait less', () => {
    const settings = { minDelayMs: 2, maxDelayMs: 5, backoffMultiplier: 0.5 };
    const [, warning, critical] = delays(settings);
    expect(critical).toBeGreaterThanOrEqual(warning as number);
  });
});
