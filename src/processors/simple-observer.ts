/**
 * V1's metrics in the form that scrapes and tables show: every query as one partition of one
 * worker. Owns the cells that it copies the counters to once a second and when it is asked; the
 * counting is the loop's, rates are metrics/.
 */
import type { Clock } from '../base/clock.js';
import {
  PartitionCells,
  PartitionCounter,
  PartitionRegistry,
  WorkerCounter,
} from '../metrics/partition-metrics.js';
import type { JobMetricsForExport, QueryMetricsForExport } from '../metrics/prometheus.js';
import type { LifecycleState } from './job-processor.js';
import type { QueryRun } from './query-run.js';

const TICK_MS = 1000;

export class SimpleObserver {
  private readonly queries: readonly QueryObserver[];
  private readonly timer: NodeJS.Timeout;

  /** Watches from now on. The timer keeps no process alive. */
  constructor(clock: Clock, runs: readonly QueryRun[]) {
    this.queries = runs.map((run) => new QueryObserver(clock, run));
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
  }

  /** What a scrape or a table shows now; changes no rate. */
  observed(state: LifecycleState): JobMetricsForExport {
    return { state, queries: this.queries.map((query) => query.observed()) };
  }

  /** The last second; the job has ended. */
  end(): void {
    clearInterval(this.timer);
    this.tick();
  }

  private tick(): void {
    for (const query of this.queries) query.tick();
  }
}

class QueryObserver {
  private readonly run: QueryRun;
  private readonly cells: PartitionCells;
  private readonly registry: PartitionRegistry;

  constructor(clock: Clock, run: QueryRun) {
    this.run = run;
    const memory = new Float64Array(PartitionCells.bytesFor(1, 1) / Float64Array.BYTES_PER_ELEMENT);
    this.cells = new PartitionCells(memory, 1, 1);
    this.registry = new PartitionRegistry(this.cells, clock);
  }

  tick(): void {
    this.copy();
    this.registry.tick();
  }

  observed(): QueryMetricsForExport {
    const metrics = this.copy();
    return {
      query: metrics.query,
      rowsIn: metrics.rowsRead,
      rowsOut: metrics.rowsOut,
      rowsLate: metrics.rowsLate,
      rowsFailed: metrics.rowsFailed,
      snapshot: this.registry.snapshot(),
      rates: this.registry.rates(),
      readRate: this.registry.readRate(),
    };
  }

  private copy(): ReturnType<QueryRun['metrics']> {
    const { work } = this.run;
    const metrics = this.run.metrics();
    const set = (counter: PartitionCounter, value: number): void =>
      this.cells.set(0, 0, counter, value);
    set(PartitionCounter.rowsIn, metrics.rowsRead);
    set(PartitionCounter.rowsOut, metrics.rowsOut);
    set(PartitionCounter.rowsLate, metrics.rowsLate);
    set(PartitionCounter.rowsFailed, metrics.rowsFailed);
    set(PartitionCounter.stateRows, metrics.stateRows);
    set(PartitionCounter.stateBytes, metrics.stateBytes);
    set(PartitionCounter.pagedBytes, metrics.pagedBytes);
    set(PartitionCounter.pagesRead, metrics.pagesRead);
    set(PartitionCounter.batches, work.batches);
    set(PartitionCounter.busyUs, work.busyUs);
    set(PartitionCounter.latencyUsLast, work.latencyUsLast);
    set(PartitionCounter.latencyUsMax, work.latencyUsMax);
    set(PartitionCounter.latencyUsSum, work.latencyUsSum);
    set(PartitionCounter.latencyCount, work.latencyCount);
    const watermarkMs = metrics.partitions[0]?.watermarkMs ?? null;
    if (watermarkMs !== null) set(PartitionCounter.watermarkMs, watermarkMs);
    this.cells.workerRow(0)[WorkerCounter.rowsRead] = metrics.rowsRead;
    return metrics;
  }
}
