/** How many partitions and workers a job gets for what was asked for, on so many cores. */
import { expect, it } from 'vitest';
import { resolvePlacement, workersOf } from '../../../src/processors/partitioned/job-settings.js';
import type { CountRequest } from '../../../src/processors/partitioned/job-settings.js';

const CORES = 6;

it.each<[CountRequest, CountRequest, number, number]>([
  [null, null, CORES, CORES],
  [null, 3, 3, 3],
  [null, 'auto', CORES, CORES],
  [4, null, 4, CORES],
  [4, 2, 4, 2],
  [12, 'auto', 12, CORES],
  ['auto', null, CORES, CORES],
  ['auto', 2, CORES, 2],
  ['auto', 'auto', CORES, CORES],
])('%s partitions and %s workers are %i and %i', (partitions, workers, ...expected) => {
  const placed = resolvePlacement({ partitions, workers }, CORES);
  expect([placed.partitions, placed.workers]).toEqual(expected);
});

it('has one of each at least, and no more workers than the cores can run', () => {
  expect(resolvePlacement({ partitions: null, workers: null }, 0)).toEqual({
    partitions: 1,
    workers: 1,
  });
  const many = resolvePlacement({ partitions: 100, workers: 1000 }, 2);
  expect(many).toEqual({ partitions: 100, workers: workersOf(1000, 2) });
  expect(many.workers).toBeLessThan(1000);
  expect(workersOf(1000, 64)).toBeGreaterThan(many.workers);
});
