/**
 * Ties of ORDER BY and Top-N. Rows that answer to records come in the order of the records,
 * whatever the number of partitions, and ties keep it. Rows that a watermark or the end of input
 * brings come from every partition by itself, and between two sources there is no order but that
 * in which their blocks are read: among those, ties are settled by the rows' values, so that the
 * same ones are chosen at every batch size, on V1 and V2.
 */
import { assertNever } from '../../base/assert.js';
import type { PipelineNode, SortKey } from './pipeline-plan.js';
import { pipelineInputs } from './pipeline-plan.js';

/** The keys of an order over the rows of `input`, with what settles ties behind them. */
export function settledOrder(input: PipelineNode, keys: readonly SortKey[]): readonly SortKey[] {
  if (comesInOrder(input)) return keys;
  const known = new Set(keys.map(({ column }) => column));
  const rest = input.schema.flatMap(({ type }, column) =>
    known.has(column) ? [] : [{ column, type, descending: false, nullsFirst: false }],
  );
  return [...keys, ...rest];
}

/** Whether the rows of a node come in one order, however many partitions there are. */
function comesInOrder(node: PipelineNode): boolean {
  switch (node.kind) {
    case 'window-aggregate':
      return node.emission !== 'final' && comesInOrder(node.input);
    case 'aggregate':
      return node.emission !== 'final' && comesInOrder(node.input);
    case 'over':
    case 'final':
      return false;
    case 'scan':
    case 'exchange':
    case 'sort':
      return true;
    case 'join':
    case 'union':
      return false;
    case 'calc':
    case 'watermark':
    case 'watermark-delay':
    case 'window-columns':
    case 'rows-window':
    case 'top-n':
    case 'limit':
      return pipelineInputs(node).every(comesInOrder);
    default:
      return assertNever(node);
  }
}
