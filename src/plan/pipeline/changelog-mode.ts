/**
 * Changelog modes: what the rows on an edge mean and which operator can consume which. Owns the
 * table of modes, what GROUP BY emits for which consumer, and the faults of EMIT and ORDER BY that
 * follow from the input. The pipeline builder asks; nothing here walks a plan.
 */
import { typeText } from '../../columnar/types.js';
import { aggregateFunction } from '../../functions/function-registry.js';
import type { FaultCollector } from '../faults.js';
import { endHint } from '../logical/logical-plan.js';
import type { LogicalAggregate, LogicalEmit, LogicalNode } from '../logical/logical-plan.js';
import type { AggregateNode, ChangelogMode, WindowAggregateNode } from './pipeline-plan.js';

/** Who reads an operator's rows, as far as it decides what the operator emits. */
export type Consumer =
  /** The sink, perhaps behind filters and projections: EMIT decides. */
  | 'sink'
  /** An operator that keeps state: it needs every change. */
  | 'stateful'
  /** An operator that looks at its input only when it ended: final rows are enough. */
  | 'at-end';

export interface EmissionContext {
  readonly faults: FaultCollector;
  readonly emit: LogicalEmit | null;
  /** ORDER BY or LIMIT on the outermost SELECT. */
  readonly isOrderedOrLimited: boolean;
  readonly changelog: boolean;
  readonly bounded: boolean;
}

/** What a GROUP BY without window emits. Reports EMIT FINAL over an input that never ends. */
export function aggregateEmission(
  context: EmissionContext,
  node: LogicalAggregate,
  consumer: Consumer,
): AggregateNode['emission'] {
  if (consumer === 'at-end') return 'final';
  const { emit, bounded, faults } = context;
  // Nothing leaves the query before its input ends: its operators may wait for final rows too.
  if (consumer === 'stateful') return emit?.mode === 'final' && bounded ? 'final' : 'retract';
  const meansFinal = emit === null && context.isOrderedOrLimited && !node.distinct;
  if (emit?.mode === 'final' || meansFinal) {
    if (bounded) return 'final';
    faults.fail('EMIT_INVALID', {
      message: meansFinal
        ? 'GROUP BY with ORDER BY or LIMIT means EMIT FINAL, and its unbounded input never ends'
        : 'EMIT FINAL without WINDOW needs a bounded input: on an unbounded input no group is ever final',
      span: emit?.span ?? node.span,
      hint: endHint(node, ['add a WINDOW', 'write EMIT CHANGES']),
    });
  }
  return context.changelog ? 'retract' : 'changes';
}

export function aggregateMode(
  node: LogicalAggregate,
  emission: AggregateNode['emission'],
  input: ChangelogMode,
): ChangelogMode {
  if (emission === 'final') return 'append';
  if (node.distinct && input === 'append') return 'append';
  return emission === 'retract' ? 'retract' : 'upsert';
}

export function windowMode(
  emission: WindowAggregateNode['emission'],
  allowedLatenessMs: number,
): ChangelogMode {
  return emission === 'final' && allowedLatenessMs === 0 ? 'append' : 'upsert';
}

const ACCEPTED: Readonly<Record<LogicalNode['kind'], readonly ChangelogMode[]>> = {
  scan: [],
  filter: ['append', 'upsert', 'retract'],
  project: ['append', 'upsert', 'retract'],
  limit: ['append', 'upsert', 'retract'],
  union: ['append', 'upsert', 'retract'],
  aggregate: ['append', 'retract'],
  join: ['append', 'retract'],
  sort: ['append', 'retract'],
  'window-aggregate': ['append'],
  'window-columns': ['append', 'upsert', 'retract'],
  'rows-window': ['append'],
  over: ['append'],
  'top-n': ['append', 'retract'],
  final: ['append', 'retract'],
};

const OPERATOR_NAMES: Readonly<Record<LogicalNode['kind'], string>> = {
  scan: 'a table',
  filter: 'a filter',
  project: 'a projection',
  limit: 'LIMIT',
  union: 'UNION',
  aggregate: 'GROUP BY',
  join: 'a join',
  sort: 'ORDER BY',
  'window-aggregate': 'a time window',
  'window-columns': 'a window table function',
  'rows-window': 'ROWS WINDOW',
  over: 'OVER',
  'top-n': 'Top-N',
  final: 'EMIT FINAL',
};

/** As messages name it. */
export function operatorName(kind: LogicalNode['kind']): string {
  return OPERATOR_NAMES[kind];
}

const MODE_NAMES: Readonly<Record<ChangelogMode, string>> = {
  append: 'rows that are only added',
  upsert: 'rows that replace earlier ones',
  retract: 'rows that are taken back',
};

/** Reports an operator that cannot consume what its input emits. */
export function requireMode(faults: FaultCollector, node: LogicalNode, given: ChangelogMode): void {
  if (ACCEPTED[node.kind].includes(given)) return;
  const wanted = ACCEPTED[node.kind].map((mode) => MODE_NAMES[mode]).join(' or ');
  faults.fail('CHANGELOG_MODE', {
    message: `${OPERATOR_NAMES[node.kind]} cannot consume ${MODE_NAMES[given]}`,
    span: node.span,
    detail: `it needs ${wanted}`,
    hint: 'group its input with a WINDOW, whose rows are final',
  });
}

/** Reports aggregates that a −row cannot be taken out of. */
export function requireRetractable(
  faults: FaultCollector,
  node: LogicalAggregate,
  given: ChangelogMode,
): void {
  if (given !== 'retract') return;
  for (const call of node.aggregates) {
    if (aggregateFunction(call.function)?.retractable !== false) continue;
    const types = call.args.map(({ type }) => typeText(type)).join(', ');
    faults.fail('CHANGELOG_MODE', {
      message: `${call.function}(${types}) cannot consume ${MODE_NAMES.retract}`,
      span: call.span,
      hint: 'use an aggregate that does not depend on the order of rows',
    });
  }
}
