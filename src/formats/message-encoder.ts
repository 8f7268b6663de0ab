/**
 * The contract of the encoders of Avro and Protobuf: rows of column batches become messages of one
 * schema, with or without the frame that names it. Owns that interface, the schema of a table's
 * columns where none is given, and frames; encoding is avro-encoder.ts and protobuf-encoder.ts,
 * which are loaded when first needed.
 */
import { ConfigError } from '../base/errors.js';
import type { Batch } from '../columnar/batch.js';
import type { SqlType } from '../columnar/types.js';
import type { Schema } from '../plan/schema.js';
import { avroSchemaText } from './avro/avro-table-schema.js';
import type { ByteBuffer } from './columns/byte-buffer.js';
import { protobufSchemaText } from './protobuf/protobuf-table-schema.js';
import type { SchemaDefinition } from './message/wire-schema.js';
import { FRAME_BYTES } from './message/wire-schema.js';

export interface MessageEncoder {
  /** The batch of the rows to come; its columns are those that the encoder was made for. */
  bind(batch: Batch): void;
  /** Appends one physical row, frame included. Throws RowFault, and then `out` is as it was. */
  encode(row: number, out: ByteBuffer): void;
}

/** Why a row cannot be a message of the schema; the message goes on behind the column's name. */
export class RowFault extends Error {
  override readonly name = 'RowFault';
}

export interface MessageWriting {
  readonly definition: SchemaDefinition;
  /** Protobuf: full name of the message; null: the schema's first. */
  readonly message: string | null;
  /** Names the schema in front of each message; null: nothing is in front. */
  readonly schemaId: number | null;
}

/**
 * An encoder of rows with these columns: each fills the field of its name. Throws ConfigError
 * SETTING_INVALID for a schema that does not take them; `label` is what messages call its place.
 */
export async function openMessageEncoder(
  columns: Schema,
  writing: MessageWriting,
  label: string,
): Promise<MessageEncoder> {
  try {
    if (writing.definition.language === 'avro') {
      const { createAvroEncoder } = await import('./avro/avro-encoder.js');
      return createAvroEncoder(columns, writing);
    }
    const { createProtobufEncoder } = await import('./protobuf/protobuf-encoder.js');
    return createProtobufEncoder(columns, writing);
  } catch (error) {
    const id = writing.schemaId === null ? '' : ` ${writing.schemaId}`;
    throw new ConfigError('SETTING_INVALID', {
      message: `the columns of ${label} do not fit the schema${id}: ${reasonOf(error)}`,
      hint: "compare the table's columns with the fields of the schema, name by name",
      cause: error,
    });
  }
}

/** The schema of messages that hold these columns. Throws ConfigError SETTING_INVALID. */
export function definitionOf(columns: Schema, language: 'avro' | 'protobuf'): SchemaDefinition {
  for (const { name, type } of columns) {
    requireName(name, language);
    requireNames(type, language);
  }
  const text = language === 'avro' ? avroSchemaText(columns) : protobufSchemaText(columns);
  return { language, text, references: [] };
}

function requireNames(type: SqlType, language: string): void {
  switch (type.kind) {
    case 'array':
      requireNames(type.element, language);
      return;
    case 'map':
      requireNames(type.value, language);
      return;
    case 'row':
      for (const field of type.fields) {
        requireName(field.name, language);
        requireNames(field.type, language);
      }
      return;
    default:
      return;
  }
}

/** Avro and Protobuf agree about names, and a registry refuses others. */
function requireName(name: string, language: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return;
  throw new ConfigError('SETTING_INVALID', {
    message: `column "${name}" has a name that format "${language}" does not take`,
    hint: 'names are letters, digits and _, and do not begin with a digit',
  });
}

/** The bytes in front of a message; `behind`: what follows the schema id. */
export function frameOf(schemaId: number | null, behind: readonly number[] = []): Uint8Array {
  if (schemaId === null) return new Uint8Array(0);
  const frame = new Uint8Array(FRAME_BYTES + behind.length);
  new DataView(frame.buffer).setUint32(1, schemaId);
  frame.set(behind, FRAME_BYTES);
  return frame;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
