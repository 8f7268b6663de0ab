/**
 * Grouped state at its edges: batches that fill up, panes that take turns, very many groups, freed
 * slots, texts that are forgotten, memory and allocation.
 */
import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/columnar/column.js';
import { Dictionary } from '../../src/columnar/dictionary.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import { Collector, Random } from './grouping-harness.js';
import { aggregate, batch, f64, grouping, i64, texts } from './grouping-inputs.js';

const valuesOf = (collector: Collector) => collector.drain().map(({ values }) => values);

test('result batches hold at most 4,096 rows and answer to the rows they come from', () => {
  const factory = new GroupedStateFactory(grouping([BIGINT], [aggregate('COUNT', null, BIGINT)]));
  const origins: number[] = [];
  const sizes: number[] = [];
  const results = factory.results(
    {
      emit: (emitted) => {
        sizes.push(emitted.rowCount);
        for (let row = 0; row < emitted.rowCount; row += 1) {
          origins.push((emitted.origins as Int32Array)[row] as number);
        }
      },
    },
    { recordFailed: () => undefined },
  );
  const input = batch(f64(...Array.from({ length: 300 }, (_, row) => row % 30)));
  factory.create().updateEmitAll(input, null, 300, results);
  results.flush();
  const wanted = Array.from({ length: 300 }, (_, row) =>
    new Array<number>(Math.min(row + 1, 30)).fill(row),
  ).flat();
  expect(origins).toEqual(wanted);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4096);
  expect(sizes.length).toBe(3);
});

test('a snapshot of more groups than a batch holds is emitted whole for every record', () => {
  const factory = new GroupedStateFactory(grouping([BIGINT], [aggregate('COUNT', null, BIGINT)]));
  const collector = new Collector(factory);
  const state = factory.create();
  const keys = Array.from({ length: 5000 }, (_, row) => row);
  state.update(batch(f64(...keys)), null, 5000);
  state.updateEmitAll(batch(f64(7, 4999, 5000)), null, 3, collector.results);
  const counts = collector.drain().map(({ values }) => values[1] as bigint);
  expect(counts.length).toBe(5000 + 5000 + 5001);
  expect(counts.reduce((sum, count) => sum + count, 0n)).toBe(5001n + 5002n + 5003n);
});

test('snapshots of panes that take turns hold their own groups, in whatever batches', () => {
  const random = new Random(21);
  const factory = new GroupedStateFactory({
    id: 'panes',
    inputTypes: [VARCHAR, DOUBLE],
    keys: [0],
    aggregates: [aggregate('COUNT', null, BIGINT), aggregate('SUM', 1, DOUBLE)],
    windowColumns: true,
  });
  const collector = new Collector(factory);
  const source = new Dictionary();
  const panes = [60, 3, 25].map((keys) => ({
    keys,
    state: factory.create(),
    groups: new Map<string, [bigint, number]>(),
  }));
  const wanted: unknown[][] = [];
  for (let round = 0; round < 120; round += 1) {
    const number = random.below(4) === 0 ? random.below(3) : Math.floor(round / 40);
    const pane = panes[number] as (typeof panes)[number];
    const count = 1 + random.below(60);
    const keys = Array.from({ length: count }, () => `k${random.below(pane.keys)}`);
    // Some values are NULL, so that NULLs come and go within a snapshot.
    const nulls = Uint8Array.from(keys, () => (random.below(5) === 0 ? 1 : 0));
    const values = Float64Array.from(keys, () => random.below(100));
    const input = batch(texts(source, ...keys), {
      kind: 'f64',
      values,
      nulls: round % 3 === 0 ? nulls : null,
    });
    collector.results.setWindow(number * 10, number * 10 + 10);
    pane.state.updateEmitAll(input, null, count, collector.results);
    keys.forEach((key, row) => {
      const [rows, sum] = pane.groups.get(key) ?? [0n, Number.NaN];
      const isNull = round % 3 === 0 && nulls[row] === 1;
      const next = isNull ? sum : (Number.isNaN(sum) ? 0 : sum) + (values[row] as number);
      pane.groups.set(key, [rows + 1n, next]);
      for (const [each, [n, total]] of pane.groups) {
        wanted.push([each, number * 10, number * 10 + 10, n, Number.isNaN(total) ? null : total]);
      }
    });
    if (random.below(10) > 0) continue;
    pane.state.emitGroup(0, collector.results);
    const [first] = pane.groups as Iterable<[string, [bigint, number]]>;
    const [key, [n, total]] = first as [string, [bigint, number]];
    wanted.push([key, number * 10, number * 10 + 10, n, Number.isNaN(total) ? null : total]);
    if (random.below(2) > 0) continue;
    factory.release(pane.state);
    pane.state = factory.create();
    pane.groups.clear();
  }
  const actual = valuesOf(collector);
  expect(actual.length).toBe(wanted.length);
  for (const [at, row] of actual.entries()) {
    if (row.join() !== (wanted[at] as unknown[]).join()) expect(row).toEqual(wanted[at]);
  }
});

describe('very many groups', () => {
  const count = 200_000;
  const many = grouping(
    [BIGINT, DOUBLE],
    [aggregate('COUNT', null, BIGINT), aggregate('SUM', 1, DOUBLE), aggregate('AVG', 1, DOUBLE)],
  );
  const parts = Array.from({ length: Math.ceil(count / 4096) }, (_, part) => {
    const keys = Array.from({ length: Math.min(4096, count - part * 4096) }, (_, row) => {
      return (part * 4096 + row) * 1_000_003;
    });
    return batch(f64(...keys), f64(...keys.map((key) => key % 7)));
  });

  test('are found again, emitted in order, and cost less than 160 bytes each', () => {
    const factory = new GroupedStateFactory(many);
    const state = factory.create();
    for (const part of parts) state.update(part, null, part.rowCount);
    for (const part of parts) state.update(part, null, part.rowCount);
    expect(state.groupCount).toBe(count);
    let next = 0;
    const results = factory.results(
      {
        emit: (emitted) => {
          const [keys, counts] = emitted.columns as [Column, Column];
          if (keys.kind !== 'f64' || counts.kind !== 'f64') throw new Error('narrow columns');
          for (let row = 0; row < emitted.rowCount; row += 1) {
            if (keys.values[row] !== next * 1_000_003) throw new Error(`group ${next} is missing`);
            if (counts.values[row] !== 2) throw new Error(`group ${next} is split`);
            next += 1;
          }
        },
      },
      { recordFailed: () => undefined },
    );
    state.emitAll(results);
    results.flush();
    expect(next).toBe(count);
    expect(state.byteSize() / count).toBeLessThan(160);
  });

  test('are restored from a part of the key groups each', () => {
    const factory = new GroupedStateFactory(many);
    const state = factory.create();
    for (const part of parts.slice(0, 20)) state.update(part, null, part.rowCount);
    const writer = new StateWriter();
    state.snapshot(writer);
    const bytes = writer.finish();
    const groups = [0, 1, 2].map((owner) => {
      const restored = new GroupedStateFactory(many).create();
      restored.restore(new StateReader(bytes, (keyGroup) => keyGroup % 3 === owner));
      return restored.groupCount;
    });
    expect(groups.reduce((sum, each) => sum + each, 0)).toBe(20 * 4096);
    for (const each of groups) expect(each).toBeGreaterThan(20_000);
  });
});

describe('slots', () => {
  const counting = grouping([BIGINT], [aggregate('COUNT', null, BIGINT)]);

  test('that are freed are forgotten by look-ups and used again', () => {
    const factory = new GroupedStateFactory(counting);
    const state = factory.create();
    const random = new Random(5);
    const live = new Map<number, number>();
    for (let round = 0; round < 400; round += 1) {
      const key = random.below(60);
      const slot = state.resolve(batch(f64(key)), null, 1)[0] as number;
      if (live.has(key)) expect(slot).toBe(live.get(key));
      else expect([...live.values()]).not.toContain(slot);
      live.set(key, slot);
      if (random.below(2) === 0) continue;
      state.freeSlot(slot);
      live.delete(key);
    }
    expect(state.groupCount).toBeLessThanOrEqual(60);
    expect(state.liveCount).toBe(live.size);
  });

  test('added beside the table are found by nobody and merge within their state', () => {
    const factory = new GroupedStateFactory(counting);
    const collector = new Collector(factory);
    const state = factory.create();
    const input = batch(f64(1, 1, 1));
    const [one, two] = [state.addSlot(input, 0), state.addSlot(input, 1)] as const;
    state.updateSlots(input, null, Int32Array.of(one, two, two), 3);
    state.merge(state, two, one);
    state.freeSlot(two);
    state.emitGroup(one, collector.results);
    expect(valuesOf(collector)).toEqual([[1n, 3n]]);
    expect(state.resolve(input, null, 1)[0]).toBe(two);
  });
});

describe('texts', () => {
  const byText = grouping(
    [VARCHAR, VARCHAR],
    [aggregate('COUNT', null, BIGINT), aggregate('MAX', 1, VARCHAR)],
  );

  test('that no pane needs any more are forgotten, those of open panes stay', () => {
    const factory = new GroupedStateFactory(byText);
    const collector = new Collector(factory);
    const kept = factory.create();
    const source = new Dictionary();
    kept.update(batch(texts(source, 'stay', 'stay too'), texts(source, 'x', 'y')), null, 2);
    let most = 0;
    for (let pane = 0; pane < 60; pane += 1) {
      const state = factory.create();
      const own = new Dictionary();
      const names = Array.from({ length: 2000 }, (_, row) => `key ${pane}-${row}`);
      state.update(batch(texts(own, ...names), texts(own, ...names)), null, 2000);
      state.emitGroup(1999, collector.results);
      expect(collector.drain()[0]?.values).toEqual([`key ${pane}-1999`, 1n, `key ${pane}-1999`]);
      factory.release(state);
      most = Math.max(most, factory.interner.dictionary.size);
    }
    expect(most).toBeLessThan(80_000);
    kept.update(batch(texts(source, 'stay', 'new'), texts(source, 'z', 'z')), null, 2);
    kept.emitAll(collector.results);
    expect(valuesOf(collector)).toEqual([
      ['stay', 2n, 'z'],
      ['stay too', 1n, 'y'],
      ['new', 1n, 'z'],
    ]);
  });

  test('of result rows on their way keep their dictionary through a compaction', () => {
    const factory = new GroupedStateFactory(byText);
    const collector = new Collector(factory);
    const [kept, other] = [factory.create(), factory.create()];
    const source = new Dictionary();
    const wide = Array.from({ length: 4000 }, (_, row) => `filler ${row}`);
    for (let round = 0; round < 20; round += 1) {
      const own = new Dictionary();
      const names = wide.map((name) => `${name} ${round}`);
      other.update(batch(texts(own, ...names), texts(own, ...names)), null, 4000);
      other.clear();
    }
    kept.updateEmitChanged(
      batch(texts(source, 'a'), texts(source, 'b')),
      null,
      1,
      collector.results,
    );
    const generation = factory.interner.generation;
    for (let round = 0; round < 20; round += 1) {
      const own = new Dictionary();
      const names = wide.map((name) => `${name} again ${round}`);
      other.update(batch(texts(own, ...names), texts(own, ...names)), null, 4000);
      other.clear();
    }
    expect(factory.interner.generation).toBeGreaterThan(generation);
    kept.updateEmitChanged(
      batch(texts(source, 'a'), texts(source, 'c')),
      null,
      1,
      collector.results,
    );
    expect(valuesOf(collector)).toEqual([
      ['a', 1n, 'b'],
      ['a', 2n, 'c'],
    ]);
  });

  test('of lists, distinct values and wide integers survive a compaction', () => {
    const factory = new GroupedStateFactory({
      ...grouping(
        [VARCHAR, BIGINT],
        [
          aggregate('LISTAGG', 0, VARCHAR),
          { ...aggregate('COUNT', 0, BIGINT), distinct: true },
          aggregate('COUNT_DISTINCT', 1, BIGINT),
          aggregate('MIN', 1, BIGINT),
        ],
      ),
      keys: [1],
    });
    const collector = new Collector(factory);
    const [kept, other] = [factory.create(), factory.create()];
    const source = new Dictionary();
    const far = 2n ** 60n + 1n;
    kept.update(batch(texts(source, 'p', 'q', 'p'), i64(far, far, 1n)), null, 3);
    for (let round = 0; round < 25; round += 1) {
      const names = Array.from({ length: 3000 }, (_, row) => `${round} ${row}`);
      other.update(
        batch(texts(new Dictionary(), ...names), f64(...names.map((_, row) => row % 5))),
        null,
        3000,
      );
      other.clear();
    }
    expect(factory.interner.generation).toBeGreaterThan(0);
    kept.update(batch(texts(source, 'q', 'r'), i64(far, far)), null, 2);
    kept.emitAll(collector.results);
    expect(valuesOf(collector)).toEqual([
      [far, 'p,q,q,r', 3n, 1n, far],
      [1n, 'p', 1n, 1n, 1n],
    ]);
  });
});

test('approximate counts of distinct values are within 2 % and do not depend on merging', () => {
  const factory = new GroupedStateFactory(
    grouping([BIGINT, BIGINT], [aggregate('APPROX_COUNT_DISTINCT', 1, BIGINT)]),
  );
  const collector = new Collector(factory);
  const [one, left, right] = [factory.create(), factory.create(), factory.create()];
  const values = Array.from({ length: 50_000 }, (_, at) => at * 17);
  for (let from = 0; from < values.length; from += 4000) {
    const part = values.slice(from, from + 4000);
    const input = batch(f64(...part.map(() => 1)), f64(...part));
    one.update(input, null, part.length);
    (from % 8000 === 0 ? left : right).update(input, null, part.length);
  }
  left.merge(right, 0, 0);
  one.emitAll(collector.results);
  left.emitAll(collector.results);
  const [[, direct], [, merged]] = valuesOf(collector) as [[bigint, bigint], [bigint, bigint]];
  expect(Math.abs(Number(direct) - 50_000)).toBeLessThan(1000);
  expect(merged).toBe(direct);
});

test.each(['update', 'changed', 'all'] as const)('%s allocates nothing per row', (mode) => {
  const source = new Dictionary();
  const names = Array.from({ length: 4096 }, (_, row) => `k${row % 20}`);
  const input = batch(texts(source, ...names), f64(...names.map((_, row) => row / 3)));
  const factory = new GroupedStateFactory(
    grouping(
      [VARCHAR, DOUBLE],
      [aggregate('COUNT', null, BIGINT), aggregate('SUM', 1, DOUBLE), aggregate('MIN', 1, DOUBLE)],
    ),
  );
  const state = factory.create();
  const sink = { emit: () => undefined };
  const results = factory.results(sink, { recordFailed: () => undefined });
  const once = (): void => {
    if (mode === 'update') state.update(input, null, 4096);
    else if (mode === 'changed') state.updateEmitChanged(input, null, 4096, results);
    else state.updateEmitAll(input, null, 4096, results);
  };
  for (let round = 0; round < 60; round += 1) once();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round += 1) {
    const before = process.memoryUsage().heapUsed;
    for (let each = 0; each < 10; each += 1) once();
    const grown = process.memoryUsage().heapUsed - before;
    if (grown >= 0) least = Math.min(least, grown);
  }
  const rowsPerRecord = mode === 'all' ? 20 : 1;
  expect(least / (40_960 * rowsPerRecord)).toBeLessThan(1);
});
