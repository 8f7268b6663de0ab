/**
 * MIN, MAX and DELTA of rows that come and go, against a plain multiset: values that come often and
 * leave, groups that become empty, snapshots in between, merges of two states.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import { DOUBLE } from '../../src/columnar/types.js';
import type { ResultRows } from '../../src/state/result-rows.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import type { ExtremeResult } from '../../src/state/values/extreme-values.js';
import { ExtremeValues } from '../../src/state/values/extreme-values.js';
import { Interner } from '../../src/state/values/interner.js';
import { codecOf } from '../../src/state/values/value-cells.js';

const SEED = 20261129;
const SLOTS = 5;
const NO_ROWS = newBatch([], emptyHeader(''));

function newState(result: ExtremeResult): ExtremeValues {
  return new ExtremeValues(codecOf(DOUBLE, new Interner()), result, 2n ** 63n);
}

/** The result of a slot; null where it has no value. */
function resultOf(state: ExtremeValues, slot: number): number | null {
  const values = new Float64Array(1);
  let isNull = false;
  const rows: Partial<ResultRows> = {
    columns: [{ kind: 'f64', values, nulls: null }],
    setNull: () => (isNull = true),
  };
  state.write(slot, rows as ResultRows, 0, 0);
  return isNull ? null : values[0]!;
}

function expectedOf(values: readonly number[], result: ExtremeResult): number | null {
  if (values.length === 0) return null;
  const low = Math.min(...values);
  const high = Math.max(...values);
  return result === 'min' ? low : result === 'max' ? high : high - low;
}

function restored(state: ExtremeValues, result: ExtremeResult): ExtremeValues {
  const again = newState(result);
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const writer = new StateWriter();
    writer.beginEntry(0);
    state.snapshot(writer, slot);
    writer.endEntry();
    const reader = new StateReader(writer.written());
    expect(reader.nextEntry()).toBe(0);
    again.restore(reader, slot);
  }
  return again;
}

describe.each(['min', 'max', 'delta'] as const)('%s', (result) => {
  it(`follows rows that come and go, through snapshots, from seed ${SEED}`, () => {
    const random = mulberry32(SEED);
    const below = (count: number): number => Math.floor(random() * count);
    let state = newState(result);
    const kept: number[][] = Array.from({ length: SLOTS }, () => []);
    for (let step = 0; step < 6000; step += 1) {
      const slot = below(SLOTS);
      const values = kept[slot]!;
      // Groups grow for a while and shrink for a while, down to nothing.
      const grows = random() < (step % 1000 < 500 ? 0.7 : 0.3);
      if (grows || values.length === 0) {
        const value = below(40);
        values.push(value);
        state.add(slot, value, 1, NO_ROWS, 0);
      } else {
        const [value = 0] = values.splice(below(values.length), 1);
        state.add(slot, value, -1, NO_ROWS, 0);
      }
      expect(resultOf(state, slot), `step ${step}`).toBe(expectedOf(values, result));
      if (step % 700 === 699) state = restored(state, result);
    }
  });

  it('of two states together is that of all rows', () => {
    const one = newState(result);
    const other = newState(result);
    for (const value of [5, 9, 9, 2]) one.add(0, value, 1, NO_ROWS, 0);
    for (const value of [1, 9, 30]) other.add(3, value, 1, NO_ROWS, 0);
    other.add(3, 30, -1, NO_ROWS, 0);
    one.merge(other, 3, 0);
    expect(resultOf(one, 0)).toBe(expectedOf([5, 9, 9, 2, 1, 9], result));
    for (const value of [9, 9, 1]) one.add(0, value, -1, NO_ROWS, 0);
    expect(resultOf(one, 0)).toBe(expectedOf([5, 2, 9], result));
    one.clearSlot(0);
    expect(resultOf(one, 0)).toBeNull();
  });
});
