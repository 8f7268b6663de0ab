/**
 * Where the records of a file start: behind a byte order mark and, for CSV, behind the header line,
 * whose names it reads; and how a CSV file is written and its lines end, as far as nobody says it.
 * Shared by the file source and schema inference.
 */
import { ConnectorError } from '../../base/errors.js';
import { decodeText } from '../../columnar/text-bytes.js';
import { CARRIAGE_RETURN, CsvScanner, LINE_FEED } from '../../formats/text/csv-scanner.js';
import type { CsvDialect } from '../../formats/text/csv-dialect.js';
import type { PhysicalColumn } from '../../plan/schema.js';
import type { CsvSample } from '../csv/csv-layout.js';
import { sniffCsv } from '../csv/csv-sniffer.js';
import type { CsvRemark } from '../csv/csv-remarks.js';
import { distinctNames } from '../csv/header-names.js';
import type { FileLines } from './file-lines.js';
import { writtenDialect } from './file-options.js';
import type { CsvChoice } from './file-options.js';

const QUOTE = 34;

/** A file is looked at so far; a sample ends with a line. */
const SAMPLE_BYTES_MAX = 256 * 1024;

export interface FileStart {
  readonly byte: number;
  /** Number of the first record's line. */
  readonly line: number;
  /** Of a CSV file; null: another format. */
  readonly csv: CsvFileStart | null;
}

export interface CsvFileStart {
  /** Names in the header line, each once; null when there is none to read. */
  readonly fields: readonly string[] | null;
  /** How many fields a record has. */
  readonly fieldCount: number;
  /** The byte that ends a line. */
  readonly lineEnd: number;
  readonly dialect: CsvDialect;
  readonly remarks: readonly CsvRemark[];
}

export interface CsvStart {
  readonly path: string;
  readonly csv: CsvChoice;
  /** Declared columns; null: the file says which there are. */
  readonly columns: readonly PhysicalColumn[] | null;
  /** What comes later is not known, or not there yet: only the first line is looked at. */
  readonly grows: boolean;
}

/**
 * Reads the start of a file from its first byte; `csv` null: the lines are of another format. null:
 * a pipe has no whole line yet.
 */
export function readFileStart(lines: FileLines, csv: CsvStart | null): FileStart | null {
  lines.seek(0);
  // Of a pipe lines may be at hand, and no more to come now.
  if (lines.from === lines.to && lines.fill('finish') === 'wait') return null;
  const marked = [0xef, 0xbb, 0xbf].every((byte, at) => lines.buffer[at] === byte);
  const byte = marked ? 3 : 0;
  if (csv === null) return { byte, line: 1, csv: null };
  const lineEnd = lineEndOf(lines.buffer, byte, lines.bytesKnown);
  if (lineEnd !== LINE_FEED) lines.endLinesWith(lineEnd);
  const sniffed = csv.csv.detect
    ? sniffCsv({ ...csv, ...csv.csv, sample: sampleOf(lines, byte, csv.grows) })
    : { dialect: writtenDialect(csv.csv), fieldCount: 0, remarks: [] };
  const { dialect } = sniffed;
  const first = skipLines(lines, { byte, dialect });
  if (!dialect.header) return { ...first, csv: { ...sniffed, lineEnd, fields: null } };
  const { fields, ...start } = readHeader(lines, csv.path, dialect, first);
  return { ...start, csv: { ...sniffed, lineEnd, fields, fieldCount: fields.length } };
}

function sampleOf(lines: FileLines, from: number, isFirstLine: boolean): CsvSample {
  // The last line of a small file may lack its line end.
  while (!isFirstLine && lines.bytesKnown < SAMPLE_BYTES_MAX) {
    if (lines.fill('finish') !== 'lines') break;
  }
  const { buffer, to, lineEnd } = lines;
  const last = isFirstLine
    ? buffer.indexOf(lineEnd, from) + 1
    : buffer.subarray(0, Math.min(to, from + SAMPLE_BYTES_MAX)).lastIndexOf(lineEnd) + 1;
  const end = last > from ? Math.min(last, to) : to;
  return { bytes: buffer, from, to: end, lineEnd, isAll: lines.final && end === to };
}

interface FirstLine {
  readonly byte: number;
  readonly line: number;
}

/** Behind the lines that are left out, and the comments behind them. */
function skipLines(
  { buffer, to, lineEnd }: FileLines,
  { byte, dialect }: { readonly byte: number; readonly dialect: CsvDialect },
): FirstLine {
  const comment = dialect.comment?.charCodeAt(0);
  let at = byte;
  let line = 1;
  while (at < to && (line <= dialect.skipLines || buffer[at] === comment)) {
    at = buffer.indexOf(lineEnd, at) + 1;
    line += 1;
  }
  return { byte: at, line };
}

function readHeader(
  { buffer, to, lineEnd }: FileLines,
  path: string,
  dialect: CsvDialect,
  { byte, line }: FirstLine,
): FirstLine & { readonly fields: readonly string[] } {
  const scanner = new CsvScanner(dialect, lineEnd);
  const names: string[] = [];
  let at = byte;
  while (at < to) {
    at = scanner.field(buffer, at, to);
    if (at < 0) break;
    names.push(decodeText(scanner.bytes, scanner.start, scanner.end - scanner.start));
    if (scanner.isLast(buffer, at)) {
      const behind = line + 1 + scanner.innerLines;
      return { byte: at + 1, line: behind, fields: distinctNames(names) };
    }
    at += 1;
  }
  throw new ConnectorError('FILE_READ', {
    message: `file "${path}" has no CSV header in its first line`,
    hint: "write the column names there, or set 'csv.header' = 'false'",
  });
}

/** CR where the first line ends in a CR that no LF follows. */
function lineEndOf(buffer: Uint8Array, from: number, to: number): number {
  let quoted = false;
  for (let at = from; at < to; at += 1) {
    const byte = buffer[at];
    if (byte === QUOTE) quoted = !quoted;
    else if (quoted) continue;
    else if (byte === LINE_FEED) return LINE_FEED;
    else if (byte === CARRIAGE_RETURN) {
      return at + 1 < to && buffer[at + 1] !== LINE_FEED ? CARRIAGE_RETURN : LINE_FEED;
    }
  }
  return LINE_FEED;
}
