/**
 * The WITH options of a file, for reading and for writing, and its address as a query quotes it:
 * path[?option=value&…]. Owns their types, values and defaults; opens nothing.
 */
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import { AVRO_CODECS, PARQUET_CODECS } from '../../formats/container/container-encoder.js';
import type { AvroCodec, ParquetCodec } from '../../formats/container/container-encoder.js';
import { definitionOf } from '../../formats/message-encoder.js';
import { parquetElements } from '../../formats/parquet/parquet-table-schema.js';
import { isOutputFormat } from '../../formats/encoder.js';
import type { TableDefinition } from '../../plan/schema.js';
import type { AddressOptions } from '../connector.js';
import { PLAIN_CSV } from '../../formats/text/csv-dialect.js';
import type { CsvDialect } from '../../formats/text/csv-dialect.js';
import {
  CSV_OPTIONS,
  CSV_SHORT_NAMES,
  FIXED_OPTIONS,
  checkCsv,
  checkWrittenCsv,
  givenCsvFile,
  strangeFormatOption,
} from '../format-options.js';
import type { CsvReader } from '../format-options.js';
import { checkKeyFields } from '../key-fields.js';
import { OptionReader } from '../option-reader.js';
import type { OptionSchema, OptionShape } from '../option-reader.js';
import { choice, columnNames, custom, duration, flag, text, whole } from '../option-types.js';
import { compressionOfName } from './compressed/compression.js';
import { unpackedHint } from './compressed/packing.js';
import { ENCODING_HINT, encodingNamed } from './encoding/text-encoding.js';
import type { Encoding } from './encoding/text-encoding.js';
import { visibleStats } from './file-bytes.js';
import {
  delimiterOfPath,
  FILE_FORMATS,
  formatOfPath,
  isContainerFormat,
  isFileFormat,
} from './file-format.js';
import type { ContainerFormat, FileFormat } from './file-format.js';
import type { RollingPolicy } from './rolling/rolling-sink.js';
import { isOneFile, pathOfUri } from './set/file-set.js';

const RECORD_BYTES_MAX = 16 * 1024 * 1024;
/** Above this a line's length no longer fits the 32-bit positions of a batch. */
const RECORD_BYTES_LIMIT = 1024 * 1024 * 1024;

const types = {
  path: text("the name of a file, such as 'trades.jsonl'"),
  format: choice(FILE_FORMATS),
  follow: flag(),
  times: flag(),
  encoding: custom(encodingNamed, ENCODING_HINT),
  'record.max-bytes': whole({ least: 1, most: RECORD_BYTES_LIMIT, example: '1048576' }),
  'key.fields': columnNames(),
  'source.idle-timeout': duration(),
  'sink.append': flag(),
  'sink.rolling-policy.file-size': custom(byteSize, "use a size with its unit: '64mb', '1gb'"),
  'sink.rolling-policy.rollover-interval': duration(),
  ...FIXED_OPTIONS,
};

/** What addresses may call them. */
const SHORT_NAMES = { append: 'sink.append' } as const;

/** Every option that some file has. */
type FileReader = OptionReader<
  typeof types & typeof CSV_OPTIONS & typeof AVRO_OPTIONS & typeof PARQUET_OPTIONS
>;

function formatOf(options: TableDefinition['options']): string {
  return options['format'] ?? formatOfPath(options['path'] ?? '');
}

/** How containers are packed that are written, under the names that Flink hands on. */
const AVRO_OPTIONS = { 'avro.codec': choice(AVRO_CODECS) } as const;
const PARQUET_OPTIONS = {
  'parquet.compression': custom(
    (given) => PARQUET_CODECS.find((codec) => codec === given.toUpperCase()),
    `use '${PARQUET_CODECS.join("', '")}'`,
  ),
} as const;

function formatOptions(format: string): OptionShape {
  if (format === 'csv') return CSV_OPTIONS;
  if (format === 'avro') return AVRO_OPTIONS;
  return format === 'parquet' ? PARQUET_OPTIONS : {};
}

/** The options of a format are known in its tables alone. */
export const FILE_OPTIONS: OptionSchema<typeof types> = {
  types: z.object(types),
  more: (options) => formatOptions(formatOf(options)),
  short: (options) => ({ ...SHORT_NAMES, ...(formatOf(options) === 'csv' ? CSV_SHORT_NAMES : {}) }),
  strange: (name, options) =>
    strangeFormatOption(
      Object.hasOwn(CSV_SHORT_NAMES, name) ? (CSV_SHORT_NAMES[name] as string) : name,
      formatOf(options),
    ),
};

/** Sizes as Flink writes them: units of 1,024. */
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3 };

function byteSize(given: string): number | undefined {
  const match = /^(\d{1,9}) ?([bkmg])b?$/i.exec(given);
  if (match === null) return undefined;
  const power = SIZE_UNITS[(match[2] as string).toLowerCase()] as number;
  const bytes = Number(match[1]) * 1024 ** power;
  return bytes > 0 ? bytes : undefined;
}

export interface FileOptions {
  readonly path: string;
  readonly format: FileFormat;
  readonly follow: boolean;
  /** Rows go behind those that are there. */
  readonly append: boolean;
  /** When a part is complete and the next one begins; null: there is one file. */
  readonly rolling: RollingPolicy | null;
  /** Whether columns that nobody declares may be times. */
  readonly times: boolean;
  /** null: the file says it. */
  readonly encoding: Encoding | null;
  readonly recordBytesMax: number;
  readonly csv: CsvChoice;
  /** How containers are packed. */
  readonly avroCodec: AvroCodec;
  readonly parquetCodec: ParquetCodec;
}

/** What is said of a CSV file. */
export interface CsvChoice {
  readonly given: Partial<CsvDialect>;
  /** Whether the rest is found out; otherwise it is as `usual` says. */
  readonly detect: boolean;
  /** How such a file is written, as far as its name tells. */
  readonly usual: CsvDialect;
}

/** Without looking at a file. */
export function writtenDialect({ given, usual }: CsvChoice): CsvDialect {
  return { ...usual, ...given };
}

/** With the faults that options have together. */
export function readFileOptions(table: TableDefinition): FileReader {
  // The reader knows CSV's options where the schema lets them in.
  const reader = new OptionReader(FILE_OPTIONS, table) as unknown as FileReader;
  reader.required('path', "the name of a file: 'path' = 'trades.jsonl'");
  checkKeyFields(reader, table);
  if (table.physical.length > 0 && reader.get('times') !== undefined) {
    const message = `option "times" of ${reader.label} has no effect: its columns are declared`;
    reader.warn('times', message, 'declare them as TIMESTAMP(3) or DATE');
  }
  checkCsv(reader as unknown as CsvReader);
  reader.whenUsed('written', () => {
    const format = formatOf(table.options);
    // What is no format at all is the schema's fault.
    if (isContainerFormat(format)) checkWrittenContainer(reader, table, format);
    else if (isFileFormat(format) && !isOutputFormat(format)) {
      reader.fault({
        key: 'format',
        part: 'value',
        message: `format "${format}" of ${reader.label} cannot be written`,
        hint: "write 'format' = 'json' or 'csv'",
      });
    }
    checkWrittenCsv(reader as unknown as CsvReader);
    if ((reader.get('encoding') ?? 'utf-8') !== 'utf-8') {
      reader.invalid('encoding', 'files are written in UTF-8: leave it away');
    }
    if (reader.get('sink.append') === true && rollingOf(reader) !== null) {
      reader.invalid('sink.append', 'each part is a file of its own: leave it away');
    }
    const hint = unpackedHint(reader.get('path') ?? '');
    if (hint !== null) reader.invalid('path', hint);
    if (reader.get('follow') === true) {
      reader.invalid('follow', 'what is written cannot be followed: leave it away');
    }
  });
  reader.whenUsed('read', () => {
    const path = reader.get('path');
    const isContainer = isContainerFormat(formatOf(table.options));
    if (isContainer && path !== undefined && compressionOfName(path) !== null) {
      reader.invalid('path', 'avro and parquet are read at any place: unpack it first');
    }
    if (reader.get('encoding') !== undefined && isContainer) {
      reader.invalid('encoding', 'files of avro and parquet are no text: leave it away');
    }
    if (reader.get('follow') !== true || path === undefined) return;
    if (isContainer) {
      reader.invalid('follow', 'files of avro and parquet are complete: leave it away');
    } else if (!isOneFile(path)) {
      reader.invalid('follow', 'only one file can be followed, no folder and no pattern');
    } else if (compressionOfName(path) !== null) {
      reader.invalid('follow', 'a compressed file cannot be followed');
    }
  });
  return reader;
}

function checkWrittenContainer(
  reader: FileReader,
  { physical }: TableDefinition,
  format: ContainerFormat,
): void {
  if (compressionOfName(reader.get('path') ?? '') !== null) {
    reader.invalid(
      'path',
      `what is in format "${format}" is packed by itself: leave the ending away`,
    );
  }
  if (reader.get('sink.append') === true) {
    reader.invalid('sink.append', `a file of format "${format}" is complete: write another one`);
  }
  try {
    if (format === 'avro') definitionOf(physical, 'avro');
    else parquetElements(physical);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const key = reader.written('format') === undefined ? 'path' : 'format';
    reader.fault({ key, part: 'value', message: error.message, hint: error.hint });
  }
}

function rollingOf(reader: FileReader): RollingPolicy | null {
  const fileBytes = reader.get('sink.rolling-policy.file-size') ?? null;
  const intervalMs = reader.get('sink.rolling-policy.rollover-interval') ?? null;
  return fileBytes === null && intervalMs === null ? null : { fileBytes, intervalMs };
}

/** Throws ConfigError SETTING_INVALID for options that are missing, unknown or have bad values. */
export function fileOptions(table: TableDefinition, use: 'read' | 'written' = 'read'): FileOptions {
  const reader = readFileOptions(table);
  reader.settle(use);
  const path = pathOfUri(reader.get('path') ?? '');
  return {
    path,
    format: reader.get('format') ?? formatOfPath(path),
    follow: reader.get('follow') ?? false,
    append: reader.get('sink.append') ?? false,
    rolling: rollingOf(reader),
    times: reader.get('times') ?? false,
    encoding: reader.get('encoding') ?? null,
    recordBytesMax: reader.get('record.max-bytes') ?? RECORD_BYTES_MAX,
    avroCodec: reader.get('avro.codec') ?? 'snappy',
    parquetCodec: reader.get('parquet.compression') ?? 'SNAPPY',
    csv: {
      given: givenCsvFile(reader as unknown as Parameters<typeof givenCsvFile>[0]),
      detect: reader.get('csv.auto-detect') ?? true,
      usual: { ...PLAIN_CSV, delimiter: delimiterOfPath(path) },
    },
  };
}

/** What stands behind the question mark is options, unless a file has the whole as its name. */
export function fileAddress(address: string): AddressOptions {
  const at = address.indexOf('?');
  const isName = at < 0 || visibleStats(address) !== undefined;
  const path = isName ? address : address.slice(0, at);
  const given = isName ? [] : [...new URLSearchParams(address.slice(at + 1))];
  return {
    options: { path, ...Object.fromEntries(given) },
    parameters: given.map(([name]) => name),
  };
}
