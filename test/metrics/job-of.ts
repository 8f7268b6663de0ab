/** A job's metrics as data: partitions with numbers that differ, for exports and tables. */
import { systemClock } from '../../src/base/clock.js';
import {
  PartitionCells,
  PartitionCounter,
  PartitionRegistry,
  WorkerCounter,
} from '../../src/metrics/partition-metrics.js';
import type { JobMetricsForExport } from '../../src/metrics/prometheus.js';

export function cellsOf(partitions: number): PartitionCells {
  const workers = 2;
  const memory = new Float64Array(PartitionCells.bytesFor(workers, partitions) / 8);
  const cells = new PartitionCells(memory, workers, partitions);
  for (let partition = 0; partition < partitions; partition += 1) {
    const owner = partition % workers;
    const set = (counter: PartitionCounter, value: number): void =>
      cells.set(owner, partition, counter, value);
    set(PartitionCounter.rowsIn, 1000 + partition);
    set(PartitionCounter.rowsOut, 500 + partition);
    set(PartitionCounter.rowsLate, 3);
    set(PartitionCounter.rowsFailed, 1);
    set(PartitionCounter.rowsEnqueued, 1200);
    set(PartitionCounter.rowsTaken, 1000);
    set(PartitionCounter.batches, 4);
    set(PartitionCounter.busyUs, 2_500_000);
    set(PartitionCounter.stateRows, 77);
    set(PartitionCounter.stateBytes, 4096);
    set(PartitionCounter.watermarkMs, 10_000 - partition * 50);
    set(PartitionCounter.utilisation, 0.8);
    set(PartitionCounter.severity, 1);
    cells.latency(owner, partition, 1500);
    cells.latency(owner, partition, 500);
  }
  cells.addWorker(0, WorkerCounter.backpressureEvents, 2);
  cells.addWorker(1, WorkerCounter.backpressureEvents, 3);
  cells.addWorker(1, WorkerCounter.waitUs, 1_250_000);
  return cells;
}

export function jobOf(partitions: number, query = 'query-1'): JobMetricsForExport {
  const registry = new PartitionRegistry(cellsOf(partitions), systemClock);
  const rates = Array.from({ length: partitions }, (_, at) => (at === 0 ? 9000 : 1000 * (at % 2)));
  return {
    state: 'running',
    stateLimitShare: 0.4,
    recuts: { rescales: 2, rebalances: 1, lastPauseMs: 120 },
    checkpoints: {
      intervalMs: 10_000,
      written: 12,
      failed: 1,
      longestPauseMs: 7,
      transactions: { committed: 3, failed: 1, lastMs: 40 },
      last: {
        epoch: 11,
        takenAtMs: systemClock.nowMs() - 4000,
        writeMs: 250,
        pauseMs: 2,
        entries: 77,
        bytes: 4096,
        bytesWritten: 1024,
        operators: [{ query, operator: `${query}/aggregate-1`, entries: 77, bytes: 4096 }],
      },
    },
    queries: [
      {
        query,
        rowsIn: 5000,
        rowsOut: 2500,
        rowsLate: 6,
        rowsFailed: 2,
        snapshot: registry.snapshot(),
        rates,
        readRate: 11_000,
      },
    ],
  };
}
