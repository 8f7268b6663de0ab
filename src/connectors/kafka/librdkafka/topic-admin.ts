/**
 * Topics as a whole: what one holds, making it and taking it away, for those who write fixtures.
 * Owns the waiting until the cluster has done it and the words for what it refuses; no record is
 * written or read here, and node-rdkafka is not needed. Connections are cluster.ts.
 */
import type { Admin } from '@platformatic/kafka';
import { systemClock } from '../../../base/clock.js';
import { ConnectorError } from '../../../base/errors.js';
import { clientSettings } from '../settings/client-settings.js';
import { Cluster } from '../cluster/cluster.js';
import { writeOptions } from '../settings/table-options.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import type { TableDefinition } from '../../../plan/schema.js';

/** The offsets that a partition holds: [start, end). */
export interface HeldOffsets {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

export interface TopicShape {
  /** null: as many as the cluster gives a new topic. */
  readonly partitions: number | null;
  /** Topic settings by Kafka's names. */
  readonly configs: Readonly<Record<string, string>>;
}

export interface FoundTopic {
  readonly created: boolean;
  readonly partitions: readonly HeldOffsets[];
}

/** A new or removed topic takes a moment until every broker knows. */
const SETTLE_MS = 15_000;
const LOOK_EVERY_MS = 50;

/**
 * By partition; null when there is no such topic. Throws ConnectorError BROKER_UNREACHABLE and what
 * else stands in the way of a connection.
 */
export async function heldOffsets(endpoint: KafkaEndpoint): Promise<readonly HeldOffsets[] | null> {
  const cluster = await connectTo(endpoint);
  if (cluster === null) return null;
  try {
    const partitions = cluster.topic().partitions.map(({ partition }) => partition);
    const offsets = (at: 'earliest' | 'latest'): Promise<ReadonlyMap<number, number>> =>
      cluster.listOffsets(
        partitions.map((partition) => ({ partition, at })),
        'read_uncommitted',
      );
    const [starts, ends] = [await offsets('earliest'), await offsets('latest')];
    return partitions.map((partition) => ({
      partition,
      start: starts.get(partition) ?? 0,
      end: ends.get(partition) ?? 0,
    }));
  } finally {
    await cluster.close();
  }
}

/** The cluster and topic of a Kafka sink. Throws ConfigError SETTING_INVALID for bad options. */
export function endpointOf(table: TableDefinition): KafkaEndpoint {
  return writeOptions(table);
}

/** `shape` is that of a new topic; one that is there stays as it is. */
export async function findOrCreateTopic(
  endpoint: KafkaEndpoint,
  shape: TopicShape,
): Promise<FoundTopic> {
  const found = await heldOffsets(endpoint);
  if (found !== null) return { created: false, partitions: found };
  await createTopic(endpoint, shape);
  return { created: true, partitions: (await heldOffsets(endpoint)) ?? [] };
}

/** Makes the topic and waits until it can be written to. Throws TOPIC_NOT_CREATED. */
async function createTopic(endpoint: KafkaEndpoint, shape: TopicShape): Promise<void> {
  const { topic, brokers, label } = endpoint;
  const { partitions, configs } = shape;
  await withAdmin(endpoint, async (admin) => {
    try {
      await admin.createTopics({
        topics: [topic],
        ...(partitions === null ? {} : { partitions }),
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      });
    } catch (cause) {
      const count = partitions === null ? '' : ` --partitions ${partitions}`;
      throw new ConnectorError('TOPIC_NOT_CREATED', {
        message: `topic "${topic}" of ${label} does not exist and cannot be created`,
        detail: reasonOf(cause),
        hint:
          'have it created: kafka-topics.sh --create ' +
          `--bootstrap-server ${brokers} --topic ${topic}${count}`,
        cause,
      });
    }
  });
  await settled(endpoint, 'created', async () => (await heldIfLed(endpoint)) !== null);
}

/** Takes the topic away and waits until it is gone. */
export async function removeTopic(endpoint: KafkaEndpoint): Promise<void> {
  const { topic, label, brokers } = endpoint;
  await withAdmin(endpoint, async (admin) => {
    try {
      await admin.deleteTopics({ topics: [topic] });
    } catch (cause) {
      throw new ConnectorError('KAFKA', {
        message: `topic "${topic}" of ${label} cannot be deleted: ${reasonOf(cause)}`,
        detail: `the brokers are ${brokers}`,
        cause,
      });
    }
  });
  await settled(endpoint, 'deleted', async () => (await heldIfLed(endpoint)) === null);
}

async function connectTo(endpoint: KafkaEndpoint): Promise<Cluster | null> {
  try {
    const settings = clientSettings(endpoint);
    const cluster = await Cluster.connect(endpoint, settings, () => undefined, systemClock);
    cluster.opened();
    return cluster;
  } catch (error) {
    if (error instanceof ConnectorError && error.key === 'TOPIC_NOT_FOUND') return null;
    throw error;
  }
}

/** A partition that has no leader yet, or none any more, counts as not there. */
async function heldIfLed(endpoint: KafkaEndpoint): Promise<readonly HeldOffsets[] | null> {
  try {
    return await heldOffsets(endpoint);
  } catch {
    return null;
  }
}

async function settled(
  { topic, brokers, label }: KafkaEndpoint,
  what: string,
  isDone: () => Promise<boolean>,
): Promise<void> {
  const deadlineNs = systemClock.monotonicNs() + SETTLE_MS * 1e6;
  while (!(await isDone())) {
    if (systemClock.monotonicNs() > deadlineNs) {
      throw new ConnectorError('KAFKA', {
        message: `topic "${topic}" of ${label} was ${what}, but the cluster does not show it`,
        detail: `waited for ${SETTLE_MS / 1000} s; the brokers are ${brokers}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** The client is loaded when asked for, so that it costs only those who use Kafka. */
async function withAdmin(
  endpoint: KafkaEndpoint,
  work: (admin: Admin) => Promise<void>,
): Promise<void> {
  const { Admin } = await import('@platformatic/kafka');
  const { bootstrap, clientId, tls, sasl, requestTimeoutMs } = clientSettings(endpoint);
  const admin = new Admin({
    clientId,
    bootstrapBrokers: bootstrap.map(({ host, port }) => `${host}:${port}`),
    connectTimeout: endpoint.connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    ...(tls === null ? {} : { tls }),
    ...(sasl === null ? {} : { sasl: sasl.options }),
    retries: 1,
    autocreateTopics: false,
  });
  try {
    await work(admin);
  } finally {
    await admin.close();
  }
}

/** The cluster's own words, which stand in the innermost error. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  if ('serverErrorMessage' in error && typeof error.serverErrorMessage === 'string') {
    return error.serverErrorMessage;
  }
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
