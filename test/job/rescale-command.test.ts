/**
 * `velo job rescale` beside a running job, each in a process of its own: what it says, what it
 * refuses, and that a worker which dies under it takes no row along.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { askJob } from '../../src/job/control/control-client.js';
import { velo } from '../support/velo-process.js';
import type { VeloOptions, VeloRun } from '../support/velo-process.js';

const LIMIT_MS = 240_000;
const ROWS = 12_000;
const DYING = pathToFileURL(join(import.meta.dirname, 'dying-rescale.mjs')).href;
const folder = mkdtempSync(join(tmpdir(), 'velo-rescale-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How often it is looked whether a job has begun. */
const LOOK_MS = 50;
let number = 0;

interface TestJob {
  readonly base: string;
  readonly out: string;
  readonly file: string;
  readonly state: string;
}

/** `rate` null: as fast as it can. */
function jobOf(rate: number | null, rows = ROWS): TestJob {
  const base = join(folder, `job-${(number += 1)}`);
  mkdirSync(base);
  const out = join(base, 'out.jsonl');
  const file = join(base, 'query.sql');
  const paced = rate === null ? '' : `, 'rows-per-second' = '${rate}'`;
  writeFileSync(
    file,
    `CREATE TABLE g (k BIGINT AS i * 7 % 997, v BIGINT AS i * 37 % 101)
       WITH ('connector' = 'generator', 'rows' = '${rows}'${paced});
     INSERT INTO '${out}' SELECT k, COUNT(*) AS n, SUM(v) AS s FROM g GROUP BY k EMIT CHANGES;\n`,
  );
  return { base, out, file, state: join(base, 'state') };
}

const V2 = ['--partitions', '2', '--workers', '2'];

/** The job runs, and has read something. */
async function started(
  { file, state }: TestJob,
  place: readonly string[],
  options: VeloOptions = {},
): Promise<{ readonly ended: Promise<VeloRun> }> {
  const args = ['run', file, '--checkpoint-dir', state, '--checkpoint-interval', '1h', ...place];
  const ended = velo(args, options);
  while ((await rowsIn(state)) === 0) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { ended };
}

async function rowsIn(state: string): Promise<number> {
  try {
    const answer = await askJob(state, { kind: 'status' }, { limitMs: null });
    return answer.kind === 'status' ? answer.status.rowsIn : 0;
  } catch (error) {
    expect((error as Error).message).toMatch(/no job runs|no folder|no socket/);
    return 0;
  }
}

const job = (...args: readonly string[]): Promise<VeloRun> => velo(['job', ...args]);
const rescale = (state: string, ...flags: readonly string[]): Promise<VeloRun> =>
  job('rescale', state, ...flags);

async function expectWhole({ out }: TestJob, told: string, rows = ROWS): Promise<void> {
  const whole = jobOf(null, rows);
  await velo(['run', whole.file, '-q']);
  expect(readFileSync(out, 'utf8'), told).toBe(readFileSync(whole.out, 'utf8'));
}

describe('velo job rescale', () => {
  it(
    'goes on with other partitions and workers, and says what moved',
    async () => {
      const one = jobOf(2000);
      const stats = join(one.base, 'stats.json');
      const { ended } = await started(one, [...V2, '--stats-json', stats]);
      const grown = await rescale(one.state, '--partitions', '8', '--workers', '3');
      expect(grown.exit, grown.stderr).toBe(0);
      const line =
        /^rescaled from 2 to 8 partitions and from 2 to 3 workers at epoch 0: [\d,]+ rows? of state \(.* K?i?B\) moved, the job stood still for \d+\.\d\d s$/m;
      expect(grown.stdout).toMatch(line);
      const shrunk = await rescale(one.state, '--partitions', '3', '--json');
      expect(shrunk.exit, shrunk.stderr).toBe(0);
      const told = JSON.parse(shrunk.stdout) as { movedRows: number; movedBytes: number };
      expect(told).toMatchObject({
        schema: 1,
        from: { partitions: 8, workers: 3 },
        to: { partitions: 3, workers: 3 },
        epoch: 1,
      });
      expect(told.movedRows).toBeGreaterThan(0);
      expect(told.movedBytes).toBeGreaterThan(told.movedRows);
      const status = await job('status', one.state);
      expect(status.stdout).toMatch(/v2 × 3 on 3 · cut anew 2 times/);
      const run = await ended;
      expect(run.exit, run.stderr).toBe(0);
      expect(run.stderr).toMatch(line);
      expect(run.stderr).toMatch(
        /end of input · 12,000 in · 12,000 out .* · 2 rescales, the last stood still for/,
      );
      const written = JSON.parse(readFileSync(stats, 'utf8')) as { recuts: unknown };
      expect(written.recuts).toMatchObject({ rescales: 2 });
      await expectWhole(one, run.stderr);
      const list = await velo(['checkpoints', 'inspect', one.state, '--json']);
      expect(list.stdout).toContain('"partitions": 3');
    },
    LIMIT_MS,
  );

  it(
    'refuses what cannot be, and the job goes on',
    async () => {
      const one = jobOf(1000);
      const { ended } = await started(one, V2);
      const refused: readonly (readonly [readonly string[], string])[] = [
        [['--partitions', '0'], '--partitions'],
        [['--partitions', '65'], 'a running job cannot have 65 partitions'],
        [['--partitions', '4', '--workers', '65'], 'a running job cannot have 65 workers'],
        [['--partitions', '2'], 'the job has 2 partitions on 2 workers already'],
      ];
      for (const [flags, message] of refused) {
        const run = await rescale(one.state, ...flags);
        expect(run.exit, message).toBeGreaterThan(0);
        expect(run.stderr).toContain(message);
        expect(run.stderr).not.toContain('    at ');
      }
      expect((await rescale(one.state)).stderr).toContain('--partitions');
      const both = await Promise.all(
        ['5', '6'].map((count) => rescale(one.state, '--partitions', count)),
      );
      expect(both.map(({ exit }) => exit).filter((exit) => exit === 0).length).toBeGreaterThan(0);
      for (const { exit, stderr } of both) {
        if (exit !== 0) expect(stderr).toContain('it is being cut anew already');
      }
      expect((await job('stop', one.state)).exit).toBe(0);
      expect((await ended).exit).toBe(0);
      const gone = await rescale(one.state, '--partitions', '4');
      expect(gone.stderr).toContain('error[VELO_JOB_NOT_FOUND]');
    },
    LIMIT_MS,
  );

  it(
    'tells a job on V1 how to come to partitions',
    async () => {
      const one = jobOf(1000);
      const { ended } = await started(one, []);
      const run = await rescale(one.state, '--partitions', '4');
      expect(run.exit).toBe(1);
      expect(run.stderr).toContain('error[VELO_JOB_RESCALE]: the job runs on V1');
      expect(run.stderr).toContain('start it with --partitions 4: it goes on with its state');
      await job('stop', one.state);
      expect((await ended).exit).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'goes on at the last checkpoint when a worker dies before the state is taken',
    async () => {
      const one = jobOf(2000);
      const env = {
        NODE_OPTIONS: `--import ${DYING}`,
        VELO_ARMED: one.base,
        VELO_RESTART_DELAY: '10ms',
      };
      const { ended } = await started(one, V2, { modules: true, env });
      const kept = await job('checkpoint', one.state);
      expect(kept.exit, kept.stderr).toBe(0);
      writeFileSync(join(one.base, 'snapshot'), '');
      const died = await rescale(one.state, '--partitions', '8');
      expect(died.exit).toBe(1);
      expect(died.stderr).toContain('error[VELO_JOB_ENDED]');
      const status = await job('status', one.state);
      expect(status.stdout).toMatch(/v2 × 2 on 2/);
      const run = await ended;
      expect(run.exit, run.stderr).toBe(0);
      expect(run.stderr).toMatch(/worker \d died: .*: restart 1 of 3/);
      expect(run.stderr).toContain('restored from epoch 0');
      await expectWhole(one, run.stderr);
    },
    LIMIT_MS,
  );

  it(
    'goes on as it was when a worker dies with the state that it was given',
    async () => {
      const one = jobOf(2000);
      const env = {
        NODE_OPTIONS: `--import ${DYING}`,
        VELO_ARMED: one.base,
        VELO_RESTART_DELAY: '10ms',
      };
      const { ended } = await started(one, V2, { modules: true, env });
      writeFileSync(join(one.base, 'restore'), '');
      const died = await rescale(one.state, '--partitions', '8');
      expect(died.exit).toBe(1);
      expect(died.stderr).toMatch(/VELO_JOB_RESCALE\]: the job cannot be cut anew: worker \d died/);
      const again = await rescale(one.state, '--partitions', '4');
      expect(again.exit, again.stderr).toBe(0);
      expect(again.stdout).toContain('rescaled from 2 to 4 partitions');
      const run = await ended;
      expect(run.exit, run.stderr).toBe(0);
      expect(run.stderr).toMatch(
        /worker \d died: .*: the job goes on with 2 partitions on 2 workers/,
      );
      await expectWhole(one, run.stderr);
    },
    LIMIT_MS,
  );

  it(
    'is of the user alone where a job cannot move its keys by itself, which is said',
    async () => {
      const one = jobOf(null);
      const plain = await velo(['run', one.file, '--rebalance', 'auto', ...V2]);
      expect(plain.stderr).toContain('rebalance = auto says nothing without --checkpoint-dir');
      const first = await velo([
        'run',
        one.file,
        '--rebalance',
        'auto',
        '--checkpoint-dir',
        one.state,
      ]);
      expect(first.stderr).toContain('rebalance = auto says nothing on v1');
      const wrong = await velo(['run', one.file, '--rebalance', 'atuo']);
      expect(wrong.stderr).toContain('did you mean "auto"?');
    },
    LIMIT_MS,
  );

  it(
    'refuses a job that reads a pipe',
    async () => {
      const one = jobOf(null);
      writeFileSync(
        one.file,
        `CREATE TABLE p (k BIGINT) WITH ('connector' = 'file', 'path' = '/dev/stdin', 'format' = 'json');
         CREATE TABLE g (k BIGINT AS i) WITH ('connector' = 'generator', 'rows' = '${ROWS}', 'rows-per-second' = '1000');
         INSERT INTO '${one.out}' SELECT k FROM p UNION ALL SELECT k FROM g;\n`,
      );
      const { ended } = await started(one, V2, { stdin: '{"k":1}\n' });
      const run = await rescale(one.state, '--partitions', '4');
      expect(run.stderr).toContain('error[VELO_JOB_RESCALE]: table "p" reads a pipe');
      await job('stop', one.state);
      expect((await ended).exit).toBe(0);
    },
    LIMIT_MS,
  );
});
