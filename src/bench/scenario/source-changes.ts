/**
 * What a trial changes about the sources of a user's job, and nothing else of it: where they end, so
 * that every run reads the same records and comes to an end. The plan stays the one of the endless
 * job. Owns applying such changes to a compiled job; which ones there are is own-sources.ts.
 */
import type { CompiledJob } from '../../job.js';
import { withInputs } from '../../plan/fragments/fragment-columns.js';
import { pipelineInputs } from '../../plan/pipeline/pipeline-plan.js';
import type { PipelineNode } from '../../plan/pipeline/pipeline-plan.js';
import type { TableDefinition } from '../../plan/schema.js';

/** Of one table: plain data for a process's arguments, so only what is new, and no secrets. */
export interface TableChange {
  readonly options: Readonly<Record<string, string>>;
  /** Names of options that are left away. */
  readonly without: readonly string[];
}

/** By the table's name in the plan. */
export type SourceChanges = Readonly<Record<string, TableChange>>;

export function changeSources(job: CompiledJob, changes: SourceChanges): CompiledJob {
  if (Object.keys(changes).length === 0) return job;
  const queries = job.plan.queries.map((query) => ({
    ...query,
    root: changed(query.root, changes),
  }));
  return { ...job, plan: { ...job.plan, queries } };
}

function changed(node: PipelineNode, changes: SourceChanges): PipelineNode {
  if (node.kind === 'scan') {
    const change = Object.hasOwn(changes, node.table.name) ? changes[node.table.name] : undefined;
    return change === undefined ? node : { ...node, table: changedTable(node.table, change) };
  }
  const inputs = pipelineInputs(node);
  if (inputs.length === 0) return node;
  return withInputs(
    node,
    inputs.map((input) => changed(input, changes)),
  );
}

/** Every change bounds its table. */
function changedTable(table: TableDefinition, { options, without }: TableChange): TableDefinition {
  const kept = Object.entries(table.options).filter(([name]) => !without.includes(name));
  return { ...table, options: { ...Object.fromEntries(kept), ...options }, bounded: true };
}
