/** Window slices against a brute-force search, and the columns of window table functions. */
import { describe, expect, it } from 'vitest';
import { BIGINT, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { LatePolicy, PipelineNode } from '../../src/plan/pipeline/pipeline-plan.js';
import type { WindowSpec } from '../../src/plan/window-spec.js';
import { TimeHeap } from '../../src/runtime/operators/window/window-heap.js';
import { WindowColumnsOperator } from '../../src/runtime/operators/window/window-columns.js';
import type { FixedWindowSpec } from '../../src/runtime/operators/window/window-slices.js';
import {
  floorTo,
  hasEvenSlices,
  lastWindowEnd,
  sliceUnitMs,
  windowSlice,
  windowsPerRecord,
} from '../../src/runtime/operators/window/window-slices.js';
import { batchOf, RecordingContext, seededRandom, select } from './stream-support.js';

const SPECS: FixedWindowSpec[] = [
  { kind: 'tumbling', sizeMs: 7 },
  { kind: 'hopping', sizeMs: 10, advanceMs: 5 },
  { kind: 'hopping', sizeMs: 10, advanceMs: 3 },
  { kind: 'hopping', sizeMs: 3, advanceMs: 10 },
  { kind: 'cumulate', sizeMs: 12, stepMs: 4 },
  { kind: 'cumulate', sizeMs: 10, stepMs: 4 },
];

/** All windows that hold a time, among all windows there are near it. */
function windowsOf(spec: FixedWindowSpec, time: number): string[] {
  const found: string[] = [];
  for (let start = -60; start <= 60; start += 1) {
    const every = spec.kind === 'hopping' ? spec.advanceMs : spec.sizeMs;
    if (((start % every) + every) % every !== 0) continue;
    for (let end = start + 1; end <= start + spec.sizeMs; end += 1) {
      const isEnd =
        end === start + spec.sizeMs ||
        (spec.kind === 'cumulate' && (end - start) % spec.stepMs === 0);
      if (isEnd && time >= start && time < end) found.push(`${start}..${end}`);
    }
  }
  return found;
}

describe.each(SPECS)('slice of $kind', (spec) => {
  it('lists exactly the windows of each of its times, also before 1970', () => {
    for (let time = -30; time <= 30; time += 1) {
      const slice = windowSlice(spec, time);
      const listed = slice.starts.map((start, at) => `${start}..${slice.ends[at]}`);
      expect(slice.from <= time && time < slice.to).toBe(true);
      for (let each = slice.from; each < slice.to; each += 1) {
        expect(listed).toEqual(windowsOf(spec, each));
      }
      expect(listed.length).toBeLessThanOrEqual(windowsPerRecord(spec));
      expect(lastWindowEnd(spec, time)).toBe(slice.ends.at(-1) ?? Infinity);
      if (!hasEvenSlices(spec)) continue;
      expect(slice.from).toBe(floorTo(time, sliceUnitMs(spec)));
      expect([slice.to, slice.ends[0]]).toEqual([slice.from + sliceUnitMs(spec), slice.to]);
    }
  });
});

describe('floorTo', () => {
  it('is exact for the largest times', () => {
    expect(floorTo(2 ** 53 - 1, 1000)).toBe(9_007_199_254_740_000);
    expect(floorTo(-(2 ** 53) + 1, 1000)).toBe(-9_007_199_254_741_000 + 0);
    expect(floorTo(-1, 60_000)).toBe(-60_000);
    expect(floorTo(-60_000, 60_000)).toBe(-60_000);
    expect(Object.is(floorTo(0, 1000), 0)).toBe(true);
  });
});

describe('time heap', () => {
  it('gives what is due in order of time', () => {
    const random = seededRandom(9);
    const heap = new TimeHeap();
    const times = Array.from({ length: 1000 }, () => Math.floor(random() * 500));
    for (const [payload, time] of times.entries()) heap.push(time, payload);
    const popped: number[] = [];
    while (heap.hasDue(249)) popped.push(times[heap.pop()] as number);
    expect(popped).toEqual(times.filter((time) => time <= 249).sort((a, b) => a - b));
    expect(heap.size).toBe(1000 - popped.length);
    while (heap.hasDue(Infinity)) heap.pop();
    expect(heap.hasDue(Infinity)).toBe(false);
  });
});

describe('window columns', () => {
  const schema = [
    { name: 'ts', type: TIMESTAMP },
    { name: 'k', type: VARCHAR },
  ];
  const input = { kind: 'scan', schema } as unknown as PipelineNode;

  function columnsOf(window: WindowSpec, late: LatePolicy | null = null) {
    const context = new RecordingContext([TIMESTAMP, VARCHAR, TIMESTAMP, TIMESTAMP, TIMESTAMP]);
    const operator = new WindowColumnsOperator(
      {
        kind: 'window-columns',
        id: 'w',
        schema,
        mode: 'append',
        input,
        window,
        timeColumn: 0,
        late,
      },
      context,
    );
    return { context, operator };
  }

  it('adds start, end and end - 1 to each selected record', () => {
    const { context, operator } = columnsOf({ kind: 'tumbling', sizeMs: 60_000 });
    const times = [1_700_000_000_000, 5, 1_700_000_017_000, 1_700_000_051_000];
    operator.process(0, select(batchOf([times, ['a', 'x', 'b', 'c']]), [0, 2, 3]));
    expect(context.rows).toEqual([
      [times[0], 'a', 1_699_999_980_000, 1_700_000_040_000, 1_700_000_039_999],
      [times[2], 'b', 1_699_999_980_000, 1_700_000_040_000, 1_700_000_039_999],
      [times[3], 'c', 1_700_000_040_000, 1_700_000_100_000, 1_700_000_099_999],
    ]);
  });

  it.each(SPECS)('gives a record once per window: $kind', (spec) => {
    const { context, operator } = columnsOf(spec);
    const times = Array.from({ length: 40 }, (_, at) => at - 20);
    operator.process(0, batchOf([times, times.map((time) => `k${time}`)]));
    const seen = context.rows.map(([time, key, start, end, last]) => {
      expect(key).toBe(`k${time as number}`);
      expect(last).toBe((end as number) - 1);
      return `${time as number}: ${start as number}..${end as number}`;
    });
    const expected = times.flatMap((time) =>
      windowsOf(spec, time).map((window) => `${time}: ${window}`),
    );
    expect(seen).toEqual(expected);
  });

  it('leaves a record out of the windows that are closed for it, where windows close', () => {
    const { context, operator } = columnsOf(
      { kind: 'hopping', sizeMs: 10, advanceMs: 5 },
      { strategy: 'drop', allowedLatenessMs: 0 },
    );
    const batch = batchOf([
      [12, 7, 2],
      ['a', 'b', 'c'],
    ]);
    batch.rowWatermarks = Float64Array.of(-Infinity, 10, 10);
    operator.process(0, batch);
    expect(context.rows.map(([, key, , end]) => `${key as string} ${end as number}`)).toEqual([
      'a 15',
      'a 20',
      'b 15',
    ]);
    expect(context.counters.lateDropped).toBe(1);
  });

  it('takes BIGINT times, keeps row kinds and passes watermarks on', () => {
    const { context, operator } = columnsOf({ kind: 'tumbling', sizeMs: 1000 });
    const batch = batchOf([
      [0, 0],
      ['a', 'b'],
    ]);
    batch.columns[0] = { kind: 'i64', values: BigInt64Array.of(-1n, 1000n), nulls: null };
    batch.ops = Uint8Array.of(1, 2);
    (context.types as unknown[])[0] = BIGINT;
    operator.process(0, batch);
    operator.watermark(0, 77);
    expect(context.rows).toEqual([
      [-1n, 'a', -1000, 0, -1],
      [1000n, 'b', 1000, 2000, 1999],
    ]);
    expect(context.ops).toEqual([1, 2]);
    expect(context.watermarks).toEqual([77]);
  });

  it('fails a record without event time once', () => {
    const { context, operator } = columnsOf({ kind: 'hopping', sizeMs: 10, advanceMs: 5 });
    operator.process(
      0,
      batchOf([
        [null, 7],
        ['a', 'b'],
      ]),
    );
    expect(context.failures.map(({ row }) => row)).toEqual([0]);
    expect(context.rows).toHaveLength(2);
  });

  it('takes an empty batch', () => {
    const { context, operator } = columnsOf({ kind: 'tumbling', sizeMs: 1000 });
    operator.process(0, batchOf([[], []]));
    expect(context.rows).toEqual([]);
  });
});
