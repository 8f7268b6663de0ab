/**
 * ARRAY, MAP and ROW: constructors, access, and the record headers, which are a MAP that the binder
 * passes as the first argument.
 */
import { assert } from '../base/assert.js';
import { BIGINT, BOOLEAN, NULL_TYPE, VARCHAR, isSqlMap, typeText } from '../columnar/types.js';
import type { SqlMap, SqlType, SqlValue } from '../columnar/types.js';
import { compareValues } from './compare.js';
import { noCommonType } from './conditional.js';
import { DataFault } from './registry-types.js';
import type { ArgumentInfo, ScalarFunction } from './registry-types.js';
import { argumentFault, at, entry, takes } from './signature.js';
import { commonType } from './type-rules.js';

const TEXTS: SqlType = { kind: 'array', element: VARCHAR };
const HEADERS: SqlType = { kind: 'map', key: VARCHAR, value: VARCHAR };

function asMap(value: SqlValue): SqlMap {
  assert(isSqlMap(value), 'a MAP value is a SqlMap');
  return value;
}

/** Where the key stands in the map, or −1. */
function keyIndex(map: SqlMap, key: SqlValue, type: SqlType): number {
  return map.keys.findIndex((known) => compareValues(known, key, type) === 0);
}

const typesOf = (args: readonly ArgumentInfo[]): readonly SqlType[] =>
  args.map((argument) => argument.type);

const arrayConstructor: ScalarFunction = entry({
  name: 'ARRAY',
  arity: [0, Infinity],
  nulls: 'own',
  unifies: true,
  resolve: (args) => {
    const element = commonType(typesOf(args));
    if (element === undefined) return noCommonType('ARRAY', args);
    return { type: { kind: 'array', element }, argTypes: args.map(() => element) };
  },
  evaluate: (args) => args.slice(),
  about: 'ARRAY[a, b, …]: an ARRAY of values of one type.',
});

/** Arguments k, v, k, v …; of a repeated key the last value counts, at its first place. */
const mapConstructor: ScalarFunction = entry({
  name: 'MAP',
  arity: [0, Infinity],
  nulls: 'own',
  unifies: true,
  resolve: (args) => {
    if (args.length % 2 === 1) {
      return { key: 'FUNCTION_ARITY', message: 'MAP needs a value for every key' };
    }
    const keys = args.filter((_, i) => i % 2 === 0);
    const values = args.filter((_, i) => i % 2 === 1);
    const key = commonType(typesOf(keys));
    const value = commonType(typesOf(values));
    if (key === undefined) return noCommonType('MAP', keys);
    if (value === undefined) return noCommonType('MAP', values);
    const argTypes = args.map((_, i) => (i % 2 === 0 ? key : value));
    return { type: { kind: 'map', key, value }, argTypes };
  },
  evaluate: (args, types) => {
    const keys: SqlValue[] = [];
    const values: SqlValue[] = [];
    for (let i = 0; i < args.length; i += 2) {
      const key = at(args, i);
      if (key === null) throw new DataFault('VALUE_INVALID', 'a key of a MAP is NULL');
      const known = keyIndex({ keys, values }, key, types[i] ?? NULL_TYPE);
      const place = known < 0 ? keys.length : known;
      keys[place] = key;
      values[place] = at(args, i + 1);
    }
    return { keys, values };
  },
  about: 'MAP[k, v, …]: a MAP of keys and values.',
});

const rowConstructor: ScalarFunction = entry({
  name: 'ROW',
  arity: [1, Infinity],
  nulls: 'own',
  resolve: (args) => {
    const fields = args.map((argument, i) => ({ name: `f${i}`, type: argument.type }));
    return { type: { kind: 'row', fields }, argTypes: typesOf(args) };
  },
  evaluate: (args) => args.slice(),
  about: 'ROW(a, b, …): a ROW with the fields f0, f1, ….',
});

const indexAccess: ScalarFunction = entry({
  name: 'index',
  arity: [2, 2],
  nulls: 'null',
  unifies: true,
  resolve: ([container, index]) => {
    const [type, given] = [container?.type ?? NULL_TYPE, index?.type ?? NULL_TYPE];
    if (type.kind === 'array' && (given.kind === 'bigint' || given.kind === 'null')) {
      return { type: type.element, argTypes: [type, BIGINT] };
    }
    if (type.kind === 'map' && commonType([type.key, given]) !== undefined) {
      return { type: type.value, argTypes: [type, type.key] };
    }
    return {
      key: 'TYPE_MISMATCH',
      message: `${typeText(type)} has no element for an index of type ${typeText(given)}`,
    };
  },
  evaluate: ([container, index], [type]) => {
    if (type?.kind === 'map') {
      const map = asMap(container ?? null);
      return map.values[keyIndex(map, index ?? null, type.key)] ?? null;
    }
    return (container as readonly SqlValue[])[Number(index) - 1] ?? null;
  },
  about: 'array[i], from 1; map[key]: the value there, NULL when there is none.',
});

/** Where the field of that name stands: as spelled, else in any case; −1 when absent. */
export function fieldIndex(type: SqlType, name: SqlValue | undefined): number {
  if (type.kind !== 'row' || typeof name !== 'string') return -1;
  const exact = type.fields.findIndex((field) => field.name === name);
  if (exact >= 0) return exact;
  return type.fields.findIndex((field) => field.name.toLowerCase() === name.toLowerCase());
}

const fieldAccess: ScalarFunction = entry({
  name: 'field',
  arity: [2, 2],
  nulls: 'null',
  resolve: ([row, name]) => {
    const type = row?.type ?? NULL_TYPE;
    if (type.kind !== 'row') {
      return { key: 'TYPE_MISMATCH', message: `${typeText(type)} has no fields`, argument: 0 };
    }
    const found = type.fields[fieldIndex(type, name?.literal)];
    if (found !== undefined) return { type: found.type, argTypes: [type, VARCHAR] };
    return {
      key: 'COLUMN_NOT_FOUND',
      message: `field "${String(name?.literal)}" does not exist in ${typeText(type)}`,
      argument: 1,
    };
  },
  evaluate: ([row, name], [type]) =>
    (row as readonly SqlValue[])[fieldIndex(type ?? NULL_TYPE, name)] ?? null,
  about: 'row.name: a field of a ROW.',
});

const size: ScalarFunction = entry({
  name: 'ARRAY_LENGTH',
  aliases: ['CARDINALITY'],
  arity: [1, 1],
  nulls: 'null',
  resolve: ([argument]) => {
    const type = argument?.type ?? NULL_TYPE;
    if (type.kind === 'array' || type.kind === 'map') return { type: BIGINT, argTypes: [type] };
    if (type.kind === 'null') return { type: BIGINT, argTypes: [TEXTS] };
    return argumentFault('ARRAY_LENGTH', 0, 'an ARRAY or a MAP', type);
  },
  evaluate: ([value]) => {
    if (isSqlMap(value ?? null)) return BigInt(asMap(value ?? null).keys.length);
    return BigInt((value as readonly SqlValue[]).length);
  },
  about: 'ARRAY_LENGTH(a): how many elements.',
});

/** NULL is found like other values; only a NULL array gives NULL. */
const contains: ScalarFunction = entry({
  name: 'ARRAY_CONTAINS',
  arity: [2, 2],
  nulls: 'own',
  unifies: true,
  resolve: (args) => {
    const type = args[0]?.type ?? NULL_TYPE;
    if (type.kind !== 'array') return argumentFault('ARRAY_CONTAINS', 0, 'an ARRAY', type);
    const element = commonType([type.element, args[1]?.type ?? NULL_TYPE]);
    if (element === undefined) return noCommonType('ARRAY_CONTAINS', args);
    return { type: BOOLEAN, argTypes: [{ kind: 'array', element }, element] };
  },
  evaluate: ([array, wanted], types) => {
    if (array === null || array === undefined) return null;
    const type = types[1] ?? NULL_TYPE;
    return (array as readonly SqlValue[]).some(
      (element) => compareValues(element, wanted ?? null, type) === 0,
    );
  },
  about: 'ARRAY_CONTAINS(a, x): whether x is an element.',
});

const join: ScalarFunction = entry({
  name: 'JOIN',
  aliases: ['ARRAY_JOIN'],
  arity: [2, 2],
  nulls: 'null',
  resolve: (args) => {
    const type = args[0]?.type ?? NULL_TYPE;
    if (type.kind !== 'array' && type.kind !== 'null') {
      return argumentFault('JOIN', 0, 'an ARRAY', type);
    }
    const resolved = takes('JOIN', ['any', 'text'], VARCHAR)(args);
    return 'key' in resolved ? resolved : { type: VARCHAR, argTypes: [TEXTS, VARCHAR] };
  },
  evaluate: ([array, separator]) =>
    (array as readonly SqlValue[]).filter((item) => item !== null).join(separator as string),
  about: 'JOIN(a, separator): the texts of the elements; NULLs are skipped.',
});

/** MAP_KEYS and MAP_VALUES. */
function mapPart(
  name: string,
  elementOf: (type: Extract<SqlType, { kind: 'map' }>) => SqlType,
  part: (map: SqlMap) => readonly SqlValue[],
  about: string,
): ScalarFunction {
  return entry({
    name,
    arity: [1, 1],
    nulls: 'null',
    resolve: takes(name, ['map'], ([type]) => ({
      kind: 'array',
      element: type?.kind === 'map' ? elementOf(type) : NULL_TYPE,
    })),
    evaluate: ([map]) => part(asMap(map ?? null)),
    about,
  });
}

/** Functions of record headers: a source without headers has none, which is no NULL. */
function headerFunction(
  name: string,
  argument: 'name' | 'none',
  type: SqlType,
  read: (headers: SqlMap, name: SqlValue) => SqlValue,
  about: string,
): ScalarFunction {
  const count = argument === 'name' ? 2 : 1;
  return entry({
    name,
    arity: [count, count],
    suppliedArgs: 1,
    nulls: 'own',
    resolve: (args) => {
      const given = args[1]?.type ?? VARCHAR;
      if (given.kind !== 'varchar' && given.kind !== 'null') {
        return { ...argumentFault(name, 0, 'text', given), argument: 1 };
      }
      return { type, argTypes: [HEADERS, VARCHAR].slice(0, count) };
    },
    evaluate: ([headers, wanted]) => {
      if (count === 2 && (wanted ?? null) === null) return null;
      return read(isSqlMap(headers ?? null) ? asMap(headers ?? null) : NO_HEADERS, wanted ?? null);
    },
    about,
  });
}

const NO_HEADERS: SqlMap = { keys: [], values: [] };

export const COLLECTIONS: readonly ScalarFunction[] = [
  arrayConstructor,
  mapConstructor,
  rowConstructor,
  indexAccess,
  fieldAccess,
  size,
  contains,
  join,
  mapPart(
    'MAP_KEYS',
    (type) => type.key,
    (map) => map.keys,
    'MAP_KEYS(m): the keys as ARRAY.',
  ),
  mapPart(
    'MAP_VALUES',
    (type) => type.value,
    (map) => map.values,
    'MAP_VALUES(m): the values as ARRAY.',
  ),
  headerFunction(
    'HEADER',
    'name',
    VARCHAR,
    (headers, name) => headers.values[headers.keys.indexOf(name)] ?? null,
    'HEADER(name): the text of a record header, NULL when absent.',
  ),
  headerFunction(
    'HEADER_KEYS',
    'none',
    TEXTS,
    (headers) => headers.keys,
    'HEADER_KEYS(): the names of the record headers.',
  ),
  headerFunction(
    'HAS_HEADER',
    'name',
    BOOLEAN,
    (headers, name) => headers.keys.includes(name),
    'HAS_HEADER(name): whether the record has that header.',
  ),
];
