/**
 * What is known of the rows that a source fragment sends: their event time and watermark, and
 * whether source splits keep keys together (the table says so with 'key.fields', or there is only
 * one split). A source fragment is a chain from one scan upward.
 */
import { assert } from '../../base/assert.js';
import { passedColumns } from './fragment-columns.js';
import type { ExchangeEdge } from './fragment-plan.js';
import { pipelineInputs } from '../pipeline/pipeline-plan.js';
import type { PipelineNode, ScanNode } from '../pipeline/pipeline-plan.js';
import type { TableDefinition } from '../schema.js';

export interface SourceWatermark {
  readonly watermark: ExchangeEdge['watermark'];
  readonly eventTime: number | null;
}

/** The nodes from the scan to `root`. */
function chainOf(root: PipelineNode): readonly PipelineNode[] {
  const [input] = pipelineInputs(root);
  return input === undefined ? [root] : [...chainOf(input), root];
}

/** The columns of the chain's end that hold column `column` of node `from` of the chain. */
function followed(chain: readonly PipelineNode[], from: number, column: number): number[] {
  let columns = [column];
  for (const node of chain.slice(from + 1)) {
    columns = columns.flatMap((known) => passedColumns(node, 0, known));
  }
  return columns;
}

export function scanOf(root: PipelineNode): ScanNode {
  const [bottom] = chainOf(root);
  assert(bottom?.kind === 'scan', 'a source fragment begins with a scan');
  return bottom;
}

export function sourceWatermark(root: PipelineNode): SourceWatermark {
  const chain = chainOf(root);
  const at = chain.findLastIndex(({ kind }) => kind === 'watermark');
  const node = chain[at];
  if (node?.kind !== 'watermark') return { watermark: null, eventTime: null };
  const { boundMs, idleTimeoutMs, column } = node;
  const [eventTime] = followed(chain, at, column);
  return { watermark: { boundMs, idleTimeoutMs }, eventTime: eventTime ?? null };
}

/**
 * What the table's option 'key.fields' names; Flink separates by semicolons. Of several topics
 * nothing: a value may be in each of them.
 */
export function keyFieldsOf(table: TableDefinition): readonly string[] {
  const { topic = '', 'topic-pattern': pattern } = table.options;
  if (pattern !== undefined || topic.includes(';')) return [];
  const names = (table.options['key.fields'] ?? '').split(/[;,]/).map((name) => name.trim());
  return names.filter((name) => name !== '');
}

/**
 * The columns of `root` that hold each of the table's key fields; null when it declares none or
 * when one of them is not there.
 */
export function keyFieldColumns(root: PipelineNode): readonly (readonly number[])[] | null {
  const chain = chainOf(root);
  const scan = scanOf(root);
  const found = keyFieldsOf(scan.table).map((name) => {
    const column = scan.physical.findIndex((index) => scan.table.physical[index]?.name === name);
    return column < 0 ? [] : followed(chain, 0, column);
  });
  return found.length === 0 || found.some((columns) => columns.length === 0) ? null : found;
}

/** Whether the source surely has one split: then its number keeps all rows together. */
export function hasOneSplit({ table }: ScanNode): boolean {
  return table.oneSplit === true;
}
