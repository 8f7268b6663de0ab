/**
 * Where the time of V2's workers went: for `velo run -v`, and as `workers` in --stats-json. Owns the
 * shares and their wording; the times are counted by the workers. Kernels are the sources' and the
 * partitions' operators; all else is what running on several threads costs.
 */
import type { WorkerSnapshot } from '../../metrics/partition-metrics.js';
import type { QueryMetricsForExport } from '../../metrics/prometheus.js';

/** Microseconds of one worker over all queries. */
export interface WorkerTimes {
  readonly worker: number;
  readonly rowsRead: number;
  readonly turns: number;
  readonly sourceUs: number;
  readonly operatorsUs: number;
  readonly exchangeUs: number;
  readonly outputUs: number;
  readonly waitUs: number;
  readonly throttledUs: number;
  readonly metricsUs: number;
  readonly loopUs: number;
  /** Of all time but waiting: what is neither source nor operators. */
  readonly outsideKernels: number;
}

const KINDS = [
  ['sourceUs', 'source'],
  ['operatorsUs', 'operators'],
  ['exchangeUs', 'exchange'],
  ['outputUs', 'output'],
  ['waitUs', 'waiting'],
  ['throttledUs', 'throttled'],
  ['metricsUs', 'metrics'],
  ['loopUs', 'loop'],
] as const;

/** Empty for V1, which measures no such times. */
export function workerTimes(queries: readonly QueryMetricsForExport[]): readonly WorkerTimes[] {
  const workers = queries[0]?.snapshot.workers ?? [];
  return workers
    .map(({ worker }) => timesOf(worker, queries))
    .filter((times) => KINDS.some(([kind]) => times[kind] > 0));
}

function timesOf(worker: number, queries: readonly QueryMetricsForExport[]): WorkerTimes {
  const sum = (of: keyof WorkerSnapshot): number =>
    queries.reduce((total, { snapshot }) => total + (snapshot.workers[worker]?.[of] ?? 0), 0);
  const [sourceUs, operatorsUs] = [sum('sourceUs'), sum('operatorsUs')];
  const outsideUs = sum('exchangeUs') + sum('outputUs') + sum('metricsUs') + sum('loopUs');
  return {
    worker,
    rowsRead: sum('rowsRead'),
    turns: sum('turns'),
    sourceUs,
    operatorsUs,
    exchangeUs: sum('exchangeUs'),
    outputUs: sum('outputUs'),
    waitUs: sum('waitUs'),
    throttledUs: sum('throttledUs'),
    metricsUs: sum('metricsUs'),
    loopUs: sum('loopUs'),
    outsideKernels: outsideUs / Math.max(1, outsideUs + sourceUs + operatorsUs),
  };
}

/** One line per worker. */
export function workerLines(queries: readonly QueryMetricsForExport[]): readonly string[] {
  return workerTimes(queries).map((times) => {
    const total = KINDS.reduce((sum, [kind]) => sum + times[kind], 0);
    const shares = KINDS.filter(([kind]) => times[kind] > 0).map(
      ([kind, name]) => `${name} ${((100 * times[kind]) / total).toFixed(1)} %`,
    );
    return `worker ${times.worker}: ${shares.join(' · ')}`;
  });
}
