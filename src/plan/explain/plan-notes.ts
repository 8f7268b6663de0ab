/**
 * Short texts about a plan for people: how it emits, where its watermark comes from. EXPLAIN's
 * full tree is explain-plan.ts.
 */
import { pipelineInputs } from '../pipeline/pipeline-plan.js';
import type { PipelineNode } from '../pipeline/pipeline-plan.js';

/** `ts − 5 s`, or null when the query needs no watermark. */
export function describeWatermark(root: PipelineNode): string | null {
  if (root.kind === 'watermark') {
    const name = root.schema[root.column]?.name ?? 'event time';
    return `${name} − ${root.boundMs / 1000} s`;
  }
  for (const input of pipelineInputs(root)) {
    const found = describeWatermark(input);
    if (found !== null) return found;
  }
  return null;
}

/** What the outermost stateful operator emits, in the words of the SQL. */
export function describeEmission(root: PipelineNode): string {
  switch (root.kind) {
    case 'aggregate':
      return root.emission === 'final' ? 'EMIT FINAL' : 'EMIT CHANGES';
    case 'window-aggregate':
      if (root.emission === 'final') return 'EMIT FINAL';
      return `EMIT CHANGES (${root.emission})`;
    case 'final':
      return 'EMIT FINAL';
    case 'join':
      return root.mode === 'append' ? 'a row per match' : 'a row per change of the join';
    case 'scan':
      return 'a row per record';
    default: {
      const [input] = pipelineInputs(root);
      return input === undefined ? 'a row per record' : describeEmission(input);
    }
  }
}
