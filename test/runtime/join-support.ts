/**
 * Runs a join over changes of both inputs, in batches and with restores.
 */
import { BIGINT, BOOLEAN, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';
import type { JoinNode, StateTtl } from '../../src/plan/pipeline/pipeline-plan.js';
import { JoinOperator } from '../../src/runtime/operators/join/join.js';
import { ChangeRecorder, changeBatch, inputNode, restored } from './changelog-support.js';
import type { Change, SchemaColumns } from './changelog-support.js';

const LEFT: SchemaColumns = [
  { name: 'k', type: BIGINT },
  { name: 't', type: VARCHAR },
  { name: 'x', type: DOUBLE },
];
const RIGHT: SchemaColumns = [
  { name: 'y', type: BIGINT },
  { name: 'k', type: BIGINT },
  { name: 't', type: VARCHAR },
];
export const TYPES = ['inner', 'left', 'right', 'full'] as const;
export type JoinType = (typeof TYPES)[number];

interface Options {
  readonly type?: JoinType;
  readonly retracts?: readonly [boolean, boolean];
  readonly left?: SchemaColumns;
  readonly right?: SchemaColumns;
  readonly leftKeys?: readonly number[];
  readonly rightKeys?: readonly number[];
  readonly condition?: BoundExpression | null;
  readonly ttls?: readonly [StateTtl | null, StateTtl | null];
}

function joinNode(options: Options = {}): JoinNode {
  const { type = 'inner', retracts = [false, false], left = LEFT, right = RIGHT } = options;
  const isAppend = type === 'inner' && !retracts.includes(true);
  return {
    kind: 'join',
    id: 'join-1',
    type,
    left: inputNode(left, retracts[0] ? 'retract' : 'append'),
    right: inputNode(right, retracts[1] ? 'retract' : 'append'),
    leftKeys: options.leftKeys ?? [0],
    rightKeys: options.rightKeys ?? [1],
    condition: options.condition ?? null,
    ttls: options.ttls ?? [null, null],
    signature: '',
    schema: [...left, ...right],
    mode: isAppend ? 'append' : 'retract',
  };
}

export const SPAN = { start: 0, end: 0 } as BoundExpression['span'];
export const column = (index: number, type: SqlType): BoundExpression => ({
  kind: 'column',
  index,
  name: `c${index}`,
  type,
  span: SPAN,
});
export const call = (name: string, args: BoundExpression[], type: SqlType): BoundExpression => ({
  kind: 'call',
  function: name,
  args,
  type,
  span: SPAN,
});

/** left.x < right.y */
export const X_BELOW_Y = call('<', [column(2, DOUBLE), column(3, BIGINT)], BOOLEAN);

/** What one record brings about: a row that comes, goes or changes (two changes, one batch). */
export interface Event {
  readonly side: 0 | 1;
  readonly changes: readonly Change[];
}

export class Run {
  readonly node: JoinNode;
  readonly recorder: ChangeRecorder;
  operator: JoinOperator;

  constructor(options: Options) {
    this.node = joinNode(options);
    this.recorder = new ChangeRecorder(this.node.schema);
    this.operator = new JoinOperator(this.node, this.recorder);
  }

  push(side: 0 | 1, changes: readonly Change[], gaps = false): this {
    return this.pushAt(0, side, changes, gaps);
  }

  /** Rows that were read at a time. */
  pushAt(ms: number, side: 0 | 1, changes: readonly Change[], gaps = false): this {
    const { schema } = side === 0 ? this.node.left : this.node.right;
    const batch = changeBatch(schema, changes, gaps);
    batch.header.ingestTimeMs = ms;
    this.operator.process(side, batch);
    return this;
  }

  /** Runs of one side, at least `size` changes each where there are so many. */
  pushAll(events: readonly Event[], size: number): this {
    let at = 0;
    while (at < events.length) {
      const { side } = events[at]!;
      const changes: Change[] = [];
      while (at < events.length && events[at]!.side === side && changes.length < size) {
        changes.push(...events[at]!.changes);
        at += 1;
      }
      this.push(side, changes, size % 2 === 1);
    }
    return this;
  }

  restore(): this {
    this.operator = restored(this.operator, new JoinOperator(this.node, this.recorder));
    return this;
  }
}
