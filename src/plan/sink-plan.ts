/**
 * What goes into a sink: the query's columns matched with the sink's by position (or by the names
 * of INSERT INTO sink (…)), converted where SQL converts by itself, and the columns that name a
 * row for the sink (PRIMARY KEY, or the grouping columns).
 */
import { assertNever } from '../base/assert.js';
import { typeText } from '../columnar/types.js';
import { canCastImplicitly } from '../functions/type-rules.js';
import type { Insert } from '../sql/ast.js';
import { isBareNull } from './bind/binder-query.js';
import { literal, unifyTo } from './bind/bound-values.js';
import { identity } from './logical/calc-fusion.js';
import type { BoundExpression } from './expression/expression.js';
import { didYouMean } from './faults.js';
import type { FaultCollector } from './faults.js';
import type { LogicalNode } from './logical/logical-plan.js';
import type { PipelineNode } from './pipeline/pipeline-plan.js';
import type { PhysicalColumn, Schema, TableDefinition } from './schema.js';
import { nameMatches } from './bind/scope.js';

/** A project of the query's columns to the sink's. */
export function fitSink(
  faults: FaultCollector,
  node: LogicalNode,
  target: { readonly sink: TableDefinition; readonly insert: Insert | null },
): LogicalNode {
  const { sink, insert } = target;
  const columns = sink.inserted ?? sink.physical;
  if (columns.length === 0) return node;
  const wanted = insertedColumns(faults, sink, insert);
  const given = identity(node);
  if (given.length !== wanted.length) {
    return faults.fail('STATEMENT_INVALID', {
      message: `"${sink.name}" takes ${wanted.length} columns, the query has ${given.length}`,
      span: insert?.target.span ?? node.span,
      hint: `its columns are ${wanted.map(({ name }) => name).join(', ')}`,
    });
  }
  const values = faults.all(wanted, (column, at) => fitted(faults, node, { sink, column, at }));
  const expressions = columns.map((column) => {
    const at = wanted.indexOf(column);
    return values[at] ?? literal(null, column.type, node.span);
  });
  const isPlain = expressions.every(
    (expression, at) => expression.kind === 'column' && expression.index === at,
  );
  const schema = columns.map(({ name, type }) => ({ name, type }));
  const hasNames = schema.every(({ name }, at) => node.schema[at]?.name === name);
  if (isPlain && hasNames) return node;
  return { kind: 'project', input: node, expressions, schema, span: node.span };
}

function insertedColumns(
  faults: FaultCollector,
  sink: TableDefinition,
  insert: Insert | null,
): readonly PhysicalColumn[] {
  const names = insert?.columns ?? null;
  const columns = sink.inserted ?? sink.physical;
  if (names === null) return columns;
  return faults.all(names, (name) => {
    const column = columns.find((known) => nameMatches(name, known.name));
    if (column !== undefined) return column;
    return faults.fail('COLUMN_NOT_FOUND', {
      message: `column "${name.name}" does not exist in table "${sink.name}"`,
      span: name.span,
      hint: didYouMean(
        name.name,
        columns.map((known) => known.name),
      ),
    });
  });
}

function fitted(
  faults: FaultCollector,
  node: LogicalNode,
  target: { readonly sink: TableDefinition; readonly column: PhysicalColumn; readonly at: number },
): BoundExpression {
  const { sink, column, at } = target;
  const value = identity(node)[at] ?? literal(null, column.type, node.span);
  if (isBareNull(node, at)) return literal(null, column.type, node.span);
  if (canCastImplicitly(value.type, column.type)) return unifyTo(value, column.type);
  const written = node.kind === 'project' ? node.expressions[at]?.span : undefined;
  return faults.fail('TYPE_MISMATCH', {
    message: `column "${column.name}" of "${sink.name}" is ${typeText(column.type)}, not ${typeText(value.type)}`,
    span: written ?? node.span,
    hint: `convert it with CAST(… AS ${typeText(column.type)})`,
  });
}

export function keyColumnsOf(
  root: PipelineNode,
  sink: TableDefinition | null,
  schema: Schema,
): readonly number[] {
  if (sink !== null && sink.primaryKey.length > 0) {
    const places = sink.primaryKey.map((key) => schema.findIndex(({ name }) => name === key));
    return places.includes(-1) ? [] : places;
  }
  return uniqueKey(root);
}

/** Columns that name a row: what it was grouped by, as far as the root has it. */
function uniqueKey(node: PipelineNode): readonly number[] {
  switch (node.kind) {
    case 'aggregate':
      return node.keys.map((_, at) => at);
    case 'window-aggregate':
      return [...node.keys.map((_, at) => at), node.keys.length, node.keys.length + 1];
    case 'calc':
      return throughCalc(node.projections, node.input);
    case 'watermark':
    case 'limit':
    case 'sort':
    case 'final':
    case 'watermark-delay':
      return uniqueKey(node.input);
    case 'top-n':
      if (node.limit === 1) return node.partitionBy;
      return node.rankColumn ? [...node.partitionBy, node.schema.length - 1] : [];
    case 'scan':
    case 'exchange':
    case 'window-columns':
    case 'rows-window':
    case 'over':
    case 'join':
    case 'union':
      return [];
    default:
      return assertNever(node);
  }
}

/** A window's bounds may be missing from the list; any other key column may not. */
function throughCalc(
  projections: readonly BoundExpression[],
  input: PipelineNode,
): readonly number[] {
  const places = uniqueKey(input).map((key) =>
    projections.findIndex((output) => output.kind === 'column' && output.index === key),
  );
  const isWindowed = input.kind === 'window-aggregate';
  const required = isWindowed ? places.slice(0, -2) : places;
  return required.includes(-1) ? [] : places.filter((place) => place >= 0);
}
