/**
 * Percentiles of texts and wide integers, whose cells are ids: the ids that are in use are marked and
 * renamed, also where some groups never had a value; restores and merges keep the order.
 */
import { describe, expect, it } from 'vitest';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { ValueColumn } from '../../src/columnar/value-column.js';
import { mulberry32 } from '../../src/bench/statistics.js';
import type { ResultRows } from '../../src/state/result-rows.js';
import { Interner } from '../../src/state/values/interner.js';
import { SortedValues } from '../../src/state/values/sorted-values.js';
import { codecOf, isWideCell } from '../../src/state/values/value-cells.js';

const OPTIONS = { fraction: 0.5, descending: false, continuous: false, numeric: false };

function filled(type: SqlType, groups: readonly (readonly SqlValue[] | null)[]) {
  const codec = codecOf(type, new Interner());
  const values = new SortedValues(codec, OPTIONS);
  const cells: number[] = [];
  const batch = newBatch([], emptyHeader(''));
  groups.forEach((group, slot) => {
    group?.forEach((value) => {
      const column = new ValueColumn(type, 1);
      column.set(0, value);
      const cell = codec.read(column.take(), 0);
      cells.push(cell);
      values.add(slot, cell, 1, batch, 0);
    });
  });
  return { values, cells };
}

describe('ids in use', () => {
  it('are marked for every group that has values, beside groups without', () => {
    const { values, cells } = filled(VARCHAR, [['b', 'a'], null, null, ['c', 'a']]);
    const marks = new Uint8Array(8);
    values.markIds(marks);
    const used = new Set(cells);
    expect([...marks.keys()].filter((id) => marks[id] === 1)).toEqual(
      [...used].sort((a, b) => a - b),
    );
  });

  it('are those of wide integers alone', () => {
    const { values, cells } = filled(BIGINT, [[5n, 2n ** 60n], null, [2n ** 61n]]);
    expect(cells.map(isWideCell)).toEqual([false, true, true]);
    const marks = new Uint8Array(8);
    values.markIds(marks);
    expect(marks.reduce((sum, mark) => sum + mark, 0)).toBe(2);
  });

  it('may all get other numbers', () => {
    const { values } = filled(VARCHAR, [['b', 'a'], null, ['c']]);
    expect(() => values.remapIds(Int32Array.of(7, 6, 5, 4, 3, 2, 1, 0))).not.toThrow();
    const marks = new Uint8Array(8);
    values.markIds(marks);
    expect(marks.reduce((sum, mark) => sum + mark, 0)).toBe(3);
    expect([...marks.subarray(4)].reduce((sum, mark) => sum + mark, 0)).toBe(3);
  });
});

describe('percentiles', () => {
  /** Of a slot; null without a value. */
  function resultOf(values: SortedValues, slot: number): number | null {
    const column = new Float64Array(1);
    let isNull = false;
    const rows: Partial<ResultRows> = {
      columns: [{ kind: 'f64', values: column, nulls: null }],
      setNull: () => (isNull = true),
    };
    values.write(slot, rows as ResultRows, 0, 0);
    return isNull ? null : column[0]!;
  }

  it.each([
    { fraction: 0.5, descending: false },
    { fraction: 0.9, descending: false },
    { fraction: 0.9, descending: true },
  ])('follow values that come and go: $fraction, descending $descending', (options) => {
    const random = mulberry32(20261129);
    const batch = newBatch([], emptyHeader(''));
    for (const numeric of [true, false]) {
      const all = { ...options, continuous: true, numeric };
      const values = new SortedValues(codecOf(DOUBLE, new Interner()), all);
      const kept: number[] = [];
      for (let step = 0; step < 400; step += 1) {
        // Several at once between two results, or one, or some that leave.
        for (let more = Math.floor(random() * 6); more > 0; more -= 1) {
          const value = Math.floor(random() * 50);
          kept.push(value);
          values.add(0, value, 1, batch, 0);
        }
        for (let less = Math.floor(random() * 5); less > 0 && kept.length > 0; less -= 1) {
          const [value = 0] = kept.splice(Math.floor(random() * kept.length), 1);
          values.add(0, value, -1, batch, 0);
        }
        const sorted = [...kept].sort((a, b) => (options.descending ? b - a : a - b));
        const place = options.fraction * (sorted.length - 1);
        const [below, above] = [Math.floor(place), Math.ceil(place)];
        const expected = sorted[below]! + (sorted[above]! - sorted[below]!) * (place - below);
        const found = resultOf(values, 0);
        if (kept.length === 0) expect(found).toBeNull();
        else expect(found).toBeCloseTo(expected, 9);
      }
    }
    expect(resultOf(new SortedValues(codecOf(DOUBLE, new Interner()), OPTIONS), 3)).toBeNull();
  });
});
