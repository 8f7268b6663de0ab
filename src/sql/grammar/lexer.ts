/**
 * Text to tokens. Owns the split into words, numbers, strings and symbols, the annotations among
 * the comments, and the faults of this level (an unclosed quote, an unknown character). Words
 * become keywords here, by one map lookup; what a keyword means is the parser's business.
 */
import type { IToken, Lexer as ChevrotainLexer, TokenType } from 'chevrotain';
import { SqlError } from '../../base/errors.js';
import type { SourceText } from '../../base/errors.js';
import type { Span } from '../../base/span.js';
import type { Annotation } from '../ast.js';
import { Lexer } from './chevrotain.js';
import {
  HintEnd,
  HintStart,
  KEYWORDS,
  LEXED_TOKENS,
  OptionsHint,
  OtherHint,
  QuotedName,
  StateTtlHint,
  StrayVariable,
  StringText,
  UnclosedComment,
  UnclosedText,
  Word,
} from './tokens.js';

export interface TokenisedText {
  /** Without comments and without what could not be read. */
  readonly tokens: readonly IToken[];
  readonly annotations: readonly Annotation[];
  readonly faults: readonly SqlError[];
  /** What is read over, with its place: hints that the grammar does not have. */
  readonly warnings: readonly TextWarning[];
}

/** Something that has no effect. */
export interface TextWarning {
  readonly message: string;
  readonly span: Span;
}

const HINTS = new Set<TokenType>([OptionsHint, StateTtlHint, OtherHint]);

let sharedLexer: ChevrotainLexer | undefined;

/** Reads the whole text; never throws for what a user wrote. */
export function tokenise(source: SourceText): TokenisedText {
  sharedLexer ??= new Lexer(LEXED_TOKENS, {
    positionTracking: 'onlyOffset',
    skipValidations: true,
  });
  const { tokens, groups, errors } = sharedLexer.tokenize(source.text);
  const faults = errors.map((error) => unknownCharacter(source, error.offset, error.length));
  const kept: IToken[] = [];
  const warnings: TextWarning[] = [];
  for (const token of tokens) {
    if (HINTS.has(token.tokenType)) {
      const hint = hintTokens(token, kept.at(-1));
      if (typeof hint === 'string') warnings.push({ message: hint, span: spanOfToken(token) });
      else kept.push(...hint);
      continue;
    }
    const fault = unreadable(source, token, kept);
    if (fault !== undefined) {
      faults.push(fault);
      continue;
    }
    if (token.tokenType === Word) classifyWord(token);
    kept.push(token);
  }
  const annotations = (groups['annotations'] ?? []).map(annotationOf);
  return { tokens: kept, annotations, faults, warnings };
}

/** Half-open end of a token. */
export function tokenEnd(token: IToken): number {
  return token.startOffset + token.image.length;
}

function spanOfToken(token: IToken): Span {
  return { start: token.startOffset, end: tokenEnd(token) };
}

/**
 * A hint OPTIONS ('key' = 'value', …) behind a name, or STATE_TTL behind SELECT, as tokens of the
 * grammar; a text that says why it has no effect where it is another hint, or stands elsewhere.
 */
function hintTokens(hint: IToken, before: IToken | undefined): IToken[] | string {
  const text = hint.image.slice(3, -2);
  if (hint.tokenType === OtherHint) {
    const name = /\w+/.exec(text)?.[0].toUpperCase() ?? '';
    const form =
      name === 'OPTIONS' || name === 'STATE_TTL' ? `: write ${name}('key' = 'value')` : '';
    return `hint "${name}" says nothing to velo: it is ignored${form}`;
  }
  const isName =
    before !== undefined &&
    ([Word, QuotedName].includes(before.tokenType) || KEYWORDS.has(before.image.toUpperCase()));
  const isSelect = before?.image.toUpperCase() === 'SELECT';
  if (hint.tokenType === StateTtlHint && !isSelect) {
    return 'hint "STATE_TTL" stands behind no SELECT: it is ignored';
  }
  if (hint.tokenType === OptionsHint && (!isName || isSelect)) {
    return 'hint "OPTIONS" stands behind no table: it is ignored';
  }
  const tokens = (sharedLexer as ChevrotainLexer).tokenize(text).tokens.slice(1);
  for (const token of tokens) token.startOffset += hint.startOffset + 3;
  const symbol = (tokenType: TokenType, startOffset: number, image: string): IToken => {
    return { ...hint, startOffset, image, tokenType, tokenTypeIdx: tokenType.tokenTypeIdx ?? 0 };
  };
  const start = symbol(HintStart, hint.startOffset, '/*+');
  return [start, ...tokens, symbol(HintEnd, tokenEnd(hint) - 2, '*/')];
}

function classifyWord(token: IToken): void {
  const keyword = KEYWORDS.get(token.image.toUpperCase());
  if (keyword === undefined) return;
  token.tokenType = keyword;
  token.tokenTypeIdx = keyword.tokenTypeIdx ?? token.tokenTypeIdx;
}

function annotationOf(token: IToken): Annotation {
  const [, key = '', value = ''] = /^--[ \t]*@([\w.-]+)[ \t]*:(.*)$/.exec(token.image) ?? [];
  const end = token.startOffset + token.image.trimEnd().length;
  return { key, value: value.trim(), span: { start: token.startOffset, end } };
}

function unknownCharacter(source: SourceText, offset: number, length: number): SqlError {
  const image = source.text.slice(offset, offset + length);
  return new SqlError('SYNTAX', {
    message: `unexpected ${length === 1 ? 'character' : 'characters'} "${image}"`,
    source,
    span: { start: offset, end: offset + length },
    hint: /[‘’“”]/.test(image) ? 'quote strings with \' and names with "' : undefined,
  });
}

/** The fault of a token that exists only to say what is wrong. */
function unreadable(
  source: SourceText,
  token: IToken,
  before: readonly IToken[],
): SqlError | undefined {
  switch (token.tokenType) {
    case UnclosedComment:
    case UnclosedText:
      return unclosed(source, token, before);
    case StrayVariable:
      return new SqlError('SYNTAX', {
        message: `variable "${token.image}" stands outside a string`,
        source,
        span: { start: token.startOffset, end: tokenEnd(token) },
        hint: `write '${token.image}'`,
      });
    default:
      return undefined;
  }
}

function unclosed(source: SourceText, token: IToken, before: readonly IToken[]): SqlError {
  const start = token.startOffset;
  if (token.tokenType === UnclosedComment) {
    return new SqlError('SYNTAX', {
      message: 'comment is not closed',
      source,
      span: { start, end: start + 2 },
      hint: 'end it with "*/"',
    });
  }
  const quote = token.image.charAt(0);
  // The quote that is really missing is often an earlier one, which turned code into a string.
  const suspect = before.findLast((one) => one.tokenType === StringText && /\n/.test(one.image));
  const line = suspect && source.text.slice(0, suspect.startOffset).split('\n').length;
  return new SqlError('SYNTAX', {
    message: `${quote === "'" ? 'string' : 'quoted name'} is not closed`,
    source,
    span: { start, end: start + token.image.trimEnd().length },
    hint:
      line === undefined || quote !== "'"
        ? `end it with ${quote}`
        : `the string that begins on line ${line} spans several lines: does it lack its end?`,
  });
}
