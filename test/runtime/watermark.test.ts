/** Watermarks against a record-at-a-time model, and the rules of splits, idleness and NULL. */
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import { TIMESTAMP } from '../../src/columnar/types.js';
import { needsEveryRowWatermark } from '../../src/plan/pipeline/pipeline-plan.js';
import type { PipelineNode, WatermarkNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { WatermarkOperator } from '../../src/runtime/operators/watermark.js';
import { MinimumWatermark, SplitWatermarks } from '../../src/runtime/split-watermarks.js';
import {
  batchOf,
  RecordingContext,
  restoreInto,
  seededRandom,
  select,
  snapshotOf,
} from './stream-support.js';

const BOUND = 1000;
const scan = { kind: 'scan', id: 'scan' } as unknown as PipelineNode;
const node: WatermarkNode = {
  kind: 'watermark',
  id: 'watermark-1',
  schema: [{ name: 'ts', type: TIMESTAMP }],
  mode: 'append',
  input: scan,
  column: 0,
  boundMs: BOUND,
  idleTimeoutMs: 0,
  assumed: false,
};

function setUp(splits: readonly number[] = [0], everyRow = false) {
  const context = new RecordingContext([TIMESTAMP]);
  const operator = new WatermarkOperator(node, context, { everyRow });
  operator.setSplits(splits);
  return { context, operator };
}

function timesOf(split: number, times: readonly (number | null)[]): Batch {
  const batch = batchOf([times]);
  batch.header.split = split;
  return batch;
}

interface Seen {
  before: number;
  after: number;
  others: number;
  rowWatermarks: number[] | null;
}

function watchHeaders(context: RecordingContext): Seen[] {
  const seen: Seen[] = [];
  context.onBatch = ({ header, rowWatermarks, rowCount }) => {
    seen.push({
      before: header.watermarkBefore,
      after: header.watermarkAfter,
      others: header.watermarkOthers,
      rowWatermarks: rowWatermarks === null ? null : [...rowWatermarks.subarray(0, rowCount)],
    });
  };
  return seen;
}

describe('watermark operator', () => {
  it('gives the watermark before and after each batch and passes it on behind the batch', () => {
    const { context, operator } = setUp();
    const seen = watchHeaders(context);
    operator.process(0, timesOf(0, [5000, 4500, 6000]));
    operator.process(0, timesOf(0, [5500]));
    operator.process(0, timesOf(0, [7000]));
    expect(seen).toEqual([
      { before: -Infinity, after: 5000, others: Infinity, rowWatermarks: null },
      { before: 5000, after: 5000, others: Infinity, rowWatermarks: null },
      { before: 5000, after: 6000, others: Infinity, rowWatermarks: null },
    ]);
    expect(context.watermarks).toEqual([5000, 6000]);
    expect(context.counters.late).toBe(0);
  });

  it('counts a record strictly below its watermark as late and gives row watermarks then only', () => {
    const { context, operator } = setUp();
    const seen = watchHeaders(context);
    operator.process(0, timesOf(0, [5000, 4000, 3999, 9000, 7999]));
    expect(context.counters.late).toBe(2);
    expect(seen[0]?.rowWatermarks).toEqual([-Infinity, 4000, 4000, 4000, 8000]);
    operator.process(0, timesOf(0, [8000]));
    expect(seen[1]?.rowWatermarks).toBeNull();
  });

  it('gives row watermarks on every batch when asked to', () => {
    const { context, operator } = setUp([0], true);
    const seen = watchHeaders(context);
    operator.process(0, timesOf(0, [5000, 6000, 7000]));
    expect(seen[0]?.rowWatermarks).toEqual([-Infinity, 4000, 5000]);
  });

  it('counts rows that WHERE rejected, not failed ones', () => {
    const { context, operator } = setUp();
    operator.process(0, select(timesOf(0, [1000, 9000, 2000]), [0, 2]));
    expect(context.watermarks).toEqual([8000]);
    expect(context.counters.late).toBe(1);
    const failing = select(timesOf(0, [99_000, 9500]), [1]);
    failing.failed = Uint8Array.of(1, 0);
    operator.process(0, failing);
    expect(context.watermarks).toEqual([8000, 8500]);
    expect(context.counters.late).toBe(1);
  });

  it('fails a selected record without event time and ignores a rejected one', () => {
    const { context, operator } = setUp();
    let failed: number[] = [];
    context.onBatch = (batch) => {
      failed = [...(batch.failed ?? [])].slice(0, batch.rowCount);
    };
    operator.process(0, select(timesOf(0, [1000, null, null, 3000]), [0, 1, 3]));
    expect(context.failures.map(({ row, failure }) => [row, failure.key])).toEqual([
      [1, 'EVENT_TIME_NULL'],
    ]);
    expect(context.rows).toEqual([[1000], [3000]]);
    expect(failed).toEqual([0, 1, 0, 0]);
    expect(context.watermarks).toEqual([2000]);
  });

  it('adds its failures to those of earlier operators without touching their array', () => {
    const { context, operator } = setUp();
    let failed: number[] = [];
    context.onBatch = (batch) => {
      failed = [...(batch.failed ?? [])].slice(0, batch.rowCount);
    };
    const batch = select(timesOf(0, [9000, null, 3000]), [1, 2]);
    const earlier = Uint8Array.of(1, 0, 0);
    batch.failed = earlier;
    operator.process(0, batch);
    expect(failed).toEqual([1, 1, 0]);
    expect([...earlier]).toEqual([1, 0, 0]);
    expect(batch.selectedCount).toBe(2);
    expect(context.watermarks).toEqual([2000]);
  });

  it('leaves the header of the source alone, because other queries may share it', () => {
    const { operator } = setUp();
    const batch = timesOf(0, [5000]);
    operator.process(0, batch);
    expect(batch.header.watermarkAfter).toBe(-Infinity);
  });

  it('takes BIGINT columns of 64 bits', () => {
    const { context, operator } = setUp();
    const batch = timesOf(0, [0, 0]);
    batch.columns = [{ kind: 'i64', values: BigInt64Array.of(5000n, 3000n), nulls: null }];
    operator.process(0, batch);
    expect(context.watermarks).toEqual([4000]);
    expect(context.counters.late).toBe(1);
  });

  it('takes an empty batch', () => {
    const { context, operator } = setUp();
    operator.process(0, timesOf(0, []));
    expect(context.watermarks).toEqual([]);
  });
});

describe('splits', () => {
  it('waits for every split, and no longer for one that ended', () => {
    const { context, operator } = setUp([0, 1, 2]);
    const seen = watchHeaders(context);
    operator.process(0, timesOf(0, [9000]));
    operator.process(0, timesOf(1, [5000]));
    expect(context.watermarks).toEqual([]);
    operator.process(0, timesOf(2, [7000]));
    expect(context.watermarks).toEqual([4000]);
    expect(seen.map((each) => each.others)).toEqual([-Infinity, -Infinity, 4000]);
    operator.splitEnded(1);
    expect(context.watermarks).toEqual([4000, 6000]);
  });

  it('does not become infinite when the last split ends: the processor says so', () => {
    const { context, operator } = setUp([0, 1]);
    operator.process(0, timesOf(0, [9000]));
    operator.process(0, timesOf(1, [5000]));
    operator.splitEnded(0);
    operator.splitEnded(1);
    expect(context.watermarks).toEqual([4000]);
    operator.watermark(0, Infinity);
    expect(context.watermarks).toEqual([4000, Infinity]);
  });

  it('judges each record by its own split, one split after the other', () => {
    const splits = Array.from({ length: 32 }, (_, split) => split);
    const { context, operator } = setUp(splits);
    const times = Array.from({ length: 100 }, (_, at) => at * 1000);
    for (const split of splits) {
      operator.process(0, timesOf(split, times));
      operator.splitEnded(split);
    }
    expect(context.counters.late).toBe(0);
    expect(context.rows).toHaveLength(3200);
  });

  it('takes an idle split out of the minimum and never moves back when it returns', () => {
    const { context, operator } = setUp([0, 1]);
    operator.process(0, timesOf(0, [9000]));
    operator.idle(1);
    expect(context.watermarks).toEqual([8000]);
    const seen = watchHeaders(context);
    operator.process(0, timesOf(1, [2000]));
    expect(seen[0]).toMatchObject({ before: -Infinity, after: 1000, others: 8000 });
    operator.process(0, timesOf(0, [20_000]));
    expect(context.watermarks).toEqual([8000]);
    operator.process(0, timesOf(1, [15_000]));
    expect(context.watermarks).toEqual([8000, 14_000]);
  });

  it('stays where it is while every split is idle', () => {
    const { context, operator } = setUp([0, 1]);
    operator.process(0, timesOf(0, [9000]));
    operator.process(0, timesOf(1, [5000]));
    operator.idle(0);
    operator.idle(1);
    expect(context.watermarks).toEqual([4000]);
    operator.active(0);
    operator.process(0, timesOf(0, [9001]));
    expect(context.watermarks.at(-1)).toBe(8001);
  });

  it('keeps the time of splits that are assigned anew', () => {
    const splits = new SplitWatermarks(BOUND);
    splits.setSplits([3, 4]);
    splits.raise(splits.indexOf(3), 5000);
    splits.setSplits([4]);
    splits.setSplits([4, 3]);
    expect(splits.watermarkOf(splits.indexOf(3))).toBe(4000);
    expect(splits.others(splits.indexOf(3))).toBe(-Infinity);
  });

  it('holds more splits than it first has room for', () => {
    const splits = new SplitWatermarks(0);
    splits.setSplits(Array.from({ length: 100 }, (_, split) => split));
    for (let split = 0; split < 100; split += 1) splits.raise(splits.indexOf(split), 500 - split);
    expect(splits.current()).toBe(401);
    expect(splits.others(99)).toBe(402);
  });
});

describe('watermark state', () => {
  it('continues after a restore as if nothing had happened, at any assignment of splits', () => {
    const first = setUp([0, 1]);
    first.operator.process(0, timesOf(0, [9000]));
    first.operator.process(0, timesOf(1, [5000]));
    const bytes = snapshotOf(first.operator);
    for (const order of ['restore first', 'splits first']) {
      const context = new RecordingContext([TIMESTAMP]);
      const operator = new WatermarkOperator(node, context);
      if (order === 'splits first') operator.setSplits([1]);
      restoreInto(operator, bytes);
      if (order === 'restore first') operator.setSplits([1]);
      const seen = watchHeaders(context);
      operator.process(0, timesOf(1, [3000]));
      expect(seen[0]).toMatchObject({ before: 4000, after: 4000, others: Infinity });
      expect(context.counters.late).toBe(1);
      expect(context.watermarks.at(-1)).toBe(4000);
    }
  });
});

describe('splits that have ended', () => {
  /** Split 0 ended at 3000, split 1 is at 9000: the ended one must not hold it back. */
  function endedBehind(): SplitWatermarks {
    const splits = new SplitWatermarks(BOUND);
    splits.setSplits([0, 1]);
    splits.raise(splits.indexOf(0), 3000);
    splits.ended(0);
    splits.raise(splits.indexOf(1), 9000);
    return splits;
  }

  it.each(['restore first', 'splits first'])('stay ended behind a restore, %s', (order) => {
    const restored = new SplitWatermarks(BOUND);
    if (order === 'splits first') restored.setSplits([0, 1]);
    endedBehind().forEach((split, highestMs, ended) => restored.restore(split, highestMs, ended));
    if (order === 'restore first') restored.setSplits([0, 1]);
    expect(restored.current()).toBe(8000);
    restored.setIdle(0, false);
    expect(restored.current()).toBe(8000);
  });

  it('stay ended when the splits are named again', () => {
    const splits = endedBehind();
    splits.setSplits([1, 0, 2]);
    splits.raise(splits.indexOf(2), 7000);
    expect(splits.current()).toBe(6000);
    const ended: number[] = [];
    splits.forEach((split, _highestMs, hasEnded) => {
      if (hasEnded) ended.push(split);
    });
    expect(ended).toEqual([0]);
  });
});

describe('minimum over inputs', () => {
  it('moves only when the slowest input does, and forgets ended inputs', () => {
    const minimum = new MinimumWatermark(2);
    expect(minimum.update(0, 100)).toBe(false);
    expect(minimum.current()).toBe(-Infinity);
    expect(minimum.others(0)).toBe(-Infinity);
    expect(minimum.update(1, 50)).toBe(true);
    expect(minimum.update(1, 40)).toBe(false);
    expect(minimum.current()).toBe(50);
    expect(minimum.update(1, Infinity)).toBe(true);
    expect(minimum.current()).toBe(100);
  });
});

describe('against records one at a time', () => {
  it.each([1, 7, 100, 4096])('gives the same watermarks in batches of %i', (batchRows) => {
    const random = seededRandom(20_240_115);
    const context = new RecordingContext([TIMESTAMP]);
    const operator = new WatermarkOperator(node, context, { everyRow: true });
    operator.setSplits([0, 1]);
    const highest = [-Infinity, -Infinity];
    const expected: number[] = [];
    const actual: number[] = [];
    let late = 0;
    context.onBatch = (batch) => {
      actual.push(...(batch.rowWatermarks as Float64Array).subarray(0, batch.rowCount));
    };
    for (let block = 0; block * batchRows < 10_000; block += 1) {
      const split = block % 2;
      const times: (number | null)[] = [];
      const failed = new Uint8Array(batchRows);
      const selected: number[] = [];
      for (let row = 0; row < batchRows; row += 1) {
        const time = (block * batchRows + row) * 10 + Math.floor(random() * 4000) - 2000;
        const kind = random();
        if (kind < 0.05) failed[row] = 1;
        else if (kind > 0.2) selected.push(row);
        times.push(kind > 0.05 && kind < 0.1 ? null : time);
        const before = highest[split] as number;
        expected.push(before - BOUND);
        if (kind < 0.1) continue;
        if (time < before - BOUND) late += 1;
        highest[split] = Math.max(before, time);
      }
      const batch = select(timesOf(split, times), selected);
      batch.failed = failed;
      operator.process(0, batch);
    }
    expect(actual).toEqual(expected);
    expect(context.counters.late).toBe(late);
    expect(late).toBeGreaterThan(500);
    expect(context.watermarks.at(-1)).toBe(Math.min(...highest) - BOUND);
    expect(context.watermarks).toEqual([...context.watermarks].sort((a, b) => a - b));
  });
});

describe('needsEveryRowWatermark', () => {
  it('is true for queries with a session window, or state that expires by event time', () => {
    const windowed = (kind: string): PipelineNode =>
      ({ kind: 'window-aggregate', window: { kind }, input: node }) as unknown as PipelineNode;
    expect(needsEveryRowWatermark(windowed('tumbling'))).toBe(false);
    expect(needsEveryRowWatermark(windowed('session'))).toBe(true);
    const union = { kind: 'union', inputs: [scan, windowed('session')] } as unknown as PipelineNode;
    expect(needsEveryRowWatermark(union)).toBe(true);
    const expiring = (time: string): PipelineNode =>
      ({ kind: 'aggregate', ttl: { ms: 1000, time }, input: node }) as unknown as PipelineNode;
    expect(needsEveryRowWatermark(expiring('processing'))).toBe(false);
    expect(needsEveryRowWatermark(expiring('event'))).toBe(true);
  });
});
