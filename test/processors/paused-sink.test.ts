/**
 * Law 2 on V1: the order in which blocks of several splits are read, and with it the rows that
 * depend on it, is the same whether the sink takes everything at once or asks for a pause behind
 * every batch.
 */
import { describe, expect, it } from 'vitest';
import type { Sink } from '../../src/connectors/sink.js';
import { StreamSink } from '../../src/connectors/stream-sink.js';
import { createRowEncoder } from '../../src/formats/encoder-choice.js';
import { compileJob, createJob } from '../../src/job.js';
import { Capture } from './partitioned/jobs.js';

/** Wants a pause behind each batch, and gets it or not: how often is counted. */
function pausing(inner: Sink): Sink & { readonly pauses: () => number } {
  let pauses = 0;
  let due = false;
  return {
    pauses: () => pauses,
    write: (batch) => {
      inner.write(batch);
      due = true;
    },
    pressure: () => {
      if (!due) return null;
      due = false;
      pauses += 1;
      return Promise.resolve();
    },
    flush: () => inner.flush(),
    close: () => inner.close(),
    rowsWritten: () => inner.rowsWritten(),
  };
}

const SPLITS = `CREATE TABLE g (v BIGINT AS i * 37 % 101, s BIGINT AS _PARTITION)
  WITH ('connector' = 'generator', 'rows' = '900', 'splits' = '3');\n`;

async function run(query: string, wrap: (inner: Sink) => Sink): Promise<string[]> {
  const job = await compileJob({
    source: { name: 'test.sql', text: `${SPLITS}${query};` },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const stdout = new Capture();
  await createJob(job, {
    sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    sinkFor: ({ sink: { schema } }) => {
      const encoder = createRowEncoder('jsonl', schema, { changelog: false });
      return wrap(new StreamSink(encoder, { stream: stdout, onClosed: () => undefined }));
    },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: 7,
    notice: () => undefined,
  }).start();
  return stdout.lines();
}

describe('a sink that asks for pauses', () => {
  it.each([
    'SELECT s, i FROM g',
    'SELECT s, i, SUM(v) OVER (ROWS WINDOW BUFFER 20 ROWS ORDER BY v) AS m FROM g',
    'SELECT v, FIRST_VALUE(i) AS f, COUNT(*) AS n FROM g GROUP BY v EMIT CHANGES',
    'SELECT i, 0 AS o FROM g UNION ALL SELECT x AS i, 1 AS o FROM (SELECT i AS x FROM g LIMIT 9) z',
  ])('gets the rows in the order of one that does not: %s', async (query) => {
    const whole = await run(query, (inner) => inner);
    let sink: ReturnType<typeof pausing> | null = null;
    const paused = await run(query, (inner) => (sink = pausing(inner)));
    expect(sink!.pauses()).toBeGreaterThan(10);
    expect(paused).toEqual(whole);
  });
});
