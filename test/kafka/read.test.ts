/**
 * The Kafka source against a real broker: what a record becomes, where a read starts and ends,
 * commits, and what is said about a broker, topic or option that is wrong.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowOffset } from '../../src/columnar/batch.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import { inferKafkaSchema } from '../../src/connectors/kafka/infer.js';
import { createTopics, freePorts, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import * as kafka from './harness.js';

const { ALL, ids, kafkaTable, newTopic, openSource, produce, range, readIds, readRows } = kafka;

describe.runIf(javaSuiteRuns('reading from Kafka'))('reading from Kafka', () => {
  let broker: KafkaBroker;
  let brokers = '';

  beforeAll(async () => {
    // Retention looks often, so that a test can outlive records.
    broker = await startKafkaBroker({
      properties: { 'log.retention.check.interval.ms': 200, 'log.initial.task.delay.ms': 100 },
    });
    brokers = broker.brokers;
  });

  afterAll(async () => {
    await broker.stop();
  });

  async function topicWith(
    messages: Iterable<kafka.TestMessage>,
    { partitions = 1 } = {},
  ): Promise<string> {
    const topic = newTopic('read');
    await createTopics(brokers, [{ topic, partitions }]);
    await produce(brokers, topic, messages);
    return topic;
  }

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

  describe('a read starts', () => {
    it('at the end with latest-offset, whenever the first batch is asked for', async () => {
      const topic = await topicWith(ids(10, 2), { partitions: 2 });
      const table = kafkaTable(brokers, topic, { 'scan.startup.mode': 'latest-offset' });
      const opened = await openSource(table);
      expect(opened.source.bounded).toBe(false);
      await produce(brokers, topic, ids(4, 2, 10));
      const rows = await readRows(opened, 4);
      expect(rows.map(([id]) => Number(id)).sort()).toEqual([10, 11, 12, 13]);
    });

    it('at the first record of a time', async () => {
      const at = (id: number): kafka.TestMessage => ({
        value: `{"id":${id}}`,
        partition: id % 2,
        timestampMs: 1_700_000_000_000 + id * 1000,
      });
      const topic = await topicWith(range(20).map(at), { partitions: 3 });
      const from = (timestampMs: number): Record<string, string> => ({
        ...ALL,
        'scan.startup.mode': 'timestamp',
        'scan.startup.timestamp-millis': String(timestampMs),
      });
      expect(await readIds(kafkaTable(brokers, topic, from(1_700_000_015_000)))).toEqual(
        range(5, 15),
      );
      expect(await readIds(kafkaTable(brokers, topic, from(1_800_000_000_000)))).toEqual([]);
      const between = {
        ...from(1_700_000_005_000),
        'scan.bounded.mode': 'timestamp',
        'scan.bounded.timestamp-millis': '1700000009000',
      };
      expect(await readIds(kafkaTable(brokers, topic, between))).toEqual([5, 6, 7, 8]);
    });

    it('at specific offsets, and at the earliest of partitions that are not named', async () => {
      const topic = await topicWith(ids(20, 2), { partitions: 2 });
      const table = kafkaTable(brokers, topic, {
        ...ALL,
        'scan.startup.mode': 'specific-offsets',
        'scan.startup.specific-offsets': 'partition:1,offset:8',
      });
      expect(await readIds(table)).toEqual(
        [...range(20).filter((id) => id % 2 === 0), 17, 19].sort((a, b) => a - b),
      );
    });

    it("at the group's offsets, and where it has none as auto.offset.reset says", async () => {
      const topic = await topicWith(ids(10));
      const options = { ...ALL, 'properties.group.id': newTopic('group') };
      const group = { ...options, 'scan.startup.mode': 'group-offsets' };
      expect(await readIds(kafkaTable(brokers, topic, group))).toEqual(range(10));
      const latest = { ...group, 'properties.auto.offset.reset': 'latest' };
      expect(await readIds(kafkaTable(brokers, topic, latest))).toEqual([]);
      const none = { ...group, 'properties.auto.offset.reset': 'none' };
      const { error } = await kafka.failureOf(() => openSource(kafkaTable(brokers, topic, none)));
      expect(error).toMatchObject({ key: 'OFFSET_OUT_OF_RANGE' });
    });

    it('at the committed offsets of what was handed out, not of what was fetched', async () => {
      const topic = await topicWith(ids(30));
      const options = { ...ALL, 'properties.group.id': newTopic('group') };
      const table = kafkaTable(brokers, topic, {
        ...options,
        'scan.startup.mode': 'group-offsets',
      });
      const first = await openSource(table, { batchRowsMax: 10 });
      let rows = 0;
      await kafka.drain(
        first.source,
        (batch) => (rows += batch.rowCount),
        () => rows >= 10,
      );
      await first.source.commit();
      await first.source.close();
      expect(first.notices).toEqual([]);
      const second = await openSource(table);
      const rest = await readRows(second);
      expect(rest.map(([id]) => Number(id))).toEqual(range(30 - rows, rows));
      const bounded = { ...options, 'scan.bounded.mode': 'group-offsets' };
      const before = kafkaTable(brokers, topic, {
        ...bounded,
        'scan.startup.mode': 'earliest-offset',
      });
      expect(await readIds(before)).toEqual(range(rows));
    });

    it('at a position that an earlier read was at', async () => {
      const topic = await topicWith(ids(20));
      const first = await openSource(kafkaTable(brokers, topic, ALL), { batchRowsMax: 8 });
      const [split] = first.source.splits;
      let rows = 0;
      await kafka.drain(
        first.source,
        (batch) => (rows += batch.rowCount),
        () => rows >= 8,
      );
      const position = split?.position() ?? '';
      await first.source.close();
      const second = await openSource(kafkaTable(brokers, topic, ALL));
      second.source.splits[0]?.seek(position);
      const rest = await readRows(second);
      expect(rest.map(([id]) => Number(id))).toEqual(range(20 - rows, rows));
    });
  });

  describe('a bounded read ends', () => {
    it('at once on an empty topic', async () => {
      const topic = await topicWith([], { partitions: 3 });
      const startedMs = performance.now();
      expect(await readIds(kafkaTable(brokers, topic, ALL))).toEqual([]);
      expect(performance.now() - startedMs).toBeLessThan(3_000);
    });

    it('with partitions that hold nothing', async () => {
      const topic = await topicWith(ids(5), { partitions: 4 });
      expect(await readIds(kafkaTable(brokers, topic, ALL))).toEqual(range(5));
    });

    it('where the topic ended at opening, though records follow', async () => {
      const topic = await topicWith(ids(10));
      const opened = await openSource(kafkaTable(brokers, topic, ALL));
      await produce(brokers, topic, ids(10, 1, 10));
      const rows = await readRows(opened);
      expect(rows.map(([id]) => Number(id))).toEqual(range(10));
    });

    it('before specific offsets, and does not read partitions that are not named', async () => {
      const topic = await topicWith(ids(20, 2), { partitions: 2 });
      const table = kafkaTable(brokers, topic, {
        'scan.bounded.mode': 'specific-offsets',
        'scan.bounded.specific-offsets': 'partition:0,offset:3',
      });
      expect(await readIds(table)).toEqual([0, 2, 4]);
    });

    it('behind the control records of transactions, without what was aborted', async () => {
      const topic = await topicWith([]);
      const producer = await kafka.connectProducer(brokers, { 'transactional.id': topic });
      await kafka.promise((done) => {
        producer.initTransactions(10_000, done);
      });
      for (const [from, end] of [
        [0, 'commit'],
        [10, 'abort'],
        [20, 'commit'],
        [30, 'abort'],
      ] as const) {
        await kafka.promise((done) => {
          producer.beginTransaction(done);
        });
        for (const message of ids(3, 1, from)) kafka.send(producer, topic, message);
        await kafka.flush(producer);
        await kafka.promise((done) => {
          if (end === 'commit') producer.commitTransaction(10_000, done);
          else producer.abortTransaction(10_000, done);
        });
      }
      const opened = await openSource(kafkaTable(brokers, topic, ALL), { system: ['_offset'] });
      const [split] = opened.source.splits;
      const rows = await readRows(opened);
      expect(rows.map(([id, offset]) => [Number(id), Number(offset)])).toEqual([
        [0, 0],
        [1, 1],
        [2, 2],
        [20, 8],
        [21, 9],
        [22, 10],
      ]);
      expect(split?.position()).toBe('16');

      // An open transaction holds nothing up: the end is the last stable offset.
      await kafka.promise((done) => {
        producer.beginTransaction(done);
      });
      for (const message of ids(3, 1, 40)) kafka.send(producer, topic, message);
      await kafka.flush(producer);
      expect(await readIds(kafkaTable(brokers, topic, ALL))).toEqual([0, 1, 2, 20, 21, 22]);
      await kafka.promise((done) => {
        producer.abortTransaction(10_000, done);
      });
      await kafka.disconnect(producer);
    });
  });

  describe('the schema of a quoted topic', () => {
    it('comes from its first 1,000 records', async () => {
      const late = '{"id":1.5,"late":true}';
      const records = range(1000).map((id) => ({ value: `{"id":${id},"name":"n","price":1.5}` }));
      const topic = await topicWith([...records, { value: late }]);
      expect(await inferKafkaSchema(`kafka://${brokers}/${topic}`)).toEqual([
        { name: 'id', type: BIGINT },
        { name: 'name', type: VARCHAR },
        { name: 'price', type: DOUBLE },
      ]);
    });

    it('cannot be inferred from an empty topic, from texts, or without the topic', async () => {
      const infer = async (topic: string): Promise<unknown> =>
        (await kafka.failureOf(() => inferKafkaSchema(`kafka://${brokers}/${topic}`))).error;
      const empty = await topicWith([], { partitions: 2 });
      expect(await infer(empty)).toMatchObject({
        code: 'VELO_SCHEMA_INFERENCE',
        message: `schema of topic "kafka://${brokers}/${empty}" cannot be inferred: the topic holds no records`,
      });
      const texts = await topicWith([{ value: 'a' }, { value: '[1]' }]);
      expect(await infer(texts)).toMatchObject({
        code: 'VELO_SCHEMA_INFERENCE',
        message: expect.stringContaining('none of its first 2 records is a JSON object') as string,
      });
      expect(await infer('no-such-topic')).toMatchObject({ code: 'VELO_TOPIC_NOT_FOUND' });
    });
  });

  describe('it says clearly', () => {
    it('that no broker answers, within the time it was given', async () => {
      const [port = 0] = await freePorts(1);
      const table = kafkaTable(`localhost:${port}`, 'orders', { 'connect.timeout': '2s' });
      const { error, ms } = await kafka.failureOf(() => openSource(table));
      expect(error).toMatchObject({
        code: 'VELO_BROKER_UNREACHABLE',
        message: `no Kafka broker answers at "localhost:${port}" for table "t"`,
        detail: expect.stringMatching(/^tried for 2 s: .*refused/) as string,
        retry: 'backoff',
      });
      expect(ms).toBeLessThan(4_000);
    });

    it('that a topic does not exist, and which one was meant', async () => {
      const topic = await topicWith(ids(1));
      const { error, ms } = await kafka.failureOf(() =>
        openSource(kafkaTable(brokers, topic.replace('read', 'raed'), ALL)),
      );
      expect(error).toMatchObject({
        code: 'VELO_TOPIC_NOT_FOUND',
        message: `topic "${topic.replace('read', 'raed')}" of table "t" does not exist`,
        detail: expect.stringContaining(`the broker at ${brokers} has the topics "`) as string,
        hint: expect.stringContaining('did you mean "read-') as string,
      });
      expect(ms).toBeLessThan(5_000);
    });

    it('which property librdkafka refuses', async () => {
      const topic = await topicWith(ids(1));
      const open = (name: string, value: string): Promise<unknown> =>
        openSource(kafkaTable(brokers, topic, { ...ALL, [`properties.${name}`]: value }));
      const unknown = await kafka.failureOf(() => open('fetch.maximum', '1'));
      expect(unknown.error).toMatchObject({
        code: 'VELO_SETTING_INVALID',
        message: expect.stringContaining(
          'option "properties.fetch.maximum" of table "t"',
        ) as string,
      });
      const bad = await kafka.failureOf(() => open('isolation.level', 'dirty'));
      expect(bad.error).toMatchObject({
        code: 'VELO_SETTING_INVALID',
        message: expect.stringContaining('"properties.isolation.level"') as string,
      });
    });

    it('that records are gone, instead of going on behind them', async () => {
      const topic = newTopic('short');
      const config = { 'retention.bytes': '1', 'segment.bytes': '1048576' };
      await createTopics(brokers, [{ topic, config }]);
      const filler = 'x'.repeat(1000);
      const records = range(3000).map((id) => ({ value: `{"id":${id},"f":"${filler}"}` }));
      await produce(brokers, topic, records);
      const table = kafkaTable(brokers, topic, ALL);
      let first = 0;
      while (first === 0) {
        const probe = await openSource(table);
        first = Number(probe.source.splits[0]?.position());
        await probe.source.close();
      }
      const opened = await openSource(table);
      opened.source.splits[0]?.seek('0');
      const { error, ms } = await kafka.failureOf(() => readRows(opened));
      await opened.source.close();
      expect(error).toMatchObject({
        code: 'VELO_OFFSET_OUT_OF_RANGE',
        message: `offset 0 of topic "${topic}" partition 0 is no longer held by the broker`,
      });
      expect(ms).toBeLessThan(10_000);
    });

    it('that an offset is not held, and which ones are', async () => {
      const topic = await topicWith(ids(5));
      const from = (offsets: string): Record<string, string> => ({
        ...ALL,
        'scan.startup.mode': 'specific-offsets',
        'scan.startup.specific-offsets': offsets,
      });
      const beyond = await kafka.failureOf(() =>
        openSource(kafkaTable(brokers, topic, from('partition:0,offset:9'))),
      );
      expect(beyond.error).toMatchObject({
        code: 'VELO_OFFSET_OUT_OF_RANGE',
        detail: 'the partition holds the offsets from 0 up to 5',
      });
      const missing = await kafka.failureOf(() =>
        openSource(kafkaTable(brokers, topic, from('partition:7,offset:0'))),
      );
      expect(missing.error).toMatchObject({ code: 'VELO_OFFSET_OUT_OF_RANGE' });
    });
  });

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
