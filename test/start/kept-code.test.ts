/**
 * What the start of the command keeps of its compiled code: the next start takes it, none believes
 * what is not its own, and whatever is wrong with the folder fails no start.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A program of one module, started as the command is, and a home for it. */
let folder = '';
let home = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'velo-kept-'));
  home = join(folder, 'home');
  cpSync(join(ROOT, 'dist/start'), join(folder, 'dist/start'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  mkdirSync(join(folder, 'dist/bundle'));
  mkdirSync(home);
  program('one');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Says `word`, in a function that is compiled when it is called, and what a second module is called. */
function program(word: string): void {
  const main = `const { name } = require("./part.cjs"); exports.x = 1;
    function say() { process.stdout.write("${word} " + name + " " + require("node:path").sep); } say();`;
  writeFileSync(join(folder, 'dist/bundle/main.cjs'), main);
  writeFileSync(join(folder, 'dist/bundle/part.cjs'), 'exports.name = "part";');
}

function start(env: Readonly<Record<string, string>> = {}): string {
  const ended = spawnSync(process.execPath, [join(folder, 'dist/start/command.js')], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: home, ...env },
  });
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  return ended.stdout;
}

const kept = (): string => join(home, '.cache/velo');
const keptFiles = (): string[] => readdirSync(kept()).sort();
const fileOf = (module: string): string => {
  const name = keptFiles().find((file) => file.startsWith(`${module}.`));
  if (name === undefined) throw new Error(`nothing is kept of ${module}`);
  return join(kept(), name);
};

describe('the code of the bundle', () => {
  it('is kept by the first start for its owner alone, and taken as it is by the next', () => {
    expect(start()).toBe('one part /');
    expect(keptFiles().map((name) => name.replace(/\.[^.]+$/, ''))).toEqual([
      'main.cjs',
      'part.cjs',
    ]);
    expect(statSync(kept()).mode & 0o777).toBe(0o700);
    const before = keptFiles().map((name) => statSync(join(kept(), name)));
    expect(start()).toBe('one part /');
    const after = keptFiles().map((name) => statSync(join(kept(), name)));
    expect(after.map(({ ino, mtimeMs }) => [ino, mtimeMs])).toEqual(
      before.map(({ ino, mtimeMs }) => [ino, mtimeMs]),
    );
    expect(after.map(({ mode }) => mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it('is not that of a module which has changed and is as long as before', () => {
    start();
    const before = readFileSync(fileOf('main.cjs'));
    program('two');
    expect(start()).toBe('two part /');
    expect(readFileSync(fileOf('main.cjs')).equals(before)).toBe(false);
    expect(start()).toBe('two part /');
  });

  it('is made anew where a byte of it is wrong, or the end is missing', () => {
    start();
    const file = fileOf('main.cjs');
    const whole = readFileSync(file);
    for (const at of [0, 31, 32, 40, 100, whole.length - 1]) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x40;
      writeFileSync(file, damaged);
      expect(start()).toBe('one part /');
      expect(readFileSync(file).equals(damaged), `byte ${at}`).toBe(false);
    }
    for (const length of [0, 10, 32, whole.length - 4]) {
      writeFileSync(file, whole.subarray(0, length));
      expect(start()).toBe('one part /');
      expect(readFileSync(file).length).toBeGreaterThan(length);
    }
  });

  it('is kept where XDG_CACHE_HOME or NODE_COMPILE_CACHE says, and nowhere where Node shall not', () => {
    start({ XDG_CACHE_HOME: join(folder, 'xdg') });
    start({ NODE_COMPILE_CACHE: join(folder, 'node') });
    expect(readdirSync(join(folder, 'xdg/velo'))).toHaveLength(2);
    expect(readdirSync(join(folder, 'node/velo'))).toHaveLength(2);
    start({ NODE_DISABLE_COMPILE_CACHE: '1' });
    expect(existsSync(join(home, '.cache'))).toBe(false);
  });

  it('is not read from a folder that others may write to', () => {
    mkdirSync(kept(), { recursive: true });
    chmodSync(kept(), 0o777);
    expect(start()).toBe('one part /');
    expect(keptFiles()).toEqual([]);
  });

  it('makes room for what is new', () => {
    start();
    for (let at = 0; at < 500; at += 1) {
      const file = join(kept(), `old-${at}`);
      writeFileSync(file, '');
      utimesSync(file, at, at);
    }
    program('two');
    start();
    expect(keptFiles()).toHaveLength(400);
    expect(keptFiles()).toContain('old-499');
    expect(keptFiles()).not.toContain('old-0');
    expect(start()).toBe('two part /');
  });

  it('is done without where there is no such folder', () => {
    writeFileSync(join(home, '.cache'), 'a file');
    expect(start()).toBe('one part /');
    expect(start({ HOME: join(folder, 'nobody') })).toBe('one part /');
    expect(existsSync(join(folder, 'nobody'))).toBe(false);
    expect(start({ HOME: '/proc/none' })).toBe('one part /');
    expect(start({ XDG_CACHE_HOME: '/dev/null' })).toBe('one part /');
  });
});
