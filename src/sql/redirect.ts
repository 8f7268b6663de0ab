/**
 * `--source table=URI`: reads a declared table from somewhere else. Rewrites CREATE TABLE so that
 * the named table has the given connector; columns that a generator computed become columns of the
 * data, because a file made from the fixture holds them. Owns nothing else of the script.
 */
import type { ColumnDefinition, CreateTable, Option, Script } from './ast.js';

export interface RedirectTarget {
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
}

/** `targets` are keyed by table name in lower case. */
export function redirectSources(
  script: Script,
  targets: ReadonlyMap<string, RedirectTarget>,
): Script {
  if (targets.size === 0) return script;
  const statements = script.statements.map((statement) => {
    if (statement.kind !== 'create-table') return statement;
    const target = targets.get(statement.name.name.toLowerCase());
    return target === undefined ? statement : redirected(statement, target);
  });
  return { ...script, statements };
}

function redirected(table: CreateTable, target: RedirectTarget): CreateTable {
  const fromGenerator = table.options.some(
    (option) => option.key === 'connector' && option.value === 'generator',
  );
  const entries = Object.entries({ connector: target.connector, ...target.options });
  const options: Option[] = entries.map(([key, value]) => ({
    key,
    value,
    valueSpan: table.span,
    span: table.span,
  }));
  const columns = fromGenerator ? table.columns.map(asPhysical) : table.columns;
  return { ...table, columns, options };
}

function asPhysical(column: ColumnDefinition): ColumnDefinition {
  return column.type === null ? column : { ...column, computed: null };
}
