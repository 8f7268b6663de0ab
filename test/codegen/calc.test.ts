/** The calc around its kernels: selections, failures, rejected rows, update pairs, variants. */
import { describe, expect, test } from 'vitest';
import { recordKernels } from '../../src/codegen/compile.js';
import { BIGINT, DOUBLE, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type { RecordErrors } from '../../src/runtime/operator.js';
import { Calc, CalcOperator } from '../../src/runtime/operators/calc.js';
import {
  batchOf,
  call,
  caseOf,
  cast,
  collectingCalc,
  column,
  int,
  literal,
  selectedRows,
  text,
  valuesAt,
} from './expressions.js';
import type { Input } from './expressions.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

const a = column(0, BIGINT, 'a');
const ints = (...values: readonly number[]): Input => ({
  type: BIGINT,
  values: values.map(BigInt),
});

describe('rows that pass', () => {
  test('columns pass by reference, without a copy', () => {
    const { calc } = collectingCalc({ inputTypes: [BIGINT], filter: null, projections: [a, a] });
    const input = batchOf([ints(1, 2, 3)]);
    const output = calc.run(input);
    expect(output.columns).toEqual([input.columns[0], input.columns[0]]);
    expect(output.columns[0]).toBe(input.columns[0]);
    expect(output.selection).toBeNull();
    expect(output.selectedCount).toBe(3);
  });

  test('results stand at the physical rows of their input', () => {
    const filter = call('>', a, int(1));
    const { calc } = collectingCalc({
      inputTypes: [BIGINT],
      filter,
      projections: [call('*', a, int(10))],
    });
    const output = calc.run(batchOf([ints(1, 2, 0, 3)]));
    expect(output.rowCount).toBe(4);
    expect(selectedRows(output)).toEqual([1, 3]);
    expect(valuesAt(output, [BIGINT], 3)).toEqual([30n]);
  });

  test('there is no selection when every row passes', () => {
    const filter = call('>', a, int(0));
    const { calc } = collectingCalc({ inputTypes: [BIGINT], filter, projections: [a] });
    expect(calc.run(batchOf([ints(1, 2)])).selection).toBeNull();
    expect(calc.run(batchOf([ints(1, 0)])).selection).not.toBeNull();
    expect(calc.run(batchOf([ints(1, 2)])).selection).toBeNull();
  });

  test('only selected rows are looked at', () => {
    const { calc, failures } = collectingCalc({
      inputTypes: [BIGINT],
      filter: call('>', call('/', int(10), a), literal(1, DOUBLE)),
      projections: [a],
    });
    const output = calc.run(batchOf([ints(5, 0, 20, 2)], [0, 2, 3]));
    expect(selectedRows(output)).toEqual([0, 3]);
    expect(failures).toEqual([]);
  });

  test('header, row kinds, watermarks and origins travel by reference', () => {
    const { calc } = collectingCalc({ inputTypes: [BIGINT], filter: null, projections: [a] });
    const input = batchOf([ints(1, 2)]);
    input.ops = Uint8Array.of(0, 0);
    input.rowWatermarks = Float64Array.of(1, 2);
    input.origins = Int32Array.of(7, 8);
    const output = calc.run(input);
    expect(output.header).toBe(input.header);
    expect(output.ops).toBe(input.ops);
    expect(output.rowWatermarks).toBe(input.rowWatermarks);
    expect(output.origins).toBe(input.origins);
  });

  test('equal projections are computed once', () => {
    const sum = call('+', a, int(1));
    const { calc } = collectingCalc({
      inputTypes: [BIGINT],
      filter: null,
      projections: [sum, call('+', a, int(1))],
    });
    const output = calc.run(batchOf([ints(1)]));
    expect(output.columns[0]).toBe(output.columns[1]);
  });

  test('constants fill batches of any length', () => {
    const { calc } = collectingCalc({
      inputTypes: [BIGINT],
      filter: null,
      projections: [text('x'), int(2n ** 60n), literal(null, VARCHAR)],
    });
    for (const rows of [1, 5, 3]) {
      const output = calc.run(batchOf([ints(...Array.from({ length: rows }, (_, row) => row))]));
      expect(valuesAt(output, [VARCHAR, BIGINT, VARCHAR], rows - 1)).toEqual([
        'x',
        2n ** 60n,
        null,
      ]);
    }
  });
});

describe('rows that fail', () => {
  const quotient = call('/', int(10), a);

  test('are reported in row order, marked, and not selected', () => {
    const { calc, failures } = collectingCalc({
      inputTypes: [BIGINT],
      filter: null,
      projections: [quotient, a],
    });
    const output = calc.run(batchOf([ints(0, 5, 0, 2)]));
    expect(failures).toEqual([
      { row: 0, failure: { key: 'DIVISION_BY_ZERO', message: 'division by zero' } },
      { row: 2, failure: { key: 'DIVISION_BY_ZERO', message: 'division by zero' } },
    ]);
    expect(selectedRows(output)).toEqual([1, 3]);
    expect(output.failed?.slice(0, 4)).toEqual(Uint8Array.of(1, 0, 1, 0));
    const next = calc.run(batchOf([ints(1, 2, 3, 4)]));
    expect(next.failed).toBeNull();
    expect(next.selection).toBeNull();
    expect(failures).toHaveLength(2);
  });

  test('projections do not fail rows that the filter rejects', () => {
    const { calc, failures } = collectingCalc({
      inputTypes: [BIGINT],
      filter: call('<>', a, int(0)),
      projections: [quotient],
    });
    expect(selectedRows(calc.run(batchOf([ints(0, 5)])))).toEqual([1]);
    expect(failures).toEqual([]);
  });

  test('name the record of the source block where rows have origins', () => {
    const { calc, failures } = collectingCalc({
      inputTypes: [BIGINT],
      filter: null,
      projections: [quotient],
    });
    const input = batchOf([ints(1, 0)]);
    input.origins = Int32Array.of(40, 41);
    calc.run(input);
    expect(failures.map(({ row }) => row)).toEqual([41]);
  });

  test('add to the failures of the input, which stays as it is', () => {
    const { calc } = collectingCalc({
      inputTypes: [BIGINT],
      filter: null,
      projections: [quotient],
    });
    const input = batchOf([ints(3, 0, 1)], [1, 2]);
    input.failed = Uint8Array.of(1, 0, 0);
    const output = calc.run(input);
    expect(output.failed?.slice(0, 3)).toEqual(Uint8Array.of(1, 1, 0));
    expect(input.failed).toEqual(Uint8Array.of(1, 0, 0));
  });

  test.each(['utf8', 'dict'] as const)('carry the message of their own value (%s)', (kind) => {
    const { calc, failures } = collectingCalc({
      inputTypes: [VARCHAR],
      filter: null,
      projections: [cast(column(0, VARCHAR), BIGINT)],
    });
    calc.run(batchOf([{ type: VARCHAR, values: ['1', 'x', 'y', 'x'], kind }]));
    expect(failures.map(({ failure }) => failure.message)).toEqual(
      ['x', 'y', 'x'].map((value) => `'${value}' does not convert to BIGINT`),
    );
  });

  test('that end the job leave nothing behind for a next batch', () => {
    const errors: RecordErrors = {
      recordFailed: (_header, row) => {
        throw new Error(`row ${row}`);
      },
    };
    const spec = { id: 'x', inputTypes: [BIGINT], filter: null, projections: [quotient] };
    const calc = new Calc(spec, errors);
    expect(() => calc.run(batchOf([ints(1, 0, 0)]))).toThrow('row 1');
    expect(calc.run(batchOf([ints(1, 2, 5)])).selectedCount).toBe(3);
  });
});

describe('projections for rejected rows', () => {
  const time = cast(call('*', a, int(1000)), TIMESTAMP);

  test('are computed for every row that has not failed', () => {
    const { calc } = collectingCalc({
      inputTypes: [BIGINT],
      filter: call('<>', a, int(2)),
      projections: [a, time],
      evaluateRejected: [1],
    });
    const input = batchOf([ints(1, 2, 3, 4, 5)], [1, 2, 4]);
    input.failed = Uint8Array.of(0, 0, 0, 1, 0);
    const output = calc.run(input);
    expect(selectedRows(output)).toEqual([2, 4]);
    const times = [0, 1, 2, 4].map((row) => valuesAt(output, [BIGINT, TIMESTAMP], row)[1]);
    expect(times).toEqual([1000, 2000, 3000, 5000]);
  });

  test('that fail make the rejected row a failed one', () => {
    const { calc, failures } = collectingCalc({
      inputTypes: [BIGINT],
      filter: call('<', a, int(2)),
      projections: [time],
      evaluateRejected: [0],
    });
    const output = calc.run(batchOf([ints(1, 8_640_000_000_001, 3)]));
    expect(failures.map(({ row }) => row)).toEqual([1]);
    expect(selectedRows(output)).toEqual([0]);
    expect(output.failed?.slice(0, 3)).toEqual(Uint8Array.of(0, 1, 0));
  });
});

describe('update pairs behind a filter', () => {
  const [INSERT, BEFORE, AFTER, DELETE] = [0, 1, 2, 3];

  test('a row whose partner is rejected becomes an insert or a delete', () => {
    const { calc } = collectingCalc({
      inputTypes: [BIGINT],
      filter: call('>', a, int(5)),
      projections: [a],
    });
    const input = batchOf([ints(9, 9, 1, 1, 9, 9, 8, 1, 2)]);
    input.ops = Uint8Array.of(0, 1, 2, 1, 2, 1, 2, 1, 2);
    const before = input.ops.slice();
    const output = calc.run(input);
    expect(selectedRows(output)).toEqual([0, 1, 4, 5, 6]);
    const ops = selectedRows(output).map((row) => output.ops?.[row]);
    expect(ops).toEqual([INSERT, DELETE, INSERT, BEFORE, AFTER]);
    expect(input.ops).toEqual(before);
  });

  test('row kinds stay as they are when every row passes', () => {
    const filter = call('>', a, int(0));
    const { calc } = collectingCalc({ inputTypes: [BIGINT], filter, projections: [a] });
    const input = batchOf([ints(1, 2)]);
    input.ops = Uint8Array.of(1, 2);
    expect(calc.run(input).ops).toBe(input.ops);
  });
});

describe('variants of a kernel', () => {
  test('numbers beyond 2^53 are exact, in that batch and in the ones around it', () => {
    const { calc, failures } = collectingCalc({
      inputTypes: [BIGINT],
      filter: null,
      projections: [call('+', call('*', a, int(3)), int(1))],
    });
    const large = 2 ** 53 - 1;
    for (const values of [
      [1, 2],
      [1, large],
      [5, 6],
      [large, 7],
      [1, 1],
      [2, 2],
    ]) {
      const output = calc.run(batchOf([ints(...values)]));
      const results = [0, 1].map((row) => valuesAt(output, [BIGINT], row)[0]);
      expect(results).toEqual(values.map((value) => BigInt(value) * 3n + 1n));
    }
    expect(failures).toEqual([]);
  });

  test('a result beyond 64 bits fails its row only', () => {
    const { calc, failures } = collectingCalc({
      inputTypes: [BIGINT],
      filter: null,
      projections: [call('*', a, a)],
    });
    const output = calc.run(batchOf([ints(3_037_000_499, 3_037_000_500)]));
    expect(failures.map(({ row, failure }) => [row, failure.key])).toEqual([
      [1, 'NUMERIC_OVERFLOW'],
    ]);
    expect(valuesAt(output, [BIGINT], 0)).toEqual([3_037_000_499n ** 2n]);
  });

  test('batches may come with other kinds, other dictionaries and NULLs at any time', () => {
    const s = column(0, VARCHAR, 's');
    const { calc } = collectingCalc({
      inputTypes: [VARCHAR],
      filter: null,
      projections: [call('UPPER', s), call('=', s, text('b'))],
    });
    const batches: readonly Input[] = [
      { type: VARCHAR, values: ['a', 'b'] },
      { type: VARCHAR, values: ['b', null] },
      { type: VARCHAR, values: ['c', 'b'], kind: 'utf8' },
      { type: VARCHAR, values: ['x', 'a'] },
    ];
    for (const input of batches) {
      const output = calc.run(batchOf([input]));
      input.values.forEach((value, row) => {
        const wanted = value === null ? [null, null] : [String(value).toUpperCase(), value === 'b'];
        expect(valuesAt(output, [VARCHAR, { kind: 'boolean' }], row)).toEqual(wanted);
      });
    }
  });

  test('the same kinds of batches compile nothing new', () => {
    const { calc } = collectingCalc({
      inputTypes: [BIGINT],
      filter: call('>', a, int(1)),
      projections: [call('+', a, int(1))],
    });
    calc.run(batchOf([ints(1, 2)]));
    const compiled = recordKernels(() => {
      calc.run(batchOf([ints(3, 4, 5)]));
      calc.run(batchOf([ints(0)]));
    });
    expect(compiled).toEqual([]);
  });

  test('very many projections are spread over several kernels', () => {
    const projections = Array.from({ length: 300 }, (_, at) =>
      call('+', call('%', a, int(at + 2)), cast(call('/', int(12), a), BIGINT)),
    );
    const { calc, failures } = collectingCalc({
      inputTypes: [BIGINT],
      filter: call('<', a, int(100)),
      projections: [a, ...projections],
    });
    let output = batchOf([]);
    const sources = recordKernels(() => {
      output = calc.run(batchOf([ints(7, 100, 0, 12)]));
    });
    expect(sources.length).toBeGreaterThan(3);
    expect(Math.max(...sources.map((source) => source.length))).toBeLessThan(60_000);
    expect(failures.map(({ row }) => row)).toEqual([2]);
    expect(selectedRows(output)).toEqual([0, 3]);
    const types = [BIGINT, ...projections.map(({ type }) => type)];
    const shares = valuesAt(output, types, 3).slice(1);
    const wanted = projections.map((_, at): SqlValue => BigInt(12 % (at + 2)) + 1n);
    expect(shares).toEqual(wanted);
  });
});

describe('computed texts', () => {
  const rowsOf = (from: number, count: number): Input =>
    ints(...Array.from({ length: count }, (_, row) => from + row));

  test('of few numbers are codes of one dictionary', () => {
    const name = call('CONCAT', text('SYM'), call('%', a, int(10)));
    const { calc } = collectingCalc({ inputTypes: [BIGINT], filter: null, projections: [name] });
    const output = calc.run(batchOf([rowsOf(0, 100)]));
    expect(output.columns[0]?.kind).toBe('dict');
    expect(valuesAt(output, [VARCHAR], 57)).toEqual(['SYM7']);
  });

  test('of ever new numbers become bytes once a dictionary is full', () => {
    const name = call('CONCAT', text('order-'), a);
    const { calc } = collectingCalc({ inputTypes: [BIGINT], filter: null, projections: [name] });
    const kinds = new Set<string>();
    for (let from = 60_000; from < 200_000; from += 4096) {
      const output = calc.run(batchOf([rowsOf(from, 4096)]));
      kinds.add(output.columns[0]?.kind ?? '');
      expect(valuesAt(output, [VARCHAR], 4095)).toEqual([`order-${from + 4095}`]);
    }
    expect([...kinds]).toEqual(['dict', 'utf8']);
  });

  test('of a choice between literals and a column keep both', () => {
    const s = column(1, VARCHAR, 's');
    const chosen = caseOf([[call('>', a, int(1)), s]], text('small'));
    const { calc } = collectingCalc({
      inputTypes: [BIGINT, VARCHAR],
      filter: null,
      projections: [chosen],
    });
    const output = calc.run(batchOf([ints(1, 2), { type: VARCHAR, values: ['x', 'y'] }]));
    expect([0, 1].map((row) => valuesAt(output, [VARCHAR], row)[0])).toEqual(['small', 'y']);
  });
});

test('NOW() is the time at which the block was read', () => {
  const now = call('NOW');
  const { calc } = collectingCalc({ inputTypes: [BIGINT], filter: null, projections: [now] });
  for (const time of [1000, 2000]) {
    const input = batchOf([ints(1)]);
    input.header.ingestTimeMs = time;
    expect(valuesAt(calc.run(input), [TIMESTAMP], 0)).toEqual([time]);
  }
});

test('the operator hands on batches without a row left and watermarks as they are', () => {
  const seen: (number | string)[] = [];
  const operator = new CalcOperator(
    { id: 'calc-1', inputTypes: [BIGINT], filter: call('>', a, int(5)), projections: [a] },
    {
      output: {
        emit: (batch) => seen.push(`${batch.selectedCount} of ${batch.rowCount}`),
        watermark: (time) => seen.push(time),
      },
      errors: { recordFailed: () => undefined },
      late: { lateRecord: () => undefined },
      counters: { late: 0, lateDropped: 0, lateExpired: 0, rejected: 0 },
      flow: AT_ONCE,
      limitReached: () => undefined,
    },
  );
  operator.process(0, batchOf([ints(1, 2)]));
  operator.watermark(0, 77);
  operator.process(0, batchOf([ints()]));
  expect(seen).toEqual(['0 of 2', 77]);
});
