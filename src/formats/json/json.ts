/**
 * The JSON decoder: one object per record, its needed keys into columns, everything else only
 * checked. Owns records, lines and what a refused record is told; syntax is json-scanner.ts, values
 * are json-cell.ts, the generated fast path is codegen/json/json-decoder.ts. @hot
 *
 * A record is read in two steps here: the first checks the whole document and notes where the last
 * value of each needed key is, the second converts those. So of a repeated key the last counts
 * whatever the others hold, and a malformed record is DECODE even if a value would not convert.
 */
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import { decodeText } from '../../columnar/text-bytes.js';
import { Dictionary } from '../../columnar/dictionary.js';
import { typeText } from '../../columnar/types.js';
import type { RecordFailure } from '../../runtime/operator.js';
import { createTarget } from '../columns/create-target.js';
import { DECODED, REFUSED } from '../decoder.js';
import type { DecoderColumn, LineBlock, RecordDecoder } from '../decoder.js';
import { createCellReader } from './json-cell.js';
import type { CellReader } from './json-cell.js';
import { JsonFastPath } from './json-fast-path.js';
import { describeFault } from './json-fault.js';
import {
  FAULT_CONVERT,
  FAULT_NOT_OBJECT,
  FAULT_SYNTAX,
  FAULT_TRAILING,
  JsonScanner,
  LINE_SPACE,
  MESSAGE_SPACE,
} from './json-scanner.js';
import type { TargetColumn } from '../columns/target.js';

const LINE_FEED = 10;
/** What the kernel reads at a time. */
const WORD_BYTES = 4;
/** Longest part of a value that a message shows. */
const SHOWN_BYTES_MAX = 60;

export function createJsonDecoder(columns: readonly DecoderColumn[]): RecordDecoder {
  return new JsonDecoder(columns);
}

class JsonDecoder implements RecordDecoder {
  readonly columns: Column[];
  private readonly wanted: readonly DecoderColumn[];
  private readonly targets: TargetColumn[];
  private readonly readers: CellReader[];
  /** Codes are column numbers. */
  private readonly keys = new Dictionary();
  /** Where the last value of each column starts in the record; -1 when it has none. */
  private readonly valueAt: Int32Array;
  private readonly scanner = new JsonScanner();
  private readonly fastPath: JsonFastPath;
  private batchRecords = 0;
  /** Of the bytes that were read last. */
  private view: DataView = new DataView(new ArrayBuffer(0));
  private viewed: Uint8Array = new Uint8Array(0);
  private failedColumn = -1;
  private failedBytes: Uint8Array = new Uint8Array(0);
  private failedStart = 0;

  constructor(columns: readonly DecoderColumn[]) {
    this.wanted = columns;
    this.targets = columns.map((column) => createTarget(column.type, BATCH_ROWS_MAX));
    this.readers = this.targets.map((target) => createCellReader(this.scanner, target));
    this.columns = this.targets.map((target) => target.column);
    this.valueAt = new Int32Array(columns.length);
    for (const column of columns) this.keys.internText(column.name);
    this.fastPath = new JsonFastPath({
      scanner: this.scanner,
      columns,
      targets: this.targets,
      readers: this.readers,
    });
  }

  begin(): void {
    this.fastPath.judge(this.batchRecords);
    this.batchRecords = 0;
    for (const target of this.targets) target.begin();
  }

  decode(bytes: Uint8Array, start: number, end: number, row: number): number {
    if (end === bytes.length) return this.decodeCopy(bytes, start, end, row);
    const behind = bytes[end]!;
    this.scanner.space = MESSAGE_SPACE;
    bytes[end] = 0;
    let at = this.record(bytes, start, row);
    if (at >= 0) {
      at = this.scanner.skipSpace(bytes, at);
      if (at !== end) at = this.refuse(bytes, start, row, FAULT_TRAILING, at);
    }
    bytes[end] = behind;
    return at < 0 ? REFUSED : DECODED;
  }

  decodeLines(bytes: Uint8Array, from: number, to: number, lines: LineBlock): number {
    const { scanner } = this;
    const { starts, ends, lineNumbers, rowsMax } = lines;
    scanner.space = LINE_SPACE;
    let at = from;
    let row = lines.rowCount;
    let { line } = lines;
    while (at < to && row < rowsMax) {
      const start = at;
      at = scanner.skipSpace(bytes, at);
      if (bytes[at] !== LINE_FEED) {
        starts[row] = start;
        lineNumbers[row] = line;
        at = this.record(bytes, start, row);
        if (at >= 0 && bytes[at] !== LINE_FEED) {
          at = scanner.skipSpace(bytes, at);
          if (bytes[at] !== LINE_FEED) at = this.refuse(bytes, start, row, FAULT_TRAILING, at);
        }
        const refused = at < 0;
        if (refused) at = bytes.indexOf(LINE_FEED, start);
        ends[row] = at;
        if (refused) lines.refused(row);
        row += 1;
      }
      at += 1;
      line += 1;
    }
    lines.rowCount = row;
    lines.line = line;
    return at;
  }

  failure(): RecordFailure {
    const { scanner, failedBytes, failedStart } = this;
    const at = scanner.faultAt;
    if (scanner.fault !== FAULT_CONVERT) {
      return { key: 'DECODE', message: describeFault(scanner.fault, at - failedStart) };
    }
    const column = this.wanted[this.failedColumn]!;
    const end = scanner.skipValue(failedBytes, at);
    const shown = decodeText(failedBytes, at, Math.min(end - at, SHOWN_BYTES_MAX));
    const value = end - at > SHOWN_BYTES_MAX ? `${shown}…` : shown;
    return {
      key: 'CONVERT',
      message: `value ${value} does not convert to ${typeText(column.type)} of column "${column.name}"`,
    };
  }

  /** A record at the very end of its buffer has no byte behind it to stop at. */
  private decodeCopy(bytes: Uint8Array, start: number, end: number, row: number): number {
    const copy = new Uint8Array(end - start + WORD_BYTES);
    copy.set(bytes.subarray(start, end));
    return this.decode(copy, 0, end - start, row);
  }

  /** The position behind the object that starts at `start`, or -1. */
  private record(bytes: Uint8Array, start: number, row: number): number {
    this.batchRecords += 1;
    const { fastPath } = this;
    if (fastPath.kernel !== null) {
      if (bytes !== this.viewed) this.look(bytes);
      const end = fastPath.kernel(bytes, this.view, start, row);
      if (end >= 0) return end;
    }
    const end = this.slowRecord(bytes, start, row);
    this.takeReplaced();
    if (end < 0) return this.refuse(bytes, start, row, this.scanner.fault, this.scanner.faultAt);
    if (fastPath.kernel === null) fastPath.learn(bytes, start);
    return end;
  }

  private look(bytes: Uint8Array): void {
    this.viewed = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private slowRecord(bytes: Uint8Array, start: number, row: number): number {
    const end = this.locate(bytes, start);
    if (end < 0) return end;
    const { valueAt, readers, targets } = this;
    for (let column = 0; column < readers.length; column += 1) {
      const at = valueAt[column]!;
      const result = at < 0 ? -2 : readers[column]!(bytes, at, row);
      if (result === -1) {
        this.failedColumn = column;
        return -1;
      }
      if (result < -1) targets[column]!.setNull(row);
    }
    return end;
  }

  /** Columns whose kind a value has widened are replaced, and with them the kernel. */
  private takeReplaced(): void {
    const { columns, targets } = this;
    for (let column = 0; column < targets.length; column += 1) {
      const current = targets[column]!.column;
      if (columns[column] === current) continue;
      columns[column] = current;
      this.fastPath.drop();
    }
  }

  /** Checks the document and fills valueAt; the position behind the object, or -1. */
  private locate(bytes: Uint8Array, start: number): number {
    const { scanner, keys, valueAt } = this;
    valueAt.fill(-1);
    let at = scanner.skipSpace(bytes, start);
    if (bytes[at] !== 123) return scanner.fail(FAULT_NOT_OBJECT, at);
    at = scanner.skipSpace(bytes, at + 1);
    if (bytes[at] === 125) return at + 1;
    for (;;) {
      at = scanner.key(bytes, at);
      if (at < 0) return at;
      const { textBytes, textStart, textEnd } = scanner;
      const column = keys.find(textBytes, textStart, textEnd - textStart);
      if (column >= 0) valueAt[column] = at;
      at = scanner.skipValue(bytes, at);
      if (at < 0) return at;
      at = scanner.skipSpace(bytes, at);
      if (bytes[at] === 125) return at + 1;
      if (bytes[at] !== 44) return scanner.fail(FAULT_SYNTAX, at);
      at = scanner.skipSpace(bytes, at + 1);
    }
  }

  private refuse(bytes: Uint8Array, start: number, row: number, fault: number, at: number): -1 {
    this.failedBytes = bytes;
    this.failedStart = start;
    for (const { column } of this.targets) if (column.nulls !== null) column.nulls[row] = 0;
    return this.scanner.fail(fault, at);
  }
}
