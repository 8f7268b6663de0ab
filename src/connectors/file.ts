/**
 * The file connector: opens tables with 'connector' = 'file' for reading and writing, and files
 * for dead letters. Owns the options and the start of a file (byte order mark, CSV header); reading
 * is file-source.ts and file-lines.ts, writing is file-sink.ts.
 */
import { statSync } from 'node:fs';
import { assert } from '../base/assert.js';
import { ConfigError, ConnectorError } from '../base/errors.js';
import { createDecoder, INPUT_FORMATS } from '../formats/decoder-registry.js';
import type { InputFormat } from '../formats/decoder-registry.js';
import type { PhysicalColumn, TableDefinition } from '../plan/schema.js';
import { delimiterOfPath, formatOfPath } from './file-format.js';
import { FileLines } from './file-lines.js';
import { AppendingFile, FileSink } from './file-sink.js';
import { FileSplit } from './file-source.js';
import { readFileStart } from './file-start.js';
import { keyFields } from './key-fields.js';
import type { Sink, SinkRequest } from './sink.js';
import type { Source, SourceRequest } from './source.js';

const RECORD_BYTES_MAX = 16 * 1024 * 1024;
/** Above this a line's length no longer fits the 32-bit positions of a batch. */
const RECORD_BYTES_LIMIT = 1024 * 1024 * 1024;

const OPTION_KEYS = [
  'path',
  'format',
  'follow',
  'record.max-bytes',
  'csv.field-delimiter',
  'csv.header',
  'key.fields',
  'source.idle-timeout',
] as const;
type OptionKey = (typeof OPTION_KEYS)[number];

/** Options of Flink's formats at the values that say what velo does anyway (--on-error decides). */
const FLINK_DEFAULTS: Readonly<Record<string, string>> = {
  'csv.ignore-parse-errors': 'false',
  'json.ignore-parse-errors': 'false',
  'json.fail-on-missing-field': 'false',
  'json.timestamp-format.standard': 'ISO-8601',
};

export interface FileOptions {
  readonly path: string;
  readonly format: InputFormat;
  readonly follow: boolean;
  readonly recordBytesMax: number;
  readonly csv: { readonly delimiter: string; readonly header: boolean };
}

/** Opens the file at once; throws ConnectorError DATA_FILE_MISSING, ConfigError for bad options. */
export function openFileSource(request: SourceRequest): Source {
  const options = fileOptions(request.table);
  keyFields(request.table);
  const lines = new FileLines(options.path, options.recordBytesMax);
  const hasHeader = options.format === 'csv' && options.csv.header;
  const header = hasHeader ? { path: options.path, delimiter: options.csv.delimiter } : null;
  const start = readFileStart(lines, header);
  const columns = request.physical.map((index) => request.table.physical[index] as PhysicalColumn);
  if (start.fields !== null) checkHeader(options.path, columns, start.fields);
  const decoder = createDecoder(options.format, columns, {
    delimiter: options.csv.delimiter,
    fields: start.fields ?? request.table.physical.map((column) => column.name),
  });
  const split = new FileSplit(request, { ...options, start }, lines, decoder);
  return {
    bounded: !options.follow,
    splits: [split],
    rowsTotal: null,
    commit: () => Promise.resolve(),
    close: () => {
      split.close();
      return Promise.resolve();
    },
  };
}

/**
 * 'shared' where blocks can be found without being decoded, at any place of the file: JSON lines
 * and raw lines of a regular file that is not followed. A missing file is missed when it is opened.
 */
export function fileSharing(table: TableDefinition): 'shared' | 'home' {
  const { path, format, follow } = fileOptions(table);
  if (format === 'csv' || follow) return 'home';
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined || stats.isFile() ? 'shared' : 'home';
}

function checkHeader(
  path: string,
  columns: readonly PhysicalColumn[],
  fields: readonly string[],
): void {
  const missing = columns.find((column) => !fields.includes(column.name));
  if (missing === undefined) return;
  throw new ConnectorError('FILE_READ', {
    message: `column "${missing.name}" is not in the header of file "${path}"`,
    hint: `its header has ${fields.join(', ')}`,
  });
}

/** Opens the staging file at once; the file appears, or is replaced, when the sink is closed. */
export async function openFileSink(request: SinkRequest): Promise<Sink> {
  const { table } = request;
  assert(table !== null, 'rows without a table go to stdout');
  const options = fileOptions(table);
  if (options.format === 'raw') {
    throw new ConfigError('SETTING_INVALID', {
      message: `format "raw" of table "${table.name}" cannot be written`,
      hint: "write 'format' = 'json' or 'csv'",
    });
  }
  const { delimiter, header } = options.csv;
  const encoding = {
    format: options.format,
    options: { changelog: request.changelog, delimiter, header },
  };
  return FileSink.open(options.path, request.schema, encoding);
}

/** A file that lines are appended to, each at once: what was written survives the process. */
export function openFileLineWriter(path: string): AppendingFile {
  return new AppendingFile(path);
}

/** Throws ConfigError SETTING_INVALID for options that are missing, unknown or have bad values. */
export function fileOptions(table: TableDefinition): FileOptions {
  const { options } = table;
  for (const key of Object.keys(options)) {
    if ((OPTION_KEYS as readonly string[]).includes(key)) continue;
    const only = FLINK_DEFAULTS[key];
    if (only === options[key]) continue;
    if (only !== undefined) invalid(table, key, `bad records follow --on-error; leave "${only}"`);
    throw new ConfigError('SETTING_INVALID', {
      message: `unknown option "${key}" of connector "file" in table "${table.name}"`,
      hint: `the file connector takes ${OPTION_KEYS.join(', ')}`,
    });
  }
  const path = options['path'];
  if (path === undefined || path === '') {
    throw new ConfigError('SETTING_INVALID', {
      message: `table "${table.name}" has no "path"`,
      hint: "name the file: 'path' = 'trades.jsonl'",
    });
  }
  return {
    path,
    format: formatOption(table, path),
    follow: booleanOption(table, 'follow', false),
    recordBytesMax: bytesOption(table),
    csv: {
      delimiter: delimiterOption(table, path),
      header: booleanOption(table, 'csv.header', true),
    },
  };
}

function formatOption(table: TableDefinition, path: string): InputFormat {
  const name = table.options['format'] ?? formatOfPath(path);
  const found = INPUT_FORMATS.find((format) => format === name);
  return found ?? invalid(table, 'format', `choose one of ${INPUT_FORMATS.join(', ')}`);
}

function booleanOption(table: TableDefinition, key: OptionKey, otherwise: boolean): boolean {
  const value = table.options[key]?.toLowerCase();
  if (value === undefined) return otherwise;
  if (value === 'true') return true;
  return value === 'false' ? false : invalid(table, key, "write 'true' or 'false'");
}

function bytesOption(table: TableDefinition): number {
  const text = table.options['record.max-bytes'];
  if (text === undefined) return RECORD_BYTES_MAX;
  const value = Number(text.replaceAll('_', ''));
  const valid = Number.isSafeInteger(value) && value >= 1 && value <= RECORD_BYTES_LIMIT;
  return valid && text.trim() !== ''
    ? value
    : invalid(table, 'record.max-bytes', `write a number of bytes up to ${RECORD_BYTES_LIMIT}`);
}

function delimiterOption(table: TableDefinition, path: string): string {
  const text = table.options['csv.field-delimiter'] ?? delimiterOfPath(path);
  const delimiter = text === '\\t' ? '\t' : text;
  if (delimiter.length === 1 && delimiter.charCodeAt(0) < 128 && !'"\r\n'.includes(delimiter)) {
    return delimiter;
  }
  return invalid(table, 'csv.field-delimiter', "write one ASCII character: ',' or ';' or '\\t'");
}

function invalid(table: TableDefinition, key: string, hint: string): never {
  throw new ConfigError('SETTING_INVALID', {
    message: `option "${key}" of table "${table.name}" cannot be "${table.options[key] ?? ''}"`,
    hint,
  });
}
