/** Which failures a job with checkpoints goes on after, how often, and what a stop does meanwhile. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { DataError, VeloError } from '../../src/base/errors.js';
import type { OpenCheckpoints } from '../../src/job/checkpointing.js';
import { RestartingJob } from '../../src/job/restarting-job.js';
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
