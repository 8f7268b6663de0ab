/** The WITH options of Kafka tables, and what is said without node-rdkafka. No broker needed. */
import { describe, expect, it } from 'vitest';
import { kafkaConnector } from '../../src/connectors/kafka/connector.js';
import { ConnectionProperties } from '../../src/connectors/kafka/settings/connection-properties.js';
import { jaasOptions } from '../../src/connectors/kafka/settings/security-settings.js';
import { readOptions, writeOptions } from '../../src/connectors/kafka/settings/table-options.js';
import { PLAIN_CSV } from '../../src/formats/text/csv-dialect.js';
import { loadRdkafka } from '../../src/connectors/kafka/librdkafka/rdkafka.js';
import type { TableDefinition } from '../../src/plan/schema.js';

const BASE = { topic: 'orders', 'properties.bootstrap.servers': 'localhost:9092' };

function table(options: Readonly<Record<string, string>>): TableDefinition {
  return {
    name: 'orders',
    connector: 'kafka',
    options,
    physical: [],
    columns: [],
    watermark: null,
    primaryKey: [],
    bounded: false,
  };
}

function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

describe('options of a Kafka table', () => {
  it('have defaults: the earliest offset, unbounded, JSON, 10 seconds to connect', () => {
    expect(readOptions(table(BASE))).toEqual({
      label: 'table "orders"',
      topic: 'orders',
      topics: { kind: 'one', name: 'orders' },
      brokers: 'localhost:9092',
      properties: {},
      connectTimeoutMs: 10_000,
      format: 'json',
      csv: PLAIN_CSV,
      groupId: null,
      start: { kind: 'earliest' },
      stop: { kind: 'unbounded' },
      offsetReset: 'earliest',
      schema: null,
      key: null,
      outOfRange: 'error',
      discoveryIntervalMs: 60_000,
      fetch: 'auto',
    });
  });

  it('choose how records are fetched, and where to go on when they are gone', () => {
    const chosen = {
      ...BASE,
      fetch: 'columnar',
      'properties.auto.offset.reset': 'latest',
      'scan.topic-partition-discovery.interval': '0',
    };
    expect(readOptions(table(chosen))).toMatchObject({
      fetch: 'columnar',
      offsetReset: 'latest',
      outOfRange: 'latest',
      discoveryIntervalMs: 0,
    });
    expect(errorOf(() => readOptions(table({ ...BASE, fetch: 'fast' })))).toMatchObject({
      code: 'VELO_SETTING_INVALID',
      hint: "use 'auto', 'columnar', 'librdkafka'",
    });
  });

  it('start at the offsets of the group where there is one', () => {
    const group = { ...BASE, 'properties.group.id': 'g' };
    expect(readOptions(table(group))).toMatchObject({ groupId: 'g', start: { kind: 'group' } });
    const earliest = { ...group, 'scan.startup.mode': 'earliest-offset' };
    expect(readOptions(table(earliest)).start).toEqual({ kind: 'earliest' });
  });

  it('name times and offsets as Flink does', () => {
    const options = readOptions(
      table({
        ...BASE,
        'value.format': 'csv',
        'csv.field-delimiter': '\\t',
        'connect.timeout': '500 ms',
        'scan.startup.mode': 'timestamp',
        'scan.startup.timestamp-millis': '1700000000000',
        'scan.bounded.mode': 'specific-offsets',
        'scan.bounded.specific-offsets': 'partition:0,offset:42;partition:1,offset:300;',
        'json.fail-on-missing-field': 'false',
      }),
    );
    expect(options).toMatchObject({
      format: 'csv',
      csv: { ...PLAIN_CSV, delimiter: '\t' },
      connectTimeoutMs: 500,
      start: { kind: 'timestamp', timestampMs: 1_700_000_000_000 },
      stop: { kind: 'offsets' },
    });
    expect(options.stop).toEqual({
      kind: 'offsets',
      offsets: new Map([
        [0, 42],
        [1, 300],
      ]),
    });
  });

  it('hand properties on to librdkafka, but for those that velo sets itself', () => {
    const { properties } = readOptions(
      table({
        ...BASE,
        'properties.isolation.level': 'read_uncommitted',
        'properties.enable.auto.commit': 'true',
        'properties.auto.offset.reset': 'latest',
      }),
    );
    expect(properties).toEqual({ 'isolation.level': 'read_uncommitted' });
  });

  it('of a sink name the schemas of values and keys', () => {
    const options = {
      ...BASE,
      'value.format': 'avro-confluent',
      'value.avro-confluent.url': 'http://a:1',
      'key.format': 'protobuf-confluent',
      'key.protobuf-confluent.url': 'http://b:2',
    };
    const written = writeOptions(table(options));
    expect(written.schema?.subject).toBe('orders-value');
    expect(written.keySchema?.subject).toBe('orders-key');
    // A table may be read, too.
    expect(readOptions(table(options)).schema?.registry?.urls).toEqual(['http://a:1']);
    const odd = { ...options, 'key.avro-confluent.url': 'http://b:2' };
    expect(() => writeOptions(table(odd))).toThrow('unknown option "key.avro-confluent.url"');
  });

  it('of a sink name key columns and a delivery guarantee', () => {
    const options = { ...BASE, 'key.fields': 'a; b', 'sink.delivery-guarantee': 'none' };
    expect(writeOptions(table(options))).toMatchObject({
      keyFields: ['a', 'b'],
      keyFormat: null,
      guaranteed: false,
      exactlyOnce: null,
    });
  });

  it('of a sink ask for rows exactly once', () => {
    const once = { ...BASE, 'sink.delivery-guarantee': 'exactly-once' };
    expect(writeOptions(table(once))).toMatchObject({
      guaranteed: true,
      exactlyOnce: { idPrefix: null },
    });
    const named = { ...once, 'sink.transactional-id-prefix': 'orders-' };
    expect(writeOptions(table(named)).exactlyOnce).toEqual({ idPrefix: 'orders-' });
    const text = (options: Record<string, string>): string[] =>
      kafkaConnector.check(table(options), 'written').map(({ message }) => message);
    expect(text({ ...named, 'properties.transaction.timeout.ms': '60000' })).toEqual([]);
    const cannot = 'option "sink.delivery-guarantee" of table "orders" cannot be "exactly-once"';
    expect(text({ ...once, produce: 'librdkafka' })).toEqual([
      'option "produce" of table "orders" cannot be "librdkafka"',
    ]);
    expect(text({ ...once, 'properties.acks': '1' })).toEqual([cannot]);
    expect(text({ ...once, 'properties.enable.idempotence': 'false' })).toEqual([cannot]);
    expect(text({ ...once, 'properties.transaction.timeout.ms': 'soon' })).toEqual([
      'option "properties.transaction.timeout.ms" of table "orders" cannot be "soon"',
    ]);
  });

  it.each([
    [{ topic: 'orders' }, 'lacks the option "properties.bootstrap.servers"'],
    [{ 'properties.bootstrap.servers': 'b' }, 'lacks the option "topic"'],
    [{ ...BASE, topic: 'a;a' }, 'option "topic" of table "orders" cannot be "a;a"'],
    [{ ...BASE, 'scan.startup.mod': 'x' }, 'unknown option "scan.startup.mod"'],
    [{ ...BASE, 'scan.startup.mode': 'earliest' }, 'cannot be "earliest"'],
    [{ ...BASE, 'scan.startup.mode': 'group-offsets' }, 'cannot be "group-offsets"'],
    [
      { ...BASE, 'scan.startup.mode': 'timestamp' },
      'lacks the option "scan.startup.timestamp-millis"',
    ],
    [
      {
        ...BASE,
        'scan.startup.mode': 'specific-offsets',
        'scan.startup.specific-offsets': 'partition:0,offset:1;partition:0,offset:2',
      },
      'option "scan.startup.specific-offsets"',
    ],
    [{ ...BASE, format: 'arvo' }, 'option "format" of table "orders" cannot be "arvo"'],
    [{ ...BASE, 'csv.field-delimiter': '"' }, 'option "csv.field-delimiter"'],
    [{ ...BASE, 'connect.timeout': 'soon' }, 'option "connect.timeout"'],
    [{ ...BASE, 'json.ignore-parse-errors': 'true' }, 'option "json.ignore-parse-errors"'],
  ])('are refused with a hint: %j', (options, message) => {
    const error = errorOf(() => readOptions(table(options)));
    expect(error).toMatchObject({
      code: 'VELO_SETTING_INVALID',
      message: expect.stringContaining(message) as string,
      hint: expect.stringMatching(/./) as string,
    });
  });

  it('that are misspelled come with the one that was meant', () => {
    const error = errorOf(() => readOptions(table({ ...BASE, 'scan.startup.mod': 'x' })));
    expect(error).toMatchObject({ hint: 'did you mean "scan.startup.mode"?' });
  });
});

describe('a JAAS line', () => {
  const jaas = (text: string) => {
    const properties = { 'sasl.jaas.config': text };
    const endpoint = { label: 't', topic: 't', brokers: 'b', properties, connectTimeoutMs: 1 };
    return jaasOptions(new ConnectionProperties(endpoint));
  };

  it('is read with quotes of both kinds, escapes and spaces', () => {
    const line = `  a.b.PlainLoginModule  required username="u\\"x"  password='p;q' ; `;
    expect(jaas(line)).toEqual(
      new Map([
        ['username', 'u"x'],
        ['password', 'p;q'],
      ]),
    );
  });

  it.each([
    (n: number) => `x.PlainLoginModule required ${' '.repeat(n)}!`,
    (n: number) => `x.PlainLoginModule required ${'a="b" '.repeat(n)}!`,
    (n: number) => `x.PlainLoginModule required a="${'\\"'.repeat(n)}`,
    (n: number) => `${'x.'.repeat(n)} ${' '.repeat(n)}`,
    (n: number) => `x.PlainLoginModule required ${';'.repeat(n)} x`,
  ])('takes time in proportion to its length, whatever it holds', (make) => {
    const cost = (n: number): number => {
      const begun = process.cpuUsage();
      expect(() => jaas(make(n))).toThrow('cannot be read');
      const { user, system } = process.cpuUsage(begun);
      return user + system;
    };
    cost(1_000);
    const small = Math.min(cost(10_000), cost(10_000), cost(10_000));
    // Ten times the text; a square would take a hundred times as long.
    expect(cost(100_000) / Math.max(small, 1000)).toBeLessThan(50);
  });
});

describe('without node-rdkafka', () => {
  it('a Kafka table says what is missing and how to get it', () => {
    const absent = (name: string): never => {
      throw new Error(`Cannot find module '${name}'\nRequire stack: …`);
    };
    expect(errorOf(() => loadRdkafka(absent))).toMatchObject({
      code: 'VELO_KAFKA_UNAVAILABLE',
      detail: expect.stringContaining('not installed') as string,
      hint: expect.stringContaining('npm install node-rdkafka') as string,
    });
  });
});
