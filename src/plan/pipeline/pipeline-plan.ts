/**
 * The pipeline plan: a DAG of physical operators as plain data. Printed by EXPLAIN, signed into
 * snapshots, posted to workers, instantiated by runtime/pipeline. Expressions are evaluated in
 * `calc` nodes only; every other operator works on column numbers of its input's schema.
 *
 * Every node has an id that is stable under changes of alias, sink, batch size and worker count,
 * and stateful nodes a signature (keys, aggregates, types, window, format version).
 */
import { assertNever } from '../../base/assert.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import type { BoundExpression } from '../expression/expression.js';
import type { FrameSpec, WindowSpec } from '../window-spec.js';
import type { LogicalQuery } from '../logical/logical-plan.js';
import type { Schema, SystemColumn, TableDefinition } from '../schema.js';

/** What rows on an edge mean: only +I; rows that replace by key; explicit −U +U −D. */
export type ChangelogMode = 'append' | 'upsert' | 'retract';

interface NodeBase {
  readonly id: string;
  readonly schema: Schema;
  readonly mode: ChangelogMode;
}

export type PipelineNode =
  | ScanNode
  | CalcNode
  | WatermarkNode
  | AggregateNode
  | WindowAggregateNode
  | WindowColumnsNode
  | RowsWindowNode
  | OverNode
  | TopNNode
  | JoinNode
  | SortNode
  | LimitNode
  | UnionNode
  | FinalNode
  | WatermarkDelayNode
  | ExchangeNode;

/** Output: the named physical columns, then the system columns. */
export interface ScanNode extends NodeBase {
  readonly kind: 'scan';
  readonly table: TableDefinition;
  /** Indexes into table.physical, in output order. */
  readonly physical: readonly number[];
  readonly system: readonly SystemColumn[];
}

/** WHERE, computed columns, projections, HAVING: rows where `filter` is true, then projections. */
export interface CalcNode extends NodeBase {
  readonly kind: 'calc';
  readonly input: PipelineNode;
  readonly filter: BoundExpression | null;
  readonly projections: readonly BoundExpression[];
  /**
   * Projections evaluated for rows that the filter rejects, too: the event time, when the next
   * node is a watermark. A rejected row whose event time fails is a failed record.
   */
  readonly evaluateRejected: readonly number[];
}

/**
 * Assigns watermarks per source split from an event-time column. Sits directly behind the calc
 * that follows the scan; sees rejected rows (they count), not failed ones. NULL is a data error.
 */
export interface WatermarkNode extends NodeBase {
  readonly kind: 'watermark';
  readonly input: PipelineNode;
  readonly column: number;
  readonly boundMs: number;
  /** No WATERMARK declares the column: the bound of 60 seconds is the planner's. */
  readonly assumed: boolean;
  /** 0: off. */
  readonly idleTimeoutMs: number;
}

export interface AggregateCall {
  /** Registry name of the aggregate: COUNT, SUM, … ; COUNT(*) has no args. */
  readonly function: string;
  /** Column numbers of the input. */
  readonly args: readonly number[];
  readonly argTypes: readonly SqlType[];
  /** Literal arguments: separator of LISTAGG, fraction of PERCENTILE_CONT. */
  readonly literals: readonly SqlValue[];
  /** BOOLEAN input column of FILTER (WHERE …), or null. */
  readonly filter: number | null;
  readonly distinct: boolean;
  /** ORDER BY inside the call or WITHIN GROUP: input columns. */
  readonly orderBy: readonly SortKey[];
  readonly type: SqlType;
  /**
   * The restore that it counts from (its number), where groups are older than the call; absent: it
   * has counted all rows of its groups.
   */
  readonly since?: number;
}
export interface SortKey {
  readonly column: number;
  readonly type: SqlType;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/**
 * How long state that nothing touches is kept: what has not been updated for so long is never seen
 * again. 'processing' counts the time at which rows were read, 'event' that of their watermark.
 */
export interface StateTtl {
  readonly ms: number;
  readonly time: 'processing' | 'event';
}

/** GROUP BY without a window. Output: keys, then aggregates. No keys: one group. */
export interface AggregateNode extends NodeBase {
  readonly kind: 'aggregate';
  readonly input: PipelineNode;
  readonly keys: readonly number[];
  readonly aggregates: readonly AggregateCall[];
  /**
   * 'changes': one row per input record, the new state (+I/+U, mode upsert);
   * 'retract': the same with −U before +U and −D (mode retract);
   * 'final': one row per group at the end of input (mode append).
   */
  readonly emission: 'changes' | 'retract' | 'final';
  /** SELECT DISTINCT: keys only, and 'changes' gives a row for each new group only (append). */
  readonly distinct: boolean;
  /** Null: groups are kept for good, as 'final' keeps them in any case. */
  readonly ttl: StateTtl | null;
  readonly signature: string;
}

export interface LatePolicy {
  readonly strategy: 'drop' | 'dead-letter' | 'process-with-warning' | 'process-all';
  /** How long behind its end a closed window is held and corrected. */
  readonly allowedLatenessMs: number;
}

/** Output: keys, window_start, window_end (TIMESTAMP), then aggregates. */
export interface WindowAggregateNode extends NodeBase {
  readonly kind: 'window-aggregate';
  readonly input: PipelineNode;
  readonly window: WindowSpec;
  /** Input column with the event time: TIMESTAMP, or BIGINT ms. */
  readonly timeColumn: number;
  readonly keys: readonly number[];
  readonly aggregates: readonly AggregateCall[];
  readonly emission: 'final' | 'snapshot' | 'delta';
  readonly late: LatePolicy;
  /** SET 'emit.flush' = 'false' leaves open windows unemitted at the end of input. */
  readonly flush: boolean;
  readonly signature: string;
}

/** A window table function without GROUP BY: the input's columns, window_start, window_end, window_time. */
export interface WindowColumnsNode extends NodeBase {
  readonly kind: 'window-columns';
  readonly input: PipelineNode;
  readonly window: WindowSpec;
  readonly timeColumn: number;
  /** Of a query that closes the windows: late records are left out of them. Null: all pass. */
  readonly late: LatePolicy | null;
}

/** An aggregate, or ROW_NUMBER, RANK, LAG …; literals: LAG offset and default, NTILE n, NTH_VALUE n. */
export interface WindowCall extends AggregateCall {
  readonly frame: FrameSpec | null;
}
/** ROWS WINDOW BUFFER n ROWS. Output: the input's columns, then one per call. */
export interface RowsWindowNode extends NodeBase {
  readonly kind: 'rows-window';
  readonly input: PipelineNode;
  readonly bufferRows: number;
  readonly partitionBy: readonly number[];
  readonly orderBy: readonly SortKey[];
  readonly calls: readonly WindowCall[];
  readonly emit: 'every-record' | 'buffer-full';
  /** Event-time column for expiry, with the inactivity that expires a buffer; null = never. */
  readonly expiry: { readonly column: number; readonly inactivityMs: number } | null;
  /** Of buffers that no row comes to; null: they are kept for good. */
  readonly ttl: StateTtl | null;
  readonly signature: string;
}

/** Standard OVER ordered by the time attribute: holds rows until the watermark. Output as rows-window. */
export interface OverNode extends NodeBase {
  readonly kind: 'over';
  readonly input: PipelineNode;
  readonly partitionBy: readonly number[];
  readonly timeColumn: number;
  /** Order of rows of one time whose arrival says nothing (tie-order.ts); empty: by arrival. */
  readonly ties: readonly SortKey[];
  readonly calls: readonly WindowCall[];
  readonly late: LatePolicy;
  readonly signature: string;
}

/** ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) <= n. Output: the input's columns, row number (if named). */
export interface TopNNode extends NodeBase {
  readonly kind: 'top-n';
  readonly input: PipelineNode;
  readonly partitionBy: readonly number[];
  readonly orderBy: readonly SortKey[];
  readonly limit: number;
  readonly rankColumn: boolean;
  /** Of partitions whose first n rows stay as they are; null: they are kept for good. */
  readonly ttl: StateTtl | null;
  readonly signature: string;
}

/** Regular equi-join of two streams. Output: left columns, right columns. */
export interface JoinNode extends NodeBase {
  readonly kind: 'join';
  readonly type: 'inner' | 'left' | 'right' | 'full';
  readonly left: PipelineNode;
  readonly right: PipelineNode;
  readonly leftKeys: readonly number[];
  readonly rightKeys: readonly number[];
  /** Residual condition over left columns, right columns. */
  readonly condition: BoundExpression | null;
  /** Of the left rows and the right ones, both of one time; null: they are kept for good. */
  readonly ttls: readonly [StateTtl | null, StateTtl | null];
  readonly signature: string;
}

/** ORDER BY [LIMIT] of a bounded input: emits at the end of input. */
export interface SortNode extends NodeBase {
  readonly kind: 'sort';
  readonly input: PipelineNode;
  readonly keys: readonly SortKey[];
  readonly limit: number | null;
  /** Sort each window's rows when its watermark passes instead (column of window_end), or null. */
  readonly windowEnd: number | null;
  /** Only rows that agree in these need to be in order: V2 sorts them partition by partition. */
  readonly partitionBy: readonly number[];
  readonly signature: string;
}

/** LIMIT n of all rows of its input, which nobody reads any further then. */
export interface LimitNode extends NodeBase {
  readonly kind: 'limit';
  readonly input: PipelineNode;
  readonly count: number;
  /**
   * 'passing': rows pass as they come, and one that is taken back gives its place up;
   * 'standing': rows are held until n of them stand, 'final': until the input ends (mode append).
   */
  readonly counts: 'passing' | 'standing' | 'final';
  /** Ids of the scans whose rows only this LIMIT reads. */
  readonly scans: readonly string[];
  /** Its rows are the query's. */
  readonly endsQuery: boolean;
}

export interface UnionNode extends NodeBase {
  readonly kind: 'union';
  readonly inputs: readonly PipelineNode[];
}

/** EMIT FINAL: keeps the rows of its input and emits those that stand when nothing changes them any more. */
export interface FinalNode extends NodeBase {
  readonly kind: 'final';
  readonly input: PipelineNode;
  /** Column with the end of the window whose rows are final behind it; null: at the end of input. */
  readonly windowEnd: number | null;
  /** How long behind its end a window may still change. */
  readonly latenessMs: number;
  /**
   * The columns that decide the partition of a row: the first list that is not all NULL counts
   * (of a full join either side's).
   */
  readonly keys: readonly (readonly number[])[];
  readonly signature: string;
}

/** Watermarks of a column that lags behind the one they are of: window_start behind window_end. */
export interface WatermarkDelayNode extends NodeBase {
  readonly kind: 'watermark-delay';
  readonly input: PipelineNode;
  readonly delayMs: number;
}

/**
 * Where rows of another fragment arrive on V2: a leaf that stands for what the sender runs. Only
 * plan/fragments/fragments makes these; a plan as the planner leaves it has none.
 */
export interface ExchangeNode extends NodeBase {
  readonly kind: 'exchange';
  /** Number of the edge that feeds it. */
  readonly edge: number;
}

/** One query of the file: its operators and where its rows go. */
export interface QueryPlan {
  /** Stable id: query-1, query-2 … or the sink's name. */
  readonly id: string;
  readonly root: PipelineNode;
  readonly sink: SinkPlan;
  /** Whether the result carries the changelog's op column to the sink (--changelog). */
  readonly changelog: boolean;
  readonly settings: QuerySettings;
}
export interface SinkPlan {
  /** The declared sink table, or null for stdout. */
  readonly table: TableDefinition | null;
  readonly schema: Schema;
  /** Column numbers of the upsert key (PRIMARY KEY or grouping columns); empty = none. */
  readonly keyColumns: readonly number[];
}
export interface QuerySettings {
  /** Physical rows per batch at most; null = default (4096). */
  readonly batchSize: number | null;
  /** The known annotations above the query, by key without '@'. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface JobPlan {
  readonly queries: readonly QueryPlan[];
  /** What the queries were built from, in their order: EXPLAIN's logical stage. */
  readonly logical: readonly LogicalQuery[];
  /** Warnings to show: unknown annotations, assumed watermark bounds … */
  readonly warnings: readonly string[];
}

/** The scans below a node, or itself. */
export function scansOf(node: PipelineNode): readonly ScanNode[] {
  const found: ScanNode[] = [];
  findScans(node, found);
  return found;
}

function findScans(node: PipelineNode, found: ScanNode[]): void {
  if (node.kind === 'scan') found.push(node);
  for (const input of pipelineInputs(node)) findScans(input, found);
}

/** The nodes of a query that reckon watermarks. */
export function watermarksOf(node: PipelineNode): readonly WatermarkNode[] {
  const own = node.kind === 'watermark' ? [node] : [];
  return [...own, ...pipelineInputs(node).flatMap(watermarksOf)];
}

/** The nodes whose rows a node reads, in input order. */
export function pipelineInputs(node: PipelineNode): readonly PipelineNode[] {
  switch (node.kind) {
    case 'scan':
    case 'exchange':
      return [];
    case 'join':
      return [node.left, node.right];
    case 'union':
      return node.inputs;
    case 'calc':
    case 'watermark':
    case 'aggregate':
    case 'window-aggregate':
    case 'window-columns':
    case 'rows-window':
    case 'over':
    case 'top-n':
    case 'sort':
    case 'limit':
    case 'final':
    case 'watermark-delay':
      return [node.input];
    default:
      return assertNever(node);
  }
}

/** By input, how long a node keeps state of its rows; null: for good. */
export function ttlsOf(node: PipelineNode): readonly (StateTtl | null)[] {
  if (node.kind === 'join') return node.ttls;
  return 'ttl' in node ? [node.ttl] : [];
}

/** Whether an operator of the query must know how far event time is at each of its rows, late or not. */
export function needsEveryRowWatermark(root: PipelineNode): boolean {
  if (root.kind === 'window-aggregate' && root.window.kind === 'session') return true;
  if (ttlsOf(root).some((ttl) => ttl?.time === 'event')) return true;
  return pipelineInputs(root).some(needsEveryRowWatermark);
}

/** What the operators of a query do with late records. */
export function lateStrategiesOf(root: PipelineNode): readonly LatePolicy['strategy'][] {
  const own = root.kind === 'window-aggregate' || root.kind === 'over' ? [root.late.strategy] : [];
  return [...own, ...pipelineInputs(root).flatMap(lateStrategiesOf)];
}
