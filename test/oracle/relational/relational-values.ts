/**
 * Values and conditions over the columns of a relation. On top of random-expressions.ts: kinds that
 * a query of many levels has to tell apart, so that both sides can be held to the same digits, and
 * comparisons of numbers of different types.
 */
import type { ColumnKind, Random } from '../random-data.js';
import { ExpressionGenerator, build, same } from '../random-expressions.js';
import type { ColumnInScope, Expression } from '../random-expressions.js';

/**
 * 'wide' is BIGINT beyond 2^53, which is only compared and counted; 'rough' is DOUBLE whose last
 * digits depend on the order of additions, so that it is no key and decides nothing.
 */
export type Kind = ColumnKind | 'wide' | 'rough';

export interface Column {
  /** As an expression names it. */
  readonly text: string;
  readonly kind: Kind;
}

export interface Value {
  readonly expression: Expression;
  readonly kind: Kind;
}

const NUMBERS: readonly ColumnKind[] = ['bigint', 'decimal', 'double'];
/** Values of the tables, so that some of them are equal. */
const LITERALS: Readonly<Record<ColumnKind, readonly string[]>> = {
  bigint: ['0', '1', '2', '-1'],
  double: ['1e0', '0.5e0', '0e0', '-3.75e0'],
  decimal: ['1.00', '1.25', '-0.1', '0.0'],
  text: ["'a'", "''", "'ab'", "'q'", "'é'"],
  boolean: ['TRUE', 'FALSE'],
  timestamp: ["TIMESTAMP '1970-01-01 00:00:01'", "TIMESTAMP '1970-01-02 00:00:00'"],
  date: ["DATE '1970-01-02'", "DATE '1969-12-31'"],
};
const ANY: readonly ColumnKind[] = [
  'bigint',
  'text',
  'decimal',
  'double',
  'boolean',
  'timestamp',
  'date',
];

function isPlain(column: Column): column is ColumnInScope {
  return column.kind !== 'wide' && column.kind !== 'rough';
}

export class RelationalValues extends ExpressionGenerator {
  readonly columns: readonly Column[];
  /** Kinds that a column has; where none has, all. */
  private readonly kinds: readonly ColumnKind[];

  constructor(random: Random, columns: readonly Column[]) {
    super(random, '', columns.filter(isPlain));
    this.columns = columns;
    const kinds = ANY.filter((kind) => columns.some((column) => column.kind === kind));
    this.kinds = kinds.length === 0 ? ANY : kinds;
  }

  override literal(kind: ColumnKind): Expression {
    return same(this.random.pick(LITERALS[kind]));
  }

  override any(depth: number): Expression {
    return this.of(this.random.pick(this.kinds), depth);
  }

  /** Anything that may be shown: mostly a column. */
  value(): Value {
    const { random } = this;
    if (this.columns.length > 0 && random.chance(80)) {
      const { text, kind } = random.pick(this.columns);
      return { expression: same(text), kind };
    }
    const kind = random.pick(this.kinds);
    return { expression: this.of(kind, 1 + random.below(2)), kind };
  }

  /** Something that may be a key or decide: everything but what is rough. */
  decisive(): Value {
    const made = this.value();
    return made.kind === 'rough' ? { expression: this.literal('bigint'), kind: 'bigint' } : made;
  }

  condition(): Expression {
    const { random } = this;
    const wide = this.columns.filter(({ kind }) => kind === 'wide');
    if (wide.length > 1 && random.chance(10)) {
      const operator = same(random.pick(['<>', '<', '>=', '=']));
      return build`(${same(random.pick(wide).text)} ${operator} ${same(random.pick(wide).text)})`;
    }
    return random.chance(75) ? this.comparison(1) : this.boolean(2);
  }

  /** A column with another one, of some other type of number at times, or with a literal. */
  protected override comparison(depth: number): Expression {
    const { random } = this;
    if (depth > 1) return super.comparison(depth);
    const kind = random.pick(this.kinds);
    const across = NUMBERS.includes(kind) && random.chance(30);
    const other = across ? random.pick(NUMBERS) : kind;
    const one = this.column(kind);
    const two = random.chance(60) ? this.column(other) : this.literal(other);
    const right = two.velo === one.velo ? this.literal(kind) : two;
    switch (random.below(8)) {
      case 7:
        return build`(${one} BETWEEN ${this.literal(kind)} AND ${right})`;
      case 6:
        return build`(${one} IN (${this.literal(kind)}, ${this.literal(kind)}))`;
      case 5:
        return build`(${one} NOT IN (${right}, ${this.literal(kind)}))`;
      default: {
        const operators = ['<>', '<=', '>=', '<', '>', '=', 'IS DISTINCT FROM'];
        return build`(${one} ${same(random.pick(operators))} ${right})`;
      }
    }
  }

  /** Digits do not grow from level to level: a product is cut back. */
  protected override decimal(depth: number): Expression {
    const [left, right] = [this.leaf('decimal'), this.leaf('decimal')];
    switch (this.random.below(6)) {
      case 0:
        return build`(${left} + ${right})`;
      case 1:
        return build`(${left} - ${right})`;
      case 2:
        return build`CAST(CAST(${left} AS DECIMAL(18, 2)) * CAST(${right} AS DECIMAL(9, 2)) AS DECIMAL(28, 2))`;
      case 3:
        return build`ABS(${left})`;
      case 4:
        return build`ROUND(${left}, 1)`;
      default:
        return build`CAST(${this.of('decimal', depth - 2)} AS DECIMAL(30, 1))`;
    }
  }

  /** An aggregate call and what it gives. */
  call(): Value {
    const { random } = this;
    const filter = random.chance(20) ? build` FILTER (WHERE ${this.condition()})` : same('');
    const distinct = same(random.chance(25) ? 'DISTINCT ' : '');
    const of = (expression: Expression, kind: Kind): Value => ({
      expression: build`${expression}${filter}`,
      kind,
    });
    switch (random.below(12)) {
      case 0:
        return of(same('COUNT(*)'), 'bigint');
      case 1:
        return of(build`COUNT(${distinct}${this.decisive().expression})`, 'bigint');
      case 2:
        return of(build`COUNT(${this.value().expression})`, 'bigint');
      case 3:
      case 4: {
        const sum = build`SUM(${distinct}${this.of('bigint', 1)})${filter}`;
        // DuckDB's is a HUGEINT, which is another type in what stands above.
        return {
          expression: { velo: sum.velo, duck: `CAST(${sum.duck} AS BIGINT)` },
          kind: 'bigint',
        };
      }
      case 5: {
        const sum = build`SUM(${distinct}${this.of('decimal', 1)})${filter}`;
        // DuckDB's has 38 digits, so that a UNION with more behind the point would lose them.
        const duck = `CAST(${sum.duck} AS DECIMAL(30, 3))`;
        return { expression: { velo: sum.velo, duck }, kind: 'decimal' };
      }
      case 6:
        return of(build`SUM(${this.column('double')})`, 'rough');
      case 7:
        return of(build`AVG(${this.of(random.pick(['bigint', 'double']), 0)})`, 'rough');
      case 8: {
        const name = random.pick(['STDDEV_POP', 'VAR_SAMP', 'MEDIAN', 'VAR_POP']);
        return of(build`${same(name)}(${this.column('bigint')})`, 'rough');
      }
      case 9: {
        const text = this.of('text', 1);
        const velo = `LISTAGG(DISTINCT ${text.velo}, '|' ORDER BY ${text.velo})`;
        const duck = `string_agg(DISTINCT ${text.duck}, '|' ORDER BY ${text.duck})`;
        return of({ velo, duck }, 'text');
      }
      default: {
        const { expression, kind } = this.value();
        return of(build`${same(random.pick(['MIN', 'MAX']))}(${expression})`, kind);
      }
    }
  }
}
