/**
 * Which operators may hold more than memory has room for, putting the rest on disk. Owns that rule,
 * for whoever builds the operators, deals out memory or explains a plan; how it is done is
 * state/paging.
 */
import { pipelineInputs } from './pipeline-plan.js';
import type { AggregateNode, PipelineNode } from './pipeline-plan.js';

/**
 * GROUP BY with EMIT FINAL over rows that are never taken back: parts of a group, made at different
 * times, can be added up, and nobody asks for one before the end of input.
 */
export function isPageable({ emission, input, keys }: AggregateNode): boolean {
  return emission === 'final' && input.mode === 'append' && keys.length > 0;
}

/** How many operators of a plan are such. */
export function pageableCount(node: PipelineNode): number {
  const below = pipelineInputs(node).reduce((sum, input) => sum + pageableCount(input), 0);
  return below + (node.kind === 'aggregate' && isPageable(node) ? 1 : 0);
}
