/**
 * The Avro decoder: records of one given schema, or, framed, of schemas that they name by id. Owns
 * what is made per schema: avsc's types and the field of each column. Schemas are avro-schema.ts,
 * reading values is avsc's business, columns are record-writer.ts. @hot
 *
 * The reader's schema is the writer's without the fields that no column needs, so that avsc's
 * resolver skips those; how a schema's types convert to the columns' is decided per schema too.
 * So writers may add, drop, reorder and promote fields as Avro allows, and more: a column takes
 * what JSON would give it, whatever the field's type. A column without a field is NULL, or what
 * the table's own schema says (avro-evolution.ts).
 */
import type { Type } from 'avsc';
import type { RecordFailure } from '../../runtime/operator.js';
import { ConfigError } from '../../base/errors.js';
import { AvroCheck } from './avro-check.js';
import { evolvedShapes, writtenNames } from './avro-evolution.js';
import { newAvroType } from './avro-long.js';
import { avroPair, fieldShapes, hasBlocks, parseAvroSchema } from './avro-schema.js';
import type { AvroPair, AvroRecord } from './avro-schema.js';
import { DECODED, REFUSED } from '../decoder.js';
import type { DecoderColumn, RecordDecoder } from '../decoder.js';
import { MessageDecoder } from '../message/message-decoder.js';
import type { SchemaPlan } from '../message/message-decoder.js';
import { RecordWriter, WRITTEN } from '../message/record-writer.js';
import type { RecordParts } from '../message/record-writer.js';
import type { SchemaDefinition } from '../message/wire-schema.js';

/**
 * `definition`: the schema of all records; null: they are framed and name theirs. `given`: the
 * table's own, whose aliases and defaults count for framed records. Throws ConfigError
 * SETTING_INVALID.
 */
export function createAvroDecoder(
  columns: readonly DecoderColumn[],
  definition: SchemaDefinition | null,
  given: SchemaDefinition | null = null,
): RecordDecoder {
  const reader = given === null ? null : givenRecord(given);
  return new MessageDecoder(columns, {
    language: 'avro',
    definition,
    plan: (schema, parts) => new AvroPlan(schema, parts, reader),
  });
}

function givenRecord({ text }: SchemaDefinition): AvroRecord {
  try {
    return parseAvroSchema(text);
  } catch (error) {
    throw new ConfigError('SETTING_INVALID', {
      message: `the Avro schema of the table cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      hint: "check the options 'schema' and 'schema-file' of the table's format",
      cause: error,
    });
  }
}

/** What avsc reads with. */
interface AvroReader {
  readonly type: Type;
  /** null: records are read whole, as written. */
  readonly resolver: ReturnType<Type['createResolver']> | undefined;
}

class AvroPlan implements SchemaPlan {
  private readonly pair: AvroPair;
  private readonly writer: RecordWriter;
  private readonly check: AvroCheck;
  /** Every record is checked first: its schema has lists or maps. */
  private readonly checksAll: boolean;
  private reader: AvroReader;
  /** Whole numbers of 64 bits are read as bigints: slower, and only once one needed it. */
  private wide = false;
  private failed: RecordFailure = { key: 'DECODE', message: '' };

  /** Throws ShapeFault, or avsc's Error for schemas that it refuses. */
  constructor(
    { text, references }: SchemaDefinition,
    parts: RecordParts,
    given: AvroRecord | null,
  ) {
    const record = parseAvroSchema(
      text,
      references.map((reference) => reference.text),
    );
    const columns = parts.columns.map((column) => column.name);
    const names = given === null ? new Set(columns) : writtenNames(record, given, columns);
    this.pair = avroPair(record, names);
    const shapes = given === null ? fieldShapes(record) : evolvedShapes(record, given);
    this.writer = new RecordWriter(shapes, parts);
    this.check = new AvroCheck(record);
    this.checksAll = hasBlocks(record);
    this.reader = newReader(this.pair, this.wide);
  }

  decode(bytes: Buffer, start: number, end: number, row: number): number {
    if (this.checksAll && !this.check.passes(bytes, start, end)) return this.damaged();
    let record: unknown;
    try {
      const { type, resolver } = this.reader;
      const result = type.decode(bytes, start, resolver);
      if (result.offset !== end) return this.damaged();
      record = result.value;
    } catch {
      // A number of more than 52 bits, or a damaged record.
      if (this.wide || !this.check.passes(bytes, start, end)) return this.damaged();
      this.wide = true;
      this.reader = newReader(this.pair, this.wide);
      return this.decode(bytes, start, end, row);
    }
    const column = this.writer.write(record, row);
    if (column === WRITTEN) return DECODED;
    this.failed = { key: 'CONVERT', message: this.writer.describe(record, column) };
    return REFUSED;
  }

  failure(): RecordFailure {
    return this.failed;
  }

  private damaged(): number {
    const message = 'record does not follow its Avro schema: it is damaged or of another schema';
    this.failed = { key: 'DECODE', message };
    return REFUSED;
  }
}

function newReader({ written, needed }: AvroPair, wide: boolean): AvroReader {
  const writer = newAvroType(written, wide);
  if (needed === null) return { type: writer, resolver: undefined };
  const type = newAvroType(needed, wide);
  return { type, resolver: type.createResolver(writer) };
}
