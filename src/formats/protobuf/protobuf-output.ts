/**
 * SQL values as protobufjs takes them: one converter per column and field, chosen once by what the
 * column holds and what the field takes. Owns which types fit which, and values that do not: numbers
 * out of range, names that an enum lacks, NULL where a message cannot say it. Rows are
 * protobuf-encoder.ts. @hot
 *
 * | NULL in                                    | is                                          |
 * | a field with presence (optional, message)  | absent                                      |
 * | `repeated`, `map<…>`                       | absent, which reads as empty                |
 * | another field, a list, a map               | refused: it would be read as 0, false or '' |
 */
import type { Enum, Field } from 'protobufjs';
import protobuf from 'protobufjs';
import { typeText } from '../../columnar/types.js';
import type { RowField, SqlType, SqlValue } from '../../columnar/types.js';
import { decimalText } from '../../functions/decimal.js';
import { dateText } from '../../functions/time/time-format.js';
import { innerName, ownName } from './protobuf-names.js';
import { RowFault } from '../message-encoder.js';
import { listOutput, mapOutput } from '../message/nested-output.js';
import type { CellOutput, InnerOutput } from '../message/nested-output.js';
import { ShapeFault } from '../message/value-shape.js';

/** Converts a cell for a field; NULL too, for which undefined means: the field is absent. */
export interface FieldOutput {
  readonly takesNull: boolean;
  readonly output: CellOutput;
}

/** Throws ShapeFault where the field takes no value of the type. */
export function protobufOutput(field: Field, type: SqlType): FieldOutput {
  field.resolve();
  if (field instanceof protobuf.MapField) {
    if (type.kind !== 'map') throw unfit('a map', type);
    const isText = field.keyType === 'string' && type.key.kind === 'varchar';
    const isWhole = /int|fixed/.test(field.keyType) && type.key.kind === 'bigint';
    if (!isText && !isWhole) throw unfit(`a map with keys of ${field.keyType}`, type);
    return { takesNull: true, output: mapOutput(innerOutput(elementOutput(field, type.value))) };
  }
  if (field.repeated) {
    if (type.kind !== 'array') throw unfit('a list', type);
    return { takesNull: true, output: listOutput(innerOutput(elementOutput(field, type.element))) };
  }
  const takesNull = field.hasPresence || field.resolvedType instanceof protobuf.Type;
  return { takesNull: takesNull && !field.required, output: elementOutput(field, type) };
}

function unfit(what: string, type: SqlType): ShapeFault {
  return new ShapeFault(`is ${what}, which no ${typeText(type)} fills`);
}

/** One value of the field: of a list or map, an element. */
function elementOutput(field: Field, type: SqlType): CellOutput {
  // A column that is always NULL is never asked for its value.
  if (type.kind === 'null') return (value) => value;
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Enum) {
    if (type.kind !== 'varchar') throw unfit('an enum', type);
    return symbolOutput(resolvedType);
  }
  if (resolvedType instanceof protobuf.Type) return messageOutput(resolvedType, type);
  switch (field.type) {
    case 'double':
    case 'float':
      if (type.kind === 'double') return (value) => value;
      break;
    case 'bool':
      if (type.kind === 'boolean') return (value) => value;
      break;
    case 'bytes':
      // Fields of text are declared as bytes, too (protobuf-schema.ts).
      return textOutput(type);
    default:
      if (type.kind === 'bigint' || type.kind === 'interval' || type.kind === 'timestamp') {
        return wholeOutput(field.type);
      }
      break;
  }
  throw unfit(`a ${field.type}`, type);
}

function textOutput(type: SqlType): CellOutput {
  switch (type.kind) {
    case 'varchar':
      return (value) => (typeof value === 'string' ? Buffer.from(value) : value);
    case 'decimal': {
      const { scale } = type;
      // Checked boundary: exact numbers are numbers or bigints.
      return (value) => Buffer.from(decimalText(BigInt(value as number | bigint), scale), 'latin1');
    }
    case 'date':
      return (value) => Buffer.from(dateText(Number(value)), 'latin1');
    default:
      throw unfit('a string', type);
  }
}

function messageOutput(message: protobuf.Type, type: SqlType): CellOutput {
  if (message.fullName === '.google.protobuf.Timestamp') {
    if (type.kind !== 'timestamp') throw unfit('a Timestamp', type);
    return (value) => {
      const ms = Number(value);
      const seconds = Math.floor(ms / 1_000);
      return { seconds, nanos: (ms - seconds * 1_000) * 1_000_000 };
    };
  }
  const wrapped = /^\.google\.protobuf\.\w+Value$/.test(message.fullName)
    ? message.fields['value']
    : undefined;
  if (wrapped !== undefined && message.fieldsArray.length === 1) {
    const { output } = protobufOutput(wrapped, type);
    return (value) => ({ value: output(value) });
  }
  if (type.kind !== 'row') throw unfit(`a message "${message.fullName.slice(1)}"`, type);
  return rowOutput(message, type.fields);
}

function symbolOutput({ values }: Enum): CellOutput {
  const known = new Map(Object.entries(values).map(([name, id]) => [ownName(name), id]));
  return (value) => {
    const symbol = String(value);
    const number = known.get(symbol);
    if (number !== undefined) return number;
    throw new RowFault(`is "${symbol}", which the schema's enum does not have`);
  };
}

/** Lowest and highest number of a field's type. */
function rangeOf(type: string): readonly [number | bigint, number | bigint] {
  const isUnsigned = type.startsWith('u') || type.startsWith('fixed');
  const bits = type.endsWith('64') ? 64n : 32n;
  const [from, to] = isUnsigned
    ? [0n, (1n << bits) - 1n]
    : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  // Numbers compare faster, and 32 bits are exact.
  return bits === 32n ? [Number(from), Number(to)] : [from, to];
}

function wholeOutput(type: string): CellOutput {
  const [min, max] = rangeOf(type);
  return (value) => {
    // Checked boundary: whole numbers are numbers or bigints.
    const whole = value as number | bigint;
    if (whole < min || whole > max) {
      throw new RowFault(`is ${whole}, which the schema's ${type} does not hold`);
    }
    const number = Number(whole);
    return Number.isSafeInteger(number) ? number : wordsOf(BigInt(whole));
  };
}

/** 64 bits as protobufjs takes them where a number does not hold them. */
function wordsOf(value: bigint): { readonly low: number; readonly high: number } {
  return {
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
  };
}

/** Converts values inside a list or map. */
function innerOutput(output: CellOutput): InnerOutput {
  return (value) => {
    if (value !== null) return output(value);
    throw new RowFault('holds a NULL, which no list or map of Protobuf does');
  };
}

function rowOutput(message: protobuf.Type, columns: readonly RowField[]): CellOutput {
  const places = placesOf(message, columns);
  return (value) => {
    // Checked boundary: a ROW is an array.
    const values = value as readonly SqlValue[];
    const record: Record<string, unknown> = {};
    places.forEach(({ name, field }, index) => {
      const inner = values[index] ?? null;
      if (inner !== null) record[name] = field.output(inner);
      else if (!field.takesNull) throw new RowFault(`holds a NULL as "${name}"${NO_PRESENCE}`);
    });
    return record;
  };
}

/** Ends the fault of a NULL: why, and what helps. */
export const NO_PRESENCE = ", which the schema's field cannot say unless it is `optional`";

/** A column and the field that it fills. */
export interface FieldPlace {
  readonly name: string;
  readonly field: FieldOutput;
}

/** One per column. Throws ShapeFault where a column has no field, or a required field no column. */
export function placesOf(
  message: protobuf.Type,
  columns: readonly RowField[],
): readonly FieldPlace[] {
  const missing = message.fieldsArray.find(
    (field) => field.required && !columns.some(({ name }) => innerName(name) === field.name),
  );
  if (missing !== undefined) {
    throw new ShapeFault(`its field "${missing.name}" is required and has no column`);
  }
  return columns.map(({ name, type }) => {
    const inner = innerName(name);
    const field = Object.hasOwn(message.fields, inner) ? message.fields[inner] : undefined;
    if (field === undefined) throw new ShapeFault(`it has no field "${name}"`);
    try {
      return { name: inner, field: protobufOutput(field, type) };
    } catch (error) {
      if (!(error instanceof ShapeFault)) throw error;
      throw new ShapeFault(`its field "${name}" ${error.message}`);
    }
  });
}
