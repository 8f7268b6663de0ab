/** Exact rows of windows: late data, emission, sessions, idle splits and input of operators. */
import { describe, expect, it } from 'vitest';
import { DOUBLE, TIMESTAMP } from '../../src/columnar/types.js';
import type { WindowSpec } from '../../src/plan/window-spec.js';
import type { Batch } from '../../src/columnar/batch.js';
import { WatermarkOperator } from '../../src/runtime/operators/watermark.js';
import { WindowAggregateOperator } from '../../src/runtime/operators/window/window-aggregate.js';
import { batchOf, RecordingContext } from './stream-support.js';
import { call, recordBatch, run, watermarkNode, windowNode } from './window-harness.js';
import type { RunOptions } from './window-harness.js';
import type { StreamRecord } from './window-oracle.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

const SECOND: WindowSpec = { kind: 'tumbling', sizeMs: 1000 };
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

function keyed(records: readonly (readonly [string, number, number?])[]): StreamRecord[] {
  return records.map(([key, time, value]) => ({ split: 0, time, key, value: value ?? 1 }));
}

/** Numbers for bigints, as SQL results read. */
function plain(rows: readonly (readonly unknown[])[]): unknown[][] {
  return rows.map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value)));
}

describe.each([1, 5, 100])('late records in batches of %i', (batchRows) => {
  const late = timed([100, 500, 2100, 800, 1200]);

  it('drops a record whose window has ended, and that record closes nothing', () => {
    const result = run(late, options({ batchRows }));
    expect(plain(result.rows)).toEqual([
      [0, 1000, 2, 2],
      [2000, 3000, 1, 3],
    ]);
    expect(result).toMatchObject({ late: 2, dropped: 2, expired: 0, deadLetters: 0 });
  });

  it('hands dropped records to the dead-letter sink', () => {
    const result = run(late, options({ batchRows, strategy: 'dead-letter' }));
    expect(plain(result.rows)).toHaveLength(2);
    expect(result).toMatchObject({ late: 2, dropped: 2, expired: 0, deadLetters: 2 });
  });

  it.each(['process-all', 'process-with-warning'] as const)(
    'corrects a held window, and a window that never was, under %s',
    (strategy) => {
      const result = run(late, options({ batchRows, strategy, latenessMs: 60_000 }));
      expect(plain(result.rows)).toEqual([
        [0, 1000, 2, 2],
        [0, 1000, 3, 4],
        [1000, 2000, 1, 5],
        [2000, 3000, 1, 3],
      ]);
      expect(result).toMatchObject({ late: 2, dropped: 0, expired: 0 });
    },
  );

  it('gives up a window once the watermark has reached its end and the lateness', () => {
    const records = timed([100, 1999, 500, 2000, 600]);
    const result = run(records, options({ batchRows, strategy: 'process-all', latenessMs: 1000 }));
    expect(plain(result.rows)).toEqual([
      [0, 1000, 1, 1],
      [0, 1000, 2, 3],
      [1000, 2000, 1, 2],
      [2000, 3000, 1, 4],
    ]);
    expect(result).toMatchObject({ dropped: 0, expired: 1, deadLetters: 1 });
  });

  it('waits for the bound of the watermark', () => {
    const records = timed([100, 1500, 600, 2100, 1100, 1099]);
    const result = run(records, options({ batchRows, boundMs: 1000 }));
    expect(plain(result.rows)).toEqual([
      [0, 1000, 2, 3],
      [1000, 2000, 3, 6],
      [2000, 3000, 1, 4],
    ]);
    expect(result.late).toBe(1);
  });

  it('is late exactly when the watermark has reached the end', () => {
    const records = timed([500, 1999, 998, 2000, 999]);
    const result = run(records, options({ batchRows, boundMs: 1000 }));
    expect(plain(result.rows)).toEqual([
      [0, 1000, 2, 3],
      [1000, 2000, 1, 2],
      [2000, 3000, 1, 4],
    ]);
  });

  it('keeps a record below the watermark while its window is open', () => {
    const result = run(timed([900, 900, 899, 950]), options({ batchRows }));
    expect(plain(result.rows)).toEqual([[0, 1000, 4, 4]]);
    expect(result).toMatchObject({ late: 1, dropped: 0 });
  });

  it('counts a record in several windows as dropped only when none takes it', () => {
    const window: WindowSpec = { kind: 'hopping', sizeMs: 1000, advanceMs: 500 };
    const result = run(timed([700, 1200, 600, 2200, 900]), options({ batchRows, window }));
    expect(plain(result.rows)).toEqual([
      [0, 1000, 1, 1],
      [500, 1500, 3, 3],
      [1000, 2000, 1, 2],
      [1500, 2500, 1, 4],
      [2000, 3000, 1, 4],
    ]);
    expect(result).toMatchObject({ late: 2, dropped: 1 });
  });
});

describe('emission', () => {
  const records = keyed([
    ['A', 100, 10],
    ['A', 500, 20],
    ['A', 1000, 30],
    ['B', 1200, 1],
    ['A', 1300, 5],
    ['C', 900, 2],
  ]);
  const changes = options({
    boundMs: HOUR_MS,
    keys: [1],
    aggregates: [call('COUNT', null), call('SUM', 2)],
  });
  const withoutBounds = (rows: readonly unknown[][]): unknown[][] =>
    plain(rows).map(([key, , , ...rest]) => [key, ...rest]);

  it('snapshot gives the current row of every group of the record and its window', () => {
    expect(withoutBounds(run(records, { ...changes, emission: 'snapshot' }).rows)).toEqual([
      ['A', 1, 10],
      ['A', 2, 30],
      ['A', 1, 30],
      ['A', 1, 30],
      ['B', 1, 1],
      ['A', 2, 35],
      ['B', 1, 1],
      ['A', 2, 30],
      ['C', 1, 2],
    ]);
  });

  it('delta gives the changed group', () => {
    const result = run(records, { ...changes, emission: 'delta' });
    expect(withoutBounds(result.rows)).toEqual([
      ['A', 1, 10],
      ['A', 2, 30],
      ['A', 1, 30],
      ['B', 1, 1],
      ['A', 2, 35],
      ['C', 1, 2],
    ]);
    expect(result.ops).toEqual([0, 2, 0, 0, 2, 0]);
  });

  it('session changes give the session as it grows', () => {
    const window: WindowSpec = { kind: 'session', gapMs: 400 };
    const result = run(records, { ...changes, window, emission: 'snapshot' });
    expect(plain(result.rows)).toEqual([
      ['A', 100, 500, 1, 10],
      ['A', 100, 900, 2, 30],
      ['A', 1000, 1400, 1, 30],
      ['B', 1200, 1600, 1, 1],
      ['A', 1000, 1700, 2, 35],
      ['C', 900, 1300, 1, 2],
    ]);
    expect(result.ops).toEqual([0, 2, 0, 0, 2, 0]);
  });

  it('emits closed windows but not the open one when it does not flush', () => {
    const result = run(timed([100, 900, 1500, 2500]), options({ flush: false }));
    expect(plain(result.rows)).toEqual([
      [0, 1000, 2, 2],
      [1000, 2000, 1, 3],
    ]);
  });

  it('does not take an infinite watermark for a flush when it must not flush', () => {
    const node = windowNode(options({ flush: false }));
    const context = new RecordingContext(node.schema.map(({ type }) => type));
    const operator = new WindowAggregateOperator(node, context);
    operator.process(0, recordBatch(timed([100])));
    operator.watermark(0, Infinity);
    operator.end(0, true);
    expect(context.rows).toEqual([]);
    expect(context.watermarks).toEqual([Infinity]);
  });

  it('does not flush at a stop, and passes the watermark on behind the closed rows', () => {
    const node = windowNode(options({}));
    const context = new RecordingContext(node.schema.map(({ type }) => type));
    const operator = new WindowAggregateOperator(node, context);
    operator.process(0, recordBatch(timed([100, 1100])));
    let rowsAtWatermark = -1;
    const pass = context.output.watermark;
    context.output.watermark = (watermarkMs) => {
      rowsAtWatermark = context.rows.length;
      pass(watermarkMs);
    };
    operator.watermark(0, 1000);
    operator.watermark(0, 900);
    expect(rowsAtWatermark).toBe(1);
    operator.end(0, false);
    expect(plain(context.rows)).toEqual([[0, 1000, 1, 1]]);
    expect(context.watermarks).toEqual([1000]);
  });
});

describe('sessions', () => {
  const session = (gapMs: number): Partial<RunOptions> => ({
    window: { kind: 'session', gapMs },
    boundMs: HOUR_MS,
    keys: [1],
    aggregates: [call('COUNT', null)],
  });

  it('exceeds the gap strictly', () => {
    const records = keyed([
      ['a', 1000],
      ['a', 1500],
      ['a', 2001],
      ['b', 1000],
    ]);
    expect(plain(run(records, options(session(500))).rows)).toEqual([
      ['b', 1000, 1500, 1],
      ['a', 1000, 2000, 2],
      ['a', 2001, 2501, 1],
    ]);
  });

  it('merges two sessions with a record between them', () => {
    const records = keyed([
      ['a', 1000],
      ['a', 1900],
      ['b', 1300],
      ['a', 1450],
      ['b', 2500],
    ]);
    expect(plain(run(records, options(session(500))).rows)).toEqual([
      ['b', 1300, 1800, 1],
      ['a', 1000, 2400, 3],
      ['b', 2500, 3000, 1],
    ]);
  });

  it('does not reopen a session that the watermark closed before the record, in one batch too', () => {
    const records = keyed([
      ['a', 1000],
      ['b', 1500],
      ['a', 1400],
      ['a', 1950],
    ]);
    for (const batchRows of [1, 4]) {
      const closing = { ...session(500), boundMs: 0, batchRows };
      expect(plain(run(records, options(closing)).rows)).toEqual([
        ['a', 1000, 1500, 1],
        ['a', 1400, 1900, 1],
        ['b', 1500, 2000, 1],
        ['a', 1950, 2450, 1],
      ]);
    }
  });

  it('forgets keys whose sessions are over', () => {
    const records = Array.from({ length: 3000 }, (_, at) => ({
      split: 0,
      time: at * 1000,
      key: `key-${at % 1000}`,
      value: 1,
    }));
    const node = windowNode(options({ ...session(500), boundMs: 0 }));
    const context = new RecordingContext(node.schema.map(({ type }) => type));
    const operator = new WindowAggregateOperator(node, context);
    for (let at = 0; at < records.length; at += 100) {
      operator.process(0, recordBatch(records.slice(at, at + 100)));
      operator.watermark(0, (at + 99) * 1000);
      expect(operator.stateSize().rows).toBeLessThanOrEqual(1);
    }
    operator.end(0, true);
    expect(context.rows).toHaveLength(3000);
  });
});

describe('a split that returns from idle', () => {
  it.each([SECOND, { kind: 'session', gapMs: 500 } as const])(
    'finds its windows closed: $kind',
    (window) => {
      const node = windowNode(options({ window }));
      const context = new RecordingContext(node.schema.map(({ type }) => type));
      const windows = new WindowAggregateOperator(node, context);
      const output = {
        emit: (batch: Batch): void => windows.process(0, batch),
        watermark: (watermarkMs: number): void => windows.watermark(0, watermarkMs),
      };
      const { errors, late, counters, limitReached } = context;
      const source = new WatermarkOperator(
        watermarkNode(0),
        { output, errors, late, counters, flow: AT_ONCE, limitReached },
        { everyRow: window.kind === 'session' },
      );
      source.setSplits([0, 1]);
      source.process(0, recordBatch(timed([100, 3000])));
      source.idle(1);
      const returning = recordBatch(timed([200, 5000, 2990]));
      returning.header.split = 1;
      source.process(0, returning);
      windows.end(0, true);
      const firstWindow = context.rows.filter((row) => (row[0] as number) < 1000);
      expect(firstWindow).toHaveLength(1);
      expect(Number(firstWindow[0]?.[2])).toBe(1);
      expect(counters.lateDropped).toBe(2);
    },
  );
});

describe('input that is not a source', () => {
  const node = windowNode(options({}));

  function setUp() {
    const context = new RecordingContext([TIMESTAMP, TIMESTAMP, DOUBLE, DOUBLE]);
    return { context, operator: new WindowAggregateOperator(node, context) };
  }

  it('treats rows behind the closed windows as late without row watermarks', () => {
    const { context, operator } = setUp();
    operator.process(0, recordBatch(timed([100, 1100])));
    operator.watermark(0, 1000);
    operator.process(0, recordBatch(timed([200, 1200])));
    operator.end(0, true);
    expect(context.rows.map((row) => row.slice(0, 3))).toEqual([
      [0, 1000, 1],
      [1000, 2000, 2],
    ]);
    expect(context.counters.lateDropped).toBe(1);
  });

  it('counts a batch of nothing but late rows, too', () => {
    const { context, operator } = setUp();
    operator.process(0, recordBatch(timed([100])));
    operator.watermark(0, 1000);
    operator.process(0, recordBatch(timed([200, 300])));
    operator.end(0, true);
    expect(context.rows).toHaveLength(1);
    expect(context.counters.lateDropped).toBe(2);
  });

  it('corrects held windows without row watermarks', () => {
    const context = new RecordingContext([TIMESTAMP, TIMESTAMP, DOUBLE, DOUBLE]);
    const held = windowNode(options({ strategy: 'process-all', latenessMs: 500 }));
    const operator = new WindowAggregateOperator(held, context);
    operator.process(0, recordBatch(timed([100])));
    operator.watermark(0, 1499);
    operator.process(0, recordBatch(timed([200, 300])));
    operator.watermark(0, 1500);
    operator.process(0, recordBatch(timed([400])));
    operator.end(0, true);
    expect(context.rows.map((row) => row[2])).toEqual([1, 2, 3]);
    expect(context.counters).toEqual({ late: 0, lateDropped: 0, lateExpired: 1, rejected: 0 });
  });

  it.each([
    ['tumbling', SECOND, 1500],
    ['hopping', { kind: 'hopping', sizeMs: 1000, advanceMs: 500 }, 1500],
    ['cumulate', { kind: 'cumulate', sizeMs: 1000, stepMs: 500 }, 1500],
    ['session', { kind: 'session', gapMs: 900 }, 1500],
  ] as const)(
    'holds a %s window until its end and the allowed lateness, no longer',
    (_, window, goneMs) => {
      for (const emission of ['final', 'delta'] as const) {
        const context = new RecordingContext([]);
        const node = windowNode(
          options({ window, emission, strategy: 'process-all', latenessMs: 500 }),
        );
        const operator = new WindowAggregateOperator(node, context);
        operator.process(0, recordBatch(timed([100])));
        operator.watermark(0, goneMs - 1);
        expect(operator.stateSize().rows, emission).toBe(1);
        operator.watermark(0, goneMs);
        expect(operator.stateSize().rows, emission).toBe(0);
      }
    },
  );

  it('fails rows without event time and names the record they came from', () => {
    const { context, operator } = setUp();
    const batch = batchOf([
      [100, null, 200],
      ['a', 'a', 'a'],
      [1, 2, 3],
    ]);
    batch.origins = Int32Array.of(7, 8, 9);
    operator.process(0, batch);
    operator.end(0, true);
    expect(context.failures).toEqual([
      { row: 8, failure: { key: 'EVENT_TIME_NULL', message: 'the event time is NULL' } },
    ]);
    expect(context.rows.map((row) => row.slice(0, 3))).toEqual([[0, 1000, 2]]);
  });

  it('takes empty batches and batches with nothing selected', () => {
    const { context, operator } = setUp();
    operator.process(0, recordBatch([]));
    const batch = recordBatch(timed([100]));
    batch.selection = new Int32Array(0);
    batch.selectedCount = 0;
    operator.process(0, batch);
    operator.end(0, true);
    expect(context.rows).toEqual([]);
  });
});
