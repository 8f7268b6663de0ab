/**
 * What the tests of the Kafka connector share: tables, sources that collect their rows, and a
 * plain producer. Brokers are test/support/kafka-broker; what is expected is in the tests.
 */
import kafka from 'node-rdkafka';
import type { MessageHeader } from 'node-rdkafka';
import { systemClock } from '../../src/base/clock.js';
import type { Clock } from '../../src/base/clock.js';
import { rowOffset } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { columnValue } from '../../src/columnar/column.js';
import { BIGINT, VARCHAR, TIMESTAMP } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { openKafkaSource } from '../../src/connectors/kafka/topic-source.js';
import type { Source } from '../../src/connectors/source.js';
import type { PhysicalColumn, SystemColumn, TableDefinition } from '../../src/plan/schema.js';
import type { RecordFailure } from '../../src/runtime/operator.js';

const HEADERS: SqlType = { kind: 'map', key: VARCHAR, value: VARCHAR };
const SYSTEM_TYPES: Readonly<Record<SystemColumn, SqlType>> = {
  _timestamp: TIMESTAMP,
  _record_time: TIMESTAMP,
  _partition: BIGINT,
  _offset: BIGINT,
  _topic: VARCHAR,
  _key: VARCHAR,
  _headers: HEADERS,
  _file: VARCHAR,
};

/** Topics of one test: names that no other test uses. */
let topics = 0;
export function newTopic(what: string): string {
  topics += 1;
  return `${what}-${process.pid}-${topics}`;
}

export const ID: readonly PhysicalColumn[] = [{ name: 'id', type: BIGINT }];

/** How the tables of kafkaTable() are fetched from now on; null: as velo chooses. */
let fetchPath: 'columnar' | 'librdkafka' | null = null;
export function fetchBy(path: 'columnar' | 'librdkafka' | null): void {
  fetchPath = path;
}

export function kafkaTable(
  brokers: string,
  topic: string,
  options: Readonly<Record<string, string>> = {},
  physical: readonly PhysicalColumn[] = ID,
): TableDefinition {
  return {
    name: 't',
    connector: 'kafka',
    options: {
      topic,
      'properties.bootstrap.servers': brokers,
      ...(fetchPath === null ? {} : { fetch: fetchPath }),
      ...options,
    },
    physical,
    columns: physical.map((column, index) => ({ kind: 'physical', ...column, index })),
    watermark: null,
    primaryKey: [],
    bounded: false,
  };
}

/** A read that ends where the topic ends now. */
export const ALL = {
  'scan.startup.mode': 'earliest-offset',
  'scan.bounded.mode': 'latest-offset',
} as const;

export interface Failed extends RecordFailure {
  readonly split: number;
  readonly offset: number;
  readonly raw: string;
}

/** A source with its notices and failed records. */
export interface OpenedSource {
  readonly source: Source;
  readonly notices: string[];
  readonly failed: Failed[];
  readonly types: readonly SqlType[];
}

export async function openSource(
  table: TableDefinition,
  settings: {
    readonly system?: readonly SystemColumn[];
    readonly batchRowsMax?: number;
    readonly clock?: Clock;
  } = {},
): Promise<OpenedSource> {
  const { system = [], batchRowsMax = 4096, clock = systemClock } = settings;
  const notices: string[] = [];
  const failed: Failed[] = [];
  const source = await openKafkaSource({
    table,
    physical: table.physical.map((_, at) => at),
    system,
    batchRowsMax,
    errors: {
      recordFailed: (header, row, failure) => {
        const offset = rowOffset(header, row);
        const raw = new TextDecoder().decode(header.rawRecord?.(row));
        failed.push({ ...failure, split: header.split, offset, raw });
      },
    },
    clock,
    notice: (line) => notices.push(line),
  });
  const types = [
    ...table.physical.map((column) => column.type),
    ...system.map((name) => SYSTEM_TYPES[name]),
  ];
  return { source, notices, failed, types };
}

/** Reads until every split ended, or until `enough` says so. */
export async function drain(
  source: Source,
  onBatch: (batch: Batch) => void,
  enough: () => boolean = () => false,
): Promise<void> {
  let open = [...source.splits];
  while (open.length > 0 && !enough()) {
    let progressed = false;
    for (const split of open) {
      const batch = split.next();
      if (batch === 'wait') continue;
      progressed = true;
      if (batch === 'end') {
        open = open.filter((other) => other !== split);
        continue;
      }
      onBatch(batch);
      split.finished?.(split.position());
    }
    if (progressed) await new Promise((resolve) => setImmediate(resolve));
    else await Promise.race(open.map((split) => split.ready()));
  }
}

export function batchRows(batch: Batch, types: readonly SqlType[]): SqlValue[][] {
  const rows = batch.selection === null ? range(batch.rowCount) : [...batch.selection];
  return rows
    .slice(0, batch.selectedCount)
    .map((row) =>
      batch.columns.map((column, at) => columnValue(column, types[at] ?? VARCHAR, row)),
    );
}

/** All rows of a bounded read (or the first `count` of an unbounded one); closes the source. */
export async function readRows(
  opened: OpenedSource,
  count = Number.POSITIVE_INFINITY,
): Promise<SqlValue[][]> {
  const rows: SqlValue[][] = [];
  await drain(
    opened.source,
    (batch) => rows.push(...batchRows(batch, opened.types)),
    () => rows.length >= count,
  );
  await opened.source.close();
  return rows;
}

/** First column of all rows, as numbers in ascending order. */
export async function readIds(table: TableDefinition, count?: number): Promise<number[]> {
  const rows = await readRows(await openSource(table), count);
  return rows.map(([id]) => Number(id)).sort((a, b) => a - b);
}

/** What the groups of read tests share: one broker, and topics with records. */
export interface ReadFixture {
  readonly brokers: () => string;
  readonly topicWith: (
    messages: Iterable<TestMessage>,
    settings?: { readonly partitions?: number },
  ) => Promise<string>;
}

export interface TestMessage {
  readonly value: string | null;
  readonly partition?: number;
  readonly key?: string | Buffer | null;
  readonly timestampMs?: number;
  readonly headers?: MessageHeader[];
}

export async function connectProducer(
  brokers: string,
  config: Readonly<Record<string, string | number | boolean>> = {},
): Promise<kafka.Producer> {
  const producer = new kafka.Producer({ 'bootstrap.servers': brokers, dr_cb: true, ...config });
  await new Promise<void>((resolve, reject) => {
    producer.connect({ timeout: 240_000 }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return producer;
}

export function send(producer: kafka.Producer, topic: string, message: TestMessage): void {
  const { value, partition = 0, key = null, timestampMs = null, headers } = message;
  const bytes = value === null ? null : Buffer.from(value);
  producer.produce(topic, partition, bytes, key, timestampMs, undefined, headers);
}

/** Produces and waits until all of it is acknowledged. */
export async function produce(
  brokers: string,
  topic: string,
  messages: Iterable<TestMessage>,
  config: Readonly<Record<string, string | number | boolean>> = {},
): Promise<void> {
  const producer = await connectProducer(brokers, {
    'linger.ms': 5,
    // Without it, records that are sent again may change places.
    'enable.idempotence': true,
    'queue.buffering.max.messages': 1_000_000,
    ...config,
  });
  for (const message of messages) send(producer, topic, message);
  await flush(producer);
  await disconnect(producer);
}

export function flush(producer: kafka.Producer): Promise<void> {
  return new Promise((resolve, reject) => {
    producer.flush(20_000, (error) => {
      if ((error as unknown) instanceof Error) reject(error);
      else resolve();
    });
  });
}

/** A call of node-rdkafka with a callback, as a promise. */
export function promise(call: (done: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === null || error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
    });
  });
}

export function disconnect(producer: kafka.Producer): Promise<void> {
  return new Promise((resolve) => {
    producer.disconnect(() => {
      resolve();
    });
  });
}

export function* ids(
  count: number,
  partitions = 1,
  from = 0,
): Generator<TestMessage & { readonly value: string }> {
  for (let id = from; id < from + count; id += 1) {
    yield { value: `{"id":${id}}`, partition: id % partitions };
  }
}

export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, at) => from + at);
}

/** The error that a call ends with, and how long it took. */
export async function failureOf(
  call: () => Promise<unknown>,
): Promise<{ readonly error: unknown; readonly ms: number }> {
  const startedMs = performance.now();
  try {
    await call();
  } catch (error) {
    return { error, ms: performance.now() - startedMs };
  }
  throw new Error('it did not fail');
}
