/** Rates over the last second: right from the first millisecond on, and never changed by reading. */
import { describe, expect, it } from 'vitest';
import {
  PartitionCells,
  PartitionCounter,
  PartitionRegistry,
} from '../../src/metrics/partition-metrics.js';
import { hotPartitions } from '../../src/metrics/rates.js';
import { ManualClock } from './manual-clock.js';

function job(partitions: number) {
  const clock = new ManualClock();
  const memory = new Float64Array(PartitionCells.bytesFor(1, partitions) / 8);
  const cells = new PartitionCells(memory, 1, partitions);
  const registry = new PartitionRegistry(cells, clock);
  const rows = (...counts: number[]): void => {
    for (const [partition, count] of counts.entries()) {
      cells.add(0, partition, PartitionCounter.rowsIn, count);
    }
  };
  return { clock, registry, rows };
}

describe('rates', () => {
  it('are 0 at the start, whatever was counted in no time', () => {
    const { registry, rows } = job(2);
    expect(registry.rates()).toEqual([0, 0]);
    rows(10, 20);
    expect(registry.rates()).toEqual([0, 0]);
  });

  it('are rows by elapsed time before the first second is over', () => {
    const { clock, registry, rows } = job(2);
    rows(90, 10);
    clock.passMs(100);
    expect(registry.rates()).toEqual([900, 100]);
    expect(registry.rates()).toEqual([900, 100]);
    clock.passMs(400);
    expect(registry.rates()).toEqual([180, 20]);
  });

  it('are those of the last second and not of the whole run', () => {
    const { clock, registry, rows } = job(1);
    for (const count of [5000, 100]) {
      rows(count);
      clock.passMs(1000);
      registry.tick();
      expect(registry.rates()).toEqual([count]);
    }
    clock.passMs(1000);
    registry.tick();
    expect(registry.rates()).toEqual([0]);
  });

  it('divide by the time that passed when a tick is late', () => {
    const { clock, registry, rows } = job(1);
    rows(3000);
    clock.passMs(1500);
    registry.tick();
    expect(registry.rates()).toEqual([2000]);
  });

  it('look back a whole second when the last tick comes early', () => {
    const { clock, registry, rows } = job(1);
    rows(1000);
    clock.passMs(1000);
    registry.tick();
    rows(10);
    clock.passMs(1);
    registry.tick();
    const [rate] = registry.rates();
    expect(rate).toBeCloseTo(1010 / 1.001, 6);
  });
});

describe('hot partitions', () => {
  it('a 900/100 split names its hot partition', () => {
    const { clock, registry, rows } = job(2);
    rows(900, 100);
    clock.passMs(1000);
    registry.tick();
    expect(registry.hot()).toEqual([0]);
    expect(registry.hot()).toEqual([0]);
  });

  it('is the last second that counts', () => {
    const { clock, registry, rows } = job(2);
    rows(9_000_000, 100);
    clock.passMs(1000);
    registry.tick();
    rows(100, 900);
    clock.passMs(1000);
    registry.tick();
    expect(registry.hot()).toEqual([1]);
  });

  it.each([
    ['nobody when all are alike', [500, 500, 500, 500], []],
    ['nobody at exactly twice the others', [200, 100, 100], []],
    ['more than twice the others', [201, 100, 100], [0]],
    ['the only one that gets rows', [0, 0, 7, 0], [2]],
    ['two of eight', [450, 10, 10, 450, 10, 10, 10, 10], [0, 3]],
    ['nobody when nothing arrives', [0, 0, 0], []],
    ['nobody when there is only one', [1000], []],
    ['nobody when there is none', [], []],
  ])('%s', (_, rates, hot) => {
    expect(hotPartitions(rates)).toEqual(hot);
  });

  it('a skew of 90 % on 64 partitions', () => {
    const rates = new Float64Array(64).fill(100_000 / 63);
    rates[41] = 900_000;
    expect(hotPartitions(rates)).toEqual([41]);
  });
});
