/**
 * Random expressions that mean the same to velo and DuckDB, in the words of each. Leaves out what
 * is documented to differ: a quotient by zero is NULL in DuckDB, BIGINT beside DOUBLE is compared
 * as DOUBLE there, a quotient of DECIMALs is DOUBLE.
 */
import { COLUMNS } from './random-data.js';
import type { ColumnKind, Random } from './random-data.js';

export interface Expression {
  readonly velo: string;
  readonly duck: string;
}

export function same(text: string): Expression {
  return { velo: text, duck: text };
}

/** One text from expressions between its parts, in both languages. */
export function build(parts: TemplateStringsArray, ...inner: readonly Expression[]): Expression {
  const join = (pick: (expression: Expression) => string): string =>
    parts.map((part, at) => (at === 0 ? '' : pick(inner[at - 1] as Expression)) + part).join('');
  return { velo: join((one) => one.velo), duck: join((one) => one.duck) };
}

const LITERALS: Readonly<Record<ColumnKind, readonly string[]>> = {
  bigint: ['0', '1', '-2', '7', '1000'],
  double: ['0.5e0', '-1e0', '2e3'],
  decimal: ['0.5', '-1.25', '10.00'],
  text: ["''", "'a'", "'é'", "'%'", "'😀'"],
  boolean: ['TRUE', 'FALSE'],
  timestamp: ["TIMESTAMP '1970-01-01 00:00:01'"],
  date: ["DATE '1970-01-02'", "DATE '1969-12-31'"],
};

/** A column by the text that names it. */
export interface ColumnInScope {
  readonly text: string;
  readonly kind: ColumnKind;
}

export class ExpressionGenerator {
  protected readonly random: Random;
  private readonly prefix: string;
  private readonly scope: readonly ColumnInScope[];

  /** Over the columns of random-data.ts behind `prefix`, or over those in `scope`. */
  constructor(random: Random, prefix = '', scope?: readonly ColumnInScope[]) {
    this.random = random;
    this.prefix = prefix;
    this.scope = scope ?? COLUMNS.map(({ name, kind }) => ({ text: prefix + name, kind }));
  }

  /** A literal where the scope has no column of the kind. */
  column(kind: ColumnKind): Expression {
    const columns = this.scope.filter((column) => column.kind === kind);
    if (columns.length === 0) return this.literal(kind);
    return same(this.random.pick(columns).text);
  }

  literal(kind: ColumnKind): Expression {
    return same(this.random.pick(LITERALS[kind]));
  }

  any(depth: number): Expression {
    const kinds: readonly ColumnKind[] = ['bigint', 'double', 'decimal', 'text', 'boolean'];
    return this.of(this.random.pick(kinds), depth);
  }

  of(kind: ColumnKind, depth: number): Expression {
    if (depth <= 0) return this.leaf(kind);
    switch (this.random.below(8)) {
      case 0:
        return this.leaf(kind);
      case 1: {
        const otherwise = this.random.chance(70) ? this.of(kind, depth - 1) : same('NULL');
        const when = this.boolean(depth - 1);
        return build`CASE WHEN ${when} THEN ${this.of(kind, depth - 1)} ELSE ${otherwise} END`;
      }
      case 2:
        return build`COALESCE(${this.of(kind, depth - 1)}, ${this.of(kind, depth - 1)})`;
      case 3:
        return build`NULLIF(${this.of(kind, depth - 1)}, ${this.of(kind, depth - 1)})`;
      default:
        return this.ofKind(kind, depth);
    }
  }

  protected leaf(kind: ColumnKind): Expression {
    return this.random.chance(75) ? this.column(kind) : this.literal(kind);
  }

  protected ofKind(kind: ColumnKind, depth: number): Expression {
    switch (kind) {
      case 'bigint':
        return this.bigint(depth);
      case 'double':
        return this.double(depth);
      case 'decimal':
        return this.decimal(depth);
      case 'text':
        return this.text(depth);
      case 'boolean':
        return this.boolean(depth);
      case 'timestamp':
        return build`(${this.leaf('timestamp')} + INTERVAL '${same(`${this.random.below(99)}`)}' SECOND)`;
      case 'date':
        return this.leaf('date');
    }
  }

  /** Sums stay within 64 bits often enough; where they do not, both sides fail. */
  private bigint(depth: number): Expression {
    const [left, right] = [this.of('bigint', depth - 1), this.of('bigint', depth - 1)];
    switch (this.random.below(9)) {
      case 0:
        return build`(${left} + ${right})`;
      case 1:
        return build`(${left} - ${right})`;
      case 2:
        return build`(${left} * ${same(`${this.random.below(4) - 1}`)})`;
      case 3:
        return build`(${left} % NULLIF(${right}, 0))`;
      case 4:
        return build`GREATEST(${left}, ${right})`;
      case 5:
        return build`LEAST(${left}, ${right})`;
      case 6:
        return build`LENGTH(${this.text(depth - 1)})`;
      case 7:
        return build`SIGN(${left})`;
      default:
        return build`(- ${left})`;
    }
  }

  private double(depth: number): Expression {
    const [left, right] = [this.of('double', depth - 1), this.of('double', depth - 1)];
    switch (this.random.below(7)) {
      case 0:
        return build`(${left} + ${right})`;
      case 1:
        return build`(${left} * ${right})`;
      case 2:
        return build`(${left} / NULLIF(${right}, 0))`;
      case 3:
        return build`ABS(${left})`;
      case 4:
        return build`FLOOR(${left})`;
      case 5:
        return build`(${this.leaf('bigint')} / NULLIF(${this.leaf('bigint')}, 0))`;
      default:
        return build`SQRT(ABS(${left}))`;
    }
  }

  protected decimal(depth: number): Expression {
    const [left, right] = [this.leaf('decimal'), this.leaf('decimal')];
    switch (this.random.below(6)) {
      case 0:
        return build`(${left} + ${right})`;
      case 1:
        return build`(${left} - ${right})`;
      case 2:
        return build`(${left} * ${right})`;
      case 3:
        return build`ABS(${left})`;
      case 4:
        return build`ROUND(${left}, 1)`;
      default:
        return build`CAST(${this.of('decimal', depth - 2)} AS DECIMAL(30, 1))`;
    }
  }

  private text(depth: number): Expression {
    const [left, right] = [this.of('text', depth - 1), this.of('text', depth - 1)];
    const n = same(`${this.random.below(3) + 1}`);
    switch (this.random.below(10)) {
      case 0:
        return build`(${left} || ${right})`;
      case 1:
        return build`CONCAT(${left}, ${right})`;
      case 2:
        return build`UPPER(${left})`;
      case 3:
        return build`LOWER(${left})`;
      case 4:
        return build`TRIM(${left})`;
      case 5:
        return build`SUBSTRING(${left}, ${n})`;
      case 6:
        return build`LEFT(${left}, ${n})`;
      case 7:
        return build`RIGHT(${left}, ${n})`;
      case 8:
        return build`REPLACE(${left}, 'a', ${right})`;
      default:
        return build`CAST(${this.of('bigint', depth - 2)} AS VARCHAR)`;
    }
  }

  boolean(depth: number): Expression {
    if (depth <= 0) return this.leaf('boolean');
    const { random } = this;
    switch (random.below(9)) {
      case 0:
        return build`(${this.boolean(depth - 1)} AND ${this.boolean(depth - 1)})`;
      case 1:
        return build`(${this.boolean(depth - 1)} OR ${this.boolean(depth - 1)})`;
      case 2:
        return build`(NOT ${this.boolean(depth - 1)})`;
      case 3:
        return build`(${this.any(depth - 1)} IS ${same(random.pick(['NULL', 'NOT NULL']))})`;
      case 4:
        return build`(${this.of('text', depth - 1)} LIKE ${same(random.pick(["'a%'", "'%_b'", "'_'"]))})`;
      default:
        return this.comparison(depth);
    }
  }

  protected comparison(depth: number): Expression {
    const kinds: readonly ColumnKind[] = ['bigint', 'double', 'decimal', 'text', 'timestamp'];
    const kind = this.random.pick(kinds);
    const operand = (): Expression => this.of(kind, depth - 1);
    switch (this.random.below(5)) {
      case 0:
        return build`(${operand()} BETWEEN ${operand()} AND ${operand()})`;
      case 1:
        return build`(${operand()} IN (${operand()}, ${operand()}, ${operand()}))`;
      case 2:
        return build`(${operand()} NOT IN (${operand()}, ${operand()}))`;
      default: {
        const operators = ['=', '<>', '<', '<=', '>', '>=', 'IS DISTINCT FROM'];
        return build`(${operand()} ${same(this.random.pick(operators))} ${operand()})`;
      }
    }
  }

  /** An aggregate call; DOUBLE sums take columns only, where the order of additions is harmless. */
  aggregate(): Expression {
    const { random } = this;
    const distinct = same(random.chance(25) ? 'DISTINCT ' : '');
    const filter = random.chance(25) ? build` FILTER (WHERE ${this.boolean(1)})` : same('');
    const call = (() => {
      switch (random.below(9)) {
        case 0:
          return same('COUNT(*)');
        case 1:
          return build`COUNT(${distinct}${this.any(1)})`;
        case 2:
          return build`SUM(${distinct}${same(`${this.prefix}b`)})`;
        case 3:
          return build`SUM(${distinct}${this.column('decimal')})`;
        case 4:
          return build`AVG(${this.column('double')})`;
        case 5:
          return build`MIN(${this.any(1)})`;
        case 6:
          return build`MAX(${this.any(1)})`;
        case 7:
          return build`SUM(${same(`${this.prefix}b`)} / 4)`;
        default:
          return build`${same(random.pick(['STDDEV_POP', 'VAR_SAMP', 'MEDIAN']))}(${same(`${this.prefix}b`)})`;
      }
    })();
    return build`${call}${filter}`;
  }
}
