/**
 * node-rdkafka as velo sees it: the part of its interface that the connector uses, the one place
 * that loads it, and its error numbers. It is an optional dependency, so nothing here imports its
 * types: a build without it must pass, and its absence costs only Kafka. Callbacks become promises
 * here; what an error means to the user is rdkafka-client.ts.
 */
import { createRequire } from 'node:module';
import { ConnectorError } from '../../../base/errors.js';
import type { RdHeader, RdMessage } from '../blocks/message-block.js';
import { rdkafkaAbsence } from './rdkafka-absence.js';

/** Error numbers of librdkafka (negative) and of the broker (positive) that velo tells apart. */
export const RD_ERROR = {
  ALL_BROKERS_DOWN: -187,
  TRANSPORT: -195,
  RESOLVE: -193,
  TIMED_OUT: -185,
  QUEUE_FULL: -184,
  TIMED_OUT_QUEUE: -166,
  AUTO_OFFSET_RESET: -140,
  LOG_TRUNCATION: -139,
  FATAL: -150,
  ASSIGN_PARTITIONS: -175,
  REVOKE_PARTITIONS: -174,
  UNKNOWN_TOPIC: -188,
  UNKNOWN_PARTITION: -190,
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PART: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_FOR_PARTITION: 6,
  REQUEST_TIMED_OUT: 7,
  REPLICA_NOT_AVAILABLE: 9,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  ILLEGAL_GENERATION: 22,
  REBALANCE_IN_PROGRESS: 27,
} as const;

export interface RdError extends Error {
  readonly code: number;
  readonly isFatal?: boolean;
}
export type RdCallback<T> = (error: RdError | null | undefined, value: T) => void;
export type RdConfig = Readonly<Record<string, string | number | boolean | RdRebalance>>;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}
export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: number;
}
export interface RdMetadata {
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly id: number }[];
  }[];
}
export interface Watermarks {
  readonly lowOffset: number;
  readonly highOffset: number;
}

/** A line that librdkafka would log; `fac` says what it is about, FAIL for a connection. */
export interface RdLogLine {
  readonly fac: string;
  readonly message: string;
}

/** What consumers and producers share. */
export interface RdClient {
  connect(options: { readonly timeout: number }, done: RdCallback<unknown>): unknown;
  getMetadata(
    options: { readonly topic?: string; readonly timeout: number },
    done: RdCallback<RdMetadata>,
  ): unknown;
  on(event: 'event.error', listener: (error: RdError) => void): unknown;
  on(event: 'event.log', listener: (line: RdLogLine) => void): unknown;
  off(event: 'event.log', listener: (line: RdLogLine) => void): unknown;
}

export interface RdConsumer extends RdClient {
  disconnect(done: RdCallback<unknown>): unknown;
  assign(assignments: readonly TopicPartitionOffset[]): unknown;
  incrementalAssign(assignments: readonly TopicPartitionOffset[]): unknown;
  seek(to: TopicPartitionOffset, timeoutMs: number, done: RdCallback<unknown>): unknown;
  pause(partitions: readonly TopicPartition[]): unknown;
  resume(partitions: readonly TopicPartition[]): unknown;
  consume(messagesMax: number, done: RdCallback<readonly RdMessage[]>): void;
  setDefaultConsumeTimeout(timeoutMs: number): void;
  commit(offsets: readonly TopicPartitionOffset[]): unknown;
  committed(
    partitions: readonly TopicPartition[],
    timeoutMs: number,
    done: RdCallback<readonly { readonly partition: number; readonly offset?: number }[]>,
  ): unknown;
  offsetsForTimes(
    times: readonly TopicPartitionOffset[],
    timeoutMs: number,
    done: RdCallback<readonly TopicPartitionOffset[]>,
  ): unknown;
  queryWatermarkOffsets(
    topic: string,
    partition: number,
    timeoutMs: number,
    done: RdCallback<Watermarks>,
  ): unknown;
  on(event: 'event.error', listener: (error: RdError) => void): unknown;
  on(event: 'event.log', listener: (line: RdLogLine) => void): unknown;
  on(event: 'partition.eof', listener: (end: TopicPartitionOffset) => void): unknown;
  on(event: 'offset.commit', listener: (error: RdError | null | undefined) => void): unknown;
}

/** A consumer that is a member of its group. */
export interface RdMember extends RdConsumer {
  subscribe(topics: readonly string[]): unknown;
  unassign(): unknown;
  incrementalUnassign(partitions: readonly TopicPartition[]): unknown;
  rebalanceProtocol(): string;
}

/** Called with ASSIGN_PARTITIONS or REVOKE_PARTITIONS: whoever is called assigns or unassigns. */
export type RdRebalance = (error: RdError, partitions: readonly TopicPartition[]) => void;

export interface RdProducer extends RdClient {
  /** Flushes for so long, then disconnects. */
  disconnect(flushTimeoutMs: number, done: RdCallback<unknown>): unknown;
  produce(
    topic: string,
    partition: number | null,
    value: Uint8Array | null,
    key: Uint8Array | null,
    timestampMs: number,
    opaque: undefined,
    headers: readonly RdHeader[],
  ): unknown;
  poll(): unknown;
  flush(timeoutMs: number, done: RdCallback<unknown>): unknown;
  on(event: 'event.error', listener: (error: RdError) => void): unknown;
  on(event: 'event.log', listener: (line: RdLogLine) => void): unknown;
  on(
    event: 'delivery-report',
    listener: (
      error: RdError | null | undefined,
      report: { readonly size: number; readonly partition: number },
    ) => void,
  ): unknown;
}

export interface Rdkafka {
  readonly librdkafkaVersion: string;
  /** What librdkafka was built with: `ssl`, `sasl_scram`, `lz4` … */
  readonly features: readonly string[];
  readonly KafkaConsumer: new (config: RdConfig, topicConfig: RdConfig) => RdMember;
  readonly Producer: new (config: RdConfig, topicConfig: RdConfig) => RdProducer;
}

/**
 * Loads node-rdkafka. `load` stands in for the module system in tests.
 * Throws ConnectorError KAFKA_UNAVAILABLE where it is not installed or was not built.
 */
export function loadRdkafka(
  load: (name: string) => unknown = createRequire(import.meta.url),
): Rdkafka {
  try {
    // Checked boundary: the interface above is the documented one of node-rdkafka 3.
    return load('node-rdkafka') as Rdkafka;
  } catch (cause) {
    const { detail, hint } = rdkafkaAbsence(cause);
    const message = 'the kafka connector needs the package "node-rdkafka", which cannot be loaded';
    throw new ConnectorError('KAFKA_UNAVAILABLE', { message, detail, hint, cause });
  }
}

/** Turns a call with a node-rdkafka callback into a promise. */
export function promised<T>(call: (done: RdCallback<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error === null || error === undefined) resolve(value);
      else reject(error);
    });
  });
}
