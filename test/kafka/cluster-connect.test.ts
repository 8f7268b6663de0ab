/**
 * A topic of a real broker as clients see it that speak the protocol themselves: leaders, offsets,
 * a group's offsets, and what they say when there is no broker, no topic or another end.
 */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { Cluster } from '../../src/connectors/kafka/cluster/cluster.js';
import type { ClusterOptions } from '../../src/connectors/kafka/cluster/cluster.js';
import { clientSettings } from '../../src/connectors/kafka/settings/client-settings.js';
import type { KafkaEndpoint } from '../../src/connectors/kafka/settings/table-options.js';
import {
  createTopics,
  deleteTopic,
  freePorts,
  startKafkaBroker,
} from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import {
  connectProducer,
  disconnect,
  failureOf,
  ids,
  newTopic,
  produce,
  promise,
} from './harness.js';
import { atThisPace } from '../support/machine-pace.js';

let broker: KafkaBroker;
const opened: Cluster[] = [];

beforeAll(async () => {
  broker = await startKafkaBroker();
}, 120_000);

afterAll(async () => {
  await Promise.all(opened.map((cluster) => cluster.close()));
  await broker.stop();
}, 60_000);

function endpointOf(topic: string, fields: Partial<KafkaEndpoint> = {}): KafkaEndpoint {
  const fixed = { label: 'table "t"', topic, brokers: broker.brokers, connectTimeoutMs: 10_000 };
  return { ...fixed, properties: {}, ...fields };
}

async function connect(
  endpoint: KafkaEndpoint,
  options: ClusterOptions & { readonly notices?: string[] } = {},
): Promise<Cluster> {
  const { notices = [] } = options;
  const settings = clientSettings(endpoint);
  const notice = (line: string): void => void notices.push(line);
  const cluster = await Cluster.connect(endpoint, settings, notice, systemClock, options);
  opened.push(cluster);
  return cluster;
}

async function newTopicOf(partitions: number): Promise<string> {
  const topic = newTopic('cluster');
  await createTopics(broker.brokers, [{ topic, partitions }]);
  return topic;
}

describe('a topic', () => {
  it('has its partitions in order, each with a leader and an epoch', async () => {
    const cluster = await connect(endpointOf(await newTopicOf(3)));
    const { partitions, topicId } = cluster.topic();
    expect(partitions).toEqual(
      [0, 1, 2].map((partition) => ({ partition, leader: 1, leaderEpoch: 0 })),
    );
    expect(topicId).toMatch(/^[0-9a-f-]{36}$/);
    expect(cluster.brokerOf(1)).toEqual({ host: 'localhost', port: broker.port });
  }, 60_000);

  it('that does not exist is named with the nearest one', async () => {
    const topic = await newTopicOf(1);
    // A topic that was made is listed a moment later.
    await connect(endpointOf(topic));
    const { error } = await failureOf(() => connect(endpointOf(`${topic}x`)));
    expect(error).toMatchObject({
      key: 'TOPIC_NOT_FOUND',
      message: `topic "${topic}x" of table "t" does not exist`,
      hint: `did you mean "${topic}"?`,
    });
  }, 60_000);

  it('is created on demand for those who write', async () => {
    const topic = newTopic('made');
    const cluster = await connect(endpointOf(topic), { mayCreateTopic: true });
    expect(cluster.topic().partitions.length).toBe(4);
  }, 60_000);

  it('that is deleted is not found by the next look', async () => {
    const topic = await newTopicOf(1);
    const cluster = await connect(endpointOf(topic));
    await deleteTopic(broker.brokers, topic);
    await expect
      .poll(
        () =>
          cluster.refresh().then(
            () => null,
            (error: unknown) => error,
          ),
        { timeout: 10_000 },
      )
      .toMatchObject({ key: 'TOPIC_NOT_FOUND' });
  }, 60_000);
});

describe('offsets of partitions', () => {
  it('are the earliest, the latest, and the first at a time', async () => {
    const topic = await newTopicOf(2);
    const messages = [...ids(100, 2)].map((message, at) => ({
      ...message,
      timestampMs: 1000 + at,
    }));
    await produce(broker.brokers, topic, messages);
    const cluster = await connect(endpointOf(topic));
    const ask = (at: 'earliest' | 'latest' | number): Promise<Map<number, number>> =>
      cluster.listOffsets(
        [0, 1].map((partition) => ({ partition, at })),
        'read_committed',
      );
    expect(await ask('earliest')).toEqual(
      new Map([
        [0, 0],
        [1, 0],
      ]),
    );
    expect(await ask('latest')).toEqual(
      new Map([
        [0, 50],
        [1, 50],
      ]),
    );
    expect(await ask(1010)).toEqual(
      new Map([
        [0, 5],
        [1, 5],
      ]),
    );
    expect(await ask(1099)).toEqual(new Map([[1, 49]]));
    expect(await ask(2000)).toEqual(new Map());
  }, 60_000);

  it('end before an open transaction for those who read what is committed', async () => {
    const topic = await newTopicOf(1);
    await produce(broker.brokers, topic, ids(10));
    const producer = await connectProducer(broker.brokers, { 'transactional.id': topic });
    await promise((done) => {
      producer.initTransactions(10_000, done);
    });
    await promise((done) => {
      producer.beginTransaction(done);
    });
    producer.produce(topic, 0, Buffer.from('{"id":99}'));
    await promise((done) => {
      producer.flush(10_000, done);
    });
    const cluster = await connect(endpointOf(topic));
    const latest = [{ partition: 0, at: 'latest' as const }];
    expect(await cluster.listOffsets(latest, 'read_committed')).toEqual(new Map([[0, 10]]));
    expect(await cluster.listOffsets(latest, 'read_uncommitted')).toEqual(new Map([[0, 11]]));
    await promise((done) => {
      producer.abortTransaction(10_000, done);
    });
    await disconnect(producer);
  }, 60_000);

  it('are answered once the broker is back', async () => {
    const topic = await newTopicOf(1);
    await produce(broker.brokers, topic, ids(10));
    const cluster = await connect(endpointOf(topic));
    await broker.kill('SIGKILL');
    const away = await failureOf(() => cluster.refresh());
    expect(away.error).toMatchObject({ key: 'BROKER_UNREACHABLE', retry: 'backoff' });
    await broker.start();
    // A broker that answers may need longer than 'connect.timeout' to lead again on a busy machine.
    const latest = (): Promise<ReadonlyMap<number, number> | null> =>
      cluster.listOffsets([{ partition: 0, at: 'latest' }], 'read_committed').catch(() => null);
    await expect.poll(latest, { timeout: 100_000 }).toEqual(new Map([[0, 10]]));
  }, 180_000);
});

describe('offsets of a group', () => {
  it('are what was committed last, without membership', async () => {
    const topic = await newTopicOf(2);
    const cluster = await connect(endpointOf(topic));
    expect(await cluster.committed(`g-${topic}`, [0, 1])).toEqual(new Map());
    await cluster.commit(`g-${topic}`, new Map([[0, 7]]));
    await cluster.commit(`g-${topic}`, new Map([[0, 9]]));
    expect(await cluster.committed(`g-${topic}`, [0, 1])).toEqual(new Map([[0, 9]]));
  }, 60_000);
});

describe('brokers that do not answer', () => {
  it('are tried for the connect timeout, and named', async () => {
    const [port = 0] = await freePorts(1);
    const brokers = `localhost:${port}`;
    const endpoint = endpointOf('t', { brokers, connectTimeoutMs: 1_000 });
    const { error, ms } = await failureOf(() => connect(endpoint));
    expect(error).toMatchObject({
      key: 'BROKER_UNREACHABLE',
      message: `no Kafka broker answers at "${brokers}" for table "t"`,
      detail: `tried for 1 s: ${brokers}: connection refused`,
    });
    expect(ms).toBeLessThan(atThisPace(3_000));
  }, 30_000);

  it('do not keep the others from being asked', async () => {
    const [port = 0] = await freePorts(1);
    const brokers = `localhost:${port},${broker.brokers}`;
    const notices: string[] = [];
    await connect(endpointOf(await newTopicOf(1), { brokers }), { notices });
    expect(notices).toEqual([`localhost:${port}: connection refused; another broker answered`]);
  }, 30_000);

  it('and take connections are given up in time', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as AddressInfo;
    const endpoint = endpointOf('t', { brokers: `127.0.0.1:${port}`, connectTimeoutMs: 1_000 });
    const { error, ms } = await failureOf(() => connect(endpoint));
    expect(error).toMatchObject({
      key: 'BROKER_UNREACHABLE',
      detail: `tried for 1 s: 127.0.0.1:${port}: no answer in time`,
    });
    expect(ms).toBeLessThan(atThisPace(4_000));
    mute.close();
  }, 30_000);

  it('because they are none are told apart', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const { port } = web.address() as AddressInfo;
    const endpoint = endpointOf('t', { brokers: `127.0.0.1:${port}`, connectTimeoutMs: 2_000 });
    const { error } = await failureOf(() => connect(endpoint));
    expect(error).toMatchObject({ key: 'KAFKA', message: expect.stringContaining('protocol') });
    web.close();
  }, 30_000);

  it('because they want TLS, or have none, are told apart', async () => {
    const secured = { 'security.protocol': 'SSL' };
    const endpoint = endpointOf('t', { properties: secured });
    const { error, ms } = await failureOf(() => connect(endpoint));
    expect(error).toMatchObject({
      key: 'KAFKA_TLS',
      message: `the Kafka broker at ${broker.brokers} does not speak TLS`,
      hint: expect.stringContaining("'properties.security.protocol' to 'PLAINTEXT'"),
    });
    expect(ms).toBeLessThan(atThisPace(10_000));
  }, 30_000);

  it('because nobody logs in there are told apart', async () => {
    const properties = {
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'PLAIN',
      'sasl.username': 'alice',
      'sasl.password': 'wonderland',
    };
    const { error } = await failureOf(() => connect(endpointOf('t', { properties })));
    expect(error).toMatchObject({
      key: 'KAFKA_AUTHENTICATION',
      message: `the Kafka broker at ${broker.brokers} takes no logins at this port`,
    });
  }, 30_000);
});
