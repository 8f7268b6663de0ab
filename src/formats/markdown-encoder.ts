/**
 * Rows as a Markdown table, line by line, so that columns are not aligned: numbers to the right,
 * NULL empty, bars and line ends in texts escaped. Owns the Markdown spelling. @hot
 */
import type { SqlType, SqlValue } from '../columnar/types.js';
import { isNumeric } from '../columnar/types.js';
import type { Schema } from '../plan/schema.js';
import { ByteBuffer } from './byte-buffer.js';
import type { TextStyle } from './cell-writer.js';
import type { EncoderOptions, RowEncoder } from './encoder.js';
import { appendJsonValue } from './json-encoder.js';
import { LineEncoder } from './line-encoder.js';

const BAR = 124;
const BACKSLASH = 92;

export function createMarkdownEncoder(schema: Schema, options: EncoderOptions): RowEncoder {
  const opensLine = (index: number): boolean => index === 0 && !options.changelog;
  return new LineEncoder(schema, options, {
    prefix: (index) => (opensLine(index) ? '| ' : ' | '),
    op: (op) => `| ${op}`,
    suffix: ' |',
    nullText: '',
    header: headerLines(schema, options),
    style: MARKDOWN_STYLE,
  });
}

function headerLines(schema: Schema, options: EncoderOptions): string {
  const names = schema.map((column) => column.name.replaceAll(/[|\\]/g, '\\$&'));
  const rules = schema.map((column) => (isNumeric(column.type) ? '---:' : '---'));
  if (options.changelog) {
    names.unshift('op');
    rules.unshift('---');
  }
  return `| ${names.join(' | ')} |\n| ${rules.join(' | ')} |\n`;
}

const MARKDOWN_STYLE: TextStyle = {
  text: appendEscaped,
  nested(out, value: SqlValue, type: SqlType) {
    const json = new ByteBuffer(256);
    appendJsonValue(json, value, type);
    appendEscaped(out, json.bytes, 0, json.length);
  },
  timestampAsNumber: false,
  quotesTimes: false,
};

function appendEscaped(out: ByteBuffer, bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte === 10) {
      out.appendAscii('<br>');
    } else if (byte !== 13) {
      if (byte === BAR || byte === BACKSLASH) out.appendByte(BACKSLASH);
      out.appendByte(byte);
    }
  }
}
