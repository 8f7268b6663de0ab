/**
 * The socket of a running job: takes requests of its owner, one a connection, and answers each.
 * Owns the socket, who may connect (its mode is 0600) and that those who ask hear an answer before
 * the process ends; what a request does is job-control.ts. The job has the folder's lock, so that a
 * socket which is there already is a dead job's.
 */
import { unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { VeloError } from '../../base/errors.js';
import { systemCode, systemReason } from '../../base/system-reason.js';
import { controlPath } from './control-path.js';
import type { ControlPath } from './control-path.js';
import { REQUEST_BYTES_MAX, requestSchema } from './control-messages.js';
import type { ControlAnswer, ControlRequest } from './control-messages.js';

/** The owner reads and writes, others do nothing. */
const OTHERS = 0o177;
/** How long one that has its answer may take to go away. */
const LEAVE_MS = 1000;

export type Answering = (request: ControlRequest) => Promise<ControlAnswer>;

export class ControlServer {
  private readonly server: Server;
  private readonly place: ControlPath;
  private readonly answering: Answering;
  private readonly sockets = new Set<Socket>();
  private readonly answers = new Set<Promise<void>>();

  private constructor(place: ControlPath, answering: Answering) {
    this.place = place;
    this.answering = answering;
    // Who asks ends its side behind the request, and still waits for the answer.
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.connected(socket));
  }

  /** null where there can be no socket; `notice` says why. */
  static async listen(
    dir: string,
    answering: Answering,
    notice: (line: string) => void,
  ): Promise<ControlServer | null> {
    let place: ControlPath | null = null;
    try {
      place = await controlPath(dir);
      if (place === null) throw new Error('its path is too long for a socket');
      await unlink(place.path).catch((error: unknown) => {
        if (systemCode(error) !== 'ENOENT') throw error;
      });
      const server = new ControlServer(place, answering);
      await server.begin();
      return server;
    } catch (error) {
      await place?.close();
      notice(`velo job cannot ask this job: no socket in "${dir}": ${systemReason(error)}`);
      return null;
    }
  }

  /** When all who asked have their answers. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.server.close(resolve));
    while (this.answers.size > 0) await Promise.all(this.answers);
    const late = setTimeout(() => {
      for (const socket of this.sockets) socket.destroy();
    }, LEAVE_MS);
    for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
    await ended;
    clearTimeout(late);
    await unlink(this.place.path).catch(() => undefined);
    await this.place.close();
  }

  private begin(): Promise<void> {
    const { server, place } = this;
    // It alone does not keep the process alive.
    server.unref();
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', () => {
        server.off('error', reject);
        // A failed accept (too many open files) is no matter of the job.
        server.on('error', () => undefined);
        resolve();
      });
      // bind(2) takes the mode of the socket from it, within this call.
      const before = process.umask(OTHERS);
      try {
        server.listen(place.path);
      } finally {
        process.umask(before);
      }
    });
  }

  private connected(socket: Socket): void {
    this.sockets.add(socket);
    let text = '';
    let isAnswered = false;
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (piece: string) => {
      if (isAnswered) return;
      text += piece;
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= REQUEST_BYTES_MAX) return;
      isAnswered = true;
      const answered = this.answer(text.slice(0, Math.max(0, end))).then((line) => {
        socket.end(`${line}\n`);
      });
      this.answers.add(answered);
      void answered.finally(() => this.answers.delete(answered));
    });
    socket.on('end', () => {
      if (!isAnswered) socket.destroy();
    });
  }

  private async answer(line: string): Promise<string> {
    try {
      return JSON.stringify(await this.answering(requestOf(line)));
    } catch (error) {
      const known = error instanceof VeloError ? error : null;
      const message = error instanceof Error ? error.message : String(error);
      const hint = known?.hint === undefined ? {} : { hint: known.hint };
      const told = { key: known?.key ?? 'JOB_UNREACHABLE', message, ...hint };
      return JSON.stringify({ kind: 'error', error: told } satisfies ControlAnswer);
    }
  }
}

function requestOf(line: string): ControlRequest {
  try {
    return requestSchema.parse(JSON.parse(line));
  } catch (error) {
    throw new VeloError('JOB_UNREACHABLE', {
      message: 'the job does not know what it is asked for',
      hint: 'ask it with the velo that runs it',
      cause: error,
    });
  }
}
