/**
 * The cells of result tables: rows of column batches as texts for people. Owns their spelling: times
 * as CAST writes them, NULL as NULL and a text of that name in quotes, nested values as JSON, control
 * characters shown. Where cells stand is table-layout.ts, which rows are shown the sink's business.
 */
import { OP_DELETE, OP_INSERT, OP_UPDATE_BEFORE, ROW_OPS } from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import { isNumeric } from '../../columnar/types.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { visibleText } from '../../base/visible-text.js';
import { CHANGELOG_COLUMN } from '../../plan/output-names.js';
import type { Schema } from '../../plan/schema.js';
import { ByteBuffer } from '../columns/byte-buffer.js';
import { ColumnWriter } from '../columns/cell-writer.js';
import type { CellWriter, TextStyle } from '../columns/cell-writer.js';
import type { EncoderOptions } from '../encoder.js';
import { appendJsonValue } from '../json/json-encoder.js';
import type { TableColumn } from './table-layout.js';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const STYLE: TextStyle = {
  text: (out, bytes, start, end) => out.appendBytes(bytes, start, end),
  nested: (out, value: SqlValue, type: SqlType) => appendJsonValue(out, value, type),
  timestampAsNumber: false,
  quotesTimes: false,
};

/** Of the types whose texts are mostly of one length. */
const USUAL_WIDTHS: { readonly [kind in SqlType['kind']]?: number } = {
  boolean: 5,
  date: 10,
  timestamp: 23,
};

const NULL_TEXT = 'NULL';

export class TableCells {
  readonly columns: readonly TableColumn[];
  private readonly changelog: boolean;
  private readonly texts: readonly boolean[];
  private readonly writers: readonly ColumnWriter[];
  private bound: readonly CellWriter[] = [];
  private ops: Batch['ops'] = null;
  private readonly scratch = new ByteBuffer(256);

  constructor(schema: Schema, { changelog }: EncoderOptions) {
    this.changelog = changelog;
    const op: TableColumn = {
      name: CHANGELOG_COLUMN,
      align: 'left',
      elastic: false,
      usualWidth: 2,
    };
    const own = schema.map(({ name, type }): TableColumn => ({
      name: visibleText(name),
      align: isNumeric(type) ? 'right' : 'left',
      elastic: isElastic(type),
      usualWidth: USUAL_WIDTHS[type.kind] ?? 8,
    }));
    this.columns = changelog ? [op, ...own] : own;
    this.texts = schema.map(({ type }) => type.kind === 'varchar');
    this.writers = schema.map(({ type }) => new ColumnWriter(type, STYLE));
  }

  /** The batch of the rows that are asked for; it may be let go after the last of them. */
  bind(batch: Batch): void {
    this.ops = batch.ops;
    this.bound = this.writers.map((writer, at) => writer.bind(batch.columns[at] as Column));
  }

  /** Whether a physical row is one of the table: without a changelog those that go are none. */
  has(row: number): boolean {
    const op = this.op(row);
    return this.changelog || (op !== OP_UPDATE_BEFORE && op !== OP_DELETE);
  }

  /** What a physical row says: OP_INSERT … */
  op(row: number): number {
    return this.ops === null ? OP_INSERT : (this.ops[row] as number);
  }

  /** The texts of a physical row, one for each of `columns`. */
  row(row: number): string[] {
    const cells = this.bound.map((writer, at) => this.cell(writer, row, at));
    if (this.changelog) cells.unshift(ROW_OPS[this.op(row)] ?? '');
    return cells;
  }

  /** What tells a physical row from others: its values in some columns, or in all of them. */
  identity(row: number, columns: readonly number[] | null): string {
    let text = '';
    for (const at of columns ?? this.writers.keys()) {
      const writer = this.bound[at] as CellWriter;
      if (writer.nulls !== null && writer.nulls[row] === 1) {
        text += '-;';
        continue;
      }
      this.scratch.clear();
      writer.write(row, this.scratch);
      const value = decoder.decode(this.scratch.view());
      text += `${value.length}:${value};`;
    }
    return text;
  }

  private cell(writer: CellWriter, row: number, at: number): string {
    if (writer.nulls !== null && writer.nulls[row] === 1) return NULL_TEXT;
    this.scratch.clear();
    writer.write(row, this.scratch);
    const text = visibleText(decoder.decode(this.scratch.view()));
    return text === NULL_TEXT && this.texts[at] === true ? `'${NULL_TEXT}'` : text;
  }
}

/** Texts may be folded; a number or a time in pieces is hard to read. */
function isElastic({ kind }: SqlType): boolean {
  return kind === 'varchar' || kind === 'array' || kind === 'map' || kind === 'row';
}
