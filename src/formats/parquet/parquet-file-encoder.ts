/**
 * Rows as a Parquet file: gathered by column until they are a row group, which is then encoded as a
 * whole. Owns how large a row group gets, which is what the memory of a file that is written is;
 * pages and their encodings are hyparquet-writer's, types are parquet-table-schema.ts. @hot
 */
import { gzipSync } from 'node:zlib';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { ConnectorError } from '../../base/errors.js';
import type { Batch } from '../../columnar/batch.js';
import type { Schema } from '../../plan/schema.js';
import type { ByteBuffer } from '../columns/byte-buffer.js';
import { ColumnReader } from '../columns/cell-reader.js';
import { eachWritten, withOps } from '../container/container-encoder.js';
import type { ParquetCodec } from '../container/container-encoder.js';
import type { BatchEncoder } from '../encoder.js';
import { RowFault } from '../message-encoder.js';
import { parquetElements, parquetOutput } from './parquet-table-schema.js';
import type { ParquetOutput, ValueSize } from './parquet-table-schema.js';

/** A row group has so many rows, or values of so many bytes. */
const GROUP_ROWS = 100_000;
const GROUP_BYTES = 32 * 1024 * 1024;
/** Of a value that holds no bytes of its own. */
const VALUE_BYTES = 8;
const CREATED_BY = 'velo';

interface WrittenColumn {
  readonly name: string;
  readonly output: ParquetOutput;
  readonly readers: ColumnReader;
  data: unknown[];
}

export class ParquetFileEncoder implements BatchEncoder {
  private readonly changelog: boolean;
  private readonly columns: readonly WrittenColumn[];
  private readonly bytes = new ByteWriter();
  private readonly file: ParquetWriter;
  private readonly size: ValueSize = { bytes: 0 };
  private groupRows = 0;

  /** Throws ConfigError for types that Parquet does not take. */
  constructor(
    columns: Schema,
    { codec, changelog }: { readonly codec: ParquetCodec; readonly changelog: boolean },
  ) {
    this.changelog = changelog;
    this.columns = columns.map(({ name, type }) => {
      const output = parquetOutput(type, this.size);
      return { name, output, readers: new ColumnReader(), data: [] };
    });
    this.file = new ParquetWriter({
      writer: this.bytes,
      schema: parquetElements(columns),
      codec,
      compressors: { GZIP: (input) => gzipSync(input) },
      createdBy: CREATED_BY,
    });
  }

  begin(out: ByteBuffer): void {
    this.handOn(out);
  }

  /** Column by column, in pieces that do not reach over the end of a row group. */
  encode(batch: Batch, out: ByteBuffer): number {
    const rows: number[] = [];
    eachWritten(batch, this.changelog, (row) => {
      rows.push(row);
    });
    const bound = this.changelog ? withOps(batch) : batch;
    const readers = this.columns.map(({ readers: each }, index) =>
      each.bind(bound.columns[index]!),
    );
    this.columns.forEach(({ name, output, data }, index) => {
      const reader = readers[index]!;
      const { nulls } = reader;
      try {
        for (const row of rows) {
          data.push(nulls !== null && nulls[row] === 1 ? null : output(reader.read(row)));
        }
      } catch (error) {
        throw error instanceof RowFault ? rowFailure(name, error) : error;
      }
    });
    this.groupRows += rows.length;
    const held = this.size.bytes + this.groupRows * this.columns.length * VALUE_BYTES;
    if (this.groupRows >= GROUP_ROWS || held >= GROUP_BYTES) this.endGroup(out);
    return rows.length;
  }

  finish(out: ByteBuffer): void {
    if (this.groupRows > 0) this.endGroup(out);
    void this.file.finish();
    this.handOn(out);
  }

  private endGroup(out: ByteBuffer): void {
    const columnData = this.columns.map(({ name, data }) => ({ name, data }));
    // It is asynchronous only where its writer has a flush().
    void this.file.write({ columnData, rowGroupSize: this.groupRows });
    for (const column of this.columns) column.data = [];
    this.groupRows = 0;
    this.size.bytes = 0;
    this.handOn(out);
  }

  private handOn(out: ByteBuffer): void {
    const bytes = this.bytes.getBytes();
    out.appendBytes(bytes, 0, bytes.length);
    this.bytes.index = 0;
  }
}

function rowFailure(column: string, { message }: RowFault): ConnectorError {
  return new ConnectorError('SINK_WRITE', {
    message: `a row cannot be written in format "parquet": column "${column}" ${message}`,
    hint: 'convert the column, or write another format',
  });
}
