/**
 * The file connector: opens tables with 'connector' = 'file' for reading and writing, and files
 * for dead letters. Owns how the parts are put together; options are file-options.ts, reading is
 * file-source.ts and file-lines.ts, writing is open-output.ts.
 */
import { fstatSync } from 'node:fs';
import { assert } from '../../base/assert.js';
import { ConnectorError } from '../../base/errors.js';
import { CsvRecordEnd } from '../../formats/text/csv-scanner.js';
import type { RecordDecoder } from '../../formats/decoder.js';
import { createDecoder } from '../../formats/decoder-registry.js';
import type { DecoderOptions } from '../../formats/decoder-registry.js';
import type { ContainerWriting } from '../../formats/container/container-encoder.js';
import { isOutputFormat } from '../../formats/encoder.js';
import type { PhysicalColumn, TableDefinition } from '../../plan/schema.js';
import { encodingRemark, remarkLine } from '../csv/csv-remarks.js';
import { sameNames } from '../csv/header-names.js';
import { encodingFound, isOtherThanUtf8, utf8Bytes } from './encoding/utf8-bytes.js';
import { fileOptions, writtenDialect } from './file-options.js';
import type { FileOptions } from './file-options.js';
import { FileBatch } from './file-batch.js';
import { DocumentBytes, isDocumentFile, recordBytes } from './documents/document-bytes.js';
import { DocumentEnd } from './documents/document-lines.js';
import { isCompressedFile, openContent } from './compressed/content.js';
import { BLOCK_BYTES, FileLines } from './file-lines.js';
import { AppendingFile } from './appending-file.js';
import { visibleStats } from './file-bytes.js';
import type { ByteSource } from './file-bytes.js';
import { isContainerFormat } from './file-format.js';
import { fileTarget } from './file-target.js';
import { FileSplit } from './file-source.js';
import type { BegunFile } from './file-source.js';
import { openFileOutput } from './open-output.js';
import { readFileStart } from './file-start.js';
import type { CsvFileStart } from './file-start.js';
import { filesOf, isOneFile, windowBytesOf } from './set/file-set.js';
import { StreamLines } from './stream-lines.js';
import type { LineWriter, SinkEnvironment } from '../connector.js';
import type { Sink, SinkRequest } from '../sink.js';
import type { SplitExtent } from '../shared-split.js';
import type { Source, SourceRequest } from '../source.js';

/** What a table's path names, whatever it holds. */
export async function openFiles(request: SourceRequest): Promise<Source> {
  const { format } = fileOptions(request.table);
  if (!isContainerFormat(format)) return openFileSource(request);
  const { openContainerSource } = await import('./container/container-source.js');
  return openContainerSource(request, format);
}

/**
 * Files of lines. Opens every file at once; throws ConnectorError DATA_FILE_MISSING, ConfigError for bad options.
 * Each file is a split, so that event times are compared within a file only.
 */
export function openFileSource(request: SourceRequest): Source {
  const options = fileOptions(request.table);
  const { path: named, follow, recordBytesMax } = options;
  const files = request.splitNames ?? (follow ? [named] : filesOf(named));
  const windowBytes = windowBytesOf(files.length, BLOCK_BYTES);
  const batches = new Map<string, FileBatch>();
  const splits = files.map((path, split) => {
    const text = utf8Bytes(openContent(path, { follow, files: files.length }), options);
    const bytes = recordBytes(text, options);
    const lines = new FileLines(bytes, recordBytesMax, windowBytes);
    const begin = (begun: FileLines): BegunFile | null =>
      beginFile(request, { ...options, path }, { text, bytes, lines: begun, batches });
    const reopen = (): ByteSource => utf8Bytes(openContent(path, { follow: true }), options);
    return new FileSplit(request, { ...options, split, path, lines, reopen, begin });
  });
  return {
    bounded: !follow,
    splits,
    commit: () => Promise.resolve(),
    close: () => {
      for (const split of splits) split.close();
      return Promise.resolve();
    },
  };
}

interface OpenedFile {
  readonly text: ByteSource;
  readonly bytes: ByteSource;
  readonly lines: FileLines;
  /** Of all files of the table, by what they are decoded with. */
  readonly batches: Map<string, FileBatch>;
}

/** Reads the start of the file, if it has come, and gets ready for its records. */
function beginFile(
  request: SourceRequest,
  { path, format, csv, follow, encoding, recordBytesMax }: FileOptions,
  { text, bytes, lines, batches }: OpenedFile,
): BegunFile | null {
  const { table, physical } = request;
  assert(!isContainerFormat(format), 'files of lines are opened here');
  const isCsv = format === 'csv';
  const grows = follow || lines.arrives;
  const start = readFileStart(lines, isCsv ? { path, csv, columns: table.physical, grows } : null);
  if (start === null) return null;
  const remark = encoding === null ? encodingRemark(encodingFound(text)) : null;
  if (remark?.isUnsure === true) request.notice(remarkLine(path, [remark]));
  const columns = physical.map((index) => table.physical[index] as PhysicalColumn);
  const { byte, line } = start;
  const form = start.csv === null ? {} : csvForm(request, { path, columns }, start.csv);
  const documents = bytes instanceof DocumentBytes && bytes.documents === true;
  const key = JSON.stringify({ ...form, documents });
  const decoder = (): RecordDecoder => createDecoder(format, columns, form);
  const batch =
    batches.get(key) ?? new FileBatch({ request, recordBytesMax, decoder: decoder(), documents });
  batches.set(key, batch);
  if (documents) return { byte, line: 1, batch, recordEnd: new DocumentEnd() };
  const recordEnd =
    start.csv === null ? null : new CsvRecordEnd(start.csv.dialect, start.csv.lineEnd);
  return { byte, line, batch, recordEnd };
}

/** What records of a CSV file are decoded by; says what was found out and could be otherwise. */
function csvForm(
  { table, notice }: SourceRequest,
  { path, columns }: { readonly path: string; readonly columns: readonly PhysicalColumn[] },
  { fields, dialect, lineEnd, remarks }: CsvFileStart,
): DecoderOptions {
  if (remarks.some(({ isUnsure }) => isUnsure)) notice(remarkLine(path, remarks));
  const declared = table.physical;
  return { csv: dialect, lineEnd, fields: fieldColumns(path, fields, { columns, declared }) };
}

/** The declared column that each field of a record is. */
function fieldColumns(
  path: string,
  header: readonly string[] | null,
  table: {
    readonly columns: readonly PhysicalColumn[];
    readonly declared: readonly PhysicalColumn[];
  },
): readonly string[] {
  const names = table.declared.map(({ name }) => name);
  if (header === null) return names;
  const found = sameNames(names, header);
  const fields = header.map((field) => names[found.indexOf(field)] ?? field);
  const missing = table.columns.find(({ name }) => !fields.includes(name));
  if (missing === undefined) return fields;
  throw new ConnectorError('FILE_READ', {
    message: `column "${missing.name}" is not in the header of file "${path}"`,
    hint: `its header has ${header.join(', ')}`,
  });
}

/**
 * 'shared' where blocks can be found without being decoded, at any place of the file: JSON lines,
 * no documents, and raw lines, all in UTF-8, of regular files that are neither compressed nor
 * followed. A missing file is missed when it is opened.
 */
export function fileSharing(table: TableDefinition): 'shared' | 'local' {
  const { path, format, follow, encoding } = fileOptions(table);
  if (format === 'csv' || isContainerFormat(format) || follow) return 'local';
  const stats = visibleStats(path);
  if (stats === undefined && isOneFile(path)) return 'shared';
  if (stats !== undefined && !stats.isFile() && !stats.isDirectory()) return 'local';
  const isMade = (file: string): boolean =>
    isCompressedFile(file) ||
    isOtherThanUtf8(file, { encoding, format }) ||
    (format === 'json' && isDocumentFile(file));
  return filesOf(path).some(isMade) ? 'local' : 'shared';
}

/** Bytes of a regular file. */
export function fileExtent(path: string): SplitExtent | null {
  const stats = visibleStats(path);
  return stats?.isFile() === true ? { start: 0, end: stats.size } : null;
}

/** Opens what the table's path names at once; see open-output.ts for when its rows are seen. */
export async function openFileSink(
  request: SinkRequest,
  environment: SinkEnvironment,
): Promise<Sink> {
  const { table } = request;
  assert(table !== null, 'rows without a table go to stdout');
  const options = fileOptions(table, 'written');
  const { format, path, rolling } = options;
  if (isContainerFormat(format)) {
    const { changelog } = request;
    const container: ContainerWriting =
      format === 'avro'
        ? { format, codec: options.avroCodec, changelog }
        : { format, codec: options.parquetCodec, changelog };
    return openFileOutput(
      request,
      { path, append: false, rolling, encoding: null, container },
      environment,
    );
  }
  assert(isOutputFormat(format), 'options of a table that is written are checked');
  const { delimiter, header, nullLiteral } = writtenDialect(options.csv);
  const encoding = {
    format,
    options: { changelog: request.changelog, delimiter, header, nullLiteral },
  };
  return openFileOutput(
    request,
    { path, append: options.append, rolling, encoding, container: null },
    environment,
  );
}

/** A file that lines are appended to, each at once: what was written survives the process. */
export function openFileLineWriter(path: string): LineWriter {
  const target = fileTarget(path);
  if (target.kind === 'fifo') return new StreamLines(path, null);
  if (target.kind === 'descriptor' && !fstatSync(target.fd).isFile()) {
    return new StreamLines(path, target.fd);
  }
  return new AppendingFile(path);
}
