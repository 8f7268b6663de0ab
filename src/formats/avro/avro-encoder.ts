/**
 * The Avro encoder: rows of column batches become Avro records of one schema, framed or not. Owns
 * what is made per schema and the record that avsc writes, which is the same object for all rows;
 * how values convert is avro-output.ts, writing them is avsc's business. @hot
 */
import type { Type } from 'avsc';
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import type { Schema } from '../../plan/schema.js';
import { newAvroType } from './avro-long.js';
import { placesOf } from './avro-output.js';
import type { FieldOutput, LongSize } from './avro-output.js';
import { avroPair, fieldName, parseAvroSchema } from './avro-schema.js';
import type { AvroJson } from './avro-schema.js';
import type { ByteBuffer } from '../columns/byte-buffer.js';
import { bufferOf, ColumnReader } from '../columns/cell-reader.js';
import type { CellReader } from '../columns/cell-reader.js';
import { frameOf, RowFault } from '../message-encoder.js';
import type { MessageEncoder, MessageWriting } from '../message-encoder.js';

/** Throws ShapeFault, or avsc's Error for schemas that it refuses. */
export function createAvroEncoder(columns: Schema, writing: MessageWriting): MessageEncoder {
  return new AvroEncoder(columns, writing);
}

/** A field that a column fills. */
interface FilledField {
  readonly name: string;
  readonly column: number;
  readonly output: FieldOutput;
  readonly readers: ColumnReader;
}

class AvroEncoder implements MessageEncoder {
  private readonly columns: Schema;
  private readonly frame: Uint8Array;
  private readonly json: AvroJson;
  private readonly fields: readonly FilledField[];
  private readonly readers: CellReader[] = [];
  /** All its fields were assigned once, so that it has one shape. */
  private readonly record: Record<string, unknown> = {};
  private readonly longs: LongSize = { wide: false };
  private readonly narrowType: Type;
  /** The same with longs as bigints: slower, and made once one needs it. */
  private wideType: Type | null = null;
  private bytes: Uint8Array = new Uint8Array(0);
  private buffer: Buffer = Buffer.alloc(0);

  constructor(columns: Schema, { definition, schemaId }: MessageWriting) {
    const { text, references } = definition;
    const record = parseAvroSchema(
      text,
      references.map((reference) => reference.text),
    );
    this.columns = columns;
    this.frame = frameOf(schemaId);
    const names = new Set(record.fields.map((field) => field.name));
    this.json = avroPair(record, names).written;
    this.narrowType = newAvroType(this.json, false);
    const fields: FilledField[] = [];
    placesOf(record.fields, columns, this.longs).forEach((place, index) => {
      const name = fieldName(index);
      this.record[name] = place.absent;
      if (place.field === null) return;
      const readers = new ColumnReader();
      fields.push({ name, column: place.column, output: place.field, readers });
    });
    this.fields = fields;
  }

  bind(batch: Batch): void {
    this.fields.forEach(({ column, readers }, index) => {
      const bound = batch.columns[column];
      assert(bound !== undefined, 'the batch has the columns that the encoder was made for');
      this.readers[index] = readers.bind(bound);
    });
  }

  encode(row: number, out: ByteBuffer): void {
    this.fill(row);
    const { frame, record } = this;
    const type = this.longs.wide ? this.wide() : this.narrowType;
    const start = out.length;
    out.appendBytes(frame, 0, frame.length);
    let end = type.encode(record, this.view(out), out.length);
    while (end < 0) {
      // avsc says how many bytes were missing.
      out.reserve(out.bytes.length - out.length - end);
      end = type.encode(record, this.view(out), out.length);
    }
    assert(end >= start, 'avsc wrote behind the frame');
    out.length = end;
  }

  /** Puts the row into the record. */
  private fill(row: number): void {
    const { fields, readers, record, longs } = this;
    longs.wide = false;
    for (let index = 0; index < fields.length; index += 1) {
      const { name, output } = fields[index]!;
      const reader = readers[index]!;
      if (reader.nulls !== null && reader.nulls[row] === 1) {
        if (!output.takesNull) throw this.fault(index, 'is NULL, which the schema does not take');
        record[name] = null;
        continue;
      }
      try {
        record[name] = output.output(reader.read(row));
      } catch (error) {
        if (error instanceof RowFault) throw this.fault(index, error.message);
        throw error;
      }
    }
  }

  private fault(index: number, message: string): RowFault {
    const column = this.columns[this.fields[index]!.column];
    return new RowFault(`column "${column?.name ?? ''}" ${message}`);
  }

  private wide(): Type {
    this.wideType ??= newAvroType(this.json, true);
    return this.wideType;
  }

  private view(out: ByteBuffer): Buffer {
    if (out.bytes !== this.bytes) {
      this.bytes = out.bytes;
      this.buffer = bufferOf(out.bytes);
    }
    return this.buffer;
  }
}
