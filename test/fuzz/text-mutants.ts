/**
 * SQL texts for the fuzzers: those of the repository and of the grammar, with their tokens taken
 * out, doubled, swapped, spliced from each other, with hostile names, extreme literals, nestings and
 * any characters. Owns the mutations; what a text may do is judged by texts.test.ts.
 */
import { EXPRESSIONS, repositoryTexts, SCRIPTS } from '../sql/corpus.js';
import type { Random } from './fuzz.js';

/** Names of object members, quotes, controls, bidi overrides, lone surrogates, and a long one. */
const NAMES: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'then',
  '"__proto__"',
  '"a""b"',
  '`a``b`',
  '""',
  '"${HOME}"',
  "'${A:-${A:-x}}'",
  "'${A:?no}'",
  '"\u202egnp"',
  '"\u0000"',
  '"\ufeff"',
  '"\ud800"',
  '"\u{1f600}"',
  '\u00e9\u0301',
  '\u212a',
  '\u0130',
  'x'.repeat(5_000),
  '$1',
  '_',
  '"it\'s"',
  "'it''s'",
  '"\n"',
  '"/*"',
  '"--"',
];
const LITERALS: readonly string[] = [
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '1e308',
  '1e309',
  '1e-400',
  '0.1',
  '.5',
  '5.',
  '00',
  '1'.repeat(400),
  `0.${'0'.repeat(200)}1`,
  "INTERVAL '1' DAY",
  "INTERVAL '99999999999' YEAR",
  "INTERVAL 'x' SECOND",
  "DATE '9999-12-31'",
  "DATE '0000-00-00'",
  "TIMESTAMP '275760-09-13 00:00:00'",
  "TIMESTAMP '-1'",
  'NULL',
  'TRUE',
  "''",
  "'%'",
  '10s',
  '1.5h',
  '99999999999999999d',
];
/** Words and signs that open, close and bind. */
const SIGNS: readonly string[] = [
  '(',
  ')',
  '[',
  ']',
  ',',
  ';',
  '.',
  '*',
  '::',
  '=>',
  '||',
  '-',
  "'",
  '"',
  '`',
  '/*',
  '*/',
  '--',
  '/*+ OPTIONS(',
  'SELECT',
  'FROM',
  'WHERE',
  'GROUP BY',
  'HAVING',
  'UNION ALL',
  'JOIN',
  'ON',
  'OVER',
  'WINDOW',
  'EMIT CHANGES',
  'EMIT FINAL',
  'LIMIT',
  'AS',
  'CASE',
  'WHEN',
  'END',
  'NOT',
  'IN',
  'BETWEEN',
  'LIKE',
  'ESCAPE',
  'IS DISTINCT FROM',
  'WITH',
  'SET',
  'CREATE TABLE',
  'INSERT INTO',
];
/** What may be put around a piece, again and again. */
const WRAPS: readonly (readonly [string, string])[] = [
  ['(', ')'],
  ['NOT ', ''],
  ['- ', ''],
  ['CASE WHEN ', ' THEN 1 END'],
  ['CAST(', ' AS STRING)'],
  ['COALESCE(', ')'],
  ['ARRAY[', ']'],
  ['(SELECT ', ')'],
  ['1 + ', ''],
  ['TRUE AND ', ''],
  ['a.', ''],
  ['', '[1]'],
  ['', '::BIGINT'],
  ['ARRAY<', '>'],
  ["'${A:-", "}'"],
];
const DEPTHS = [1, 2, 3, 8, 30, 200, 2_000];

const TOKEN = /\w+|'[^']*'|"[^"]*"|\s+|./gsu;
const TEXTS: readonly string[] = [
  ...SCRIPTS,
  ...EXPRESSIONS.map((text) => `SELECT ${text}`),
  ...repositoryTexts().map(({ sql }) => sql),
];
const TOKENS: readonly (readonly string[])[] = TEXTS.map((text) => text.match(TOKEN) ?? []);

/** A text with one to five changes; now and then one of any characters. */
export function mutatedText(random: Random): string {
  if (random.chance(3)) return anyCharacters(random, 60);
  const tokens = [...random.pick(TOKENS)];
  for (let left = 1 + random.below(5); left > 0; left -= 1) change(tokens, random);
  const text = tokens.join('');
  if (random.chance(5)) return text.slice(0, random.below(text.length + 1));
  if (random.chance(3)) return text.slice(random.below(text.length + 1));
  return text;
}

function change(tokens: string[], random: Random): void {
  const at = random.below(Math.max(1, tokens.length));
  const token = tokens[at] ?? '';
  switch (random.below(12)) {
    case 0:
      tokens.splice(at, 1 + random.below(4));
      return;
    case 1:
      tokens.splice(at, 0, token, ' ');
      return;
    case 2: {
      const other = random.below(Math.max(1, tokens.length));
      tokens[at] = tokens[other] ?? '';
      tokens[other] = token;
      return;
    }
    case 3:
      tokens[at] = random.pick(tokens);
      return;
    case 4:
    case 5: {
      // A piece of another text, in place of some of this.
      const from = random.pick(TOKENS);
      const start = random.below(from.length);
      const piece = from.slice(start, start + 1 + random.below(12));
      tokens.splice(at, random.below(6), ' ', ...piece, ' ');
      return;
    }
    case 6:
      tokens[nameAt(tokens, at)] = random.pick(NAMES);
      return;
    case 7:
      tokens[at] = ` ${random.pick(LITERALS)} `;
      return;
    case 8:
      tokens.splice(at, 0, ` ${random.pick(SIGNS)} `);
      return;
    case 9: {
      const [open, close] = random.pick(WRAPS);
      const depth = random.pick(DEPTHS);
      tokens[at] = open.repeat(depth) + token + close.repeat(depth);
      return;
    }
    case 10:
      tokens.splice(at, 0, anyCharacters(random, 4));
      return;
    default:
      tokens[at] = random.chance(50) ? token.toUpperCase() : token.toLowerCase();
  }
}

/** The first token from `at` on that is a word. */
function nameAt(tokens: readonly string[], at: number): number {
  const found = tokens.findIndex((token, index) => index >= at && /^\w+$/.test(token));
  return found < 0 ? at : found;
}

function anyCharacters(random: Random, most: number): string {
  return Array.from({ length: 1 + random.below(most) }, () => {
    const kind = random.below(4);
    if (kind < 2) return String.fromCharCode(32 + random.below(95));
    return kind === 2 ? String.fromCharCode(random.below(0x10000)) : codePoint(random);
  }).join('');
}

function codePoint(random: Random): string {
  return String.fromCodePoint(random.below(0x110000));
}
