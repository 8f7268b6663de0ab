/**
 * A batch of a file's records, reused from block to block and from file to file: decoded columns, header, physical lines,
 * refused records. Owns also the text of positions and the record that is too large to keep. Which
 * bytes make a block is file-source.ts's (one reader) or shared-file.ts's (several). @hot
 *
 * A position is `byte:record:line` of the next record.
 */
import { ConnectorError } from '../../base/errors.js';
import type { Batch } from '../../columnar/batch.js';
import { BATCH_ROWS_MAX, emptyHeader, newBatch } from '../../columnar/batch.js';
import type { LineBlock, RecordDecoder } from '../../formats/decoder.js';
import type { SourceRequest } from '../source.js';
import { SystemColumns } from '../system-columns.js';
import { LINE_MARK } from './documents/document-lines.js';

const LINE_FEED = 10;
const SPACE = 32;

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

/** Throws ConnectorError FILE_READ for a position behind the end; a last line may lack its own. */
export function requireBytes(path: string, size: number, byte: number): void {
  if (byte <= size + 1) return;
  throw new ConnectorError('FILE_READ', {
    message: `data file "${path}" has ${size} bytes, and the checkpoint goes on behind ${byte}`,
    hint: 'it is another one, or was cut since: bring it back, or begin anew with --restore none',
  });
}

/** Where a batch starts: its file, its number in it, record and line. */
export interface BatchStart {
  readonly split: number;
  readonly path: string;
  readonly sequence: number;
  readonly record: number;
  readonly line: number;
}

export interface FileBatchParts {
  readonly request: SourceRequest;
  readonly recordBytesMax: number;
  readonly decoder: RecordDecoder;
  /** Records are documents that have become lines: LINE_MARK stands for the file's line ends. */
  readonly documents: boolean;
  /** The bytes of a row's record, where records are no lines. */
  readonly rawRecord?: (row: number) => Uint8Array;
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
  /** Of documents: the lines of rows before `lined` are known; up to `nextMark` it is `markLine`. */
  private lined = 0;
  private nextMark = 0;
  private markLine = 1;

  constructor(parts: FileBatchParts) {
    this.parts = parts;
    const { request } = parts;
    this.system = new SystemColumns(request.system, { hasFiles: true });
    const header = emptyHeader('');
    const lineNumbers = new Float64Array(BATCH_ROWS_MAX);
    header.lineNumbers = parts.rawRecord === undefined ? lineNumbers : null;
    header.rawRecord = parts.rawRecord ?? ((row) => this.rawRecord(row));
    this.batch = newBatch([], header);
    this.block = {
      rowsMax: Math.min(request.batchRowsMax, BATCH_ROWS_MAX),
      rowCount: 0,
      line: 1,
      starts: new Int32Array(BATCH_ROWS_MAX),
      ends: new Int32Array(BATCH_ROWS_MAX),
      lineNumbers,
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
    header.sourceName = at.path;
    header.split = at.split;
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
    const { block, parts } = this;
    this.bytes = bytes;
    block.final = final;
    this.lined = block.rowCount;
    this.markLine = block.line;
    if (parts.documents) this.findMark(from);
    const end = parts.decoder.decodeLines(bytes, from, to, block);
    if (parts.documents) {
      this.lineRows(block.rowCount);
      this.countMarks(end);
      block.line = this.markLine;
    }
    return end;
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
  finishTooLarge(record: {
    readonly sample: Uint8Array;
    readonly byteLength: number;
    /** Line ends that belong to the record. */
    readonly innerLines: number;
  }): Batch {
    const { block } = this;
    this.tooLarge = record.sample;
    block.lineNumbers[0] = block.line;
    block.rowCount = 1;
    block.line += record.innerLines + (this.parts.documents ? 0 : 1);
    this.failed[0] = 1;
    this.failedCount = 1;
    const batch = this.finish();
    this.parts.request.errors.recordFailed(batch.header, 0, {
      key: 'RECORD_TOO_LARGE',
      message: `record has ${record.byteLength} bytes, more than record.max-bytes = ${this.parts.recordBytesMax}`,
    });
    return batch;
  }

  /** Of documents: in which lines of their file the rows up to `row` start. */
  private lineRows(row: number): void {
    const { bytes, block } = this;
    for (; this.lined < row; this.lined += 1) {
      let start = block.starts[this.lined] as number;
      while (isSpace(bytes[start] as number)) start += 1;
      this.countMarks(start);
      block.lineNumbers[this.lined] = this.markLine;
    }
  }

  private countMarks(to: number): void {
    while (this.nextMark < to) {
      this.markLine += 1;
      this.findMark(this.nextMark + 1);
    }
  }

  private findMark(from: number): void {
    const found = this.bytes.indexOf(LINE_MARK, from);
    this.nextMark = found < 0 ? Number.POSITIVE_INFINITY : found;
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
    const { request, decoder, documents } = this.parts;
    if (documents) this.lineRows(row + 1);
    request.errors.recordFailed(this.batch.header, row, decoder.failure());
  }

  private rawRecord(row: number): Uint8Array {
    if (this.tooLarge !== null) return this.tooLarge;
    const { starts, ends } = this.block;
    const record = this.bytes.subarray(starts[row] as number, ends[row] as number);
    return this.parts.documents ? asInFile(record) : record;
  }
}

/** A document with the line ends that it has in its file. */
function asInFile(record: Uint8Array): Uint8Array {
  const start = record.findIndex((byte) => !isSpace(byte));
  const document = record.slice(Math.max(0, start));
  return document.map((byte) => (byte === LINE_MARK ? LINE_FEED : byte));
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LINE_MARK;
}
