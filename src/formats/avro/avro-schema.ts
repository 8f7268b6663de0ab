/**
 * Avro schemas as a tree with all names resolved, and what is made of one: the schema that avsc
 * reads with, and the shapes of its values. Owns what of Avro fits SQL: logical types, null in
 * unions, names. Reading records is avro.ts, checking their bytes is avro-check.ts.
 *
 * The schema that avsc gets describes the same bytes, with three things changed. Every string is
 * declared as bytes, because columns take texts as bytes; only inside unions of several types
 * strings stay what they are. Types, fields and symbols have names of ours: any name is fine
 * then, and records of different schemas look alike to the compiler. And a map is a list of entries.
 */
import { assertNever } from '../../base/assert.js';
import { ShapeFault } from '../message/value-shape.js';
import type { FieldShape, MapEntry, ValueShape } from '../message/value-shape.js';
import { textOf } from '../message/value-writer.js';

const DECIMAL_SCALE_MAX = 1_000;

const PRIMITIVES = [
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
] as const;
type Primitive = (typeof PRIMITIVES)[number];

export type AvroNode =
  | { readonly kind: Primitive; readonly logical: AvroLogical | null }
  | {
      readonly kind: 'fixed';
      readonly name: string;
      readonly size: number;
      readonly logical: AvroLogical | null;
    }
  | { readonly kind: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: 'array'; readonly items: AvroNode }
  | { readonly kind: 'map'; readonly values: AvroNode }
  | { readonly kind: 'union'; readonly branches: readonly AvroNode[] }
  | AvroRecord;

export interface AvroRecord {
  readonly kind: 'record';
  readonly name: string;
  readonly fields: readonly AvroField[];
}

export interface AvroField {
  readonly name: string;
  /** Names that other versions of the schema have for it. */
  readonly aliases: readonly string[];
  readonly node: AvroNode;
  /** Its default, as JSON; undefined: it has none. */
  readonly preset: unknown;
}

export interface AvroLogical {
  readonly name: string;
  /** Of decimals, as scale; 0 for others. */
  readonly precision: number;
  readonly scale: number;
}

/** Names that references and the schema itself define. */
type Names = Map<string, AvroNode>;

/**
 * The schema of `text`, which may use names that `references` define. Throws ShapeFault for what is
 * no Avro schema or whose records are no records.
 */
export function parseAvroSchema(text: string, references: readonly string[] = []): AvroRecord {
  const names: Names = new Map();
  for (const reference of references) parseNode(parseJson(reference), names, '');
  const node = parseNode(parseJson(text), names, '');
  if (node.kind !== 'record') throw new ShapeFault(`the schema is ${node.kind}, not a record`);
  return node;
}

function parseJson(text: string): unknown {
  const trimmed = text.trim();
  // The registry writes a schema that is a mere name without quotes around it.
  if (/^[A-Za-z_][\w.]*$/.test(trimmed)) return trimmed;
  try {
    return JSON.parse(trimmed);
  } catch {
    throw new ShapeFault('the schema is no JSON');
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseNode(schema: unknown, names: Names, namespace: string): AvroNode {
  if (typeof schema === 'string') return named(schema, names, namespace);
  if (Array.isArray(schema)) {
    return { kind: 'union', branches: schema.map((each) => parseNode(each, names, namespace)) };
  }
  if (typeof schema !== 'object' || schema === null) {
    throw new ShapeFault(`the schema has ${JSON.stringify(schema)} where a type should be`);
  }
  // Checked boundary: an object that is no array, of JSON.
  const object = schema as JsonObject;
  const { type } = object;
  if (typeof type !== 'string') return parseNode(type, names, namespace);
  switch (type) {
    case 'record':
    case 'error':
      return parseRecord(object, names, namespace);
    case 'enum': {
      const symbols = strings(object['symbols'], 'symbols');
      const name = fullName(object, namespace);
      return defined(names, { kind: 'enum', name, symbols });
    }
    case 'fixed': {
      const name = fullName(object, namespace);
      const size = Number(object['size']);
      return defined(names, { kind: 'fixed', name, size, logical: logicalOf(object) });
    }
    case 'array':
      return { kind: 'array', items: parseNode(object['items'], names, namespace) };
    case 'map':
      return { kind: 'map', values: parseNode(object['values'], names, namespace) };
    default: {
      const node = named(type, names, namespace);
      return isPrimitive(type) ? { kind: type, logical: logicalOf(object) } : node;
    }
  }
}

function parseRecord(object: JsonObject, names: Names, namespace: string): AvroRecord {
  const name = fullName(object, namespace);
  const fields: AvroField[] = [];
  const record: AvroRecord = { kind: 'record', name, fields };
  names.set(name, record);
  const inner = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : '';
  const declared: unknown = object['fields'];
  if (!Array.isArray(declared))
    throw new ShapeFault(`record "${name}" of the schema has no fields`);
  for (const each of declared as readonly unknown[]) {
    if (typeof each !== 'object' || each === null || !('name' in each) || !('type' in each)) {
      throw new ShapeFault(`record "${name}" of the schema has a field without a name or type`);
    }
    const aliases = 'aliases' in each ? strings(each.aliases, 'aliases') : [];
    const preset: unknown = 'default' in each ? each.default : undefined;
    const node = parseNode(each.type, names, inner);
    fields.push({ name: String(each.name), aliases, node, preset });
  }
  return record;
}

function defined(names: Names, node: AvroNode & { readonly name: string }): AvroNode {
  names.set(node.name, node);
  return node;
}

function named(name: string, names: Names, namespace: string): AvroNode {
  if (isPrimitive(name)) return { kind: name, logical: null };
  const within = name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
  const node = names.get(within) ?? names.get(name);
  if (node === undefined) throw new ShapeFault(`the schema uses "${name}" without defining it`);
  return node;
}

function isPrimitive(name: string): name is Primitive {
  return (PRIMITIVES as readonly string[]).includes(name);
}

function fullName(object: JsonObject, namespace: string): string {
  const { name } = object;
  if (typeof name !== 'string' || name === '')
    throw new ShapeFault('the schema has a type without a name');
  if (name.includes('.')) return name;
  const own = object['namespace'];
  const space = typeof own === 'string' ? own : namespace;
  return space === '' ? name : `${space}.${name}`;
}

function strings(value: unknown, what: string): readonly string[] {
  if (Array.isArray(value)) return value.map(String);
  throw new ShapeFault(`the schema has no list of names as ${what}`);
}

function logicalOf(object: JsonObject): AvroLogical | null {
  const name = object['logicalType'];
  if (typeof name !== 'string') return null;
  const [precision, scale] = [object['precision'], object['scale']].map((each) =>
    Number(each ?? 0),
  );
  return { name, precision: precision ?? 0, scale: scale ?? 0 };
}

/** The only branch beside null, if the union has just one. */
export function otherThanNull(branches: readonly AvroNode[]): AvroNode | null {
  const others = branches.filter((each) => each.kind !== 'null');
  return others.length === 1 ? (others[0] ?? null) : null;
}

/** Fields of a record as shapes; one that is always null is none. */
export function fieldShapes(record: AvroRecord): readonly FieldShape[] {
  const fields: FieldShape[] = [];
  record.fields.forEach(({ name, node }, index) => {
    if (node.kind === 'null') return;
    const property = fieldName(index);
    // Checked boundary: avsc gives objects for records.
    const get = (value: unknown): unknown => (value as Readonly<Record<string, unknown>>)[property];
    fields.push({ name, shape: shapeOf(node), get });
  });
  return fields;
}

/** What records of avsc call the field of this number. */
export function fieldName(index: number): string {
  return `f${index}`;
}

function shapeOf(node: AvroNode): ValueShape {
  switch (node.kind) {
    case 'null':
      return { kind: 'opaque', reason: 'always null' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'int':
    case 'long':
      return integerShape(node.logical);
    case 'float':
    case 'double':
      return { kind: 'double' };
    case 'string':
      return { kind: 'text' };
    case 'bytes':
    case 'fixed':
      return node.logical?.name === 'decimal' ? decimalShape(node.logical) : { kind: 'bytes' };
    case 'enum':
      return { kind: 'symbol', unwrap: (symbol) => symbolAt(node, symbol) };
    case 'array':
      return { kind: 'list', element: shapeOf(node.items) };
    case 'map':
      return { kind: 'map', value: shapeOf(node.values), entries: mapEntries };
    case 'record':
      return { kind: 'record', name: node.name, fields: () => fieldShapes(node) };
    case 'union': {
      const other = otherThanNull(node.branches);
      if (other !== null) return shapeOf(other);
      const names = node.branches.map((branch) => branch.kind).join(', ');
      return { kind: 'opaque', reason: `a union of ${names}` };
    }
    default:
      return assertNever(node);
  }
}

/** A scale of a thousand million would cost a number of so many digits for each value. */
function decimalShape({ scale }: AvroLogical): ValueShape {
  if (Number.isInteger(scale) && scale >= 0 && scale <= DECIMAL_SCALE_MAX) {
    return { kind: 'decimal', scale };
  }
  throw new ShapeFault(`has a decimal of scale ${scale}, not one from 0 to ${DECIMAL_SCALE_MAX}`);
}

/** What avsc gives for an entry of a map, and takes. */
export interface AvroEntry {
  readonly k: Buffer;
  readonly v: unknown;
}

function mapEntries(value: unknown): readonly MapEntry[] {
  // Checked boundary: maps are read as lists of such records.
  return (value as readonly AvroEntry[]).map(({ k, v }) => [textOf(k), v] as const);
}

/** avsc's name of an enum's symbol: any text may be one, also what every object has. */
export function symbolName(index: number): string {
  return `s${index}`;
}

function symbolAt({ symbols }: { readonly symbols: readonly string[] }, name: unknown): unknown {
  return symbols[Number(String(name).slice(1))] ?? null;
}

/** Times of day have no SQL type here and stay whole numbers. */
function integerShape(logical: AvroLogical | null): ValueShape {
  switch (logical?.name) {
    case 'date':
      return { kind: 'date' };
    case 'timestamp-millis':
    case 'local-timestamp-millis':
      return { kind: 'timestamp', perMs: 1 };
    case 'timestamp-micros':
    case 'local-timestamp-micros':
      return { kind: 'timestamp', perMs: 1_000 };
    case 'timestamp-nanos':
    case 'local-timestamp-nanos':
      return { kind: 'timestamp', perMs: 1_000_000 };
    default:
      return { kind: 'integer' };
  }
}

/** A schema as avsc takes it; plain JSON. */
export type AvroJson = string | readonly AvroJson[] | { readonly [key: string]: unknown };

/** What avsc is to read records with. */
export interface AvroPair {
  /** What records look like. */
  readonly written: AvroJson;
  /**
   * The same without the fields that nobody needs, or null where avsc must read them all: because
   * all are needed, or because the record occurs within itself.
   */
  readonly needed: AvroJson | null;
}

export function avroPair(record: AvroRecord, names: ReadonlySet<string>): AvroPair {
  const isNeeded = (field: AvroField): boolean => names.has(field.name);
  const mapNames = new Map<AvroNode, string>();
  const written = new JsonWriter(() => true, mapNames).node(record, true);
  const recurs = record.fields.some((field) => refersTo(field.node, record, new Set()));
  if (recurs || record.fields.every(isNeeded)) return { written, needed: null };
  const own = new Set(record.fields.filter((field) => !isNeeded(field)));
  const needed = new JsonWriter((field) => !own.has(field), mapNames).node(record, true);
  return { written, needed };
}

function refersTo(node: AvroNode, record: AvroRecord, seen: Set<AvroNode>): boolean {
  if (node === record) return true;
  if (seen.has(node)) return false;
  seen.add(node);
  return children(node).some((child) => refersTo(child, record, seen));
}

/** Whether the schema has lists or maps, skipped ones included. */
export function hasBlocks(node: AvroNode, seen = new Set<AvroNode>()): boolean {
  if (node.kind === 'array' || node.kind === 'map') return true;
  if (seen.has(node)) return false;
  seen.add(node);
  return children(node).some((child) => hasBlocks(child, seen));
}

function children(node: AvroNode): readonly AvroNode[] {
  switch (node.kind) {
    case 'array':
      return [node.items];
    case 'map':
      return [node.values];
    case 'union':
      return node.branches;
    case 'record':
      return node.fields.map((field) => field.node);
    default:
      return [];
  }
}

/** Writes a tree as JSON for avsc. */
class JsonWriter {
  private readonly takes: (field: AvroField) => boolean;
  /** Names of the entries of maps: the same for the schemas of one record. */
  private readonly mapNames: Map<AvroNode, string>;
  private readonly defined = new Set<AvroNode>();

  constructor(takes: (field: AvroField) => boolean, mapNames: Map<AvroNode, string>) {
    this.takes = takes;
    this.mapNames = mapNames;
  }

  node(node: AvroNode, stringsAsBytes: boolean): AvroJson {
    switch (node.kind) {
      case 'string':
        return stringsAsBytes ? 'bytes' : 'string';
      case 'array':
        return { type: 'array', items: this.node(node.items, true) };
      case 'map':
        return this.map(node);
      case 'union': {
        const single = otherThanNull(node.branches) !== null;
        return node.branches.map((branch) => this.node(branch, single));
      }
      case 'record':
      case 'enum':
      case 'fixed':
        return this.named(node);
      default:
        return node.kind;
    }
  }

  /** A map has the bytes of a list of entries, and a list loses no key: "__proto__" is one. */
  private map(node: Extract<AvroNode, { readonly kind: 'map' }>): AvroJson {
    const name = this.mapNames.get(node) ?? `M${this.mapNames.size}`;
    this.mapNames.set(node, name);
    const fields = [
      { name: 'k', type: 'bytes' },
      { name: 'v', type: this.node(node.values, true) },
    ];
    return { type: 'array', items: { type: 'record', name, fields } };
  }

  private named(node: Extract<AvroNode, { readonly name: string }>): AvroJson {
    const name = typeName(node);
    if (this.defined.has(node)) return name;
    this.defined.add(node);
    switch (node.kind) {
      case 'enum':
        return { type: 'enum', name, symbols: node.symbols.map((_, index) => symbolName(index)) };
      case 'fixed':
        return { type: 'fixed', name, size: node.size };
      case 'record': {
        const fields: AvroJson[] = [];
        node.fields.forEach((field, index) => {
          if (!this.takes(field)) return;
          fields.push({ name: fieldName(index), type: this.node(field.node, true) });
        });
        return { type: 'record', name, fields };
      }
      default:
        return assertNever(node);
    }
  }
}

/** The same for the same name, and no two names give one. */
function typeName(node: { readonly name: string }): string {
  return `T_${node.name.replace(/[^A-Za-z0-9]/g, (each) => `_${each.codePointAt(0) ?? 0}_`)}`;
}
