/**
 * Where a read of a topic starts and ends: start modes, bounded modes, commits, positions and
 * transactions. Run by read.test.ts, so that one broker serves all tests of reading.
 */
import { describe, expect, it } from 'vitest';
import * as kafka from './harness.js';
import { atThisPace } from '../support/machine-pace.js';

const { ALL, ids, kafkaTable, newTopic, openSource, produce, range, readIds, readRows } = kafka;

export function testPositions({ topicWith, brokers: address }: kafka.ReadFixture): void {
  describe('a read starts', () => {
    it('at the end with latest-offset, whenever the first batch is asked for', async () => {
      const topic = await topicWith(ids(10, 2), { partitions: 2 });
      const table = kafkaTable(address(), topic, { 'scan.startup.mode': 'latest-offset' });
      const opened = await openSource(table);
      expect(opened.source.bounded).toBe(false);
      await produce(address(), topic, ids(4, 2, 10));
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
      expect(await readIds(kafkaTable(address(), topic, from(1_700_000_015_000)))).toEqual(
        range(5, 15),
      );
      expect(await readIds(kafkaTable(address(), topic, from(1_800_000_000_000)))).toEqual([]);
      const between = {
        ...from(1_700_000_005_000),
        'scan.bounded.mode': 'timestamp',
        'scan.bounded.timestamp-millis': '1700000009000',
      };
      expect(await readIds(kafkaTable(address(), topic, between))).toEqual([5, 6, 7, 8]);
    });

    it('at specific offsets, and at the earliest of partitions that are not named', async () => {
      const topic = await topicWith(ids(20, 2), { partitions: 2 });
      const table = kafkaTable(address(), topic, {
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
      expect(await readIds(kafkaTable(address(), topic, group))).toEqual(range(10));
      const latest = { ...group, 'properties.auto.offset.reset': 'latest' };
      expect(await readIds(kafkaTable(address(), topic, latest))).toEqual([]);
      const none = { ...group, 'properties.auto.offset.reset': 'none' };
      const { error } = await kafka.failureOf(() => openSource(kafkaTable(address(), topic, none)));
      expect(error).toMatchObject({ key: 'OFFSET_OUT_OF_RANGE' });
    });

    it('at the committed offsets of what was handed out, not of what was fetched', async () => {
      const topic = await topicWith(ids(30));
      const options = { ...ALL, 'properties.group.id': newTopic('group') };
      const table = kafkaTable(address(), topic, {
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
      const before = kafkaTable(address(), topic, {
        ...bounded,
        'scan.startup.mode': 'earliest-offset',
      });
      expect(await readIds(before)).toEqual(range(rows));
    });

    it('at a position that an earlier read was at', async () => {
      const topic = await topicWith(ids(20));
      const first = await openSource(kafkaTable(address(), topic, ALL), { batchRowsMax: 8 });
      const [split] = first.source.splits;
      let rows = 0;
      await kafka.drain(
        first.source,
        (batch) => (rows += batch.rowCount),
        () => rows >= 8,
      );
      const position = split?.position() ?? '';
      await first.source.close();
      const second = await openSource(kafkaTable(address(), topic, ALL));
      second.source.splits[0]?.seek(position);
      const rest = await readRows(second);
      expect(rest.map(([id]) => Number(id))).toEqual(range(20 - rows, rows));
    });
  });

  describe('a bounded read ends', () => {
    it('at once on an empty topic', async () => {
      const topic = await topicWith([], { partitions: 3 });
      const startedMs = performance.now();
      expect(await readIds(kafkaTable(address(), topic, ALL))).toEqual([]);
      expect(performance.now() - startedMs).toBeLessThan(atThisPace(3_000));
    });

    it('with partitions that hold nothing', async () => {
      const topic = await topicWith(ids(5), { partitions: 4 });
      expect(await readIds(kafkaTable(address(), topic, ALL))).toEqual(range(5));
    });

    it('where the topic ended at opening, though records follow', async () => {
      const topic = await topicWith(ids(10));
      const opened = await openSource(kafkaTable(address(), topic, ALL));
      await produce(address(), topic, ids(10, 1, 10));
      const rows = await readRows(opened);
      expect(rows.map(([id]) => Number(id))).toEqual(range(10));
    });

    it('before specific offsets, and does not read partitions that are not named', async () => {
      const topic = await topicWith(ids(20, 2), { partitions: 2 });
      const table = kafkaTable(address(), topic, {
        'scan.bounded.mode': 'specific-offsets',
        'scan.bounded.specific-offsets': 'partition:0,offset:3',
      });
      expect(await readIds(table)).toEqual([0, 2, 4]);
    });

    it('behind the control records of transactions, without what was aborted', async () => {
      const topic = await topicWith([]);
      const producer = await kafka.connectProducer(address(), { 'transactional.id': topic });
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
      const opened = await openSource(kafkaTable(address(), topic, ALL), { system: ['_offset'] });
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
      expect(await readIds(kafkaTable(address(), topic, ALL))).toEqual([0, 1, 2, 20, 21, 22]);
      await kafka.promise((done) => {
        producer.abortTransaction(10_000, done);
      });
      await kafka.disconnect(producer);
    });
  });
}
