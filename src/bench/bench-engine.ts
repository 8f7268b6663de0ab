/**
 * One way to run a job in a benchmark, and its name in tables. Owns no default: settings become
 * engines in cli/flags/bench-flags.ts.
 */
import type {
  PartitionedSettings,
  ProcessingMode,
} from '../processors/partitioned/job-settings.js';

export interface BenchEngine {
  /** null: V1. */
  readonly partitioned: PartitionedSettings | null;
  /** Physical rows per batch at most, on V1; null: the default. */
  readonly batchRows: number | null;
  readonly mode: ProcessingMode;
}

export function engineName({ partitioned }: BenchEngine): string {
  if (partitioned === null) return 'v1';
  return `v2 ${partitioned.partitions}×${partitioned.workers}`;
}
