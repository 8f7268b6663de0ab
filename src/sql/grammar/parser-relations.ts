/**
 * FROM: tables, quoted sources, subqueries, window table functions and joins.
 */
import type { IToken, TokenType } from 'chevrotain';
import { joinSpans } from '../../base/span.js';
import type * as Ast from '../ast.js';
import type { Rule } from './parser-base.js';
import { WindowParser } from './parser-windows.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

interface NamedDuration {
  readonly name: string;
  readonly duration: Ast.Duration;
}
type WindowCall = Omit<Ast.WindowTable, 'alias'>;

export abstract class RelationParser extends WindowParser {
  abstract readonly tableOption: Rule<Ast.Option>;

  /** `a, b` is a cross join, looser than JOIN. */
  readonly fromClause: Rule<Ast.Relation> = this.rule(
    'fromClause',
    () => {
      let left = this.SUBRULE(this.joined);
      let joins = 0;
      this.MANY(() => {
        joins = this.another('JOINs', joins);
        this.CONSUME(Token.Comma);
        const right = this.SUBRULE2(this.joined);
        this.ACTION(() => {
          const span = joinSpans(left.span, right.span);
          left = { kind: 'join', type: 'cross', left, right, on: null, using: null, span };
        });
      });
      return left;
    },
    () => this.missingRelation(),
  );

  private readonly joined: Rule<Ast.Relation> = this.rule(
    'joined',
    () => {
      const start = this.startHere();
      let left = this.SUBRULE(this.relation);
      let joins = 0;
      this.MANY(() => {
        joins = this.another('JOINs', joins);
        const type = this.SUBRULE(this.joinType);
        const right = this.SUBRULE2(this.relation);
        let on: Ast.Expression | null = null;
        let using: Ast.Identifier[] | null = null;
        this.OPTION({
          GATE: () => type !== 'cross',
          DEF: () =>
            this.OR([
              {
                ALT: () => {
                  this.CONSUME(Keyword.ON);
                  on = this.SUBRULE(this.expression);
                },
              },
              {
                ALT: () => {
                  this.CONSUME(Keyword.USING);
                  using = this.SUBRULE(this.nameList);
                },
              },
            ]),
        });
        const span = this.spanFrom(start);
        left = { kind: 'join', type, left, right, on, using, span };
        if (type !== 'cross' && on === null && using === null) {
          this.report('SYNTAX', span, 'join has no condition', 'add ON … or USING (…)');
        }
      });
      return left;
    },
    () => this.missingRelation(),
  );

  private readonly joinType: Rule<Ast.Join['type']> = this.rule(
    'joinType',
    () => {
      let word: IToken | undefined;
      this.OPTION(() => {
        this.OR([
          { ALT: () => void (word = this.CONSUME(Keyword.INNER)) },
          { ALT: () => void (word = this.CONSUME(Keyword.CROSS)) },
          {
            ALT: () => {
              this.OR2([
                { ALT: () => void (word = this.CONSUME(Keyword.LEFT)) },
                { ALT: () => void (word = this.CONSUME(Keyword.RIGHT)) },
                { ALT: () => void (word = this.CONSUME(Keyword.FULL)) },
              ]);
              this.OPTION2(() => this.CONSUME(Keyword.OUTER));
            },
          },
        ]);
      });
      this.CONSUME(Keyword.JOIN);
      return (word && JOIN_TYPES.get(word.tokenType)) ?? 'inner';
    },
    () => 'inner',
  );

  readonly relation: Rule<Ast.Relation> = this.rule(
    'relation',
    () =>
      this.OR<Ast.Relation>({
        ERR_MSG: 'a table',
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.SUBRULE(this.quotedSource) },
          { GATE: () => this.startsWindowTable(), ALT: () => this.SUBRULE(this.windowTable) },
          { ALT: () => this.SUBRULE(this.tableReference) },
          { GATE: () => this.opensQuery(1), ALT: () => this.SUBRULE(this.derivedTable) },
          {
            ALT: () => {
              this.CONSUME(Token.LeftParen);
              const inner = this.SUBRULE(this.fromClause);
              this.CONSUME(Token.RightParen);
              return inner;
            },
          },
        ],
      }),
    () => this.missingRelation(),
  );

  private missingRelation(): Ast.Relation {
    const name = this.missingName();
    return { kind: 'table', name, alias: null, asOf: null, hints: [], span: name.span };
  }

  private readonly quotedSource = this.rule(
    'quotedSource',
    (): Ast.Relation => {
      const start = this.startHere();
      const token = this.CONSUME(Token.StringText);
      const uri = this.addressValue(token);
      const uriSpan = this.spanOf(token);
      const alias = this.OPTION(() => this.SUBRULE(this.relationAlias)) ?? null;
      return { kind: 'quoted-source', uri, uriSpan, alias, span: this.spanFrom(start) };
    },
    () => this.missingRelation(),
  );

  /** The alias may stand before or after FOR SYSTEM_TIME AS OF, a hint before or after the alias. */
  private readonly tableReference = this.rule(
    'tableReference',
    (): Ast.Relation => {
      const start = this.startHere();
      const name = this.SUBRULE(this.name);
      const first = this.OPTION4(() => this.SUBRULE(this.hint));
      let alias = this.OPTION(() => this.SUBRULE(this.relationAlias));
      const second = this.OPTION5(() => this.SUBRULE2(this.hint));
      const asOf = this.OPTION2(() => {
        this.CONSUME(Keyword.FOR);
        this.CONSUME(Keyword.SYSTEM_TIME);
        this.CONSUME(Keyword.AS);
        this.CONSUME(Keyword.OF);
        const time = this.SUBRULE(this.expression);
        this.OPTION3({
          GATE: () => alias === undefined,
          DEF: () => void (alias = this.SUBRULE2(this.relationAlias)),
        });
        return time;
      });
      const span = this.spanFrom(start);
      const hints = this.ACTION(() => [...(first ?? []), ...(second ?? [])]);
      return { kind: 'table', name, alias: alias ?? null, asOf: asOf ?? null, hints, span };
    },
    () => this.missingRelation(),
  );

  private readonly derivedTable = this.rule(
    'derivedTable',
    (): Ast.Relation => {
      const start = this.startHere();
      this.CONSUME(Token.LeftParen);
      const query = this.SUBRULE(this.query);
      this.CONSUME(Token.RightParen);
      const alias = this.OPTION(() => this.SUBRULE(this.relationAlias)) ?? null;
      return { kind: 'derived', query, alias, span: this.spanFrom(start) };
    },
    () => this.missingRelation(),
  );

  /** OPTIONS('key' = 'value', …) in a hint; the lexer lets no other hint through. */
  readonly hint: Rule<Ast.Option[]> = this.rule(
    'hint',
    () => {
      const options: Ast.Option[] = [];
      this.CONSUME(Token.HintStart);
      this.CONSUME(Token.LeftParen);
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        ERR_MSG: "an option such as 'format' = 'json'",
        DEF: () => options.push(this.SUBRULE(this.tableOption)),
      });
      this.CONSUME(Token.RightParen);
      this.CONSUME(Token.HintEnd);
      return options;
    },
    () => [],
  );

  /**
   * An alias, unless it is a word that makes another join of the JOIN behind it: read as an alias
   * it would give the rows of a plain one.
   */
  private readonly relationAlias: Rule<Ast.Identifier> = this.rule(
    'relationAlias',
    () => {
      const word = this.LA(1);
      const isBare = !this.nextIs(1, Keyword.AS, Token.QuotedName);
      const found = this.SUBRULE(this.alias);
      if (isBare && OTHER_JOINS.has(word.image.toUpperCase()) && this.startsJoin(1)) {
        const name = word.image.toUpperCase();
        const hint = joinHint(name);
        this.report('NOT_SUPPORTED', this.spanOf(word), `${name} JOIN is not supported`, hint);
      }
      return found;
    },
    () => this.missingName(),
  );

  private startsJoin(ahead: number): boolean {
    const { JOIN, INNER, LEFT, RIGHT, FULL, OUTER, CROSS } = Keyword;
    return this.nextIs(ahead, JOIN, INNER, LEFT, RIGHT, FULL, OUTER, CROSS);
  }

  private startsWindowTable(): boolean {
    const { TABLE, TUMBLE, HOP, CUMULATE, SESSION } = Keyword;
    return this.nextIs(1, TABLE, TUMBLE, HOP, CUMULATE, SESSION) && this.nextIs(2, Token.LeftParen);
  }

  /** TABLE(TUMBLE(…)), or the function alone. */
  private readonly windowTable = this.rule(
    'windowTable',
    (): Ast.Relation => {
      const start = this.startHere();
      const call = this.OR<WindowCall>([
        {
          ALT: () => {
            this.CONSUME(Keyword.TABLE);
            this.CONSUME(Token.LeftParen);
            const inner = this.SUBRULE(this.windowCall);
            this.CONSUME(Token.RightParen);
            return inner;
          },
        },
        { ALT: () => this.SUBRULE2(this.windowCall) },
      ]);
      const alias = this.OPTION(() => this.SUBRULE(this.relationAlias)) ?? null;
      return { ...call, alias, span: this.spanFrom(start) };
    },
    () => this.missingRelation(),
  );

  /** TUMBLE(TABLE t [PARTITION BY …], DESCRIPTOR(ts), duration, …), arguments named or not. */
  private readonly windowCall: Rule<WindowCall> = this.rule(
    'windowCall',
    () => {
      const start = this.startHere();
      const word = this.OR<IToken>({
        ERR_MSG: 'TUMBLE, HOP, CUMULATE or SESSION',
        DEF: [
          { ALT: () => this.CONSUME(Keyword.TUMBLE) },
          { ALT: () => this.CONSUME(Keyword.HOP) },
          { ALT: () => this.CONSUME(Keyword.CUMULATE) },
          { ALT: () => this.CONSUME(Keyword.SESSION) },
        ],
      });
      this.CONSUME(Token.LeftParen);
      this.SUBRULE(this.argumentName);
      const table = this.SUBRULE(this.windowInput);
      const partitionBy = this.OPTION(() => this.SUBRULE(this.windowPartition)) ?? [];
      this.CONSUME(Token.Comma);
      this.SUBRULE2(this.argumentName);
      this.CONSUME(Keyword.DESCRIPTOR);
      this.CONSUME2(Token.LeftParen);
      const timeColumn = this.SUBRULE(this.name);
      this.CONSUME(Token.RightParen);
      const durations: NamedDuration[] = [];
      this.AT_LEAST_ONE({
        ERR_MSG: '"," and a duration',
        DEF: () => {
          this.CONSUME2(Token.Comma);
          const name = this.SUBRULE3(this.argumentName);
          durations.push({ name, duration: this.SUBRULE(this.duration) });
        },
      });
      this.CONSUME2(Token.RightParen);
      return {
        kind: 'window-table',
        window: WINDOW_FUNCTIONS.get(word.tokenType) ?? 'tumble',
        table,
        partitionBy,
        timeColumn,
        durations: inPositionalOrder(durations),
        span: this.spanFrom(start),
      };
    },
    () => {
      const timeColumn = this.missingName();
      const table = this.missingRelation();
      const { span } = timeColumn;
      const empty = { partitionBy: [], durations: [] };
      return { kind: 'window-table', window: 'tumble', table, timeColumn, ...empty, span };
    },
  );

  /** `SIZE =>` gives SIZE; nothing gives ''. */
  private readonly argumentName: Rule<string> = this.rule(
    'argumentName',
    () => {
      const word = this.OPTION({
        GATE: () => this.nextIs(2, Token.Arrow),
        DEF: () => {
          const name = this.CONSUME(Token.Name).image.toUpperCase();
          this.CONSUME(Token.Arrow);
          return name;
        },
      });
      return word ?? '';
    },
    () => '',
  );

  private readonly windowInput = this.rule(
    'windowInput',
    (): Ast.Relation => {
      const start = this.startHere();
      this.OPTION(() => this.CONSUME(Keyword.TABLE));
      return this.OR<Ast.Relation>([
        {
          ALT: () => {
            const name = this.SUBRULE(this.name);
            const hints = this.OPTION2(() => this.SUBRULE(this.hint)) ?? [];
            return { kind: 'table', name, alias: null, asOf: null, hints, span: name.span };
          },
        },
        {
          ALT: () => {
            this.CONSUME(Token.LeftParen);
            const query = this.SUBRULE(this.query);
            this.CONSUME(Token.RightParen);
            return { kind: 'derived', query, alias: null, span: this.spanFrom(start) };
          },
        },
      ]);
    },
    () => this.missingRelation(),
  );

  /** PARTITION BY a, b or PARTITION BY (a, b); ends before `, DESCRIPTOR(`. */
  private readonly windowPartition: Rule<Ast.Expression[]> = this.rule(
    'windowPartition',
    () => {
      let keys: Ast.Expression[] = [];
      this.CONSUME(Keyword.PARTITION);
      this.CONSUME(Keyword.BY);
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          {
            ALT: () => {
              this.CONSUME(Token.LeftParen);
              keys = this.SUBRULE(this.expressionList);
              this.CONSUME(Token.RightParen);
            },
          },
          {
            ALT: () => {
              keys = [this.SUBRULE(this.expression)];
              this.MANY({
                GATE: () => !this.startsDescriptor(2),
                DEF: () => {
                  this.CONSUME(Token.Comma);
                  keys.push(this.SUBRULE2(this.expression));
                },
              });
            },
          },
        ],
      });
      return keys;
    },
    () => [],
  );

  /** DESCRIPTOR(…), with or without `TIMECOL =>` before it. */
  private startsDescriptor(ahead: number): boolean {
    const at = this.nextIs(ahead + 1, Token.Arrow) ? ahead + 2 : ahead;
    return this.nextIs(at, Keyword.DESCRIPTOR) && this.nextIs(at + 1, Token.LeftParen);
  }

  readonly nameList: Rule<Ast.Identifier[]> = this.rule(
    'nameList',
    () => {
      const names: Ast.Identifier[] = [];
      this.CONSUME(Token.LeftParen);
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        ERR_MSG: 'a name',
        DEF: () => names.push(this.SUBRULE(this.name)),
      });
      this.CONSUME(Token.RightParen);
      return names;
    },
    () => [],
  );
}

/** Joins of other dialects, whose words would pass for an alias of the table before. */
const OTHER_JOINS: ReadonlySet<string> = new Set([
  ...['ALL', 'ANTI', 'ANY', 'ARRAY', 'ASOF', 'BROADCAST', 'GLOBAL', 'HASH', 'INTERVAL', 'LATERAL'],
  ...['LOCAL', 'LOOKUP', 'LOOP', 'MERGE', 'PASTE', 'POSITIONAL', 'SEMI', 'TEMPORAL', 'UNIQUE'],
]);

function joinHint(name: string): string {
  if (name === 'SEMI') return 'write WHERE … IN (SELECT …), or a JOIN with a DISTINCT subquery';
  if (name === 'ANTI') return 'write LEFT JOIN … and WHERE the other side IS NULL';
  return `write JOIN; if ${name} is meant as an alias, write AS ${name}`;
}

const JOIN_TYPES: ReadonlyMap<TokenType, Ast.Join['type']> = new Map([
  [Keyword.INNER, 'inner'],
  [Keyword.CROSS, 'cross'],
  [Keyword.LEFT, 'left'],
  [Keyword.RIGHT, 'right'],
  [Keyword.FULL, 'full'],
]);

const WINDOW_FUNCTIONS: ReadonlyMap<TokenType, Ast.WindowTable['window']> = new Map([
  [Keyword.TUMBLE, 'tumble'],
  [Keyword.HOP, 'hop'],
  [Keyword.CUMULATE, 'cumulate'],
  [Keyword.SESSION, 'session'],
]);

/** Where Flink puts the durations that it also takes by name. */
const POSITIONS = ['SLIDE', 'STEP', 'GAP', 'SIZE', 'OFFSET'];

/** Unnamed durations stay as written; named ones go where they would stand without names. */
function inPositionalOrder(durations: readonly NamedDuration[]): Ast.Duration[] {
  const named = durations.every(({ name }) => name !== '');
  const position = ({ name }: NamedDuration) => POSITIONS.indexOf(name);
  const ordered = named ? durations.toSorted((a, b) => position(a) - position(b)) : durations;
  return ordered.map(({ duration }) => duration);
}
