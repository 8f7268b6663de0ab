/**
 * What a file sink writes to, in whole jobs on V1 and V2: links, modes, mounts, pipes, descriptors,
 * one file of several queries, rows of jobs without end, failures that leave nothing half done.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runSql } from '../support/run-sql.js';
import { VELO } from '../support/velo-process.js';

const root = mkdtempSync(join(tmpdir(), 'velo-targets-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folder = root;
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'job-'));
});

/** Of a test, in which every process has half of it: a busy machine is slow, and none hangs. */
const LIMIT_MS = 240_000;
vi.setConfig({ testTimeout: LIMIT_MS });
const ROWS = '{"i":0}\n{"i":1}\n{"i":2}\n';
const GENERATOR = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '3');`;
const TARGETS = [
  ['v1', {}],
  ['v2', { partitioned: { partitions: 2, workers: 2 } }],
] as const;

const pathOf = (name: string): string => join(folder, name);
const textOf = (name: string): string => readFileSync(pathOf(name), 'utf8');

function intoFile(name: string, table = 'o'): string {
  return `CREATE TABLE ${table} (i BIGINT) WITH ('connector' = 'file', 'path' = '${pathOf(name)}', 'format' = 'json');`;
}
const INSERT = `INSERT INTO o SELECT i FROM g;`;

describe.each(TARGETS)('file sinks on %s', (arch, target) => {
  it('a link stays, the file behind it is written, with its mode', async () => {
    writeFileSync(pathOf('real.jsonl'), 'old\n');
    chmodSync(pathOf('real.jsonl'), 0o640);
    symlinkSync('real.jsonl', pathOf('link.jsonl'));
    symlinkSync('nothing.jsonl', pathOf('dangling.jsonl'));
    for (const name of ['link.jsonl', 'dangling.jsonl']) {
      const { errorText } = await runSql(`${GENERATOR} ${intoFile(name)} ${INSERT}`, target);
      expect(errorText).toBe('');
      expect(lstatSync(pathOf(name)).isSymbolicLink()).toBe(true);
    }
    expect(textOf('real.jsonl')).toBe(ROWS);
    expect(statSync(pathOf('real.jsonl')).mode & 0o777).toBe(0o640);
    expect(textOf('nothing.jsonl')).toBe(ROWS);
    expect(statSync(pathOf('nothing.jsonl')).mode & 0o777).toBe(0o666 & ~process.umask());
  });

  it('two queries share a file, by whatever names; its header comes once', async () => {
    symlinkSync('o.csv', pathOf('same.csv'));
    const csv = (table: string, name: string): string =>
      intoFile(name, table).replace("'json'", "'csv'");
    const { errorText } = await runSql(
      `${GENERATOR} ${csv('o', 'o.csv')} ${csv('p', 'same.csv')} ${csv('q', './o.csv')}
        ${INSERT} INSERT INTO o SELECT i + 10 AS i FROM g; INSERT INTO p SELECT i + 20 AS i FROM g;
        INSERT INTO q SELECT i + 30 AS i FROM g;`,
      target,
    );
    expect(errorText).toBe('');
    const lines = textOf('o.csv').trim().split('\n');
    expect(lines[0]).toBe('i');
    expect(
      lines
        .slice(1)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual([0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]);
    expect(readdirSync(folder).sort()).toEqual(['o.csv', 'same.csv']);
  });

  it.runIf(existsSync('/dev/full'))('when one sink fails no other shows its rows', async () => {
    writeFileSync(pathOf('a.jsonl'), 'old\n');
    const full = intoFile('x', 'p').replace(pathOf('x'), '/dev/full');
    const { exit, errorText } = await runSql(
      `${GENERATOR} ${intoFile('a.jsonl')} ${full} ${INSERT} INSERT INTO p SELECT i FROM g;`,
      target,
    );
    expect(errorText).toContain('error[VELO_SINK_WRITE]: file "/dev/full"');
    expect(exit).toBe(1);
    expect(textOf('a.jsonl')).toBe('old\n');
    expect(readdirSync(folder)).toEqual(['a.jsonl']);
  });

  it('a job that reads a file may replace it', async () => {
    writeFileSync(pathOf('s.jsonl'), ROWS);
    const { errorText } = await runSql(
      `${intoFile('s.jsonl')} INSERT INTO o SELECT i + 1 AS i FROM o WHERE i > 0;`,
      target,
    );
    expect(errorText).toBe('');
    expect(textOf('s.jsonl')).toBe('{"i":2}\n{"i":3}\n');
  });

  it('a pipe gets the rows when somebody reads it', async () => {
    expect(spawnSync('mkfifo', [pathOf('p')]).status).toBe(0);
    const reader = spawn('cat', [pathOf('p')]);
    let read = '';
    reader.stdout.on('data', (bytes: Buffer) => (read += bytes.toString()));
    const closed = new Promise((resolve) => reader.on('close', resolve));
    const { errorText } = await runSql(`${GENERATOR} ${intoFile('p')} ${INSERT}`, target);
    await closed;
    expect([errorText, read]).toEqual(['', ROWS]);
  });

  it('dead letters go through a pipe, too; one that nobody reads is an error at once', () => {
    const sql = `${GENERATOR} SELECT 1 / (i - 1) AS x FROM g`;
    const flags = `run -q --arch ${arch} --on-error dead-letter --dead-letter`;
    const script = `mkfifo p; "$0" "$1" ${flags} p -e "$2"; echo $?
        "$0" "$1" ${flags} >(cat > letters) -e "$2"
        "$0" "$1" ${flags} - -e "$2" | grep -c VELO_DIVISION
        until grep -q VELO_DIVISION letters; do :; done; wc -l < letters`;
    const shell = ['-c', script, process.execPath, VELO, sql];
    const run = spawnSync('bash', shell, { cwd: folder, encoding: 'utf8', timeout: LIMIT_MS / 2 });
    expect(run.stderr).toMatch(/^error\[VELO_SINK_WRITE\]: file "p" cannot be written/);
    expect(run.stdout).toBe('1\n{"x":-1}\n{"x":1}\n1\n1\n');
  });

  it('descriptors of the process: stdout through a link, behind rows that are there', () => {
    symlinkSync('/proc/self/fd/1', pathOf('so'));
    const sql = `${GENERATOR} ${intoFile('so')} ${INSERT}`;
    const script = `echo first > cap; "$0" "$1" run -q --arch ${arch} -e "$2" >> cap`;
    const shell = ['-c', script, process.execPath, VELO, sql];
    const { status, stderr } = spawnSync('bash', shell, { cwd: folder, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(textOf('cap')).toBe(`first\n${ROWS}`);
    expect(lstatSync(pathOf('so')).isSymbolicLink()).toBe(true);
  });

  it('rows of a job without end are seen while it runs, and stay when it is stopped', async () => {
    writeFileSync(pathOf('o.jsonl'), 'old\n');
    chmodSync(pathOf('o.jsonl'), 0o600);
    const slow = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows-per-second' = '20');`;
    const sql = `${slow} ${intoFile('o.jsonl')} ${INSERT}`;
    const args = [VELO, 'run', '-q', '--arch', arch, '-e', sql];
    const seen = new Promise<void>((resolve) => {
      const watcher = watch(folder, () => {
        if (!textOf('o.jsonl').startsWith('{"i":0}\n')) return;
        watcher.close();
        resolve();
      });
    });
    const child = spawn(process.execPath, args);
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await seen;
    child.kill('SIGTERM');
    expect(await ended).toBe(143);
    const text = textOf('o.jsonl');
    expect(text.startsWith('{"i":0}\n') && text.endsWith('}\n')).toBe(true);
    expect(readdirSync(folder)).toEqual(['o.jsonl']);
    expect(statSync(pathOf('o.jsonl')).mode & 0o777).toBe(0o600);
  });
});

describe('files under way', () => {
  it('have names that nobody guesses, are their owner’s, and leave with their process', async () => {
    const script = `ulimit -f unlimited; exec "$0" "$1" run -q -e "$2"`;
    const held = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '1000000000', 'rows-per-second' = '10');`;
    const sql = `${held} ${intoFile('o.jsonl')} ${INSERT}`;
    const staged = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.part'));
    const start = async (): Promise<ReturnType<typeof spawn>> => {
      const before = new Set(staged());
      const appeared = new Promise<void>((resolve) => {
        const watcher = watch(folder, () => {
          if (!staged().some((name) => !before.has(name))) return;
          watcher.close();
          resolve();
        });
      });
      const child = spawn('bash', ['-c', script, process.execPath, VELO, sql]);
      await appeared;
      return child;
    };
    const ended = (child: ReturnType<typeof spawn>): Promise<unknown> =>
      new Promise((resolve) => child.on('exit', resolve));
    const first = await start();
    const [name = ''] = staged();
    expect(name).toMatch(/^o\.jsonl\.\d+-[0-9a-f]{24}\.part$/);
    expect(statSync(pathOf(name)).mode & 0o777).toBe(0o600);
    const killed = ended(first);
    first.kill('SIGKILL');
    await killed;
    expect(staged()).toEqual([name]);
    // Somebody else's, of a machine that is not this one.
    const foreign = `o.jsonl.1-${'0'.repeat(24)}.part`;
    writeFileSync(pathOf(foreign), '');
    const second = await start();
    expect(staged()).toHaveLength(2);
    expect(staged()).not.toContain(name);
    const twice = ended(second);
    second.kill('SIGTERM');
    second.kill('SIGINT');
    await twice;
    expect(staged()).toEqual([foreign]);
  });

  const canMount = spawnSync('unshare', ['-m', 'true']).status === 0;
  it.runIf(canMount)('a mount is written in place, and that is said', () => {
    writeFileSync(pathOf('host'), 'host, which is longer than the rows that replace it\n');
    writeFileSync(pathOf('b.jsonl'), 'old\n');
    linkSync(pathOf('host'), pathOf('also'));
    const sql = `${GENERATOR} ${intoFile('b.jsonl')} ${INSERT}`;
    const script = `mount --bind host b.jsonl && "$0" "$1" run -e "$2"`;
    const shell = ['-m', 'bash', '-c', script, process.execPath, VELO, sql];
    const { status, stderr } = spawnSync('unshare', shell, { cwd: folder, encoding: 'utf8' });
    expect(stderr).toContain('is written in place: it cannot be replaced');
    expect(status).toBe(0);
    expect(textOf('also')).toBe(ROWS);
    expect(readdirSync(folder).sort()).toEqual(['also', 'b.jsonl', 'host']);
  });

  it.runIf(canMount)('a disk that is full leaves the file as it was, and nothing beside it', () => {
    const sql = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '100000');
        ${intoFile('t/o.jsonl')} ${INSERT}`;
    const script = `mkdir t && mount -t tmpfs -o size=200k tmpfs t && echo old > t/o.jsonl
        "$0" "$1" run -q -e "$2"; echo "$?" $(ls t) $(cat t/o.jsonl)
        "$0" "$1" run -q -e "$2" --on-error dead-letter --dead-letter t/dead.jsonl; ls t`;
    const shell = ['-m', 'bash', '-c', script, process.execPath, VELO, sql];
    const { stdout, stderr } = spawnSync('unshare', shell, { cwd: folder, encoding: 'utf8' });
    expect(stderr).toContain('cannot be written: no space left on device');
    expect(stdout).toBe('1 o.jsonl old\ndead.jsonl\no.jsonl\n');
  });

  it.runIf(canMount)('dead letters on a full disk are whole lines, on V1 and V2', () => {
    const sql = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '100000');
        SELECT 1 / (i - i) AS x FROM g`;
    const run = (arch: string): string =>
      `"$0" "$1" run -q --arch ${arch} -e "$2" --on-error dead-letter --dead-letter t/d; echo $?
        tail -c 1 t/d | od -An -c; rm t/d`;
    const script = `mkdir t && mount -t tmpfs -o size=100k tmpfs t\n${run('v1')}\n${run('v2')}`;
    const shell = ['-m', 'bash', '-c', script, process.execPath, VELO, sql];
    const { stdout, stderr } = spawnSync('unshare', shell, { cwd: folder, encoding: 'utf8' });
    expect(stderr).not.toContain('    at ');
    expect(stdout.replaceAll(' ', '')).toBe('1\n\\n\n1\n\\n\n');
  });
});
