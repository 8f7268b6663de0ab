/**
 * Topics on V2: main reads them and hands blocks of messages to the workers. What comes out is V1's,
 * what is committed was worked through, and whatever ends the read ends the job. Run by
 * read.test.ts, so that one broker serves all tests of reading; V2 is started from dist.
 */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import { systemClock } from '../../src/base/clock.js';
import { compileJob, createJob } from '../../dist/job.js';
import type { JobProcessor, JobResult } from '../../dist/processors/job-processor.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import { createTopics, deleteTopic } from '../support/kafka-broker.mjs';
import * as kafka from './harness.js';

const { ids, kafkaTable, newTopic, openSource, produce, range } = kafka;

interface Shape {
  readonly partitions: number;
  readonly workers: number;
}

interface RunOptions {
  /** V2 of this shape; null: V1. */
  readonly shape: Shape | null;
  readonly batchRows?: number;
  readonly clock?: Clock;
}

/** A job with what it wrote so far. */
class TopicJob {
  readonly notices: string[] = [];
  readonly job: JobProcessor;
  readonly result: Promise<JobResult>;
  private text = '';
  private failed = false;
  private look: () => void = () => undefined;

  static async start(sql: string, options: RunOptions): Promise<TopicJob> {
    const compiled = await compileJob({
      source: { name: 'test.sql', text: sql },
      variables: () => undefined,
      settings: {},
      changelog: false,
      redirects: new Map(),
      limit: null,
    });
    return new TopicJob(compiled, options);
  }

  private constructor(compiled: Awaited<ReturnType<typeof compileJob>>, options: RunOptions) {
    const write = (chunk: Buffer, done: () => void): void => {
      this.text += chunk.toString('utf8');
      this.look();
      done();
    };
    const stdout = new Writable({
      write: (chunk: Buffer, _encoding, done) => write(chunk, done),
    });
    const { shape, batchRows, clock } = options;
    this.job = createJob(compiled, {
      sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows: batchRows ?? null,
      notice: (line) => this.notices.push(line),
      partitioned: shape === null ? null : { ...PARTITIONED_DEFAULTS, ...shape },
      ...(clock === undefined ? {} : { clock }),
    });
    this.result = this.job.start();
    // Whoever waits for rows learns of a failure too.
    this.result.catch(() => {
      this.failed = true;
      this.look();
    });
  }

  lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** Resolves when it has written `count` rows. */
  async written(count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.look = () => {
        if (this.failed || this.lines().length >= count) resolve();
      };
      this.look();
    });
  }

  async stop(): Promise<JobResult> {
    await this.job.stop();
    return this.result;
  }
}

async function linesOf(sql: string, options: RunOptions): Promise<string[]> {
  const job = await TopicJob.start(sql, options);
  await job.result;
  expect(job.notices).toEqual([]);
  return job.lines();
}

function idsOf(lines: readonly string[]): number[] {
  return lines.map((line) => (JSON.parse(line) as { id: number }).id).sort((a, b) => a - b);
}

const TWO_BY_TWO = { partitions: 2, workers: 2 };

export function testPartitioned({ topicWith, brokers }: kafka.ReadFixture): void {
  const table = (topic: string, options: Readonly<Record<string, string>> = {}): string => {
    const all = {
      connector: 'kafka',
      topic,
      'properties.bootstrap.servers': brokers(),
      format: 'json',
      'scan.startup.mode': 'earliest-offset',
      ...options,
    };
    const list = Object.entries(all).map(([name, value]) => `'${name}' = '${value}'`);
    return `CREATE TABLE t (id BIGINT, k STRING, ms BIGINT,
      ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
      WITH (${list.join(', ')});`;
  };
  const BOUNDED = { 'scan.bounded.mode': 'latest-offset' };
  const records = (count: number, partitions: number): kafka.TestMessage[] =>
    range(count).map((id) => ({
      value: JSON.stringify({ id, k: `k${id % 7}`, ms: 1_700_000_000_000 + id * 10 }),
      partition: id % partitions,
      key: `key ${id}`,
    }));
  /** Offsets that a group has committed, by partition. */
  const committed = async (topic: string, group: string): Promise<number[]> => {
    const opened = await openSource(
      kafkaTable(brokers(), topic, {
        'scan.startup.mode': 'group-offsets',
        'properties.group.id': group,
        'properties.auto.offset.reset': 'earliest',
        'scan.bounded.mode': 'latest-offset',
      }),
    );
    const offsets = opened.source.splits.map((split) => Number(split.position()));
    await opened.source.close();
    return offsets;
  };

  it("gives V1's rows, whatever the partitions, workers and batches", async () => {
    const topic = await topicWith(records(3000, 4), { partitions: 4 });
    const from = table(topic, BOUNDED);
    const queries = [
      `${from} SELECT id, k, _partition AS p, _offset AS o, _key AS name, _topic AS topic FROM t WHERE id % 3 = 0;`,
      `${from} SELECT k, COUNT(*) AS n, SUM(id) AS s, MAX(_offset) AS o FROM t GROUP BY k EMIT FINAL;`,
      `${from} SELECT window_start, k, COUNT(*) AS n, SUM(id) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECONDS))
        GROUP BY window_start, k EMIT FINAL;`,
      `${from} SELECT k, COUNT(*) AS n FROM t GROUP BY k ORDER BY n DESC, k LIMIT 3 EMIT FINAL;`,
    ];
    for (const sql of queries) {
      const expected = (await linesOf(sql, { shape: null })).sort();
      expect(expected.length).toBeGreaterThan(0);
      for (const options of [
        { shape: { partitions: 3, workers: 2 } },
        { shape: { partitions: 1, workers: 1 }, batchRows: 7 },
      ]) {
        expect((await linesOf(sql, options)).sort(), `${JSON.stringify(options)} ${sql}`).toEqual(
          expected,
        );
      }
    }
  });

  it('keeps the order of a single partition', async () => {
    const topic = await topicWith(records(2000, 1));
    const sql = `${table(topic, BOUNDED)} SELECT k, COUNT(*) AS n, SUM(id) AS s FROM t GROUP BY k;`;
    const expected = await linesOf(sql, { shape: null, batchRows: 50 });
    expect(expected).toHaveLength(2000);
    const shape = { partitions: 3, workers: 2 };
    expect(await linesOf(sql, { shape, batchRows: 50 })).toEqual(expected);
  });

  it('commits at the end what was read, and a second run has nothing to do', async () => {
    const topic = await topicWith(records(500, 3), { partitions: 3 });
    const group = newTopic('group');
    const options = {
      ...BOUNDED,
      'scan.startup.mode': 'group-offsets',
      'properties.group.id': group,
      'properties.auto.offset.reset': 'earliest',
    };
    const sql = `${table(topic, options)} SELECT id FROM t;`;
    expect(idsOf(await linesOf(sql, { shape: TWO_BY_TWO }))).toEqual(range(500));
    expect(await committed(topic, group)).toEqual([167, 167, 166]);
    expect(await linesOf(sql, { shape: TWO_BY_TWO })).toEqual([]);
  });

  it('goes on behind the last row of a LIMIT, as on V1', async () => {
    for (const shape of [null, TWO_BY_TWO]) {
      const topic = await topicWith(records(30, 1));
      const options = {
        ...BOUNDED,
        'scan.startup.mode': 'group-offsets',
        'properties.group.id': newTopic('group'),
        'properties.auto.offset.reset': 'earliest',
      };
      const sql = `${table(topic, options)} SELECT id FROM t WHERE id % 2 = 0 LIMIT 3;`;
      expect(idsOf(await linesOf(sql, { shape }))).toEqual([0, 2, 4]);
      expect(idsOf(await linesOf(sql, { shape }))).toEqual([6, 8, 10]);
      const rest = `${table(topic, options)} SELECT id FROM t;`;
      expect(idsOf(await linesOf(rest, { shape }))).toEqual(range(19, 11));
    }
  });

  it('goes on behind a stop exactly where that left it', async () => {
    const topic = await topicWith(records(20_000, 2), { partitions: 2 });
    const options = {
      'scan.startup.mode': 'group-offsets',
      'properties.group.id': newTopic('group'),
      'properties.auto.offset.reset': 'earliest',
    };
    const select = 'SELECT id FROM t;';
    const first = await TopicJob.start(`${table(topic, options)} ${select}`, {
      shape: TWO_BY_TWO,
      batchRows: 10,
    });
    await first.written(50);
    const { end, rowsRead } = await first.stop();
    expect(end).toBe('stopped');
    const before = idsOf(first.lines());
    expect(before).toHaveLength(rowsRead);
    const rest = await linesOf(`${table(topic, { ...options, ...BOUNDED })} ${select}`, {
      shape: TWO_BY_TWO,
    });
    expect([...before, ...idsOf(rest)].sort((a, b) => a - b)).toEqual(range(20_000));
  });

  it('commits now and then what has reached the output', async () => {
    const topic = await topicWith(records(100, 1));
    const group = newTopic('group');
    // Hours go by in a second.
    const clock = { ...systemClock, monotonicNs: () => systemClock.monotonicNs() * 1000 };
    const job = await TopicJob.start(
      `${table(topic, { 'properties.group.id': group })} SELECT id FROM t;`,
      { shape: TWO_BY_TWO, clock },
    );
    await job.written(100);
    let offsets: number[] = [];
    while (offsets[0] !== 100) offsets = await committed(topic, group);
    await produce(brokers(), topic, ids(20, 1, 100));
    await job.written(120);
    while (offsets[0] !== 120) offsets = await committed(topic, group);
    expect((await job.stop()).rowsRead).toBe(120);
  });

  it('lets a silent partition out of the watermark', async () => {
    const topic = await topicWith(records(1000, 1), { partitions: 2 });
    const from = table(topic, { 'source.idle-timeout': '200ms' });
    const sql = `${from} SELECT window_start, COUNT(*) AS n
      FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' SECONDS)) GROUP BY window_start EMIT FINAL;`;
    const job = await TopicJob.start(sql, { shape: TWO_BY_TWO });
    await job.written(8);
    const windows = job.lines().map((line) => (JSON.parse(line) as { n: number }).n);
    expect(windows.every((n) => n === 100)).toBe(true);
    await job.stop();
  });

  it('waits while it is paused', async () => {
    const topic = await topicWith(records(10, 1));
    const job = await TopicJob.start(`${table(topic)} SELECT id FROM t;`, { shape: TWO_BY_TWO });
    await job.written(10);
    job.job.pause();
    await produce(brokers(), topic, ids(10, 1, 10));
    expect(job.lines()).toHaveLength(10);
    job.job.resume();
    await job.written(20);
    await job.stop();
    expect(idsOf(job.lines())).toEqual(range(20));
  });

  describe('ends the job with an error', () => {
    it('when the topic does not exist', async () => {
      const job = await TopicJob.start(`${table('no-such-topic')} SELECT id FROM t;`, {
        shape: TWO_BY_TWO,
      });
      await expect(job.result).rejects.toMatchObject({ code: 'VELO_TOPIC_NOT_FOUND' });
    });

    it('when a record cannot be decoded, and nothing is committed', async () => {
      const topic = newTopic('bad');
      await createTopics(brokers(), [{ topic }]);
      await produce(brokers(), topic, [...records(10, 1), { value: '{"id":' }]);
      const group = newTopic('group');
      const options = { ...BOUNDED, 'properties.group.id': group };
      const job = await TopicJob.start(`${table(topic, options)} SELECT id FROM t;`, {
        shape: TWO_BY_TWO,
        batchRows: 1,
      });
      await expect(job.result).rejects.toMatchObject({ code: 'VELO_DECODE' });
      expect(idsOf(job.lines())).toEqual(range(10));
      expect(await committed(topic, group)).toEqual([0]);
    });

    it('when the topic is deleted while it is read', async () => {
      const topic = await topicWith(records(10, 2), { partitions: 2 });
      const job = await TopicJob.start(`${table(topic)} SELECT id FROM t;`, { shape: TWO_BY_TWO });
      await job.written(10);
      await deleteTopic(brokers(), topic);
      await expect(job.result).rejects.toMatchObject({ code: 'VELO_TOPIC_NOT_FOUND' });
    });
  });
}
