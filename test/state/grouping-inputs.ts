/**
 * Small inputs for grouped state, written out: columns, batches and groupings by the first column.
 */
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import type { Column } from '../../src/columnar/column.js';
import type { Dictionary } from '../../src/columnar/dictionary.js';
import type { SqlType } from '../../src/columnar/types.js';
import type { AggregateCall } from '../../src/plan/pipeline/pipeline-plan.js';
import type { GroupSpec } from '../../src/state/groups/group-spec.js';

export function aggregate(name: string, column: number | null, type: SqlType): AggregateCall {
  return {
    function: name,
    args: column === null ? [] : [column],
    argTypes: [],
    literals: [],
    filter: null,
    distinct: false,
    orderBy: [],
    type,
  };
}

/** Grouped by the first column. */
export function grouping(
  inputTypes: readonly SqlType[],
  aggregates: readonly AggregateCall[],
): GroupSpec {
  return { id: 'edges', inputTypes, keys: [0], aggregates, windowColumns: false };
}

export function batch(...columns: Column[]): Batch {
  const result = newBatch(columns, emptyHeader('edges'));
  const first = columns[0] as Column;
  result.rowCount = first.kind === 'dict' ? first.codes.length : lengthOf(first);
  result.selectedCount = result.rowCount;
  return result;
}
function lengthOf(column: Column): number {
  if (column.kind === 'utf8') return column.offsets.length;
  return 'values' in column ? column.values.length : 0;
}
export function f64(...values: number[]): Column {
  return { kind: 'f64', values: Float64Array.from(values), nulls: null };
}
export function i64(...values: bigint[]): Column {
  return { kind: 'i64', values: BigInt64Array.from(values), nulls: null };
}
export function texts(dictionary: Dictionary, ...values: string[]): Column {
  const codes = Int32Array.from(values, (value) => dictionary.internText(value));
  return { kind: 'dict', codes, dictionary, nulls: null };
}
