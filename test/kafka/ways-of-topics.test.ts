/**
 * The thousand rows of test/support/thousand-rows.ts through topics of one broker: as another client
 * wrote them, and as velo writes and reads them in every format, with keys and codecs, on V1 and V2.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { runQueries, runSql } from '../support/run-sql.js';
import { framed, TestRegistry } from '../support/schema-registry.js';
import {
  ALL_ROWS,
  AVRO_SCHEMA,
  avroRecord,
  csvText,
  DECLARED,
  GROUPS,
  jsonObject,
  jsonPairs,
  queriesOver,
  THOUSAND,
} from '../support/thousand-rows.js';
import { connectProducer, disconnect, flush } from './harness.js';

const TARGETS = [
  ['V1', {}],
  ['V2', { partitioned: { partitions: 3, workers: 2 } }],
] as const;
const PARTITIONS = 3;
const SELECT = 'SELECT id, name, note, price, at, ok FROM t';
const PROTO = `syntax = "proto3";
import "google/protobuf/timestamp.proto";
message Row { optional int64 id = 1; optional string name = 2; optional string note = 3;
  optional string price = 4; google.protobuf.Timestamp at = 5; optional bool ok = 6; }`;
const SCHEMA_TEXT = JSON.stringify(AVRO_SCHEMA);

type Options = Readonly<Record<string, string>>;

/** Written by velo, and read with the same options. */
const FORMS: Readonly<Record<string, Options>> = {
  json: {},
  csv: { format: 'csv' },
  'csv with a delimiter': { format: 'csv', 'csv.field-delimiter': ';' },
  avro: { format: 'avro' },
  'avro of a schema': { format: 'avro', 'avro.schema': SCHEMA_TEXT },
  'avro-confluent': { format: 'avro-confluent' },
  protobuf: { format: 'protobuf', 'protobuf.schema': PROTO },
  'protobuf-confluent': { format: 'protobuf-confluent' },
  'json by key': { 'key.fields': 'id' },
  'json with columns in the key alone': {
    'key.fields': 'id;name',
    'value.fields-include': 'EXCEPT_KEY',
  },
  'avro with a key of one column': {
    format: 'avro',
    'key.fields': 'name',
    'key.format': 'raw',
    'value.fields-include': 'EXCEPT_KEY',
  },
  'json of gzip': { 'properties.compression.type': 'gzip' },
  'json of lz4': { 'properties.compression.type': 'lz4' },
  'json of snappy': { 'properties.compression.type': 'snappy' },
  'json by librdkafka': { produce: 'librdkafka', fetch: 'librdkafka' },
};

/** Written by another client: the values of its records. */
const FOREIGN: Readonly<Record<string, { options: Options; values: () => Buffer[] }>> = {
  json: { options: {}, values: () => THOUSAND.map((row) => Buffer.from(jsonObject(row))) },
  'pretty json with turned keys': {
    options: {},
    values: () =>
      THOUSAND.map((row) => {
        const pairs = jsonPairs(row).map(([name, json]) => `  "${name}": ${json}`);
        return Buffer.from(`{\n${pairs.reverse().join(',\n')}\n}`);
      }),
  },
  csv: {
    options: { format: 'csv' },
    values: () => THOUSAND.map((row) => Buffer.from(csvText([row], { header: false }).trimEnd())),
  },
  avro: {
    options: { format: 'avro', 'avro.schema': SCHEMA_TEXT },
    values: () => THOUSAND.map(avroRecord),
  },
};

describe.runIf(javaSuiteRuns('ways of topics'))('ways of topics', () => {
  const folder = mkdtempSync(join(tmpdir(), 'velo-topics-'));
  const rows = join(folder, 'rows.jsonl');
  const fromRows = `CREATE TABLE t (${DECLARED}) WITH ('connector' = 'file', 'path' = '${rows}');`;
  const registry = new TestRegistry();
  let broker: KafkaBroker;
  let topics = 0;

  beforeAll(async () => {
    writeFileSync(rows, `${THOUSAND.map((row) => jsonObject(row)).join('\n')}\n`);
    await registry.start();
    broker = await startKafkaBroker();
  }, 240_000);

  afterAll(async () => {
    await broker.stop();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function newTopic(): Promise<string> {
    topics += 1;
    const topic = `way-${topics}`;
    await createTopics(broker.brokers, [{ topic, partitions: PARTITIONS }]);
    return topic;
  }

  function table(name: string, topic: string, options: Options): string {
    const { format = '' } = options;
    const all: Options = {
      connector: 'kafka',
      topic,
      'properties.bootstrap.servers': broker.brokers,
      'scan.bounded.mode': 'latest-offset',
      ...(format.endsWith('-confluent') ? { [`${format}.url`]: registry.url } : {}),
      ...options,
    };
    const list = Object.entries(all).map(([key, value]) => `'${key}' = '${value}'`);
    return `CREATE TABLE ${name} (${DECLARED}) WITH (${list.join(', ')});`;
  }

  async function expectRows(sql: string, target: object): Promise<void> {
    const back = await runQueries(sql, target);
    expect(back.errorText).toBe('');
    const [all = [], groups = []] = back.lines;
    expect([...all].sort()).toEqual(ALL_ROWS);
    expect([...groups].sort()).toEqual(GROUPS);
  }

  describe.each(TARGETS)('on %s', (_, target) => {
    it.each(Object.entries(FORMS))('%s, written and read', async (_name, options) => {
      const topic = await newTopic();
      const insert = `${table('s', topic, options)} INSERT INTO s ${SELECT};`;
      const written = await runSql(`${fromRows} ${insert}`, target);
      expect(written.errorText).toBe('');
      await expectRows(`${table('t', topic, options)} ${queriesOver('t')}`, target);
    });

    it.each(Object.entries(FOREIGN))("another client's %s", async (_name, { options, values }) => {
      const topic = await newTopic();
      await produceAll(topic, values());
      await expectRows(`${table('t', topic, options)} ${queriesOver('t')}`, target);
    });

    it("another client's Avro with schema ids", async () => {
      const topic = await newTopic();
      const id = registry.register(`${topic}-value`, SCHEMA_TEXT);
      await produceAll(
        topic,
        THOUSAND.map((row) => framed(id, avroRecord(row))),
      );
      const read = table('t', topic, { format: 'avro-confluent' });
      await expectRows(`${read} ${queriesOver('t')}`, target);
    });

    it('two topics as one table', async () => {
      const [one, other] = [await newTopic(), await newTopic()];
      const insert = (topic: string, where: string): string =>
        `INSERT INTO 'kafka://${broker.brokers}/${topic}' ${SELECT} WHERE ${where};`;
      const inserts = `${insert(one, 'id > 0')} ${insert(other, 'id < 0')}`;
      const written = await runSql(`${fromRows} ${inserts}`, target);
      expect(written.errorText).toBe('');
      await expectRows(`${table('t', `${one};${other}`, {})} ${queriesOver('t')}`, target);
    });

    it("quoted: INSERT INTO 'kafka://…' and FROM 'kafka://…'", async () => {
      const uri = `kafka://${broker.brokers}/${await newTopic()}`;
      const written = await runSql(`${fromRows} INSERT INTO '${uri}' ${SELECT};`, target);
      expect(written.errorText).toBe('');
      const source = `(SELECT id, name, note, CAST(price AS DECIMAL(18, 4)) AS price,
        TO_TIMESTAMP_LTZ(at, 3) AS at, ok FROM '${uri}?scan.bounded.mode=latest-offset') AS q`;
      await expectRows(queriesOver(source), target);
    });
  });

  async function produceAll(topic: string, values: readonly Buffer[]): Promise<void> {
    const producer = await connectProducer(broker.brokers, { 'linger.ms': 5 });
    for (const [index, value] of values.entries()) {
      producer.produce(topic, index % PARTITIONS, value);
    }
    await flush(producer);
    await disconnect(producer);
  }
});
