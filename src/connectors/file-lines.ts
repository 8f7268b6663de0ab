/**
 * A file as a sequence of ranges of whole lines in one reused buffer. Owns lines that span blocks,
 * buffers for long records and their bound; knows nothing of formats, records or batches. Reading
 * is file-bytes.ts, reading ahead in other threads is not its business. @hot
 *
 *   buffer  | consumed | from … whole lines … to | start of a line … filled | free |
 *
 * The byte at `filled` is always writable: the end of a file gets its missing line feed there.
 * A range ends with the last line feed of a *window*: the first BLOCK_BYTES behind the range
 * before, doubled until there is one. Where ranges end is thus a function of the file alone (of a
 * regular one; a pipe gives what it has), and shared-file.ts finds the same ends.
 */
import { FileBytes } from './file-bytes.js';

/** Bytes of a window: large enough to hide the call, small enough for the cache. */
export const BLOCK_BYTES = 1024 * 1024;

const LINE_FEED = 10;

/** What fill() found. */
export type Fill = 'lines' | 'end' | 'too-large';

/**
 * The window that follows one of `windowBytes` without a line feed, 0 for the first; it leaves room
 * for the missing line feed of the last record. The largest holds a record of `recordBytesMax` and
 * its line feed: when there is no line feed in it, the record is too large, and -1 returned.
 */
export function nextWindowBytes(windowBytes: number, recordBytesMax: number): number {
  const most = recordBytesMax + 1;
  if (windowBytes === 0) return Math.min(BLOCK_BYTES, most);
  return windowBytes >= most ? -1 : Math.min(windowBytes * 2 + 1, most);
}

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
  private readonly file: FileBytes;
  private readonly recordBytesMax: number;
  /** Length of a buffer for the first window. */
  private readonly capacity: number;

  constructor(path: string, recordBytesMax: number) {
    this.recordBytesMax = recordBytesMax;
    this.capacity = nextWindowBytes(0, recordBytesMax) + 1;
    this.buffer = new Uint8Array(this.capacity);
    this.file = new FileBytes(path);
  }

  /** Place in the file of the first byte not consumed. */
  position(): number {
    return this.fileAt - (this.filled - this.from);
  }

  /** Goes on at a place in the file; in a pipe only within what is buffered. */
  seek(position: number): void {
    if (!this.file.seekable) {
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
    return this.file.seekable ? this.file.size() - this.fileAt : 1;
  }

  close(): void {
    this.file.close();
  }

  /**
   * Gets more lines behind those between `from` and `to`. 'lines': `to` moved. 'end': nothing more
   * now; with `atEnd` 'finish' the unfinished last line was handed out before, with 'keep' it stays
   * in the buffer. 'too-large': the record at `from` is longer than record.max-bytes.
   */
  fill(atEnd: 'finish' | 'keep'): Fill {
    this.moveToFront();
    let scanned = this.to;
    let windowBytes = this.capacity - 1;
    for (;;) {
      const end = Math.min(this.filled, windowBytes);
      if (end > scanned) {
        const last = this.buffer.subarray(scanned, end).lastIndexOf(LINE_FEED);
        if (last >= 0) {
          this.to = scanned + last + 1;
          return 'lines';
        }
        scanned = end;
      }
      if (this.filled >= windowBytes) {
        windowBytes = nextWindowBytes(windowBytes, this.recordBytesMax);
        if (windowBytes < 0) return 'too-large';
        this.makeRoom(windowBytes + 1);
      } else if (this.read(this.filled, windowBytes - this.filled) === 0) {
        return this.endOfFile(atEnd);
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
        // What was read of the record's last part is no window: the next one starts here.
        if (this.file.seekable) this.seek(this.position());
        return length + found;
      }
      length += this.filled - at;
      this.from = 0;
      this.to = 0;
      this.filled = 0;
      at = 0;
      if (this.read(0, this.buffer.length - 1) === 0) {
        this.final = true;
        return length;
      }
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

  private makeRoom(length: number): void {
    if (this.buffer.length >= length) return;
    const grown = new Uint8Array(length);
    grown.set(this.buffer.subarray(0, this.filled));
    this.buffer = grown;
  }

  /** Adds bytes at `at`; how many there were. */
  private read(at: number, length: number): number {
    const count = this.file.read(this.buffer, at, length, this.fileAt);
    this.fileAt += count;
    this.filled = at + count;
    return count;
  }
}
