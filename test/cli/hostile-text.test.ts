/**
 * Control characters of data, names, paths and messages are shown, never obeyed, wherever a person
 * looks; pipes of data keep the bytes. Long errors stay readable.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { velo, VELO } from '../support/velo-process.js';

const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const NAME = 'a\u001b]0;pwn\u0007';
const TEXT = 'x\u001b[31mRED\r\u009b2J\u202e|';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'velo-hostile-'));
  const record = JSON.stringify({ [NAME]: TEXT, v: 1 });
  writeFileSync(join(folder, 'e.jsonl'), `${record}\n`);
  writeFileSync(join(folder, 'n\u001b[2J.jsonl'), `${record}\n`);
  writeFileSync(join(folder, 'q\u001b[2J.sql'), `SELECT nope\u202e FROM 'e.jsonl';\n`);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const QUERY = `SELECT * FROM 'e.jsonl'`;
const OUTPUTS: readonly (readonly [string, readonly string[]])[] = [
  ['a table', ['run', '-q', '--format', 'table', '-e', QUERY]],
  ['Markdown', ['run', '-q', '--format', 'markdown', '-e', QUERY]],
  ['the talk of run', ['run', '-v', '--format', 'table', '-e', `SELECT v FROM 'n\u001b[2J.jsonl'`]],
  ['explain', ['explain', '-e', QUERY]],
  ['explain as JSON', ['explain', '--format', 'json', '-e', QUERY]],
  ['explain as Mermaid', ['explain', '--format', 'mermaid', '-e', QUERY]],
  ['the hint of an error', ['run', '-e', `SELECT nope FROM 'e.jsonl'`]],
  ['the source line of an error', ['run', '-e', `SELECT '\u001b[31m' + FROM 'e.jsonl'`]],
  ['a file name', ['check', 'q\u001b[2J.sql']],
  ['a missing file', ['run', 'no\u001b[2J.sql']],
  ['a missing data file', ['run', '-e', `SELECT * FROM 'no\u001b[2J\u202e.jsonl'`]],
  ['a data error', ['run', '-e', `SELECT CAST("${NAME}" AS BIGINT) AS n FROM 'e.jsonl'`]],
];

describe('hostile text', () => {
  it.each(OUTPUTS)('is shown in %s', async (_, args) => {
    const { stdout, stderr } = await velo(args, { cwd: folder });
    expect(stdout + stderr).not.toBe('');
    expect(stdout).not.toMatch(HIDDEN);
    expect(stderr).not.toMatch(HIDDEN);
    expect(stdout + stderr).toMatch(/\\u001b|\\u202e/);
  });

  it.each(['csv', 'jsonl'])('is shown in %s on a terminal', (format) => {
    const args = [process.execPath, VELO, 'run', '-q', '--format', format, '-e', QUERY];
    const quoted = args.map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`).join(' ');
    const { stdout } = spawnSync('script', ['-qec', quoted, '/dev/null'], {
      encoding: 'utf8',
      cwd: folder,
      timeout: 240_000,
    });
    expect(stdout).toContain('RED');
    expect(stdout.replaceAll('\r\n', '\n')).not.toMatch(HIDDEN);
  });

  it('keeps its bytes in a pipe', async () => {
    const { stdout } = await velo(['run', '-q', '--format', 'csv', '-e', QUERY], { cwd: folder });
    expect(stdout).toContain('\u001b[31mRED\r');
  });

  it('more than 20 faults are counted, and of a long line its part is shown', async () => {
    const sql = `SELECT ${Array.from({ length: 300 }, (_, at) => `no${at}`).join(', ')} FROM 'e.jsonl'`;
    const { stderr, exit } = await velo(['run', '-e', sql], { cwd: folder });
    expect(exit).toBe(2);
    expect(stderr.match(/^error\[/gm)).toHaveLength(20);
    expect(stderr).toContain('and 280 more faults');
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThan(250);
  });
});
