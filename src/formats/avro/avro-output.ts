/**
 * SQL values as avsc takes them: one converter per column and field, chosen once by what the column
 * holds and what the field takes. Owns which types fit which, and values that do not: numbers out of
 * range, names that an enum lacks, NULL where the schema has none. Rows are avro-encoder.ts. @hot
 */
import { isSqlMap, typeText } from '../../columnar/types.js';
import type { RowField, SqlType, SqlValue } from '../../columnar/types.js';
import { fitsPrecision, rescale } from '../../functions/decimal.js';
import { defaultValue } from './avro-default.js';
import { isNarrow } from './avro-long.js';
import { fieldName, otherThanNull, symbolName } from './avro-schema.js';
import type { AvroEntry, AvroField, AvroLogical, AvroNode } from './avro-schema.js';
import type { CellValue } from '../columns/cell-reader.js';
import { RowFault } from '../message-encoder.js';
import { listOutput } from '../message/nested-output.js';
import type { CellOutput, InnerOutput } from '../message/nested-output.js';
import { ShapeFault } from '../message/value-shape.js';

const INT_MAX = 2 ** 31 - 1;

export interface FieldOutput {
  /** The field may be null. */
  readonly takesNull: boolean;
  readonly output: CellOutput;
}

/** Set once a number of the record needs the bigint form of long; shared by its converters. */
export interface LongSize {
  wide: boolean;
}

/** Throws ShapeFault where the field takes no value of the type. */
export function avroOutput(node: AvroNode, type: SqlType, longs: LongSize): FieldOutput {
  if (node.kind !== 'union') return { takesNull: false, output: outputOf(node, type, longs) };
  const other = otherThanNull(node.branches);
  if (other === null) throw new ShapeFault('is a union of several types, or of null alone');
  const takesNull = node.branches.some((branch) => branch.kind === 'null');
  return { takesNull, output: outputOf(other, type, longs) };
}

/** What is written of a field that no column fills. Throws ShapeFault where it must be filled. */
export function absentValue({ node, preset }: AvroField): unknown {
  if (preset !== undefined) return defaultValue(node, preset);
  if (node.kind === 'null') return null;
  const isNullable =
    node.kind === 'union' && node.branches.some((branch) => branch.kind === 'null');
  if (isNullable) return null;
  throw new ShapeFault('has no column, and takes neither null nor a default');
}

function outputOf(node: AvroNode, type: SqlType, longs: LongSize): CellOutput {
  // A column that is always NULL is never asked for its value.
  if (type.kind === 'null') return (value) => value;
  switch (node.kind) {
    case 'boolean':
      if (type.kind === 'boolean') return (value) => value;
      break;
    case 'int':
    case 'long':
      return wholeOutput(node.kind, node.logical, type, longs);
    case 'float':
    case 'double':
      if (type.kind === 'double') return (value) => value;
      if (type.kind === 'bigint') return exactDouble;
      break;
    case 'string':
      if (type.kind === 'varchar') return textBytes;
      break;
    case 'bytes':
    case 'fixed': {
      const size = node.kind === 'fixed' ? node.size : null;
      if (node.logical?.name === 'decimal') return decimalOutput(node.logical, size, type);
      if (type.kind === 'varchar' && size === null) return textBytes;
      break;
    }
    case 'enum':
      if (type.kind === 'varchar') return symbolOutput(node.symbols);
      break;
    case 'array':
      if (type.kind === 'array')
        return listOutput(innerOutput(avroOutput(node.items, type.element, longs)));
      break;
    case 'map':
      if (type.kind === 'map' && type.key.kind === 'varchar') {
        return entriesOutput(innerOutput(avroOutput(node.values, type.value, longs)));
      }
      break;
    case 'record':
      if (type.kind === 'row') return rowOutput(node.fields, type.fields, longs);
      break;
    default:
      break;
  }
  throw new ShapeFault(`is ${nodeText(node)}, which no ${typeText(type)} fills`);
}

function nodeText(node: AvroNode): string {
  const logical = 'logical' in node && node.logical !== null ? ` (${node.logical.name})` : '';
  return `${/^[aei]/.test(node.kind) ? 'an' : 'a'} ${node.kind}${logical}`;
}

/** Ticks of a timestamp in a millisecond. */
function ticksPerMs(logical: AvroLogical | null): number | null {
  switch (logical?.name) {
    case undefined:
    case 'timestamp-millis':
    case 'local-timestamp-millis':
      return 1;
    case 'timestamp-micros':
    case 'local-timestamp-micros':
      return 1_000;
    case 'timestamp-nanos':
    case 'local-timestamp-nanos':
      return 1_000_000;
    default:
      return null;
  }
}

function wholeOutput(
  kind: 'int' | 'long',
  logical: AvroLogical | null,
  type: SqlType,
  longs: LongSize,
): CellOutput {
  const perMs = ticksPerMs(logical);
  const isDate = logical?.name === 'date';
  const isWhole = type.kind === 'bigint' || type.kind === 'interval';
  if (kind === 'int' && (isWhole || (type.kind === 'date' && (isDate || logical === null)))) {
    return intOf;
  }
  if (kind === 'long' && isWhole) return (value) => longOf(value, longs);
  if (kind === 'long' && type.kind === 'timestamp' && perMs !== null) {
    // Checked boundary: a TIMESTAMP is a number of milliseconds.
    return (value) => ticksOf(value as number, perMs, longs);
  }
  const name = logical === null ? kind : `${kind} (${logical.name})`;
  throw new ShapeFault(
    `is ${kind === 'int' ? 'an' : 'a'} ${name}, which no ${typeText(type)} fills`,
  );
}

function longOf(value: CellValue, longs: LongSize): number | bigint {
  // Checked boundary: whole numbers are numbers or bigints.
  const whole = value as number | bigint;
  const number = Number(whole);
  if (isNarrow(number)) return number;
  longs.wide = true;
  return whole;
}

function ticksOf(ms: number, perMs: number, longs: LongSize): number | bigint {
  const ticks = ms * perMs;
  if (isNarrow(ticks)) return ticks;
  longs.wide = true;
  return BigInt(ms) * BigInt(perMs);
}

function intOf(value: CellValue): number {
  const number = Number(value);
  if (number <= INT_MAX && number >= -INT_MAX - 1) return number;
  throw new RowFault(`is ${number}, which is too large for the schema's int`);
}

function exactDouble(value: CellValue): number {
  const number = Number(value);
  if (typeof value === 'number' || BigInt(number) === value) return number;
  throw new RowFault(`is ${String(value)}, which a floating-point number does not hold exactly`);
}

/** The bytes of a text, which columns hold and nested values do not. */
function textBytes(value: CellValue): CellValue {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

/** A map is written as the list of its entries, which has the same bytes (avro-schema.ts). */
function entriesOutput(item: InnerOutput): CellOutput {
  return (value) => {
    if (Buffer.isBuffer(value) || !isSqlMap(value)) return [];
    const { keys, values } = value;
    return keys.map((key, at): AvroEntry => {
      if (key === null) throw new RowFault('holds a map with the key NULL');
      return { k: Buffer.from(String(key)), v: item(values[at] ?? null) };
    });
  };
}

function symbolOutput(symbols: readonly string[]): CellOutput {
  const known = new Map(symbols.map((symbol, index) => [symbol, symbolName(index)]));
  return (value) => {
    const symbol = String(value);
    const name = known.get(symbol);
    if (name !== undefined) return name;
    throw new RowFault(`is "${symbol}", which the schema's enum does not have`);
  };
}

function decimalOutput(logical: AvroLogical, size: number | null, type: SqlType): CellOutput {
  const scale = type.kind === 'decimal' ? type.scale : 0;
  if ((type.kind !== 'decimal' && type.kind !== 'bigint') || scale > logical.scale) {
    throw new ShapeFault(
      `is a decimal of scale ${logical.scale}, which a ${typeText(type)} does not fit`,
    );
  }
  return (value) => {
    // Checked boundary: exact numbers are numbers or bigints.
    const exact = value as number | bigint;
    if (size === null && scale === logical.scale && typeof exact === 'number') {
      return bytesOfNumber(exact);
    }
    const unscaled = rescale(BigInt(exact), scale, logical.scale);
    const bytes = bytesOfBigint(unscaled, size);
    if (bytes !== null && fitsPrecision(unscaled, logical.precision)) return bytes;
    throw new RowFault(`has more digits than the schema's decimal`);
  };
}

/** Two's complement, big-endian, as short as it goes. */
function bytesOfNumber(value: number): Buffer {
  let length = 1;
  for (let limit = 128; value < -limit || value >= limit; limit *= 256) length += 1;
  const bytes = Buffer.allocUnsafe(length);
  let rest = value;
  for (let at = length - 1; at >= 0; at -= 1) {
    const above = Math.floor(rest / 256);
    bytes[at] = rest - above * 256;
    rest = above;
  }
  return bytes;
}

/** The same of `size` bytes, null if they are too few; `size` null: as short as it goes. */
function bytesOfBigint(value: bigint, size: number | null): Buffer | null {
  let length = 1;
  for (let limit = 128n; value < -limit || value >= limit; limit <<= 8n) length += 1;
  if (size !== null && length > size) return null;
  const bytes = Buffer.allocUnsafe(size ?? length);
  let rest = value;
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    bytes[at] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
  return bytes;
}

/** Converts values inside a list, map or row, where NULL is null. */
function innerOutput({ takesNull, output }: FieldOutput): InnerOutput {
  return (value) => {
    if (value !== null) return output(value);
    if (takesNull) return null;
    throw new RowFault("holds a NULL where the schema's type takes none");
  };
}

function rowOutput(
  fields: readonly AvroField[],
  columns: readonly RowField[],
  longs: LongSize,
): CellOutput {
  const outputs = placesOf(fields, columns, longs).map((place) => {
    if (place.field === null) return () => place.absent;
    const output = innerOutput(place.field);
    return (values: readonly SqlValue[]) => output(values[place.column] ?? null);
  });
  return (value) => {
    // Checked boundary: a ROW is an array.
    const values = value as readonly SqlValue[];
    const record: Record<string, unknown> = {};
    outputs.forEach((output, index) => {
      record[fieldName(index)] = output(values);
    });
    return record;
  };
}

/** What fills each field of a record: a column, or the value that it has without one. */
export type FieldPlace =
  | { readonly column: number; readonly field: FieldOutput; readonly absent: null }
  | { readonly column: -1; readonly field: null; readonly absent: unknown };

/** Throws ShapeFault where a column has no field, or a field neither a column nor a default. */
export function placesOf(
  fields: readonly AvroField[],
  columns: readonly RowField[],
  longs: LongSize,
): readonly FieldPlace[] {
  const homeless = columns.find(({ name }) => !fields.some((field) => field.name === name));
  if (homeless !== undefined) throw new ShapeFault(`it has no field "${homeless.name}"`);
  return fields.map((field): FieldPlace => {
    const column = columns.findIndex(({ name }) => name === field.name);
    const type = columns[column]?.type;
    try {
      if (type === undefined) return { column: -1, field: null, absent: absentValue(field) };
      return { column, field: avroOutput(field.node, type, longs), absent: null };
    } catch (error) {
      if (!(error instanceof ShapeFault)) throw error;
      throw new ShapeFault(`its field "${field.name}" ${error.message}`);
    }
  });
}
