/**
 * A latency histogram: hdr-histogram-js with three significant digits, in microseconds. Owns the
 * percentiles every report prints; recording is per batch (count = records), never per row.
 */
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import type { Histogram as Hdr } from 'hdr-histogram-js';

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/**
 * Microseconds below this are counted in a cell each, which is what HdrHistogram does with them at
 * three digits, at a fraction of its cost: individual rows are recorded every few microseconds.
 */
const CELLS = 2048;

export class Histogram {
  private hdr: Hdr;
  /** Not yet in `hdr` and `stepCounts`. */
  private readonly cells = new Float64Array(CELLS);
  /** Records per 1-2-5 step, for drawing. */
  private readonly stepCounts = new Map<number, number>();

  constructor() {
    this.hdr = build({
      bitBucketSize: 64,
      autoResize: true,
      lowestDiscernibleValue: 1,
      highestTrackableValue: 60_000_000,
      numberOfSignificantValueDigits: 3,
    });
  }

  /** The histogram that another thread encoded, with its steps. */
  static decode(parts: {
    readonly latency: string;
    readonly latencySteps: readonly (readonly [number, number])[];
  }): Histogram {
    const histogram = new Histogram();
    histogram.hdr = decodeFromCompressedBase64(parts.latency);
    for (const [us, count] of parts.latencySteps) histogram.stepCounts.set(stepOf(us), count);
    return histogram;
  }

  /** `count` records took `us` microseconds each. */
  record(us: number, count: number): void {
    const whole = Math.max(1, Math.round(us));
    if (whole < CELLS) this.cells[whole] = (this.cells[whole] ?? 0) + count;
    else this.recordWhole(whole, count);
  }

  private recordWhole(us: number, count: number): void {
    this.hdr.recordValueWithCount(us, count);
    const step = stepOf(us);
    this.stepCounts.set(step, (this.stepCounts.get(step) ?? 0) + count);
  }

  private settle(): void {
    this.cells.forEach((count, us) => {
      if (count > 0) this.recordWhole(us, count);
    });
    this.cells.fill(0);
  }

  merge(other: Histogram): void {
    this.settle();
    other.settle();
    this.hdr.add(other.hdr);
    for (const [step, count] of other.stepCounts) {
      this.stepCounts.set(step, (this.stepCounts.get(step) ?? 0) + count);
    }
  }

  get totalCount(): number {
    this.settle();
    return this.hdr.totalCount;
  }

  percentile(percent: number): number {
    this.settle();
    return this.hdr.getValueAtPercentile(percent);
  }

  /** [lower bound in µs, records] of each 1-2-5 step between the smallest and the largest value. */
  steps(): readonly (readonly [number, number])[] {
    this.settle();
    const used = [...this.stepCounts.keys()].sort((a, b) => a - b);
    const first = used[0];
    const last = used.at(-1);
    if (first === undefined || last === undefined) return [];
    const all = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    return all.map((step) => [stepBound(step), this.stepCounts.get(step) ?? 0]);
  }

  /** HdrHistogram's compressed form, base64: what its tools read. */
  encoded(): string {
    this.settle();
    return encodeIntoCompressedBase64(this.hdr);
  }

  percentiles(): Percentiles {
    this.settle();
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

const STEPS = [1, 2, 5];

/** Number of the 1-2-5 step that holds a value: 0 for [1, 2), 1 for [2, 5), 2 for [5, 10) … */
function stepOf(us: number): number {
  const decade = Math.max(0, Math.floor(Math.log10(Math.max(1, us))));
  const lead = us / 10 ** decade;
  return decade * 3 + (lead >= 5 ? 2 : lead >= 2 ? 1 : 0);
}

function stepBound(step: number): number {
  return (STEPS[step % 3] as number) * 10 ** Math.floor(step / 3);
}
