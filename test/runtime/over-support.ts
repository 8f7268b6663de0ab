/**
 * Runs OVER behind a watermark of one source partition, with restores; and the oracle of its calls,
 * which sorts all rows and walks every frame.
 */
import {
  BIGINT,
  BOOLEAN,
  decimalType,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import type {
  LatePolicy,
  OverNode,
  WatermarkNode,
  WindowCall,
} from '../../src/plan/pipeline/pipeline-plan.js';
import type { FrameSpec } from '../../src/plan/window-spec.js';
import { OverOperator } from '../../src/runtime/operators/over/over.js';
import { WatermarkOperator } from '../../src/runtime/operators/watermark.js';
import { evaluateAggregate } from '../../src/state/naive-aggregates.js';
import { ChangeRecorder, changeBatch, inputNode, insert, parts } from './changelog-support.js';
import type { Row } from './changelog-support.js';
import { restoreInto, snapshotOf } from './stream-support.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

export const DECIMAL = decimalType(12, 2);
export const INPUT = [
  { name: 'ts', type: TIMESTAMP },
  { name: 'k', type: VARCHAR },
  { name: 'b', type: BIGINT },
  { name: 'd', type: DOUBLE },
  { name: 's', type: VARCHAR },
  { name: 'm', type: DECIMAL },
  { name: 'f', type: BOOLEAN },
];
export const [K, B, D, S, M, F] = [1, 2, 3, 4, 5, 6] as const;

export const rows = (preceding: number, following = 0): FrameSpec => ({
  unit: 'rows',
  preceding,
  following,
  exact: null,
});
export const range = (preceding: number, following = 0): FrameSpec => ({
  unit: 'range',
  preceding,
  following,
  exact: null,
});
export const ALL_BEFORE = Infinity;

interface CallOptions extends Partial<WindowCall> {
  readonly arg?: number;
}
export function call(name: string, type: SqlType, options: CallOptions = {}): WindowCall {
  const { arg, ...more } = options;
  return {
    function: name,
    args: arg === undefined ? [] : [arg],
    argTypes: arg === undefined ? [] : [INPUT[arg]!.type],
    literals: [],
    filter: null,
    distinct: false,
    orderBy: [],
    frame: null,
    type,
    ...more,
  };
}

export const DROP: LatePolicy = { strategy: 'drop', allowedLatenessMs: 0 };

export function overNode(calls: readonly WindowCall[], more: Partial<OverNode> = {}): OverNode {
  const scan = { ...inputNode<object>(INPUT), table: { name: 't', bounded: true } };
  return {
    kind: 'over',
    id: 'over-1',
    input: scan as OverNode['input'],
    partitionBy: [K],
    timeColumn: 0,
    ties: [],
    calls,
    late: DROP,
    signature: '',
    schema: [...INPUT, ...calls.map((each, at) => ({ name: `r${at}`, type: each.type }))],
    mode: 'append',
    ...more,
  };
}

/** A watermark and OVER, one source partition. */
export class Run {
  readonly recorder: ChangeRecorder;
  readonly node: OverNode;
  operator: OverOperator;
  private readonly boundMs: number;
  private source: WatermarkOperator;

  constructor(node: OverNode, boundMs: number) {
    this.node = node;
    this.boundMs = boundMs;
    this.recorder = new ChangeRecorder(node.schema);
    this.operator = new OverOperator(node, this.recorder);
    this.source = this.newSource();
    this.source.setSplits([0]);
  }

  private newSource(): WatermarkOperator {
    const node = { id: 'watermark', column: 0, boundMs: this.boundMs } as WatermarkNode;
    return new WatermarkOperator(node, {
      output: {
        emit: (batch) => this.operator.process(0, batch),
        watermark: (watermarkMs) => this.operator.watermark(0, watermarkMs),
      },
      errors: this.recorder.errors,
      late: this.recorder.late,
      counters: this.recorder.counters,
      flow: AT_ONCE,
      limitReached: this.recorder.limitReached,
    });
  }

  push(records: readonly Row[], size = 4096): this {
    for (const part of parts(records, size)) {
      this.source.process(
        0,
        changeBatch(
          INPUT,
          part.map((row) => insert(...row)),
          size === 7,
        ),
      );
    }
    return this;
  }

  restore(): this {
    const state = snapshotOf(this.operator);
    const sourceState = snapshotOf(this.source);
    this.operator = new OverOperator(this.node, this.recorder);
    restoreInto(this.operator, state);
    this.source = this.newSource();
    restoreInto(this.source, sourceState);
    this.source.setSplits([0]);
    return this;
  }

  end(flush = true): readonly Row[] {
    this.operator.end(0, flush);
    return this.recorder.rows;
  }
}

/** Rows that are not late, by time, ties by arrival. */
function timely(records: readonly Row[], boundMs: number): Row[] {
  let highest = -Infinity;
  const kept = records.filter(([time]) => {
    const isTimely = Number(time) >= highest - boundMs;
    highest = Math.max(highest, Number(time));
    return isTimely;
  });
  return kept.toSorted((a, b) => Number(a[0]) - Number(b[0]));
}

/** The value of a call for the row at `at` of its sorted partition. */
function expectedValue(each: WindowCall, members: readonly Row[], at: number): unknown {
  const time = (index: number): number => Number(members[index]![0]);
  const argument = (row: Row | undefined): SqlValue => row?.[each.args[0]!] ?? null;
  const isPeer = (row: Row): boolean => row[0] === members[at]![0];
  const peerStart = members.findIndex(isPeer);
  const number = Number(each.literals[0] ?? 1n);
  const frame = each.frame ?? range(ALL_BEFORE);
  const framed = members.filter((_, index) => {
    if (frame.unit === 'rows')
      return index >= at - frame.preceding && index <= at + frame.following;
    return time(index) >= time(at) - frame.preceding && time(index) <= time(at) + frame.following;
  });
  switch (each.function) {
    case 'ROW_NUMBER':
      return BigInt(at + 1);
    case 'RANK':
      return BigInt(peerStart + 1);
    case 'DENSE_RANK':
      return BigInt(new Set(members.slice(0, at + 1).map(([ts]) => ts)).size);
    case 'PERCENT_RANK':
      return members.length === 1 ? 0 : peerStart / (members.length - 1);
    case 'CUME_DIST':
      return (members.findLastIndex(isPeer) + 1) / members.length;
    case 'NTILE': {
      const sizes = Array.from(
        { length: number },
        (_, tile) => Math.floor(members.length / number) + (tile < members.length % number ? 1 : 0),
      );
      let tile = 0;
      for (let left = at; left >= sizes[tile]!; tile += 1) left -= sizes[tile]!;
      return BigInt(tile + 1);
    }
    case 'LAG':
    case 'LEAD': {
      const other = members[each.function === 'LAG' ? at - number : at + number];
      return other === undefined ? (each.literals[1] ?? null) : argument(other);
    }
    case 'FIRST_VALUE':
      return argument(framed[0]);
    case 'LAST_VALUE':
      return argument(framed.at(-1));
    case 'NTH_VALUE':
      return argument(framed[number - 1]);
    default:
      return evaluateAggregate({ ...each, orderBy: [] }, framed);
  }
}

export function oracle(node: OverNode, records: readonly Row[], boundMs: number): unknown[][] {
  const sorted = timely(records, boundMs);
  const partitions = new Map<SqlValue, Row[]>();
  const nameOf = (row: Row): SqlValue => (node.partitionBy.length === 0 ? null : row[K]!);
  for (const row of sorted) {
    partitions.set(nameOf(row), [...(partitions.get(nameOf(row)) ?? []), row]);
  }
  return sorted.map((row) => {
    const members = partitions.get(nameOf(row))!;
    const at = members.indexOf(row);
    return [...row, ...node.calls.map((each) => expectedValue(each, members, at))];
  });
}
