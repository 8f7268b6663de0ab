/**
 * `--metrics-port` and the live table of the built command: the endpoint stands before the job
 * starts and goes with it, on V1 as on V2, and a port in use ends the command.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, describe, it } from 'vitest';
import { checkExposition } from '../metrics/promtool.js';
import { velo, VELO } from '../support/velo-process.js';

const LIMIT_MS = 240_000;
const ENDLESS = `CREATE TABLE t (k BIGINT AS i % 40)
  WITH ('connector' = 'generator', 'rows-per-second' = '20000', 'rows' = '100000000');
  CREATE TABLE gone (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
  INSERT INTO gone SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT CHANGES;`;

/** Runs until it was scraped with rows, then stops it. */
function scrapeOf(args: readonly string[]): Promise<{ text: string; exit: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [VELO, 'run', '-e', ENDLESS, ...args], {
      env: { ...process.env, NO_COLOR: '1' },
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    let stderr = '';
    let text = '';
    let scraping = false;
    const scrape = async (url: string): Promise<void> => {
      while (!/^velo_records_in_total\{.*\} [1-9]/m.test(text)) {
        text = await (await fetch(url)).text();
      }
      child.kill('SIGINT');
    };
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
      const url = /metrics at (http:\S+)/.exec(stderr)?.[1];
      if (url === undefined || scraping) return;
      scraping = true;
      scrape(url).catch(reject);
    });
    child.on('close', (exit) => {
      clearTimeout(timer);
      resolve({ text, exit });
    });
  });
}

describe('--metrics-port', () => {
  it.each([
    ['v1', 1],
    ['v2', 3],
  ])('serves a running job on %s', { timeout: LIMIT_MS }, async (arch, partitions) => {
    const placement = arch === 'v2' ? ['--partitions', '3', '--workers', '2'] : [];
    const { text, exit } = await scrapeOf(['--arch', arch, ...placement, '--metrics-port', '0']);
    expect(exit).toBe(130);
    checkExposition(text);
    expect(text).toContain('velo_job_state{state="running"} 1');
    const counted = text.match(/^velo_partition_records_in_total\{/gm);
    expect(counted).toHaveLength(partitions);
  });

  it('a port in use ends the command before the job starts', { timeout: LIMIT_MS }, async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const run = await velo(['run', '-e', ENDLESS, '--metrics-port', String(port)]);
    other.close();
    expect(run.exit).not.toBe(0);
    expect(run.stderr).toContain(`--metrics-port ${port} is in use`);
  });
});

const FLOOD = fileURLToPath(new URL('../support/scrape-flood.mjs', import.meta.url));
const CONNECTIONS = 32;
const TIMED = `CREATE TABLE t (k BIGINT AS i % 40)
  WITH ('connector' = 'generator', 'rows-per-second' = '20000', 'rows' = '20000');
  CREATE TABLE gone (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
  INSERT INTO gone SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT CHANGES;`;

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** The service time of a second's rows, scraped by nobody or by all at once. */
function latencyOf(args: readonly string[], isFlooded: boolean): Promise<Latency> {
  return new Promise((resolve, reject) => {
    const folder = mkdtempSync(join(tmpdir(), 'velo-flood-'));
    const file = join(folder, 'stats.json');
    const flags = ['--metrics-port', '0', '--stats-json', file, ...args];
    const child = spawn(process.execPath, [VELO, 'run', '-e', TIMED, ...flags], {
      env: { ...process.env, NO_COLOR: '1' },
    });
    let flood: ChildProcess | null = null;
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
      const url = /metrics at (http:\S+)/.exec(stderr)?.[1];
      if (!isFlooded || url === undefined || flood !== null) return;
      flood = spawn(process.execPath, [FLOOD, url, String(CONNECTIONS)], { stdio: 'ignore' });
    });
    child.on('error', reject);
    child.on('close', (exit) => {
      flood?.kill('SIGKILL');
      const stats = exit === 0 ? readFileSync(file, 'utf8') : null;
      rmSync(folder, { recursive: true, force: true });
      if (stats === null) reject(new Error(stderr));
      else resolve((JSON.parse(stats) as { readonly latencyUs: Latency }).latencyUs);
    });
  });
}

describe('a flood of scrapes', () => {
  it.each([
    ['V1', ['--arch', 'v1']],
    ['V2', ['--partitions', '3', '--workers', '2']],
  ])(
    'of 32 connections that never rest makes no latency tenfold, on %s',
    { timeout: LIMIT_MS },
    async (_, args) => {
      // The least of some pairs: what else the machine does comes and goes.
      const ratios: Latency[] = [];
      for (let pair = 0; pair < 3; pair += 1) {
        const quiet = await latencyOf(args, false);
        const flooded = await latencyOf(args, true);
        ratios.push({ p50: flooded.p50 / quiet.p50, p99: flooded.p99 / quiet.p99 });
      }
      expect(Math.min(...ratios.map(({ p99 }) => p99))).toBeLessThan(10);
      expect(Math.min(...ratios.map(({ p50 }) => p50))).toBeLessThan(10);
    },
  );
});

/** On a pseudo-terminal of 120 columns. */
function onTerminal(args: readonly string[]): string {
  const command = [process.execPath, VELO, ...args].map((arg) => `'${arg}'`).join(' ');
  const run = spawnSync('script', ['-qec', `stty cols 120 rows 40; ${command}`, '/dev/null'], {
    encoding: 'utf8',
    timeout: LIMIT_MS,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return run.stdout;
}

describe.runIf(process.platform === 'linux')('on a terminal', () => {
  it('velo run draws the partitions of V2 and keeps them', { timeout: LIMIT_MS }, () => {
    const sql = ENDLESS.replace('100000000', '10000').replaceAll("'", "'\\''");
    const text = onTerminal(['run', '-e', sql, '--partitions', '3', '--workers', '2']);
    expect(text).toMatch(/partition +in +out +rec\/s/);
    const last = text.slice(text.lastIndexOf('partition '));
    expect(last.match(/^ +[012] /gm)).toHaveLength(3);
    expect(last).toContain('end of input');
  });

  it('velo bench draws those of a trial', { timeout: LIMIT_MS }, () => {
    const lane = ['--scenario', '2', '--partitions', '3', '--workers', '2', '--records', '20000'];
    const text = onTerminal(['bench', ...lane, '--runs', '1', '--warmup', '0']);
    expect(text).toMatch(/scenario 2, .*run 1 of 1/);
    expect(text).toMatch(/partition +in +out +rec\/s/);
    expect(text).toContain('verified');
  });
});
