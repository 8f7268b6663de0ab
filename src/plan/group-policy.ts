/**
 * Whether members of a consumer group may share what a query reads. Owns the rule; what a group is,
 * and what becomes of one that may not be shared, is the Kafka connector's.
 */
import { keepsState } from './fragments.js';
import type { QueryPlan } from './pipeline-plan.js';

/**
 * 'shared': a partition may go to another process at any time. 'whole': not without a loss, because
 * the query keeps state, or its rows appear only when the job is complete (files).
 */
export function groupPolicy(query: QueryPlan): 'shared' | 'whole' {
  const publishesAtEnd = query.sink.table?.connector === 'file';
  return keepsState(query) || publishesAtEnd ? 'whole' : 'shared';
}
