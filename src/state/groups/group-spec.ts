/**
 * What an operator groups and aggregates: all that grouped state needs to know of its plan node.
 */
import type { SqlType } from '../../columnar/types.js';
import type { AggregateCall } from '../../plan/pipeline/pipeline-plan.js';

export interface GroupSpec {
  /** Id of the operator, for names of kernels. */
  readonly id: string;
  readonly inputTypes: readonly SqlType[];
  /** Input column numbers. */
  readonly keys: readonly number[];
  readonly aggregates: readonly AggregateCall[];
  /** Whether result rows carry window_start and window_end between keys and aggregates. */
  readonly windowColumns: boolean;
  /** Whether input rows may be −U or −D: costs multisets for MIN, MAX, FIRST … Default false. */
  readonly inputRetracts?: boolean;
}
