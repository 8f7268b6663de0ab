/**
 * A worker whose heap is full ends the job with an error that says so, and with advice that helps:
 * in a process with a small heap, since the threads have the heap that the process was given.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const VELO = join(import.meta.dirname, '../../../bin/velo.js');
const LIMIT_MS = 240_000;
const HEAP_MB = 40;
const QUERY = `CREATE TABLE g (k STRING AS CONCAT('group ', CAST(i AS STRING)), v BIGINT AS i)
  WITH ('connector' = 'generator');
  SELECT k, ARRAY_AGG(v) AS vs FROM g GROUP BY k EMIT CHANGES;`;

it(
  'a worker whose heap is full says so',
  async () => {
    const stderr = await new Promise<string>((resolve) => {
      execFile(
        process.execPath,
        [
          `--max-old-space-size=${HEAP_MB}`,
          ...[VELO, 'run', '-e', QUERY, '-q', '--workers', '2', '--partitions', '2'],
        ],
        { maxBuffer: 2 ** 30 },
        (_error, _stdout, text) => resolve(text),
      );
    });
    expect(stderr).toMatch(/error\[VELO_MEMORY_EXHAUSTED\]/);
    expect(stderr).toContain('--max-old-space-size');
    expect(stderr).not.toContain('--arch v1');
  },
  LIMIT_MS,
);
