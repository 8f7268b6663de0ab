/**
 * The generator: counts from 0, splits into contiguous ranges, keeps its rate, gives every record
 * its own place.
 */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import { openGenerator } from '../../src/connectors/generator/generator.js';
import type { SourceRequest, SplitReader } from '../../src/connectors/source.js';
import type { TableDefinition } from '../../src/plan/schema.js';
import { BIGINT } from '../../src/columnar/types.js';

class ManualClock implements Clock {
  ns = 0;
  nowMs(): number {
    return 1_000 + this.ns / 1e6;
  }
  monotonicNs(): number {
    return this.ns;
  }
}

function request(
  options: Record<string, string>,
  clock: Clock = new ManualClock(),
  batchRowsMax = 4096,
): SourceRequest {
  const table: TableDefinition = {
    name: 'g',
    connector: 'generator',
    options,
    physical: [{ name: 'i', type: BIGINT }],
    columns: [],
    watermark: null,
    primaryKey: [],
    bounded: options['rows'] !== undefined,
  };
  return {
    table,
    physical: [0],
    system: ['_partition', '_offset'],
    batchRowsMax,
    errors: { recordFailed: () => undefined },
    clock,
    notice: () => undefined,
  };
}

function drain(reader: SplitReader): { values: number[]; partitions: number[]; offsets: number[] } {
  const all = { values: [] as number[], partitions: [] as number[], offsets: [] as number[] };
  for (let next = reader.next(); next !== 'end' && next !== 'wait'; next = reader.next()) {
    const [values, partitions, offsets] = next.columns.map((column) =>
      Array.from((column as { values: Float64Array }).values.subarray(0, next.rowCount)),
    );
    all.values.push(...values!);
    all.partitions.push(...partitions!);
    all.offsets.push(...offsets!);
  }
  return all;
}

describe('generator', () => {
  it('counts from 0, one place per record, for any batch size', () => {
    for (const batchRows of [1, 7, 4096]) {
      const source = openGenerator(request({ rows: '5000' }, new ManualClock(), batchRows));
      const { values, offsets } = drain(source.splits[0]!);
      expect(values).toEqual(Array.from({ length: 5000 }, (_, i) => i));
      expect(new Set(offsets).size).toBe(5000);
    }
  });

  it('cuts i into contiguous ranges, each a source partition', () => {
    const source = openGenerator(request({ rows: '10', splits: '3' }));
    const parts = source.splits.map(drain);
    expect(parts.map((part) => part.values)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7, 8, 9],
    ]);
    expect(parts.map((part) => part.partitions[0])).toEqual([0, 1, 2]);
    expect(parts.map((part) => part.offsets)).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [0, 1, 2, 3],
    ]);
  });

  it('hands out no more than the schedule has released, and catches up', () => {
    const clock = new ManualClock();
    const reader = openGenerator(request({ rows: '100', 'rows-per-second': '10' }, clock))
      .splits[0]!;
    expect(drain(reader).values).toEqual([0]);
    clock.ns = 350e6;
    expect(drain(reader).values).toEqual([1, 2, 3]);
    clock.ns = 20e9;
    expect(drain(reader).values.length).toBe(96);
    expect(reader.next()).toBe('end');
  });

  it('goes on from a position', () => {
    const reader = openGenerator(request({ rows: '10' })).splits[0]!;
    reader.seek('7');
    expect(drain(reader).values).toEqual([7, 8, 9]);
  });

  it.each([{ rows: '-1' }, { rows: 'many' }, { splits: '0' }, { speed: '3' }])(
    'refuses %o',
    (options) => {
      expect(() => openGenerator(request(options as Record<string, string>))).toThrowError(
        /option/,
      );
    },
  );
});
