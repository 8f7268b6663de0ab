/**
 * Standard OVER against an obvious oracle that sorts everything and walks every frame: all calls
 * and frames on streams out of order, with ties, NULLs and late rows, cut into batches of any size,
 * restored in the middle.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { BIGINT, decimalType, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type { WindowCall } from '../../src/plan/pipeline/pipeline-plan.js';
import type { FrameSpec } from '../../src/plan/window-spec.js';
import { parts } from './changelog-support.js';
import type { Row } from './changelog-support.js';
import {
  ALL_BEFORE,
  B,
  call,
  D,
  F,
  M,
  oracle,
  overNode,
  range,
  rows,
  Run,
  S,
} from './over-support.js';

/** Out of order by up to 60 ms, many ties, NULLs in every column but the time. */
function randomRecords(seed: number, count: number, disorderMs = 60): Row[] {
  const random = mulberry32(seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const maybe = (value: SqlValue): SqlValue => (random() < 0.15 ? null : value);
  return Array.from({ length: count }, (_, at) => [
    Math.floor(at / 3) * 10 - pick(disorderMs / 10 + 1) * 10,
    random() < 0.1 ? null : 'xyz'[pick(3)]!,
    maybe(random() < 0.03 ? 2n ** 61n : BigInt(pick(40) - 20)),
    maybe(pick(40) / 8 - 2),
    maybe(['a', 'é', 'b', '😀'][pick(4)]!),
    maybe(BigInt(pick(2000) - 1000)),
    maybe(random() < 0.6),
  ]);
}

const NEAR = 1e-12;
function expectNear(actual: readonly Row[], expected: readonly (readonly unknown[])[]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((row, at) => {
    row.forEach((value, column) => {
      const wanted = expected[at]![column];
      if (typeof value === 'number' && typeof wanted === 'number') {
        expect(Math.abs(value - wanted)).toBeLessThanOrEqual(NEAR * Math.max(1, Math.abs(wanted)));
      } else expect({ at, column, value }).toEqual({ at, column, value: wanted });
    });
  });
}

const FRAMES: Readonly<Record<string, FrameSpec | null>> = {
  'no frame': null,
  'ROWS UNBOUNDED PRECEDING': rows(ALL_BEFORE),
  'ROWS 3 PRECEDING': rows(3),
  'ROWS CURRENT ROW': rows(0),
  'ROWS 4 PRECEDING … 2 PRECEDING': rows(4, -2),
  'ROWS UNBOUNDED PRECEDING … 1 PRECEDING': rows(ALL_BEFORE, -1),
  'RANGE 40 PRECEDING': range(40),
  'RANGE CURRENT ROW': range(0),
  'RANGE 60 PRECEDING … 20 PRECEDING': range(60, -20),
  'RANGE UNBOUNDED PRECEDING … 10 PRECEDING': range(ALL_BEFORE, -10),
  'ROWS 1 PRECEDING … 2 FOLLOWING': rows(1, 2),
};

/** One call of each kind of evaluator and type. */
function framedCalls(frame: FrameSpec | null): WindowCall[] {
  return [
    call('COUNT', BIGINT, { frame }),
    call('COUNT', BIGINT, { frame, arg: S, filter: F }),
    call('SUM', BIGINT, { frame, arg: B }),
    call('AVG', DOUBLE, { frame, arg: B }),
    call('SUM', DOUBLE, { frame, arg: D }),
    call('AVG', DOUBLE, { frame, arg: D, filter: F }),
    call('MIN', DOUBLE, { frame, arg: D }),
    call('MAX', BIGINT, { frame, arg: B }),
    call('MIN', VARCHAR, { frame, arg: S }),
    call('MAX', VARCHAR, { frame, arg: S, filter: F }),
    call('SUM', decimalType(38, 2), { frame, arg: M }),
    call('AVG', decimalType(38, 6), { frame, arg: M }),
    call('SUM', BIGINT, { frame, arg: B, distinct: true }),
    call('COUNT_DISTINCT', BIGINT, { frame, arg: S }),
    call('STDDEV_SAMP', DOUBLE, { frame, arg: D }),
    call('MEDIAN', DOUBLE, { frame, arg: D }),
    call('LISTAGG', VARCHAR, { frame, arg: S }),
    call('FIRST_VALUE', BIGINT, { frame, arg: B }),
    call('LAST_VALUE', VARCHAR, { frame, arg: S }),
    call('NTH_VALUE', DOUBLE, { frame, arg: D, literals: [3n] }),
  ];
}

const PLACES = [
  call('ROW_NUMBER', BIGINT),
  call('RANK', BIGINT),
  call('DENSE_RANK', BIGINT),
  call('LAG', VARCHAR, { arg: S }),
  call('LAG', BIGINT, { arg: B, literals: [5n, -1n] }),
];
const WHOLE = [
  call('PERCENT_RANK', DOUBLE),
  call('CUME_DIST', DOUBLE),
  call('NTILE', BIGINT, { literals: [4n] }),
  call('LEAD', DOUBLE, { arg: D }),
  call('LEAD', BIGINT, { arg: B, literals: [2n, 7n] }),
];

describe('OVER', () => {
  for (const [name, frame] of Object.entries(FRAMES)) {
    it(`${name}: every call equals the walk over its frame, for any batches and restores`, () => {
      const node = overNode(framedCalls(frame));
      const records = randomRecords(name.length, 150);
      const whole = new Run(node, 60).push(records).end();
      expectNear(whole, oracle(node, records, 60));
      expect(new Run(node, 60).push(records, 7).end()).toEqual(whole);
      const stopped = new Run(node, 60);
      for (const [index, part] of parts(records, 40).entries()) {
        stopped.push(part, index === 0 ? 1 : 4096).restore();
      }
      expect(stopped.end()).toEqual(whole);
    });
  }

  it('ranks, LAG, and at the end of input LEAD, NTILE and shares, for any batches and restores', () => {
    for (const calls of [PLACES, [...PLACES, ...WHOLE]]) {
      const node = overNode(calls);
      const records = randomRecords(calls.length, 200);
      const whole = new Run(node, 60).push(records).end();
      expectNear(whole, oracle(node, records, 60));
      const stopped = new Run(node, 60);
      for (const part of parts(records, 50)) stopped.push(part, 7).restore();
      expect(stopped.end()).toEqual(whole);
    }
  });

  it('without PARTITION BY is over all rows', () => {
    const calls = [rows(2), null, range(30)].map((frame) => call('SUM', BIGINT, { frame, arg: B }));
    const node = overNode([...calls, call('RANK', BIGINT)], { partitionBy: [] });
    const records = randomRecords(3, 120);
    expectNear(new Run(node, 60).push(records, 7).restore().end(), oracle(node, records, 60));
  });

  it('finds peers in different batches of results', () => {
    const calls = [call('COUNT', BIGINT), call('COUNT', BIGINT, { frame: range(10), arg: B })];
    const node = overNode(calls, { partitionBy: [] });
    const records = Array.from({ length: 9000 }, (_, at): Row => [
      at < 3000 ? 0 : 10,
      'x',
      1n,
      1,
      's',
      1n,
      true,
    ]);
    const found = new Run(node, 100).push(records).end();
    expect(found.slice(0, 3000).every((row) => row[7] === 3000n && row[8] === 3000n)).toBe(true);
    expect(found.slice(3000).every((row) => row[7] === 9000n && row[8] === 9000n)).toBe(true);
  });

  it('sums depend only on the rows in the frame', () => {
    const node = overNode(
      [rows(1), range(1), rows(1500)].map((frame) => call('SUM', DOUBLE, { frame, arg: D })),
    );
    const values = [1e17, 1, 1, 1];
    const records = values.map((value, at): Row => [at, 'x', null, value, null, null, null]);
    const found = new Run(node, 0).push(records).end();
    expect(found.map((row) => row.slice(7))).toEqual([
      [1e17, 1e17, 1e17],
      [1e17, 1e17, 1e17],
      [2, 2, 1e17],
      [2, 2, 1e17],
    ]);
  });

  it('slides over long frames that move on by more than they hold', () => {
    const random = mulberry32(11);
    const records = Array.from({ length: 2500 }, (_, at): Row => {
      const value = Math.floor(random() * 4096) / 8;
      return [Math.floor(at / 100) * 500 + (at % 100), 'x', null, value, null, null, null];
    });
    const frames = [range(90), rows(1100)];
    const calls = frames.flatMap((frame) =>
      ['SUM', 'MIN', 'MAX'].map((name) => call(name, DOUBLE, { frame, arg: D })),
    );
    const found = new Run(overNode(calls), 0).push(records, 250).end();
    const values = records.map((row) => row[3] as number);
    found.forEach((row, at) => {
      const expected = frames.flatMap(({ preceding, unit }) => {
        const start = unit === 'rows' ? at - preceding : at - Math.min(90, at % 100);
        const framed = values.slice(Math.max(0, start), at + 1);
        return [framed.reduce((a, b) => a + b), Math.min(...framed), Math.max(...framed)];
      });
      expect(row.slice(7)).toEqual(expected);
    });
  });
});
