/**
 * The logical plan: the relational form of a bound query, as plain data. Operators hold
 * expressions where SQL has them; how rows are emitted, where watermarks sit and which columns are
 * materialised is the pipeline plan's business (pipeline-builder.ts).
 *
 * A table in FROM is a scan of all its physical and system columns below a project of its declared
 * columns; the optimizer prunes what nobody reads.
 */
import { assertNever } from '../../base/assert.js';
import type { Span } from '../../base/span.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import type { BoundExpression } from '../expression/expression.js';
import type { FrameSpec, WindowSpec } from '../window-spec.js';
import type { Schema, TableDefinition } from '../schema.js';

export type LogicalNode =
  | LogicalScan
  | LogicalFilter
  | LogicalProject
  | LogicalAggregate
  | LogicalWindowAggregate
  | LogicalWindowColumns
  | LogicalRowsWindow
  | LogicalOver
  | LogicalTopN
  | LogicalJoin
  | LogicalSort
  | LogicalLimit
  | LogicalUnion
  | LogicalFinal;

interface LogicalBase {
  readonly schema: Schema;
  /** The text that asked for the operator, for faults found later. */
  readonly span: Span;
}

/** Output: all physical columns of the table, then SYSTEM_COLUMNS. */
export interface LogicalScan extends LogicalBase {
  readonly kind: 'scan';
  readonly table: TableDefinition;
  /**
   * Physical columns that the query's text names: they are decoded and checked even when no
   * operator reads them. Grows until the query is bound.
   */
  readonly named: readonly number[];
}
export interface LogicalFilter extends LogicalBase {
  readonly kind: 'filter';
  readonly input: LogicalNode;
  readonly condition: BoundExpression;
}
export interface LogicalProject extends LogicalBase {
  readonly kind: 'project';
  readonly input: LogicalNode;
  readonly expressions: readonly BoundExpression[];
}
export interface LogicalSortKey {
  readonly expression: BoundExpression;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}
export interface LogicalAggregateCall {
  readonly function: string;
  readonly args: readonly BoundExpression[];
  readonly literals: readonly SqlValue[];
  readonly filter: BoundExpression | null;
  readonly distinct: boolean;
  readonly orderBy: readonly LogicalSortKey[];
  readonly type: SqlType;
  readonly span: Span;
}
/** Output: keys, aggregates. `distinct`: SELECT DISTINCT, no aggregates. */
export interface LogicalAggregate extends LogicalBase {
  readonly kind: 'aggregate';
  readonly input: LogicalNode;
  readonly keys: readonly BoundExpression[];
  readonly aggregates: readonly LogicalAggregateCall[];
  readonly distinct: boolean;
  /** What a hint says of its input; absent: nothing. */
  readonly ttlMs?: number;
}
/** Output: keys, window_start, window_end, aggregates. */
export interface LogicalWindowAggregate extends LogicalBase {
  readonly kind: 'window-aggregate';
  readonly input: LogicalNode;
  readonly window: WindowSpec;
  readonly time: BoundExpression;
  readonly keys: readonly BoundExpression[];
  readonly aggregates: readonly LogicalAggregateCall[];
}
/** Output: the input's columns, window_start, window_end, window_time. */
export interface LogicalWindowColumns extends LogicalBase {
  readonly kind: 'window-columns';
  readonly input: LogicalNode;
  readonly window: WindowSpec;
  readonly time: BoundExpression;
  /** PARTITION BY of the SESSION table function. */
  readonly partitionBy: readonly BoundExpression[];
  /** Something above closes the windows: records that come behind that are late for them. */
  readonly closes: boolean;
}
/** An aggregate or ROW_NUMBER, RANK, LAG …, which have no filter, no DISTINCT and no order. */
export interface LogicalWindowCall extends LogicalAggregateCall {
  readonly frame: FrameSpec | null;
}
/** ROWS WINDOW BUFFER. Output: the input's columns, then one per call. */
export interface LogicalRowsWindow extends LogicalBase {
  readonly kind: 'rows-window';
  readonly input: LogicalNode;
  readonly bufferRows: number;
  readonly partitionBy: readonly BoundExpression[];
  readonly orderBy: readonly LogicalSortKey[];
  readonly calls: readonly LogicalWindowCall[];
  readonly emit: 'every-record' | 'buffer-full';
  readonly expiry: { readonly time: BoundExpression; readonly inactivityMs: number } | null;
}
/** Standard OVER. Output: the input's columns, then one per call. */
export interface LogicalOver extends LogicalBase {
  readonly kind: 'over';
  readonly input: LogicalNode;
  readonly partitionBy: readonly BoundExpression[];
  readonly orderBy: readonly LogicalSortKey[];
  readonly calls: readonly LogicalWindowCall[];
}
/** Output: the input's columns, then the row number when `rankColumn`. */
export interface LogicalTopN extends LogicalBase {
  readonly kind: 'top-n';
  readonly input: LogicalNode;
  readonly partitionBy: readonly BoundExpression[];
  readonly orderBy: readonly LogicalSortKey[];
  readonly limit: number;
  readonly rankColumn: boolean;
}
/** Output: left columns, right columns. `condition` null: cross join. */
export interface LogicalJoin extends LogicalBase {
  readonly kind: 'join';
  readonly type: 'inner' | 'left' | 'right' | 'full';
  readonly left: LogicalNode;
  readonly right: LogicalNode;
  readonly condition: BoundExpression | null;
  /** What a hint says of the left rows and of the right ones; absent or null: nothing. */
  readonly ttlsMs?: readonly [number | null, number | null];
}
export interface LogicalSort extends LogicalBase {
  readonly kind: 'sort';
  readonly input: LogicalNode;
  readonly keys: readonly LogicalSortKey[];
  readonly limit: number | null;
  /** End of the window whose rows are sorted, when the input is unbounded; set by the optimizer. */
  readonly windowEnd: BoundExpression | null;
  /** Only rows that agree in these need to be in order; none: all. */
  readonly partitionBy: readonly BoundExpression[];
}
export interface LogicalLimit extends LogicalBase {
  readonly kind: 'limit';
  readonly input: LogicalNode;
  readonly count: number;
}
export interface LogicalUnion extends LogicalBase {
  readonly kind: 'union';
  readonly inputs: readonly LogicalNode[];
}
/** The rows of the input that are not taken back; final-rows.ts. */
export interface LogicalFinal extends LogicalBase {
  readonly kind: 'final';
  readonly input: LogicalNode;
  /** End of the window whose rows are final behind it; null: they are at the end of input. */
  readonly windowEnd: BoundExpression | null;
}

/** EMIT as written on the outermost SELECT, or null. */
export interface LogicalEmit {
  readonly mode: 'changes' | 'final';
  readonly span: Span;
}

/** One query of the file before it is a pipeline. */
export interface LogicalQuery {
  readonly id: string;
  /** Output: the columns that go to the sink. */
  readonly root: LogicalNode;
  readonly emit: LogicalEmit | null;
  /** Name of the sink table, or null for stdout. */
  readonly sink: string | null;
}

export function logicalInputs(node: LogicalNode): readonly LogicalNode[] {
  switch (node.kind) {
    case 'scan':
      return [];
    case 'join':
      return [node.left, node.right];
    case 'union':
      return node.inputs;
    case 'filter':
    case 'project':
    case 'aggregate':
    case 'window-aggregate':
    case 'window-columns':
    case 'rows-window':
    case 'over':
    case 'top-n':
    case 'sort':
    case 'limit':
    case 'final':
      return [node.input];
    default:
      return assertNever(node);
  }
}

/** Whether every source of the relation ends. */
export function isBounded(node: LogicalNode): boolean {
  if (node.kind === 'scan') return node.table.bounded;
  // Its input ends when it is met.
  if (node.kind === 'limit') return true;
  return logicalInputs(node).every(isBounded);
}

/** What to do about an input that never ends: `ways`, and to end it where somebody knows how. */
export function endHint(node: LogicalNode, ways: readonly string[]): string {
  const table = endlessTable(node);
  const known =
    table?.endHint === undefined ? [] : [`give "${table.name}" an end: ${table.endHint}`];
  const all = [...ways, ...known];
  return [...all.slice(0, -1), all.length > 1 ? `or ${all.at(-1)}` : all.at(-1)].join(', ');
}

/** The first table below a node that never ends. */
function endlessTable(node: LogicalNode): TableDefinition | null {
  if (node.kind === 'scan') return node.table.bounded ? null : node.table;
  for (const input of logicalInputs(node)) {
    const found = endlessTable(input);
    if (found !== null) return found;
  }
  return null;
}

/** The node over other inputs. */
export function mapInputs(
  node: LogicalNode,
  map: (input: LogicalNode) => LogicalNode,
): LogicalNode {
  switch (node.kind) {
    case 'scan':
      return node;
    case 'join':
      return { ...node, left: map(node.left), right: map(node.right) };
    case 'union':
      return { ...node, inputs: node.inputs.map(map) };
    default:
      return { ...node, input: map(node.input) };
  }
}
