/**
 * Rows as SqlValues in snapshots: for operators that keep whole rows. Owns the encoding of one
 * value by its type; columns of hot operators have encodings of their own.
 */
import { assertNever } from '../../../base/assert.js';
import { isSqlMap } from '../../../columnar/types.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';

/** Writes the named columns of a row. */
export function writeRow(
  writer: StateWriter,
  row: readonly SqlValue[],
  columns: readonly number[],
  types: readonly SqlType[],
): void {
  for (const column of columns) {
    writeValue(writer, row[column] ?? null, types[column] as SqlType);
  }
}

export function readRow(
  reader: StateReader,
  columns: readonly number[],
  types: readonly SqlType[],
): SqlValue[] {
  const row: SqlValue[] = [];
  for (const column of columns) row[column] = readValue(reader, types[column] as SqlType);
  return row;
}

export function writeValue(writer: StateWriter, value: SqlValue, type: SqlType): void {
  writer.writeBoolean(value === null);
  if (value === null) return;
  switch (type.kind) {
    case 'null':
      return;
    case 'boolean':
      return writer.writeBoolean(value as boolean);
    case 'bigint':
    case 'decimal':
      return writer.writeBigInt(value as bigint);
    case 'double':
    case 'timestamp':
    case 'date':
    case 'interval':
      return writer.writeF64(value as number);
    case 'varchar':
      return writer.writeText(value as string);
    case 'array':
      return writeValues(writer, value as readonly SqlValue[], () => type.element);
    case 'row':
      return writeValues(
        writer,
        value as readonly SqlValue[],
        (at) => type.fields[at]?.type as SqlType,
      );
    case 'map':
      if (!isSqlMap(value)) return;
      writeValues(writer, value.keys, () => type.key);
      return writeValues(writer, value.values, () => type.value);
    default:
      return assertNever(type);
  }
}

function writeValues(
  writer: StateWriter,
  values: readonly SqlValue[],
  typeAt: (at: number) => SqlType,
): void {
  writer.writeU32(values.length);
  values.forEach((value, at) => writeValue(writer, value, typeAt(at)));
}

export function readValue(reader: StateReader, type: SqlType): SqlValue {
  if (reader.readBoolean()) return null;
  switch (type.kind) {
    case 'null':
      return null;
    case 'boolean':
      return reader.readBoolean();
    case 'bigint':
    case 'decimal':
      return reader.readBigInt();
    case 'double':
    case 'timestamp':
    case 'date':
    case 'interval':
      return reader.readF64();
    case 'varchar':
      return reader.readText();
    case 'array':
      return readValues(reader, () => type.element);
    case 'row':
      return readValues(reader, (at) => type.fields[at]?.type as SqlType);
    case 'map': {
      const keys = readValues(reader, () => type.key);
      return { keys, values: readValues(reader, () => type.value) };
    }
    default:
      return assertNever(type);
  }
}

function readValues(reader: StateReader, typeAt: (at: number) => SqlType): SqlValue[] {
  const count = reader.readU32();
  return Array.from({ length: count }, (_, at) => readValue(reader, typeAt(at)));
}
