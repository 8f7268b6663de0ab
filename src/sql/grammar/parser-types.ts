/**
 * Type names, INTERVAL literals and durations: what needs no expression inside. Checks the units
 * of intervals and durations as it reads them, because only the text knows how they were written.
 * What a type name means is the binder's business.
 */
import type { IToken } from 'chevrotain';
import type { Span } from '../../base/span.js';
import type * as Ast from '../ast.js';
import {
  DURATION_UNITS,
  INTERVAL_UNITS,
  durationUnit,
  intervalUnit,
  unitMs,
} from '../durations.js';
import { Nesting, ParserBase } from './parser-base.js';
import type { Rule } from './parser-base.js';
import { closest } from '../suggest.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

const AMOUNT = /^\s*([+-]?\d+(?:\.\d+)?)\s*$/;
/** PostgreSQL's INTERVAL '5 minutes'. */
const AMOUNT_AND_UNIT = /^\s*([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$/;
const NUMBER_AND_UNIT = /^([\d.]+)(\w+)$/;

/** Only these take `<`; after any other type it is a comparison: x::INT < 5. */
const GENERIC_TYPES: ReadonlySet<string> = new Set(['ARRAY', 'MAP', 'MULTISET', 'ROW']);

type RowFields = Ast.TypeName['fields'];
type TypeArguments = Pick<Ast.TypeName, 'parameters' | 'elements' | 'fields'>;

export abstract class TypeParser extends ParserBase {
  readonly typeName: Rule<Ast.TypeName> = this.rule(
    'typeName',
    () => {
      const start = this.startHere();
      const word = this.CONSUME(Token.Name).image.toUpperCase();
      this.OPTION({
        GATE: () => word === 'DOUBLE',
        DEF: () => this.CONSUME(Keyword.PRECISION),
      });
      let parts: TypeArguments = { parameters: [], elements: [], fields: [] };
      this.OPTION2({
        GATE: () => !this.nextIs(1, Token.Less) || GENERIC_TYPES.has(word),
        DEF: () => {
          parts = this.OR<TypeArguments>([
            { GATE: () => word === 'ROW', ALT: () => this.SUBRULE(this.rowType) },
            { ALT: () => this.SUBRULE(this.typeParameters) },
            { ALT: () => this.SUBRULE(this.elementTypes) },
          ]);
        },
      });
      const isLocal = this.OPTION3({
        GATE: () => this.nextIs(2, Keyword.LOCAL, Keyword.TIME),
        DEF: () => this.SUBRULE(this.timeZone),
      });
      const name = isLocal === true && word === 'TIMESTAMP' ? 'TIMESTAMP_LTZ' : word;
      let type: Ast.TypeName = { name, ...parts, span: this.spanFrom(start) };
      this.MANY({
        GATE: () => this.nextIs(2, Token.RightBracket),
        DEF: () => {
          this.CONSUME(Token.LeftBracket);
          this.CONSUME(Token.RightBracket);
          const span = this.spanFrom(start);
          type = { name: 'ARRAY', parameters: [], elements: [type], fields: [], span };
        },
      });
      return type;
    },
    () => this.missingType(),
  );

  /** DECIMAL(10, 2), TIMESTAMP(3). */
  readonly typeParameters: Rule<TypeArguments> = this.rule(
    'typeParameters',
    () => {
      const parameters: number[] = [];
      this.CONSUME(Token.LeftParen);
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        DEF: () => parameters.push(this.wholeNumber(this.CONSUME(Token.IntegerNumber))),
      });
      this.CONSUME(Token.RightParen);
      return { parameters, elements: [], fields: [] };
    },
    () => ({ parameters: [], elements: [], fields: [] }),
  );

  /** ARRAY<T>, MAP<K, V>. */
  readonly elementTypes: Rule<TypeArguments> = this.rule(
    'elementTypes',
    () => {
      const elements: Ast.TypeName[] = [];
      this.CONSUME(Token.Less);
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        DEF: () => {
          const type = this.nested(Nesting.type, () => this.SUBRULE(this.typeName));
          elements.push(type);
        },
      });
      this.CONSUME(Token.Greater);
      return { parameters: [], elements, fields: [] };
    },
    () => ({ parameters: [], elements: [], fields: [] }),
  );

  /** ROW<name T, …> or ROW(name T, …). */
  readonly rowType: Rule<TypeArguments> = this.rule(
    'rowType',
    () => {
      const fields: RowFields[number][] = [];
      const field = () => {
        const name = this.SUBRULE(this.name);
        fields.push({ name, type: this.SUBRULE(this.typeName) });
      };
      this.OR([
        {
          ALT: () => {
            this.CONSUME(Token.Less);
            this.AT_LEAST_ONE_SEP({ SEP: Token.Comma, DEF: field });
            this.CONSUME(Token.Greater);
          },
        },
        {
          ALT: () => {
            this.CONSUME(Token.LeftParen);
            this.AT_LEAST_ONE_SEP2({
              SEP: Token.Comma,
              DEF: () => {
                const name = this.SUBRULE2(this.name);
                fields.push({ name, type: this.SUBRULE2(this.typeName) });
              },
            });
            this.CONSUME(Token.RightParen);
          },
        },
      ]);
      return { parameters: [], elements: [], fields };
    },
    () => ({ parameters: [], elements: [], fields: [] }),
  );

  /** WITHOUT TIME ZONE gives false, WITH LOCAL TIME ZONE true. */
  readonly timeZone: Rule<boolean> = this.rule(
    'timeZone',
    () => {
      const isLocal = this.OR<boolean>([
        { ALT: () => this.CONSUME(Keyword.WITHOUT) === undefined },
        {
          ALT: () => {
            this.CONSUME(Keyword.WITH);
            return this.CONSUME(Keyword.LOCAL) !== undefined;
          },
        },
      ]);
      this.CONSUME(Keyword.TIME);
      this.CONSUME(Keyword.ZONE);
      return isLocal;
    },
    () => false,
  );

  private missingType(): Ast.TypeName {
    const span = this.spanFrom(this.startHere());
    return { name: 'VARCHAR', parameters: [], elements: [], fields: [], span };
  }

  /** Whether the next tokens are INTERVAL and an amount; else INTERVAL is a name. */
  protected startsIntervalLiteral(): boolean {
    const { StringText, IntegerNumber, DecimalNumber } = Token;
    return (
      this.nextIs(1, Keyword.INTERVAL) && this.nextIs(2, StringText, IntegerNumber, DecimalNumber)
    );
  }

  /** INTERVAL '1' HOUR, INTERVAL 1 HOUR, INTERVAL '1 hour'. */
  readonly intervalLiteral: Rule<Ast.IntervalLiteral> = this.rule(
    'intervalLiteral',
    () => {
      const start = this.startHere();
      this.CONSUME(Keyword.INTERVAL);
      let written = '';
      this.OR([
        { ALT: () => void (written = this.consumeString().value) },
        { ALT: () => void (written = this.CONSUME(Token.NumberText).image) },
      ]);
      const both = AMOUNT_AND_UNIT.exec(written);
      const word = this.OPTION({
        GATE: () => both === null,
        DEF: () => this.CONSUME(Token.Name),
      });
      const span = this.spanFrom(start);
      const amount = both?.[1] ?? AMOUNT.exec(written)?.[1];
      if (amount === undefined) {
        this.report('LITERAL_INVALID', span, `interval amount "${written}" is not a number`);
      }
      const unit = this.unitOfInterval(both?.[2] ?? word?.image, word ? this.spanOf(word) : span);
      return { kind: 'interval', amount: amount ?? '0', unit, span };
    },
    () => {
      const span = this.spanFrom(this.startHere());
      return { kind: 'interval', amount: '0', unit: 'SECOND', span };
    },
  );

  /** Reports an unknown unit and goes on with seconds. */
  private unitOfInterval(word: string | undefined, span: Span): string {
    if (word === undefined) {
      this.report('SYNTAX', span, 'interval has no unit', "write INTERVAL '1' MINUTE");
      return 'SECOND';
    }
    const unit = intervalUnit(word);
    if (unit !== undefined) return unit;
    const guess = closest(word, INTERVAL_UNITS);
    const hint = guess ? `did you mean "${guess}"?` : `units are ${INTERVAL_UNITS.join(', ')}`;
    this.report('INTERVAL_UNIT', span, `unknown interval unit "${word}"`, hint);
    return 'SECOND';
  }

  /** INTERVAL '1' MINUTE, 1m, 5 minutes, or a bare number of seconds. */
  readonly duration: Rule<Ast.Duration> = this.rule(
    'duration',
    () => {
      const start = this.startHere();
      return this.OR<Ast.Duration>({
        ERR_MSG: 'a duration such as 1m',
        DEF: [
          {
            ALT: () => {
              const interval = this.SUBRULE(this.intervalLiteral);
              return this.ACTION(() => {
                const { amount, unit, span } = interval;
                const text = `INTERVAL '${amount}' ${unit}`;
                return { ms: this.durationMs(amount, unit, span), text, span };
              });
            },
          },
          { ALT: () => this.SUBRULE(this.shortDuration, { ARGS: [start] }) },
        ],
      });
    },
    () => ({ ms: 0, text: '0', span: this.spanFrom(this.startHere()) }),
  );

  private readonly shortDuration = this.rule(
    'shortDuration',
    (start: number): Ast.Duration => {
      const sign = this.OPTION(() => this.CONSUME(Token.Minus)) === undefined ? '' : '-';
      let number = '';
      let unit: IToken | undefined;
      let word: string | undefined;
      this.OR([
        {
          ALT: () => {
            unit = this.CONSUME(Token.NumberWithUnit);
            [, number = '', word] = NUMBER_AND_UNIT.exec(unit.image) ?? [];
          },
        },
        {
          ALT: () => {
            number = this.CONSUME(Token.NumberText).image;
            unit = this.OPTION2({
              GATE: () => !this.nextIs(1, Keyword.INACTIVITY),
              DEF: () => this.CONSUME(Token.Name),
            });
            word = unit?.image;
          },
        },
      ]);
      const span = this.spanFrom(start);
      return this.ACTION(() => {
        const ms = this.durationMs(sign + number, word ?? 's', unit ? this.spanOf(unit) : span);
        return { ms, text: `${sign}${number}${word ?? ''}`, span };
      });
    },
    () => ({ ms: 0, text: '0', span: this.spanFrom(this.startHere()) }),
  );

  private durationMs(amount: string, word: string, span: Span): number {
    const unit = durationUnit(word);
    const scale = unit === undefined ? undefined : unitMs(unit);
    if (scale !== undefined) return Number(amount) * scale;
    const message =
      unit === undefined
        ? `unknown duration unit "${word}"`
        : `duration cannot be measured in "${word}", whose length varies`;
    this.report('INTERVAL_UNIT', span, message, `units are ${DURATION_UNITS.join(', ')}`);
    return Number(amount) * 1000;
  }
}
