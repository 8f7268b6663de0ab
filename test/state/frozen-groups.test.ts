/**
 * Groups as they were at one moment, written while rows go on: byte for byte what a snapshot in that
 * moment wrote, whatever comes between two pieces. Rows are added and taken back in every way of
 * emitting, groups end and their slots are used again, groups are merged in, and all are forgotten.
 * Seeds are printed.
 */
import { describe, expect, test } from 'vitest';
import { OP_DELETE, OP_INSERT } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { BIGINT, decimalType, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { AggregateCall } from '../../src/plan/pipeline/pipeline-plan.js';
import { FREEZE_GROUPS } from '../../src/state/groups/frozen-groups.js';
import { GroupMerger } from '../../src/state/groups/group-merger.js';
import { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../src/state/groups/grouped-state.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import type { Change, Row } from './grouping-harness.js';
import {
  batchesOf,
  call,
  Collector,
  COLUMNS,
  INT,
  NAME,
  OTHER,
  Random,
  randomRows,
  REAL,
  TEXT,
  TIME,
  WIDE,
} from './grouping-harness.js';

const KEYS = [TEXT, INT, TIME, REAL, WIDE];
const AGGREGATES: readonly AggregateCall[] = [
  call('COUNT', [], BIGINT),
  call('SUM', [INT], BIGINT),
  call('SUM', [OTHER], DOUBLE),
  call('MAX', [NAME], VARCHAR),
  call('MIN', [WIDE], decimalType(30, 4)),
  call('COUNT', [NAME], BIGINT, { distinct: true }),
];
const SEEDS = [11, 12, 13, 14, 15, 16, 17, 18];

function factoryOf(inputRetracts: boolean): GroupedStateFactory {
  return new GroupedStateFactory({
    id: 'test',
    inputTypes: COLUMNS,
    keys: KEYS,
    aggregates: AGGREGATES,
    windowColumns: false,
    inputRetracts,
  });
}

/** Rows that come, and some of those that are there going. */
class Stream {
  private readonly random: Random;
  private readonly retracts: boolean;
  private present: Row[] = [];

  constructor(random: Random, retracts: boolean) {
    this.random = random;
    this.retracts = retracts;
  }

  batches(count: number): Batch[] {
    const { random } = this;
    const changes: Change[] = [];
    for (const row of randomRows(count, random, true)) {
      if (this.retracts && this.present.length > 0 && random.below(3) === 0) {
        const [gone] = this.present.splice(random.below(this.present.length), 1);
        changes.push({ op: OP_DELETE, row: gone! });
      } else {
        this.present.push(row);
        changes.push({ op: OP_INSERT, row });
      }
    }
    return batchesOf(changes, 1 + random.below(300), random);
  }

  forget(): void {
    this.present = [];
  }
}

function bytesOf(state: GroupedState): Uint8Array {
  const writer = new StateWriter();
  state.snapshot(writer);
  return writer.finish();
}

describe('groups as they were at one moment', () => {
  for (const retracts of [false, true]) {
    test.each(SEEDS)(`are what a snapshot held, retractions ${retracts}, seed %i`, (seed) => {
      const random = new Random(seed);
      const factory = factoryOf(retracts);
      const state = factory.create();
      const stream = new Stream(random, retracts);
      const collector = new Collector(factory);
      for (const batch of stream.batches(9000))
        state.update(batch, batch.selection, batch.selectedCount);
      expect(state.liveCount).toBeGreaterThan(FREEZE_GROUPS);
      const expected = bytesOf(state);

      const frozen = state.freeze();
      const writer = new StateWriter();
      const merger = new GroupMerger(factory);
      const events = [
        () => {
          for (const batch of stream.batches(random.below(600))) {
            const given = [batch, batch.selection, batch.selectedCount] as const;
            const way = random.below(3);
            if (way === 0) state.update(...given);
            else if (way === 1) state.updateEmitChanged(...given, collector.results);
            else state.updateEmitRetract(...given, collector.results);
          }
          collector.drain();
        },
        () => {
          if (retracts) return;
          const other = factory.create();
          for (const batch of stream.batches(50))
            other.update(batch, batch.selection, batch.selectedCount);
          const reader = new StateReader(bytesOf(other));
          while (reader.nextEntry() >= 0) merger.merge(reader, state);
          factory.release(other);
        },
        () => {
          const slot = random.below(Math.max(1, state.groupCount));
          if (retracts || state.groupCount === 0 || state.table.isFreed(slot)) return;
          state.freeSlot(slot);
        },
        () => {
          if (retracts || random.below(6) > 0) return;
          state.clear();
          stream.forget();
        },
      ];
      let pieces = 0;
      do {
        random.pick(events)();
        pieces += 1;
      } while (frozen.step(writer, () => false));
      expect(pieces).toBeGreaterThan(2);
      expect(Buffer.compare(writer.finish(), expected), `seed ${seed}`).toBe(0);
    });
  }

  test('writes them in one go where nobody stops it', () => {
    const random = new Random(1);
    const factory = factoryOf(false);
    const state = factory.create();
    const stream = new Stream(random, false);
    for (const batch of stream.batches(3000))
      state.update(batch, batch.selection, batch.selectedCount);
    const writer = new StateWriter();
    expect(state.freeze().step(writer, () => true)).toBe(false);
    expect(Buffer.compare(writer.finish(), bytesOf(state))).toBe(0);
  });
});
