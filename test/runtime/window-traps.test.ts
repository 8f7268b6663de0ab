/** The mistakes that windows of this kind of system have made, each with the test that sees it. */
import { describe, expect, it } from 'vitest';
import type { WindowSpec } from '../../src/plan/window-spec.js';
import { WindowAggregateOperator } from '../../src/runtime/operators/window/window-aggregate.js';
import { RecordingContext, seededRandom } from './stream-support.js';
import { call, recordBatch, run, windowNode } from './window-harness.js';
import type { RunOptions } from './window-harness.js';
import type { StreamRecord } from './window-oracle.js';

const SECOND: WindowSpec = { kind: 'tumbling', sizeMs: 1000 };
const MINUTE: WindowSpec = { kind: 'tumbling', sizeMs: 60_000 };
const HOUR_MS = 3_600_000;

function options(changes: Partial<RunOptions>): RunOptions {
  return {
    window: SECOND,
    emission: 'final',
    strategy: 'drop',
    latenessMs: 0,
    boundMs: 0,
    splits: [0],
    flush: true,
    batchRows: 100,
    keys: [],
    aggregates: [call('COUNT', null), call('MAX', 2)],
    ...changes,
  };
}

/** Records of one split without a key; values count from 1. */
function timed(times: readonly number[]): StreamRecord[] {
  return times.map((time, at) => ({ split: 0, time, key: 'a', value: at + 1 }));
}

/** Numbers for bigints, as SQL results read. */
function plain(rows: readonly (readonly unknown[])[]): unknown[][] {
  return rows.map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value)));
}

describe('traps', () => {
  const market = (count: number, groups: number): StreamRecord[] =>
    Array.from({ length: count }, (_, at) => ({
      split: 0,
      time: 1_700_000_000_000 + at * 1000,
      key: `TRADER${at % groups}`,
      value: at,
    }));
  const still = (count: number): StreamRecord[] =>
    market(count, 20).map((record, at) => ({ ...record, time: 1_700_000_000 + at }));
  const advancing = options({
    window: MINUTE,
    boundMs: 60_000,
    keys: [1],
    aggregates: [call('COUNT', null)],
    batchRows: 4096,
  });

  it('gives 84,040 snapshot rows and 1,680 final rows for one record a second', () => {
    const records = market(5000, 20);
    expect(run(records, { ...advancing, emission: 'snapshot' }).rows).toHaveLength(84_040);
    expect(run(records, advancing).rows).toHaveLength(1680);
    expect(run(records, { ...advancing, flush: false }).rows).toHaveLength(1640);
    expect(run(records, { ...advancing, flush: false, boundMs: 0 }).rows).toHaveLength(1660);
  });

  it('gives 99,810 snapshot rows while the window does not move', () => {
    const snapshot = { ...advancing, emission: 'snapshot' as const };
    expect(run(still(5000), snapshot).rows).toHaveLength(99_810);
  });

  it('does twice the work for twice the records under snapshot emission', () => {
    const node = windowNode({ ...advancing, emission: 'snapshot' });
    const cpuMs = (count: number): number => {
      let rows = 0;
      const context = new RecordingContext([]);
      context.output.emit = (batch) => {
        rows += batch.selectedCount;
      };
      const operator = new WindowAggregateOperator(node, context);
      const batch = recordBatch(still(1000));
      const before = process.cpuUsage();
      for (let at = 0; at < count; at += 1000) operator.process(0, batch);
      const { user, system } = process.cpuUsage(before);
      expect(rows).toBe(count * 20 - 190);
      return user + system;
    };
    const least = (count: number): number =>
      Math.min(...Array.from({ length: 7 }, () => cpuMs(count)));
    least(50_000);
    // Work that grows with the square would be four times as much.
    expect(least(100_000) / least(50_000)).toBeLessThan(3);
  });

  it('opens the next window with a record exactly at the end', () => {
    const result = run(timed([1000, 30_000, 59_999, 60_000, 119_999, 120_000]), {
      ...options({ boundMs: 60_000 }),
      window: MINUTE,
    });
    expect(plain(result.rows)).toEqual([
      [0, 60_000, 3, 3],
      [60_000, 120_000, 2, 5],
      [120_000, 180_000, 1, 6],
    ]);
  });

  it('does not walk the empty windows of a day, or of a thousand years', () => {
    const day = 86_400_000;
    const times = [1_700_000_000_123, 1_700_000_000_123 + day, 1_700_000_000_123 + 365_000 * day];
    const started = performance.now();
    for (const window of [SECOND, { kind: 'hopping', sizeMs: 1000, advanceMs: 1000 } as const]) {
      expect(plain(run(timed(times), options({ window })).rows)).toEqual(
        times.map((time, at) => [time - 123, time + 877, 1, at + 1]),
      );
    }
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('mixes no windows however long the allowed lateness', () => {
    const records = market(10_000, 100).map((record, at) => ({
      ...record,
      time: 1_000_000 + at * 1000,
    }));
    for (const latenessMs of [0, 120_000, 24 * HOUR_MS]) {
      for (const strategy of ['drop', 'process-all'] as const) {
        const late = { ...advancing, boundMs: 0, latenessMs, strategy };
        expect(run(records, late).rows).toHaveLength(10_000);
        expect(run(records, { ...late, flush: false }).rows).toHaveLength(9980);
      }
    }
  });

  it('loses nothing when 32 splits are read one after the other', () => {
    const splits = Array.from({ length: 32 }, (_, split) => split);
    const records = splits.flatMap((split) =>
      Array.from({ length: 100 }, (_, at) => ({
        split,
        time: at * 1000,
        key: `k${at % 10}`,
        value: 1,
      })),
    );
    const result = run(records, { ...advancing, splits, boundMs: 0, window: MINUTE });
    expect(result.late).toBe(0);
    const counted = result.rows.reduce((sum, row) => sum + Number(row[3]), 0);
    expect(counted).toBe(3200);
    expect(result.rows).toHaveLength(20);
  });

  it('keeps what came before a very new record in the same batch', () => {
    const result = run(timed([100, 99_000_000]), options({}));
    expect(plain(result.rows)).toEqual([
      [0, 1000, 1, 1],
      [99_000_000, 99_001_000, 1, 2],
    ]);
  });

  it('accounts for every record: read = in windows + dropped + failed', () => {
    const random = seededRandom(4);
    const times = Array.from({ length: 2000 }, (_, at) => at * 10 - Math.floor(random() * 5000));
    const result = run(timed(times), options({ batchRows: 64, boundMs: 100 }));
    const counted = result.rows.reduce((sum, row) => sum + Number(row[2]), 0);
    expect(result.dropped).toBeGreaterThan(500);
    expect(counted + result.dropped).toBe(2000);
  });
});
