/**
 * What a trial shows of itself while it runs: a snapshot of every partition each second to its
 * parent, and the metrics endpoint if it was told to have one. Owns the timer and the server; what
 * becomes of the snapshots is the parent's business.
 */
import type { JobMetricsForExport, MetricsServer } from '../metrics/prometheus.js';
import type { JobProcessor, JobResult } from '../processors/job-processor.js';

const EVERY_MS = 1000;

export interface TrialWatchOptions {
  /** null: nobody looks. */
  readonly show: ((observed: JobMetricsForExport) => void) | null;
  /** null: no endpoint; 0: any free port. */
  readonly metricsPort: number | null;
}

/** Runs the job to its end, watched. */
export async function runWatched(
  processor: JobProcessor,
  { show, metricsPort }: TrialWatchOptions,
): Promise<JobResult> {
  const observed = (): JobMetricsForExport => processor.observed();
  const server = metricsPort === null ? null : await startMetrics(metricsPort, observed);
  const timer = show === null ? undefined : setInterval(() => show(observed()), EVERY_MS);
  try {
    const result = await processor.start();
    show?.(observed());
    return result;
  } finally {
    clearInterval(timer);
    await server?.close();
  }
}

async function startMetrics(
  port: number,
  observed: () => JobMetricsForExport,
): Promise<MetricsServer> {
  const { MetricsServer } = await import('../metrics/prometheus.js');
  return MetricsServer.start(port, observed);
}
