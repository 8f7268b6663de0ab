/**
 * Options of the formats of text, which files and topics share: CSV and JSON, under Flink's names.
 * Owns which there are and their types; of those that velo has no choice in it takes the value that
 * says what it does anyway. Formats with schemas are kafka/settings/schema-options.ts.
 */
import { RAGGED_POLICIES } from '../formats/text/csv-dialect.js';
import type { CsvDialect } from '../formats/text/csv-dialect.js';
import type { OptionReader, OptionShape } from './option-reader.js';
import {
  anyText,
  character,
  characterOrNone,
  choice,
  flag,
  only,
  whole,
  words,
} from './option-types.js';

const DECIDES = 'bad records follow --on-error';

/** How a record of CSV is written; only tables of the format have them. */
export const CSV_RECORD_OPTIONS = {
  'csv.field-delimiter': character("',' or ';' or '\\t'"),
  'csv.quote-character': characterOrNone("'\"'"),
  'csv.disable-quote-character': flag(),
  'csv.escape-character': characterOrNone("'\\'"),
  'csv.null-literal': anyText(),
  'csv.missing-values': words(),
  'csv.decimal-separator': choice(['.', ',']),
  'csv.ragged-rows': choice(RAGGED_POLICIES),
} as const satisfies OptionShape;

/** The same, and how a file of them is. */
export const CSV_OPTIONS = {
  ...CSV_RECORD_OPTIONS,
  'csv.header': flag(),
  'csv.allow-comments': flag(),
  'csv.skip-lines': whole({ least: 0, most: 1_000_000, example: '2' }),
  'csv.auto-detect': flag(),
} as const satisfies OptionShape;

/** What addresses, where room is short, and whoever likes may call them. */
export const CSV_SHORT_NAMES: Readonly<Record<string, keyof typeof CSV_OPTIONS>> = {
  delimiter: 'csv.field-delimiter',
  quote: 'csv.quote-character',
  escape: 'csv.escape-character',
  null: 'csv.null-literal',
  missing: 'csv.missing-values',
  decimal: 'csv.decimal-separator',
  ragged: 'csv.ragged-rows',
  header: 'csv.header',
  comments: 'csv.allow-comments',
  skip: 'csv.skip-lines',
  detect: 'csv.auto-detect',
};

const COMMENT = '#';
const QUOTE = '"';
const WRITTEN = 'it is for reading: fields are written with " around them, decimals with a point';

/** Reads the options of records of CSV; those of a file are absent where there is no file. */
export type CsvReader = OptionReader<typeof CSV_RECORD_OPTIONS>;

/** What the options say of how a record is written; what they do not say is absent. */
export function givenCsv(reader: CsvReader): Partial<CsvDialect> {
  const quote = quoteOf(reader);
  const escape = reader.get('csv.escape-character');
  const nullLiteral = reader.get('csv.null-literal');
  return whatIsSaid({
    delimiter: reader.get('csv.field-delimiter'),
    quote,
    escape: escape === (quote === undefined ? QUOTE : quote) ? null : escape,
    nullLiteral: nullLiteral === '' ? null : nullLiteral,
    missing: reader.get('csv.missing-values'),
    decimal: reader.get('csv.decimal-separator'),
    ragged: reader.get('csv.ragged-rows'),
  });
}

/** The same of a file. */
export function givenCsvFile(reader: OptionReader<typeof CSV_OPTIONS>): Partial<CsvDialect> {
  const comments = reader.get('csv.allow-comments');
  const file = whatIsSaid({
    header: reader.get('csv.header'),
    comment: comments === undefined ? undefined : comments ? COMMENT : null,
    skipLines: reader.get('csv.skip-lines'),
  });
  return { ...givenCsv(reader as unknown as CsvReader), ...file };
}

type Unsaid<T> = { readonly [K in keyof T]: T[K] | undefined };

function whatIsSaid(options: Unsaid<Partial<CsvDialect>>): Partial<CsvDialect> {
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said) as Partial<CsvDialect>;
}

function quoteOf(reader: CsvReader): string | null | undefined {
  const isOff = reader.get('csv.disable-quote-character') === true;
  return isOff ? null : reader.get('csv.quote-character');
}

/** Faults that the options have together. */
export function checkCsv(reader: CsvReader): void {
  const quote = quoteOf(reader);
  const delimiter = reader.get('csv.field-delimiter');
  if (delimiter === undefined || delimiter !== (quote === undefined ? QUOTE : quote)) return;
  reader.invalid('csv.field-delimiter', 'fields are quoted with it: choose another character');
}

/** The same in a table that is written: velo reads more than it writes. */
export function checkWrittenCsv(reader: CsvReader): void {
  const quote = quoteOf(reader);
  if (quote !== undefined && quote !== QUOTE) {
    const isOff = reader.get('csv.disable-quote-character') === true;
    reader.invalid(isOff ? 'csv.disable-quote-character' : 'csv.quote-character', WRITTEN);
  }
  const escape = reader.get('csv.escape-character') ?? QUOTE;
  if (escape !== QUOTE) reader.invalid('csv.escape-character', WRITTEN);
  if (reader.get('csv.decimal-separator') === ',') {
    reader.invalid('csv.decimal-separator', WRITTEN);
  }
}

/** Options but for those of some names. */
export function withoutNames(
  options: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}

/** The options that say a whole dialect: nothing of it is found out again. */
export function csvFileOptions(dialect: CsvDialect): Readonly<Record<string, string>> {
  return {
    'csv.field-delimiter': dialect.delimiter,
    'csv.quote-character': dialect.quote ?? '',
    'csv.escape-character': dialect.escape ?? '',
    'csv.null-literal': dialect.nullLiteral ?? '',
    'csv.missing-values': dialect.missing.join(','),
    'csv.decimal-separator': dialect.decimal,
    'csv.ragged-rows': dialect.ragged,
    'csv.header': String(dialect.header),
    'csv.allow-comments': String(dialect.comment !== null),
    'csv.skip-lines': String(dialect.skipLines),
    'csv.auto-detect': 'false',
  };
}

/** Without a choice they are harmless in any table. */
export const FIXED_OPTIONS = {
  'csv.ignore-parse-errors': only('false', DECIDES),
  'csv.allow-comments': only('false', 'a line that begins with # is a record'),
  'csv.disable-quote-character': only('false', 'fields may be quoted'),
  'csv.quote-character': only('"', 'fields are quoted with "'),
  'json.ignore-parse-errors': only('false', DECIDES),
  'json.fail-on-missing-field': only('false', 'a missing key is NULL'),
  'json.timestamp-format.standard': only('ISO-8601', 'times are read so, or as milliseconds'),
  'json.encode.decimal-as-plain-number': only('true', 'decimals are written with all digits'),
  'json.encode.ignore-null-fields': only('false', 'NULL is written as null'),
  'json.map-null-key.mode': only('FAIL', 'a key of a map is never NULL'),
} as const satisfies OptionShape;

/** Of what format an option is; null: of none. */
export function formatOfOption(name: string): string | null {
  return (
    /^(?:key\.|value\.)?(csv|json|raw|avro|avro-confluent|protobuf|protobuf-confluent)\./.exec(
      name,
    )?.[1] ?? null
  );
}

/** The hint for an option whose format the table does not have. */
export function strangeFormatOption(name: string, format: string): string | undefined {
  const own = formatOfOption(name);
  if (own === null || own === format) return undefined;
  return `it belongs to the format "${own}", and the format here is "${format}"`;
}
