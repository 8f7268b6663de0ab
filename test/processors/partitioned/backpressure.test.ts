/** The four tiers, from ring use and from latency; events, states and what they do to a source. */
import { describe, expect, it } from 'vitest';
import { SEVERITIES } from '../../../src/metrics/partition-metrics.js';
import {
  Backpressure,
  severityLevel,
} from '../../../src/processors/partitioned/pressure/backpressure.js';
import type { BackpressureSettings } from '../../../src/processors/partitioned/pressure/backpressure.js';

const SETTINGS = { enabled: true, queueThreshold: 0.7, latencyThresholdMs: 100 };

function watch(partitions: number, settings: Partial<BackpressureSettings> = {}): Backpressure {
  return new Backpressure({ ...SETTINGS, ...settings }, partitions);
}

describe('tiers by ring use', () => {
  it.each([
    [0, 'healthy'],
    [0.699, 'healthy'],
    [0.7, 'warning'],
    [0.849, 'warning'],
    [0.85, 'critical'],
    [0.949, 'critical'],
    [0.95, 'saturated'],
    [1, 'saturated'],
  ])('%f is %s', (utilisation, severity) => {
    expect(watch(1).observe(0, utilisation, 0, 0)).toBe(severity);
  });

  it('the queue threshold moves where Warning starts, and nothing comes before it', () => {
    const early = watch(1, { queueThreshold: 0.5 });
    const tiersOf = (one: Backpressure, uses: number[]): string[] =>
      uses.map((use) => one.observe(0, use, 0, 0));
    expect(tiersOf(early, [0.49, 0.5, 0.85, 0.95])).toEqual([...SEVERITIES]);
    const late = watch(1, { queueThreshold: 0.9 });
    expect(tiersOf(late, [0.89, 0.9, 0.95])).toEqual(['healthy', 'critical', 'saturated']);
  });

  it('use of a ring that has no size is healthy', () => {
    expect(watch(1).observe(0, Number.NaN, 0, 0)).toBe('healthy');
  });
});

describe('tiers by latency', () => {
  it.each([
    [100, 'healthy'],
    [100.1, 'warning'],
    [200, 'warning'],
    [200.1, 'critical'],
    [400, 'critical'],
    [400.1, 'saturated'],
  ])('%f ms is %s with a threshold of 100 ms', (latencyMs, severity) => {
    expect(watch(1).observe(0, 0, latencyMs, 0)).toBe(severity);
  });

  it('the higher of use and latency counts', () => {
    const backpressure = watch(1);
    expect(backpressure.observe(0, 0.9, 150, 0)).toBe('critical');
    expect(backpressure.observe(0, 0.75, 250, 0)).toBe('critical');
  });
});

describe('states', () => {
  it('a stalled sink walks the tiers up and back, and is counted on the way up only', () => {
    const backpressure = watch(4);
    const walk = [0.1, 0.5, 0.72, 0.86, 0.97, 1, 0.9, 0.8, 0.4];
    const seen = walk.map((use, at) => backpressure.observe(2, use, 0, at * 10));
    const up = ['healthy', 'healthy', 'warning', 'critical', 'saturated'];
    expect(seen).toEqual([...up, 'saturated', 'critical', 'warning', 'healthy']);
    expect(backpressure.events).toBe(3);
  });

  it('a jump over tiers is one event; each partition has its own', () => {
    const backpressure = watch(2);
    backpressure.observe(0, 1, 0, 5);
    backpressure.observe(1, 0.7, 0, 6);
    backpressure.observe(0, 1, 0, 7);
    expect(backpressure.events).toBe(2);
  });

  it('say the partition, its severity and since when', () => {
    const backpressure = watch(2);
    backpressure.observe(1, 0.9, 3, 1000);
    backpressure.observe(1, 0.91, 4, 2000);
    expect(backpressure.states()).toEqual([
      { partition: 0, severity: 'healthy', sinceMs: 0, utilisation: 0, latencyMs: 0 },
      { partition: 1, severity: 'critical', sinceMs: 1000, utilisation: 0.91, latencyMs: 4 },
    ]);
    backpressure.observe(1, 0.1, 1, 3000);
    expect(backpressure.states()[1]).toMatchObject({ severity: 'healthy', sinceMs: 3000 });
  });

  it('the worst partition speaks for a source that feeds them all', () => {
    const backpressure = watch(3);
    expect(backpressure.worst()).toBe('healthy');
    backpressure.observe(0, 0.75, 0, 0);
    backpressure.observe(2, 0.96, 0, 0);
    expect(backpressure.worst()).toBe('saturated');
    expect(backpressure.severity(0)).toBe('warning');
    backpressure.observe(2, 0.2, 0, 0);
    expect(backpressure.worst()).toBe('warning');
  });

  it('switched off, everything is healthy and nothing is counted', () => {
    const backpressure = watch(1, { enabled: false });
    expect(backpressure.observe(0, 1, 1e6, 0)).toBe('healthy');
    expect(backpressure.events).toBe(0);
  });

  it('levels are the places in the order of severities', () => {
    expect(SEVERITIES.map(severityLevel)).toEqual([0, 1, 2, 3]);
  });
});
