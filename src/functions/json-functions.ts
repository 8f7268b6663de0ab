/**
 * Functions of JSON text. As in Flink, what is missing and what is no JSON gives NULL (FALSE for
 * JSON_EXISTS) instead of an error; a path that is no path is one.
 */
import { BOOLEAN, VARCHAR } from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { BoundedMemo } from './bounded-memo.js';
import { compactJson, findJson, parseJsonPath } from './json-path.js';
import type { JsonPath, JsonPlace } from './json-path.js';
import { DataFault } from './registry-types.js';
import type { ArgumentInfo, ScalarFunction, SignatureFault } from './registry-types.js';
import { checked, entry, takes, valueFault } from './signature.js';

const paths = new BoundedMemo<JsonPath>();

/** A path's steps, remembered: it is nearly always the same from row to row. */
function jsonPath(text: string): JsonPath {
  return paths.get(text, () => {
    const path = parseJsonPath(text);
    if (path === undefined) throw new DataFault('VALUE_INVALID', `'${text}' is no JSON path`);
    return path;
  });
}

function pathFault(name: string, args: readonly ArgumentInfo[]): SignatureFault | undefined {
  const literal = args[1]?.literal;
  if (typeof literal !== 'string' || parseJsonPath(literal) !== undefined) return undefined;
  return valueFault(name, 1, `'${literal}' is no JSON path`);
}

function jsonFunction(
  name: string,
  type: SqlType,
  read: (text: string, place: JsonPlace | 'missing' | 'invalid') => SqlValue,
  about: string,
): ScalarFunction {
  return entry({
    name,
    arity: [2, 2],
    nulls: 'null',
    resolve: checked(takes(name, ['text', 'text'], type), (args) => pathFault(name, args)),
    evaluate: ([json, path]) => {
      const text = json as string;
      return read(text, findJson(text, jsonPath(path as string)));
    },
    about,
  });
}

/** The text of a string, number or boolean; undefined for a place that holds none. */
function scalarText(text: string, place: JsonPlace): string | undefined {
  const raw = text.slice(place.start, place.end);
  if (place.kind === 'string') return JSON.parse(raw) as string;
  return place.kind === 'number' || place.kind === 'boolean' ? raw : undefined;
}

/** Compact JSON of an object or array; undefined for a place that holds none. */
function nestedText(text: string, place: JsonPlace): string | undefined {
  const isNested = place.kind === 'object' || place.kind === 'array';
  return isNested ? compactJson(text.slice(place.start, place.end)) : undefined;
}

export const JSON_FUNCTIONS: readonly ScalarFunction[] = [
  jsonFunction(
    'JSON_VALUE',
    VARCHAR,
    (text, place) => (typeof place === 'string' ? null : (scalarText(text, place) ?? null)),
    'JSON_VALUE(json, path): the text of a string, number or boolean, else NULL.',
  ),
  jsonFunction(
    'JSON_QUERY',
    VARCHAR,
    (text, place) => (typeof place === 'string' ? null : (nestedText(text, place) ?? null)),
    'JSON_QUERY(json, path): the JSON text of an object or array, else NULL.',
  ),
  jsonFunction(
    'JSON_EXTRACT',
    VARCHAR,
    (text, place) => {
      if (typeof place === 'string') return null;
      return scalarText(text, place) ?? nestedText(text, place) ?? null;
    },
    'JSON_EXTRACT(json, path): what JSON_VALUE or JSON_QUERY gives, whichever does.',
  ),
  jsonFunction(
    'JSON_EXISTS',
    BOOLEAN,
    (_text, place) => typeof place !== 'string',
    'JSON_EXISTS(json, path): whether there is a value, a JSON null included.',
  ),
];
