/**
 * The sources of a plan's kernels, for `velo explain --stage kernels`: instantiates the pipeline
 * and pushes an empty batch of the narrow column kinds through it. Nothing is opened or read.
 */
import { emptyHeader, newBatch } from '../columnar/batch.js';
import { emptyColumn, narrowKindOf } from '../columnar/column-builder.js';
import { recordKernels } from '../codegen/compile.js';
import type { JobPlan, QueryPlan } from '../plan/pipeline-plan.js';
import { buildPipeline } from './pipeline.js';

export function kernelTexts(plan: JobPlan): readonly string[] {
  return plan.queries.flatMap((query) => recordKernels(() => compileQuery(query)));
}

function compileQuery(query: QueryPlan): void {
  const ignore = (): void => undefined;
  const { scans } = buildPipeline(query.root, {
    sink: { emit: ignore, watermark: ignore },
    errors: { recordFailed: ignore },
    late: { lateRecord: ignore },
    counters: { late: 0, lateDropped: 0, lateExpired: 0 },
    requestStop: ignore,
  });
  for (const scan of scans) {
    const columns = scan.node.schema.map(({ type }) => emptyColumn(narrowKindOf(type)));
    scan.setSplits([0]);
    scan.process(newBatch(columns, emptyHeader(scan.node.table.name)));
  }
}
