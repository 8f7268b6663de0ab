/**
 * What a run says of itself: the first line (what was resolved), the summary, warnings at its end
 * and --stats-json. Owns these texts; when they are said is run.ts, figures are the processors'.
 */
import { writeFile } from 'node:fs/promises';
import { ConfigError } from '../../base/errors.js';
import { redactData } from '../../base/redact.js';
import { commitsOf, sinkOf } from '../../connectors/registry.js';
import type { OpenCheckpoints } from '../../job/checkpointing.js';
import type { CompiledJob } from '../../job.js';
import type { CheckpointFigures } from '../../metrics/checkpoint-figures.js';
import type { QueryMetricsForExport } from '../../metrics/prometheus.js';
import type { RecutFigures } from '../../metrics/recut-figures.js';
import { describeEmission, describeWatermark } from '../../plan/explain/plan-notes.js';
import { planFragments } from '../../plan/fragments/fragments.js';
import { lateStrategiesOf, scansOf } from '../../plan/pipeline/pipeline-plan.js';
import type { QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import type { JobResult } from '../../processors/job-processor.js';
import type {
  PartitionedSettings,
  ProcessingMode,
} from '../../processors/partitioned/job-settings.js';
import { sizeText } from './state-text.js';
import { bytesText, countText, durationText, rateText } from './terminal.js';
import { workerTimes } from './worker-times.js';

/** How a job is run, of all that was said about it. */
export interface ResolvedSettings {
  readonly architecture: 'v1' | 'v2';
  readonly partitioned: PartitionedSettings | null;
  readonly mode: ProcessingMode;
}

/** The first line of a run: what was resolved. */
export function resolvedLine(job: CompiledJob, resolved: ResolvedSettings): string {
  const { partitioned, architecture, mode } = resolved;
  const parts = [
    architecture,
    plural(partitioned?.partitions ?? 1, 'partition'),
    plural(partitioned?.workers ?? 1, 'worker'),
  ];
  if (mode.kind !== 'batch') parts.push(mode.kind);
  for (const query of job.plan.queries) {
    const tables = scansOf(query.root).map(({ table }) => `${table.name} (${table.connector})`);
    parts.push(`source ${[...new Set(tables)].join(', ')}`);
    const watermark = describeWatermark(query.root);
    if (watermark !== null) parts.push(`watermark ${watermark}`);
    const emission = describeEmission(query.root);
    parts.push(emission);
    if (partitioned !== null) parts.push(...partitionedParts(query, partitioned, emission));
  }
  return parts.join(' · ');
}

/** What V2 adds to the line of a query. */
function partitionedParts(
  query: QueryPlan,
  { strategy }: PartitionedSettings,
  emission: string,
): string[] {
  const { name } = planFragments(query, { strategy }).strategy;
  const perPartition = emission === 'EMIT CHANGES (snapshot)';
  return [`partitioning ${name}`, ...(perPartition ? ['snapshots per partition'] : [])];
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const ENDINGS = {
  'end-of-input': 'end of input',
  limit: 'LIMIT reached',
  duration: 'duration over',
  stopped: 'stopped',
  drained: 'drained',
} as const;

/** The last line of a run. `committed`: the checkpoint whose rows are seen; null: all are. */
export function summaryLine(result: JobResult, committed: number | null = null): string {
  const { p50, p99 } = result.latencyUs.percentiles();
  const rate = result.seconds > 0 ? result.rowsRead / result.seconds : Number.NaN;
  const parts = [
    ENDINGS[result.end],
    `${countText(result.rowsRead)} in`,
    `${countText(result.rowsOut)} out`,
    `${countText(result.rowsFailed)} failed`,
    `${countText(result.rowsLate)} late`,
    `${rateText(rate)} rec/s`,
    `service time p50 ${durationText(p50)} p99 ${durationText(p99)}`,
    `peak memory ${bytesText(result.rssPeakBytes)}`,
    ...(committed === null ? [] : [`committed through epoch ${committed}`]),
  ];
  const { rows, bytes, pagedBytes } = stateSize(result);
  if (rows > 0) parts.push(`state ${countText(rows)} rows`, sizeText(bytes));
  if (pagedBytes > 0) parts.push(`${sizeText(pagedBytes)} on disk`);
  const { restarts = 0, checkpoints = null, recuts = null } = result;
  if (checkpoints !== null) parts.push(checkpointsPart(checkpoints));
  if (recuts !== null) parts.push(rescalesPart(recuts));
  if (restarts > 0) parts.push(`since the last of ${plural(restarts, 'restart')}`);
  return parts.join(' · ');
}

/** Of all queries. */
function stateSize({ queries }: JobResult): {
  readonly rows: number;
  readonly bytes: number;
  readonly pagedBytes: number;
} {
  return {
    rows: queries.reduce((sum, { stateRows }) => sum + stateRows, 0),
    bytes: queries.reduce((sum, { stateBytes }) => sum + stateBytes, 0),
    pagedBytes: queries.reduce((sum, query) => sum + query.pagedBytes, 0),
  };
}

function checkpointsPart({ written, failed, longestPauseMs, last }: CheckpointFigures): string {
  const count = plural(written, 'checkpoint');
  const counts = failed > 0 ? `${count}, ${countText(failed)} failed` : count;
  if (last === null) return counts;
  const pause = durationText((longestPauseMs ?? 0) * 1000);
  return `${counts}, the last in ${durationText(last.writeMs * 1000)}, stood still for ${pause} at most`;
}

function rescalesPart({ rescales, rebalances, lastPauseMs }: RecutFigures): string {
  const counts = [
    ...(rescales > 0 ? [plural(rescales, 'rescale')] : []),
    ...(rebalances > 0 ? [plural(rebalances, 'rebalance')] : []),
  ];
  return `${counts.join(', ')}, the last stood still for ${(lastPauseMs / 1000).toFixed(2)} s`;
}

/** --stats-json. Throws ConfigError FLAG_INVALID where the file cannot be written. */
export async function writeStats(
  file: string,
  result: JobResult,
  queries: readonly QueryMetricsForExport[],
): Promise<void> {
  const stats = {
    schema: 1,
    rowsIn: result.rowsRead,
    rowsOut: result.rowsOut,
    rowsFailed: result.rowsFailed,
    rowsLate: result.rowsLate,
    seconds: result.seconds,
    recordsPerSecond: result.seconds > 0 ? result.rowsRead / result.seconds : 0,
    cpuSeconds: result.cpuSeconds,
    rssPeakBytes: result.rssPeakBytes,
    latencyUs: { kind: 'service', ...result.latencyUs.percentiles() },
    end: result.end,
    restarts: result.restarts ?? 0,
    recuts: result.recuts ?? null,
    state: stateSize(result),
    checkpoints: result.checkpoints ?? null,
    queries: result.queries,
    partitions: result.queries.flatMap((query) => query.partitions),
    workers: workerTimes(queries),
  };
  try {
    await writeFile(file, `${JSON.stringify(redactData(stats), null, 2)}\n`);
  } catch (error) {
    throw new ConfigError('FLAG_INVALID', {
      message: `--stats-json cannot write "${file}": ${(error as Error).message}`,
      cause: error,
    });
  }
}

/** What process-with-warning warns of: rows that windows took although they had ended. */
export function lateWarnings({ plan }: CompiledJob, result: JobResult): readonly string[] {
  const strategies = plan.queries.flatMap(({ root }) => lateStrategiesOf(root));
  if (result.rowsLate === 0 || !strategies.includes('process-with-warning')) return [];
  const rows =
    result.rowsLate === 1 ? '1 record was' : `${countText(result.rowsLate)} records were`;
  return [`${rows} late and applied all the same: late.strategy is process-with-warning`];
}

/** What was restored, and how often rows may come where the job writes. */
export function checkpointParts(
  { restored }: Pick<OpenCheckpoints, 'restored'>,
  { plan }: CompiledJob,
  intervalMs: number,
): string[] {
  const kept = restored ?? `checkpoints every ${durationText(intervalMs * 1000)}`;
  const guarantees = plan.queries.map(({ sink: { table } }) => {
    const commits = commitsOf(table);
    const often = sinkOf(table).goesOn === true ? 'exactly once' : 'at least once';
    const kept = commits === null ? often : `exactly once (${commits.readers})`;
    return `${table?.name ?? 'stdout'} ${kept}`;
  });
  return [kept, ...new Set(guarantees)];
}
