/**
 * Says which partitions of V2 had something to do: a line per result with the rows in of each
 * partition, and which were idle.
 */
import { count } from './report.js';
import type { BenchResult } from './results.js';

/** More partitions than this are summed up instead of listed. */
const LISTED_MAX = 16;

export function partitionLines(results: readonly BenchResult[]): string[] {
  return results.filter((result) => result.perPartition.length > 0).map(partitionLine);
}

function partitionLine({ scenario, partitions, workers, perPartition }: BenchResult): string {
  const rows = perPartition.map((partition) => partition.rowsIn);
  const idle = perPartition.filter((partition) => partition.rowsIn === 0);
  const busy =
    idle.length === 0
      ? 'no partition idle'
      : `idle: ${idle.map(({ partition }) => partition).join(', ')}`;
  const list =
    rows.length <= LISTED_MAX
      ? rows.map(count).join(' · ')
      : `${count(Math.min(...rows))} to ${count(Math.max(...rows))} each`;
  return `scenario ${scenario}, v2 ${partitions}×${workers}, rows in by partition: ${list}; ${busy}`;
}
