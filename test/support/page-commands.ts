/**
 * Runs the commands of a page as its reader would. A ```text, ```sql or ```json block that names a
 * file is that file; a ```sh block runs, in the order of the page and in one folder, and writes to
 * stdout what the ```text block behind it says, with exit 0, or another one for `sh fails`. `…` in
 * it stands for what differs from run to run. `velo` is the built command.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { VELO } from './velo-process.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BLOCK = /^```(sh|sh fails)\n([\s\S]*?)^```\n\n```text\n([\s\S]*?)^```/gm;
const FILE = /^```(?:text|sql|json|yaml) (\S+)\n([\s\S]*?)^```/gm;
const LIMIT_MS = 240_000;

export interface PageRun {
  /** Path from the project's folder. */
  readonly page: string;
  /** Only what stands below this heading, up to the next one. */
  readonly section?: string;
  /** Fewest commands that it has. */
  readonly commandsMin: number;
  /** `stdout`: talk on stderr is not shown; `quiet`: there is none; `all`: it is shown. */
  readonly talk: 'stdout' | 'quiet' | 'all';
  /** Settings by variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether rows may come in another order than the page has them: on V2. */
  readonly isUnordered?: boolean;
  /** What stands for another text in files and commands: the address of a broker. */
  readonly replaced?: (text: string) => string;
}

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number | null;
}

/** Describes a page and its commands. */
export function describePage(name: string, run: PageRun): void {
  describe(name, () => {
    const home = mkdtempSync(join(tmpdir(), 'velo-page-'));
    afterAll(() => rmSync(home, { recursive: true, force: true }));
    const text = sectionOf(readFileSync(join(ROOT, run.page), 'utf8'), run.section);
    const files = [...text.matchAll(FILE)];
    let behind = 0;
    const examples = [...text.matchAll(BLOCK)].map((block) => {
      const [, kind = '', commands = '', shown = ''] = block;
      const before = files.filter(({ index }) => index >= behind && index < block.index);
      behind = block.index;
      return { kind, commands, shown, files: before };
    });
    installCommand(home, run.talk === 'quiet');

    it('shows what every command writes', () => {
      expect(examples.length).toBeGreaterThanOrEqual(run.commandsMin);
      expect(examples).toHaveLength((text.match(/^```sh/gm) ?? []).length);
    });

    it.each(examples)('$commands', async ({ kind, commands, shown, files: before }) => {
      const { replaced = String } = run;
      for (const [, file = '', body = ''] of before) {
        mkdirSync(dirname(join(home, 'data', file)), { recursive: true });
        writeFileSync(join(home, 'data', file), replaced(body));
      }
      const fails = kind === 'sh fails';
      const { stdout, stderr, exit } = await shell(replaced(commands), home, run.env ?? {});
      const written = { all: stdout + stderr, quiet: stdout + stderr, stdout }[run.talk];
      const seen = fails && run.talk === 'quiet' ? stderr : written;
      expectShown(seen, shown, run.isUnordered === true);
      expect(exit === 0, stderr).toBe(!fails);
    });
  });
}

function sectionOf(page: string, heading: string | undefined): string {
  if (heading === undefined) return page;
  const [, behind = ''] = page.split(`\n## ${heading}\n`);
  return behind.split('\n## ')[0] as string;
}

function installCommand(home: string, isQuiet: boolean): void {
  const bin = join(home, 'bin');
  mkdirSync(bin);
  mkdirSync(join(home, 'data'));
  const command = `exec "${process.execPath}" "${VELO}" ${isQuiet ? '-q ' : ''}"$@"`;
  writeFileSync(join(bin, 'velo'), `#!/bin/sh\n${command}\n`);
  chmodSync(join(bin, 'velo'), 0o755);
}

/** Not spawnSync: what a test serves in this process has to answer meanwhile. */
function shell(
  commands: string,
  home: string,
  env: Readonly<Record<string, string>>,
): Promise<Ran> {
  const path = `${join(home, 'bin')}:${process.env['PATH'] ?? ''}`;
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', `set -eo pipefail\n${commands}`], {
      cwd: join(home, 'data'),
      timeout: LIMIT_MS,
      env: { ...process.env, NO_COLOR: '1', ...env, PATH: path },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (exit) => {
      const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString('utf8');
      resolve({ stdout: text(out), stderr: text(err), exit });
    });
  });
}

function expectShown(seen: string, shown: string, isUnordered: boolean): void {
  if (isUnordered) {
    expect(seen.split('\n').sort()).toEqual(shown.split('\n').sort());
  } else if (!shown.includes('…') || seen === shown) {
    expect(seen).toBe(shown);
  } else {
    const literal = shown.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    expect(seen).toMatch(new RegExp(`^${literal.join('[^\\n]*?')}$`));
  }
}
