/**
 * Law 7: a kernel gives what the interpreter gives, row by row, for every type, NULL pattern,
 * column kind and selection; and the same rows fail. An input is a seed of fast-check's, which also
 * makes what failed small; a run is one expression, or filter, over one batch.
 */
import fc from 'fast-check';
import type { ColumnKind } from '../../src/columnar/column.js';
import { BOOLEAN } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import { expectAgreement } from '../codegen/agreement.js';
import type { Sample } from '../codegen/agreement.js';
import {
  TYPES,
  build,
  kindsFor,
  nullableValueOf,
  recipes,
  valueOf,
} from '../codegen/arbitrary-expression.js';
import type { Recipe } from '../codegen/arbitrary-expression.js';
import type { Input } from '../codegen/expressions.js';
import { fuzz } from './fuzz.js';

/** Samples of one input: fast-check begins with small ones. */
const SAMPLES = 20;

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

fuzz({
  file: 'expressions',
  name: 'kernel and interpreter agree on values, NULLs, rejected and failing rows',
  sample: 12,
  run: (input) => {
    let runs = 0;
    const property = fc.property(choices, (chosen) => {
      const sample = sampleOf(chosen);
      expectAgreement(sample);
      runs +=
        sample.batches.length * (sample.projections.length + (sample.filter === null ? 0 : 1));
    });
    fc.assert(property, { numRuns: SAMPLES, seed: input.seed | 0 });
    input.counts('the same', runs);
  },
});
