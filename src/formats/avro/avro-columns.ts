/**
 * The columns that an Avro schema gives where nobody declares them: one for each field whose values
 * a SQL type holds. Owns only this mapping of types; the other way is avro-table-schema.ts.
 */
import { assertNever } from '../../base/assert.js';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DECIMAL_PRECISION_MAX,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
} from '../../columnar/types.js';
import type { RowField, SqlType } from '../../columnar/types.js';
import { otherThanNull } from './avro-schema.js';
import type { AvroLogical, AvroNode, AvroRecord } from './avro-schema.js';

/** Fields without such a type (unions of several, records within themselves) are left out. */
export function avroColumns(record: AvroRecord): readonly RowField[] {
  return fieldsOf(record, new Set());
}

function fieldsOf(record: AvroRecord, within: ReadonlySet<AvroNode>): readonly RowField[] {
  const inside = new Set(within).add(record);
  return record.fields.flatMap(({ name, node }) => {
    const type = typeOf(node, inside);
    return type === null ? [] : [{ name, type }];
  });
}

function typeOf(node: AvroNode, within: ReadonlySet<AvroNode>): SqlType | null {
  switch (node.kind) {
    case 'null':
      return null;
    case 'boolean':
      return BOOLEAN;
    case 'int':
    case 'long':
      return wholeType(node.logical);
    case 'float':
    case 'double':
      return DOUBLE;
    case 'string':
    case 'enum':
      return VARCHAR;
    case 'bytes':
    case 'fixed':
      return node.logical?.name === 'decimal' ? scaledType(node.logical) : VARCHAR;
    case 'array': {
      const element = typeOf(node.items, within);
      return element === null ? null : { kind: 'array', element };
    }
    case 'map': {
      const value = typeOf(node.values, within);
      return value === null ? null : { kind: 'map', key: VARCHAR, value };
    }
    case 'record': {
      if (within.has(node)) return null;
      const fields = fieldsOf(node, within);
      return fields.length === 0 ? null : { kind: 'row', fields };
    }
    case 'union': {
      const other = otherThanNull(node.branches);
      return other === null ? null : typeOf(other, within);
    }
    default:
      return assertNever(node);
  }
}

function wholeType(logical: AvroLogical | null): SqlType {
  const name = logical?.name ?? '';
  if (name === 'date') return DATE;
  return /^(?:local-)?timestamp-(?:millis|micros|nanos)$/.test(name) ? TIMESTAMP : BIGINT;
}

/** More digits than a DECIMAL has are refused record by record, where they occur. */
function scaledType({ precision, scale }: AvroLogical): SqlType {
  return decimalType(Math.min(Math.max(precision, scale, 1), DECIMAL_PRECISION_MAX), scale);
}
