/**
 * The schema of a file that a query names by its path, from its first 1,000 records. Owns sampling
 * and CSV types; JSON types are infer-json.ts. A file that has no schema is a ConnectorError.
 */
import { ConnectorError } from '../../base/errors.js';
import { decodeText } from '../../columnar/text-bytes.js';
import { VARCHAR } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { CsvScanner } from '../../formats/text/csv-scanner.js';
import type { CsvDialect } from '../../formats/text/csv-dialect.js';
import type { PhysicalColumn } from '../../plan/schema.js';
import { containerOf } from './container/container-bytes.js';
import { formatOfPath, isContainerFormat, saysFormat } from './file-format.js';
import type { FileFormat } from './file-format.js';
import { writtenDialect } from './file-options.js';
import type { FileOptions } from './file-options.js';
import type { ByteSource } from './file-bytes.js';
import { openContent } from './compressed/content.js';
import { samplePipe } from './compressed/pipe-sample.js';
import { UnpackedBytes } from './compressed/unpacked-bytes.js';
import { recordBytes } from './documents/document-bytes.js';
import { FirstFault, startHint } from './documents/first-fault.js';
import type { Encoding } from './encoding/text-encoding.js';
import { encodingFound, utf8Bytes } from './encoding/utf8-bytes.js';
import { FileLines } from './file-lines.js';
import { readFileStart } from './file-start.js';
import { pipeToPeek } from './pipes.js';
import { filesOf } from './set/file-set.js';
import { fieldType, widerType } from '../csv/csv-types.js';
import { encodingRemark } from '../csv/csv-remarks.js';
import type { CsvRemark } from '../csv/csv-remarks.js';
import { JsonInference } from '../infer-json.js';
import { TimesSeen } from '../infer-times.js';
import { RAW_COLUMN } from '../raw-column.js';

/** Records that are looked at, and in how many files. */
const SAMPLE_RECORDS_MAX = 1000;
const SAMPLE_FILES_MAX = 32;

const SNIFFED_BYTES = 4096;

const LINE_FEED = 10;

export interface InferredFile {
  readonly columns: readonly PhysicalColumn[];
  readonly format: FileFormat;
  /** How a CSV file is written; null: another format. */
  readonly dialect: CsvDialect | null;
  /** What was found out that is not usual. */
  readonly remarks: readonly CsvRemark[];
  /** Of a pipe, which cannot be looked at twice, or one file; null: each of many has its own. */
  readonly encoding: Encoding | null;
}

type InferredRecords = Pick<InferredFile, 'columns' | 'dialect' | 'remarks'>;

/**
 * `sniff`: nobody says the format, and a pipe has no name that would. Throws ConnectorError
 * DATA_FILE_MISSING, FILE_READ or SCHEMA_INFERENCE.
 */
export async function inferFileSchema(
  given: FileOptions,
  { sniff }: { readonly sniff: boolean },
): Promise<InferredFile> {
  const pipe = pipeToPeek(given.path);
  const peek =
    pipe === null ? null : await samplePipe(pipe, { ...given, records: SAMPLE_RECORDS_MAX });
  const files = pipe === null ? sampledFiles(given.path) : [given.path];
  const [path = given.path] = files;
  const textOf = async (file: string): Promise<ByteSource> => {
    const bytes = peek?.() ?? (await sampleOf(file, given.recordBytesMax));
    return utf8Bytes(bytes, given, bytes.arrives);
  };
  const options = sniff
    ? { ...given, path, format: await formatOfContent(path, textOf) }
    : { ...given, path };
  const { format } = options;
  if (isContainerFormat(format)) {
    const { containerColumns } = await import('./container/container-schema.js');
    const columns = await containerColumns(files, format);
    return { columns, format, dialect: null, remarks: [], encoding: null };
  }
  if (format === 'raw') {
    const text = await textOf(path);
    const encoding = encodingOfSample(text);
    text.close();
    const columns = [{ name: RAW_COLUMN, type: VARCHAR }];
    const found = { columns, dialect: null, remarks: [] };
    return inferred(found, { format, encoding, isGiven: given.encoding !== null, files });
  }
  const texts: ByteSource[] = [];
  const open = async (file: string): Promise<FileLines> => {
    const text = await textOf(file);
    texts.push(text);
    return new FileLines(recordBytes(text, options), options.recordBytesMax);
  };
  const found =
    format === 'json' ? await inferJson(files, options, open) : inferCsv(options, await open(path));
  const [text] = texts;
  const encoding = text === undefined ? 'utf-8' : encodingFound(text);
  return inferred(found, { format, encoding, isGiven: given.encoding !== null, files });
}

/** With a remark on an encoding that was found out; each of many files has its own. */
function inferred(
  found: InferredRecords,
  parts: {
    readonly format: FileFormat;
    readonly encoding: Encoding;
    readonly isGiven: boolean;
    readonly files: readonly string[];
  },
): InferredFile {
  const { format, encoding, isGiven, files } = parts;
  const remark = isGiven ? null : encodingRemark(encoding);
  const remarks = remark === null ? found.remarks : [remark, ...found.remarks];
  return { ...found, format, remarks, encoding: files.length === 1 ? encoding : null };
}

/** Of bytes that nobody has read yet; the first one that is read finds it out. */
function encodingOfSample(text: ByteSource): Encoding {
  text.read(new Uint8Array(1), 0, 1, 0);
  return encodingFound(text);
}

/** Of many files some, from the first to the last. */
function sampledFiles(path: string): readonly string[] {
  const files = filesOf(path);
  const count = Math.min(files.length, SAMPLE_FILES_MAX);
  const step = (files.length - 1) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, at) => files[Math.round(at * step)] as string);
}

/** A file, or the start of one that has to be unpacked. */
async function sampleOf(path: string, bytesMax: number): Promise<ByteSource> {
  const bytes = openContent(path);
  if (bytes instanceof UnpackedBytes) {
    await bytes.gather({ records: SAMPLE_RECORDS_MAX, bytesMax, within: Infinity });
  }
  return bytes;
}

/** What a pipe holds, or a file whose name does not say it; a container says it before its name. */
async function formatOfContent(
  path: string,
  open: (path: string) => Promise<ByteSource>,
): Promise<FileFormat> {
  const container = containerOf(path);
  if (container !== null) return container;
  if (saysFormat(path)) return formatOfPath(path);
  const sample = await open(path);
  try {
    return formatOfSample(sample);
  } finally {
    sample.close();
  }
}

/** CSV where the first line is no JSON and has commas, or as many ; | or tabs as the second. */
function formatOfSample(sample: ByteSource): FileFormat {
  const bytes = new Uint8Array(SNIFFED_BYTES);
  const length = Math.max(0, sample.read(bytes, 0, SNIFFED_BYTES, 0));
  const [first = '', second = ''] = decodeText(bytes, 0, length)
    .trimStart()
    .split(/\r\n|[\r\n]/);
  if (/^[{[]/.test(first)) return 'json';
  const isCsv = [';', '\t', '|'].some((delimiter) => {
    const fields = first.split(delimiter).length;
    return fields > 1 && second.split(delimiter).length === fields;
  });
  return isCsv || first.includes(',') ? 'csv' : 'json';
}

/** The columns of all of them: a key may be in some files only. */
async function inferJson(
  files: readonly string[],
  { times }: FileOptions,
  open: (path: string) => Promise<FileLines>,
): Promise<InferredRecords> {
  const inference = new JsonInference({ times });
  const faults = new FirstFault();
  const [path = ''] = files;
  const most = Math.ceil(SAMPLE_RECORDS_MAX / files.length);
  let seen = 0;
  for (const file of files) {
    const lines = await open(file);
    try {
      seen += sampleJson(lines, most, (bytes, from, to) => {
        faults.look(bytes, from, to);
        inference.add(bytes, from, to);
      });
    } finally {
      lines.close();
    }
  }
  const columns = inference.columns();
  if (columns.length > 0) return { columns, dialect: null, remarks: unsure(inference.remarks()) };
  throw new ConnectorError('SCHEMA_INFERENCE', {
    message: `schema of file "${path}" cannot be inferred: ${seen === 0 ? 'the file is empty' : faults.text}`,
    hint: faults.hint,
  });
}

/** Takes in records of one file; how many. */
function sampleJson(
  lines: FileLines,
  most: number,
  add: (bytes: Uint8Array, from: number, to: number) => void,
): number {
  lines.seek(readFileStart(lines, null)?.byte ?? 0);
  let seen = 0;
  while (seen < most && moreLines(lines)) {
    const end = lines.buffer.indexOf(LINE_FEED, lines.from);
    add(lines.buffer, lines.from, end);
    lines.from = end + 1;
    seen += 1;
  }
  return seen;
}

/** Whether whole lines are at hand; a line that is too large ends the sample. */
function moreLines(lines: FileLines): boolean {
  return lines.from < lines.to || lines.fill('finish') === 'lines';
}

function inferCsv(options: FileOptions, lines: FileLines): InferredRecords {
  try {
    return inferCsvRecords(options, lines);
  } finally {
    lines.close();
  }
}

/** A file that is called CSV, and holds something else. */
function refuseOther(path: string, { buffer, bytesKnown }: FileLines): void {
  const head = buffer.subarray(0, Math.min(bytesKnown, SNIFFED_BYTES));
  const isJson = /^\ufeff?\s*(?:\{\s*"|\[\s*[[{"\d])/.test(decodeText(head, 0, head.length));
  const hint = isJson ? `read it as JSON: '${path}?format=json'` : startHint(head);
  if (hint === null) return;
  throw new ConnectorError('SCHEMA_INFERENCE', {
    message: `schema of file "${path}" cannot be inferred: it is no CSV`,
    hint,
  });
}

function inferCsvRecords({ path, csv, times }: FileOptions, lines: FileLines): InferredRecords {
  if (lines.fill('finish') === 'lines') refuseOther(path, lines);
  const start = readFileStart(lines, { path, csv, columns: null, grows: false });
  if (start?.csv == null) {
    return { columns: [], dialect: writtenDialect(csv), remarks: [] };
  }
  const { dialect, lineEnd, remarks, fieldCount } = start.csv;
  const places = Array.from({ length: fieldCount }, (_, index) => `column${index}`);
  const names = start.csv.fields ?? places;
  const seenColumns = names.map((): SeenColumn => ({ type: null, times: new TimesSeen() }));
  const scanner = new CsvScanner(dialect, lineEnd);
  lines.seek(start.byte);
  for (let seen = 0; seen < SAMPLE_RECORDS_MAX && moreLines(lines); seen += 1) {
    if (!addCsvRecord(scanner, { lines, dialect }, seenColumns)) break;
  }
  const columns = names.map((name, index) => ({ name, type: seenColumns[index]?.type ?? VARCHAR }));
  if (!times) return { columns, dialect, remarks };
  const said = columns.flatMap(
    ({ name, type }, at) => seenColumns[at]?.times.remarkOf(name, type) ?? [],
  );
  const asTimes = columns.map(({ name, type }, at) => {
    return { name, type: seenColumns[at]?.times.typeOf(name, type) ?? type };
  });
  return { columns: asTimes, dialect, remarks: [...remarks, ...unsure(said)] };
}

function unsure(texts: readonly string[]): CsvRemark[] {
  return texts.map((text) => ({ text, isUnsure: true }));
}

/** A column of CSV so far. */
interface SeenColumn {
  type: SqlType | null;
  readonly times: TimesSeen;
}

/** Takes one record in; false when the rest cannot be read as records. */
function addCsvRecord(
  scanner: CsvScanner,
  { lines, dialect }: { readonly lines: FileLines; readonly dialect: CsvDialect },
  columns: readonly SeenColumn[],
): boolean {
  const { buffer, to, lineEnd } = lines;
  let at = lines.from;
  if (dialect.comment !== null && buffer[at] === dialect.comment.charCodeAt(0)) {
    lines.from = buffer.indexOf(lineEnd, at) + 1;
    return true;
  }
  for (let field = 0; ; field += 1) {
    at = scanner.field(buffer, at, to);
    if (at < 0) return false;
    const column = columns[field];
    if (column !== undefined) {
      const text = decodeText(scanner.bytes, scanner.start, scanner.end - scanner.start);
      const found = fieldType({ text, quoted: scanner.quoted }, dialect);
      column.type = widerType(column.type, found);
      if (found?.kind === 'bigint') column.times.addNumber(text);
      else if (found !== null) column.times.addText(text);
    }
    if (scanner.isLast(buffer, at)) break;
    at += 1;
  }
  lines.from = at + 1;
  return true;
}
