/**
 * Expectations of the scenarios: the goldens of 5,000 records and the longer variants, and that a
 * wrong digest does not pass.
 */
import { describe, expect, it } from 'vitest';
import { digestFaults, expectBuiltin } from '../../src/bench/scenario/expectation.js';
import type { BuiltinId, FixtureOptions } from '../../src/bench/scenario/scenario.js';

const BASE: FixtureOptions = { records: 5000, groups: 20, stepMs: 1, changes: 'snapshot' };

function expected(
  id: BuiltinId,
  more: Partial<FixtureOptions> = {},
): ReturnType<typeof expectBuiltin> {
  return expectBuiltin(id, { ...BASE, ...more });
}

describe('goldens of 5,000 records', () => {
  it('scenario 0', () => {
    const { rows, sums } = expected('0');
    expect(rows).toBe(5000);
    expect(sums).toMatchObject({
      order_id: 12_497_500n,
      customer_id: 2_497_500n,
      total_amount: 997_500,
    });
  });
  it('scenario 1', () => {
    const { sums } = expected('1');
    expect(sums['moving_avg']).toBeCloseTo(624361.182537, 5);
    expect(sums['min_price']).toBeCloseTo(476864.049809, 5);
    expect(sums['max_price']).toBeCloseTo(770505.261747, 5);
  });
  it('scenario 2', () => {
    const { rows, sums } = expected('2');
    expect(rows).toBe(5000);
    expect(sums).toMatchObject({
      trade_count: 627_500n,
      total_quantity: 355_361_250n,
      total_value: 44_343_177_500,
    });
    expect(sums['avg_price']).toBeCloseTo(621178.271327, 5);
  });
  it('scenario 3a', () => {
    const { rows, sums } = expected('3a');
    expect(rows).toBe(20);
    expect(sums).toMatchObject({
      trade_count: 5000n,
      total_quantity: 2_997_500n,
      total_value: 374_230_000,
    });
  });
  it('scenario 3b', () => {
    const { rows, sums } = expected('3b');
    expect(rows).toBe(99_810);
    expect(sums).toMatchObject({
      trade_count: 12_502_500n,
      total_quantity: 7_078_582_500n,
      total_value: 883_262_937_500,
    });
    expect(sums['avg_price']).toBeCloseTo(12399745.4265, 3);
  });
});

describe('row counts of the variants', () => {
  it.each([
    ['3b', { records: 10_000 }, 199_810],
    ['3b', { groups: 200 }, 980_100],
    ['3b', { changes: 'delta' }, 5000],
    ['3b', { stepMs: 1000 }, 84_040],
    ['3a', { stepMs: 1000 }, 1680],
  ] as const)('scenario %s %o gives %i rows', (id, more, rows) => {
    expect(expected(id, more).rows).toBe(rows);
  });
});

describe('a digest that differs', () => {
  const want = { rows: 2, sums: { a: 3n, b: 1.5 } };
  const good = {
    rows: 2,
    columns: [
      { name: 'a', nulls: 0, sum: '3' },
      { name: 'b', nulls: 0, sum: 1.5 },
    ],
  };

  it('passes only when rows, NULLs and sums are right', () => {
    expect(digestFaults(want, good)).toEqual([]);
    expect(digestFaults(want, { ...good, rows: 3 })).toHaveLength(1);
    expect(
      digestFaults(want, {
        ...good,
        columns: [{ name: 'a', nulls: 1, sum: '3' }, good.columns[1]!],
      }),
    ).toHaveLength(1);
    expect(
      digestFaults(want, {
        ...good,
        columns: [{ name: 'a', nulls: 0, sum: '4' }, good.columns[1]!],
      }),
    ).toHaveLength(1);
    expect(
      digestFaults(want, {
        ...good,
        columns: [good.columns[0]!, { name: 'b', nulls: 0, sum: 1.50001 }],
      }),
    ).toHaveLength(1);
    expect(digestFaults(want, { ...good, columns: [good.columns[0]!] })).toHaveLength(1);
  });
});
