/**
 * What a job with checkpoints says of its state: its size and checkpoints in the summary and in
 * --stats-json, and its end where the state may not become larger. V1 and V2, in processes.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';

const LIMIT_MS = 240_000;
const GROUPS = 400;
const folder = mkdtempSync(join(tmpdir(), 'velo-figures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const script = (out: string, rate: string, more = ''): string => `${more}
  CREATE TABLE g (k BIGINT AS i, v BIGINT AS i) WITH ('connector' = 'generator',
    'rows' = '${GROUPS}'${rate});
  INSERT INTO '${out}' SELECT k, COUNT(*) AS n FROM g GROUP BY k EMIT CHANGES;\n`;

interface Stats {
  readonly state: { readonly rows: number; readonly bytes: number };
  readonly checkpoints: {
    readonly written: number;
    readonly failed: number;
    readonly last: { readonly writeMs: number; readonly pauseMs: number };
  };
}

describe.each([
  ['v1', []],
  ['v2', ['--partitions', '4', '--workers', '2']],
] as const)('a job with checkpoints on %s', (arch, place) => {
  it(
    'says how large its state is, and what its checkpoints took',
    async () => {
      const file = join(folder, `${arch}.sql`);
      const stats = join(folder, `${arch}.json`);
      writeFileSync(file, script(join(folder, `${arch}.jsonl`), ''));
      const run = await velo([
        ...['run', file, '--stats-json', stats, '--checkpoint-dir', join(folder, arch)],
        ...place,
      ]);
      expect(run.exit, run.stderr).toBe(0);
      expect(run.stderr).toMatch(
        / · state 400 rows · [\d.]+ KiB · 1 checkpoint, the last in [\d.]+ m?s, stood still for [\d.]+ [mµ]?s at most/,
      );
      const { state, checkpoints } = JSON.parse(readFileSync(stats, 'utf8')) as Stats;
      expect(state.rows).toBe(GROUPS);
      expect(state.bytes).toBeGreaterThan(0);
      expect(checkpoints).toMatchObject({ written: 1, failed: 0 });
      expect(checkpoints.last.writeMs).toBeGreaterThan(0);
      expect(checkpoints.last.pauseMs).toBeGreaterThanOrEqual(0);
    },
    LIMIT_MS,
  );

  it(
    'ends where its state may not become larger, and goes on with a higher limit',
    async () => {
      const state = join(folder, `${arch}-limited`);
      const file = join(folder, `${arch}-limited.sql`);
      const out = join(folder, `${arch}-limited.jsonl`);
      const args = ['run', file, '--checkpoint-dir', state, '--checkpoint-interval', '20ms'];
      writeFileSync(file, script(out, `, 'rows-per-second' = '100'`));
      const env = { VELO_STATE_MAX_ROWS: '60' };
      const run = await velo([...args, ...place], { env });
      expect(run.exit).toBe(1);
      expect(run.stderr).toMatch(
        /error\[VELO_STATE_LIMIT\]: the state of the job has \d+ rows and may have 60: state.max_rows/,
      );
      expect(run.stderr).not.toContain('restart');
      expect(readdirSync(state).some((name) => name.startsWith('epoch-'))).toBe(true);
      writeFileSync(file, script(out, ''));
      const next = await velo([...args, ...place], { env: { VELO_STATE_MAX_ROWS: '400' } });
      expect(next.exit, next.stderr).toBe(0);
      expect(next.stderr).toContain('restored from epoch');
      expect(new Set(readFileSync(out, 'utf8').split('\n')).size).toBe(GROUPS + 1);
    },
    LIMIT_MS,
  );
});
