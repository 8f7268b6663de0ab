/**
 * What a table's 'properties.*' say to columnar producing, under librdkafka's names and those of
 * Kafka's Java producer. Owns values, defaults and bounds of the producer's own properties; what is
 * about connections goes on to client-settings.ts. A property that only librdkafka knows, or that
 * asks for less than idempotence, makes columnar producing unusable, with the reason.
 */
import { ConfigError } from '../../../base/errors.js';
import { COMPRESSIONS, batchCompressor } from './batch-compression.js';
import type { Compression } from './batch-compression.js';
import { RECORD_BYTES_MAX } from '../blocks/message-block.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import type { BatchCompressor } from './produce-batch.js';

/** librdkafka gives up on a record after 5 minutes; Kafka's Java producer after 2. */
export const DELIVERY_TIMEOUT_MS = 120_000;

/**
 * What brokers allow, unless their 'transaction.max.timeout.ms' says otherwise. One that ends too
 * soon takes rows back, and loses none.
 */
const TRANSACTION_TIMEOUT_MS = 900_000;

export interface ProduceSettings {
  /** A batch is sealed at so many bytes, before compression. */
  readonly batchBytes: number;
  /** How long a record may wait for others. */
  readonly lingerMs: number;
  readonly compressor: BatchCompressor | null;
  readonly deliveryTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Requests under way to a broker. */
  readonly inFlightMax: number;
  readonly retryBackoffMs: number;
  readonly recordBytesMax: number;
  /** Bytes of records that are not acknowledged. */
  readonly underWayBytesMax: number;
  /** How long the cluster leaves a transaction open, of those who write in one. */
  readonly transactionTimeoutMs: number;
  /** 'sink.partitioner' = 'fixed': everything goes to the first partition. */
  readonly onePartition: boolean;
}

export interface ProducePlan {
  readonly settings: ProduceSettings;
  /** The endpoint with the properties that are not the producer's. */
  readonly connection: KafkaEndpoint;
  /** Why columnar producing cannot be used; null: it can. */
  readonly unusable: string | null;
}

/** A broker remembers the last five batches of a producer: more under way may be doubled. */
const IN_FLIGHT_MAX = 5;

/** The connection wants to know it too: it ends after so long a silence. */
const REQUEST_TIMEOUT = 'request.timeout.ms';

/** The producer's own properties: librdkafka's name, the Java producer's, the default. */
const NUMBERS = {
  batchBytes: { names: ['batch.size'], preset: 256 * 1024 },
  lingerMs: { names: ['linger.ms', 'queue.buffering.max.ms'], preset: 10 },
  deliveryTimeoutMs: {
    names: ['delivery.timeout.ms', 'message.timeout.ms'],
    preset: DELIVERY_TIMEOUT_MS,
  },
  requestTimeoutMs: { names: [REQUEST_TIMEOUT], preset: 30_000 },
  inFlightMax: {
    names: ['max.in.flight.requests.per.connection', 'max.in.flight'],
    preset: IN_FLIGHT_MAX,
  },
  retryBackoffMs: { names: ['retry.backoff.ms'], preset: 100 },
  recordBytesMax: { names: ['message.max.bytes', 'max.request.size'], preset: RECORD_BYTES_MAX },
  underWayBytesMax: { names: ['buffer.memory'], preset: 32 << 20 },
  transactionTimeoutMs: { names: ['transaction.timeout.ms'], preset: TRANSACTION_TIMEOUT_MS },
} as const;
const COMPRESSION_NAMES = ['compression.type', 'compression.codec'];
const ACKS_NAMES = ['acks', 'request.required.acks'];
const IDEMPOTENCE = 'enable.idempotence';
const PARTITIONER = 'partitioner';
const OWN: ReadonlySet<string> = new Set([
  ...Object.values(NUMBERS)
    .flatMap(({ names }): readonly string[] => names)
    .filter((name) => name !== REQUEST_TIMEOUT),
  ...COMPRESSION_NAMES,
  ...ACKS_NAMES,
  IDEMPOTENCE,
  PARTITIONER,
]);

/** Throws ConfigError SETTING_INVALID for values that nobody could use. */
export function produceSettings(
  endpoint: KafkaEndpoint,
  options: { readonly onePartition: boolean },
): ProducePlan {
  const own = new OwnProperties(endpoint);
  const codec = own.compression();
  const compressor = batchCompressor(codec);
  const settings: ProduceSettings = {
    batchBytes: own.whole('batchBytes', 1),
    lingerMs: own.whole('lingerMs', 0),
    compressor: compressor === 'missing' ? null : compressor,
    deliveryTimeoutMs: own.whole('deliveryTimeoutMs', 1),
    requestTimeoutMs: own.whole('requestTimeoutMs', 1),
    inFlightMax: Math.min(IN_FLIGHT_MAX, own.whole('inFlightMax', 1)),
    retryBackoffMs: own.whole('retryBackoffMs', 1),
    recordBytesMax: own.whole('recordBytesMax', 1),
    underWayBytesMax: own.whole('underWayBytesMax', 1),
    transactionTimeoutMs: own.whole('transactionTimeoutMs', 1),
    onePartition: options.onePartition,
  };
  const rest = Object.entries(endpoint.properties).filter(([name]) => !OWN.has(name));
  return {
    settings,
    connection: { ...endpoint, properties: Object.fromEntries(rest) },
    unusable: compressor === 'missing' ? `this Node has no ${codec}` : own.unusable(),
  };
}

class OwnProperties {
  private readonly endpoint: KafkaEndpoint;

  constructor(endpoint: KafkaEndpoint) {
    this.endpoint = endpoint;
  }

  whole(property: keyof typeof NUMBERS, least: number): number {
    const { names, preset } = NUMBERS[property];
    const [name, value] = this.given(names);
    if (value === undefined) return preset;
    // Java's and librdkafka's linger may have a fraction.
    const number = Math.round(Number(value));
    if (value.trim() !== '' && Number.isSafeInteger(number) && number >= least) return number;
    throw this.invalid(name, value, `give a number from ${least} on`);
  }

  compression(): Compression {
    const [name, value] = this.given(COMPRESSION_NAMES);
    if (value === undefined) return 'none';
    const found = COMPRESSIONS.find((codec) => codec === value);
    if (found !== undefined) return found;
    throw this.invalid(name, value, `use ${COMPRESSIONS.map((codec) => `'${codec}'`).join(', ')}`);
  }

  unusable(): string | null {
    const { properties } = this.endpoint;
    const [acksName, acks = 'all'] = this.given(ACKS_NAMES);
    if (acks !== 'all' && acks !== '-1') return `it has no "${acksName}" but "all"`;
    if (properties[IDEMPOTENCE] === 'false') return 'it is always idempotent';
    const partitioner = properties[PARTITIONER] ?? 'murmur2_random';
    if (partitioner.startsWith('murmur2')) return null;
    return `it has no partitioner "${partitioner}"`;
  }

  private given(names: readonly string[]): readonly [string, string | undefined] {
    const { properties } = this.endpoint;
    const name = names.find((candidate) => properties[candidate] !== undefined) ?? '';
    return [name, properties[name]];
  }

  private invalid(name: string, value: string, hint: string): ConfigError {
    return new ConfigError('SETTING_INVALID', {
      message: `option "properties.${name}" of ${this.endpoint.label} cannot be "${value}"`,
      hint,
    });
  }
}
