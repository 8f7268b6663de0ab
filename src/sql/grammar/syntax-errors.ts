/**
 * Words for what does not follow the grammar. Chevrotain says which token it expected; this file
 * turns that into a fault in house style: `expected FROM, found "FORM"` with the place and, where a
 * slip is likely, what was meant. Owns wording, and which of a statement's faults are only echoes
 * of an earlier one; where the parser goes on is its own affair.
 */
import type {
  IParserErrorMessageProvider,
  IRecognitionException,
  IToken,
  TokenType,
} from 'chevrotain';
import { SqlError } from '../../base/errors.js';
import type { SourceText } from '../../base/errors.js';
import type { Span } from '../../base/span.js';
import { EOF } from './chevrotain.js';
import { closest } from '../suggest.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

/** More alternatives than these say less than "something else". */
const LISTED_MAX = 6;
const IMAGE_MAX = 40;
/** A fault this few tokens after another is taken for its echo. */
const ECHO_TOKENS = 3;

/** Rules in which a missing `)` may as well be a missing comma. */
const LIST_RULES: ReadonlySet<string> = new Set([
  'tableElements',
  'options',
  'nameList',
  'plainCall',
  'typeParameters',
  'inSuffix',
]);
const CLOSING_LIST = '"," or ")"';

/** Each message is only the expected part; `syntaxFaults` makes the sentence. */
export const messageProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, ruleName }) => {
    if (expected === EOF) return '';
    return expected === Token.RightParen && LIST_RULES.has(ruleName)
      ? CLOSING_LIST
      : labelOf(expected);
  },
  buildNotAllInputParsedMessage: () => '',
  buildNoViableAltMessage: ({ customUserDescription, expectedPathsPerAlt }) =>
    customUserDescription ?? listOf(expectedPathsPerAlt.flat()),
  buildEarlyExitMessage: ({ customUserDescription, expectedIterationPaths }) =>
    customUserDescription ?? listOf(expectedIterationPaths),
};

function labelOf(type: TokenType): string {
  return type.LABEL ?? type.name;
}

function listOf(paths: readonly TokenType[][]): string {
  const labels = [...new Set(paths.map(([first]) => (first ? labelOf(first) : '";"')))];
  if (labels.length > LISTED_MAX) return 'something else';
  const last = labels.pop() ?? 'something else';
  return labels.length === 0 ? last : `${labels.join(', ')} or ${last}`;
}

/** The statement in which a fault lies. */
export interface StatementText {
  readonly source: SourceText;
  /** Without the semicolon. */
  readonly tokens: readonly IToken[];
  /** The semicolon, or undefined at the end of the text. */
  readonly terminator: IToken | undefined;
}

/** One fault for each error that is no echo of the one before. */
export function syntaxFaults(
  errors: readonly IRecognitionException[],
  statement: StatementText,
): SqlError[] {
  const faults: SqlError[] = [];
  let nextAt = 0;
  for (const error of errors) {
    const at = placeOf(error.token, statement);
    const isEcho = at < nextAt || (error.message === '' && faults.length > 0);
    if (!isEcho) faults.push(syntaxFault(error, at, statement));
    nextAt = at + ECHO_TOKENS;
  }
  return faults;
}

function placeOf(found: IToken, { tokens }: StatementText): number {
  return found.tokenType === EOF ? tokens.length : tokens.indexOf(found);
}

const EXPECTED_AT_END = 'the next clause or ";"';

function syntaxFault(error: IRecognitionException, at: number, statement: StatementText): SqlError {
  const { tokens } = statement;
  const isAtEnd = error.message === '';
  const misspelled = isAtEnd ? misspelledAlias(tokens, at) : undefined;
  if (misspelled !== undefined) {
    const hint = `did you mean "${misspelled.meant}"?`;
    return fault(statement, misspelled.token, EXPECTED_AT_END, hint);
  }
  const opener = unclosedOpener(error.message, tokens, at);
  if (opener !== undefined) return unclosedFault(statement, opener, error.token);
  const expected = isAtEnd ? EXPECTED_AT_END : error.message;
  const path = unquotedPath(statement, at);
  const hint =
    path === undefined ? hintFor(error.message, tokens, at) : `quote names of files: '${path}'`;
  return fault(statement, error.token, expected, hint);
}

/** `FROM logs/a.jsonl`: what stands there up to white space, where a name has no place for its `.` or `/`. */
function unquotedPath({ source, tokens }: StatementText, at: number): string | undefined {
  const name = tokens.slice(0, at).findLastIndex(({ tokenType }) => NAME_LEADS.has(tokenType)) + 1;
  const [first, found] = [tokens[name], tokens[at]];
  if (name === 0 || first === undefined || found === undefined) return undefined;
  const path = /^[^\s;,()'"]+/.exec(source.text.slice(first.startOffset))?.[0] ?? '';
  const isWithin = found.startOffset < first.startOffset + path.length;
  return isWithin && /[./*]/.test(path) && at > name ? path : undefined;
}

/** What the name of a table stands behind. */
const NAME_LEADS: ReadonlySet<TokenType> = new Set([Keyword.FROM, Keyword.JOIN, Keyword.INTO]);

/** Keywords that may follow what reads as a complete statement. */
// prettier-ignore
const CLAUSE_WORDS = [
  'FROM', 'WHERE', 'GROUP', 'HAVING', 'ORDER', 'WINDOW', 'EMIT', 'LIMIT', 'UNION', 'JOIN', 'INNER',
  'LEFT', 'RIGHT', 'FULL', 'CROSS', 'INTO', 'WITH', 'AND', 'OR', 'AS', 'ON', 'USING', 'SELECT',
  'BETWEEN', 'LIKE',
];

/**
 * `SELECT a FORM t` reads as `a` with the alias FORM, and the parser stumbles over `t`. When the
 * word before the fault is nearly a keyword, it is the fault.
 */
function misspelledAlias(
  tokens: readonly IToken[],
  at: number,
): { readonly token: IToken; readonly meant: string } | undefined {
  const token = tokens[at - 1];
  const before = tokens[at - 2];
  if (token?.tokenType !== Token.Word || before === undefined) return undefined;
  if (before.tokenType === Keyword.AS) return undefined;
  const meant = closest(token.image, CLAUSE_WORDS);
  return meant === undefined ? undefined : { token, meant };
}

/** The parenthesis or bracket that the expected closing one would close, if nothing does. */
function unclosedOpener(
  expected: string,
  tokens: readonly IToken[],
  at: number,
): IToken | undefined {
  const isParen = expected.endsWith(labelOf(Token.RightParen));
  if (!isParen && expected !== labelOf(Token.RightBracket)) return undefined;
  const opening = isParen ? Token.LeftParen : Token.LeftBracket;
  const closing = isParen ? Token.RightParen : Token.RightBracket;
  const open: number[] = [];
  let innermost: number | undefined;
  tokens.forEach((token, index) => {
    if (index === at) innermost = open.at(-1);
    if (token.tokenType === opening) open.push(index);
    else if (token.tokenType === closing) open.pop();
  });
  if (at >= tokens.length) innermost = open.at(-1);
  return innermost !== undefined && open.includes(innermost) ? tokens[innermost] : undefined;
}

function unclosedFault(statement: StatementText, opener: IToken, found: IToken): SqlError {
  const isParen = opener.tokenType === Token.LeftParen;
  const [what, closing] = isParen ? ['parenthesis', '")"'] : ['bracket', '"]"'];
  return new SqlError('SYNTAX', {
    message: `${what} is not closed: expected ${closing} before ${foundText(statement, found)}`,
    source: statement.source,
    span: tokenSpan(opener),
  });
}

function fault(
  statement: StatementText,
  found: IToken,
  expected: string,
  hint: string | undefined,
): SqlError {
  return new SqlError('SYNTAX', {
    message: `expected ${expected}, found ${foundText(statement, found)}`,
    source: statement.source,
    span: foundSpan(statement, found),
    hint,
  });
}

/** `expected` is empty where the statement could have ended. */
function hintFor(expected: string, tokens: readonly IToken[], at: number): string | undefined {
  const found = tokens[at];
  if (found === undefined) return undefined;
  const words = expected === '' ? CLAUSE_WORDS : (expected.match(/\b[A-Z_]{2,}\b/g) ?? []);
  const meant = closest(found.image, words);
  if (meant !== undefined && meant !== found.image.toUpperCase()) return `did you mean "${meant}"?`;
  return hintForToken(found, expected) ?? hintForNeighbours(found, expected, tokens, at);
}

function hintForToken(found: IToken, expected: string): string | undefined {
  const type = found.tokenType;
  if (type === Token.NumberWithUnit && expected.includes('an expression')) {
    return "in an expression a duration is written INTERVAL '1' MINUTE";
  }
  if (expected !== '') return undefined;
  if (type === Token.RightParen) return 'no parenthesis is open here';
  if (type === Keyword.WHERE) {
    return 'WHERE stands before GROUP BY, WINDOW, HAVING, ORDER BY, LIMIT and EMIT';
  }
  return STATEMENT_STARTS.has(type) ? 'end a statement with ";"' : undefined;
}

function hintForNeighbours(
  found: IToken,
  expected: string,
  tokens: readonly IToken[],
  at: number,
): string | undefined {
  const previous = tokens[at - 1];
  if (previous?.tokenType === Token.StringText && previous.image.includes('\n')) {
    return 'the string before it spans several lines: does it lack its end?';
  }
  if (previous?.tokenType === Token.Equal && found.tokenType === Token.Equal) {
    return 'equality is written "="';
  }
  if (expected === '' && previous !== undefined && tokens[at - 2]?.tokenType === Keyword.AS) {
    if (isKeyword(previous)) return `"${previous.image}" is the alias here: is one missing?`;
  }
  if (previous?.tokenType === Token.Comma && isKeyword(found)) return 'remove the comma before it';
  const isClause = tokens[at + 1]?.tokenType === Keyword.BY;
  const couldBeName = NAME_LIKE.has(found.tokenType) && !isClause;
  if (couldBeName && /\b(name|table|column|expression)\b/.test(expected)) {
    return `to use it as a name, quote it: "${found.image}"`;
  }
  return undefined;
}

/** Reserved words that people also give to columns and tables. */
const NAME_LIKE: ReadonlySet<TokenType> = new Set([
  Keyword.GROUP,
  Keyword.IN,
  Keyword.INTO,
  Keyword.LIKE,
  Keyword.ON,
  Keyword.ORDER,
  Keyword.UNION,
]);

const STATEMENT_STARTS: ReadonlySet<TokenType> = new Set([
  Keyword.SELECT,
  Keyword.INSERT,
  Keyword.CREATE,
  Keyword.SET,
]);

function isKeyword(token: IToken): boolean {
  return Token.KEYWORDS.has(token.image.toUpperCase()) && token.tokenType !== Token.QuotedName;
}

function foundText(statement: StatementText, found: IToken): string {
  if (found.tokenType === EOF) return statement.terminator === undefined ? 'end of text' : '";"';
  const [line = ''] = found.image.split('\n');
  const cut = line.length > IMAGE_MAX ? line.slice(0, IMAGE_MAX) : line;
  const image = cut.length < found.image.length ? `${cut}…` : cut;
  return image.startsWith('"') ? image : `"${image}"`;
}

function tokenSpan(token: IToken): Span {
  return { start: token.startOffset, end: token.startOffset + token.image.length };
}

/** Where a token stands, or where the statement ends without it. */
export function foundSpan(statement: StatementText, found: IToken): Span {
  return found.tokenType === EOF ? endSpan(statement) : tokenSpan(found);
}

function endSpan({ tokens, terminator }: StatementText): Span {
  if (terminator !== undefined) return tokenSpan(terminator);
  const last = tokens.at(-1);
  const end = last === undefined ? 0 : tokenSpan(last).end;
  return { start: end, end };
}
