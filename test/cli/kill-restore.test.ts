/**
 * A job whose process is killed (SIGKILL) at moments that a seed picks, and started again until it
 * ends: the file that it writes holds each row of an uninterrupted run once. V1 and V2, with other
 * numbers of partitions from life to life. VELO_KILLS=500 asks for more lives, VELO_KILL_SEED for
 * others.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const VELO = join(import.meta.dirname, '../../bin/velo.js');
const KILLS = Number(process.env['VELO_KILLS'] ?? 8);
const SEED = Number(process.env['VELO_KILL_SEED'] ?? 20261130);
const LIMIT_MS = 240_000;
const folder = mkdtempSync(join(tmpdir(), 'velo-kill-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PLACES: readonly (readonly string[])[] = [
  [],
  ['--partitions', '3', '--workers', '2'],
  ['--partitions', '1', '--workers', '1'],
  ['--partitions', '8', '--workers', '2'],
];

const TABLE = `CREATE TABLE g (k BIGINT AS i * 7 % 23, v BIGINT AS i * 37 % 101,
    ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i * 10 - CASE WHEN i % 13 = 0 THEN i % 40 * 100 ELSE 0 END, 3),
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'generator', 'rows' = '12000', 'rows-per-second' = '6000');\n`;

const QUERIES: Readonly<Record<string, string>> = {
  'changes of groups': 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM g GROUP BY k EMIT CHANGES',
  'windows, late records dropped': `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM g
    GROUP BY k WINDOW TUMBLING(ts, INTERVAL '2' SECOND) EMIT FINAL`,
};

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Life {
  readonly code: number | null;
  readonly killed: boolean;
  readonly said: string;
}

/** One life: killed when so many checkpoints were published, unless it ends before. */
function live(args: readonly string[], dir: string, epochs: number | null): Promise<Life> {
  const child = spawn(process.execPath, [VELO, 'run', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const before = newestEpoch(dir);
  let said = '';
  let killed = false;
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const look = setInterval(() => {
    if (epochs === null || newestEpoch(dir) - before < epochs) return;
    killed = child.kill('SIGKILL');
  }, 5);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearInterval(look);
      resolve({ code, killed, said });
    });
  });
}

function newestEpoch(dir: string): number {
  if (!existsSync(dir)) return 0;
  const epochs = readdirSync(dir).map((name) => Number(/^epoch-(\d+)$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...epochs);
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').sort();
}

describe(`a job that is killed (seed ${SEED})`, () => {
  it.each(Object.keys(QUERIES))(
    'and started again gives each row once: %s',
    async (name) => {
      const next = random(SEED + name.length);
      const [out, dir, file] = ['out.jsonl', 'state', 'job.sql'].map((each) => join(folder, each));
      const [path, state, script] = [out!, dir!, file!];
      rmSync(state, { recursive: true, force: true });
      writeFileSync(script, `${TABLE}INSERT INTO '${path}' ${QUERIES[name]!};\n`);
      const whole = await live([script, '-q'], state, null);
      expect(whole, whole.said).toMatchObject({ code: 0 });
      const expected = linesOf(path);
      rmSync(path);
      const told: string[] = [];
      for (let kills = 0; ;) {
        const place = PLACES[Math.floor(next() * PLACES.length)]!;
        const epochs = kills < KILLS / 2 ? 1 + Math.floor(next() * 4) : null;
        const flags = ['--checkpoint-dir', state, '--checkpoint-interval', '20ms', ...place];
        const life = await live([script, ...flags], state, epochs);
        told.push(`${place.join(' ')} ${life.killed ? 'killed' : String(life.code)}: ${life.said}`);
        expect(life.killed || life.code === 0, told.join('\n')).toBe(true);
        if (kills > 0) expect(life.said).toContain('restored from epoch');
        if (life.killed) kills += 1;
        else break;
      }
      expect(linesOf(path), told.join('\n')).toEqual(expected);
    },
    LIMIT_MS,
  );
});
