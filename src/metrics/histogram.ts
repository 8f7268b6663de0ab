/**
 * A latency histogram: hdr-histogram-js with three significant digits, in microseconds. Owns the
 * percentiles every report prints; recording is per batch (count = records), never per row.
 */
import { build } from 'hdr-histogram-js';
import type { Histogram as Hdr } from 'hdr-histogram-js';

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class Histogram {
  private readonly hdr: Hdr;

  constructor() {
    this.hdr = build({
      bitBucketSize: 64,
      autoResize: true,
      lowestDiscernibleValue: 1,
      highestTrackableValue: 60_000_000,
      numberOfSignificantValueDigits: 3,
    });
  }

  /** `count` records took `us` microseconds each. */
  record(us: number, count: number): void {
    this.hdr.recordValueWithCount(Math.max(1, Math.round(us)), count);
  }

  merge(other: Histogram): void {
    this.hdr.add(other.hdr);
  }

  get totalCount(): number {
    return this.hdr.totalCount;
  }

  percentile(percent: number): number {
    return this.hdr.getValueAtPercentile(percent);
  }

  percentiles(): Percentiles {
    return {
      p50: this.percentile(50),
      p90: this.percentile(90),
      p95: this.percentile(95),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      max: this.hdr.maxValue,
    };
  }
}
