/**
 * V2 in EXPLAIN's words: the strategy of a query with its reason, where rows move to other
 * partitions, which groups the senders build in part, and what runs once instead of in each
 * partition. Says it of the operators of the uncut plan, by their ids.
 */
import { planFragments } from '../fragments/fragments.js';
import type {
  ExchangeEdge,
  FragmentPlan,
  PartitioningStrategy,
  StatefulFragment,
} from '../fragments/fragments.js';
import { pipelineInputs } from '../pipeline/pipeline-plan.js';
import type { ExchangeNode, PipelineNode, QueryPlan } from '../pipeline/pipeline-plan.js';

/** One exchange, as EXPLAIN's JSON has it. */
interface ExplainedExchange {
  /** Which input of the operator: a join has two. */
  readonly input: number;
  /** Key columns by name; null: not by key. */
  readonly by: readonly string[] | null;
  readonly routing: ExchangeEdge['routing']['kind'];
  /** Senders build groups in part. */
  readonly preAggregated: boolean;
}
/** What runs how on V2. */
export interface ExplainedPartitions {
  readonly strategy: FragmentPlan['strategy'];
  /** By the id of the operator that takes the rows. */
  readonly exchanges: Readonly<Record<string, readonly ExplainedExchange[]>>;
  /** Ids of the operators that run once, for all partitions. */
  readonly notParallel: readonly string[];
}

/** Throws ConfigError FLAG_INVALID when the strategy does not fit the query. */
export function explainPartitions(
  query: QueryPlan,
  strategy: PartitioningStrategy | null,
): ExplainedPartitions {
  const plan = planFragments(query, { strategy });
  const exchanges: Record<string, ExplainedExchange[]> = {};
  for (const { root } of plan.fragments) {
    for (const node of nodesOf(root)) {
      const found = pipelineInputs(node).flatMap((below, input) =>
        node.kind === 'union' ? [] : leavesOf(below).map((leaf) => explained(plan, leaf, input)),
      );
      if (found.length > 0) exchanges[node.id] = found;
    }
  }
  return { strategy: plan.strategy, exchanges, notParallel: plan.fragments.flatMap(runsOnce) };
}

/** One line: `strategy hash (keyed by name), not parallel: sort-1`. */
export function partitionsText(query: QueryPlan, explained: ExplainedPartitions): string {
  const { strategy, notParallel } = explained;
  const start = `${query.id}/`;
  const ids = notParallel.map((id) => (id.startsWith(start) ? id.slice(start.length) : id));
  const once = ids.length === 0 ? 'all parallel' : `not parallel: ${ids.join(', ')}`;
  return `on v2: strategy ${strategy.name} (${strategy.reason}), ${once}`;
}

/** How rows reach an operator; empty when they are there already. */
export function exchangeText(explained: ExplainedPartitions, node: PipelineNode): string {
  const exchanges = explained.exchanges[node.id] ?? [];
  const texts = exchanges.map((exchange) => {
    const side = node.kind === 'join' && exchanges.some(({ by }) => by !== null);
    return `${side ? (exchange.input === 0 ? 'left ' : 'right ') : ''}${routeText(exchange)}`;
  });
  return texts.length === 0 ? '' : `exchange on v2: ${[...new Set(texts)].join(', ')}`;
}

function routeText({ by, routing, preAggregated }: ExplainedExchange): string {
  const partial = preAggregated ? ', pre-aggregated' : '';
  if (by !== null) return `by ${by.join(', ')}${partial}`;
  return `${routing === 'split' ? 'by source split' : 'all rows to one partition'}${partial}`;
}

function explained(plan: FragmentPlan, leaf: ExchangeNode, input: number): ExplainedExchange {
  const { routing, partial } = plan.edges[leaf.edge] as ExchangeEdge;
  const by =
    routing.kind === 'hash'
      ? routing.keys.map((column) => leaf.schema[column]?.name ?? `$${column}`)
      : null;
  return { input, by, routing: routing.kind, preAggregated: partial !== null };
}

/** The exchanges of an input, through UNIONs. */
function leavesOf(node: PipelineNode): readonly ExchangeNode[] {
  if (node.kind === 'exchange') return [node];
  return node.kind === 'union' ? node.inputs.flatMap(leavesOf) : [];
}

function runsOnce({ parallel, root }: StatefulFragment): readonly string[] {
  if (parallel) return [];
  return nodesOf(root).flatMap(({ kind, id }) =>
    ['exchange', 'calc', 'union', 'window-columns'].includes(kind) ? [] : [id],
  );
}

function nodesOf(root: PipelineNode): readonly PipelineNode[] {
  return [root, ...pipelineInputs(root).flatMap(nodesOf)];
}
