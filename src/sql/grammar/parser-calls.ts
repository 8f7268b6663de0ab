/**
 * Function calls with all that may follow one: WITHIN GROUP, FILTER and OVER; POSITION(x IN y) and
 * FLOOR(x TO unit) too. OVER itself belongs to parser-windows and queries to parser-query, whose
 * rules this layer names before they exist (chevrotain looks at the grammar when the last layer is
 * built).
 */
import type { Span } from '../../base/span.js';
import type * as Ast from '../ast.js';
import type { Rule } from './parser-base.js';
import { TypeParser } from './parser-types.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

type PlainCall = Omit<Ast.Call, 'withinGroup' | 'filter' | 'over'>;

const ROUNDING: ReadonlyMap<string, Ast.FloorTo['direction']> = new Map([
  ['FLOOR', 'floor'],
  ['CEIL', 'ceil'],
  ['CEILING', 'ceil'],
]);

/** Functions whose second argument may stand behind FROM. */
const FROM_FORMS: ReadonlySet<string> = new Set(['SUBSTRING', 'SUBSTR', 'TRIM']);

const TRIM_SIDES: ReadonlyMap<string, string> = new Map([
  ['LEADING', 'LTRIM'],
  ['TRAILING', 'RTRIM'],
  ['BOTH', 'TRIM'],
]);

export abstract class CallParser extends TypeParser {
  abstract readonly expression: Rule<Ast.Expression>;
  abstract readonly concatenation: Rule<Ast.Expression>;
  abstract readonly query: Rule<Ast.Query>;
  abstract readonly overClause: Rule<Ast.OverSpec | Ast.Identifier>;
  abstract readonly orderItems: Rule<Ast.OrderItem[]>;

  /** `expression, …` */
  readonly expressionList: Rule<Ast.Expression[]> = this.rule(
    'expressionList',
    () => {
      const list: Ast.Expression[] = [];
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        ERR_MSG: 'an expression',
        DEF: () => list.push(this.SUBRULE(this.expression)),
      });
      return list;
    },
    () => [],
  );

  /** POSITION(needle IN haystack) and POSITION(needle, haystack): the same call. */
  readonly position = this.expressionRule('position', () => {
    const start = this.startHere();
    const name = this.identifier(this.CONSUME(Keyword.POSITION));
    const args: Ast.Expression[] = [];
    this.CONSUME(Token.LeftParen);
    // Looser operators are left out of the first argument, because IN would take the haystack.
    this.OPTION(() => {
      args.push(this.SUBRULE(this.concatenation));
      this.OPTION2(() => {
        this.OR([
          { ALT: () => this.CONSUME(Keyword.IN) },
          { ALT: () => this.CONSUME(Token.Comma) },
        ]);
        const further = this.SUBRULE(this.expressionList);
        this.ACTION(() => args.push(...further));
      });
    });
    this.CONSUME(Token.RightParen);
    return this.callOf(name, args, this.spanFrom(start));
  });

  /** A call with all that may follow it: WITHIN GROUP, FILTER, OVER. */
  readonly call: Rule<Ast.Expression> = this.expressionRule('call', () => {
    const start = this.startHere();
    const plain = this.SUBRULE(this.plainCall);
    if (!this.RECORDING_PHASE && plain.kind !== 'call') return plain;
    const withinGroup = this.OPTION({
      GATE: () => this.nextIs(2, Keyword.GROUP),
      DEF: () => {
        this.CONSUME(Keyword.WITHIN);
        this.CONSUME(Keyword.GROUP);
        this.CONSUME(Token.LeftParen);
        const items = this.SUBRULE(this.orderItems);
        this.CONSUME(Token.RightParen);
        return items;
      },
    });
    const filter = this.OPTION2({
      GATE: () => this.nextIs(2, Token.LeftParen),
      DEF: () => {
        this.CONSUME(Keyword.FILTER);
        this.CONSUME2(Token.LeftParen);
        this.CONSUME(Keyword.WHERE);
        const condition = this.SUBRULE(this.expression);
        this.CONSUME2(Token.RightParen);
        return condition;
      },
    });
    const over = this.OPTION3({
      GATE: () => this.nextIs(2, Token.LeftParen) || this.nextIsName(2),
      DEF: () => this.SUBRULE(this.overClause),
    });
    return {
      ...(plain as PlainCall),
      withinGroup: withinGroup ?? [],
      filter: filter ?? null,
      over: over ?? null,
      span: this.spanFrom(start),
    };
  });

  /** A function may be called JOIN, which is no name anywhere else. */
  private readonly functionName: Rule<Ast.Identifier> = this.rule(
    'functionName',
    () =>
      this.OR<Ast.Identifier>([
        { ALT: () => this.SUBRULE(this.name) },
        { ALT: () => this.identifier(this.CONSUME(Keyword.JOIN)) },
      ]),
    () => this.missingName(),
  );

  /** What follows the first argument of SUBSTRING(s FROM start FOR length) and TRIM(set FROM s). */
  private fromArguments(name: Ast.Identifier, args: Ast.Expression[]): Ast.Expression[] {
    this.CONSUME(Keyword.FROM);
    const operand = this.SUBRULE4(this.expression);
    const length = this.OPTION5({
      GATE: () => name.name.toUpperCase() !== 'TRIM',
      DEF: () => {
        this.CONSUME(Keyword.FOR);
        return this.SUBRULE5(this.expression);
      },
    });
    return this.ACTION(() => {
      if (name.name.toUpperCase() === 'TRIM') return [operand, ...args];
      return length === undefined ? [...args, operand] : [...args, operand, length];
    });
  }

  /** TRIM(LEADING|TRAILING|BOTH [set] FROM s): a call of LTRIM, RTRIM or TRIM. */
  readonly trim = this.expressionRule('trim', () => {
    const start = this.startHere();
    const word = this.SUBRULE(this.name);
    this.CONSUME(Token.LeftParen);
    const side = this.SUBRULE2(this.name);
    const set = this.OPTION(() => this.SUBRULE(this.expression));
    this.CONSUME(Keyword.FROM);
    const operand = this.SUBRULE2(this.expression);
    this.CONSUME(Token.RightParen);
    return this.ACTION(() => {
      const name = TRIM_SIDES.get(side.name.toUpperCase()) ?? 'TRIM';
      const args = set === undefined ? [operand] : [operand, set];
      return this.callOf({ ...word, name }, args, this.spanFrom(start));
    });
  });

  protected startsTrim(): boolean {
    return (
      this.LA(1).image.toUpperCase() === 'TRIM' &&
      this.nextIs(2, Token.LeftParen) &&
      TRIM_SIDES.has(this.LA(3).image.toUpperCase()) &&
      !this.nextIs(4, Token.RightParen, Token.Comma, Token.Dot)
    );
  }

  /** name(…), and FLOOR(x TO unit). */
  private readonly plainCall: Rule<PlainCall | Ast.FloorTo> = this.rule(
    'plainCall',
    (): PlainCall | Ast.FloorTo => {
      const start = this.startHere();
      const name = this.SUBRULE(this.functionName);
      let args: Ast.Expression[] = [];
      let star = false;
      let distinct = false;
      let orderBy: Ast.OrderItem[] | undefined;
      let unit: Ast.Identifier | undefined;
      this.CONSUME(Token.LeftParen);
      this.OR({
        ERR_MSG: 'an expression or ")"',
        DEF: [
          { ALT: () => this.CONSUME(Token.RightParen) },
          {
            ALT: () => {
              star = this.CONSUME(Token.Star) !== undefined;
              this.CONSUME2(Token.RightParen);
            },
          },
          {
            ALT: () => {
              distinct = this.OPTION(() => this.CONSUME(Keyword.DISTINCT)) !== undefined;
              args = this.SUBRULE(this.expressionList);
              args =
                this.OPTION4({
                  GATE: () => FROM_FORMS.has(name.name.toUpperCase()) && args.length === 1,
                  DEF: () => this.fromArguments(name, args),
                }) ?? args;
              orderBy = this.OPTION2(() => this.SUBRULE(this.orderItems));
              unit = this.OPTION3({
                GATE: () => ROUNDING.has(name.name.toUpperCase()) && args.length === 1,
                DEF: () => {
                  this.CONSUME(Keyword.TO);
                  return this.SUBRULE2(this.name);
                },
              });
              this.CONSUME3(Token.RightParen);
            },
          },
        ],
      });
      const span = this.spanFrom(start);
      const operand = args[0];
      if (unit !== undefined && operand !== undefined && !this.RECORDING_PHASE) {
        const direction = ROUNDING.get(name.name.toUpperCase()) ?? 'floor';
        return { kind: 'floor-to', direction, operand, unit, span };
      }
      return { kind: 'call', name, args, star, distinct, orderBy: orderBy ?? [], span };
    },
    () => this.callOf(this.missingName(), [], this.spanFrom(this.startHere())),
  );

  protected callOf(name: Ast.Identifier, args: Ast.Expression[], span: Span): Ast.Call {
    return {
      kind: 'call',
      name,
      args,
      star: false,
      distinct: false,
      orderBy: [],
      withinGroup: [],
      filter: null,
      over: null,
      span,
    };
  }
}
