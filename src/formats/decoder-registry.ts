/**
 * Which decoder reads which format, and whether a schema fits the format. Owns only that choice and
 * the options that formats have.
 */
import { assertNever } from '../base/assert.js';
import { ConfigError } from '../base/errors.js';
import { createCsvDecoder } from './text/csv.js';
import { PLAIN_CSV } from './text/csv-dialect.js';
import type { CsvDialect } from './text/csv-dialect.js';
import type { DecoderColumn, RecordDecoder } from './decoder.js';
import { createJsonDecoder } from './json/json.js';
import { createRawDecoder } from './text/raw.js';
import type { SchemaSettings } from './message/wire-schema.js';

export type InputFormat = 'json' | 'csv' | 'raw';
export const INPUT_FORMATS: readonly InputFormat[] = ['json', 'csv', 'raw'];

/** Formats of messages: those of lines and the binary ones, which have schemas. */
export type MessageFormat =
  InputFormat | 'avro' | 'avro-confluent' | 'protobuf' | 'protobuf-confluent';
export const MESSAGE_FORMATS: readonly MessageFormat[] = [
  ...INPUT_FORMATS,
  'avro',
  'avro-confluent',
  'protobuf',
  'protobuf-confluent',
];

export interface DecoderOptions {
  /**
   * Names of a CSV record's fields in order: the header line's or, without one, all of the table's
   * physical columns. Default: the columns themselves.
   */
  readonly fields?: readonly string[];
  /** How CSV is written. Default: PLAIN_CSV. */
  readonly csv?: CsvDialect;
  /** The byte that ends a line of CSV: LF, the default, or CR. */
  readonly lineEnd?: number;
}

export interface MessageDecoderOptions extends DecoderOptions {
  /** Of a binary format; it needs them. */
  readonly schema?: SchemaSettings | null;
}

/**
 * A decoder for the columns that the query needs; throws ConfigError for types a format lacks. What
 * reads a binary format is loaded first: it takes longer to load than most of velo.
 */
export async function openMessageDecoder(
  format: MessageFormat,
  columns: readonly DecoderColumn[],
  options: MessageDecoderOptions = {},
): Promise<RecordDecoder> {
  const settings = options.schema ?? { definition: null, message: null, readDefaults: false };
  switch (format) {
    case 'json':
    case 'csv':
    case 'raw':
      return createDecoder(format, columns, options);
    case 'avro':
    case 'avro-confluent': {
      const { createAvroDecoder } = await import('./avro/avro.js');
      const { definition } = settings;
      if (format === 'avro') return createAvroDecoder(columns, definition);
      return createAvroDecoder(columns, null, definition);
    }
    case 'protobuf':
    case 'protobuf-confluent': {
      const { createProtobufDecoder } = await import('./protobuf/protobuf.js');
      const definition = format === 'protobuf' ? settings.definition : null;
      return createProtobufDecoder(columns, { ...settings, definition });
    }
    default:
      return assertNever(format);
  }
}

/** The same for lines, at once. */
export function createDecoder(
  format: InputFormat,
  columns: readonly DecoderColumn[],
  options: DecoderOptions = {},
): RecordDecoder {
  switch (format) {
    case 'json':
      return createJsonDecoder(columns);
    case 'csv':
      for (const column of columns) refuseNested(column);
      return createCsvDecoder(columns, {
        dialect: options.csv ?? PLAIN_CSV,
        fields: options.fields ?? columns.map((column) => column.name),
        ...(options.lineEnd === undefined ? {} : { lineEnd: options.lineEnd }),
      });
    case 'raw':
      if (columns.length > 1 || columns.some((column) => column.type.kind !== 'varchar')) {
        throw new ConfigError('SETTING_INVALID', {
          message: 'format "raw" has one column of type VARCHAR',
          hint: 'declare one VARCHAR column, or choose another format',
        });
      }
      return createRawDecoder(columns);
    default:
      return assertNever(format);
  }
}

function refuseNested(column: DecoderColumn): void {
  const { kind } = column.type;
  if (kind !== 'array' && kind !== 'map' && kind !== 'row') return;
  throw new ConfigError('SETTING_INVALID', {
    message: `column "${column.name}" has a nested type, which format "csv" does not hold`,
    hint: 'declare the column as VARCHAR, or choose the format json',
  });
}
