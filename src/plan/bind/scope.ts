/**
 * Scopes: which names a clause sees and where they lead. Owns the matching of names (in any case
 * unless quoted), qualifiers, hidden system columns and the wording of "does not exist" and
 * "is ambiguous". A relation is a logical node with the names of its output columns.
 */
import type { SqlType } from '../../columnar/types.js';
import type { ColumnReference, Identifier } from '../../sql/ast.js';
import { didYouMean } from '../faults.js';
import type { FaultCollector } from '../faults.js';
import type { LogicalNode } from '../logical/logical-plan.js';

/** Physical columns of a scan that naming a column reads (LogicalScan.named). */
export interface ColumnReads {
  readonly into: number[];
  readonly columns: readonly number[];
}

export interface ScopeColumn {
  readonly name: string;
  /** Name or alias of the relation in FROM; null in a select list's output. */
  readonly qualifier: string | null;
  readonly type: SqlType;
  /** Column number in the relation's node. */
  readonly index: number;
  /** System columns: found by name, not part of `*`. */
  readonly hidden: boolean;
  readonly reads: ColumnReads | null;
}

export interface Relation {
  readonly node: LogicalNode;
  readonly columns: readonly ScopeColumn[];
  /** Column with the records' event time; `declared`: by a WATERMARK. */
  readonly eventTime: { readonly index: number; readonly declared: boolean } | null;
}

export interface ResolvedColumn {
  readonly column: ScopeColumn;
  /** Names behind the column: fields of a ROW. */
  readonly fields: readonly Identifier[];
}

export function nameMatches(wanted: Identifier, name: string): boolean {
  return wanted.quoted ? wanted.name === name : wanted.name.toLowerCase() === name.toLowerCase();
}

/** The columns that a single name may mean: declared ones hide system columns, exact spelling wins. */
export function columnsNamed(
  columns: readonly ScopeColumn[],
  name: Identifier,
  qualifier: Identifier | null = null,
): readonly ScopeColumn[] {
  const inScope =
    qualifier === null
      ? columns
      : columns.filter(
          (column) => column.qualifier !== null && nameMatches(qualifier, column.qualifier),
        );
  const matching = inScope.filter((column) => nameMatches(name, column.name));
  const visible = matching.filter((column) => !column.hidden);
  const candidates = visible.length > 0 ? visible : matching;
  if (candidates.length < 2) return candidates;
  const exact = candidates.filter((column) => column.name === name.name);
  return exact.length > 0 ? exact : candidates;
}

/** The column that a reference means; null when no column has the name; a fault when several do. */
export function findColumn(
  faults: FaultCollector,
  columns: readonly ScopeColumn[],
  reference: ColumnReference,
): ResolvedColumn | null {
  const [first, second] = reference.parts;
  if (first === undefined) return null;
  if (second !== undefined) {
    const qualified = columnsNamed(columns, second, first);
    if (qualified.length > 0) {
      return single(faults, qualified, { reference, named: 2 });
    }
  }
  const named = columnsNamed(columns, first);
  return named.length === 0 ? null : single(faults, named, { reference, named: 1 });
}

function single(
  faults: FaultCollector,
  candidates: readonly ScopeColumn[],
  found: { readonly reference: ColumnReference; readonly named: number },
): ResolvedColumn {
  const { reference, named } = found;
  const [column] = candidates;
  if (column === undefined || candidates.length > 1) {
    const owners = candidates.map((candidate) => `"${candidate.qualifier ?? candidate.name}"`);
    return faults.fail('COLUMN_AMBIGUOUS', {
      message: `column "${referenceText(reference)}" is ambiguous: ${owners.join(' and ')} have it`,
      span: reference.span,
      hint: 'write the name of its table in front of it',
    });
  }
  return { column, fields: reference.parts.slice(named) };
}

export function referenceText(reference: ColumnReference): string {
  return reference.parts.map((part) => part.name).join('.');
}

/** Reports a name that no column has. */
export function missingColumn(
  faults: FaultCollector,
  columns: readonly ScopeColumn[],
  reference: ColumnReference,
): never {
  const [first, second] = reference.parts;
  const tables = tableNames(columns);
  const name = reference.parts[reference.parts.length - 1]?.name ?? '';
  const qualifier = second === undefined ? null : (first ?? null);
  const known = qualifier === null || tables.some((table) => nameMatches(qualifier, table));
  if (!known) {
    return faults.fail('COLUMN_NOT_FOUND', {
      message: `column "${referenceText(reference)}" does not exist: FROM has no table "${qualifier?.name}"`,
      span: reference.span,
      hint: didYouMean(qualifier?.name ?? '', tables),
    });
  }
  const inTable = qualifier?.name ?? (tables.length === 1 ? tables[0] : undefined);
  const candidates = columns
    .filter((column) => !column.hidden || name.startsWith('_'))
    .map((column) => (column.hidden ? column.name.toUpperCase() : column.name));
  return faults.fail('COLUMN_NOT_FOUND', {
    message:
      `column "${name}" does not exist` + (inTable === undefined ? '' : ` in table "${inTable}"`),
    span: reference.span,
    hint: didYouMean(name, candidates) ?? columnsHint(columns),
  });
}

function columnsHint(columns: readonly ScopeColumn[]): string | undefined {
  const names = columns.filter((column) => !column.hidden).map((column) => column.name);
  if (names.length === 0 || names.length > 12) return undefined;
  return `its columns are ${names.join(', ')}`;
}

function tableNames(columns: readonly ScopeColumn[]): string[] {
  return [...new Set(columns.flatMap(({ qualifier }) => (qualifier === null ? [] : [qualifier])))];
}

/** The columns under another table name; a null qualifier takes names away. */
export function requalify(
  columns: readonly ScopeColumn[],
  qualifier: string | null,
): readonly ScopeColumn[] {
  return columns.map((column) => ({ ...column, qualifier }));
}
