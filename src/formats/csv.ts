/**
 * The CSV decoder: fields by position into columns. Owns records, NULL and what a refused record is
 * told; fields are csv-scanner.ts, a file's header line is the connector's business. @hot
 *
 * An empty field is NULL; a quoted empty field ("") is the empty text in a VARCHAR column. A record
 * has exactly the declared number of fields. Blank lines are no records.
 */
import { BATCH_ROWS_MAX } from '../columnar/batch.js';
import type { Column } from '../columnar/column.js';
import { decodeText } from '../columnar/column.js';
import { typeText } from '../columnar/types.js';
import type { RecordFailure } from '../runtime/operator.js';
import { createTarget } from './create-target.js';
import { BEHIND_QUOTE, CsvScanner, NOT_UTF8, UNFINISHED } from './csv-scanner.js';
import { DECODED, REFUSED } from './decoder.js';
import type { DecoderColumn, LineBlock, RecordDecoder } from './decoder.js';
import type { TargetColumn } from './target.js';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SHOWN_BYTES_MAX = 60;

export interface CsvOptions {
  readonly delimiter: string;
  /** Names of a record's fields in order: the header line or the declared columns. */
  readonly fields: readonly string[];
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
  private failed: RecordFailure = { key: 'DECODE', message: '' };

  constructor(columns: readonly DecoderColumn[], options: CsvOptions) {
    this.wanted = columns;
    this.targets = columns.map((column) => createTarget(column.type, BATCH_ROWS_MAX));
    this.columns = this.targets.map((target) => target.column);
    this.columnOf = Int32Array.from(options.fields, (field) =>
      columns.findIndex((column) => column.name === field),
    );
    this.scanner = new CsvScanner(options.delimiter);
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
    const { scanner } = this;
    const { starts, ends, lineNumbers, rowsMax } = lines;
    let row = lines.rowCount;
    let at = from;
    while (at < to && row < rowsMax) {
      const start = at;
      while (bytes[at] === CARRIAGE_RETURN) at += 1;
      if (bytes[at] === LINE_FEED) {
        at += 1;
        lines.line += 1;
        continue;
      }
      starts[row] = start;
      lineNumbers[row] = lines.line;
      scanner.innerLines = 0;
      at = this.record(bytes, start, to, row);
      if (at === UNFINISHED && !lines.final) {
        at = start;
        break;
      }
      const refused = at < 0;
      if (refused) {
        if (at === UNFINISHED) this.refuse('a quoted field has no closing quote');
        at = bytes.indexOf(LINE_FEED, start);
        scanner.innerLines = 0;
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
        return this.refuse(`${field + 1} fields instead of ${fieldCount}`);
      }
      at += 1;
    }
  }

  private cell(target: TargetColumn, row: number): boolean {
    const { bytes, start, end, quoted } = this.scanner;
    const isText = target.type.kind === 'varchar';
    if (start === end && !(quoted && isText)) {
      target.setNull(row);
      return true;
    }
    const { column } = target;
    if (column.nulls !== null) column.nulls[row] = 0;
    return target.text(bytes, start, end, row);
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

function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}
