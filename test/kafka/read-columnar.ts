/**
 * What is special about columnar fetch: sizes of responses, readers that lag, ends that lie in
 * gaps, offsets that are gone, brokers that go and come back. Run by read.test.ts.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createTopics } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import * as kafka from './harness.js';

const { ALL, ids, kafkaTable, newTopic, openSource, produce, range, readIds, readRows } = kafka;

const SMALL_FETCHES = {
  'properties.max.partition.fetch.bytes': '300',
  'properties.fetch.max.bytes': '700',
} as const;

export function testColumnar(
  { topicWith, brokers: address }: kafka.ReadFixture,
  broker: () => KafkaBroker,
): void {
  it('reads batches that are larger than what it asks for at a time', async () => {
    const filler = 'x'.repeat(400);
    const records = range(400).map((id) => ({
      value: `{"id":${id},"f":"${filler}"}`,
      partition: id % 3,
    }));
    const topic = await topicWith(records, { partitions: 3 });
    const table = kafkaTable(address(), topic, { ...ALL, ...SMALL_FETCHES });
    expect(await readIds(table)).toEqual(range(400));
  }, 30_000);

  it('reads one partition to the end while nobody reads the other, and then that one', async () => {
    const count = 6_000;
    const filler = 'x'.repeat(10_000);
    const records = range(count).map((id) => ({
      value: `{"id":${id},"f":"${filler}"}`,
      partition: id % 2,
    }));
    const topic = await topicWith(records, { partitions: 2 });
    const { source } = await openSource(kafkaTable(address(), topic, ALL));
    const [first, second] = source.splits;
    expect(first?.next()).toBe('wait');
    let rows = 0;
    for (const split of [second, first]) {
      const part = { ...source, splits: split === undefined ? [] : [split] };
      await kafka.drain(part, (batch) => (rows += batch.rowCount));
    }
    await source.close();
    expect(rows).toBe(count);
  }, 60_000);

  it('ends at a stop that lies in a gap, and behind nothing but an aborted transaction', async () => {
    const topic = await topicWith(ids(3));
    const producer = await kafka.connectProducer(address(), { 'transactional.id': topic });
    await kafka.promise((done) => {
      producer.initTransactions(10_000, done);
    });
    await kafka.promise((done) => {
      producer.beginTransaction(done);
    });
    for (const message of ids(4, 1, 10)) kafka.send(producer, topic, message);
    await kafka.flush(producer);
    await kafka.promise((done) => {
      producer.abortTransaction(10_000, done);
    });
    await kafka.disconnect(producer);
    // Offsets 3 to 6 are aborted, 7 is the marker.
    for (const stop of [4, 6, 7, 8]) {
      const table = kafkaTable(address(), topic, {
        'scan.bounded.mode': 'specific-offsets',
        'scan.bounded.specific-offsets': `partition:0,offset:${stop}`,
      });
      expect(await readIds(table)).toEqual([0, 1, 2]);
    }
    const dirty = { ...ALL, 'properties.isolation.level': 'read_uncommitted' };
    expect(await readIds(kafkaTable(address(), topic, dirty))).toEqual([0, 1, 2, 10, 11, 12, 13]);
  }, 30_000);

  it('goes on where the table says when records are gone, with a line', async () => {
    const topic = newTopic('short');
    const config = { 'retention.bytes': '1', 'segment.bytes': '1048576' };
    await createTopics(address(), [{ topic, config }]);
    const filler = 'x'.repeat(1000);
    const records = range(3000).map((id) => ({ value: `{"id":${id},"f":"${filler}"}` }));
    await produce(address(), topic, records);
    const table = kafkaTable(address(), topic, {
      ...ALL,
      'properties.auto.offset.reset': 'earliest',
    });
    let first = 0;
    while (first === 0) {
      const probe = await openSource(table);
      first = Number(probe.source.splits[0]?.position());
      await probe.source.close();
    }
    const opened = await openSource(table);
    opened.source.splits[0]?.seek('0');
    const rows = await readRows(opened);
    expect(rows.at(-1)).toEqual([2999n]);
    // Retention may overtake the read a second time.
    expect(opened.notices[0]).toMatch(
      /^offset 0 of topic ".*" partition 0 is no longer held .*: going on at the earliest, offset \d+$/,
    );
  }, 30_000);

  it('survives a broker that is killed and comes back, with two lines and every record', async () => {
    const topic = await topicWith(ids(2_000, 2), { partitions: 2 });
    const opened = await openSource(kafkaTable(address(), topic), { batchRowsMax: 100 });
    const seen: number[] = [];
    const take = (enough: number): Promise<void> =>
      kafka.drain(
        opened.source,
        (batch) => {
          for (const [id] of kafka.batchRows(batch, opened.types)) seen.push(Number(id));
        },
        () => seen.length >= enough,
      );
    await take(2_000);
    await broker().kill('SIGKILL');
    await broker().start();
    await produce(address(), topic, ids(2_000, 2, 2_000));
    await take(4_000);
    await opened.source.close();
    expect(seen.sort((a, b) => a - b)).toEqual(range(4_000));
    expect(opened.notices[0]).toMatch(/went away/);
    expect(opened.notices[1]).toMatch(/is back/);
  }, 90_000);

  it('says that records which it had read were replaced by others', async () => {
    const topic = await topicWith(ids(100));
    const opened = await openSource(kafkaTable(address(), topic));
    const [split] = opened.source.splits;
    await kafka.drain(
      opened.source,
      () => undefined,
      () => split?.rowsRead() === 100,
    );
    const reading = kafka.failureOf(() => readRows(opened));
    await broker().kill('SIGKILL');
    const log = join(broker().folder, 'data', `${topic}-0`);
    for (const file of readdirSync(log)) {
      if (file !== 'partition.metadata') rmSync(join(log, file));
    }
    await broker().start();
    // The position is held again before long: nothing but the epoch tells.
    await produce(address(), topic, ids(200, 1, 1_000));
    const { error } = await reading;
    await opened.source.close();
    expect(split?.rowsRead()).toBe(100);
    expect(error).toMatchObject({
      code: 'VELO_KAFKA_LOG_TRUNCATED',
      message: `topic "${topic}" partition 0 lost records that had been read`,
      detail: expect.stringContaining('read up to offset 100; from offset 0 on it holds') as string,
    });
  }, 90_000);

  it('cannot be forced on a table that asks for what it cannot do', async () => {
    const { error } = await kafka.failureOf(() =>
      openSource(
        kafkaTable(address(), 'orders', {
          fetch: 'columnar',
          'properties.security.protocol': 'SASL_PLAINTEXT',
          'properties.sasl.mechanism': 'GSSAPI',
        }),
      ),
    );
    expect(error).toMatchObject({
      code: 'VELO_SETTING_INVALID',
      message: expect.stringContaining(
        'option "fetch" of table "t" cannot be "columnar"',
      ) as string,
    });
  });
}
