/**
 * How a query runs on V2: its pipeline plan cut into fragments at the places where rows move to
 * another partition. Plain data that is printed by EXPLAIN and posted to workers; plan/fragments/fragments
 * makes it.
 *
 *   level 0   source fragments: scan … stateless nodes, run by every worker on the blocks it takes
 *   level 1   stateful fragments, one instance per partition (parallel) or one on partition 0
 *   level 2   at most one global fragment, one instance on worker 0
 */
import type { AggregateNode, ChangelogMode, PipelineNode } from '../pipeline/pipeline-plan.js';
import type { ScanNode, WindowAggregateNode } from '../pipeline/pipeline-plan.js';
import type { Schema } from '../schema.js';

export const PARTITIONING_STRATEGIES = [
  'hash',
  'sticky',
  'smart',
  'round-robin',
  'fan-in',
] as const;
export type PartitioningStrategy = (typeof PARTITIONING_STRATEGIES)[number];

/** Where an edge sends a row. */
export type Routing =
  /** By the hash of these columns of the edge's schema. */
  | { readonly kind: 'hash'; readonly keys: readonly number[] }
  /** Everything to partition 0. */
  | { readonly kind: 'single' }
  /** Sticky: partition = source split % partitions. */
  | { readonly kind: 'split' }
  /** Round-robin: partition = block sequence % partitions. */
  | { readonly kind: 'turn' };

/** What every worker runs on the blocks of one scan. */
export interface SourceFragment {
  readonly scan: ScanNode;
  /** The topmost node below the edge, or the query's root. */
  readonly root: PipelineNode;
  /** The edge that takes its rows; null: they go to the sink. */
  readonly edge: number | null;
  /** A LIMIT above may end the reading: it is read no more than one block beyond the last row. */
  readonly paced: boolean;
}

export interface ExchangeEdge {
  readonly index: number;
  /** 1: fed by a source fragment; 2: by a stateful one. */
  readonly level: 1 | 2;
  readonly schema: Schema;
  readonly mode: ChangelogMode;
  readonly routing: Routing;
  /** Index of the fragment that has this edge's ExchangeNode. */
  readonly fragment: number;
  /** Of the watermark node in the source fragment; null: it has none, or the edge is of level 2. */
  readonly watermark: { readonly boundMs: number; readonly idleTimeoutMs: number } | null;
  /** The edge's column that holds the watermark's event time; null: it is not there any more. */
  readonly eventTime: number | null;
  /** False under SET 'emit.flush' = 'false': splits that ended keep their last watermark. */
  readonly flush: boolean;
  /** The node above the edge whose groups the sender may build in part; null: rows are sent. */
  readonly partial: AggregateNode | WindowAggregateNode | null;
}

export interface StatefulFragment {
  readonly index: number;
  readonly level: 1 | 2;
  /** One instance per partition; false: one instance, on partition 0. */
  readonly parallel: boolean;
  /** Its leaves are ExchangeNodes. */
  readonly root: PipelineNode;
  /** The edge of level 2 that takes its rows; null: they go to the sink. */
  readonly target: number | null;
}

export interface FragmentPlan {
  /** In the order in which V1 reads the scans. */
  readonly sources: readonly SourceFragment[];
  readonly edges: readonly ExchangeEdge[];
  /** The global fragment, if there is one, is the last. */
  readonly fragments: readonly StatefulFragment[];
  /** Batches carry the watermark before each row, not only those with late rows: sessions. */
  readonly everyRowWatermark: boolean;
  readonly strategy: { readonly name: PartitioningStrategy; readonly reason: string };
}
