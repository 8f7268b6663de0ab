/**
 * APPROX_COUNT_DISTINCT from a few values to hundreds of thousands: within four standard errors of
 * the truth, through each of its ways to count, and the same behind a merge and a restore.
 */
import { describe, expect, it } from 'vitest';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import { DOUBLE } from '../../src/columnar/types.js';
import type { ResultRows } from '../../src/state/result-rows.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import { DistinctSketches } from '../../src/state/values/distinct-sketch.js';
import { Interner } from '../../src/state/values/interner.js';
import { codecOf } from '../../src/state/values/value-cells.js';

const STANDARD_ERROR = 0.0081;

function sketches(): DistinctSketches {
  return new DistinctSketches(codecOf(DOUBLE, new Interner()), 0);
}

/** Adds `from` … `to - 1`, each twice. */
function added(sketch: DistinctSketches, from: number, to: number): DistinctSketches {
  const values = Float64Array.from({ length: to - from }, (_, row) => from + row);
  const batch = newBatch([{ kind: 'f64', values, nulls: null }], emptyHeader(''));
  batch.rowCount = values.length;
  for (let row = 0; row < values.length; row += 1) {
    sketch.add(0, 0, 1, batch, row);
    sketch.add(0, 0, 1, batch, row);
  }
  return sketch;
}

function estimateOf(sketch: DistinctSketches): number {
  const values = new Float64Array(1);
  const rows = { columns: [{ kind: 'f64', values, nulls: null }] } as Partial<ResultRows>;
  sketch.write(0, rows as ResultRows, 0, 0);
  return values[0]!;
}

function restored(sketch: DistinctSketches): DistinctSketches {
  const writer = new StateWriter();
  writer.beginEntry(0);
  sketch.snapshot(writer, 0);
  writer.endEntry();
  const reader = new StateReader(writer.written());
  expect(reader.nextEntry()).toBe(0);
  const again = sketches();
  again.restore(reader, 0);
  return again;
}

describe('a sketch', () => {
  it.each([0, 1, 100, 2048])('counts %i values exactly', (count) => {
    expect(estimateOf(added(sketches(), 0, count))).toBe(count);
  });

  it.each([2049, 5000, 20_000, 40_000, 60_000, 300_000])('counts about %i values', (count) => {
    const whole = added(sketches(), 0, count);
    const error = Math.abs(estimateOf(whole) - count) / count;
    expect(error).toBeLessThan(4 * STANDARD_ERROR);
    const half = Math.floor(count / 2);
    const merged = added(sketches(), 0, half);
    merged.merge(added(sketches(), half - 10, count), 0, 0);
    expect(estimateOf(merged)).toBe(estimateOf(whole));
  });

  it.each([1, 1000, 2049, 20_000])('of %i values is the same when it is restored', (count) => {
    const sketch = added(sketches(), 0, count);
    const again = restored(sketch);
    expect(estimateOf(again)).toBe(estimateOf(sketch));
    // What is known is known: the same values once more change nothing.
    added(again, 0, count);
    expect(estimateOf(again)).toBe(estimateOf(sketch));
  });
});
