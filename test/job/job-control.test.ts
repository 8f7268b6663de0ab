/**
 * `velo job` beside a running job, each in a process of its own: V1 and V2 are listed, looked at,
 * copied and stopped; what goes on from a savepoint writes each row of an uninterrupted run once.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { askJob } from '../../src/job/control/control-client.js';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';

const LIMIT_MS = 240_000;
const ROWS = 100_000;
/** Of a job that still runs when all is asked of it, however slow the machine is. */
const RATE = `, 'rows-per-second' = '1000'`;
const folder = mkdtempSync(join(tmpdir(), 'velo-job-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const table = (
  rate: string,
): string => `CREATE TABLE g (k BIGINT AS i * 7 % 23, v BIGINT AS i * 37 % 101,
    ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i * 10, 3),
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'generator', 'rows' = '${ROWS}'${rate});\n`;
const CHANGES = 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM g GROUP BY k EMIT CHANGES';
/** Longer than the input: its rows come at the end, or when the job is drained. */
const WINDOW = `SELECT k, COUNT(*) AS n FROM g GROUP BY k WINDOW TUMBLING(ts, INTERVAL '1' HOUR)
  EMIT FINAL`;
const PLACES: readonly (readonly [string, readonly string[]])[] = [
  ['v1', []],
  ['v2', ['--partitions', '4', '--workers', '2']],
];

/** How often it is looked whether a job has begun. */
const LOOK_MS = 50;
let number = 0;

interface TestJob {
  readonly query: string;
  readonly out: string;
  readonly args: readonly string[];
  readonly state: string;
}

function jobOf(query: string, place: readonly string[] = [], state?: string): TestJob {
  const base = join(folder, `job-${(number += 1)}`);
  mkdirSync(base);
  const out = join(base, 'out.jsonl');
  const file = join(base, 'query.sql');
  const own = state ?? join(base, 'state');
  const one = { query, out, state: own, args: ['run', file, '--checkpoint-dir', own, ...place] };
  write(one, RATE);
  return one;
}

function write({ args: [, file = ''], query, out }: TestJob, rate: string): void {
  writeFileSync(file, `${table(rate)}INSERT INTO '${out}' ${query};\n`);
}

/** Its rows as they come to be when nobody stops it. */
const wholes = new Map<string, string[]>();
async function wholeOf(query: string): Promise<string[]> {
  const known = wholes.get(query);
  if (known !== undefined) return known;
  const one = jobOf(query);
  write(one, '');
  const run = await velo([...one.args, '-q']);
  expect(run.exit, run.stderr).toBe(0);
  const lines = linesOf(one.out);
  wholes.set(query, lines);
  return lines;
}

/** The job once more, from a copy and in a folder that is empty, as fast as it can. */
function fromCopy(one: TestJob, copy: string): Promise<VeloRun> {
  rmSync(one.state, { recursive: true });
  write(one, '');
  return velo([...one.args, '--restore-from', copy]);
}

/** The job runs, and has read something. */
async function started({ args, state }: TestJob): Promise<{ readonly ended: Promise<VeloRun> }> {
  const ended = velo([...args, '--checkpoint-interval', '100ms']);
  for (;;) {
    if ((await figureOf(state, 'rowsIn')) > 0) return { ended };
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function figureOf(state: string, figure: 'rowsIn' | 'stateRows'): Promise<number> {
  try {
    const answer = await askJob(state, { kind: 'status' }, { limitMs: null });
    return answer.kind === 'status' ? answer.status[figure] : 0;
  } catch (error) {
    expect((error as Error).message).toMatch(/no job runs|no folder|no socket/);
    return 0;
  }
}

const job = (...args: readonly string[]): Promise<VeloRun> => velo(['job', ...args]);
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').sort();

describe.each(PLACES)('a running job on %s', (arch, place) => {
  it(
    'is listed and looked at',
    async () => {
      const one = jobOf(CHANGES, place);
      const { ended } = await started(one);
      const list = await job('list', join(one.state, '..'));
      expect(list.stdout, list.stderr).toContain(one.state);
      const all = JSON.parse((await job('list', folder, '--json')).stdout) as {
        jobs: { folder: string; status: { state: string } }[];
      };
      expect(all.jobs).toMatchObject([{ folder: one.state, status: { state: 'running' } }]);
      await expect.poll(() => figureOf(one.state, 'stateRows'), { timeout: LIMIT_MS }).toBe(23);
      const json = await job('status', one.state, '--json');
      expect(JSON.parse(json.stdout)).toMatchObject({
        schema: 1,
        folder: one.state,
        job: 'query.sql',
        arch,
        partitions: arch === 'v1' ? 1 : 4,
        stateRows: 23,
        queries: [{ query: 'query-1' }],
      });
      const taken = await job('checkpoint', one.state, '--json');
      const { epoch, entries } = JSON.parse(taken.stdout) as { epoch: number; entries: number };
      expect(entries).toBe(23);
      expect(existsSync(join(one.state, `epoch-${String(epoch).padStart(10, '0')}`))).toBe(true);
      const text = await job('status', one.state);
      expect(text.stdout).toMatch(/state +23 rows · /);
      expect(text.stdout).toMatch(/epoch \d+, .*written in .* · pause /);
      expect(text.stdout).toMatch(/query-1 +query-1\/aggregate-1 +23 /);
      expect((await job('stop', one.state)).exit).toBe(0);
      expect((await ended).exit).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'is copied while it goes on, and the copy begins another one',
    async () => {
      const one = jobOf(CHANGES, place);
      const copy = join(folder, `copy-${arch}`);
      const { ended } = await started(one);
      const saved = await job('savepoint', one.state, '--to', copy);
      expect(saved.exit, saved.stderr).toBe(0);
      expect(saved.stdout).toContain(copy);
      const again = await job('savepoint', one.state, '--to', copy);
      expect(again.exit).toBe(1);
      expect(again.stderr).toContain('VELO_SAVEPOINT_FOLDER');
      expect((await job('stop', one.state)).exit).toBe(0);
      await ended;
      const verified = await velo(['checkpoints', 'verify', copy]);
      expect(verified.stdout).toContain('whole');
      const next = await fromCopy(one, copy);
      expect(next.exit, next.stderr).toBe(0);
      expect(next.stderr).toMatch(new RegExp(`restored from epoch \\d+ of "${copy}"`));
      expect(linesOf(one.out)).toEqual(await wholeOf(CHANGES));
      const third = await velo([...one.args, '--restore-from', copy]);
      expect(third.stderr).toContain('all queries had ended');
    },
    LIMIT_MS,
  );

  it(
    'is stopped where its savepoint goes on',
    async () => {
      const one = jobOf(CHANGES, place);
      const copy = join(folder, `last-${arch}`);
      const { ended } = await started(one);
      const stopped = await job('stop', one.state, '--savepoint', copy);
      expect(stopped.exit, stopped.stderr).toBe(0);
      const [, rowsOut] = /stopped · .* in · ([\d,]+) out/.exec(stopped.stdout) ?? [];
      const run = await ended;
      expect(run.exit, run.stderr).toBe(0);
      expect(existsSync(join(one.state, 'control'))).toBe(false);
      const before = readFileSync(one.out, 'utf8');
      expect(before.split('\n').length - 1).toBe(Number(rowsOut?.replaceAll(',', '')));
      expect(before.split('\n').length - 1).toBeLessThan(ROWS);
      const next = await fromCopy(one, copy);
      expect(next.exit, next.stderr).toBe(0);
      // Nothing was taken back: the savepoint has all rows that were read.
      expect(readFileSync(one.out, 'utf8').startsWith(before)).toBe(true);
      expect(linesOf(one.out)).toEqual(await wholeOf(CHANGES));
    },
    LIMIT_MS,
  );

  it(
    'gives its open windows when it is drained, and has nothing to go on with then',
    async () => {
      const one = jobOf(WINDOW, place);
      const { ended } = await started(one);
      const stopped = await job('stop', one.state, '--drain', '--json');
      expect(stopped.exit, stopped.stderr).toBe(0);
      const { end, rowsIn } = JSON.parse(stopped.stdout) as { end: string; rowsIn: number };
      expect(end).toBe('drained');
      const run = await ended;
      expect(run.exit, run.stderr).toBe(0);
      expect(run.stderr).toMatch(/^drained · /m);
      const counted = linesOf(one.out).filter((line) => line !== '');
      const sum = counted.reduce((all, line) => all + (JSON.parse(line) as { n: number }).n, 0);
      expect(sum).toBe(rowsIn);
      expect(sum).toBeGreaterThan(0);
      const next = await velo(one.args);
      expect(next.stderr).toContain('all queries had ended');
    },
    LIMIT_MS,
  );

  it(
    'is copied as it was before it is drained',
    async () => {
      const one = jobOf(WINDOW, place);
      const copy = join(folder, `drained-${arch}`);
      const { ended } = await started(one);
      const stopped = await job('stop', one.state, '--drain', '--savepoint', copy);
      expect(stopped.exit, stopped.stderr).toBe(0);
      await ended;
      const next = await fromCopy(one, copy);
      expect(next.exit, next.stderr).toBe(0);
      expect(linesOf(one.out)).toEqual(await wholeOf(WINDOW));
    },
    LIMIT_MS,
  );
});

describe('velo job', () => {
  it(
    'says that no job is there, or no folder',
    async () => {
      const one = jobOf('SELECT k FROM g LIMIT 10');
      await velo([...one.args, '-q']);
      const gone = await job('status', one.state);
      expect(gone.exit).toBe(1);
      expect(gone.stderr).toContain('error[VELO_JOB_NOT_FOUND]: no job runs with the folder');
      expect((await job('stop', join(folder, 'nowhere'))).stderr).toContain('there is no folder');
      const none = await job('list', one.state);
      expect(none.stdout).toBe('no job runs in these folders\n');
      expect(none.exit).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'reaches a job in a folder whose name no socket could have, and behind a killed one',
    async () => {
      const names = ['ä', 'b', 'c'].map((letter) => letter.repeat(100));
      const long = join(folder, ...names);
      expect(Buffer.byteLength(long)).toBeGreaterThan(300);
      const one = jobOf(CHANGES, [], long);
      const killed = await velo([...one.args, '--checkpoint-interval', '50ms'], {
        started: (signal) => {
          const look = setInterval(() => {
            if (!existsSync(join(long, 'epoch-0000000001'))) return;
            clearInterval(look);
            signal('SIGKILL');
          }, 5);
        },
      });
      expect(killed.exit).toBeNull();
      // What it left is no job.
      expect(existsSync(join(long, 'control'))).toBe(true);
      expect((await job('status', long)).stderr).toContain('VELO_JOB_NOT_FOUND');
      const { ended } = await started(one);
      const stopped = await job('stop', long);
      expect(stopped.exit, stopped.stderr).toBe(0);
      const run = await ended;
      expect(run.stderr).toContain('restored from epoch');
      expect(run.stderr).not.toContain('no socket');
      expect(existsSync(join(long, 'control'))).toBe(false);
    },
    LIMIT_MS,
  );
});
