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
import { topicByteLimit } from './cluster/topic-settings.js';
import { ColumnarProducer } from './produce/columnar-producer.js';
import { openDeliveryQueue } from './librdkafka/rdkafka-delivery.js';
import type { KafkaWriteTarget } from './settings/table-options.js';
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

const IDENTITY_PAUSE_MS = 100;
/** A broker that does not say how large batches may be is not waited for. */
const LIMIT_TIMEOUT_MS = 1_000;
/** The coordinator loads, is not there, is elsewhere; another request of the kind is under way. */
const IDENTITY_PASSING: ReadonlySet<number> = new Set([14, 15, 16, 51]);

/**
 * Connects and finds (or, where the cluster does so, creates) the topic. Throws ConfigError
 * SETTING_INVALID, ConnectorError KAFKA_UNAVAILABLE, BROKER_UNREACHABLE, TOPIC_NOT_FOUND or KAFKA.
 */
export async function openRecordDelivery(
  target: KafkaWriteTarget,
  notice: (line: string) => void,
): Promise<RecordDelivery> {
  const { label, produce, properties } = target;
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
      // Batches that fit from the first on; who does not tell soon teaches it by refusals.
      const unknown = delay(LIMIT_TIMEOUT_MS, null, { ref: false });
      const told = topicByteLimit(connection, cluster.topic().topic);
      return { ...identity, batchBytesMax: await Promise.race([told, unknown]) };
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
