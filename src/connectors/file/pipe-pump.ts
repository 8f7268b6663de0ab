/**
 * The main thread's end of a pipe: takes bytes from the system as they come and puts them into a
 * ring, from which one thread reads. Owns opening without waiting for a writer, pausing while the
 * ring is full, and the end. It never keeps the process alive: who waits for its bytes does.
 */
import { closeSync, fstatSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { getSystemErrorMap } from 'node:util';
import { ByteRing } from '../../base/byte-ring.js';
import { ConnectorError } from '../../base/errors.js';
import { openFailure, openForReading, systemPath, visibleStats } from './file-bytes.js';

/** What may be read ahead: enough for a producer to go on while a block is worked on. */
const RING_BYTES = 4 * 1024 * 1024;
const LINKS_MAX = 40;
const { EIO } = constants.errno;

/** What the path names, where that is read as a pipe; else null. A missing file is none. */
export function pipeStats(path: string): Stats | null {
  const stats = visibleStats(path);
  if (stats === undefined) return null;
  if (stats.isFIFO() || stats.isSocket()) return stats;
  const fd = stats.isCharacterDevice() ? descriptorOf(path) : null;
  return fd !== null && isatty(fd) ? stats : null;
}

/** The open file of this process that a path names by its number (/dev/stdin, /dev/fd/3); null. */
export function descriptorOf(path: string): number | null {
  let at = resolve(systemPath(path));
  for (let links = 0; links < LINKS_MAX; links += 1) {
    const number = /^\/(?:dev\/fd|proc\/(?:self|thread-self|\d+)\/fd)\/(\d+)$/.exec(at)?.[1];
    if (number !== undefined) return ofThisProcess(at) ? Number(number) : null;
    try {
      at = resolve(dirname(at), readlinkSync(at));
    } catch {
      return null;
    }
  }
  return null;
}

function ofThisProcess(path: string): boolean {
  const process_ = /^\/proc\/(\d+)\//.exec(path)?.[1];
  return process_ === undefined || Number(process_) === process.pid;
}

export class PipePump {
  readonly ring = ByteRing.withCapacity(RING_BYTES);
  private readonly stream: Readable;

  /** Throws ConnectorError where the pipe cannot be opened, or has been read by others here. */
  constructor(path: string, stats: Stats) {
    const stream = streamOf(path, stats);
    this.stream = stream;
    stream.on('data', (bytes: Uint8Array) => this.take(bytes, 0));
    stream.on('end', () => this.ring.end());
    stream.on('close', () => {
      if (!stream.readableEnded) this.ring.end();
    });
    stream.on('error', (error) => this.ring.end(errnoOf(error)));
    (stream as Partial<Socket>).unref?.();
  }

  /** Nobody reads on: a writer is told so. */
  close(): void {
    this.stream.destroy();
  }

  private take(bytes: Uint8Array, from: number): void {
    const { ring, stream } = this;
    const at = from + ring.write(bytes, from);
    if (at < bytes.length) {
      stream.pause();
      void ring.writable().then(() => this.take(bytes, at));
    } else if (stream.isPaused()) {
      stream.resume();
    }
  }
}

function streamOf(path: string, stats: Stats): Readable {
  const descriptor = descriptorOf(path);
  if (descriptor === 0) {
    if (process.stdin.readableEnded) throw readBefore(path);
    if (!stats.isFIFO()) return process.stdin;
  } else if (descriptor !== null && !stats.isFIFO()) {
    return new Socket({ fd: descriptor, readable: true, writable: false });
  }
  const fd = openForReading(path);
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  closeSync(fd);
  throw openFailure(path, new Error('it is no pipe any more'));
}

function readBefore(path: string): ConnectorError {
  return new ConnectorError('FILE_READ', {
    message: `"${path}" cannot be read: the SQL text came from there`,
    hint: 'give the SQL as a file or with -e',
  });
}

/** Number of a system error; that of a failed read where it has none. */
function errnoOf({ errno }: NodeJS.ErrnoException): number {
  return errno !== undefined && getSystemErrorMap().has(errno) ? errno : -EIO;
}
