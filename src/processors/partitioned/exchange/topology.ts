/**
 * Who sends what to whom, from the fragment plan alone, so that main and every worker agree
 * without talking: instances, the workers that take part in a stream, and the streams' numbers.
 */
import type {
  ExchangeEdge,
  FragmentPlan,
  StatefulFragment,
} from '../../../plan/fragments/fragment-plan.js';
import type { QueryPlan } from '../../../plan/pipeline/pipeline-plan.js';
import type { SqlType } from '../../../columnar/types.js';
import type { Lane } from '../turns/lanes.js';
import type { ProcessingMode } from '../job-settings.js';
import type { Dealing } from '../turns/turns.js';

/** The worker that owns a partition. */
export function ownerOf(partition: number, workers: number): number {
  return partition % workers;
}

export function partitionsOf(fragment: StatefulFragment, partitions: number): number {
  return fragment.parallel ? partitions : 1;
}

/** Partitions that an edge of level 1 routes to. */
export function edgePartitions(
  fragments: FragmentPlan,
  edge: ExchangeEdge,
  partitions: number,
): number {
  return partitionsOf(fragments.fragments[edge.fragment] as StatefulFragment, partitions);
}

/** 0: stateless; 1: the partitions give the results; 2: the global fragment does. */
export function topLevel(fragments: FragmentPlan): 0 | 1 | 2 {
  if (fragments.fragments.length === 0) return 0;
  return fragments.fragments.some(({ level }) => level === 2) ? 2 : 1;
}

/** Rows in order from several senders to one reader. */
export interface StreamShape {
  /** Workers that send, ascending. */
  readonly senders: readonly number[];
  readonly streams: readonly (readonly SqlType[])[];
  readonly markersPerTurn: number;
  readonly direct: boolean;
}

/** The streams of results to main. */
export function resultShape(
  query: QueryPlan,
  fragments: FragmentPlan,
  shape: { readonly partitions: number; readonly workers: number },
): StreamShape {
  const types = query.sink.schema.map((column) => column.type);
  const level = topLevel(fragments);
  if (level === 0) {
    const senders = Array.from({ length: shape.workers }, (_, worker) => worker);
    return { senders, streams: senders.map(() => types), markersPerTurn: 1, direct: true };
  }
  if (level === 2) return { senders: [0], streams: [types], markersPerTurn: 1, direct: true };
  const parallel = fragments.fragments.some((fragment) => fragment.parallel);
  const count = parallel ? shape.partitions : 1;
  const senders = Array.from({ length: Math.min(count, shape.workers) }, (_, worker) => worker);
  return {
    senders,
    streams: Array.from({ length: count }, () => types),
    markersPerTurn: senders.length,
    direct: count === 1,
  };
}

/** The streams of level 1 to the global fragment; `streamEdges` names the edge of each. */
export function stageShape(
  fragments: FragmentPlan,
  shape: { readonly partitions: number; readonly workers: number },
): StreamShape & { readonly streamEdges: readonly number[] } {
  const streamEdges: number[] = [];
  let most = 0;
  for (const fragment of fragments.fragments) {
    if (fragment.target === null) continue;
    const count = partitionsOf(fragment, shape.partitions);
    most = Math.max(most, count);
    for (let partition = 0; partition < count; partition += 1) streamEdges.push(fragment.target);
  }
  const senders = Array.from({ length: Math.min(most, shape.workers) }, (_, worker) => worker);
  const streams = streamEdges.map((edge) =>
    (fragments.edges[edge] as ExchangeEdge).schema.map((column) => column.type),
  );
  return {
    senders,
    streams,
    streamEdges,
    markersPerTurn: senders.length,
    direct: streams.length === 1,
  };
}

/** The first stream of a fragment that feeds the global one; without one each fragment has the same. */
export function firstStreamOf(
  fragments: FragmentPlan,
  fragment: number,
  partitions: number,
): number {
  let first = 0;
  for (const other of fragments.fragments) {
    if (other.index === fragment) return first;
    if (other.target !== null) first += partitionsOf(other, partitions);
  }
  return first;
}

/** Lanes that are read no faster than the LIMIT above them wants. */
export function pacedLanes(query: {
  readonly fragments: FragmentPlan;
  readonly lanes: readonly Lane[];
}): number[] {
  const { sources } = query.fragments;
  return query.lanes.flatMap(({ source }, lane) => (sources[source]?.paced === true ? [lane] : []));
}

/**
 * Partial groups are merged in the order of turns, so who takes a turn must not depend on time. It
 * does so anyway where a turn takes what has arrived (there a worker that is interrupted must not
 * hold up the others) and where workers read splits of their own: sums of DOUBLE may differ in
 * their last digits from run to run, as they do with the order in which a topic's partitions arrive.
 */
export function dealingOf(
  fragments: FragmentPlan,
  { lanes, mode }: { readonly lanes: readonly Lane[]; readonly mode: ProcessingMode },
): Dealing {
  if (lanes.some(({ reading }) => reading === 'local')) return 'first';
  if (mode.kind !== 'batch' || lanes.some(({ owner }) => owner !== null)) return 'any';
  return fragments.edges.some((edge) => edge.partial !== null) ? 'in-turn' : 'any';
}
