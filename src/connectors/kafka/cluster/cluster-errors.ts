/**
 * What users are told when a cluster cannot be reached, refuses, or lacks a topic: the same texts on
 * every way to Kafka. Owns the texts of ConnectorErrors; which failure it was is decided by
 * whoever asks (connection-failure.ts, cluster.ts, rdkafka-client.ts).
 */
import { ConnectorError } from '../../../base/errors.js';
import { closest } from '../../../sql/suggest.js';
import type { BrokerAddress } from '../settings/client-settings.js';
import type { KafkaEndpoint } from '../settings/table-options.js';

/** How many names of other topics an error shows at most. */
const TOPICS_SHOWN_MAX = 5;

/** The error that ends a job, from one of a Kafka client. */
export function kafkaError(endpoint: KafkaEndpoint, doing: string, cause: unknown): ConnectorError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ConnectorError('KAFKA', {
    message: `${doing} topic "${endpoint.topic}" of ${endpoint.label} failed: ${text}`,
    detail: `the brokers are ${endpoint.brokers}`,
    cause,
  });
}

export function brokerUnreachable(
  endpoint: KafkaEndpoint,
  detail: string | undefined,
  cause: unknown,
): ConnectorError {
  const seconds = endpoint.connectTimeoutMs / 1000;
  return new ConnectorError('BROKER_UNREACHABLE', {
    message: `no Kafka broker answers at "${endpoint.brokers}" for ${endpoint.label}`,
    detail: `tried for ${seconds} s${detail === undefined ? '' : `: ${detail}`}`,
    hint: "check 'properties.bootstrap.servers' and that the broker runs",
    cause,
  });
}

/** A broker that the cluster names, under an address that only the cluster knows of. */
export function advertisedUnreachable(
  endpoint: KafkaEndpoint,
  { host, port }: BrokerAddress,
  reason: string,
  cause: unknown,
): ConnectorError {
  return new ConnectorError('BROKER_UNREACHABLE', {
    message: `the Kafka broker at "${host}:${port}" cannot be reached for ${endpoint.label}: ${reason}`,
    detail: `the cluster at "${endpoint.brokers}" answers, and names the broker so`,
    hint: "set the broker's 'advertised.listeners' to an address that this machine reaches",
    cause,
  });
}

/** Brokers answer, and none of them can say which offsets there are. */
export function offsetsUnknown(
  endpoint: KafkaEndpoint,
  waitedMs: number,
  why: string,
): ConnectorError {
  return new ConnectorError('BROKER_UNREACHABLE', {
    message: `no Kafka broker tells the offsets of topic "${endpoint.topic}" for ${endpoint.label}`,
    detail: `tried for ${Math.round(waitedMs / 100) / 10} s: ${why}`,
    hint: "look whether its partitions have leaders, with 'kafka-topics.sh --describe'",
  });
}

export function brokerTooOld(
  endpoint: KafkaEndpoint,
  { host, port }: BrokerAddress,
  detail: string,
): ConnectorError {
  return new ConnectorError('KAFKA_BROKER_OLD', {
    message: `the Kafka broker at ${host}:${port} is too old for columnar fetch`,
    detail: `${endpoint.label} needs Kafka 3.0: ${detail}`,
    hint: "set 'fetch' to 'librdkafka'",
  });
}

/** `names`: the topics that there are. */
export function topicNotFound(endpoint: KafkaEndpoint, names: readonly string[]): ConnectorError {
  const sorted = [...names].sort();
  const nearest = closest(endpoint.topic, sorted);
  return new ConnectorError('TOPIC_NOT_FOUND', {
    message: `topic "${endpoint.topic}" of ${endpoint.label} does not exist`,
    detail: `the broker at ${endpoint.brokers} has ${topicList(sorted)}`,
    hint:
      nearest === undefined ? 'create the topic, or name another' : `did you mean "${nearest}"?`,
  });
}

/** `resource`: `topic "orders"`, `group "g"`; `operations`: `READ and DESCRIBE`. */
export function notAuthorized(
  endpoint: KafkaEndpoint,
  who: string | null,
  resource: string,
  operations: string,
): ConnectorError {
  return new ConnectorError('KAFKA_AUTHORIZATION', {
    message: `${who ?? 'the user'} may not use ${resource} of ${endpoint.label}`,
    detail: `the brokers at ${endpoint.brokers} refuse it`,
    hint: `allow ${operations} on ${resource}, with kafka-acls or as the cluster does it`,
  });
}

/** Without topics of the cluster's own. */
export function topicListed(names: readonly string[]): string {
  return topicList(names.filter((name) => !name.startsWith('__')).sort());
}

function topicList(names: readonly string[]): string {
  if (names.length === 0) return 'no topics';
  const shown = names.slice(0, TOPICS_SHOWN_MAX).map((name) => `"${name}"`);
  const more = names.length - shown.length;
  return `the topics ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
