/**
 * Top-N: a filter `rn <= n` over a subquery's ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) as
 * rn. Recognises the forms <=, <, =1 and their mirror images, and keeps the rest of the filter.
 */
import { BOOLEAN } from '../../columnar/types.js';
import { calcChain, identity } from './calc-fusion.js';
import type { BoundExpression } from '../expression/expression.js';
import { conjunctsOf, substitute } from '../expression/expression-walk.js';
import type { LogicalFilter, LogicalNode, LogicalOver } from './logical-plan.js';

const MIRRORED: Readonly<Record<string, string>> = { '>=': '<=', '>': '<', '=': '=' };

export function recognizeTopN(node: LogicalFilter): LogicalNode | null {
  const { base, stages } = calcChain(node.input);
  const [stage] = stages;
  if (base.kind !== 'over' || stages.length > 1 || (stage?.filter ?? null) !== null) return null;
  const rank = rankColumn(base);
  if (rank === null) return null;
  const outputs = stage?.outputs ?? identity(base);
  const conjuncts = conjunctsOf(node.condition).map((conjunct) => substitute(conjunct, outputs));
  const at = conjuncts.findIndex((conjunct) => rankLimit(conjunct, rank) !== null);
  const bound = conjuncts[at];
  const limit = bound === undefined ? null : rankLimit(bound, rank);
  if (limit === null) return null;
  const topN: LogicalNode = {
    kind: 'top-n',
    input: base.input,
    partitionBy: base.partitionBy,
    orderBy: base.orderBy,
    limit,
    rankColumn: true,
    schema: base.schema,
    span: base.span,
  };
  const rest = conjuncts.filter((_, other) => other !== at);
  const [first] = rest;
  const condition: BoundExpression | null =
    first === undefined || rest.length === 1
      ? (first ?? null)
      : { kind: 'logical', operator: 'and', operands: rest, type: BOOLEAN, span: node.span };
  const kept: LogicalNode =
    condition === null
      ? topN
      : { kind: 'filter', input: topN, condition, schema: topN.schema, span: node.span };
  return {
    kind: 'project',
    input: kept,
    expressions: outputs,
    schema: node.schema,
    span: node.span,
  };
}

/** The column of the only call, when that is ROW_NUMBER. */
function rankColumn(node: LogicalOver): number | null {
  const [call, other] = node.calls;
  if (call?.function !== 'ROW_NUMBER' || other !== undefined || call.frame !== null) return null;
  return node.orderBy.length === 0 ? null : node.input.schema.length;
}

function rankLimit(conjunct: BoundExpression, rank: number): number | null {
  if (conjunct.kind !== 'call') return null;
  const [a, b] = conjunct.args;
  const isRank = (side: BoundExpression | undefined): boolean =>
    side?.kind === 'column' && side.index === rank;
  const sign = isRank(a) ? conjunct.function : MIRRORED[conjunct.function];
  const other = isRank(a) ? b : isRank(b) ? a : undefined;
  if (other?.kind !== 'literal' || typeof other.value !== 'bigint') return null;
  const count = Number(other.value);
  if (sign === '<=' && count >= 1) return count;
  if (sign === '<' && count >= 2) return count - 1;
  return sign === '=' && count === 1 ? 1 : null;
}
