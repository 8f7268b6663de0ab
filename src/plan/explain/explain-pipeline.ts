/**
 * The pipeline plan in EXPLAIN's words: ids, schemas, keys, emission, windows, watermarks, lateness
 * and state signatures, one line per fact. Columns are shown by name. What moves on V2 is
 * explain-fragments.ts.
 */
import { assertNever } from '../../base/assert.js';
import type { ExplainedNode, ExplainedQuery } from './explained.js';
import { exchangeText, partitionsText } from './explain-fragments.js';
import type { ExplainedPartitions } from './explain-fragments.js';
import { schemaText } from './explain-logical.js';
import { expressionText, valueText } from '../expression/expression-text.js';
import type { BoundExpression } from '../expression/expression.js';
import { pipelineInputs } from '../pipeline/pipeline-plan.js';
import type {
  AggregateCall,
  LatePolicy,
  PipelineNode,
  QueryPlan,
  ScanNode,
  SortKey,
  WindowAggregateNode,
  WindowCall,
} from '../pipeline/pipeline-plan.js';
import type { Schema } from '../schema.js';
import { frameText, windowText } from '../pipeline/state-signature.js';
import { nodeTtlText } from '../pipeline/state-ttl.js';

const LIMIT_TEXTS = {
  passing: '',
  standing: 'as soon as so many stand',
  final: 'that stand at the end of input',
} as const;

export function describePipeline(
  query: QueryPlan,
  partitions: ExplainedPartitions,
): ExplainedQuery {
  const { sink, settings } = query;
  const key = sink.keyColumns.map((at) => sink.schema[at]?.name ?? `$${at}`);
  const target = sink.table === null ? 'stdout' : `${sink.table.name} (${sink.table.connector})`;
  return {
    id: query.id,
    facts: [
      `into ${target}`,
      schemaText(sink.schema),
      ...(key.length === 0 ? [] : [`key ${key.join(', ')}`]),
      ...(query.changelog ? ['with changelog'] : []),
      ...(settings.batchSize === null ? [] : [`batches of ${settings.batchSize}`]),
    ],
    note: partitionsText(query, partitions),
    root: describeNode(query.root, partitions),
  };
}

function describeNode(node: PipelineNode, partitions: ExplainedPartitions): ExplainedNode {
  const details = [
    ...detailsOf(node),
    ttlText(node),
    exchangeText(partitions, node),
    stateText(node),
  ];
  return {
    title: node.id,
    details: details.filter((detail) => detail !== ''),
    mode: node.mode,
    inputs: pipelineInputs(node).map((input) => describeNode(input, partitions)),
  };
}

function stateText(node: PipelineNode): string {
  return 'signature' in node ? `state ${node.signature}` : '';
}

function ttlText(node: PipelineNode): string {
  const ttl = nodeTtlText(node);
  return ttl === null ? '' : `expires after ${ttl}`;
}

function detailsOf(node: PipelineNode): readonly string[] {
  switch (node.kind) {
    case 'scan':
      return scanDetails(node);
    case 'calc':
      return [
        node.filter === null ? '' : `where ${shown(node.filter, node.input.schema)}`,
        ...node.projections.map((output, at) => {
          const text = shown(output, node.input.schema);
          const name = node.schema[at]?.name ?? '';
          const rejected = node.evaluateRejected.includes(at) ? ', of rejected rows too' : '';
          return `${name === text ? text : `${name} = ${text}`}${rejected}`;
        }),
      ];
    case 'watermark': {
      const name = nameOf(node.schema, node.column);
      const idle = node.idleTimeoutMs > 0 ? `, idle after ${node.idleTimeoutMs} ms` : '';
      return [`${name} - ${node.boundMs} ms${node.assumed ? ' (assumed)' : ''}${idle}`];
    }
    case 'aggregate':
      return [
        names('by ', node.input.schema, node.keys),
        ...node.aggregates.map((call) => callText(call, node.input.schema)),
        `emit ${node.emission}${node.distinct ? ', new groups only' : ''}`,
      ];
    case 'window-aggregate':
      return windowDetails(node);
    case 'window-columns':
      return [
        `${windowText(node.window)} of ${nameOf(node.input.schema, node.timeColumn)}`,
        node.late === null ? '' : lateText(node.late),
      ];
    case 'rows-window':
      return [
        `buffer of ${node.bufferRows} rows, emit ${node.emit}`,
        names('partition by ', node.input.schema, node.partitionBy),
        sortText('order by ', node.orderBy, node.input.schema),
        node.expiry === null
          ? 'buffers do not expire'
          : `expires after ${node.expiry.inactivityMs} ms of ${nameOf(node.input.schema, node.expiry.column)}`,
        ...node.calls.map((call) => callText(call, node.input.schema)),
      ];
    case 'over':
      return [
        names('partition by ', node.input.schema, node.partitionBy),
        `order by ${nameOf(node.input.schema, node.timeColumn)}`,
        ...node.calls.map((call) => callText(call, node.input.schema)),
        lateText(node.late),
      ];
    case 'top-n':
      return [
        `first ${node.limit}${node.rankColumn ? ', with row number' : ''}`,
        names('partition by ', node.input.schema, node.partitionBy),
        sortText('order by ', node.orderBy, node.input.schema),
      ];
    case 'join':
      return [
        node.type,
        ...node.leftKeys.map((key, at) => {
          const other = nameOf(node.right.schema, node.rightKeys[at] ?? -1);
          return `on ${nameOf(node.left.schema, key)} = ${other}`;
        }),
        node.condition === null ? '' : `and ${shown(node.condition, node.schema)}`,
      ];
    case 'sort':
      return [
        sortText('by ', node.keys, node.schema),
        node.limit === null ? '' : `first ${node.limit} rows`,
        node.windowEnd === null ? 'at the end of input' : 'when a window ends',
      ];
    case 'limit':
      return [`${node.count} rows`, LIMIT_TEXTS[node.counts]];
    case 'union':
      return [];
    case 'final':
      return [
        node.windowEnd === null
          ? 'emit what stands at the end of input'
          : `emit what stands when ${nameOf(node.schema, node.windowEnd)} is reached`,
      ];
    case 'watermark-delay':
      return [`watermarks less ${node.delayMs} ms`];
    case 'exchange':
      return [`edge ${node.edge}`];
    default:
      return assertNever(node);
  }
}

function scanDetails(node: ScanNode): readonly string[] {
  const { table } = node;
  const options = Object.entries(table.options).map(([key, value]) => `${key}=${value}`);
  return [
    [
      `${table.name} (${table.connector})`,
      ...options,
      table.bounded ? 'bounded' : 'unbounded',
    ].join(', '),
    `reads ${node.schema.length === 0 ? 'no columns' : schemaText(node.schema)}`,
    table.inferred === true ? `inferred schema ${schemaText(table.physical)}` : '',
  ];
}

function windowDetails(node: WindowAggregateNode): readonly string[] {
  const { schema } = node.input;
  return [
    `${windowText(node.window)} of ${nameOf(schema, node.timeColumn)}`,
    names('by ', schema, node.keys),
    ...node.aggregates.map((call) => callText(call, schema)),
    `emit ${node.emission}${node.flush ? '' : ', no flush at the end of input'}`,
    lateText(node.late),
  ];
}

function lateText(late: LatePolicy): string {
  const held =
    late.allowedLatenessMs === 0 ? '' : `, allowed lateness ${late.allowedLatenessMs} ms`;
  return `late ${late.strategy}${held}`;
}

function nameOf(schema: Schema, column: number): string {
  return schema[column]?.name ?? `$${column}`;
}

function shown(expression: BoundExpression, schema: Schema): string {
  return expressionText(expression, (column) => nameOf(schema, column.index));
}

function names(label: string, schema: Schema, columns: readonly number[]): string {
  if (columns.length === 0) return '';
  return `${label}${columns.map((column) => nameOf(schema, column)).join(', ')}`;
}

function sortText(label: string, keys: readonly SortKey[], schema: Schema): string {
  if (keys.length === 0) return '';
  const texts = keys.map(({ column, descending, nullsFirst }) => {
    const nulls = nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
    return `${nameOf(schema, column)}${descending ? ' DESC' : ''}${nulls}`;
  });
  return `${label}${texts.join(', ')}`;
}

function callText(call: AggregateCall | WindowCall, schema: Schema): string {
  const literals = call.literals.map((value) => valueText(value, { kind: 'null' }));
  const inside = [...call.args.map((column) => nameOf(schema, column)), ...literals].join(', ');
  const star = call.function === 'COUNT' && inside === '' ? '*' : inside;
  const filter = call.filter === null ? '' : ` filter ${nameOf(schema, call.filter)}`;
  const frame = 'frame' in call && call.frame !== null ? ` ${frameText(call.frame)}` : '';
  const order = sortText(' order by ', call.orderBy, schema);
  return `${call.function}(${call.distinct ? 'DISTINCT ' : ''}${star})${order}${filter}${frame}`;
}
