/**
 * Records on their way to a topic: what the sink and the dead-letter writer need of a producer, and
 * how a delivery that failed is worded. Owns the contract only: rdkafka-delivery.ts fulfils it through
 * librdkafka, columnar-producer.ts through Produce requests of our own.
 */
import { ConnectorError } from '../../../base/errors.js';
import type { SqlMap } from '../../../columnar/types.js';
import type { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import type { KafkaEndpoint } from '../settings/table-options.js';

/** How long a stopped job waits for a topic that takes nothing. */
export const STOP_PATIENCE_MS = 1_500;

export type ProducePath = 'columnar' | 'librdkafka';

/**
 * A record that no batch of the topic can hold. Who writes it knows where it came from; others throw
 * the delivery's failure.
 */
export class RecordTooLarge extends Error {
  override readonly name = 'RecordTooLarge';
  readonly failure: ConnectorError;

  constructor(reason: string, failure: ConnectorError) {
    super(reason, { cause: failure });
    this.failure = failure;
  }
}

/**
 * A record is begun, its value appended to the buffer that begin() gives, and ended: at once, with
 * nothing else in between. Every method throws the first failure of a delivery from then on.
 */
export interface RecordDelivery {
  readonly path: ProducePath;
  /** Records that the broker acknowledged. */
  readonly acknowledged: number;
  /** The key's bytes may be reused afterwards. */
  begin(key: ByteBuffer | null, timestampMs: number): ByteBuffer;
  /** The record is complete, with what was appended as its value. Throws RecordTooLarge. */
  end(headers: SqlMap | null): void;
  /** The record is complete and has no value: a tombstone. Throws RecordTooLarge. */
  endWithoutValue(headers: SqlMap | null): void;
  /** There is no such record after all. */
  drop(): void;
  /** null: go on. A promise: enough is under way, wait for it. */
  pressure(): Promise<void> | null;
  /** The job is stopped: gives up when nothing was acknowledged for so long from now on. */
  hurry(patienceMs: number): void;
  /** Resolves when the broker has acknowledged every record. Throws SINK_WRITE. */
  flush(): Promise<void>;
  /** Flushes and disconnects. After a failure nothing more is waited for. */
  close(): Promise<void>;
}

export interface DeliveryFailure {
  readonly endpoint: KafkaEndpoint;
  /** null: the failure is of no single partition. */
  readonly partition: number | null;
  readonly reason: string;
  /** What to do; default: a look at the broker. */
  readonly hint?: string | undefined;
  readonly acknowledged: number;
  readonly sent: number;
  readonly cause?: unknown;
}

export function deliveryError(failure: DeliveryFailure): ConnectorError {
  const { endpoint, partition, reason, acknowledged, sent, cause } = failure;
  const place = partition === null ? '' : `partition ${partition} of `;
  return new ConnectorError('SINK_WRITE', {
    message: `${place}topic "${endpoint.topic}" of ${endpoint.label} cannot take more rows: ${reason}`,
    detail: `the broker acknowledged ${acknowledged} of ${sent} records: ${sent - acknowledged} were not delivered`,
    hint: failure.hint ?? `check the broker at ${endpoint.brokers} and the topic's limits`,
    cause,
  });
}

/** Broker error codes whose cure the user should read, not search. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [10, "raise the topic's 'max.message.bytes' or the broker's 'message.max.bytes'"],
  [18, "raise the topic's 'max.message.bytes' or the broker's 'message.max.bytes'"],
  [19, "bring the topic's replicas back or lower its 'min.insync.replicas'"],
  [20, "bring the topic's replicas back or lower its 'min.insync.replicas'"],
  [29, 'allow this user to WRITE to the topic'],
  [31, 'allow this user IDEMPOTENT_WRITE on the cluster'],
  [32, "raise the topic's 'message.timestamp.after.max.ms', or write other event times"],
  [
    45,
    "the cluster lost records that it had acknowledged: look at 'unclean.leader.election.enable', and write the topic anew",
  ],
  [47, "another producer goes under this one's number: start the job again"],
  [76, "use another 'properties.compression.type'"],
  [87, 'a compacted topic takes only records with a key: declare a PRIMARY KEY'],
]);

export function brokerErrorHint(errorCode: number): string | undefined {
  return HINTS.get(errorCode);
}
