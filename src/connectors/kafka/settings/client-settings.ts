/**
 * What a table's 'properties.*' say to the clients that speak Kafka's protocol themselves
 * (columnar fetch and produce), under librdkafka's names and Java's where they differ. Owns names,
 * values, defaults, and the judgement whether those clients can be used at all; TLS and SASL are
 * security-settings.ts. Connects nothing, reads the files that properties name.
 *
 * A property that is not known here makes them unusable: librdkafka takes over, and either knows it
 * or refuses it by name. Properties that only tune librdkafka or group membership are passed over.
 */
import type { ConnectionOptions } from 'node:tls';
import { ConfigError } from '../../../base/errors.js';
import { ConnectionProperties } from './connection-properties.js';
import type { KafkaEndpoint } from './table-options.js';
import { saslSettings, tlsSettings } from './security-settings.js';
import type { SaslLogin } from './security-settings.js';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export type IsolationLevel = 'read_committed' | 'read_uncommitted';

export interface ClientSettings {
  /** 'properties.bootstrap.servers', in their order. */
  readonly bootstrap: readonly BrokerAddress[];
  readonly clientId: string;
  /** null: plain text. */
  readonly tls: ConnectionOptions | null;
  /** null: nobody logs in. */
  readonly sasl: SaslLogin | null;
  readonly keepAlive: boolean;
  /** A broker that is asked and says nothing for so long is given up. */
  readonly requestTimeoutMs: number;
  /** Larger responses are refused. */
  readonly frameBytesMax: number;
  readonly isolation: IsolationLevel;
  readonly checkCrcs: boolean;
  readonly fetch: FetchSettings;
  /** Why these clients cannot be used; null: they can. */
  readonly unusable: string | null;
}

export interface FetchSettings {
  readonly minBytes: number;
  /** How long a broker may wait for minBytes. */
  readonly waitMsMax: number;
  /** Of one partition in a response; null: the table does not say. */
  readonly partitionBytesMax: number | null;
  /** Of a response; null: the table does not say. */
  readonly bytesMax: number | null;
  /** Empty: none. */
  readonly rack: string;
}

const DEFAULT_PORT = 9092;
const CLIENT_ID = 'velo';
const REQUEST_TIMEOUT_MS = 30_000;
const FETCH_WAIT_MS = 500;
/** The largest record of a topic may make a response this large, whatever was asked for. */
const FRAME_BYTES_MAX = 256 << 20;
const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;
const ISOLATION_LEVELS: readonly IsolationLevel[] = ['read_committed', 'read_uncommitted'];

/** Properties without a meaning here: they tune librdkafka, Java's client, or membership. */
const PASSED_OVER: ReadonlySet<string> = new Set([
  'allow.auto.create.topics',
  'api.version.fallback.ms',
  'api.version.request',
  'api.version.request.timeout.ms',
  'auto.include.jmx.reporter',
  'broker.address.ttl',
  'client.dns.lookup',
  'connections.max.idle.ms',
  'coordinator.query.interval.ms',
  'default.api.timeout.ms',
  'exclude.internal.topics',
  'fetch.error.backoff.ms',
  'fetch.queue.backoff.ms',
  'group.instance.id',
  'group.protocol',
  'group.remote.assignor',
  'heartbeat.interval.ms',
  'key.deserializer',
  'log.connection.close',
  'log_level',
  'max.in.flight',
  'max.in.flight.requests.per.connection',
  'max.poll.interval.ms',
  'max.poll.records',
  'metadata.max.age.ms',
  'partition.assignment.strategy',
  'queued.max.messages.kbytes',
  'queued.min.messages',
  'receive.buffer.bytes',
  'reconnect.backoff.max.ms',
  'reconnect.backoff.ms',
  'retry.backoff.max.ms',
  'retry.backoff.ms',
  'send.buffer.bytes',
  'session.timeout.ms',
  'socket.connection.setup.timeout.max.ms',
  'socket.connection.setup.timeout.ms',
  'socket.max.fails',
  'socket.nagle.disable',
  'socket.receive.buffer.bytes',
  'socket.send.buffer.bytes',
  'statistics.interval.ms',
  'topic.metadata.propagation.max.ms',
  'topic.metadata.refresh.fast.interval.ms',
  'topic.metadata.refresh.interval.ms',
  'topic.metadata.refresh.sparse',
  'value.deserializer',
]);

/** Names of the properties that these clients read or pass over. */
export function knownProperties(): readonly string[] {
  const endpoint = { label: '', topic: '', brokers: 'b:1', properties: {}, connectTimeoutMs: 0 };
  const properties = new ConnectionProperties(endpoint);
  readSettings(properties, endpoint);
  return [...properties.asked, ...PASSED_OVER];
}

/** Throws ConfigError SETTING_INVALID for values that nobody could use, and for missing files. */
export function clientSettings(endpoint: KafkaEndpoint): ClientSettings {
  return readSettings(new ConnectionProperties(endpoint), endpoint);
}

function readSettings(properties: ConnectionProperties, endpoint: KafkaEndpoint): ClientSettings {
  const protocol = properties.choice('security.protocol', PROTOCOLS) ?? 'PLAINTEXT';
  const tls = tlsSettings(properties, protocol.endsWith('SSL'));
  const sasl = saslSettings(properties, protocol.startsWith('SASL_'));
  const fetch = fetchSettings(properties);
  const requestTimeoutMs =
    properties.whole(['socket.timeout.ms', 'request.timeout.ms'], 1) ?? REQUEST_TIMEOUT_MS;
  const settings = {
    bootstrap: bootstrapAddresses(endpoint),
    clientId: properties.text('client.id') ?? CLIENT_ID,
    tls,
    sasl: sasl.login,
    keepAlive: properties.flag('socket.keepalive.enable', false),
    // A long poll is silence that was asked for.
    requestTimeoutMs: Math.max(requestTimeoutMs, fetch.waitMsMax * 2),
    frameBytesMax: Math.max(
      FRAME_BYTES_MAX,
      properties.whole(['receive.message.max.bytes'], 1000) ?? 0,
    ),
    isolation: properties.choice('isolation.level', ISOLATION_LEVELS) ?? 'read_committed',
    checkCrcs: properties.flag('check.crcs', true),
    fetch,
  };
  const [unknown] = properties.unknown(PASSED_OVER);
  const stranger = unknown === undefined ? null : `it does not know the property "${unknown}"`;
  return { ...settings, unusable: sasl.unusable ?? stranger };
}

function fetchSettings(properties: ConnectionProperties): FetchSettings {
  const partition = ['max.partition.fetch.bytes', 'fetch.message.max.bytes'];
  return {
    minBytes: properties.whole(['fetch.min.bytes'], 1) ?? 1,
    waitMsMax: properties.whole(['fetch.wait.max.ms', 'fetch.max.wait.ms'], 0) ?? FETCH_WAIT_MS,
    partitionBytesMax: properties.whole(partition, 1),
    bytesMax: properties.whole(['fetch.max.bytes'], 1),
    rack: properties.text('client.rack') ?? '',
  };
}

/** 'host:port', '[::1]:9092', also behind librdkafka's 'PLAINTEXT://'. */
function bootstrapAddresses({ label, brokers }: KafkaEndpoint): readonly BrokerAddress[] {
  const texts = brokers.split(',').map((text) => text.trim());
  return texts
    .filter((text) => text !== '')
    .map((text) => {
      const match = /^(?:\w+:\/\/)?(?:\[([^\]]+)\]|([^:/\s]+))(?::(\d+))?$/.exec(text);
      const host = match?.[1] ?? match?.[2];
      const port = Number(match?.[3] ?? DEFAULT_PORT);
      if (host !== undefined && port > 0 && port < 65_536) return { host, port };
      throw new ConfigError('SETTING_INVALID', {
        message: `option "properties.bootstrap.servers" of ${label} cannot be "${brokers}"`,
        hint: "give hosts and ports, such as 'kafka-1:9092,kafka-2:9092'",
      });
    });
}
