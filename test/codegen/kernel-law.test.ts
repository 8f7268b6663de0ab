/**
 * Law 7: a kernel gives what the interpreter gives, row by row, for every type, NULL pattern,
 * column kind and selection; and the same rows fail.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import type { Column, ColumnKind } from '../../src/columnar/column.js';
import { BOOLEAN } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { interpret } from '../../src/codegen/interpreter.js';
import { expressionKey } from '../../src/plan/expression-walk.js';
import { DataFault } from '../../src/functions/registry-types.js';
import type { BoundExpression } from '../../src/plan/expression.js';
import {
  TYPES,
  build,
  kindsFor,
  nullableValueOf,
  recipes,
  valueOf,
} from './arbitrary-expression.js';
import type { Recipe } from './arbitrary-expression.js';
import { batchOf, collectingCalc, selectedRows, valuesAt } from './expressions.js';
import type { Input } from './expressions.js';

const RUNS = Number(process.env['LAW_RUNS'] ?? 150);
const TIME_LIMIT_MS = 30_000 + RUNS * 100;
const SEED = Number(process.env['LAW_SEED'] ?? 20_240_115);
const CONTEXT = { nowMs: 0 };

interface Sample {
  readonly schema: readonly SqlType[];
  readonly filter: BoundExpression | null;
  readonly projections: readonly BoundExpression[];
  readonly batches: readonly { inputs: readonly Input[]; selection: readonly number[] | null }[];
}

interface Choices {
  readonly types: readonly number[];
  readonly filter: Recipe | null;
  readonly projections: readonly { readonly recipe: Recipe; readonly type: number }[];
  readonly batches: readonly {
    readonly rows: number;
    readonly seeds: readonly number[];
    readonly kinds: readonly number[];
    readonly nulls: readonly boolean[];
    readonly skip: number;
  }[];
}

const choices: fc.Arbitrary<Choices> = fc.record({
  types: fc.array(fc.nat(TYPES.length - 1), { minLength: 1, maxLength: 7 }),
  filter: fc.option(recipes, { freq: 2 }),
  projections: fc.array(fc.record({ recipe: recipes, type: fc.nat(TYPES.length - 1) }), {
    minLength: 1,
    maxLength: 3,
  }),
  batches: fc.array(
    fc.record({
      rows: fc.integer({ min: 1, max: 40 }),
      seeds: fc.array(fc.nat(100_000), { minLength: 7, maxLength: 7 }),
      kinds: fc.array(fc.nat(5), { minLength: 7, maxLength: 7 }),
      nulls: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
      skip: fc.nat(3),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

function sampleOf(chosen: Choices): Sample {
  const schema = chosen.types.map((at) => TYPES[at] ?? BOOLEAN);
  const batches = chosen.batches.map(({ rows, seeds, kinds, nulls, skip }) => {
    const inputs = schema.map((type, at): Input => {
      const values = Array.from({ length: rows }, (_, row): SqlValue => {
        // A run of small numbers or a mixture of edge values, by column and batch.
        const choice = Math.imul((seeds[at] ?? 0) + row, 0x9e3779b1) >>> 8;
        if (type.kind === 'bigint' && (seeds[at] ?? 0) % 2 === 0) return BigInt(row);
        return nulls[at] === true ? nullableValueOf(type, choice) : valueOf(type, choice);
      });
      const possible = kindsFor(type, values);
      const kind: ColumnKind | undefined = possible[(kinds[at] ?? 0) % possible.length];
      return { type, values, kind };
    });
    const all = Array.from({ length: rows }, (_, row) => row);
    const selection = skip === 0 ? null : all.filter((row) => (row * 7 + skip) % (skip + 1) !== 0);
    return { inputs, selection };
  });
  return {
    schema,
    filter: chosen.filter === null ? null : build(chosen.filter, BOOLEAN, schema),
    projections: chosen.projections.map(({ recipe, type }) =>
      build(recipe, TYPES[type] ?? BOOLEAN, schema),
    ),
    batches,
  };
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

function checkSample(sample: Sample): void {
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

describe('kernel and interpreter', () => {
  test(
    'agree on values, NULLs, rejected and failing rows',
    () => {
      fc.assert(
        fc.property(choices, (chosen) => {
          checkSample(sampleOf(chosen));
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    TIME_LIMIT_MS,
  );
});
