/**
 * What a running job does when it is asked over its socket: tells how it is, keeps its state now,
 * here or elsewhere, goes on with other partitions, and stops. Owns the order of these steps, so
 * that a savepoint of a job that stops is where its reading ends; the socket is control-server.ts,
 * the steps are the processor's and the checkpoints'.
 */
import { VeloError } from '../../base/errors.js';
import { packageManifest } from '../../base/package-manifest.js';
import type { JobMetricsForExport } from '../../metrics/prometheus.js';
import type { JobProcessor } from '../../processors/job-processor.js';
import type { OpenCheckpoints, Savepoint } from '../checkpointing.js';
import type { RestartingJob } from '../restarting-job.js';
import type { WrittenState } from '../written-state.js';
import type { Placement } from '../placement.js';
import type { RescaledJob } from '../recut.js';
import type {
  ControlAnswer,
  ControlRequest,
  JobStatus,
  RescaledAnswer,
  StoppedJob,
} from './control-messages.js';

export interface ControlledJob {
  readonly processor: RestartingJob;
  readonly checkpoints: OpenCheckpoints;
  readonly name: string;
  readonly arch: 'v1' | 'v2';
  readonly startedMs: number;
}

export async function answerRequest(
  job: ControlledJob,
  request: ControlRequest,
): Promise<ControlAnswer> {
  const { processor, checkpoints } = job;
  switch (request.kind) {
    case 'status':
      return { kind: 'status', status: statusOf(job) };
    case 'checkpoint':
      await processor.keepState();
      return { kind: 'written', written: checkpoints.lastWritten() };
    case 'savepoint': {
      const savepoint = await checkpoints.openSavepoint(request.to);
      try {
        return { kind: 'written', written: await keptIn(savepoint, processor) };
      } finally {
        await savepoint.close();
      }
    }
    case 'rescale':
      return { kind: 'rescaled', rescaled: countsOf(await processor.rescale(request)) };
    case 'stop':
      return { kind: 'stopped', stopped: await stop(job, request) };
  }
}

/** Rows that wait for a state are seen with the job's own: that one is kept, and copied. */
async function keptIn(savepoint: Savepoint, processor: JobProcessor): Promise<WrittenState> {
  if (savepoint.write !== null) return savepoint.write(await processor.takeState());
  await processor.keepState();
  return savepoint.copySeen();
}

/** Who has which key group is nobody's business. */
function countsOf({ from, to, ...rescaled }: RescaledJob): RescaledAnswer {
  const counts = ({ partitions, workers }: Placement): RescaledAnswer['to'] => ({
    partitions,
    workers,
  });
  return { from: counts(from), to: counts(to), ...rescaled };
}

async function stop(
  { processor, checkpoints }: ControlledJob,
  { savepoint: dir, drain }: Extract<ControlRequest, { kind: 'stop' }>,
): Promise<StoppedJob> {
  // What is wrong with the folder is said before the job is stopped.
  const savepoint = dir === null ? null : await checkpoints.openSavepoint(dir);
  try {
    const written =
      savepoint === null || savepoint.write !== null
        ? await stopWith(savepoint?.write ?? null, processor, drain)
        : await stopAndCopy(savepoint, processor, drain);
    if (processor.state === 'failed') {
      throw new VeloError('JOB_ENDED', { message: 'the job failed while it was stopped' });
    }
    const { rowsRead, rowsOut } = processor.metrics();
    const end = drain ? 'drained' : 'stopped';
    return { end, rowsIn: rowsRead, rowsOut, savepoint: written };
  } finally {
    await savepoint?.close();
  }
}

/** The savepoint is where reading ends. */
async function stopWith(
  write: Savepoint['write'],
  processor: JobProcessor,
  drain: boolean,
): Promise<WrittenState | null> {
  const taken = write === null ? null : processor.takeState();
  // It is looked at below; the job may end before.
  taken?.catch(() => undefined);
  if (taken !== null && processor.state !== 'running') await taken;
  const stopped = processor.stop({ drain, patient: true });
  const state = taken === null ? null : await taken;
  const written = write === null || state === null ? null : await write(state);
  await stopped;
  return written;
}

/** The same of a job whose rows are seen with its states: its last one, or the one before it drains. */
async function stopAndCopy(
  savepoint: Savepoint,
  processor: JobProcessor,
  drain: boolean,
): Promise<WrittenState> {
  const before = drain ? await keptIn(savepoint, processor) : null;
  await processor.stop({ drain, patient: true });
  return before ?? savepoint.copySeen();
}

function statusOf({ processor, checkpoints, name, arch, startedMs }: ControlledJob): JobStatus {
  const {
    queries,
    rowsRead,
    rowsOut,
    rowsFailed,
    rowsLate,
    lag = null,
    state,
  } = processor.metrics();
  const observed = processor.observed();
  const sum = (pick: (query: (typeof queries)[number]) => number): number =>
    queries.reduce((total, query) => total + pick(query), 0);
  return {
    schema: 1,
    folder: checkpoints.dir,
    job: name,
    pid: process.pid,
    velo: packageManifest().version,
    arch,
    partitions: processor.numberOfPartitions(),
    workers: processor.workers,
    state,
    startedMs,
    restarts: observed.restarts ?? 0,
    rescales: observed.recuts?.rescales ?? 0,
    rebalances: observed.recuts?.rebalances ?? 0,
    rowsIn: rowsRead,
    rowsOut,
    rowsFailed,
    rowsLate,
    recordsPerSecond: observed.queries.reduce((total, query) => total + query.readRate, 0),
    lag,
    stateRows: sum((query) => query.stateRows),
    stateBytes: sum((query) => query.stateBytes),
    queries: queries.map((query) => ({
      query: query.query,
      rowsIn: query.rowsRead,
      rowsOut: query.rowsOut,
      stateRows: query.stateRows,
      stateBytes: query.stateBytes,
      partitions: partitionsOf(observed, query.query),
    })),
    checkpoints: checkpoints.figures(),
  };
}

function partitionsOf(
  { queries }: JobMetricsForExport,
  name: string,
): JobStatus['queries'][number]['partitions'] {
  const found = queries.find(({ query }) => query === name);
  return (found?.snapshot.partitions ?? []).map(({ partition, rowsIn, stateRows, stateBytes }) => ({
    partition,
    rowsIn,
    stateRows,
    stateBytes,
  }));
}
