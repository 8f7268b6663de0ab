/**
 * Partitions that a topic gets while a job reads it: read from their beginning, without going back
 * behind what was said before, and committed; not by a bounded read. A real broker.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { addPartitions, committedOffsets } from './group-processes.js';
import { ids, newTopic, produce, range } from './harness.js';
import type { TestMessage } from './harness.js';
import { JobRun, kafkaDdl } from './job-run.js';
import type { Shape } from './job-run.js';

const LIMIT_MS = 240_000;
const OFTEN = { 'properties.topic.metadata.refresh.interval.ms': '200' } as const;
const EARLIEST = { 'scan.startup.mode': 'earliest-offset' } as const;
const STOP = 'partition:0,offset:150';
const WAYS = [
  ['V1 by columnar', null, 'columnar'],
  ['V1 by librdkafka', null, 'librdkafka'],
] as const satisfies readonly (readonly [string, Shape | null, string])[];

const javaRuns = javaSuiteRuns('partitions that are added to a topic');

describe.runIf(javaRuns)('partitions that are added to a topic', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  }, 60_000);

  afterAll(async () => {
    await broker.stop();
  });

  async function newTopicOf(partitions: number): Promise<string> {
    const topic = newTopic('growing');
    await createTopics(broker.brokers, [{ topic, partitions }]);
    return topic;
  }

  function sqlOf(topic: string, options: Readonly<Record<string, string>>): string {
    const ddl = kafkaDdl(broker.brokers, topic, options, 'id BIGINT');
    return `${ddl} SELECT id, _partition AS p, _offset AS o FROM t;`;
  }

  it.each(WAYS)('are read from their beginning on %s', { timeout: LIMIT_MS }, async (...way) => {
    const [, shape, fetch] = way;
    const topic = await newTopicOf(2);
    await produce(broker.brokers, topic, ids(100, 2));
    const group = { 'properties.group.id': `${topic}-g`, 'scan.startup.mode': 'latest-offset' };
    const run = await JobRun.start(sqlOf(topic, { ...OFTEN, ...group, fetch }), shape);
    await expect.poll(() => run.running, { timeout: 240_000 }).toBe(true);
    await addPartitions(broker.brokers, topic, 4);
    await produce(broker.brokers, topic, ids(200, 4, 100));
    await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(200);
    await addPartitions(broker.brokers, topic, 5);
    await produce(broker.brokers, topic, ids(100, 5, 300));
    await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(300);
    await run.stop();
    const read = run.rows().map(({ id }) => Number(id));
    expect(read.sort((a, b) => a - b)).toEqual(range(300, 100));
    expect(run.notices).toEqual([
      `topic "${topic}" has new partitions (2, 3): they are read from their beginning`,
      `topic "${topic}" has new partitions (4): they are read from their beginning`,
    ]);
    const offsets = await committedOffsets(broker.brokers, `${topic}-g`, { topic, partitions: 5 });
    expect([...offsets.values()]).toEqual([120, 120, 70, 70, 20]);
  });

  it('hold no window back, and are late where they are behind', { timeout: LIMIT_MS }, async () => {
    const topic = await newTopicOf(1);
    const columns = 'id BIGINT, at TIMESTAMP(3), WATERMARK FOR at AS at';
    const ddl = kafkaDdl(broker.brokers, topic, { ...OFTEN, ...EARLIEST }, columns);
    const windows = `SELECT window_start AS w, COUNT(*) AS n
      FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '1' MINUTE))
      GROUP BY window_start, window_end EMIT FINAL;`;
    const run = await JobRun.start(`${ddl} ${windows}`, null);
    const at = (minute: number, partition: number): TestMessage => ({
      value: JSON.stringify({ id: minute, at: `2026-01-01 00:0${minute}:00` }),
      partition,
    });
    await produce(broker.brokers, topic, [at(1, 0), at(2, 0)]);
    await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(1);
    await addPartitions(broker.brokers, topic, 2);
    await expect.poll(() => run.notices.length, { timeout: 240_000 }).toBe(1);
    // The new one is silent at first, then behind.
    await produce(broker.brokers, topic, [at(3, 0)]);
    await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(2);
    await produce(broker.brokers, topic, [at(1, 1), at(3, 1), at(4, 1)]);
    await expect.poll(() => run.rowsRead, { timeout: 240_000 }).toBe(6);
    await produce(broker.brokers, topic, [at(4, 0)]);
    await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(3);
    await run.stop();
    expect(run.rows().map(({ n }) => n)).toEqual([1, 1, 2]);
  });

  it.each(['columnar', 'librdkafka'])(
    'are named on V2 by %s',
    { timeout: LIMIT_MS },
    async (fetch) => {
      const topic = await newTopicOf(2);
      await produce(broker.brokers, topic, ids(100, 2));
      const sql = sqlOf(topic, { ...OFTEN, ...EARLIEST, fetch });
      const run = await JobRun.start(sql, { partitions: 2, workers: 2 });
      await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(100);
      await addPartitions(broker.brokers, topic, 3);
      await expect.poll(() => run.notices.length, { timeout: 240_000 }).toBe(1);
      await produce(broker.brokers, topic, ids(99, 3, 100));
      await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(166);
      await run.stop();
      expect(run.notices).toEqual([
        `topic "${topic}" has new partitions (2): they are read when the job is started again`,
      ]);
    },
  );

  it.each(['columnar', 'librdkafka'])(
    'are not of a bounded read by %s',
    { timeout: LIMIT_MS },
    async (fetch) => {
      const topic = await newTopicOf(1);
      await produce(broker.brokers, topic, ids(100, 1));
      const stop = {
        'scan.bounded.mode': 'specific-offsets',
        'scan.bounded.specific-offsets': STOP,
      };
      const run = await JobRun.start(sqlOf(topic, { ...OFTEN, ...EARLIEST, ...stop, fetch }), null);
      await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(100);
      await addPartitions(broker.brokers, topic, 2);
      await produce(broker.brokers, topic, ids(200, 2, 100));
      await run.result;
      expect(run.rows()).toHaveLength(150);
      expect(run.rows().every(({ p }) => p === 0)).toBe(true);
      expect(run.notices).toEqual([]);
    },
  );
});
