/**
 * kill -9 of a process that writes checkpoints: at any moment after it has started to, the next
 * process finds the one that was reported last, or the one that was under way, whole.
 *
 *   VELO_CHECKPOINT_KILLS   kills in place of the sample
 *   VELO_FUZZ_SEED          seed of the moments
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { Random } from '../oracle/random-data.js';

const HOST = fileURLToPath(new URL('../support/checkpoint-host.mjs', import.meta.url));
const KILLS = Number(process.env['VELO_CHECKPOINT_KILLS'] ?? 20);
const SEED = Number(process.env['VELO_FUZZ_SEED'] ?? 20261130);
/** Of a checkpoint's time, in which the kill falls. */
const STEPS = 1000;

const folder = mkdtempSync(join(tmpdir(), 'velo-kill-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Life {
  readonly restored: number;
  readonly verdict: string;
  readonly reported: number;
  readonly stderr: string;
}

/** Kills the process within the checkpoint behind the `after`th, at `share` of the time of one. */
function lifeOf(dir: string, after: number, share: number): Promise<Life> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [HOST, dir], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let stderr = '';
    let lines = 0;
    let lastMs = performance.now();
    child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString('utf8')));
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString('utf8');
      const count = out.split('\n').length - 1;
      if (count === lines) return;
      const tookMs = performance.now() - lastMs;
      lastMs = performance.now();
      if (lines <= after && count > after) setTimeout(() => child.kill('SIGKILL'), tookMs * share);
      lines = count;
    });
    child.on('error', reject);
    child.on('close', () => {
      const [restored = '', ...written] = out.split('\n').slice(0, -1);
      const [, epoch = 'none', verdict = ''] = restored.split(' ');
      const reported = Number(written.at(-1)?.split(' ')[1] ?? epoch);
      resolve({ restored: Number(epoch), verdict, reported, stderr });
    });
  });
}

it(
  `a process killed ${KILLS} times while it writes checkpoints loses none (seed ${SEED})`,
  {
    timeout: 240_000 + KILLS * 20_000,
  },
  async () => {
    const random = new Random(SEED);
    const dir = join(folder, 'checkpoints');
    let reported = -1;
    let underWay = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const life = await lifeOf(dir, 1 + random.below(4), random.below(STEPS) / STEPS);
      expect(life.stderr).toBe('');
      expect(life.verdict, `after kill ${kill}`).toBe('right');
      expect(life.restored).toBeGreaterThanOrEqual(reported);
      expect(life.restored).toBeLessThanOrEqual(reported + 1);
      reported = life.reported;
      if (readdirSync(dir).some((name) => name.endsWith('.partial'))) underWay += 1;
    }
    // The moments are such that they meet checkpoints under way.
    expect(underWay).toBeGreaterThan(KILLS / 5);
  },
);
