/**
 * The file source: one split, its lines decoded into batches in file order. Owns batches, record
 * numbers, physical lines, records that are too large, and waiting for a followed file to grow.
 * Buffers are file-lines.ts, formats decode, options are file.ts. @hot
 *
 * A position is `byte:record:line` of the next record.
 */
import { ConnectorError } from '../base/errors.js';
import type { Batch } from '../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../columnar/batch.js';
import type { LineBlock, RecordDecoder } from '../formats/decoder.js';
import type { FileLines } from './file-lines.js';
import type { NextBatch, SourceRequest, SplitReader } from './source.js';
import { SystemColumns } from './system-columns.js';

/** A followed file is looked at so often: not every file system reports changes. */
const FOLLOW_INTERVAL_MS = 20;
/** Bytes of a record that is too large which a dead letter keeps. */
const TOO_LARGE_SAMPLE_BYTES = 1024;

export interface FileSplitOptions {
  readonly path: string;
  readonly follow: boolean;
  readonly recordBytesMax: number;
  /** Where the first record starts: behind a byte order mark or a header line. */
  readonly start: { readonly byte: number; readonly line: number };
}

export class FileSplit implements SplitReader {
  readonly split = 0;
  private readonly request: SourceRequest;
  private readonly options: FileSplitOptions;
  private readonly lines: FileLines;
  private readonly decoder: RecordDecoder;
  private readonly system: SystemColumns;
  private readonly batch: Batch;
  private readonly block: LineBlock;
  private readonly failed = new Uint8Array(BATCH_ROWS_MAX);
  private readonly selection = new Int32Array(BATCH_ROWS_MAX);
  private failedCount = 0;
  /** Number of the next record. */
  private record = 0;
  private batches = 0;
  private recordsBefore = 0;
  private tooLarge: Uint8Array | null = null;
  private wake: (() => void) | null = null;

  constructor(
    request: SourceRequest,
    options: FileSplitOptions,
    lines: FileLines,
    decoder: RecordDecoder,
  ) {
    this.request = request;
    this.options = options;
    this.lines = lines;
    this.decoder = decoder;
    this.system = new SystemColumns(request.system);
    const header = emptyHeader(options.path);
    header.lineNumbers = new Float64Array(BATCH_ROWS_MAX);
    header.rawRecord = (row) => this.rawRecord(row);
    this.batch = newBatch([], header);
    this.block = {
      rowsMax: Math.min(request.batchRowsMax, BATCH_ROWS_MAX),
      rowCount: 0,
      line: options.start.line,
      starts: new Int32Array(BATCH_ROWS_MAX),
      ends: new Int32Array(BATCH_ROWS_MAX),
      lineNumbers: header.lineNumbers,
      final: false,
      refused: (row) => this.recordRefused(row),
    };
    lines.seek(options.start.byte);
  }

  next(): NextBatch {
    const { lines, block } = this;
    for (;;) {
      if (lines.from < lines.to) {
        this.beginBatch();
        block.final = lines.final;
        lines.from = this.decoder.decodeLines(lines.buffer, lines.from, lines.to, block);
        if (block.rowCount > 0) return this.endBatch();
      }
      const found = lines.fill(this.options.follow ? 'keep' : 'finish');
      if (found === 'too-large') return this.recordTooLarge();
      if (found === 'end') {
        if (this.options.follow) return this.waitForMore();
        if (lines.from === lines.to) return 'end';
      }
    }
  }

  ready(): Promise<void> {
    if (!this.options.follow) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        if (this.lines.unread() !== 0) this.wake?.();
      }, FOLLOW_INTERVAL_MS);
      this.wake = () => {
        clearInterval(timer);
        this.wake = null;
        resolve();
      };
    });
  }

  position(): string {
    return `${this.lines.position()}:${this.record}:${this.block.line}`;
  }

  seek(position: string): void {
    const parts = position.split(':').map(Number);
    const [byte, record, line] = parts;
    if (parts.length !== 3 || !parts.every((part) => Number.isSafeInteger(part) && part >= 0)) {
      throw new ConnectorError('FILE_READ', {
        message: `"${position}" is no position in file "${this.options.path}"`,
      });
    }
    this.lines.seek(byte as number);
    this.record = record as number;
    this.recordsBefore = record as number;
    this.block.line = line as number;
  }

  rowsRead(): number {
    return this.record - this.recordsBefore;
  }

  close(): void {
    this.wake?.();
    this.lines.close();
  }

  private beginBatch(): void {
    const { batch, block } = this;
    const { header } = batch;
    header.firstOffset = this.record;
    header.ingestTimeMs = this.request.clock.nowMs();
    header.sequence = this.batches;
    block.rowCount = 0;
    if (this.failedCount > 0) this.failed.fill(0);
    this.failedCount = 0;
    this.tooLarge = null;
    this.decoder.begin();
  }

  private endBatch(): Batch {
    const { batch, block, decoder } = this;
    const { rowCount } = block;
    this.record += rowCount;
    this.batches += 1;
    batch.rowCount = rowCount;
    batch.rowWatermarks = null;
    batch.columns.length = 0;
    for (const column of decoder.columns) batch.columns.push(column);
    this.system.appendTo(batch.columns, batch.header, rowCount);
    batch.selection = null;
    batch.selectedCount = rowCount;
    batch.failed = null;
    if (this.failedCount > 0) this.leaveOutFailed();
    return batch;
  }

  private leaveOutFailed(): void {
    const { batch, failed, selection } = this;
    let count = 0;
    for (let row = 0; row < batch.rowCount; row += 1) {
      if (failed[row] === 1) continue;
      selection[count] = row;
      count += 1;
    }
    batch.failed = failed;
    batch.selection = selection;
    batch.selectedCount = count;
  }

  private recordRefused(row: number): void {
    this.failed[row] = 1;
    this.failedCount += 1;
    this.request.errors.recordFailed(this.batch.header, row, this.decoder.failure());
  }

  /** A batch of one failed row for a record that is not even kept. */
  private recordTooLarge(): Batch {
    const { lines, block } = this;
    this.beginBatch();
    const from = lines.from;
    this.tooLarge = lines.buffer.slice(from, from + TOO_LARGE_SAMPLE_BYTES);
    block.lineNumbers[0] = block.line;
    block.rowCount = 1;
    const length = lines.skipRecord();
    block.line += 1;
    this.failed[0] = 1;
    this.failedCount = 1;
    const batch = this.endBatch();
    this.request.errors.recordFailed(batch.header, 0, {
      key: 'RECORD_TOO_LARGE',
      message: `record has ${length} bytes, more than record.max-bytes = ${this.options.recordBytesMax}`,
    });
    return batch;
  }

  private rawRecord(row: number): Uint8Array {
    if (this.tooLarge !== null) return this.tooLarge;
    const { starts, ends } = this.block;
    return this.lines.buffer.subarray(starts[row] as number, ends[row] as number);
  }

  private waitForMore(): 'wait' {
    if (this.lines.unread() >= 0) return 'wait';
    throw new ConnectorError('FILE_READ', {
      message: `file "${this.options.path}" became shorter while it was followed`,
      hint: 'append to the file instead of rewriting it, then start the job again',
    });
  }
}
