/**
 * The sources of a plan's kernels, for `velo explain --stage kernels`: instantiates the pipeline
 * and pushes one row of zeros and empty texts through it, which compiles the variants that a job
 * without NULLs starts with. Nothing is opened or read, and nothing is emitted.
 */
import { emptyHeader, newBatch } from '../columnar/batch.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { ValueColumn } from '../columnar/value-column.js';
import { recordKernels } from '../codegen/compile.js';
import type { JobPlan, QueryPlan } from '../plan/pipeline/pipeline-plan.js';
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
    counters: { late: 0, lateDropped: 0, lateExpired: 0, rejected: 0 },
    limitReached: ignore,
  });
  for (const scan of scans) {
    const columns = scan.node.schema.map(({ type }) => {
      const column = new ValueColumn(type, 1);
      column.set(0, zeroOf(type));
      return column.take();
    });
    const batch = newBatch(columns, emptyHeader(scan.node.table.name));
    batch.rowCount = 1;
    batch.selectedCount = 1;
    scan.setSplits([0]);
    scan.process(batch);
  }
}

function zeroOf(type: SqlType): SqlValue {
  switch (type.kind) {
    case 'bigint':
    case 'decimal':
      return 0n;
    case 'varchar':
      return '';
    case 'boolean':
      return false;
    case 'null':
      return null;
    case 'array':
    case 'row':
      return [];
    case 'map':
      return { keys: [], values: [] };
    default:
      return 0;
  }
}
