/**
 * The check of law 7: one calc over some batches against the interpreter, row by row: values, NULLs,
 * which rows are rejected, which fail and in which order they are reported.
 */
import { expect } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import type { Column } from '../../src/columnar/column.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { interpret } from '../../src/codegen/interpreter.js';
import { DataFault } from '../../src/functions/registry-types.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';
import { expressionKey } from '../../src/plan/expression/expression-walk.js';
import { batchOf, collectingCalc, selectedRows, valuesAt } from './expressions.js';
import type { Input } from './expressions.js';

const CONTEXT = { nowMs: 0 };

export interface Sample {
  readonly schema: readonly SqlType[];
  readonly filter: BoundExpression | null;
  readonly projections: readonly BoundExpression[];
  readonly batches: readonly { inputs: readonly Input[]; selection: readonly number[] | null }[];
}

type Outcome = readonly SqlValue[] | 'rejected' | 'failed';

function expected(sample: Sample, row: readonly SqlValue[]): Outcome {
  try {
    if (sample.filter !== null && interpret(sample.filter, row, CONTEXT) !== true)
      return 'rejected';
    return sample.projections.map((projection) => interpret(projection, row, CONTEXT));
  } catch (error) {
    if (error instanceof DataFault) return 'failed';
    throw error;
  }
}

/** The value at a NULL row may be anything: kernels must not look at it. */
function poisonNulls(column: Column, rowCount: number): void {
  for (let row = 0; row < rowCount; row += 1) {
    if (column.nulls?.[row] !== 1) continue;
    if (column.kind === 'f64') column.values[row] = row % 2 === 0 ? NaN : 2 ** 60 + 0.5;
    if (column.kind === 'i64') column.values[row] = 2n ** 63n - 1n;
    if (column.kind === 'bool') column.values[row] = 1;
    if (column.kind === 'utf8') column.offsets[row] = 1_000_000;
  }
}

/** Whole numbers in f64 columns are safe integers and never -0. */
function expectNarrow(column: Column, type: SqlType | undefined, batch: Batch): void {
  if (column.kind !== 'f64' || (type?.kind !== 'bigint' && type?.kind !== 'decimal')) return;
  for (const row of selectedRows(batch)) {
    const value = column.values[row] ?? NaN;
    const isWhole = Number.isSafeInteger(value) && !Object.is(value, -0);
    if (column.nulls?.[row] !== 1 && !isWhole) throw new Error(`${value} in a narrow column`);
  }
}

function describeSample({ filter, projections }: Sample): string {
  const shown = projections.map(expressionKey).join('; ');
  return filter === null ? shown : `${shown} where ${expressionKey(filter)}`;
}

export function expectAgreement(sample: Sample): void {
  const { calc, failures } = collectingCalc({
    inputTypes: sample.schema,
    filter: sample.filter,
    projections: sample.projections,
  });
  const types = sample.projections.map(({ type }) => type);
  for (const { inputs, selection } of sample.batches) {
    failures.length = 0;
    const input = batchOf(inputs, selection);
    input.columns.forEach((each) => {
      poisonNulls(each, input.rowCount);
    });
    const output = calc.run(input);
    output.columns.forEach((each, at) => {
      expectNarrow(each, types[at], output);
    });
    const passed = selectedRows(output);
    const actual = selectedRows(input).map((row): Outcome => {
      if (failures.some((failed) => failed.row === row)) return 'failed';
      return passed.includes(row) ? valuesAt(output, types, row) : 'rejected';
    });
    const wanted = selectedRows(input).map((row) =>
      expected(
        sample,
        inputs.map(({ values }) => values[row] ?? null),
      ),
    );
    expect(actual, describeSample(sample)).toEqual(wanted);
    expect(failures.map(({ row }) => row)).toEqual(
      selectedRows(input).filter((_, at) => wanted[at] === 'failed'),
    );
  }
}
