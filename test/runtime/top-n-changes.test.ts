/**
 * Top-N over rows that are taken back, against sorting what stands anew after each change: equal
 * rows, ties, ranks shown or not, any batch size and restores; an update is one change.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import type { PipelineNode, TopNNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { TopNChangesOperator } from '../../src/runtime/operators/top-n-changes.js';
import {
  after,
  before,
  ChangeRecorder,
  changeBatch,
  inputNode,
  insert,
  parts,
  remove,
  restored,
  rowText,
} from './changelog-support.js';
import type { Change, Row } from './changelog-support.js';

const INPUT = [
  { name: 'k', type: VARCHAR },
  { name: 'p', type: BIGINT },
  { name: 'v', type: BIGINT },
];

function topNode(more: Partial<TopNNode> = {}): TopNNode {
  const { rankColumn = true } = more;
  return {
    kind: 'top-n',
    ttl: null,
    id: 'top-n-1',
    input: { ...inputNode(INPUT), mode: 'retract' } as PipelineNode,
    partitionBy: [0],
    orderBy: [{ column: 1, type: BIGINT, descending: true, nullsFirst: true }],
    limit: 2,
    rankColumn,
    signature: '',
    schema: rankColumn ? [...INPUT, { name: 'rn', type: BIGINT }] : INPUT,
    mode: 'retract',
    ...more,
  };
}

/** Adds rows, takes some of those that stand back, and updates others. */
function randomChanges(seed: number, count: number): Change[] {
  const random = mulberry32(seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const standing: Row[] = [];
  const make = (k = 'abc'[pick(3)]!): Row => [k, BigInt(pick(6)), BigInt(pick(2))];
  return Array.from({ length: count }, (): Change[] => {
    const at = pick(standing.length);
    if (standing.length === 0 || random() < 0.45) {
      const row = make();
      standing.push(row);
      return [insert(...row)];
    }
    const old = standing[at]!;
    standing.splice(at, 1);
    if (random() < 0.4) return [remove(...old)];
    const row = make(old[0] as string);
    standing.push(row);
    return [before(...old), after(...row)];
  }).flat();
}

function standingOf(changes: readonly Change[]): Row[] {
  const rows: Row[] = [];
  for (const { op, row } of changes) {
    if (op === 0 || op === 2) rows.push(row);
    else {
      rows.splice(
        rows.findLastIndex((each) => rowText(each) === rowText(row)),
        1,
      );
    }
  }
  return rows;
}

/** What the first rows are; of ties the one that came first, equal rows being one another's peers. */
function firstRows(rows: readonly Row[], { limit, rankColumn }: TopNNode): string[] {
  return ['a', 'b', 'c']
    .flatMap((k) =>
      rows
        .filter((row) => row[0] === k)
        .toSorted((a, b) => Number((b[1] as bigint) - (a[1] as bigint)))
        .slice(0, limit)
        .map((row, at) => (rankColumn ? [...row, BigInt(at + 1)] : row)),
    )
    .map(rowText)
    .sort();
}

class Run {
  readonly recorder: ChangeRecorder;
  operator: TopNChangesOperator;
  private readonly node: TopNNode;

  constructor(more: Partial<TopNNode> = {}) {
    this.node = topNode(more);
    this.recorder = new ChangeRecorder(this.node.schema);
    this.operator = new TopNChangesOperator(this.node, this.recorder);
  }

  push(changes: readonly Change[], size = 4096): this {
    for (const part of parts(changes, size)) {
      this.operator.process(0, changeBatch(INPUT, part, size === 7));
    }
    return this;
  }

  restore(): this {
    this.operator = restored(this.operator, new TopNChangesOperator(this.node, this.recorder));
    return this;
  }
}

describe('Top-N over rows that are taken back', () => {
  it.each([1, 2, 5])('leaves the first %i of what stands', (limit) => {
    for (const rankColumn of [true, false]) {
      // Of ties with different rows the order of arrival decides: the oracle sorts in that order.
      const node = topNode({ limit, rankColumn });
      const changes = randomChanges(limit, 400);
      const run = new Run(node);
      let seen = 0;
      for (const [index, part] of parts(changes, 40).entries()) {
        run.push(part, [1, 7, 40][index % 3]!);
        seen += part.length;
        const expected = firstRows(standingOf(changes.slice(0, seen)), node);
        expect(run.recorder.net()).toEqual(expected);
        if (index % 4 === 1) run.restore();
      }
      expect(run.operator.stateSize().rows).toBe(standingOf(changes).length);
    }
  });

  it('gives what an update leaves, and nothing in between', () => {
    const run = new Run();
    run.push([
      insert('a', 9n, 0n),
      insert('a', 8n, 0n),
      insert('a', 7n, 0n),
      before('a', 9n, 0n),
      after('a', 10n, 0n),
      before('a', 7n, 0n),
      after('a', 6n, 0n),
    ]);
    expect(run.recorder.texts().slice(2)).toEqual(["-U 'a' 9 0 1", "+U 'a' 10 0 1"]);
  });

  it('lets the next row in for one that goes, and takes back a rank that is gone', () => {
    const run = new Run({ limit: 1, rankColumn: false });
    run.push([insert('a', 9n, 0n), insert('a', 8n, 0n)]);
    run.push([remove('a', 9n, 0n)]).push([remove('a', 8n, 0n)]);
    expect(run.recorder.texts()).toEqual(["+I 'a' 9 0", "-U 'a' 9 0", "+U 'a' 8 0", "-D 'a' 8 0"]);
    expect(run.operator.stateSize().rows).toBe(0);
  });

  it('ignores a row taken back that never came: its record had failed', () => {
    const run = new Run().push([remove('a', 9n, 0n), insert('a', 1n, 0n)], 1);
    expect(run.recorder.texts()).toEqual(["+I 'a' 1 0 1"]);
  });
});
