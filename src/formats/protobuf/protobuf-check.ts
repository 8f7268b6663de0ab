/**
 * Walks the bytes of a Protobuf message without making values: every field within its message, and
 * with the wire type that its schema says. Owns only that check. protobufjs reads a field by its
 * number alone, so that a damaged tag gives a value of other bytes, and keys of maps as text even
 * where they are none. Fields that the schema does not
 * know are stepped over, as readers of Protobuf do. @hot
 */
import type { Field, Type } from 'protobufjs';
import protobuf from 'protobufjs';
import { isText } from '../message/value-writer.js';

const DEPTH_MAX = 100;
const VARINT_BYTES_MAX = 10;
const NO_NUMBER = -1;

type Wire = 0 | 1 | 2 | 5;

/** What is known of a field: its wire type, a message inside, and whether a list may be packed. */
interface KnownField {
  readonly wire: Wire;
  readonly message: MessageFields | null;
  readonly isPackable: boolean;
  /** Its bytes must be UTF-8: keys of maps. Other texts are looked at where they are wanted. */
  readonly isKeyText: boolean;
}

type MessageFields = ReadonlyMap<number, KnownField>;

export class ProtobufCheck {
  private readonly fields: MessageFields;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(message: Type) {
    this.fields = fieldsOf(message, new Map());
  }

  /** Whether `bytes[start, end)` is a message. O(length). */
  passes(bytes: Uint8Array, start: number, end: number): boolean {
    this.bytes = bytes;
    this.at = start;
    return this.message(this.fields, end, 0);
  }

  private message(fields: MessageFields, end: number, depth: number): boolean {
    if (depth > DEPTH_MAX) return false;
    while (this.at < end) {
      const tag = this.number(end);
      const number = Math.floor(tag / 8);
      if (tag < 0 || number === 0 || tag > 0xffff_ffff) return false;
      const wire = tag % 8;
      const field = fields.get(number);
      if (
        !(field === undefined
          ? this.unknown(wire, number, end, depth)
          : this.known(field, wire, end, depth))
      )
        return false;
    }
    return this.at === end;
  }

  private known(field: KnownField, wire: number, end: number, depth: number): boolean {
    const { message } = field;
    if (wire !== field.wire) return wire === 2 && field.isPackable && this.packed(field.wire, end);
    if (field.isKeyText) return this.keyText(end);
    if (message === null) return this.skip(wire, end);
    const length = this.number(end);
    const inner = this.at + length;
    return length >= 0 && inner <= end && this.message(message, inner, depth + 1);
  }

  private keyText(end: number): boolean {
    const length = this.number(end);
    const from = this.at;
    this.at += length;
    return length >= 0 && this.at <= end && isText(this.bytes.subarray(from, this.at));
  }

  private packed(wire: Wire, end: number): boolean {
    const length = this.number(end);
    const inner = this.at + length;
    if (length < 0 || inner > end) return false;
    while (this.at < inner) if (!this.skip(wire, inner)) return false;
    return this.at === inner;
  }

  private unknown(wire: number, number: number, end: number, depth: number): boolean {
    if (wire !== 3) return this.skip(wire, end);
    if (depth > DEPTH_MAX) return false;
    // A group: fields up to its own end.
    for (;;) {
      const tag = this.number(end);
      if (tag < 8 || tag > 0xffff_ffff) return false;
      if (tag % 8 === 4) return Math.floor(tag / 8) === number;
      if (!this.unknown(tag % 8, Math.floor(tag / 8), end, depth + 1)) return false;
    }
  }

  private skip(wire: number, end: number): boolean {
    switch (wire) {
      case 0:
        return this.number(end) !== NO_NUMBER;
      case 1:
        this.at += 8;
        return this.at <= end;
      case 2: {
        const length = this.number(end);
        this.at += length;
        return length >= 0 && this.at <= end;
      }
      case 5:
        this.at += 4;
        return this.at <= end;
      default:
        return false;
    }
  }

  /** A varint, as the nearest double; NO_NUMBER where it does not end or has more than 64 bits. */
  private number(end: number): number {
    const { bytes } = this;
    if (this.at < end && bytes[this.at]! < 128) {
      this.at += 1;
      return bytes[this.at - 1]!;
    }
    let value = 0;
    let place = 1;
    const last = Math.min(this.at + VARINT_BYTES_MAX, end);
    for (let at = this.at; at < last; at += 1) {
      const byte = bytes[at]!;
      value += (byte & 127) * place;
      if (byte < 128) {
        const isTooLong = at - this.at === VARINT_BYTES_MAX - 1 && byte > 1;
        this.at = at + 1;
        return isTooLong ? NO_NUMBER : value;
      }
      place *= 128;
    }
    return NO_NUMBER;
  }
}

/** Messages may be within themselves: each is looked at once. */
function fieldsOf(message: Type, known: Map<Type, MessageFields>): MessageFields {
  const found = known.get(message);
  if (found !== undefined) return found;
  const fields = new Map<number, KnownField>();
  known.set(message, fields);
  for (const field of message.fieldsArray) {
    field.resolve();
    fields.set(field.id, field.map ? mapField(field, known) : plainField(field, known));
  }
  return fields;
}

function plainField(field: Field, known: Map<Type, MessageFields>): KnownField {
  const { resolvedType } = field;
  const message = resolvedType instanceof protobuf.Type ? fieldsOf(resolvedType, known) : null;
  const wire = message === null ? wireOf(field) : 2;
  return { wire, message, isPackable: field.repeated && wire !== 2, isKeyText: false };
}

/** A map is a list of entries with a key and a value. */
function mapField(field: Field, known: Map<Type, MessageFields>): KnownField {
  const { keyType } = field as Field & { readonly keyType: string };
  const isKeyText = keyType === 'string';
  const key = { wire: wireOfType(keyType), message: null, isPackable: false, isKeyText };
  const value = { ...plainField(field, known), isPackable: false };
  const entry = new Map<number, KnownField>([
    [1, key],
    [2, value],
  ]);
  return { wire: 2, message: entry, isPackable: false, isKeyText: false };
}

function wireOf(field: Field): Wire {
  return field.resolvedType instanceof protobuf.Enum ? 0 : wireOfType(field.type);
}

function wireOfType(type: string): Wire {
  switch (type) {
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return 1;
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return 5;
    case 'string':
    case 'bytes':
      return 2;
    default:
      return 0;
  }
}
