/**
 * Random queries as trees: joins of every type over tables, subqueries and CTEs that are read
 * again, groups of groups, UNION [ALL] of branches of different types and depths, DISTINCT and
 * Top-N, up to four levels. Every ORDER BY is total, so that a query has one answer.
 * Sizes are estimated, so that joins over joins stay small. A choice of 0 is the simplest one.
 */
import type { ColumnKind, Random } from '../random-data.js';
import { build, same } from '../random-expressions.js';
import type { Expression } from '../random-expressions.js';
import { COLUMNS_OF_TABLES, ROWS_MAX, TABLE_NAMES } from './relational-tables.js';
import { RelationalValues } from './relational-values.js';
import type { Column, Kind, Value } from './relational-values.js';

export interface RelationalQuery extends Expression {
  /** Which columns hold DOUBLEs whose last digits depend on the order of additions. */
  readonly rough: readonly boolean[];
  /** What it is made of, for the count of kinds. */
  readonly features: ReadonlySet<string>;
  /** Its ORDER BY is the outermost one: there is one order of its rows. */
  readonly isOrdered: boolean;
}

interface Relation {
  readonly text: Expression;
  readonly columns: readonly { readonly name: string; readonly kind: Kind }[];
  readonly rows: number;
}

const DEPTHS = [1, 1, 1, 1, 2, 2, 2, 3, 4];
const CTES = [0, 0, 0, 1, 1, 2];
/** Of a CTE: the query around it has its own. */
const CTE_DEPTH_MAX = 2;
const ROWS_OF_A_JOIN_MAX = 160;
const BLOCKS_MAX = 6;
const GROUPS = 8;
const KEY_KINDS: readonly Kind[] = [
  'bigint',
  'text',
  'decimal',
  'double',
  'wide',
  'timestamp',
  'date',
  'boolean',
];
const NUMBERS: readonly Kind[] = ['bigint', 'decimal', 'double'];

export function relationalQuery(random: Random): RelationalQuery {
  return new QueryMaker(random).make();
}

function list(items: readonly Expression[], between = ', '): Expression {
  return items.reduce((all, item) => build`${all}${same(between)}${item}`);
}

class QueryMaker {
  private readonly random: Random;
  private readonly features = new Set<string>();
  private readonly ctes: (Relation & { readonly name: string; readonly definition: Expression })[] =
    [];
  private aliases = 0;
  private blocks = 0;

  constructor(random: Random) {
    this.random = random;
  }

  make(): RelationalQuery {
    const { random } = this;
    const depth = random.pick(DEPTHS);
    const ctes = random.pick(CTES);
    for (let at = 0; at < ctes; at += 1) {
      const made = this.query(random.below(CTE_DEPTH_MAX + 1));
      this.ctes.push({
        ...made,
        name: `q${at}`,
        definition: build`${same(`q${at}`)} AS (${made.text})`,
      });
    }
    const { text, columns, isOrdered } = this.outermost(this.query(depth));
    const definitions = this.ctes.map(({ definition }) => definition);
    const head = definitions.length === 0 ? same('') : build`WITH ${list(definitions, ',\n')}\n`;
    const query = build`${head}${text}`;
    this.features.add(`depth ${depth}`);
    return {
      ...query,
      rough: columns.map(({ kind }) => kind === 'rough'),
      features: this.features,
      isOrdered,
    };
  }

  /** Sometimes in an order that is total, which the rows of EMIT FINAL keep. */
  private outermost(query: Relation): Relation & { readonly isOrdered: boolean } {
    const isDecided = query.columns.every(({ kind }) => kind !== 'rough');
    if (!isDecided || this.random.chance(88)) return { ...query, isOrdered: false };
    this.features.add('ordered');
    const alias = this.alias();
    const columns = query.columns.map(({ name, kind }) => ({ text: `${alias}.${name}`, kind }));
    const names = columns.map((column) => column.text).join(', ');
    const limit = this.random.chance(50) ? '' : ` LIMIT ${this.random.below(8)}`;
    const order = this.total(columns);
    const text = build`SELECT ${same(names)} FROM (${query.text}) AS ${same(alias)} ORDER BY ${order}${same(limit)}`;
    return { ...query, text, isOrdered: true };
  }

  private query(depth: number): Relation {
    this.blocks += 1;
    if (depth <= 0) return this.select(0);
    switch (this.random.below(12)) {
      case 9:
      case 8:
        return this.union(depth);
      case 10:
        return this.limited(depth);
      case 11:
        return this.ranked(depth);
      default:
        return this.select(depth);
    }
  }

  private alias(): string {
    this.aliases += 1;
    return `r${this.aliases}`;
  }

  /** An item of FROM with its columns as they are named in the query around it. */
  private item(depth: number, rowsMax = Infinity): Source {
    const { random } = this;
    const alias = this.alias();
    const cte = this.ctes.length === 0 ? undefined : random.pick(this.ctes);
    const choice = random.below(10);
    const scope = (
      text: Expression,
      { columns, rows }: Pick<Relation, 'columns' | 'rows'>,
    ): Source => ({
      text,
      columns: columns.map(({ name, kind }) => ({ text: `${alias}.${name}`, kind })),
      rows,
    });
    if (cte !== undefined && choice >= 5 && cte.rows <= rowsMax) {
      this.features.add('CTE');
      return scope(build`${same(cte.name)} AS ${same(alias)}`, cte);
    }
    if (depth > 0 && choice >= 2 && this.blocks < BLOCKS_MAX) {
      const inner = this.query(depth - 1);
      if (inner.rows <= rowsMax) {
        return scope(build`(${inner.text}) AS ${same(alias)}`, inner);
      }
    }
    const table = random.pick(TABLE_NAMES);
    return scope(same(`${table} AS ${alias}`), { columns: COLUMNS_OF_TABLES, rows: ROWS_MAX / 2 });
  }

  /** FROM: an item, or a join of two or three. */
  private source(depth: number): Source {
    const first = this.item(depth);
    const joins = this.random.pick([0, 0, 1, 1, 1, 2]);
    if (joins > 0 && this.random.chance(8)) return this.commaJoin(first, depth);
    let joined = first;
    for (let at = 0; at < joins; at += 1) joined = this.join(joined, depth);
    return joined;
  }

  /** The conditions of a comma join stand in WHERE. */
  private commaJoin(left: Source, depth: number): Source {
    this.features.add('comma join');
    const right = this.item(depth - 1, (ROWS_OF_A_JOIN_MAX * 4) / Math.max(4, left.rows));
    return {
      text: build`${left.text}, ${right.text}`,
      where: this.equality(left, right),
      columns: [...left.columns, ...right.columns],
      rows: Math.max(left.rows, right.rows, (left.rows * right.rows) / 4),
    };
  }

  private join(left: Source, depth: number): Source {
    const { random } = this;
    const type = random.pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'LEFT JOIN']);
    const right = this.item(depth - 1, (ROWS_OF_A_JOIN_MAX * 4) / Math.max(4, left.rows));
    const keys = Array.from({ length: random.pick([1, 1, 1, 2, 2, 3]) }, () =>
      this.equality(left, right),
    );
    const residual = random.chance(65) ? [] : [this.residual(left, right)];
    const condition = list([...keys, ...residual], ' AND ');
    const rows = Math.max(left.rows, right.rows, (left.rows * right.rows) / 4 ** keys.length);
    this.features.add(type);
    if (keys.length > 1) this.features.add('several keys');
    if (residual.length > 0) this.features.add('residual condition');
    return {
      text: build`${left.text} ${same(type)} ${right.text} ON ${condition}`,
      columns: [...left.columns, ...right.columns],
      rows,
    };
  }

  /** Of two columns where both sides have the kind; sometimes of two types of number. */
  private equality(left: Scope, right: Scope): Expression {
    const { random } = this;
    const across = random.chance(85) ? null : [random.pick(NUMBERS), random.pick(NUMBERS)];
    const has = ({ columns }: Scope, kind: Kind): boolean =>
      columns.some((column) => column.kind === kind);
    const shared = KEY_KINDS.filter((kind) => has(left, kind) && has(right, kind));
    const kind = shared.length === 0 ? 'bigint' : random.pick(shared);
    const [one, two] = across ?? [kind, kind];
    return build`${this.keyOf(left, one as Kind)} = ${this.keyOf(right, two as Kind)}`;
  }

  /** A join wants a column of each side in its equality. */
  private keyOf(scope: Scope, kind: Kind): Expression {
    const { random } = this;
    const columns = scope.columns.filter((column) => column.kind === kind);
    if (columns.length === 0) {
      return same(`CASE WHEN ${random.pick(scope.columns).text} IS NULL THEN 0 ELSE 1 END`);
    }
    const { text } = random.pick(columns);
    if (kind === 'wide' || random.chance(85)) return same(text);
    const other = new RelationalValues(random, scope.columns).literal(kind as ColumnKind);
    return build`COALESCE(${same(text)}, ${other})`;
  }

  private residual(left: Scope, right: Scope): Expression {
    const { random } = this;
    const columns = random.pick([[...left.columns, ...right.columns], left.columns, right.columns]);
    return new RelationalValues(random, columns).condition();
  }

  private where(values: RelationalValues, joins: Expression | undefined): Expression {
    const own = this.random.chance(75) ? [] : [values.condition()];
    const all = joins === undefined ? own : [joins, ...own];
    return all.length === 0 ? same('') : build`\nWHERE ${list(all, ' AND ')}`;
  }

  private select(depth: number): Relation {
    const { random } = this;
    const source = this.source(depth);
    const values = new RelationalValues(random, source.columns);
    const head = build`FROM ${source.text}${this.where(values, source.where)}`;
    switch (random.below(10)) {
      case 5:
        return this.distinct(values, head, source.rows);
      case 6:
      case 7:
      case 8:
        return this.grouped(values, head, source.rows);
      case 9:
        return this.oneGroup(values, head);
      default:
        return this.projected(values, head, source.rows);
    }
  }

  private projected(values: RelationalValues, head: Expression, rows: number): Relation {
    const { columns } = values;
    const tables = new Set(columns.map(({ text }) => text.split('.')[0]));
    if (tables.size === 1 && this.random.chance(15)) {
      this.features.add('*');
      const star = this.random.pick(['*', `${[...tables].join('')}.*`]);
      const shown = columns.map(({ text, kind }) => ({ name: text.split('.')[1] ?? text, kind }));
      return { text: build`SELECT ${same(star)}\n${head}`, columns: shown, rows };
    }
    const items = this.some(4, () => values.value());
    return { text: build`SELECT ${named(items)}\n${head}`, columns: columnsOf(items), rows };
  }

  private distinct(values: RelationalValues, head: Expression, rows: number): Relation {
    this.features.add('DISTINCT');
    const items = this.some(3, () => values.decisive());
    return {
      text: build`SELECT DISTINCT ${named(items)}\n${head}`,
      columns: columnsOf(items),
      rows,
    };
  }

  private some(most: number, make: () => Value): Value[] {
    return Array.from({ length: 1 + this.random.below(most) }, make);
  }

  private grouped(values: RelationalValues, head: Expression, rows: number): Relation {
    const { random } = this;
    this.features.add('GROUP BY');
    // What is made of whole numbers only may be taken for the place of a column.
    const keys = this.some(3, () => values.decisive()).map(({ expression, kind }) => ({
      kind,
      expression: /\br\d+\./.test(expression.velo)
        ? expression
        : build`COALESCE(${expression}, NULL)`,
    }));
    const calls = this.some(4, () => values.call());
    const items = [...keys, ...calls];
    const groups = random.chance(70)
      ? list(keys.map(({ expression }) => expression))
      : same(keys.map((_, at) => `${at + 1}`).join(', '));
    const having = this.having(values, calls);
    return {
      text: build`SELECT ${named(items)}\n${head}\nGROUP BY ${groups}${having}`,
      columns: columnsOf(items),
      rows: Math.min(rows, GROUPS * keys.length),
    };
  }

  private having(values: RelationalValues, calls: readonly Value[]): Expression {
    const { random } = this;
    if (random.chance(70)) return same('');
    this.features.add('HAVING');
    const call = random.chance(50) ? random.pick(calls) : values.call();
    switch (call.kind) {
      case 'bigint':
      case 'decimal': {
        const operator = same(random.pick(['>', '<=', '<>']));
        return build` HAVING ${call.expression} ${operator} ${same(`${random.below(4)}`)}`;
      }
      default:
        return build` HAVING ${call.expression} IS ${same(random.pick(['NOT NULL', 'NULL']))}`;
    }
  }

  private oneGroup(values: RelationalValues, head: Expression): Relation {
    this.features.add('one group');
    const calls = this.some(3, () => values.call());
    return {
      text: build`SELECT ${named(calls)}\n${head}${this.having(values, calls)}`,
      columns: columnsOf(calls),
      rows: 1,
    };
  }

  /** Branches of different types, depths and kinds, brought to columns that go together. */
  private union(depth: number): Relation {
    const { random } = this;
    const all = random.chance(80) ? ' ALL' : '';
    this.features.add(`UNION${all}`);
    const count = random.pick([2, 2, 3]);
    const kinds = Array.from({ length: 1 + random.below(3) }, () => random.pick(UNITED));
    let rows = 0;
    const branches = Array.from({ length: count }, () => {
      const inner = this.item(random.pick([depth - 1, depth - 1, 0]));
      rows += inner.rows;
      const values = new RelationalValues(random, inner.columns);
      const items = kinds.map((among): Value => {
        const kind = random.pick(among);
        return { expression: values.of(kind, random.below(2)), kind };
      });
      return { items, text: build`SELECT ${named(items)} FROM ${inner.text}` };
    });
    const columns = kinds.map((_, at) => ({
      name: `c${at}`,
      kind: unitedKind(branches.map(({ items }) => items[at]?.kind ?? 'bigint')),
    }));
    const text = list(
      branches.map((branch) => branch.text),
      `\nUNION${all} `,
    );
    return { text, columns, rows };
  }

  /** Columns of a relation in some order, each with a direction: total but for rows that are equal. */
  private total(columns: readonly Column[]): Expression {
    const left = [...columns];
    const keys: Expression[] = [];
    while (left.length > 0) {
      const [{ text }] = left.splice(this.random.below(left.length), 1) as [Column];
      const way = ['ASC NULLS FIRST', 'DESC NULLS LAST', 'ASC NULLS LAST', 'DESC NULLS FIRST'];
      keys.push(same(`${text} ${this.random.pick(way)}`));
    }
    return list(keys);
  }

  /** Some columns of a relation by which it can be ordered, as `SELECT … FROM …` without more. */
  private orderable(depth: number): {
    readonly head: Expression;
    readonly items: readonly Value[];
    readonly inner: Scope;
  } {
    const inner = this.source(depth - 1);
    const values = new RelationalValues(this.random, inner.columns);
    const items = this.some(3, () => values.decisive());
    const alias = this.alias();
    const derived = build`(SELECT ${named(items)} FROM ${inner.text}${this.where(values, inner.where)}) AS ${same(alias)}`;
    return { head: derived, items, inner: { columns: scopeOf(alias, items), rows: inner.rows } };
  }

  private limited(depth: number): Relation {
    this.features.add('ORDER BY LIMIT');
    const { head, items, inner } = this.orderable(depth);
    const outer = this.alias();
    const count = 1 + this.random.below(6);
    const names = same(
      columnsOf(items)
        .map(({ name }) => name)
        .join(', '),
    );
    const order = this.total(inner.columns);
    const text = build`SELECT ${names} FROM (SELECT ${names} FROM ${head} ORDER BY ${order} LIMIT ${same(`${count}`)}) AS ${same(outer)}`;
    return { text, columns: columnsOf(items), rows: count };
  }

  private ranked(depth: number): Relation {
    const { random } = this;
    this.features.add('Top-N');
    const { head, items, inner } = this.orderable(depth);
    const outer = this.alias();
    const parts = inner.columns.filter(() => random.chance(40)).map(({ text }) => text);
    const partition = parts.length === 0 ? '' : `PARTITION BY ${parts.join(', ')} `;
    const count = 1 + random.below(3);
    const columns = columnsOf(items);
    const names = columns.map(({ name }) => name).join(', ');
    const order = this.total(inner.columns);
    const ranks = build`SELECT ${same(names)}, ROW_NUMBER() OVER (${same(partition)}ORDER BY ${order}) AS n FROM ${head}`;
    const withPlace = random.chance(30);
    const shown = withPlace ? `${names}, n` : names;
    const text = build`SELECT ${same(shown)} FROM (${ranks}) AS ${same(outer)} WHERE n <= ${same(`${count}`)}`;
    return {
      text,
      columns: withPlace ? [...columns, { name: 'n', kind: 'bigint' }] : columns,
      rows: Math.min(inner.rows, parts.length === 0 ? count : count * GROUPS),
    };
  }
}

interface Scope {
  readonly columns: readonly Column[];
  readonly rows: number;
}

interface Source extends Scope {
  readonly text: Expression;
  /** What of its conditions stands in WHERE. */
  readonly where?: Expression;
}

/** What the branches of a UNION may give in one column. */
const UNITED: readonly (readonly ColumnKind[])[] = [
  ['bigint', 'decimal', 'double'],
  ['bigint', 'decimal'],
  ['bigint'],
  ['text'],
  ['boolean'],
  ['timestamp', 'date'],
  ['double', 'decimal'],
];

function unitedKind(kinds: readonly Kind[]): Kind {
  for (const widest of ['double', 'decimal', 'timestamp'] as const) {
    if (kinds.includes(widest)) return widest;
  }
  return kinds[0] ?? 'bigint';
}

function named(items: readonly Value[]): Expression {
  return list(items.map(({ expression }, at) => build`${expression} AS ${same(`c${at}`)}`));
}

function columnsOf(items: readonly Value[]): { readonly name: string; readonly kind: Kind }[] {
  return items.map(({ kind }, at) => ({ name: `c${at}`, kind }));
}

function scopeOf(alias: string, items: readonly Value[]): Column[] {
  return columnsOf(items).map(({ name, kind }) => ({ text: `${alias}.${name}`, kind }));
}
