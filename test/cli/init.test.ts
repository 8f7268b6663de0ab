/**
 * `velo init`: what it writes runs, as a user would run it and as the workflow does, and nothing is
 * overwritten unasked.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { projectFiles } from '../../src/cli/project/project-files.js';
import { VELO, velo } from '../support/velo-process.js';

const home = mkdtempSync(join(tmpdir(), 'velo-init-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const paths = projectFiles().map(({ path }) => path);

async function project(name: string): Promise<string> {
  const folder = join(home, name);
  const { exit } = await velo(['init', folder, '-q']);
  expect(exit).toBe(0);
  return folder;
}

describe('velo init', () => {
  it('writes into a new folder, lists the files and says what comes next', async () => {
    const { exit, stdout, stderr } = await velo(['init', 'new/project'], { cwd: home });
    expect(exit).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual(paths.map((path) => `new/project/${path}`));
    expect(stderr).toBe('next: cd new/project && velo query.sql; velo test cases\n');
    const found = readdirSync(join(home, 'new/project'), { recursive: true, encoding: 'utf8' });
    const files = found.filter((path) => statSync(join(home, 'new/project', path)).isFile());
    expect(files.sort()).toEqual([...paths].sort());
  });

  it('writes into the working directory beside what is there', async () => {
    const folder = join(home, 'own');
    mkdirSync(folder);
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    const { exit, stderr } = await velo(['init'], { cwd: folder });
    expect({ exit, stderr }).toEqual({
      exit: 0,
      stderr: 'next: velo query.sql; velo test cases\n',
    });
    expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('overwrites nothing unasked, writes nothing then, and says what there is', async () => {
    const folder = join(home, 'there');
    mkdirSync(folder);
    writeFileSync(join(folder, 'README.md'), 'mine');
    const { exit, stdout, stderr } = await velo(['init', folder]);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toContain('holds "README.md" already');
    expect(stderr).toContain('--force');
    expect(readdirSync(folder)).toEqual(['README.md']);
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('mine');
    const forced = await velo(['init', folder, '--force', '-q']);
    expect(forced.exit).toBe(0);
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).not.toBe('mine');
  });

  it('says so where a file stands in its way', async () => {
    writeFileSync(join(home, 'file'), '');
    const { exit, stderr } = await velo(['init', join(home, 'file')]);
    expect(exit).toBe(2);
    expect(stderr).toContain('cannot be written');
  });
});

describe('the project', () => {
  it('runs, checks and tests', async () => {
    const cwd = await project('used');
    const run = await velo(['query.sql', '-q'], { cwd });
    expect({ exit: run.exit, stderr: run.stderr }).toEqual({ exit: 0, stderr: '' });
    expect(
      run.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { symbol: 'ABC', window_start: 1709287200000, trades: 2, turnover: 1577.5 },
      { symbol: 'XYZ', window_start: 1709287200000, trades: 2, turnover: 2996 },
      { symbol: 'ABC', window_start: 1709287260000, trades: 1, turnover: 742 },
      { symbol: 'XYZ', window_start: 1709287260000, trades: 1, turnover: 500.5 },
      { symbol: 'ABC', window_start: 1709287320000, trades: 1, turnover: 313.5 },
    ]);
    const check = await velo(['check', 'query.sql'], { cwd });
    expect(check).toMatchObject({ exit: 0, stderr: 'query.sql: 1 query, no fault\n' });
    const test = await velo(['test', 'cases'], { cwd });
    expect(test).toMatchObject({ exit: 0, stderr: '1 passed\n' });
  });

  it('has a README of ten lines whose commands there are', async () => {
    const cwd = await project('read');
    const text = readFileSync(join(cwd, 'README.md'), 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
    const commands = [...text.matchAll(/`velo ([^`]*)`/g)].map(([, args = '']) => args.split(' '));
    expect(commands.length).toBeGreaterThanOrEqual(3);
    // What has no end is test/cli/watch.test.ts's.
    for (const args of commands.filter((each) => !each.includes('--watch'))) {
      expect(await velo(args, { cwd })).toMatchObject({ exit: 0 });
    }
  });
});

interface Workflow {
  readonly on: unknown;
  readonly jobs: {
    readonly query: {
      readonly steps: readonly {
        readonly name?: string;
        readonly uses?: string;
        readonly run?: string;
        readonly env?: Readonly<Record<string, string>>;
      }[];
    };
  };
}

describe('the workflow', () => {
  it('installs this version, checks, tests, and measures a pull request against its base', async () => {
    const cwd = await project('workflow');
    const text = readFileSync(join(cwd, '.github/workflows/velo.yml'), 'utf8');
    const { on, jobs } = parse(text) as Workflow;
    expect(on).toEqual({ push: { branches: ['main'] }, pull_request: null });
    const { steps } = jobs.query;
    const bin = join(home, 'bin');
    mkdirSync(bin);
    // What the install step would put there; npm itself only writes down what it was asked for.
    writeFileSync(join(bin, 'velo'), `#!/bin/sh\nexec "${process.execPath}" "${VELO}" "$@"\n`);
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho "$@" > "${home}/npm.txt"\n`);
    for (const name of ['velo', 'npm']) chmodSync(join(bin, name), 0o755);
    const shell = (script: string, env: Readonly<Record<string, string>> = {}): string => {
      const PATH = `${bin}:${process.env['PATH'] ?? ''}`;
      const options = { cwd, encoding: 'utf8', timeout: 240_000 } as const;
      // As the runner does it.
      const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script];
      const { status, stdout, stderr } = spawnSync('bash', args, {
        ...options,
        env: { ...process.env, NO_COLOR: '1', ...env, PATH },
      });
      expect({ script, status, stderr }).toMatchObject({ script, status: 0 });
      return stdout;
    };
    const git = 'git -c user.name=t -c user.email=t@t -c commit.gpgsign=false';
    shell(`git init -q && git add -A && ${git} commit -qm base`);
    const BASE = shell('git rev-parse HEAD').trim();
    writeFileSync(
      join(cwd, 'query.sql'),
      readFileSync(join(cwd, 'query.sql'), 'utf8').replace('price * quantity', 'quantity * price'),
    );
    shell(`${git} commit -qam change`);
    const outputs = steps.flatMap(({ run, env }) => {
      if (run === undefined) return [];
      if (env !== undefined) {
        expect(env).toEqual({ BASE: '${{ github.event.pull_request.base.sha }}' });
      }
      // Two rounds cannot say slower, whatever else this machine does.
      return [shell(run.replace('--rounds 10', '--rounds 2'), env === undefined ? {} : { BASE })];
    });
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = JSON.parse(manifest) as { readonly version: string };
    expect(readFileSync(join(home, 'npm.txt'), 'utf8')).toBe(`install --global velo@${version}\n`);
    expect(outputs).toHaveLength(4);
    expect(outputs[2]).toContain('ok    cases/late.case');
    expect(outputs[3]).toMatch(/base → query v1 +rec\/s /);
    // What it makes is not for git.
    expect(existsSync(join(cwd, 'many-trades.jsonl'))).toBe(true);
    expect(shell('git status --porcelain')).toBe('');
  });

  it('takes no more than what GitHub grants it', () => {
    const text = projectFiles().find(({ path }) => path.endsWith('velo.yml'))?.text ?? '';
    expect(text).toContain('permissions:\n  contents: read\n');
    expect(text).not.toMatch(/run:.*\$\{\{/);
    expect(text).not.toContain('pull_request_target');
  });
});
