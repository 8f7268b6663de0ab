/**
 * V1's metrics in the form that scrapes and tables show: every query as one partition of one
 * worker. Owns the cells it copies the counters to when it is asked, and the rate since it was
 * asked a second or more before; V1 itself counts nothing for it.
 */
import type { Clock } from '../base/clock.js';
import {
  PartitionCells,
  PartitionCounter,
  PartitionRegistry,
  WorkerCounter,
} from '../metrics/partition-metrics.js';
import type { JobMetricsForExport, QueryMetricsForExport } from '../metrics/prometheus.js';
import type { JobMetrics, QueryMetrics } from './job-processor.js';

const SECOND_NS = 1e9;

export class SimpleObserver {
  private readonly clock: Clock;
  private readonly queries: QueryObserver[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  observed({ state, queries }: JobMetrics): JobMetricsForExport {
    return {
      state,
      queries: queries.map((query, index) => {
        this.queries[index] ??= new QueryObserver(this.clock);
        return this.queries[index].observed(query);
      }),
    };
  }
}

class QueryObserver {
  private readonly clock: Clock;
  private readonly cells: PartitionCells;
  private readonly registry: PartitionRegistry;
  private tickNs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
    const memory = new Float64Array(PartitionCells.bytesFor(1, 1) / Float64Array.BYTES_PER_ELEMENT);
    this.cells = new PartitionCells(memory, 1, 1);
    this.registry = new PartitionRegistry(this.cells, clock);
  }

  observed(query: QueryMetrics): QueryMetricsForExport {
    this.copy(query);
    const nowNs = this.clock.monotonicNs();
    if (nowNs - this.tickNs >= SECOND_NS) {
      this.tickNs = nowNs;
      this.registry.tick();
    }
    return {
      query: query.query,
      rowsIn: query.rowsRead,
      rowsOut: query.rowsOut,
      rowsLate: query.rowsLate,
      rowsFailed: query.rowsFailed,
      snapshot: this.registry.snapshot(),
      rates: this.registry.rates(),
    };
  }

  private copy(query: QueryMetrics): void {
    const set = (counter: PartitionCounter, value: number): void =>
      this.cells.set(0, 0, counter, value);
    set(PartitionCounter.rowsIn, query.rowsRead);
    set(PartitionCounter.rowsOut, query.rowsOut);
    set(PartitionCounter.rowsLate, query.rowsLate);
    set(PartitionCounter.rowsFailed, query.rowsFailed);
    set(PartitionCounter.stateRows, query.stateRows);
    set(PartitionCounter.stateBytes, query.stateBytes);
    const watermarkMs = query.partitions[0]?.watermarkMs ?? null;
    if (watermarkMs !== null) set(PartitionCounter.watermarkMs, watermarkMs);
    this.cells.workerRow(0)[WorkerCounter.rowsRead] = query.rowsRead;
  }
}
