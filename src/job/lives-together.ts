/**
 * The figures of a job that has had several lives, one behind the other without a crash between:
 * rows are those of all, sizes and places those of the last one. Plain sums; a crash takes rows back,
 * so that nothing from before it is counted here.
 */
import { mergeDigests } from '../connectors/blackhole/row-digest.js';
import { Histogram } from '../metrics/histogram.js';
import type { QueryMetricsForExport } from '../metrics/prometheus.js';
import { jobCounters } from '../processors/job-processor.js';
import type { JobMetrics, JobResult, QueryMetrics } from '../processors/job-processor.js';

/** `last` with what the lives before it have read and put out. */
export function metricsTogether(before: readonly JobMetrics[], last: JobMetrics): JobMetrics {
  if (before.length === 0) return last;
  const queries = new Map<string, QueryMetrics>();
  for (const { queries: ofLife } of [...before, last]) {
    for (const query of ofLife) queries.set(query.query, added(queries.get(query.query), query));
  }
  const seconds = before.reduce((sum, life) => sum + life.seconds, last.seconds);
  return { ...last, ...jobCounters([...queries.values()]), seconds };
}

export function resultsTogether(before: readonly JobResult[], last: JobResult): JobResult {
  if (before.length === 0) return last;
  const lives = [...before, last];
  const latencyUs = new Histogram();
  for (const life of lives) latencyUs.merge(life.latencyUs);
  const { intervalMs } = last.intervals;
  return {
    ...last,
    ...metricsTogether(before, last),
    latencyUs,
    intervals: { intervalMs, rows: lives.flatMap(({ intervals }) => intervals.rows) },
    digests: digestsOf(lives),
    cpuSeconds: lives.reduce((sum, life) => sum + life.cpuSeconds, 0),
    rssPeakBytes: Math.max(...lives.map((life) => life.rssPeakBytes)),
  };
}

/** Of what a scrape shows: the counters of whole queries go on. */
export function exportsTogether(
  before: readonly JobMetrics[],
  last: readonly QueryMetricsForExport[],
): readonly QueryMetricsForExport[] {
  if (before.length === 0) return last;
  return last.map((query) => {
    const earlier = before.flatMap(({ queries }) =>
      queries.filter((other) => other.query === query.query),
    );
    const sum = (pick: (metrics: QueryMetrics) => number): number =>
      earlier.reduce((total, metrics) => total + pick(metrics), 0);
    return {
      ...query,
      rowsIn: query.rowsIn + sum(({ rowsRead }) => rowsRead),
      rowsOut: query.rowsOut + sum(({ rowsOut }) => rowsOut),
      rowsLate: query.rowsLate + sum(({ rowsLate }) => rowsLate),
      rowsFailed: query.rowsFailed + sum(({ rowsFailed }) => rowsFailed),
    };
  });
}

function added(before: QueryMetrics | undefined, last: QueryMetrics): QueryMetrics {
  if (before === undefined) return last;
  return {
    ...last,
    rowsRead: before.rowsRead + last.rowsRead,
    rowsProcessed: before.rowsProcessed + last.rowsProcessed,
    rowsFailed: before.rowsFailed + last.rowsFailed,
    resultsFailed: before.resultsFailed + last.resultsFailed,
    rowsLate: before.rowsLate + last.rowsLate,
    rowsLateDropped: before.rowsLateDropped + last.rowsLateDropped,
    rowsLateExpired: before.rowsLateExpired + last.rowsLateExpired,
    rowsOut: before.rowsOut + last.rowsOut,
    rowsRejected: before.rowsRejected + last.rowsRejected,
  };
}

/** By query, in the order of the first life, which had them all. */
function digestsOf(lives: readonly JobResult[]): JobResult['digests'] {
  const [first] = lives;
  return (first?.queries ?? []).map(({ query }) =>
    mergeDigests(
      lives.flatMap(({ queries, digests }) => {
        const at = queries.findIndex((other) => other.query === query);
        const digest = digests[at] ?? null;
        return digest === null ? [] : [digest];
      }),
    ),
  );
}
