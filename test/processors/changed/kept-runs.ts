/**
 * Runs of a job that keeps its state in a folder and goes on from it, over a file of eight records:
 *
 *   i  0 1 2 3 | 4 5 6 7
 *   k  a b a b | a b c a       v = i + 1, w = 10 v, ts = 10 s · i
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Clock } from '../../../src/base/clock.js';
import type { JobState } from '../../../src/state/checkpoint/job-state.js';
import { compileJob, createJob } from '../../../dist/job.js';
import type { CompiledJob } from '../../../dist/job.js';
import { openCheckpoints } from '../../../src/job/checkpointing.js';
import type { OpenCheckpoints } from '../../../src/job/checkpointing.js';
import { PARTITIONED_DEFAULTS } from '../../../dist/processors/partitioned/job-settings.js';
import { Capture } from '../partitioned/jobs.js';

export const folder = mkdtempSync(join(tmpdir(), 'velo-changed-queries-'));
const lines = Array.from({ length: 8 }, (_, i) => {
  const v = i + 1;
  return JSON.stringify({ i, k: 'abababca'[i], v, w: 10 * v, ts: i * 10_000 });
});
const path = join(folder, 'events.jsonl');
writeFileSync(path, `${lines.join('\n')}\n`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OTHER = join(folder, 'other.jsonl');
cpSync(path, OTHER);

/** u reads what t does, x another file with the same records, and y has later watermarks. */
export const TABLES = [
  { name: 't', file: path, bound: 5 },
  { name: 'u', file: path, bound: 5 },
  { name: 'x', file: OTHER, bound: 5 },
  { name: 'y', file: path, bound: 10 },
]
  .map(
    ({ name, file, bound }) => `CREATE TABLE ${name} (
      i BIGINT, k STRING, v BIGINT, w BIGINT, ts TIMESTAMP(3),
      WATERMARK FOR ts AS ts - INTERVAL '${bound}' SECOND)
    WITH ('connector' = 'file', 'path' = '${file}', 'format' = 'json');`,
  )
  .join('\n');

/** Each look takes 10 ms, so that V1 has a chance to keep its state behind each block. */
function hastyClock(): Clock {
  let ns = 0;
  return {
    nowMs: () => Math.floor(ns / 1e6),
    monotonicNs: () => {
      ns += 1e7;
      return ns;
    },
  };
}

export interface Place {
  readonly dir: string;
  readonly partitions: number | null;
  readonly restore: 'none' | 'latest';
  /** Which of its states is kept in the folder; absent: none. */
  readonly keep?: (states: readonly JobState[]) => JobState | undefined;
  readonly allowStateLoss?: readonly string[];
  readonly changelog?: boolean;
}

export interface Outcome {
  readonly rows: string[];
  readonly said: string[];
}

interface Opened {
  readonly job: CompiledJob;
  readonly checkpoints: OpenCheckpoints;
  readonly clock: Clock;
  readonly said: string[];
}

/** A job and its folder, as `velo run` opens them. */
export async function opened(sql: string, place: Place): Promise<Opened> {
  const { dir, partitions, restore, allowStateLoss = [] } = place;
  const job = await compileJob({
    source: { name: 'test.sql', text: sql },
    variables: () => undefined,
    settings: {},
    changelog: place.changelog ?? false,
    redirects: new Map(),
    limit: null,
  });
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const clock = hastyClock();
  const checkpoints = await openCheckpoints(
    {
      name: 'test.sql',
      queries: job.plan.queries,
      arch: partitions === null ? 'v1' : 'v2',
      partitions: partitions ?? 1,
      clock,
      notice: say,
      warn: say,
    },
    { dir, intervalMs: 0, restore, keep: 100, allowStateLoss },
  );
  return { job, checkpoints, clock, said };
}

export async function run(sql: string, place: Place): Promise<Outcome> {
  const { partitions } = place;
  const { job, checkpoints, clock, said } = await opened(sql, place);
  const states: JobState[] = [];
  const stdout = new Capture();
  try {
    await createJob(job, {
      sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows: 1,
      clock,
      notice: () => undefined,
      partitioned:
        partitions === null ? null : { ...PARTITIONED_DEFAULTS, partitions, workers: partitions },
      checkpoints: {
        restore: checkpoints.restore,
        queries: checkpoints.queries,
        commits: null,
        target: {
          ...checkpoints.target,
          take:
            ({ state }) =>
            async () => {
              states.push(await state);
            },
        },
      },
    }).start();
    const kept = place.keep?.(states);
    if (kept !== undefined) {
      await checkpoints.target.take({
        state: Promise.resolve(kept),
        trigger: 'interval',
        pauseMs: 0,
      })();
    }
  } finally {
    await checkpoints.close();
  }
  const rows = stdout.lines();
  return { rows: rows.map(shortRow).sort(), said };
}

/** `a 4 17`: the values, with times in seconds. */
function shortRow(line: string): string {
  const values = Object.values(JSON.parse(line) as Record<string, unknown>);
  return values
    .map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
    .join(' ');
}

/** The state behind so many records of each split. */
export function at(records: number): (states: readonly JobState[]) => JobState | undefined {
  return (states) =>
    states.find((state) => {
      const splits = state.flatMap((query) => query.splits);
      return splits.length > 0 && splits.every((split) => recordsAt(split) === records);
    });
}

/** Positions of a file are `offset:records:line`. */
export function recordsAt({ position }: { readonly position: string }): number {
  return Number(position.split(':')[1]);
}
