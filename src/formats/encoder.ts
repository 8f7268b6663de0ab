/**
 * The contract of row encoders: column batches in, bytes out, no object per row. Owns the interface
 * and the choice by format; the formats are in the *-encoder.ts files beside it. Sinks own the
 * buffer and decide when it is written.
 */
import { assertNever } from '../base/assert.js';
import type { Batch } from '../columnar/batch.js';
import type { Schema } from '../plan/schema.js';
import type { ByteBuffer } from './byte-buffer.js';
import { createCsvEncoder } from './csv-encoder.js';
import { createJsonEncoder } from './json-encoder.js';
import { createMarkdownEncoder } from './markdown-encoder.js';

/** Formats of rows as text; `table` needs all rows and is drawn by the terminal. */
export type OutputFormat = 'jsonl' | 'json' | 'csv' | 'markdown';

export interface EncoderOptions {
  /** Write −U and −D rows too, and each row's `op` first; otherwise those rows are left out. */
  readonly changelog: boolean;
  /** CSV: between fields. Default ','. */
  readonly delimiter?: string;
  /** CSV: write the names as first line. Default true. */
  readonly header?: boolean;
}

/** How rows become text, as plain data: whoever has it can make the encoder. */
export interface RowEncoding {
  readonly format: OutputFormat;
  readonly options: EncoderOptions;
}

export interface RowEncoder {
  /** What comes before the first row: a header line. */
  begin(out: ByteBuffer): void;
  /**
   * Appends the batch's selected rows; how many were written. `ends`: takes the length of `out`
   * behind each selected row, which for one that was left out is that before it.
   */
  encode(batch: Batch, out: ByteBuffer, ends?: Int32Array | null): number;
  /** The batch of the rows that encodeRow() is asked for; encode() binds its own. */
  bind(batch: Batch): void;
  /** Appends one physical row without a line feed; false when it is left out. */
  encodeRow(row: number, out: ByteBuffer): boolean;
  /** What comes after the last row. */
  finish(out: ByteBuffer): void;
}

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
