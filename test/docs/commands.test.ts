/**
 * The commands of docs/files.md and docs/testing.md write to stdout what the ```text block behind
 * them says. All of a page run in one folder, in its order, where a ```text block that names a file
 * is that file; `velo` is the built command and must exit with 0 unless the block says `sh fails`.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { VELO } from '../support/velo-process.js';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
/** `quiet`: nothing is said beside what the commands of the page are about. */
const PAGES = [
  { page: 'files.md', quiet: true },
  { page: 'testing.md', quiet: false },
];
const BLOCK = /^```(sh|sh fails)\n([\s\S]*?)^```\n\n```text\n([\s\S]*?)^```/gm;
const FILE = /^```(?:text|sql) (\S+)\n([\s\S]*?)^```/gm;

const folder = mkdtempSync(join(tmpdir(), 'velo-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(PAGES)('docs/$page', ({ page, quiet }) => {
  const text = readFileSync(join(DOCS, page), 'utf8');
  const files = [...text.matchAll(FILE)];
  let behind = 0;
  const examples = [...text.matchAll(BLOCK)].map((block) => {
    const [, kind = '', commands = '', shown = ''] = block;
    const before = files.filter(({ index }) => index >= behind && index < block.index);
    behind = block.index;
    return { kind, commands, shown, files: before };
  });
  const home = join(folder, page);
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  const command = `exec "${process.execPath}" "${VELO}" ${quiet ? '-q ' : ''}"$@"`;
  writeFileSync(join(bin, 'velo'), `#!/bin/sh\n${command}\n`);
  chmodSync(join(bin, 'velo'), 0o755);
  const data = join(home, 'data');
  mkdirSync(data);

  it('shows what every command writes', () => {
    expect(examples.length).toBeGreaterThan(3);
    expect(examples).toHaveLength((text.match(/^```sh/gm) ?? []).length);
  });

  it.each(examples)('$commands', ({ kind, commands, shown, files: before }) => {
    for (const [, name = '', body = ''] of before) {
      mkdirSync(dirname(join(data, name)), { recursive: true });
      writeFileSync(join(data, name), body);
    }
    const fails = kind === 'sh fails';
    const { stdout, stderr, status } = spawnSync('bash', ['-c', `set -eo pipefail\n${commands}`], {
      cwd: data,
      encoding: 'utf8',
      timeout: 240_000,
      env: { ...process.env, NO_COLOR: '1', PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    });
    expect(fails && quiet ? stderr : stdout + stderr).toBe(shown);
    expect(status === 0).toBe(!fails);
  });
});
