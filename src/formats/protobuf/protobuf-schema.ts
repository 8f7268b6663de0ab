/**
 * Protobuf schemas: .proto texts and descriptor sets as protobufjs's reflection, messages by name
 * or by a frame's indexes, and messages as shapes. Owns what of Protobuf fits SQL: presence and
 * defaults, well-known types, enums. Reading records is protobuf.ts.
 *
 * Every string field is declared as bytes before anything is compiled: they look the same in a
 * record, columns take texts as bytes, and protobufjs cuts a string that reaches behind its message
 * short where it refuses such bytes.
 */
import type { Field, FieldBase, NamespaceBase, ReflectionObject, Root, Type } from 'protobufjs';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { innerName, ownName, renameDescriptor, withInnerNames } from './protobuf-names.js';
import { ShapeFault } from '../message/value-shape.js';
import type { FieldShape, MapEntry, ValueShape } from '../message/value-shape.js';
import { wholeOf } from '../message/value-writer.js';
import type { SchemaDefinition } from '../message/wire-schema.js';

/** Fields that were strings before they were declared as bytes. */
type TextFields = ReadonlySet<FieldBase>;

export interface ProtobufSchema {
  readonly root: Root;
  readonly texts: TextFields;
  /** Full names of the schema's own messages as frames count them: nested ones below theirs. */
  readonly messages: readonly MessagePlace[];
}

const NO_BYTES = Buffer.alloc(0);

interface MessagePlace {
  readonly name: string;
  readonly nested: readonly MessagePlace[];
}

/** Throws ShapeFault, or protobufjs's Error with the line of a fault of syntax. */
export function parseProtobufSchema({ text, references }: SchemaDefinition): ProtobufSchema {
  const isText = /[^A-Za-z0-9+/=\s]/.test(text);
  const root = isText ? rootOfTexts(text, references) : rootOfDescriptor(text);
  const texts = new Set<FieldBase>();
  stringsAsBytes(root, texts);
  root.resolveAll();
  return { root, texts, messages: isText ? messagePlaces(text) : [] };
}

function rootOfTexts(text: string, references: SchemaDefinition['references']): Root {
  const root = new protobuf.Root();
  const imported = new Set<string>();
  const add = (given: string): void => {
    const source = withInnerNames(given);
    const { imports = [], weakImports = [] } = protobuf.parse(source, root, { keepCase: true });
    for (const name of [...imports, ...weakImports]) {
      if (imported.has(name)) continue;
      imported.add(name);
      const common = protobuf.common.get(name);
      if (common !== null) root.addJSON(common.nested ?? {});
    }
  };
  for (const reference of references) add(reference.text);
  add(text);
  return root;
}

/** A FileDescriptorSet, as protoc writes it, in base64. */
function rootOfDescriptor(base64: string): Root {
  const decoded = descriptor.FileDescriptorSet.decode(Buffer.from(base64, 'base64'));
  renameDescriptor(decoded);
  // Checked boundary: the type that was decoded; a list that is absent is empty there.
  const set = decoded as unknown as descriptor.IFileDescriptorSet;
  // Checked boundary: the extension adds this function, which protobufjs's types leave out.
  const { fromDescriptor } = protobuf.Root as unknown as { fromDescriptor(set: unknown): Root };
  const root = fromDescriptor(set);
  restoreMaps(root, mapEntriesIn(set));
  return root;
}

/** Full names of the messages that stand for the entries of maps. */
function mapEntriesIn({ file }: descriptor.IFileDescriptorSet): ReadonlySet<string> {
  const names = new Set<string>();
  const walk = (messages: readonly descriptor.IDescriptorProto[], within: string): void => {
    for (const { name, nestedType, options } of messages) {
      const fullName = `${within}.${name ?? ''}`;
      if (options?.mapEntry === true) names.add(fullName);
      walk(nestedType ?? [], fullName);
    }
  };
  for (const { messageType, package: name } of file) {
    walk(messageType ?? [], name === undefined || name === '' ? '' : `.${name}`);
  }
  return names;
}

/** A descriptor has a map as a list of entries, and protobufjs leaves it so. */
function restoreMaps(object: ReflectionObject, entries: ReadonlySet<string>): void {
  if (object instanceof protobuf.Type) {
    for (const field of [...object.fieldsArray]) {
      const entry = field.repeated ? object.lookup(field.type, [protobuf.Type]) : null;
      if (!(entry instanceof protobuf.Type) || !entries.has(entry.fullName)) continue;
      const { key, value } = entry.fields;
      if (key === undefined || value === undefined) continue;
      object.remove(field);
      object.add(new protobuf.MapField(field.name, field.id, key.type, value.type));
    }
  }
  if (!(object instanceof protobuf.Namespace)) return;
  for (const nested of object.nestedArray) restoreMaps(nested, entries);
}

/** In the order of the text, without what it imports. */
function messagePlaces(text: string): readonly MessagePlace[] {
  const own = protobuf.parse(withInnerNames(text), new protobuf.Root(), { keepCase: true });
  const within = own.package === undefined ? own.root : own.root.lookup(own.package);
  return within instanceof protobuf.Namespace ? placesIn(within) : [];
}

function placesIn(namespace: NamespaceBase): readonly MessagePlace[] {
  const types = namespace.nestedArray.filter((each) => each instanceof protobuf.Type);
  return types.map((type) => ({ name: type.fullName, nested: placesIn(type) }));
}

function stringsAsBytes(object: ReflectionObject, texts: Set<FieldBase>): void {
  if (object instanceof protobuf.Type) {
    for (const field of object.fieldsArray) {
      if (field.type !== 'string') continue;
      texts.add(field);
      field.type = 'bytes';
      field.bytes = true;
      // Descriptor sets come resolved, with the default of a string.
      field.resolved = false;
    }
  }
  if (!(object instanceof protobuf.Namespace)) return;
  for (const nested of object.nestedArray) stringsAsBytes(nested, texts);
}

/** The message that a frame's indexes lead to. Throws ShapeFault where they lead nowhere. */
export function messageAt(schema: ProtobufSchema, indexes: readonly number[]): Type {
  let places = schema.messages;
  let place: MessagePlace | undefined;
  for (const index of indexes) {
    place = places[index];
    if (place === undefined) break;
    places = place.nested;
  }
  if (place !== undefined) return schema.root.lookupType(place.name);
  throw new ShapeFault(`its schema has no message at the indexes ${indexes.join(', ')}`);
}

/** The indexes that lead to a message of the schema's own. Throws ShapeFault for another's. */
export function indexesOf(schema: ProtobufSchema, message: Type): readonly number[] {
  const found = pathTo(schema.messages, message.fullName);
  if (found !== null) return found;
  throw new ShapeFault(
    `the message "${message.fullName.slice(1)}" is not in the schema's own text`,
  );
}

function pathTo(places: readonly MessagePlace[], name: string): readonly number[] | null {
  for (const [index, place] of places.entries()) {
    if (place.name === name) return [index];
    const below = pathTo(place.nested, name);
    if (below !== null) return [index, ...below];
  }
  return null;
}

/**
 * The message of a full name, or of a Java class's, whose last part is the message's; without a
 * name the schema's first. Throws ShapeFault.
 */
export function messageNamed(schema: ProtobufSchema, name: string | null): Type {
  if (name === null) return messageAt(schema, [0]);
  const last = innerName(name.split(/[.$]/).at(-1) ?? name);
  for (const each of [innerName(name), last]) {
    const found = schema.root.lookup(each, [protobuf.Type]);
    if (found instanceof protobuf.Type) return found;
  }
  const named = schema.messages.find((each) => each.name.endsWith(`.${last}`));
  if (named !== undefined) return schema.root.lookupType(named.name);
  throw new ShapeFault(`the schema has no message "${name}"`);
}

/**
 * Takes fields that nobody needs out of a message, so that its decoder skips them; not where the
 * message occurs within others, which may need them.
 */
export function pruneMessage(
  message: Type,
  schema: ProtobufSchema,
  names: ReadonlySet<string>,
): void {
  if (isFieldType(schema.root, message)) return;
  for (const field of [...message.fieldsArray]) {
    if (names.has(ownName(field.name))) continue;
    field.partOf?.remove(field);
    message.remove(field);
  }
}

function isFieldType(object: ReflectionObject, message: Type): boolean {
  if (object instanceof protobuf.Type) {
    if (object.fieldsArray.some((field) => field.resolvedType === message)) return true;
  }
  if (!(object instanceof protobuf.Namespace)) return false;
  return object.nestedArray.some((nested) => isFieldType(nested, message));
}

export interface ShapeOptions {
  readonly texts: TextFields;
  /** Absent fields with presence have their default value instead of NULL. */
  readonly readDefaults: boolean;
}

type Message = Readonly<Record<string, unknown>>;

export function messageShapes(message: Type, options: ShapeOptions): readonly FieldShape[] {
  return message.fieldsArray.map((field) => {
    const { name } = field.resolve();
    const get = fieldGetter(field, options);
    return { name: ownName(name), shape: fieldShape(field, options), get };
  });
}

function fieldShape(field: Field, options: ShapeOptions): ValueShape {
  const element = elementShape(field, options);
  if (field instanceof protobuf.MapField) {
    const isLong = /64$/.test(field.keyType);
    const unsigned = field.keyType === 'uint64' || field.keyType === 'fixed64';
    const keyText = (key: string): string =>
      isLong ? String(wholeOf(protobuf.util.LongBits.fromHash(key).toLong(unsigned))) : key;
    // Checked boundary: protobufjs gives objects for maps.
    const entries = (value: unknown): readonly MapEntry[] =>
      Object.entries(value as Message).map(([key, item]) => [keyText(key), item] as const);
    return { kind: 'map', value: element, entries };
  }
  return field.repeated ? { kind: 'list', element } : element;
}

/** An empty list or map is what an absent one means; other fields may tell whether they are there. */
function fieldGetter(field: Field, options: ShapeOptions): FieldShape['get'] {
  const { name } = field;
  // Checked boundary: protobufjs gives objects for messages.
  const plain = (message: unknown): unknown => (message as Message)[name];
  if (field.repeated || field.map) return plain;
  // protobufjs does not count messages among the fields of proto3 that have presence.
  const hasPresence = field.hasPresence || field.resolvedType instanceof protobuf.Type;
  const preset = hasPresence && !options.readDefaults ? null : defaultOf(field, options);
  return (message) => {
    const object = message as Message;
    return Object.hasOwn(object, name) ? object[name] : preset;
  };
}

function defaultOf(field: Field, { texts }: ShapeOptions): unknown {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) return resolvedType.create({});
  if (field.type !== 'bytes') return field.typeDefault ?? (field.type === 'bool' ? false : 0);
  const given: unknown = field.options?.['default'];
  if (texts.has(field)) return Buffer.from(typeof given === 'string' ? given : '');
  return Buffer.isBuffer(field.typeDefault) ? field.typeDefault : NO_BYTES;
}

/** What one value of the field is: of a list or map, an element. */
function elementShape(field: Field, options: ShapeOptions): ValueShape {
  switch (field.type) {
    case 'double':
    case 'float':
      return { kind: 'double' };
    case 'bool':
      return { kind: 'boolean' };
    case 'bytes':
      return { kind: options.texts.has(field) ? 'text' : 'bytes', unwrap: bytesOf };
    default:
      return field.resolvedType === null
        ? { kind: 'integer' }
        : typeShape(field.resolvedType, options);
  }
}

function typeShape(type: NonNullable<Field['resolvedType']>, options: ShapeOptions): ValueShape {
  if (type instanceof protobuf.Enum) {
    const { valuesById } = type;
    // A number that the schema does not name is kept as a number.
    const nameOf = (value: unknown): string => {
      const name = valuesById[Number(value)];
      return name === undefined ? String(value) : ownName(name);
    };
    return { kind: 'symbol', unwrap: nameOf };
  }
  const { fullName } = type;
  if (fullName === '.google.protobuf.Timestamp') {
    return { kind: 'timestamp', perMs: 1, unwrap: epochMs };
  }
  const wrapped = /^\.google\.protobuf\.\w+Value$/.test(fullName)
    ? type.fields['value']
    : undefined;
  if (wrapped !== undefined && type.fieldsArray.length === 1) {
    wrapped.resolve();
    return { ...elementShape(wrapped, options), unwrap: fieldGetter(wrapped, options) };
  }
  return { kind: 'record', name: fullName.slice(1), fields: () => messageShapes(type, options) };
}

/** Where a map's entry lacks its value, protobufjs gives an empty array. */
function bytesOf(value: unknown): unknown {
  return Array.isArray(value) ? NO_BYTES : value;
}

/** Milliseconds since the epoch of a Timestamp message. */
function epochMs(message: unknown): unknown {
  // Checked boundary: fields of protobufjs's own definition, present or on its prototype.
  const { seconds, nanos } = message as { readonly seconds: unknown; readonly nanos: number };
  const whole = wholeOf(seconds);
  if (typeof whole === 'bigint') return whole * 1_000n;
  return whole * 1_000 + Math.floor(nanos / 1_000_000);
}
