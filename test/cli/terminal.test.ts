/**
 * The command on a pseudo-terminal (util-linux's script): colours, spinner and progress there,
 * none of them under NO_COLOR or in a pipe.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { velo, VELO } from '../support/velo-process.js';

const ESCAPE = '\u001b[';
const PACED = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '1500', 'rows-per-second' = '1000');
  CREATE TABLE o (i BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT i FROM g`;
const ROWS = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '3'); SELECT i FROM g`;

/** What a person sees: stdout and stderr of the command on one terminal. */
function onTerminal(args: readonly string[], env: Record<string, string> = {}): string {
  const quoted = [process.execPath, VELO, ...args].map(
    (arg) => `'${arg.replaceAll("'", "'\\''")}'`,
  );
  const run = spawnSync('script', ['-qec', quoted.join(' '), '/dev/null'], {
    encoding: 'utf8',
    timeout: 240_000,
    env: { ...withoutColorSettings(), TERM: 'xterm-256color', ...env },
  });
  expect(run.status).toBe(0);
  return run.stdout;
}

function withoutColorSettings(): NodeJS.ProcessEnv {
  const names = ['NO_COLOR', 'FORCE_COLOR', 'CI'];
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.includes(name)));
}

describe('on a terminal', () => {
  it('velo run shows a table, colours and a summary', () => {
    const seen = onTerminal(['run', '-e', ROWS]);
    expect(seen).toContain(ESCAPE);
    expect(seen).toMatch(/│ +2 │/);
    expect(seen).toContain('end of input');
  });

  it('velo run into a sink shows a spinner with progress', () => {
    const seen = onTerminal(['run', '-e', PACED]);
    expect(seen).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]\S* [\d,]+ in \(\d+ %\)/);
  });

  it('velo bench shows a spinner, a table in colour, and histograms if asked', () => {
    const seen = onTerminal([
      'bench',
      '--histograms',
      '--scenario',
      '3a',
      '--records',
      '5000',
      '--runs',
      '1',
      '--warmup',
      '0',
    ]);
    expect(seen).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
    expect(seen).toContain(ESCAPE);
    expect(seen).toContain('service time per record');
    expect(seen).toContain('verified');
  });

  it('NO_COLOR takes the colours away', () => {
    expect(onTerminal(['run', '-e', ROWS], { NO_COLOR: '1' })).not.toMatch(/\u001b\[[\d;]+m/);
  });
});

describe('in a pipe', () => {
  it('nothing but plain lines, whatever the command', async () => {
    for (const args of [
      ['run', '-e', PACED],
      ['bench', '--scenario', '0', '--records', '5000', '--runs', '1', '--warmup', '0'],
    ]) {
      const { stdout, stderr } = await velo(args, { env: { NO_COLOR: '' } });
      expect(stdout + stderr).not.toContain('\u001b');
    }
  });

  it('FORCE_COLOR colours a pipe', async () => {
    const { stderr } = await velo(['run', '-e', ROWS], { env: { NO_COLOR: '', FORCE_COLOR: '1' } });
    expect(stderr).toContain(ESCAPE);
  });
});
