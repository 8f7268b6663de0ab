/**
 * What the reports of all workers say of a job together. Owns the sums; the counters of a running
 * job are in shared memory, and read by coordinated-query.ts.
 */
import { Histogram } from '../../../metrics/histogram.js';
import type { JobResult } from '../../job-processor.js';
import { INTERVAL_MS } from '../../latency-log.js';
import type { QueryReport } from '../messages.js';

/** By worker, then by query. */
type Reports = readonly (readonly QueryReport[])[];

type JobSummary = Pick<JobResult, 'latencyKind' | 'latencyUs' | 'intervals'> & {
  /** When the first block was read; null when none was. */
  readonly firstReadNs: number | null;
  readonly limited: boolean;
};

export function summaryOf(reports: Reports): JobSummary {
  const all = reports.flat();
  const latencyUs = new Histogram();
  for (const report of all) latencyUs.merge(Histogram.decode(report));
  return {
    latencyKind: all.some(({ openLoop }) => openLoop) ? 'open-loop' : 'service',
    latencyUs,
    intervals: { intervalMs: INTERVAL_MS, rows: intervalRows(all) },
    firstReadNs: extreme(
      all.map((report) => report.firstReadNs),
      Math.min,
    ),
    limited: all.some(({ limited }) => limited),
  };
}

/** When the last row was out; null when none was. */
export function lastDoneNs(reports: Reports): number | null {
  return extreme(
    reports.flat().map((report) => report.lastDoneNs),
    Math.max,
  );
}

/** Of the times that are known. */
function extreme(
  timesNs: readonly number[],
  choose: (...timesNs: readonly number[]) => number,
): number | null {
  const known = timesNs.filter((ns) => !Number.isNaN(ns));
  return known.length === 0 ? null : choose(...known);
}

function intervalRows(reports: readonly QueryReport[]): number[] {
  const rows: number[] = [];
  for (const report of reports) {
    report.intervalRows.forEach((count, interval) => {
      rows[interval] = (rows[interval] ?? 0) + count;
    });
  }
  return rows;
}
