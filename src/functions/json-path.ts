/**
 * Paths into JSON text: $.a.b[2], $['x']. Finds the text of a value where it stands, so that
 * numbers keep every digit. Of a repeated key the last counts. Owns no SQL semantics (json-functions.ts).
 *
 *   path  := ['lax' | 'strict'] '$' step*
 *   step  := '.' name | '.' '"' text '"' | '[' index ']' | '[' quoted text ']'
 */

/** A key of an object or an index (from 0) of an array. */
export type JsonPath = readonly (string | number)[];

const PREFIX = /^\s*(?:lax\s+|strict\s+)?\$/i;
const STEP =
  /\s*(?:\.\s*([^\s.[\]'"*?@()]+)|\.\s*"([^"]*)"|\[\s*(\d+)\s*\]|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\])\s*/y;

/** The steps of a path; undefined when the text is none. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const prefix = PREFIX.exec(text);
  if (prefix === null) return undefined;
  const steps: (string | number)[] = [];
  let at = prefix[0].length;
  while (at < text.length) {
    STEP.lastIndex = at;
    const match = STEP.exec(text);
    if (match === null) return text.slice(at).trim() === '' ? steps : undefined;
    const [whole, name, dotted, index, single, double] = match;
    steps.push(index === undefined ? (name ?? dotted ?? single ?? double ?? '') : Number(index));
    at += whole.length;
  }
  return steps;
}

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** A value inside a JSON text, by its place: [start, end). */
export interface JsonPlace {
  readonly kind: JsonKind;
  readonly start: number;
  readonly end: number;
}

/**
 * Where the path leads: 'invalid' when the text is no JSON document, 'missing' when there is
 * nothing. Validation is JSON.parse, so the scan behind it may trust what it reads.
 */
export function findJson(text: string, path: JsonPath): JsonPlace | 'missing' | 'invalid' {
  try {
    JSON.parse(text);
  } catch {
    return 'invalid';
  }
  let start = skipBlanks(text, 0);
  for (const step of path) {
    const next =
      typeof step === 'number' ? elementAt(text, start, step) : memberOf(text, start, step);
    if (next === undefined) return 'missing';
    start = next;
  }
  return { kind: kindAt(text, start), start, end: valueEnd(text, start) };
}

function kindAt(text: string, at: number): JsonKind {
  switch (text.charAt(at)) {
    case '{':
      return 'object';
    case '[':
      return 'array';
    case '"':
      return 'string';
    case 't':
    case 'f':
      return 'boolean';
    case 'n':
      return 'null';
    default:
      return 'number';
  }
}

const BLANKS = ' \t\n\r';

function skipBlanks(text: string, at: number): number {
  let next = at;
  while (next < text.length && BLANKS.includes(text.charAt(next))) next += 1;
  return next;
}

/** Behind the string that opens at `at`. */
function stringEnd(text: string, at: number): number {
  let next = at + 1;
  while (text.charAt(next) !== '"') next += text.charAt(next) === '\\' ? 2 : 1;
  return next + 1;
}

/** Behind the value that starts at `at`. */
function valueEnd(text: string, at: number): number {
  const first = text.charAt(at);
  if (first === '"') return stringEnd(text, at);
  if (first !== '{' && first !== '[') {
    let next = at;
    while (next < text.length && !',]}'.includes(text.charAt(next))) next += 1;
    return at + text.slice(at, next).trimEnd().length;
  }
  let depth = 0;
  let next = at;
  do {
    const sign = text.charAt(next);
    if (sign === '"') {
      next = stringEnd(text, next);
      continue;
    }
    if (sign === '{' || sign === '[') depth += 1;
    else if (sign === '}' || sign === ']') depth -= 1;
    next += 1;
  } while (depth > 0);
  return next;
}

/** Where the last member of that name has its value; undefined when there is none. */
function memberOf(text: string, at: number, name: string): number | undefined {
  if (text.charAt(at) !== '{') return undefined;
  let found: number | undefined;
  let next = skipBlanks(text, at + 1);
  while (text.charAt(next) !== '}') {
    const keyEnd = stringEnd(text, next);
    const isNamed = JSON.parse(text.slice(next, keyEnd)) === name;
    const value = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    if (isNamed) found = value;
    next = afterItem(text, value);
  }
  return found;
}

function elementAt(text: string, at: number, index: number): number | undefined {
  if (text.charAt(at) !== '[') return undefined;
  let next = skipBlanks(text, at + 1);
  for (let i = 0; text.charAt(next) !== ']'; i += 1) {
    if (i === index) return next;
    next = afterItem(text, next);
  }
  return undefined;
}

/** Where the next item starts, or the closing bracket stands. */
function afterItem(text: string, value: number): number {
  const end = skipBlanks(text, valueEnd(text, value));
  return text.charAt(end) === ',' ? skipBlanks(text, end + 1) : end;
}

const STRING_OR_BLANKS = /"(?:[^"\\]|\\.)*"|[ \t\n\r]+/g;

/** JSON text without blanks between its signs. */
export function compactJson(text: string): string {
  return text.replace(STRING_OR_BLANKS, (piece) => (piece.startsWith('"') ? piece : ''));
}
