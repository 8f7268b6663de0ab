/**
 * Functions of text. Lengths and positions count code points, from 1. Patterns (LIKE, regular
 * expressions) are pattern.ts.
 */
import { BIGINT, VARCHAR } from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { DataFault } from './registry-types.js';
import type { ArgumentInfo, ScalarFunction, SignatureFault } from './registry-types.js';
import { at, checked, entry, neverFails, takes, valueFault } from './signature.js';
import type { Parameter } from './signature.js';

interface TextFunction {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** Parameters; `optional` of the last ones may be left out. */
  readonly parameters: readonly Parameter[];
  readonly optional?: number;
  readonly result?: SqlType;
  readonly check?: (args: readonly ArgumentInfo[]) => SignatureFault | undefined;
  readonly mayFail?: ScalarFunction['mayFail'];
  readonly evaluate: (args: readonly SqlValue[]) => SqlValue;
  readonly about: string;
}

/** A function that is NULL for a NULL argument. */
function textFunction(definition: TextFunction): ScalarFunction {
  const { name, parameters, evaluate, about } = definition;
  const resolve = takes(name, parameters, definition.result ?? VARCHAR);
  return entry({
    name,
    aliases: definition.aliases ?? [],
    arity: [parameters.length - (definition.optional ?? 0), parameters.length],
    nulls: 'null',
    resolve: definition.check ? checked(resolve, definition.check) : resolve,
    ...(definition.mayFail ? { mayFail: definition.mayFail } : {}),
    evaluate: (args) => evaluate(args),
    about,
  });
}

const HAS_SURROGATE = /[\ud800-\udfff]/;

/** Code points of the text. */
export function lengthOf(text: string): number {
  if (!HAS_SURROGATE.test(text)) return text.length;
  let count = 0;
  for (let i = 0; i < text.length; i += (text.codePointAt(i) ?? 0) > 0xffff ? 2 : 1) count += 1;
  return count;
}

/** Code points from index `start` (0-based, inclusive) to `end` (exclusive), clipped. */
export function sliceOf(text: string, start: number, end: number): string {
  const from = Math.max(start, 0);
  if (end <= from) return '';
  if (!HAS_SURROGATE.test(text)) return text.slice(from, end);
  return [...text].slice(from, end).join('');
}

/** A whole number that fits a text index: anything larger means the same. */
function index(value: SqlValue): number {
  return Number(value);
}

/** PostgreSQL's reading: positions before 1 exist and are empty, so (-1, 4) gives two letters. */
function substring(args: readonly SqlValue[]): string {
  const text = at(args, 0) as string;
  const start = index(at(args, 1)) - 1;
  if (args.length < 3) return sliceOf(text, start, Infinity);
  const count = index(at(args, 2));
  if (count < 0)
    throw new DataFault('VALUE_INVALID', 'function "SUBSTRING": the length is negative');
  return sliceOf(text, start, start + count);
}

/** Unless it is written, any number may be. */
function isNegative({ literal }: ArgumentInfo): boolean {
  return literal === undefined || (literal !== null && Number(literal) < 0);
}

/** LEFT(s, -n) is all but the last n, RIGHT(s, -n) all but the first n. */
function left(text: string, count: number): string {
  return sliceOf(text, 0, count < 0 ? lengthOf(text) + count : count);
}

function right(text: string, count: number): string {
  const length = lengthOf(text);
  return sliceOf(text, count < 0 ? -count : length - count, length);
}

function position(needle: string, haystack: string): bigint {
  const found = haystack.indexOf(needle);
  return found < 0 ? 0n : BigInt(lengthOf(haystack.slice(0, found)) + 1);
}

/** Cuts the characters of `set` off the start and/or the end. */
function trim(text: string, set: string, ends: { start: boolean; end: boolean }): string {
  const unwanted = new Set(set);
  const characters = [...text];
  let from = 0;
  let to = characters.length;
  while (ends.start && from < to && unwanted.has(characters[from] ?? '')) from += 1;
  while (ends.end && to > from && unwanted.has(characters[to - 1] ?? '')) to -= 1;
  return characters.slice(from, to).join('');
}

function trimmer(
  name: string,
  aliases: readonly string[],
  ends: { start: boolean; end: boolean },
  about: string,
): ScalarFunction {
  return textFunction({
    name,
    aliases,
    parameters: ['text', 'text'],
    optional: 1,
    mayFail: neverFails,
    evaluate: (args) =>
      trim(args[0] as string, args.length === 2 ? (args[1] as string) : ' ', ends),
    about,
  });
}

/** LPAD and RPAD: to `length` code points, cut when longer. */
function pad(args: readonly SqlValue[], atStart: boolean): string {
  const text = args[0] as string;
  const length = index(at(args, 1));
  const fill = args.length === 3 ? (args[2] as string) : ' ';
  const missing = length - lengthOf(text);
  if (missing <= 0) return sliceOf(text, 0, length);
  if (fill === '') return text;
  checkTextSize(missing, atStart ? 'LPAD' : 'RPAD');
  const padding = sliceOf(fill.repeat(Math.ceil(missing / lengthOf(fill))), 0, missing);
  return atStart ? padding + text : text + padding;
}

export const TEXT_SIZE_MAX = 16 * 1024 * 1024;

export function textSizeText(name: string): string {
  return `result of function "${name}" is longer than 16 MiB`;
}

/** Made-up text is bounded as a record is, so that REPEAT cannot take the machine down. */
export function checkTextSize(size: number, name: string): void {
  if (size <= TEXT_SIZE_MAX) return;
  throw new DataFault('VALUE_INVALID', textSizeText(name));
}

function repeat(text: string, count: number): string {
  checkTextSize(text.length * count, 'REPEAT');
  return count <= 0 ? '' : text.repeat(count);
}

/** Some letters are several in the other case. */
function sized(text: string, name: string): string {
  checkTextSize(text.length, name);
  return text;
}

/** Every word starts with a capital, the rest is lower case. */
function capitalised(text: string): string {
  return text.toLowerCase().replace(/[\p{L}\p{N}]+/gu, (word) => {
    const [first = '', ...rest] = word;
    return first.toUpperCase() + rest.join('');
  });
}

/** SPLIT_PART's field, from 1; negative fields count from the end. */
function splitPart(text: string, separator: string, field: number): string {
  if (field === 0)
    throw new DataFault('VALUE_INVALID', 'function "SPLIT_PART": fields count from 1');
  const parts = separator === '' ? [text] : text.split(separator);
  return parts[field > 0 ? field - 1 : parts.length + field] ?? '';
}

/** The texts that are not NULL with a separator between; their size is known before they are one. */
export function joinedTexts(values: readonly SqlValue[], separator: string, name: string): string {
  const texts = values.filter((value): value is string => value !== null);
  const separators = Math.max(texts.length - 1, 0) * separator.length;
  checkTextSize(
    texts.reduce((sum, text) => sum + text.length, separators),
    name,
  );
  return texts.join(separator);
}

const concatenation: ScalarFunction = entry({
  name: 'CONCAT',
  arity: [1, Infinity],
  nulls: 'own',
  resolve: (args) => ({ type: VARCHAR, argTypes: args.map(() => VARCHAR) }),
  evaluate: (args) => joinedTexts(args, '', 'CONCAT'),
  about: 'CONCAT(a, b, …): the texts of the values in a row; NULLs are skipped.',
});

const separatedConcatenation: ScalarFunction = entry({
  name: 'CONCAT_WS',
  arity: [2, Infinity],
  nulls: 'own',
  resolve: (args) => ({ type: VARCHAR, argTypes: args.map(() => VARCHAR) }),
  evaluate: ([separator, ...values]) => {
    if (separator === null || separator === undefined) return null;
    return joinedTexts(values, separator as string, 'CONCAT_WS');
  },
  about: 'CONCAT_WS(separator, a, b, …): the texts with a separator between; NULLs are skipped.',
});

const joinOperator: ScalarFunction = entry({
  name: '||',
  arity: [2, 2],
  nulls: 'null',
  resolve: () => ({ type: VARCHAR, argTypes: [VARCHAR, VARCHAR] }),
  evaluate: (args) => joinedTexts(args, '', '||'),
  about: 'a || b: both texts in a row; NULL when one is.',
});

const SIZES: readonly ScalarFunction[] = [
  textFunction({
    name: 'LENGTH',
    mayFail: neverFails,
    aliases: ['LEN', 'CHAR_LENGTH', 'CHARACTER_LENGTH'],
    parameters: ['text'],
    result: BIGINT,
    evaluate: ([text]) => BigInt(lengthOf(text as string)),
    about: 'LENGTH(s): how many code points.',
  }),
  textFunction({
    name: 'POSITION',
    mayFail: neverFails,
    parameters: ['text', 'text'],
    result: BIGINT,
    evaluate: ([needle, haystack]) => position(needle as string, haystack as string),
    about: 'POSITION(needle, s), POSITION(needle IN s): where it starts, from 1; 0 when absent.',
  }),
];

const PARTS: readonly ScalarFunction[] = [
  textFunction({
    name: 'SUBSTRING',
    mayFail: ([, , length]) => length !== undefined && isNegative(length),
    aliases: ['SUBSTR'],
    parameters: ['text', 'integer', 'integer'],
    optional: 1,
    evaluate: substring,
    about: 'SUBSTRING(s, start[, length]): from position start, counted from 1.',
  }),
  textFunction({
    name: 'LEFT',
    mayFail: neverFails,
    parameters: ['text', 'integer'],
    evaluate: ([text, count]) => left(text as string, index(count ?? null)),
    about: 'LEFT(s, n): the first n characters; a negative n leaves out the last ones.',
  }),
  textFunction({
    name: 'RIGHT',
    mayFail: neverFails,
    parameters: ['text', 'integer'],
    evaluate: ([text, count]) => right(text as string, index(count ?? null)),
    about: 'RIGHT(s, n): the last n characters; a negative n leaves out the first ones.',
  }),
  trimmer(
    'TRIM',
    ['BTRIM'],
    { start: true, end: true },
    'TRIM(s[, set]): without blanks around it.',
  ),
  trimmer('LTRIM', [], { start: true, end: false }, 'LTRIM(s[, set]): without blanks before it.'),
  trimmer('RTRIM', [], { start: false, end: true }, 'RTRIM(s[, set]): without blanks after it.'),
  textFunction({
    name: 'SPLIT',
    mayFail: neverFails,
    parameters: ['text', 'text'],
    result: { kind: 'array', element: VARCHAR },
    evaluate: ([text, separator]) =>
      separator === '' ? [...(text as string)] : (text as string).split(separator as string),
    about: 'SPLIT(s, separator): the parts as ARRAY<VARCHAR>.',
  }),
  textFunction({
    name: 'SPLIT_PART',
    parameters: ['text', 'text', 'integer'],
    check: ([, , field]) =>
      field?.literal === 0n ? valueFault('SPLIT_PART', 2, 'fields count from 1') : undefined,
    evaluate: ([text, separator, field]) =>
      splitPart(text as string, separator as string, index(field ?? null)),
    about: "SPLIT_PART(s, separator, n): part n, counted from 1; '' when absent.",
  }),
  textFunction({
    name: 'SPLIT_INDEX',
    mayFail: neverFails,
    parameters: ['text', 'text', 'integer'],
    evaluate: ([text, separator, part]) =>
      (text as string).split(separator as string)[index(part ?? null)] ?? null,
    about: 'SPLIT_INDEX(s, separator, n): part n, counted from 0; NULL when absent.',
  }),
];

const CHANGES: readonly ScalarFunction[] = [
  textFunction({
    name: 'UPPER',
    aliases: ['UCASE'],
    parameters: ['text'],
    evaluate: ([text]) => sized((text as string).toUpperCase(), 'UPPER'),
    about: 'UPPER(s): in capitals.',
  }),
  textFunction({
    name: 'LOWER',
    aliases: ['LCASE'],
    parameters: ['text'],
    evaluate: ([text]) => sized((text as string).toLowerCase(), 'LOWER'),
    about: 'LOWER(s): in small letters.',
  }),
  textFunction({
    name: 'INITCAP',
    parameters: ['text'],
    evaluate: ([text]) => sized(capitalised(text as string), 'INITCAP'),
    about: 'INITCAP(s): every word with a capital.',
  }),
  textFunction({
    name: 'REPLACE',
    parameters: ['text', 'text', 'text'],
    evaluate: ([text, from, to]) =>
      from === ''
        ? (text ?? null)
        : joinedTexts((text as string).split(from as string), to as string, 'REPLACE'),
    about: 'REPLACE(s, from, to): every occurrence replaced.',
  }),
  textFunction({
    name: 'REVERSE',
    mayFail: neverFails,
    parameters: ['text'],
    evaluate: ([text]) => [...(text as string)].reverse().join(''),
    about: 'REVERSE(s): from the last character to the first.',
  }),
  textFunction({
    name: 'REPEAT',
    parameters: ['text', 'integer'],
    evaluate: ([text, count]) => repeat(text as string, index(count ?? null)),
    about: 'REPEAT(s, n): the text n times.',
  }),
  textFunction({
    name: 'LPAD',
    parameters: ['text', 'integer', 'text'],
    optional: 1,
    evaluate: (args) => pad(args, true),
    about: 'LPAD(s, length[, fill]): filled up in front, or cut.',
  }),
  textFunction({
    name: 'RPAD',
    parameters: ['text', 'integer', 'text'],
    optional: 1,
    evaluate: (args) => pad(args, false),
    about: 'RPAD(s, length[, fill]): filled up behind, or cut.',
  }),
];

export const TEXT: readonly ScalarFunction[] = [
  joinOperator,
  concatenation,
  separatedConcatenation,
  ...SIZES,
  ...PARTS,
  ...CHANGES,
];
