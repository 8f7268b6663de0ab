/**
 * Files of JSON lines or raw lines that several workers read in turn. Owns finding the next block
 * under the turn token: exactly the lines of the batch that file-source.ts would hand out next, so
 * that blocks of several sources come in the same order on V1 and V2. Decoding is file-batch.ts.
 *
 *   lane    byte · record · lines before · blocks · window end        (zeros: the file's start)
 *   window  BLOCK_BYTES behind the window before, as in file-lines.ts
 *   block   at most batchRowsMax records and whole lines of one window
 *
 * A claim reads about a block (the size of its records is a guess from the last one), looks for the
 * line feeds, which memchr finds at some 20 ns a line, and leaves the bytes in this worker's buffer.
 * Rejected: dealing out fixed byte ranges. A claim would cost nothing, but record numbers would be
 * known only when all blocks before were counted, and with small batches or several files the order
 * of rows between sources would not be V1's. @hot
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import { createDecoder } from '../../formats/decoder-registry.js';
import { LINE_SPACE } from '../../formats/json/json-scanner.js';
import {
  FileBatch,
  parsePosition,
  positionText,
  requireBytes,
  tooLargeSample,
} from './file-batch.js';
import type { BatchStart } from './file-batch.js';
import { FileBytes } from './file-bytes.js';
import { BLOCK_BYTES, nextWindowBytes } from './file-lines.js';
import { isContainerFormat } from './file-format.js';
import { fileOptions } from './file-options.js';
import { filesOf, windowBytesOf } from './set/file-set.js';
import type { SharedSource, SharedSplit, SplitExtent } from '../shared-split.js';
import type { SourceRequest } from '../source.js';

const LINE_FEED = 10;

/** The lane. */
const BYTE = 0;
const RECORD = 1;
const LINES = 2;
const BLOCKS = 3;
/** Blocks up to here are of one window; not behind BYTE: the next block starts a new one. */
const WINDOW_END = 4;

/** Guess for the first block, and room for what a guess misses by. */
const RECORD_BYTES_GUESS = 256;
const READ_BYTES_MIN = 4096;

/** Opens every file at once; throws as openFileSource does. */
export function openSharedFile(request: SourceRequest): SharedSource {
  const options = fileOptions(request.table);
  const { format, recordBytesMax, path: named } = options;
  assert(
    format !== 'csv' && !isContainerFormat(format) && !options.follow,
    'only such files are shared',
  );
  const files = request.splitNames ?? filesOf(named);
  const columns = request.physical.map((index) => request.table.physical[index]!);
  const fields = request.table.physical.map((column) => column.name);
  const decoder = createDecoder(format, columns, { fields });
  const batch = new FileBatch({ request, recordBytesMax, decoder, documents: false });
  const finder = new BlockFinder({
    rowsMax: batch.rowsMax,
    recordBytesMax,
    windowBytes: windowBytesOf(files.length, BLOCK_BYTES),
    skipsBlank: format === 'json',
  });
  const splits = files.map((path, split) => new SharedFileSplit({ split, path, batch, finder }));
  return {
    bounded: true,
    splits,
    close: () => {
      for (const split of splits) split.close();
    },
  };
}

interface SharedFileParts {
  readonly split: number;
  readonly path: string;
  /** Those of all files of the table here: a worker is done with a block when it claims the next. */
  readonly batch: FileBatch;
  readonly finder: BlockFinder;
}

class SharedFileSplit implements SharedSplit {
  readonly split: number;
  readonly sourceName: string;
  readonly extent: SplitExtent;
  private readonly file: FileBytes;
  private readonly batch: FileBatch;
  /** Where the first record starts: behind a byte order mark. */
  private readonly startByte: number;
  private readonly finder: BlockFinder;
  private start: BatchStart;
  private rows = 0;

  constructor({ split, path, batch, finder }: SharedFileParts) {
    this.split = split;
    this.sourceName = path;
    this.file = new FileBytes(path);
    this.extent = { start: 0, end: this.file.openedBytes ?? 0 };
    this.startByte = byteOrderMark(this.file);
    this.batch = batch;
    this.finder = finder;
    this.start = { split, path, sequence: 0, record: 0, line: 1 };
  }

  claim(cells: Float64Array): 'block' | 'end' {
    const { finder } = this;
    const byte = this.byteOf(cells);
    const found = finder.find(this.file, byte, cells[WINDOW_END]!);
    const line = cells[LINES]! + finder.linesBefore + 1;
    cells[BYTE] = finder.end;
    cells[LINES] = line - 1 + finder.lines;
    cells[WINDOW_END] = finder.windowEnd;
    if (!found) return 'end';
    this.start = { ...this.start, sequence: cells[BLOCKS]!, record: cells[RECORD]!, line };
    cells[BLOCKS]! += 1;
    cells[RECORD]! += finder.rows;
    this.rows += finder.rows;
    return 'block';
  }

  dueInMs(): number {
    return 0;
  }

  read(): Batch {
    const { finder, batch } = this;
    const { tooLarge } = finder;
    batch.begin(this.start);
    if (tooLarge !== null) return batch.finishTooLarge(tooLarge);
    const to = batch.decode(finder.buffer, 0, finder.byteLength, true);
    assert(to === finder.byteLength && batch.rowCount === finder.rows, 'a claim counts records');
    return batch.finish();
  }

  rowsRead(): number {
    return this.rows;
  }

  dueNs(): null {
    return null;
  }

  position(cells: Float64Array): string {
    const byte = this.byteOf(cells);
    return positionText({ byte, record: cells[RECORD]!, line: cells[LINES]! + 1 });
  }

  seek(cells: Float64Array, position: string): void {
    const { byte, record, line } = parsePosition(this.sourceName, position);
    requireBytes(this.sourceName, this.extent.end, byte);
    cells[BYTE] = byte;
    cells[RECORD] = record;
    cells[LINES] = line - 1;
    cells[WINDOW_END] = 0;
  }

  close(): void {
    this.file.close();
  }

  private byteOf(cells: Float64Array): number {
    return Math.max(cells[BYTE]!, this.startByte);
  }
}

interface TooLarge {
  readonly sample: Uint8Array;
  readonly byteLength: number;
  readonly innerLines: 0;
}

interface FinderOptions {
  readonly rowsMax: number;
  readonly recordBytesMax: number;
  /** Of the first window that is tried. */
  readonly windowBytes: number;
  /** Blank lines of JSON are no records; every line of a raw file is one. */
  readonly skipsBlank: boolean;
}

/** Finds the next block from a place in a file; what it found is in its fields. */
class BlockFinder {
  /** The block's bytes are at its front, and one writable byte behind them. */
  buffer: Uint8Array;
  byteLength = 0;
  /** Places in the file: behind the block, and where its window ends. */
  end = 0;
  windowEnd = 0;
  rows = 0;
  /** Lines of the block, and blank lines before it that fill no batch. */
  lines = 0;
  linesBefore = 0;
  /** Instead of lines: one record that is not kept. */
  tooLarge: TooLarge | null = null;
  private file: FileBytes | null = null;
  private readonly options: FinderOptions;
  private readonly firstWindow: number;
  private recordBytes = RECORD_BYTES_GUESS;
  /** Place in the file of buffer[0]; how much of the buffer holds the file, and is all of it. */
  private from = 0;
  private filled = 0;
  private atEnd = false;
  /** Window, relative to `from`. */
  private windowBytes = 0;

  constructor(options: FinderOptions) {
    this.options = options;
    this.firstWindow = nextWindowBytes(0, options.recordBytesMax, options.windowBytes);
    this.buffer = new Uint8Array(0);
  }

  /** Looks from a place of a file, in the window that ends at `windowEnd`; false at its end. */
  find(file: FileBytes, from: number, windowEnd: number): boolean {
    this.file = file;
    // A long record's buffer is let go.
    if (this.buffer.length > 2 * this.firstWindow + 2) this.buffer = new Uint8Array(0);
    this.from = from;
    this.filled = 0;
    this.atEnd = false;
    this.rows = 0;
    this.lines = 0;
    this.linesBefore = 0;
    this.tooLarge = null;
    this.windowBytes = windowEnd - from;
    if (this.windowBytes > 0 && this.takeLines()) return this.foundAt();
    for (;;) {
      const taken = this.openWindow();
      if (taken === 'too-large') return this.skipTooLarge();
      if (taken === 'end') return this.foundEnd();
      if (taken === 'last-line') return this.takeLastLine();
      if (this.takeLines()) return this.foundAt();
    }
  }

  /**
   * Takes lines of the window until there are enough records; false when no record is in what is
   * left of it: then its blank lines are dropped.
   */
  private takeLines(): boolean {
    const { rowsMax, skipsBlank } = this.options;
    let { rows, lines } = this;
    let at = 0;
    let more = true;
    while (more && rows < rowsMax) {
      // A view of the bytes that are there; a Buffer, because its indexOf is memchr.
      const bytes = Buffer.from(this.buffer.buffer, 0, this.filled);
      while (rows < rowsMax) {
        const feed = bytes.indexOf(LINE_FEED, at);
        if (feed < 0) break;
        if (bytes[at]! > 32 || !skipsBlank || !isBlank(bytes, at)) rows += 1;
        lines += 1;
        at = feed + 1;
      }
      if (rows < rowsMax) more = this.readMore(at, rows);
    }
    this.rows = rows;
    this.lines = lines;
    this.byteLength = at;
    if (rows > 0) return true;
    this.dropLines();
    return false;
  }

  /** Reads on within the window; false when nothing is left of it, or of the file. */
  private readMore(taken: number, rows: number): boolean {
    if (this.filled >= this.windowBytes || this.atEnd) return false;
    const rowsLeft = this.options.rowsMax - rows;
    const recordBytes = rows === 0 ? this.recordBytes : taken / rows;
    const wanted = taken + Math.ceil(recordBytes * rowsLeft * 1.0625) + READ_BYTES_MIN;
    this.readTo(Math.max(wanted, this.filled + READ_BYTES_MIN));
    return true;
  }

  private readTo(wanted: number): void {
    const length = Math.min(this.windowBytes, wanted);
    if (this.buffer.length < length + 1) this.makeRoom(length + 1);
    const count = length - this.filled;
    const got = this.file!.read(this.buffer, this.filled, count, this.from + this.filled);
    this.filled += got;
    this.atEnd = got < count;
  }

  private makeRoom(length: number): void {
    const grown = new Uint8Array(Math.max(length, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.filled));
    this.buffer = grown;
  }

  /** Blank lines at the end of a window belong to no batch. */
  private dropLines(): void {
    const dropped = this.byteLength;
    this.linesBefore += this.lines;
    this.lines = 0;
    this.byteLength = 0;
    if (dropped === 0) return;
    this.buffer.copyWithin(0, dropped, this.filled);
    this.filled -= dropped;
    this.from += dropped;
  }

  /** A new window at `from`: the first, or twice as long until it has a line feed. */
  private openWindow(): 'lines' | 'last-line' | 'end' | 'too-large' {
    let windowBytes = this.firstWindow;
    let scanned = 0;
    for (;;) {
      this.windowBytes = windowBytes;
      while (scanned < windowBytes) {
        if (scanned === this.filled) {
          if (this.atEnd) return this.filled === 0 ? 'end' : 'last-line';
          this.readTo(this.readAhead(scanned));
        }
        const end = Math.min(this.filled, windowBytes);
        if (Buffer.from(this.buffer.buffer, 0, end).indexOf(LINE_FEED, scanned) >= 0) {
          return 'lines';
        }
        scanned = end;
      }
      windowBytes = nextWindowBytes(windowBytes, this.options.recordBytesMax);
      if (windowBytes < 0) return 'too-large';
    }
  }

  /** As much as a block needs; more when its first record is long. */
  private readAhead(scanned: number): number {
    const wanted = Math.ceil(this.recordBytes * this.options.rowsMax * 1.0625) + READ_BYTES_MIN;
    return Math.max(wanted, scanned * 2);
  }

  private foundAt(): true {
    this.end = this.from + this.byteLength;
    this.windowEnd = this.from + this.windowBytes;
    this.recordBytes = this.byteLength / this.rows;
    return true;
  }

  private foundEnd(): false {
    this.end = this.from;
    this.windowEnd = 0;
    return false;
  }

  /** The line that the file ends in, without a line feed: it gets one, as in file-lines.ts. */
  private takeLastLine(): boolean {
    this.buffer[this.filled] = LINE_FEED;
    this.byteLength = this.filled + 1;
    this.end = this.from + this.byteLength;
    this.windowEnd = 0;
    this.lines = 1;
    this.rows = this.options.skipsBlank && isBlank(this.buffer, 0) ? 0 : 1;
    return this.rows === 1;
  }

  /** Reads over the record at `from`, up to its line feed. */
  private skipTooLarge(): true {
    const bytesMax = this.options.recordBytesMax;
    const sample = tooLargeSample(this.buffer, { from: 0, bytesMax });
    let byteLength = this.filled;
    let feed = -1;
    while (feed < 0) {
      const place = this.from + byteLength;
      const count = this.file!.read(this.buffer, 0, this.buffer.length, place);
      if (count === 0) break;
      feed = Buffer.from(this.buffer.buffer, 0, count).indexOf(LINE_FEED);
      byteLength += feed < 0 ? count : feed;
    }
    this.tooLarge = { sample, byteLength, innerLines: 0 };
    this.rows = 1;
    this.lines = 1;
    this.byteLength = 0;
    this.end = this.from + byteLength + (feed < 0 ? 0 : 1);
    this.windowEnd = 0;
    return true;
  }
}

function isBlank(bytes: Uint8Array, from: number): boolean {
  let at = from;
  while (LINE_SPACE[bytes[at]!] === 1) at += 1;
  return bytes[at] === LINE_FEED;
}

function byteOrderMark(file: FileBytes): number {
  const first = new Uint8Array(3);
  const marked =
    file.read(first, 0, 3, 0) === 3 && first[0] === 0xef && first[1] === 0xbb && first[2] === 0xbf;
  return marked ? 3 : 0;
}
