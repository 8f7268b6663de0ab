/**
 * LIMIT in the pipeline: which rows it counts, which scans nobody wants to be read further when it
 * is met, and whether the query is over then. Owns these three decisions; counting is
 * runtime/operators/limit.ts and standing-limit.ts.
 */
import type { LogicalLimit } from '../logical/logical-plan.js';
import { isBounded } from '../logical/logical-plan.js';
import { calcChain } from '../logical/calc-fusion.js';
import type { Consumer } from './changelog-mode.js';
import type { BuildContext, BuildServices } from './pipeline-build.js';
import { pipelineInputs, scansOf } from './pipeline-plan.js';
import type { LimitNode, PipelineNode } from './pipeline-plan.js';
import type { Built } from './pipeline-scan.js';

export function buildLimit(
  services: BuildServices,
  node: LogicalLimit,
  context: BuildContext,
): Built {
  const asChanges = services.emit?.mode === 'changes' && context.consumer === 'sink';
  const consumer = asChanges ? 'sink' : consumerOf(node, context);
  const input = services.build(node.input, { ...context, consumer });
  const id = services.names.next('limit');
  return { ...input, node: limitOf(input.node, { id, count: node.count, asChanges }) };
}

/**
 * A LIMIT looks at what stands: of groups it wants the final rows where there will be some. DISTINCT
 * takes nothing back and need not wait. A GROUP BY without end decides for itself, or refuses.
 */
function consumerOf(node: LogicalLimit, { consumer }: BuildContext): Consumer {
  const { base } = calcChain(node.input);
  const isDistinct = base.kind === 'aggregate' && base.distinct;
  if (isBounded(node.input) && !isDistinct) return 'at-end';
  return base.kind === 'aggregate' && consumer === 'sink' ? 'sink' : 'stateful';
}

/** `asChanges`: what comes are changes, which were asked for; they are counted one by one. */
export function limitOf(
  input: PipelineNode,
  parts: { readonly id: string; readonly count: number; readonly asChanges: boolean },
): LimitNode {
  const { id, count, asChanges } = parts;
  const { schema } = input;
  const holds = input.mode === 'retract' && !asChanges;
  return {
    kind: 'limit',
    id,
    input,
    count,
    counts: holds ? (ends(input) ? 'final' : 'standing') : 'passing',
    scans: scansOf(input).map((scan) => scan.id),
    endsQuery: false,
    schema,
    mode: holds ? 'append' : input.mode,
  };
}

/** As isBounded of the logical plan. */
function ends(node: PipelineNode): boolean {
  if (node.kind === 'scan') return node.table.bounded;
  return node.kind === 'limit' || pipelineInputs(node).every(ends);
}

/** The plan with the mark on LIMITs whose rows are the query's: when one is met, all is done. */
export function withEndingLimits(root: PipelineNode): PipelineNode {
  if (root.kind === 'limit') {
    return { ...root, input: withEndingLimits(root.input), endsQuery: true };
  }
  return root.kind === 'calc' ? { ...root, input: withEndingLimits(root.input) } : root;
}
