/**
 * Which WITH options a Kafka table has, under Flink's names, and the zod type of each: its values
 * and how they are written. Options of formats come with the format. What the values are for is
 * table-options.ts; 'properties.*' are client-settings.ts and produce-settings.ts.
 */
import { z } from 'zod';
import { MESSAGE_FORMATS } from '../../../formats/decoder-registry.js';
import type { MessageFormat } from '../../../formats/decoder-registry.js';
import type { TableDefinition } from '../../../plan/schema.js';
import { parseDurationMs } from '../../../sql/durations.js';
import { CSV_RECORD_OPTIONS, FIXED_OPTIONS, strangeFormatOption } from '../../format-options.js';
import type { OptionReader, OptionSchema, OptionShape } from '../../option-reader.js';
import {
  anyText,
  choice,
  columnNames,
  custom,
  duration,
  only,
  told,
  text,
  whole,
} from '../../option-types.js';
import { schemaOptionTypes } from './schema-option-types.js';
import { topicNames, topicPattern } from './topic-choice.js';

export type KeyFormat = Exclude<MessageFormat, 'csv'>;

const START_MODES = [
  'earliest-offset',
  'latest-offset',
  'group-offsets',
  'timestamp',
  'specific-offsets',
] as const;
const STOP_MODES = [
  'unbounded',
  'latest-offset',
  'group-offsets',
  'timestamp',
  'specific-offsets',
] as const;
const KEY_FORMATS = MESSAGE_FORMATS.filter((format): format is KeyFormat => format !== 'csv');
const RESETS = ['earliest', 'smallest', 'latest', 'largest', 'none', 'error'] as const;
const PATHS = ['auto', 'columnar', 'librdkafka'] as const;
const MILLIS = { least: 0, example: '1700000000000' };
const PARALLELISM = { least: 1, most: 32_768, example: '4' };
const OFFSETS_EXAMPLE = "'partition:0,offset:42;partition:1,offset:300'";

/** 'partition:0,offset:42;partition:1,offset:300' */
function offsetsByPartition(value: string): ReadonlyMap<number, number> | undefined {
  const offsets = new Map<number, number>();
  for (const part of value.split(';').filter((each) => each.trim() !== '')) {
    const match = /^\s*partition:\s*(\d+)\s*,\s*offset:\s*(\d+)\s*$/.exec(part);
    const partition = Number(match?.[1]);
    if (match === null || offsets.has(partition)) return undefined;
    offsets.set(partition, Number(match[2]));
  }
  return offsets.size === 0 ? undefined : offsets;
}

const offsets = custom(offsetsByPartition, `write ${OFFSETS_EXAMPLE}, each partition once`);

/** As in Flink, 0 or less: never. */
const interval = custom((value) => {
  if (Number.parseFloat(value) <= 0) return 0;
  const ms = parseDurationMs(value);
  return ms !== undefined && ms > 0 ? ms : undefined;
}, "give a duration, such as '10s' or '500ms', or '0' for never");

const topic = told(topicNames);
const pattern = told(topicPattern);

const types = {
  topic,
  'topic-pattern': pattern,
  'properties.bootstrap.servers': text("a broker, such as 'localhost:9092'"),
  'properties.group.id': anyText(),
  'properties.auto.offset.reset': choice(RESETS),
  format: choice(MESSAGE_FORMATS),
  'value.format': choice(MESSAGE_FORMATS),
  'value.fields-include': choice(['ALL', 'EXCEPT_KEY']),
  'key.format': choice(KEY_FORMATS),
  'key.fields': columnNames(),
  'key.fields-prefix': anyText(),
  'scan.startup.mode': choice(START_MODES),
  'scan.startup.timestamp-millis': whole(MILLIS),
  'scan.startup.specific-offsets': offsets,
  'scan.bounded.mode': choice(STOP_MODES),
  'scan.bounded.timestamp-millis': whole(MILLIS),
  'scan.bounded.specific-offsets': offsets,
  'scan.topic-partition-discovery.interval': interval,
  'scan.parallelism': whole(PARALLELISM),
  'sink.parallelism': whole(PARALLELISM),
  'sink.partitioner': choice(['default', 'fixed', 'round-robin']),
  'sink.delivery-guarantee': choice(['at-least-once', 'exactly-once', 'none']),
  'sink.transactional-id-prefix': text("a name that no other job has, such as 'orders-'"),
  'source.idle-timeout': duration(),
  'connect.timeout': duration(),
  fetch: choice(PATHS),
  produce: choice(PATHS),
  ...FIXED_OPTIONS,
  'csv.header': only('false', 'a record has no header line'),
} satisfies OptionShape;

/** With the options that only some formats have. */
type AllTypes = typeof types & {
  'csv.field-delimiter': (typeof CSV_RECORD_OPTIONS)['csv.field-delimiter'];
};
export type TopicReader = OptionReader<AllTypes>;

/** 'format' or 'value.format', as written. */
function valueFormat(options: TableDefinition['options']): string {
  return options['value.format'] ?? options['format'] ?? 'json';
}

/** The options that come with the formats of a table's keys and values. */
function formatTypes(options: TableDefinition['options']): OptionShape {
  const format = valueFormat(options);
  const keyFormat = options['key.format'];
  return {
    ...(format === 'csv' ? CSV_RECORD_OPTIONS : {}),
    ...schemaOptionTypes(format, 'value'),
    ...(keyFormat === undefined ? {} : schemaOptionTypes(keyFormat, 'key')),
  };
}

/** Properties are read one by one, by the client that they are for. */
export const TOPIC_OPTIONS: OptionSchema<AllTypes> = {
  types: z.object(types) as unknown as z.ZodObject<AllTypes>,
  more: formatTypes,
  strange: (name, options) =>
    strangeFormatOption(
      name,
      name.startsWith('key.') ? (options['key.format'] ?? 'none') : valueFormat(options),
    ),
  open: ['properties.'],
};
