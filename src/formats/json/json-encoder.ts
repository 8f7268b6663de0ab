/**
 * Rows as JSON lines: BIGINT and DOUBLE as numbers, DECIMAL with its scale, TIMESTAMP in epoch
 * milliseconds, DATE as text, NULL as null, nested types as arrays and objects. With a changelog the
 * row's `op` comes first. Owns the JSON spelling; walking rows is line-encoder.ts. @hot
 */
import { isSqlMap } from '../../columnar/types.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { decimalText } from '../../functions/decimal.js';
import type { Schema } from '../../plan/schema.js';
import { ByteBuffer } from '../columns/byte-buffer.js';
import type { TextStyle } from '../columns/cell-writer.js';
import type { EncoderOptions, RowEncoder } from '../encoder.js';
import { LineEncoder } from '../columns/line-encoder.js';
import { appendDouble } from '../columns/number-output.js';
import { dateText } from '../../functions/time/time-format.js';

const encoder = new TextEncoder();

const NULL_TEXT = 'null';
const QUOTE = 34;

/** For each ASCII byte of a text what stands for it; undefined: the byte itself. */
const ESCAPED: (Uint8Array | undefined)[] = Array.from({ length: 128 }, (_, byte) => {
  const text = JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
  return text.length === 1 ? undefined : encoder.encode(text);
});

export const JSON_STYLE: TextStyle = {
  text: appendJsonText,
  nested: appendJsonValue,
  timestampAsNumber: true,
  quotesTimes: true,
};

export function createJsonEncoder(schema: Schema, options: EncoderOptions): RowEncoder {
  const opens = (index: number): boolean => index === 0 && !options.changelog;
  return new LineEncoder(schema, options, {
    prefix: (index) => `${opens(index) ? '{' : ','}${JSON.stringify(schema[index]?.name)}:`,
    op: (op) => `{"op":"${op}"`,
    suffix: schema.length === 0 && !options.changelog ? '{}' : '}',
    nullText: NULL_TEXT,
    header: '',
    style: JSON_STYLE,
  });
}

/** Appends the UTF-8 text `bytes[start, end)` as a JSON string. */
export function appendJsonText(
  out: ByteBuffer,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  out.appendByte(QUOTE);
  let from = start;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte >= 128 || ESCAPED[byte] === undefined) continue;
    out.appendBytes(bytes, from, at);
    const escaped = ESCAPED[byte];
    out.appendBytes(escaped, 0, escaped.length);
    from = at + 1;
  }
  out.appendBytes(bytes, from, end);
  out.appendByte(QUOTE);
}

/** Appends one value as JSON: elements of nested types. Recursion goes as deep as the type. */
export function appendJsonValue(out: ByteBuffer, value: SqlValue, type: SqlType): void {
  if (value === null) {
    out.appendAscii(NULL_TEXT);
  } else if (typeof value === 'string') {
    out.appendText(JSON.stringify(value));
  } else if (typeof value === 'boolean') {
    out.appendAscii(value ? 'true' : 'false');
  } else if (typeof value === 'bigint') {
    out.appendAscii(decimalText(value, type.kind === 'decimal' ? type.scale : 0));
  } else if (typeof value === 'number') {
    if (type.kind === 'date') out.appendAscii(`"${dateText(value)}"`);
    else appendDouble(out, value);
  } else if (isSqlMap(value)) {
    appendMap(out, value.keys, value.values, type);
  } else {
    appendSequence(out, value as readonly SqlValue[], type);
  }
}

function appendMap(
  out: ByteBuffer,
  keys: readonly SqlValue[],
  values: readonly SqlValue[],
  type: SqlType,
): void {
  if (type.kind !== 'map') return;
  const keyBytes = new ByteBuffer(64);
  out.appendByte(123);
  keys.forEach((key, index) => {
    if (index > 0) out.appendByte(44);
    keyBytes.clear();
    appendJsonValue(keyBytes, key, type.key);
    // Keys are texts, whatever their type.
    if (keyBytes.bytes[0] === QUOTE) out.appendBytes(keyBytes.bytes, 0, keyBytes.length);
    else appendJsonText(out, keyBytes.bytes, 0, keyBytes.length);
    out.appendByte(58);
    appendJsonValue(out, values[index] ?? null, type.value);
  });
  out.appendByte(125);
}

function appendSequence(out: ByteBuffer, values: readonly SqlValue[], type: SqlType): void {
  const isRow = type.kind === 'row';
  out.appendByte(isRow ? 123 : 91);
  values.forEach((value, index) => {
    if (index > 0) out.appendByte(44);
    if (isRow) {
      out.appendText(`${JSON.stringify(type.fields[index]?.name ?? '')}:`);
      appendJsonValue(out, value, type.fields[index]?.type ?? { kind: 'null' });
    } else {
      appendJsonValue(out, value, type.kind === 'array' ? type.element : { kind: 'null' });
    }
  });
  out.appendByte(isRow ? 125 : 93);
}
