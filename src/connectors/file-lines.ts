/**
 * A file as a sequence of ranges of whole lines in one reused buffer. Owns synchronous block reads,
 * lines that span blocks, buffers for long records and their bound; knows nothing of formats,
 * records or batches. Reading ahead in other threads is not its business. @hot
 *
 *   buffer  | consumed | from … whole lines … to | start of a line … filled | free |
 *
 * The byte at `filled` is always writable: the end of a file gets its missing line feed there.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ConnectorError } from '../base/errors.js';

/** Bytes that a read asks for: large enough to hide the call, small enough for the cache. */
export const BLOCK_BYTES = 1024 * 1024;

const LINE_FEED = 10;

/** What fill() found. */
export type Fill = 'lines' | 'end' | 'too-large';

export class FileLines {
  buffer: Uint8Array;
  /** Whole lines not yet consumed: the consumer moves `from`. */
  from = 0;
  to = 0;
  /** The file holds no byte behind `to`. */
  final = false;
  private filled = 0;
  /** Place in the file of the byte at `filled`. */
  private fileAt = 0;
  private readonly path: string;
  private readonly file: number;
  private readonly seekable: boolean;
  /** Room for the longest record, its line feed and the byte behind: no longer one ever fits. */
  private readonly capacityMax: number;
  private readonly capacity: number;

  constructor(path: string, recordBytesMax: number) {
    this.path = path;
    this.capacityMax = recordBytesMax + 2;
    this.capacity = Math.min(BLOCK_BYTES + 1, this.capacityMax);
    this.buffer = new Uint8Array(this.capacity);
    try {
      this.file = openSync(path, 'r');
    } catch (error) {
      throw openFailure(path, error);
    }
    this.seekable = this.stat().isFile();
  }

  /** Place in the file of the first byte not consumed. */
  position(): number {
    return this.fileAt - (this.filled - this.from);
  }

  /** Goes on at a place in the file; in a pipe only within what is buffered. */
  seek(position: number): void {
    if (!this.seekable) {
      this.from = Math.max(0, position - (this.fileAt - this.filled));
      this.to = Math.max(this.to, this.from);
      return;
    }
    this.from = 0;
    this.to = 0;
    this.filled = 0;
    this.fileAt = position;
    this.final = false;
  }

  /** Bytes that the file has now and nobody has read; negative when it became shorter. */
  unread(): number {
    return this.seekable ? this.stat().size - this.fileAt : 1;
  }

  close(): void {
    closeSync(this.file);
  }

  /**
   * Gets more lines behind those between `from` and `to`. 'lines': `to` moved. 'end': nothing more
   * now; with `atEnd` 'finish' the unfinished last line was handed out before, with 'keep' it stays
   * in the buffer. 'too-large': the record at `from` is longer than record.max-bytes.
   */
  fill(atEnd: 'finish' | 'keep'): Fill {
    this.moveToFront();
    let scanFrom = this.to;
    for (;;) {
      if (this.filled === this.buffer.length - 1) {
        if (this.buffer.length === this.capacityMax) return 'too-large';
        this.grow();
      }
      const count = this.read(this.filled, this.buffer.length - 1 - this.filled);
      if (count === 0) return this.endOfFile(atEnd);
      scanFrom = Math.max(scanFrom, this.filled);
      this.filled += count;
      const last = this.buffer.subarray(scanFrom, this.filled).lastIndexOf(LINE_FEED);
      if (last >= 0) {
        this.to = scanFrom + last + 1;
        return 'lines';
      }
    }
  }

  /** Drops the record at `from` up to its line feed, with bounded memory; its length in bytes. */
  skipRecord(): number {
    let length = 0;
    let at = this.from;
    for (;;) {
      const found = this.buffer.subarray(at, this.filled).indexOf(LINE_FEED);
      if (found >= 0) {
        this.from = at + found + 1;
        this.to = Math.max(this.to, this.from);
        return length + found;
      }
      length += this.filled - at;
      this.from = 0;
      this.to = 0;
      this.filled = 0;
      at = 0;
      const count = this.read(0, this.buffer.length - 1);
      if (count === 0) {
        this.final = true;
        return length;
      }
      this.filled = count;
    }
  }

  private endOfFile(atEnd: 'finish' | 'keep'): Fill {
    if (atEnd === 'keep') return 'end';
    this.final = true;
    if (this.to === this.filled) return 'end';
    this.buffer[this.filled] = LINE_FEED;
    this.filled += 1;
    this.fileAt += 1;
    this.to = this.filled;
    return 'lines';
  }

  private moveToFront(): void {
    if (this.from === 0) return;
    this.buffer.copyWithin(0, this.from, this.filled);
    this.to -= this.from;
    this.filled -= this.from;
    this.from = 0;
    // A long record's buffer is let go once its rest fits a block again.
    if (this.buffer.length > this.capacity && this.filled < this.capacity / 2) {
      this.buffer = this.buffer.slice(0, this.capacity);
    }
  }

  private grow(): void {
    const grown = new Uint8Array(Math.min(this.buffer.length * 2, this.capacityMax));
    grown.set(this.buffer.subarray(0, this.filled));
    this.buffer = grown;
  }

  private read(at: number, length: number): number {
    try {
      const place = this.seekable ? this.fileAt : null;
      const count = readSync(this.file, this.buffer, at, length, place);
      this.fileAt += count;
      return count;
    } catch (error) {
      throw readFailure(this.path, error);
    }
  }

  private stat(): { readonly size: number; isFile(): boolean } {
    try {
      return fstatSync(this.file);
    } catch (error) {
      throw readFailure(this.path, error);
    }
  }
}

function openFailure(path: string, error: unknown): ConnectorError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return new ConnectorError('DATA_FILE_MISSING', {
    message: missing
      ? `data file "${path}" does not exist`
      : `data file "${path}" cannot be opened: ${reasonOf(error)}`,
    hint: missing
      ? 'check the path; relative paths start at the working directory'
      : 'check the permissions of the file',
    cause: error,
  });
}

function readFailure(path: string, error: unknown): ConnectorError {
  return new ConnectorError('FILE_READ', {
    message: `data file "${path}" cannot be read: ${reasonOf(error)}`,
    hint: 'check that the path names a file, not a folder, and that its disk is healthy',
    cause: error,
  });
}

/** The system's own words, without the call and path that Node adds. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return /^[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1] ?? error.message;
}
