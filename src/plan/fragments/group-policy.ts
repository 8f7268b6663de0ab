/**
 * Whether members of a consumer group may share what a query reads, and whether its rows tell which
 * records are done with. Owns these rules; what a group is, and what becomes of one that may not be
 * shared, is the Kafka connector's.
 */
import { keepsState } from './fragments.js';
import { pipelineInputs } from '../pipeline/pipeline-plan.js';
import type { PipelineNode, QueryPlan } from '../pipeline/pipeline-plan.js';

/**
 * 'shared': a partition may go to another process at any time. 'whole': not without a loss, because
 * the query keeps state, or its rows appear only when the job is complete (files).
 */
export function groupPolicy(query: QueryPlan, publishesAtEnd: boolean): 'shared' | 'whole' {
  return keepsState(query) || publishesAtEnd ? 'whole' : 'shared';
}

/**
 * Each result row is of one record, in their order, with at most a LIMIT that ends the query: the
 * records of the rows that were written are done with, and those behind them are not.
 */
export function isRowwise({ root }: QueryPlan): boolean {
  const ends = root.kind === 'limit' && root.endsQuery && root.counts === 'passing';
  return isRowByRow(ends ? root.input : root);
}

function isRowByRow(node: PipelineNode): boolean {
  switch (node.kind) {
    case 'scan':
    case 'calc':
    case 'watermark':
    case 'watermark-delay':
    case 'union':
      return pipelineInputs(node).every(isRowByRow);
    default:
      return false;
  }
}
