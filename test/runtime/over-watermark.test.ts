/**
 * Standard OVER around its results: when rows come out, late rows, what state is kept, results out
 * of range.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { rowOffset, rowSplit } from '../../src/columnar/batch.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type { LatePolicy, WindowCall } from '../../src/plan/pipeline/pipeline-plan.js';
import { OverOperator } from '../../src/runtime/operators/over/over.js';
import { ChangeRecorder, changeBatch, insert } from './changelog-support.js';
import type { Row } from './changelog-support.js';
import { ALL_BEFORE, B, call, D, F, INPUT, overNode, range, rows, Run, S } from './over-support.js';
import { RecordingContext, restoreInto, snapshotOf } from './stream-support.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

const record = (time: number, b = 1n): Row => [time, 'x', b, 1, 's', 1n, true];
const times = (found: readonly Row[]): SqlValue[] => found.map(([time]) => time!);

describe('rows come out', () => {
  it('when the watermark is at their time, with frames by ROWS', () => {
    const run = new Run(overNode([call('SUM', BIGINT, { arg: B, frame: rows(9) })]), 10);
    run.push([record(30), record(20), record(25), record(20)], 1);
    expect(times(run.recorder.rows)).toEqual([20, 20]);
    run.push([record(40)]);
    expect(times(run.recorder.rows)).toEqual([20, 20, 25, 30]);
    expect(run.recorder.watermarks).toEqual([20, 30]);
  });

  it('when it is past their time, with frames by RANGE: a peer may still come', () => {
    const run = new Run(overNode([call('COUNT', BIGINT)]), 10);
    run.push([record(30), record(40), record(30)], 1);
    expect(run.recorder.rows).toEqual([]);
    run.push([record(41)]);
    expect(run.recorder.rows.map((row) => [row[0], row[7]])).toEqual([
      [30, 2n],
      [30, 2n],
    ]);
  });

  it('before the watermark that released them', () => {
    const order: string[] = [];
    const recorder = new ChangeRecorder(overNode([]).schema);
    const operator = new OverOperator(overNode([call('ROW_NUMBER', BIGINT)]), {
      ...recorder,
      errors: recorder.errors,
      late: recorder.late,
      counters: recorder.counters,
      flow: AT_ONCE,
      limitReached: recorder.limitReached,
      output: {
        emit: (batch) => void order.push(`${batch.rowCount} rows`),
        watermark: (watermarkMs) => void order.push(`watermark ${watermarkMs}`),
      },
    });
    operator.process(0, changeBatch(INPUT, [insert(...record(5))]));
    operator.watermark(0, 5);
    operator.watermark(0, 4);
    expect(order).toEqual(['1 rows', 'watermark 5']);
  });

  it('all at the end of input, none at a stop', () => {
    const node = overNode([call('ROW_NUMBER', BIGINT)]);
    expect(new Run(node, 100).push([record(3), record(1)]).end(false)).toEqual([]);
    expect(times(new Run(node, 100).push([record(3), record(1)]).end())).toEqual([1, 3]);
  });

  it('only at the end when a call looks at rows behind, and the watermark with them', () => {
    const run = new Run(overNode([call('LEAD', BIGINT, { arg: B })]), 0);
    run.push([record(1), record(2), record(9)], 1);
    expect(run.recorder.rows).toEqual([]);
    expect(run.recorder.watermarks).toEqual([]);
    expect(run.end()).toHaveLength(3);
  });
});

describe('late rows', () => {
  const late = [record(100), record(40), record(90), record(89)];
  const total = [call('SUM', BIGINT, { arg: B, frame: rows(9) })];

  it('are dropped and counted, by their own partition’s watermark, in any batches', () => {
    for (const size of [1, 2, 4096]) {
      const run = new Run(overNode(total), 10).push(late, size);
      expect(times(run.end())).toEqual([90, 100]);
      expect(run.recorder.counters).toEqual({
        late: 2,
        lateDropped: 2,
        lateExpired: 0,
        rejected: 0,
      });
    }
  });

  it('go to the dead-letter sink if asked', () => {
    const policy: LatePolicy = { strategy: 'dead-letter', allowedLatenessMs: 0 };
    const run = new Run(overNode(total, { late: policy }), 10).push(late);
    expect(run.recorder.lateRecords).toEqual([
      { row: 1, time: 40 },
      { row: 3, time: 89 },
    ]);
  });

  it('take their place at the watermark under process-*, within the allowed lateness', () => {
    const policy: LatePolicy = { strategy: 'process-all', allowedLatenessMs: 5 };
    for (const size of [1, 2, 4096]) {
      const run = new Run(overNode(total, { late: policy }), 10);
      const found = run.push(late, size).end();
      expect(found.map((row) => [row[0], row[7]])).toEqual([
        [90, 1n],
        [89, 2n],
        [100, 3n],
      ]);
      expect(run.recorder.counters).toMatchObject({ lateDropped: 0, lateExpired: 1 });
    }
  });

  it('have their own time in RANGE frames, for any batches and restores', () => {
    const random = mulberry32(7);
    const records = Array.from({ length: 300 }, (_, at) =>
      record(at * 3 - (random() < 0.3 ? Math.floor(random() * 60) : 0)),
    );
    const policy: LatePolicy = { strategy: 'process-all', allowedLatenessMs: 50 };
    const calls = [
      call('SUM', BIGINT, { arg: B, frame: range(20) }),
      call('MAX', BIGINT, { arg: B, frame: range(20) }),
      call('MEDIAN', DOUBLE, { arg: D, frame: range(20, -5) }),
      call('FIRST_VALUE', BIGINT, { arg: B, frame: range(20) }),
      call('LAST_VALUE', BIGINT, { arg: B, frame: range(20) }),
    ];
    // A row stands where the watermark of the rows before it is; frames see rows that stand before.
    const standing: { readonly own: number; readonly place: number }[] = [];
    let watermark = Number.NEGATIVE_INFINITY;
    for (const [ts] of records) {
      const own = Number(ts);
      if (watermark <= own + 50) standing.push({ own, place: Math.max(own, watermark) });
      watermark = Math.max(watermark, own);
    }
    standing.sort((a, b) => a.place - b.place);
    const counts = standing.map(
      (row) =>
        standing.filter(
          (other) => other.place <= row.place && other.own >= row.own - 20 && other.own <= row.own,
        ).length,
    );
    const count = call('COUNT', BIGINT, { arg: B, frame: range(20) });
    const runs = [300, 1, 7].map((size) => {
      const run = new Run(overNode([count, ...calls], { late: policy }), 0);
      run.push(records.slice(0, 150), size).restore();
      return run.push(records.slice(150), size).end();
    });
    expect(runs[0]?.map((row) => Number(row[7]))).toEqual(counts);
    for (const run of runs) expect(run).toEqual(runs[0]);
  });

  it('below the watermark of idle partitions that went on are late, too', () => {
    const { operator, recorder } = new Run(overNode(total), 0);
    operator.watermark(0, 50);
    operator.process(0, changeBatch(INPUT, [insert(...record(49)), insert(...record(50))]));
    operator.end(0, true);
    expect(times(recorder.rows)).toEqual([50]);
    expect(recorder.counters.lateDropped).toBe(1);
  });
});

describe('the state of OVER', () => {
  const kept = (calls: readonly WindowCall[]): number => {
    const run = new Run(overNode(calls), 0);
    run.push(
      Array.from({ length: 2000 }, (_, at) => record(at)),
      50,
    );
    return run.operator.stateSize().rows;
  };

  it('is what frames still reach', () => {
    expect(kept([call('MEDIAN', DOUBLE, { arg: D, frame: rows(10) })])).toBe(10);
    expect(kept([call('SUM', DOUBLE, { arg: D, frame: range(20) })])).toBe(1 + 21);
    expect(kept([call('LAG', DOUBLE, { arg: D, literals: [7n] })])).toBe(7);
    expect(kept([call('SUM', BIGINT, { arg: B, frame: rows(10) })])).toBe(0);
    expect(kept([call('MIN', VARCHAR, { arg: S, frame: rows(ALL_BEFORE, -3) })])).toBe(3);
    expect(kept([call('FIRST_VALUE', VARCHAR, { arg: S }), call('AVG', DOUBLE, { arg: D })])).toBe(
      1,
    );
  });
});

describe('a snapshot of OVER', () => {
  it('is parted by key group and put together again', () => {
    const random = mulberry32(4);
    const records = Array.from({ length: 300 }, (_, at): Row => [
      at - Math.floor(random() * 20),
      `k${at % 20}`,
      BigInt(at % 9),
      at / 4,
      's',
      1n,
      at % 3 === 0,
    ]);
    const node = overNode([
      call('SUM', BIGINT, { arg: B, frame: rows(2) }),
      call('SUM', DOUBLE, { arg: D, frame: range(50), filter: F }),
      call('MAX', BIGINT, { arg: B }),
      call('DENSE_RANK', BIGINT),
      call('NTH_VALUE', DOUBLE, { arg: D, literals: [2n] }),
    ]);
    const expected = new Run(node, 20).push(records).end();
    const run = new Run(node, 20).push(records.slice(0, 150));
    const state = snapshotOf(run.operator);
    const halves = [0, 1].map((half) => {
      const part = new OverOperator(node, run.recorder);
      restoreInto(part, state, (keyGroup) => keyGroup % 2 === half);
      return part;
    });
    const sizes = halves.map((half) => half.stateSize().rows);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    expect(sizes[0]! + sizes[1]!).toBe(run.operator.stateSize().rows);
    run.operator = new OverOperator(node, run.recorder);
    for (const half of halves) restoreInto(run.operator, snapshotOf(half));
    expect(run.push(records.slice(150)).end()).toEqual(expected);
  });
});

describe('a result out of range', () => {
  const big = 2n ** 62n;
  const frames = [rows(1), rows(ALL_BEFORE), null, range(1), rows(2000)];

  it('fails the row, which is left out and named, and no other', () => {
    for (const frame of frames) {
      const node = overNode([
        call('SUM', BIGINT, { arg: B, frame }),
        call('SUM', BIGINT, { arg: B, frame: rows(1), filter: F }),
      ]);
      const records = [record(1, big), record(2, big), record(3, -big)];
      const run = new Run(node, 0).push(records, 1);
      expect(times(run.end())).toEqual([1, 3]);
      expect(run.recorder.failures.map(({ failure }) => failure.key)).toEqual(['NUMERIC_OVERFLOW']);
    }
  });

  it('names the record by its own offset and line', () => {
    const node = overNode([call('SUM', BIGINT, { arg: B, frame: rows(1) })]);
    const named: unknown[] = [];
    const recorder = new ChangeRecorder(node.schema);
    const operator = new OverOperator(node, {
      output: recorder.output,
      late: recorder.late,
      counters: recorder.counters,
      flow: AT_ONCE,
      limitReached: recorder.limitReached,
      errors: {
        recordFailed: ({ sourceName, split, firstOffset, lineNumbers }, row) =>
          void named.push([sourceName, split, firstOffset, lineNumbers?.[row]]),
      },
    });
    const batch = changeBatch(INPUT, [insert(...record(2, big)), insert(...record(1, big))]);
    Object.assign(batch.header, {
      sourceName: 'a.jsonl',
      split: 3,
      firstOffset: 70,
      lineNumbers: Float64Array.of(8, 9),
    });
    operator.process(0, batch);
    operator.end(0, true);
    expect(named).toEqual([['a.jsonl', 3, 70, 8]]);
  });

  it.each([
    ['of one source', ['a.jsonl', 'a.jsonl'], 'a.jsonl'],
    // One name stands for all rows of a batch.
    ['of several sources', ['a.jsonl', 'b.jsonl'], 'over-1'],
  ])('names the records of several partitions %s, each by its own place', (_, names, named) => {
    const node = overNode([call('SUM', BIGINT, { arg: B, frame: rows(1) })]);
    const places: unknown[] = [];
    const context = new RecordingContext(node.schema.map(({ type }) => type));
    context.onBatch = ({ header, rowCount }) => {
      for (let row = 0; row < rowCount; row += 1) {
        const line = header.lineNumbers?.[row];
        places.push([header.sourceName, rowSplit(header, row), rowOffset(header, row), line]);
      }
    };
    const operator = new OverOperator(node, context);
    // By time the rows of the two partitions alternate.
    for (const [at, split] of [3, 5].entries()) {
      const batch = changeBatch(
        INPUT,
        [1, 3].map((time) => insert(...record(time + at, 1n))),
      );
      Object.assign(batch.header, {
        sourceName: names[at],
        split,
        firstOffset: 70 + 10 * at,
        lineNumbers: Float64Array.of(8 + 10 * at, 9 + 10 * at),
      });
      operator.process(0, batch);
    }
    operator.end(0, true);
    expect(places).toEqual([
      [named, 3, 70, 8],
      [named, 5, 80, 18],
      [named, 3, 71, 9],
      [named, 5, 81, 19],
    ]);
  });
});
