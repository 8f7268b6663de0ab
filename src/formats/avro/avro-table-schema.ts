/**
 * The Avro schema of a table's columns: what records look like where no schema is given, for
 * reading and for writing, named and typed as Flink derives it. Every column may be null. Owns only
 * this mapping of types.
 */
import { assertNever } from '../../base/assert.js';
import type { SqlType } from '../../columnar/types.js';
import { typeText } from '../../columnar/types.js';
import { ConfigError } from '../../base/errors.js';

const NAME = 'record';
const NAMESPACE = 'org.apache.flink.avro.generated';

interface NamedColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** Throws ConfigError SETTING_INVALID for a type that Avro cannot hold. */
export function avroSchemaText(columns: readonly NamedColumn[]): string {
  return JSON.stringify({
    type: 'record',
    name: NAME,
    namespace: NAMESPACE,
    fields: fieldsOf(columns, NAME),
  });
}

function fieldsOf(columns: readonly NamedColumn[], record: string): readonly unknown[] {
  return columns.map(({ name, type }) => ({
    name,
    type: ['null', typeOf(type, `${record}_${name}`)],
    default: null,
  }));
}

/** `record`: the name that a ROW gets, which must differ from all others. */
function typeOf(type: SqlType, record: string): unknown {
  switch (type.kind) {
    case 'boolean':
      return 'boolean';
    case 'bigint':
      return 'long';
    case 'double':
      return 'double';
    case 'varchar':
    case 'null':
      return 'string';
    case 'decimal':
      return {
        type: 'bytes',
        logicalType: 'decimal',
        precision: type.precision,
        scale: type.scale,
      };
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-millis' };
    case 'date':
      return { type: 'int', logicalType: 'date' };
    case 'interval':
      return 'long';
    case 'array':
      return { type: 'array', items: ['null', typeOf(type.element, record)] };
    case 'map':
      if (type.key.kind !== 'varchar') {
        throw new ConfigError('SETTING_INVALID', {
          message: `format "avro" cannot hold a ${typeText(type)}: keys of maps are texts`,
          hint: 'declare the keys as VARCHAR',
        });
      }
      return { type: 'map', values: ['null', typeOf(type.value, record)] };
    case 'row':
      return { type: 'record', name: record, fields: fieldsOf(type.fields, record) };
    default:
      return assertNever(type);
  }
}
