/**
 * Queries:
 *
 *   query  = [WITH cte, …] body { ORDER BY … | LIMIT n | EMIT … | INTO sink | WITH (…) }
 *   body   = term { UNION [ALL] term }          term = select | "(" query ")"
 *   select = SELECT [DISTINCT] items [FROM …] [WHERE …] { GROUP BY | WINDOW | HAVING | EMIT }
 *
 * EMIT may stand among the clauses of a SELECT but belongs to the query around it.
 */
import type { IToken } from 'chevrotain';
import type { Span } from '../../base/span.js';
import type * as Ast from '../ast.js';
import { Nesting } from './parser-base.js';
import type { Rule } from './parser-base.js';
import { RelationParser } from './parser-relations.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

/** A body with the EMIT that stood inside its last SELECT. */
interface Term {
  readonly body: Ast.QueryBody;
  readonly emit: Ast.Emit | null;
}

/** Clauses that come in any order, each at most once; null while absent. */
interface SelectClauses {
  groupBy: Ast.Expression[] | null;
  window: Ast.WindowClause | null;
  namedWindows: Ast.NamedWindow[] | null;
  having: Ast.Expression | null;
  emit: Ast.Emit | null;
}
interface QueryTail {
  orderBy: Ast.OrderItem[] | null;
  limit: Ast.Expression | null;
  emit: Ast.Emit | null;
  into: Ast.Identifier | null;
  options: Ast.Option[] | null;
}

export abstract class QueryParser extends RelationParser {
  abstract readonly options: Rule<Ast.Option[]>;

  readonly query: Rule<Ast.Query> = this.rule(
    'query',
    () => {
      const start = this.startHere();
      const ctes: Ast.Cte[] = [];
      this.OPTION(() => {
        this.CONSUME(Keyword.WITH);
        this.AT_LEAST_ONE_SEP({
          SEP: Token.Comma,
          ERR_MSG: 'a name',
          DEF: () => {
            this.another('queries of WITH', ctes.length);
            ctes.push(this.SUBRULE(this.cte));
          },
        });
      });
      const term = this.nested(Nesting.query, () => this.SUBRULE(this.queryBody));
      const tail: QueryTail = { orderBy: null, limit: null, emit: null, into: null, options: null };
      this.ACTION(() => void (tail.emit = term.emit));
      this.MANY(() => {
        const at = this.startHere();
        this.addClause(tail, this.SUBRULE(this.queryTail), at);
      });
      const { limit, emit, into } = tail;
      const [orderBy, options] = [tail.orderBy ?? [], tail.options ?? []];
      const span = this.spanFrom(start);
      return this.ACTION(() =>
        unwrapped({
          kind: 'query',
          ctes,
          body: term.body,
          orderBy,
          limit,
          emit,
          into,
          options,
          span,
        }),
      );
    },
    () => this.missingQuery(),
  );

  private readonly cte: Rule<Ast.Cte> = this.rule(
    'cte',
    () => {
      const start = this.startHere();
      const name = this.SUBRULE(this.name);
      const columns = this.OPTION(() => this.SUBRULE(this.nameList)) ?? null;
      this.CONSUME(Keyword.AS);
      this.CONSUME(Token.LeftParen);
      const query = this.SUBRULE(this.query);
      this.CONSUME(Token.RightParen);
      return { name, columns, query, span: this.spanFrom(start) };
    },
    () => {
      const name = this.missingName();
      return { name, columns: null, query: this.missingQuery(), span: name.span };
    },
  );

  private readonly queryBody: Rule<Term> = this.rule(
    'queryBody',
    () => {
      const start = this.startHere();
      let term = this.SUBRULE(this.queryTerm);
      let unions = 0;
      this.MANY(() => {
        unions = this.another('UNIONs', unions);
        this.ACTION(() => {
          if (term.emit === null) return;
          const hint = 'move it after the last SELECT, or put this one in parentheses';
          this.report('SYNTAX', term.emit.span, 'clause EMIT stands before UNION', hint);
        });
        this.CONSUME(Keyword.UNION);
        const quantifier = this.OPTION(() =>
          this.OR<IToken>([
            { ALT: () => this.CONSUME(Keyword.ALL) },
            { ALT: () => this.CONSUME(Keyword.DISTINCT) },
          ]),
        );
        const all = quantifier?.tokenType === Keyword.ALL;
        const right = this.SUBRULE2(this.queryTerm);
        const span = this.spanFrom(start);
        this.ACTION(() => {
          const body: Ast.Union = { kind: 'union', all, left: term.body, right: right.body, span };
          term = { body, emit: right.emit };
        });
      });
      return term;
    },
    () => this.missingTerm(),
  );

  private readonly queryTerm: Rule<Term> = this.rule(
    'queryTerm',
    () =>
      this.OR<Term>({
        ERR_MSG: 'SELECT',
        DEF: [
          { ALT: () => this.SUBRULE(this.select) },
          {
            ALT: () => {
              this.CONSUME(Token.LeftParen);
              const query = this.SUBRULE(this.query);
              this.CONSUME(Token.RightParen);
              return this.ACTION(() => ({ body: isPlain(query) ? query.body : query, emit: null }));
            },
          },
        ],
      }),
    () => this.missingTerm(),
  );

  private readonly queryTail: Rule<Partial<QueryTail>> = this.rule(
    'queryTail',
    () =>
      this.OR<Partial<QueryTail>>([
        { ALT: () => ({ orderBy: this.SUBRULE(this.orderItems) }) },
        {
          ALT: () => {
            this.CONSUME(Keyword.LIMIT);
            return { limit: this.SUBRULE(this.expression) };
          },
        },
        { ALT: () => ({ emit: this.SUBRULE(this.emitClause) }) },
        {
          ALT: () => {
            this.CONSUME(Keyword.INTO);
            return { into: this.SUBRULE(this.name) };
          },
        },
        { ALT: () => ({ options: this.SUBRULE(this.options) }) },
      ]),
    () => ({}),
  );

  /** Adds the one clause in `clause`, or reports that it was there already. */
  private addClause<T extends object>(clauses: T, clause: Partial<T>, start: number): void {
    if (this.RECORDING_PHASE) return;
    for (const key of Object.keys(clause)) {
      if (clauses[key as keyof T] === null) continue;
      this.report(
        'SYNTAX',
        this.spanFrom(start),
        `clause ${CLAUSE_NAMES[key] ?? key} is written twice`,
      );
    }
    Object.assign(clauses, clause);
  }

  private readonly select: Rule<Term> = this.rule(
    'select',
    () => {
      const start = this.startHere();
      this.CONSUME(Keyword.SELECT);
      const stateTtl = this.OPTION4(() => this.SUBRULE(this.hint));
      const distinct = this.OPTION(() => this.CONSUME(Keyword.DISTINCT)) !== undefined;
      const items: Ast.SelectItem[] = [];
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        ERR_MSG: 'an expression or "*"',
        DEF: () => {
          this.another('columns', items.length);
          items.push(this.SUBRULE(this.selectItem));
        },
      });
      const from = this.OPTION2(() => {
        this.CONSUME(Keyword.FROM);
        return this.SUBRULE(this.fromClause);
      });
      const where = this.OPTION3(() => {
        this.CONSUME(Keyword.WHERE);
        return this.SUBRULE(this.expression);
      });
      const clauses: SelectClauses = {
        groupBy: null,
        window: null,
        namedWindows: null,
        having: null,
        emit: null,
      };
      this.MANY(() => {
        const at = this.startHere();
        this.addClause(clauses, this.SUBRULE(this.selectClause), at);
      });
      const { groupBy, window, namedWindows, having, emit } = clauses;
      const body: Ast.Select = {
        kind: 'select',
        ...(stateTtl === undefined ? {} : { stateTtl }),
        distinct,
        items,
        from: from ?? null,
        where: where ?? null,
        groupBy: groupBy ?? [],
        window,
        namedWindows: namedWindows ?? [],
        having,
        span: this.spanFrom(start),
      };
      return { body, emit };
    },
    () => this.missingTerm(),
  );

  private readonly selectClause: Rule<Partial<SelectClauses>> = this.rule(
    'selectClause',
    () =>
      this.OR<Partial<SelectClauses>>([
        {
          ALT: () => {
            this.CONSUME(Keyword.GROUP);
            this.CONSUME(Keyword.BY);
            return { groupBy: this.SUBRULE(this.expressionList) };
          },
        },
        {
          GATE: () => this.nextIs(3, Keyword.AS),
          ALT: () => {
            const namedWindows: Ast.NamedWindow[] = [];
            this.CONSUME(Keyword.WINDOW);
            this.AT_LEAST_ONE_SEP({
              SEP: Token.Comma,
              DEF: () => {
                const window = this.SUBRULE(this.namedWindow);
                this.ACTION(() => this.reportSecond(window.name, namedWindows));
                namedWindows.push(window);
              },
            });
            return { namedWindows };
          },
        },
        { ALT: () => ({ window: this.SUBRULE(this.windowClause) }) },
        {
          ALT: () => {
            this.CONSUME(Keyword.HAVING);
            return { having: this.SUBRULE(this.expression) };
          },
        },
        { ALT: () => ({ emit: this.SUBRULE(this.emitClause) }) },
      ]),
    () => ({}),
  );

  private reportSecond(name: Ast.Identifier, earlier: readonly Ast.NamedWindow[]): void {
    const same = (other: Ast.NamedWindow): boolean =>
      other.name.name.toUpperCase() === name.name.toUpperCase();
    if (!earlier.some(same)) return;
    this.report('WINDOW_INVALID', name.span, `window "${name.name}" is declared twice`);
  }

  private readonly selectItem: Rule<Ast.SelectItem> = this.rule(
    'selectItem',
    () => {
      const start = this.startHere();
      return this.OR<Ast.SelectItem>({
        ERR_MSG: 'an expression or "*"',
        IGNORE_AMBIGUITIES: true,
        DEF: [
          {
            ALT: () => {
              this.CONSUME(Token.Star);
              return { kind: 'star', qualifier: null, span: this.spanFrom(start) };
            },
          },
          {
            GATE: () => this.nextIs(2, Token.Dot) && this.nextIs(3, Token.Star),
            ALT: () => {
              const qualifier = this.SUBRULE(this.name);
              this.CONSUME(Token.Dot);
              this.CONSUME2(Token.Star);
              return { kind: 'star', qualifier, span: this.spanFrom(start) };
            },
          },
          {
            ALT: () => {
              const expression = this.SUBRULE(this.expression);
              const alias = this.OPTION(() => this.SUBRULE(this.alias)) ?? null;
              return { kind: 'item', expression, alias, span: this.spanFrom(start) };
            },
          },
        ],
      });
    },
    () => {
      const expression = this.missingExpression();
      return { kind: 'item', expression, alias: null, span: expression.span };
    },
  );

  readonly emitClause: Rule<Ast.Emit> = this.rule(
    'emitClause',
    () => {
      const start = this.startHere();
      this.CONSUME(Keyword.EMIT);
      const word = this.OR<IToken>([
        { ALT: () => this.CONSUME(Keyword.CHANGES) },
        { ALT: () => this.CONSUME(Keyword.FINAL) },
      ]);
      const mode = word.tokenType === Keyword.CHANGES ? 'changes' : 'final';
      return { mode, span: this.spanFrom(start) };
    },
    () => ({ mode: 'changes', span: this.spanFrom(this.startHere()) }),
  );

  private missingTerm(): Term {
    return { body: this.missingQuery().body, emit: null };
  }
  protected missingQuery(): Ast.Query {
    const span = this.spanFrom(this.startHere());
    return { kind: 'query', ctes: [], body: emptySelect(span), ...PLAIN, span };
  }
}

const PLAIN = { orderBy: [], limit: null, emit: null, into: null, options: [] } as const;

const CLAUSE_NAMES: Readonly<Record<string, string>> = {
  groupBy: 'GROUP BY',
  window: 'WINDOW',
  namedWindows: 'WINDOW',
  having: 'HAVING',
  emit: 'EMIT',
  orderBy: 'ORDER BY',
  limit: 'LIMIT',
  into: 'INTO',
  options: 'WITH',
};

function emptySelect(span: Span): Ast.Select {
  return {
    kind: 'select',
    distinct: false,
    items: [],
    from: null,
    where: null,
    groupBy: [],
    window: null,
    namedWindows: [],
    having: null,
    span,
  };
}

/** Whether a query is nothing but its body. */
function isPlain(query: Ast.Query): boolean {
  const { ctes, orderBy, limit, emit, into, options } = query;
  const lists = ctes.length + orderBy.length + options.length;
  return lists === 0 && limit === null && emit === null && into === null;
}

/** ((SELECT …)) is SELECT …: parentheses that add nothing leave no trace. */
function unwrapped(query: Ast.Query): Ast.Query {
  return isPlain(query) && query.body.kind === 'query' ? query.body : query;
}
