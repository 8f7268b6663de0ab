/**
 * Operators. Precedence, loosest first (each level is one rule, left-associative):
 *
 *   OR < AND < NOT < comparison, IS, IN, BETWEEN, LIKE < || < + - < * / % < unary -
 *
 * `::` and [] bind tighter still and belong, like everything without an operator, to
 * parser-primaries.
 */
import type { IToken, ParserMethod, TokenType } from 'chevrotain';
import type * as Ast from '../ast.js';
import { Nesting } from './parser-base.js';
import type { Rule } from './parser-base.js';
import { PrimaryParser } from './parser-primaries.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

/** A suffix such as IS NULL: gets the operand it applies to and where that one began. */
type SuffixRule = ParserMethod<[Ast.Expression, number], Ast.Expression>;

export abstract class ExpressionParser extends PrimaryParser {
  readonly expression: Rule<Ast.Expression> = this.binaryLevel(
    'expression',
    Keyword.OR,
    () => this.conjunction,
    Nesting.expression,
  );
  readonly conjunction: Rule<Ast.Expression> = this.binaryLevel(
    'conjunction',
    Keyword.AND,
    () => this.negation,
  );
  readonly concatenation: Rule<Ast.Expression> = this.binaryLevel(
    'concatenation',
    Token.Concat,
    () => this.addition,
  );
  readonly addition: Rule<Ast.Expression> = this.binaryLevel(
    'addition',
    Token.Additive,
    () => this.multiplication,
  );
  readonly multiplication: Rule<Ast.Expression> = this.binaryLevel(
    'multiplication',
    Token.Multiplicative,
    () => this.signed,
  );

  /** One level of left-associative operators over `operand`, the next tighter level. */
  private binaryLevel(
    name: string,
    operator: TokenType,
    operand: () => Rule<Ast.Expression>,
    weight = 0,
  ): Rule<Ast.Expression> {
    return this.expressionRule(name, () => {
      const start = this.startHere();
      this.enter(weight);
      let left = this.SUBRULE(operand());
      this.MANY(() => {
        const sign = binaryOperator(this.CONSUME(operator));
        const right = this.SUBRULE2(operand());
        left = { kind: 'binary', operator: sign, left, right, span: this.spanFrom(start) };
      });
      this.leave(weight);
      return left;
    });
  }

  readonly negation: Rule<Ast.Expression> = this.expressionRule('negation', () => {
    const start = this.startHere();
    return this.OR<Ast.Expression>({
      ERR_MSG: 'an expression',
      DEF: [
        {
          ALT: () => {
            this.CONSUME(Keyword.NOT);
            const operand = this.nested(Nesting.sign, () => this.SUBRULE(this.negation));
            return { kind: 'unary', operator: 'not', operand, span: this.spanFrom(start) };
          },
        },
        { ALT: () => this.SUBRULE(this.comparison) },
      ],
    });
  });

  readonly signed: Rule<Ast.Expression> = this.expressionRule('signed', () => {
    const start = this.startHere();
    return this.OR<Ast.Expression>({
      ERR_MSG: 'an expression',
      DEF: [
        {
          ALT: () => {
            const operator = this.CONSUME(Token.Additive).tokenType === Token.Minus ? '-' : '+';
            const operand = this.nested(Nesting.sign, () => this.SUBRULE(this.signed));
            return { kind: 'unary', operator, operand, span: this.spanFrom(start) };
          },
        },
        { ALT: () => this.SUBRULE(this.suffixed) },
      ],
    });
  });

  readonly comparison: Rule<Ast.Expression> = this.expressionRule('comparison', () => {
    const start = this.startHere();
    let operand = this.SUBRULE(this.concatenation);
    this.MANY(() => {
      operand = this.OR<Ast.Expression>([
        { ALT: () => this.SUBRULE(this.comparisonSuffix, { ARGS: [operand, start] }) },
        { ALT: () => this.SUBRULE(this.isSuffix, { ARGS: [operand, start] }) },
        { ALT: () => this.SUBRULE(this.matchSuffix, { ARGS: [operand, start] }) },
      ]);
    });
    return operand;
  });

  private readonly comparisonSuffix: SuffixRule = this.expressionRule(
    'comparisonSuffix',
    (left: Ast.Expression, start: number) => {
      const operator = binaryOperator(this.CONSUME(Token.Comparison));
      const right = this.SUBRULE(this.concatenation);
      return { kind: 'binary', operator, left, right, span: this.spanFrom(start) };
    },
  );

  private readonly isSuffix: SuffixRule = this.expressionRule(
    'isSuffix',
    (operand: Ast.Expression, start: number) => {
      this.CONSUME(Keyword.IS);
      const negated = this.OPTION(() => this.CONSUME(Keyword.NOT)) !== undefined;
      let other: Ast.Expression | null = null;
      const word = this.OR<IToken>([
        { ALT: () => this.CONSUME(Keyword.NULL) },
        { ALT: () => this.CONSUME(Keyword.TRUE) },
        { ALT: () => this.CONSUME(Keyword.FALSE) },
        { ALT: () => this.CONSUME(Keyword.UNKNOWN) },
        {
          ALT: () => {
            const distinct = this.CONSUME(Keyword.DISTINCT);
            this.CONSUME(Keyword.FROM);
            other = this.SUBRULE(this.concatenation);
            return distinct;
          },
        },
      ]);
      const test = IS_TESTS.get(word.tokenType) ?? 'null';
      return { kind: 'is', operand, test, other, negated, span: this.spanFrom(start) };
    },
  );

  /** [NOT] IN, BETWEEN, LIKE. */
  private readonly matchSuffix: SuffixRule = this.expressionRule(
    'matchSuffix',
    (operand: Ast.Expression, start: number) => {
      const negated = this.OPTION(() => this.CONSUME(Keyword.NOT)) !== undefined;
      return this.OR<Ast.Expression>([
        { ALT: () => this.SUBRULE(this.inSuffix, { ARGS: [operand, start, negated] }) },
        {
          ALT: () => {
            this.CONSUME(Keyword.BETWEEN);
            const low = this.SUBRULE(this.concatenation);
            this.CONSUME(Keyword.AND);
            const high = this.SUBRULE2(this.concatenation);
            return { kind: 'between', operand, low, high, negated, span: this.spanFrom(start) };
          },
        },
        {
          ALT: () => {
            this.CONSUME(Keyword.LIKE);
            const pattern = this.SUBRULE3(this.concatenation);
            const escape = this.OPTION2(() => {
              this.CONSUME(Keyword.ESCAPE);
              return this.SUBRULE4(this.concatenation);
            });
            const span = this.spanFrom(start);
            return { kind: 'like', operand, pattern, escape: escape ?? null, negated, span };
          },
        },
      ]);
    },
  );

  private readonly inSuffix = this.expressionRule(
    'inSuffix',
    (operand: Ast.Expression, start: number, negated: boolean) => {
      this.CONSUME(Keyword.IN);
      const isQuery = this.opensQuery(1);
      this.CONSUME(Token.LeftParen);
      let query: Ast.Query | null = null;
      let list: Ast.Expression[] = [];
      this.OR([
        { GATE: () => isQuery, ALT: () => void (query = this.SUBRULE(this.query)) },
        { ALT: () => void (list = this.SUBRULE(this.expressionList)) },
      ]);
      this.CONSUME(Token.RightParen);
      const span = this.spanFrom(start);
      return query === null
        ? { kind: 'in', operand, list, negated, span }
        : { kind: 'in-subquery', operand, query, negated, span };
    },
  );
}

const IS_TESTS: ReadonlyMap<TokenType, Ast.IsTest['test']> = new Map([
  [Keyword.NULL, 'null'],
  [Keyword.TRUE, 'true'],
  [Keyword.FALSE, 'false'],
  [Keyword.UNKNOWN, 'unknown'],
  [Keyword.DISTINCT, 'distinct'],
]);

const BINARY_OPERATORS: ReadonlyMap<TokenType, Ast.BinaryOperator> = new Map([
  [Keyword.OR, 'or'],
  [Keyword.AND, 'and'],
  [Token.Equal, '='],
  [Token.NotEqual, '<>'],
  [Token.Less, '<'],
  [Token.LessEqual, '<='],
  [Token.Greater, '>'],
  [Token.GreaterEqual, '>='],
  [Token.Concat, '||'],
  [Token.Plus, '+'],
  [Token.Minus, '-'],
  [Token.Star, '*'],
  [Token.Slash, '/'],
  [Token.Percent, '%'],
]);

function binaryOperator(token: IToken): Ast.BinaryOperator {
  return BINARY_OPERATORS.get(token.tokenType) ?? '=';
}
