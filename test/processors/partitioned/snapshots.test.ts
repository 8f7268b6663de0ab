/**
 * Law 3 in memory: a snapshot that is taken while a job runs on 3 partitions goes on with 1, 2 and
 * 8 of them, and the rows before it and after it are those of a run that nobody stopped. Queries
 * cover every operator that has state; sources are generators and files, with one split and four.
 */
import { describe, expect, it } from 'vitest';
import { ROWS, SHAPES, SOURCES, sqlOf } from '../state-shapes.js';
import type { Shape, Source } from '../state-shapes.js';
import { TestJob, runOnV1, sorted, unaccountedRows, until, within } from './jobs.js';

const TARGETS = [
  { partitions: 1, workers: 2 },
  { partitions: 2, workers: 1 },
  { partitions: 8, workers: 2 },
];
const LIMIT_MS = 240_000;

/** Pauses in the middle, takes a snapshot, stops: its rows are those before the snapshot. */
async function upToSnapshot(sql: string, changelog: boolean, batchRows: number) {
  const test = await TestJob.of(sql, { partitions: 3, workers: 2, batchRows, changelog });
  const ended = test.run(LIMIT_MS);
  const deep = until(() => test.job.metrics().rowsRead > ROWS / 4);
  await Promise.race([ended, within(deep, LIMIT_MS)]);
  test.job.pause();
  const snapshot = await within(test.job.snapshot(), LIMIT_MS);
  await test.job.stop();
  const result = await ended;
  return { snapshot, result, lines: test.lines() };
}

async function check(shape: Shape, source: Source, splits: number): Promise<void> {
  const sql = sqlOf(shape, source, splits);
  const changelog = shape.changelog ?? false;
  const batchRows = 16;
  const whole = await runOnV1(sql, { batchRows, changelog });
  const before = await upToSnapshot(sql, changelog, batchRows);
  const total = whole.result.rowsRead;
  expect(before.result.end).toBe('stopped');
  expect(before.result.rowsRead).toBeGreaterThan(0);
  expect(before.result.rowsRead).toBeLessThan(total);
  for (const target of TARGETS) {
    const restored = await TestJob.of(sql, {
      ...target,
      batchRows,
      changelog,
      restore: before.snapshot,
    });
    const result = await restored.run(LIMIT_MS);
    const at = `${JSON.stringify(target)} from row ${before.result.rowsRead} of ${total}`;
    expect(before.result.rowsRead + result.rowsRead, at).toBe(total);
    expect(unaccountedRows(result), at).toBe(0);
    expect(sorted([...before.lines, ...restored.lines()]), at).toEqual(sorted(whole.lines));
    const late = before.result.queries[0]!.rowsLateDropped + result.queries[0]!.rowsLateDropped;
    expect(late, at).toBe(whole.result.queries[0]!.rowsLateDropped);
  }
}

describe('a snapshot at 3 partitions goes on at 1, 2 and 8', () => {
  for (const { source, splits } of SOURCES) {
    describe(`${source}, ${splits} splits`, () => {
      it.each(SHAPES)(
        '$name',
        async (shape) => {
          await check(shape, source, splits);
        },
        LIMIT_MS,
      );
    });
  }
});
