/**
 * Watches a running V2 job from the main thread: one registry per query over the cells that its
 * workers write, ticked once a second and once at the end, so that the one-second snapshots add up
 * to the final counters. Owns the timer and what is said of hot partitions; counting is the
 * workers' business, rates and snapshots are metrics/.
 */
import type { Clock } from '../../../base/clock.js';
import { PartitionRegistry } from '../../../metrics/partition-metrics.js';
import type { PartitionCells } from '../../../metrics/partition-metrics.js';
import type { JobMetricsForExport } from '../../../metrics/prometheus.js';
import type { JobMetrics } from '../../job-processor.js';

const TICK_MS = 1000;
/** Of slower queries no partition is worth a word. */
const RATE_MIN = 1000;
/** Hot partitions come and go: a query is spoken of at most so often. */
const SILENCE_NS = 10e9;

export interface JobObserverParts {
  readonly clock: Clock;
  readonly cells: readonly PartitionCells[];
  readonly metrics: () => JobMetrics;
  /** A hot partition that holds the job back. */
  readonly notice: (line: string) => void;
  /** A hot partition that does no harm so far. */
  readonly detail: (line: string) => void;
}

interface Spoken {
  hot: string;
  atNs: number;
}

export class JobObserver {
  readonly registries: readonly PartitionRegistry[];
  private readonly parts: JobObserverParts;
  private readonly spoken: Spoken[];
  private readonly timer: NodeJS.Timeout;

  /** Watches from now on. The timer keeps no process alive. */
  constructor(parts: JobObserverParts) {
    this.parts = parts;
    this.registries = parts.cells.map((cells) => new PartitionRegistry(cells, parts.clock));
    this.spoken = parts.cells.map(() => ({ hot: '', atNs: Number.NEGATIVE_INFINITY }));
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
  }

  /** The last snapshot; the workers have said that they are done. */
  end(): void {
    clearInterval(this.timer);
    this.tick();
  }

  /** What a scrape or a table shows now; changes nothing. */
  observed(): JobMetricsForExport {
    const { state, queries } = this.parts.metrics();
    return {
      state,
      queries: queries.map((query, index) => {
        const registry = this.registries[index] as PartitionRegistry;
        return {
          query: query.query,
          rowsIn: query.rowsRead,
          rowsOut: query.rowsOut,
          rowsLate: query.rowsLate,
          rowsFailed: query.rowsFailed,
          snapshot: registry.snapshot(),
          rates: registry.rates(),
          readRate: registry.readRate(),
        };
      }),
    };
  }

  private tick(): void {
    this.registries.forEach((registry, index) => {
      registry.tick();
      this.speakOfHot(registry, index);
    });
  }

  /** One line when other partitions are hot than the last time, and not too often. */
  private speakOfHot(registry: PartitionRegistry, index: number): void {
    const rates = registry.rates();
    const total = rates.reduce((sum, rate) => sum + rate, 0);
    const hot = total < RATE_MIN ? [] : registry.hot();
    const before = this.spoken[index] as Spoken;
    const nowNs = this.parts.clock.monotonicNs();
    if (hot.length === 0 || hot.join() === before.hot || nowNs - before.atNs < SILENCE_NS) return;
    this.spoken[index] = { hot: hot.join(), atNs: nowNs };
    const { partitions } = registry.snapshot();
    const held = hot.some((partition) => {
      const severity = partitions[partition]?.severity;
      return severity === 'critical' || severity === 'saturated';
    });
    const say = held ? this.parts.notice : this.parts.detail;
    const query = this.parts.metrics().queries[index]?.query ?? '';
    const prefix = this.registries.length > 1 ? `${query}: ` : '';
    say(`${prefix}${hotLine(hot, rates, total)}`);
  }
}

function hotLine(hot: readonly number[], rates: readonly number[], total: number): string {
  const rate = hot.reduce((sum, partition) => sum + (rates[partition] as number), 0);
  const subject =
    hot.length === 1 ? `partition ${hot[0]} is hot` : `partitions ${hot.join(', ')} are hot`;
  return `${subject}: ${thousands(rate)} of ${thousands(total)} rec/s`;
}

function thousands(rate: number): string {
  return `${(rate / 1e3).toFixed(rate < 1e4 ? 1 : 0)} K`;
}
