/**
 * Parts of a rolling sink: every row is in one of them, in order, and a part is seen when it is
 * complete, on V1's terms and through the workers of V2. Time is vitest's.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import { RollingSink } from '../../src/connectors/file/rolling/rolling-sink.js';
import type { PartSink } from '../../src/connectors/file/rolling/rolling-sink.js';
import { runToEnd } from '../processors/partitioned/jobs.js';

const root = mkdtempSync(join(tmpdir(), 'velo-rolling-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A part that keeps its rows, ten bytes each; it opens and closes when the test says so. */
class Part implements PartSink {
  readonly encoding = null;
  rows = 0;
  state: 'open' | 'complete' | 'gone' = 'open';
  write(batch: Batch): void {
    if (this.state !== 'open') throw new Error(`a part that is ${this.state} takes no rows`);
    this.rows += batch.selectedCount;
  }
  writeEncoded(_bytes: Uint8Array, _start: number, _end: number, rows: number): void {
    this.rows += rows;
  }
  pressure(): null {
    return null;
  }
  flush(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.state = 'complete';
    return Promise.resolve();
  }
  abandon(): Promise<void> {
    this.state = 'gone';
    return Promise.resolve();
  }
  rowsWritten(): number {
    return this.rows;
  }
  bytesWritten(): number {
    return this.rows * 10;
  }
}

function rowsOf(count: number): Batch {
  const batch = newBatch([], emptyHeader('test'));
  batch.rowCount = count;
  batch.selectedCount = count;
  return batch;
}

describe('a rolling sink', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const begin = async (policy: {
    readonly fileBytes?: number;
    readonly intervalMs?: number;
  }): Promise<{ sink: RollingSink; parts: Part[] }> => {
    const parts: Part[] = [];
    const { fileBytes = null, intervalMs = null } = policy;
    const sink = await RollingSink.begin({ fileBytes, intervalMs }, () => {
      const part = new Part();
      parts.push(part);
      return Promise.resolve(part);
    });
    await vi.advanceTimersByTimeAsync(0);
    return { sink, parts };
  };

  it('begins another part behind so many bytes, and shows those that are complete', async () => {
    const { sink, parts } = await begin({ fileBytes: 100 });
    for (let row = 0; row < 25; row += 1) {
      sink.write(rowsOf(1));
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(parts.map(({ rows, state }) => [rows, state])).toEqual([
      [10, 'complete'],
      [10, 'complete'],
      [5, 'open'],
      [0, 'open'],
    ]);
    await sink.close();
    expect(parts.map(({ state }) => state)).toEqual(['complete', 'complete', 'complete', 'gone']);
    expect([sink.rowsWritten(), sink.bytesWritten()]).toEqual([25, 250]);
  });

  it('begins another part so long after its first row, without another row', async () => {
    const { sink, parts } = await begin({ intervalMs: 1000 });
    await vi.advanceTimersByTimeAsync(5000);
    expect(parts[0]?.state).toBe('open');
    sink.write(rowsOf(3));
    await vi.advanceTimersByTimeAsync(999);
    expect(parts[0]?.state).toBe('open');
    await vi.advanceTimersByTimeAsync(1);
    expect(parts[0]).toMatchObject({ rows: 3, state: 'complete' });
    await vi.advanceTimersByTimeAsync(5000);
    expect(parts[1]?.state).toBe('open');
    await sink.close();
    expect(parts.map(({ state }) => state)).toEqual(['complete', 'gone', 'gone']);
  });

  it('makes a full part wait for the next one to open, and takes its rows meanwhile', async () => {
    const open: (() => void)[] = [];
    const parts: Part[] = [];
    let first = true;
    const sink = await RollingSink.begin({ fileBytes: 100, intervalMs: null }, () => {
      const part = new Part();
      parts.push(part);
      if (first) {
        first = false;
        return Promise.resolve(part);
      }
      return new Promise((resolve) => open.push(() => resolve(part)));
    });
    sink.write(rowsOf(12));
    const wait = sink.pressure();
    expect(wait).not.toBeNull();
    sink.write(rowsOf(2));
    expect(parts[0]?.rows).toBe(14);
    open[0]!();
    await wait;
    sink.write(rowsOf(1));
    expect(parts.map(({ rows }) => rows).slice(0, 2)).toEqual([14, 1]);
  });

  it('ends the job when a part does not open or close', async () => {
    const { sink, parts } = await begin({ fileBytes: 100 });
    parts[0]!.close = () => Promise.reject(new Error('disk full'));
    sink.write(rowsOf(10));
    await vi.advanceTimersByTimeAsync(0);
    expect(() => sink.pressure()).toThrow('disk full');
    await sink.abandon();
    expect(parts.slice(1).every(({ state }) => state === 'gone')).toBe(true);
  });
});

describe('parts on disk', () => {
  const TABLE = `CREATE TABLE g (v BIGINT AS i * 37 % 1001, t STRING AS 'text ' || CAST(i AS STRING))
    WITH ('connector' = 'generator', 'rows' = '20000');`;

  const linesOf = (folder: string, ending: string): string[] =>
    readdirSync(folder)
      .filter((name) => /^o-\d{5}\./.test(name))
      .sort()
      .flatMap((name) => {
        expect(name.endsWith(ending)).toBe(true);
        const bytes = readFileSync(join(folder, name));
        const text = (ending.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
        const lines = text.trimEnd().split('\n');
        if (ending.startsWith('.csv')) expect(lines.shift()).toBe('i,t');
        return lines;
      });

  it.each([
    ['.jsonl', 1],
    ['.csv', 1],
    ['.jsonl.gz', 2],
    ['.csv.gz', 2],
  ] as const)('%s with %i workers: each row once, in order', async (ending, workers) => {
    const folder = mkdtempSync(join(root, 'parts-'));
    writeFileSync(join(folder, `o-00007${ending}`), '');
    const sql = `${TABLE} CREATE TABLE o (i BIGINT, t STRING) WITH ('connector' = 'file',
        'path' = '${join(folder, `o${ending}`)}', 'sink.rolling-policy.file-size' = '64kb');
      INSERT INTO o SELECT i, t FROM g;`;
    await runToEnd(sql, { partitions: 3, workers });
    rmSync(join(folder, `o-00007${ending}`));
    const names = readdirSync(folder).sort();
    expect(names[0]).toBe(`o-00008${ending}`);
    expect(names.length).toBeGreaterThan(2);
    const first = (row: number): string =>
      ending.startsWith('.csv') ? `${row},text ${row}` : `{"i":${row},"t":"text ${row}"}`;
    expect(linesOf(folder, ending)).toEqual(Array.from({ length: 20_000 }, (_, row) => first(row)));
  });

  it('are counted together by two queries of one job', async () => {
    const folder = mkdtempSync(join(root, 'two-'));
    const sql = `${TABLE} CREATE TABLE o (i BIGINT) WITH ('connector' = 'file',
        'path' = '${join(folder, 'o.jsonl')}', 'sink.rolling-policy.file-size' = '16kb');
      INSERT INTO o SELECT i FROM g; INSERT INTO o SELECT -i AS i FROM g;`;
    await runToEnd(sql, { partitions: 2, workers: 2 });
    const found = linesOf(folder, '.jsonl').map((line) => Number(/-?\d+/.exec(line)![0]));
    expect(found.length).toBe(40_000);
    expect(new Set(found).size).toBe(39_999);
  });
});
