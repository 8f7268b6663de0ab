/**
 * Operands: literals, columns, CASE, CAST and constructors, with the suffixes
 * `::type`, [index] and .field.
 * Stands on the calls of parser-calls; operators stand above, in parser-expressions.
 */
import type { IToken, TokenType } from 'chevrotain';
import type * as Ast from '../ast.js';
import type { Rule } from './parser-base.js';
import { CallParser } from './parser-calls.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

/** Functions that SQL also calls without parentheses. */
const BARE_CALLS: ReadonlySet<string> = new Set([
  'CURRENT_TIMESTAMP',
  'LOCALTIMESTAMP',
  'CURRENT_DATE',
]);
export abstract class PrimaryParser extends CallParser {
  /** `primary :: type`, `primary [ index ]` and `primary . field`, any number of times. */
  readonly suffixed: Rule<Ast.Expression> = this.expressionRule('suffixed', () => {
    const start = this.startHere();
    let operand = this.SUBRULE(this.primary);
    this.MANY(() => {
      operand = this.OR<Ast.Expression>([
        {
          ALT: () => {
            this.CONSUME(Token.Colons);
            const type = this.SUBRULE(this.typeName);
            const span = this.spanFrom(start);
            return { kind: 'cast', operand, type, safe: false, form: 'colons', span };
          },
        },
        {
          ALT: () => {
            this.CONSUME(Token.LeftBracket);
            const index = this.SUBRULE(this.expression);
            this.CONSUME(Token.RightBracket);
            return { kind: 'index', operand, index, span: this.spanFrom(start) };
          },
        },
        {
          ALT: () => {
            this.CONSUME(Token.Dot);
            const field = this.SUBRULE(this.label);
            return { kind: 'field', operand, field, span: this.spanFrom(start) };
          },
        },
      ]);
    });
    return operand;
  });

  /** The order of alternatives decides: the special forms stand before call and column. */
  readonly primary: Rule<Ast.Expression> = this.expressionRule('primary', () =>
    this.OR<Ast.Expression>({
      ERR_MSG: 'an expression',
      IGNORE_AMBIGUITIES: true,
      DEF: [
        { ALT: () => this.SUBRULE(this.literal) },
        { GATE: () => this.startsIntervalLiteral(), ALT: () => this.SUBRULE(this.intervalLiteral) },
        { GATE: () => this.nextIs(2, Token.StringText), ALT: () => this.SUBRULE(this.timeLiteral) },
        { ALT: () => this.SUBRULE(this.caseExpression) },
        { GATE: () => this.nextIs(2, Token.LeftParen), ALT: () => this.SUBRULE(this.cast) },
        {
          GATE: () => this.nextIsName(3) && this.nextIs(4, Keyword.FROM),
          ALT: () => this.SUBRULE(this.extract),
        },
        { GATE: () => this.nextIs(2, Token.LeftParen), ALT: () => this.SUBRULE(this.position) },
        { GATE: () => this.nextIs(2, Token.LeftBracket), ALT: () => this.SUBRULE(this.array) },
        { GATE: () => this.nextIs(2, Token.LeftBracket), ALT: () => this.SUBRULE(this.map) },
        { GATE: () => this.nextIs(2, Token.LeftParen), ALT: () => this.SUBRULE(this.row) },
        { GATE: () => this.opensQuery(2), ALT: () => this.SUBRULE(this.exists) },
        { GATE: () => this.startsTrim(), ALT: () => this.SUBRULE(this.trim) },
        { GATE: () => this.nextIs(2, Token.LeftParen), ALT: () => this.SUBRULE(this.call) },
        { ALT: () => this.SUBRULE(this.column) },
        { GATE: () => this.opensQuery(1), ALT: () => this.SUBRULE(this.scalarSubquery) },
        { ALT: () => this.SUBRULE(this.parenthesised) },
      ],
    }),
  );

  readonly literal: Rule<Ast.Expression> = this.expressionRule('literal', () => {
    const start = this.startHere();
    const token = this.OR<IToken>([
      { ALT: () => this.CONSUME(Token.NumberText) },
      { ALT: () => this.CONSUME(Token.StringText) },
      { ALT: () => this.CONSUME(Keyword.TRUE) },
      { ALT: () => this.CONSUME(Keyword.FALSE) },
      { ALT: () => this.CONSUME(Keyword.NULL) },
    ]);
    return this.ACTION(() => this.literalOf(token, start));
  });

  private literalOf(token: IToken, start: number): Ast.Literal {
    const type = LITERAL_TYPES.get(token.tokenType) ?? 'null';
    const isWord = type === 'boolean' || type === 'null';
    const text = isWord ? token.image.toLowerCase() : token.image;
    const span = this.spanFrom(start);
    return {
      kind: 'literal',
      type,
      text: type === 'string' ? this.stringValue(token) : text,
      span,
    };
  }

  /** TIMESTAMP '…' and DATE '…'. */
  private readonly timeLiteral = this.expressionRule('timeLiteral', () => {
    const start = this.startHere();
    const word = this.OR<IToken>([
      { ALT: () => this.CONSUME(Keyword.TIMESTAMP) },
      { ALT: () => this.CONSUME(Keyword.DATE) },
    ]);
    const type = word.tokenType === Keyword.DATE ? 'date' : 'timestamp';
    const { value } = this.consumeString();
    return { kind: 'literal', type, text: value, span: this.spanFrom(start) };
  });

  private readonly caseExpression = this.expressionRule('caseExpression', () => {
    const start = this.startHere();
    this.CONSUME(Keyword.CASE);
    const operand = this.OPTION(() => this.SUBRULE(this.expression)) ?? null;
    const branches: { when: Ast.Expression; then: Ast.Expression }[] = [];
    this.AT_LEAST_ONE({
      ERR_MSG: 'WHEN',
      DEF: () => {
        this.CONSUME(Keyword.WHEN);
        const when = this.SUBRULE2(this.expression);
        this.CONSUME(Keyword.THEN);
        branches.push({ when, then: this.SUBRULE3(this.expression) });
      },
    });
    const otherwise = this.OPTION2(() => {
      this.CONSUME(Keyword.ELSE);
      return this.SUBRULE4(this.expression);
    });
    this.CONSUME(Keyword.END);
    const span = this.spanFrom(start);
    return { kind: 'case', operand, branches, otherwise: otherwise ?? null, span };
  });

  private readonly cast = this.expressionRule('cast', () => {
    const start = this.startHere();
    const word = this.OR<IToken>([
      { ALT: () => this.CONSUME(Keyword.CAST) },
      { ALT: () => this.CONSUME(Keyword.TRY_CAST) },
    ]);
    this.CONSUME(Token.LeftParen);
    const operand = this.SUBRULE(this.expression);
    this.CONSUME(Keyword.AS);
    const type = this.SUBRULE(this.typeName);
    this.CONSUME(Token.RightParen);
    const safe = word.tokenType === Keyword.TRY_CAST;
    return { kind: 'cast', operand, type, safe, form: 'cast', span: this.spanFrom(start) };
  });

  private readonly extract = this.expressionRule('extract', () => {
    const start = this.startHere();
    this.CONSUME(Keyword.EXTRACT);
    this.CONSUME(Token.LeftParen);
    const unit = this.SUBRULE(this.name);
    this.CONSUME(Keyword.FROM);
    const operand = this.SUBRULE(this.expression);
    this.CONSUME(Token.RightParen);
    return { kind: 'extract', unit, operand, span: this.spanFrom(start) };
  });

  private readonly array = this.expressionRule('array', () => {
    const start = this.startHere();
    this.CONSUME(Keyword.ARRAY);
    const elements = this.SUBRULE(this.bracketedList);
    return { kind: 'array', elements, span: this.spanFrom(start) };
  });

  /** MAP[k, v, …]. */
  private readonly map = this.expressionRule('map', () => {
    const start = this.startHere();
    this.CONSUME(Keyword.MAP);
    const list = this.SUBRULE(this.bracketedList);
    const span = this.spanFrom(start);
    const entries: { key: Ast.Expression; value: Ast.Expression }[] = [];
    this.ACTION(() => {
      for (let at = 0; at + 1 < list.length; at += 2) {
        const [key, value] = list.slice(at, at + 2);
        if (key !== undefined && value !== undefined) entries.push({ key, value });
      }
      if (list.length % 2 === 1) {
        this.report(
          'SYNTAX',
          span,
          `map constructor holds ${list.length} items, which are not pairs of key and value`,
          'write MAP[key, value, …]',
        );
      }
    });
    return { kind: 'map', entries, span };
  });

  private readonly bracketedList: Rule<Ast.Expression[]> = this.rule(
    'bracketedList',
    () => {
      this.CONSUME(Token.LeftBracket);
      const list = this.OPTION(() => this.SUBRULE(this.expressionList));
      this.CONSUME(Token.RightBracket);
      return list ?? [];
    },
    () => [],
  );

  private readonly row = this.expressionRule('row', () => {
    const start = this.startHere();
    this.CONSUME(Keyword.ROW);
    this.CONSUME(Token.LeftParen);
    const elements = this.OPTION(() => this.SUBRULE(this.expressionList)) ?? [];
    this.CONSUME(Token.RightParen);
    return { kind: 'row', elements, span: this.spanFrom(start) };
  });

  private readonly exists = this.expressionRule('exists', () => {
    const start = this.startHere();
    this.CONSUME(Keyword.EXISTS);
    this.CONSUME(Token.LeftParen);
    const query = this.SUBRULE(this.query);
    this.CONSUME(Token.RightParen);
    return { kind: 'exists', query, span: this.spanFrom(start) };
  });

  private readonly scalarSubquery = this.expressionRule('scalarSubquery', () => {
    const start = this.startHere();
    this.CONSUME(Token.LeftParen);
    const query = this.SUBRULE(this.query);
    this.CONSUME(Token.RightParen);
    return { kind: 'subquery', query, span: this.spanFrom(start) };
  });

  /** The node inside: parentheses leave no trace in the tree. */
  private readonly parenthesised = this.expressionRule('parenthesised', () => {
    this.CONSUME(Token.LeftParen);
    const inner = this.SUBRULE(this.expression);
    this.CONSUME(Token.RightParen);
    return inner;
  });

  readonly column: Rule<Ast.Expression> = this.expressionRule('column', () => {
    const reference = this.SUBRULE(this.columnReference);
    return this.ACTION(() => {
      const [only, ...further] = reference.parts;
      const isBare = only !== undefined && further.length === 0 && !only.quoted;
      if (!isBare || !BARE_CALLS.has(only.name.toUpperCase())) return reference;
      return this.callOf(only, [], reference.span);
    });
  });

  readonly columnReference: Rule<Ast.ColumnReference> = this.rule(
    'columnReference',
    () => {
      const start = this.startHere();
      const parts = [this.SUBRULE(this.name)];
      this.MANY(() => {
        this.CONSUME(Token.Dot);
        parts.push(this.SUBRULE(this.label));
      });
      return { kind: 'column', parts, span: this.spanFrom(start) };
    },
    () => {
      const name = this.missingName();
      return { kind: 'column', parts: [name], span: name.span };
    },
  );
}

const LITERAL_TYPES: ReadonlyMap<TokenType, Ast.Literal['type']> = new Map([
  [Token.IntegerNumber, 'integer'],
  [Token.DecimalNumber, 'decimal'],
  [Token.DoubleNumber, 'double'],
  [Token.StringText, 'string'],
  [Keyword.TRUE, 'boolean'],
  [Keyword.FALSE, 'boolean'],
]);
