/**
 * Standard streams that cannot be written, signals, and few open files: what they do to commands as
 * processes of their own. Needs /dev/full and bash, as the system that runs it has or has not.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { velo, VELO } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-streams-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Of a test, in which every process has half of it: a busy machine is slow, and none hangs. */
const LIMIT_MS = 240_000;
vi.setConfig({ testTimeout: LIMIT_MS });

interface ShellRun {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a line of bash in which `velo` is the command. */
function shell(line: string): ShellRun {
  const script = `velo() { "$NODE" "$VELO" "$@"; }\n${line}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', NODE: process.execPath, VELO },
    encoding: 'utf8',
    timeout: LIMIT_MS / 2,
  });
  return { exit: status, stdout, stderr };
}

const GENERATOR = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '200000');`;
const SLOW = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows-per-second' = '1000');
  SELECT i FROM g`;

describe.runIf(existsSync('/dev/full'))('streams that cannot be written', () => {
  it.each([
    `run -q -e 'SELECT 1 AS a'`,
    `explain -e 'SELECT 1 AS a'`,
    'completion bash',
    '--help',
    '--version',
  ])('stdout on a full disk is an error: velo %s', (command) => {
    const { exit, stderr } = shell(`velo ${command} > /dev/full`);
    expect(stderr).toMatch(/^error\[VELO_SINK_WRITE\]: stdout cannot be written/);
    expect(stderr).not.toContain('    at ');
    expect(exit).toBe(1);
  });

  it.each(['v1', 'v2'])('talk that cannot be written ends no job: %s', (arch) => {
    const run = `velo run --arch ${arch} -e "${GENERATOR} SELECT i FROM g" 2> /dev/full`;
    const { exit, stdout } = shell(`${run} | tail -n 1; exit \${PIPESTATUS[0]}`);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '{"i":199999}\n' });
  });

  it('a reader who has enough of a text ends nothing', () => {
    const { exit, stderr } = shell('velo completion bash | true; exit ${PIPESTATUS[0]}');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  });

  it('dead letters on a full disk end the job with whole lines: V1 and V2', () => {
    for (const arch of ['v1', 'v2 --partitions 2']) {
      const { exit, stderr } = shell(
        `velo run -q --arch ${arch} --on-error dead-letter --dead-letter /dev/full ` +
          `-e "${GENERATOR} SELECT 1 / (i - i) AS x FROM g"`,
      );
      expect(stderr).toMatch(/^error\[VELO_SINK_WRITE\]: file "\/dev\/full" cannot be written/);
      expect(stderr).not.toContain('    at ');
      expect(exit).toBe(1);
    }
  });
});

/** A file may not grow beyond 64 KiB: as on a disk that fills up, a write ends in the middle. */
describe('a disk that fills up', () => {
  it.each(['v1', 'v2 --partitions 2'])('ends a file that nobody sees: %s', (arch) => {
    const { exit, stderr } = shell(
      `ulimit -f 64; velo run -q --arch ${arch} -e "${GENERATOR} CREATE TABLE o (i BIGINT)
        WITH ('connector' = 'file', 'path' = 'full.jsonl'); INSERT INTO o SELECT i FROM g"`,
    );
    expect(stderr).toMatch(/^error\[VELO_SINK_WRITE\]: file "full.jsonl" cannot be written/);
    expect(stderr).not.toContain('    at ');
    expect(exit).toBe(1);
    expect(readdirSync(folder).filter((name) => name.includes('full.jsonl'))).toEqual([]);
  });

  it.each(['v1', 'v2 --partitions 2'])('leaves dead letters of whole lines: %s', (arch) => {
    rmSync(join(folder, 'letters.jsonl'), { force: true });
    const { exit, stderr } = shell(
      `ulimit -f 64; velo run -q --arch ${arch} --on-error dead-letter --dead-letter letters.jsonl ` +
        `-e "${GENERATOR} SELECT 1 / (i - i) AS x FROM g"`,
    );
    expect(stderr).toMatch(/^error\[VELO_SINK_WRITE\]: file "letters.jsonl" cannot be written/);
    expect(exit).toBe(1);
    const text = readFileSync(join(folder, 'letters.jsonl'), 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    const letters = text.trimEnd().split('\n');
    expect(letters.length).toBeGreaterThan(100);
    for (const letter of letters) expect(JSON.parse(letter)).toHaveProperty('code');
  });

  it('ends what goes to stdout: V1 and V2', () => {
    for (const arch of ['v1', 'v2 --partitions 2']) {
      const run = `ulimit -f 64; velo run -q --arch ${arch} -e "${GENERATOR} SELECT i FROM g"`;
      const { exit, stderr } = shell(`${run} > rows.jsonl`);
      expect(stderr).toMatch(/^error\[VELO_SINK_WRITE\]: stdout cannot be written/);
      expect(stderr).not.toContain('    at ');
      expect(exit).toBe(1);
    }
  });
});

describe('many queries and few open files', () => {
  it('twelve queries on stdout bring no warning', async () => {
    const queries = Array.from({ length: 12 }, (_, i) => `SELECT ${i} AS a;`).join('\n');
    const { exit, stdout, stderr } = await velo(['run', '-q', '-e', queries], {
      limitMs: LIMIT_MS / 2,
    });
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toHaveLength(12);
  });

  it.each(['--arch v1', '--arch v2 --workers 2'])(
    'starts where 64 files may be open: %s',
    (flags) => {
      const { exit, stdout, stderr } = shell(
        `ulimit -n 64; velo run -q ${flags} -e 'SELECT 1 AS a'`,
      );
      expect({ exit, stdout, stderr }).toEqual({ exit: 0, stdout: '{"a":1}\n', stderr: '' });
    },
  );
});

describe('more files than may be open', () => {
  const many = Array.from({ length: 300 }, (_, i) => i);
  const tables = (front: string, extension: string): string =>
    many
      .map((i) => {
        const path = `'path' = '${front}${i}.${extension}'`;
        return `CREATE TABLE ${front}${i} (a BIGINT) WITH ('connector' = 'file', ${path});`;
      })
      .join('\n');

  it.each([
    ['v1', 'jsonl'],
    ['v2 --workers 2', 'jsonl'],
    ['v1', 'csv'],
  ])('are read, and counted right: %s, %s', (arch, extension) => {
    for (const i of many) {
      const text = extension === 'csv' ? `a\n${i}\n` : `{"a":${i}}\n`;
      writeFileSync(join(folder, `f${i}.${extension}`), text);
    }
    const union = many.map((i) => `SELECT a FROM f${i}`).join(' UNION ALL ');
    const query = `SELECT COUNT(*) AS n, SUM(a) AS s FROM (${union}) EMIT FINAL;`;
    writeFileSync(join(folder, 'many.sql'), `${tables('f', extension)}\n${query}`);
    const run = shell(`ulimit -n 200; velo run -q --arch ${arch} many.sql`);
    expect(run).toEqual({ exit: 0, stdout: '{"n":300,"s":44850}\n', stderr: '' });
  });

  it('and written are an error that says the limit, and leave nothing behind', () => {
    writeFileSync(join(folder, 'one.jsonl'), '{"a":1}\n');
    const source = `CREATE TABLE t (a BIGINT) WITH ('connector' = 'file', 'path' = 'one.jsonl');`;
    const inserts = many.map((i) => `INSERT INTO o${i} SELECT a FROM t;`).join('\n');
    writeFileSync(join(folder, 'out.sql'), `${source}\n${tables('o', 'jsonl')}\n${inserts}`);
    const { exit, stderr } = shell('ulimit -n 200; velo run -q out.sql');
    expect(stderr).toContain('too many open files');
    expect(stderr).toContain('ulimit -n');
    expect(exit).toBe(1);
    expect(readdirSync(folder).filter((name) => /^o\d/.test(name))).toEqual([]);
  });
});

describe('signals', () => {
  it.each([
    ['SIGHUP', 129, 'v1'],
    ['SIGHUP', 129, 'v2'],
    ['SIGTERM', 143, 'v2'],
  ] as const)('%s stops a job with exit %i and a summary: %s', async (name, code, arch) => {
    let interrupt: () => void = () => undefined;
    const { exit, stderr } = await velo(['run', '--arch', arch, '-e', SLOW], {
      limitMs: LIMIT_MS / 2,
      started: (signal) => {
        interrupt = () => {
          signal(name);
          interrupt = () => undefined;
        };
      },
      stdout: () => interrupt(),
    });
    expect(exit).toBe(code);
    expect(stderr).toMatch(/stopped · [\d,]+ in/);
  });

  it.each(['v1', 'v2'])(
    'SIGTERM ends a job whose broker takes connections and never answers: %s',
    async (arch) => {
      let connected: () => void = () => undefined;
      const server = createServer(() => connected());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const broker = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const options = `'connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '${broker}'`;
      const table = `CREATE TABLE t (a BIGINT) WITH (${options}, 'format' = 'json');`;
      const endless = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator');`;
      for (const sql of [
        `SELECT * FROM 'kafka://${broker}/t'`,
        `${table} SELECT a FROM t`,
        `${endless} ${table} INSERT INTO t SELECT i AS a FROM g`,
      ]) {
        const child = spawn(process.execPath, [VELO, 'run', '-q', '--arch', arch, '-e', sql]);
        const ended = new Promise<number | string | null>((resolve) => {
          child.on('exit', (code, signal) => resolve(code ?? signal));
        });
        await Promise.race([new Promise<void>((resolve) => (connected = resolve)), ended]);
        child.kill('SIGTERM');
        // A job that is still connecting is ended by the system.
        expect([143, 'SIGTERM']).toContain(await ended);
      }
      server.close();
    },
  );

  it('SIGUSR1 opens no debugger and ends nothing', async () => {
    let step: (() => void) | undefined;
    let signals: ((name: NodeJS.Signals) => void) | undefined;
    const { exit, stderr } = await velo(['run', '-e', SLOW], {
      limitMs: LIMIT_MS / 2,
      started: (signal) => {
        signals = signal;
        step = () => {
          signals?.('SIGUSR1');
          // Rows that come behind it show that the job goes on.
          let pieces = 0;
          step = () => {
            pieces += 1;
            if (pieces === 3) signals?.('SIGINT');
          };
        };
      },
      stdout: () => step?.(),
    });
    expect(exit).toBe(130);
    expect(stderr).not.toContain('Debugger');
  });
});
