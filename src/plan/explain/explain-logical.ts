/**
 * The logical plan in EXPLAIN's words: one line per fact of an operator, expressions as SQL.
 */
import { assertNever } from '../../base/assert.js';
import { typeText } from '../../columnar/types.js';
import type { ExplainedNode, ExplainedQuery } from './explained.js';
import { expressionText } from '../expression/expression-text.js';
import type { BoundExpression } from '../expression/expression.js';
import { logicalInputs } from '../logical/logical-plan.js';
import type {
  LogicalAggregateCall,
  LogicalNode,
  LogicalQuery,
  LogicalSortKey,
  LogicalWindowCall,
} from '../logical/logical-plan.js';
import type { Schema } from '../schema.js';
import { frameText, windowText } from '../pipeline/state-signature.js';

export function describeLogical(query: LogicalQuery): ExplainedQuery {
  const emit = query.emit === null ? [] : [`EMIT ${query.emit.mode.toUpperCase()}`];
  return {
    id: query.id,
    facts: [`into ${query.sink ?? 'stdout'}`, ...emit],
    note: null,
    root: describeNode(query.root),
  };
}

function describeNode(node: LogicalNode): ExplainedNode {
  return {
    title: titleOf(node),
    details: detailsOf(node).filter((detail) => detail !== ''),
    mode: null,
    inputs: logicalInputs(node).map(describeNode),
  };
}

function titleOf(node: LogicalNode): string {
  if (node.kind === 'scan') return `scan ${node.table.name}`;
  if (node.kind === 'join') return `${node.type} join`;
  return node.kind === 'aggregate' && node.distinct ? 'distinct' : node.kind;
}

function detailsOf(node: LogicalNode): readonly string[] {
  switch (node.kind) {
    case 'scan':
      return [
        `connector ${node.table.connector}, ${node.table.bounded ? 'bounded' : 'unbounded'}`,
        `columns ${schemaText(node.table.physical)}`,
      ];
    case 'filter':
      return [expressionText(node.condition)];
    case 'project':
      return [
        list(
          '',
          node.expressions.map((expression, at) => named(expression, node.schema[at]?.name)),
        ),
      ];
    case 'aggregate':
      return [
        list(
          'by ',
          node.keys.map((key) => expressionText(key)),
        ),
        ...node.aggregates.map(callText),
      ];
    case 'window-aggregate':
      return [
        `${windowText(node.window)} of ${expressionText(node.time)}`,
        list(
          'by ',
          node.keys.map((key) => expressionText(key)),
        ),
        ...node.aggregates.map(callText),
      ];
    case 'window-columns':
      return [
        `${windowText(node.window)} of ${expressionText(node.time)}`,
        list(
          'partition by ',
          node.partitionBy.map((key) => expressionText(key)),
        ),
      ];
    case 'rows-window':
      return [
        `buffer of ${node.bufferRows} rows, emit ${node.emit}`,
        ...orderDetails(node),
        node.expiry === null
          ? 'buffers do not expire'
          : `expires after ${node.expiry.inactivityMs} ms of ${expressionText(node.expiry.time)}`,
        ...node.calls.map(callText),
      ];
    case 'over':
      return [...orderDetails(node), ...node.calls.map(callText)];
    case 'top-n':
      return [`first ${node.limit}`, ...orderDetails(node)];
    case 'join':
      return [node.condition === null ? '' : `on ${expressionText(node.condition)}`];
    case 'sort':
      return [
        list('by ', node.keys.map(sortText)),
        node.limit === null ? '' : `first ${node.limit} rows`,
        node.windowEnd === null ? '' : 'within each window',
      ];
    case 'limit':
      return [`${node.count} rows`];
    case 'union':
      return [];
    case 'final':
      return [node.windowEnd === null ? 'at the end of input' : 'of each window'];
    default:
      return assertNever(node);
  }
}

export function schemaText(schema: Schema): string {
  return schema.map(({ name, type }) => `${name} ${typeText(type)}`).join(', ');
}

function named(expression: BoundExpression, name: string | undefined): string {
  const text = expressionText(expression);
  return name === undefined || name === text ? text : `${text} AS ${name}`;
}

function list(label: string, parts: readonly string[]): string {
  return parts.length === 0 ? '' : `${label}${parts.join(', ')}`;
}

function orderDetails(node: {
  readonly partitionBy: readonly BoundExpression[];
  readonly orderBy: readonly LogicalSortKey[];
}): readonly string[] {
  return [
    list(
      'partition by ',
      node.partitionBy.map((key) => expressionText(key)),
    ),
    list('order by ', node.orderBy.map(sortText)),
  ];
}

function sortText(key: LogicalSortKey): string {
  const direction = key.descending ? ' DESC' : '';
  const nulls =
    key.nullsFirst === key.descending ? '' : key.nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
  return `${expressionText(key.expression)}${direction}${nulls}`;
}

function callText(call: LogicalAggregateCall | LogicalWindowCall): string {
  const literals = call.literals.map((value) =>
    typeof value === 'string' ? `'${value}'` : String(value),
  );
  const inside = [...call.args.map((argument) => expressionText(argument)), ...literals].join(', ');
  const star = call.function === 'COUNT' && inside === '' ? '*' : inside;
  const filter = call.filter === null ? '' : ` FILTER (WHERE ${expressionText(call.filter)})`;
  const frame = 'frame' in call && call.frame !== null ? ` ${frameText(call.frame)}` : '';
  const distinct = call.distinct ? 'DISTINCT ' : '';
  const order =
    call.orderBy.length === 0 ? '' : ` ORDER BY ${call.orderBy.map(sortText).join(', ')}`;
  return `${call.function}(${distinct}${star})${order}${filter}${frame} ${typeText(call.type)}`;
}
