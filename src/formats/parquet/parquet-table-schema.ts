/**
 * The Parquet schema of a table's columns, as the specification's logical types say it: every column
 * and everything within one may be null. Owns this mapping of types, and how values of each are
 * handed to hyparquet-writer: whole numbers as bigints, texts as strings, rows as objects.
 */
import type { SchemaElement } from 'hyparquet';
import { assertNever } from '../../base/assert.js';
import { ConfigError } from '../../base/errors.js';
import { isSqlMap, typeText } from '../../columnar/types.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import type { Schema } from '../../plan/schema.js';
import type { CellValue } from '../columns/cell-reader.js';
import { RowFault } from '../message-encoder.js';

/** Digits that fit 32 and 64 bits. */
const INT32_DIGITS = 9;
const INT64_DIGITS = 18;

/** Throws ConfigError SETTING_INVALID for a type that Parquet cannot hold. */
export function parquetElements(columns: Schema): SchemaElement[] {
  const root = { name: 'schema', num_children: columns.length };
  return [root, ...columns.flatMap(({ name, type }) => elementsOf(name, type))];
}

function elementsOf(
  name: string,
  type: SqlType,
  repetition: 'OPTIONAL' | 'REQUIRED' = 'OPTIONAL',
): SchemaElement[] {
  const base = { name, repetition_type: repetition } as const;
  switch (type.kind) {
    case 'boolean':
      return [{ ...base, type: 'BOOLEAN' }];
    case 'bigint':
    case 'interval':
      return [{ ...base, type: 'INT64' }];
    case 'double':
      return [{ ...base, type: 'DOUBLE' }];
    case 'varchar':
    case 'null':
      return [
        { ...base, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
      ];
    case 'decimal':
      return [decimalElement(base, type)];
    case 'timestamp':
      return [
        {
          ...base,
          type: 'INT64',
          logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MILLIS' },
        },
      ];
    case 'date':
      return [{ ...base, type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } }];
    case 'array':
      return [
        { ...base, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        ...elementsOf('element', type.element),
      ];
    case 'map':
      refuseKey(name, type);
      return [
        { ...base, num_children: 1, converted_type: 'MAP', logical_type: { type: 'MAP' } },
        { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
        ...elementsOf('key', type.key, 'REQUIRED'),
        ...elementsOf('value', type.value),
      ];
    case 'row':
      return [
        { ...base, num_children: type.fields.length },
        ...type.fields.flatMap((field) => elementsOf(field.name, field.type)),
      ];
    default:
      return assertNever(type);
  }
}

function decimalElement(
  base: Pick<SchemaElement, 'name' | 'repetition_type'>,
  { precision, scale }: { readonly precision: number; readonly scale: number },
): SchemaElement {
  const decimal = {
    ...base,
    converted_type: 'DECIMAL',
    logical_type: { type: 'DECIMAL', precision, scale },
    precision,
    scale,
  } as const;
  if (precision <= INT32_DIGITS) return { ...decimal, type: 'INT32' };
  if (precision <= INT64_DIGITS) return { ...decimal, type: 'INT64' };
  const bits = (10n ** BigInt(precision)).toString(2).length + 1;
  return { ...decimal, type: 'FIXED_LEN_BYTE_ARRAY', type_length: Math.ceil(bits / 8) };
}

/** Such maps could not be read back. */
function refuseKey(column: string, type: Extract<SqlType, { kind: 'map' }>): void {
  if (type.key.kind === 'varchar' || type.key.kind === 'bigint') return;
  throw new ConfigError('SETTING_INVALID', {
    message: `column "${column}" is a ${typeText(type)}, which format "parquet" does not hold`,
    hint: 'keys of maps are VARCHAR or BIGINT: CAST them',
  });
}

/** Bytes that values take in memory, as far as it depends on them. */
export interface ValueSize {
  bytes: number;
}

/** A value as hyparquet-writer takes it; `size` grows by what it holds. */
export type ParquetOutput = (value: CellValue) => unknown;

const ITEM_BYTES = 32;

export function parquetOutput(type: SqlType, size: ValueSize): ParquetOutput {
  switch (type.kind) {
    case 'boolean':
    case 'double':
    case 'date':
    case 'null':
      return (value) => value;
    case 'bigint':
    case 'interval':
    case 'decimal':
    case 'timestamp':
      // Checked boundary: these are numbers or bigints, whole ones.
      return (value) => BigInt(value as number | bigint);
    case 'varchar':
      return (value) => {
        const text = Buffer.isBuffer(value) ? value.toString() : String(value);
        size.bytes += text.length;
        return text;
      };
    case 'array': {
      const item = inner(parquetOutput(type.element, size));
      return (value) => {
        // Checked boundary: an ARRAY is an array.
        const items = value as readonly SqlValue[];
        size.bytes += items.length * ITEM_BYTES;
        return items.map(item);
      };
    }
    case 'map': {
      const keyOf = parquetOutput(type.key, size);
      const item = inner(parquetOutput(type.value, size));
      return (value) => {
        if (Buffer.isBuffer(value) || !isSqlMap(value)) return [];
        const { keys, values } = value;
        size.bytes += keys.length * ITEM_BYTES * 2;
        return keys.map((key, at) => {
          if (key === null) throw new RowFault('holds a map with the key NULL');
          return { key: keyOf(key), value: item(values[at] ?? null) };
        });
      };
    }
    case 'row': {
      const fields = type.fields.map(({ name, type: fieldType }) => {
        return { name, output: inner(parquetOutput(fieldType, size)) };
      });
      return (value) => {
        // Checked boundary: a ROW is an array. No prototype: fields may have any name.
        const values = value as readonly SqlValue[];
        const record = Object.create(null) as Record<string, unknown>;
        fields.forEach(({ name, output }, at) => {
          record[name] = output(values[at] ?? null);
        });
        size.bytes += fields.length * ITEM_BYTES;
        return record;
      };
    }
    default:
      return assertNever(type);
  }
}

function inner(output: ParquetOutput): (value: SqlValue) => unknown {
  return (value) => (value === null ? null : output(value));
}
