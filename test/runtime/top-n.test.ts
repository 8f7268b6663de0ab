/**
 * Top-N against sorting every partition anew after each record: with and without the rank column,
 * retract and upsert, orders with ties and NULLs, any batch size and restores; the exact changes of
 * small streams; deduplication.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { BIGINT, DOUBLE, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type { SortKey, TopNNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { TopNOperator } from '../../src/runtime/operators/top-n.js';
import {
  ChangeRecorder,
  changeBatch,
  inputNode,
  insert,
  parts,
  restored,
  rowText,
} from './changelog-support.js';
import type { Row } from './changelog-support.js';
import { restoreInto, snapshotOf } from './stream-support.js';

const INPUT = [
  { name: 'k', type: VARCHAR },
  { name: 'p', type: BIGINT },
  { name: 't', type: TIMESTAMP },
  { name: 's', type: VARCHAR },
  { name: 'd', type: DOUBLE },
];
const RANK = { name: 'rn', type: BIGINT };

function key(column: number, descending = false, nullsFirst = descending): SortKey {
  return { column, type: INPUT[column]!.type, descending, nullsFirst };
}

function topNode(more: Partial<TopNNode> = {}): TopNNode {
  const { rankColumn = true } = more;
  return {
    kind: 'top-n',
    ttl: null,
    id: 'top-n-1',
    input: inputNode(INPUT),
    partitionBy: [0],
    orderBy: [key(1)],
    limit: 2,
    rankColumn,
    signature: '',
    schema: rankColumn ? [...INPUT, RANK] : INPUT,
    mode: 'retract',
    ...more,
  };
}

class Run {
  readonly recorder: ChangeRecorder;
  private readonly node: TopNNode;
  operator: TopNOperator;

  constructor(more: Partial<TopNNode>) {
    this.node = topNode(more);
    this.recorder = new ChangeRecorder(this.node.schema);
    this.operator = new TopNOperator(this.node, this.recorder);
  }

  push(rows: readonly Row[], size = 4096): this {
    for (const part of parts(rows, size)) {
      const changes = part.map((row) => insert(...row));
      this.operator.process(0, changeBatch(INPUT, changes, size === 7));
    }
    return this;
  }

  restore(): this {
    this.operator = restored(this.operator, new TopNOperator(this.node, this.recorder));
    return this;
  }
}

function order(a: SqlValue, b: SqlValue, { descending, nullsFirst }: SortKey): number {
  if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1;
  if (a === b) return 0;
  return a < b === !descending ? -1 : 1;
}

/** The first rows of each partition with their rank. */
function ranked(rows: readonly Row[], node: TopNNode): Row[] {
  const partitions = new Map<SqlValue, Row[]>();
  for (const row of rows) {
    const name = node.partitionBy.length === 0 ? null : row[0]!;
    partitions.set(name, [...(partitions.get(name) ?? []), row]);
  }
  return [...partitions.values()].flatMap((members) => {
    const sorted = members.toSorted((a, b) => {
      for (const each of node.orderBy) {
        const found = order(a[each.column]!, b[each.column]!, each);
        if (found !== 0) return found;
      }
      return 0;
    });
    return sorted.slice(0, node.limit).map((row, at) => [...row, BigInt(at + 1)]);
  });
}

function randomRows(seed: number, count: number): Row[] {
  const random = mulberry32(seed);
  const maybe = (value: SqlValue): SqlValue => (random() < 0.1 ? null : value);
  const pick = (below: number): number => Math.floor(random() * below);
  return Array.from({ length: count }, (_, at) => [
    maybe('abc'[pick(3)]!),
    maybe(random() < 0.05 ? 2n ** 60n + BigInt(pick(4)) : BigInt(pick(12))),
    at * 10,
    maybe(['é', 'z', 'a', '😀', '\uffee'][pick(5)]!),
    maybe(pick(8) / 4),
  ]);
}

const ORDERS: Readonly<Record<string, readonly SortKey[]>> = {
  'a BIGINT': [key(1)],
  'a BIGINT, descending, NULLs last': [key(1, true, false)],
  'a DOUBLE, descending, then text': [key(4, true), key(3)],
  'text, then a DOUBLE': [key(3, true), key(4)],
};

function byBytes(a: SqlValue, b: SqlValue): number {
  return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
}

describe('Top-N', () => {
  for (const [name, orderBy] of Object.entries(ORDERS)) {
    for (const limit of [1, 2, 9]) {
      it(`of ${limit} by ${name}: the changes leave the first rows of each partition`, () => {
        const rows = randomRows(limit, 200).map((row) => row.with(3, textRank(row[3]!)));
        for (const rankColumn of [true, false]) {
          const node = topNode({ orderBy, limit, rankColumn });
          const run = new Run(node);
          for (const [index, part] of parts(rows, 50).entries()) {
            run.push(part, [1, 7, 50][index % 3]!);
            const expected = ranked(rows.slice(0, index * 50 + part.length), node);
            const shown = rankColumn ? expected : expected.map((row) => row.slice(0, -1));
            expect(run.recorder.net()).toEqual(shown.map(rowText).sort());
            if (index === 1) run.restore();
          }
          expect(run.operator.stateSize().rows).toBe(ranked(rows, node).length);
        }
      });
    }
  }

  it('orders text by its bytes', () => {
    const rows = randomRows(5, 60).filter((row) => row[3] !== null);
    const run = new Run({ orderBy: [key(3)], partitionBy: [], limit: 60 }).push(rows, 7);
    const left = run.recorder.net().length;
    const last = new Map(run.recorder.rows.map((row) => [row[5], row[3]]));
    expect(left).toBe(rows.length);
    const texts = [...last].toSorted((a, b) => Number(a[0]) - Number(b[0])).map(([, text]) => text);
    expect(texts).toEqual(rows.map((row) => row[3]!).toSorted(byBytes));
  });

  it('without --changelog emits again every row whose rank changed, and no row twice otherwise', () => {
    const rows = randomRows(8, 120);
    const node = topNode({ mode: 'upsert', orderBy: [key(1, true)], limit: 3 });
    let before = new Map<string, string>();
    const expected: string[] = [];
    rows.forEach((_, at) => {
      const now = new Map(
        ranked(rows.slice(0, at + 1), node).map((row) => [`${row[0]} ${row[5]}`, rowText(row)]),
      );
      for (const [place, text] of now) {
        if (before.get(place) === text) continue;
        expected.push(`${before.has(place) ? '+U' : '+I'} ${text}`);
      }
      before = now;
    });
    for (const size of [1, 7, 4096]) {
      expect(new Run(node).push(rows, size).recorder.texts()).toEqual(expected);
    }
    const stopped = new Run(node);
    for (const part of parts(rows, 40)) stopped.push(part).restore();
    expect(stopped.recorder.texts()).toEqual(expected);
  });
});

/** Texts whose order in JavaScript is that of their bytes, for the oracle. */
function textRank(text: SqlValue): SqlValue {
  return text === null ? null : `t${['a', 'z', 'é', '\uffee', '😀'].indexOf(text as string)}`;
}

const row = (k: string, p: bigint, t: number): Row => [k, p, t, null, null];

describe('the changes of Top-N', () => {
  const rows = [
    row('a', 5n, 1),
    row('a', 7n, 2),
    row('a', 6n, 3),
    row('a', 5n, 4),
    row('a', 9n, 5),
  ];

  it('with the rank are updates of ranks, one pair after the other', () => {
    const run = new Run({}).push(rows);
    const short = run.recorder.changes.map(({ op, row: [, p, t, , , rn] }) => [op, p, t, rn]);
    expect(short).toEqual([
      [0, 5n, 1, 1n],
      [0, 7n, 2, 2n],
      [1, 7n, 2, 2n],
      [2, 6n, 3, 2n],
      [1, 6n, 3, 2n],
      [2, 5n, 4, 2n],
    ]);
    expect(run.recorder.batches[0]?.origins).toEqual([0, 1, 2, 2, 3, 3]);
  });

  it('without the rank are the row that falls out and the new row', () => {
    const run = new Run({ rankColumn: false }).push(rows);
    const short = run.recorder.changes.map(({ op, row: [, p, t] }) => [op, p, t]);
    expect(short).toEqual([
      [0, 5n, 1],
      [0, 7n, 2],
      [3, 7n, 2],
      [0, 6n, 3],
      [3, 6n, 3],
      [0, 5n, 4],
    ]);
  });

  it('without the rank and without --changelog are the new rows', () => {
    const run = new Run({ rankColumn: false, mode: 'upsert' }).push(rows, 1);
    expect(run.recorder.changes.map(({ op, row: [, p] }) => [op, p])).toEqual([
      [0, 5n],
      [0, 7n],
      [0, 6n],
      [0, 5n],
    ]);
  });

  it('of a large n reach every rank behind the new row, in batches of whole pairs', () => {
    const many = Array.from({ length: 1000 }, (_, at) => row('a', BigInt(-at), at));
    const run = new Run({ limit: 5 }).push(many);
    expect(run.recorder.batches.every(({ rows: count }) => count <= 4096)).toBe(true);
    expect(run.recorder.changes).toHaveLength(1 + 3 + 5 + 7 + 9 + 995 * 10);
    const ops = run.recorder.changes.map(({ op }) => op);
    ops.forEach((op, at) => {
      if (op === 1) expect(ops[at + 1]).toBe(2);
    });
    expect(run.recorder.net()).toHaveLength(5);
  });
});

describe('deduplication', () => {
  const byTime = { orderBy: [key(2)], limit: 1, rankColumn: false };

  it('keeps the first row by time; one that comes later with an earlier time replaces it', () => {
    const rows = [row('a', 1n, 50), row('a', 2n, 60), row('a', 3n, 50), row('a', 4n, 40)];
    const run = new Run(byTime).push(rows);
    expect(run.recorder.changes.map(({ op, row: [, p] }) => [op, p])).toEqual([
      [0, 1n],
      [1, 1n],
      [2, 4n],
    ]);
  });

  it('of a stream in order only ever adds the first row of each key', () => {
    const rows = Array.from({ length: 100 }, (_, at) => row(`k${at % 7}`, BigInt(at), at));
    const run = new Run({ ...byTime, mode: 'upsert' }).push(rows, 7);
    expect(run.recorder.changes.map(({ op, row: [, p] }) => [op, p])).toEqual(
      [0n, 1n, 2n, 3n, 4n, 5n, 6n].map((p) => [0, p]),
    );
  });

  it('keeps the last row by time with a descending order', () => {
    const rows = [row('a', 1n, 50), row('a', 2n, 40), row('a', 3n, 60), row('b', 4n, 1)];
    const run = new Run({ ...byTime, orderBy: [key(2, true)] }).push(rows);
    expect(run.recorder.net()).toEqual([rowText(rows[2]!), rowText(rows[3]!)]);
  });
});

describe('the state of Top-N', () => {
  it('is parted by key group and put together again', () => {
    const rows = Array.from({ length: 200 }, (_, at) =>
      row(`k${at % 20}`, BigInt((at * 7) % 31), at),
    );
    const whole = new Run({ limit: 3 }).push(rows.slice(0, 100));
    const state = snapshotOf(whole.operator);
    const halves = [0, 1].map((half) => {
      const part = new TopNOperator(topNode({ limit: 3 }), whole.recorder);
      restoreInto(part, state, (keyGroup) => keyGroup % 2 === half);
      return part;
    });
    const sizes = halves.map((half) => half.stateSize().rows);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    expect(sizes[0]! + sizes[1]!).toBe(60);
    whole.operator = new TopNOperator(topNode({ limit: 3 }), whole.recorder);
    for (const half of halves) restoreInto(whole.operator, snapshotOf(half));
    whole.push(rows.slice(100));
    expect(whole.recorder.net()).toEqual(
      ranked(rows, topNode({ limit: 3 }))
        .map(rowText)
        .sort(),
    );
  });
});

describe('the watermark behind Top-N', () => {
  it('is that of its input', () => {
    const { operator, recorder } = new Run({});
    operator.watermark(0, 5);
    operator.watermark(0, 9);
    expect(recorder.watermarks).toEqual([5, 9]);
  });
});
