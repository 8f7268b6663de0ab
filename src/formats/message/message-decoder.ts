/**
 * What the decoders of Avro and Protobuf share: records of one given schema, or framed ones that
 * name a registered schema by its id. Owns frames, one plan per schema, and why a record was
 * refused; a plan, which reads the records of one schema, is avro.ts's or protobuf.ts's. @hot
 */
import { assert } from '../../base/assert.js';
import { ConfigError } from '../../base/errors.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import type { RecordFailure } from '../../runtime/operator.js';
import { createTarget } from '../columns/create-target.js';
import { DECODED, REFUSED } from '../decoder.js';
import type { DecoderColumn, RecordDecoder } from '../decoder.js';
import type { RecordParts } from './record-writer.js';
import type { TargetColumn } from '../columns/target.js';
import { describeNoFrame, FRAME_BYTES, framedSchemaId, NO_FRAME } from './wire-schema.js';
import type { SchemaDefinition, SchemaLanguage, WriterSchema } from './wire-schema.js';

/** Reads the records of one schema. */
export interface SchemaPlan {
  /**
   * Decodes the value in `bytes[start, end)`, which lies behind the frame; DECODED or REFUSED. Reads
   * nothing of the bytes before `start`; values that reach behind `end` are refused.
   */
  decode(bytes: Buffer, start: number, end: number, row: number): number;
  /** Why the last call refused; "it" is the record. */
  failure(): RecordFailure;
}

export interface MessageDecoding {
  readonly language: SchemaLanguage;
  /** The schema of all records; null: they are framed and name theirs. */
  readonly definition: SchemaDefinition | null;
  /** Throws for a schema that is none or that does not fit the columns. */
  readonly plan: (definition: SchemaDefinition, parts: RecordParts) => SchemaPlan;
}

/** A schema that cannot be used: every record that names it is refused. */
interface Unusable {
  readonly fault: string;
  /** The registry does not know it: it may yet. */
  readonly unknown: boolean;
}

const LANGUAGE_NAMES: Readonly<Record<SchemaLanguage, string>> = {
  avro: 'Avro',
  protobuf: 'Protobuf',
  json: 'JSON',
};

const NO_BYTES = new Uint8Array(0);
const NO_ID = -1;

export class MessageDecoder implements RecordDecoder {
  readonly columns: Column[];
  private readonly format: MessageDecoding;
  private readonly targets: TargetColumn[];
  private readonly parts: RecordParts;
  /** Plan of all records; null: by id. */
  private readonly only: SchemaPlan | null;
  private readonly plans = new Map<number, SchemaPlan>();
  private readonly unusable = new Map<number, Unusable>();
  /** The plan of the record before, which mostly is that of the next. */
  private lastId = NO_ID;
  private lastPlan: SchemaPlan | null = null;
  private bytes: Uint8Array = NO_BYTES;
  private buffer: Buffer = Buffer.alloc(0);
  private failing: (() => RecordFailure) | null = null;

  /** Throws ConfigError SETTING_INVALID for a given schema that does not fit the columns. */
  constructor(columns: readonly DecoderColumn[], format: MessageDecoding) {
    this.format = format;
    this.targets = columns.map((column) => createTarget(column.type, BATCH_ROWS_MAX));
    this.columns = this.targets.map((target) => target.column);
    this.parts = { columns, targets: this.targets };
    this.only = format.definition === null ? null : this.givenPlan(format.definition);
  }

  begin(): void {
    for (const target of this.targets) target.begin();
  }

  learn(schemas: readonly WriterSchema[]): void {
    for (const schema of schemas) {
      if (this.plans.has(schema.id)) continue;
      if (this.unusable.get(schema.id)?.unknown === false) continue;
      this.take(schema);
    }
  }

  decode(bytes: Uint8Array, start: number, end: number, row: number): number {
    const plan = this.only ?? this.planOf(bytes, start, end);
    if (plan === null) return this.refuse(row);
    const from = this.only === null ? start + FRAME_BYTES : start;
    if (bytes !== this.bytes) this.view(bytes);
    if (plan.decode(this.buffer, from, end, row) === REFUSED) {
      this.failing = null;
      this.lastPlan = plan;
      return this.refuse(row);
    }
    const { columns, targets } = this;
    for (let index = 0; index < columns.length; index += 1) columns[index] = targets[index]!.column;
    return DECODED;
  }

  decodeLines(): number {
    assert(false, 'binary formats have no lines: connectors of lines do not offer them');
    return 0;
  }

  failure(): RecordFailure {
    if (this.failing !== null) return this.failing();
    assert(this.lastPlan !== null, 'failure() follows a refused record');
    return this.lastPlan.failure();
  }

  /** Plan of the schema that the record names, or null with the reason. */
  private planOf(bytes: Uint8Array, start: number, end: number): SchemaPlan | null {
    const id = framedSchemaId(bytes, start, end);
    if (id === this.lastId && id !== NO_FRAME) return this.lastPlan;
    const plan = this.plans.get(id);
    if (plan === undefined) {
      const why = id === NO_FRAME ? describeNoFrame(bytes, start, end) : this.unusableReason(id);
      this.failing = () => ({ key: 'DECODE', message: `record cannot be read: ${why}` });
      return null;
    }
    this.lastId = id;
    this.lastPlan = plan;
    return plan;
  }

  private unusableReason(id: number): string {
    const fault = this.unusable.get(id)?.fault ?? 'nobody has looked up';
    return `it names schema ${id}, which ${fault}`;
  }

  private refuse(row: number): number {
    for (const { column } of this.targets) if (column.nulls !== null) column.nulls[row] = 0;
    return REFUSED;
  }

  /** Libraries read Buffers; the source's blocks are few and live long. */
  private view(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  private take({ id, definition, fault }: WriterSchema): void {
    if (definition === null) {
      this.unusable.set(id, { fault, unknown: true });
      return;
    }
    const { language } = this.format;
    if (definition.language !== language) {
      const [is, not] = [LANGUAGE_NAMES[definition.language], LANGUAGE_NAMES[language]];
      this.unusable.set(id, { fault: `is a schema of ${is}, not ${not}`, unknown: false });
      return;
    }
    try {
      this.plans.set(id, this.format.plan(definition, this.parts));
      this.unusable.delete(id);
    } catch (error) {
      this.unusable.set(id, { fault: `cannot be used: ${reasonOf(error)}`, unknown: false });
    }
  }

  private givenPlan(definition: SchemaDefinition): SchemaPlan {
    try {
      return this.format.plan(definition, this.parts);
    } catch (error) {
      const name = LANGUAGE_NAMES[this.format.language];
      throw new ConfigError('SETTING_INVALID', {
        message: `the ${name} schema cannot be used: ${reasonOf(error)}`,
        hint: "check the schema options of the table's format and the types of its columns",
        cause: error,
      });
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
