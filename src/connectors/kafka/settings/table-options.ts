/**
 * The WITH options of a Kafka table, under Flink's names. Owns which options there are, their
 * values and defaults, for reading and for writing; 'properties.*' go to librdkafka, which knows
 * the names of those (rdkafka-client.ts reports what it refuses). Opens nothing.
 *
 * Where velo takes more than Flink: without 'scan.startup.mode' a table with a group id starts at
 * the group's offsets, others at the earliest; a group without offsets starts at the earliest
 * unless 'properties.auto.offset.reset' says otherwise. 'connect.timeout', 'fetch' and
 * 'produce' are velo's own.
 */
import type { MessageFormat } from '../../../formats/decoder-registry.js';
import { PLAIN_CSV } from '../../../formats/text/csv-dialect.js';
import type { CsvDialect } from '../../../formats/text/csv-dialect.js';
import type { TableDefinition } from '../../../plan/schema.js';
import { checkCsv, checkWrittenCsv, givenCsv } from '../../format-options.js';
import type { CsvReader } from '../../format-options.js';
import { checkKeyFields } from '../../key-fields.js';
import { OptionReader } from '../../option-reader.js';
import { isExceptKey, keyColumns, keyReadOptions, valueTable } from './key-options.js';
import type { KeyReadOptions } from './key-options.js';
import { schemaOptions, schemaWriteOptions } from './schema-options.js';
import type { SchemaOptions, SchemaWriteOptions } from './schema-options.js';
import type { TopicChoice } from './topic-choice.js';
import { TOPIC_OPTIONS } from './topic-schema.js';
import type { KeyFormat, TopicReader } from './topic-schema.js';

export type StartPosition =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'group' }
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  | { readonly kind: 'offsets'; readonly offsets: ReadonlyMap<number, number> };

export type StopPosition =
  | { readonly kind: 'unbounded' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'group' }
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  | { readonly kind: 'offsets'; readonly offsets: ReadonlyMap<number, number> };

/** Where a partition starts that the group has no offset for. */
export type OffsetReset = 'earliest' | 'latest' | 'error';

/** How records are fetched: 'auto' is columnar fetch where that can be used. */
export type FetchPath = 'auto' | 'columnar' | 'librdkafka';

/** What it takes to talk to a cluster about a topic. */
export interface KafkaEndpoint {
  /** What messages call the table: `table "orders"`. */
  readonly label: string;
  readonly topic: string;
  /** Host and port pairs, separated by commas. */
  readonly brokers: string;
  /** The other 'properties.*' without their prefix, for librdkafka. */
  readonly properties: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
}

export interface KafkaReadOptions extends KafkaEndpoint {
  /** What is read; `topic` is how messages call it, and the name where it is one. */
  readonly topics: TopicChoice;
  readonly groupId: string | null;
  readonly start: StartPosition;
  readonly stop: StopPosition;
  readonly offsetReset: OffsetReset;
  /**
   * Where to go on when the broker does not hold an offset any more while it is read: an error,
   * unless the table names another place, because records would be lost unseen.
   */
  readonly outOfRange: OffsetReset;
  /** How often to look for partitions that were added; 0 = never. */
  readonly discoveryIntervalMs: number;
  readonly fetch: FetchPath;
  readonly format: MessageFormat;
  /** Of the formats with schemas; null or absent for others. */
  readonly schema?: SchemaOptions | null;
  /** Columns that come from the records' keys; null: none. */
  readonly key: KeyReadOptions | null;
  /** How records of CSV are written. */
  readonly csv: CsvDialect;
}

export type { KeyFormat } from './topic-schema.js';
/** How records are produced: 'auto' is columnar producing where that can be used. */
export type ProduceChoice = 'auto' | 'columnar' | 'librdkafka';

/** Rows that are seen when the state of their job is kept. */
export interface ExactlyOnce {
  /** What the job's transactional ids begin with; null: it is made of the job and the topic. */
  readonly idPrefix: string | null;
}

/** A topic to write to, and how; what is in the records is not part of it. */
export interface KafkaWriteTarget extends KafkaEndpoint {
  readonly produce: ProduceChoice;
  /** 'sink.partitioner' = 'fixed': as a Flink sink of one task, into the first partition only. */
  readonly onePartition: boolean;
  /** false, 'sink.delivery-guarantee' = 'none': a record may be doubled or change its place. */
  readonly guaranteed: boolean;
  /** 'sink.delivery-guarantee' = 'exactly-once'; null: rows are seen as they come. */
  readonly exactlyOnce: ExactlyOnce | null;
}

export interface KafkaWriteOptions extends KafkaWriteTarget {
  readonly format: MessageFormat;
  /** Of the format, if it has schemas. */
  readonly schema: SchemaWriteOptions | null;
  /** How records of CSV are written, as far as velo writes them. */
  readonly csv: CsvDialect;
  /** Columns that make the record's key; null: the upsert key, if there is one. */
  readonly keyFields: readonly string[] | null;
  /** What their names begin with, and in the key do not; empty: nothing. */
  readonly keyPrefix: string;
  /** The value has not the columns of the key. */
  readonly exceptKey: boolean;
  /** null: raw for one column, JSON for several. */
  readonly keyFormat: KeyFormat | null;
  /** Of the key's format, if it has schemas. */
  readonly keySchema: SchemaWriteOptions | null;
}

/** Default of 'connect.timeout': how long the first broker may take to answer. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Default of 'scan.topic-partition-discovery.interval'. */
export const DISCOVERY_INTERVAL_MS = 60_000;
/** What Kafka's own clients call it, in ms: librdkafka and Java's. */
const REFRESH_PROPERTIES = [
  'properties.topic.metadata.refresh.interval.ms',
  'properties.metadata.max.age.ms',
];

/** A timer takes no more. */
const TIMER_MS_MAX = 0x7fffffff;

const PREFIX = 'properties.';

/** Properties that velo sets itself, because it delivers what was processed and nothing else. */
const OWN_PROPERTIES = new Set([
  'bootstrap.servers',
  'metadata.broker.list',
  'group.id',
  'auto.offset.reset',
  'enable.auto.commit',
  'enable.auto.offset.store',
  'auto.commit.interval.ms',
  'enable.partition.eof',
]);

/** Throws ConfigError SETTING_INVALID for options that are missing, unknown or have bad values. */
export function readOptions(table: TableDefinition): KafkaReadOptions {
  const reader = topicReader(table);
  const options = gatherReadOptions(reader, table);
  reader.settle('read');
  return options;
}

/** Throws ConfigError SETTING_INVALID for options that are missing, unknown or have bad values. */
export function writeOptions(table: TableDefinition): KafkaWriteOptions {
  const reader = topicReader(table);
  const options = gatherWriteOptions(reader, table);
  reader.settle('written');
  return options;
}

export function topicReader(table: TableDefinition): TopicReader {
  return new OptionReader(TOPIC_OPTIONS, table);
}

/** The options as far as they are no fault; faults are the reader's. */
export function gatherReadOptions(reader: TopicReader, table: TableDefinition): KafkaReadOptions {
  const format = messageFormat(reader);
  const groupId = textOf(reader, 'properties.group.id');
  const reset = offsetReset(reader);
  checkKeyFields(reader, table);
  warnOfParallelism(reader);
  const key = keyReadOptions(reader, table);
  const topics = topicChoice(reader);
  checkOffsetsOfOne(reader, topics);
  return {
    ...endpoint(reader, table),
    topics,
    format,
    schema: schemaOptions(valueTable(table, key), format, reader),
    key,
    csv: { ...PLAIN_CSV, ...csvOptions(reader) },
    groupId,
    start: startPosition(reader, groupId),
    stop: stopPosition(reader, groupId),
    offsetReset: reset ?? 'earliest',
    outOfRange: reset ?? 'error',
    discoveryIntervalMs: discoveryIntervalMs(reader),
    fetch: reader.get('fetch') ?? 'auto',
  };
}

function csvOptions(reader: TopicReader): Partial<CsvDialect> {
  // Tables of other formats have none of them, and every get() gives undefined.
  const csv = reader as unknown as CsvReader;
  checkCsv(csv);
  return givenCsv(csv);
}

/** Flink's, which a file for Flink may have. */
function warnOfParallelism(reader: TopicReader): void {
  for (const name of ['scan.parallelism', 'sink.parallelism'] as const) {
    if (reader.get(name) === undefined) continue;
    reader.warn(name, `option "${name}" of ${reader.label} has no effect`, 'use --workers');
  }
}

/** The same for writing. */
export function gatherWriteOptions(reader: TopicReader, table: TableDefinition): KafkaWriteOptions {
  const format = messageFormat(reader);
  const keyFormat = reader.get('key.format') ?? null;
  keyColumns(reader, table);
  reader.whenUsed('written', () => {
    checkOneWritten(reader);
  });
  checkWrittenCsv(reader as unknown as CsvReader);
  return {
    ...endpoint(reader, table),
    format,
    schema: schemaWriteOptions(table, format, 'value', reader),
    csv: { ...PLAIN_CSV, ...csvOptions(reader) },
    produce: reader.get('produce') ?? 'auto',
    onePartition: reader.get('sink.partitioner') === 'fixed',
    guaranteed: reader.get('sink.delivery-guarantee') !== 'none',
    exactlyOnce: exactlyOnce(reader),
    keyFields: reader.get('key.fields') ?? null,
    keyPrefix: reader.get('key.fields-prefix') ?? '',
    exceptKey: isExceptKey(reader),
    keyFormat,
    keySchema: keyFormat === null ? null : schemaWriteOptions(table, keyFormat, 'key', reader),
  };
}

function exactlyOnce(reader: TopicReader): ExactlyOnce | null {
  const prefix = 'sink.transactional-id-prefix';
  const idPrefix = reader.get(prefix) ?? null;
  if (reader.get('sink.delivery-guarantee') !== 'exactly-once') {
    if (idPrefix !== null) {
      const text = `option "${prefix}" of ${reader.label} has no effect`;
      reader.warn(prefix, text, "add 'sink.delivery-guarantee' = 'exactly-once'");
    }
    return null;
  }
  if (reader.get('produce') === 'librdkafka') {
    reader.invalid(
      'produce',
      "rows that are written exactly once need 'columnar', or leave it away",
    );
  }
  return { idPrefix };
}

function startPosition(reader: TopicReader, groupId: string | null): StartPosition {
  const mode = reader.get('scan.startup.mode');
  switch (mode ?? (groupId === null ? 'earliest-offset' : 'group-offsets')) {
    case 'latest-offset':
      return { kind: 'latest' };
    case 'group-offsets':
      requireGroup(reader, 'scan.startup.mode', groupId);
      return { kind: 'group' };
    case 'timestamp': {
      const ms = reader.required('scan.startup.timestamp-millis', MILLIS_EXAMPLE);
      return { kind: 'timestamp', timestampMs: ms ?? 0 };
    }
    case 'specific-offsets': {
      const offsets = reader.required('scan.startup.specific-offsets', OFFSETS_EXAMPLE);
      return { kind: 'offsets', offsets: offsets ?? new Map() };
    }
    case 'earliest-offset':
      return { kind: 'earliest' };
  }
}

function stopPosition(reader: TopicReader, groupId: string | null): StopPosition {
  switch (reader.get('scan.bounded.mode') ?? 'unbounded') {
    case 'latest-offset':
      return { kind: 'latest' };
    case 'group-offsets':
      requireGroup(reader, 'scan.bounded.mode', groupId);
      return { kind: 'group' };
    case 'timestamp': {
      const ms = reader.required('scan.bounded.timestamp-millis', MILLIS_EXAMPLE);
      return { kind: 'timestamp', timestampMs: ms ?? 0 };
    }
    case 'specific-offsets': {
      const offsets = reader.required('scan.bounded.specific-offsets', OFFSETS_EXAMPLE);
      return { kind: 'offsets', offsets: offsets ?? new Map() };
    }
    case 'unbounded':
      return { kind: 'unbounded' };
  }
}

const MILLIS_EXAMPLE = 'a whole number, such as 1700000000000';
const OFFSETS_EXAMPLE = "'partition:0,offset:42;partition:1,offset:300'";

function requireGroup(
  reader: TopicReader,
  name: 'scan.startup.mode' | 'scan.bounded.mode',
  groupId: string | null,
): void {
  if (groupId !== null) return;
  reader.invalid(name, "name the group with 'properties.group.id'");
}

/** null: the table does not say. */
function offsetReset(reader: TopicReader): OffsetReset | null {
  switch (reader.get('properties.auto.offset.reset')) {
    case 'latest':
    case 'largest':
      return 'latest';
    case 'none':
    case 'error':
      return 'error';
    case undefined:
      return null;
    default:
      return 'earliest';
  }
}

function messageFormat(reader: TopicReader): MessageFormat {
  const [both, value] = [reader.get('format'), reader.get('value.format')];
  const written = reader.written('value.format');
  if (written !== undefined && reader.written('format') !== undefined && both !== value) {
    reader.invalid('format', `'value.format' says "${written}": leave one of them away`);
  }
  return value ?? both ?? 'json';
}

function topicChoice(reader: TopicReader): TopicChoice {
  const pattern = reader.get('topic-pattern');
  if (pattern !== undefined) return { kind: 'pattern', pattern };
  const names = reader.get('topic') ?? [];
  return names.length > 1 ? { kind: 'list', names } : { kind: 'one', name: names[0] ?? '' };
}

/** As in Flink: the same number of a partition is another place in each topic. */
function checkOffsetsOfOne(reader: TopicReader, { kind }: TopicChoice): void {
  if (kind === 'one') return;
  for (const name of ['scan.startup.specific-offsets', 'scan.bounded.specific-offsets'] as const) {
    if (reader.get(name) === undefined) continue;
    reader.invalid(
      name,
      "offsets are of one topic: read several from a 'timestamp' on, or by group",
    );
  }
}

function checkOneWritten(reader: TopicReader): void {
  const name = reader.written('topic-pattern') === undefined ? 'topic' : 'topic-pattern';
  if (topicChoice(reader).kind === 'one') return;
  reader.invalid(name, "rows are written to one topic: name it with 'topic'");
}

/** How messages call what is read. */
function topicText(reader: TopicReader): string {
  const names = reader.get('topic');
  const pattern = reader.written('topic-pattern');
  if (pattern === undefined) {
    if (names === undefined) reader.required('topic', 'a topic');
    return names?.join(';') ?? '';
  }
  if (reader.written('topic') !== undefined) {
    reader.invalid('topic-pattern', "'topic' names topics, too: leave one of them away");
  }
  return pattern;
}

function endpoint(reader: TopicReader, { options }: TableDefinition): KafkaEndpoint {
  const broker = "a broker, such as 'localhost:9092'";
  return {
    label: reader.label,
    topic: topicText(reader),
    brokers: reader.required('properties.bootstrap.servers', broker) ?? '',
    properties: clientProperties(options),
    connectTimeoutMs: reader.get('connect.timeout') ?? CONNECT_TIMEOUT_MS,
  };
}

function discoveryIntervalMs(reader: TopicReader): number {
  return (
    reader.get('scan.topic-partition-discovery.interval') ??
    refreshIntervalMs(reader) ??
    DISCOVERY_INTERVAL_MS
  );
}

/** 0 or less: never, as in librdkafka; null: the table does not say. */
function refreshIntervalMs(reader: TopicReader): number | null {
  const name = REFRESH_PROPERTIES.find((candidate) => textOf(reader, candidate) !== null);
  if (name === undefined) return null;
  const number = Number(textOf(reader, name));
  if (Number.isSafeInteger(number)) return Math.min(Math.max(number, 0), TIMER_MS_MAX);
  reader.invalid(name, 'give a whole number of milliseconds, such as 30000');
  return null;
}

/** As it is written; null: absent or empty. */
function textOf(reader: TopicReader, name: string): string | null {
  const value = reader.written(name);
  return value === undefined || value === '' ? null : value;
}

function clientProperties(options: TableDefinition['options']): Record<string, string> {
  const properties: Record<string, string> = {};
  for (const [name, value] of Object.entries(options)) {
    if (!name.startsWith(PREFIX)) continue;
    const property = name.slice(PREFIX.length);
    if (!OWN_PROPERTIES.has(property)) properties[property] = value;
  }
  return properties;
}
