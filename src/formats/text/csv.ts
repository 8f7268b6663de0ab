/**
 * The CSV decoder: fields by position into columns. Owns records, NULL and what a refused record is
 * told; fields are csv-scanner.ts, a file's header line is the connector's business. @hot
 *
 * An empty field is NULL; a quoted empty field ("") is the empty text in a VARCHAR column. A record
 * has exactly the declared number of fields, unless the dialect lets it have others. Blank lines are no records, but NULL where a record has
 * one field. A refused record ends where it would have ended otherwise, behind its quoted line ends;
 * one whose quote is never closed ends with its line.
 */
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import { decodeText, equalUtf8 } from '../../columnar/text-bytes.js';
import { typeText } from '../../columnar/types.js';
import type { RecordFailure } from '../../runtime/operator.js';
import { createTarget } from '../columns/create-target.js';
import {
  BEHIND_QUOTE,
  CARRIAGE_RETURN,
  CsvRecordEnd,
  CsvScanner,
  LINE_FEED,
  NOT_UTF8,
  UNFINISHED,
} from './csv-scanner.js';
import type { CsvDialect } from './csv-dialect.js';
import { DECODED, REFUSED } from '../decoder.js';
import type { DecoderColumn, LineBlock, RecordDecoder } from '../decoder.js';
import type { TargetColumn } from '../columns/target.js';

const utf8 = new TextEncoder();
const SHOWN_BYTES_MAX = 60;
const POINT = 46;
const COMMA = 44;

export interface CsvOptions {
  readonly dialect: CsvDialect;
  /** Names of a record's fields in order: the header line or the declared columns. */
  readonly fields: readonly string[];
  /** The byte that ends a line of decodeLines(): LF, the default, or CR. */
  readonly lineEnd?: number;
}

export function createCsvDecoder(
  columns: readonly DecoderColumn[],
  options: CsvOptions,
): RecordDecoder {
  return new CsvDecoder(columns, options);
}

class CsvDecoder implements RecordDecoder {
  readonly columns: Column[];
  private readonly wanted: readonly DecoderColumn[];
  private readonly targets: TargetColumn[];
  /** Column of each field, -1 for fields that the query does not need. */
  private readonly columnOf: Int32Array;
  private readonly scanner: CsvScanner;
  private readonly recordEnd: CsvRecordEnd;
  private readonly lineEnd: number;
  /** The byte that a comment begins with; -1: there are none. */
  private readonly comment: number;
  private readonly pads: boolean;
  private readonly truncates: boolean;
  /** Spellings of NULL; null: there is none beside the empty field. */
  private readonly nullLiteral: Uint8Array | null;
  private readonly missing: readonly Uint8Array[];
  private readonly hasNullWords: boolean;
  private readonly hasDecimalComma: boolean;
  private number: Uint8Array = new Uint8Array(64);
  private failed: RecordFailure = { key: 'DECODE', message: '' };

  constructor(columns: readonly DecoderColumn[], options: CsvOptions) {
    this.wanted = columns;
    this.targets = columns.map((column) => createTarget(column.type, BATCH_ROWS_MAX));
    this.columns = this.targets.map((target) => target.column);
    this.columnOf = Int32Array.from(options.fields, (field) =>
      columns.findIndex((column) => column.name === field),
    );
    this.lineEnd = options.lineEnd ?? LINE_FEED;
    const { dialect } = options;
    this.scanner = new CsvScanner(dialect, this.lineEnd);
    this.recordEnd = new CsvRecordEnd(dialect, this.lineEnd);
    this.comment = dialect.comment === null ? -1 : dialect.comment.charCodeAt(0);
    this.pads = dialect.ragged === 'pad' || dialect.ragged === 'fit';
    this.truncates = dialect.ragged === 'truncate' || dialect.ragged === 'fit';
    this.nullLiteral = dialect.nullLiteral === null ? null : utf8.encode(dialect.nullLiteral);
    this.missing = dialect.missing.map((word) => utf8.encode(word));
    this.hasNullWords = this.nullLiteral !== null || this.missing.length > 0;
    this.hasDecimalComma = dialect.decimal === ',';
  }

  begin(): void {
    for (const target of this.targets) target.begin();
  }

  decode(bytes: Uint8Array, start: number, end: number, row: number): number {
    if (end === bytes.length) {
      const copy = new Uint8Array(end - start + 1);
      copy.set(bytes.subarray(start, end));
      return this.decode(copy, 0, end - start, row);
    }
    const behind = bytes[end]!;
    bytes[end] = LINE_FEED;
    let at = this.record(bytes, start, end + 1, row);
    if (at === UNFINISHED) this.refuse('a quoted field has no closing quote');
    while (at >= 0 && at < end && isLineEnd(bytes[at]!)) at += 1;
    if (at >= 0 && at < end) {
      this.refuse('more than one line');
      at = REFUSED_RECORD;
    }
    bytes[end] = behind;
    return at < 0 ? REFUSED : DECODED;
  }

  decodeLines(bytes: Uint8Array, from: number, to: number, lines: LineBlock): number {
    const { scanner, lineEnd, comment } = this;
    const { starts, ends, lineNumbers, rowsMax } = lines;
    const skipsBlank = this.columnOf.length !== 1;
    let row = lines.rowCount;
    let at = from;
    while (at < to && row < rowsMax) {
      const start = at;
      if (bytes[at] === comment) {
        at = bytes.indexOf(lineEnd, at) + 1;
        lines.line += 1;
        continue;
      }
      if (skipsBlank) {
        while (bytes[at] === CARRIAGE_RETURN && bytes[at] !== lineEnd) at += 1;
        if (bytes[at] === lineEnd) {
          at += 1;
          lines.line += 1;
          continue;
        }
      }
      starts[row] = start;
      lineNumbers[row] = lines.line;
      scanner.innerLines = 0;
      at = this.record(bytes, start, to, row);
      const refused = at < 0;
      if (refused) {
        const unclosed = at === UNFINISHED;
        at = this.endOfRefused(bytes, start, to, lines.final);
        if (at === UNFINISHED) {
          at = start;
          break;
        }
        if (unclosed) this.refuse('a quoted field has no closing quote');
      }
      ends[row] = bytes[at - 1] === CARRIAGE_RETURN && at > start ? at - 1 : at;
      if (refused) lines.refused(row);
      lines.line += 1 + scanner.innerLines;
      at += 1;
      row += 1;
    }
    lines.rowCount = row;
    return at;
  }

  failure(): RecordFailure {
    return this.failed;
  }

  /** The position of a refused record's line end; UNFINISHED where it may lie behind `to`. */
  private endOfRefused(bytes: Uint8Array, start: number, to: number, final: boolean): number {
    const { recordEnd, scanner } = this;
    recordEnd.begin();
    const end = recordEnd.find(bytes, start, to);
    scanner.innerLines = end < 0 ? 0 : recordEnd.innerLines;
    if (end >= 0) return end;
    return final ? bytes.indexOf(this.lineEnd, start) : UNFINISHED;
  }

  /** The position of the record's line feed, UNFINISHED, or REFUSED_RECORD. */
  private record(bytes: Uint8Array, start: number, limit: number, row: number): number {
    const { scanner, columnOf, targets, columns } = this;
    const fieldCount = columnOf.length;
    let at = start;
    for (let field = 0; ; field += 1) {
      at = scanner.field(bytes, at, limit);
      if (at < 0) return at === UNFINISHED ? at : this.refuseField(at, field);
      const column = field < fieldCount ? columnOf[field]! : -1;
      if (column >= 0) {
        const target = targets[column]!;
        if (!this.cell(target, row)) return this.refuseValue(column);
        columns[column] = target.column;
      }
      if (scanner.isLast(bytes, at)) {
        if (field + 1 === fieldCount) return at;
        if (field + 1 > fieldCount ? this.truncates : this.pads) {
          this.padFrom(field + 1, row);
          return at;
        }
        return this.refuse(`${field + 1} fields instead of ${fieldCount}`);
      }
      at += 1;
    }
  }

  /** The fields that a record lacks. */
  private padFrom(first: number, row: number): void {
    const { columnOf, targets, columns } = this;
    for (let field = first; field < columnOf.length; field += 1) {
      const index = columnOf[field]!;
      if (index < 0) continue;
      const target = targets[index]!;
      target.setNull(row);
      columns[index] = target.column;
    }
  }

  private cell(target: TargetColumn, row: number): boolean {
    const { bytes, start, end, quoted } = this.scanner;
    const isText = target.type.kind === 'varchar';
    if (start === end && !(isText && (quoted || this.nullLiteral !== null))) {
      target.setNull(row);
      return true;
    }
    if (this.hasNullWords && !quoted && this.isNullWord(isText)) {
      target.setNull(row);
      return true;
    }
    const { column } = target;
    if (column.nulls !== null) column.nulls[row] = 0;
    if (this.hasDecimalComma && isNumber(target)) return this.commaNumber(target, row);
    return target.text(bytes, start, end, row);
  }

  private isNullWord(isText: boolean): boolean {
    const { nullLiteral, missing, scanner } = this;
    if (nullLiteral !== null && isField(nullLiteral, scanner)) return true;
    if (isText) return false;
    for (let index = 0; index < missing.length; index += 1) {
      if (isField(missing[index]!, scanner)) return true;
    }
    return false;
  }

  /** With a comma where SQL has a point; a point would be one of thousands, and is refused. */
  private commaNumber(target: TargetColumn, row: number): boolean {
    const { bytes, start, end } = this.scanner;
    const length = end - start;
    if (this.number.length < length) this.number = new Uint8Array(length * 2);
    const { number } = this;
    for (let at = 0; at < length; at += 1) {
      const byte = bytes[start + at]!;
      if (byte === POINT) return false;
      number[at] = byte === COMMA ? POINT : byte;
    }
    return target.text(number, 0, length, row);
  }

  private refuse(reason: string): number {
    this.failed = { key: 'DECODE', message: `record is no line of CSV: ${reason}` };
    return REFUSED_RECORD;
  }

  private refuseField(fault: number, field: number): number {
    const what = fault === NOT_UTF8 ? 'invalid UTF-8' : 'text behind a closing quote';
    return this.refuse(`${what} in field ${field + 1}`);
  }

  private refuseValue(index: number): number {
    const { bytes, start, end } = this.scanner;
    const column = this.wanted[index]!;
    const shown = decodeText(bytes, start, Math.min(end - start, SHOWN_BYTES_MAX));
    const value = `"${shown}${end - start > SHOWN_BYTES_MAX ? '…' : ''}"`;
    this.failed = {
      key: 'CONVERT',
      message: `value ${value} does not convert to ${typeText(column.type)} of column "${column.name}"`,
    };
    return REFUSED_RECORD;
  }
}

/** Below the scanner's faults. */
const REFUSED_RECORD = Math.min(UNFINISHED, BEHIND_QUOTE, NOT_UTF8) - 1;

function isNumber({ type: { kind } }: TargetColumn): boolean {
  return kind === 'bigint' || kind === 'double' || kind === 'decimal';
}

function isField(word: Uint8Array, { bytes, start, end }: CsvScanner): boolean {
  return equalUtf8(word, 0, word.length, bytes, start, end - start);
}

function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}
