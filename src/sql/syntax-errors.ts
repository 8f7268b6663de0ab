/**
 * Words for what does not follow the grammar. Chevrotain says which token it expected; this file
 * turns that into a fault in house style: `expected FROM, found "FORM"` with the place and, where a
 * slip is likely, what was meant. Owns wording only; where the parser goes on is its own affair.
 */
import type {
  IParserErrorMessageProvider,
  IRecognitionException,
  IToken,
  TokenType,
} from 'chevrotain';
import { SqlError } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import type { Span } from '../base/span.js';
import { EOF } from './chevrotain.js';
import { closest } from './suggest.js';
import { LeftBracket, LeftParen, RightBracket, RightParen, StringText, Word } from './tokens.js';
import { Keyword } from './tokens.js';

/** More alternatives than these say less than "something else". */
const LISTED_MAX = 6;
const IMAGE_MAX = 40;

/** Each message is only the expected part; `syntaxFault` makes the sentence. */
export const messageProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => (expected === EOF ? '' : labelOf(expected)),
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

export function syntaxFault(error: IRecognitionException, statement: StatementText): SqlError {
  const { tokens } = statement;
  const found = error.token;
  const at = found.tokenType === EOF ? tokens.length : tokens.indexOf(found);
  const misspelled = error.message === '' ? misspelledAlias(tokens, at) : undefined;
  if (misspelled !== undefined) {
    return fault(
      statement,
      misspelled.token,
      EXPECTED_AT_END,
      `did you mean "${misspelled.meant}"?`,
    );
  }
  const opener = unclosedOpener(error.message, tokens, at);
  if (opener !== undefined) return unclosedFault(statement, opener, found, error.message);
  const expected = error.message === '' ? EXPECTED_AT_END : error.message;
  return fault(statement, found, expected, hintFor(error.message, tokens, at));
}

const EXPECTED_AT_END = 'the next clause or ";"';

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
  if (token?.tokenType !== Word || before === undefined) return undefined;
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
  const isParen = expected === labelOf(RightParen);
  if (!isParen && expected !== labelOf(RightBracket)) return undefined;
  const [opening, closing] = isParen ? [LeftParen, RightParen] : [LeftBracket, RightBracket];
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

function unclosedFault(
  statement: StatementText,
  opener: IToken,
  found: IToken,
  expected: string,
): SqlError {
  const what = expected === labelOf(RightParen) ? 'parenthesis' : 'bracket';
  return new SqlError('SYNTAX', {
    message: `${what} is not closed: expected ${expected} before ${foundText(statement, found)}`,
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
    span: found.tokenType === EOF ? endSpan(statement) : tokenSpan(found),
    hint,
  });
}

function hintFor(expected: string, tokens: readonly IToken[], at: number): string | undefined {
  const found = tokens[at];
  if (found === undefined) return undefined;
  const words = expected === '' ? CLAUSE_WORDS : (expected.match(/\b[A-Z_]{2,}\b/g) ?? []);
  const meant = closest(found.image, words);
  if (meant !== undefined && meant !== found.image.toUpperCase()) return `did you mean "${meant}"?`;
  if (found.tokenType === RightParen && expected === '') return 'no parenthesis is open here';
  const previous = tokens[at - 1];
  if (previous?.tokenType === StringText && previous.image.includes('\n')) {
    return 'the string before it spans several lines: does it lack its end?';
  }
  if (STATEMENT_STARTS.has(found.tokenType) && expected === '') return 'end a statement with ";"';
  if (isReserved(found.tokenType) && /\bname\b/.test(expected)) {
    return `to use it as a name, quote it: "${found.image}"`;
  }
  return undefined;
}

const STATEMENT_STARTS: ReadonlySet<TokenType> = new Set([
  Keyword.SELECT,
  Keyword.INSERT,
  Keyword.CREATE,
  Keyword.SET,
]);

function isReserved(type: TokenType): boolean {
  return Object.values(Keyword).includes(type);
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

function endSpan({ tokens, terminator }: StatementText): Span {
  if (terminator !== undefined) return tokenSpan(terminator);
  const last = tokens.at(-1);
  const end = last === undefined ? 0 : tokenSpan(last).end;
  return { start: end, end };
}
