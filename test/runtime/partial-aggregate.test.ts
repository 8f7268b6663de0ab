/**
 * Groups that senders aggregate and partitions merge give the rows of one operator that saw every
 * record: every mergeable aggregate, every kind of key, any blocks, any order of shipments.
 */
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import {
  BIGINT,
  BOOLEAN,
  decimalType,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
} from '../../src/columnar/types.js';
import type { AggregateCall } from '../../src/plan/pipeline/pipeline-plan.js';
import type { WindowSpec } from '../../src/plan/window-spec.js';
import { AggregateOperator } from '../../src/runtime/operators/aggregate.js';
import { WindowAggregateOperator } from '../../src/runtime/operators/window/window-aggregate.js';
import { PartialAggregate } from '../../src/runtime/partial-aggregate.js';
import type { Row } from '../state/grouping-harness.js';
import {
  call,
  DEC,
  FLAG,
  INT,
  LIST,
  MONEY,
  NAME,
  OTHER,
  Random,
  randomRows,
  REAL,
  TEXT,
  TIME,
  WIDE,
  WIDE_DECIMAL,
} from '../state/grouping-harness.js';
import { difference } from '../state/grouping-oracle.js';
import type { Block, Outcome } from './partial-support.js';
import { aggregateNode, batchOfBlock, PartedRun, runWhole, windowNode } from './partial-support.js';
import { RecordingContext } from './stream-support.js';

const SETS: readonly (readonly [string, readonly AggregateCall[]])[] = [
  [
    'counts and sums',
    [
      call('COUNT', [], BIGINT),
      call('COUNT', [TEXT], BIGINT),
      call('SUM', [INT], BIGINT),
      call('SUM', [REAL], DOUBLE),
      call('AVG', [REAL], DOUBLE),
      call('AVG', [INT], DOUBLE, { filter: FLAG }),
      call('SUM', [DEC], decimalType(38, 2)),
      call('SUM', [WIDE], decimalType(38, 4)),
    ],
  ],
  [
    'extremes',
    [
      call('MIN', [INT], BIGINT),
      call('MAX', [INT], BIGINT),
      call('MIN', [TEXT], VARCHAR),
      call('MAX', [NAME], VARCHAR, { filter: FLAG }),
      call('MAX', [FLAG], BOOLEAN),
      call('MIN', [TIME], TIMESTAMP),
      call('MAX', [DEC], MONEY),
      call('MIN', [WIDE], WIDE_DECIMAL),
      call('DELTA', [REAL], DOUBLE),
    ],
  ],
  [
    'distinct',
    [
      call('COUNT', [TEXT], BIGINT, { distinct: true }),
      call('COUNT_DISTINCT', [INT], BIGINT),
      call('SUM', [INT], BIGINT, { distinct: true, filter: FLAG }),
      call('AVG', [REAL], DOUBLE, { distinct: true }),
      call('COUNT', [LIST], BIGINT, { distinct: true }),
    ],
  ],
  [
    'statistics',
    [
      call('VAR_POP', [REAL], DOUBLE),
      call('STDDEV_SAMP', [OTHER], DOUBLE, { filter: FLAG }),
      call('COVAR_SAMP', [REAL, OTHER], DOUBLE),
      call('MEDIAN', [REAL], DOUBLE),
      call('PERCENTILE_DISC', [TEXT], VARCHAR, { literals: [0.7] }),
      call('APPROX_COUNT_DISTINCT', [TEXT], BIGINT),
    ],
  ],
  ['no aggregate', []],
];
const COUNTED = [
  call('COUNT', [], BIGINT),
  call('SUM', [INT], BIGINT),
  call('COUNT_DISTINCT', [INT], BIGINT),
  call('MAX', [NAME], VARCHAR),
  call('AVG', [REAL], DOUBLE),
];
const KEYS: readonly (readonly number[])[] = [[], [TEXT], [INT], [DEC, TEXT], [WIDE], [LIST, FLAG]];

function blocksOf(rows: readonly Row[], random: Random, splitOf: (at: number) => number): Block[] {
  const blocks: Block[] = [];
  let split = 0;
  for (let from = 0; from < rows.length;) {
    const size = Math.min(1 + random.below(9), rows.length - from);
    split = splitOf(split);
    blocks.push({ split, rows: rows.slice(from, from + size) });
    from += size;
  }
  return blocks;
}

function expectSame(actual: Outcome, wanted: Outcome): void {
  expect(difference(actual.rows, wanted.rows)).toBeUndefined();
  expect({ ...actual, rows: [] }).toEqual({ ...wanted, rows: [] });
}

describe.each(SETS)('GROUP BY, %s', (_, aggregates) => {
  test.each(KEYS.map((keys) => [keys.join() || 'no key', keys] as const))(
    'by %s: partitions give the rows of one operator',
    { timeout: 240_000 },
    (_name, keys) => {
      for (const partitions of keys.length === 0 ? [1] : [1, 2, 3, 8]) {
        const seed = partitions * 100 + keys.length;
        const random = new Random(seed);
        const rows = randomRows(120, random, partitions % 2 === 1);
        for (const row of rows) (row as (typeof row)[number][])[TIME] ??= 0;
        const blocks = blocksOf(rows, random, () => 0);
        const node = aggregateNode(keys, aggregates);
        const run = new PartedRun(node, {
          senders: 1 + (partitions % 3),
          partitions,
          seed,
          exchanged: partitions === 3 ? 0.3 : 0,
        });
        expectSame(run.run(blocks, [0]), runWhole(node, blocks, [0]));
        expect(run.shipments).toBeGreaterThan(3);
      }
    },
  );
});

const WINDOWS: readonly (readonly [string, WindowSpec])[] = [
  ['TUMBLING', { kind: 'tumbling', sizeMs: 1000 }],
  ['HOPPING', { kind: 'hopping', sizeMs: 1500, advanceMs: 500 }],
  ['HOPPING with uneven slices', { kind: 'hopping', sizeMs: 1000, advanceMs: 300 }],
  ['HOPPING with gaps', { kind: 'hopping', sizeMs: 400, advanceMs: 700 }],
  ['CUMULATE', { kind: 'cumulate', sizeMs: 2000, stepMs: 500 }],
];

/** Rows in blocks of several splits, out of order, some too late, some without a time. */
function timedBlocks(seed: number, splits: number): Block[] {
  const random = new Random(seed);
  const rows = randomRows(300, random, seed % 2 === 0);
  const blocks = blocksOf(rows, random, () => random.below(splits));
  let place = 0;
  return blocks.map(({ split, rows: part }) => ({
    split,
    rows: part.map((row) => {
      place += 1;
      const late = random.below(12) === 0 ? 3000 : 0;
      const time = place * 40 + split * 300 + random.below(900) - late - 2000;
      return row.map((value, column) => {
        return column === TIME ? (random.below(40) === 0 ? null : time) : value;
      });
    }),
  }));
}

describe.each(WINDOWS)('%s', (_, window) => {
  test.each([1, 2, 3, 4, 5, 6])(
    'partitions give the rows and late records of one operator (seed %i)',
    { timeout: 240_000 },
    (seed) => {
      const splits = Array.from({ length: 1 + (seed % 3) }, (_each, split) => split);
      const blocks = timedBlocks(seed, splits.length);
      const keys = KEYS[seed % KEYS.length] as readonly number[];
      const strategy = seed % 2 === 0 ? 'drop' : 'dead-letter';
      const node = windowNode(keys, COUNTED, window, { boundMs: 400, strategy });
      const wanted = runWhole(node, blocks, splits);
      for (const partitions of keys.length === 0 ? [1] : [1, 3, 8]) {
        for (const exchanged of [0, 0.4]) {
          const senders = 1 + ((seed + partitions) % 3);
          const run = new PartedRun(node, { senders, partitions, seed, exchanged });
          expectSame(run.run(blocks, splits), wanted);
          expect(run.shipments).toBeGreaterThan(10);
        }
      }
      expect(wanted.rows.length).toBeGreaterThan(5);
      expect(wanted.dropped).toBeGreaterThan(0);
      expect(wanted.late).toBeGreaterThan(wanted.dropped);
      expect(wanted.deadLetters).toHaveLength(strategy === 'drop' ? 0 : wanted.dropped);
      expect(wanted.failures.length).toBeGreaterThan(0);
    },
  );
});

/** A batch of so many rows whose key INT counts from `first` in a circle of `groups`. */
function counted(first: number, rows: number, groups: number): Batch {
  const random = new Random(1);
  const [model] = randomRows(1, random, false) as [Row];
  const part = Array.from({ length: rows }, (_, at) =>
    model.map((value, column) => {
      if (column === INT) return BigInt((first + at) % groups);
      return column === TIME ? 5 : value;
    }),
  );
  return batchOfBlock({ split: 0, rows: part }, 0);
}

function senderOf(aggregates: readonly AggregateCall[] = [COUNTED[0] as AggregateCall]) {
  const node = aggregateNode([INT], aggregates);
  const context = new RecordingContext(node.schema.map(({ type }) => type));
  return new PartialAggregate(node, context, () => 0, 1);
}

function feed(partial: PartialAggregate, rows: number, groups: number): void {
  for (let at = 0; at < rows; at += 4096) partial.emit(counted(at, 4096, groups));
}

const nowhere = (): void => undefined;

describe('a sender', () => {
  test('has groups due only for the watermark that ends their window', () => {
    const node = windowNode([INT], COUNTED, { kind: 'tumbling', sizeMs: 100 }, { boundMs: 0 });
    const context = new RecordingContext(node.schema.map(({ type }) => type));
    const partial = new PartialAggregate(node, context, () => 0, 1);
    expect(partial.due(Number.POSITIVE_INFINITY)).toBe(false);
    partial.emit(counted(0, 10, 3));
    expect([partial.due(99), partial.due(100)]).toEqual([false, true]);
    const sizes: number[] = [];
    partial.ship(99, false, (_, bytes) => sizes.push(bytes.length));
    expect(sizes).toEqual([]);
    partial.ship(100, false, (_, bytes) => sizes.push(bytes.length));
    expect(sizes).toHaveLength(1);
    partial.ship(Number.POSITIVE_INFINITY, true, (_, bytes) => sizes.push(bytes.length));
    expect(sizes).toHaveLength(1);
    expect(partial.due(Number.POSITIVE_INFINITY)).toBe(false);
  });

  test('is due without a watermark before its table outgrows 65,536 groups', () => {
    const partial = senderOf();
    feed(partial, 57_344, 1_000_000);
    expect(partial.due(Number.NEGATIVE_INFINITY)).toBe(false);
    partial.emit(counted(57_344, 4096, 1_000_000));
    partial.emit(counted(61_440, 1, 1_000_000));
    expect(partial.due(Number.NEGATIVE_INFINITY)).toBe(true);
    const sizes: number[] = [];
    partial.ship(Number.NEGATIVE_INFINITY, false, (_, bytes) => sizes.push(bytes.length));
    expect(sizes).toHaveLength(1);
    expect(partial.due(Number.POSITIVE_INFINITY)).toBe(false);
  });

  test('is due when groups of few keys have kept a value of every row for long', () => {
    const distinct = senderOf([call('COUNT_DISTINCT', [TEXT], BIGINT)]);
    feed(distinct, 262_144, 5);
    expect(distinct.due(Number.NEGATIVE_INFINITY)).toBe(true);
    const plain = senderOf();
    feed(plain, 262_144, 5);
    expect(plain.due(Number.NEGATIVE_INFINITY)).toBe(false);
  });

  test('would rather exchange rows when a group stands for less than two of them', () => {
    const partial = senderOf();
    feed(partial, 61_440, 45_000);
    partial.ship(0, true, nowhere);
    expect(partial.bypass).toBe(false);
    feed(partial, 61_440, 1_000_000);
    partial.ship(0, true, nowhere);
    expect(partial.bypass).toBe(true);
    partial.exchanged(1_000_000);
    expect(partial.bypass).toBe(true);
    partial.exchanged(50_000);
    expect(partial.bypass).toBe(false);
    feed(partial, 131_072, 45_000);
    partial.ship(0, true, nowhere);
    expect(partial.bypass).toBe(false);
  });
});

describe('a receiver', () => {
  test('refuses groups of a window that it has closed', () => {
    const node = windowNode([INT], COUNTED, { kind: 'tumbling', sizeMs: 100 }, { boundMs: 0 });
    const context = new RecordingContext(node.schema.map(({ type }) => type));
    const partial = new PartialAggregate(node, context, () => 0, 1);
    const operator = new WindowAggregateOperator(node, context);
    partial.emit(counted(0, 10, 3));
    operator.watermark(0, 100);
    expect(() => {
      partial.ship(100, false, (_, bytes) => operator.mergePartials(bytes));
    }).toThrow(/before its watermark/);
  });

  test(
    'keeps its texts apart while those of closed windows are forgotten',
    { timeout: 240_000 },
    () => {
      const aggregates = [call('COUNT', [], BIGINT), call('MAX', [NAME], VARCHAR)];
      const window: WindowSpec = { kind: 'tumbling', sizeMs: 100 };
      const node = windowNode([TEXT], aggregates, window, { boundMs: 0 });
      const context = new RecordingContext(node.schema.map(({ type }) => type));
      const senders = [0, 1].map(() => new PartialAggregate(node, context, () => 0, 1));
      const operator = new WindowAggregateOperator(node, context);
      const [model] = randomRows(1, new Random(1), false) as [Row];
      const wanted: string[] = [];
      for (let at = 0; at < 50; at += 1) {
        const rows = Array.from({ length: 2000 }, (_, row) =>
          model.map((value, column) => {
            if (column === TEXT) return `key ${at} ${row}`;
            if (column === NAME) return `name ${at} ${row}`;
            return column === TIME ? at * 100 : value;
          }),
        );
        for (const row of rows) wanted.push(`${String(row[TEXT])} 2 ${String(row[NAME])}`);
        for (const sender of senders) {
          sender.emit(batchOfBlock({ split: 0, rows }, at));
          sender.ship(at * 100 + 100, false, (_, bytes) => operator.mergePartials(bytes));
        }
        operator.watermark(0, at * 100 + 100);
      }
      const rows = context.rows.map(([key, , , count, name]) => [key, count, name].map(String));
      expect(rows.map((row) => row.join(' ')).sort()).toEqual(wanted.sort());
    },
  );

  test('gives rows of merged groups the time of the last block, which had no rows here', () => {
    const node = windowNode([INT], COUNTED, { kind: 'tumbling', sizeMs: 100 }, { boundMs: 0 });
    const context = new RecordingContext(node.schema.map(({ type }) => type));
    const times: number[] = [];
    context.onBatch = ({ header }) => times.push(header.ingestTimeMs);
    const partial = new PartialAggregate(node, context, () => 0, 1);
    const operator = new WindowAggregateOperator(node, context);
    const batch = counted(0, 10, 3);
    partial.emit(batch);
    batch.header.ingestTimeMs = 777;
    batch.selectedCount = 0;
    operator.process(0, batch);
    partial.ship(100, false, (_, bytes) => operator.mergePartials(bytes));
    operator.watermark(0, 100);
    expect(times).toEqual([777]);
  });

  test('refuses groups when single rows matter', () => {
    const node = { ...aggregateNode([INT], COUNTED), emission: 'changes' as const };
    const context = new RecordingContext(node.schema.map(({ type }) => type));
    const operator = new AggregateOperator(node, context);
    expect(() => operator.mergePartials(new Uint8Array(0))).toThrow(/single rows/);
    expect(() => new PartialAggregate(node, context, () => 0, 1)).toThrow(/final/);
  });
});
