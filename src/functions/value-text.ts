/**
 * The text of a value: what CAST(… AS VARCHAR), CONCAT and || show. Numbers in their shortest
 * form, DECIMAL with its scale, times as YYYY-MM-DD HH:MM:SS[.mmm], nested values as JSON.
 */
import { assert, assertNever } from '../base/assert.js';
import { isSqlMap } from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { decimalText } from './decimal.js';
import { dateText, intervalText, timestampText } from './time/time-format.js';

/** The text of a value that is not NULL; NULLs inside nested values read `null`. */
export function valueText(value: SqlValue, type: SqlType): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'null':
      return 'null';
    case 'boolean':
    case 'double':
    case 'bigint':
      return String(value);
    case 'decimal':
      return decimalText(value as bigint, type.scale);
    case 'varchar':
      return value as string;
    case 'timestamp':
      return timestampText(value as number);
    case 'date':
      return dateText(value as number);
    case 'interval':
      return intervalText(value as number, type.unit);
    case 'array':
    case 'map':
    case 'row':
      return nestedText(value, type);
    default:
      return assertNever(type);
  }
}

/** JSON of a value: text and times quoted, numbers as they are. */
function nestedText(value: SqlValue, type: SqlType): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'array': {
      const elements = value as readonly SqlValue[];
      return `[${elements.map((element) => nestedText(element, type.element)).join(',')}]`;
    }
    case 'row': {
      const fields = type.fields.map((field, i) => {
        const text = nestedText((value as readonly SqlValue[])[i] ?? null, field.type);
        return `${JSON.stringify(field.name)}:${text}`;
      });
      return `{${fields.join(',')}}`;
    }
    case 'map': {
      assert(isSqlMap(value), 'a MAP value is a SqlMap');
      const entries = value.keys.map((key, i) => {
        const text = nestedText(value.values[i] ?? null, type.value);
        return `${JSON.stringify(valueText(key, type.key))}:${text}`;
      });
      return `{${entries.join(',')}}`;
    }
    case 'boolean':
    case 'double':
    case 'bigint':
    case 'decimal':
    case 'null':
      return valueText(value, type);
    default:
      return JSON.stringify(valueText(value, type));
  }
}
