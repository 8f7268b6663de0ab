/**
 * A query → a relation: CTEs, UNION, ORDER BY and LIMIT around SELECTs. Owns what these take and
 * where EMIT and INTO may stand; one SELECT is binder-select.ts. What a LIMIT or ORDER BY means
 * for emission is decided when the pipeline is built.
 */
import type { Span } from '../../base/span.js';
import { BIGINT_MAX, NULL_TYPE, VARCHAR, typeText } from '../../columnar/types.js';
import { commonType } from '../../functions/type-rules.js';
import type { Cte, Expression, OrderItem, Query, QueryBody, Union } from '../../sql/ast.js';
import { sortKey } from './binder-aggregate.js';
import type { BinderEnvironment, NamedRelation } from './binder-environment.js';
import { bindExpression } from './binder-expression.js';
import { bindSelect, distinctOf } from './binder-select.js';
import type { BoundSelect } from './binder-select.js';
import { literal, unifyTo } from './bound-values.js';
import type { BoundExpression } from '../expression/expression.js';
import type { FaultCollector } from '../faults.js';
import type { LogicalNode, LogicalSortKey } from '../logical/logical-plan.js';
import { withinSize } from '../logical/plan-size.js';
import type { Relation, ScopeColumn } from './scope.js';

export function bindQuery(environment: BinderEnvironment, query: Query): Relation {
  if (!environment.isOutermost) refuseOutermostParts(environment, query);
  const ctes = bindCtes(environment, query.ctes);
  const inner = { ...environment, ctes };
  const limit = environment.faults.attempt(() => ({
    rows: bindLimit(environment.faults, query.limit),
  }));
  const { relation, sortKeys } = bindBody(inner, query.body, query.orderBy);
  return ordered(relation, sortKeys, { limit: limit?.rows ?? null, query });
}

/** EMIT, INTO and WITH belong to the outermost SELECT; what changes nothing is let pass. */
function refuseOutermostParts(environment: BinderEnvironment, query: Query): void {
  const { faults } = environment;
  if (query.into !== null) {
    faults.fail('STATEMENT_INVALID', {
      message: 'INTO cannot stand in a subquery',
      span: query.into.span,
      hint: 'write it at the end of the outermost SELECT',
    });
  }
  const [option] = query.options;
  if (option !== undefined) {
    faults.fail('STATEMENT_INVALID', {
      message: 'WITH (…) cannot stand in a subquery',
      span: option.span,
      hint: 'write it where the sink is declared',
    });
  }
  if (query.emit === null) return;
  faults.fail('EMIT_INVALID', {
    message: 'EMIT speaks of the outermost SELECT: it cannot stand in a subquery',
    span: query.emit.span,
    hint: 'write it at the end of the outermost SELECT',
  });
}

function bindCtes(environment: BinderEnvironment, ctes: readonly Cte[]): readonly NamedRelation[] {
  const { faults } = environment;
  const known = [...environment.ctes];
  for (const cte of ctes) {
    const relation = faults.attempt(() => {
      const inner = { ...environment, ctes: [...known], isOutermost: false };
      return renamed(faults, bindQuery(inner, cte.query), cte);
    });
    known.push({ name: cte.name.name, relation });
  }
  return known;
}

/** WITH x (a, b) AS …: other names for the visible columns. */
function renamed(faults: FaultCollector, relation: Relation, cte: Cte): Relation {
  if (cte.columns === null) return relation;
  const names = cte.columns;
  const visible = relation.columns.filter((column) => !column.hidden);
  if (names.length !== visible.length) {
    return faults.fail('STATEMENT_INVALID', {
      message: `"${cte.name.name}" names ${names.length} columns, its query has ${visible.length}`,
      span: cte.name.span,
    });
  }
  const columns = relation.columns.map((column) => {
    const at = visible.indexOf(column);
    return { ...column, name: names[at]?.name ?? column.name };
  });
  return { ...relation, columns };
}

function bindBody(
  environment: BinderEnvironment,
  body: QueryBody,
  orderBy: readonly OrderItem[],
): BoundSelect {
  if (body.kind === 'select') return bindSelect(environment, body, orderBy);
  const inner = { ...environment, isOutermost: false };
  const relation = body.kind === 'union' ? bindUnion(inner, body) : bindQuery(inner, body);
  return { relation, sortKeys: bindOutputKeys(environment.faults, relation, orderBy) };
}

/** ORDER BY of a UNION or a query in parentheses: over its output columns only. */
function bindOutputKeys(
  faults: FaultCollector,
  relation: Relation,
  orderBy: readonly OrderItem[],
): readonly LogicalSortKey[] {
  const visible = relation.columns.filter((column) => !column.hidden);
  const context = { faults, columns: relation.columns, clause: 'ORDER BY' };
  return faults.all(orderBy, (item) => {
    const { expression: node } = item;
    const isOrdinal = node.kind === 'literal' && node.type === 'integer';
    const column = isOrdinal ? visible[Number(node.text) - 1] : undefined;
    if (isOrdinal && column === undefined) {
      return faults.fail('STATEMENT_INVALID', {
        message: `ORDER BY ${node.text}: the query has ${visible.length} columns`,
        span: node.span,
      });
    }
    const expression =
      column === undefined ? bindExpression(context, node) : columnOf(column, node.span);
    return sortKey(item, expression);
  });
}

function columnOf({ index, name, type }: ScopeColumn, span: Span): BoundExpression {
  return { kind: 'column', index, name, type, span };
}

/** Puts ORDER BY and LIMIT on top. */
function ordered(
  relation: Relation,
  keys: readonly LogicalSortKey[],
  parts: { readonly limit: number | null; readonly query: Query },
): Relation {
  const { limit, query } = parts;
  const { node } = relation;
  const { schema } = node;
  if (keys.length > 0) {
    const span = query.orderBy[0]?.span ?? query.span;
    const sort: LogicalNode = {
      kind: 'sort',
      input: node,
      keys,
      limit,
      windowEnd: null,
      partitionBy: [],
      schema,
      span,
    };
    return { ...relation, node: sort };
  }
  if (limit === null) return relation;
  const span = query.limit?.span ?? query.span;
  return { ...relation, node: { kind: 'limit', input: node, count: limit, schema, span } };
}

function bindLimit(faults: FaultCollector, node: Expression | null): number | null {
  if (node === null) return null;
  if (node.kind === 'literal' && node.type === 'integer') {
    const count = BigInt(node.text.replaceAll('_', ''));
    // No job puts out more rows than a double counts: beyond that every limit is none.
    if (count <= BIGINT_MAX) return Math.min(Number(count), Number.MAX_SAFE_INTEGER);
  }
  return faults.fail('LIMIT_INVALID', {
    message: `LIMIT takes a whole number of at least 0, not ${faults.textAt(node.span)}`,
    span: node.span,
    hint: 'write LIMIT 10',
  });
}

function bindUnion(environment: BinderEnvironment, union: Union): Relation {
  const { faults } = environment;
  const sides = faults.all(unionSides(union, union.all), (side) =>
    visibleOnly(bindBody(environment, side, []).relation),
  );
  const [first, ...rest] = sides;
  if (first === undefined)
    return faults.fail('STATEMENT_INVALID', { message: 'empty UNION', span: union.span });
  const width = first.node.schema.length;
  for (const side of rest) {
    if (side.node.schema.length === width) continue;
    faults.fail('STATEMENT_INVALID', {
      message: `the sides of UNION have ${width} and ${side.node.schema.length} columns`,
      span: side.node.span,
      hint: 'select the same number of columns on both sides',
    });
  }
  const types = first.node.schema.map(({ name }, at) => {
    const given = sides.map(({ node }) =>
      isBareNull(node, at) ? NULL_TYPE : (node.schema[at]?.type ?? NULL_TYPE),
    );
    const type = commonType(given);
    if (type !== undefined) return type.kind === 'null' ? VARCHAR : type;
    return faults.fail('TYPE_MISMATCH', {
      message: `column "${name}" of UNION is ${given.map(typeText).join(' and ')}`,
      span: union.span,
      hint: 'convert one of them with CAST(… AS …)',
    });
  });
  const inputs = sides.map((side) => castOutputs(side.node, types));
  const schema = first.node.schema.map(({ name }, at) => ({
    name,
    type: types[at] ?? { kind: 'null' as const },
  }));
  const all: LogicalNode = { kind: 'union', inputs, schema, span: union.span };
  withinSize(faults, all, sides.at(-1)?.node.span ?? union.span);
  const columns = first.columns.map((column, at) => ({
    ...column,
    type: schema[at]?.type ?? column.type,
  }));
  return { node: union.all ? all : distinctOf(all), columns, eventTime: null };
}

/** a UNION ALL b UNION ALL c has three sides. */
function unionSides(body: QueryBody, all: boolean): readonly QueryBody[] {
  if (body.kind !== 'union' || (all && !body.all)) return [body];
  return [...unionSides(body.left, all), ...unionSides(body.right, all)];
}

/** A relation whose node has its visible columns and nothing else. */
export function visibleOnly(relation: Relation): Relation {
  const visible = relation.columns.filter((column) => !column.hidden);
  const { node } = relation;
  const isPlain =
    visible.length === node.schema.length &&
    visible.every((column, at) => column.index === at && column.name === node.schema[at]?.name);
  const columns = visible.map((column, index) => ({ ...column, index }));
  if (isPlain) return { node, columns, eventTime: null };
  const written = writtenExpressions(node);
  const expressions = visible.map((column) =>
    columnOf(column, written[column.index]?.span ?? node.span),
  );
  const schema = visible.map(({ name, type }) => ({ name, type }));
  const project: LogicalNode = {
    kind: 'project',
    input: node,
    expressions,
    schema,
    span: node.span,
  };
  return { node: project, columns, eventTime: null };
}

/** The expressions of the list below ORDER BY and LIMIT, whose spans faults point at. */
function writtenExpressions(node: LogicalNode): readonly BoundExpression[] {
  if (node.kind === 'sort' || node.kind === 'limit') return writtenExpressions(node.input);
  return node.kind === 'project' ? node.expressions : [];
}

/** A column that is NULL in every row, because NULL is written there: it takes any type. */
export function isBareNull(node: LogicalNode, column: number): boolean {
  if (node.kind === 'union') return node.inputs.every((input) => isBareNull(input, column));
  if (node.kind === 'sort' || node.kind === 'limit') return isBareNull(node.input, column);
  const written = node.kind === 'project' ? node.expressions[column] : undefined;
  if (node.kind === 'project' && written?.kind === 'column') {
    return isBareNull(node.input, written.index);
  }
  return written?.kind === 'literal' && written.value === null && written.type.kind === 'varchar';
}

function castOutputs(
  node: LogicalNode,
  types: LogicalNode['schema'][number]['type'][],
): LogicalNode {
  const { schema, span } = node;
  if (schema.every(({ type }, at) => typeText(type) === typeText(types[at] ?? type))) return node;
  const expressions = schema.map(({ name, type }, index) =>
    isBareNull(node, index)
      ? literal(null, types[index] ?? type, span)
      : unifyTo({ kind: 'column', index, name, type, span }, types[index] ?? type),
  );
  const casted = schema.map(({ name }, at) => ({
    name,
    type: types[at] ?? { kind: 'null' as const },
  }));
  return { kind: 'project', input: node, expressions, schema: casted, span };
}
