/**
 * FROM → relations: tables and views of the catalog, CTEs, quoted sources, subqueries, window
 * table functions and joins. Owns what a table offers (declared columns, hidden system columns,
 * its event time). A table is a scan of everything below a project of its declared columns.
 */
import type { Span } from '../../base/span.js';
import { BIGINT, BOOLEAN, TIMESTAMP } from '../../columnar/types.js';
import type * as ast from '../../sql/ast.js';
import type { BinderEnvironment } from './binder-environment.js';
import { bindCondition, bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import { bindTimeColumn, windowSpecOf } from './binder-group-window.js';
import { bindFunction, logical } from './bound-values.js';
import type { BoundColumn, BoundExpression } from '../expression/expression.js';
import { columnIndexes } from '../expression/expression-walk.js';
import type { LogicalJoin, LogicalScan } from '../logical/logical-plan.js';
import type { TableEntry } from '../catalog.js';
import { Poisoned } from '../faults.js';
import { withinSize } from '../logical/plan-size.js';
import { checkTable, placed } from './connector-options.js';
import type { OptionContext } from './connector-options.js';
import { defineTable } from './table-definition.js';
import { SYSTEM_COLUMNS } from '../schema.js';
import type { Schema, TableDefinition } from '../schema.js';
import { columnsNamed, findColumn, missingColumn, nameMatches, requalify } from './scope.js';
import type { ColumnReads, Relation, ScopeColumn } from './scope.js';

export function bindRelation(environment: BinderEnvironment, node: ast.Relation): Relation {
  switch (node.kind) {
    case 'table':
      return bindTableReference(environment, node);
    case 'quoted-source':
      return bindQuotedSource(environment, node);
    case 'derived':
      return bindDerived(environment, node);
    case 'window-table':
      return bindWindowTable(environment, node);
    case 'join':
      return bindJoin(environment, node);
  }
}

function bindTableReference(environment: BinderEnvironment, node: ast.TableReference): Relation {
  const { faults, ctes } = environment;
  if (node.asOf !== null) {
    return faults.fail('NOT_SUPPORTED', {
      message: 'FOR SYSTEM_TIME AS OF (a temporal join) is not supported yet',
      span: node.span,
      hint: 'write a regular JOIN',
    });
  }
  const alias = (node.alias ?? node.name).name;
  const cte = ctes.findLast((known) => nameMatches(node.name, known.name));
  if (cte !== undefined) {
    const [hint] = node.hints;
    if (hint !== undefined) {
      faults.fail('STATEMENT_INVALID', {
        message: `"${node.name.name}" is no declared table: a hint cannot give it options`,
        span: hint.span,
        hint: 'write the hint behind a table that the query of WITH reads',
      });
    }
    if (cte.relation === null) throw new Poisoned();
    withinSize(faults, cte.relation.node, node.span);
    return { ...cte.relation, columns: requalify(cte.relation.columns, alias) };
  }
  const names = ctes.map((known) => known.name);
  const entry = environment.catalog.get(faults, node.name, names);
  if (entry.kind === 'view') {
    const [hint] = node.hints;
    if (hint !== undefined) {
      faults.fail('STATEMENT_INVALID', {
        message: `"${entry.name}" is no declared table: a hint cannot give it options`,
        span: hint.span,
        hint: 'write the hint behind a table that the view reads',
      });
    }
    withinSize(faults, entry.relation.node, node.span);
    return { ...entry.relation, columns: requalify(entry.relation.columns, alias) };
  }
  const table = readTable(environment, entry, node);
  return tableRelation(table, node.alias?.name ?? table.name, node.span);
}

/** The table as this query reads it: with the options of its hint. */
function readTable(
  environment: BinderEnvironment,
  entry: TableEntry,
  node: ast.TableReference,
): TableDefinition {
  const { faults, connectors } = environment;
  const { table, written } = hinted(environment, entry, node.hints);
  const facts = connectors.find(table.connector);
  if (facts?.reads !== true) {
    return faults.fail('STATEMENT_INVALID', {
      message: `"${entry.name}" cannot be read: "${table.connector}" only takes rows`,
      span: node.span,
      hint: 'read a table of connector file, kafka or generator',
    });
  }
  if (entry.statement.redirected !== true) {
    checkTable(environment, table, { written, name: node.name.span, use: 'read' });
  }
  return table;
}

/** A declared table with the options of a hint in place of its own. */
export function hinted(
  context: OptionContext,
  { table, statement }: TableEntry,
  hints: readonly ast.Option[],
): { readonly table: TableDefinition; readonly written: readonly ast.Option[] } {
  const { options } = statement;
  const [first] = hints;
  if (first === undefined) return { table, written: options };
  if (statement.redirected === true) {
    const text = `hint OPTIONS of "${table.name}" is ignored: --source says what is read`;
    context.warn(placed(context.faults, first.span, text));
    return { table, written: options };
  }
  const kept = options.filter(({ key }) => !hints.some((hint) => hint.key === key));
  const written = [...kept, ...hints];
  return { table: defineTable(context, { ...statement, options: written }), written };
}

function bindQuotedSource(environment: BinderEnvironment, node: ast.QuotedSource): Relation {
  const quoted = environment.quotedSchemas.get(node.uri);
  if (quoted === undefined) {
    return environment.faults.fail('TABLE_NOT_FOUND', {
      message: `source "${node.uri}" has no known schema`,
      span: node.span,
      hint: 'declare it with CREATE TABLE',
    });
  }
  if (quoted === 'unresolved') {
    const text = `the columns of "${node.uri}" are known when it is read: what reads it is not checked`;
    environment.warn(placed(environment.faults, node.uriSpan, text));
    throw new Poisoned();
  }
  const { columns: physical, connector, options, bounded, oneSplit } = quoted;
  const table: TableDefinition = {
    name: node.uri,
    connector,
    options,
    physical,
    columns: physical.map(({ name, type }, index) => ({ kind: 'physical', name, type, index })),
    watermark: null,
    primaryKey: [],
    bounded,
    ...(oneSplit ? { oneSplit } : {}),
    inferred: true,
  };
  return tableRelation(table, node.alias?.name ?? node.uri, node.span);
}

/** Output of a scan: physical columns, then the system columns. */
export function scanSchema(table: TableDefinition): Schema {
  return [...table.physical, ...SYSTEM_COLUMNS];
}

interface OfferedColumn {
  readonly name: string;
  readonly hidden: boolean;
  readonly expression: BoundExpression;
}

export function tableRelation(table: TableDefinition, qualifier: string, span: Span): Relation {
  const named: number[] = [];
  const scan: LogicalScan = { kind: 'scan', table, named, schema: scanSchema(table), span };
  const offered = offeredColumns(table, span);
  const columns = offered.map(({ name, hidden, expression }, index): ScopeColumn => {
    const physical = [...columnIndexes(expression)].filter((at) => at < table.physical.length);
    const reads: ColumnReads | null =
      physical.length === 0 ? null : { into: named, columns: physical };
    return { name, qualifier, type: expression.type, index, hidden, reads };
  });
  const expressions = offered.map(({ expression }) => expression);
  const schema = offered.map(({ name, expression }) => ({ name, type: expression.type }));
  return {
    node: { kind: 'project', input: scan, expressions, schema, span },
    columns,
    eventTime: {
      index: offered.findIndex(({ name, hidden }) => hidden && name === '_event_time'),
      declared: table.watermark !== null,
    },
  };
}

/** Declared columns in their order, then what is found by name only. */
function offeredColumns(table: TableDefinition, span: Span): readonly OfferedColumn[] {
  const schema = scanSchema(table);
  const scanned = (index: number): BoundColumn => {
    const { name, type } = schema[index] ?? { name: '', type: BIGINT };
    return { kind: 'column', index, name, type, span };
  };
  const declared = table.columns.map((column): OfferedColumn => {
    const expression = column.kind === 'physical' ? scanned(column.index) : column.expression;
    return { name: column.name, hidden: false, expression };
  });
  const system = SYSTEM_COLUMNS.flatMap(({ name }, at): readonly OfferedColumn[] =>
    name === '_record_time'
      ? []
      : [{ name, hidden: true, expression: scanned(table.physical.length + at) }],
  );
  const undeclared = table.physical.flatMap(({ name }, index): readonly OfferedColumn[] => {
    const same = (other: OfferedColumn): boolean => other.name.toLowerCase() === name.toLowerCase();
    return declared.some(same) ? [] : [{ name, hidden: true, expression: scanned(index) }];
  });
  const eventTime: OfferedColumn = {
    name: '_event_time',
    hidden: true,
    expression:
      declared.find(({ name }) => name === table.watermark?.column)?.expression ??
      scanned(schema.findIndex(({ name }) => name === '_record_time')),
  };
  return [...declared, ...undeclared, ...system, eventTime];
}

function bindDerived(environment: BinderEnvironment, node: ast.DerivedTable): Relation {
  const relation = environment.bindQuery({ ...environment, isOutermost: false }, node.query);
  return { ...relation, columns: requalify(relation.columns, node.alias?.name ?? null) };
}

/** TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), size)): the table's columns and those of the window. */
function bindWindowTable(environment: BinderEnvironment, node: ast.WindowTable): Relation {
  const { faults } = environment;
  const input = bindRelation(environment, node.table);
  const context: BindContext = {
    faults,
    columns: input.columns,
    clause: 'a window table function',
  };
  const reference: ast.ColumnReference = {
    kind: 'column',
    parts: [node.timeColumn],
    span: node.timeColumn.span,
  };
  const time = bindTimeColumn(context, reference);
  const window = windowSpecOf(faults, {
    kind: node.window === 'tumble' ? 'tumbling' : node.window === 'hop' ? 'hopping' : node.window,
    durations: node.durations.map(({ ms }) => ms),
    stepFirst: true,
    span: node.span,
  });
  const partitionBy = faults.all(node.partitionBy, (key) => bindExpression(context, key));
  const qualifier = node.alias?.name ?? input.columns[0]?.qualifier ?? null;
  const width = input.node.schema.length;
  const added = ['window_start', 'window_end', 'window_time'];
  const windowColumns = added.map((name, at): ScopeColumn => ({
    name,
    qualifier,
    type: TIMESTAMP,
    index: width + at,
    hidden: false,
    reads: null,
  }));
  const hidden = windowColumns.map((column) => ({
    ...column,
    name: `_${column.name}`,
    hidden: true,
  }));
  const own = node.alias === null ? input.columns : requalify(input.columns, qualifier);
  return {
    node: {
      kind: 'window-columns',
      input: input.node,
      window,
      time,
      partitionBy,
      closes: false,
      schema: [...input.node.schema, ...added.map((name) => ({ name, type: TIMESTAMP }))],
      span: node.span,
    },
    columns: [...own, ...windowColumns, ...hidden.slice(0, 2)],
    eventTime: input.eventTime,
  };
}

function bindJoin(environment: BinderEnvironment, node: ast.Join): Relation {
  const { faults } = environment;
  const [left, right] = faults.all([node.left, node.right], (side) =>
    bindRelation(environment, side),
  ) as [Relation, Relation];
  const shift = left.node.schema.length;
  const shifted = right.columns.map((column) => ({ ...column, index: column.index + shift }));
  refuseDuplicateTables(environment, node, left, right);
  const all = [...left.columns, ...shifted];
  const merged =
    node.using === null ? all : usingColumns(environment, node, [left.columns, shifted]);
  const context: BindContext = { faults, columns: all, clause: 'ON' };
  const ttls = [node.left, node.right].map((side) => environment.stateTtl?.take(side) ?? null);
  const [leftMs = null, rightMs = null] = ttls;
  const join: LogicalJoin = {
    kind: 'join',
    type: node.type === 'cross' ? 'inner' : node.type,
    left: left.node,
    right: right.node,
    condition: joinCondition(context, node, { left: left.columns, right: shifted }),
    schema: [...left.node.schema, ...right.node.schema],
    ...(leftMs === null && rightMs === null ? {} : { ttlsMs: [leftMs, rightMs] }),
    span: node.span,
  };
  withinSize(faults, join, node.right.span);
  return { node: join, columns: merged, eventTime: null };
}

function refuseDuplicateTables(
  environment: BinderEnvironment,
  node: ast.Join,
  left: Relation,
  right: Relation,
): void {
  const taken = new Set(left.columns.map(({ qualifier }) => qualifier?.toLowerCase()));
  const twice = right.columns.find(
    ({ qualifier }) => qualifier !== null && taken.has(qualifier.toLowerCase()),
  );
  if (twice === undefined) return;
  environment.faults.fail('COLUMN_AMBIGUOUS', {
    message: `table "${twice.qualifier}" stands twice in FROM`,
    span: node.right.span,
    hint: 'give one of them an alias',
  });
}

function joinCondition(
  context: BindContext,
  node: ast.Join,
  sides: { readonly left: readonly ScopeColumn[]; readonly right: readonly ScopeColumn[] },
): BoundExpression | null {
  const { faults } = context;
  if (node.on !== null) return bindCondition(context, node.on, 'ON');
  if (node.using === null) return null;
  const equalities = faults.all(node.using, (name) => {
    const reference: ast.ColumnReference = { kind: 'column', parts: [name], span: name.span };
    const pair = [sides.left, sides.right].map((columns): BoundExpression => {
      const found = findColumn(faults, columns, reference);
      if (found === null) return missingColumn(faults, columns, reference);
      return readColumn(found.column, name.span);
    });
    return bindFunction(faults, '=', pair, name.span);
  });
  return equalities.length === 0
    ? { kind: 'literal', value: true, type: BOOLEAN, span: node.span }
    : logical('and', equalities, node.span);
}

function readColumn(column: ScopeColumn, span: Span): BoundColumn {
  if (column.reads !== null) column.reads.into.push(...column.reads.columns);
  return { kind: 'column', index: column.index, name: column.name, type: column.type, span };
}

/** USING (k): k stands once, in front: the left side's, but the right side's of a RIGHT JOIN. */
function usingColumns(
  environment: BinderEnvironment,
  node: ast.Join,
  sides: readonly [readonly ScopeColumn[], readonly ScopeColumn[]],
): readonly ScopeColumn[] {
  const using = node.using ?? [];
  if (node.type === 'full') {
    environment.faults.fail('NOT_SUPPORTED', {
      message: 'FULL JOIN … USING is not supported yet',
      span: node.span,
      hint: 'write ON and COALESCE(a.k, b.k)',
    });
  }
  const [left, right] = sides;
  const kept = node.type === 'right' ? right : left;
  const merged = using.flatMap((name) => columnsNamed(kept, name).slice(0, 1));
  const isMerged = (column: ScopeColumn): boolean =>
    using.some((name) => nameMatches(name, column.name));
  return [...merged, ...[...left, ...right].filter((column) => !isMerged(column))];
}
