/**
 * Rows as a Markdown table, line by line, so that columns are not aligned: numbers to the right,
 * NULL empty, bars and line ends in texts escaped. Owns the Markdown spelling. @hot
 */
import { visibleBytes, visibleText } from '../../base/visible-text.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { isNumeric } from '../../columnar/types.js';
import { CHANGELOG_COLUMN } from '../../plan/output-names.js';
import type { Schema } from '../../plan/schema.js';
import { ByteBuffer } from '../columns/byte-buffer.js';
import type { TextStyle } from '../columns/cell-writer.js';
import type { EncoderOptions, RowEncoder } from '../encoder.js';
import { appendJsonValue } from '../json/json-encoder.js';
import { LineEncoder } from '../columns/line-encoder.js';

const BAR = 124;
const BACKSLASH = 92;
const LINE_FEED = 10;

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
  const names = schema.map((column) => visibleText(column.name).replaceAll(/[|\\]/g, '\\$&'));
  const rules = schema.map((column) => (isNumeric(column.type) ? '---:' : '---'));
  if (options.changelog) {
    names.unshift(CHANGELOG_COLUMN);
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

function appendEscaped(out: ByteBuffer, given: Uint8Array, from: number, to: number): void {
  const shown = visibleBytes(given.subarray(from, to));
  for (let at = 0; at < shown.length; at += 1) {
    const byte = shown[at]!;
    if (byte === LINE_FEED) {
      out.appendAscii('<br>');
    } else {
      if (byte === BAR || byte === BACKSLASH) out.appendByte(BACKSLASH);
      out.appendByte(byte);
    }
  }
}
