/** Generators that several workers read in turn: the same rows as one reader's, and the pace. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import { BIGINT } from '../../src/columnar/types.js';
import { openGenerator } from '../../src/connectors/generator/generator.js';
import { openSharedSource, prepareSource } from '../../src/connectors/registry.js';
import { LANE_CELLS } from '../../src/connectors/shared-split.js';
import type { SharedSplit } from '../../src/connectors/shared-split.js';
import type { SourceRequest, SplitReader } from '../../src/connectors/source.js';
import type { TableDefinition } from '../../src/plan/schema.js';
import { readAlone, readTogether } from './shared-support.js';

const TIME_LIMIT_MS = 240_000;

class ManualClock implements Clock {
  /** A clock that has run for a while: 0 is no special time. */
  ns = 5e9;
  nowMs(): number {
    return 1_000 + this.ns / 1e6;
  }
  monotonicNs(): number {
    return this.ns;
  }
}

function request(
  options: Readonly<Record<string, string>>,
  more: { readonly batchRowsMax?: number; readonly clock?: Clock; readonly rate?: number } = {},
): SourceRequest {
  const table: TableDefinition = {
    name: 'g',
    connector: 'generator',
    options,
    physical: [{ name: 'i', type: BIGINT }],
    columns: [{ kind: 'physical', name: 'i', type: BIGINT, index: 0 }],
    watermark: null,
    primaryKey: [],
    bounded: options['rows'] !== undefined,
  };
  return {
    table,
    physical: [0],
    system: ['_partition', '_offset', '_timestamp'],
    batchRowsMax: more.batchRowsMax ?? 4096,
    errors: { recordFailed: () => undefined },
    clock: more.clock ?? new ManualClock(),
    notice: () => undefined,
    ...(more.rate === undefined ? {} : { rate: more.rate }),
  };
}

describe('the blocks of workers in turn', () => {
  test(
    'are the batches of one reader, from any position',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            rows: fc.nat(60),
            splits: fc.integer({ min: 1, max: 4 }),
            batchRowsMax: fc.constantFrom(1, 7, 4096),
            batchesMax: fc.nat(5),
            seed: fc.nat(),
          }),
          async ({ rows, splits, batchRowsMax, batchesMax, seed }) => {
            const options = { rows: String(rows), splits: String(splits) };
            const generator = request(options, { batchRowsMax });
            const alone = await readAlone(generator);
            expect(alone.rowsRead).toBe(rows);
            const begun = await readAlone(generator, { batchesMax });
            const rest = await readAlone(generator, { from: begun.positions });
            for (const workers of [1, 2, 3]) {
              expect(readTogether(generator, { workers, seed })).toEqual(alone);
              expect(readTogether(generator, { workers, seed, batchesMax })).toEqual(begun);
              const from = begun.positions;
              expect(readTogether(generator, { workers, seed, from })).toEqual(rest);
            }
          },
        ),
        { seed: 6, numRuns: 200 },
      );
    },
    TIME_LIMIT_MS,
  );

  test('every table of the generator is shared, with a number of rows if it has one', async () => {
    expect(await prepareSource(request({}))).toMatchObject({ reading: 'shared', blocks: null });
    const extents = (options: Record<string, string>): unknown[] =>
      openSharedSource(request(options)).splits.map(({ extent }) => extent);
    expect(openSharedSource(request({ rows: '12' })).bounded).toBe(true);
    expect(extents({ rows: '12' })).toEqual([{ start: 0, end: 12 }]);
    expect(extents({ rows: '12', splits: '3' })).toEqual(
      [4, 4, 4].map((end) => ({ start: 0, end })),
    );
    expect(openSharedSource(request({})).bounded).toBe(false);
    expect(extents({})).toEqual([null]);
  });

  test("'key.fields' names columns", () => {
    expect(() => openSharedSource(request({ 'key.fields': 'i' }))).not.toThrow();
    expect(() => openSharedSource(request({ 'key.fields': 'k' }))).toThrowError(/"k"/);
  });
});

describe('rows per second', () => {
  const rowsOf = (split: SharedSplit, lane: Float64Array): number | string => {
    const found = split.claim(lane);
    return found === 'block' ? split.read().rowCount : found;
  };

  test('are one schedule for all workers, begun by the first claim', () => {
    const clock = new ManualClock();
    const paced = request({ rows: '100', 'rows-per-second': '10' }, { clock });
    const [a, b] = [paced, paced].map((each) => openSharedSource(each).splits[0] as SharedSplit);
    const lane = new Float64Array(LANE_CELLS);
    if (a === undefined || b === undefined) throw new Error('two workers');
    expect(rowsOf(a, lane)).toBe(1);
    expect(a.dueNs()).toEqual({ first: 5e9, last: 5e9 });
    expect(rowsOf(b, lane)).toBe('wait');
    expect(b.dueInMs()).toBeCloseTo(100);
    clock.ns += 60e6;
    expect(b.dueInMs()).toBeCloseTo(40);
    clock.ns += 290e6;
    expect(rowsOf(b, lane)).toBe(3);
    expect(b.dueNs()).toEqual({ first: 5.1e9, last: 5.3e9 });
    expect(rowsOf(a, lane)).toBe('wait');
    expect(a.dueInMs()).toBeCloseTo(50);
    clock.ns += 60e9;
    expect(rowsOf(a, lane)).toBe(96);
    expect(rowsOf(b, lane)).toBe('end');
    expect(a.rowsRead() + b.rowsRead()).toBe(100);
  });

  test('of the request come before those of the table, for all splits together', () => {
    const clock = new ManualClock();
    const paced = request({ 'rows-per-second': '10', splits: '2' }, { clock, rate: 1000 });
    for (const split of openSharedSource(paced).splits) {
      const lane = new Float64Array(LANE_CELLS);
      expect(rowsOf(split, lane)).toBe(1);
      expect(rowsOf(split, lane)).toBe('wait');
      expect(split.dueInMs()).toBeCloseTo(2);
    }
  });

  test('give one reader its due times too; without a rate there are none', () => {
    const clock = new ManualClock();
    const paced = openGenerator(request({ 'rows-per-second': '1000' }, { clock }));
    const reader = paced.splits[0] as SplitReader;
    reader.next();
    clock.ns += 2.5e6;
    reader.next();
    expect(reader.dueNs?.()).toEqual({ first: 5.001e9, last: 5.002e9 });
    const free = openGenerator(request({})).splits[0] as SplitReader;
    free.next();
    expect(free.dueNs?.()).toBeNull();
  });
});
