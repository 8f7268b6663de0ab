/**
 * The Protobuf decoder: records of one message of a given schema, or, framed, of the message whose
 * indexes stand behind the schema id. Owns those indexes and what is made per message; schemas are
 * protobuf-schema.ts, reading values is protobufjs's business, columns are record-writer.ts. @hot
 *
 *   message indexes := 0 | count · index …          each a zigzag varint; 0 alone means: the first
 */
import type { Reader, Type } from 'protobufjs';
import protobuf from 'protobufjs';
import type { RecordFailure } from '../../runtime/operator.js';
import { DECODED, REFUSED } from '../decoder.js';
import type { DecoderColumn, RecordDecoder } from '../decoder.js';
import { MessageDecoder } from '../message/message-decoder.js';
import type { SchemaPlan } from '../message/message-decoder.js';
import {
  messageAt,
  messageNamed,
  messageShapes,
  parseProtobufSchema,
  pruneMessage,
} from './protobuf-schema.js';
import { ProtobufCheck } from './protobuf-check.js';
import { RecordWriter, WRITTEN } from '../message/record-writer.js';
import type { RecordParts } from '../message/record-writer.js';
import type { SchemaDefinition, SchemaSettings } from '../message/wire-schema.js';

/** More message indexes than that are damage: messages do not nest so deep. */
const INDEXES_MAX = 32;

export function createProtobufDecoder(
  columns: readonly DecoderColumn[],
  settings: SchemaSettings,
): RecordDecoder {
  const framed = settings.definition === null;
  return new MessageDecoder(columns, {
    language: 'protobuf',
    definition: settings.definition,
    plan: (definition, parts) =>
      framed
        ? new FramedPlan(definition, parts, settings)
        : newMessagePlan(definition, parts, settings, (schema) =>
            messageNamed(schema, settings.message),
          ),
  });
}

function newMessagePlan(
  definition: SchemaDefinition,
  parts: RecordParts,
  { readDefaults }: SchemaSettings,
  messageOf: (schema: ReturnType<typeof parseProtobufSchema>) => Type,
): MessagePlan {
  // A tree of its own: pruning changes it.
  const schema = parseProtobufSchema(definition);
  const message = messageOf(schema);
  // Of all fields: what nobody needs is checked, too, so that a record's fate is no query's business.
  const check = new ProtobufCheck(message);
  pruneMessage(message, schema, new Set(parts.columns.map((column) => column.name)));
  const shapes = messageShapes(message, { texts: schema.texts, readDefaults });
  return new MessagePlan(message, check, new RecordWriter(shapes, parts));
}

/** Reads the records of one message. */
class MessagePlan implements SchemaPlan {
  private readonly message: Type;
  private readonly check: ProtobufCheck;
  private readonly writer: RecordWriter;
  private bytes: Buffer | null = null;
  private reader: Reader = protobuf.Reader.create(Buffer.alloc(0));
  private failed: RecordFailure = { key: 'DECODE', message: '' };

  constructor(message: Type, check: ProtobufCheck, writer: RecordWriter) {
    this.message = message;
    this.check = check;
    this.writer = writer;
  }

  decode(bytes: Buffer, start: number, end: number, row: number): number {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.reader = protobuf.Reader.create(bytes);
    }
    const { reader } = this;
    reader.pos = start;
    reader.len = end;
    let record: unknown;
    try {
      if (!this.check.passes(bytes, start, end)) throw new Error('its fields do not fit');
      record = this.message.decode(reader);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.failed = {
        key: 'DECODE',
        message: `record is no message "${this.message.fullName.slice(1)}": ${why}`,
      };
      return REFUSED;
    }
    const column = this.writer.write(record, row);
    if (column === WRITTEN) return DECODED;
    this.failed = { key: 'CONVERT', message: this.writer.describe(record, column) };
    return REFUSED;
  }

  failure(): RecordFailure {
    return this.failed;
  }
}

/** Reads the records of all messages of one schema. */
class FramedPlan implements SchemaPlan {
  private readonly planOf: (indexes: readonly number[]) => MessagePlan;
  private readonly plans = new Map<string, MessagePlan>();
  private readonly first: MessagePlan;
  private last: SchemaPlan;

  /** Throws where the schema's first message does not fit: mostly it is the only one. */
  constructor(definition: SchemaDefinition, parts: RecordParts, settings: SchemaSettings) {
    this.planOf = (indexes) =>
      newMessagePlan(definition, parts, settings, (schema) => messageAt(schema, indexes));
    this.first = this.planOf([0]);
    this.last = this.first;
  }

  decode(bytes: Buffer, start: number, end: number, row: number): number {
    if (start < end && bytes[start] === 0) {
      this.last = this.first;
      return this.first.decode(bytes, start + 1, end, row);
    }
    const indexes: number[] = [];
    const behind = readIndexes(bytes, start, end, indexes);
    this.last = behind < 0 ? new Refusal('its message indexes are damaged') : this.plan(indexes);
    return this.last.decode(bytes, behind, end, row);
  }

  failure(): RecordFailure {
    return this.last.failure();
  }

  private plan(indexes: readonly number[]): SchemaPlan {
    const key = indexes.join('.');
    let plan = this.plans.get(key);
    if (plan === undefined) {
      try {
        plan = this.planOf(indexes);
      } catch (error) {
        return new Refusal(error instanceof Error ? error.message : String(error));
      }
      this.plans.set(key, plan);
    }
    return plan;
  }
}

/** Refuses a record for one reason. */
class Refusal implements SchemaPlan {
  private readonly why: string;

  constructor(why: string) {
    this.why = why;
  }

  decode(): number {
    return REFUSED;
  }

  failure(): RecordFailure {
    return { key: 'DECODE', message: `record cannot be read: ${this.why}` };
  }
}

/** Takes the indexes in; where they end, or -1 when they are damaged. */
function readIndexes(bytes: Buffer, start: number, end: number, into: number[]): number {
  let count = -1;
  let value = 0;
  let shift = 0;
  for (let at = start; at < end; at += 1) {
    value += (bytes[at]! & 127) * 2 ** shift;
    shift += 7;
    if (bytes[at]! >= 128) {
      if (shift > 28) return -1;
      continue;
    }
    // Zigzag: odd ones are negative, which no index is.
    if (value % 2 === 1) return -1;
    if (count < 0) count = value / 2;
    else into.push(value / 2);
    if (count > INDEXES_MAX) return -1;
    if (into.length === count) return at + 1;
    value = 0;
    shift = 0;
  }
  return -1;
}
