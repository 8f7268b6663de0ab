/** A file that one worker alone reads: its SplitReader waits for more in a worker thread as well. */
import { appendFileSync } from 'node:fs';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { BIGINT } from '../../src/columnar/types.js';
import { fileTable, writeInput } from './file-support.js';

const TIME_LIMIT_MS = 240_000;

/** Reads a followed file to where it has no more, waits for more and reads that. */
const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const rowsThere = (split) => {
    let rows = 0;
    for (let batch = split.next(); typeof batch !== 'string'; batch = split.next()) {
      rows += batch.rowCount;
    }
    return rows;
  };
  import(workerData.connector).then(async ({ openFileSource }) => {
    const source = openFileSource({
      table: workerData.table,
      physical: [0],
      system: [],
      batchRowsMax: 4096,
      errors: { recordFailed: () => undefined },
      clock: { nowMs: () => 0, monotonicNs: () => 0 },
      notice: () => undefined,
    });
    const [split] = source.splits;
    parentPort.postMessage(rowsThere(split));
    // Asked twice, as a loop does that something else has woken meanwhile.
    await Promise.all([split.ready(), split.ready()]);
    parentPort.postMessage(rowsThere(split));
    await source.close();
  });
`;

test(
  'a followed file wakes the worker that waits for it, and lets it end',
  async () => {
    const path = writeInput('followed.jsonl', '{"id":1}\n{"id":2}\n');
    const table = fileTable({ path, follow: 'true' }, [{ name: 'id', type: BIGINT }]);
    const connector = new URL('../../dist/connectors/file/file.js', import.meta.url).href;
    const worker = new Worker(WORKER, { eval: true, workerData: { connector, table } });
    // Before it may happen: the worker ends right behind its last message.
    const ended = once(worker, 'exit');
    expect(await once(worker, 'message')).toEqual([2]);
    const more = once(worker, 'message');
    appendFileSync(path, '{"id":3}\n');
    expect(await more).toEqual([1]);
    expect(await ended).toEqual([0]);
  },
  TIME_LIMIT_MS,
);
