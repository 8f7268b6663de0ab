/**
 * The GROUP BY operator: what it emits when, across batches, retractions, watermarks and restore.
 * Aggregates themselves are tested in test/state.
 */
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import { ROW_OPS } from '../../src/columnar/batch.js';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import type {
  AggregateCall,
  AggregateNode,
  ChangelogMode,
} from '../../src/plan/pipeline/pipeline-plan.js';
import { AggregateOperator } from '../../src/runtime/operators/aggregate.js';
import {
  batchOf,
  RecordingContext,
  restoreInto,
  seededRandom,
  select,
  snapshotOf,
} from './stream-support.js';

const INPUT = [
  { name: 'k', type: VARCHAR },
  { name: 'v', type: BIGINT },
];

function call(name: string, column: number | null, type: SqlType = BIGINT): AggregateCall {
  return {
    function: name,
    args: column === null ? [] : [column],
    argTypes: column === null ? [] : [(INPUT[column] as { type: SqlType }).type],
    literals: [],
    filter: null,
    distinct: false,
    orderBy: [],
    type,
  };
}
const COUNT = call('COUNT', null);
const SUM = call('SUM', 1);

interface NodeOptions {
  readonly emission: AggregateNode['emission'];
  readonly keys?: readonly number[];
  readonly aggregates?: readonly AggregateCall[];
  readonly inputMode?: ChangelogMode;
}

class Harness {
  readonly context: RecordingContext;
  readonly operator: AggregateOperator;

  constructor(options: NodeOptions) {
    const keys = options.keys ?? [0];
    const aggregates = options.aggregates ?? [COUNT, SUM];
    const schema = [
      ...keys.map((key) => INPUT[key] as (typeof INPUT)[number]),
      ...aggregates.map((aggregate, at) => ({ name: `a${at}`, type: aggregate.type })),
    ];
    this.context = new RecordingContext(schema.map((column) => column.type));
    const node: AggregateNode = {
      kind: 'aggregate',
      id: 'group-by',
      schema,
      mode: 'upsert',
      input: { kind: 'scan', schema: INPUT, mode: options.inputMode ?? 'append' } as never,
      keys,
      aggregates,
      emission: options.emission,
      distinct: false,
      ttl: null,
      signature: '',
    };
    this.operator = new AggregateOperator(node, this.context);
  }

  feed(...batches: Batch[]): this {
    for (const batch of batches) this.operator.process(0, batch);
    return this;
  }

  end(flush = true): this {
    this.operator.end(0, flush);
    return this;
  }

  /** Rows so far, each with its kind in front. */
  rows(): SqlValue[][] {
    const { ops, rows } = this.context;
    return rows.map((row, at) => [ROW_OPS[ops[at] as number] as string, ...row]);
  }
}

const batch = (...rows: readonly (readonly [string | null, number | null])[]): Batch =>
  batchOf([rows.map(([k]) => k), rows.map(([, v]) => v)]);

function changes(...rows: readonly (readonly [number, string, number])[]): Batch {
  const result = batch(...rows.map(([, k, v]) => [k, v] as const));
  result.ops = Uint8Array.from(rows, ([op]) => op);
  return result;
}

describe('changes', () => {
  test('emits the new state of its group for each record', () => {
    const harness = new Harness({ emission: 'changes' });
    harness.feed(batch(['a', 1], ['b', 5]), batch(['a', 2], [null, null])).end();
    expect(harness.rows()).toEqual([
      ['+I', 'a', 1n, 1n],
      ['+I', 'b', 1n, 5n],
      ['+U', 'a', 2n, 3n],
      ['+I', null, 1n, null],
    ]);
  });

  test('sees selected rows only and emits nothing for an empty batch', () => {
    const harness = new Harness({ emission: 'changes' });
    harness.feed(select(batch(['a', 1], ['a', 2], ['b', 3]), [1]), batch());
    expect(harness.rows()).toEqual([['+I', 'a', 1n, 2n]]);
  });

  test('of a query without keys has one group', () => {
    const harness = new Harness({ emission: 'changes', keys: [] });
    harness.feed(batch(['a', 5], ['b', 7]), batch(['c', 9]));
    expect(harness.rows()).toEqual([
      ['+I', 1n, 5n],
      ['+U', 2n, 12n],
      ['+U', 3n, 21n],
    ]);
  });

  test('without aggregates emits first appearances only', () => {
    const harness = new Harness({ emission: 'changes', aggregates: [] });
    harness.feed(batch(['a', 1], ['b', 2], ['a', 3]), batch([null, 4], ['b', 5], [null, 6]));
    expect(harness.rows()).toEqual([
      ['+I', 'a'],
      ['+I', 'b'],
      ['+I', null],
    ]);
  });
});

describe('retract', () => {
  test('takes back the old state before the new one', () => {
    const harness = new Harness({ emission: 'retract', aggregates: [SUM] });
    harness.feed(batch(['a', 1], ['b', 5], ['a', 2]));
    expect(harness.rows()).toEqual([
      ['+I', 'a', 1n],
      ['+I', 'b', 5n],
      ['-U', 'a', 1n],
      ['+U', 'a', 3n],
    ]);
  });
});

describe('over a grouping subquery', () => {
  const [INSERT, BEFORE, AFTER, DELETE] = [0, 1, 2, 3] as const;

  test('a count of groups does not count their updates', () => {
    const inner = new Harness({ emission: 'retract', aggregates: [SUM] });
    const outer = new Harness({
      emission: 'changes',
      keys: [],
      aggregates: [COUNT, SUM],
      inputMode: 'retract',
    });
    inner.context.onBatch = (emitted) => {
      outer.operator.process(0, emitted);
    };
    inner.feed(batch(['a', 1], ['b', 5], ['a', 2], ['b', -5], ['c', 1]));
    expect(outer.rows()).toEqual([
      ['+I', 1n, 1n],
      ['+U', 2n, 6n],
      ['+U', 2n, 8n],
      ['+U', 2n, 3n],
      ['+U', 3n, 4n],
    ]);
  });

  test('a group that loses its last row is deleted and may come again', () => {
    const harness = new Harness({ emission: 'retract', aggregates: [SUM], inputMode: 'retract' });
    harness.feed(
      changes([INSERT, 'a', 1], [INSERT, 'b', 2], [DELETE, 'a', 1], [INSERT, 'a', 4]),
      changes([DELETE, 'b', 2]),
    );
    expect(harness.rows()).toEqual([
      ['+I', 'a', 1n],
      ['+I', 'b', 2n],
      ['-D', 'a', 1n],
      ['+I', 'a', 4n],
      ['-D', 'b', 2n],
    ]);
    expect(harness.operator.stateSize().rows).toBe(1);
  });

  test('a row that moves to another group changes both', () => {
    const harness = new Harness({ emission: 'changes', inputMode: 'retract' });
    harness.feed(changes([INSERT, 'a', 1], [INSERT, 'a', 2]));
    harness.feed(changes([BEFORE, 'a', 2], [AFTER, 'b', 3]));
    expect(harness.rows().slice(2)).toEqual([
      ['+U', 'a', 1n, 1n],
      ['+I', 'b', 1n, 3n],
    ]);
  });

  test('the greatest value goes when its row goes', () => {
    const harness = new Harness({
      emission: 'changes',
      aggregates: [call('MIN', 1), call('MAX', 1)],
      inputMode: 'retract',
    });
    harness.feed(changes([INSERT, 'a', 5], [INSERT, 'a', 9], [INSERT, 'a', 9], [DELETE, 'a', 9]));
    harness.feed(changes([DELETE, 'a', 9], [BEFORE, 'a', 5], [AFTER, 'a', 7]));
    expect(harness.rows().map((row) => row.slice(2))).toEqual([
      [5n, 5n],
      [5n, 9n],
      [5n, 9n],
      [5n, 9n],
      [5n, 5n],
      [7n, 7n],
    ]);
  });

  test('every −row takes back a row that was emitted before it', () => {
    const random = seededRandom(11);
    const harness = new Harness({
      emission: 'retract',
      aggregates: [COUNT, SUM, call('MAX', 1)],
      inputMode: 'retract',
    });
    const present: [string, number][] = [];
    for (let round = 0; round < 200; round += 1) {
      const row: [string, number] = [`k${Math.floor(random() * 4)}`, Math.floor(random() * 9)];
      const at = Math.floor(random() * present.length);
      const kind = random();
      if (present.length === 0 || kind < 0.5) {
        harness.feed(changes([INSERT, ...row]));
        present.push(row);
      } else if (kind < 0.75) {
        harness.feed(changes([BEFORE, ...(present[at] as [string, number])], [AFTER, ...row]));
        present[at] = row;
      } else {
        harness.feed(changes([DELETE, ...(present[at] as [string, number])]));
        present.splice(at, 1);
      }
    }
    const out = new Set<string>();
    for (const [op, ...values] of harness.rows()) {
      const text = values.join();
      if (op === '-U' || op === '-D') expect(out.delete(text)).toBe(true);
      else out.add(text);
    }
    expect(out.size).toBe(new Set(present.map(([k]) => k)).size);
  });
});

describe('final', () => {
  test('emits one row per group at the end, none before', () => {
    const harness = new Harness({ emission: 'final' });
    harness.feed(batch(['a', 1], ['b', null]), batch(['a', 2]));
    expect(harness.rows()).toEqual([]);
    harness.end();
    expect(harness.rows()).toEqual([
      ['+I', 'a', 2n, 3n],
      ['+I', 'b', 1n, null],
    ]);
  });

  test('over nothing gives no row with keys and one without', () => {
    expect(new Harness({ emission: 'final' }).end().rows()).toEqual([]);
    expect(new Harness({ emission: 'final', keys: [] }).end().rows()).toEqual([['+I', 0n, null]]);
  });

  test('emits nothing when the job is stopped', () => {
    expect(new Harness({ emission: 'final', keys: [] }).end(false).rows()).toEqual([]);
  });

  test('emits more groups than a batch holds', () => {
    const harness = new Harness({ emission: 'final', aggregates: [COUNT] });
    for (let part = 0; part < 5; part += 1) {
      harness.feed(
        batch(...Array.from({ length: 2000 }, (_, row) => [`${part}-${row}`, 1] as const)),
      );
    }
    const sizes: number[] = [];
    harness.context.onBatch = (emitted) => sizes.push(emitted.rowCount);
    harness.end();
    expect(sizes).toEqual([4096, 4096, 1808]);
    expect(new Set(harness.rows().map((row) => row[1])).size).toBe(10_000);
  });
});

test('watermarks pass unchanged', () => {
  const harness = new Harness({ emission: 'changes' });
  harness.operator.watermark(0, 5);
  harness.operator.watermark(0, Number.POSITIVE_INFINITY);
  expect(harness.context.watermarks).toEqual([5, Number.POSITIVE_INFINITY]);
});

test.each(['changes', 'retract', 'final'] as const)(
  '%s: stopping anywhere and restoring gives the rows of an uninterrupted run',
  (emission) => {
    const random = seededRandom(7);
    const parts = Array.from({ length: 12 }, () =>
      Array.from({ length: 5 }, () => {
        const key = random() < 0.1 ? null : `k${Math.floor(random() * 6)}`;
        return [key, Math.floor(random() * 100)] as const;
      }),
    );
    const aggregates = [
      COUNT,
      SUM,
      call('MIN', 1),
      call('COUNT_DISTINCT', 1),
      call('LISTAGG', 0, VARCHAR),
    ];
    const whole = new Harness({ emission, aggregates });
    for (const part of parts) whole.feed(batch(...part));
    whole.end();
    for (const stop of [0, 1, 6, 12]) {
      const first = new Harness({ emission, aggregates });
      for (const part of parts.slice(0, stop)) first.feed(batch(...part));
      const second = new Harness({ emission, aggregates });
      restoreInto(second.operator, snapshotOf(first.operator));
      for (const part of parts.slice(stop)) second.feed(batch(...part));
      second.end();
      expect([...first.rows(), ...second.rows()]).toEqual(whole.rows());
    }
  },
);

test('state moves to several partitions by key group', () => {
  const whole = new Harness({ emission: 'final' });
  const rows = Array.from({ length: 500 }, (_, row) => [`key ${row % 90}`, row] as const);
  whole.feed(batch(...rows));
  const bytes = snapshotOf(whole.operator);
  const parts = [0, 1, 2].map((owner) => {
    const part = new Harness({ emission: 'final' });
    restoreInto(part.operator, bytes, (keyGroup) => keyGroup % 3 === owner);
    return part.end().rows();
  });
  const wanted = whole.end().rows();
  const sorted = (list: SqlValue[][]): string[] => list.map((row) => row.join()).sort();
  expect(sorted(parts.flat())).toEqual(sorted(wanted));
  expect(parts.every((part) => part.length > 0)).toBe(true);
});
