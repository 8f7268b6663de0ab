/**
 * Connections to a Kafka cluster: opens consumers and producers within a bounded time, finds a
 * topic's partitions, and says what librdkafka's errors mean to the user. Which offsets are read is
 * offset-choice.ts, the messages are topic-source.ts and topic-sink.ts.
 */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../../base/clock.js';
import { ConfigError, ConnectorError } from '../../../base/errors.js';
import { brokerUnreachable, kafkaError, topicNotFound } from '../cluster/cluster-errors.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import type { NamedTopic } from '../settings/topic-choice.js';
import { DELIVERY_TIMEOUT_MS } from '../produce/produce-settings.js';
import { rdkafkaProperties } from './rdkafka-properties.js';
import { RD_ERROR, loadRdkafka, promised } from './rdkafka.js';
import type {
  RdClient,
  RdConfig,
  RdConsumer,
  RdError,
  RdLogLine,
  RdMember,
  RdMetadata,
  RdProducer,
  RdRebalance,
} from './rdkafka.js';

/** How long one look at metadata may take once connected. */
const METADATA_TIMEOUT_MS = 5_000;

/** What both kinds of client are set to; 'properties.*' of the table come after and win. */
const CLIENT_DEFAULTS: RdConfig = {
  'client.id': 'velo',
  // Errors and logs come as events, not as lines on stderr.
  event_cb: true,
  'socket.nagle.disable': true,
  'reconnect.backoff.ms': 100,
  'reconnect.backoff.max.ms': 1_000,
};

const CONSUMER_DEFAULTS: RdConfig = {
  'check.crcs': true,
  // All prefetched messages of a consumer, in librdkafka's memory.
  'queued.max.messages.kbytes': 32 * 1024,
  'queued.min.messages': 100_000,
  'fetch.queue.backoff.ms': 5,
  'fetch.error.backoff.ms': 200,
  'fetch.wait.max.ms': 100,
};

const PRODUCER_DEFAULTS: RdConfig = {
  'linger.ms': 10,
  'queue.buffering.max.messages': 200_000,
};

const PRODUCER_TOPIC_DEFAULTS: RdConfig = {
  'delivery.timeout.ms': DELIVERY_TIMEOUT_MS,
  // A key goes to the partition that Kafka's Java clients, and so Flink, send it to.
  partitioner: 'murmur2_random',
};

/**
 * Properties of topics. node-rdkafka replaces what the global settings say about topics by a set of
 * its own, so these must be given in that set or they would have no effect.
 */
const TOPIC_PROPERTIES: ReadonlySet<string> = new Set([
  'acks',
  'request.required.acks',
  'request.timeout.ms',
  'message.timeout.ms',
  'delivery.timeout.ms',
  'partitioner',
  'queuing.strategy',
  'compression.level',
  'consume.callback.max.messages',
]);

/** A connected consumer. `groupId` null: it never commits, the name is a throw-away. */
export async function openConsumer(
  endpoint: KafkaEndpoint,
  groupId: string | null,
): Promise<RdConsumer> {
  const { KafkaConsumer } = loadRdkafka();
  const config: RdConfig = {
    ...CLIENT_DEFAULTS,
    ...CONSUMER_DEFAULTS,
    ...ofTopics(endpoint, false),
    'bootstrap.servers': endpoint.brokers,
    'group.id': groupId ?? `velo-${randomUUID()}`,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'enable.partition.eof': true,
    'allow.auto.create.topics': false,
    offset_commit_cb: true,
  };
  // Offsets that the broker does not hold are an error: skipping records would lose them unseen.
  const topicConfig: RdConfig = { ...ofTopics(endpoint, true), 'auto.offset.reset': 'error' };
  const consumer = construct(endpoint, () => new KafkaConsumer(config, topicConfig));
  return connect(endpoint, consumer);
}

/**
 * A connected consumer that has yet to subscribe; `rebalance` follows its group. It reads nothing:
 * hardly anything is fetched before its partitions are paused.
 */
export async function openMember(
  endpoint: KafkaEndpoint & { readonly groupId: string; readonly discoveryIntervalMs: number },
  rebalance: RdRebalance,
): Promise<RdMember> {
  const { KafkaConsumer } = loadRdkafka();
  const config: RdConfig = {
    ...CLIENT_DEFAULTS,
    ...CONSUMER_DEFAULTS,
    'queued.min.messages': 1,
    'topic.metadata.refresh.interval.ms': refreshIntervalMs(endpoint.discoveryIntervalMs),
    ...ofTopics(endpoint, false),
    'bootstrap.servers': endpoint.brokers,
    'group.id': endpoint.groupId,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'allow.auto.create.topics': false,
    offset_commit_cb: true,
    rebalance_cb: rebalance,
  };
  const topicConfig: RdConfig = { ...ofTopics(endpoint, true), 'auto.offset.reset': 'latest' };
  const consumer = construct(endpoint, () => new KafkaConsumer(config, topicConfig));
  return connect(endpoint, consumer);
}

/** librdkafka's own bounds: -1 is never, and an hour the longest. */
function refreshIntervalMs(intervalMs: number): number {
  return intervalMs === 0 ? -1 : Math.min(intervalMs, 3_600_000);
}

/**
 * A connected producer that reports the delivery of every message. `guaranteed`: every record once
 * and in order, unless the table's properties say otherwise.
 */
export async function openProducer(
  endpoint: KafkaEndpoint,
  { guaranteed }: { readonly guaranteed: boolean },
): Promise<RdProducer> {
  const { Producer } = loadRdkafka();
  const config: RdConfig = {
    ...CLIENT_DEFAULTS,
    ...PRODUCER_DEFAULTS,
    'enable.idempotence': guaranteed,
    ...ofTopics(endpoint, false),
    'bootstrap.servers': endpoint.brokers,
    dr_cb: true,
  };
  const topicConfig: RdConfig = { ...PRODUCER_TOPIC_DEFAULTS, ...ofTopics(endpoint, true) };
  const producer = construct(endpoint, () => new Producer(config, topicConfig));
  return connect(endpoint, producer);
}

/** How long the producer tries to deliver a record. */
export function deliveryTimeoutMs({ properties }: KafkaEndpoint): number {
  const set = properties['delivery.timeout.ms'] ?? properties['message.timeout.ms'];
  return set === undefined ? DELIVERY_TIMEOUT_MS : Number(set);
}

export function closeConsumer(consumer: RdConsumer): Promise<void> {
  return new Promise((resolve) => {
    consumer.disconnect(() => {
      resolve();
    });
  });
}

/** Disconnects; records that were not flushed before are given up. */
export function closeProducer(producer: RdProducer): Promise<void> {
  return new Promise((resolve) => {
    producer.disconnect(1, () => {
      resolve();
    });
  });
}

/** Numbers of the topic's partitions, ascending. Throws TOPIC_NOT_FOUND. */
export async function topicPartitions(
  endpoint: KafkaEndpoint,
  client: RdClient,
): Promise<readonly number[]> {
  const { topic } = endpoint;
  const found = partitionsIn(
    await metadata(client, { topic, timeout: METADATA_TIMEOUT_MS }),
    topic,
  );
  if (found.length > 0) return found;
  const all = await metadata(client, { timeout: METADATA_TIMEOUT_MS });
  throw topicNotFound(endpoint, topicNames(all));
}

/** All topics of the cluster, by a client of their own. Throws as openConsumer does. */
export async function rdkafkaTopics(endpoint: KafkaEndpoint): Promise<readonly NamedTopic[]> {
  const consumer = await openConsumer(endpoint, null);
  try {
    const { topics } = await metadata(consumer, { timeout: METADATA_TIMEOUT_MS });
    return topics
      .filter(({ partitions }) => partitions.length > 0)
      .map(({ name }) => ({ name, internal: name.startsWith('__') }));
  } catch (cause) {
    throw kafkaError(endpoint, 'looking for the topics of', cause);
  } finally {
    await closeConsumer(consumer);
  }
}

/**
 * The partitions of a topic to write to. A cluster that creates topics on demand does so when a
 * producer asks for one; it takes a moment until that shows.
 */
export async function writablePartitions(
  endpoint: KafkaEndpoint,
  client: RdClient,
): Promise<readonly number[]> {
  const { topic } = endpoint;
  const waitMs = Math.min(endpoint.connectTimeoutMs, METADATA_TIMEOUT_MS);
  const deadlineNs = systemClock.monotonicNs() + waitMs * 1e6;
  for (;;) {
    const found = partitionsIn(
      await metadata(client, { topic, timeout: METADATA_TIMEOUT_MS }),
      topic,
    );
    if (found.length > 0) return found;
    if (systemClock.monotonicNs() > deadlineNs) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const all = await metadata(client, { timeout: METADATA_TIMEOUT_MS });
  throw topicNotFound(endpoint, topicNames(all));
}

export function metadata(
  client: RdClient,
  options: { readonly topic?: string; readonly timeout: number },
): Promise<RdMetadata> {
  return promised<RdMetadata>((done) => client.getMetadata(options, done));
}

/** Errors that pass when the broker is reachable again or has chosen a leader. */
export function isPassing(error: RdError): boolean {
  return PASSING.has(error.code);
}

const PASSING: ReadonlySet<number> = new Set([
  RD_ERROR.ALL_BROKERS_DOWN,
  RD_ERROR.TRANSPORT,
  RD_ERROR.RESOLVE,
  RD_ERROR.TIMED_OUT,
  RD_ERROR.TIMED_OUT_QUEUE,
  RD_ERROR.LEADER_NOT_AVAILABLE,
  RD_ERROR.NOT_LEADER_FOR_PARTITION,
  RD_ERROR.REQUEST_TIMED_OUT,
  RD_ERROR.REPLICA_NOT_AVAILABLE,
  RD_ERROR.NETWORK_EXCEPTION,
  RD_ERROR.COORDINATOR_LOAD_IN_PROGRESS,
  RD_ERROR.COORDINATOR_NOT_AVAILABLE,
  RD_ERROR.NOT_COORDINATOR,
]);

/** The table's properties of topics, or the others. */
function ofTopics(endpoint: KafkaEndpoint, topics: boolean): RdConfig {
  const entries = Object.entries(rdkafkaProperties(endpoint));
  return Object.fromEntries(entries.filter(([name]) => TOPIC_PROPERTIES.has(name) === topics));
}

/** librdkafka checks names and values of properties when a client is made. */
function construct<T>(endpoint: KafkaEndpoint, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const given = Object.entries(endpoint.properties);
    // A property may be named by its other name: then its value tells.
    const [property] =
      given.find(([name]) => text.includes(`"${name}"`)) ??
      given.find(([, value]) => text.includes(`value "${value}"`)) ??
      [];
    const option = property === undefined ? 'properties' : `properties.${property}`;
    throw new ConfigError('SETTING_INVALID', {
      message: `option "${option}" of ${endpoint.label} is refused: ${lowerFirst(text)}`,
      hint: "'properties.*' take the names and values of librdkafka's CONFIGURATION.md",
      cause,
    });
  }
}

async function connect<T extends RdClient>(endpoint: KafkaEndpoint, client: T): Promise<T> {
  const timeout = endpoint.connectTimeoutMs;
  let reason: string | undefined;
  let refusal: Refusal | undefined;
  // The last failure to connect says why no broker answers. Only log lines do: a consumer's error
  // events wait until it is closed, and then come or do not.
  const remember = ({ fac, message }: RdLogLine): void => {
    if (fac !== 'FAIL') return;
    reason = message.replace(/^(\[[^\]]*\]: )?([^ ]*: )?/, '').replace(/ \(after .*\)$/, '');
    refusal = refusalOf(reason) ?? refusal;
  };
  client.on('event.log', remember);
  try {
    await promised((done) => client.connect({ timeout }, done));
    return client;
  } catch (cause) {
    if (refusal !== undefined) throw connectionRefused(endpoint, refusal, reason, cause);
    throw brokerUnreachable(endpoint, reason, cause);
  } finally {
    client.off('event.log', remember);
  }
}

interface Refusal {
  readonly key: 'KAFKA_AUTHENTICATION' | 'KAFKA_TLS';
  readonly what: string;
  readonly hint: string;
}

const LOGIN_REFUSED: Refusal = {
  key: 'KAFKA_AUTHENTICATION',
  what: 'refuses the user',
  hint: "check 'properties.sasl.mechanism', user and password",
};

const TLS_REFUSED: Refusal = {
  key: 'KAFKA_TLS',
  what: 'cannot be trusted, or does not trust the client,',
  hint:
    "name the PEM file of the broker's CA with 'properties.ssl.ca.location', and the broker as " +
    'its certificate does',
};

/** What librdkafka's log line of a failure says of it, its own words or OpenSSL's. */
function refusalOf(line: string): Refusal | undefined {
  if (line.startsWith('SASL authentication error')) return LOGIN_REFUSED;
  return line.includes(':SSL routines:') ? TLS_REFUSED : undefined;
}

function connectionRefused(
  endpoint: KafkaEndpoint,
  { key, what, hint }: Refusal,
  reason: string | undefined,
  cause: unknown,
): ConnectorError {
  return new ConnectorError(key, {
    message: `the Kafka broker at "${endpoint.brokers}" ${what} of ${endpoint.label}`,
    detail: reason,
    hint,
    cause,
  });
}

function partitionsIn(found: RdMetadata, topic: string): readonly number[] {
  const entry = found.topics.find(({ name }) => name === topic);
  return (entry?.partitions ?? []).map(({ id }) => id).sort((a, b) => a - b);
}

/** Names of the topics that there are, without internal ones. */
function topicNames({ topics }: RdMetadata): readonly string[] {
  return topics
    .filter(({ name, partitions }) => partitions.length > 0 && !name.startsWith('__'))
    .map(({ name }) => name);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
