/**
 * The histogram against HdrHistogram itself: cheap cells for small values change no figure.
 */
import { build } from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/metrics/histogram.js';

/** [µs, records]: around the bounds of cells and steps. */
const VALUES: readonly (readonly [number, number])[] = [
  [0, 5],
  [0.4, 1],
  [1.6, 7],
  [5, 100],
  [999, 20],
  [2047.4, 3],
  [2047.6, 4],
  [2048, 2],
  [100_000, 6],
  [5, 11],
];

describe('histogram', () => {
  it("has HdrHistogram's percentiles, however often it is asked", () => {
    const ours = new Histogram();
    const theirs = build({
      bitBucketSize: 64,
      autoResize: true,
      lowestDiscernibleValue: 1,
      highestTrackableValue: 60_000_000,
      numberOfSignificantValueDigits: 3,
    });
    for (const [us, count] of VALUES) {
      ours.record(us, count);
      theirs.recordValueWithCount(Math.max(1, Math.round(us)), count);
      expect(ours.totalCount).toBe(theirs.totalCount);
    }
    for (const percent of [1, 10, 50, 75, 90, 95, 99, 100]) {
      expect(ours.percentile(percent)).toBe(theirs.getValueAtPercentile(percent));
    }
  });

  it('is the same behind encoding, and merged with an empty one', () => {
    const ours = new Histogram();
    for (const [us, count] of VALUES) ours.record(us, count);
    const decoded = Histogram.decode({ latency: ours.encoded(), latencySteps: ours.steps() });
    const merged = new Histogram();
    merged.merge(decoded);
    const { max, ...percentiles } = ours.percentiles();
    expect(merged.percentiles()).toMatchObject(percentiles);
    // The encoded form knows the largest value to three digits.
    expect(merged.percentiles().max / max).toBeCloseTo(1, 3);
    expect(merged.steps()).toEqual(ours.steps());
    const records = ours.steps().reduce((sum, [, count]) => sum + count, 0);
    expect(records).toBe(ours.totalCount);
  });
});
