/**
 * The command over a real broker and a schema registry: topics of Avro and Protobuf in Confluent's
 * framing, whose schemas change on the way, grouped on V1 and on V2; damaged records are data
 * errors that name their offset.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafka from 'node-rdkafka';
import avsc from 'avsc';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { framed, TestRegistry } from '../support/schema-registry.js';
import { velo } from '../support/velo-process.js';

const RECORDS = 6_000;
const KEYS = 7;
const LIMIT_MS = 240_000;

const FIRST = { name: 'k', type: 'string' };
const AMOUNT = { name: 'amount', type: 'int' };
/** The second writer adds a field in front, makes one optional and promotes the number. */
const AVRO_SCHEMAS = [
  { type: 'record', name: 'Sale', fields: [FIRST, AMOUNT] },
  {
    type: 'record',
    name: 'Sale',
    fields: [
      { name: 'tags', type: { type: 'array', items: 'string' } },
      { name: 'amount', type: ['null', 'long'] },
      FIRST,
    ],
  },
];

const PROTO = `syntax = "proto3";
message Unused { int32 x = 1; }
message Sale { string k = 1; int64 amount = 2; string comment = 3; }`;

function amountOf(index: number): number {
  return index % 100;
}

/** COUNT and SUM of the records by key, as rows of JSON. */
function expectedRows(): string[] {
  const groups = new Map<string, { n: number; total: number }>();
  for (let index = 0; index < RECORDS; index += 1) {
    const key = `key-${index % KEYS}`;
    const group = groups.get(key) ?? { n: 0, total: 0 };
    groups.set(key, { n: group.n + 1, total: group.total + amountOf(index) });
  }
  return [...groups]
    .map(([k, { n, total }]) => JSON.stringify({ k, n, total }))
    .sort((a, b) => (a < b ? -1 : 1));
}

function avroRecords(registry: TestRegistry, subject: string): Buffer[] {
  const writers = AVRO_SCHEMAS.map((schema) => ({
    id: registry.register(subject, JSON.stringify(schema)),
    type: avsc.Type.forSchema(schema as avsc.Schema),
  }));
  return Array.from({ length: RECORDS }, (_, index) => {
    const { id, type } = writers[index % 3 === 0 ? 1 : 0] ?? {
      id: 0,
      type: avsc.Type.forSchema('null'),
    };
    const record = { k: `key-${index % KEYS}`, amount: amountOf(index), tags: ['a', 'b'] };
    return framed(id, type.toBuffer(record));
  });
}

function protobufRecords(registry: TestRegistry, subject: string): Buffer[] {
  const id = registry.register(subject, PROTO, 'PROTOBUF');
  const type = protobuf.parse(PROTO, { keepCase: true }).root.lookupType('Sale');
  return Array.from({ length: RECORDS }, (_, index) => {
    const record = { k: `key-${index % KEYS}`, amount: amountOf(index), comment: 'c' };
    const value = type.encode(type.fromObject(record)).finish();
    return framed(id, Buffer.concat([Buffer.from([2, 2]), value]));
  });
}

function produce(brokers: string, topic: string, records: readonly Buffer[]): Promise<void> {
  const producer = new kafka.Producer({ 'metadata.broker.list': brokers, 'linger.ms': 5 }, {});
  return new Promise((resolve, reject) => {
    producer.connect({}, (error) => {
      if (error) {
        reject(error);
        return;
      }
      records.forEach((record, index) => {
        producer.produce(topic, topic.startsWith('d') ? 0 : index % 2, record);
      });
      producer.flush(30_000, (fault: unknown) => {
        producer.disconnect(() => {
          if (fault) reject(new Error(String(fault)));
          else resolve();
        });
      });
    });
  });
}

describe.runIf(javaSuiteRuns('formats with schemas'))('formats with schemas', () => {
  const registry = new TestRegistry();
  let broker: KafkaBroker;

  beforeAll(async () => {
    await registry.start();
    broker = await startKafkaBroker();
    const topics = ['avro', 'protobuf', 'damaged', 'dead'];
    await createTopics(
      broker.brokers,
      topics.map((topic) => ({ topic, partitions: topic.startsWith('d') ? 1 : 2 })),
    );
    const avro = avroRecords(registry, 'avro-value');
    await produce(broker.brokers, 'avro', avro);
    await produce(broker.brokers, 'protobuf', protobufRecords(registry, 'protobuf-value'));
  }, 120_000);

  afterAll(async () => {
    await broker.stop();
    await registry.stop();
  });

  function tableOf(topic: string, format: string): string {
    return `CREATE TABLE t (k STRING, amount BIGINT) WITH ('connector' = 'kafka',
      'topic' = '${topic}', 'properties.bootstrap.servers' = '${broker.brokers}',
      'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset',
      'format' = '${format}', '${format}.url' = '${registry.url}', '${format}.timeout' = '10s');`;
  }

  const engines = [
    ['V1', '--arch v1'],
    ['V2', '--arch v2 --partitions 2'],
  ] as const;
  const formats = [
    ['avro', 'avro-confluent'],
    ['protobuf', 'protobuf-confluent'],
  ] as const;
  const runs = formats.flatMap(([topic, format]) =>
    engines.map(([engine, flags]) => ({ topic, format, engine, flags })),
  );

  it.each(runs)(
    '$format is grouped on $engine',
    async ({ topic, format, flags }) => {
      const query = 'SELECT k, COUNT(*) AS n, SUM(amount) AS total FROM t GROUP BY k EMIT FINAL;';
      const args = ['run', ...flags.split(' '), '--format', 'jsonl', '-e'];
      const run = await velo([...args, `${tableOf(topic, format)} ${query}`], {
        limitMs: LIMIT_MS,
      });
      expect(run.exit, run.stderr).toBe(0);
      const rows = run.stdout.trimEnd().split('\n');
      expect(rows.sort((a, b) => (a < b ? -1 : 1))).toEqual(expectedRows());
    },
    90_000,
  );

  it('a record without a frame or of an unknown schema ends the run with its offset', async () => {
    const [good = Buffer.alloc(0)] = avroRecords(registry, 'avro-value');
    await produce(broker.brokers, 'damaged', [good]);
    await produce(broker.brokers, 'damaged', [framed(4711, Buffer.from([0]))]);
    const args = ['run', '--format', 'jsonl', '-e'];
    const sql = `${tableOf('damaged', 'avro-confluent')} SELECT k FROM t;`;
    const failed = await velo([...args, sql], { limitMs: LIMIT_MS });
    expect(failed.exit).toBe(1);
    expect(failed.stderr).toContain('VELO_DECODE');
    expect(failed.stderr).toContain('schema 4711, which the registry');
    expect(failed.stderr).toMatch(/offset\D*1\b/);
    const skipped = await velo(['run', '--on-error', 'skip', ...args.slice(1), sql], {
      limitMs: LIMIT_MS,
    });
    expect(skipped.exit, skipped.stderr).toBe(0);
    expect(skipped.stdout.trimEnd()).toBe('{"k":"key-0"}');
  }, 90_000);

  it('records of every kind of damage become dead letters with their offsets', async () => {
    const [good = Buffer.alloc(0)] = avroRecords(registry, 'avro-value');
    const unknown = framed(4712, Buffer.from([0]));
    const wrongLanguage = registry.register('protobuf-value', PROTO, 'PROTOBUF');
    const damaged: readonly (readonly [Buffer, string])[] = [
      [Buffer.from([0, 0, 0]), '3 bytes are too few'],
      [Buffer.from([1, 0, 0, 0, 0xff, 2, 2]), 'first byte is 1'],
      [unknown, 'schema 4712, which the registry'],
      [framed(wrongLanguage, Buffer.from([0])), 'a schema of Protobuf, not Avro'],
      [good.subarray(0, -1), 'does not follow its Avro schema'],
      [Buffer.concat([good, Buffer.from([0])]), 'does not follow its Avro schema'],
    ];
    const topic = 'dead';
    await produce(broker.brokers, topic, [good, ...damaged.map(([bytes]) => bytes), good]);
    const folder = mkdtempSync(join(tmpdir(), 'velo-dead-'));
    for (const [engine, flags] of engines) {
      const path = join(folder, `${engine}.jsonl`);
      const args = ['run', ...flags.split(' '), '--format', 'jsonl', '--on-error', 'dead-letter'];
      const sql = `${tableOf(topic, 'avro-confluent')} SELECT k FROM t;`;
      const run = await velo([...args, '--dead-letter', path, '-e', sql], { limitMs: LIMIT_MS });
      expect(run.exit, run.stderr).toBe(0);
      expect(run.stdout.trimEnd().split('\n')).toEqual(['{"k":"key-0"}', '{"k":"key-0"}']);
      const letters = readFileSync(path, 'utf8').trimEnd().split('\n');
      expect(letters).toHaveLength(damaged.length);
      letters.forEach((letter, index) => {
        expect(letter).toContain('VELO_DECODE');
        expect(letter).toContain(damaged[index]?.[1]);
        expect(JSON.parse(letter)).toMatchObject({ source: { partition: 0, offset: index + 1 } });
        // Whole, whatever its bytes are.
        const { raw, rawBase64 } = JSON.parse(letter) as { raw: string; rawBase64?: string };
        const bytes = rawBase64 === undefined ? Buffer.from(raw) : Buffer.from(rawBase64, 'base64');
        expect(bytes).toEqual(damaged[index]?.[0]);
      });
    }
    rmSync(folder, { recursive: true });
  }, 90_000);

  it('a registry that is away ends the run in bounded time', async () => {
    const table = tableOf('avro', 'avro-confluent')
      .replace(registry.url, 'http://127.0.0.1:1')
      .replace("'10s'", "'1s'");
    const run = await velo(['run', '-e', `${table} SELECT k FROM t;`], { limitMs: LIMIT_MS });
    expect(run.exit).toBe(1);
    expect(run.stderr).toContain('VELO_SCHEMA_REGISTRY');
  }, 90_000);
});
