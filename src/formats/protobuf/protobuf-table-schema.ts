/**
 * The proto3 message of a table's columns: what records look like that are written where no schema
 * is given. Owns only this mapping of types. Every column may be NULL, so scalars are `optional`.
 *
 * Protobuf has no decimal and no date: both are texts, which readers (velo's too) convert without
 * loss; Confluent's message types for them are read by few.
 */
import { assertNever } from '../../base/assert.js';
import { ConfigError } from '../../base/errors.js';
import type { SqlType } from '../../columnar/types.js';
import { typeText } from '../../columnar/types.js';

const MESSAGE = 'Row';
const TIMESTAMP = 'google.protobuf.Timestamp';

interface NamedColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** Throws ConfigError SETTING_INVALID for a type that Protobuf cannot hold. */
export function protobufSchemaText(columns: readonly NamedColumn[]): string {
  const message = messageText(MESSAGE, columns, '');
  const imports = message.includes(TIMESTAMP)
    ? 'import "google/protobuf/timestamp.proto";\n\n'
    : '';
  return `syntax = "proto3";\n\n${imports}${message}`;
}

function messageText(name: string, columns: readonly NamedColumn[], indent: string): string {
  const inner = `${indent}  `;
  const nested: string[] = [];
  const fields = columns.map((column, index) => {
    const rows = rowOf(column.type);
    const row = freeName(`${column.name}_row`, columns);
    if (rows !== null) nested.push(messageText(row, rows, inner));
    return `${inner}${fieldText(column, row)} ${column.name} = ${index + 1};\n`;
  });
  return `${indent}message ${name} {\n${nested.join('')}${fields.join('')}${indent}}\n`;
}

/** Fields and messages of a message share their names. */
function freeName(name: string, columns: readonly NamedColumn[]): string {
  return columns.some((column) => column.name === name) ? freeName(`${name}_`, columns) : name;
}

/** Fields of the ROW that the type is or holds. */
function rowOf(type: SqlType): readonly NamedColumn[] | null {
  switch (type.kind) {
    case 'row':
      return type.fields;
    case 'array':
      return type.element.kind === 'row' ? type.element.fields : null;
    case 'map':
      return type.value.kind === 'row' ? type.value.fields : null;
    default:
      return null;
  }
}

/** What stands before the field's name; `row`: the message of a ROW. */
function fieldText({ name, type }: NamedColumn, row: string): string {
  const typeOf = (inner: SqlType): string => scalarText(inner, row) ?? refuse(name, type);
  switch (type.kind) {
    case 'array':
      return `repeated ${typeOf(type.element)}`;
    case 'map':
      if (type.key.kind !== 'varchar' && type.key.kind !== 'bigint') return refuse(name, type);
      return `map<${typeOf(type.key)}, ${typeOf(type.value)}>`;
    case 'row':
    case 'timestamp':
      // Messages have presence anyway.
      return typeOf(type);
    default:
      return `optional ${typeOf(type)}`;
  }
}

/** null: only a field of its own holds the type. */
function scalarText(type: SqlType, row: string): string | null {
  switch (type.kind) {
    case 'boolean':
      return 'bool';
    case 'bigint':
    case 'interval':
      return 'int64';
    case 'double':
      return 'double';
    case 'varchar':
    case 'null':
    case 'decimal':
    case 'date':
      return 'string';
    case 'timestamp':
      return TIMESTAMP;
    case 'row':
      return row;
    case 'array':
    case 'map':
      return null;
    default:
      return assertNever(type);
  }
}

function refuse(name: string, type: SqlType): never {
  throw new ConfigError('SETTING_INVALID', {
    message: `column "${name}" is a ${typeText(type)}, which format "protobuf" cannot hold`,
    hint: 'lists and maps hold no lists or maps; keys of maps are VARCHAR or BIGINT',
  });
}
