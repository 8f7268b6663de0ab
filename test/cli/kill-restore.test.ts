/**
 * A job whose process is killed (SIGKILL) at moments that a seed picks, and started again until it
 * ends: the file that it writes holds each row of an uninterrupted run once. V1 and V2, with other
 * numbers of partitions from life to life. VELO_KILLS=500 asks for more lives, VELO_KILL_SEED for
 * others.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { live, livesOf } from '../support/job-lives.js';

const KILLS = Number(process.env['VELO_KILLS'] ?? 4);
const SEED = Number(process.env['VELO_KILL_SEED'] ?? 20261130);
const LIMIT_MS = 240_000;
const folder = mkdtempSync(join(tmpdir(), 'velo-kill-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TABLE = `CREATE TABLE g (k BIGINT AS i * 7 % 23, v BIGINT AS i * 37 % 101,
    ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i * 10 - CASE WHEN i % 13 = 0 THEN i % 40 * 100 ELSE 0 END, 3),
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'generator', 'rows' = '12000', 'rows-per-second' = '6000');\n`;

const QUERIES: Readonly<Record<string, string>> = {
  'changes of groups': 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM g GROUP BY k EMIT CHANGES',
  'windows, late records dropped': `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM g
    GROUP BY k WINDOW TUMBLING(ts, INTERVAL '2' SECOND) EMIT FINAL`,
};

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').sort();
}

describe(`a job that is killed (seed ${SEED})`, () => {
  it.each(Object.keys(QUERIES))(
    'and started again gives each row once: %s',
    async (name) => {
      const [out, dir, file] = ['out.jsonl', 'state', 'job.sql'].map((each) => join(folder, each));
      const [path, state, script] = [out!, dir!, file!];
      rmSync(state, { recursive: true, force: true });
      writeFileSync(script, `${TABLE}INSERT INTO '${path}' ${QUERIES[name]!};\n`);
      const whole = await live([script, '-q'], state, null);
      expect(whole, whole.said).toMatchObject({ code: 0 });
      const expected = linesOf(path);
      rmSync(path);
      const { killed, told } = await livesOf(script, state, { kills: KILLS, seed: SEED });
      expect(killed, told).toBeGreaterThan(0);
      expect(linesOf(path), told).toEqual(expected);
    },
    LIMIT_MS,
  );
});
