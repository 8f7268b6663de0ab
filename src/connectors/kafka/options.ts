/**
 * The WITH options of a Kafka table, under Flink's names. Owns which options there are, their
 * values and defaults, for reading and for writing; 'properties.*' go to librdkafka, which knows
 * the names of those (client.ts reports what it refuses). Opens nothing.
 *
 * Where velo takes more than Flink: without 'scan.startup.mode' a table with a group id starts at
 * the group's offsets, others at the earliest; a group without offsets starts at the earliest
 * unless 'properties.auto.offset.reset' says otherwise. 'connect.timeout', 'fetch' and
 * 'produce' are velo's own.
 */
import { ConfigError } from '../../base/errors.js';
import { didYouMean } from '../../plan/faults.js';
import { MESSAGE_FORMATS } from '../../formats/decoder-registry.js';
import type { MessageFormat } from '../../formats/decoder-registry.js';
import type { TableDefinition } from '../../plan/schema.js';
import { parseDurationMs } from '../../sql/durations.js';
import { keyFieldNames, keyFields } from '../key-fields.js';
import { schemaOptionNames, schemaOptions, schemaWriteOptions } from './schema-options.js';
import type { SchemaOptions, SchemaWriteOptions } from './schema-options.js';

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
  /** What messages call it: `table "orders"`. */
  readonly label: string;
  readonly topic: string;
  /** Host and port pairs, separated by commas. */
  readonly brokers: string;
  /** The other 'properties.*' without their prefix, for librdkafka. */
  readonly properties: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
}

export interface KafkaReadOptions extends KafkaEndpoint {
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
  /** Between the fields of CSV. */
  readonly csvDelimiter: string;
}

export type KeyFormat = Exclude<MessageFormat, 'csv'>;
/** How records are produced: 'auto' is columnar producing where that can be used. */
export type ProduceChoice = 'auto' | 'columnar' | 'librdkafka';

/** A topic to write to, and how; what is in the records is not part of it. */
export interface KafkaWriteTarget extends KafkaEndpoint {
  readonly produce: ProduceChoice;
  /** 'sink.partitioner' = 'fixed': as a Flink sink of one task, into the first partition only. */
  readonly onePartition: boolean;
  /** false, 'sink.delivery-guarantee' = 'none': a record may be doubled or change its place. */
  readonly guaranteed: boolean;
}

export interface KafkaWriteOptions extends KafkaWriteTarget {
  readonly format: MessageFormat;
  /** Of the format, if it has schemas. */
  readonly schema: SchemaWriteOptions | null;
  /** Between the fields of CSV. */
  readonly csvDelimiter: string;
  /** Columns that make the record's key; null: the upsert key, if there is one. */
  readonly keyFields: readonly string[] | null;
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
const START_MODES = [
  'earliest-offset',
  'latest-offset',
  'group-offsets',
  'timestamp',
  'specific-offsets',
];
const STOP_MODES = ['unbounded', 'latest-offset', 'group-offsets', 'timestamp', 'specific-offsets'];
const FETCH_PATHS: readonly FetchPath[] = ['auto', 'columnar', 'librdkafka'];
const KEY_FORMATS = MESSAGE_FORMATS.filter((format) => format !== 'csv');
const PRODUCE_CHOICES: readonly ProduceChoice[] = ['auto', 'columnar', 'librdkafka'];
const KNOWN_OPTIONS = [
  'topic',
  'properties.bootstrap.servers',
  'properties.group.id',
  'format',
  'value.format',
  'value.fields-include',
  'key.format',
  'key.fields',
  'csv.field-delimiter',
  'scan.startup.mode',
  'scan.startup.timestamp-millis',
  'scan.startup.specific-offsets',
  'scan.bounded.mode',
  'scan.bounded.timestamp-millis',
  'scan.bounded.specific-offsets',
  'scan.topic-partition-discovery.interval',
  'scan.parallelism',
  'sink.parallelism',
  'sink.partitioner',
  'sink.delivery-guarantee',
  'source.idle-timeout',
  'connect.timeout',
  'fetch',
  'produce',
];

/** Options of Flink's JSON format at the values that say what velo does anyway. */
const FLINK_JSON_DEFAULTS: Readonly<Record<string, string>> = {
  'json.fail-on-missing-field': 'false',
  'json.ignore-parse-errors': 'false',
  'json.timestamp-format.standard': 'ISO-8601',
};

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
  const options = new TableOptions(table);
  const format = options.messageFormat();
  const groupId = options.text('properties.group.id');
  keyFields(table);
  return {
    ...options.endpoint(),
    format,
    schema: schemaOptions(table, format),
    csvDelimiter: options.csvDelimiter(),
    groupId,
    start: startPosition(options, groupId),
    stop: stopPosition(options, groupId),
    offsetReset: offsetReset(options) ?? 'earliest',
    outOfRange: offsetReset(options) ?? 'error',
    discoveryIntervalMs: options.discoveryIntervalMs(),
    // Checked by choice(): the value is one of the list.
    fetch: (options.choice('fetch', FETCH_PATHS) ?? 'auto') as FetchPath,
  };
}

/** Throws ConfigError SETTING_INVALID for options that are missing, unknown or have bad values. */
export function writeOptions(table: TableDefinition): KafkaWriteOptions {
  const options = new TableOptions(table);
  const guarantee = options.choice('sink.delivery-guarantee', ['at-least-once', 'none']);
  const keyFields = options.text('key.fields');
  const partitioner = options.choice('sink.partitioner', ['default', 'fixed', 'round-robin']);
  options.choice('value.fields-include', ['ALL']);
  const format = options.messageFormat();
  // Checked by choice(): the value is one of the list.
  const keyFormat = options.choice('key.format', KEY_FORMATS) as KeyFormat | null;
  return {
    ...options.endpoint(),
    format,
    schema: schemaWriteOptions(table, format, 'value'),
    csvDelimiter: options.csvDelimiter(),
    // Checked by choice(): the value is one of the list.
    produce: (options.choice('produce', PRODUCE_CHOICES) ?? 'auto') as ProduceChoice,
    onePartition: partitioner === 'fixed',
    guaranteed: guarantee !== 'none',
    keyFields: keyFields === null ? null : keyFieldNames(keyFields),
    keyFormat,
    keySchema: keyFormat === null ? null : schemaWriteOptions(table, keyFormat, 'key'),
  };
}

function startPosition(options: TableOptions, groupId: string | null): StartPosition {
  const mode = options.choice('scan.startup.mode', START_MODES);
  switch (mode ?? (groupId === null ? 'earliest-offset' : 'group-offsets')) {
    case 'latest-offset':
      return { kind: 'latest' };
    case 'group-offsets':
      options.requireGroup('scan.startup.mode', groupId);
      return { kind: 'group' };
    case 'timestamp':
      return { kind: 'timestamp', timestampMs: options.whole('scan.startup.timestamp-millis') };
    case 'specific-offsets':
      return { kind: 'offsets', offsets: options.offsets('scan.startup.specific-offsets') };
    default:
      return { kind: 'earliest' };
  }
}

function stopPosition(options: TableOptions, groupId: string | null): StopPosition {
  switch (options.choice('scan.bounded.mode', STOP_MODES)) {
    case 'latest-offset':
      return { kind: 'latest' };
    case 'group-offsets':
      options.requireGroup('scan.bounded.mode', groupId);
      return { kind: 'group' };
    case 'timestamp':
      return { kind: 'timestamp', timestampMs: options.whole('scan.bounded.timestamp-millis') };
    case 'specific-offsets':
      return { kind: 'offsets', offsets: options.offsets('scan.bounded.specific-offsets') };
    default:
      return { kind: 'unbounded' };
  }
}

/** null: the table does not say. */
function offsetReset(options: TableOptions): OffsetReset | null {
  const names = ['earliest', 'smallest', 'latest', 'largest', 'none', 'error'];
  switch (options.choice('properties.auto.offset.reset', names)) {
    case 'latest':
    case 'largest':
      return 'latest';
    case 'none':
    case 'error':
      return 'error';
    case null:
      return null;
    default:
      return 'earliest';
  }
}

/** Reads single options and words what is wrong with them. */
class TableOptions {
  private readonly values: Readonly<Record<string, string>>;
  private readonly label: string;

  constructor(table: TableDefinition) {
    this.values = table.options;
    this.label = `table "${table.name}"`;
    for (const name of Object.keys(table.options)) this.requireKnown(name);
  }

  text(name: string): string | null {
    const value = this.values[name];
    return value === undefined || value === '' ? null : value;
  }

  choice(name: string, values: readonly string[]): string | null {
    const value = this.text(name);
    if (value === null || values.includes(value)) return value;
    throw this.invalid(name, value, didYouMean(value, values) ?? `use ${quotedList(values)}`);
  }

  whole(name: string): number {
    const value = this.required(name, 'a whole number, such as 1700000000000');
    const number = Number(value);
    if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number;
    throw this.invalid(name, value, 'give a whole number, such as 1700000000000');
  }

  /** 'partition:0,offset:42;partition:1,offset:300' */
  offsets(name: string): ReadonlyMap<number, number> {
    const value = this.required(name, "'partition:0,offset:42;partition:1,offset:300'");
    const offsets = new Map<number, number>();
    for (const part of value.split(';').filter((text) => text.trim() !== '')) {
      const match = /^\s*partition:\s*(\d+)\s*,\s*offset:\s*(\d+)\s*$/.exec(part);
      const partition = Number(match?.[1]);
      if (match === null || offsets.has(partition)) {
        const hint = "write 'partition:0,offset:42;partition:1,offset:300', each partition once";
        throw this.invalid(name, value, hint);
      }
      offsets.set(partition, Number(match[2]));
    }
    return offsets;
  }

  requireGroup(name: string, groupId: string | null): void {
    if (groupId !== null) return;
    throw this.invalid(name, 'group-offsets', "name the group with 'properties.group.id'");
  }

  messageFormat(): MessageFormat {
    // Checked by choice(): the value is one of the list.
    return (this.choice(this.formatOption(), MESSAGE_FORMATS) ?? 'json') as MessageFormat;
  }

  csvDelimiter(): string {
    const value = this.text('csv.field-delimiter') ?? ',';
    const delimiter = value === '\\t' ? '\t' : value;
    if (/^[\x00-\x7f]$/.test(delimiter) && !'"\r\n'.includes(delimiter)) return delimiter;
    throw this.invalid(
      'csv.field-delimiter',
      value,
      "write one ASCII character: ',' or ';' or '\\t'",
    );
  }

  endpoint(): KafkaEndpoint {
    const topic = this.required('topic', 'a topic');
    if (topic.includes(';')) throw this.invalid('topic', topic, 'name one topic for each table');
    return {
      label: this.label,
      topic,
      brokers: this.required('properties.bootstrap.servers', "a broker, such as 'localhost:9092'"),
      properties: this.properties(),
      connectTimeoutMs: this.durationMs('connect.timeout', CONNECT_TIMEOUT_MS),
    };
  }

  /** As in Flink, 0 or less: never. */
  discoveryIntervalMs(): number {
    const name = 'scan.topic-partition-discovery.interval';
    if (Number.parseFloat(this.text(name) ?? '') <= 0) return 0;
    return this.durationMs(name, this.refreshIntervalMs() ?? DISCOVERY_INTERVAL_MS);
  }

  /** 0 or less: never, as in librdkafka; null: the table does not say. */
  private refreshIntervalMs(): number | null {
    const name = REFRESH_PROPERTIES.find((candidate) => this.text(candidate) !== null);
    if (name === undefined) return null;
    const value = this.required(name, 'a number of milliseconds');
    const number = Number(value);
    if (Number.isSafeInteger(number)) return Math.min(Math.max(number, 0), TIMER_MS_MAX);
    throw this.invalid(name, value, 'give a whole number of milliseconds, such as 30000');
  }

  private properties(): Record<string, string> {
    const properties: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.values)) {
      if (!name.startsWith(PREFIX)) continue;
      const property = name.slice(PREFIX.length);
      if (!OWN_PROPERTIES.has(property)) properties[property] = value;
    }
    return properties;
  }

  private durationMs(name: string, preset: number): number {
    const value = this.text(name);
    if (value === null) return preset;
    const durationMs = parseDurationMs(value);
    if (durationMs !== undefined && durationMs > 0) return durationMs;
    throw this.invalid(name, value, "give a duration, such as '10s' or '500ms'");
  }

  private required(name: string, what: string): string {
    const value = this.text(name);
    if (value !== null) return value;
    throw new ConfigError('SETTING_INVALID', {
      message: `${this.label} with connector "kafka" lacks the option "${name}"`,
      hint: `add '${name}' with ${what}`,
    });
  }

  private formatOption(): string {
    return this.text('value.format') === null ? 'format' : 'value.format';
  }

  private requireKnown(name: string): void {
    if (name.startsWith(PREFIX) || KNOWN_OPTIONS.includes(name)) return;
    const ofFormat = [
      ...schemaOptionNames(this.values[this.formatOption()], 'value'),
      ...schemaOptionNames(this.values['key.format'], 'key'),
    ];
    if (ofFormat.includes(name)) return;
    if (FLINK_JSON_DEFAULTS[name] === this.values[name]) return;
    throw new ConfigError('SETTING_INVALID', {
      message: `unknown option "${name}" of connector "kafka" in ${this.label}`,
      hint:
        didYouMean(name, [...KNOWN_OPTIONS, ...ofFormat]) ??
        'docs/kafka-source.md and docs/kafka-sink.md list the options',
    });
  }

  private invalid(name: string, value: string, hint: string): ConfigError {
    return new ConfigError('SETTING_INVALID', {
      message: `option "${name}" of ${this.label} cannot be "${value}"`,
      hint,
    });
  }
}

function quotedList(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(', ');
}
