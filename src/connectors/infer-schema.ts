/**
 * The schema of a file that a query names by its path, from its first 1,000 records. Owns sampling
 * and CSV types; JSON types are infer-json.ts. A file that has no schema is a ConnectorError.
 */
import { ConnectorError } from '../base/errors.js';
import { decodeText } from '../columnar/column.js';
import { BIGINT, BOOLEAN, DOUBLE, VARCHAR } from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import { CsvScanner } from '../formats/csv-scanner.js';
import type { InputFormat } from '../formats/decoder-registry.js';
import type { PhysicalColumn } from '../plan/schema.js';
import { delimiterOfPath, formatOfPath } from './file-format.js';
import { FileLines } from './file-lines.js';
import { readFileStart } from './file-start.js';
import { JsonInference, numberShape } from './infer-json.js';

/** Records that are looked at. */
const SAMPLE_RECORDS_MAX = 1000;
const RECORD_BYTES_MAX = 16 * 1024 * 1024;

const LINE_FEED = 10;

export interface InferredFile {
  readonly columns: readonly PhysicalColumn[];
  readonly format: InputFormat;
}

/** Throws ConnectorError DATA_FILE_MISSING, FILE_READ or SCHEMA_INFERENCE. */
export function inferFileSchema(path: string): InferredFile {
  const lines = new FileLines(path, RECORD_BYTES_MAX);
  try {
    const format = formatOfPath(path);
    const columns = format === 'csv' ? inferCsv(path, lines) : inferJson(path, lines);
    return { columns, format };
  } finally {
    lines.close();
  }
}

function inferJson(path: string, lines: FileLines): readonly PhysicalColumn[] {
  lines.seek(readFileStart(lines, null).byte);
  const inference = new JsonInference();
  let seen = 0;
  while (seen < SAMPLE_RECORDS_MAX && moreLines(lines)) {
    const end = lines.buffer.indexOf(LINE_FEED, lines.from);
    inference.add(lines.buffer, lines.from, end);
    lines.from = end + 1;
    seen += 1;
  }
  const columns = inference.columns();
  if (columns.length > 0) return columns;
  throw new ConnectorError('SCHEMA_INFERENCE', {
    message:
      seen === 0
        ? `schema of file "${path}" cannot be inferred: the file is empty`
        : `schema of file "${path}" cannot be inferred: none of its first ${seen} lines is a JSON object with keys`,
    hint: 'declare the columns with CREATE TABLE',
  });
}

/** Whether whole lines are at hand; a line that is too large ends the sample. */
function moreLines(lines: FileLines): boolean {
  return lines.from < lines.to || lines.fill('finish') === 'lines';
}

function inferCsv(path: string, lines: FileLines): readonly PhysicalColumn[] {
  const delimiter = delimiterOfPath(path);
  const start = readFileStart(lines, { path, delimiter });
  const fields = start.fields ?? [];
  const types: (SqlType | null)[] = fields.map(() => null);
  const scanner = new CsvScanner(delimiter);
  lines.seek(start.byte);
  for (let seen = 0; seen < SAMPLE_RECORDS_MAX && moreLines(lines); seen += 1) {
    if (!addCsvRecord(scanner, lines, types)) break;
  }
  return fields.map((name, index) => ({ name, type: types[index] ?? VARCHAR }));
}

/** Takes one record in; false when the rest cannot be read as records. */
function addCsvRecord(scanner: CsvScanner, lines: FileLines, types: (SqlType | null)[]): boolean {
  const { buffer, to } = lines;
  let at = lines.from;
  for (let field = 0; ; field += 1) {
    at = scanner.field(buffer, at, to);
    if (at < 0) return false;
    const text = decodeText(scanner.bytes, scanner.start, scanner.end - scanner.start);
    if (text !== '' && field < types.length) {
      types[field] = widerType(types[field] ?? null, csvType(text));
    }
    if (scanner.isLast(buffer, at)) break;
    at += 1;
  }
  lines.from = at + 1;
  return true;
}

function csvType(text: string): SqlType {
  if (/^(true|false)$/i.test(text)) return BOOLEAN;
  // Leading zeros belong to codes (postal, account), which are texts.
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return VARCHAR;
  return numberShape(text) === 'bigint' ? BIGINT : DOUBLE;
}

function widerType(known: SqlType | null, found: SqlType): SqlType {
  if (known === null || known.kind === found.kind) return found;
  const numbers = [known.kind, found.kind].every((kind) => kind === 'bigint' || kind === 'double');
  return numbers ? DOUBLE : VARCHAR;
}
