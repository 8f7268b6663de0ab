/**
 * Types of CSV columns from the texts of their fields. Owns what a text looks like and which type
 * takes what two of them say; which texts are looked at is the sniffer's and infer-file.ts's.
 */
import { BIGINT, BOOLEAN, DOUBLE, VARCHAR } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import type { CsvDialect } from '../../formats/text/csv-dialect.js';
import { numberShape, WHOLE_DECIMAL } from '../infer-json.js';

/** Leading zeros belong to codes (postal, account), which are texts. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const COMMA_NUMBER = /^-?(0|[1-9]\d*)(,\d+)?([eE][+-]?\d+)?$/;

/** A field as it is read. */
export interface CsvField {
  readonly text: string;
  readonly quoted: boolean;
}

/** What a field says of its column; null: nothing, because it is NULL. */
export function fieldType(
  { text, quoted }: CsvField,
  dialect: Pick<CsvDialect, 'nullLiteral' | 'missing' | 'decimal'>,
): SqlType | null {
  if (text === '') return null;
  if (!quoted && (text === dialect.nullLiteral || dialect.missing.includes(text))) return null;
  return textType(text, dialect.decimal);
}

export function textType(text: string, decimal: CsvDialect['decimal']): SqlType {
  if (/^(true|false)$/i.test(text)) return BOOLEAN;
  if (!(decimal === ',' ? COMMA_NUMBER : NUMBER).test(text)) return VARCHAR;
  switch (numberShape(decimal === ',' ? text.replace(',', '.') : text)) {
    case 'bigint':
      return BIGINT;
    case 'decimal':
      return WHOLE_DECIMAL;
    case 'double':
      return DOUBLE;
    case 'mixed':
      return VARCHAR;
  }
}

/** Each takes what those before it take. */
const NUMBER_KINDS: readonly SqlType['kind'][] = ['bigint', 'decimal', 'double'];

/** What takes both; null: nothing is known of one. */
export function widerType(known: SqlType | null, found: SqlType | null): SqlType | null {
  if (known === null || found === null || known.kind === found.kind) return found ?? known;
  const [a, b] = [known, found].map(({ kind }) => NUMBER_KINDS.indexOf(kind));
  if (a === undefined || b === undefined || a < 0 || b < 0) return VARCHAR;
  return a > b ? known : found;
}
