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
import { NOTHING_NOW } from './file-bytes.js';
import type { ByteSource } from './file-bytes.js';
import type { ReadProgress } from '../source.js';

/** Bytes of a window: large enough to hide the call, small enough for the cache. */
export const BLOCK_BYTES = 1024 * 1024;

const LINE_FEED = 10;

/** What fill() found. */
export type Fill = 'lines' | 'end' | 'too-large' | 'wait';

/** Finds the end of a record that may hold line ends, in as many pieces as it comes in. */
export interface RecordEnd {
  begin(): void;
  /** The position of the record's line end in `bytes[from, to)`; -1 where it lies behind `to`. */
  find(bytes: Uint8Array, from: number, to: number): number;
}

/**
 * The window that follows one of `windowBytes` without a line feed, 0 for the first, which has
 * `firstBytes` at most; it leaves room
 * for the missing line feed of the last record. The largest holds a record of `recordBytesMax` and
 * its line feed: when there is no line feed in it, the record is too large, and -1 returned.
 */
export function nextWindowBytes(
  windowBytes: number,
  recordBytesMax: number,
  firstBytes = BLOCK_BYTES,
): number {
  const most = recordBytesMax + 1;
  if (windowBytes === 0) return Math.min(firstBytes, most);
  return windowBytes >= most ? -1 : Math.min(windowBytes * 2 + 1, most);
}

export class FileLines {
  buffer: Uint8Array;
  /** Whole lines not yet consumed: the consumer moves `from`. */
  from = 0;
  to = 0;
  /** The file holds no byte behind `to`. */
  final = false;
  /** The byte that ends a line; the owner sets it before it takes lines. */
  lineEnd = LINE_FEED;
  private filled = 0;
  /** Place in the file of the byte at `filled`. */
  private fileAt = 0;
  private file: ByteSource;
  private readonly recordBytesMax: number;
  /** A record that is being dropped. */
  private skipped: { readonly start: number; length: number } | null = null;
  /** Length of a buffer for the first window. */
  private readonly capacity: number;

  constructor(file: ByteSource, recordBytesMax: number, windowBytes = BLOCK_BYTES) {
    this.recordBytesMax = recordBytesMax;
    this.capacity = nextWindowBytes(0, recordBytesMax, windowBytes) + 1;
    this.buffer = new Uint8Array(this.capacity);
    this.file = file;
  }

  /** Resolves when fill() may find more after 'wait'. */
  readable(): Promise<void> {
    return this.file.readable();
  }

  /** Of a pipe: what it holds comes when it comes. */
  get arrives(): boolean {
    return this.file.arrives;
  }

  /** Whether the path names another file than this by now. */
  replaced(): boolean {
    return this.file.replaced();
  }

  /** Goes on at the start of another file. */
  continueWith(file: ByteSource): void {
    this.file.close();
    this.file = file;
    this.lineEnd = LINE_FEED;
    this.seek(0);
  }

  /** How much of the buffer holds the file. */
  get bytesKnown(): number {
    return this.filled;
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

  /** After a first fill() that looked for line feeds: lines of this file end otherwise. */
  endLinesWith(byte: number): void {
    this.lineEnd = byte;
    if (this.final) this.buffer[this.filled - 1] = byte;
    this.to = this.buffer.subarray(0, this.filled).lastIndexOf(byte) + 1;
  }

  /** Bytes of the file when it was opened, and those that a place in it needs; null: nobody knows. */
  needs(place: number): { readonly total: number; readonly needed: number } | null {
    const { openedBytes: total } = this.file;
    return total === null ? null : { total, needed: this.file.usedBytes(place) };
  }

  /** Bytes that the file has now and nobody has read; negative when it became shorter. */
  unread(): number {
    return this.file.seekable ? this.file.size() - this.fileAt : 1;
  }

  /** How far a regular file was read, as it was when it was opened; null: nobody knows. */
  progress(): ReadProgress | null {
    const { openedBytes: total } = this.file;
    return total === null ? null : { done: this.file.usedBytes(this.position()), total };
  }

  close(): void {
    this.file.close();
  }

  /**
   * Gets more lines behind those between `from` and `to`. 'lines': `to` moved. 'end': nothing more
   * now; with `atEnd` 'finish' the unfinished last line was handed out before, with 'keep' it stays
   * in the buffer. 'too-large': the record at `from` is longer than record.max-bytes. 'wait': a pipe
   * has nothing now.
   */
  fill(atEnd: 'finish' | 'keep'): Fill {
    this.moveToFront();
    let scanned = this.to;
    let windowBytes = this.capacity - 1;
    for (;;) {
      const end = Math.min(this.filled, windowBytes);
      if (end > scanned) {
        const last = this.buffer.subarray(scanned, end).lastIndexOf(this.lineEnd);
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
      } else {
        const count = this.read(this.filled, windowBytes - this.filled);
        if (count === NOTHING_NOW) return 'wait';
        if (count === 0) return this.endOfFile(atEnd);
      }
    }
  }

  /**
   * Drops the record at `from` and its line end, with bounded memory; its length in bytes, or
   * NOTHING_NOW: call again when more can be read. Without `recordEnd` the first line end is the
   * record's; so it is where `recordEnd` finds none in all of the file.
   */
  skipRecord(recordEnd: RecordEnd | null): number {
    if (this.skipped === null) {
      this.skipped = { start: this.position(), length: 0 };
      recordEnd?.begin();
    }
    const { skipped } = this;
    for (;;) {
      const found = recordEnd
        ? recordEnd.find(this.buffer, this.from, this.filled)
        : this.indexOfLineEnd(this.from);
      if (found >= 0) {
        this.skipped = null;
        const length = skipped.length + found - this.from;
        this.from = found + 1;
        this.to = Math.max(this.to, this.from);
        // What was read of the record's last part is no window: the next one starts here.
        if (this.file.seekable) this.seek(this.position());
        return length;
      }
      skipped.length += this.filled - this.from;
      this.from = 0;
      this.to = 0;
      this.filled = 0;
      const count = this.read(0, this.buffer.length - 1);
      if (count === NOTHING_NOW) return count;
      if (count > 0) continue;
      this.skipped = null;
      if (recordEnd !== null && this.file.seekable) {
        recordEnd.begin();
        this.seek(skipped.start);
        return this.skipRecord(null);
      }
      this.final = true;
      return skipped.length;
    }
  }

  private indexOfLineEnd(from: number): number {
    const found = this.buffer.subarray(from, this.filled).indexOf(this.lineEnd);
    return found < 0 ? found : from + found;
  }

  private endOfFile(atEnd: 'finish' | 'keep'): Fill {
    if (atEnd === 'keep') return 'end';
    this.final = true;
    if (this.to === this.filled) return 'end';
    this.buffer[this.filled] = this.lineEnd;
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
    if (count === NOTHING_NOW) return count;
    this.fileAt += count;
    this.filled = at + count;
    return count;
  }
}
