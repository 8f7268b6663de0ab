/**
 * SQL text to AST: the entry of the front-end. Cuts a text into statements, parses each by itself,
 * so that a fault in one leaves the others whole, and gives every fault of the text at once. The
 * grammar is in the parser-* files; nothing here knows a clause.
 *
 *   text → lexer → tokens → [ statement ; statement ; … ] → parser → Statement + annotations
 */
import type { IToken } from 'chevrotain';
import { SqlError, SqlFaults } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import type { Annotation, Expression, Script, Statement } from './ast.js';
import { foreignText } from './foreign-text.js';
import { tokenEnd, tokenise } from './grammar/lexer.js';
import type { TextWarning } from './grammar/lexer.js';
import type { ParserContext, Rule } from './grammar/parser-base.js';
import { NestedTooDeeply, PARTS_MAX, TooManyParts } from './grammar/parser-base.js';
import type { Part } from './grammar/parser-base.js';
import { StatementParser } from './grammar/parser-statements.js';
import { foundSpan, syntaxFaults } from './grammar/syntax-errors.js';
import type { StatementText } from './grammar/syntax-errors.js';
import { Keyword, LeftParen, Semicolon } from './grammar/tokens.js';
import type { VariableLookup } from './variables.js';

export interface ParseOptions {
  /** Shown in messages: a file name. */
  readonly sourceName: string;
  /** Values of `${NAME}` in string literals; null leaves them as they stand. */
  readonly variables: VariableLookup | null;
  /** Whether the addresses of quoted sources stay as they stand, whatever `variables` says. */
  readonly keepsAddresses?: boolean;
}

export interface ParsedScript {
  /** The statements that follow the grammar, also those with a faulty unit or variable. */
  readonly script: Script;
  /** In order of their place in the text. */
  readonly faults: SqlError[];
  readonly warnings: readonly TextWarning[];
}

/** Parses a whole file. Never throws for what a user wrote. */
export function parseScript(text: string, options: ParseOptions): ParsedScript {
  const source: SourceText = { name: options.sourceName, text };
  const foreign = foreignText(source);
  if (foreign !== null) {
    const script = { statements: [], span: { start: 0, end: text.length } };
    return { script, faults: [foreign], warnings: [] };
  }
  const { tokens, annotations, faults: lexical, warnings } = tokenise(source);
  const { variables } = options;
  const values = { variables, addressVariables: options.keepsAddresses ? null : variables };
  const faults = [...lexical];
  const statements: Statement[] = [];
  let waiting: readonly Annotation[] = annotations;
  for (const piece of splitStatements(source, tokens)) {
    const damaged = lexical.some(({ span }) => span !== undefined && isWithin(piece, span.start));
    const found: SqlError[] = [];
    const statement = damaged
      ? null
      : parseTokens(piece, values, found, (parser) => parser.statement);
    const isQuery = statement === null ? looksLikeQuery(piece) : 'annotations' in statement;
    const own = isQuery ? waiting.filter(({ span }) => span.start < piece.end) : [];
    if (isQuery) waiting = waiting.slice(own.length);
    faults.push(...found);
    if (statement === null) continue;
    statements.push('annotations' in statement ? { ...statement, annotations: own } : statement);
  }
  faults.sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
  return { script: { statements, span: { start: 0, end: text.length } }, faults, warnings };
}

/** Parses one expression, for tools and tests. Throws SqlFaults when it is not one. */
export function parseExpression(text: string, variables: VariableLookup | null = null): Expression {
  const source: SourceText = { name: 'expression', text };
  const { tokens, faults: lexical } = tokenise(source);
  const faults = [...lexical];
  const piece: Piece = { source, tokens, terminator: undefined, start: 0, end: text.length };
  const values = { variables, addressVariables: variables };
  const expression = parseTokens(piece, values, faults, (parser) => parser.expression);
  if (expression === null || faults.length > 0) throw new SqlFaults(faults);
  return expression;
}

/** A statement's tokens and the half-open range from the end of the one before to its own end. */
interface Piece extends StatementText {
  readonly start: number;
  readonly end: number;
}

function splitStatements(source: SourceText, tokens: readonly IToken[]): Piece[] {
  const pieces: Piece[] = [];
  let first = 0;
  let start = 0;
  for (let at = 0; at <= tokens.length; at += 1) {
    const terminator = tokens[at];
    if (terminator !== undefined && terminator.tokenType !== Semicolon) continue;
    const end = terminator === undefined ? source.text.length : tokenEnd(terminator);
    const own = tokens.slice(first, at);
    if (own.length > 0) pieces.push({ source, tokens: own, terminator, start, end });
    first = at + 1;
    start = end;
  }
  return pieces;
}

function isWithin(piece: Piece, offset: number): boolean {
  return offset >= piece.start && offset < piece.end;
}

let sharedParser: StatementParser | undefined;

/** Applies one rule to all tokens of a piece. Gives null, and faults, when they do not fit it. */
function parseTokens<T>(
  piece: StatementText,
  values: Pick<ParserContext, 'variables' | 'addressVariables'>,
  faults: SqlError[],
  ruleOf: (parser: StatementParser) => Rule<T>,
): T | null {
  sharedParser ??= new StatementParser({ validateGrammar: false });
  const parser = sharedParser;
  parser.read(piece.tokens, { source: piece.source, ...values, faults });
  try {
    const result = ruleOf(parser).call(parser);
    if (parser.errors.length === 0) return result;
    faults.length = 0;
    faults.push(...syntaxFaults(parser.errors, piece));
  } catch (error) {
    if (error instanceof TooManyParts) {
      faults.push(tooMany(piece, error));
      return null;
    }
    const isDeep = error instanceof NestedTooDeeply;
    const token = isDeep ? error.token : piece.tokens[0];
    if (token === undefined || !(isDeep || error instanceof RangeError)) throw error;
    faults.push(tooDeep(piece, token));
  }
  return null;
}

function tooDeep(statement: StatementText, token: IToken): SqlError {
  return new SqlError('SYNTAX', {
    message: 'statement is nested too deeply',
    source: statement.source,
    span: foundSpan(statement, token),
    hint: 'expressions stand in one another up to 90 deep; name parts of them in a subquery',
  });
}

function tooMany(statement: StatementText, { token, part }: TooManyParts): SqlError {
  return new SqlError('QUERY_TOO_LARGE', {
    message: `more than ${PARTS_MAX[part]} ${part} stand side by side`,
    source: statement.source,
    span: foundSpan(statement, token),
    hint: HINTS[part],
  });
}

const HINTS: Readonly<Record<Part, string>> = {
  JOINs: 'join some of them into a table of their own first',
  UNIONs: 'read them as one source, or write several queries into one sink',
  'queries of WITH': 'declare views with CREATE STREAM … AS, or leave out what is not read',
  columns: 'select them in several queries',
};

/** Whether a statement that did not parse was meant as a query, and so owns its annotations. */
function looksLikeQuery({ tokens }: StatementText): boolean {
  const { CREATE, SET, AS, SELECT, WITH } = Keyword;
  const first = tokens[0]?.tokenType;
  if (first === SET) return false;
  if (first !== CREATE) return true;
  return tokens.some((token, at) => {
    const next = tokens[at + 1]?.tokenType;
    return token.tokenType === AS && (next === SELECT || next === WITH || next === LeftParen);
  });
}
