/**
 * Law 7 for pairs: the rows that a join's compiled condition pairs are those that the interpreter
 * pairs, and the same rows fail, for random conditions over both sides, every type and NULL
 * pattern, any number of rows per key and any number of pairs judged at once.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpret } from '../../src/codegen/interpreter.js';
import { mulberry32 } from '../../src/bench/statistics.js';
import { BIGINT, BOOLEAN } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { DataFault } from '../../src/functions/registry-types.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';
import { expressionKey } from '../../src/plan/expression/expression-walk.js';
import { JoinAnswer } from '../../src/runtime/operators/join/join-answer.js';
import type { Side } from '../../src/runtime/operators/join/join-answer.js';
import {
  FAILED,
  JoinCandidates,
  LOOKING,
} from '../../src/runtime/operators/join/join-candidates.js';
import { NO_KEY } from '../../src/runtime/operators/join/join-keys.js';
import { JoinOutput } from '../../src/runtime/operators/join/join-output.js';
import { JoinSide } from '../../src/runtime/operators/join/join-side.js';
import {
  TYPES,
  build,
  nullableValueOf,
  recipes,
  valueOf,
} from '../codegen/arbitrary-expression.js';
import type { Recipe } from '../codegen/arbitrary-expression.js';
import { batchOf } from '../codegen/expressions.js';
import { ChangeRecorder } from './changelog-support.js';

const RUNS = Number(process.env['LAW_RUNS'] ?? 150);
const SEED = Number(process.env['LAW_SEED'] ?? 20_240_115);
const KEYS = 4;

interface Choices {
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly condition: Recipe;
  readonly arriving: number;
  readonly rows: readonly [number, number];
  readonly pairsMax: number;
  readonly seed: number;
}

const typeNumbers = fc.array(fc.nat(TYPES.length - 1), { minLength: 1, maxLength: 4 });
const choices: fc.Arbitrary<Choices> = fc.record({
  left: typeNumbers,
  right: typeNumbers,
  condition: recipes,
  arriving: fc.nat(1),
  rows: fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })),
  pairsMax: fc.integer({ min: 1, max: 40 }),
  seed: fc.nat(1_000_000),
});

/** Kept rows of one side, their values and their keys. */
interface Kept {
  readonly side: JoinSide;
  readonly values: readonly (readonly SqlValue[])[];
  readonly places: Int32Array;
  readonly slots: Int32Array;
}

function keep(types: readonly SqlType[], rows: number, random: () => number): Kept {
  const pick = (below: number): number => Math.floor(random() * below);
  const withNulls = types.map(() => random() < 0.5);
  const values = Array.from({ length: rows }, () =>
    types.map((type, at): SqlValue => {
      if (type.kind === 'bigint' && at % 2 === 0) return BigInt(pick(5) - 1);
      return withNulls[at] === true ? nullableValueOf(type, pick(1e6)) : valueOf(type, pick(1e6));
    }),
  );
  const side = new JoinSide({ id: 'side', types, retracts: false });
  const inputs = types.map((type, at) => ({ type, values: values.map((row) => row[at]!) }));
  const places = side.addAll(batchOf(inputs)).slice(0, rows);
  const slots = Int32Array.from(places, () => (random() < 0.1 ? NO_KEY : pick(KEYS)));
  side.ensureSlots(KEYS);
  places.forEach((place, at) => {
    if (slots[at] !== NO_KEY) side.append(place, slots[at]!);
  });
  return { side, values, places, slots };
}

/** By arriving row: the kept rows that it is paired with, or the key of its failure. */
type Outcomes = readonly (readonly number[] | string)[];

function interpreted(condition: BoundExpression, kept: readonly [Kept, Kept], own: Side): Outcomes {
  const arriving = kept[own];
  const other = kept[own === 0 ? 1 : 0];
  return arriving.values.map((row, at) => {
    const partners: number[] = [];
    try {
      other.values.forEach((partner, index) => {
        if (arriving.slots[at] === NO_KEY || arriving.slots[at] !== other.slots[index]) return;
        const pair = own === 0 ? [...row, ...partner] : [...partner, ...row];
        if (interpret(condition, pair, { nowMs: 0 }) === true) partners.push(other.places[index]!);
      });
    } catch (error) {
      if (error instanceof DataFault) return error.key;
      throw error;
    }
    return partners;
  });
}

function compiled(
  condition: BoundExpression,
  kept: readonly [Kept, Kept],
  { arriving, pairsMax, left }: Choices,
  skips: (position: number) => boolean,
): Outcomes {
  const own = arriving as Side;
  const sides = [kept[0].side, kept[1].side] as const;
  const stores = [sides[0].store, sides[1].store] as const;
  const pair = { name: 'pair', expression: condition, leftWidth: left.length };
  const candidates = new JoinCandidates(pair, stores, pairsMax);
  const output = new JoinOutput(stores, new ChangeRecorder([]), false);
  const answer = new JoinAnswer(sides, [false, false], output);
  const { slots, places, values } = kept[own];
  const { first, next } = sides[own === 0 ? 1 : 0];
  const { header } = batchOf([{ type: BIGINT, values: [1n] }]);
  const count = values.length;
  candidates.begin({ side: own, header, count, slots, places, first, next, expiry: null });
  return values.map((_, position) => {
    if (skips(position)) return 'left out';
    answer.count = 0;
    let found = candidates.look(position, answer);
    while (found === LOOKING) found = candidates.look(position, answer);
    if (found !== FAILED) return [...answer.partners.subarray(0, answer.count)];
    return candidates.failure().key;
  });
}

describe('the compiled condition of a join', () => {
  it('pairs the rows that the interpreter pairs, and fails where it fails', () => {
    let [paired, refused, failing] = [0, 0, 0];
    fc.assert(
      fc.property(choices, (chosen) => {
        const random = mulberry32(chosen.seed);
        const schemas = [chosen.left, chosen.right].map((types) =>
          types.map((at) => TYPES[at] ?? BOOLEAN),
        );
        const condition = build(chosen.condition, BOOLEAN, schemas.flat());
        const kept: [Kept, Kept] = [
          keep(schemas[0]!, chosen.rows[0], random),
          keep(schemas[1]!, chosen.rows[1], random),
        ];
        const wanted = interpreted(condition, kept, chosen.arriving as Side);
        const every = chosen.seed % 3;
        const skips = (at: number): boolean => every > 0 && at % (every + 1) === 0;
        expect(compiled(condition, kept, chosen, skips), expressionKey(condition)).toEqual(
          wanted.map((outcome, at) => (skips(at) ? 'left out' : outcome)),
        );
        for (const outcome of wanted) {
          if (typeof outcome === 'string') failing += 1;
          else if (outcome.length > 0) paired += 1;
          else refused += 1;
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    // The law has seen all of it.
    expect(Math.min(paired, refused, failing)).toBeGreaterThan(RUNS / 10);
  });
});
