/**
 * Opens the way to write to a topic: Produce requests of our own, or librdkafka where those cannot
 * go. Owns the choice, what the user is told about it, and the producer's identity.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { protocolErrorsCodesById } from './cluster/client-parts.js';
import { systemClock } from '../../base/clock.js';
import { ConfigError, ConnectorError } from '../../base/errors.js';
import { clientSettings } from './settings/client-settings.js';
import { Cluster } from './cluster/cluster.js';
import type { WireConnection } from './cluster/wire-connection.js';
import { topicByteLimit } from './cluster/topic-settings.js';
import { ColumnarProducer } from './produce/columnar-producer.js';
import { openDeliveryQueue } from './librdkafka/rdkafka-delivery.js';
import type { KafkaWriteTarget } from './settings/table-options.js';
import type { ProduceCluster } from './produce/produce-leader.js';
import { produceSettings } from './produce/produce-settings.js';
import type { ProducePlan } from './produce/produce-settings.js';
import {
  INIT_PRODUCER_ID,
  initProducerIdRequest,
  parseInitProducerId,
} from './produce/produce-wire.js';
import type { ProducerIdentity } from './produce/produce-wire.js';
import { brokerErrorHint } from './record/record-delivery.js';
import type { RecordDelivery } from './record/record-delivery.js';
import type { SinkCommits } from '../sink-commits.js';
import { exactlyOncePlan } from './transactions/transaction-tables.js';

const IDENTITY_PAUSE_MS = 100;
/** A broker that does not say how large batches may be is not waited for. */
const LIMIT_TIMEOUT_MS = 1_000;
/** The coordinator loads, is not there, is elsewhere; another request of the kind is under way. */
const IDENTITY_PASSING: ReadonlySet<number> = new Set([14, 15, 16, 51]);

/**
 * Connects and finds (or, where the cluster does so, creates) the topic; `commits`: what rows that
 * are written exactly once are written through. Throws ConfigError SETTING_INVALID, ConnectorError KAFKA_UNAVAILABLE, BROKER_UNREACHABLE, TOPIC_NOT_FOUND or KAFKA.
 */
export async function openRecordDelivery(
  target: KafkaWriteTarget,
  notice: (line: string) => void,
  commits: SinkCommits | null = null,
): Promise<RecordDelivery> {
  const { label, produce, properties } = target;
  if (target.exactlyOnce !== null) return openInTransactions(target, notice, commits);
  if (properties['enable.idempotence'] === 'false') {
    notice(
      `${label}: 'properties.enable.idempotence' = 'false': after an error records may be doubled or change places`,
    );
  }
  if (produce === 'librdkafka') return openDeliveryQueue(target, notice);
  const plan = produceSettings(target, target);
  const unusable = plan.unusable ?? clientSettings(plan.connection).unusable;
  if (unusable === null) return openColumnarProducer(target, plan, notice);
  if (produce === 'auto') {
    notice(`${label}: librdkafka produces, because columnar producing cannot: ${unusable}`);
    return openDeliveryQueue(target, notice);
  }
  throw new ConfigError('SETTING_INVALID', {
    message: `option "produce" of ${label} cannot be "columnar": ${unusable}`,
    hint: "use 'produce' = 'librdkafka'",
  });
}

async function openColumnarProducer(
  endpoint: KafkaWriteTarget,
  { settings, connection }: ProducePlan,
  notice: (line: string) => void,
): Promise<RecordDelivery> {
  const client = clientSettings(connection);
  const options = { mayCreateTopic: true };
  await settings.compressor?.load?.();
  const cluster = await Cluster.connect(connection, client, notice, systemClock, options);
  try {
    const { batchBytesMax, ...identity } = await producerIdentity(endpoint, cluster);
    cluster.opened();
    const parts = { endpoint, cluster, identity, settings, batchBytesMax, notice };
    return new ColumnarProducer(parts);
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

/** Two producers, one for each transactional id of the job, over one view of the cluster. */
async function openInTransactions(
  endpoint: KafkaWriteTarget,
  notice: (line: string) => void,
  commits: SinkCommits | null,
): Promise<RecordDelivery> {
  const { JobTransactions } = await import('./transactions/job-transactions.js');
  const { TransactionalDelivery } = await import('./transactions/transactional-delivery.js');
  const { settings, connection } = exactlyOncePlan(endpoint);
  if (!(commits instanceof JobTransactions)) throw needsCheckpoints(endpoint);
  await settings.compressor?.load?.();
  const client = clientSettings(connection);
  const options = { mayCreateTopic: true };
  const cluster = await Cluster.connect(connection, client, notice, systemClock, options);
  try {
    const batchBytesMax = await askLimit(cluster);
    cluster.opened();
    const view: ProduceCluster = {
      topic: () => cluster.topic(),
      refresh: () => cluster.refresh(),
      fetchConnection: (nodeId) => cluster.fetchConnection(nodeId),
      // It is the other producer's, too.
      close: () => Promise.resolve(),
    };
    const producers = commits.slots.map((transaction) => {
      const { producerId, epoch } = transaction.identity;
      const identity = { errorCode: 0, producerId, epoch };
      const parts = { endpoint, cluster: view, identity, settings, batchBytesMax, notice };
      const producer = new ColumnarProducer({ ...parts, transaction });
      transaction.writers.add(producer);
      return producer;
    });
    return new TransactionalDelivery({
      producers,
      current: () => commits.current,
      hurry: () => commits.hurry(),
      close: () => cluster.close(),
    });
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

function needsCheckpoints({ label }: KafkaWriteTarget): ConfigError {
  return new ConfigError('SETTING_INVALID', {
    message: `option "sink.delivery-guarantee" of ${label} cannot be "exactly-once" in a job that keeps no state`,
    hint: "add --checkpoint-dir DIR, or use 'at-least-once'",
  });
}

/** The topic's 'max.message.bytes', if a broker tells soon; who does not teaches it by refusals. */
async function askLimit(cluster: Cluster): Promise<number | null> {
  const { topic, partitions } = cluster.topic();
  const leader = partitions.find((state) => state.leader >= 0)?.leader;
  if (leader === undefined) return null;
  return cluster.askOnce(leader, (connection) => limitWithin(connection, topic));
}

function limitWithin(connection: WireConnection, topic: string): Promise<number | null> {
  const unknown = delay(LIMIT_TIMEOUT_MS, null, { ref: false });
  return Promise.race([topicByteLimit(connection, topic), unknown]);
}

/**
 * Every run is a producer of its own; its number tells the broker what it has already. Any broker
 * gives one: where a leader has just gone, the next look may name another. 'connect.timeout' is for
 * all of it.
 */
async function producerIdentity(
  endpoint: KafkaWriteTarget,
  cluster: Cluster,
): Promise<FoundIdentity> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const identity = await askIdentity(cluster, attempt);
      const { errorCode } = identity;
      if (errorCode === 0) return identity;
      const late = cluster.patienceMs <= IDENTITY_PAUSE_MS;
      if (late || !IDENTITY_PASSING.has(errorCode)) throw noIdentity(endpoint, errorCode);
    } catch (error) {
      const passes = error instanceof ConnectorError && error.key === 'BROKER_UNREACHABLE';
      if (!passes || cluster.patienceMs <= IDENTITY_PAUSE_MS) throw error;
      // It asks for the leaders again; a failure of it is met by the next attempt.
      await cluster.refresh().catch(() => undefined);
    }
    await delay(IDENTITY_PAUSE_MS);
  }
}

/** With the topic's 'max.message.bytes', if the broker tells. */
interface FoundIdentity extends ProducerIdentity {
  readonly batchBytesMax: number | null;
}

/** Each attempt asks another of the leaders. */
async function askIdentity(cluster: Cluster, attempt: number): Promise<FoundIdentity> {
  const leaders = cluster.topic().partitions.map(({ leader }) => leader);
  const known = [...new Set(leaders)].filter((leader) => leader >= 0);
  const { key, version } = INIT_PRODUCER_ID;
  const body = initProducerIdRequest();
  return cluster.askOnce(known[attempt % known.length] ?? 0, async (connection) => {
    const frame = await connection.request(key, version, body, false);
    try {
      const identity = parseInitProducerId(frame.bytes, frame.from, frame.to);
      if (identity.errorCode !== 0) return { ...identity, batchBytesMax: null };
      // Batches that fit from the first on.
      return { ...identity, batchBytesMax: await limitWithin(connection, cluster.topic().topic) };
    } finally {
      frame.release();
    }
  });
}

function noIdentity(endpoint: KafkaWriteTarget, errorCode: number): ConnectorError {
  const name = protocolErrorsCodesById[errorCode] ?? `error ${errorCode}`;
  return new ConnectorError('KAFKA', {
    message: `the broker gives ${endpoint.label} no number for an idempotent producer: ${name}`,
    detail: `the brokers are ${endpoint.brokers}`,
    hint: brokerErrorHint(errorCode) ?? "use 'produce' = 'librdkafka' to see whether it can",
  });
}
