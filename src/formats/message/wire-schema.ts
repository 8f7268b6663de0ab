/**
 * Schemas that records of Avro and Protobuf were written with, and the five bytes in front of a
 * record that name one of a registry. Owns the form in which schemas travel (plain data, from
 * whoever asked the registry to the decoder) and this framing; asking is connectors/kafka, reading
 * records is avro.ts and protobuf.ts. @hot
 *
 *   framed record := 0 · schema id, 4 bytes big-endian · [message indexes of Protobuf] · value
 */

/** The language a schema is written in. */
export type SchemaLanguage = 'avro' | 'protobuf' | 'json';

/** A schema's text and those that it refers to, each before who needs it. */
export interface SchemaDefinition {
  readonly language: SchemaLanguage;
  readonly text: string;
  readonly references: readonly SchemaReference[];
}

/** `name` is what the referring schema calls it: a record's full name, a .proto file. */
export interface SchemaReference {
  readonly name: string;
  readonly text: string;
}

/** What a registry answered about an id: a schema, or why there is none to read records with. */
export interface WriterSchema {
  readonly id: number;
  readonly definition: SchemaDefinition | null;
  /** Without a definition: the reason, as the end of a sentence; else ''. */
  readonly fault: string;
}

/** What a table says of the schemas of its records. */
export interface SchemaSettings {
  /** The schema of all records; null: they are framed and name theirs. */
  readonly definition: SchemaDefinition | null;
  /** Protobuf: full name of the records' message; null: the schema's first, or the frame's. */
  readonly message: string | null;
  /** Protobuf: a field that a record lacks has its default value instead of NULL. */
  readonly readDefaults: boolean;
}

/** Bytes in front of a framed record's value. */
export const FRAME_BYTES = 5;
/** framedSchemaId() of a record without such a frame. */
export const NO_FRAME = -1;

const MAGIC = 0;

/** Id of the schema that the record in `bytes[start, end)` names, or NO_FRAME. */
export function framedSchemaId(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < FRAME_BYTES || bytes[start] !== MAGIC) return NO_FRAME;
  return (
    bytes[start + 1]! * 0x100_0000 +
    ((bytes[start + 2]! << 16) | (bytes[start + 3]! << 8) | bytes[start + 4]!)
  );
}

/** Why a record has no frame, as the end of a sentence. */
export function describeNoFrame(bytes: Uint8Array, start: number, end: number): string {
  if (end - start < FRAME_BYTES) {
    return `${end - start} bytes are too few for a magic byte 0 and a schema id`;
  }
  return `its first byte is ${bytes[start]}, not the magic byte 0 in front of a schema id`;
}
