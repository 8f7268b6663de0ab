/**
 * An exception in a worker ends the job with its error, whichever call throws: failures at single
 * calls of every method that a worker's loop is made of (failures/failure-plan.mjs), defects and
 * bad data, in ten kinds of queries with 1, 2 and 3 workers. A run takes a seeded sample of the
 * points; VELO_FAILURES=all takes all of them, some 10,000 in 20 minutes.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const EVERY_POINT = process.env['VELO_FAILURES'] === 'all';
const SEED = Number(process.env['VELO_FUZZ_SEED'] ?? 20261129);
const POINTS = 200;
const LIMIT_MS = EVERY_POINT ? 3_600_000 : 180_000;
const FOLDER = join(import.meta.dirname, 'failures');

interface Outcome {
  readonly points: number;
  readonly methods: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

function failJobs(points: number): Promise<Outcome> {
  const plan = join(FOLDER, 'failure-plan.mjs');
  const jobs = join(FOLDER, 'failing-jobs.mjs');
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--import', plan, jobs, String(SEED), String(points)],
      { maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        if (error === null) resolve(JSON.parse(stdout) as Outcome);
        else reject(new Error(stderr, { cause: error }));
      },
    );
  });
}

describe('a call that throws in a worker', () => {
  it(
    `ends the job with its error (seed ${SEED})`,
    async () => {
      const { points, methods, ends, faults } = await failJobs(EVERY_POINT ? 0 : POINTS);
      expect(faults).toEqual([]);
      expect(ends['hang']).toBeUndefined();
      // Most calls of a counted job come again in the next one.
      expect(ends['its error']).toBeGreaterThan(0.7 * points);
      expect(methods).toBeGreaterThan(POINTS / 4);
    },
    LIMIT_MS,
  );
});
