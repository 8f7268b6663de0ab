/**
 * A worker thread that dies under a job with checkpoints: the job goes on from its last checkpoint
 * in the same process, and what it writes holds each row of a run without a crash once. Real
 * threads end, each in one of four ways (crashing-worker.mjs).
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';
import type { VeloOptions, VeloRun } from '../support/velo-process.js';

const LIMIT_MS = 240_000;
const CRASHING = pathToFileURL(join(import.meta.dirname, 'crashing-worker.mjs')).href;
const folder = mkdtempSync(join(tmpdir(), 'velo-crash-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TABLE = `CREATE TABLE g (k BIGINT AS i * 7 % 23, v BIGINT AS i * 37 % 101,
    ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i * 10, 3),
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'generator', 'rows' = '6000', 'rows-per-second' = '6000');\n`;
const QUERY = 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM g GROUP BY k EMIT CHANGES';

interface Crash {
  readonly kind: 'exit' | 'throw' | 'uncaught' | 'memory';
  readonly times: number;
  /** Batches of a worker between two crashes. */
  readonly batch: number;
}

const STATE = ['--checkpoint-interval', '20ms', '--checkpoint-dir'];

function crashing(
  name: string,
  crash: Crash,
  args: readonly string[],
  options: VeloOptions = {},
): Promise<VeloRun> {
  const dir = mkdtempSync(join(folder, `${name}-`));
  const heap = crash.kind === 'memory' ? ' --max-old-space-size=60' : '';
  // Small batches, so that a machine that is late with its rows has as many of them.
  const lanes = ['--partitions', '4', '--workers', '2', '--batch-size', '16'];
  return velo(['run', ...args, ...lanes], {
    ...options,
    modules: true,
    env: {
      NODE_OPTIONS: `--import ${CRASHING}${heap}`,
      VELO_CRASH: JSON.stringify({ dir, ...crash }),
      VELO_RESTART_DELAY: '10ms',
      ...options.env,
    },
  });
}

function script(name: string, out: string, query = QUERY): string {
  const file = join(folder, `${name}.sql`);
  writeFileSync(file, `${TABLE}INSERT INTO '${out}' ${query};\n`);
  return file;
}

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').sort();

describe('a worker that dies under a job with checkpoints', () => {
  it.each(['exit', 'throw', 'uncaught', 'memory'] as const)(
    'is followed by another life of the job: %s',
    async (kind) => {
      const expected = join(folder, `${kind}-whole.jsonl`);
      await velo(['run', script(`${kind}-whole`, expected), '-q']);
      const out = join(folder, `${kind}.jsonl`);
      const stats = join(folder, `${kind}.json`);
      const state = join(folder, `${kind}-state`);
      const run = await crashing(kind, { kind, times: 2, batch: 60 }, [
        script(kind, out),
        '--stats-json',
        stats,
        ...STATE,
        state,
      ]);
      expect(run.exit, run.stderr).toBe(0);
      expect(run.stderr).toMatch(/: restart 1 of 3 in 0.01 s\n/);
      expect(run.stderr).toMatch(/end of input.* · since the last of [12] restarts?\n/);
      const { restarts } = JSON.parse(readFileSync(stats, 'utf8')) as { restarts: number };
      expect(restarts).toBeGreaterThan(0);
      expect(linesOf(out)).toEqual(linesOf(expected));
    },
    LIMIT_MS,
  );

  it(
    'so often in a row, without a checkpoint between, ends the job with its error',
    async () => {
      const state = join(folder, 'often-state');
      const args = [script('often', join(folder, 'often.jsonl')), '--checkpoint-dir', state];
      const env = { VELO_RESTART_ATTEMPTS: '2' };
      const run = await crashing('often', { kind: 'exit', times: 9, batch: 40 }, args, { env });
      expect(run.exit).toBe(1);
      const often = [...run.stderr.matchAll(/restart (\d) of 2 in (\S+) s/g)].map(
        ([, count, seconds]) => `${count} ${seconds}`,
      );
      expect(often).toEqual(['1 0.01', '2 0.02']);
      expect(run.stderr.match(/no checkpoint yet/g)).toHaveLength(2);
      expect(run.stderr).toContain('error[VELO_WORKER_DIED]');
    },
    LIMIT_MS,
  );

  it(
    'ends it at once where no attempt is allowed, with its last checkpoint left',
    async () => {
      const state = join(folder, 'none-state');
      const args = [script('none', join(folder, 'none.jsonl')), ...STATE, state];
      const env = { VELO_RESTART_ATTEMPTS: '0' };
      const run = await crashing('none', { kind: 'exit', times: 9, batch: 150 }, args, { env });
      expect(run.exit).toBe(1);
      expect(run.stderr).not.toContain('restart');
      expect(readdirSync(state).some((name) => name.startsWith('epoch-'))).toBe(true);
      const next = await velo(['run', ...args]);
      expect(next.exit, next.stderr).toBe(0);
      expect(next.stderr).toContain('restored from epoch');
    },
    LIMIT_MS,
  );

  it(
    'ends one without checkpoints at once',
    async () => {
      const args = [script('without', join(folder, 'without.jsonl'))];
      const run = await crashing('without', { kind: 'exit', times: 1, batch: 40 }, args);
      expect(run.exit).toBe(1);
      expect(run.stderr).not.toContain('restart');
      expect(run.stderr).toContain('error[VELO_WORKER_DIED]');
    },
    LIMIT_MS,
  );

  it(
    'is not what a record that fails is',
    async () => {
      const query = 'SELECT 10 / (v - 3) AS w FROM g';
      const state = join(folder, 'data-state');
      const args = [script('data', join(folder, 'data.jsonl'), query), ...STATE, state];
      const run = await crashing('data', { kind: 'exit', times: 0, batch: 40 }, args);
      expect(run.exit).toBe(1);
      expect(run.stderr).not.toContain('restart');
    },
    LIMIT_MS,
  );

  it(
    'may be stopped while it waits for its next life, with its folder given back',
    async () => {
      const state = join(folder, 'stopped-state');
      let signal: (name: NodeJS.Signals) => void = () => undefined;
      const run = await crashing(
        'stopped',
        { kind: 'exit', times: 1, batch: 40 },
        [script('stopped', join(folder, 'stopped.jsonl')), ...STATE, state],
        {
          env: { VELO_RESTART_DELAY: '1h' },
          started: (send) => {
            signal = send;
          },
          stderr: (text) => {
            if (text.includes('restart 1 of 3')) signal('SIGTERM');
          },
        },
      );
      expect(run.exit).toBe(1);
      expect(run.stderr).toContain('error[VELO_WORKER_DIED]');
      expect(existsSync(join(state, 'lock'))).toBe(false);
    },
    LIMIT_MS,
  );

  it(
    'gives the head of CSV on stdout once',
    async () => {
      const state = join(folder, 'csv-state');
      const args = ['-e', `${TABLE}${QUERY}`, '--format', 'csv', ...STATE, state];
      const run = await crashing('csv', { kind: 'exit', times: 1, batch: 40 }, args);
      expect(run.exit, run.stderr).toBe(0);
      expect(run.stderr).toContain('restart 1 of 3');
      expect(run.stdout.split('\n').filter((line) => line === 'k,n,s')).toHaveLength(1);
    },
    LIMIT_MS,
  );
});
