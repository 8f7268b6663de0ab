/**
 * How a query runs on V2: the strategy that sends rows to partitions, chosen or asked for, with its
 * reason, and the fragments that the plan is cut into for it. Owns which strategy fits a query;
 * the cutting is fragment-cuts.ts, the result's types are fragment-plan.ts.
 */
import { assert, assertNever } from '../../base/assert.js';
import { ConfigError } from '../../base/errors.js';
import { joinTypesDiffer, keysOf } from './fragment-columns.js';
import type { GatheringNode } from './fragment-columns.js';
import { cutFragments } from './fragment-cuts.js';
import type { Cuts } from './fragment-cuts.js';
import { PARTITIONING_STRATEGIES } from './fragment-plan.js';
import type { ExchangeEdge, FragmentPlan, PartitioningStrategy } from './fragment-plan.js';
import { keyFieldsOf } from './fragment-sources.js';
import { needsEveryRowWatermark, pipelineInputs } from '../pipeline/pipeline-plan.js';
import type { PipelineNode, QueryPlan } from '../pipeline/pipeline-plan.js';

export type {
  ExchangeEdge,
  FragmentPlan,
  PartitioningStrategy,
  StatefulFragment,
} from './fragment-plan.js';
export { PARTITIONING_STRATEGIES } from './fragment-plan.js';

export interface FragmentOptions {
  /** What the user asked for; null: the query decides. */
  readonly strategy: PartitioningStrategy | null;
}

/** The cuts of a strategy that fits, with its reason, or why it does not fit. */
type Attempt =
  | {
      readonly fits: true;
      readonly name: PartitioningStrategy;
      readonly reason: string;
      readonly cuts: Cuts;
    }
  | { readonly fits: false; readonly why: string };

/** Throws ConfigError FLAG_INVALID when the strategy asked for does not fit the query. */
export function planFragments(query: QueryPlan, options: FragmentOptions): FragmentPlan {
  const { strategy } = options;
  const attempt = strategy === null ? chosen(query) : attempted(query, strategy);
  if (!attempt.fits) {
    assert(strategy !== null, 'what the query decides fits it');
    throw misfit(query, strategy, attempt.why);
  }
  const { sources, edges, fragments } = attempt.cuts;
  return {
    sources,
    edges,
    fragments,
    everyRowWatermark: needsEveryRowWatermark(query.root),
    strategy: { name: attempt.name, reason: attempt.reason },
  };
}

function misfit(query: QueryPlan, strategy: PartitioningStrategy, why: string): ConfigError {
  const fitting = PARTITIONING_STRATEGIES.filter((other) => attempted(query, other).fits);
  return new ConfigError('FLAG_INVALID', {
    message: `partitioning "${strategy}" does not fit ${query.id}: ${why}`,
    hint: `strategies that fit it are ${fitting.join(', ')}`,
  });
}

function attempted(query: QueryPlan, strategy: PartitioningStrategy): Attempt {
  switch (strategy) {
    case 'hash':
      return hashed(query);
    case 'sticky':
      return sticky(query);
    case 'smart': {
      const { name, reason, cuts } = smart(query);
      return {
        fits: true,
        name: 'smart',
        reason: name === 'smart' ? reason : `${name}: ${reason}`,
        cuts,
      };
    }
    case 'round-robin':
      return roundRobin(query);
    case 'fan-in': {
      const cuts = cutFragments(query, 'none');
      return { fits: true, name: 'fan-in', reason: 'one partition takes all rows', cuts };
    }
    default:
      return assertNever(strategy);
  }
}

/** Whether the query remembers anything from one row to the next. */
export function keepsState(query: QueryPlan): boolean {
  const stateless = roundRobin(query);
  return !stateless.fits || stateless.cuts.edges.length > 0;
}

/** What the query decides: sticky where its table says that splits keep keys together, or hash. */
function chosen(query: QueryPlan): Attempt {
  const stateless = roundRobin(query);
  return stateless.fits && stateless.cuts.edges.length === 0 ? stateless : smart(query);
}

function hashed(query: QueryPlan): Attempt {
  const cuts = cutFragments(query, 'hash');
  if (!routes(cuts, 'hash')) return { fits: false, why: unkeyed(query) };
  return { fits: true, name: 'hash', reason: `keyed by ${hashedKeys(cuts.edges)}`, cuts };
}

function sticky(query: QueryPlan): Attempt {
  const cuts = cutFragments(query, 'splits');
  if (!hasState(query.root)) {
    return { fits: true, name: 'sticky', reason: 'stateless, rows stay with their split', cuts };
  }
  const [node] = cuts.scattered;
  if (node === undefined) {
    return { fits: true, name: 'sticky', reason: 'splits keep the rows of a key together', cuts };
  }
  const declared = `'key.fields' within the key of ${shortId(query, node)}`;
  return { fits: false, why: `a source may have several splits, and no table has ${declared}` };
}

/** Splits where 'key.fields' allow it and nothing is lost by it, else hash, else one partition. */
function smart(query: QueryPlan): Extract<Attempt, { fits: true }> {
  const cuts = cutFragments(query, 'key-fields');
  const hash = hashed(query);
  const bySplit = cuts.sources.filter(
    ({ edge }) => edge !== null && cuts.edges[edge]?.routing.kind === 'split',
  );
  const [first] = bySplit;
  const losesNothing = !hash.fits || isGlobal(hash.cuts) || !isGlobal(cuts);
  if (first !== undefined && losesNothing) {
    const { table } = first.scan;
    const fields = keyFieldsOf(table).join(', ');
    const reason = `'key.fields' of "${table.name}" (${fields}) are within the key`;
    return { fits: true, name: 'smart', reason, cuts };
  }
  if (hash.fits) return hash;
  const isStateless = !hasState(query.root) && cuts.edges.length === 0;
  const reason = isStateless ? 'stateless, rows stay with their split' : unkeyed(query);
  return { fits: true, name: isStateless ? 'sticky' : 'fan-in', reason, cuts };
}

function roundRobin(query: QueryPlan): Attempt {
  const state = gatheringNodes(query.root).find(({ kind }) => kind !== 'limit');
  if (state !== undefined) return { fits: false, why: `${shortId(query, state)} has state` };
  const cuts = cutFragments(query, 'none');
  return { fits: true, name: 'round-robin', reason: 'stateless, blocks go round', cuts };
}

function routes(cuts: Cuts, kind: 'hash' | 'split'): boolean {
  return cuts.edges.some((edge) => edge.routing.kind === kind);
}

function isGlobal(cuts: Cuts): boolean {
  return cuts.fragments.some(({ level }) => level === 2);
}

/** `name; id, day`: each way of hashing once. */
function hashedKeys(edges: readonly ExchangeEdge[]): string {
  const keys = edges.flatMap(({ routing, schema }) =>
    routing.kind === 'hash'
      ? [routing.keys.map((column) => schema[column]?.name ?? '').join(', ')]
      : [],
  );
  return [...new Set(keys)].join('; ');
}

/** Why there is nothing to hash. */
function unkeyed(query: QueryPlan): string {
  const nodes = gatheringNodes(query.root);
  const join = nodes.find(joinTypesDiffer);
  if (join !== undefined) return `the two sides of ${shortId(query, join)} hash differently`;
  const bottom = nodes.findLast((node) => keysOf(node).every((keys) => keys.length === 0));
  return bottom === undefined ? 'it has no state' : `${shortId(query, bottom)} has no key`;
}

/** Nodes that must see several rows, the root first. */
function gatheringNodes(root: PipelineNode): readonly GatheringNode[] {
  const found: GatheringNode[] = [];
  findGathering(root, found);
  return found;
}

function findGathering(root: PipelineNode, found: GatheringNode[]): void {
  switch (root.kind) {
    case 'scan':
    case 'exchange':
    case 'calc':
    case 'watermark':
    case 'watermark-delay':
    case 'window-columns':
    case 'final':
    case 'union':
      break;
    default:
      found.push(root);
  }
  for (const input of pipelineInputs(root)) findGathering(input, found);
}

function hasState(root: PipelineNode): boolean {
  return gatheringNodes(root).some(({ kind }) => kind !== 'limit');
}

function shortId(query: QueryPlan, node: PipelineNode): string {
  return node.id.startsWith(`${query.id}/`) ? node.id.slice(query.id.length + 1) : node.id;
}
