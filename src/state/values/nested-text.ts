/**
 * ARRAY, MAP and ROW values as canonical JSON text, so that state can keep and compare them like
 * texts. Owns the encoding: integers are JSON strings, a MAP is [keys, values] in order of the keys'
 * text, since two MAPs are equal whatever the order of their entries. Inside the operator and its
 * snapshots only; no format of the outside.
 */
import { isSqlMap } from '../../columnar/types.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';

type Json = null | boolean | number | string | Json[];

export function encodeValueText(value: SqlValue, type: SqlType): string {
  return JSON.stringify(toJson(value, type));
}

export function decodeValueText(text: string, type: SqlType): SqlValue {
  return fromJson(JSON.parse(text) as Json, type);
}

const NO_TYPE: SqlType = { kind: 'null' };

function toJson(value: SqlValue, type: SqlType): Json {
  if (value === null) return null;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (typeof value !== 'object') return value;
  if (isSqlMap(value)) {
    if (type.kind !== 'map') return null;
    const entries = value.keys.map((key, at) => {
      const each = toJson(value.values[at] ?? null, type.value);
      return { text: JSON.stringify(toJson(key, type.key)), key: toJson(key, type.key), each };
    });
    entries.sort((a, b) => (a.text < b.text ? -1 : 1));
    return [entries.map((entry) => entry.key), entries.map((entry) => entry.each)];
  }
  return value.map((each, at) => toJson(each, elementType(type, at)));
}

function fromJson(json: Json, type: SqlType): SqlValue {
  if (json === null) return null;
  if (type.kind === 'bigint' || type.kind === 'decimal') return BigInt(json as string);
  if (!Array.isArray(json)) return json;
  if (type.kind !== 'map') return json.map((each, at) => fromJson(each, elementType(type, at)));
  const [keys, values] = json as [Json[], Json[]];
  return {
    keys: keys.map((key) => fromJson(key, type.key)),
    values: values.map((each) => fromJson(each, type.value)),
  };
}

function elementType(type: SqlType, at: number): SqlType {
  if (type.kind === 'array') return type.element;
  if (type.kind === 'row') return type.fields[at]?.type ?? NO_TYPE;
  return NO_TYPE;
}
