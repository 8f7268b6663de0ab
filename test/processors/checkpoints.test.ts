/**
 * Law 3 with sinks: a job that keeps its state while it runs, on V1 or V2, is gone on from one of
 * these states, on V1 or V2 with another number of partitions, and the file that it writes holds
 * the rows of a run that nobody stopped, each once. What the first run wrote behind the state is in
 * the file when the second one starts, as after a crash. Seeds are printed.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileJob, createJob } from '../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import type { JobState } from '../../src/state/checkpoint/job-state.js';
import type { Clock } from '../../src/base/clock.js';
import { Capture } from './partitioned/jobs.js';
import { folder, SHAPES, SOURCES, sqlOf } from './state-shapes.js';

const LIMIT_MS = 240_000;
const BATCH_ROWS = 16;

/** Partitions and workers; null: V1. */
type Place = readonly [partitions: number, workers: number] | null;
const WAYS: readonly (readonly [from: Place, to: Place])[] = [
  [null, null],
  [null, [3, 2]],
  [[3, 2], null],
  [
    [2, 1],
    [8, 2],
  ],
];

const nameOf = (place: Place): string => (place === null ? 'V1' : `V2 ${place.join(' x ')}`);

async function run(
  sql: string,
  place: Place,
  { restore, states }: { readonly restore: JobState | null; readonly states: JobState[] },
  changelog: boolean,
): Promise<number> {
  const compiled = await compileJob({
    source: { name: 'test.sql', text: sql },
    variables: () => undefined,
    settings: {},
    changelog,
    redirects: new Map(),
    limit: null,
  });
  const [partitions, workers] = place ?? [1, 1];
  const failures: unknown[] = [];
  const job = createJob(compiled, {
    sinks: { stdout: new Capture(), format: 'jsonl', onStdoutClosed: () => undefined },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: BATCH_ROWS,
    clock: hastyClock(),
    notice: () => undefined,
    partitioned: place === null ? null : { ...PARTITIONED_DEFAULTS, partitions, workers },
    checkpoints: {
      restore,
      commits: null,
      target: {
        intervalMs: 0,
        isVital: false,
        take:
          ({ state }) =>
          async () => {
            states.push(await state);
          },
        failed: (error) => failures.push(error),
      },
    },
  });
  const { rowsRead } = await job.start();
  expect(failures).toEqual([]);
  return rowsRead;
}

/** Each look at it takes 10 ms, so that V1's loop has a chance to keep the state behind each block. */
function hastyClock(): Clock {
  let ns = 0;
  return {
    nowMs: () => Date.now(),
    monotonicNs: () => {
      ns += 1e7;
      return ns;
    },
  };
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').sort();
}

const CELLS = SHAPES.flatMap((shape, at) => {
  const all = SOURCES.flatMap((source) => WAYS.map((way) => ({ ...source, way, shape })));
  const some = [all[(7 * at + 5) % all.length]!];
  const cells = process.env['VELO_CHECKPOINT_WAYS'] === 'all' ? all : some;
  return cells.map(({ source, splits, way: [from, to] }) => ({
    name: `${shape.name}: ${source}, ${splits} splits, ${nameOf(from)} to ${nameOf(to)}`,
    shape,
    source,
    splits,
    from,
    to,
  }));
});

describe('a state that was kept while a job ran is gone on from', () => {
  it.each(CELLS)(
    '$name',
    async ({ shape, source, splits, from, to }) => {
      const path = join(folder, 'rows.jsonl');
      const changelog = shape.changelog ?? false;
      const sql = sqlOf(shape, source, splits, path);
      await run(sql, null, { restore: null, states: [] }, changelog);
      const expected = linesOf(path);
      rmSync(path);
      const states: JobState[] = [];
      const total = await run(sql, from, { restore: null, states }, changelog);
      expect(linesOf(path)).toEqual(expected);
      const open = states.filter((state) => state.some(({ ended }) => !ended));
      expect(open.length).toBeGreaterThan(0);
      const restore = open[Math.floor(open.length / 2)]!;
      const rowsRead = await run(sql, to, { restore, states: [] }, changelog);
      const at = `${rowsRead} of ${total} records again`;
      expect(rowsRead, at).toBeLessThan(total);
      expect(linesOf(path), at).toEqual(expected);
    },
    LIMIT_MS,
  );
});
