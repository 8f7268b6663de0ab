/**
 * Rows as CSV (RFC 4180) with a header line: NULL is an empty field or the literal that is chosen
 * for it, the empty text "", times are text as CAST writes them, nested values JSON. Owns the CSV spelling; what it writes csv.ts reads
 * back as the same values. @hot
 */
import { equalUtf8 } from '../../columnar/text-bytes.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { CHANGELOG_COLUMN } from '../../plan/output-names.js';
import type { Schema } from '../../plan/schema.js';
import { ByteBuffer } from '../columns/byte-buffer.js';
import type { TextStyle } from '../columns/cell-writer.js';
import type { EncoderOptions, RowEncoder } from '../encoder.js';
import { appendJsonValue } from '../json/json-encoder.js';
import { LineEncoder } from '../columns/line-encoder.js';

const QUOTE = 34;
/** What is NULL to many who read CSV, velo among them: as a text it is quoted. */
const DATABASE_NULL = '\\N';

export function createCsvEncoder(schema: Schema, options: EncoderOptions): RowEncoder {
  const delimiter = options.delimiter ?? ',';
  const opensLine = (index: number): boolean => index === 0 && !options.changelog;
  return new LineEncoder(schema, options, {
    prefix: (index) => (opensLine(index) ? '' : delimiter),
    op: (op) => op,
    suffix: '',
    nullText: options.nullLiteral ?? '',
    header: (options.header ?? true) ? headerLine(schema, options, delimiter) : '',
    style: csvStyle(delimiter.charCodeAt(0), options.nullLiteral ?? null),
  });
}

function headerLine(schema: Schema, options: EncoderOptions, delimiter: string): string {
  const names = schema.map((column) => column.name);
  const cells = (options.changelog ? [CHANGELOG_COLUMN, ...names] : names).map((name) =>
    name === '' || /["\r\n]/.test(name) || name.includes(delimiter)
      ? `"${name.replaceAll('"', '""')}"`
      : name,
  );
  return `${cells.join(delimiter)}\n`;
}

function csvStyle(delimiter: number, nullLiteral: string | null): TextStyle {
  const json = new ByteBuffer(1024);
  const literal = new TextEncoder().encode(nullLiteral ?? DATABASE_NULL);
  const text = (out: ByteBuffer, bytes: Uint8Array, start: number, end: number): void => {
    const isLiteral = equalUtf8(literal, 0, literal.length, bytes, start, end - start);
    if (isLiteral || needsQuotes(bytes, start, end, delimiter))
      appendQuoted(out, bytes, start, end);
    else out.appendBytes(bytes, start, end);
  };
  return {
    text,
    nested(out, value: SqlValue, type: SqlType) {
      json.clear();
      appendJsonValue(json, value, type);
      text(out, json.bytes, 0, json.length);
    },
    timestampAsNumber: false,
    quotesTimes: false,
  };
}

/** The empty text is quoted, because an empty field is NULL. */
function needsQuotes(bytes: Uint8Array, start: number, end: number, delimiter: number): boolean {
  if (start === end) return true;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte === delimiter || byte === QUOTE || byte === 10 || byte === 13) return true;
  }
  return false;
}

function appendQuoted(out: ByteBuffer, bytes: Uint8Array, start: number, end: number): void {
  out.appendByte(QUOTE);
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte === QUOTE) out.appendByte(QUOTE);
    out.appendByte(byte);
  }
  out.appendByte(QUOTE);
}
