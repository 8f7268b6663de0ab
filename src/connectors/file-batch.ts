/**
 * A batch of a file's records, reused from block to block: decoded columns, header, physical lines,
 * refused records. Owns also the text of positions and the record that is too large to keep. Which
 * bytes make a block is file-source.ts's (one reader) or shared-file.ts's (several). @hot
 *
 * A position is `byte:record:line` of the next record.
 */
import { ConnectorError } from '../base/errors.js';
import type { Batch } from '../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../columnar/batch.js';
import type { LineBlock, RecordDecoder } from '../formats/decoder.js';
import type { SourceRequest } from './source.js';
import { SystemColumns } from './system-columns.js';

/** Bytes of a record that is too large which a dead letter keeps. */
const SAMPLE_BYTES_MAX = 1024;

/** The start of a record that is too large: it is all that is kept of it. */
export function tooLargeSample(
  bytes: Uint8Array,
  record: { readonly from: number; readonly bytesMax: number },
): Uint8Array {
  return bytes.slice(record.from, record.from + Math.min(SAMPLE_BYTES_MAX, record.bytesMax));
}

/** Where a record is in its file. */
export interface FilePosition {
  readonly byte: number;
  /** Number of the record, from 0. */
  readonly record: number;
  /** Number of its line, from 1. */
  readonly line: number;
}

export function positionText({ byte, record, line }: FilePosition): string {
  return `${byte}:${record}:${line}`;
}

export function parsePosition(path: string, position: string): FilePosition {
  const parts = position.split(':').map(Number);
  const [byte, record, line] = parts;
  if (parts.length === 3 && parts.every((part) => Number.isSafeInteger(part) && part >= 0)) {
    return { byte: byte as number, record: record as number, line: line as number };
  }
  throw new ConnectorError('FILE_READ', {
    message: `"${position}" is no position in file "${path}"`,
  });
}

/** Where a batch starts, and its number. */
export interface BatchStart {
  readonly sequence: number;
  readonly record: number;
  readonly line: number;
}

export interface FileBatchParts {
  readonly request: SourceRequest;
  readonly path: string;
  readonly recordBytesMax: number;
  readonly decoder: RecordDecoder;
}

export class FileBatch {
  private readonly parts: FileBatchParts;
  private readonly system: SystemColumns;
  private readonly batch: Batch;
  private readonly block: LineBlock;
  private readonly failed = new Uint8Array(BATCH_ROWS_MAX);
  private readonly selection = new Int32Array(BATCH_ROWS_MAX);
  private failedCount = 0;
  /** What the rows' starts and ends are positions of. */
  private bytes: Uint8Array = new Uint8Array(0);
  private tooLarge: Uint8Array | null = null;

  constructor(parts: FileBatchParts) {
    this.parts = parts;
    const { request } = parts;
    this.system = new SystemColumns(request.system);
    const header = emptyHeader(parts.path);
    header.lineNumbers = new Float64Array(BATCH_ROWS_MAX);
    header.rawRecord = (row) => this.rawRecord(row);
    this.batch = newBatch([], header);
    this.block = {
      rowsMax: Math.min(request.batchRowsMax, BATCH_ROWS_MAX),
      rowCount: 0,
      line: 1,
      starts: new Int32Array(BATCH_ROWS_MAX),
      ends: new Int32Array(BATCH_ROWS_MAX),
      lineNumbers: header.lineNumbers,
      final: false,
      refused: (row) => this.recordRefused(row),
    };
  }

  /** Most rows in a batch. */
  get rowsMax(): number {
    return this.block.rowsMax;
  }

  get rowCount(): number {
    return this.block.rowCount;
  }

  /** Number of the line behind what was decoded. */
  get line(): number {
    return this.block.line;
  }

  /** Starts a batch with the given record, in the given line. */
  begin(at: BatchStart): void {
    const { header } = this.batch;
    header.firstOffset = at.record;
    header.ingestTimeMs = this.parts.request.clock.nowMs();
    header.sequence = at.sequence;
    this.block.rowCount = 0;
    this.block.line = at.line;
    if (this.failedCount > 0) this.failed.fill(0);
    this.failedCount = 0;
    this.tooLarge = null;
    this.parts.decoder.begin();
  }

  /** Decodes whole lines, as RecordDecoder.decodeLines does; the bytes must stay for finish(). */
  decode(bytes: Uint8Array, from: number, to: number, final: boolean): number {
    this.bytes = bytes;
    this.block.final = final;
    return this.parts.decoder.decodeLines(bytes, from, to, this.block);
  }

  /** The batch of what was decoded since begin(); valid until the next begin(). */
  finish(): Batch {
    const { batch, block } = this;
    const { rowCount } = block;
    batch.rowCount = rowCount;
    batch.rowWatermarks = null;
    batch.columns.length = 0;
    for (const column of this.parts.decoder.columns) batch.columns.push(column);
    this.system.appendTo(batch.columns, batch.header, rowCount);
    batch.selection = null;
    batch.selectedCount = rowCount;
    batch.failed = null;
    if (this.failedCount > 0) this.leaveOutFailed();
    return batch;
  }

  /** After begin(): a batch of one failed row for a record that is not even kept. */
  finishTooLarge(record: { readonly sample: Uint8Array; readonly byteLength: number }): Batch {
    const { block } = this;
    this.tooLarge = record.sample;
    block.lineNumbers[0] = block.line;
    block.rowCount = 1;
    block.line += 1;
    this.failed[0] = 1;
    this.failedCount = 1;
    const batch = this.finish();
    this.parts.request.errors.recordFailed(batch.header, 0, {
      key: 'RECORD_TOO_LARGE',
      message: `record has ${record.byteLength} bytes, more than record.max-bytes = ${this.parts.recordBytesMax}`,
    });
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
    const { request, decoder } = this.parts;
    request.errors.recordFailed(this.batch.header, row, decoder.failure());
  }

  private rawRecord(row: number): Uint8Array {
    if (this.tooLarge !== null) return this.tooLarge;
    const { starts, ends } = this.block;
    return this.bytes.subarray(starts[row] as number, ends[row] as number);
  }
}
