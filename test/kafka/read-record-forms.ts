/**
 * Records and batches in all forms that Java's producer gives them: every codec, headers, keys and
 * values that are null or empty, tombstones, times of the broker, batches of one record, records
 * of 8 MB, and what compaction leaves. Run by java-topics.test.ts; the judge is Java's consumer.
 */
import { describe, expect, it } from 'vitest';
import type { SqlValue } from '../../src/columnar/types.js';
import { VARCHAR } from '../../src/columnar/types.js';
import { createTopics } from '../support/kafka-broker.mjs';
import * as kafka from './harness.js';
import {
  CODECS,
  FETCH_PATHS,
  RDKAFKA_CODECS,
  SAME,
  differences,
  javaRecords,
  veloRecords,
} from './java-records.js';
import type { FetchPath, JavaFixture, TopicRecords } from './java-records.js';

const FORMS = 60;
const LARGE_BYTES = 8_000_000;
const COMPACTION_LIMIT_MS = 240_000;

/** The cleaner has work with every segment that is full, and does it soon. */
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.bytes': '1048576',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': '600000',
};

export function testRecordForms({ brokers, java }: JavaFixture): void {
  const newTopic = async (
    what: string,
    config: Readonly<Record<string, string>> = {},
    partitions = 1,
  ): Promise<string> => {
    const topic = kafka.newTopic(what);
    await createTopics(brokers(), [{ topic, partitions, config }]);
    return topic;
  };
  /** Reads the topic as Java reads it; gives what both have. */
  const expectSame = async (topic: string, fetch: FetchPath): Promise<TopicRecords> => {
    const expected = await javaRecords(java(), topic);
    const actual = await veloRecords(brokers(), topic, { fetch });
    expect(differences(actual, expected)).toEqual(SAME);
    expect(actual.ends).toEqual(expected.ends);
    expect(actual.tombstones).toBe(expected.tombstones);
    return expected;
  };

  describe.each(FETCH_PATHS)("with 'fetch' = '%s'", (fetch) => {
    const codecs = fetch === 'columnar' ? CODECS : RDKAFKA_CODECS;

    it.each(codecs)('keys, values and headers are what was sent with codec %s', async (codec) => {
      const topic = await newTopic('forms');
      await java().command('forms', { topic, count: FORMS, codec });
      const columns = [{ name: 'line', type: VARCHAR }];
      const options = { ...kafka.ALL, fetch, format: 'raw' };
      const opened = await kafka.openSource(kafka.kafkaTable(brokers(), topic, options, columns), {
        system: ['_offset', '_key', '_record_time', '_headers'],
      });
      const rows = await kafka.readRows(opened);
      const expected = kafka.range(FORMS).map((at) => formOf(at, fetch));
      expect(rows).toEqual(expected.filter(([value]) => value !== null));
      expect(opened.source.splits[0]?.position()).toBe(String(FORMS));
    });

    it("times are the broker's where the topic says so", async () => {
      const topic = await newTopic('append', { 'message.timestamp.type': 'LogAppendTime' });
      const beforeMs = Date.now();
      for (const codec of codecs) await java().command('forms', { topic, count: FORMS, codec });
      const afterMs = Date.now();
      const options = { ...kafka.ALL, fetch, format: 'raw' };
      const columns = [{ name: 'line', type: VARCHAR }];
      const opened = await kafka.openSource(kafka.kafkaTable(brokers(), topic, options, columns), {
        system: ['_record_time'],
      });
      const times = (await kafka.readRows(opened)).map(([, time]) => Number(time));
      const values = kafka.range(FORMS).filter((at) => at % 7 !== 0);
      expect(times).toHaveLength(values.length * codecs.length);
      expect(Math.min(...times)).toBeGreaterThanOrEqual(beforeMs);
      expect(Math.max(...times)).toBeLessThanOrEqual(afterMs);
    });

    it('a thousand batches of one record are a thousand records', async () => {
      const topic = await newTopic('small', {}, 2);
      for (const codec of ['none', 'lz4']) {
        await java().command('plain', { topic, count: 1000, batch: 1, partitions: 2, codec });
      }
      const { records } = await expectSame(topic, fetch);
      expect(records).toHaveLength(2000);
    });

    it('records of 8 MB come between small ones, though fetches are smaller', async () => {
      const topic = await newTopic('large', { 'max.message.bytes': '10000000' }, 2);
      const small = { topic, count: 10, partitions: 2 };
      await java().command('plain', small);
      for (const codec of ['none', codecs.at(-1) ?? 'none']) {
        const large = { count: 2, batch: 1, bytes: LARGE_BYTES };
        await java().command('plain', { ...small, ...large, codec });
        await java().command('plain', small);
      }
      const { records } = await expectSame(topic, fetch);
      expect(records).toHaveLength(34);
    });

    it(
      'a compacted topic gives what is left, gaps and all',
      async () => {
        const topic = await newTopic('compacted', COMPACTED, 2);
        const transactions = { topic, partitions: 2, steps: 40, codecs: codecs.join(',') };
        await java().command('transactions', transactions);
        let written = 0;
        for (const codec of codecs) {
          const count = 7_500 / codecs.length;
          const keyed = { topic, partitions: 2, keys: 40, bytes: 1_500, seed: 1 + written };
          await java().command('keyed', { ...keyed, count, codec });
          written += count;
        }
        const left = await settled(() => javaRecords(java(), topic), written / 2);
        const offsets = left.records.map((record) => record.split(' ').slice(0, 2).map(Number));
        const [end = 0] = left.ends;
        expect(offsets.filter(([partition]) => partition === 0).length).toBeLessThan(end / 2);
        const { tombstones } = await expectSame(topic, fetch);
        expect(tombstones).toBeGreaterThan(0);
      },
      COMPACTION_LIMIT_MS + 30_000,
    );
  });
}

/**
 * The rules of JavaClient.java's `forms`: value, offset, key, time, headers. The third header has
 * no value: librdkafka's binding cannot tell that from an empty one.
 */
function formOf(at: number, fetch: FetchPath): SqlValue[] {
  const names = kafka.range(at % 4).map((header) => `h${header}`);
  const headerValues = [`vàl ${at}`, '', fetch === 'columnar' ? null : ''].slice(0, at % 4);
  return [
    at % 7 === 0 ? null : at % 7 === 1 ? '' : `välue ${at}`,
    BigInt(at),
    at % 5 === 0 ? null : at % 5 === 1 ? '' : `kéy ${at}`,
    1_700_000_000_000 + at,
    { keys: names, values: headerValues },
  ];
}

/** Looks until at most `recordsMax` are left and two looks in a row see the same. */
async function settled(
  look: () => Promise<TopicRecords>,
  recordsMax: number,
): Promise<TopicRecords> {
  const deadlineMs = performance.now() + COMPACTION_LIMIT_MS;
  let before = await look();
  while (performance.now() < deadlineMs) {
    const now = await look();
    const same = now.records.length === before.records.length;
    if (same && now.records.length <= recordsMax) return now;
    before = now;
  }
  throw new Error(`the cleaner left ${before.records.length} records`);
}
