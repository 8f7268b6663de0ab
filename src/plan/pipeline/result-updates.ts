/**
 * How the rows of a result that updates are told apart, for who keeps only those that stand (a live
 * table). Owns that answer; which columns name a row is sink-plan.ts, what an edge carries
 * changelog-mode.ts.
 */
import { pipelineInputs } from './pipeline-plan.js';
import type { PipelineNode, QueryPlan } from './pipeline-plan.js';

/** 'key': a row replaces the one with its key (no columns: the only one); 'row': all of a row is. */
export type ResultUpdates =
  { readonly by: 'key'; readonly columns: readonly number[] } | { readonly by: 'row' };

/** null: rows stand as they come, or what names them is not in the result. */
export function resultUpdates({ root, sink }: QueryPlan): ResultUpdates | null {
  if (root.mode === 'append') return null;
  const { keyColumns: columns } = sink;
  if (columns.length > 0 || isOneRow(root)) return { by: 'key', columns };
  return root.mode === 'retract' ? { by: 'row' } : null;
}

/** An aggregate of everything, as far as the result's rows are its rows. */
function isOneRow(node: PipelineNode): boolean {
  if (node.kind === 'aggregate' || node.kind === 'window-aggregate') return node.keys.length === 0;
  if (node.kind !== 'calc' && node.kind !== 'limit') return false;
  return pipelineInputs(node).every(isOneRow);
}
