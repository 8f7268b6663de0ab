/**
 * What the Kafka source says about a broker, topic, option or offset that is wrong, and how soon.
 * Run by read.test.ts, so that one broker serves all tests of reading.
 */
import { expect, it } from 'vitest';
import { createTopics, deleteTopic, freePorts } from '../support/kafka-broker.mjs';
import * as kafka from './harness.js';
import { atThisPace } from '../support/machine-pace.js';

const { ALL, ids, kafkaTable, newTopic, openSource, produce, range, readRows } = kafka;

export function testErrors({ topicWith, brokers: address }: kafka.ReadFixture): void {
  it('that no broker answers, within the time it was given', async () => {
    const [port = 0] = await freePorts(1);
    const table = kafkaTable(`localhost:${port}`, 'orders', { 'connect.timeout': '2s' });
    const { error, ms } = await kafka.failureOf(() => openSource(table));
    expect(error).toMatchObject({
      code: 'VELO_BROKER_UNREACHABLE',
      message: `no Kafka broker answers at "localhost:${port}" for table "t"`,
      detail: expect.stringMatching(/^tried for 2 s: .*refused/) as string,
      retry: 'backoff',
    });
    expect(ms).toBeLessThan(atThisPace(4_000));
  });

  it('that a topic does not exist, and which one was meant', async () => {
    const topic = await topicWith(ids(1));
    const { error, ms } = await kafka.failureOf(() =>
      openSource(kafkaTable(address(), topic.replace('read', 'raed'), ALL)),
    );
    expect(error).toMatchObject({
      code: 'VELO_TOPIC_NOT_FOUND',
      message: `topic "${topic.replace('read', 'raed')}" of table "t" does not exist`,
      detail: expect.stringContaining(`the broker at ${address()} has the topics "`) as string,
      hint: expect.stringContaining('did you mean "read-') as string,
    });
    expect(ms).toBeLessThan(atThisPace(5_000));
  });

  it('which property librdkafka refuses', async () => {
    const topic = await topicWith(ids(1));
    const open = (name: string, value: string): Promise<unknown> =>
      openSource(
        kafkaTable(address(), topic, { ...ALL, fetch: 'auto', [`properties.${name}`]: value }),
      );
    const unknown = await kafka.failureOf(() => open('fetch.maximum', '1'));
    expect(unknown.error).toMatchObject({
      code: 'VELO_SETTING_INVALID',
      message: expect.stringContaining('option "properties.fetch.maximum" of table "t"') as string,
    });
    const bad = await kafka.failureOf(() => open('isolation.level', 'dirty'));
    expect(bad.error).toMatchObject({
      code: 'VELO_SETTING_INVALID',
      message: expect.stringContaining('"properties.isolation.level"') as string,
    });
  });

  it('that the topic was deleted while it was read', async () => {
    const topic = await topicWith(ids(5));
    const opened = await openSource(kafkaTable(address(), topic));
    const reading = kafka.failureOf(() => readRows(opened));
    await deleteTopic(address(), topic);
    const { error, ms } = await reading;
    await opened.source.close();
    expect(error).toMatchObject({ code: 'VELO_TOPIC_NOT_FOUND' });
    expect(ms).toBeLessThan(atThisPace(20_000));
  });

  it('that records are gone, instead of going on behind them', async () => {
    const topic = newTopic('short');
    const config = { 'retention.bytes': '1', 'segment.bytes': '1048576' };
    await createTopics(address(), [{ topic, config }]);
    const filler = 'x'.repeat(1000);
    const records = range(3000).map((id) => ({ value: `{"id":${id},"f":"${filler}"}` }));
    await produce(address(), topic, records);
    const table = kafkaTable(address(), topic, ALL);
    let first = 0;
    while (first === 0) {
      const probe = await openSource(table);
      first = Number(probe.source.splits[0]?.position());
      await probe.source.close();
    }
    const opened = await openSource(table);
    opened.source.splits[0]?.seek('0');
    const { error, ms } = await kafka.failureOf(() => readRows(opened));
    await opened.source.close();
    expect(error).toMatchObject({
      code: 'VELO_OFFSET_OUT_OF_RANGE',
      message: `offset 0 of topic "${topic}" partition 0 is no longer held by the broker`,
    });
    expect(ms).toBeLessThan(atThisPace(10_000));
  });

  it('that an offset is not held, and which ones are', async () => {
    const topic = await topicWith(ids(5));
    const from = (offsets: string): Record<string, string> => ({
      ...ALL,
      'scan.startup.mode': 'specific-offsets',
      'scan.startup.specific-offsets': offsets,
    });
    const beyond = await kafka.failureOf(() =>
      openSource(kafkaTable(address(), topic, from('partition:0,offset:9'))),
    );
    expect(beyond.error).toMatchObject({
      code: 'VELO_OFFSET_OUT_OF_RANGE',
      detail: 'the partition holds the offsets from 0 up to 5',
    });
    const missing = await kafka.failureOf(() =>
      openSource(kafkaTable(address(), topic, from('partition:7,offset:0'))),
    );
    expect(missing.error).toMatchObject({ code: 'VELO_OFFSET_OUT_OF_RANGE' });
  });
}
