/**
 * ORDER BY: the order of every type with NULLs where the key says, ties by arrival, LIMIT, windows,
 * rows that are taken back, batches and restores.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { BIGINT, BOOLEAN, DOUBLE, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type { SortKey, SortNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { StandingRows } from '../../src/runtime/operators/rows/standing-rows.js';
import { SortOperator } from '../../src/runtime/operators/sort.js';
import {
  ChangeRecorder,
  changeBatch,
  inputNode,
  insert,
  parts,
  remove,
  restored,
} from './changelog-support.js';
import type { Change, Row } from './changelog-support.js';

const SCHEMA = [
  { name: 'b', type: BIGINT },
  { name: 'd', type: DOUBLE },
  { name: 's', type: VARCHAR },
  { name: 'f', type: BOOLEAN },
  { name: 'end', type: TIMESTAMP },
];
const ID = { name: 'id', type: BIGINT };
const ALL = [...SCHEMA, ID];

function key(column: number, descending = false, nullsFirst = descending): SortKey {
  return { column, type: ALL[column]!.type, descending, nullsFirst };
}

function sortNode(more: Partial<SortNode> = {}): SortNode {
  return {
    kind: 'sort',
    id: 'sort-1',
    input: inputNode(ALL),
    keys: [key(0)],
    limit: null,
    windowEnd: null,
    partitionBy: [],
    signature: '',
    schema: ALL,
    mode: 'append',
    ...more,
  };
}

class Run {
  readonly recorder = new ChangeRecorder(ALL);
  operator: SortOperator;
  private readonly node: SortNode;

  constructor(more: Partial<SortNode>) {
    this.node = sortNode(more);
    this.operator = new SortOperator(this.node, this.recorder);
  }

  push(changes: readonly Change[], size = 4096): this {
    for (const part of parts(changes, size)) {
      this.operator.process(0, changeBatch(ALL, part, size === 7));
    }
    return this;
  }

  restore(): this {
    this.operator = restored(this.operator, new SortOperator(this.node, this.recorder));
    return this;
  }

  /** The ids of all rows that came out. */
  ids(flush = true): SqlValue[] {
    this.operator.end(0, flush);
    return this.recorder.rows.map((row) => row.at(-1)!);
  }
}

/** Places in ascending order, NULL as -1: so the oracle compares plain numbers. */
const VALUES: readonly (readonly SqlValue[])[] = [
  [-(2n ** 62n), -5n, 0n, 7n, 2n ** 53n + 1n, 2n ** 62n],
  [-1e300, -0.5, 0, 5e-324, 1, 1e300],
  ['', 'Z', 'a', 'ab', 'é', '\uffee', '😀'],
  [false, true],
  [0, 1000, 2000],
];

function randomPlaces(seed: number, count: number): number[][] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, () =>
    VALUES.map((values) => (random() < 0.15 ? -1 : Math.floor(random() * values.length))),
  );
}

const rowOf = (places: readonly number[], id: number): Row => [
  ...places.map((place, column) => (place < 0 ? null : VALUES[column]![place]!)),
  BigInt(id),
];

function oracle(all: readonly (readonly number[])[], keys: readonly SortKey[]): bigint[] {
  const ids = all.map((_, at) => at);
  ids.sort((a, b) => {
    for (const { column, descending, nullsFirst } of keys) {
      const x = all[a]![column]!;
      const y = all[b]![column]!;
      if (x === y) continue;
      if (x < 0 || y < 0) return x < 0 === nullsFirst ? -1 : 1;
      return descending ? y - x : x - y;
    }
    return a - b;
  });
  return ids.map(BigInt);
}

const ORDERS: Readonly<Record<string, readonly SortKey[]>> = {
  'a BIGINT': [key(0)],
  'a BIGINT, descending': [key(0, true)],
  'a DOUBLE, NULLs first': [key(1, false, true)],
  'text by its bytes, NULLs last when descending': [key(2, true, false)],
  'a BOOLEAN, then text, then a BIGINT': [key(3, true), key(2), key(0, true)],
};

describe('ORDER BY', () => {
  for (const [name, keys] of Object.entries(ORDERS)) {
    it(`${name}: gives all rows in order, ties by arrival, for any batches and restores`, () => {
      const places = randomPlaces(name.length, 300);
      const changes = places.map((row, id) => insert(...rowOf(row, id)));
      const expected = oracle(places, keys);
      for (const size of [1, 7, 4096])
        expect(new Run({ keys }).push(changes, size).ids()).toEqual(expected);
      const stopped = new Run({ keys });
      for (const part of parts(changes, 100)) stopped.push(part).restore();
      expect(stopped.ids()).toEqual(expected);
    });
  }

  it('with LIMIT gives the first rows and keeps few', () => {
    const places = randomPlaces(5, 6000);
    const changes = places.map((row, id) => insert(...rowOf(row, id)));
    for (const limit of [0, 1, 10, 3000]) {
      const run = new Run({ keys: [key(1), key(2)], limit }).push(changes, 500);
      expect(run.operator.stateSize().rows).toBeLessThanOrEqual(2 * limit + 1024);
      expect(run.restore().ids()).toEqual(oracle(places, [key(1), key(2)]).slice(0, limit));
    }
  });

  it('gives more than a batch in batches of at most 4096', () => {
    const run = new Run({}).push(randomPlaces(6, 5000).map((row, id) => insert(...rowOf(row, id))));
    run.ids();
    expect(run.recorder.batches.map(({ rows }) => rows)).toEqual([4096, 904]);
  });

  it('gives nothing before the end, and nothing at a stop', () => {
    const run = new Run({}).push([insert(...rowOf([0, 0, 0, 0, 0], 1))]);
    run.operator.watermark(0, 5);
    expect(run.ids(false)).toEqual([]);
    expect(run.recorder.watermarks).toEqual([]);
  });

  it('of no rows gives none', () => {
    expect(new Run({ limit: 3 }).ids()).toEqual([]);
  });
});

describe('ORDER BY of rows that are taken back', () => {
  it('gives what is left, each row as often as it is there', () => {
    const random = mulberry32(9);
    const kept: number[] = [];
    const changes: Change[] = [];
    const row = (place: number): Row => rowOf([place, 0, 0, 0, 0], place);
    for (let at = 0; at < 9000; at += 1) {
      const index = Math.floor(random() * kept.length);
      if (kept.length > 5 && random() < 0.5) {
        changes.push(remove(...row(kept[index]!)));
        kept.splice(index, 1);
      } else {
        kept.push(Math.floor(random() * 6));
        changes.push(insert(...row(kept.at(-1)!)));
      }
    }
    const expected = kept.toSorted((a, b) => a - b).map(BigInt);
    const run = new Run({ input: inputNode(ALL, 'retract') });
    for (const part of parts(changes, 3000)) run.push(part, 500).restore();
    expect(run.operator.stateSize().rows).toBe(kept.length);
    expect(run.ids()).toEqual(expected);
    const limited = new Run({ input: inputNode(ALL, 'retract'), limit: 3 }).push(changes, 7);
    expect(limited.ids()).toEqual(expected.slice(0, 3));
  });

  it('forgets them long before the end', () => {
    const run = new Run({ input: inputNode(ALL, 'retract') });
    const row = rowOf([0, 0, 0, 0, 0], 1);
    for (let at = 0; at < 20; at += 1) {
      run.push(
        Array.from({ length: 2000 }, (_, k) => (k % 2 === 0 ? insert(...row) : remove(...row))),
      );
    }
    expect(run.operator.stateSize().rows).toBeLessThan(15_000);
  });
});

describe('ORDER BY within windows', () => {
  const END = 4;
  const windowed = (id: number, value: number, end: number): Change =>
    insert(...rowOf([value, 0, 0, 0, end], id));
  const changes = [
    windowed(1, 3, 1),
    windowed(2, 2, 2),
    windowed(3, 1, 1),
    windowed(4, 5, 0),
    windowed(5, 0, 2),
    windowed(6, 1, 1),
  ];

  it('gives a window in order when the watermark reaches its end, window by window', () => {
    const run = new Run({ windowEnd: END }).push(changes, 1);
    const seen: SqlValue[][] = [];
    for (const watermarkMs of [-1, 0, 999, 1000, 1999]) {
      run.operator.watermark(0, watermarkMs);
      run.restore();
      seen.push(run.recorder.rows.map((row) => row.at(-1)!));
    }
    expect(seen).toEqual([[], [4n], [4n], [4n, 3n, 6n, 1n], [4n, 3n, 6n, 1n]]);
    expect(run.ids()).toEqual([4n, 3n, 6n, 1n, 5n, 2n]);
    expect(run.recorder.watermarks).toEqual([-1, 0, 999, 1000, 1999]);
  });

  it('gives several windows that are due together one after the other', () => {
    const run = new Run({ windowEnd: END }).push(changes);
    run.operator.watermark(0, 5000);
    expect(run.ids()).toEqual([4n, 3n, 6n, 1n, 5n, 2n]);
    expect(run.operator.stateSize().rows).toBe(0);
  });

  it('takes time in proportion to the rows of a window', () => {
    const seconds = (count: number): number => {
      const rows = Array.from({ length: count }, (_, id) => windowed(id, id % 6, 0));
      const run = new Run({ windowEnd: END }).push(rows);
      const before = process.cpuUsage();
      run.operator.watermark(0, 0);
      return process.cpuUsage(before).user / 1e6;
    };
    seconds(1000);
    expect(seconds(80_000)).toBeLessThan(2);
  });
});

describe('rows that are kept', () => {
  it('are no more than an array can hold: the rest is an error that says so', () => {
    const held = new StandingRows([BIGINT], 3);
    held.take(changeBatch([ID], [insert([1n]), insert([2n]), insert([3n])]));
    expect(() => held.take(changeBatch([ID], [insert([4n])]))).toThrow(
      expect.objectContaining({ code: 'VELO_STATE_TOO_LARGE' }) as Error,
    );
  });
});
