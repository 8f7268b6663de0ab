/**
 * Far more workers and partitions than cores cost little: 64 workers and 1,024 partitions take at
 * most three times the processor time of two workers, start of threads included, and give the same
 * rows. A ratio of processor times, each in a process of its own: a busy machine slows both down.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const VELO = join(import.meta.dirname, '../../../bin/velo.js');
/** Says at the end what the process took. */
const METER = `data:text/javascript,${encodeURIComponent(`
  import { isMainThread } from 'node:worker_threads';
  if (isMainThread) process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    process.stderr.write('cpu ' + (user + system) / 1e6);
  });`)}`;
const RATIO_MAX = 3;
const LIMIT_MS = 240_000;
const TABLE = `CREATE TABLE g (k BIGINT AS i % 1000, v BIGINT AS i)
  WITH ('connector' = 'generator', 'rows' = '300000');\n`;

interface Run {
  readonly rows: number;
  readonly cpuSeconds: number;
}

/** Runs the command line; what it and its threads took from the processor. */
function run(query: string, workers: number): Promise<Run> {
  const job = ['-e', TABLE + query, '--workers', String(workers), '--partitions', '1024'];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--import', METER, VELO, 'run', ...job, '--format', 'jsonl', '-q'],
      { maxBuffer: 2 ** 28 },
      (error, stdout, stderr) => {
        const cpuSeconds = Number(/cpu ([\d.]+)/.exec(stderr)?.[1] ?? Number.NaN);
        if (error === null) resolve({ rows: stdout.split('\n').length - 1, cpuSeconds });
        else reject(new Error(stderr, { cause: error }));
      },
    );
  });
}

describe('64 workers and 1,024 partitions', () => {
  it.each([
    ['groups at the end', 'SELECT k, COUNT(*) AS n FROM g GROUP BY k EMIT FINAL;', 1000],
    ['every change', 'SELECT k, COUNT(*) AS n FROM g GROUP BY k EMIT CHANGES;', 300_000],
  ])(
    'take little more than two workers: %s',
    async (_, query, rows) => {
      const few = await run(query, 2);
      const many = await run(query, 64);
      expect([few.rows, many.rows]).toEqual([rows, rows]);
      expect(many.cpuSeconds / few.cpuSeconds).toBeLessThan(RATIO_MAX);
    },
    LIMIT_MS,
  );
});
