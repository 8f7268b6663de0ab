/**
 * The file source for one reader: one split, its lines decoded into batches in file order. Owns
 * record numbers and waiting for a followed file to grow. Buffers are file-lines.ts, batches are
 * file-batch.ts, options are file.ts; several readers in turn are shared-file.ts. @hot
 */
import { ConnectorError } from '../base/errors.js';
import type { Batch } from '../columnar/batch.js';
import type { RecordDecoder } from '../formats/decoder.js';
import { FileBatch, parsePosition, positionText, tooLargeSample } from './file-batch.js';
import type { FileLines } from './file-lines.js';
import type { NextBatch, SourceRequest, SplitReader } from './source.js';

/** A followed file is looked at so often: not every file system reports changes. */
const FOLLOW_INTERVAL_MS = 20;

export interface FileSplitOptions {
  readonly path: string;
  readonly follow: boolean;
  readonly recordBytesMax: number;
  /** Where the first record starts: behind a byte order mark or a header line. */
  readonly start: { readonly byte: number; readonly line: number };
}

export class FileSplit implements SplitReader {
  readonly split = 0;
  private readonly options: FileSplitOptions;
  private readonly lines: FileLines;
  private readonly batch: FileBatch;
  /** Number of the next record, its line, and the next batch. */
  private record = 0;
  private line: number;
  private sequence = 0;
  private recordsBefore = 0;
  private waiting: Promise<void> | null = null;
  private wake: (() => void) | null = null;

  constructor(
    request: SourceRequest,
    options: FileSplitOptions,
    lines: FileLines,
    decoder: RecordDecoder,
  ) {
    this.options = options;
    this.lines = lines;
    this.line = options.start.line;
    this.batch = new FileBatch({ request, ...options, decoder });
    lines.seek(options.start.byte);
  }

  next(): NextBatch {
    const { lines, batch } = this;
    for (;;) {
      if (lines.from < lines.to) {
        this.begin();
        lines.from = batch.decode(lines.buffer, lines.from, lines.to, lines.final);
        this.line = batch.line;
        if (batch.rowCount > 0) return this.handedOut(batch.finish());
      }
      const found = lines.fill(this.options.follow ? 'keep' : 'finish');
      if (found === 'too-large') return this.recordTooLarge();
      if (found === 'end') {
        if (this.options.follow) return this.waitForMore();
        if (lines.from === lines.to) return 'end';
      }
    }
  }

  /** Looks at a followed file from a timer, on any thread whose event loop turns. */
  ready(): Promise<void> {
    if (!this.options.follow) return Promise.resolve();
    this.waiting ??= new Promise((resolve) => {
      const timer = setInterval(() => {
        if (this.lines.unread() !== 0) this.wake?.();
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

  position(): string {
    return positionText({ byte: this.lines.position(), record: this.record, line: this.line });
  }

  seek(position: string): void {
    const { byte, record, line } = parsePosition(this.options.path, position);
    this.lines.seek(byte);
    this.record = record;
    this.recordsBefore = record;
    this.line = line;
  }

  rowsRead(): number {
    return this.record - this.recordsBefore;
  }

  close(): void {
    this.wake?.();
    this.lines.close();
  }

  private begin(): void {
    const { sequence, record, line } = this;
    this.batch.begin({ sequence, record, line });
  }

  private handedOut(batch: Batch): Batch {
    this.record += batch.rowCount;
    this.sequence += 1;
    return batch;
  }

  private recordTooLarge(): Batch {
    const { lines, batch } = this;
    this.begin();
    const bytesMax = this.options.recordBytesMax;
    const sample = tooLargeSample(lines.buffer, { from: lines.from, bytesMax });
    const finished = batch.finishTooLarge({ sample, byteLength: lines.skipRecord() });
    this.line = batch.line;
    return this.handedOut(finished);
  }

  private waitForMore(): 'wait' {
    if (this.lines.unread() >= 0) return 'wait';
    throw new ConnectorError('FILE_READ', {
      message: `file "${this.options.path}" became shorter while it was followed`,
      hint: 'append to the file instead of rewriting it, then start the job again',
    });
  }
}
