/**
 * Random trees for law 6: every node kind, names among the non-reserved keywords, strings with
 * quotes, comment marks and line ends. Only trees that some text parses to are made; the comments
 * say which others exist. Spans are empty. `depth` bounds the nesting; at 0 only leaves are made.
 */
import fc from 'fast-check';
import type { GeneratorValue } from 'fast-check';
import { NO_SPAN } from '../../src/base/span.js';
import type * as Ast from '../../src/sql/ast.js';

const span = NO_SPAN;

// prettier-ignore
const PLAIN_NAMES = [
  'a', 'B', 'order_id', 'größe', 'timestamp', 'value', 'date', 'rows', 'window', 'key', 'type',
  'end', 'first', 'left', 'emit', 'limit', 'over', 'filter', 'set', 'table', '_x1',
];
const TEXTS = [
  '',
  "it's",
  "''",
  'a;b',
  '-- x',
  '/* y */',
  'a\nb',
  'back\\slash',
  '"',
  '`',
  '%',
  'x',
];
const TYPES = ['BIGINT', 'STRING', 'DOUBLE', 'BOOLEAN', 'DATE'];
// prettier-ignore
const OPERATORS: readonly Ast.BinaryOperator[] = [
  'or', 'and', '=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '*', '/', '%',
];
const UNITS = ['YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND', 'MILLISECOND'];
const DURATIONS: readonly Ast.Duration[] = [
  { ms: 60_000, text: '1m', span },
  { ms: 500, text: '500ms', span },
  { ms: 30_000, text: '30', span },
  { ms: -2000, text: '-2s', span },
  { ms: 3_600_000, text: "INTERVAL '1' HOUR", span },
];

/** Draws from fast-check's generator, which records the draws for shrinking and replay. */
export class TreeSource {
  private readonly draw: GeneratorValue;
  constructor(draw: GeneratorValue) {
    this.draw = draw;
  }

  private upTo(max: number): number {
    return this.draw(fc.nat, { max });
  }
  private chance(): boolean {
    return this.draw(fc.boolean);
  }
  private pick<T>(list: readonly T[]): T {
    const one = list[this.upTo(list.length - 1)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }
  private maybe<T>(make: () => T): T | null {
    return this.chance() ? make() : null;
  }
  private list<T>(min: number, max: number, make: () => T): T[] {
    return Array.from({ length: min + this.upTo(max - min) }, make);
  }

  private text(): string {
    return this.pick(TEXTS);
  }
  private identifier(): Ast.Identifier {
    if (this.chance()) return { name: this.pick(PLAIN_NAMES), quoted: false, span };
    return { name: this.text() || 'select', quoted: true, span };
  }
  private duration(): Ast.Duration {
    return this.pick(DURATIONS);
  }
  private column(): Ast.ColumnReference {
    return { kind: 'column', parts: this.list(1, 3, () => this.identifier()), span };
  }

  private literal(): Ast.Literal {
    const type = this.pick<Ast.Literal['type']>([
      'integer',
      'decimal',
      'double',
      'string',
      'boolean',
      'null',
      'timestamp',
      'date',
    ]);
    return { kind: 'literal', type, text: this.literalText(type), span };
  }
  private literalText(type: Ast.Literal['type']): string {
    switch (type) {
      case 'integer':
        return this.pick(['0', '7', '9223372036854775807', '123456789012345678901234567890']);
      case 'decimal':
        return this.pick(['1.50', '.5', '0.0', '12345678901234567890.5']);
      case 'double':
        return this.pick(['1e3', '1.5E-7', '.5e+1']);
      case 'boolean':
        return this.pick(['true', 'false']);
      case 'null':
        return 'null';
      default:
        return this.text();
    }
  }

  private typeName(depth: number): Ast.TypeName {
    const none = { parameters: [], elements: [], fields: [], span };
    const inner = () => this.typeName(depth - 1);
    switch (this.upTo(depth > 0 ? 5 : 2)) {
      case 0:
        return { ...none, name: 'DECIMAL', parameters: [10, 2] };
      case 1:
        return { ...none, name: 'TIMESTAMP', parameters: [3] };
      case 3:
        return { ...none, name: 'ARRAY', elements: [inner()] };
      case 4:
        return { ...none, name: 'MAP', elements: [inner(), inner()] };
      case 5: {
        const field = () => ({ name: this.identifier(), type: inner() });
        return { ...none, name: 'ROW', fields: this.list(1, 2, field) };
      }
      default:
        return { ...none, name: this.pick(TYPES) };
    }
  }

  expression(depth: number): Ast.Expression {
    if (depth <= 0) {
      const amount = this.pick(['1', '-5', '1.5']);
      return this.pick<() => Ast.Expression>([
        () => this.literal(),
        () => this.column(),
        () => ({ kind: 'interval', amount, unit: this.pick(UNITS), span }),
      ])();
    }
    const groups = [this.operation, this.predicate, this.constructed, this.conversion, this.call];
    return this.pick(groups).call(this, depth - 1);
  }

  private operation(depth: number): Ast.Expression {
    const operand = () => this.expression(depth - this.upTo(1));
    if (this.upTo(3) === 0) {
      const operator = this.pick<Ast.Unary['operator']>(['-', '+', 'not']);
      return { kind: 'unary', operator, operand: operand(), span };
    }
    const operator = this.pick(OPERATORS);
    return { kind: 'binary', operator, left: operand(), right: operand(), span };
  }

  private predicate(depth: number): Ast.Expression {
    const operand = this.expression(depth);
    const negated = this.chance();
    switch (this.upTo(5)) {
      case 0: {
        const test = this.pick<Ast.IsTest['test']>(['null', 'true', 'false', 'unknown']);
        return { kind: 'is', operand, test, other: null, negated, span };
      }
      case 1: {
        const other = this.expression(depth);
        return { kind: 'is', operand, test: 'distinct', other, negated, span };
      }
      case 2: {
        // A list of one subquery reads as a subquery, so lists begin with something else.
        const list = [this.literal(), ...this.list(0, 2, () => this.expression(depth))];
        return { kind: 'in', operand, list, negated, span };
      }
      case 3:
        return { kind: 'in-subquery', operand, query: this.query(depth), negated, span };
      case 4: {
        const [low, high] = [this.expression(depth), this.expression(depth)];
        return { kind: 'between', operand, low, high, negated, span };
      }
      default: {
        const escape = this.maybe(() => this.expression(depth));
        const pattern = this.expression(depth);
        return { kind: 'like', operand, pattern, escape, negated, span };
      }
    }
  }

  private constructed(depth: number): Ast.Expression {
    const one = () => this.expression(depth);
    switch (this.upTo(5)) {
      case 0:
        return {
          kind: 'case',
          operand: this.maybe(one),
          branches: this.list(1, 2, () => ({ when: one(), then: one() })),
          otherwise: this.maybe(one),
          span,
        };
      case 1:
        return { kind: 'array', elements: this.list(0, 2, one), span };
      case 2: {
        const entries = this.list(0, 2, () => ({ key: one(), value: one() }));
        return { kind: 'map', entries, span };
      }
      case 3:
        return { kind: 'row', elements: this.list(0, 2, one), span };
      case 4:
        return { kind: 'exists', query: this.query(depth), span };
      default:
        return { kind: 'subquery', query: this.query(depth), span };
    }
  }

  private conversion(depth: number): Ast.Expression {
    const operand = this.expression(depth);
    switch (this.upTo(5)) {
      case 0: {
        const type = this.typeName(2);
        return { kind: 'cast', operand, type, safe: this.chance(), form: 'cast', span };
      }
      case 1:
        return { kind: 'cast', operand, type: this.typeName(2), safe: false, form: 'colons', span };
      case 2:
        return { kind: 'extract', unit: this.identifier(), operand, span };
      case 3: {
        const direction = this.chance() ? 'floor' : 'ceil';
        return { kind: 'floor-to', direction, operand, unit: this.identifier(), span };
      }
      case 4:
        return { kind: 'field', operand, field: this.identifier(), span };
      default:
        return { kind: 'index', operand, index: this.expression(depth), span };
    }
  }

  private call(depth: number): Ast.Call {
    const star = this.upTo(4) === 0;
    const args = star ? [] : this.list(0, 2, () => this.expression(depth));
    const plain: Ast.Call = {
      kind: 'call',
      name: this.identifier(),
      args,
      star,
      distinct: args.length > 0 && this.chance(),
      orderBy: args.length > 0 ? this.orderItems(depth) : [],
      withinGroup: this.orderItems(depth),
      filter: this.maybe(() => this.expression(depth)),
      over: this.maybe(() => (this.chance() ? this.identifier() : this.overSpec(depth))),
      span,
    };
    if (this.upTo(3) > 0) return plain;
    // The grammar keeps POSITION's first argument free of comparisons; the printer must too.
    const name: Ast.Identifier = { name: 'Position', quoted: false, span };
    const nothing = { star: false, distinct: false, orderBy: [], withinGroup: [] };
    return { ...plain, ...nothing, name, filter: null, over: null };
  }

  private orderItems(depth: number): Ast.OrderItem[] {
    return this.list(0, 1, () => ({
      expression: this.expression(depth),
      descending: this.chance(),
      nulls: this.maybe(() => this.pick(['first', 'last'])),
      span,
    }));
  }

  private overSpec(depth: number): Ast.OverSpec {
    const bound = (): Ast.FrameBound => {
      const kind = this.pick<Ast.FrameBound['kind']>([
        'unbounded-preceding',
        'preceding',
        'current-row',
        'following',
        'unbounded-following',
      ]);
      const hasOffset = kind === 'preceding' || kind === 'following';
      return { kind, offset: hasOffset ? this.expression(depth) : null, span };
    };
    const buffer = this.maybe((): Ast.BufferSpec => ({
      rows: this.upTo(1000),
      emit: this.maybe(() => this.pick(['every-record', 'buffer-full'])),
      expire: this.maybe(() => (this.chance() ? 'never' : this.duration())),
      span,
    }));
    return {
      base: buffer === null ? this.maybe(() => this.identifier()) : null,
      buffer,
      partitionBy: this.list(0, 2, () => this.expression(depth)),
      orderBy: this.orderItems(depth),
      frame: this.maybe(() => ({
        unit: this.pick(['rows', 'range']),
        start: bound(),
        end: bound(),
        span,
      })),
      span,
    };
  }

  query(depth: number): Ast.Query {
    const query: Ast.Query = {
      kind: 'query',
      ctes: this.list(0, depth > 0 ? 1 : 0, () => ({
        name: this.identifier(),
        columns: this.maybe(() => this.names()),
        query: this.query(depth - 1),
        span,
      })),
      body: this.body(depth),
      orderBy: this.orderItems(depth - 1),
      limit: this.maybe(() => this.expression(depth - 1)),
      emit: this.maybe(() => ({ mode: this.pick(['changes', 'final']), span })),
      into: this.maybe(() => this.identifier()),
      options: this.options(),
      span,
    };
    // Parentheses that add nothing leave no trace.
    return isPlain(query) && query.body.kind === 'query' ? query.body : query;
  }

  private body(depth: number): Ast.QueryBody {
    const kind = depth > 0 ? this.upTo(3) : 0;
    if (kind <= 1) return this.select(depth - 1);
    if (kind === 2) {
      const [left, right] = [this.body(depth - 1), this.body(depth - 1)];
      return { kind: 'union', all: this.chance(), left, right, span };
    }
    const query = this.query(depth - 1);
    return isPlain(query) ? query.body : query;
  }

  private select(depth: number): Ast.Select {
    const item = (): Ast.SelectItem => {
      const alias = this.maybe(() => this.identifier());
      if (this.upTo(3) === 0) return { kind: 'star', qualifier: alias, span };
      return { kind: 'item', expression: this.expression(depth), alias, span };
    };
    const stateTtl = this.hints();
    return {
      kind: 'select',
      ...(stateTtl.length === 0 ? {} : { stateTtl }),
      distinct: this.chance(),
      items: this.list(1, 2, item),
      from: this.maybe(() => this.relation(depth)),
      where: this.maybe(() => this.expression(depth)),
      groupBy: this.list(0, 2, () => this.expression(depth)),
      window: this.maybe(() => this.windowClause()),
      namedWindows: this.list(0, 1, () => ({
        name: this.identifier(),
        spec: this.overSpec(depth),
        span,
      })),
      having: this.maybe(() => this.expression(depth)),
      span,
    };
  }

  private windowClause(): Ast.WindowClause {
    const kinds = ['tumbling', 'sliding', 'hopping', 'session'] as const;
    const window = this.pick(kinds);
    const count = window === 'sliding' || window === 'hopping' ? 2 : 1;
    const durations = this.list(count, count, () => this.duration());
    return { window, timeColumn: this.maybe(() => this.column()), durations, span };
  }

  private relation(depth: number): Ast.Relation {
    const alias = this.maybe(() => this.identifier());
    switch (this.upTo(depth > 0 ? 5 : 1)) {
      case 1:
        return { kind: 'quoted-source', uri: this.text(), uriSpan: span, alias, span };
      case 2:
        return { kind: 'derived', query: this.query(depth - 1), alias, span };
      case 3:
        return this.windowTable(depth - 1, alias);
      case 4:
      case 5:
        return this.join(depth - 1);
      default: {
        const asOf = this.maybe(() => this.expression(depth));
        return { kind: 'table', name: this.identifier(), alias, asOf, hints: this.hints(), span };
      }
    }
  }

  private windowTable(depth: number, alias: Ast.Identifier | null): Ast.WindowTable {
    const table: Ast.Relation = this.chance()
      ? {
          kind: 'table',
          name: this.identifier(),
          alias: null,
          asOf: null,
          hints: this.hints(),
          span,
        }
      : { kind: 'derived', query: this.query(depth), alias: null, span };
    return {
      kind: 'window-table',
      window: this.pick(['tumble', 'hop', 'cumulate', 'session']),
      table,
      partitionBy: this.list(0, 2, () => this.expression(depth)),
      timeColumn: this.identifier(),
      durations: this.list(1, 3, () => this.duration()),
      alias,
      span,
    };
  }

  private join(depth: number): Ast.Join {
    const [left, right] = [this.relation(depth), this.relation(depth)];
    const type = this.pick<Ast.Join['type']>(['inner', 'left', 'right', 'full', 'cross']);
    const isUsing = type !== 'cross' && this.chance();
    const on = type === 'cross' || isUsing ? null : this.expression(depth);
    return { kind: 'join', type, left, right, on, using: isUsing ? this.names() : null, span };
  }

  private names(): Ast.Identifier[] {
    return this.list(1, 2, () => this.identifier());
  }
  private options(): Ast.Option[] {
    return this.list(0, 2, () => this.option());
  }
  private option(): Ast.Option {
    return { key: this.text(), keySpan: span, value: this.text(), valueSpan: span, span };
  }
  private hints(): Ast.Option[] {
    return this.chance() ? [] : this.options();
  }

  statement(depth: number): Ast.Statement {
    const annotations: Ast.Annotation[] = this.list(0, 2, () => ({
      key: this.pick(['batch_size', 'expect.rows', 'x-y']),
      value: this.pick(['', '5', 'a: b', "it's"]),
      span,
    }));
    const header = { name: this.identifier(), options: this.options() };
    const relation = this.pick(['table', 'stream'] as const);
    const create = { ...header, relation, ifNotExists: this.chance(), span };
    switch (this.upTo(4)) {
      case 0:
        return { kind: 'set', key: this.text(), value: this.text(), span };
      case 1:
        return { kind: 'select-statement', query: this.query(depth), annotations, span };
      case 2: {
        const columns = this.maybe(() => this.names());
        const [target, query] = [this.identifier(), this.query(depth)];
        const parts = { kind: 'insert', query, annotations, span } as const;
        if (this.chance()) return { ...parts, target, hints: this.hints(), columns };
        const address = { name: this.text(), quoted: true, span };
        return { ...parts, target: address, isAddress: true, hints: [], columns: null };
      }
      case 3:
        return { kind: 'create-as', ...create, query: this.query(depth), annotations };
      default:
        return {
          kind: 'create-table',
          ...create,
          columns: this.list(0, 3, () => this.columnDefinition(depth)),
          watermark: this.maybe(() => ({
            column: this.identifier(),
            expression: this.expression(depth),
            span,
          })),
          primaryKey: this.maybe(() => this.names()),
        };
    }
  }

  private columnDefinition(depth: number): Ast.ColumnDefinition {
    const name = this.identifier();
    if (this.upTo(3) === 0) {
      const computed = this.expression(depth);
      return { name, type: null, computed, metadata: null, notNull: false, span };
    }
    return {
      name,
      type: this.typeName(2),
      computed: this.maybe(() => this.expression(depth)),
      metadata: this.maybe(() => ({
        key: this.maybe(() => this.text()),
        virtual: this.chance(),
      })),
      notNull: this.chance(),
      span,
    };
  }
}

function isPlain({ ctes, orderBy, limit, emit, into, options }: Ast.Query): boolean {
  const lists = ctes.length + orderBy.length + options.length;
  return lists === 0 && limit === null && emit === null && into === null;
}
