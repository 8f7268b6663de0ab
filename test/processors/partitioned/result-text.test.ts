/**
 * Results as text: what V2's workers encode and main puts in order is byte for byte what V1 writes,
 * to stdout and to files, with and without a changelog, whatever the batches, workers, partitions
 * and rings. Workers are started from dist.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileJob, createJob } from '../../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../../dist/processors/partitioned/job-settings.js';

const ROWS = 400;
const QUERIES = {
  'a stateless query': `SELECT id, k, v * 2 AS v2, note FROM t WHERE v % 3 <> 0`,
  'a changing aggregation': `SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(note) AS last FROM t GROUP BY k`,
  'one group': `SELECT COUNT(*) AS n, SUM(v) AS s FROM t`,
  'windows that change': `SET 'emit.changes' = 'delta';
    SELECT window_start, k, COUNT(*) AS n, SUM(v) AS s
    FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, k EMIT CHANGES`,
  'a global stage': `SELECT k, COUNT(*) AS n FROM t GROUP BY k ORDER BY n, k LIMIT 5 EMIT FINAL`,
};
const SHAPES = [
  { partitions: 1, workers: 1 },
  { partitions: 3, workers: 2 },
  { partitions: 8, workers: 3 },
];

interface Run {
  readonly format: 'jsonl' | 'csv';
  readonly changelog: boolean;
  readonly batchRows: number;
  readonly ringSlots?: number;
  /** null: V1. */
  readonly shape: { readonly partitions: number; readonly workers: number } | null;
}

async function textOf(sql: string, run: Run): Promise<{ text: string; rowsOut: number }> {
  const chunks: Buffer[] = [];
  const stdout = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  const job = await compileJob({
    source: { name: 'test.sql', text: sql },
    variables: () => undefined,
    settings: {},
    changelog: run.changelog,
    redirects: new Map(),
    limit: null,
  });
  const { rowsOut } = await createJob(job, {
    sinks: { stdout, format: run.format, onStdoutClosed: () => undefined },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: run.batchRows,
    notice: () => undefined,
    partitioned:
      run.shape === null
        ? null
        : { ...PARTITIONED_DEFAULTS, ...run.shape, ringSlots: run.ringSlots ?? 64 },
  }).start();
  return { text: Buffer.concat(chunks).toString('utf8'), rowsOut };
}

describe('result text', () => {
  const folder = mkdtempSync(join(tmpdir(), 'velo-text-'));
  const path = join(folder, 'in.jsonl');
  const table = `CREATE TABLE t (id BIGINT, k STRING, v BIGINT, note STRING, ms BIGINT,
    ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts - INTERVAL '0' SECOND)
    WITH ('connector' = 'file', 'path' = '${path}', 'format' = 'json');`;

  beforeAll(() => {
    const lines = Array.from({ length: ROWS }, (_, id) =>
      JSON.stringify({
        id,
        k: `k${(id * id) % 23}`,
        v: (id * 7919) % 101,
        note: id % 5 === 0 ? null : `say "${'é'.repeat(id % 4)}", ${id}`,
        ms: 1_700_000_000_000 + id * 20,
      }),
    );
    writeFileSync(path, `${lines.join('\n')}\n`);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  describe.each(Object.entries(QUERIES))('of %s', (_name, query) => {
    it.each([1, 7, 4096])("is V1's, in batches of %i", async (batchRows) => {
      for (const changelog of [false, true]) {
        const format = changelog ? 'csv' : 'jsonl';
        const run = { format, changelog, batchRows } as const;
        const expected = await textOf(`${table} ${query};`, { ...run, shape: null });
        expect(expected.rowsOut).toBeGreaterThan(0);
        for (const shape of SHAPES) {
          for (const ringSlots of [1, 64]) {
            const got = await textOf(`${table} ${query};`, { ...run, shape, ringSlots });
            expect(got, JSON.stringify({ shape, ringSlots, format })).toEqual(expected);
          }
        }
      }
    });
  });

  it('goes to a file as it does on V1', async () => {
    const sql = (out: string): string => `${table}
      CREATE TABLE o (k STRING, n BIGINT, s BIGINT)
        WITH ('connector' = 'file', 'path' = '${join(folder, out)}', 'format' = 'csv');
      INSERT INTO o SELECT k, COUNT(*), SUM(v) FROM t GROUP BY k;`;
    const run = { format: 'jsonl', changelog: false, batchRows: 64 } as const;
    await textOf(sql('v1.csv'), { ...run, shape: null });
    await textOf(sql('v2.csv'), { ...run, shape: { partitions: 4, workers: 2 } });
    const expected = readFileSync(join(folder, 'v1.csv'), 'utf8');
    expect(expected.split('\n')).toHaveLength(ROWS + 2);
    expect(readFileSync(join(folder, 'v2.csv'), 'utf8')).toBe(expected);
  });

  it('of a row that fits in no block is an error that says so', async () => {
    const large = join(folder, 'large.jsonl');
    writeFileSync(large, `${JSON.stringify({ id: 1, note: 'x'.repeat(9 << 20) })}\n`);
    const sql = `CREATE TABLE t (id BIGINT, note STRING)
      WITH ('connector' = 'file', 'path' = '${large}', 'format' = 'json'); SELECT * FROM t;`;
    const run = { format: 'jsonl', changelog: false, batchRows: 10 } as const;
    await expect(
      textOf(sql, { ...run, shape: { partitions: 2, workers: 2 } }),
    ).rejects.toMatchObject({ code: 'VELO_RECORD_TOO_LARGE' });
  });
});
