/**
 * The raw format: a record is one text, the value of the only column. Lines lose their carriage
 * return and line feed; a blank line is an empty text. Invalid UTF-8 is refused. @hot
 */
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import type { RecordFailure } from '../../runtime/operator.js';
import { createTarget } from '../columns/create-target.js';
import { DECODED, REFUSED } from '../decoder.js';
import type { DecoderColumn, LineBlock, RecordDecoder } from '../decoder.js';
import { utf8Length } from '../json/json-scanner.js';
import type { TargetColumn } from '../columns/target.js';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** At most one column: none when the query needs only how many records there are. */
export function createRawDecoder(columns: readonly DecoderColumn[]): RecordDecoder {
  return new RawDecoder(columns);
}

class RawDecoder implements RecordDecoder {
  readonly columns: Column[];
  private readonly target: TargetColumn | null;
  private invalidAt = 0;

  constructor(columns: readonly DecoderColumn[]) {
    const first = columns[0];
    this.target = first === undefined ? null : createTarget(first.type, BATCH_ROWS_MAX);
    this.columns = this.target === null ? [] : [this.target.column];
  }

  begin(): void {
    this.target?.begin();
  }

  decode(bytes: Uint8Array, start: number, end: number, row: number): number {
    let at = start;
    while (at < end) {
      const length = bytes[at]! < 128 ? 1 : utf8Length(bytes, at);
      if (length === 0 || at + length > end) {
        this.invalidAt = at - start;
        return REFUSED;
      }
      at += length;
    }
    const { target } = this;
    if (target !== null) {
      target.text(bytes, start, end, row);
      this.columns[0] = target.column;
    }
    return DECODED;
  }

  decodeLines(bytes: Uint8Array, from: number, to: number, lines: LineBlock): number {
    const { starts, ends, lineNumbers, rowsMax } = lines;
    let row = lines.rowCount;
    let at = from;
    while (at < to && row < rowsMax) {
      const feed = bytes.indexOf(LINE_FEED, at);
      const end = feed > at && bytes[feed - 1] === CARRIAGE_RETURN ? feed - 1 : feed;
      starts[row] = at;
      ends[row] = end;
      lineNumbers[row] = lines.line;
      if (this.decode(bytes, at, end, row) === REFUSED) lines.refused(row);
      lines.line += 1;
      at = feed + 1;
      row += 1;
    }
    lines.rowCount = row;
    return at;
  }

  failure(): RecordFailure {
    return {
      key: 'DECODE',
      message: `record is no text: invalid UTF-8 at byte ${this.invalidAt + 1}`,
    };
  }
}
