/**
 * ROWS WINDOW BUFFER against an obvious oracle: every call, frame and order on random streams,
 * split into batches of any size, restored in the middle; the goldens of scenario 1; sums that
 * depend only on the rows in the buffer.
 */
import { describe, expect, it } from 'vitest';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { columnValue } from '../../src/columnar/column.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { ValueColumn } from '../../src/columnar/value-column.js';
import { mulberry32 } from '../../src/bench/statistics.js';
import type { RowsWindowNode, WindowCall } from '../../src/plan/pipeline/pipeline-plan.js';
import type { OperatorContext } from '../../src/runtime/operator.js';
import { RowsWindowOperator } from '../../src/runtime/operators/rows-window/rows-window.js';
import { evaluateAggregate } from '../../src/state/naive-aggregates.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

const SCHEMA = [
  { name: 'k', type: VARCHAR },
  { name: 'd', type: DOUBLE },
  { name: 'b', type: BIGINT },
  { name: 't', type: BIGINT },
];
const TYPES = SCHEMA.map((column) => column.type);

function batchOf(rows: readonly (readonly SqlValue[])[]): Batch {
  const columns = TYPES.map((type, at) => {
    const column = new ValueColumn(type, rows.length);
    rows.forEach((row, index) => column.set(index, row[at] ?? null));
    return column.take();
  });
  const batch = newBatch(columns, emptyHeader('test'));
  batch.rowCount = rows.length;
  batch.selectedCount = rows.length;
  return batch;
}

function call(
  name: string,
  arg: number | null,
  type: SqlType,
  more: Partial<WindowCall> = {},
): WindowCall {
  return {
    function: name,
    args: arg === null ? [] : [arg],
    argTypes: arg === null ? [] : [TYPES[arg]!],
    literals: [],
    filter: null,
    distinct: false,
    orderBy: [],
    frame: null,
    type,
    ...more,
  };
}

function nodeOf(
  bufferRows: number,
  calls: readonly WindowCall[],
  more: Partial<RowsWindowNode> = {},
): RowsWindowNode {
  const scan = {
    kind: 'scan',
    id: 'scan',
    schema: SCHEMA,
    mode: 'append',
  } as unknown as RowsWindowNode['input'];
  return {
    kind: 'rows-window',
    ttl: null,
    id: 'rows-window-1',
    mode: 'append',
    schema: [...SCHEMA, ...calls.map((each) => ({ name: each.function, type: each.type }))],
    input: scan,
    bufferRows,
    partitionBy: [0],
    orderBy: [],
    calls,
    emit: 'every-record',
    expiry: null,
    signature: '',
    ...more,
  };
}

function collector(types: readonly SqlType[]): { rows: SqlValue[][]; context: OperatorContext } {
  const rows: SqlValue[][] = [];
  const context: OperatorContext = {
    output: {
      emit: (batch) => {
        for (let k = 0; k < batch.selectedCount; k += 1) {
          const row = batch.selection === null ? k : batch.selection[k]!;
          rows.push(types.map((type, at) => columnValue(batch.columns[at]!, type, row)));
        }
      },
      watermark: () => undefined,
    },
    errors: {
      recordFailed: (_header, row, failure) => rows.push([`failed ${row} ${failure.key}`]),
    },
    late: { lateRecord: () => undefined },
    counters: { late: 0, lateDropped: 0, lateExpired: 0, rejected: 0 },
    flow: AT_ONCE,
    limitReached: () => undefined,
  };
  return { rows, context };
}

/** Runs rows in batches of `size`, through a snapshot after each `restoreEvery` batches. */
function run(
  node: RowsWindowNode,
  rows: readonly (readonly SqlValue[])[],
  size: number,
  restoreEvery = 0,
): SqlValue[][] {
  const { rows: out, context } = collector(node.schema.map((column) => column.type));
  let operator = new RowsWindowOperator(node, context);
  for (let at = 0, batches = 1; at < rows.length; at += size, batches += 1) {
    operator.process(0, batchOf(rows.slice(at, at + size)));
    if (restoreEvery === 0 || batches % restoreEvery !== 0) continue;
    const writer = new StateWriter();
    operator.snapshot(writer);
    operator = new RowsWindowOperator(node, context);
    operator.restore(new StateReader(writer.finish()));
  }
  return out;
}

function randomRows(seed: number, count: number): SqlValue[][] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, (_, i) => {
    const big =
      random() < 0.05 ? 9_007_199_254_740_993n : BigInt(Math.floor(random() * 1000) - 500);
    return [
      random() < 0.1 ? null : `k${Math.floor(random() * 4)}`,
      random() < 0.1 ? null : Math.round(random() * 20) / 4,
      random() < 0.1 ? null : big,
      BigInt(i * 1000),
    ];
  });
}

interface Rings {
  readonly store: { readonly arrays: Record<number, Float64Array> };
  readonly lanes: {
    readonly arrived: number;
    readonly columns: readonly Record<'min' | 'max', { readonly positions: number }>[];
  };
}

/** Moves the numbers of all rows that buffers hold on by `more`. */
function haveArrived(operator: RowsWindowOperator, more: number): void {
  // The counts of a running job are out of reach: the test counts on.
  const { store, lanes } = (operator as unknown as { readonly rings: Rings }).rings;
  const add = (lane: number): void => {
    const cells = store.arrays[lane]!;
    cells.forEach((cell, at) => (cells[at] = cell + more));
  };
  add(lanes.arrived);
  for (const { min, max } of lanes.columns) [min, max].forEach(({ positions }) => add(positions));
}

const WHOLE = ['COUNT', 'SUM', 'AVG', 'MIN', 'MAX'];
const RESULT: Readonly<Record<string, SqlType>> = { COUNT: BIGINT, AVG: DOUBLE };

describe('whole-buffer aggregates', () => {
  for (const bufferRows of [1, 2, 3, 7, 100, 1e9]) {
    it(`equal the aggregate of the last ${bufferRows} rows, for any batch size and across restore`, () => {
      const calls = [call('COUNT', null, BIGINT)].concat(
        [1, 2].flatMap((arg) => WHOLE.map((name) => call(name, arg, RESULT[name] ?? TYPES[arg]!))),
      );
      const node = nodeOf(bufferRows, calls);
      const rows = randomRows(bufferRows, 600);
      const want = oracle(rows, bufferRows, calls);
      const got = run(node, rows, 600);
      compare(got, want);
      expect(run(node, rows, 1)).toEqual(got);
      expect(run(node, rows, 7)).toEqual(got);
      expect(run(node, rows, 7, 3)).toEqual(got);
    });
  }

  it('go on when all buffers are full and a key, or a NULL, comes for the first time', () => {
    const calls = WHOLE.map((name) => call(name, 1, RESULT[name] ?? DOUBLE));
    const node = nodeOf(7, calls);
    const rows = Array.from({ length: 300 }, (_, i): SqlValue[] => {
      // Keys 0 and 1, from row 100 on 2 too; from row 200 on some values are NULL.
      const value = i > 200 && i % 5 === 0 ? null : (i * 37) % 101;
      return [`k${i % (i < 100 ? 2 : 3)}`, value, 0n, BigInt(i)];
    });
    const want = oracle(rows, 7, calls);
    for (const [size, restoreEvery] of [
      [300, 0],
      [1, 0],
      [16, 0],
      [16, 2],
    ] as const) {
      compare(run(node, rows, size, restoreEvery), want);
    }
  });

  it.each([2 ** 31, 2 ** 32])('go on behind the row %i of a key, where 32 bits wrap', (wrap) => {
    const calls = [1, 2].flatMap((arg) =>
      WHOLE.map((name) => call(name, arg, RESULT[name] ?? TYPES[arg]!)),
    );
    const node = nodeOf(3, calls);
    const rows = randomRows(5, 600);
    const { rows: out, context } = collector(node.schema.map((column) => column.type));
    const operator = new RowsWindowOperator(node, context);
    operator.process(0, batchOf(rows.slice(0, 200)));
    // As if so many rows had come before: by a multiple of every room, short of the wrap.
    haveArrived(operator, wrap - 64);
    for (let at = 200; at < 600; at += 8) operator.process(0, batchOf(rows.slice(at, at + 8)));
    expect(out).toEqual(run(node, rows, 600));
  });

  it('never subtracts what left: 1e17, 1, 1, 1 with two rows', () => {
    const rows = [1e17, 1, 1, 1].map((value, i) => ['k', value, 0n, BigInt(i)]);
    const got = run(nodeOf(2, [call('SUM', 1, DOUBLE)]), rows, 4);
    expect(got.map((row) => row[4])).toEqual([1e17, 1e17, 2, 2]);
  });

  it('take the room of the rows that they hold, not of the rows declared', () => {
    const calls = WHOLE.map((name) => call(name, 1, RESULT[name] ?? DOUBLE));
    const rows = Array.from({ length: 5000 }, (_, i) => [`k${i}`, i / 4, 0n, BigInt(i)]);
    const bytes = (bufferRows: number, kept: readonly SqlValue[][]): number => {
      const node = nodeOf(bufferRows, calls);
      const operator = new RowsWindowOperator(node, collector([]).context);
      for (let at = 0; at < kept.length; at += 1000) {
        operator.process(0, batchOf(kept.slice(at, at + 1000)));
      }
      return operator.stateSize().bytes;
    };
    expect(bytes(1_000_000, rows)).toBeLessThan(5000 * 1024);
    const sameKey = rows.map((row) => ['k', ...row.slice(1)]);
    expect(bytes(1e12, sameKey)).toBeLessThan(5000 * 512);
  });

  it('fails the record whose BIGINT sum does not fit', () => {
    const rows = [2n ** 63n - 1n, 1n, 5n].map((value, i) => ['k', 0, value, BigInt(i)]);
    const got = run(nodeOf(2, [call('SUM', 2, BIGINT)]), rows, 3);
    expect(got.map((row) => row.at(-1))).toEqual(['failed 1 NUMERIC_OVERFLOW', 2n ** 63n - 1n, 6n]);
  });
});

function oracle(
  rows: readonly SqlValue[][],
  bufferRows: number,
  calls: readonly WindowCall[],
): SqlValue[][] {
  const buffers = new Map<SqlValue, SqlValue[][]>();
  return rows.map((row) => {
    const buffer = [...(buffers.get(row[0]!) ?? []), row].slice(-bufferRows);
    buffers.set(row[0]!, buffer);
    return calls.map((each) => evaluateAggregate({ ...each, orderBy: [] }, buffer) as SqlValue);
  });
}

function compare(got: readonly SqlValue[][], want: readonly SqlValue[][]): void {
  expect(got.length).toBe(want.length);
  got.forEach((row, at) => {
    row.slice(SCHEMA.length).forEach((value, column) => {
      const expected = want[at]![column]!;
      if (typeof expected === 'number' && typeof value === 'number')
        expect(Math.abs(value - expected)).toBeLessThanOrEqual(
          1e-12 * Math.max(1, Math.abs(expected)),
        );
      else expect(value, `row ${at} column ${column}`).toEqual(expected);
    });
  });
}

describe('scenario 1', () => {
  const calls = ['AVG', 'MIN', 'MAX'].map((name) => call(name, 1, DOUBLE));
  const rows = Array.from({ length: 10_000 }, (_, i) => [
    `SYM${i % 10}`,
    100 + (i % 50) + Math.sin(i / 100) * 10,
    0n,
    BigInt(i),
  ]);
  const got = run(nodeOf(100, calls), rows, 4096);

  it.each([
    [0, 100.0, 100.0, 100.0],
    [10, 105.49916708323414, 100.0, 110.99833416646828],
    [999, 130.81660224899707, 99.07480187080037, 158.96737752043143],
    [1000, 121.81033765843698, 90.22469882334903, 149.98941341839773],
    [4999, 127.32841607793462, 99.05474590478934, 158.980102667668],
  ])('row %i', (at, average, least, most) => {
    const [, , , , a, lo, hi] = got[at]! as number[];
    expect(a).toBeCloseTo(average, 9);
    expect([lo, hi]).toEqual([least, most]);
  });

  it('adds up to the golden sums over 5,000 and 10,000 rows', () => {
    const sum = (count: number, column: number): number =>
      got.slice(0, count).reduce((total, row) => total + (row[column] as number), 0);
    expect([4, 5, 6].map((column) => sum(5000, column).toFixed(6))).toEqual([
      '624361.182537',
      '476864.049809',
      '770505.261747',
    ]);
    expect([4, 5, 6].map((column) => sum(10_000, column).toFixed(6))).toEqual([
      '1246901.893639',
      '949664.554007',
      '1542726.098209',
    ]);
  });
});

describe('expiry', () => {
  it('starts a buffer anew after more than the inactivity, not at exactly that', () => {
    const times = [0n, 60_000n, 120_001n, 120_002n];
    const rows = times.map((time) => ['a', 1, 1n, time]);
    const node = nodeOf(10, [call('COUNT', null, BIGINT), call('ROW_NUMBER', null, BIGINT)], {
      expiry: { column: 3, inactivityMs: 60_000 },
    });
    for (const size of [1, 4]) {
      expect(run(node, rows, size).map((row) => row.slice(4))).toEqual([
        [1n, 1n],
        [2n, 2n],
        [1n, 1n],
        [2n, 2n],
      ]);
    }
  });

  it('EMIT ON BUFFER FULL gives a row for each record that leaves the buffer full', () => {
    const rows = Array.from({ length: 5 }, (_, i) => ['a', i, 0n, BigInt(i)]);
    const node = nodeOf(3, [call('SUM', 1, DOUBLE)], { emit: 'buffer-full' });
    expect(run(node, rows, 2).map((row) => row[4])).toEqual([3, 6, 9]);
  });
});

describe('ordered calls', () => {
  const key = { column: 1, type: DOUBLE, descending: false, nullsFirst: false };
  const frame = { unit: 'rows', preceding: 1, following: 0, exact: null } as const;
  const calls = [
    call('ROW_NUMBER', null, BIGINT),
    call('RANK', null, BIGINT),
    call('DENSE_RANK', null, BIGINT),
    call('PERCENT_RANK', null, DOUBLE),
    call('CUME_DIST', null, DOUBLE),
    call('NTILE', null, BIGINT, { literals: [3n] }),
    call('LAG', 2, BIGINT, { literals: [1n, -1n] }),
    call('LEAD', 2, BIGINT),
    call('FIRST_VALUE', 2, BIGINT),
    call('SUM', 1, DOUBLE, { frame }),
    call('COUNT', 2, BIGINT, { distinct: true }),
    call('MEDIAN', 1, DOUBLE),
  ];
  const rows = randomRows(99, 300);

  it('rank the current row among the rows of the buffer', () => {
    const got = run(nodeOf(9, calls, { orderBy: [key] }), rows, 300);
    const buffers = new Map<SqlValue, SqlValue[][]>();
    rows.forEach((row, at) => {
      const buffer = [...(buffers.get(row[0]!) ?? []), row].slice(-9);
      buffers.set(row[0]!, buffer);
      const value = (each: SqlValue[]): number =>
        (each[1] as number | null) ?? Number.POSITIVE_INFINITY;
      const sorted = buffer
        .map((each, place) => ({ each, place }))
        .sort((a, b) => value(a.each) - value(b.each) || a.place - b.place || 0)
        .map(({ each }) => each);
      const place = sorted.indexOf(row);
      const less = sorted.filter((each) => value(each) < value(row));
      const upTo = sorted.filter((each) => value(each) <= value(row)).length;
      const [number, rank, dense, percent, distribution, , lag, lead, first] = got[at]!.slice(4);
      expect([number, rank, dense]).toEqual([
        BigInt(place + 1),
        BigInt(less.length + 1),
        BigInt(new Set(less.map(value)).size + 1),
      ]);
      expect(percent).toBe(buffer.length === 1 ? 0 : less.length / (buffer.length - 1));
      expect(distribution).toBe(upTo / buffer.length);
      expect([lag, lead, first]).toEqual([
        place === 0 ? -1n : sorted[place - 1]![2],
        sorted[place + 1]?.[2] ?? null,
        sorted[0]![2],
      ]);
    });
  });

  it('do not depend on batches or restore', () => {
    const node = nodeOf(9, calls, { orderBy: [key] });
    const whole = run(node, rows, 300);
    expect(run(node, rows, 1)).toEqual(whole);
    expect(run(node, rows, 7, 2)).toEqual(whole);
  });
});
