/**
 * Days on which a job with checkpoints does not have its disk, its clock or its input: a disk that
 * takes no checkpoint for a while or is slow with it, a folder that is gone, a clock that jumps, a
 * file that was rotated or cut between two lives. Rows come once, or the start is refused with what may be done.
 */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';
import type { VeloOptions, VeloRun } from '../support/velo-process.js';

const LIMIT_MS = 240_000;
const ROWS = 1500;
const PRELOAD = pathToFileURL(join(import.meta.dirname, 'failing-disk.mjs')).href;
const JUMPING = pathToFileURL(join(import.meta.dirname, 'jumping-clock.mjs')).href;
const folder = mkdtempSync(join(tmpdir(), 'velo-bad-days-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PLACES = [
  ['V1', ['--arch', 'v1']],
  ['V2', ['--partitions', '3', '--workers', '2']],
] as const;
let jobs = 0;

interface Job {
  readonly dir: string;
  readonly input: string;
  readonly write: (source: (input: string) => string) => void;
  readonly run: (more?: readonly string[], options?: VeloOptions) => Promise<VeloRun>;
  readonly rows: () => number[];
  readonly epochs: () => string[];
}

function jobOf(place: readonly string[], source: (input: string) => string): Job {
  jobs += 1;
  const own = join(folder, `job-${jobs}`);
  mkdirSync(own);
  const [file, out, dir, input] = ['job.sql', 'out.jsonl', 'state', 'in.jsonl'].map((name) =>
    join(own, name),
  ) as [string, string, string, string];
  const write = (from: (input: string) => string): void =>
    writeFileSync(file, `${from(input)} INSERT INTO '${out}' SELECT i FROM t;`);
  write(source);
  const args = ['run', file, ...place, '--checkpoint-dir', dir, '--checkpoint-interval', '50ms'];
  return {
    dir,
    input,
    write,
    run: (more = [], options = {}) => velo([...args, ...more], options),
    rows: () => {
      const lines = readFileSync(out, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => (JSON.parse(line) as { readonly i: number }).i);
    },
    epochs: () => readdirSync(dir).filter((name) => name.startsWith('epoch-')),
  };
}

const made = (rate = ROWS): string => `CREATE TABLE t (i BIGINT) WITH ('connector' = 'generator',
  'rows' = '${ROWS}', 'rows-per-second' = '${rate}');`;
const read =
  (follow: boolean) =>
  (input: string): string =>
    `CREATE TABLE t (i BIGINT, text STRING) WITH ('connector' = 'file', 'path' = '${input}',
       'format' = 'json'${follow ? `, 'follow' = 'true'` : ''});`;

const numbers = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, at) => first + at);
const linesOf = (count: number, first = 0): string =>
  numbers(count, first)
    .map((i) => `${JSON.stringify({ i, text: `line ${i} of ${first}` })}\n`)
    .join('');
const disk = (order: Readonly<Record<string, string | number>>): VeloOptions => ({
  env: { NODE_OPTIONS: `--import ${PRELOAD}`, VELO_DISK: JSON.stringify(order) },
});

describe.each(PLACES)('a job with checkpoints on %s', (_, place) => {
  it.each(['ENOSPC', 'EACCES', 'EROFS'])(
    'goes on when its disk takes none for a while (%s), and keeps the next one',
    async (code) => {
      const job = jobOf(place, () => made());
      const { exit, stderr } = await job.run([], disk({ code, behind: 2, times: 2 }));
      expect({ exit, stderr }).toMatchObject({ exit: 0 });
      expect(stderr).toMatch(/warning: no checkpoint: checkpoint file ".*" cannot be written/);
      expect(stderr).toContain('the one before it stands');
      expect(job.rows()).toEqual(numbers(ROWS));
      expect(job.epochs().some((name) => name.endsWith('.partial'))).toBe(false);
      const again = await job.run();
      expect(again.stderr).toContain('all queries had ended');
      expect(job.rows()).toEqual(numbers(ROWS));
    },
    LIMIT_MS,
  );

  it(
    'writes one checkpoint at a time when one takes longer than the interval',
    async () => {
      const job = jobOf(place, () => made());
      const { exit, stderr } = await job.run([], disk({ syncMs: 300 }));
      expect({ exit, stderr }).toMatchObject({ exit: 0 });
      expect(stderr).not.toContain('no checkpoint');
      expect(job.rows()).toEqual(numbers(ROWS));
    },
    LIMIT_MS,
  );

  it(
    'keeps its pace and its rows when the clock jumps by days',
    async () => {
      const job = jobOf(place, () => made(300));
      const clock = { env: { NODE_OPTIONS: `--import ${JUMPING}` } };
      const first = await job.run(['--duration', '3s'], clock);
      expect(first, first.stderr).toMatchObject({ exit: 0 });
      const taken = Number(/ (\d+) checkpoints/.exec(first.stderr)?.[1]);
      expect(taken, first.stderr).toBeGreaterThan(2);
      const last = await job.run([], clock);
      expect(last, last.stderr).toMatchObject({ exit: 0 });
      expect(last.stderr).toMatch(/restored from epoch \d+, \d+ s old/);
      expect(job.rows()).toEqual(numbers(ROWS));
      const { exit, stdout } = await velo(['checkpoints', 'list', job.dir]);
      expect(exit).toBe(0);
      expect(stdout).not.toMatch(/-\d+ (s|min|h|d)/);
    },
    LIMIT_MS,
  );

  it(
    'goes on when its folder is removed under it, and says so',
    async () => {
      const job = jobOf(place, () => made());
      let isGone = false;
      const { exit, stderr } = await job.run(['-v'], {
        stderr: (text) => {
          if (isGone || !text.includes('source')) return;
          isGone = true;
          renameSync(job.dir, `${job.dir}-elsewhere`);
        },
      });
      expect({ exit, stderr }).toMatchObject({ exit: 0 });
      expect(isGone).toBe(true);
      expect(stderr).toContain('warning: no checkpoint: ');
      expect(job.rows()).toEqual(numbers(ROWS));
    },
    LIMIT_MS,
  );

  it(
    'refuses a file that took the place of the one that it has read',
    async () => {
      const job = jobOf(place, read(false));
      writeFileSync(job.input, linesOf(200));
      const first = await job.run(['--limit', '100']);
      expect(first, first.stderr).toMatchObject({ exit: 0 });
      renameSync(job.input, `${job.input}.1`);
      writeFileSync(job.input, linesOf(900, 5000));
      const refused = await job.run();
      expect(refused.exit).not.toBe(0);
      expect(refused.stderr).toContain(
        `error[VELO_STATE_INVALID]: file "${job.input}" is another one than that of checkpoint`,
      );
      expect(job.rows()).toEqual(numbers(100));
      rmSync(job.input);
      renameSync(`${job.input}.1`, job.input);
      appendFileSync(job.input, linesOf(50, 200));
      const back = await job.run();
      expect(back, back.stderr).toMatchObject({ exit: 0 });
    },
    LIMIT_MS,
  );

  it(
    'refuses a followed file that was rotated or cut while it was down, and goes on with one that grew',
    async () => {
      const job = jobOf(place, read(true));
      writeFileSync(job.input, linesOf(300));
      const first = await job.run(['--duration', '3s']);
      expect(first, first.stderr).toMatchObject({ exit: 0 });
      expect(job.rows()).toEqual(numbers(300));
      appendFileSync(job.input, linesOf(100, 300));
      const grown = await job.run(['--duration', '3s']);
      expect(grown, grown.stderr).toMatchObject({ exit: 0 });
      expect(job.rows()).toEqual(numbers(400));
      writeFileSync(job.input, linesOf(900, 7000));
      const rotated = await job.run(['--duration', '3s']);
      expect(rotated.exit).not.toBe(0);
      expect(rotated.stderr).toContain('is another one than that of checkpoint epoch');
      writeFileSync(job.input, linesOf(20));
      for (const source of [read(true), read(false)]) {
        job.write(source);
        const cut = await job.run(['--duration', '3s']);
        expect(cut.exit).not.toBe(0);
        expect(cut.stderr).toContain(
          `data file "${job.input}" has ${linesOf(20).length} bytes, and the checkpoint goes on behind`,
        );
      }
      expect(job.rows()).toEqual(numbers(400));
    },
    LIMIT_MS,
  );
});
