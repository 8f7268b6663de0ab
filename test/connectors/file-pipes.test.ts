/**
 * Pipes as sources, in processes as users start them: read once, kept for inference, shared by all
 * scans of a job, on V1 and V2; a pipe without a writer keeps nobody from ending the job.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ByteRing } from '../../src/base/byte-ring.js';
import { runSql } from '../support/run-sql.js';
import { velo, VELO } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-pipes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Of a test, in which every process has half of it: a busy machine is slow, and none hangs. */
const LIMIT_MS = 240_000;
vi.setConfig({ testTimeout: LIMIT_MS });
const TARGETS = [
  ['v1', {}],
  ['v2', { partitioned: { partitions: 3, workers: 2 } }],
] as const;
const TWO_ROWS = '{"a":1}\n{"a":2}\n';
/** As the command packs them. */
const BZIP2_TWO_ROWS = 'QlpoOTFBWSZTWSKd4ukAAAZZgAAQEAAwECAAAAogADEMCBKAeonCJoaL4u5IpwoSBFO8XSA=';
let fifos = 0;

/** A FIFO into which a shell command writes. */
function fifo(command: string): string {
  fifos += 1;
  const path = join(folder, `fifo-${fifos}`);
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  if (command !== '') spawn('bash', ['-c', `${command} > "$0"`, path]);
  return path;
}

/** Runs a line of bash in which `velo` is `velo run -q` on the given architecture. */
function shell(arch: string, line: string): { exit: number | null; out: string; err: string } {
  const script = `velo() { "$NODE" "$VELO" run -q --arch ${arch} "$@"; }\n${line}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', NODE: process.execPath, VELO },
    encoding: 'utf8',
    timeout: LIMIT_MS / 2,
  });
  return { exit: status, out: stdout, err: stderr };
}

describe.each(TARGETS)('pipes on %s', (arch, target) => {
  it.each([
    ['a quoted source', `SELECT a FROM 'F'`, '1 2'],
    ['a declared table', `SELECT a FROM t`, '1 2'],
    ['a UNION ALL', `SELECT a FROM t UNION ALL SELECT a + 10 AS a FROM t`, '1 11 12 2'],
    ['two queries', `SELECT a FROM t; SELECT a + 100 AS a FROM t`, '1 101 102 2'],
    ['two names of one pipe', `SELECT a FROM 'F'; SELECT a + 7 AS a FROM 'L'`, '1 2 8 9'],
    ['a self join', `SELECT x.a FROM t x JOIN t y ON x.a = y.a`, '1 2'],
    ['a quoted self join', `SELECT x.a FROM 'F' x JOIN 'F' y ON x.a = y.a`, '1 2'],
  ])('%s reads every row', async (_, query, rows) => {
    const path = fifo(`printf '{"a":1}\\n{"a":2}\\n'`);
    symlinkSync(path, `${path}-link`);
    const table = `CREATE TABLE t (a BIGINT) WITH ('connector' = 'file', 'path' = 'F');`;
    const sql = `${query.includes(' t') ? table : ''} ${query}`;
    const run = await runSql(
      sql.replaceAll("'F'", `'${path}'`).replaceAll("'L'", `'${path}-link'`),
      target,
    );
    const values = run.lines.join().match(/\d+/g)?.sort().join(' ');
    expect([run.errorText, values]).toEqual(['', rows]);
  });

  it.each([
    ['gzip', gzipSync(TWO_ROWS)],
    ['gzip members', Buffer.concat([gzipSync('{"a":1}\n'), gzipSync('{"a":2}\n')])],
    ['bzip2', Buffer.from(BZIP2_TWO_ROWS, 'base64')],
  ])('a pipe of %s is unpacked, by its schema and by each of its scans', async (_, bytes) => {
    const path = fifo(`echo ${bytes.toString('base64')} | base64 -d`);
    const query = `SELECT SUM(a) AS n FROM '${path}' EMIT FINAL`;
    const { lines, errorText } = await runSql(`${query}; ${query}`, target);
    expect([errorText, lines]).toEqual(['', ['{"n":3}', '{"n":3}']]);
    const declared = fifo(`echo ${bytes.toString('base64')} | base64 -d`);
    const table = `CREATE TABLE t (a BIGINT) WITH ('connector' = 'file', 'path' = '${declared}');`;
    const rows = await runSql(`${table} SELECT a FROM t`, target);
    expect([rows.errorText, rows.lines]).toEqual(['', ['{"a":1}', '{"a":2}']]);
  });

  it('a pipe that holds more than a sample gives all of it, to each of its scans', async () => {
    const path = fifo(`seq -f '{"a":%.0f,"pad":"${'x'.repeat(60)}"}' 1 200000`);
    const count = `SELECT COUNT(*) AS n, MIN(a) AS lo, MAX(a) AS hi FROM '${path}' EMIT FINAL`;
    const { lines, errorText } = await runSql(`${count}; ${count}`, target);
    const row = '{"n":200000,"lo":1,"hi":200000}';
    expect([errorText, ...lines]).toEqual(['', row, row]);
  });

  it('a scan that has its LIMIT keeps nothing of the pipe for itself', async () => {
    const path = fifo(`(yes '{"a":1,"pad":"${'x'.repeat(180)}"}' | head -n 2000000)`);
    const beforeBytes = process.memoryUsage.rss();
    const { errorText, lines, result } = await runSql(
      `SELECT a FROM '${path}' LIMIT 1; SELECT COUNT(*) AS n FROM '${path}' EMIT FINAL;
        SELECT COUNT(*) AS few FROM (SELECT a FROM '${path}' LIMIT 5) EMIT FINAL`,
      target,
    );
    expect([errorText, ...lines].sort()).toEqual(['', '{"a":1}', '{"few":5}', '{"n":2000000}']);
    // 400 MB went through.
    expect((result?.rssPeakBytes ?? 0) - beforeBytes).toBeLessThan(250e6);
  });

  it('CSV is seen as such; a record that is too large ends where it ends', async () => {
    const plain = fifo(`printf 'a,b\\n1,x\\n'`);
    const quoted = await runSql(`SELECT b, a FROM '${plain}'`, target);
    expect([quoted.errorText, ...quoted.lines]).toEqual(['', '{"b":"x","a":1}']);
    const wide = fifo(`(printf 'a,b\\n1,x\\n2,"'; yes y | head -n 50000; printf '"\\n3,y\\n')`);
    const options = `'connector' = 'file', 'path' = '${wide}', 'format' = 'csv'`;
    const declared = await runSql(
      `CREATE TABLE t (a BIGINT, b STRING) WITH (${options}, 'record.max-bytes' = '1000');
        SELECT a FROM t`,
      { ...target, onError: 'skip' },
    );
    expect([declared.errorText, ...declared.lines]).toEqual(['', '{"a":1}', '{"a":3}']);
    expect(declared.result?.rowsFailed).toBe(1);
  });

  it('CSV whose writer gives no more for now is read as far as it has come', async () => {
    for (const command of ['seq 1500', 'seq 3']) {
      const gate = fifo('');
      const path = fifo(`(${command} | sed 's/$/;x/'; read line < ${gate})`);
      const { errorText, lines } = await runSql(`SELECT * FROM '${path}' LIMIT 2`, target);
      writeFileSync(gate, '\n');
      const rows = ['{"column0":1,"column1":"x"}', '{"column0":2,"column1":"x"}'];
      expect([errorText, ...lines]).toEqual(['', ...rows]);
    }
  });

  it('stdin by its names, process substitution, a job that ends before its writer', () => {
    const { out, err } = shell(
      arch,
      `printf '{"a":1}\\n' | velo -e "SELECT a FROM '-'; SELECT a FROM '/dev/stdin'"
        read_it() { velo -e "SELECT a FROM '$1'"; }
        read_it <(printf '{"a":3}\\n')
        yes '{"a":4}' | velo -e "SELECT a FROM '-' LIMIT 2"`,
    );
    const rows = out.match(/\d/g)?.join('');
    expect({ rows, err }).toEqual({ rows: '11344', err: '' });
  });

  it('SIGTERM ends a job that waits for the writer of a FIFO', async () => {
    const path = fifo('');
    const table = `CREATE TABLE t (a BIGINT) WITH ('connector' = 'file', 'path' = '${path}');`;
    for (const sql of [`SELECT * FROM '${path}'`, `${table} SELECT a FROM t`]) {
      const child = spawn(process.execPath, [VELO, 'run', '-q', '--arch', arch, '-e', sql]);
      const ended = new Promise<number | string | null>((resolve) => {
        child.on('exit', (code, signal) => resolve(code ?? signal));
      });
      await openedFor(child.pid as number, path);
      child.kill('SIGTERM');
      // A job that has not begun is ended by the system.
      expect([143, 'SIGTERM']).toContain(await ended);
    }
  });
});

/** Waits until the process has the file open. */
async function openedFor(pid: number, path: string): Promise<void> {
  const files = `/proc/${pid}/fd`;
  const target = (fd: string): string => {
    try {
      return readlinkSync(join(files, fd));
    } catch {
      return '';
    }
  };
  for (;;) {
    if (readdirSync(files).some((fd) => target(fd) === path)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('stdin', () => {
  it('that is a socket is read as a pipe is', async () => {
    const sql = `SELECT a FROM '-' UNION ALL SELECT a + 1 AS a FROM '/dev/stdin'`;
    const { exit, stdout } = await velo(['run', '-q', '-e', sql], {
      stdin: '{"a":1}\n',
      limitMs: LIMIT_MS / 2,
    });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '{"a":1}\n{"a":2}\n' });
  });

  it('gives SQL or rows, not both', async () => {
    const { exit, stderr } = await velo(['run', '-q', '-'], {
      stdin: `SELECT * FROM '-'`,
      limitMs: LIMIT_MS / 2,
    });
    expect(stderr).toContain('the SQL text came from there');
    expect(exit).toBe(1);
  });

  it('that is a file is a file: it has a start for each scan', () => {
    writeFileSync(join(folder, 'r.jsonl'), '{"a":1}\n');
    const run = shell('v2', `velo -e "SELECT a FROM '-'; SELECT a FROM '-'" < r.jsonl`);
    expect(run).toEqual({ exit: 0, out: '{"a":1}\n{"a":1}\n', err: '' });
  });
});

describe('the ring between a pipe and its reader', () => {
  it('gives the bytes in order, around its end, and then the end', async () => {
    const ring = ByteRing.withCapacity(8);
    const out: number[] = [];
    const read = async (): Promise<void> => {
      const buffer = new Uint8Array(3);
      for (;;) {
        await ring.readable();
        const count = ring.read(buffer, 0, 3);
        if (count === 0 && ring.ended) return;
        out.push(...buffer.subarray(0, count));
      }
    };
    const write = async (): Promise<void> => {
      const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
      for (let at = 0; at < bytes.length;) {
        await ring.writable();
        at += ring.write(bytes, at);
      }
      ring.end();
    };
    await Promise.all([read(), write()]);
    expect(out).toEqual(Array.from({ length: 1000 }, (_, i) => i % 251));
  });

  it('says what its input failed with, behind the bytes that came before', () => {
    const ring = ByteRing.withCapacity(8);
    ring.write(Uint8Array.of(1), 0);
    ring.end(-5);
    expect(ring.ended).toBe(false);
    expect(ring.read(new Uint8Array(1), 0, 1)).toBe(1);
    expect([ring.ended, ring.errno]).toEqual([true, -5]);
  });
});
