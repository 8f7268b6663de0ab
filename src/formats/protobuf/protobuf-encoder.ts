/**
 * The Protobuf encoder: rows of column batches become messages of one schema, framed or not. Owns
 * what is made per schema, the message indexes of frames, and the object that protobufjs writes,
 * which is the same for all rows; how values convert is protobuf-output.ts. @hot
 */
import type { Type, Writer } from 'protobufjs';
import protobuf from 'protobufjs';
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import type { Schema } from '../../plan/schema.js';
import type { ByteBuffer } from '../columns/byte-buffer.js';
import { ColumnReader } from '../columns/cell-reader.js';
import type { CellReader } from '../columns/cell-reader.js';
import { frameOf, RowFault } from '../message-encoder.js';
import type { MessageEncoder, MessageWriting } from '../message-encoder.js';
import { NO_PRESENCE, placesOf } from './protobuf-output.js';
import type { FieldPlace } from './protobuf-output.js';
import { indexesOf, messageNamed, parseProtobufSchema } from './protobuf-schema.js';

/** Throws ShapeFault, or protobufjs's Error for schemas that it refuses. */
export function createProtobufEncoder(columns: Schema, writing: MessageWriting): MessageEncoder {
  return new ProtobufEncoder(columns, writing);
}

class ProtobufEncoder implements MessageEncoder {
  private readonly frame: Uint8Array;
  private readonly message: Type;
  private readonly places: readonly FieldPlace[];
  private readonly columns: readonly ColumnReader[];
  private readonly readers: CellReader[] = [];
  /** All its fields were assigned once, so that it has one shape; a null one is left out. */
  private readonly record: Record<string, unknown> = {};
  private readonly writer: Writer = protobuf.Writer.create();

  constructor(columns: Schema, { definition, message, schemaId }: MessageWriting) {
    const schema = parseProtobufSchema(definition);
    this.message = messageNamed(schema, message);
    this.places = placesOf(this.message, columns);
    this.columns = columns.map(() => new ColumnReader());
    for (const { name } of this.places) this.record[name] = null;
    const indexes = schemaId === null ? [] : indexesOf(schema, this.message);
    this.frame = frameOf(schemaId, indexBytes(indexes));
  }

  bind(batch: Batch): void {
    this.columns.forEach((column, index) => {
      const bound = batch.columns[index];
      assert(bound !== undefined, 'the batch has the columns that the encoder was made for');
      this.readers[index] = column.bind(bound);
    });
  }

  encode(row: number, out: ByteBuffer): void {
    this.fill(row);
    const { frame, message, writer } = this;
    const bytes = message.encode(this.record, writer).finish();
    writer.reset();
    out.appendBytes(frame, 0, frame.length);
    out.appendBytes(bytes, 0, bytes.length);
  }

  /** Puts the row into the record. */
  private fill(row: number): void {
    const { places, readers, record } = this;
    for (let index = 0; index < places.length; index += 1) {
      const { name, field } = places[index]!;
      const reader = readers[index]!;
      if (reader.nulls !== null && reader.nulls[row] === 1) {
        if (!field.takesNull) throw new RowFault(`column "${name}" is NULL${NO_PRESENCE}`);
        record[name] = null;
        continue;
      }
      try {
        record[name] = field.output(reader.read(row));
      } catch (error) {
        if (!(error instanceof RowFault)) throw error;
        throw new RowFault(`column "${name}" ${error.message}`);
      }
    }
  }
}

/** Count and indexes as zigzag varints; the schema's first message is one 0. */
function indexBytes(indexes: readonly number[]): number[] {
  if (indexes.length === 0) return [];
  if (indexes.length === 1 && indexes[0] === 0) return [0];
  return [indexes.length, ...indexes].flatMap((index) => {
    const bytes: number[] = [];
    let rest = index * 2;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    bytes.push(rest);
    return bytes;
  });
}
