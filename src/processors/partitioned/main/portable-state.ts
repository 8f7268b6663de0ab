/**
 * The state of a query that runs on partitions (V2) as plain data without fragments, lanes and
 * edges, and the way back, to any number of partitions and workers. Owns which fragment has an
 * operator, and that what an edge knows of watermarks is what its splits have reached: V1 keeps
 * that in operators (processors/run-state).
 */
import type { FragmentPlan, SourceFragment } from '../../../plan/fragments/fragment-plan.js';
import { pipelineInputs } from '../../../plan/pipeline/pipeline-plan.js';
import type { PipelineNode } from '../../../plan/pipeline/pipeline-plan.js';
import type { OperatorState, QueryState, SplitState } from '../../../state/checkpoint/job-state.js';
import { missingSplit, strangeOperator, watermarkBytes } from '../../run-state.js';
import type { LaneStart, PartitionSnapshot, QuerySnapshot, QueryStart } from '../messages.js';
import type { Lane } from '../turns/lanes.js';
import { edgeStateName } from '../worker/edge-state.js';

/** What a query is cut into. */
export interface QueryCut {
  readonly query: string;
  readonly root: PipelineNode;
  readonly fragments: FragmentPlan;
  readonly lanes: readonly Lane[];
}

export function portableState(
  { query, fragments, lanes }: QueryCut,
  snapshot: QuerySnapshot,
): QueryState {
  const operators = snapshot.partitions
    .filter(({ fragment }) => fragment >= 0)
    .flatMap(({ operators: states }) => states);
  const splits = snapshot.lanes.map(({ position, highestMs, ended, next }, at): SplitState => {
    const { source, split, sourceName } = lanes[at] as Lane;
    const scan = (fragments.sources[source] as SourceFragment).scan.id;
    return { scan, split, sourceName, position, highestMs, ended, next };
  });
  return { query, ended: false, splits, operators, sink: null };
}

export function partitionedState(cut: QueryCut, state: QueryState): QueryStart {
  const lanes = lanesOf(cut, state);
  const { fragments } = cut;
  const home = operatorHomes(fragments);
  const passed = passedUnions(cut.root, home);
  const byFragment = new Map<number, OperatorState[]>();
  for (const part of state.operators) {
    const fragment = home.get(part.operator);
    if (fragment === undefined && passed.has(part.operator)) continue;
    if (fragment === undefined) throw strangeOperator(state, part.operator);
    byFragment.set(fragment, [...(byFragment.get(fragment) ?? []), part]);
  }
  const partitions: PartitionSnapshot[] = [...byFragment].map(([fragment, operators]) => ({
    fragment,
    partition: 0,
    operators,
  }));
  partitions.push({ fragment: -1, partition: 0, operators: edgeStates(fragments, state.splits) });
  return { lanes, partitions };
}

function lanesOf({ fragments, lanes }: QueryCut, state: QueryState): LaneStart[] {
  const places = new Map(lanes.map((lane, at) => [placeOf(fragments, lane), at]));
  const found = new Map<number, SplitState>();
  for (const split of state.splits) {
    const at = places.get(`${split.split} of ${split.scan}`);
    if (at === undefined) throw missingSplit(state, split);
    found.set(at, split);
  }
  return lanes.map((_, at) => {
    const split = found.get(at);
    // A split that has come since begins.
    if (split === undefined) {
      return { position: null, highestMs: Number.NEGATIVE_INFINITY, ended: false, next: false };
    }
    const { position, highestMs, ended, next } = split;
    return { position, highestMs, ended, next };
  });
}

function placeOf({ sources }: FragmentPlan, { source, split }: Lane): string {
  return `${split} of ${(sources[source] as SourceFragment).scan.id}`;
}

/** By operator: the stateful fragment that has it. */
function operatorHomes({ fragments }: FragmentPlan): Map<string, number> {
  const home = new Map<string, number>();
  for (const { index, root } of fragments) visit(root, (node) => home.set(node.id, index));
  return home;
}

/**
 * Unions that rows pass by on their way to the sink: there is none of them here, and nobody above
 * asks for the watermarks that V1 keeps of theirs.
 */
function passedUnions(root: PipelineNode, home: ReadonlyMap<string, number>): Set<string> {
  const found = new Set<string>();
  visit(root, ({ kind, id }) => {
    if (kind === 'union' && !home.has(id)) found.add(id);
  });
  return found;
}

function visit(node: PipelineNode, see: (node: PipelineNode) => void): void {
  see(node);
  for (const input of pipelineInputs(node)) visit(input, see);
}

function edgeStates(
  { sources, edges }: FragmentPlan,
  splits: readonly SplitState[],
): OperatorState[] {
  return edges
    .filter(({ watermark }) => watermark !== null)
    .map(({ index, flush }) => ({
      operator: edgeStateName(index),
      bytes: watermarkBytes(
        sources.filter(({ edge }) => edge === index).map(({ scan }) => scan),
        splits,
        ({ ended }) => ended && flush,
      ),
    }));
}
