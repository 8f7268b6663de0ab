/**
 * A file for one reader: a split, its lines decoded into batches in file order. Owns
 * record numbers and waiting for a followed file to grow. Buffers are file-lines.ts, batches are
 * file-batch.ts, options are file.ts; several readers in turn are shared-file.ts. @hot
 */
import type { Batch } from '../../columnar/batch.js';
import { NOTHING_NOW } from './file-bytes.js';
import type { ByteSource } from './file-bytes.js';
import { parsePosition, positionText, requireBytes, tooLargeSample } from './file-batch.js';
import type { FileBatch } from './file-batch.js';
import type { FileLines, RecordEnd } from './file-lines.js';
import type { NextBatch, ReadProgress, SourceRequest, SplitReader } from '../source.js';

/** A followed file is looked at so often: not every file system reports changes. */
const FOLLOW_INTERVAL_MS = 20;

export interface FileSplitOptions {
  readonly split: number;
  readonly path: string;
  readonly follow: boolean;
  readonly recordBytesMax: number;
  readonly lines: FileLines;
  /** Reads the start of the lines' file; null: a pipe has not come so far. */
  readonly begin: (lines: FileLines) => BegunFile | null;
  /** Of a followed file: what its path names now. */
  readonly reopen: () => ByteSource;
}

/** A file whose start is known. */
export interface BegunFile {
  /** Where the first record starts: behind a byte order mark or a header line. */
  readonly byte: number;
  readonly line: number;
  /** The files of one table share it: a batch is done with when the next one is asked for. */
  readonly batch: FileBatch;
  /** Where records may hold line ends. */
  readonly recordEnd: CountedRecordEnd | null;
}

/** Finds where a record that may hold line ends does end. */
export interface CountedRecordEnd extends RecordEnd {
  /** Line ends in what was looked at. */
  readonly innerLines: number;
}

export class FileSplit implements SplitReader {
  readonly split: number;
  private readonly request: SourceRequest;
  private readonly options: FileSplitOptions;
  private readonly lines: FileLines;
  private reading: {
    readonly batch: FileBatch;
    readonly recordEnd: CountedRecordEnd | null;
  } | null = null;
  /** A record that is too large is being dropped: its start. */
  private dropping: Uint8Array | null = null;
  /** Number of the next record, its line, and the next batch. */
  private record = 0;
  private line = 1;
  private sequence = 0;
  private recordsBefore = 0;
  private waiting: Promise<void> | null = null;
  private wake: (() => void) | null = null;

  /** Reads the start of a file at once, so that its faults come before anything is read. */
  constructor(request: SourceRequest, options: FileSplitOptions) {
    this.request = request;
    this.split = options.split;
    this.options = options;
    this.lines = options.lines;
    if (!this.lines.arrives) this.begin();
  }

  next(): NextBatch {
    const { lines } = this;
    if (this.reading === null && !this.begin()) return 'wait';
    for (;;) {
      if (this.dropping !== null) return this.dropTooLarge(this.dropping);
      if (lines.from < lines.to) {
        const batch = this.beginBatch();
        lines.from = batch.decode(lines.buffer, lines.from, lines.to, lines.final);
        this.line = batch.line;
        if (batch.rowCount > 0) return this.handedOut(batch.finish());
      }
      const found = lines.fill(this.options.follow && !lines.arrives ? 'keep' : 'finish');
      switch (found) {
        case 'lines':
          break;
        case 'wait':
          return 'wait';
        case 'too-large': {
          const { recordBytesMax: bytesMax } = this.options;
          this.dropping = tooLargeSample(lines.buffer, { from: lines.from, bytesMax });
          break;
        }
        case 'end':
          if (this.options.follow && !lines.arrives) {
            if (!this.goOn()) return 'wait';
          } else if (lines.from === lines.to) return 'end';
      }
    }
  }

  /** Looks at a followed file from a timer, on any thread whose event loop turns. */
  ready(): Promise<void> {
    const { lines, options } = this;
    if (lines.arrives) return this.readable();
    if (!options.follow) return Promise.resolve();
    this.waiting ??= new Promise((resolve) => {
      const timer = setInterval(() => {
        if (lines.unread() !== 0 || lines.replaced()) this.wake?.();
      }, FOLLOW_INTERVAL_MS);
      this.wake = () => {
        clearInterval(timer);
        this.wake = null;
        this.waiting = null;
        resolve();
      };
    });
    return this.waiting;
  }

  private readable(): Promise<void> {
    this.waiting ??= this.lines.readable().then(() => {
      this.waiting = null;
    });
    return this.waiting;
  }

  position(): string {
    return positionText({ byte: this.lines.position(), record: this.record, line: this.line });
  }

  seek(position: string): void {
    const { path } = this.options;
    const { byte, record, line } = parsePosition(path, position);
    const needs = this.lines.needs(byte);
    if (needs !== null) requireBytes(path, needs.total, needs.needed);
    this.lines.seek(byte);
    this.record = record;
    this.recordsBefore = record;
    this.line = line;
  }

  rowsRead(): number {
    return this.record - this.recordsBefore;
  }

  progress(): ReadProgress | null {
    return this.options.follow ? null : this.lines.progress();
  }

  /** The file, and its share of a pipe; where it stood stays known. */
  letGo(): void {
    this.close();
  }

  close(): void {
    this.wake?.();
    this.lines.close();
  }

  /** False: a pipe has not come so far. */
  private begin(): boolean {
    const { lines, options } = this;
    const begun = options.begin(lines);
    if (begun === null) return false;
    const { batch, recordEnd } = begun;
    this.reading = { batch, recordEnd };
    this.line = begun.line;
    lines.seek(begun.byte);
    return true;
  }

  private beginBatch(): FileBatch {
    const { sequence, record, line, split } = this;
    const { path } = this.options;
    const { batch } = this.reading!;
    batch.begin({ split, path, sequence, record, line });
    return batch;
  }

  private handedOut(batch: Batch): Batch {
    this.record += batch.rowCount;
    this.sequence += 1;
    return batch;
  }

  private dropTooLarge(sample: Uint8Array): NextBatch {
    const { recordEnd } = this.reading!;
    const byteLength = this.lines.skipRecord(recordEnd);
    if (byteLength === NOTHING_NOW) return 'wait';
    this.dropping = null;
    const innerLines = recordEnd?.innerLines ?? 0;
    const batch = this.beginBatch();
    const finished = batch.finishTooLarge({ sample, byteLength, innerLines });
    this.line = batch.line;
    return this.handedOut(finished);
  }

  /**
   * At the end of a followed file, as `tail -F`: one that became shorter is read again, one that was
   * replaced is read to its end, an unfinished last line too, and then the other. False: there is
   * nothing more now.
   */
  private goOn(): boolean {
    const { lines, options, request } = this;
    if (!lines.replaced()) {
      const unread = lines.unread();
      if (unread >= 0) return unread > 0;
      request.notice(`file "${options.path}" became shorter: it is read again from its start`);
    } else {
      if (!lines.final && lines.unread() > 0) return true;
      if (lines.fill('finish') === 'lines') return true;
      request.notice(`file "${options.path}" was replaced: the new one is read from its start`);
    }
    lines.continueWith(options.reopen());
    return this.begin();
  }
}
