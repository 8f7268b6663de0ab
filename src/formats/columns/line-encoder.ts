/**
 * What the encoders with one row a line share: walking the selected rows, leaving out what is no
 * row without a changelog, and the cells between separators. Owns no spelling: a LineLayout says
 * what stands around cells, a TextStyle how they are written. @hot
 */
import type { Batch } from '../../columnar/batch.js';
import { OP_DELETE, OP_UPDATE_BEFORE, ROW_OPS } from '../../columnar/batch.js';
import type { Nulls } from '../../columnar/column.js';
import type { Schema } from '../../plan/schema.js';
import type { ByteBuffer } from './byte-buffer.js';
import { ColumnWriter } from './cell-writer.js';
import type { CellWriter, TextStyle } from './cell-writer.js';
import type { EncoderOptions, RowEncoder } from '../encoder.js';

const encoder = new TextEncoder();
const LINE_FEED = 10;

/** The fixed parts of a format's lines, in UTF-8 text. */
export interface LineLayout {
  /** In front of the value of column `index`, counted without `op`. */
  prefix(index: number): string;
  /** In front of everything, with the op and what stands around it. Only with a changelog. */
  op(op: string): string;
  /** Behind the last value, without the line feed. */
  readonly suffix: string;
  readonly nullText: string;
  /** The lines in front of the first row, each with its line feed. */
  readonly header: string;
  readonly style: TextStyle;
}

export class LineEncoder implements RowEncoder {
  private readonly changelog: boolean;
  private readonly prefixes: readonly Uint8Array[];
  private readonly ops: readonly Uint8Array[];
  private readonly suffix: Uint8Array;
  private readonly nullText: Uint8Array;
  private readonly header: string;
  private readonly columns: readonly ColumnWriter[];
  private readonly writers: CellWriter[] = [];
  /** The NULL masks of the bound columns: loads from here have one shape, from writers many. */
  private readonly nullMasks: Nulls[] = [];
  private batchOps: Batch['ops'] = null;

  constructor(schema: Schema, options: EncoderOptions, layout: LineLayout) {
    this.changelog = options.changelog;
    this.prefixes = schema.map((_, index) => encoder.encode(layout.prefix(index)));
    this.ops = ROW_OPS.map((op) => encoder.encode(layout.op(op)));
    this.suffix = encoder.encode(layout.suffix);
    this.nullText = encoder.encode(layout.nullText);
    this.header = layout.header;
    this.columns = schema.map((column) => new ColumnWriter(column.type, layout.style));
  }

  begin(out: ByteBuffer): void {
    out.appendText(this.header);
  }

  encode(batch: Batch, out: ByteBuffer, ends: Int32Array | null = null): number {
    this.bind(batch);
    const { selection, selectedCount } = batch;
    let written = 0;
    for (let index = 0; index < selectedCount; index += 1) {
      const row = selection === null ? index : selection[index]!;
      if (this.encodeRow(row, out)) {
        out.appendByte(LINE_FEED);
        written += 1;
      }
      if (ends !== null) ends[index] = out.length;
    }
    return written;
  }

  bind(batch: Batch): void {
    this.batchOps = batch.ops;
    for (let index = 0; index < this.columns.length; index += 1) {
      const column = batch.columns[index]!;
      this.nullMasks[index] = column.nulls;
      this.writers[index] = this.columns[index]!.bind(column);
    }
  }

  encodeRow(row: number, out: ByteBuffer): boolean {
    const { batchOps } = this;
    const op = batchOps === null ? 0 : batchOps[row]!;
    const { writers, nullMasks, prefixes, nullText, suffix } = this;
    if (this.changelog) {
      out.appendBytes(this.ops[op]!, 0, this.ops[op]!.length);
    } else if (op === OP_UPDATE_BEFORE || op === OP_DELETE) {
      return false;
    }
    for (let index = 0; index < writers.length; index += 1) {
      const prefix = prefixes[index]!;
      out.appendBytes(prefix, 0, prefix.length);
      const nulls = nullMasks[index]!;
      if (nulls !== null && nulls[row] === 1) {
        out.appendBytes(nullText, 0, nullText.length);
      } else {
        writers[index]!.write(row, out);
      }
    }
    out.appendBytes(suffix, 0, suffix.length);
    return true;
  }

  finish(): void {
    // No line format has a trailer.
  }
}
