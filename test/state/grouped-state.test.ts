/**
 * Grouped state against the oracle: random rows of every type, every aggregate, every way of
 * emitting, any batch size and column kind.
 */
import { describe, expect, test } from 'vitest';
import {
  BIGINT,
  BOOLEAN,
  decimalType,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
} from '../../src/columnar/types.js';
import type { AggregateCall } from '../../src/plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../src/state/groups/grouped-state.js';
import type { GroupSpec } from '../../src/state/groups/group-spec.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import { keyText } from '../../src/state/naive-aggregates.js';
import type { Change, Collected, Row } from './grouping-harness.js';
import {
  batchesOf,
  call,
  Collector,
  COLUMNS,
  DEC,
  FLAG,
  INT,
  LIST,
  MONEY,
  NAME,
  NUMBERS,
  OTHER,
  Random,
  randomRows,
  REAL,
  TEXT,
  TIME,
  WIDE,
  WIDE_DECIMAL,
} from './grouping-harness.js';
import { difference, GroupingOracle } from './grouping-oracle.js';

const sumOf = (scale: number) => decimalType(38, scale);

const HOT: readonly AggregateCall[] = [
  call('COUNT', [], BIGINT),
  call('COUNT', [TEXT], BIGINT),
  call('SUM', [INT], BIGINT),
  call('SUM', [REAL], DOUBLE),
  call('AVG', [REAL], DOUBLE),
  call('AVG', [INT], DOUBLE),
  call('SUM', [REAL], DOUBLE, { filter: FLAG }),
  call('COUNT', [], BIGINT, { filter: FLAG }),
];
const EXACT: readonly AggregateCall[] = [
  call('SUM', [DEC], sumOf(2)),
  call('AVG', [DEC], decimalType(38, 6)),
  call('SUM', [WIDE], sumOf(4)),
  call('AVG', [WIDE], decimalType(38, 6)),
  call('MIN', [WIDE], WIDE_DECIMAL),
  call('MAX', [DEC], MONEY),
  call('DELTA', [DEC], decimalType(13, 2)),
];
const EXTREMES: readonly AggregateCall[] = [
  call('MIN', [INT], BIGINT),
  call('MAX', [INT], BIGINT),
  call('MIN', [TEXT], VARCHAR),
  call('MAX', [TEXT], VARCHAR),
  call('MIN', [FLAG], BOOLEAN),
  call('MAX', [TIME], TIMESTAMP),
  call('MIN', [REAL], DOUBLE),
  call('DELTA', [REAL], DOUBLE),
  call('MAX', [NAME], VARCHAR, { filter: FLAG }),
];
const DISTINCT: readonly AggregateCall[] = [
  call('COUNT', [TEXT], BIGINT, { distinct: true }),
  call('COUNT_DISTINCT', [INT], BIGINT),
  call('SUM', [INT], BIGINT, { distinct: true, filter: FLAG }),
  call('AVG', [REAL], DOUBLE, { distinct: true }),
  call('SUM', [WIDE], sumOf(4), { distinct: true }),
  call('VAR_SAMP', [REAL], DOUBLE, { distinct: true }),
  call('COUNT', [LIST], BIGINT, { distinct: true }),
];
const STATISTICS: readonly AggregateCall[] = [
  call('VAR_POP', [REAL], DOUBLE),
  call('VAR_SAMP', [REAL], DOUBLE),
  call('STDDEV_POP', [OTHER], DOUBLE),
  call('STDDEV_SAMP', [REAL], DOUBLE, { filter: FLAG }),
  call('COVAR_POP', [REAL, OTHER], DOUBLE),
  call('COVAR_SAMP', [REAL, OTHER], DOUBLE),
];
const ORDERED_STATISTICS: readonly AggregateCall[] = [
  call('MEDIAN', [REAL], DOUBLE),
  call('PERCENTILE_CONT', [REAL], DOUBLE, { literals: [0.3] }),
  call('PERCENTILE_DISC', [TEXT], VARCHAR, { literals: [0.7] }),
  call('PERCENTILE_DISC', [INT], BIGINT, {
    literals: [0.25],
    orderBy: [{ column: INT, type: BIGINT, descending: true, nullsFirst: false }],
  }),
  call('APPROX_COUNT_DISTINCT', [TEXT], BIGINT),
  call('APPROX_COUNT_DISTINCT', [INT], BIGINT),
];
const BY_ARRIVAL: readonly AggregateCall[] = [
  call('FIRST_VALUE', [TEXT], VARCHAR),
  call('LAST_VALUE', [INT], BIGINT),
  call('FIRST_VALUE', [LIST], NUMBERS),
  call('LAST_VALUE', [REAL], DOUBLE, { filter: FLAG }),
  call('LISTAGG', [NAME], VARCHAR, { literals: ['; '] }),
  call('LISTAGG', [TEXT], VARCHAR, { distinct: true }),
  call('LISTAGG', [NAME], VARCHAR, {
    distinct: true,
    orderBy: [{ column: TIME, type: TIMESTAMP, descending: false, nullsFirst: false }],
  }),
  call('COLLECT', [INT], { kind: 'array', element: BIGINT }),
  call(
    'COLLECT',
    [TEXT],
    { kind: 'array', element: VARCHAR },
    {
      orderBy: [
        { column: TIME, type: TIMESTAMP, descending: true, nullsFirst: true },
        { column: TEXT, type: VARCHAR, descending: false, nullsFirst: false },
      ],
    },
  ),
  call('FIRST_VALUE', [NAME], VARCHAR, {
    orderBy: [{ column: INT, type: BIGINT, descending: false, nullsFirst: false }],
  }),
];

const SETS: readonly (readonly [string, readonly AggregateCall[]])[] = [
  ['counts and sums', HOT],
  ['exact sums', EXACT],
  ['extremes', EXTREMES],
  ['distinct', DISTINCT],
  ['statistics', STATISTICS],
  ['percentiles and sketches', ORDERED_STATISTICS],
  ['order of arrival', BY_ARRIVAL],
  ['no aggregate', []],
];
const KEYS: readonly (readonly number[])[] = [
  [],
  [TEXT],
  [TEXT, NAME],
  [INT],
  [REAL],
  [INT, TEXT, FLAG],
  [WIDE],
  [DEC, TIME],
  [LIST],
];

/** Every kind of key with the common aggregates; a few kinds with each of the others. */
const FEW_KEYS = [[], [TEXT, NAME], [INT], [WIDE]];
function keysFor(aggregates: readonly AggregateCall[]) {
  const keys = aggregates === HOT ? KEYS : FEW_KEYS;
  return keys.map((columns) => [columns.join() || 'no key', columns] as const);
}

function specOf(keys: readonly number[], aggregates: readonly AggregateCall[]): GroupSpec {
  return { id: 'test', inputTypes: COLUMNS, keys, aggregates, windowColumns: false };
}
function inserts(rows: readonly Row[]): Change[] {
  return rows.map((row) => ({ op: 0, row }));
}

/** A changelog that is consistent: −rows take back rows that are there. */
function changelog(rows: readonly Row[], random: Random): Change[] {
  const present: Row[] = [];
  const changes: Change[] = [];
  for (const row of rows) {
    const kind = random.below(6);
    const at = random.below(Math.max(present.length, 1));
    if (present.length === 0 || kind < 3) {
      changes.push({ op: 0, row });
      present.push(row);
    } else if (kind < 5) {
      // Half the updates stay within their group.
      const next =
        kind === 3
          ? row
          : row.map((value, i) => (i === INT || i === REAL ? value : (present[at] as Row)[i]!));
      changes.push({ op: 1, row: present[at] as Row }, { op: 2, row: next });
      present[at] = next;
    } else {
      changes.push({ op: 3, row: present[at] as Row });
      present.splice(at, 1);
    }
  }
  return changes;
}

type Emit = 'changed' | 'retract' | 'all' | 'final';

function run(
  state: GroupedState,
  collector: Collector,
  emit: Emit,
  changes: readonly Change[],
  size: number,
  random: Random,
): void {
  for (const batch of batchesOf(changes, size, random)) {
    const { selection, selectedCount } = batch;
    const { results } = collector;
    if (emit === 'changed') state.updateEmitChanged(batch, selection, selectedCount, results);
    else if (emit === 'retract') state.updateEmitRetract(batch, selection, selectedCount, results);
    else if (emit === 'all') state.updateEmitAll(batch, selection, selectedCount, results);
    else state.update(batch, selection, selectedCount);
  }
  if (emit === 'final') state.emitAll(collector.results);
}

function expected(oracle: GroupingOracle, emit: Emit, changes: readonly Change[]): Collected[] {
  if (emit !== 'final') return oracle[emit](changes);
  oracle.update(changes);
  return oracle.final();
}

function inAnyOrder(rows: readonly Collected[]): Collected[] {
  const textOf = (row: Collected): string => row.values.map(keyText).join(' ');
  return [...rows].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
}

describe.each(SETS)('%s', (_, aggregates) => {
  describe.each(['changed', 'retract', 'all', 'final'] as const)('%s', (emit) => {
    test.each(keysFor(aggregates))('by %s equals the oracle in any batches', (name, keys) => {
      const spec = specOf(keys, aggregates);
      const factory = new GroupedStateFactory(spec);
      for (const [size, wild] of [
        [1, true],
        [7, false],
        [4096, true],
      ] as const) {
        const random = new Random(name.length * 1000 + size);
        const collector = new Collector(factory);
        const changes = inserts(randomRows(emit === 'all' ? 18 : 28, random, wild));
        run(factory.create(), collector, emit, changes, size, random);
        const wanted = expected(new GroupingOracle(spec), emit, changes);
        expect(difference(collector.drain(), wanted)).toBeUndefined();
      }
    });
  });
});

const RETRACTABLE = SETS.filter(([name]) => name !== 'order of arrival');

describe.each(RETRACTABLE)('retracting input, %s', (_, aggregates) => {
  describe.each(['changed', 'retract', 'final'] as const)('%s', (emit) => {
    test.each(keysFor(aggregates))('by %s equals recomputation', (name, keys) => {
      const spec = { ...specOf(keys, aggregates), inputRetracts: true };
      const factory = new GroupedStateFactory(spec);
      for (const seed of [1, 2, 3]) {
        const random = new Random(name.length * 77 + seed);
        const collector = new Collector(factory);
        const changes = changelog(randomRows(32, random, seed === 3), random);
        run(factory.create(), collector, emit, changes, 4096, random);
        const wanted = expected(new GroupingOracle(spec), emit, changes);
        const ordered = emit === 'final' ? inAnyOrder : (rows: Collected[]) => rows;
        expect(difference(ordered(collector.drain()), ordered(wanted))).toBeUndefined();
      }
    });
  });
});

test.each(SETS)('a restored state of %s goes on as if it had never stopped', (_, aggregates) => {
  for (const [, keys] of keysFor(aggregates)) {
    const random = new Random(keys.length + 5);
    const spec = specOf(keys, aggregates);
    const changes = inserts(randomRows(80, random, true));
    const first = new GroupedStateFactory(spec);
    const before = first.create();
    run(before, new Collector(first), 'final', changes.slice(0, 50), 7, random);
    const writer = new StateWriter();
    before.snapshot(writer);
    const second = new GroupedStateFactory(spec);
    const after = second.create();
    after.restore(new StateReader(writer.finish()));
    const collector = new Collector(second);
    run(after, collector, 'changed', changes.slice(50), 7, random);
    after.emitAll(collector.results);
    const oracle = new GroupingOracle(spec);
    oracle.update(changes.slice(0, 50));
    const wanted = [...oracle.changed(changes.slice(50)), ...oracle.final()];
    expect(difference(collector.drain(), wanted)).toBeUndefined();
  }
});

test.each(SETS)('merging states of %s equals one state over all rows', (_, aggregates) => {
  for (const [, keys] of keysFor(aggregates)) {
    const random = new Random(keys.length + 9);
    const spec = specOf(keys, aggregates);
    const changes = inserts(randomRows(80, random, true));
    const factory = new GroupedStateFactory(spec);
    const collector = new Collector(factory);
    const [one, two] = [factory.create(), factory.create()];
    run(one, collector, 'final', changes.slice(0, 40), 7, random);
    run(two, collector, 'final', changes.slice(40), 7, random);
    collector.drain();
    for (let slot = 0; slot < two.groupCount; slot += 1) {
      one.merge(two, slot, one.slotOf(two, slot));
    }
    one.emitAll(collector.results);
    const oracle = new GroupingOracle(spec);
    oracle.update(changes);
    expect(difference(collector.drain(), oracle.final())).toBeUndefined();
  }
});
