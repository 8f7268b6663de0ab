/**
 * The numbers of grouped state: exactness beyond 2^53 and 2^63, sums that do not depend on order,
 * results out of range, statistics of awkward values.
 */
import { describe, expect, test } from 'vitest';
import { BIGINT, DOUBLE } from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import { Collector, Random } from './grouping-harness.js';
import { aggregate, batch, f64, grouping, i64 } from './grouping-inputs.js';

const valuesOf = (collector: Collector) => collector.drain().map(({ values }) => values);

describe('sums', () => {
  const sumOf = (type: SqlType) => grouping([BIGINT, type], [aggregate('SUM', 1, type)]);

  test('cross 2^53 and 2^63 and come back exactly', () => {
    const factory = new GroupedStateFactory(sumOf(BIGINT));
    const collector = new Collector(factory);
    const state = factory.create();
    const max = 2n ** 63n - 1n;
    const changes = [2n ** 53n - 1n, 2n, max, max, -max, -max, -(2n ** 53n), -1n];
    const keys = f64(...changes.map(() => 1));
    state.updateEmitChanged(batch(keys, i64(...changes)), null, changes.length, collector.results);
    let sum = 0n;
    const wanted = changes.map((change) => (sum += change)).filter((each) => each <= max);
    expect(valuesOf(collector)).toEqual(wanted.map((each) => [1n, each]));
    expect(collector.failures.map((failure) => failure.row)).toEqual([2, 3, 4]);
    expect(collector.failures[0]?.message).toBe('SUM is out of range of BIGINT');
    expect(sum).toBe(0n);
  });

  test('that widen with the row they take back are right in the row behind it', () => {
    const wide = new GroupedStateFactory(sumOf(BIGINT));
    const state = wide.create();
    state.update(batch(f64(1), i64(2n ** 60n)), null, 1);
    const collector = new Collector(wide);
    const back = batch(f64(1, 2), i64(1n - 2n ** 60n, 3n));
    state.updateEmitRetract(back, null, 2, collector.results);
    expect(collector.drain().map(({ op, values }) => [op, ...values])).toEqual([
      ['-U', 1n, 2n ** 60n],
      ['+U', 1n, 1n],
      ['+I', 2n, 3n],
    ]);
  });

  test('of narrow columns leave the safe range without a wide row', () => {
    const factory = new GroupedStateFactory(sumOf(BIGINT));
    const collector = new Collector(factory);
    const state = factory.create();
    const most = Number.MAX_SAFE_INTEGER;
    const values = [most, most, most, -most, 1, -most, -most];
    state.updateEmitChanged(
      batch(f64(...values.map(() => 1)), f64(...values)),
      null,
      values.length,
      collector.results,
    );
    let sum = 0n;
    expect(valuesOf(collector)).toEqual(values.map((value) => [1n, (sum += BigInt(value))]));
  });

  test('of doubles lose nothing beside a great value', () => {
    const factory = new GroupedStateFactory(sumOf(DOUBLE));
    const collector = new Collector(factory);
    const state = factory.create();
    const values = [1e17, 1, 1, 1, -1e17];
    state.update(batch(f64(1, 1, 1, 1, 1), f64(...values)), null, 5);
    state.emitAll(collector.results);
    expect(valuesOf(collector)).toEqual([[1n, 3]]);
  });

  test('of doubles are the same to 1e-12 in any order', () => {
    const factory = new GroupedStateFactory(sumOf(DOUBLE));
    const collector = new Collector(factory);
    const random = new Random(3);
    const values = Array.from(
      { length: 4000 },
      () => (random.next() - 0.5) * 10 ** random.below(17),
    );
    const magnitude = values.reduce((sum, value) => sum + Math.abs(value), 0);
    const sums = [values, [...values].reverse(), [...values].sort((a, b) => a - b)].map((order) => {
      const state = factory.create();
      state.update(batch(f64(...order.map(() => 1)), f64(...order)), null, order.length);
      state.emitAll(collector.results);
      return valuesOf(collector)[0]?.[1] as number;
    });
    for (const sum of sums)
      expect(Math.abs(sum - (sums[0] as number))).toBeLessThan(1e-16 * magnitude);
  });

  test('of doubles that are not finite fail their row', () => {
    const factory = new GroupedStateFactory(sumOf(DOUBLE));
    const collector = new Collector(factory);
    const state = factory.create();
    const input = batch(f64(1, 2, 1), f64(1e308, 5, 1e308));
    state.updateEmitChanged(input, null, 3, collector.results);
    expect(valuesOf(collector)).toEqual([
      [1n, 1e308],
      [2n, 5],
    ]);
    expect(collector.failures).toEqual([{ row: 2, message: 'SUM is out of range of DOUBLE' }]);
    state.emitAll(collector.results);
    expect(valuesOf(collector)).toEqual([[2n, 5]]);
    expect(collector.failures.at(-1)?.row).toBe(-1);
  });

  test('that fail are reported once in snapshots, and left out of each', () => {
    const factory = new GroupedStateFactory(sumOf(DOUBLE));
    const collector = new Collector(factory);
    const input = batch(f64(1, 1, 2, 2, 1), f64(1e308, 1e308, 5, 5, 0));
    factory.create().updateEmitAll(input, null, 5, collector.results);
    expect(valuesOf(collector)).toEqual([
      [1n, 1e308],
      [2n, 5],
      [2n, 10],
      [2n, 10],
    ]);
    expect(collector.failures.map((failure) => failure.row)).toEqual([1, 4]);
  });

  test('of a group that failed before are reported for the records that change it only', () => {
    const factory = new GroupedStateFactory({
      ...grouping([BIGINT, DOUBLE], [aggregate('SUM', 1, DOUBLE)]),
      inputRetracts: true,
    });
    const collector = new Collector(factory);
    const input = batch(f64(1, 1, 1), f64(1e308, 1e308, 1));
    factory.create().updateEmitRetract(input, null, 3, collector.results);
    expect(collector.drain().map(({ op, values }) => [op, values[1]])).toEqual([
      ['+I', 1e308],
      ['-U', 1e308],
    ]);
    expect(collector.failures.map((failure) => failure.row)).toEqual([1, 2]);
  });
});

describe('statistics', () => {
  const statistic = (name: string, values: readonly number[]): unknown => {
    const factory = new GroupedStateFactory(
      grouping([BIGINT, DOUBLE], [aggregate(name, 1, DOUBLE)]),
    );
    const collector = new Collector(factory);
    const state = factory.create();
    state.update(batch(f64(...values.map(() => 1)), f64(...values)), null, values.length);
    state.emitAll(collector.results);
    return valuesOf(collector)[0]?.[1];
  };

  test('of values far from zero keep their digits', () => {
    expect(statistic('VAR_SAMP', [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])).toBeCloseTo(30, 10);
    expect(statistic('VAR_POP', [1e15, 1e15 + 1, 1e15 + 2])).toBeCloseTo(2 / 3, 10);
  });

  test('of one value are 0 for a population and NULL for a sample', () => {
    expect(statistic('VAR_POP', [0.1])).toBe(0);
    expect(statistic('STDDEV_POP', [0.1])).toBe(0);
    expect(statistic('VAR_SAMP', [0.1])).toBeNull();
    expect(statistic('STDDEV_SAMP', [0.1])).toBeNull();
  });

  test('of equal values are exactly 0', () => {
    expect(statistic('VAR_POP', new Array<number>(1000).fill(0.1))).toBe(0);
  });

  test('of the median lie between the middle values however great', () => {
    expect(statistic('MEDIAN', [-1.7e308, 1.7e308])).toBe(0);
  });
});

describe('regression', () => {
  const names = ['CORR', 'COVAR_POP', 'REGR_SLOPE', 'REGR_INTERCEPT', 'REGR_R2'];
  const results = (ys: readonly number[], xs: readonly number[]): unknown[] => {
    const calls = names.map((name) => ({ ...aggregate(name, 1, DOUBLE), args: [1, 2] }));
    const factory = new GroupedStateFactory(grouping([BIGINT, DOUBLE, DOUBLE], calls));
    const collector = new Collector(factory);
    const state = factory.create();
    state.update(batch(f64(...ys.map(() => 1)), f64(...ys), f64(...xs)), null, ys.length);
    state.emitAll(collector.results);
    return valuesOf(collector)[0]?.slice(1) as unknown[];
  };

  test('of points on a line is that line', () => {
    const [corr, , slope, intercept, r2] = results([5, 7, 9], [1, 2, 3]);
    expect([corr, slope, intercept, r2]).toEqual([1, 2, 3, 1]);
  });

  test('of points above one another has no slope', () => {
    expect(results([1, 2, 3], [0.1, 0.1, 0.1])).toEqual([
      null,
      expect.closeTo(0),
      null,
      null,
      null,
    ]);
  });

  test('of points beside one another is flat and fits', () => {
    expect(results([4, 4, 4], [1, 2, 3])).toEqual([null, 0, 0, 4, 1]);
  });
});
