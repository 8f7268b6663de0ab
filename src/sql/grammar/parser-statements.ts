/**
 * Statements: CREATE TABLE | STREAM (with columns, or AS a query), INSERT INTO, SELECT and SET. The
 * last layer of the grammar: its constructor lets chevrotain analyse the whole. Splitting a file
 * into statements, and their annotations, is parser.ts.
 */
import type { IToken } from 'chevrotain';
import type { Span } from '../../base/span.js';
import type * as Ast from '../ast.js';
import type { ParserSettings, Rule } from './parser-base.js';
import { QueryParser } from './parser-query.js';
import * as Token from './tokens.js';
import { Keyword } from './tokens.js';

interface InsertTarget {
  readonly target: Ast.Identifier;
  readonly isAddress: boolean;
}

/** What stands between the parentheses of CREATE TABLE. */
type TableElements = Pick<Ast.CreateTable, 'columns' | 'watermark' | 'primaryKey'>;
type TableElement =
  | { readonly kind: 'watermark'; readonly watermark: Ast.Watermark }
  | { readonly kind: 'primary-key'; readonly names: Ast.Identifier[]; readonly span: Span }
  | { readonly kind: 'column'; readonly column: Ast.ColumnDefinition; readonly isKey: boolean };

/** What follows a column's name and type, in any order. */
interface ColumnTraits {
  readonly computed?: Ast.Expression;
  readonly metadata?: Ast.Metadata;
  readonly notNull?: boolean;
  readonly isKey?: boolean;
}
type CreateHeader = Pick<Ast.CreateTable, 'relation' | 'ifNotExists' | 'name'>;

export class StatementParser extends QueryParser {
  constructor(settings: ParserSettings) {
    super(settings);
    this.performSelfAnalysis();
  }

  readonly statement: Rule<Ast.Statement | null> = this.rule(
    'statement',
    () =>
      this.OR<Ast.Statement>({
        ERR_MSG: 'CREATE, INSERT, SELECT or SET',
        DEF: [
          { ALT: () => this.SUBRULE(this.createStatement) },
          { ALT: () => this.SUBRULE(this.insertStatement) },
          { ALT: () => this.SUBRULE(this.setStatement) },
          {
            ALT: () => {
              const start = this.startHere();
              const query = this.SUBRULE(this.query);
              const span = this.spanFrom(start);
              return { kind: 'select-statement', query, annotations: [], span };
            },
          },
        ],
      }),
    () => null,
  );

  private readonly setStatement = this.rule(
    'setStatement',
    (): Ast.Statement => {
      const start = this.startHere();
      this.CONSUME(Keyword.SET);
      const key = this.stringValue(this.CONSUME(Token.StringText));
      this.CONSUME(Token.Equal);
      const value = this.stringValue(this.CONSUME2(Token.StringText));
      return { kind: 'set', key, value, span: this.spanFrom(start) };
    },
    () => this.missingStatement(),
  );

  private readonly insertStatement = this.rule(
    'insertStatement',
    (): Ast.Statement => {
      const start = this.startHere();
      this.CONSUME(Keyword.INSERT);
      this.CONSUME(Keyword.INTO);
      const { target, isAddress } = this.SUBRULE(this.insertTarget);
      const hints = this.OPTION2(() => this.SUBRULE(this.hint)) ?? [];
      const columns = this.OPTION({
        GATE: () => !isAddress && !this.opensQuery(1),
        DEF: () => this.SUBRULE(this.nameList),
      });
      const query = this.SUBRULE(this.query);
      const parts = { hints, columns: columns ?? null, query, annotations: [] };
      const span = this.spanFrom(start);
      return { kind: 'insert', target, ...(isAddress ? { isAddress } : {}), ...parts, span };
    },
    () => this.missingStatement(),
  );

  /** A name, or an address in quotes. */
  private readonly insertTarget: Rule<InsertTarget> = this.rule(
    'insertTarget',
    () =>
      this.OR<InsertTarget>([
        { ALT: () => ({ target: this.SUBRULE(this.name), isAddress: false }) },
        {
          ALT: () => {
            const token = this.CONSUME(Token.StringText);
            const name = this.addressValue(token);
            return { target: { name, quoted: true, span: this.spanOf(token) }, isAddress: true };
          },
        },
      ]),
    () => ({ target: this.missingName(), isAddress: false }),
  );

  private readonly createStatement = this.rule(
    'createStatement',
    (): Ast.Statement => {
      const start = this.startHere();
      const header = this.SUBRULE(this.createHeader);
      const elements = this.OPTION(() => this.SUBRULE(this.tableElements));
      this.OPTION2(() => {
        this.CONSUME(Keyword.COMMENT);
        this.CONSUME(Token.StringText);
      });
      const options = this.OPTION3(() => this.SUBRULE(this.options)) ?? [];
      const query = this.OPTION4({
        GATE: () => elements === undefined,
        DEF: () => {
          this.CONSUME(Keyword.AS);
          return this.SUBRULE(this.query);
        },
      });
      const span = this.spanFrom(start);
      if (query !== undefined) {
        return { kind: 'create-as', ...header, options, query, annotations: [], span };
      }
      const parts = elements ?? { columns: [], watermark: null, primaryKey: null };
      return { kind: 'create-table', ...header, ...parts, options, span };
    },
    () => this.missingStatement(),
  );

  /** CREATE [TEMPORARY] TABLE | STREAM [IF NOT EXISTS] name. */
  private readonly createHeader: Rule<CreateHeader> = this.rule(
    'createHeader',
    () => {
      this.CONSUME(Keyword.CREATE);
      this.OPTION(() => this.CONSUME(Keyword.TEMPORARY));
      const word = this.OR<IToken>([
        { ALT: () => this.CONSUME(Keyword.TABLE) },
        { ALT: () => this.CONSUME(Keyword.STREAM) },
      ]);
      const exists = this.OPTION2({
        GATE: () => this.nextIs(2, Keyword.NOT),
        DEF: () => {
          this.CONSUME(Keyword.IF);
          this.CONSUME(Keyword.NOT);
          return this.CONSUME(Keyword.EXISTS);
        },
      });
      const name = this.SUBRULE(this.name);
      const relation = word.tokenType === Keyword.STREAM ? 'stream' : 'table';
      return { relation, ifNotExists: exists !== undefined, name };
    },
    () => ({
      relation: 'table',
      ifNotExists: false,
      name: this.missingName(),
    }),
  );

  private readonly tableElements: Rule<TableElements> = this.rule(
    'tableElements',
    () => {
      const elements: TableElement[] = [];
      this.CONSUME(Token.LeftParen);
      this.AT_LEAST_ONE_SEP({
        SEP: Token.Comma,
        ERR_MSG: 'a column',
        DEF: () => elements.push(this.SUBRULE(this.tableElement)),
      });
      this.CONSUME(Token.RightParen);
      return this.ACTION(() => this.tableOf(elements));
    },
    () => ({ columns: [], watermark: null, primaryKey: null }),
  );

  private tableOf(elements: readonly TableElement[]): TableElements {
    const columns: Ast.ColumnDefinition[] = [];
    let watermark: Ast.Watermark | null = null;
    let primaryKey: Ast.Identifier[] | null = null;
    const addKey = (names: Ast.Identifier[], span: Span) => {
      if (primaryKey !== null)
        this.report('SYNTAX', span, 'constraint PRIMARY KEY is written twice');
      primaryKey = names;
    };
    for (const element of elements) {
      if (element.kind === 'watermark') {
        const { span } = element.watermark;
        if (watermark !== null) this.report('SYNTAX', span, 'clause WATERMARK is written twice');
        watermark = element.watermark;
      } else if (element.kind === 'primary-key') {
        addKey(element.names, element.span);
      } else {
        columns.push(element.column);
        if (element.isKey) addKey([element.column.name], element.column.span);
      }
    }
    return { columns, watermark, primaryKey };
  }

  private readonly tableElement: Rule<TableElement> = this.rule(
    'tableElement',
    () =>
      this.OR<TableElement>({
        ERR_MSG: 'a column',
        IGNORE_AMBIGUITIES: true,
        DEF: [
          {
            GATE: () => this.nextIs(2, Keyword.FOR),
            ALT: () => ({ kind: 'watermark', watermark: this.SUBRULE(this.watermark) }),
          },
          {
            GATE: () => this.nextIs(2, Keyword.KEY) || this.nextIs(3, Keyword.PRIMARY),
            ALT: () => {
              const start = this.startHere();
              const names = this.SUBRULE(this.primaryKey);
              return { kind: 'primary-key', names, span: this.spanFrom(start) };
            },
          },
          { ALT: () => this.SUBRULE(this.columnDefinition) },
        ],
      }),
    () => this.missingColumn(),
  );

  private readonly watermark: Rule<Ast.Watermark> = this.rule(
    'watermark',
    () => {
      const start = this.startHere();
      this.CONSUME(Keyword.WATERMARK);
      this.CONSUME(Keyword.FOR);
      const column = this.SUBRULE(this.name);
      this.CONSUME(Keyword.AS);
      const expression = this.SUBRULE(this.expression);
      return { column, expression, span: this.spanFrom(start) };
    },
    () => {
      const column = this.missingName();
      return { column, expression: this.missingExpression(), span: column.span };
    },
  );

  /** [CONSTRAINT name] PRIMARY KEY (…) [NOT ENFORCED]. */
  private readonly primaryKey: Rule<Ast.Identifier[]> = this.rule(
    'primaryKey',
    () => {
      this.OPTION(() => {
        this.CONSUME(Keyword.CONSTRAINT);
        this.SUBRULE(this.name);
      });
      this.CONSUME(Keyword.PRIMARY);
      this.CONSUME(Keyword.KEY);
      const names = this.SUBRULE(this.nameList);
      this.OPTION2(() => {
        this.CONSUME(Keyword.NOT);
        this.CONSUME(Keyword.ENFORCED);
      });
      return names;
    },
    () => [],
  );

  private readonly columnDefinition: Rule<TableElement> = this.rule(
    'columnDefinition',
    () => {
      const start = this.startHere();
      const name = this.SUBRULE(this.name);
      const type = this.OPTION(() => this.SUBRULE(this.typeName)) ?? null;
      let traits: ColumnTraits = {};
      this.MANY(() => {
        const trait = this.SUBRULE(this.columnTrait);
        traits = { ...traits, ...trait };
      });
      const { computed = null, metadata = null, notNull = false, isKey = false } = traits;
      const span = this.spanFrom(start);
      if (type === null && computed === null) {
        const hint = 'write name type, or name AS expression';
        this.report('SYNTAX', span, `column "${name.name}" has no type`, hint);
      }
      return { kind: 'column', column: { name, type, computed, metadata, notNull, span }, isKey };
    },
    () => this.missingColumn(),
  );

  private missingColumn(): TableElement {
    const name = this.missingName();
    const column = { name, type: null, computed: null, metadata: null, notNull: false };
    return { kind: 'column', column: { ...column, span: name.span }, isKey: false };
  }

  private readonly columnTrait: Rule<ColumnTraits> = this.rule(
    'columnTrait',
    () =>
      this.OR<ColumnTraits>([
        {
          ALT: () => {
            this.CONSUME(Keyword.NOT);
            this.CONSUME(Keyword.NULL);
            return { notNull: true };
          },
        },
        {
          ALT: () => {
            this.CONSUME2(Keyword.NULL);
            return {};
          },
        },
        {
          ALT: () => {
            this.CONSUME(Keyword.PRIMARY);
            this.CONSUME(Keyword.KEY);
            this.OPTION({
              GATE: () => this.nextIs(2, Keyword.ENFORCED),
              DEF: () => {
                this.CONSUME2(Keyword.NOT);
                this.CONSUME(Keyword.ENFORCED);
              },
            });
            return { isKey: true };
          },
        },
        { ALT: () => this.SUBRULE(this.metadata) },
        {
          ALT: () => {
            this.CONSUME(Keyword.AS);
            return { computed: this.SUBRULE(this.expression) };
          },
        },
        {
          ALT: () => {
            this.CONSUME(Keyword.COMMENT);
            this.CONSUME2(Token.StringText);
            return {};
          },
        },
      ]),
    () => ({}),
  );

  /** METADATA [FROM 'key'] [VIRTUAL]. */
  private readonly metadata: Rule<ColumnTraits> = this.rule(
    'metadata',
    () => {
      this.CONSUME(Keyword.METADATA);
      const key = this.OPTION(() => {
        this.CONSUME(Keyword.FROM);
        return this.consumeString().value;
      });
      const virtual = this.OPTION2(() => this.CONSUME(Keyword.VIRTUAL)) !== undefined;
      return { metadata: { key: key ?? null, virtual } };
    },
    () => ({}),
  );

  /** WITH ('key' = 'value', …). */
  readonly options: Rule<Ast.Option[]> = this.rule(
    'options',
    () => {
      const options: Ast.Option[] = [];
      this.CONSUME(Keyword.WITH);
      this.CONSUME(Token.LeftParen);
      this.OR({
        ERR_MSG: "an option such as 'format' = 'json'",
        DEF: [
          { ALT: () => this.CONSUME(Token.RightParen) },
          {
            ALT: () => {
              this.AT_LEAST_ONE_SEP({
                SEP: Token.Comma,
                ERR_MSG: "an option such as 'format' = 'json'",
                DEF: () => options.push(this.SUBRULE(this.tableOption)),
              });
              this.CONSUME2(Token.RightParen);
            },
          },
        ],
      });
      return options;
    },
    () => [],
  );

  readonly tableOption: Rule<Ast.Option> = this.rule(
    'tableOption',
    () => {
      const start = this.startHere();
      const keyToken = this.CONSUME(Token.StringText);
      this.CONSUME(Token.Equal);
      const valueToken = this.CONSUME2(Token.StringText);
      const [key, value] = [this.stringValue(keyToken), this.stringValue(valueToken)];
      const [keySpan, valueSpan] = [this.spanOf(keyToken), this.spanOf(valueToken)];
      return { key, keySpan, value, valueSpan, span: this.spanFrom(start) };
    },
    () => {
      const span = this.spanFrom(this.startHere());
      return { key: '', keySpan: span, value: '', valueSpan: span, span };
    },
  );

  private missingStatement(): Ast.Statement {
    return { kind: 'set', key: '', value: '', span: this.spanFrom(this.startHere()) };
  }
}
