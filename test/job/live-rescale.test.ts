/**
 * Law 3 in a running job: it goes on with other partitions and workers, twice, at points that a seed
 * picks, and what it writes holds the rows of a run that nobody cut, each once. Queries cover every
 * operator that has state. VELO_RESCALE_SEED asks for other points, VELO_CHECKPOINT_WAYS=all for all
 * sources.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../dist/base/clock.js';
import { openCheckpoints } from '../../dist/job/checkpointing.js';
import { compileJob, createRestartingJob } from '../../dist/job.js';
import type { RescaledJob } from '../../src/job/recut.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import { Capture, unaccountedRows, until, within } from '../processors/partitioned/jobs.js';
import { folder, ROWS, SHAPES, SOURCES, sqlOf } from '../processors/state-shapes.js';

const SEED = Number(process.env['VELO_RESCALE_SEED'] ?? 20261130);
const LIMIT_MS = 240_000;
const BATCH_ROWS = 4;
/** Of a job whose input ends before this thread comes to cut it. */
const ATTEMPTS = 20;
const states = mkdtempSync(join(tmpdir(), 'velo-live-rescale-'));

afterAll(() => rmSync(states, { recursive: true, force: true }));

interface Cut {
  readonly partitions: number;
  readonly workers: number | null;
  /** It is asked for when so many records were read. */
  readonly atRow: number;
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** From 1 to 8 to 3 partitions, somewhere in the first two thirds. */
function cutsOf(seed: number): readonly Cut[] {
  const next = random(seed);
  const first = Math.floor(next() * (ROWS / 3));
  const second = first + Math.floor(next() * (ROWS / 4));
  return [
    { partitions: 8, workers: null, atRow: first },
    { partitions: 3, workers: next() < 0.5 ? 1 : null, atRow: second },
  ];
}

async function run(
  sql: string,
  changelog: boolean,
  cuts: readonly Cut[],
): Promise<{
  readonly result: Awaited<ReturnType<ReturnType<typeof createRestartingJob>['start']>>;
  readonly rescaled: readonly RescaledJob[];
}> {
  const compiled = await compileJob({
    source: { name: 'test.sql', text: sql },
    variables: () => undefined,
    settings: {},
    changelog,
    redirects: new Map(),
    limit: null,
  });
  const warnings: string[] = [];
  const checkpoints = await openCheckpoints(
    {
      name: 'test.sql',
      queries: compiled.plan.queries,
      arch: 'v2',
      partitions: 1,
      clock: systemClock,
      notice: () => undefined,
      warn: (line) => warnings.push(line),
    },
    {
      dir: mkdtempSync(join(states, 'state-')),
      intervalMs: 30,
      restore: 'latest',
      keep: 3,
      allowStateLoss: [],
    },
  );
  const told: RescaledJob[] = [];
  const job = createRestartingJob(
    compiled,
    {
      sinks: { stdout: new Capture(), format: 'jsonl', onStdoutClosed: () => undefined },
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows: BATCH_ROWS,
      notice: () => undefined,
      partitioned: { ...PARTITIONED_DEFAULTS, partitions: 1, workers: 2 },
      checkpoints,
    },
    {
      checkpoints,
      policy: { attempts: 0, delayMs: 1 },
      rescaled: (cut) => told.push(cut),
      rebalanced: () => undefined,
    },
  );
  try {
    const ended = job.start();
    for (const { atRow, ...request } of cuts) {
      const deep = until(() => job.state === 'running' && job.metrics().rowsRead >= atRow);
      await Promise.race([ended, within(deep, LIMIT_MS)]);
      job.pause();
      await job.rescale(request).catch((error: unknown) => {
        // It was faster than this thread.
        expect(String(error)).toMatch(/has ended|it is finished|job ended before/);
      });
      job.resume();
    }
    const result = await within(ended, LIMIT_MS);
    expect(warnings).toEqual([]);
    return { result, rescaled: told };
  } finally {
    await checkpoints.close();
  }
}

/** A run that was cut as often as it should be: some are over before. All have to be right. */
async function cutRun(
  sql: string,
  changelog: boolean,
  cuts: readonly Cut[],
  check: (told: string) => void,
): Promise<Awaited<ReturnType<typeof run>>> {
  for (let attempt = 1; ; attempt += 1) {
    const done = await run(sql, changelog, cuts);
    check(JSON.stringify({ attempt, cuts, rescaled: done.rescaled }));
    if (done.rescaled.length === cuts.length) return done;
    expect(attempt, 'the job ended before it was cut, again and again').toBeLessThan(ATTEMPTS);
  }
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').sort();
}

const CELLS = SHAPES.flatMap((shape, at) => {
  const isAll = process.env['VELO_CHECKPOINT_WAYS'] === 'all';
  const sources = isAll ? SOURCES : [SOURCES[at % SOURCES.length]!];
  return sources.map(({ source, splits }, of) => ({
    name: `${shape.name}: ${source}, ${splits} splits`,
    shape,
    source,
    splits,
    cuts: cutsOf(SEED + 31 * at + of),
  }));
});

describe(`a running job goes from 1 to 8 to 3 partitions (seed ${SEED})`, () => {
  it.each(CELLS)(
    '$name',
    async ({ shape, source, splits, cuts }) => {
      const path = join(folder, 'rescaled.jsonl');
      const changelog = shape.changelog ?? false;
      const sql = sqlOf(shape, source, splits, path);
      const whole = await run(sql, changelog, []);
      const expected = linesOf(path);
      rmSync(path);
      const { result, rescaled } = await cutRun(sql, changelog, cuts, (told) => {
        expect(linesOf(path), told).toEqual(expected);
        rmSync(path);
      });
      const at = JSON.stringify({ cuts, rescaled });
      expect(result.rowsRead, at).toBe(whole.result.rowsRead);
      expect(result.rowsOut, at).toBe(whole.result.rowsOut);
      expect(result.rowsLate, at).toBe(whole.result.rowsLate);
      expect(unaccountedRows(result), at).toBe(0);
      expect(result.recuts, at).toMatchObject({ rescales: 2 });
      expect(rescaled.map(({ to }) => to.partitions)).toEqual([8, 3]);
      expect(
        rescaled.every(({ epoch }) => epoch !== null),
        at,
      ).toBe(true);
    },
    LIMIT_MS,
  );
});
