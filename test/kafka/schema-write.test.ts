/**
 * The command writes topics of Avro and Protobuf over a real broker and a schema registry, on V1 and
 * V2: velo reads the rows back as they were, and so do the libraries themselves from the bytes that
 * another consumer fetches; upserts with keys that have a schema; rows and schemas that do not fit.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import avsc from 'avsc';
import kafka from 'node-rdkafka';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { TestRegistry } from '../support/schema-registry.js';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';
import { newTopic } from './harness.js';

const ROWS = 3_000;
const KEYS = 7;
const LIMIT_MS = 240_000;
const COLUMNS = `id BIGINT, price DECIMAL(12, 2), ratio DOUBLE, note STRING, ok BOOLEAN,
  at TIMESTAMP(3), day DATE`;

/** Every other record lacks something; times and days are on both sides of 1970. */
function record(index: number): Record<string, unknown> {
  const sign = index % 2 === 0 ? 1 : -1;
  return {
    id: index,
    price: index % 11 === 0 ? null : (sign * index) / 100,
    ratio: index % 13 === 0 ? null : sign / (index + 1),
    note: index % 5 === 0 ? null : `grüße 😀 ${index % KEYS}`,
    ok: index % 3 === 0 ? null : index % 3 === 1,
    at: index % 17 === 0 ? null : sign * index * 86_399_999,
    day: index % 4 === 0 ? '1969-12-31' : '2024-02-29',
  };
}

interface RawRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** All records of a topic of one partition, as node-rdkafka's consumer gives them. */
function fetchRaw(brokers: string, topic: string, count: number): Promise<RawRecord[]> {
  const consumer = new kafka.KafkaConsumer(
    { 'metadata.broker.list': brokers, 'group.id': newTopic('raw'), 'enable.auto.commit': false },
    { 'auto.offset.reset': 'earliest' },
  );
  return new Promise((resolve, reject) => {
    const records: RawRecord[] = [];
    consumer.on('data', ({ key, value }) => {
      records.push({ key: typeof key === 'string' ? Buffer.from(key) : (key ?? null), value });
      if (records.length !== count) return;
      consumer.disconnect(() => {
        resolve(records);
      });
    });
    consumer.connect({}, (error) => {
      if (error) {
        reject(error);
        return;
      }
      consumer.assign([{ topic, partition: 0, offset: 0 }]);
      consumer.consume();
    });
  });
}

function sortedLines(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .sort((a, b) => (a < b ? -1 : 1));
}

describe.runIf(javaSuiteRuns('writing with schemas'))('writing with schemas', () => {
  const registry = new TestRegistry();
  const folder = mkdtempSync(join(tmpdir(), 'velo-schemas-'));
  const source = join(folder, 'rows.jsonl');
  let broker: KafkaBroker;

  beforeAll(async () => {
    await registry.start();
    broker = await startKafkaBroker();
    const lines = Array.from({ length: ROWS }, (_, index) => JSON.stringify(record(index)));
    writeFileSync(source, `${lines.join('\n')}\n`);
  }, 120_000);

  afterAll(async () => {
    await broker.stop();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function emptyTopic(): Promise<string> {
    const topic = newTopic('schemas');
    await createTopics(broker.brokers, [{ topic, partitions: 1 }]);
    return topic;
  }

  function fileTable(): string {
    return `CREATE TABLE f (${COLUMNS}) WITH ('connector' = 'file', 'path' = '${source}',
      'format' = 'json');`;
  }

  function topicTable(topic: string, columns: string, options: Record<string, string>): string {
    const all = {
      connector: 'kafka',
      topic,
      'properties.bootstrap.servers': broker.brokers,
      'scan.startup.mode': 'earliest-offset',
      'scan.bounded.mode': 'latest-offset',
      ...options,
    };
    const list = Object.entries(all).map(([name, value]) => `'${name}' = '${value}'`);
    return `CREATE TABLE t (${columns}) WITH (${list.join(', ')});`;
  }

  function run(sql: string, flags = '--arch v1'): Promise<VeloRun> {
    return velo(['run', ...flags.split(' '), '--format', 'jsonl', '-e', sql], {
      limitMs: LIMIT_MS,
    });
  }

  async function rowsOf(sql: string): Promise<string[]> {
    const { exit, stdout, stderr } = await run(sql);
    expect(exit, stderr).toBe(0);
    return sortedLines(stdout);
  }

  function schemaOf(subject: string): Promise<string> {
    return fetch(`${registry.url}/subjects/${subject}/versions/latest`)
      .then((answer) => answer.json())
      .then((body) => (body as { schema: string }).schema);
  }

  const formats = ['avro-confluent', 'protobuf-confluent'] as const;
  const engines = [
    ['V1', '--arch v1'],
    ['V2', '--arch v2 --partitions 2 --workers 2'],
  ] as const;
  const runs = formats.flatMap((format) =>
    engines.map(([engine, flags]) => ({ format, engine, flags })),
  );

  it.each(runs)(
    '$format from $engine is read back as it was',
    async ({ format, flags }) => {
      const topic = await emptyTopic();
      const options = { format, [`${format}.url`]: registry.url };
      const table = topicTable(topic, COLUMNS, options);
      const written = await run(`${fileTable()} ${table} INSERT INTO t SELECT * FROM f;`, flags);
      expect(written.exit, written.stderr).toBe(0);
      const posts = registry.requests.filter((each) => each.includes(`${topic}-value`));
      expect(posts).toEqual([`POST /subjects/${topic}-value/versions`]);
      expect(await rowsOf(`${table} SELECT * FROM t;`)).toEqual(
        await rowsOf(`${fileTable()} SELECT * FROM f;`),
      );
    },
    90_000,
  );

  it('others read the records by the registered schema', async () => {
    for (const format of formats) {
      const topic = await emptyTopic();
      const table = topicTable(topic, COLUMNS, { format, [`${format}.url`]: registry.url });
      const written = await run(`${fileTable()} ${table} INSERT INTO t SELECT * FROM f;`);
      expect(written.exit, written.stderr).toBe(0);
      const text = await schemaOf(`${topic}-value`);
      const decode = format === 'avro-confluent' ? avroReader(text) : protobufReader(text);
      const records = await fetchRaw(broker.brokers, topic, ROWS);
      records.forEach(({ value }, index) => {
        expect(value?.[0]).toBe(0);
        const { id, note, ok, at } = decode(value ?? Buffer.alloc(0));
        expect({ id, note, ok, at }).toEqual(
          (({ id, note, ok, at }) => ({ id, note, ok, at }))(record(index)),
        );
      });
    }
  }, 120_000);

  it('a table of latest rows has keys with a schema, and tombstones', async () => {
    const topic = await emptyTopic();
    const table = topicTable(topic, 'note STRING, n BIGINT, PRIMARY KEY (note) NOT ENFORCED', {
      'key.format': 'avro-confluent',
      'value.format': 'protobuf-confluent',
      'key.avro-confluent.url': registry.url,
      'protobuf-confluent.url': registry.url,
    });
    const query = `INSERT INTO t SELECT note, COUNT(*) FROM f WHERE id < 8
      GROUP BY note HAVING COUNT(*) < 2;`;
    const written = await run(`${fileTable()} ${table} ${query}`);
    expect(written.exit, written.stderr).toBe(0);
    // Ids 1 to 7 but for 5 have a note each, and no other occurs twice but NULL (0 and 5).
    const records = await fetchRaw(broker.brokers, topic, 8);
    const keyOf = avroReader(await schemaOf(`${topic}-key`));
    const keys = records.map(({ key }) => keyOf(key ?? Buffer.alloc(0))['note']);
    const nulls = records.filter((_, index) => keys[index] === null);
    expect(nulls.map(({ value }) => value === null)).toEqual([false, true]);
    expect(new Set(keys).size).toBe(7);
    expect(records.filter(({ value }) => value === null)).toHaveLength(1);
  }, 90_000);

  it.each(['avro-confluent', 'protobuf-confluent'])(
    'columns that are in the key alone come back from there: %s',
    async (format) => {
      const topic = await emptyTopic();
      const table = topicTable(topic, 'k_note STRING, k_id BIGINT, ratio DOUBLE', {
        format: 'json',
        'key.format': format,
        [`key.${format}.url`]: registry.url,
        'key.fields': 'k_note;k_id',
        'key.fields-prefix': 'k_',
        'value.fields-include': 'EXCEPT_KEY',
      });
      const query = 'INSERT INTO t SELECT note, id, ratio FROM f WHERE id < 9;';
      const written = await run(`${fileTable()} ${table} ${query}`);
      expect(written.exit, written.stderr).toBe(0);
      const [first] = await fetchRaw(broker.brokers, topic, 9);
      expect(first?.key?.[0]).toBe(0);
      expect(first?.value?.toString()).toBe('{"ratio":null}');
      const rows = await rowsOf(`${table} SELECT k_id, k_note FROM t;`);
      const expected = Array.from({ length: 9 }, (_, id) => {
        return JSON.stringify({ k_id: id, k_note: record(id)['note'] });
      });
      expect([...rows].sort()).toEqual(expected.sort());
    },
    90_000,
  );

  it('schemas without a registry have no frame', async () => {
    const topic = await emptyTopic();
    const proto = join(folder, 'p.proto');
    const text = 'syntax = "proto3"; message A {} message B { optional int64 id = 3; }';
    writeFileSync(proto, text);
    const table = topicTable(topic, 'id BIGINT', {
      format: 'protobuf',
      'protobuf.schema-file': proto,
      'protobuf.message-class-name': 'B',
    });
    const query = 'INSERT INTO t SELECT id FROM f WHERE id < 3;';
    const written = await run(`${fileTable()} ${table} ${query}`);
    expect(written.exit, written.stderr).toBe(0);
    const records = await fetchRaw(broker.brokers, topic, 3);
    expect(records.map(({ value }) => [...(value ?? [])])).toEqual([
      [24, 0],
      [24, 1],
      [24, 2],
    ]);
    expect(await rowsOf(`${table} SELECT id FROM t;`)).toEqual([
      '{"id":0}',
      '{"id":1}',
      '{"id":2}',
    ]);
  }, 90_000);

  const paths = ['columnar', 'librdkafka'] as const;
  it.each(paths)(
    'a row that the latest schema does not take ends the run: %s',
    async (produce) => {
      const topic = await emptyTopic();
      const schema = '{"type":"record","name":"R","fields":[{"name":"note","type":"string"}]}';
      registry.register(`${topic}-value`, schema);
      const options = {
        produce,
        format: 'avro-confluent',
        'avro-confluent.url': registry.url,
        'avro-confluent.auto-register': 'false',
      };
      const table = topicTable(topic, 'note STRING', options);
      const failed = await run(`${fileTable()} ${table} INSERT INTO t SELECT note FROM f;`);
      expect(failed.exit).toBe(1);
      expect(failed.stderr).toContain('VELO_SINK_WRITE');
      expect(failed.stderr).toContain('column "note" is NULL, which the schema does not take');
      const fits = 'INSERT INTO t SELECT note FROM f WHERE note IS NOT NULL AND id < 4;';
      const written = await run(`${fileTable()} ${table} ${fits}`);
      expect(written.exit, written.stderr).toBe(0);
      expect(await rowsOf(`${table} SELECT note FROM t;`)).toHaveLength(3);
    },
    90_000,
  );

  it('a schema that the registry refuses ends the run before it begins', async () => {
    const topic = await emptyTopic();
    registry.register(`${topic}-value`, '"string"');
    registry.closed.add(`${topic}-value`);
    const options = { format: 'avro-confluent', 'avro-confluent.url': registry.url };
    const table = topicTable(topic, COLUMNS, options);
    const failed = await run(`${fileTable()} ${table} INSERT INTO t SELECT * FROM f;`);
    expect(failed.exit).toBe(1);
    expect(failed.stderr).toContain('VELO_SCHEMA_REGISTRY_REFUSED');
    expect(failed.stderr).toContain('status 409');
  }, 90_000);
});

type Decoded = Readonly<Record<string, unknown>>;

/** Behind the frame of five bytes, by avsc. */
function avroReader(schema: string): (bytes: Buffer) => Decoded {
  const type = avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema);
  return (bytes) => type.fromBuffer(bytes.subarray(5)) as Decoded;
}

/** Behind the frame and the index of the first message, by protobufjs. */
function protobufReader(schema: string): (bytes: Buffer) => Decoded {
  const root = new protobuf.Root();
  root.addJSON(protobuf.common.get('google/protobuf/timestamp.proto')?.nested ?? {});
  protobuf.parse(schema, root, { keepCase: true });
  const type = root.lookupType('Row');
  return (bytes) => {
    const { id, note, ok, at } = type.toObject(type.decode(bytes.subarray(6)), { longs: Number });
    const time = at as { readonly seconds: number; readonly nanos: number } | undefined;
    const ms = time === undefined ? null : time.seconds * 1_000 + time.nanos / 1_000_000;
    return { id: id as number, note: note ?? null, ok: ok ?? null, at: ms };
  };
}
