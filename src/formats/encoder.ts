/**
 * The contract of row encoders: column batches in, bytes out, no object per row. Owns the interface;
 * the choice by format is encoder-choice.ts. Sinks own the buffer and decide when it is written.
 */
import type { Batch } from '../columnar/batch.js';
import type { ByteBuffer } from './columns/byte-buffer.js';

/** Formats of rows as text; `table` needs all rows and is drawn by the terminal. */
export type OutputFormat = 'jsonl' | 'json' | 'csv' | 'markdown';
const OUTPUT_FORMATS: ReadonlySet<string> = new Set<OutputFormat>([
  'jsonl',
  'json',
  'csv',
  'markdown',
]);

/** Whether rows can be written in a format; some are only read. */
export function isOutputFormat(format: string): format is OutputFormat {
  return OUTPUT_FORMATS.has(format);
}

export interface EncoderOptions {
  /** Write −U and −D rows too, and each row's `op` first; otherwise those rows are left out. */
  readonly changelog: boolean;
  /** CSV: between fields. Default ','. */
  readonly delimiter?: string;
  /** CSV: what NULL is written as, and so quoted where it is a text. Default: nothing. */
  readonly nullLiteral?: string | null;
  /** CSV: write the names as first line. Default true. */
  readonly header?: boolean;
}

/** How rows become text, as plain data: whoever has it can make the encoder. */
export interface RowEncoding {
  readonly format: OutputFormat;
  readonly options: EncoderOptions;
}

/** Rows as the bytes of a file or stream. */
export interface BatchEncoder {
  /** What comes before the first row: a header line. */
  begin(out: ByteBuffer): void;
  /** Takes the batch's selected rows, and appends what is ready; how many are written. */
  encode(batch: Batch, out: ByteBuffer): number;
  /** What comes after the last row. */
  finish(out: ByteBuffer): void;
}

/** The same where each row is bytes of its own. */
export interface RowEncoder extends BatchEncoder {
  /**
   * Appends the batch's selected rows; how many were written. `ends`: takes the length of `out`
   * behind each selected row, which for one that was left out is that before it.
   */
  encode(batch: Batch, out: ByteBuffer, ends?: Int32Array | null): number;
  /** The batch of the rows that encodeRow() is asked for; encode() binds its own. */
  bind(batch: Batch): void;
  /** Appends one physical row without a line feed; false when it is left out. */
  encodeRow(row: number, out: ByteBuffer): boolean;
}
