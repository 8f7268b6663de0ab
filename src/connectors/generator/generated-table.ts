/**
 * Declarations of other connectors in terms of the generator: rows are counted, and each physical
 * column becomes an expression over their number. Owns the rewriting of options and columns; which
 * expressions, is the connectors'.
 */
import type { Span } from '../../base/span.js';
import type { OptionFault } from '../../plan/connector-facts.js';
import type { ColumnDefinition, CreateTable, Expression, Option } from '../../sql/ast.js';
import { parseExpression } from '../../sql/parser.js';
import { isSpanKey } from '../../sql/walk.js';

export type Report = (fault: OptionFault) => void;

export interface GeneratedTable {
  /** The option that bounds the rows; null: unbounded. */
  readonly rows: { readonly key: string; readonly value: string } | null;
  readonly rowsPerSecond: { readonly key: string; readonly value: string };
  /** SQL text over `i`; null: a fault that is reported. */
  readonly expressionOf: (column: ColumnDefinition) => string | null;
}

/** Options that mean the same to the generator. */
const KEPT: ReadonlySet<string> = new Set(['key.fields', 'source.idle-timeout']);

export function generatedTable(statement: CreateTable, made: GeneratedTable): CreateTable {
  const { name, options } = statement;
  const at = (key: string): Option => {
    const written = options.findLast((option) => option.key === key);
    const { span } = written ?? name;
    const places = { keySpan: written?.keySpan ?? span, valueSpan: written?.valueSpan ?? span };
    return { key, value: '', span, ...places };
  };
  const { rows, rowsPerSecond } = made;
  return {
    ...statement,
    options: [
      { ...at('connector'), value: 'generator' },
      ...(rows === null ? [] : [{ ...at(rows.key), key: 'rows', value: rows.value }]),
      { ...at(rowsPerSecond.key), key: 'rows-per-second', value: rowsPerSecond.value },
      ...options.filter(({ key }) => KEPT.has(key)),
    ],
    columns: statement.columns.map((column) => {
      if (column.computed !== null || column.metadata !== null) return column;
      const text = made.expressionOf(column);
      const computed = placedAt(parseExpression(text ?? 'NULL'), column.span);
      return { ...column, computed };
    }),
  };
}

/** The expression as if it stood there. */
function placedAt(expression: Expression, span: Span): Expression {
  const place = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(place);
    if (node === null || typeof node !== 'object') return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, part]) => [key, isSpanKey(key) ? span : place(part)]),
    );
  };
  // A copy of the same shape.
  return place(expression) as Expression;
}

/** A column's type as SQL text: CAST(… AS type). */
export function castTo(text: string, { type }: ColumnDefinition): string {
  if (type === null) return text;
  const { name, parameters } = type;
  const list = parameters.length === 0 ? '' : `(${parameters.join(', ')})`;
  return `CAST(${text} AS ${name}${list})`;
}

/** NULL for that share of the rows. */
export function withNulls(text: string, seed: number, share: number | undefined): string {
  if (share === undefined || share === 0) return text;
  return `CASE WHEN RANDOM_AT(${seed}, i) < ${share} THEN NULL ELSE ${text} END`;
}
