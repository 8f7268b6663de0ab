/**
 * GROUP BY whose groups expire: by the time at which rows were read and by event time, with rows
 * that are taken back, across restores with and without times, and how much memory it holds. What
 * comes of it on V1 and V2 is test/processors/state-ttl.
 */
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import { ROW_OPS } from '../../src/columnar/batch.js';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type {
  AggregateCall,
  AggregateNode,
  StateTtl,
} from '../../src/plan/pipeline/pipeline-plan.js';
import { AggregateOperator } from '../../src/runtime/operators/aggregate.js';
import {
  batchOf,
  RecordingContext,
  restoreInto,
  seededRandom,
  snapshotOf,
} from './stream-support.js';

const INPUT = [
  { name: 'k', type: VARCHAR },
  { name: 'v', type: BIGINT },
];
const [INSERT, BEFORE, AFTER, DELETE] = [0, 1, 2, 3];
const NONE = Number.NEGATIVE_INFINITY;

function call(name: string, column: number | null): AggregateCall {
  return {
    function: name,
    args: column === null ? [] : [column],
    argTypes: column === null ? [] : [BIGINT],
    literals: [],
    filter: null,
    distinct: false,
    orderBy: [],
    type: BIGINT,
  };
}

interface Options {
  readonly ttl: StateTtl | null;
  readonly emission?: AggregateNode['emission'];
  readonly keys?: readonly number[];
  readonly takesBack?: boolean;
}

class Harness {
  readonly context: RecordingContext;
  readonly operator: AggregateOperator;

  constructor({ ttl, emission = 'changes', keys = [0], takesBack = false }: Options) {
    const aggregates = [call('COUNT', null), call('SUM', 1)];
    const schema = [
      ...keys.map((key) => INPUT[key] as (typeof INPUT)[number]),
      ...aggregates.map(({ type }, at) => ({ name: `a${at}`, type })),
    ];
    this.context = new RecordingContext(schema.map(({ type }) => type));
    const mode = takesBack ? 'retract' : 'append';
    const node: AggregateNode = {
      kind: 'aggregate',
      id: 'group-by',
      schema,
      mode: 'upsert',
      input: { kind: 'scan', schema: INPUT, mode } as never,
      keys,
      aggregates,
      emission,
      distinct: false,
      ttl,
      signature: '',
    };
    this.operator = new AggregateOperator(node, this.context);
  }

  feed(...batches: Batch[]): this {
    for (const batch of batches) this.operator.process(0, batch);
    return this;
  }

  rows(): SqlValue[][] {
    const { ops, rows } = this.context;
    return rows.map((row, at) => [ROW_OPS[ops[at] as number] as string, ...row]);
  }

  restoredAs(options: Options): Harness {
    const next = new Harness(options);
    restoreInto(next.operator, snapshotOf(this.operator));
    return next;
  }
}

type Row = readonly [string, number];

/** Rows that were read at a time. */
function readAt(ms: number, ...rows: readonly Row[]): Batch {
  const batch = batchOf([rows.map(([k]) => k), rows.map(([, v]) => v)]);
  batch.header.ingestTimeMs = ms;
  return batch;
}

function changesAt(ms: number, ...rows: readonly (readonly [number, ...Row])[]): Batch {
  const batch = readAt(ms, ...rows.map(([, k, v]) => [k, v] as const));
  batch.ops = Uint8Array.from(rows, ([op]) => op);
  return batch;
}

/** Rows whose split has come so far, each; `before`: before the first one. */
function eventsAt(before: number, ...rows: readonly (readonly [number, ...Row])[]): Batch {
  const batch = batchOf([rows.map(([, k]) => k), rows.map(([, , v]) => v)]);
  const behind = rows.map(([ms]) => ms);
  batch.rowWatermarks = Float64Array.from([before, ...behind.slice(0, -1)]);
  batch.header.watermarkBefore = before;
  batch.header.watermarkAfter = behind.at(-1) ?? before;
  return batch;
}

const READ: StateTtl = { ms: 1000, time: 'processing' };
const EVENT: StateTtl = { ms: 1000, time: 'event' };

describe('by the time at which rows are read', () => {
  test('an update counts from its own time, and nothing is found at the TTL behind it', () => {
    const harness = new Harness({ ttl: READ });
    harness.feed(readAt(5000, ['a', 1], ['b', 1]), readAt(5999, ['a', 2]));
    harness.feed(readAt(6000, ['b', 2]), readAt(6998, ['a', 3]), readAt(7998, ['a', 4]));
    expect(harness.rows()).toEqual([
      ['+I', 'a', 1n, 1n],
      ['+I', 'b', 1n, 1n],
      ['+U', 'a', 2n, 3n],
      ['+I', 'b', 1n, 2n],
      ['+U', 'a', 3n, 6n],
      ['+I', 'a', 1n, 4n],
    ]);
  });

  test('a clock that falls back stands still until it has caught up', () => {
    const harness = new Harness({ ttl: READ });
    harness.feed(readAt(9000, ['a', 1]), readAt(1000, ['a', 1]), readAt(9999, ['a', 1]));
    harness.feed(readAt(10_999, ['a', 1]));
    expect(harness.rows().map(([op]) => op)).toEqual(['+I', '+U', '+U', '+I']);
  });

  test('the one group of a query without keys begins again, too', () => {
    const harness = new Harness({ ttl: READ, keys: [], emission: 'retract' });
    harness.feed(readAt(1000, ['a', 1], ['a', 2]), readAt(3000, ['a', 4]));
    expect(harness.rows()).toEqual([
      ['+I', 1n, 1n],
      ['-U', 1n, 1n],
      ['+U', 2n, 3n],
      ['+I', 1n, 4n],
    ]);
  });
});

describe('rows that are taken back', () => {
  test.each([
    { emission: 'changes' as const, again: [['+I', 'a', 1n, 7n]] },
    { emission: 'retract' as const, again: [['+I', 'a', 1n, 7n]] },
  ])('$emission: of a group that has expired they are left out', ({ emission, again }) => {
    const harness = new Harness({ ttl: READ, emission, takesBack: true });
    harness.feed(changesAt(1000, [INSERT, 'a', 5], [INSERT, 'b', 5]));
    const before = harness.rows().length;
    harness.feed(changesAt(2000, [BEFORE, 'a', 5], [AFTER, 'a', 7], [DELETE, 'b', 5]));
    expect(harness.rows().slice(before)).toEqual(again);
    expect(harness.operator.stateSize().rows).toBe(1);
  });

  test('of a group that the same rows have ended they are left out, too', () => {
    for (const keys of [[0], []]) {
      const harness = new Harness({ ttl: READ, keys, emission: 'retract', takesBack: true });
      harness.feed(
        changesAt(
          1000,
          [INSERT, 'a', 5],
          [DELETE, 'a', 5],
          [DELETE, 'a', 6],
          [BEFORE, 'a', 6],
          [AFTER, 'a', 8],
        ),
      );
      const shown = harness.rows().map((row) => [row[0], ...row.slice(1 + keys.length)]);
      const last = shown.at(-1);
      expect(last).toEqual([keys.length === 0 ? '+U' : '+I', 1n, 8n]);
    }
  });

  test('with a TTL that nothing reaches, they are what they are without', () => {
    const random = seededRandom(31);
    const present: Row[] = [];
    const parts = Array.from({ length: 200 }, (_, at) => {
      const changes = Array.from({ length: 7 }, (): readonly [number, string, number] => {
        const taken = random() < 0.4 ? Math.floor(random() * present.length) : -1;
        if (present[taken] !== undefined) {
          const [[k, v] = ['', 0]] = present.splice(taken, 1);
          return [DELETE as number, k, v];
        }
        const row: Row = [`k${Math.floor(random() * 4)}`, Math.floor(random() * 9)];
        present.push(row);
        return [INSERT as number, ...row];
      });
      return { at, changes };
    });
    for (const emission of ['changes', 'retract'] as const) {
      const [plain, expiring] = [null, { ...READ, ms: 1e9 }].map((ttl) => {
        const harness = new Harness({ ttl, emission, takesBack: true });
        for (const { at, changes } of parts) harness.feed(changesAt(1000 + at, ...changes));
        return harness;
      });
      expect(expiring?.rows()).toEqual(plain?.rows());
    }
  });
});

describe('restore', () => {
  const rowsOf = (harness: Harness): SqlValue[] => harness.rows().map(([op]) => op as string);

  test('times go on with the state, and another TTL judges them', () => {
    const first = new Harness({ ttl: READ }).feed(readAt(1000, ['a', 1], ['b', 1]));
    first.feed(readAt(1500, ['b', 1]));
    const same = first.restoredAs({ ttl: READ }).feed(readAt(2000, ['a', 1], ['b', 1]));
    expect(rowsOf(same)).toEqual(['+I', '+U']);
    const longer = first.restoredAs({ ttl: { ...READ, ms: 1001 } });
    expect(rowsOf(longer.feed(readAt(2000, ['a', 1])))).toEqual(['+U']);
    const none = first.restoredAs({ ttl: null });
    expect(rowsOf(none.feed(readAt(9e9, ['a', 1])))).toEqual(['+U']);
  });

  test('state without times, or with those of another clock, counts from the restore on', () => {
    for (const ttl of [null, EVENT]) {
      const first = new Harness({ ttl }).feed(eventsAt(NONE, [1000, 'a', 1], [1000, 'b', 1]));
      const next = first.restoredAs({ ttl: READ });
      next.feed(readAt(50_000, ['c', 1]), readAt(50_999, ['a', 1]), readAt(51_000, ['b', 1]));
      expect(rowsOf(next)).toEqual(['+I', '+U', '+I']);
      // Once more, before any row has come to it.
      const third = first.restoredAs({ ttl: READ }).feed(readAt(50_000, ['c', 1]));
      const fourth = third.restoredAs({ ttl: READ });
      fourth.feed(readAt(50_999, ['a', 1]), readAt(51_000, ['b', 1]));
      expect(rowsOf(fourth)).toEqual(['+U', '+I']);
    }
  });

  test('the sweep removes them, whether a row comes to them or not', () => {
    const first = new Harness({ ttl: null }).feed(readAt(1000, ['a', 1], ['b', 1]));
    const next = first.restoredAs({ ttl: READ }).feed(readAt(50_000, ['c', 1]));
    expect(next.operator.stateSize().rows).toBe(3);
    next.feed(readAt(51_000, ['d', 1]));
    expect(next.operator.stateSize().rows).toBe(1);
  });
});

describe('by event time', () => {
  test('a group may expire, and come again, within a batch', () => {
    const harness = new Harness({ ttl: EVENT, emission: 'retract' });
    harness.feed(eventsAt(NONE, [0, 'a', 1], [10, 'b', 2], [999, 'b', 3], [1000, 'a', 4]));
    harness.feed(eventsAt(1000, [1001, 'a', 5], [2500, 'c', 6], [2500, 'b', 7]));
    expect(harness.rows()).toEqual([
      ['+I', 'a', 1n, 1n],
      ['+I', 'b', 1n, 2n],
      ['-U', 'b', 1n, 2n],
      ['+U', 'b', 2n, 5n],
      ['+I', 'a', 1n, 4n],
      ['-U', 'a', 1n, 4n],
      ['+U', 'a', 2n, 9n],
      ['+I', 'c', 1n, 6n],
      ['+I', 'b', 1n, 7n],
    ]);
  });

  test('a split that is behind holds the time back, and one that has not spoken lets none begin', () => {
    const harness = new Harness({ ttl: EVENT });
    const behind = (others: number, ...rows: readonly (readonly [number, ...Row])[]): Batch => {
      const batch = eventsAt(0, ...rows);
      batch.header.watermarkOthers = others;
      return batch;
    };
    harness.feed(behind(NONE, [0, 'a', 1], [5000, 'a', 1]), behind(100, [9000, 'a', 1]));
    harness.feed(behind(1099, [9000, 'a', 1]), behind(2099, [9000, 'a', 1]));
    expect(harness.rows().map(([op]) => op)).toEqual(['+I', '+U', '+U', '+U', '+I']);
  });

  test('the end of the input is no time: nothing expires by it', () => {
    const harness = new Harness({ ttl: EVENT }).feed(eventsAt(NONE, [0, 'a', 1]));
    harness.operator.watermark(0, Number.POSITIVE_INFINITY);
    harness.operator.end(0, true);
    expect(harness.operator.stateSize().rows).toBe(1);
  });
});

test('a day of keys that never come again is held in the memory of some minutes', () => {
  const perSecond = 10;
  const ttl: StateTtl = { ms: 600_000, time: 'event' };
  const harness = new Harness({ ttl, emission: 'changes' });
  harness.context.onBatch = () => undefined;
  const alive = 600 * perSecond;
  let most = { rows: 0, bytes: 0 };
  let early = most;
  let key = 0;
  for (let minute = 0; minute < 24 * 60; minute += 1) {
    const rows = Array.from({ length: 60 * perSecond }, (_, at) => {
      key += 1;
      return [minute * 60_000 + at * (1000 / perSecond), `session-${key}`, 1] as const;
    });
    harness.feed(eventsAt(minute * 60_000 - 1000 / perSecond, ...rows));
    harness.operator.watermark(0, rows.at(-1)?.[0] ?? 0);
    const now = harness.operator.stateSize();
    most = { rows: Math.max(most.rows, now.rows), bytes: Math.max(most.bytes, now.bytes) };
    if (minute === 6 * 60) early = most;
  }
  expect(key).toBe(864_000);
  // A sweep ends before a third as many rows have come as there are groups.
  expect(most.rows).toBeLessThan(alive * (4 / 3) + 1200);
  expect(most.bytes).toBe(early.bytes);
  expect(most.bytes).toBeLessThan(8 << 20);
}, 120_000);
