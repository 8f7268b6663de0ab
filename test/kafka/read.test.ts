/**
 * The Kafka source against a real broker: what a record becomes and what a quoted topic's schema
 * is. Positions and errors are groups of their own, run here on the same broker.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowOffset } from '../../src/columnar/batch.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import { inferQuotedSource } from '../../src/connectors/registry.js';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import * as kafka from './harness.js';
import { testColumnar } from './read-columnar.js';
import { testErrors } from './read-errors.js';
import { testPartitioned } from './read-partitioned.js';
import { testPositions } from './read-positions.js';

const { ALL, ids, kafkaTable, newTopic, openSource, produce, range, readRows } = kafka;

const javaRuns = javaSuiteRuns('reading from Kafka');
const PATHS = ['columnar', 'librdkafka'] as const;

describe.runIf(javaRuns).each(PATHS)('reading from Kafka by %s', (path) => {
  let broker: KafkaBroker;
  let brokers = '';

  beforeAll(async () => {
    kafka.fetchBy(path);
    // Retention looks often, so that a test can outlive records.
    broker = await startKafkaBroker({
      properties: { 'log.retention.check.interval.ms': 200, 'log.initial.task.delay.ms': 100 },
    });
    brokers = broker.brokers;
  });

  afterAll(async () => {
    await broker.stop();
  });

  const fixture: kafka.ReadFixture = {
    brokers: () => brokers,
    topicWith: async (messages, { partitions = 1 } = {}) => {
      const topic = newTopic('read');
      await createTopics(brokers, [{ topic, partitions }]);
      await produce(brokers, topic, messages);
      return topic;
    },
  };
  const { topicWith } = fixture;

  describe('records', () => {
    it('give keys, headers, times and positions as system columns', async () => {
      const timestampMs = 1_700_000_000_000;
      const headers = [{ source: 'web' }, { trace: Buffer.from('é1') }, { source: 'app' }];
      const topic = await topicWith(
        [
          { value: '{"id":1}', partition: 1, key: 'käy', timestampMs, headers },
          { value: '{"id":2}', partition: 1, timestampMs: timestampMs + 5 },
        ],
        { partitions: 2 },
      );
      const opened = await openSource(kafkaTable(brokers, topic, ALL), {
        system: ['_key', '_headers', '_record_time', '_partition', '_offset', '_topic'],
      });
      const rows = await readRows(opened);
      expect(rows).toEqual([
        [
          1n,
          'käy',
          { keys: ['source', 'trace'], values: ['app', 'é1'] },
          timestampMs,
          1n,
          0n,
          topic,
        ],
        [2n, null, { keys: [], values: [] }, timestampMs + 5, 1n, 1n, topic],
      ]);
    });

    it('read at a time between opening and the end carry it as _timestamp', async () => {
      const topic = await topicWith(ids(3));
      const beforeMs = Date.now();
      const opened = await openSource(kafkaTable(brokers, topic, ALL), { system: ['_timestamp'] });
      const rows = await readRows(opened);
      for (const [, time] of rows) {
        expect(time).toBeGreaterThanOrEqual(beforeMs);
        expect(time).toBeLessThanOrEqual(Date.now());
      }
    });

    it('without a value give no row, move the position and are counted', async () => {
      const topic = await topicWith([
        { value: '{"id":1}', key: 'a' },
        { value: null, key: 'a' },
        { value: '{"id":3}', key: 'b' },
        { value: null, key: 'b' },
      ]);
      const opened = await openSource(kafkaTable(brokers, topic, ALL), { system: ['_offset'] });
      const [split] = opened.source.splits;
      const rows = await readRows(opened);
      expect(rows).toEqual([
        [1n, 0n],
        [3n, 2n],
      ]);
      expect(split?.rowsRead()).toBe(2);
      expect(split?.position()).toBe('4');
      expect(opened.notices).toEqual([`topic "${topic}": 2 records without a value gave no row`]);
    });

    it('that cannot be decoded are reported with partition, offset and bytes', async () => {
      const topic = await topicWith([
        { value: '{"id":1}' },
        { value: '{"id":' },
        { value: '[]' },
        { value: '{"id":4}' },
      ]);
      const opened = await openSource(kafkaTable(brokers, topic, ALL));
      const [split] = opened.source.splits;
      const rows = await readRows(opened);
      expect(rows).toEqual([[1n], [4n]]);
      expect(
        opened.failed.map(({ key, split: at, offset, raw }) => [key, at, offset, raw]),
      ).toEqual([
        ['DECODE', 0, 1, '{"id":'],
        ['DECODE', 0, 2, '[]'],
      ]);
      expect(split?.rowsRead()).toBe(4);
    });

    it('of raw format are their text', async () => {
      const topic = await topicWith([{ value: 'plain' }, { value: '{"x":1}' }]);
      const columns = [{ name: 'line', type: VARCHAR }];
      const table = kafkaTable(brokers, topic, { ...ALL, format: 'raw' }, columns);
      expect(await readRows(await openSource(table))).toEqual([['plain'], ['{"x":1}']]);
    });

    it('of CSV are fields in the order of the table, without a header line', async () => {
      const topic = await topicWith([{ value: '1;a' }, { value: '2;"b;c"' }]);
      const columns = [
        { name: 'id', type: BIGINT },
        { name: 'name', type: VARCHAR },
      ];
      const options = { ...ALL, format: 'csv', 'csv.field-delimiter': ';' };
      const table = kafkaTable(brokers, topic, options, columns);
      expect(await readRows(await openSource(table))).toEqual([
        [1n, 'a'],
        [2n, 'b;c'],
      ]);
    });

    it('larger than 16 MiB are a data error, and the next one is read', async () => {
      const topic = newTopic('large');
      const config = { 'max.message.bytes': '20000000' };
      await createTopics(brokers, [{ topic, config }]);
      const producer = await kafka.connectProducer(brokers, { 'message.max.bytes': 20_000_000 });
      kafka.send(producer, topic, { value: `{"id":1,"f":"${'x'.repeat(2_000_000)}"}` });
      kafka.send(producer, topic, { value: `{"id":2,"f":"${'x'.repeat(17_000_000)}"}` });
      kafka.send(producer, topic, { value: '{"id":3}' });
      await kafka.flush(producer);
      await kafka.disconnect(producer);
      const opened = await openSource(kafkaTable(brokers, topic, ALL));
      expect(await readRows(opened)).toEqual([[1n], [3n]]);
      expect(opened.failed).toEqual([
        {
          key: 'RECORD_TOO_LARGE',
          message: 'the record has 17000015 bytes, more than 16777216',
          split: 0,
          offset: 1,
          raw: '',
        },
      ]);
    });

    it('are complete and single over 4 partitions and 100,000 records', async () => {
      const count = 100_000;
      const topic = await topicWith(ids(count, 4), { partitions: 4 });
      const opened = await openSource(kafkaTable(brokers, topic, ALL), { system: ['_offset'] });
      const seen = new Uint8Array(count);
      let sequenceFaults = 0;
      const nextSequence = [0, 0, 0, 0];
      await kafka.drain(opened.source, (batch) => {
        const { header } = batch;
        if (header.sequence !== nextSequence[header.split]) sequenceFaults += 1;
        nextSequence[header.split] = header.sequence + 1;
        const [values] = batch.columns;
        if (values?.kind !== 'f64') throw new Error('BIGINT of this size is f64');
        for (let row = 0; row < batch.rowCount; row += 1) {
          const id = values.values[row]!;
          seen[id] = seen[id]! + 1;
          if (rowOffset(header, row) !== Math.floor(id / 4)) sequenceFaults += 1;
        }
      });
      await opened.source.close();
      expect(sequenceFaults).toBe(0);
      expect(seen.every((times) => times === 1)).toBe(true);
      expect(opened.source.splits.map((split) => split.rowsRead())).toEqual([
        25_000, 25_000, 25_000, 25_000,
      ]);
    });

    it('fill batches of at most the size that was asked for', async () => {
      const topic = await topicWith(ids(50));
      const opened = await openSource(kafkaTable(brokers, topic, ALL), { batchRowsMax: 7 });
      const sizes: number[] = [];
      await kafka.drain(opened.source, (batch) => sizes.push(batch.rowCount));
      await opened.source.close();
      expect(Math.max(...sizes)).toBeLessThanOrEqual(7);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(50);
    });

    it('of one partition can be read to the end while nobody reads the others', async () => {
      const count = 150_000;
      const topic = await topicWith(ids(count, 2), { partitions: 2 });
      const { source } = await openSource(kafkaTable(brokers, topic, ALL));
      const rows = [0, 0];
      const second = { ...source, splits: source.splits.slice(1) };
      const first = { ...source, splits: source.splits.slice(0, 1) };
      // Fill the queue with the first partition's records before the second one's are asked for.
      const [waiting] = source.splits;
      expect(waiting?.next()).toBe('wait');
      await waiting?.ready();
      for (const part of [second, first]) {
        await kafka.drain(part, (batch) => {
          rows[batch.header.split] = rows[batch.header.split]! + batch.rowCount;
        });
      }
      await source.close();
      expect(rows).toEqual([count / 2, count / 2]);
    });
  });

  describe('the schema of a quoted topic', () => {
    it('comes from its first 1,000 records', async () => {
      const late = '{"id":1.5,"late":true}';
      const records = range(1000).map((id) => ({ value: `{"id":${id},"name":"n","price":1.5}` }));
      const topic = await topicWith([...records, { value: late }]);
      const columns = [
        { name: 'id', type: BIGINT },
        { name: 'name', type: VARCHAR },
        { name: 'price', type: DOUBLE },
      ];
      const uri = `kafka://${brokers}/${topic}`;
      expect(await inferQuotedSource(uri)).toMatchObject({ columns, bounded: false });
      const bounded = `${uri}?scan.bounded.mode=latest-offset&properties.client.id=mine`;
      expect(await inferQuotedSource(bounded)).toMatchObject({
        columns,
        bounded: true,
        options: { topic, 'properties.client.id': 'mine' },
      });
    });

    it('takes options of tables, and no others', async () => {
      const failed = async (uri: string): Promise<unknown> =>
        (await kafka.failureOf(() => inferQuotedSource(uri))).error;
      expect(await failed(`kafka://${brokers}/t?scan.startup.mod=x`)).toMatchObject({
        code: 'VELO_SETTING_INVALID',
      });
      expect(await failed(`kafka://${brokers}/t?format=csv`)).toMatchObject({
        code: 'VELO_SCHEMA_INFERENCE',
      });
    });

    it('cannot be inferred from an empty topic, from texts, or without the topic', async () => {
      const infer = async (topic: string): Promise<unknown> =>
        (await kafka.failureOf(() => inferQuotedSource(`kafka://${brokers}/${topic}`))).error;
      const empty = await topicWith([], { partitions: 2 });
      expect(await infer(empty)).toMatchObject({
        code: 'VELO_SCHEMA_INFERENCE',
        message: `schema of topic "kafka://${brokers}/${empty}" cannot be inferred: the topic holds no records`,
      });
      const texts = await topicWith([{ value: 'a' }, { value: '[1]' }]);
      expect(await infer(texts)).toMatchObject({
        code: 'VELO_SCHEMA_INFERENCE',
        message: expect.stringMatching(
          /its first record .* \(topic ".*", partition 0, offset 0\)$/,
        ) as string,
      });
      for (const [value, hint] of [
        ['\0\0\0\0\x07\x02\x08', "'format' = 'avro-confluent'"],
        ['\0\0\0\0\x07{"a":1}', 'JSON behind the id'],
        ['[{"a":1}]', 'an array of them is none'],
        ['a,b', 'CREATE TABLE'],
      ] as const) {
        expect(await infer(await topicWith([{ value }]))).toMatchObject({
          code: 'VELO_SCHEMA_INFERENCE',
          hint: expect.stringContaining(hint) as string,
        });
      }
      expect(await infer('no-such-topic')).toMatchObject({ code: 'VELO_TOPIC_NOT_FOUND' });
    });
  });

  describe('a read starts and ends', () => {
    testPositions(fixture);
  });

  describe('it says clearly', () => {
    testErrors(fixture);
  });

  describe('on V2', () => {
    testPartitioned(fixture);
  });

  if (path === 'columnar') {
    describe('of our own', () => {
      testColumnar(fixture, () => broker);
    });
  }

  it('keeps columns in the order that the query asks for', async () => {
    const topic = await topicWith([{ value: '{"b":"x","a":1}' }]);
    const columns = [
      { name: 'a', type: BIGINT },
      { name: 'b', type: VARCHAR },
    ];
    const opened = await openSource(kafkaTable(brokers, topic, ALL, columns), {
      system: ['_partition'],
    });
    expect(await readRows(opened)).toEqual([[1n, 'x', 0n]]);
  });
});
