/**
 * Sources and sinks that are named by an address instead of a declaration. INSERT INTO 'URI', and a
 * SELECT with --to, become CREATE TABLE … AS of a table with that name. `--source table=URI`: reads a declared table from somewhere else. Rewrites CREATE TABLE so that
 * the named table has the given connector; columns that a generator computed become columns of the
 * data, because a file made from the fixture holds them. Owns nothing else of the script.
 */
import type {
  ColumnDefinition,
  CreateAs,
  CreateTable,
  Identifier,
  Insert,
  Option,
  Script,
  SelectStatement,
} from './ast.js';
import type { Span } from '../base/span.js';

export interface RedirectTarget {
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
}

/** `targets` are keyed by table name in lower case; `computes`: connectors of computed columns. */
export function redirectSources(
  script: Script,
  targets: ReadonlyMap<string, RedirectTarget>,
  computes: (connector: string) => boolean,
): Script {
  if (targets.size === 0) return script;
  const statements = script.statements.map((statement) => {
    if (statement.kind !== 'create-table') return statement;
    const target = targets.get(statement.name.name.toLowerCase());
    return target === undefined ? statement : redirected(statement, target, computes);
  });
  return { ...script, statements };
}

function redirected(
  table: CreateTable,
  target: RedirectTarget,
  computes: (connector: string) => boolean,
): CreateTable {
  const fromGenerator = table.options.some(
    (option) => option.key === 'connector' && computes(option.value),
  );
  const options = optionsOf(target, table.span);
  const columns = fromGenerator ? table.columns.map(asPhysical) : table.columns;
  return { ...table, columns, options, redirected: true };
}

function optionsOf({ connector, options }: RedirectTarget, span: Span): Option[] {
  return Object.entries({ connector, ...options }).map(([key, value]) => {
    return { key, keySpan: span, value, valueSpan: span, span };
  });
}

/** `to`: where SELECTs go that name no sink; null: nowhere else. */
export function redirectSinks(
  script: Script,
  addressed: (address: string) => RedirectTarget,
  to: string | null,
): Script {
  const names = new Map<string, number>();
  const into = (
    statement: Insert | SelectStatement,
    { name: address, span }: Identifier,
  ): CreateAs => {
    const { query, annotations } = statement;
    const count = (names.get(address) ?? 0) + 1;
    names.set(address, count);
    // Several queries may write one file.
    const name = { name: count === 1 ? address : `${address} (${count})`, quoted: true, span };
    const options = optionsOf(addressed(address), span);
    const head = { relation: 'table', ifNotExists: false } as const;
    return { kind: 'create-as', ...head, name, options, query, annotations, span: statement.span };
  };
  const statements = script.statements.map((statement) => {
    if (statement.kind === 'insert' && statement.isAddress === true) {
      return into(statement, statement.target);
    }
    const isFree = statement.kind === 'select-statement' && statement.query.into === null;
    if (!isFree || to === null) return statement;
    return into(statement, { name: to, quoted: true, span: statement.span });
  });
  return { ...script, statements };
}

function asPhysical(column: ColumnDefinition): ColumnDefinition {
  return column.type === null ? column : { ...column, computed: null };
}
