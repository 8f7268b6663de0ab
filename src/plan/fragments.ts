/**
 * Cuts a query's pipeline plan into the fragments that V2 runs. Being written: signature only.
 */
import { ConfigError } from '../base/errors.js';
import type { FragmentPlan, PartitioningStrategy } from './fragment-plan.js';
import type { QueryPlan } from './pipeline-plan.js';

export type {
  ExchangeEdge,
  FragmentPlan,
  PartitioningStrategy,
  Routing,
  SourceFragment,
  StatefulFragment,
} from './fragment-plan.js';

export interface FragmentOptions {
  /** What the user asked for; null: the query decides. */
  readonly strategy: PartitioningStrategy | null;
}

/** Throws ConfigError FLAG_INVALID when the strategy does not fit the query. */
export function planFragments(query: QueryPlan, options: FragmentOptions): FragmentPlan {
  throw new ConfigError('FLAG_INVALID', { message: `${query.id} ${options.strategy ?? ''}` });
}
