/** Which failures a job with checkpoints goes on after, how often, and what a stop does meanwhile. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { DataError, VeloError } from '../../src/base/errors.js';
import type { OpenCheckpoints } from '../../src/job/checkpointing.js';
import { RestartingJob } from '../../src/job/restarting-job.js';
import type { JobLife } from '../../src/job/restarting-job.js';
import { Histogram } from '../../src/metrics/histogram.js';
import type { JobProcessor, JobResult } from '../../src/processors/job-processor.js';

const died = (): VeloError => new VeloError('WORKER_DIED', { message: 'worker 1 died' });

interface Life {
  /** null: it ends well. */
  readonly error: Error | null;
  /** Checkpoints that it writes before. */
  readonly writes?: number;
  readonly opens?: boolean;
  readonly releases?: boolean;
}

/** A job of these lives; the last one is lived again and again. */
function jobOf(lives: readonly Life[], attempts = 3, delayMs = 1) {
  const said: string[] = [];
  const begun: boolean[] = [];
  const checkpoints = {
    written: 0,
    restored: 'restored from epoch 7',
    again: async () => undefined,
    figures: () => ({ written: checkpoints.written }),
  };
  const create = ({ isFirst }: { readonly isFirst: boolean }): JobProcessor => {
    const life = lives[Math.min(begun.length, lives.length - 1)]!;
    begun.push(isFirst);
    return {
      start: () => {
        checkpoints.written += life.writes ?? 0;
        return life.error === null ? Promise.resolve({} as JobResult) : Promise.reject(life.error);
      },
      opened: life.opens ?? true,
      isReleased: life.releases ?? true,
      state: 'failed',
      stop: () => Promise.resolve(),
    } as unknown as JobProcessor;
  };
  const job = new RestartingJob({
    create,
    checkpoints: checkpoints as unknown as OpenCheckpoints,
    policy: { attempts, delayMs },
    placement: null,
    durationMs: null,
    clock: systemClock,
    notice: (line) => said.push(line),
    rescaled: () => undefined,
    rebalance: false,
    rebalanced: () => undefined,
  });
  return { job, said, begun };
}

describe('a job that crashes', () => {
  it('goes on, and says after how many crashes', async () => {
    const { job, said, begun } = jobOf([
      { error: died() },
      { error: new TypeError('x') },
      { error: null },
    ]);
    expect(await job.start()).toMatchObject({ restarts: 2 });
    expect(said).toEqual([
      'worker 1 died: restart 1 of 3 in 0.001 s',
      'restored from epoch 7',
      'an internal fault ended the job: x: restart 2 of 3 in 0.002 s',
      'restored from epoch 7',
    ]);
    expect(begun).toEqual([true, false, false]);
  });

  it('fails when it crashes too often without a checkpoint between', async () => {
    const { job, begun } = jobOf([{ error: died() }], 2);
    await expect(job.start()).rejects.toThrow('worker 1 died');
    expect(begun).toHaveLength(3);
  });

  it('may crash as often again behind each checkpoint', async () => {
    const crash = { error: died() };
    const after = { error: died(), writes: 1 };
    const { job } = jobOf([crash, after, crash, after, { error: null }], 2);
    expect(await job.start()).toMatchObject({ restarts: 4 });
  });

  const bad = new DataError('CONVERT', { message: 'no number' });
  const full = new VeloError('MEMORY_EXHAUSTED', { message: 'above --max-memory' });
  it.each<[string, Life]>([
    ['data is wrong', { error: bad }],
    ['the memory that it may take is used up', { error: full }],
    ['it could not begin', { error: died(), opens: false }],
    ['something of it is still open', { error: died(), releases: false }],
  ])('does not go on where %s', async (_, life) => {
    const { job, begun } = jobOf([life]);
    await expect(job.start()).rejects.toBe(life.error);
    expect(begun).toHaveLength(1);
  });

  it('goes on after a worker whose heap was full', async () => {
    const cause = Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
    const error = new VeloError('MEMORY_EXHAUSTED', { message: 'full', cause });
    expect(await jobOf([{ error }, { error: null }]).job.start()).toMatchObject({ restarts: 1 });
  });

  it('ends when it is stopped while it waits', async () => {
    const { job, begun } = jobOf([{ error: died() }], 3, 3_600_000);
    const ended = expect(job.start()).rejects.toThrow('worker 1 died');
    await new Promise((resolve) => setImmediate(resolve));
    expect(job.state).toBe('restarting');
    await job.stop();
    await ended;
    expect(begun).toHaveLength(1);
  });
});

describe('a job that is to be cut anew', () => {
  /** Runs until it is asked to hand over, or to stop; `opens` false: the next one fails to begin. */
  function cutJobOf({ opens = true } = {}) {
    const said: string[] = [];
    const placed: number[] = [];
    const stopped: boolean[] = [];
    let handOver: () => void = () => undefined;
    const handed = new Promise<void>((resolve) => (handOver = resolve));
    const checkpoints = {
      written: 1,
      restored: 'restored from epoch 7',
      again: async () => undefined,
      handedOver: async () => 8,
      figures: () => ({}),
    };
    const create = ({ placement, begun }: JobLife): JobProcessor => {
      const at = placed.push(placement?.partitions ?? 0) - 1;
      let end: (result: JobResult) => void = () => undefined;
      const ended = new Promise<JobResult>((resolve) => (end = resolve));
      const fails = !opens && at === 1;
      return {
        start: async () => {
          if (fails) throw new VeloError('MEMORY_EXHAUSTED', { message: 'too many partitions' });
          begun();
          return ended;
        },
        opened: !fails,
        isReleased: true,
        state: 'running',
        metrics: () => NO_ROWS,
        handOver: async () => {
          await handed;
          end(NO_ROWS);
          return { state: [], outputs: { sinks: new Map(), letters: null } };
        },
        stop: async ({ drain = false } = {}) => {
          stopped.push(drain);
          end(NO_ROWS);
          await ended;
        },
      } as unknown as JobProcessor;
    };
    const job = new RestartingJob({
      create,
      checkpoints: checkpoints as unknown as OpenCheckpoints,
      policy: { attempts: 0, delayMs: 1 },
      placement: { partitions: 2, workers: 1, owners: null },
      durationMs: null,
      clock: systemClock,
      notice: (line) => said.push(line),
      rescaled: () => undefined,
      rebalance: false,
      rebalanced: () => undefined,
    });
    return { job, said, placed, stopped, handOver };
  }

  const NO_ROWS = {
    queries: [],
    seconds: 0,
    latencyUs: new Histogram(),
    intervals: { intervalMs: 1000, rows: [] },
    digests: [],
    cpuSeconds: 0,
    rssPeakBytes: 0,
  } as unknown as JobResult;

  it('is cut once at a time, and not when it is asked to stop', async () => {
    const { job, placed, handOver } = cutJobOf();
    const ended = job.start();
    const cut = job.rescale({ partitions: 8, workers: null });
    expect(job.state).toBe('restarting');
    await expect(job.rescale({ partitions: 4, workers: null })).rejects.toThrow(
      'the job cannot be cut anew: it is being cut anew already',
    );
    handOver();
    expect(await cut).toMatchObject({ epoch: 8, to: { partitions: 8 } });
    const stopped = job.stop();
    await expect(job.rescale({ partitions: 4, workers: null })).rejects.toThrow(
      'the job cannot be cut anew: it is asked to stop',
    );
    await stopped;
    expect(await ended).toMatchObject({ recuts: { rescales: 1 } });
    expect(placed).toEqual([2, 8]);
  });

  it('ends with the life that hands over when it is stopped meanwhile', async () => {
    const { job, placed, handOver } = cutJobOf();
    const ended = job.start();
    const cut = expect(job.rescale({ partitions: 8, workers: null })).rejects.toThrow(
      'the job is asked to stop',
    );
    const stopped = job.stop();
    handOver();
    await Promise.all([cut, stopped, ended]);
    expect(placed).toEqual([2]);
  });

  it('is drained when it goes on', async () => {
    const { job, placed, stopped, handOver } = cutJobOf();
    const ended = job.start();
    const cut = job.rescale({ partitions: 8, workers: null });
    const drained = job.stop({ drain: true });
    handOver();
    await Promise.all([cut, drained, ended]);
    expect(placed).toEqual([2, 8]);
    expect(stopped).toEqual([true]);
  });

  it('goes on as it was where the next life does not begin, whatever it fails of', async () => {
    const { job, placed, said, handOver } = cutJobOf({ opens: false });
    const ended = job.start();
    const cut = job.rescale({ partitions: 8, workers: null });
    handOver();
    await expect(cut).rejects.toThrow('the job cannot be cut anew: too many partitions');
    expect(placed).toEqual([2, 8, 2]);
    expect(said).toEqual([
      'too many partitions: the job goes on with 2 partitions on 1 worker',
      'restored from epoch 7',
    ]);
    await job.stop();
    await ended;
  });
});
