/**
 * Which encoder writes which format of rows as text. Owns only that choice; the contract is
 * encoder.ts, the formats are json/ and text/.
 */
import { assertNever } from '../base/assert.js';
import type { Schema } from '../plan/schema.js';
import { createCsvEncoder } from './text/csv-encoder.js';
import { createJsonEncoder } from './json/json-encoder.js';
import { createMarkdownEncoder } from './text/markdown-encoder.js';
import type { EncoderOptions, OutputFormat, RowEncoder } from './encoder.js';

export function createRowEncoder(
  format: OutputFormat,
  schema: Schema,
  options: EncoderOptions,
): RowEncoder {
  switch (format) {
    case 'jsonl':
    case 'json':
      return createJsonEncoder(schema, options);
    case 'csv':
      return createCsvEncoder(schema, options);
    case 'markdown':
      return createMarkdownEncoder(schema, options);
    default:
      return assertNever(format);
  }
}
