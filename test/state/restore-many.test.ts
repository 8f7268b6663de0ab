/**
 * A restore of so many groups that their keys are looked at together: the same groups in the same
 * order, from one part or many, with some of them there before, and with those of other partitions
 * between them.
 */
import { describe, expect, it } from 'vitest';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../src/state/groups/grouped-state.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import { call } from './grouping-harness.js';

const GROUPS = 200_000;
const PART_GROUPS = 37_000;

function factoryOf(types: readonly SqlType[]): GroupedStateFactory {
  return new GroupedStateFactory({
    id: 'test',
    inputTypes: types,
    keys: [0],
    aggregates: [
      { ...call('COUNT', [], BIGINT), argTypes: [] },
      { ...call('SUM', [], DOUBLE), args: [1], argTypes: [DOUBLE] },
    ],
    windowColumns: false,
  });
}

function batchOf(from: number, count: number): Batch {
  const keys = Float64Array.from({ length: count }, (_, at) => ((from + at) * 7919) % 1_000_003);
  const values = Float64Array.from({ length: count }, (_, at) => (from + at) / 8);
  const columns = [keys, values].map((numbers) => ({
    kind: 'f64' as const,
    values: numbers,
    nulls: null,
  }));
  const batch = newBatch(columns, { ...emptyHeader('test'), firstOffset: from });
  batch.rowCount = count;
  batch.selectedCount = count;
  return batch;
}

function filled(factory: GroupedStateFactory, from: number, to: number): GroupedState {
  const state = factory.create();
  for (let at = from; at < to; at += 4000) {
    const batch = batchOf(at, Math.min(4000, to - at));
    state.update(batch, null, batch.rowCount);
  }
  return state;
}

function bytesOf(state: GroupedState): Uint8Array {
  const writer = new StateWriter();
  state.snapshot(writer);
  return writer.finish();
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

describe('a restore of many groups', () => {
  const factory = factoryOf([BIGINT, DOUBLE]);
  const whole = bytesOf(filled(factory, 0, GROUPS));

  it('gives the same groups in the same order', () => {
    const state = factoryOf([BIGINT, DOUBLE]).create();
    state.restore(new StateReader(whole));
    expect(state.liveCount).toBe(GROUPS);
    expect(isSame(bytesOf(state), whole)).toBe(true);
    const batch = batchOf(5, 4000);
    state.update(batch, null, 4000);
    expect(state.liveCount).toBe(GROUPS);
  });

  it('gives them from parts as well', () => {
    const state = factoryOf([BIGINT, DOUBLE]).create();
    for (let from = 0; from < GROUPS; from += PART_GROUPS) {
      const part = bytesOf(filled(factory, from, Math.min(GROUPS, from + PART_GROUPS)));
      state.restore(new StateReader(part, () => true, whole.length));
    }
    expect(isSame(bytesOf(state), whole)).toBe(true);
  });

  it('takes in those that are its own, once', () => {
    const halves = [0, 1].map((half) => {
      const state = factoryOf([BIGINT, DOUBLE]).create();
      for (let times = 0; times < 2; times += 1) {
        state.restore(new StateReader(whole, (keyGroup) => keyGroup % 2 === half));
      }
      return state;
    });
    const counts = halves.map((state) => state.liveCount);
    expect(counts.every((count) => count > GROUPS / 3)).toBe(true);
    expect(counts[0]! + counts[1]!).toBe(GROUPS);
  });

  it('takes keys that are texts one by one', () => {
    const texts = factoryOf([VARCHAR, DOUBLE]);
    const state = texts.create();
    const writer = new StateWriter();
    for (let key = 0; key < GROUPS; key += 1) {
      writer.beginEntry(key % 1024);
      writer.writeBoolean(true);
      writer.writeText(`key ${key}`);
      for (let cell = 1; cell < state.table.stride; cell += 1) writer.writeF64(1);
      writer.endEntry();
    }
    state.restore(new StateReader(writer.finish()));
    expect(state.liveCount).toBe(GROUPS);
  });
});
