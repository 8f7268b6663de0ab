/**
 * The lives of one job: its process is killed (SIGKILL) at moments that a seed picks, by the
 * checkpoints that it has published, and started again until it ends, each time on V1 or V2 with
 * another number of partitions. Owns starting, killing and what the lives said.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

const VELO = join(import.meta.dirname, '../../bin/velo.js');

const PLACES: readonly (readonly string[])[] = [
  [],
  ['--partitions', '3', '--workers', '2'],
  ['--partitions', '1', '--workers', '1'],
  ['--partitions', '8', '--workers', '2'],
];

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
export function live(args: readonly string[], dir: string, epochs: number | null): Promise<Life> {
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

/** How often it was killed, and what its lives said. */
export async function livesOf(
  script: string,
  dir: string,
  {
    kills,
    seed,
    flags = [],
  }: {
    readonly kills: number;
    readonly seed: number;
    readonly flags?: readonly string[];
  },
): Promise<{ readonly killed: number; readonly told: string }> {
  const next = random(seed);
  let told = '';
  for (let killed = 0; ; killed += 1) {
    const place = PLACES[Math.floor(next() * PLACES.length)]!;
    const epochs = killed < kills ? 1 + Math.floor(next() * 4) : null;
    const own = ['--checkpoint-dir', dir, '--checkpoint-interval', '20ms', ...place];
    const life = await live([script, ...own, ...flags], dir, epochs);
    told += `${place.join(' ')} ${life.killed ? 'killed' : String(life.code)}: ${life.said}\n`;
    expect(life.killed || life.code === 0, told).toBe(true);
    if (killed > 0) expect(life.said).toContain('restored from epoch');
    if (!life.killed) return { killed, told };
  }
}
