/**
 * Where the records of a file start: behind a byte order mark and, for CSV, behind the header line,
 * whose names it reads. Shared by the file source and schema inference.
 */
import { ConnectorError } from '../base/errors.js';
import { decodeText } from '../columnar/column.js';
import { CsvScanner } from '../formats/csv-scanner.js';
import type { FileLines } from './file-lines.js';

export interface FileStart {
  readonly byte: number;
  /** Number of the first record's line. */
  readonly line: number;
  /** Names in the header line; null when there is none to read. */
  readonly fields: readonly string[] | null;
}

export interface HeaderOptions {
  readonly path: string;
  readonly delimiter: string;
}

/** Reads the start of a file from its first byte; `header` null means that it has none. */
export function readFileStart(lines: FileLines, header: HeaderOptions | null): FileStart {
  lines.seek(0);
  lines.fill('finish');
  const { buffer } = lines;
  const marked = buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf;
  const byte = marked ? 3 : 0;
  if (header === null) return { byte, line: 1, fields: null };
  const scanner = new CsvScanner(header.delimiter);
  const fields: string[] = [];
  let at = byte;
  while (at < lines.to) {
    at = scanner.field(buffer, at, lines.to);
    if (at < 0) break;
    fields.push(decodeText(scanner.bytes, scanner.start, scanner.end - scanner.start));
    if (scanner.isLast(buffer, at)) {
      return { byte: at + 1, line: 2 + scanner.innerLines, fields };
    }
    at += 1;
  }
  throw new ConnectorError('FILE_READ', {
    message: `file "${header.path}" has no CSV header in its first line`,
    hint: "write the column names there, or set 'csv.header' = 'false'",
  });
}
