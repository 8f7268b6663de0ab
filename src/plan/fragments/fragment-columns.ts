/**
 * What a cut must know of single operators: which columns it needs rows to be together by, which
 * columns of an input it passes on, which of its groups a sender may build in part, and the same
 * operator over other inputs. Owns no cutting: that is fragment-cuts.ts.
 */
import { assert, assertNever } from '../../base/assert.js';
import { sameType } from '../../columnar/types.js';
import { aggregateFunction } from '../../functions/function-registry.js';
import type {
  AggregateCall,
  AggregateNode,
  ExchangeNode,
  JoinNode,
  PipelineNode,
  ScanNode,
  WindowAggregateNode,
} from '../pipeline/pipeline-plan.js';

/** Nodes that work where their rows are. EMIT FINAL keeps rows, but stays with what changes them. */
export type StackedNode = Extract<
  PipelineNode,
  { readonly kind: 'calc' | 'watermark' | 'watermark-delay' | 'window-columns' | 'final' }
>;
/** Operators that must see all rows of a key, or all rows. */
export type GatheringNode = Exclude<
  PipelineNode,
  StackedNode | ScanNode | ExchangeNode | { readonly kind: 'union' }
>;

/** The key columns of each input, paired by position; empty lists: all rows are one key. */
export function keysOf(node: GatheringNode): readonly (readonly number[])[] {
  switch (node.kind) {
    case 'aggregate':
    case 'window-aggregate':
      return [node.keys];
    case 'rows-window':
    case 'over':
    case 'top-n':
      return [node.partitionBy];
    case 'join':
      return [node.leftKeys, node.rightKeys];
    case 'sort':
      return [node.partitionBy];
    case 'limit':
      return [[]];
    default:
      return assertNever(node);
  }
}

/** Key columns of one name on both sides that hash differently: BIGINT = DOUBLE. */
export function joinTypesDiffer(node: GatheringNode): boolean {
  if (node.kind !== 'join') return false;
  return node.leftKeys.some((key, at) => {
    const left = node.left.schema[key];
    const right = node.right.schema[node.rightKeys[at] ?? -1];
    return left === undefined || right === undefined || !sameType(left.type, right.type);
  });
}

/** The node's output columns that hold column `column` of input `input`, unchanged in each row. */
export function passedColumns(node: PipelineNode, input: number, column: number): number[] {
  switch (node.kind) {
    case 'calc':
      return node.projections.flatMap((output, at) =>
        output.kind === 'column' && output.index === column ? [at] : [],
      );
    case 'aggregate':
    case 'window-aggregate':
      return node.keys.flatMap((key, at) => (key === column ? [at] : []));
    case 'join':
      return joinPasses(node, input) ? [column + (input === 0 ? 0 : node.left.schema.length)] : [];
    case 'watermark':
    case 'watermark-delay':
    case 'window-columns':
    case 'final':
    case 'rows-window':
    case 'over':
    case 'top-n':
    case 'sort':
    case 'limit':
    case 'union':
      return [column];
    case 'scan':
    case 'exchange':
      return [];
    default:
      return assertNever(node);
  }
}

/** An outer join gives rows whose columns of the other side are NULL, not what they were. */
function joinPasses(node: JoinNode, input: number): boolean {
  return node.type === 'inner' || node.type === (input === 0 ? 'left' : 'right');
}

/**
 * Whether senders may build groups in part, to be merged in any order: each group gives one row,
 * which no late record corrects, and every aggregate is mergeable.
 */
export function isMergeable(node: PipelineNode): node is AggregateNode | WindowAggregateNode {
  if (node.kind !== 'aggregate' && node.kind !== 'window-aggregate') return false;
  if (node.input.mode !== 'append' || node.emission !== 'final') return false;
  if (node.kind === 'window-aggregate') {
    const { late, window } = node;
    const isFinal = late.strategy === 'drop' || late.strategy === 'dead-letter';
    if (window.kind === 'session' || late.allowedLatenessMs !== 0 || !isFinal) return false;
  }
  return node.aggregates.every(mergesInAnyOrder);
}

/** Their groups keep every value: one group may be larger than a block of the exchange. */
const KEEPS_VALUES = new Set(['COUNT_DISTINCT', 'MEDIAN', 'PERCENTILE_CONT', 'PERCENTILE_DISC']);

function mergesInAnyOrder(call: AggregateCall): boolean {
  const known = aggregateFunction(call.function);
  if (known === undefined || call.orderBy.length > 0) return false;
  if (call.distinct || KEEPS_VALUES.has(call.function)) return false;
  return known.mergeable && !known.orderSensitive;
}

/** The node over other inputs with the same columns; itself when they are its own. */
export function withInputs(node: PipelineNode, inputs: readonly PipelineNode[]): PipelineNode {
  const [first, second] = inputs;
  assert(first !== undefined, 'a leaf has no inputs to replace');
  switch (node.kind) {
    case 'scan':
    case 'exchange':
      return node;
    case 'join': {
      assert(second !== undefined, 'a join has two inputs');
      if (node.left === first && node.right === second) return node;
      return { ...node, left: first, right: second };
    }
    case 'union':
      return inputs.every((input, at) => input === node.inputs[at]) ? node : { ...node, inputs };
    case 'calc':
    case 'watermark':
    case 'watermark-delay':
    case 'window-columns':
      // Under a UNION that rows skip, an input may be of a simpler mode than the union was.
      return node.input === first ? node : { ...node, input: first, mode: first.mode };
    case 'aggregate':
    case 'window-aggregate':
    case 'rows-window':
    case 'over':
    case 'top-n':
    case 'sort':
    case 'limit':
    case 'final':
      return node.input === first ? node : { ...node, input: first };
    default:
      return assertNever(node);
  }
}
