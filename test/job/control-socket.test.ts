/**
 * The socket of a job: its owner's alone, in the place of a dead job's, with an answer for whatever
 * is sent to it; and what its client says of each way in which none comes.
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { askJob } from '../../src/job/control/control-client.js';
import type { ControlAnswer } from '../../src/job/control/control-messages.js';
import { controlPath } from '../../src/job/control/control-path.js';
import { ControlServer } from '../../src/job/control/control-server.js';
import type { Answering } from '../../src/job/control/control-server.js';

const root = mkdtempSync(join(tmpdir(), 'velo-socket-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const newFolder = (): string => mkdtempSync(join(root, 'state-'));

const ANSWER: ControlAnswer = {
  kind: 'written',
  written: { epoch: 7, folder: 'x', entries: 1, bytes: 2, bytesWritten: 3 },
};
const silent = (line: string): void => expect.fail(line);

async function listening(dir: string, answering: Answering): Promise<ControlServer> {
  const server = await ControlServer.listen(dir, answering, silent);
  if (server === null) throw new Error('there is no socket');
  return server;
}

const ask = (dir: string) => askJob(dir, { kind: 'checkpoint' }, { limitMs: null });

/** What the socket sends back for these bytes. */
function sent(path: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = createConnection(path, () => socket.end(bytes));
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => (text += piece));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

describe('the socket of a job', () => {
  it('is for its owner alone, and goes with the job', async () => {
    const dir = newFolder();
    const server = await listening(dir, () => Promise.resolve(ANSWER));
    expect(statSync(join(dir, 'control')).mode & 0o777).toBe(0o600);
    expect(await ask(dir)).toEqual(ANSWER);
    await server.close();
    await expect(ask(dir)).rejects.toMatchObject({ key: 'JOB_NOT_FOUND' });
  });

  it('takes the place of a dead one, and of a file', async () => {
    const dir = newFolder();
    const path = join(dir, 'control');
    const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    await new Promise((resolve) => execFile(process.execPath, ['-e', script, path], resolve));
    expect(statSync(path).isSocket()).toBe(true);
    await expect(ask(dir)).rejects.toMatchObject({ key: 'JOB_NOT_FOUND' });
    const first = await listening(dir, () => Promise.resolve(ANSWER));
    expect(await ask(dir)).toEqual(ANSWER);
    await first.close();
    writeFileSync(path, 'something');
    const second = await listening(dir, () => Promise.resolve(ANSWER));
    expect(await ask(dir)).toEqual(ANSWER);
    await second.close();
  });

  it('refuses what is no request, and lives on', async () => {
    const dir = newFolder();
    const path = join(dir, 'control');
    const server = await listening(dir, () => Promise.resolve(ANSWER));
    for (const bytes of ['nonsense\n', '{"kind":"fly"}\n', '\n', 'x'.repeat(200_000)]) {
      expect(await sent(path, bytes)).toContain('does not know what it is asked for');
    }
    expect(await sent(path, 'no end')).toBe('');
    expect(await ask(dir)).toEqual(ANSWER);
    await server.close();
  });

  it('gives each who asked an answer before it closes', async () => {
    const dir = newFolder();
    let answer: (given: ControlAnswer) => void = () => undefined;
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = await listening(dir, () => {
      asked();
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const idle = createConnection(join(dir, 'control'));
    idle.on('error', () => undefined);
    const given = ask(dir);
    await isAsked;
    const closed = server.close();
    answer(ANSWER);
    expect(await given).toEqual(ANSWER);
    await closed;
    idle.destroy();
  });

  it('has another name where its path is too long, below Linux only', async () => {
    const dir = newFolder();
    expect((await controlPath(dir))?.path).toBe(join(dir, 'control'));
    const long = join(dir, 'x'.repeat(100));
    expect(await controlPath(long, 'darwin')).toBeNull();
  });
});

describe('who asks a job', () => {
  it('hears that it ended meanwhile', async () => {
    const dir = newFolder();
    const server = createServer((socket) => socket.destroy()).listen(join(dir, 'control'));
    await new Promise((resolve) => server.once('listening', resolve));
    await expect(ask(dir)).rejects.toMatchObject({ key: 'JOB_ENDED' });
    server.close();
  });

  it('hears that it does not answer in time, or nothing that can be read', async () => {
    const dir = newFolder();
    const server = await listening(dir, () => new Promise(() => undefined));
    const late = askJob(dir, { kind: 'status' }, { limitMs: 1 });
    await expect(late).rejects.toMatchObject({ key: 'JOB_UNREACHABLE' });
    void server;
    const other = newFolder();
    const stranger = createServer((socket) => socket.end('hello\n')).listen(join(other, 'control'));
    await new Promise((resolve) => stranger.once('listening', resolve));
    await expect(ask(other)).rejects.toThrow('cannot be read');
    stranger.close();
  });

  it('hears that it is somebody else’s', async () => {
    const dir = newFolder();
    const server = await listening(dir, () => Promise.resolve(ANSWER));
    const isRoot = process.getuid?.() === 0;
    // Root may ask whom it likes: it asks as nobody.
    if (isRoot) {
      chmodSync(root, 0o755);
      chmodSync(dir, 0o755);
    } else chmodSync(join(dir, 'control'), 0);
    const uid = process.geteuid?.() ?? 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      await expect(ask(dir)).rejects.toMatchObject({
        key: 'JOB_UNREACHABLE',
        hint: 'ask as the user who started it',
      });
    } finally {
      if (isRoot) process.seteuid?.(uid);
    }
    await server.close();
  });
});
