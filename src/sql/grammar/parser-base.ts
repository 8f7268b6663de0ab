/**
 * What every layer of the grammar shares: the text being read, spans, names, strings and reports
 * of faults that no grammar rule can express. The layers stand on each other as classes, because
 * chevrotain's rules are methods of one parser:
 *
 *   base ← types ← calls ← primaries ← expressions ← windows ← relations ← query ← statements
 *
 * Chevrotain first runs every rule once with placeholder tokens to learn the grammar
 * (RECORDING_PHASE). An action must survive that; `report` is silent then.
 */
import type { IToken, ParserMethod, TokenType } from 'chevrotain';
import { SqlError } from '../../base/errors.js';
import type { SourceText } from '../../base/errors.js';
import type { ErrorKey } from '../../base/error-codes.js';
import { NO_SPAN } from '../../base/span.js';
import type { Span } from '../../base/span.js';
import type { Expression, Identifier } from '../ast.js';
import { EmbeddedActionsParser, EOF } from './chevrotain.js';
import { tokenEnd } from './lexer.js';
import { messageProvider } from './syntax-errors.js';
import { ALL_TOKENS, Alias, Keyword, Label, LeftParen, Name, QuotedName } from './tokens.js';
import { RightParen, StringText } from './tokens.js';
import { substituteVariables } from '../variables.js';
import type { VariableLookup } from '../variables.js';

export type Rule<T> = ParserMethod<[], T>;

/** What one call of the parser reads: set before it, replaced by the next. */
export interface ParserContext {
  readonly source: SourceText;
  /** null leaves `${…}` as it stands. */
  readonly variables: VariableLookup | null;
  /** The same for quoted sources. */
  readonly addressVariables: VariableLookup | null;
  /** Receives what the rules find wrong in a text that follows the grammar. */
  readonly faults: SqlError[];
}

export interface ParserSettings {
  /** Checks the grammar itself; slow, for tests. */
  readonly validateGrammar: boolean;
}

/** In units of Nesting. */
const NESTING_MAX = 900;
/** What a level costs; a sign or a NOT takes less of the stack than an expression. */
export const Nesting = { expression: 10, query: 20, type: 5, sign: 2 } as const;

/** Where a statement is nested too deeply. */
export class NestedTooDeeply extends Error {
  readonly token: IToken;
  constructor(token: IToken) {
    super('nested too deeply');
    this.token = token;
  }
}

/** Parts of one kind side by side: the tree of JOINs and UNIONs is as deep as they are many. */
export const PARTS_MAX = {
  JOINs: 256,
  UNIONs: 1_000,
  'queries of WITH': 1_000,
  columns: 4_096,
} as const;
export type Part = keyof typeof PARTS_MAX;

/** Where one part too many stands. */
export class TooManyParts extends Error {
  readonly token: IToken;
  readonly part: Part;
  constructor(token: IToken, part: Part) {
    super('too many parts');
    this.token = token;
    this.part = part;
  }
}

const QUERY_STARTS: ReadonlySet<TokenType> = new Set([Keyword.SELECT, Keyword.WITH]);
/** What may follow a parenthesised query inside parentheses, when these hold a query too. */
const AFTER_QUERY: ReadonlySet<TokenType> = new Set([
  RightParen,
  Keyword.UNION,
  Keyword.ORDER,
  Keyword.LIMIT,
  Keyword.EMIT,
  Keyword.INTO,
  Keyword.WITH,
]);

export abstract class ParserBase extends EmbeddedActionsParser {
  protected context: ParserContext = {
    source: { name: '', text: '' },
    variables: null,
    addressVariables: null,
    faults: [],
  };

  private depth = 0;

  constructor(settings: ParserSettings) {
    super(ALL_TOKENS, {
      recoveryEnabled: true,
      maxLookahead: 1,
      skipValidations: !settings.validateGrammar,
      errorMessageProvider: messageProvider,
    });
  }

  /**
   * Reads what may hold another of its kind. The stack of this thread holds about 140 expressions
   * inside one another; a limit below that has a place in the text.
   */
  protected nested<T>(weight: number, read: () => T): T {
    this.enter(weight);
    const result = read();
    this.leave(weight);
    return result;
  }

  protected enter(weight: number): void {
    this.depth += weight;
    if (this.depth > NESTING_MAX && !this.RECORDING_PHASE) throw new NestedTooDeeply(this.LA(1));
  }

  protected leave(weight: number): void {
    this.depth -= weight;
  }

  /** Another part of its kind begins here, the one behind `before` others. */
  protected another(part: Part, before: number): number {
    this.ACTION(() => {
      if (before >= PARTS_MAX[part]) throw new TooManyParts(this.LA(1), part);
    });
    return before + 1;
  }

  /** Makes the parser ready to read `tokens`; forgets everything of the text before. */
  read(tokens: readonly IToken[], context: ParserContext): void {
    this.context = context;
    this.depth = 0;
    this.input = [...tokens];
  }

  /** A missing symbol may be imagined while recovering, but never a name or a value. */
  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return type === RightParen;
  }
  protected override canTokenTypeBeDeletedInRecovery(): boolean {
    return false;
  }

  /** Offset where the next token starts: where a node begins. */
  protected startHere(): number {
    return this.LA(1).startOffset;
  }
  /** From `start` to the end of the last consumed token. */
  protected spanFrom(start: number): Span {
    if (this.RECORDING_PHASE) return NO_SPAN;
    return { start, end: Math.max(start, tokenEnd(this.LA(0))) };
  }
  protected spanOf(token: IToken): Span {
    if (this.RECORDING_PHASE) return NO_SPAN;
    return { start: token.startOffset, end: tokenEnd(token) };
  }
  protected nextIs(ahead: number, ...types: readonly TokenType[]): boolean {
    return types.includes(this.LA(ahead).tokenType);
  }
  /** Whether the token may be a column, table or function name. */
  protected nextIsName(ahead: number): boolean {
    return this.LA(ahead).tokenType.CATEGORIES?.some(isNameCategory) === true;
  }

  /** Whether the token at `ahead` is a parenthesis around a query, not around an expression. */
  protected opensQuery(ahead: number): boolean {
    return this.nextIs(ahead, LeftParen) && this.startsQuery(ahead + 1);
  }
  /** Whether a query starts at `ahead`, with a parenthesised one perhaps. */
  protected startsQuery(ahead: number): boolean {
    if (QUERY_STARTS.has(this.LA(ahead).tokenType)) return true;
    if (!this.opensQuery(ahead)) return false;
    let depth = 0;
    let at = ahead;
    do {
      if (this.nextIs(at, LeftParen)) depth += 1;
      else if (this.nextIs(at, RightParen)) depth -= 1;
      at += 1;
    } while (depth > 0 && this.LA(at).tokenType !== EOF);
    return AFTER_QUERY.has(this.LA(at).tokenType);
  }

  /** A number of the grammar itself: a precision, a count. One that loses digits is a fault. */
  protected wholeNumber(token: IToken): number {
    const value = Number(token.image);
    if (Number.isSafeInteger(value)) return value;
    const most = Number.MAX_SAFE_INTEGER;
    this.report('SYNTAX', this.spanOf(token), `the number is too large: at most ${most} fits here`);
    return most;
  }

  protected report(key: ErrorKey, span: Span, message: string, hint?: string): void {
    if (this.RECORDING_PHASE) return;
    const { source } = this.context;
    this.context.faults.push(new SqlError(key, { message, source, span, hint }));
  }

  readonly name: Rule<Identifier> = this.rule(
    'name',
    () => this.identifier(this.CONSUME(Name)),
    () => this.missingName(),
  );
  /** After a dot or AS, where every word is a name. */
  readonly label: Rule<Identifier> = this.rule(
    'label',
    () => this.identifier(this.CONSUME(Label)),
    () => this.missingName(),
  );
  /** `AS label`, or a bare alias. */
  readonly alias: Rule<Identifier> = this.rule(
    'alias',
    () =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(Keyword.AS);
            return this.SUBRULE(this.label);
          },
        },
        { ALT: () => this.identifier(this.CONSUME(Alias)) },
      ]),
    () => this.missingName(),
  );

  protected identifier(token: IToken): Identifier {
    const span = this.spanOf(token);
    if (token.tokenType !== QuotedName) return { name: token.image, quoted: false, span };
    const quote = token.image.charAt(0);
    const name = token.image.slice(1, -1).replaceAll(quote + quote, quote);
    if (name === '') this.report('SYNTAX', span, 'a quoted name is empty');
    return { name, quoted: true, span };
  }

  /** A grammar rule; `missing` stands in for what it could not read while recovering. */
  protected rule<Args extends unknown[], T>(
    name: string,
    implementation: (...args: Args) => T,
    missing: () => T,
  ): ParserMethod<Args, T> {
    return this.RULE(name, implementation, { recoveryValueFunc: missing });
  }
  /** A rule that gives an expression, and a harmless one when it recovers from a fault. */
  protected expressionRule<Args extends unknown[]>(
    name: string,
    implementation: (...args: Args) => Expression,
  ): ParserMethod<Args, Expression> {
    return this.rule(name, implementation, () => this.missingExpression());
  }
  protected missingExpression(): Expression {
    const span = this.spanFrom(this.startHere());
    return { kind: 'literal', type: 'null', text: 'null', span };
  }
  protected missingName(): Identifier {
    return { name: '', quoted: false, span: this.spanFrom(this.startHere()) };
  }

  /** The value of a string token, variables substituted. */
  protected stringValue(token: IToken): string {
    return this.substituted(token, this.context.variables);
  }
  /** The same for the address of a source. */
  protected addressValue(token: IToken): string {
    return this.substituted(token, this.context.addressVariables);
  }
  private substituted(token: IToken, variables: VariableLookup | null): string {
    const text = token.image.slice(1, -1).replaceAll("''", "'");
    if (this.RECORDING_PHASE || variables === null) return text;
    const { source, faults } = this.context;
    return substituteVariables(text, { variables, source, faults, span: this.spanOf(token) });
  }

  protected consumeString(): { readonly value: string; readonly span: Span } {
    const token = this.CONSUME(StringText);
    return { value: this.stringValue(token), span: this.spanOf(token) };
  }
}

function isNameCategory(category: TokenType): boolean {
  return category === Name || category === Alias;
}
