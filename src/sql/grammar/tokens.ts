/**
 * The vocabulary: token types and the keyword lists. Stands between the lexer, which makes tokens
 * of these types, and the parser, which consumes them.
 *
 * A word belongs to nested categories, so that most keywords stay usable as names:
 *
 *   Label ⊃ Name ⊃ Alias       Label: after a dot and after AS, every word
 *                              Name: a column, table or function; every word but RESERVED
 *                              Alias: an alias without AS; every name but CLAUSE_STARTS
 */
import type { TokenType } from 'chevrotain';
import { createToken, Lexer } from './chevrotain.js';

/** Never a bare name: with these as names, a missing operand would read as a column. */
// prettier-ignore
const RESERVED = [
  'AND', 'AS', 'BETWEEN', 'CASE', 'DISTINCT', 'ELSE', 'EXCEPT', 'FALSE', 'FROM', 'GROUP',
  'HAVING', 'IN', 'INTERSECT', 'INTO', 'IS', 'JOIN', 'LIKE', 'NOT', 'NULL', 'ON', 'OR', 'ORDER',
  'SELECT', 'THEN', 'TRUE', 'UNION', 'WHEN', 'WHERE', 'WITH',
] as const;

/** Names, but no alias without AS, because what follows an alias may begin with them. */
// prettier-ignore
const CLAUSE_STARTS = [
  'CREATE', 'CROSS', 'EMIT', 'ESCAPE', 'FOR', 'FULL', 'INNER', 'INSERT', 'LEFT', 'LIMIT',
  'NATURAL', 'OUTER', 'RIGHT', 'SET', 'USING', 'WINDOW',
] as const;

/** Words with a meaning somewhere in the grammar and names everywhere else. */
// prettier-ignore
const FREE = [
  'AFTER', 'ALL', 'ARRAY', 'ASC', 'BUFFER', 'BY', 'CAST', 'CHANGES', 'COMMENT', 'CONSTRAINT',
  'CUMULATE', 'CURRENT', 'DATE', 'DESC', 'DESCRIPTOR', 'END', 'ENFORCED', 'EVERY', 'EXISTS',
  'EXPIRE', 'EXTRACT', 'FILTER', 'FINAL', 'FIRST', 'FOLLOWING', 'HOP', 'HOPPING', 'IF',
  'INACTIVITY', 'INTERVAL', 'KEY', 'LAST', 'LOCAL', 'MAP', 'METADATA', 'NEVER', 'NULLS', 'OF',
  'OVER', 'PARTITION', 'POSITION', 'PRECEDING', 'PRECISION', 'PRIMARY', 'RANGE', 'RECORD', 'ROW',
  'ROWS', 'SESSION', 'SLIDING', 'STREAM', 'SYSTEM_TIME', 'TABLE', 'TEMPORARY', 'TIME',
  'TIMESTAMP', 'TO', 'TRY_CAST', 'TUMBLE', 'TUMBLING', 'UNBOUNDED', 'UNKNOWN', 'VIRTUAL',
  'WATERMARK', 'WITHIN', 'WITHOUT', 'ZONE',
] as const;

export type KeywordName =
  (typeof RESERVED)[number] | (typeof CLAUSE_STARTS)[number] | (typeof FREE)[number];

export const Label = createToken({ name: 'Label', pattern: Lexer.NA, label: 'a name' });
export const Name = createToken({
  name: 'Name',
  pattern: Lexer.NA,
  label: 'a name',
  categories: [Label],
});
export const Alias = createToken({
  name: 'Alias',
  pattern: Lexer.NA,
  label: 'an alias',
  categories: [Name],
});

function keywordTokens(names: readonly KeywordName[], category: TokenType) {
  return names.map((name): [KeywordName, TokenType] => [
    name,
    createToken({ name, pattern: Lexer.NA, label: name, categories: [category] }),
  ]);
}

const keywordEntries = [
  ...keywordTokens(RESERVED, Label),
  ...keywordTokens(CLAUSE_STARTS, Name),
  ...keywordTokens(FREE, Alias),
];

/** One token type per keyword; complete, because KeywordName is made from the same lists. */
export const Keyword = Object.fromEntries(keywordEntries) as Readonly<
  Record<KeywordName, TokenType>
>;
/** Token type by upper-case word. */
export const KEYWORDS: ReadonlyMap<string, TokenType> = new Map(keywordEntries);

export const Space = createToken({ name: 'Space', pattern: /\s+/, group: Lexer.SKIPPED });
export const AnnotationComment = createToken({
  name: 'AnnotationComment',
  pattern: /--[ \t]*@[A-Za-z_][\w.-]*[ \t]*:[^\r\n]*/,
  start_chars_hint: ['-'],
  group: 'annotations',
});
export const LineComment = createToken({
  name: 'LineComment',
  pattern: /--[^\n]*/,
  group: Lexer.SKIPPED,
});
/** A hint that the grammar has: lexer.ts gives its tokens in its place. */
export const OptionsHint = createToken({
  name: 'OptionsHint',
  pattern: /\/\*\+\s*OPTIONS\s*\((?:\s*'(?:[^']|'')*'\s*[=,]?)*\s*\)\s*\*\//i,
  line_breaks: true,
  start_chars_hint: ['/'],
});
/** The same behind SELECT: how long state is kept. */
export const StateTtlHint = createToken({
  name: 'StateTtlHint',
  pattern: /\/\*\+\s*STATE_TTL\s*\((?:\s*'(?:[^']|'')*'\s*[=,]?)*\s*\)\s*\*\//i,
  line_breaks: true,
  start_chars_hint: ['/'],
});
/** Any other hint has no effect, which lexer.ts says. */
export const OtherHint = createToken({
  name: 'OtherHint',
  pattern: /\/\*\+[^]*?\*\//,
  line_breaks: true,
  start_chars_hint: ['/'],
});
export const BlockComment = createToken({
  name: 'BlockComment',
  pattern: /\/\*[^]*?\*\//,
  line_breaks: true,
  start_chars_hint: ['/'],
  group: Lexer.SKIPPED,
});
export const UnclosedComment = createToken({
  name: 'UnclosedComment',
  pattern: /\/\*[^]*/,
  line_breaks: true,
  start_chars_hint: ['/'],
});

const WORD_START = 'A-Za-z_\\u00aa-\\u1fff\\u2c00-\\ud7ff';
export const Word = createToken({
  name: 'Word',
  pattern: new RegExp(`[${WORD_START}][${WORD_START}0-9$]*`),
  label: 'a name',
  categories: [Alias],
});
export const QuotedName = createToken({
  name: 'QuotedName',
  pattern: /"(?:[^"]|"")*"|`(?:[^`]|``)*`/,
  line_breaks: true,
  label: 'a name',
  categories: [Alias],
});
export const StringText = createToken({
  name: 'StringText',
  pattern: /'(?:[^']|'')*'/,
  line_breaks: true,
  label: 'a string',
});
/** A quote that nothing closes ends at `;` or the line's end: what follows is still read. */
export const UnclosedText = createToken({ name: 'UnclosedText', pattern: /['"`][^;\n]*/ });

/** `${NAME}` outside a string, where it means nothing. */
export const StrayVariable = createToken({ name: 'StrayVariable', pattern: /\$\{[^}\n]*\}?/ });

export const NumberText = createToken({
  name: 'NumberText',
  pattern: Lexer.NA,
  label: 'a number',
});
export const DoubleNumber = createToken({
  name: 'DoubleNumber',
  pattern: /(?:\d+(?:\.\d+)?|\.\d+)[eE][+-]?\d+/,
  label: 'a number',
  categories: [NumberText],
});
/** `500ms`, `1m`: a number with its unit, legal only where a duration is. */
export const NumberWithUnit = createToken({
  name: 'NumberWithUnit',
  pattern: /(?:\d+(?:\.\d+)?|\.\d+)[A-Za-z_]\w*/,
  label: 'a duration',
});
export const DecimalNumber = createToken({
  name: 'DecimalNumber',
  pattern: /\d*\.\d+/,
  label: 'a number',
  categories: [NumberText],
});
export const IntegerNumber = createToken({
  name: 'IntegerNumber',
  pattern: /\d+/,
  label: 'a whole number',
  categories: [NumberText],
});

export const Comparison = createToken({
  name: 'Comparison',
  pattern: Lexer.NA,
  label: 'a comparison',
});
export const Additive = createToken({ name: 'Additive', pattern: Lexer.NA, label: '"+" or "-"' });
export const Multiplicative = createToken({
  name: 'Multiplicative',
  pattern: Lexer.NA,
  label: '"*", "/" or "%"',
});

function symbol(name: string, pattern: string, categories: TokenType[] = []): TokenType {
  return createToken({ name, pattern, label: `"${pattern}"`, categories });
}
export const Arrow = symbol('Arrow', '=>');
export const LessEqual = symbol('LessEqual', '<=', [Comparison]);
export const GreaterEqual = symbol('GreaterEqual', '>=', [Comparison]);
export const NotEqual = createToken({
  name: 'NotEqual',
  pattern: /<>|!=/,
  label: '"<>"',
  categories: [Comparison],
});
export const Less = symbol('Less', '<', [Comparison]);
export const Greater = symbol('Greater', '>', [Comparison]);
export const Equal = symbol('Equal', '=', [Comparison]);
export const Concat = symbol('Concat', '||');
export const Colons = symbol('Colons', '::');
export const Plus = symbol('Plus', '+', [Additive]);
export const Minus = symbol('Minus', '-', [Additive]);
export const Star = symbol('Star', '*', [Multiplicative]);
export const Slash = symbol('Slash', '/', [Multiplicative]);
export const Percent = symbol('Percent', '%', [Multiplicative]);
export const LeftParen = symbol('LeftParen', '(');
export const RightParen = symbol('RightParen', ')');
export const LeftBracket = symbol('LeftBracket', '[');
export const RightBracket = symbol('RightBracket', ']');
export const Comma = symbol('Comma', ',');
export const Dot = symbol('Dot', '.');
export const Semicolon = symbol('Semicolon', ';');

/** What lexer.ts makes of a hint: its tokens between these two. */
export const HintStart = createToken({
  name: 'HintStart',
  pattern: Lexer.NA,
  label: '"/*+"',
});
export const HintEnd = createToken({ name: 'HintEnd', pattern: Lexer.NA, label: '"*/"' });

/** In order of trial: the first pattern that matches wins. */
// prettier-ignore
export const LEXED_TOKENS: TokenType[] = [
  Space, AnnotationComment, LineComment, OptionsHint, StateTtlHint, OtherHint, BlockComment, UnclosedComment,
  Word, QuotedName, StringText, UnclosedText, StrayVariable,
  DoubleNumber, NumberWithUnit, DecimalNumber, IntegerNumber,
  Arrow, LessEqual, GreaterEqual, NotEqual, Less, Greater, Equal, Concat, Colons,
  Plus, Minus, Star, Slash, Percent,
  LeftParen, RightParen, LeftBracket, RightBracket, Comma, Dot, Semicolon,
];

export const ALL_TOKENS: TokenType[] = [
  ...LEXED_TOKENS,
  ...KEYWORDS.values(),
  HintStart,
  HintEnd,
  Label,
  Name,
  Alias,
  NumberText,
  Comparison,
  Additive,
  Multiplicative,
];
