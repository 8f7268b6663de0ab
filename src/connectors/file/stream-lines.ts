/**
 * Lines into a pipe, or into stdout or stderr: dead letters for a reader who may be slow. Owns that a
 * slow reader blocks no thread, and that one who stands still is an error and not an endless queue.
 * Lines of regular files are appending-file.ts.
 */
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ConnectorError } from '../../base/errors.js';
import { writeFailure } from './write-failure.js';

/** Bytes that a reader may be behind. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
const LINE_FEED = 10;

export class StreamLines {
  private readonly path: string;
  private readonly stream: Writable;
  private readonly own: boolean;
  private failure: Error | null = null;

  /** `fd`: an open file of this process; null: the FIFO of that path, which somebody has to read. */
  constructor(path: string, fd: number | null) {
    this.path = path;
    this.own = fd !== 1 && fd !== 2;
    try {
      const mode = constants.O_WRONLY | constants.O_NONBLOCK;
      if (fd === 1) this.stream = process.stdout;
      else if (fd === 2) this.stream = process.stderr;
      else this.stream = new Socket({ fd: fd ?? openSync(path, mode), readable: false });
    } catch (error) {
      throw writeFailure(path, error);
    }
    this.stream.on('error', (error) => {
      this.failure ??= error;
    });
  }

  /** Takes the line, with a line feed if it has none. */
  write(line: Uint8Array): void {
    if (this.failure !== null) throw writeFailure(this.path, this.failure);
    if (this.stream.writableLength > QUEUE_BYTES_MAX) {
      throw new ConnectorError('SINK_WRITE', {
        message: `file "${this.path}" cannot be written: its reader is ${QUEUE_BYTES_MAX} bytes behind`,
        hint: 'read it faster, or write to a file',
      });
    }
    this.stream.write(line);
    if (line[line.length - 1] !== LINE_FEED) this.stream.write('\n');
  }

  async close(): Promise<void> {
    try {
      if (this.failure !== null) throw this.failure;
      if (this.own) await finished(this.stream.end(), { readable: false });
      else await new Promise((resolve) => this.stream.write('', resolve));
    } catch (error) {
      throw writeFailure(this.path, error);
    }
  }
}
