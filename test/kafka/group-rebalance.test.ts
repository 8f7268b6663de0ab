/**
 * What becomes of partitions while a job in a group is paused, fails, or sees its topic grow, on a
 * real broker. Several jobs run in one process here; processes that are killed are
 * group-sharing.test.ts and group-members.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { addPartitions, committedOffsets } from './group-processes.js';
import { ids, newTopic, produce, range } from './harness.js';
import { JobRun, kafkaDdl } from './job-run.js';
import type { Shape } from './job-run.js';

const LIMIT_MS = 240_000;
const PARTITIONS = 4;
const COUNT = 60_000;
const V2: Shape = { partitions: 2, workers: 2 };

describe.runIf(javaSuiteRuns('rebalances of jobs'))('a job in a group', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  }, 90_000);

  afterAll(async () => {
    await broker.stop();
  });

  function query(topic: string, options: Readonly<Record<string, string>> = {}): string {
    const group = { 'properties.group.id': `${topic}-g`, ...options };
    return `${kafkaDdl(broker.brokers, topic, group, 'id BIGINT')} SELECT id FROM t;`;
  }

  async function newTopicOf(what: string, partitions: number): Promise<string> {
    const topic = newTopic(what);
    await createTopics(broker.brokers, [{ topic, partitions }]);
    return topic;
  }

  it.each(['range', 'cooperative-sticky'])(
    'gives partitions back while it is paused, each record once (%s)',
    { timeout: LIMIT_MS },
    async (strategy) => {
      const topic = await newTopicOf('paused', PARTITIONS);
      await produce(broker.brokers, topic, ids(COUNT, PARTITIONS));
      const sql = query(topic, { 'properties.partition.assignment.strategy': strategy });
      const first = await JobRun.start(sql, V2);
      await expect.poll(() => first.rowsRead, { timeout: 240_000, interval: 1 }).toBeGreaterThan(0);
      first.pause();
      const second = await JobRun.start(sql, V2);
      const fromSecond = await produceUntilRead(topic, second);
      first.resume();
      const all = COUNT + fromSecond;
      const got = (): number => first.rows().length + second.rows().length;
      await expect.poll(got, { timeout: 240_000 }).toBeGreaterThanOrEqual(all);
      await first.stop();
      await second.stop();
      const read = [...first.rows(), ...second.rows()].map(({ id }) => Number(id));
      expect(read.sort((a, b) => a - b)).toEqual(range(all));
      expect([...first.notices, ...second.notices].join('\n')).not.toMatch(/could not/);
    },
  );

  /** One record for each partition, which the second job reads of those that were given to it. */
  async function produceUntilRead(topic: string, second: JobRun): Promise<number> {
    await produce(broker.brokers, topic, ids(PARTITIONS, PARTITIONS, COUNT));
    const news = (): number => second.rows().filter(({ id }) => Number(id) >= COUNT).length;
    // Far from 45 s: nothing is waited for that a paused job would have to do.
    await expect.poll(news, { timeout: 240_000 }).toBe(PARTITIONS / 2);
    return PARTITIONS;
  }

  it.each([
    ['v1', null],
    ['v2', V2],
  ] as const)(
    'that fails on %s leaves, and commits nothing behind the record',
    { timeout: LIMIT_MS },
    async (_, shape) => {
      const topic = await newTopicOf('failing', 1);
      const good = [...ids(100)];
      await produce(broker.brokers, topic, [...good, { value: '{"id":"no"}' }, ...good]);
      const run = await JobRun.start(query(topic), shape);
      await expect(run.result).rejects.toMatchObject({ domain: 'data' });
      const place = { topic, partitions: 1 };
      const offsets = await committedOffsets(broker.brokers, `${topic}-g`, place);
      expect(offsets.get(0)).toBeLessThanOrEqual(100);
      // It has left: who comes next need not wait for its session to end.
      const next = await JobRun.start(query(topic), shape);
      await expect(next.result).rejects.toMatchObject({ domain: 'data' });
    },
  );

  it('on V2 says that it got new partitions, and reads on', { timeout: LIMIT_MS }, async () => {
    const topic = await newTopicOf('growing', 2);
    await produce(broker.brokers, topic, ids(100, 2));
    const sql = query(topic, { 'scan.topic-partition-discovery.interval': '500ms' });
    const run = await JobRun.start(sql, V2);
    await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(100);
    await addPartitions(broker.brokers, topic, 3);
    const told = (): string[] => run.notices.filter((line) => line.includes('new partitions'));
    await expect.poll(() => told().length, { timeout: 240_000 }).toBe(1);
    expect(told()[0]).toBe(
      `topic "${topic}" has new partitions (2): they are read when the job is started again`,
    );
    await produce(broker.brokers, topic, ids(99, 3, 100));
    await expect.poll(() => run.rows().length, { timeout: 240_000 }).toBe(166);
    await run.stop();
    expect(run.notices).toHaveLength(1);
    const again = await JobRun.start(sql, V2);
    await expect.poll(() => again.rows().length, { timeout: 240_000 }).toBe(33);
    await again.stop();
    const read = [...run.rows(), ...again.rows()].map(({ id }) => Number(id));
    expect(read.sort((a, b) => a - b)).toEqual(range(199));
  });
});
