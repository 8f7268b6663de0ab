/**
 * Decoders written to be read: JSON, CSV, Avro and Protobuf records to values by the letter of the
 * format, a byte at a time, with bigints and without anything shared. What the decoders of src/
 * accept must have the values that these give (test/fuzz/decoders.test.ts).
 */
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import {
  parseNumberText,
  partsToBigint,
  partsToDecimal,
  rescale,
  fitsPrecision,
} from '../../src/functions/decimal.js';
import { PLAIN_CSV } from '../../src/formats/text/csv-dialect.js';
import type { CsvDialect } from '../../src/formats/text/csv-dialect.js';
import type { DecoderColumn } from '../../src/formats/decoder.js';

/** A value that has tests of its own: times are spelled in many ways (json.test.ts). */
export const ANY = 'any value';

/** A record is none, or a value is none of its column's type. */
export class Refused extends Error {}

const refuse = (why: string): never => {
  throw new Refused(why);
};

export function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('no UTF-8');
  }
}

/** A value as JSON and CSV spell it: numbers keep their text. */
type Spelled =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'list'; readonly items: readonly Spelled[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Spelled> };

function spelledValue(spelled: Spelled, type: SqlType): SqlValue {
  if (spelled.kind === 'null') return null;
  if (spelled.kind === 'list') {
    if (type.kind !== 'array') return refuse('a list');
    return spelled.items.map((item) => spelledValue(item, type.element));
  }
  if (spelled.kind === 'object') {
    const { members } = spelled;
    if (type.kind === 'map') {
      const keys = [...members.keys()].map((text) =>
        spelledValue({ kind: 'text', text }, type.key),
      );
      return { keys, values: [...members.values()].map((item) => spelledValue(item, type.value)) };
    }
    if (type.kind !== 'row') return refuse('an object');
    return type.fields.map(({ name, type: inner }) => {
      const member = members.get(name);
      return member === undefined ? null : spelledValue(member, inner);
    });
  }
  const isText = spelled.kind !== 'boolean';
  const text = isText ? spelled.text : String(spelled.value);
  switch (type.kind) {
    case 'varchar':
      return text;
    case 'boolean':
      if (!/^(true|false)$/i.test(text) || spelled.kind === 'number') return refuse('no boolean');
      return text.toLowerCase() === 'true';
    case 'double':
    case 'bigint':
    case 'decimal':
      return isText ? numberOf(text, type) : refuse('a boolean');
    case 'timestamp':
    case 'date':
      return ANY;
    default:
      return refuse('a scalar');
  }
}

function numberOf(text: string, type: SqlType): SqlValue {
  const parts = parseNumberText(text) ?? refuse('no number');
  if (type.kind === 'double') {
    const value = Number(text);
    return Number.isFinite(value) ? value : refuse('no double');
  }
  const exact =
    type.kind === 'decimal'
      ? partsToDecimal(parts, type.precision, type.scale)
      : partsToBigint(parts);
  return exact ?? refuse('out of range');
}

export function plainJson(bytes: Uint8Array, columns: readonly DecoderColumn[]): SqlValue[] {
  const reader = new JsonReader(utf8(bytes));
  const record = reader.whole();
  if (record.kind !== 'object') return refuse('no object');
  return columns.map(({ name, type }) => {
    const member = record.members.get(name);
    return member === undefined ? null : spelledValue(member, type);
  });
}

class JsonReader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): Spelled {
    const value = this.value();
    this.space();
    return this.at === this.text.length ? value : refuse('more than a value');
  }

  private space(): void {
    while (/[ \t\n\r]/.test(this.text[this.at] ?? '')) this.at += 1;
  }

  private takes(sign: string): boolean {
    this.space();
    if (!this.text.startsWith(sign, this.at)) return false;
    this.at += sign.length;
    return true;
  }

  private value(): Spelled {
    this.space();
    const { text, at } = this;
    if (text[at] === '"') return { kind: 'text', text: this.string() };
    if (this.takes('null')) return { kind: 'null' };
    if (this.takes('true')) return { kind: 'boolean', value: true };
    if (this.takes('false')) return { kind: 'boolean', value: false };
    if (this.takes('[')) return this.list();
    if (this.takes('{')) return this.object();
    const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/.exec(text.slice(at))?.[0];
    if (number === undefined) return refuse('no value');
    this.at += number.length;
    return { kind: 'number', text: number };
  }

  private list(): Spelled {
    const items: Spelled[] = [];
    if (this.takes(']')) return { kind: 'list', items };
    do items.push(this.value());
    while (this.takes(','));
    return this.takes(']') ? { kind: 'list', items } : refuse('an open list');
  }

  private object(): Spelled {
    const members = new Map<string, Spelled>();
    if (this.takes('}')) return { kind: 'object', members };
    do {
      this.space();
      if (this.text[this.at] !== '"') return refuse('no key');
      const key = this.string();
      if (!this.takes(':')) return refuse('no colon');
      members.set(key, this.value());
    } while (this.takes(','));
    return this.takes('}') ? { kind: 'object', members } : refuse('an open object');
  }

  private string(): string {
    const spelled = /^"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/.exec(
      this.text.slice(this.at),
    )?.[0];
    if (spelled === undefined) return refuse('no text');
    this.at += spelled.length;
    // Lone surrogates become U+FFFD, as everywhere that text is UTF-8.
    return Buffer.from(JSON.parse(spelled) as string).toString();
  }
}

/** The field at `at`, and where it ends. */
function plainCsvField(text: string, at: number, { delimiter, quote, escape }: CsvDialect) {
  if (quote === null || text[at] !== quote) {
    let end = at;
    while (end < text.length && text[end] !== delimiter && text[end] !== '\n') end += 1;
    return { text: text.slice(at, end), quoted: false, end };
  }
  let taken = '';
  for (let end = at + 1; end < text.length; end += 1) {
    const [sign = '', next] = [text[end], text[end + 1]];
    if (sign === quote && next !== quote) return { text: taken, quoted: true, end: end + 1 };
    const leads = sign === quote || (sign === escape && (next === quote || next === escape));
    if (leads) end += 1;
    taken += leads ? (next ?? '') : sign;
  }
  return refuse('a quote that is not closed');
}

export function plainCsv(
  bytes: Uint8Array,
  columns: readonly DecoderColumn[],
  dialect: CsvDialect = PLAIN_CSV,
): SqlValue[] {
  const text = utf8(bytes)
    .replace(/\n[\r\n]*$/, '')
    .replace(/\r$/, '');
  const fields: { readonly text: string; readonly quoted: boolean }[] = [];
  let at = 0;
  for (;;) {
    const field = plainCsvField(text, at, dialect);
    if (field.end < text.length && text[field.end] !== dialect.delimiter) {
      return refuse('a field that does not end');
    }
    fields.push(field);
    at = field.end;
    if (at === text.length) break;
    at += 1;
  }
  const isRagged = fields.length !== columns.length;
  if (isRagged && dialect.ragged === 'error') return refuse('another number of fields');
  return columns.map(({ type }, index) => {
    const field = fields[index];
    if (field === undefined) return null;
    const isText = type.kind === 'varchar';
    const isEmptyText = isText && (field.quoted || dialect.nullLiteral !== null);
    if (field.text === '' && !isEmptyText) return null;
    if (!field.quoted && field.text === dialect.nullLiteral) return null;
    if (!field.quoted && !isText && dialect.missing.includes(field.text)) return null;
    const isNumber = ['bigint', 'double', 'decimal'].includes(type.kind);
    if (!isNumber || dialect.decimal === '.') {
      return spelledValue({ kind: 'text', text: field.text }, type);
    }
    if (field.text.includes('.')) return refuse('a point of thousands');
    return spelledValue({ kind: 'text', text: field.text.replaceAll(',', '.') }, type);
  });
}

/** Bytes that are read in order, never behind their end. */
class Bytes {
  at = 0;
  readonly end: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  get isAtEnd(): boolean {
    return this.at === this.end;
  }

  take(count: number): Uint8Array {
    if (count < 0 || this.at + count > this.end) refuse('behind the end');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  double(): number {
    const bytes = Uint8Array.from(this.take(8));
    const value = new DataView(bytes.buffer).getFloat64(0, true);
    return Number.isFinite(value) ? value : refuse('no double');
  }

  varint(bytesMax = 10): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 7n * BigInt(bytesMax); shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte >= 128) continue;
      return value < 1n << 64n ? value : refuse('more than 64 bits');
    }
    return refuse('a number that does not end');
  }
}

const unzigzag = (value: bigint): bigint => (value & 1n ? -((value + 1n) >> 1n) : value >> 1n);

/** The Avro schema of the mutation test, field by field. */
export function plainAvro(bytes: Uint8Array): SqlValue[] {
  const from = new Bytes(bytes);
  const long = (): bigint => unzigzag(from.varint());
  const text = (): string => utf8(from.take(Number(long())));
  const items = <T>(read: () => T): T[] => {
    const all: T[] = [];
    for (let count = long(); count !== 0n; count = long()) {
      const sized = count < 0n ? Number(long()) : null;
      const start = from.at;
      for (let left = count < 0n ? -count : count; left > 0n; left -= 1n) all.push(read());
      if (sized !== null && from.at - start !== sized) refuse('a block of another size');
    }
    return all;
  };
  const branch = <T>(read: () => T): T | null => {
    const index = long();
    if (index === 0n) return null;
    return index === 1n ? read() : refuse('no branch');
  };
  const boolean = (): boolean => {
    const byte = from.byte();
    return byte <= 1 ? byte === 1 : refuse('no boolean');
  };
  const int = (): bigint => {
    const value = unzigzag(from.varint(5));
    return BigInt.asIntN(32, value) === value ? value : refuse('no int');
  };
  const symbol = (): string => ['constructor', 'B', 'C'][Number(long())] ?? refuse('no symbol');
  const decimal = (): bigint => {
    const digits = from.take(Number(long()));
    const value = digits.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const unscaled = BigInt.asIntN(8 * digits.length, value);
    const result = rescale(unscaled, 3, 2);
    return fitsPrecision(result, 10) ? result : refuse('out of range');
  };
  const id = long();
  const x = from.double();
  const s = branch(text);
  const b = boolean();
  const i = int();
  const e = symbol();
  const d = decimal();
  const l = items(long);
  const m = new Map(items(() => [text(), long()] as const));
  const r = [long(), text()];
  if (!from.isAtEnd) refuse('more than a record');
  return [id, x, s, b, i, e, d, l, { keys: [...m.keys()], values: [...m.values()] }, r];
}

/** Fields of a Protobuf message: of each number, what stood there, in order. */
type Wire = { readonly wire: number; readonly number: bigint; readonly bytes: Uint8Array };

function protobufFields(
  bytes: Uint8Array,
  wires: Readonly<Record<number, number>>,
): Map<number, Wire[]> {
  const from = new Bytes(bytes);
  const fields = new Map<number, Wire[]>();
  while (!from.isAtEnd) {
    const tag = from.varint();
    const [id, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    if (id === 0 || tag >= 1n << 32n) refuse('no field');
    const field = wireOf(from, wire, id);
    const wanted = wires[id];
    if (wanted === undefined) continue;
    // A list of numbers may be packed.
    if (wire !== wanted && !(wanted === 0 && wire === 2 && id === 8)) refuse('another wire type');
    fields.set(id, [...(fields.get(id) ?? []), field]);
  }
  return fields;
}

function wireOf(from: Bytes, wire: number, id: number): Wire {
  const none = new Uint8Array(0);
  switch (wire) {
    case 0:
      return { wire, number: from.varint(), bytes: none };
    case 1:
      return { wire, number: 0n, bytes: from.take(8) };
    case 2:
      return { wire, number: 0n, bytes: from.take(Number(from.varint())) };
    case 5:
      return { wire, number: 0n, bytes: from.take(4) };
    case 3:
      for (;;) {
        const tag = from.varint();
        if (tag < 8n || tag >= 1n << 32n) return refuse('no group');
        if (Number(tag & 7n) === 4) {
          return Number(tag >> 3n) === id ? { wire, number: 0n, bytes: none } : refuse('no group');
        }
        wireOf(from, Number(tag & 7n), Number(tag >> 3n));
      }
    default:
      return refuse('no wire type');
  }
}

/** The Protobuf message of the mutation test, field by field; absent ones have defaults. */
export function plainProtobuf(bytes: Uint8Array): SqlValue[] {
  const fields = protobufFields(bytes, { 1: 0, 2: 1, 3: 2, 4: 0, 5: 0, 8: 0, 9: 2, 10: 2 });
  const last = (id: number): Wire | undefined => fields.get(id)?.at(-1);
  const long = (id: number): bigint => BigInt.asIntN(64, last(id)?.number ?? 0n);
  const list = (fields.get(8) ?? []).flatMap(({ wire, number, bytes: packed }) => {
    if (wire === 0) return [BigInt.asIntN(64, number)];
    const from = new Bytes(packed);
    const all: bigint[] = [];
    while (!from.isAtEnd) all.push(BigInt.asIntN(64, from.varint()));
    return all;
  });
  const map = new Map<SqlValue, SqlValue>();
  for (const { bytes: entry } of fields.get(9) ?? []) {
    const inner = protobufFields(entry, { 1: 2, 2: 0 });
    const key = utf8(inner.get(1)?.at(-1)?.bytes ?? new Uint8Array(0));
    map.set(key, BigInt.asIntN(32, inner.get(2)?.at(-1)?.number ?? 0n));
  }
  const rows = fields.get(10) ?? [];
  // The last one of a message that comes several times: protobufjs does not merge them.
  const row =
    rows.length === 0 ? null : protobufFields(rows.at(-1)?.bytes ?? bytes, { 1: 0, 2: 2 });
  for (const each of rows) protobufFields(each.bytes, { 1: 0, 2: 2 });
  const double = last(2);
  return [
    long(1),
    double === undefined ? 0 : new Bytes(double.bytes).double(),
    utf8(last(3)?.bytes ?? new Uint8Array(0)),
    long(4) !== 0n,
    BigInt.asIntN(32, last(5)?.number ?? 0n),
    list,
    { keys: [...map.keys()], values: [...map.values()] },
    row === null
      ? null
      : [
          BigInt.asIntN(64, row.get(1)?.at(-1)?.number ?? 0n),
          utf8(row.get(2)?.at(-1)?.bytes ?? new Uint8Array(0)),
        ],
  ];
}
