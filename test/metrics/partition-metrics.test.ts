/** Cells per worker and partition: what is added is read, reading changes nothing, seconds add up. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { AssertionFailure } from '../../src/base/assert.js';
import { mulberry32 } from '../../src/bench/statistics.js';
import {
  PartitionCells,
  PartitionCounter,
  PartitionRegistry,
  WorkerCounter,
} from '../../src/metrics/partition-metrics.js';
import { ManualClock } from './manual-clock.js';

function memory(workers: number, partitions: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(PartitionCells.bytesFor(workers, partitions)));
}

function newCells(workers: number, partitions: number): PartitionCells {
  return new PartitionCells(memory(workers, partitions), workers, partitions);
}

describe('PartitionCells', () => {
  it('keeps every counter of every worker and partition apart', () => {
    const [workers, partitions] = [3, 5];
    const cells = newCells(workers, partitions);
    const counters = Object.values(PartitionCounter);
    const expected = (worker: number, partition: number, counter: number): number =>
      worker * 10_000 + partition * 100 + counter + 1;
    for (let worker = 0; worker < workers; worker += 1) {
      for (let partition = 0; partition < partitions; partition += 1) {
        for (const counter of counters) {
          cells.set(worker, partition, counter, expected(worker, partition, counter));
        }
      }
      for (const counter of Object.values(WorkerCounter)) {
        cells.addWorker(worker, counter, -(worker * 100 + counter + 1));
      }
    }
    for (let worker = 0; worker < workers; worker += 1) {
      for (let partition = 0; partition < partitions; partition += 1) {
        for (const counter of counters) {
          const value = cells.get(worker, partition, counter);
          expect(value).toBe(expected(worker, partition, counter));
        }
      }
      for (const counter of Object.values(WorkerCounter)) {
        expect(cells.getWorker(worker, counter)).toBe(-(worker * 100 + counter + 1));
      }
    }
  });

  it('no two counters share a cell', () => {
    for (const counters of [PartitionCounter, WorkerCounter]) {
      expect(new Set(Object.values(counters)).size).toBe(Object.keys(counters).length);
    }
  });

  it('rows of different workers never share a cache line', () => {
    const bytesOfOne = PartitionCells.bytesFor(2, 3) - PartitionCells.bytesFor(1, 3);
    expect(bytesOfOne % 64).toBe(0);
    expect(PartitionCells.bytesFor(0, 3) % 64).toBe(0);
  });

  it('a second view on the memory keeps what was counted', () => {
    const shared = memory(2, 2);
    const first = new PartitionCells(shared, 2, 2);
    first.add(1, 0, PartitionCounter.rowsIn, 7);
    first.set(1, 0, PartitionCounter.watermarkMs, 12);
    const second = new PartitionCells(shared, 2, 2);
    second.add(0, 0, PartitionCounter.rowsIn, 5);
    expect(first.sum(0, PartitionCounter.rowsIn)).toBe(12);
    expect(first.max(0, PartitionCounter.watermarkMs)).toBe(12);
  });

  it('memory that is too small or of another layout is refused', () => {
    expect(() => new PartitionCells(memory(1, 4), 2, 4)).toThrow(AssertionFailure);
    const foreign = memory(2, 4).fill(3);
    expect(() => new PartitionCells(foreign, 2, 4)).toThrow(AssertionFailure);
  });

  it('counts what another thread counted once it has ended', { timeout: 240_000 }, async () => {
    const shared = memory(2, 2);
    const cells = new PartitionCells(shared, 2, 2);
    const offset = PartitionCells.bytesFor(1, 2) / 8;
    const worker = new Worker(
      `const { workerData } = require('node:worker_threads');
       for (let i = 0; i < 100000; i += 1) workerData.cells[workerData.at] += 1;`,
      { eval: true, workerData: { cells: shared, at: offset } },
    );
    for (let i = 0; i < 100_000; i += 1) cells.add(0, 0, PartitionCounter.rowsIn, 1);
    await new Promise((resolve) => worker.once('exit', resolve));
    expect(cells.get(1, 0, PartitionCounter.rowsIn)).toBe(100_000);
    expect(cells.sum(0, PartitionCounter.rowsIn)).toBe(200_000);
  });
});

describe('PartitionRegistry.snapshot', () => {
  it('sums the workers, and takes the highest of what one of them sets', () => {
    const cells = newCells(2, 2);
    const registry = new PartitionRegistry(cells, new ManualClock());
    cells.add(0, 1, PartitionCounter.rowsEnqueued, 30);
    cells.add(1, 1, PartitionCounter.rowsEnqueued, 20);
    cells.add(1, 1, PartitionCounter.rowsTaken, 35);
    cells.add(1, 1, PartitionCounter.rowsIn, 35);
    cells.set(1, 1, PartitionCounter.utilisation, 0.5);
    cells.set(0, 1, PartitionCounter.severity, 2);
    cells.latency(1, 1, 400);
    cells.latency(1, 1, 200);
    const [, partition] = registry.snapshot().partitions;
    expect(partition).toMatchObject({
      rowsIn: 35,
      queueRows: 15,
      utilisation: 0.5,
      severity: 'critical',
      latencyUsLast: 200,
      latencyUsMax: 400,
      latencyUsSum: 600,
      latencyCount: 2,
    });
  });

  it('has no watermark before the first, and lags behind the furthest partition', () => {
    const cells = newCells(2, 3);
    const registry = new PartitionRegistry(cells, new ManualClock());
    cells.set(0, 0, PartitionCounter.watermarkMs, -5000);
    cells.set(1, 1, PartitionCounter.watermarkMs, -7000);
    const { partitions } = registry.snapshot();
    expect(partitions.map(({ watermarkMs }) => watermarkMs)).toEqual([-5000, -7000, null]);
    expect(partitions.map(({ watermarkLagMs }) => watermarkLagMs)).toEqual([0, 2000, null]);
    expect(partitions.map(({ eventTimeMsMax }) => eventTimeMsMax)).toEqual([null, null, null]);
  });

  it('partitions whose inputs have all ended do not lag', () => {
    const cells = newCells(1, 2);
    for (const partition of [0, 1]) {
      cells.set(0, partition, PartitionCounter.watermarkMs, Infinity);
    }
    const { partitions } = new PartitionRegistry(cells, new ManualClock()).snapshot();
    expect(partitions.map(({ watermarkLagMs }) => watermarkLagMs)).toEqual([0, 0]);
  });

  it('reading changes neither the cells nor the next reading', () => {
    const clock = new ManualClock();
    const shared = memory(2, 4);
    const cells = new PartitionCells(shared, 2, 4);
    const registry = new PartitionRegistry(cells, clock);
    cells.add(1, 2, PartitionCounter.rowsIn, 99);
    cells.latency(1, 2, 300);
    clock.passMs(1000);
    registry.tick();
    clock.passMs(300);
    const before = shared.slice();
    const read = (): unknown[] => [
      registry.snapshot(),
      registry.rates(),
      registry.hot(),
      registry.history(),
    ];
    const first = read();
    expect(read()).toEqual(first);
    expect(shared).toEqual(before);
  });
});

describe('one-second snapshots', () => {
  it('add up to the final counters', () => {
    const seed = 20_261_123;
    const random = mulberry32(seed);
    const clock = new ManualClock();
    const cells = newCells(3, 4);
    const registry = new PartitionRegistry(cells, clock);
    for (let second = 0; second < 40; second += 1) {
      for (let batch = 0; batch < 30; batch += 1) {
        const worker = Math.floor(random() * 3);
        const partition = Math.floor(random() * 4);
        const rows = Math.floor(random() * 5000);
        cells.add(worker, partition, PartitionCounter.rowsIn, rows);
        cells.add(worker, partition, PartitionCounter.rowsOut, rows >> 1);
        cells.add(worker, partition, PartitionCounter.rowsLate, rows & 7);
        cells.add(worker, partition, PartitionCounter.rowsFailed, rows & 1);
        cells.add(worker, partition, PartitionCounter.batches, 1);
      }
      clock.passMs(700 + random() * 600);
      registry.tick();
    }
    const final = registry.snapshot().partitions;
    const history = registry.history();
    expect(history).toHaveLength(40);
    for (const name of ['rowsIn', 'rowsOut', 'rowsLate', 'rowsFailed', 'batches'] as const) {
      const sums = final.map(({ partition }) =>
        history.reduce((sum, one) => sum + (one.partitions[partition]?.[name] ?? 0), 0),
      );
      expect(sums).toEqual(final.map((partition) => partition[name]));
      expect(Math.min(...sums)).toBeGreaterThan(0);
    }
  });

  it('are bounded: the newest are kept', () => {
    const clock = new ManualClock();
    const cells = newCells(1, 1);
    const registry = new PartitionRegistry(cells, clock, { historySeconds: 3 });
    for (let second = 1; second <= 10; second += 1) {
      cells.add(0, 0, PartitionCounter.rowsIn, second);
      clock.passMs(1000);
      registry.tick();
    }
    expect(registry.history().map(({ partitions }) => partitions[0]?.rowsIn)).toEqual([8, 9, 10]);
    expect(registry.history().map(({ seconds }) => seconds)).toEqual([1, 1, 1]);
    expect(registry.rates()).toEqual([10]);
  });
});
