/**
 * EMIT FINAL as an operator: above an input that only adds rows it is nothing at all. Owns which
 * columns decide the partition of a row that is kept, so that its state moves with the state of
 * the operator below.
 */
import { requireMode } from './changelog-mode.js';
import type { LogicalFinal } from '../logical/logical-plan.js';
import { BELOW_STATE, InputColumns, materialise } from './pipeline-build.js';
import type { BuildContext, BuildServices } from './pipeline-build.js';
import type { PipelineNode } from './pipeline-plan.js';
import type { Built } from './pipeline-scan.js';
import { signature } from './state-signature.js';

export function buildFinal(
  services: BuildServices,
  node: LogicalFinal,
  context: BuildContext,
): Built {
  const { windowEnd } = node;
  const below = materialise(node.input, windowEnd === null ? [] : [windowEnd], true);
  const built = services.build(below.node, { ...BELOW_STATE, time: context.time });
  const kept = node.input.schema.map((_, at) => built.columns[at] ?? -1);
  const input = { ...built, columns: kept };
  if (input.node.mode === 'append') return input;
  requireMode(services.faults, node, input.node.mode);
  const { allowedLatenessMs } = services.settings.late;
  const final: PipelineNode = {
    kind: 'final',
    id: services.names.next('final'),
    input: input.node,
    windowEnd: windowEnd === null ? null : new InputColumns(built, below).of(windowEnd),
    latenessMs: allowedLatenessMs,
    keys: keyLists(input.node),
    signature: signature('final', { row: input.lineage }),
    schema: input.node.schema,
    mode: 'append',
  };
  return { ...input, node: final };
}

/** The columns that the operator with state below keeps its rows together by. */
function keyLists(node: PipelineNode): readonly (readonly number[])[] {
  switch (node.kind) {
    case 'calc': {
      const lists = keyLists(node.input).map((keys) =>
        keys.map((key) =>
          node.projections.findIndex((output) => output.kind === 'column' && output.index === key),
        ),
      );
      return lists.filter((keys) => !keys.includes(-1));
    }
    case 'aggregate':
      return [node.keys.map((_, at) => at)];
    case 'top-n':
      return [node.partitionBy];
    case 'join': {
      const width = node.left.schema.length;
      return [node.leftKeys, node.rightKeys.map((key) => width + key)];
    }
    default:
      return [];
  }
}
