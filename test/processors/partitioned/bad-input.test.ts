/**
 * Jobs that somebody will start one day: odd counts of partitions and workers, keys that do not
 * spread, records that fail, sinks that fail, files that are empty, missing or not files. Each
 * gives V1's rows or a clear error, and ends.
 */
import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { TestJob, runOnV1, runToEnd, sorted, unaccountedRows } from './jobs.js';

const LIMIT_MS = 240_000;
const ROWS = 5000;

const folder = mkdtempSync(join(tmpdir(), 'velo-bad-input-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function generated(key: string, rows = ROWS): string {
  return `CREATE TABLE t (k BIGINT AS ${key}, v BIGINT AS i % 97)
    WITH ('connector' = 'generator', 'rows' = '${rows}');\n`;
}

function fileTable(path: string, format = 'json'): string {
  return `CREATE TABLE t (k BIGINT, v BIGINT)
    WITH ('connector' = 'file', 'path' = '${path}', 'format' = '${format}');\n`;
}

const GROUPS = 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT FINAL;';
const CHANGES = 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT CHANGES;';

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Line `poison` is no JSON. */
function recordsWith(poison: number): string {
  return Array.from({ length: 2000 }, (_, i) =>
    i === poison ? '{"k": 1, "v": nonsense}' : `{"k": ${i % 11}, "v": ${i % 97}}`,
  ).join('\n');
}

describe('odd shapes give the rows of V1', () => {
  it.each([
    { name: 'more workers than cores', key: 'i % 50', partitions: 8, workers: 8 },
    { name: 'more partitions than keys', key: 'i % 3', partitions: 16, workers: 2 },
    { name: 'one partition', key: 'i % 50', partitions: 1, workers: 2 },
    { name: '64 partitions', key: 'i % 200', partitions: 64, workers: 2 },
    { name: 'one key', key: '7', partitions: 8, workers: 2 },
    {
      name: 'a key with 90 % of the rows',
      key: 'CASE WHEN i % 10 = 0 THEN i % 100 ELSE 1 END',
      partitions: 8,
      workers: 2,
    },
    { name: 'fewer splits than workers', key: 'i % 50', partitions: 3, workers: 4 },
    { name: 'no rows', key: 'i', partitions: 4, workers: 2, rows: 0 },
  ])(
    '$name',
    async ({ key, partitions, workers, rows }) => {
      for (const query of [GROUPS, CHANGES]) {
        const sql = generated(key, rows) + query;
        const { lines, result } = await runToEnd(sql, { partitions, workers });
        expect(sorted(lines)).toEqual(sorted((await runOnV1(sql)).lines));
        expect(unaccountedRows(result)).toBe(0);
      }
    },
    LIMIT_MS,
  );

  it(
    'a strategy that does not fit is a configuration error',
    async () => {
      const job = await TestJob.of(generated('i % 5') + CHANGES, {
        partitions: 2,
        workers: 2,
        settings: { strategy: 'round-robin' },
      });
      await expect(job.run(LIMIT_MS)).rejects.toMatchObject({
        name: 'ConfigError',
        message: expect.stringContaining('round-robin'),
      });
    },
    LIMIT_MS,
  );
});

describe('a poison record', () => {
  const path = written('poison.jsonl', recordsWith(1234));
  const sql = fileTable(path) + GROUPS;
  const place = { partitions: 4, workers: 2, batchRows: 64 };

  it(
    'fails the job and names its line',
    async () => {
      const job = await TestJob.of(sql, place);
      await expect(job.run(LIMIT_MS)).rejects.toMatchObject({ name: 'DataError' });
      const error = await runOnV1(sql).catch((reason: unknown) => reason);
      const again = await (await TestJob.of(sql, place)).run().catch((reason: unknown) => reason);
      expect(again).toMatchObject({ message: (error as Error).message });
      expect(String((again as { detail?: string }).detail ?? again)).toContain('1235');
    },
    LIMIT_MS,
  );

  it(
    'is skipped and counted',
    async () => {
      const { lines, result } = await runToEnd(sql, { ...place, onError: 'skip' });
      const v1 = await runOnV1(sql, { onError: 'skip' });
      expect(sorted(lines)).toEqual(sorted(v1.lines));
      expect(result.rowsFailed).toBe(1);
      expect(unaccountedRows(result)).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'is dead-lettered with its place and its text',
    async () => {
      const deadLetter = join(folder, 'dead.jsonl');
      const { result } = await runToEnd(sql, { ...place, onError: 'dead-letter', deadLetter });
      expect(result.rowsFailed).toBe(1);
      const letters = readFileSync(deadLetter, 'utf8').trim().split('\n');
      expect(letters).toHaveLength(1);
      expect(letters[0]).toContain('1235');
      expect(letters[0]).toContain('nonsense');
    },
    LIMIT_MS,
  );
});

/** Fails, or never answers, after so many writes. */
class FailingStdout extends Writable {
  private left: number;
  private readonly failure: Error;

  constructor(writes: number, failure: Error) {
    super({ highWaterMark: 16 });
    this.left = writes;
    this.failure = failure;
  }

  override _write(_chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.left -= 1;
    done(this.left < 0 ? this.failure : undefined);
  }
}

describe('a sink that fails', () => {
  const place = { partitions: 4, workers: 2, batchRows: 16, settings: { ringSlots: 2 } };
  const endless = generated('i % 50', 500_000) + CHANGES;

  it(
    'ends the job with its error',
    async () => {
      const stdout = new FailingStdout(3, new Error('no space left'));
      const job = await TestJob.of(endless, { ...place, stdout });
      await expect(job.run(LIMIT_MS)).rejects.toMatchObject({ code: 'VELO_SINK_WRITE' });
    },
    LIMIT_MS,
  );

  it(
    'stops the job quietly when its reader has gone',
    async () => {
      const gone = Object.assign(new Error('EPIPE'), { code: 'EPIPE' });
      const job = await TestJob.of(endless, { ...place, stdout: new FailingStdout(3, gone) });
      const result = await job.run(LIMIT_MS);
      expect(result.end).toBe('stopped');
      expect(result.rowsRead).toBeLessThan(500_000);
    },
    LIMIT_MS,
  );

  it(
    'that stands still does not keep a dead worker from being reported',
    async () => {
      const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
      const job = await TestJob.of(endless, { ...place, stdout: stuck });
      const ended = job.run(LIMIT_MS);
      while (job.job.metrics().rowsRead === 0) await new Promise((done) => setTimeout(done, 1));
      await job.threads()[1]?.terminate();
      await expect(ended).rejects.toMatchObject({ code: 'VELO_WORKER_DIED' });
    },
    LIMIT_MS,
  );

  it.each([
    { name: 'a path that cannot be written', path: join(folder, 'none', 'out.jsonl') },
    { name: 'a device without space', path: '/dev/full' },
  ])(
    '$name',
    async ({ path }) => {
      const sink = `CREATE TABLE o (k BIGINT, n BIGINT, s BIGINT)
        WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json');\n`;
      const job = await TestJob.of(`${generated('i % 50')}${sink}INSERT INTO o ${CHANGES}`, place);
      await expect(job.run(LIMIT_MS)).rejects.toMatchObject({ name: 'ConnectorError' });
    },
    LIMIT_MS,
  );
});

describe('files', () => {
  const place = { partitions: 4, workers: 2 };

  it(
    'an empty one has no rows',
    async () => {
      const { lines } = await runToEnd(fileTable(written('empty.jsonl', '')) + GROUPS, place);
      expect(lines).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'a missing one is named',
    async () => {
      const job = await TestJob.of(fileTable(join(folder, 'missing.jsonl')) + GROUPS, place);
      await expect(job.run(LIMIT_MS)).rejects.toMatchObject({
        name: 'ConnectorError',
        message: expect.stringContaining('missing.jsonl'),
      });
    },
    LIMIT_MS,
  );

  it(
    'CSV is read by one worker and spread over all partitions',
    async () => {
      const rows = Array.from({ length: 3000 }, (_, i) => `${i % 40},${i % 97}`);
      const path = written('rows.csv', `k,v\n${rows.join('\n')}\n`);
      const sql = fileTable(path, 'csv') + CHANGES;
      const { lines, result } = await runToEnd(sql, place);
      expect(lines).toEqual((await runOnV1(sql)).lines);
      expect(result.queries[0]!.partitions.filter(({ rowsIn }) => rowsIn > 0)).toHaveLength(4);
    },
    LIMIT_MS,
  );

  it(
    'a pipe is read once, to its end',
    async () => {
      const path = join(folder, 'pipe');
      execFileSync('mkfifo', [path]);
      const job = await TestJob.of(fileTable(path) + GROUPS, place);
      const ended = job.run(LIMIT_MS);
      const writer = createWriteStream(path);
      for (let i = 0; i < 1000; i += 1) writer.write(`{"k": ${i % 7}, "v": 1}\n`);
      writer.end();
      const result = await ended;
      expect(result.rowsRead).toBe(1000);
      expect(job.lines()).toHaveLength(7);
    },
    LIMIT_MS,
  );
});
