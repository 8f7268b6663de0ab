/**
 * A group commits what was written, and no more: a LIMIT that ends in the midst of a block, a reader
 * of stdout that goes away, an offset whose records are gone. V1 and V2, over a broker on loopback.
 */
import { execFile } from 'node:child_process';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { compileJob, createJob } from '../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import { kafkaDdl } from './job-run.js';
import type { Shape } from './job-run.js';
import { LoopbackBroker, batchOf, idBatches } from './loopback-broker.js';
import type { LoopbackTopic } from './loopback-broker.js';

let broker: LoopbackBroker | null = null;
afterEach(async () => {
  await broker?.close();
  broker = null;
});

async function started(topic: Partial<LoopbackTopic> = {}): Promise<LoopbackBroker> {
  broker = await LoopbackBroker.start(topic);
  return broker;
}

const SHAPES: readonly (readonly [string, Shape | null])[] = [
  ['V1', null],
  ['V2 of 1 worker', { partitions: 1, workers: 1 }],
  ['V2 of 2 workers', { partitions: 2, workers: 2 }],
];

interface Read {
  readonly ids: number[];
  readonly notices: string[];
}

/** Reads as the group, from where it stopped; `takesBytes`: then the reader goes away. */
async function read(
  from: LoopbackBroker,
  sql: string,
  shape: Shape | null,
  settings: {
    readonly takesBytes?: number;
    readonly limit?: number;
    readonly options?: Readonly<Record<string, string>>;
  } = {},
): Promise<Read> {
  const { takesBytes = Number.POSITIVE_INFINITY, limit = null, options = {} } = settings;
  const ddl = kafkaDdl(
    from.address,
    't',
    {
      'properties.group.id': 'g',
      'scan.startup.mode': 'group-offsets',
      'scan.bounded.mode': 'latest-offset',
      'connect.timeout': '2s',
      fetch: 'columnar',
      ...options,
    },
    'id BIGINT',
  );
  const compiled = await compileJob({
    source: { name: 'test.sql', text: `${ddl} ${sql}` },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit,
  });
  let text = '';
  let left = takesBytes;
  const stdout = new Writable({
    highWaterMark: 64 * 1024,
    write: (chunk: Buffer, _encoding, done) => {
      if (chunk.length > left) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
        return;
      }
      left -= chunk.length;
      text += chunk.toString('utf8');
      setImmediate(done);
    },
  });
  const notices: string[] = [];
  const job = createJob(compiled, {
    sinks: { stdout, format: 'jsonl', onStdoutClosed: () => void job.stop() },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: null,
    notice: (line) => notices.push(line),
    partitioned: shape === null ? null : { ...PARTITIONED_DEFAULTS, ...shape },
  });
  await job.start();
  const lines = text.split('\n').slice(0, -1);
  return { ids: lines.map((line) => (JSON.parse(line) as { id: number }).id), notices };
}

/** Where the group goes on in partition 0; -1: it has committed nothing. */
function remembering(from: LoopbackBroker): () => number {
  return () => from.committed.get(0) ?? -1;
}

/** Rows of another partition: their ids begin at `1000 × partition`. */
function renamed(batch: Buffer, partition: number): Buffer {
  const rows = batch.readInt32BE(57);
  const baseOffset = Number(batch.readBigInt64BE(0));
  const records = range(rows).map((delta) => ({
    delta,
    key: null,
    value: Buffer.from(`{"id":${1000 * partition + baseOffset + delta}}`),
  }));
  return batchOf({ baseOffset, records });
}

function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, at) => from + at);
}

describe.each(SHAPES)('a group on %s', (_, shape) => {
  it('goes on behind the last row of a LIMIT', async () => {
    const from = await started({ logs: [idBatches(10, 10)] });
    const committed = remembering(from);
    expect((await read(from, 'SELECT id FROM t LIMIT 3', shape)).ids).toEqual([0, 1, 2]);
    expect(committed()).toBe(3);
    expect((await read(from, 'SELECT id FROM t LIMIT 3', shape)).ids).toEqual([3, 4, 5]);
    expect((await read(from, 'SELECT id FROM t', shape, { limit: 2 })).ids).toEqual([6, 7]);
    expect((await read(from, 'SELECT id FROM t', shape)).ids).toEqual([8, 9]);
    expect(committed()).toBe(10);
  }, 60_000);

  it('goes on behind the record of the last row, where others gave none or are gone', async () => {
    const sparse = [0, 20, 40].map((baseOffset) =>
      batchOf({
        baseOffset,
        lastDelta: 9,
        records: [0, 3, 4, 9].map((delta) => ({
          delta,
          key: null,
          value: Buffer.from(`{"id":${baseOffset + delta}}`),
        })),
      }),
    );
    const from = await started({ logs: [sparse] });
    const committed = remembering(from);
    const sql = 'SELECT id FROM t WHERE id % 10 <> 0 LIMIT 4';
    expect((await read(from, sql, shape)).ids).toEqual([3, 4, 9, 23]);
    expect(committed()).toBe(24);
    expect((await read(from, sql, shape)).ids).toEqual([24, 29, 43, 44]);
    expect(committed()).toBe(45);
    expect((await read(from, sql, shape)).ids).toEqual([49]);
    expect(committed()).toBe(50);
  }, 60_000);

  it('reads every record once over several partitions, LIMIT by LIMIT', async () => {
    const counts = [17, 30, 5];
    const logs = counts.map((count, at) => idBatches(count, 4).map((batch) => renamed(batch, at)));
    const from = await started({ logs });
    const seen: number[] = [];
    for (let run = 0; run < 9; run += 1) {
      const { ids } = await read(from, 'SELECT id FROM t WHERE id >= 0 LIMIT 7', shape);
      seen.push(...ids);
    }
    const all = counts.flatMap((count, at) => range(count, 1000 * at));
    expect(seen.sort((a, b) => a - b)).toEqual(all);
    expect([0, 1, 2].map((partition) => from.committed.get(partition))).toEqual(counts);
  }, 120_000);

  it('does not pass over a row that a reader of stdout did not take', async () => {
    const count = 20_000;
    const from = await started({ logs: [idBatches(count, 100)] });
    const committed = remembering(from);
    const seen: number[] = [];
    for (let run = 0; run < 50 && committed() < count; run += 1) {
      const before = Math.max(0, committed());
      const takesBytes = run % 3 === 2 ? undefined : 3_000 + 25_000 * run;
      const { ids } = await read(from, 'SELECT id FROM t', shape, {
        ...(takesBytes === undefined ? {} : { takesBytes }),
      });
      // From where the group stood, and everything that it passes over was taken.
      expect(ids).toEqual(range(ids.length, before));
      expect(committed()).toBeLessThanOrEqual(before + ids.length);
      seen.push(...ids);
    }
    expect(new Set(seen).size).toBe(count);
    expect(committed()).toBe(count);
  }, 120_000);

  it('commits nothing of a grouping that a LIMIT or a reader ends early', async () => {
    const from = await started({ logs: [idBatches(1_000, 100)] });
    const committed = remembering(from);
    const sql = 'SELECT COUNT(*) AS id FROM t GROUP BY id EMIT CHANGES';
    await read(from, `${sql} LIMIT 3`, shape);
    await read(from, sql, shape, { takesBytes: 10 });
    expect(committed()).toBeLessThanOrEqual(0);
    await read(from, sql, shape);
    expect(committed()).toBe(1_000);
  }, 60_000);
});

describe('the command, with a reader that takes one row', () => {
  it.each([
    ['V1', ['--arch', 'v1']],
    ['V2', ['--partitions', '2']],
  ])(
    'leaves the group where a pipe was full (%s)',
    async (_, flags) => {
      const rows = range(400).map((id) => ({
        delta: id,
        key: null,
        value: Buffer.from(JSON.stringify({ id, s: 'x'.repeat(10_000) })),
      }));
      const from = await started({ logs: [[batchOf({ baseOffset: 0, records: rows })]] });
      const options = {
        'properties.group.id': 'g',
        'scan.startup.mode': 'group-offsets',
        'scan.bounded.mode': 'latest-offset',
        fetch: 'columnar',
      };
      const sql = `${kafkaDdl(from.address, 't', options, 'id BIGINT, s STRING')} SELECT id, s FROM t`;
      const run = [process.execPath, 'bin/velo.js', 'run', ...flags, '-q', '-e', sql];
      const line = `"$@" | head -1 | cut -c1-8`;
      const { stdout } = await promisify(execFile)('sh', ['-c', line, 'sh', ...run]);
      expect(stdout).toBe('{"id":0,\n');
      // A pipe holds 64 KiB, which are six rows.
      expect(from.committed.get(0) ?? 0).toBeLessThanOrEqual(7);
    },
    60_000,
  );
});

describe('a group whose records are gone', () => {
  const logs = [idBatches(14, 2).slice(6)];

  it('is an error without an auto.offset.reset', async () => {
    const from = await started({ logs, logStart: 12, committed: 3 });
    await expect(read(from, 'SELECT id FROM t', null)).rejects.toMatchObject({
      code: 'VELO_OFFSET_OUT_OF_RANGE',
      message: 'offset 3 of topic "t" partition 0 is no longer held by the broker',
      hint: expect.stringContaining("'properties.auto.offset.reset'") as string,
    });
    expect([...from.committed]).toEqual([]);
  });

  it.each([
    ['earliest', [12, 13]],
    ['latest', []],
  ])('goes on at the %s where the table says so, with a line', async (reset, ids) => {
    const from = await started({ logs, logStart: 12, committed: 3 });
    const options = { 'properties.auto.offset.reset': reset };
    const { ids: found, notices } = await read(from, 'SELECT id FROM t', null, { options });
    expect(found).toEqual(ids);
    expect(notices).toContainEqual(
      expect.stringContaining(`offset 3 of topic "t" partition 0 is no longer held`),
    );
  });
});
