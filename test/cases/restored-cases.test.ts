/**
 * Every SQL case that ends well, in three lives: a job that keeps its state while it runs is gone on
 * from one of these states somewhere else (V1, V2 at another number of partitions), and that one once
 * more. What each life had put out up to the state at which the next begins is, together, what the
 * case says (law 3 across processes: only states, as a checkpoint holds them, go from life to life).
 * Which states is drawn from a seed: VELO_LIVES_SEED.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { compileJob, createJob } from '../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import type { Clock } from '../../src/base/clock.js';
import { linesOf, parseCase } from '../../src/cli/cases/case-file.js';
import type { SqlCase } from '../../src/cli/cases/case-file.js';
import { verifyCase } from '../../src/cli/cases/case-verify.js';
import type { CheckpointTarget } from '../../src/processors/checkpoint-pace.js';
import type { JobState } from '../../src/state/checkpoint/job-state.js';

const SEED = Number(process.env['VELO_LIVES_SEED'] ?? 20261130);
const LIMIT_MS = 240_000;
const ROOT = import.meta.dirname;
/** Few, so that small inputs come in several blocks, and states lie between them. */
const BATCH_ROWS = 2;

/** Partitions of V2, with two workers; null: V1. */
type Place = number | null;
const WAYS: readonly (readonly [Place, Place, Place])[] = [
  [null, 1, 3],
  [null, 8, null],
  [3, 2, null],
  [2, null, 8],
  [1, 3, 2],
  [null, null, 2],
];

class Capture extends Writable {
  private text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }

  lines(): readonly string[] {
    return linesOf(this.text);
  }
}

/** Each look at it takes 10 ms: a state is kept between any two blocks. */
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

/** Of one life: copies of a large state between any two blocks would take all of its time. */
const STATES_MAX = 12;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A state, and how many lines had been put out before it. */
interface Kept {
  readonly state: JobState;
  readonly lines: number;
}

interface Life {
  readonly lines: readonly string[];
  readonly kept: readonly Kept[];
}

async function live(
  sql: string,
  { changelog, onError }: SqlCase['flags'],
  place: Place,
  restore: JobState | null,
): Promise<Life> {
  const job = await compileJob({
    source: { name: 'case.sql', text: sql },
    variables: () => undefined,
    settings: {},
    changelog,
    redirects: new Map(),
    limit: null,
  });
  const stdout = new Capture();
  const kept: Kept[] = [];
  const failures: unknown[] = [];
  const target: Mutable<CheckpointTarget> = {
    intervalMs: 0,
    isVital: false,
    take: ({ state }) => {
      const lines = stdout.lines().length;
      return async () => {
        kept.push({ state: await state, lines });
        if (kept.length >= STATES_MAX) target.intervalMs = Number.POSITIVE_INFINITY;
      };
    },
    failed: (error) => failures.push(error),
  };
  await createJob(job, {
    sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    onError: onError ?? 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: BATCH_ROWS,
    clock: hastyClock(),
    notice: () => undefined,
    partitioned: place === null ? null : { ...PARTITIONED_DEFAULTS, partitions: place, workers: 2 },
    checkpoints: {
      restore,
      commits: null,
      target,
    },
  }).start();
  expect(failures).toEqual([]);
  return { lines: stdout.lines(), kept };
}

/** FNV-1a: the same choice for a case whichever others there are. */
function numberOf(text: string): number {
  let hash = 0x811c9dc5 ^ SEED;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}

let interrupted = 0;

/** The lines of three lives, each up to where the next one begins. */
async function linesOfLives(sqlCase: SqlCase, sql: string, name: string): Promise<string[]> {
  const hasPartitions = sqlCase.partitions?.length !== 0;
  const way = WAYS[numberOf(name) % WAYS.length] ?? [null, null, null];
  const lines: string[] = [];
  let restore: JobState | null = null;
  for (const [at, place] of way.entries()) {
    const life = await live(sql, sqlCase.flags, hasPartitions ? place : null, restore);
    const open = life.kept.filter(({ state }) => state.some(({ ended }) => !ended));
    const next = at === way.length - 1 ? undefined : open[numberOf(`${name} ${at}`) % open.length];
    if (next === undefined) {
      if (at > 0) interrupted += 1;
      return [...lines, ...life.lines];
    }
    lines.push(...life.lines.slice(0, next.lines));
    const before: JobState = restore ?? [];
    // Queries that had ended stay so, as in the checkpoints of one folder.
    restore = [...next.state, ...before.filter(({ ended }) => ended)];
  }
  return lines;
}

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.case'))
  .map((name) => join(ROOT, name))
  .sort();

describe(`SQL cases in three lives (seed ${SEED})`, () => {
  const cases = files
    .map((file) => {
      const name = relative(ROOT, file);
      return { name, sqlCase: parseCase({ name, text: readFileSync(file, 'utf8') }) };
    })
    .filter(({ sqlCase: { error, exit } }) => error === null && (exit ?? 0) === 0);

  it.each(cases)(
    '$name',
    async ({ name, sqlCase }) => {
      const folder = mkdtempSync(join(tmpdir(), 'velo-lives-'));
      try {
        for (const { name: input, body } of sqlCase.inputs)
          writeFileSync(join(folder, input), body);
        const text = 'text' in sqlCase.sql ? sqlCase.sql.text : '';
        const lines = await linesOfLives(sqlCase, text.replaceAll('${DIR}', folder), name);
        const outputs = [{ table: null, ordered: false, lines }];
        expect(verifyCase({ ...sqlCase, exit: 0 }, { exit: 0, errorText: '', outputs })).toEqual(
          [],
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    LIMIT_MS,
  );

  afterAll(() => {
    expect(interrupted, 'cases that were gone on from').toBeGreaterThan(cases.length / 2);
  });
});
