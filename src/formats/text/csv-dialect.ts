/**
 * How a CSV text is written: its delimiter, quotes, comments, what stands for NULL, and what becomes
 * of records with too few or too many fields. Owns the dialect as plain data; finding one out is
 * csv-sniffer.ts, reading by one csv-scanner.ts and csv.ts.
 */

/** What fields are cut by. */
export interface CsvQuoting {
  /** Between fields: one ASCII character. */
  readonly delimiter: string;
  /** Around fields; null: fields are never quoted. */
  readonly quote: string | null;
  /** In front of a quote, or of itself, within quotes; a quote may be doubled all the same. */
  readonly escape: string | null;
}

/**
 * Records with another number of fields: 'error' refuses them, 'pad' takes those that lack fields,
 * which are NULL, 'truncate' leaves out what is too much, 'fit' does both.
 */
export const RAGGED_POLICIES = ['error', 'pad', 'truncate', 'fit'] as const;
export type RaggedPolicy = (typeof RAGGED_POLICIES)[number];

export interface CsvDialect extends CsvQuoting {
  /** Lines that begin with it are no records. */
  readonly comment: string | null;
  /** Lines in front of the header, or of the first record. */
  readonly skipLines: number;
  readonly header: boolean;
  /** A field without quotes that reads so is NULL; then an empty one is the empty text. */
  readonly nullLiteral: string | null;
  /** So reads NULL in columns that are no text. */
  readonly missing: readonly string[];
  readonly decimal: '.' | ',';
  readonly ragged: RaggedPolicy;
}

/** RFC 4180 with a header line. */
export const PLAIN_CSV: CsvDialect = Object.freeze<CsvDialect>({
  delimiter: ',',
  quote: '"',
  escape: null,
  comment: null,
  skipLines: 0,
  header: true,
  nullLiteral: null,
  missing: [],
  decimal: '.',
  ragged: 'error',
});
