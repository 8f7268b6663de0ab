/**
 * Parquet files for one reader: a row group is a block, and a place its number. Owns which columns of
 * a row group are read how, records that do not convert, and what is said of damage; the footer is
 * parquet-footer.ts, flat columns are pages/, all others parquet-values.ts.
 *
 * In memory are the needed columns of one row group, packed, and a page of each of them unpacked; of
 * columns that are not flat all values. Its writer chose the size of a row group. @hot
 */
import type { RowGroup, SchemaTree } from 'hyparquet';
import { assert } from '../../base/assert.js';
import { ConfigError, ConnectorError } from '../../base/errors.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import type { RecordFailure } from '../../runtime/operator.js';
import { createTarget } from '../columns/create-target.js';
import type { TargetColumn } from '../columns/target.js';
import type { ContainerReader, OpenBlock, PlacedBytes } from '../container/container.js';
import { damaged } from '../container/damage.js';
import type { DecoderColumn, LineBlock } from '../decoder.js';
import { RecordWriter } from '../message/record-writer.js';
import { ShapeFault } from '../message/value-shape.js';
import type { FieldShape } from '../message/value-shape.js';
import { flatForm, isReadable } from './flat-form.js';
import type { FlatForm } from './flat-form.js';
import { cellSink } from './pages/cell-sinks.js';
import type { CellSink, RefusedRows } from './pages/cell-sinks.js';
import { DenseValues } from './pages/dense-values.js';
import { FlatChunk } from './pages/flat-chunk.js';
import { FlatValues } from './pages/flat-values.js';
import { PageFault } from './pages/page-fault.js';
import { chunkBytes, chunkOf, readFooter, schemaOf } from './parquet-footer.js';
import type { RowValue } from './parquet-nesting.js';
import { parquetType } from './parquet-schema.js';
import { recordText } from './parquet-text.js';
import { readValues } from './parquet-values.js';

/** Throws as reading the columns does, and ConfigError for columns that the schema does not fill. */
export function openParquetContainer(
  bytes: PlacedBytes,
  columns: readonly DecoderColumn[],
): ContainerReader {
  return new ParquetContainer(bytes, columns);
}

/** A column of the file that the query needs. */
interface NeededColumn {
  readonly name: string;
  readonly node: SchemaTree;
  readonly flat: FlatForm | null;
  /** Its pages in the open row group; null: `value` has them all. */
  chunk: FlatChunk | null;
  /** A value by the number of its row in the row group. */
  value: RowValue;
}

/** A column of the query, and the one of the file that fills it; null: none does. */
interface CellColumn {
  readonly target: TargetColumn;
  readonly needed: NeededColumn | null;
  readonly sink: CellSink | null;
}

const NOTHING: RowValue = () => null;
const NOT_REFUSED = -1;

class ParquetContainer implements ContainerReader, RefusedRows {
  readonly columns: Column[];
  private readonly bytes: PlacedBytes;
  private readonly groups: readonly RowGroup[];
  private readonly root: SchemaTree;
  private readonly needed: readonly NeededColumn[];
  private readonly cells: readonly CellColumn[];
  private readonly writer: RecordWriter;
  private readonly dense = new DenseValues();
  /** For records that are told of. */
  private readonly letterDense = new DenseValues();
  private group = 0;
  /** Number in the row group of the record that the chunks are at. */
  private next = 0;
  /** Number in the row group of the batch's first record, and of the one that failed. */
  private first = 0;
  private failedRecord = 0;
  private failedColumn = 0;
  /** Of each row of the batch: the first column that refused its value. */
  private readonly refusedBy = new Int32Array(BATCH_ROWS_MAX).fill(NOT_REFUSED);
  private refusing = 0;
  private hasRefused = false;

  constructor(bytes: PlacedBytes, columns: readonly DecoderColumn[]) {
    this.bytes = bytes;
    const footer = readFooter(bytes);
    this.groups = footer.row_groups;
    this.root = schemaOf(bytes, footer);
    const targets = columns.map((column) => createTarget(column.type, BATCH_ROWS_MAX));
    this.columns = targets.map((target) => target.column);
    this.needed = this.root.children
      .filter((node) => columns.some(({ name }) => name === node.element.name))
      .map((node) => {
        const flat = flatForm(node);
        return { name: node.element.name, node, flat, chunk: null, value: NOTHING };
      });
    this.writer = this.createWriter(columns, targets);
    this.cells = columns.map(({ name }, index) => this.cellColumn(name, targets[index]!, index));
  }

  begin(): void {
    for (const { target } of this.cells) target.begin();
    if (this.hasRefused) this.refusedBy.fill(NOT_REFUSED);
    this.hasRefused = false;
  }

  decode(): number {
    assert(false, 'records of a row group have no bytes of their own');
    return 0;
  }

  open(place: number): OpenBlock | null {
    this.close();
    const group = this.groups[place];
    if (group === undefined) return null;
    this.group = place;
    this.next = 0;
    const records = Number(group.num_rows);
    for (const needed of this.needed) {
      try {
        this.openColumn(group, needed, records);
      } catch (error) {
        throw this.damage(needed.name, error);
      }
    }
    return { records, next: place + 1 };
  }

  decodeLines(_bytes: Uint8Array, from: number, to: number, lines: LineBlock): number {
    const { cells, columns } = this;
    const row = lines.rowCount;
    const count = Math.min(to - from, lines.rowsMax - row);
    this.first = from - row;
    for (let index = 0; index < cells.length; index += 1) {
      this.refusing = index;
      this.fill(cells[index]!, index, { from, row, count });
    }
    this.next = from + count;
    lines.rowCount += count;
    if (this.hasRefused) this.reportRefused(row, lines);
    for (let index = 0; index < cells.length; index += 1)
      columns[index] = cells[index]!.target.column;
    return from + count;
  }

  refuse(row: number): void {
    if (this.refusedBy[row] === NOT_REFUSED) this.refusedBy[row] = this.refusing;
    this.hasRefused = true;
  }

  failure(): RecordFailure {
    return {
      key: 'CONVERT',
      message: this.writer.describe(this.failedRecord, this.failedColumn),
    };
  }

  /** The columns that are needed, as JSON. */
  rawRecord(row: number): Uint8Array {
    const record = this.first + row;
    return recordText(this.needed.map(({ name, value }) => [name, value(record)]));
  }

  close(): void {
    for (const needed of this.needed) {
      needed.chunk?.close();
      needed.chunk = null;
      needed.value = NOTHING;
    }
  }

  private createWriter(
    columns: readonly DecoderColumn[],
    targets: readonly TargetColumn[],
  ): RecordWriter {
    const shapes = this.needed.map((needed): FieldShape => {
      // A record is the number of its row in the row group.
      const get = (record: unknown): unknown => needed.value(record as number);
      return { name: needed.name, shape: parquetType(needed.node).shape, get };
    });
    try {
      return new RecordWriter(shapes, { columns, targets });
    } catch (error) {
      if (!(error instanceof ShapeFault)) throw error;
      throw new ConfigError('SETTING_INVALID', {
        message: `the schema of file "${this.bytes.path}" does not fit the columns: ${error.message}`,
        hint: 'compare the types of the columns with those of the file',
        cause: error,
      });
    }
  }

  private cellColumn(name: string, target: TargetColumn, index: number): CellColumn {
    const needed = this.needed.find((each) => each.name === name) ?? null;
    if (needed === null || needed.flat === null) return { target, needed, sink: null };
    const { stored } = needed.flat;
    const { shape } = parquetType(needed.node);
    const put = (value: unknown, row: number): boolean => this.writer.put(value, row, index);
    return { target, needed, sink: cellSink({ stored, shape, target, put }) };
  }

  private openColumn(group: RowGroup, needed: NeededColumn, records: number): void {
    const { bytes, root } = this;
    const { flat, node, name } = needed;
    const meta = flat === null ? null : chunkOf(group, [name]);
    if (flat === null || meta === null || !isReadable(meta)) {
      needed.value = this.watched(name, readValues({ bytes, group, root, node }));
      return;
    }
    if (Number(meta.num_values) !== records) {
      throw new Error(`it has ${meta.num_values} values for ${records} rows`);
    }
    const { form, isOptional } = flat;
    const { codec } = meta;
    const parts = { codec, form, isOptional, records, bytes: chunkBytes(bytes, meta) };
    needed.chunk = new FlatChunk(parts);
    const values = new FlatValues(flat.stored, parts, this.letterDense);
    needed.value = this.watched(name, (row) => values.at(row));
  }

  private watched(column: string, value: RowValue): RowValue {
    return (row) => {
      try {
        return value(row);
      } catch (error) {
        throw this.damage(column, error);
      }
    };
  }

  /** Rows of a batch, from the record `from` on. */
  private fill(
    { target, needed, sink }: CellColumn,
    index: number,
    { from, row, count }: { readonly from: number; readonly row: number; readonly count: number },
  ): void {
    const chunk = needed?.chunk ?? null;
    if (needed === null) {
      for (let n = 0; n < count; n += 1) target.setNull(row + n);
    } else if (chunk !== null && sink !== null) {
      try {
        this.fillFlat({ chunk, target, sink }, from, row, count);
      } catch (error) {
        throw error instanceof PageFault ? this.damage(needed.name, error) : error;
      }
    } else {
      for (let n = 0; n < count; n += 1) {
        if (!this.writer.put(needed.value(from + n), row + n, index)) this.refuse(row + n);
      }
    }
  }

  private fillFlat(
    {
      chunk,
      target,
      sink,
    }: { readonly chunk: FlatChunk; readonly target: TargetColumn; readonly sink: CellSink },
    from: number,
    row: number,
    count: number,
  ): void {
    const { dense } = this;
    if (from > this.next) chunk.skip(dense, from - this.next);
    for (let done = 0; done < count;) {
      done += chunk.read(dense, row + done, count - done);
      const { nullRows, nullCount } = dense;
      for (let n = 0; n < nullCount; n += 1) target.setNull(nullRows[n]!);
      sink(dense, this);
    }
  }

  private reportRefused(from: number, lines: LineBlock): void {
    for (let row = from; row < lines.rowCount; row += 1) {
      const column = this.refusedBy[row]!;
      if (column === NOT_REFUSED) continue;
      this.failedRecord = this.first + row;
      this.failedColumn = column;
      for (const { target } of this.cells) {
        const { nulls } = target.column;
        if (nulls !== null) nulls[row] = 0;
      }
      lines.refused(row);
    }
  }

  private damage(column: string, error: unknown): Error {
    if (error instanceof ConnectorError) return error;
    const why = error instanceof Error ? error.message : String(error);
    return damaged(this.bytes.path, `row group ${this.group}, column "${column}"`, why, error);
  }
}
