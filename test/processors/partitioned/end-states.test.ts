/**
 * How jobs end: at a LIMIT with a bad record behind it, by stop and drain while the input still
 * grows, with snapshots asked for at every moment, and with worker threads that die between jobs.
 */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { TestJob, runOnV1, runToEnd, sorted, until, within } from './jobs.js';

const LIMIT_MS = 240_000;

const folder = mkdtempSync(join(tmpdir(), 'velo-end-states-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function endless(rows = 100_000_000): string {
  return `CREATE TABLE t (k BIGINT AS i % 20, v BIGINT AS i)
    WITH ('connector' = 'generator', 'rows' = '${rows}');\n`;
}

const GROUPS = 'SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT FINAL;';

describe('LIMIT', () => {
  it.each([
    { name: 'of records', query: 'SELECT k, v FROM t LIMIT 5;' },
    { name: 'of groups', query: 'SELECT DISTINCT k FROM t LIMIT 5;' },
    {
      name: 'of changes',
      query: 'SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT CHANGES LIMIT 5;',
    },
    {
      name: 'of each branch',
      query: '(SELECT k, v FROM t LIMIT 5) UNION ALL (SELECT k, v FROM t WHERE v > 1 LIMIT 3);',
    },
    {
      name: 'of a subquery',
      query: 'SELECT COUNT(*) AS n FROM (SELECT k FROM t LIMIT 5) z EMIT FINAL;',
    },
  ])(
    '$name ends the job before a bad record that comes after it',
    async ({ query }) => {
      const lines = Array.from({ length: 400 }, (_, i) =>
        i >= 6 ? 'no record' : `{"k": ${i}, "v": ${i}}`,
      );
      const path = join(folder, 'limit.jsonl');
      writeFileSync(path, lines.join('\n'));
      const sql = `CREATE TABLE t (k BIGINT, v BIGINT)
        WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json');\n${query}`;
      const v1 = await runOnV1(sql, { batchRows: 1 });
      for (const workers of [1, 2, 3]) {
        for (let run = 0; run < 8; run += 1) {
          const place = { partitions: 4, workers, batchRows: 1, settings: { ringSlots: 16 } };
          const { lines: got, result } = await runToEnd(sql, place);
          expect(sorted(got)).toEqual(sorted(v1.lines));
          expect(result.end).toBe('limit');
        }
      }
    },
    LIMIT_MS,
  );
});

describe('a followed file', () => {
  it.each(['stop', 'drain'] as const)(
    'is read by one worker until %s',
    async (how) => {
      const path = join(folder, `${how}.jsonl`);
      writeFileSync(path, '{"k": 1}\n{"k": 2}\n');
      const sql = `CREATE TABLE t (k BIGINT)
        WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json', 'follow' = 'true');
        SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT CHANGES;`;
      const job = await TestJob.of(sql, { partitions: 4, workers: 2 });
      const ended = job.run(LIMIT_MS);
      await within(
        until(() => job.lines().length === 2),
        LIMIT_MS,
      );
      appendFileSync(path, '{"k": 2}\n');
      await within(
        until(() => job.lines().length === 3),
        LIMIT_MS,
      );
      await job.job.stop({ drain: how === 'drain' });
      const result = await ended;
      expect(result.rowsRead).toBe(3);
      expect(job.lines()[2]).toBe('{"k":2,"n":2}');
    },
    LIMIT_MS,
  );
});

describe('a job without an end', () => {
  it(
    'stops at once even when told before its workers are ready',
    async () => {
      for (let turns = 0; turns < 12; turns += 1) {
        const job = await TestJob.of(endless() + GROUPS, { partitions: 2, workers: 2 });
        const ended = job.run(LIMIT_MS);
        for (let turn = 0; turn < turns; turn += 1) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        await within(job.job.stop(), LIMIT_MS);
        expect((await ended).end).toBe('stopped');
      }
    },
    LIMIT_MS,
  );

  it(
    'gives its open groups when drained, none when stopped',
    async () => {
      for (const how of ['drain', 'stop'] as const) {
        const job = await TestJob.of(endless() + GROUPS, { partitions: 3, workers: 2 });
        const ended = job.run(LIMIT_MS);
        await within(
          until(() => job.job.metrics().rowsRead > 1000),
          LIMIT_MS,
        );
        await job.job.stop({ drain: how === 'drain' });
        const { rowsRead } = await ended;
        const counted = job
          .lines()
          .reduce((sum, line) => sum + (JSON.parse(line) as { n: number }).n, 0);
        expect(counted).toBe(how === 'drain' ? rowsRead : 0);
      }
    },
    LIMIT_MS,
  );

  it(
    'does nothing while it is paused',
    async () => {
      const job = await TestJob.of(endless() + GROUPS, { partitions: 3, workers: 2 });
      const ended = job.run(LIMIT_MS);
      await within(
        until(() => job.job.metrics().rowsRead > 1000),
        LIMIT_MS,
      );
      job.job.pause();
      await job.job.snapshot();
      const { rowsRead } = job.job.metrics();
      await job.job.snapshot();
      expect(job.job.metrics().rowsRead).toBe(rowsRead);
      job.job.resume();
      await within(
        until(() => job.job.metrics().rowsRead > rowsRead),
        LIMIT_MS,
      );
      await job.job.stop();
      await ended;
    },
    LIMIT_MS,
  );
});

describe('snapshots', () => {
  it.each([1, 2])(
    'all that are asked for at once are taken, on %i workers, of every kind of query',
    async (workers) => {
      const queries = `SELECT k FROM t WHERE v < 0;
        ${GROUPS} SELECT n, COUNT(*) AS c FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k)
        GROUP BY n EMIT FINAL;`;
      const job = await TestJob.of(endless() + queries, { partitions: 3, workers });
      const ended = job.run(LIMIT_MS);
      await within(
        until(() => job.job.state === 'running'),
        LIMIT_MS,
      );
      const snapshots = Array.from({ length: 5 }, () => job.job.snapshot());
      for (const snapshot of await within(Promise.all(snapshots), LIMIT_MS)) {
        expect(snapshot.map(({ splits }) => splits.length)).toEqual([1, 1, 1]);
      }
      await job.job.stop();
      await ended;
    },
    LIMIT_MS,
  );

  it.each([1, 2])(
    'say so once one of the queries has ended, on %i workers, before and behind its end',
    async (workers) => {
      const few = endless(10).replace('TABLE t', 'TABLE few');
      const sql = `${endless()}${few}SELECT k FROM few;\n${GROUPS}`;
      const job = await TestJob.of(sql, { partitions: 3, workers });
      const ended = job.run(LIMIT_MS);
      await within(
        until(() => job.job.state === 'running'),
        LIMIT_MS,
      );
      // Each is whole, whatever becomes of the short query meanwhile.
      let ends = 0;
      for (let taken = 0; ends < 2 && taken < 1000; taken += 1) {
        const [short, long] = await job.whileItMoves(job.job.snapshot(), 'a snapshot');
        expect(short?.splits.length).toBe(short?.ended === true ? 0 : 1);
        expect(long).toMatchObject({ ended: false, splits: [{ ended: false }] });
        if (short?.ended === true) ends += 1;
      }
      expect(ends).toBe(2);
      expect(job.job.metrics().queries[0]?.rowsRead).toBe(10);
      await job.job.stop();
      expect((await ended).end).toBe('stopped');
    },
    LIMIT_MS,
  );

  it(
    'are refused by a job that does not run',
    async () => {
      const job = await TestJob.of(endless(10) + GROUPS, { partitions: 3, workers: 2 });
      await expect(job.job.snapshot()).rejects.toMatchObject({ code: 'VELO_STATE_INVALID' });
      await job.run(LIMIT_MS);
      await expect(job.job.snapshot()).rejects.toMatchObject({ code: 'VELO_STATE_INVALID' });
    },
    LIMIT_MS,
  );
});

describe('worker threads', () => {
  it(
    'that die while no job has them are not used again',
    async () => {
      const place = { partitions: 2, workers: 2 };
      const first = await TestJob.of(endless(1000) + GROUPS, place);
      const ended = first.run(LIMIT_MS);
      await within(
        until(() => first.threads().length === 2),
        LIMIT_MS,
      );
      const [thread] = first.threads();
      await ended;
      await thread?.terminate();
      const { result } = await runToEnd(endless(1000) + GROUPS, place);
      expect(result.rowsRead).toBe(1000);
    },
    LIMIT_MS,
  );

  it(
    'that are killed end the job, which says which one and how',
    async () => {
      const job = await TestJob.of(endless() + GROUPS, { partitions: 4, workers: 3 });
      const ended = job.run(LIMIT_MS);
      await within(
        until(() => job.job.metrics().rowsRead > 0),
        LIMIT_MS,
      );
      void job.threads()[1]?.terminate();
      await expect(ended).rejects.toMatchObject({
        code: 'VELO_WORKER_DIED',
        message: 'worker 1 died: it ended with exit code 1',
      });
      expect(job.job.state).toBe('failed');
    },
    LIMIT_MS,
  );
});
