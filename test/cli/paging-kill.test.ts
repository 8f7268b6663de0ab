/**
 * A job most of whose groups are on disk, killed (SIGKILL) at moments that a seed picks and started
 * again until it ends, on V1 and V2; and one whose disk takes no more. Each row is in the file once,
 * and what a dead process has left is gone. VELO_KILLS and VELO_KILL_SEED as in kill-restore.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../oracle/random-data.js';
import { live } from '../support/job-lives.js';
import { velo, VELO } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';

const KILLS = Number(process.env['VELO_KILLS'] ?? 4);
const SEED = Number(process.env['VELO_KILL_SEED'] ?? 20_261_130);
const LIMIT_MS = 240_000;
const PLACES: readonly (readonly string[])[] = [
  [],
  ['--partitions', '3', '--workers', '2'],
  ['--partitions', '1', '--workers', '1'],
  ['--partitions', '8', '--workers', '2'],
];
const folder = mkdtempSync(join(tmpdir(), 'velo-paging-kill-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const out = join(folder, 'out.jsonl');
const script = join(folder, 'job.sql');

function writeJob(name: string, perSecond: number, memory: string): { readonly flags: string[] } {
  writeFileSync(
    script,
    `CREATE TABLE g (k BIGINT AS i * 7919 % 9001, t STRING AS 'text-' || CAST(i * 31 % 977 AS STRING),
      v BIGINT AS i * 37 % 101)
    WITH ('connector' = 'generator', 'rows' = '40000', 'rows-per-second' = '${perSecond}');
  INSERT INTO '${out}' SELECT k, t, COUNT(*) AS n, SUM(v) AS s, MAX(t) AS m, LAST_VALUE(v) AS l
    FROM g GROUP BY k, t EMIT FINAL;\n`,
  );
  const config = join(folder, `${name}.yaml`);
  writeFileSync(config, `state: {memory: ${memory}}\n`);
  return { flags: ['--config', config] };
}

const linesOf = (): string[] => readFileSync(out, 'utf8').split('\n').sort();

/** Ends with SIGKILL when so many checkpoints with groups on disk were published; null: by itself. */
async function lived(
  args: readonly string[],
  dir: string,
  epochs: number | null,
): Promise<VeloRun> {
  const before = pagedEpochs(dir);
  let look: NodeJS.Timeout | undefined;
  const ran = await velo(args, {
    limitMs: LIMIT_MS,
    started: (signal) => {
      if (epochs === null) return;
      look = setInterval(() => {
        const now = pagedEpochs(dir).filter((epoch) => !before.includes(epoch));
        if (now.length >= epochs) signal('SIGKILL');
      }, 5);
    },
  });
  clearInterval(look);
  return ran;
}

/** Checkpoints that hold runs. */
function pagedEpochs(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir).filter((name) => {
    if (!/^epoch-\d+$/.test(name)) return false;
    const manifest = join(dir, name, 'manifest');
    return tryRead(manifest).includes('"run":true');
  });
}

/** Nothing where it was removed meanwhile. */
function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

describe(`a job with groups on disk (seed ${SEED})`, () => {
  it(
    'that is killed and started again gives each row once',
    async () => {
      const { flags } = writeJob('kill', 12_000, '1m');
      const random = new Random(SEED);
      const whole = await live([script], join(folder, 'none'), null);
      expect(whole, whole.said).toMatchObject({ code: 0 });
      expect(whole.said).not.toContain('on disk');
      const expected = linesOf();
      rmSync(out);
      const state = join(folder, 'state');
      const told: string[] = [];
      let killed = 0;
      for (let life = 0; ; life += 1) {
        const own = ['--checkpoint-dir', state, '--checkpoint-interval', '20ms'];
        const place = PLACES[random.below(PLACES.length)]!;
        const args = ['run', script, ...own, ...place, ...flags];
        const epochs = life < KILLS ? 1 + random.below(3) : null;
        const { exit, stderr } = await lived(args, state, epochs);
        told.push(`${place.join(' ')} ${String(exit)}: ${stderr}`);
        expect(exit === null || exit === 0, told.join('\n')).toBe(true);
        if (life > 0) expect(stderr).toContain('restored from epoch');
        if (exit === 0) break;
        killed += 1;
      }
      expect(killed, told.join('\n')).toBeGreaterThan(0);
      expect(linesOf(), told.join('\n')).toEqual(expected);
      expect(existsSync(join(state, 'pages'))).toBe(false);
    },
    LIMIT_MS,
  );

  it(
    'whose disk takes no more ends with an error, and goes on from its last checkpoint',
    async () => {
      const { flags } = writeJob('full', 20_000, '2m');
      const state = join(folder, 'full');
      const expected = existsSync(out) ? linesOf() : null;
      const args = [
        'run',
        script,
        '--checkpoint-dir',
        state,
        '--checkpoint-interval',
        '50ms',
        ...flags,
      ];
      // No file may have more than 256 KiB: a checkpoint of some rows fits, the first run does not.
      const limited = spawnSync(
        'sh',
        ['-c', 'ulimit -f 512; exec "$@"', 'sh', process.execPath, VELO, ...args],
        {
          encoding: 'utf8',
        },
      );
      expect(limited.status, limited.stderr).toBe(1);
      expect(limited.stderr).toMatch(
        /error\[VELO_STATE_PAGES\]: state in ".*pages" cannot be written: /,
      );
      expect(limited.stderr).toContain('hint: ');
      const epochs = readdirSync(state).filter((name) => name.startsWith('epoch-'));
      expect(epochs.length).toBeGreaterThan(0);
      const again = await live([script, '--checkpoint-dir', state, ...flags], state, null);
      expect(again, again.said).toMatchObject({ code: 0 });
      expect(again.said).toContain('restored from epoch');
      if (expected !== null) expect(linesOf()).toEqual(expected);
    },
    LIMIT_MS,
  );
});
