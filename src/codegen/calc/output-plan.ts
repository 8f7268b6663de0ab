/**
 * Where each output column of a calc comes from: an input column by reference, a constant, or a
 * kernel. Owns the grouping of computed projections into kernels that stay well below the 60 kB
 * of bytecode that V8 optimises.
 */
import type { Column } from '../../columnar/column.js';
import { ColumnBuilder, kindForValues } from '../../columnar/column-builder.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { DataFault } from '../../functions/registry-types.js';
import type { BoundExpression } from '../../plan/expression/expression.js';
import { childrenOf, expressionKey, visitColumns } from '../../plan/expression/expression-walk.js';
import type { Projection } from './calc-kernel.js';
import { interpret, isConstant } from '../interpreter.js';

export type Output =
  | { readonly kind: 'column'; readonly index: number }
  | { readonly kind: 'constant'; readonly constant: ConstantColumn }
  | { readonly kind: 'computed'; readonly slot: number };

export interface OutputPlan {
  readonly outputs: readonly Output[];
  /** Every computed expression once, by slot. */
  readonly computed: readonly BoundExpression[];
  readonly early: readonly Projection[];
  /** The first group runs with the filter. */
  readonly groups: readonly (readonly Projection[])[];
  readonly needsKernel: boolean;
  /** Input columns that kernels read, with their names. */
  readonly inputs: readonly number[];
  readonly names: ReadonlyMap<number, string>;
}

/** Expression nodes per kernel: about 40 bytes of bytecode each, 200 for the dearest. */
const NODES_MAX = 200;

export function planOutputs(spec: {
  readonly filter: BoundExpression | null;
  readonly projections: readonly BoundExpression[];
  readonly evaluateRejected: readonly number[];
}): OutputPlan {
  const slots = new Map<string, number>();
  const computed: BoundExpression[] = [];
  const earlySlots = new Set<number>();
  const outputs = spec.projections.map((expression, at): Output => {
    const known = knownOutput(expression);
    if (known !== undefined) return known;
    const key = expressionKey(expression);
    const slot = slots.get(key) ?? computed.push(expression) - 1;
    slots.set(key, slot);
    if (spec.evaluateRejected.includes(at)) earlySlots.add(slot);
    return { kind: 'computed', slot };
  });
  const all = computed.map((expression, slot): Projection => ({ slot, expression }));
  const names = new Map<number, string>();
  for (const expression of spec.filter === null ? computed : [spec.filter, ...computed]) {
    visitColumns(expression, ({ index, name }) => names.set(index, name));
  }
  return {
    outputs,
    computed,
    early: all.filter(({ slot }) => earlySlots.has(slot)),
    groups: grouped(
      all.filter(({ slot }) => !earlySlots.has(slot)),
      spec.filter,
    ),
    needsKernel: spec.filter !== null || computed.length > 0,
    inputs: [...names.keys()],
    names,
  };
}

function knownOutput(expression: BoundExpression): Output | undefined {
  if (expression.kind === 'column') return { kind: 'column', index: expression.index };
  if (!isConstant(expression)) return undefined;
  try {
    const value = interpret(expression, [], { nowMs: 0 });
    return { kind: 'constant', constant: new ConstantColumn(expression.type, value) };
  } catch (error) {
    if (error instanceof DataFault) return undefined;
    throw error;
  }
}

function grouped(
  projections: readonly Projection[],
  filter: BoundExpression | null,
): Projection[][] {
  const groups: Projection[][] = [[]];
  let nodes = filter === null ? 0 : nodesOf(filter);
  for (const projection of projections) {
    const size = nodesOf(projection.expression);
    if (nodes + size > NODES_MAX && nodes > 0) {
      groups.push([]);
      nodes = 0;
    }
    groups.at(-1)?.push(projection);
    nodes += size;
  }
  return groups;
}

function nodesOf(expression: BoundExpression): number {
  return childrenOf(expression).reduce((sum, child) => sum + nodesOf(child), 1);
}

/** A column that has one value in every row; filled as far as batches needed it so far. */
export class ConstantColumn {
  private readonly type: SqlType;
  private readonly value: SqlValue;
  private readonly builder = new ColumnBuilder();
  private filled = 0;
  private current: Column | null = null;

  constructor(type: SqlType, value: SqlValue) {
    this.type = type;
    this.value = value;
  }

  column(rows: number): Column {
    if (this.current !== null && rows <= this.filled) return this.current;
    const kind = kindForValues(this.type, [this.value]);
    this.builder.reserve(kind, rows);
    for (let row = 0; row < rows; row += 1) this.builder.putValue(row, kind, this.value);
    this.filled = rows;
    this.current = this.builder.finish(kind, this.value === null);
    return this.current;
  }
}
