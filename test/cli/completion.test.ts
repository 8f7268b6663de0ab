/**
 * The completion scripts in the shells themselves: bash is on every machine that runs the tests; zsh
 * and fish are asked where they are installed (.ci/run installs them), and their scripts are looked
 * through by words everywhere.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/commands.js';
import { bashScript } from '../../src/cli/shells/bash-completion.js';
import { allCommands, commandModel } from '../../src/cli/shells/command-model.js';
import { fishScript } from '../../src/cli/shells/fish-completion.js';
import { zshScript } from '../../src/cli/shells/zsh-completion.js';
import { velo } from '../support/velo-process.js';

const CAPTURE = fileURLToPath(new URL('../support/zsh-capture.zsh', import.meta.url));
const model = commandModel(await createProgram());
const commands = allCommands(model);

const folder = mkdtempSync(join(tmpdir(), 'velo-completion-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const scripts = { bash: bashScript(model), zsh: zshScript(model), fish: fishScript(model) };
const file = (shell: keyof typeof scripts): string => join(folder, `offers.${shell}`);
for (const shell of ['bash', 'zsh', 'fish'] as const) {
  writeFileSync(file(shell), `${scripts[shell]}\n`);
}
for (const name of ['query.sql', 'two words.sql', 'data.jsonl']) {
  writeFileSync(join(folder, name), '');
}

interface Run {
  readonly stdout: string;
  /** The shell is not installed. */
  readonly missing: boolean;
}

function run(command: string, args: readonly string[]): Run {
  const home = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const env = { ...process.env, ...home };
  const done = spawnSync(command, args, { cwd: folder, encoding: 'utf8', timeout: 240_000, env });
  const missing = (done.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  if (!missing) expect({ command, stderr: done.stderr }).toEqual({ command, stderr: '' });
  return { stdout: done.stdout, missing };
}

type Complete = (line: string) => readonly string[] | null;

/** What each shell offers at the end of a line, sorted; null where the shell is not installed. */
const OFFERS: Readonly<Record<keyof typeof scripts, Complete>> = {
  bash: (line) => {
    const words = line.split(' ').map((word) => `'${word}'`);
    const text = `source ${file('bash')}; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _velo; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return lines(run('bash', ['-c', text]));
  },
  zsh: (line) => lines(run('zsh', ['-f', CAPTURE, file('zsh'), line])),
  fish: (line) => lines(run('fish', ['-c', `source ${file('fish')}; complete -C '${line}'`])),
};

function lines({ stdout, missing }: Run): readonly string[] | null {
  if (missing) return null;
  const texts = stdout.split('\n').filter((line) => line !== '');
  // zsh tries several ways to match; its menu shows what they find once.
  return [...new Set(texts.map((line) => line.split('\t')[0] ?? ''))].sort();
}

const EXPECTED: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['velo co', ['completion', 'config']],
  ['velo run --part', ['--partitioning', '--partitions']],
  ['velo --part', ['--partitioning', '--partitions']],
  ['velo --ver', ['--verbose', '--version']],
  ['velo query.sql --part', ['--partitioning', '--partitions']],
  ['velo run --arch ', ['v1', 'v2']],
  ['velo query.sql --on-error ', ['dead-letter', 'fail', 'skip']],
  ['velo bench --arch ', ['both', 'v1', 'v2']],
  ['velo bench com', ['compare']],
  ['velo bench compare --format ', ['github', 'junit', 'markdown', 'table']],
  ['velo completion ', ['bash', 'fish', 'zsh']],
];

describe.each(['bash', 'zsh', 'fish'] as const)('completion for %s', (shell) => {
  it.each(EXPECTED)('offers at "%s"', (line, offered) => {
    const found = OFFERS[shell](line);
    if (found !== null) expect(found).toEqual(offered);
  });

  it('names every command and every flag', () => {
    for (const { path, flags } of commands) {
      for (const name of path) expect(scripts[shell]).toContain(name);
      for (const { long } of flags) {
        expect(scripts[shell]).toContain(shell === 'fish' ? `-l ${long.slice(2)}` : long);
      }
    }
  });

  it('offers every word of every flag that takes words', () => {
    const takers = commands.flatMap(({ flags }) => flags.map(({ value }) => value));
    const words = takers.flatMap((value) => (value?.kind === 'words' ? value.words : []));
    expect(words.length).toBeGreaterThan(30);
    for (const word of words) expect(scripts[shell]).toContain(word);
  });
});

describe('completion', () => {
  it('takes --flag=value apart in bash, as readline hands it over', () => {
    expect(OFFERS.bash('velo run --arch = ')).toEqual(['v1', 'v2']);
    expect(OFFERS.bash('velo run --arch = v2')).toEqual(['v2']);
  });

  it('offers SQL files where a command may stand, with their spaces', () => {
    expect(OFFERS.bash('velo q')).toEqual(['query.sql']);
    expect(OFFERS.bash('velo t')).toEqual(['test', 'two words.sql']);
    const zsh = OFFERS.zsh('velo q');
    if (zsh !== null) expect(zsh).toEqual(['query.sql']);
  });

  it('knows which flags take words, files and anything', () => {
    const flags = new Map(model.commands[0]?.flags.map((flag) => [flag.long, flag]));
    expect(flags.get('--arch')?.value).toEqual({ kind: 'words', words: ['v1', 'v2'] });
    expect(flags.get('--stats-json')?.value).toEqual({ kind: 'file' });
    expect(flags.get('--to')?.value).toEqual({ kind: 'file' });
    expect(flags.get('--duration')?.value).toEqual({ kind: 'text' });
    expect(flags.get('--affinity')?.value).toBeNull();
    expect(flags.get('--source')?.repeatable).toBe(true);
    expect(flags.get('--arch')?.repeatable).toBe(false);
  });

  it('is printed by velo completion, with every command loaded', async () => {
    const { exit, stdout } = await velo(['completion', 'bash']);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: `${scripts.bash}\n` });
  });

  it('refuses a shell that it does not know', async () => {
    const { exit, stderr } = await velo(['completion', 'tcsh']);
    expect(exit).toBe(2);
    expect(stderr).toContain('choose one of bash, zsh, fish');
  });
});
