/**
 * Windows in both senses: the WINDOW clause with its time windows, and OVER with ROWS WINDOW
 * BUFFER, frames and named windows. The window table functions of FROM are in parser-relations.
 */
import type { IToken, TokenType } from 'chevrotain';
import type { Span } from '../../base/span.js';
import type * as Ast from '../ast.js';
import type { Rule } from './parser-base.js';
import { ExpressionParser } from './parser-expressions.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

type BufferEmit = Ast.BufferSpec['emit'];
type BufferExpire = Ast.BufferSpec['expire'];

export abstract class WindowParser extends ExpressionParser {
  /** OVER (…) or OVER name. */
  readonly overClause: Rule<Ast.OverSpec | Ast.Identifier> = this.rule(
    'overClause',
    () => {
      this.CONSUME(Keyword.OVER);
      return this.OR<Ast.OverSpec | Ast.Identifier>([
        { ALT: () => this.SUBRULE(this.overSpec) },
        { ALT: () => this.SUBRULE(this.name) },
      ]);
    },
    () => this.missingName(),
  );

  readonly overSpec: Rule<Ast.OverSpec> = this.rule(
    'overSpec',
    () => {
      const start = this.startHere();
      this.CONSUME(Token.LeftParen);
      const header = this.OPTION({
        GATE: () => this.nextIs(2, Keyword.WINDOW),
        DEF: () => this.SUBRULE(this.bufferHeader),
      });
      const base = this.OPTION2({
        GATE: () => header === undefined && this.startsBaseName(),
        DEF: () => this.SUBRULE(this.name),
      });
      const partitionBy = this.OPTION3(() => {
        this.CONSUME(Keyword.PARTITION);
        this.CONSUME(Keyword.BY);
        return this.SUBRULE(this.expressionList);
      });
      const orderBy = this.OPTION4(() => this.SUBRULE(this.orderItems)) ?? [];
      const frame = this.OPTION5(() => this.SUBRULE(this.frame)) ?? null;
      let emit: BufferEmit = null;
      let expire: BufferExpire = null;
      this.OPTION6({
        GATE: () => header !== undefined,
        DEF: () => void (emit = this.SUBRULE(this.bufferEmit)),
      });
      this.OPTION7({
        GATE: () => header !== undefined,
        DEF: () => void (expire = this.SUBRULE(this.bufferExpire)),
      });
      this.CONSUME(Token.RightParen);
      const buffer = header === undefined ? null : { ...header, emit, expire };
      const span = this.spanFrom(start);
      return { base: base ?? null, buffer, partitionBy: partitionBy ?? [], orderBy, frame, span };
    },
    () => this.missingOver(),
  );

  private missingOver(): Ast.OverSpec {
    const span = this.spanFrom(this.startHere());
    return { base: null, buffer: null, partitionBy: [], orderBy: [], frame: null, span };
  }

  /** A window's name, not the first word of PARTITION BY, ROWS BETWEEN and the like. */
  private startsBaseName(): boolean {
    const { PARTITION, ORDER, ROWS, RANGE } = Keyword;
    return this.nextIsName(1) && this.nextIs(2, Token.RightParen, PARTITION, ORDER, ROWS, RANGE);
  }

  /** ROWS WINDOW BUFFER n ROWS. The span of a buffer is this part. */
  private readonly bufferHeader = this.rule(
    'bufferHeader',
    () => {
      const start = this.startHere();
      this.CONSUME(Keyword.ROWS);
      this.CONSUME(Keyword.WINDOW);
      this.CONSUME(Keyword.BUFFER);
      const rows = this.wholeNumber(this.CONSUME(Token.IntegerNumber));
      this.CONSUME2(Keyword.ROWS);
      return { rows, span: this.spanFrom(start) };
    },
    () => ({ rows: 1, span: this.spanFrom(this.startHere()) }),
  );

  private readonly bufferEmit: Rule<BufferEmit> = this.rule(
    'bufferEmit',
    () => {
      this.CONSUME(Keyword.EMIT);
      return this.OR<BufferEmit>([
        {
          ALT: () => {
            this.CONSUME(Keyword.EVERY);
            this.CONSUME(Keyword.RECORD);
            return 'every-record';
          },
        },
        {
          ALT: () => {
            this.CONSUME(Keyword.ON);
            this.CONSUME(Keyword.BUFFER);
            this.CONSUME(Keyword.FULL);
            return 'buffer-full';
          },
        },
      ]);
    },
    () => null,
  );

  /** EXPIRE AFTER duration INACTIVITY, EXPIRE AFTER NEVER, NEVER. */
  private readonly bufferExpire: Rule<BufferExpire> = this.rule(
    'bufferExpire',
    () => {
      let duration: Ast.Duration | null = null;
      this.OR([
        { ALT: () => this.CONSUME(Keyword.NEVER) },
        {
          ALT: () => {
            this.CONSUME(Keyword.EXPIRE);
            this.CONSUME(Keyword.AFTER);
            this.OR2([
              { ALT: () => this.CONSUME2(Keyword.NEVER) },
              {
                ALT: () => {
                  duration = this.SUBRULE(this.duration);
                  this.CONSUME(Keyword.INACTIVITY);
                },
              },
            ]);
          },
        },
      ]);
      return duration ?? 'never';
    },
    () => null,
  );

  /** ROWS|RANGE bound, ROWS|RANGE BETWEEN bound AND bound. */
  readonly frame: Rule<Ast.Frame> = this.rule(
    'frame',
    () => {
      const start = this.startHere();
      const word = this.OR<IToken>([
        { ALT: () => this.CONSUME(Keyword.ROWS) },
        { ALT: () => this.CONSUME(Keyword.RANGE) },
      ]);
      const unit = word.tokenType === Keyword.RANGE ? 'range' : 'rows';
      return this.OR2<Ast.Frame>({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          {
            ALT: () => {
              this.CONSUME(Keyword.BETWEEN);
              const first = this.SUBRULE(this.frameBound);
              this.CONSUME(Keyword.AND);
              const last = this.SUBRULE2(this.frameBound);
              return { unit, start: first, end: last, span: this.spanFrom(start) };
            },
          },
          {
            ALT: () => {
              const first = this.SUBRULE3(this.frameBound);
              const span = this.spanFrom(start);
              const end: Ast.FrameBound = { kind: 'current-row', offset: null, span };
              return { unit, start: first, end, span };
            },
          },
        ],
      });
    },
    () => this.missingFrame(),
  );

  private missingFrame(): Ast.Frame {
    const span = this.spanFrom(this.startHere());
    const bound: Ast.FrameBound = { kind: 'current-row', offset: null, span };
    return { unit: 'rows', start: bound, end: bound, span };
  }

  private readonly frameBound: Rule<Ast.FrameBound> = this.rule(
    'frameBound',
    () => {
      const start = this.startHere();
      const bound = (kind: Ast.FrameBound['kind'], offset: Ast.Expression | null) => ({
        kind,
        offset,
        span: this.spanFrom(start),
      });
      return this.OR<Ast.FrameBound>({
        ERR_MSG: 'a frame bound such as 5 PRECEDING or CURRENT ROW',
        IGNORE_AMBIGUITIES: true,
        DEF: [
          {
            GATE: () => this.nextIs(2, Keyword.ROW),
            ALT: () => {
              this.CONSUME(Keyword.CURRENT);
              this.CONSUME(Keyword.ROW);
              return bound('current-row', null);
            },
          },
          {
            GATE: () => this.nextIs(2, Keyword.PRECEDING, Keyword.FOLLOWING),
            ALT: () => {
              this.CONSUME(Keyword.UNBOUNDED);
              const isBefore = this.SUBRULE(this.frameDirection);
              return bound(isBefore ? 'unbounded-preceding' : 'unbounded-following', null);
            },
          },
          {
            ALT: () => {
              const offset = this.SUBRULE(this.addition);
              const isBefore = this.SUBRULE2(this.frameDirection);
              return bound(isBefore ? 'preceding' : 'following', offset);
            },
          },
        ],
      });
    },
    () => {
      const span = this.spanFrom(this.startHere());
      return { kind: 'current-row', offset: null, span };
    },
  );

  /** PRECEDING gives true, FOLLOWING false. */
  private readonly frameDirection: Rule<boolean> = this.rule(
    'frameDirection',
    () => {
      const word = this.OR<IToken>([
        { ALT: () => this.CONSUME(Keyword.PRECEDING) },
        { ALT: () => this.CONSUME(Keyword.FOLLOWING) },
      ]);
      return word.tokenType === Keyword.PRECEDING;
    },
    () => true,
  );

  /** ORDER BY item, … */
  readonly orderItems: Rule<Ast.OrderItem[]> = this.rule(
    'orderItems',
    () => {
      const items: Ast.OrderItem[] = [];
      this.CONSUME(Keyword.ORDER);
      this.CONSUME(Keyword.BY);
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        ERR_MSG: 'an expression',
        DEF: () => items.push(this.SUBRULE(this.orderItem)),
      });
      return items;
    },
    () => [],
  );

  private readonly orderItem: Rule<Ast.OrderItem> = this.rule(
    'orderItem',
    () => {
      const start = this.startHere();
      const expression = this.SUBRULE(this.expression);
      const direction = this.OPTION(() =>
        this.OR<IToken>([
          { ALT: () => this.CONSUME(Keyword.ASC) },
          { ALT: () => this.CONSUME(Keyword.DESC) },
        ]),
      );
      const nulls = this.OPTION2(() => {
        this.CONSUME(Keyword.NULLS);
        return this.OR2<IToken>([
          { ALT: () => this.CONSUME(Keyword.FIRST) },
          { ALT: () => this.CONSUME(Keyword.LAST) },
        ]);
      });
      return {
        expression,
        descending: direction?.tokenType === Keyword.DESC,
        nulls: nulls === undefined ? null : nulls.tokenType === Keyword.FIRST ? 'first' : 'last',
        span: this.spanFrom(start),
      };
    },
    () => {
      const expression = this.missingExpression();
      return { expression, descending: false, nulls: null, span: expression.span };
    },
  );

  /** WINDOW TUMBLING([col,] size) and its siblings. */
  readonly windowClause: Rule<Ast.WindowClause> = this.rule(
    'windowClause',
    () => {
      const start = this.startHere();
      this.CONSUME(Keyword.WINDOW);
      const word = this.OR<IToken>({
        ERR_MSG: 'TUMBLING, SLIDING, HOPPING, SESSION or a named window',
        DEF: [
          { ALT: () => this.CONSUME(Keyword.TUMBLING) },
          { ALT: () => this.CONSUME(Keyword.SLIDING) },
          { ALT: () => this.CONSUME(Keyword.HOPPING) },
          { ALT: () => this.CONSUME(Keyword.SESSION) },
        ],
      });
      this.CONSUME(Token.LeftParen);
      const timeColumn = this.OPTION({
        GATE: () => !this.startsIntervalLiteral(),
        DEF: () => {
          const column = this.SUBRULE(this.columnReference);
          this.CONSUME(Token.Comma);
          return column;
        },
      });
      const durations: Ast.Duration[] = [];
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        ERR_MSG: 'a duration such as 1m',
        DEF: () => durations.push(this.SUBRULE(this.duration)),
      });
      this.CONSUME(Token.RightParen);
      const window = WINDOWS.get(word.tokenType) ?? 'tumbling';
      const span = this.spanFrom(start);
      this.checkDurations(word, durations, span);
      return { window, timeColumn: timeColumn ?? null, durations, span };
    },
    () => {
      const span = this.spanFrom(this.startHere());
      return { window: 'tumbling', timeColumn: null, durations: [], span };
    },
  );

  private checkDurations(word: IToken, durations: readonly Ast.Duration[], span: Span): void {
    const form = WINDOW_FORMS.get(word.tokenType);
    if (form === undefined || durations.length === form.count) return;
    const found = `${durations.length} ${durations.length === 1 ? 'duration' : 'durations'}`;
    const message = `window ${word.image.toUpperCase()} has ${found} instead of ${form.count}`;
    this.report('WINDOW_INVALID', span, message, `write ${form.usage}`);
  }

  /** `name AS (…)` after WINDOW or a comma. */
  readonly namedWindow: Rule<Ast.NamedWindow> = this.rule(
    'namedWindow',
    () => {
      const start = this.startHere();
      const name = this.SUBRULE(this.name);
      this.CONSUME(Keyword.AS);
      const spec = this.SUBRULE(this.overSpec);
      return { name, spec, span: this.spanFrom(start) };
    },
    () => {
      const name = this.missingName();
      return { name, spec: this.missingOver(), span: name.span };
    },
  );
}

const WINDOWS: ReadonlyMap<TokenType, Ast.WindowClause['window']> = new Map([
  [Keyword.TUMBLING, 'tumbling'],
  [Keyword.SLIDING, 'sliding'],
  [Keyword.HOPPING, 'hopping'],
  [Keyword.SESSION, 'session'],
]);

const WINDOW_FORMS: ReadonlyMap<TokenType, { readonly count: number; readonly usage: string }> =
  new Map([
    [Keyword.TUMBLING, { count: 1, usage: 'TUMBLING(column, size)' }],
    [Keyword.SLIDING, { count: 2, usage: 'SLIDING(column, size, advance)' }],
    [Keyword.HOPPING, { count: 2, usage: 'HOPPING(column, size, advance)' }],
    [Keyword.SESSION, { count: 1, usage: 'SESSION(column, gap)' }],
  ]);
