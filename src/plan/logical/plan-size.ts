/**
 * How large a plan may become: the tables that one query reads, with those of CTEs and views counted
 * wherever these are read, and how many operators stand on one another. Owns the measure and the
 * limits; a reader of a CTE has a copy of its operators, so a CTE over a CTE that each read the last
 * one twice doubles with every one. The binder asks wherever relations are put together.
 */
import type { Span } from '../../base/span.js';
import type { FaultCollector } from '../faults.js';
import { logicalInputs } from './logical-plan.js';
import type { LogicalNode } from './logical-plan.js';

export const TABLES_READ_MAX = 1_000;
/** Planning recurses into inputs; a stack holds some thousands of operators. */
export const PLAN_LEVELS_MAX = 1_000;

interface PlanSize {
  readonly tables: number;
  readonly levels: number;
}

/** Nodes are shared between the readers of a CTE: each is measured once. */
const sizes = new WeakMap<LogicalNode, PlanSize>();

function sizeOf(node: LogicalNode): PlanSize {
  const known = sizes.get(node);
  if (known !== undefined) return known;
  let tables = node.kind === 'scan' ? 1 : 0;
  let levels = 0;
  for (const input of logicalInputs(node)) {
    const size = sizeOf(input);
    tables += size.tables;
    levels = Math.max(levels, size.levels);
  }
  const size = { tables, levels: levels + 1 };
  sizes.set(node, size);
  return size;
}

/** `node`, unless it is larger than a plan may be; `span` is what makes it so. */
export function withinSize(faults: FaultCollector, node: LogicalNode, span: Span): LogicalNode {
  const { tables, levels } = sizeOf(node);
  if (tables > TABLES_READ_MAX) {
    return faults.fail('QUERY_TOO_LARGE', {
      message: `query reads more than ${TABLES_READ_MAX} tables, those of CTEs and views counted wherever they are read`,
      span,
      hint: 'write what is read several times into a topic or file, and read that',
    });
  }
  if (levels <= PLAN_LEVELS_MAX) return node;
  return faults.fail('QUERY_TOO_LARGE', {
    message: `query has more than ${PLAN_LEVELS_MAX} operators on one another`,
    span,
    hint: 'write what is read here into a topic or file, and read that',
  });
}
