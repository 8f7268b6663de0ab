/**
 * Rows to partitions: the key group is that of GroupedState and of every keyed operator's
 * snapshots, whatever kinds the key columns have; routed rows are the selected ones, in order.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyHeader, newBatch } from '../../../src/columnar/batch.js';
import type { Batch } from '../../../src/columnar/batch.js';
import { columnFromValues } from '../../../src/columnar/column-builder.js';
import type { ColumnKind } from '../../../src/columnar/column.js';
import { Dictionary } from '../../../src/columnar/dictionary.js';
import type { SqlType, SqlValue } from '../../../src/columnar/types.js';
import { BIGINT, BOOLEAN, DATE, DOUBLE, NULL_TYPE } from '../../../src/columnar/types.js';
import { decimalType, TIMESTAMP, VARCHAR } from '../../../src/columnar/types.js';
import { planFragments } from '../../../src/plan/fragments/fragments.js';
import type { QueryPlan } from '../../../src/plan/pipeline/pipeline-plan.js';
import type { RoutedRows } from '../../../src/processors/partitioned/routing/hash-router.js';
import {
  HashRouter,
  routeAll,
  RouteBuffer,
} from '../../../src/processors/partitioned/routing/hash-router.js';
import { buildPipeline } from '../../../src/runtime/pipeline.js';
import { GroupedStateFactory } from '../../../src/state/groups/grouped-state-factory.js';
import { GLOBAL_ENTRY, StateReader } from '../../../src/state/snapshot.js';
import { planSql } from '../../plan/support.js';
import {
  batchOf,
  RecordingContext,
  seededRandom,
  snapshotOf,
} from '../../runtime/stream-support.js';
import { columnOf, Random } from '../../state/grouping-harness.js';

const TIMEOUT_MS = 240_000;
const ARRAY: SqlType = { kind: 'array', element: BIGINT };
const MAP: SqlType = { kind: 'map', key: VARCHAR, value: DOUBLE };
const ROW: SqlType = {
  kind: 'row',
  fields: [
    { name: 'a', type: VARCHAR },
    { name: 'b', type: decimalType(30, 2) },
  ],
};

const bits64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const bits127 = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
const edges = fc.constantFrom(
  ...[0n, -1n, 2n ** 31n, -(2n ** 31n), 2n ** 32n, -(2n ** 32n), 2n ** 53n, -(2n ** 53n)],
  ...[2n ** 53n - 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)],
);
const wideEdges = fc.constantFrom(
  2n ** 63n,
  2n ** 64n,
  -(2n ** 64n),
  -(2n ** 63n) - 1n,
  2n ** 100n,
);
const small = fc.bigInt({ min: -300n, max: 300n });
const double = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.1, 1e300, 5e-324),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const text = fc.oneof(fc.constantFrom('', 'a', 'ab', 'bc', 'é'), fc.string({ unit: 'grapheme' }));

/** Every type with values of it that are not NULL. */
const TYPES: readonly (readonly [SqlType, fc.Arbitrary<SqlValue>])[] = [
  [BOOLEAN, fc.boolean()],
  [BIGINT, fc.oneof(small, edges, bits64)],
  [decimalType(12, 2), fc.oneof(small, fc.bigInt({ min: -999999999999n, max: 999999999999n }))],
  [decimalType(38, 4), fc.oneof(small, edges, wideEdges, bits127)],
  [DOUBLE, double],
  [TIMESTAMP, fc.integer({ min: -1e12, max: 2e12 })],
  [DATE, fc.integer({ min: -1e5, max: 1e5 })],
  [VARCHAR, text],
  [ARRAY, fc.array(fc.option(bits64), { maxLength: 3 })],
  [MAP, fc.dictionary(text, double, { maxKeys: 3 }).map(asMap)],
  [ROW, fc.tuple(fc.option(text), fc.option(bits127)).map((cells): SqlValue => cells)],
  [NULL_TYPE, fc.constant(null)],
];

function asMap(entries: Record<string, number>): SqlValue {
  return { keys: Object.keys(entries), values: Object.values(entries) };
}

function batchFrom(columns: Batch['columns'], rowCount: number, selection: number[] | null): Batch {
  const batch = newBatch(columns, emptyHeader('test'));
  batch.rowCount = rowCount;
  batch.selectedCount = selection?.length ?? rowCount;
  batch.selection = selection === null ? null : Int32Array.from(selection);
  return batch;
}

/** Partition by row number; checks that each selected row is there once, in order. */
function partitionsOf(routed: RoutedRows, partitions: number, batch: Batch): Map<number, number> {
  const found = new Map<number, number>();
  expect(routed.starts.length).toBe(partitions + 1);
  expect([routed.starts[0], routed.starts[partitions]]).toEqual([0, batch.selectedCount]);
  for (let partition = 0; partition < partitions; partition += 1) {
    const rows = [...routed.rows.subarray(routed.starts[partition], routed.starts[partition + 1])];
    expect(rows).toEqual([...rows].sort((a, b) => a - b));
    for (const row of rows) found.set(row, partition);
  }
  const selected = batch.selection ?? Array.from({ length: batch.rowCount }, (_, row) => row);
  expect([...found.keys()].sort((a, b) => a - b)).toEqual([...selected]);
  return found;
}

/** What state says of each selected row's key. */
function keyGroupsOf(types: readonly SqlType[], keys: readonly number[], batch: Batch): number[] {
  const state = new GroupedStateFactory({
    id: 'test',
    inputTypes: types,
    keys,
    aggregates: [],
    windowColumns: false,
  }).create();
  const slots = state.resolve(batch, batch.selection, batch.selectedCount);
  return Array.from(slots.subarray(0, batch.selectedCount), (slot) => state.keyGroup(slot));
}

describe('the hash router', () => {
  test(
    'gives every row the key group that state gives its key',
    () => {
      const keyed = fc.uniqueArray(fc.nat({ max: TYPES.length - 1 }), {
        minLength: 1,
        maxLength: 4,
      });
      const dictionary = new Dictionary();
      const property = fc.property(
        keyed.chain((keys) => {
          const values = keys.map((key) => fc.option(TYPES[key]![1], { freq: 6 }));
          const rows = fc.array(fc.tuple(...values), { maxLength: 40 });
          return fc.record({ keys: fc.constant(keys), rows });
        }),
        fc.constantFrom(2, 3, 8, 1000, 1024),
        fc.boolean(),
        fc.integer(),
        ({ keys, rows }, partitions, hasGaps, seed) => {
          const random = new Random(seed);
          const types = keys.map((key) => TYPES[key]![0]);
          const columns = types.map((type, at) =>
            columnOf(
              type,
              rows.map((row) => row[at] as SqlValue),
              random,
              dictionary,
            ),
          );
          const kept = rows.flatMap((_, row) => (random.below(3) > 0 ? [row] : []));
          const batch = batchFrom(columns, rows.length, hasGaps ? kept : null);
          const order = types.map((_, at) => at).reverse();
          const router = new HashRouter({ keys: order, types, partitions });
          const expected = keyGroupsOf(types, order, batch).map((keyGroup) => {
            const partition = Math.floor((keyGroup * partitions) / 1024);
            expect(HashRouter.partitionOfGroup(keyGroup, partitions)).toBe(partition);
            return partition;
          });
          const found = partitionsOf(router.route(batch), partitions, batch);
          expect([...found].sort(([a], [b]) => a - b).map(([, p]) => p)).toEqual(expected);
        },
      );
      fc.assert(property, { numRuns: 400, seed: 20_231 });
    },
    TIMEOUT_MS,
  );

  test('sends equal values the same way, whatever kind their column is', () => {
    const values = [0n, -1n, 7n, 2n ** 40n, -(2n ** 40n), null, 2n ** 53n - 1n];
    const texts = ['', 'a', 'ab', null, 'é', 'TRADER19', 'a long text, longer than the others'];
    const routed = (type: SqlType, of: readonly SqlValue[], kind: ColumnKind): number[] => {
      const batch = batchFrom([columnFromValues(type, of, kind)], of.length, null);
      const router = new HashRouter({ keys: [0], types: [type], partitions: 1024 });
      const found = partitionsOf(router.route(batch), 1024, batch);
      return of.map((_, row) => found.get(row)!);
    };
    const wide = decimalType(38, 0);
    const integers = routed(BIGINT, values, 'f64');
    expect(routed(BIGINT, values, 'i64')).toEqual(integers);
    expect(routed(wide, values, 'f64')).toEqual(integers);
    expect(routed(wide, values, 'i128')).toEqual(integers);
    expect(routed(VARCHAR, texts, 'utf8')).toEqual(routed(VARCHAR, texts, 'dict'));
    expect(routed(DOUBLE, [0, -0], 'f64')[0]).toBe(routed(DOUBLE, [0, -0], 'f64')[1]);
  });

  test('keeps apart keys whose texts join to the same', () => {
    const columns = [
      ['a', 'ab'],
      ['bc', 'c'],
    ].map((of) => columnFromValues(VARCHAR, of));
    const batch = batchFrom(columns, 2, null);
    const router = new HashRouter({ keys: [0, 1], types: [VARCHAR, VARCHAR], partitions: 1024 });
    const found = partitionsOf(router.route(batch), 1024, batch);
    expect(found.get(0)).not.toBe(found.get(1));
  });

  test('leaves none of 8 partitions idle with 200 groups, and no pattern in runs of numbers', () => {
    const groups = Array.from({ length: 200 }, (_, at) => at);
    const traders = groups.map((at) => `TRADER${at % 20}`);
    const symbols = groups.map((at) => `SYM${Math.floor(at / 20)}`);
    const columns = [traders, symbols].map((of) => columnFromValues(VARCHAR, of));
    const types = [VARCHAR, VARCHAR, BIGINT];
    columns.push(columnFromValues(BIGINT, groups.map(BigInt)));
    for (const keys of [[0, 1], [2]]) {
      const batch = batchFrom(columns, 200, null);
      const { starts } = new HashRouter({ keys, types, partitions: 8 }).route(batch);
      const shares = Array.from({ length: 8 }, (_, at) => starts[at + 1]! - starts[at]!);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(10);
      expect(Math.max(...shares)).toBeLessThanOrEqual(45);
    }
    const batch = batchFrom(columns, 200, null);
    const found = partitionsOf(
      new HashRouter({ keys: [2], types, partitions: 2 }).route(batch),
      2,
      batch,
    );
    const same = groups.filter((at) => at > 0 && found.get(at) === found.get(at - 1)).length;
    expect(same).toBeGreaterThan(70);
    expect(same).toBeLessThan(130);
  });

  test('follows dictionaries that grow, change size class or are replaced', () => {
    const types = [VARCHAR, VARCHAR];
    const router = new HashRouter({ keys: [0, 1], types, partitions: 7 });
    const random = new Random(5);
    let dictionaries = [new Dictionary(), new Dictionary()];
    for (let turn = 0; turn < 120; turn += 1) {
      if (turn % 40 === 39) dictionaries = [new Dictionary(), new Dictionary()];
      const columns = dictionaries.map((dictionary) => {
        const codes = Int32Array.from({ length: 9 }, () =>
          dictionary.internText(`t${random.below(4 + turn * 4)}`),
        );
        const nulls = turn % 3 === 0 ? Uint8Array.from(codes, () => random.below(2)) : null;
        return { kind: 'dict' as const, codes, dictionary, nulls };
      });
      const batch = batchFrom(columns, 9, turn % 2 === 0 ? [0, 2, 3, 8] : null);
      const expected = keyGroupsOf(types, [0, 1], batch).map((g) => Math.floor((g * 7) / 1024));
      const found = partitionsOf(router.route(batch), 7, batch);
      expect([...found].sort(([a], [b]) => a - b).map(([, p]) => p)).toEqual(expected);
    }
  });

  test('does not take the codes of one dictionary for those of another', () => {
    const texts = Array.from({ length: 12 }, (_, at) => `text ${at}`);
    const types = [VARCHAR];
    const router = new HashRouter({ keys: [0], types, partitions: 64 });
    const routed = [texts, [...texts].reverse(), texts].map((of) => {
      const batch = batchFrom([columnFromValues(VARCHAR, of)], 12, null);
      const found = partitionsOf(router.route(batch), 64, batch);
      return new Map(of.map((text, row) => [text, found.get(row)]));
    });
    expect(routed[1]).toEqual(routed[0]);
    expect(routed[2]).toEqual(routed[0]);
  });

  test('takes batches of more rows than usual, and of none', () => {
    const values = Array.from({ length: 10_001 }, (_, row) => BigInt(row));
    const router = new HashRouter({ keys: [0], types: [BIGINT], partitions: 5 });
    for (const count of [0, 10_001, 1, 10_000]) {
      const batch = batchFrom([columnFromValues(BIGINT, values.slice(0, count))], count, null);
      const found = partitionsOf(router.route(batch), 5, batch);
      expect(found.size).toBe(count);
    }
  });

  test('one partition, no key, and routeAll take all rows to one place', () => {
    const column = columnFromValues(BIGINT, [5n, 6n, 7n]);
    const batch = batchFrom([column], 3, [0, 2]);
    const one = new HashRouter({ keys: [0], types: [BIGINT], partitions: 1 });
    expect([...partitionsOf(one.route(batch), 1, batch).values()]).toEqual([0, 0]);
    const none = new HashRouter({ keys: [], types: [BIGINT], partitions: 4 });
    expect([...partitionsOf(none.route(batch), 4, batch).values()]).toEqual([0, 0]);
    expect(keyGroupsOf([BIGINT], [], batch)).toEqual([0, 0]);
    const reuse = new RouteBuffer(4);
    for (const partition of [2, 0, 3]) {
      const found = partitionsOf(routeAll(batch, partition, 4, reuse), 4, batch);
      expect([...found.values()]).toEqual([partition, partition]);
    }
    expect(() => routeAll(batch, 4, 4, reuse)).toThrow('the partition exists');
  });
});

const TABLES = `
CREATE TABLE bid (k STRING, v BIGINT, price DOUBLE, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'file', 'path' = 'bid.jsonl', 'format' = 'json');
CREATE TABLE person (k STRING, v BIGINT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'file', 'path' = 'person.jsonl', 'format' = 'json');
`;

const KEYED: readonly (readonly [string, string])[] = [
  ['GROUP BY', 'SELECT price, k, COUNT(*) AS n FROM bid GROUP BY price, k'],
  [
    'windows',
    `SELECT v, k, window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts),
     INTERVAL '1' HOUR)) GROUP BY v, k, window_start, window_end`,
  ],
  [
    'sessions',
    `SELECT v, window_end, COUNT(*) AS n FROM TABLE(SESSION(TABLE bid PARTITION BY v,
     DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY v, window_start, window_end`,
  ],
  [
    'ROWS windows',
    `SELECT k, AVG(price) OVER (ROWS WINDOW BUFFER 3 ROWS PARTITION BY k, v) AS a FROM bid`,
  ],
  ['OVER', `SELECT k, SUM(v) OVER (PARTITION BY k, price ORDER BY ts) AS s FROM bid`],
  [
    'OVER with a frame',
    `SELECT k, SUM(price) OVER (PARTITION BY v ORDER BY ts
     ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM bid`,
  ],
  [
    'Top-N',
    `SELECT k, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k, v ORDER BY price DESC) AS r
     FROM bid) WHERE r <= 2`,
  ],
  ['joins', 'SELECT b.k, p.v FROM bid b JOIN person p ON b.k = p.k AND b.v = p.v'],
  ['outer joins', 'SELECT b.k, p.v FROM bid b FULL OUTER JOIN person p ON b.v = p.v'],
];

function queryOf(sql: string): QueryPlan {
  const { plan, faults } = planSql(TABLES + sql);
  if (plan === null) throw new Error(faults.map(({ message }) => message).join('\n'));
  return plan.queries.at(-1) as QueryPlan;
}

function randomRows(count: number, random: () => number): (number | string | null)[][] {
  const below = (limit: number): number => Math.floor(random() * limit);
  const of = (value: () => number | string): (number | string | null)[] =>
    Array.from({ length: count }, () => (below(9) === 0 ? null : value()));
  const times = Array.from({ length: count }, (_, row) => 1_700_000_000_000 + row * 10);
  return [of(() => `k${below(7)}`), of(() => below(9) - 4), of(() => below(7) / 4), times];
}

/** Key groups of the entries of every operator that the rows of one partition leave behind. */
function groupsHeld(sql: string, partition: number, partitions: number): number[] {
  const query = queryOf(sql);
  const plan = planFragments(query, { strategy: 'hash' });
  const context = new RecordingContext(query.root.schema.map(({ type }) => type));
  const { errors, late, counters, limitReached } = context;
  const parts = { errors, late, counters, limitReached };
  const receiver = buildPipeline(plan.fragments[0]!.root, { sink: context.output, ...parts });
  for (const source of plan.sources) {
    const edge = plan.edges[source.edge!]!;
    if (edge.routing.kind !== 'hash') throw new Error('the edge is routed by key');
    const types = edge.schema.map(({ type }) => type);
    const router = new HashRouter({ keys: edge.routing.keys, types, partitions });
    const port = receiver.exchanges.find((exchange) => exchange.edge === edge.index)!;
    const emit = (batch: Batch): void => {
      const { rows, starts } = router.route(batch);
      batch.selection = rows.slice(starts[partition], starts[partition + 1]);
      batch.selectedCount = batch.selection.length;
      if (batch.selectedCount > 0) port.process(batch);
    };
    const sink = { emit, watermark: () => undefined };
    const { scans } = buildPipeline(source.root, { sink, ...parts });
    const random = seededRandom(source.edge! + 3);
    const columns = randomRows(200, random);
    const byName = { k: columns[0]!, v: columns[1]!, price: columns[2]!, ts: columns[3]! };
    for (const scan of scans) {
      scan.setSplits([0]);
      const names = scan.node.schema.map(({ name }) => byName[name as keyof typeof byName]);
      scan.process(batchOf(names));
    }
  }
  return receiver.operators.flatMap((operator) => {
    const reader = new StateReader(snapshotOf(operator));
    const groups: number[] = [];
    for (let group = reader.nextEntry(); group >= 0; group = reader.nextEntry()) {
      if (group !== GLOBAL_ENTRY) groups.push(group);
    }
    return groups;
  });
}

describe('key groups of snapshots', () => {
  test.each(KEYED)(
    'are those that the router goes by: %s',
    (_name, sql) => {
      const partitions = 4;
      let entries = 0;
      for (let partition = 0; partition < partitions; partition += 1) {
        const groups = groupsHeld(sql, partition, partitions);
        entries += groups.length;
        const owners = groups.map((group) => HashRouter.partitionOfGroup(group, partitions));
        expect(new Set(owners)).toEqual(new Set(groups.length > 0 ? [partition] : []));
      }
      expect(entries).toBeGreaterThan(5);
    },
    TIMEOUT_MS,
  );
});
