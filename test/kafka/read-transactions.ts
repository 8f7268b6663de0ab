/**
 * Topics with transactions as Java's producers write them: several at once on the same partitions,
 * committed, aborted and still open, between plain records. Run by java-topics.test.ts; the judge
 * is Java's consumer.
 */
import { beforeAll, describe, expect, it } from 'vitest';
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
import type { FetchPath, Isolation, JavaFixture } from './java-records.js';

const PARTITIONS = 3;
const STEPS = 150;

export function testTransactions(fixture: JavaFixture): void {
  const { brokers, java } = fixture;
  const topics = new Map<FetchPath, string>();

  beforeAll(async () => {
    for (const fetch of FETCH_PATHS) {
      const topic = kafka.newTopic(`transactions-${fetch}`);
      await createTopics(brokers(), [{ topic, partitions: PARTITIONS }]);
      const codecs = fetch === 'columnar' ? CODECS : RDKAFKA_CODECS;
      const counts = await java().command('transactions', {
        topic,
        partitions: PARTITIONS,
        steps: STEPS,
        seed: 5,
        codecs: codecs.join(','),
      });
      const committed = await javaRecords(java(), topic);
      const all = await javaRecords(java(), topic, 'read_uncommitted');
      // The topic is what the tests need.
      const { plain = 0, commit = 0, abort = 0 } = counts;
      expect(Math.min(plain, commit, abort)).toBeGreaterThan(100);
      expect(committed.records).toHaveLength(plain + commit);
      expect(all.records).toHaveLength(plain + commit + abort);
      topics.set(fetch, topic);
    }
  }, 60_000);

  describe.each(FETCH_PATHS)("with 'fetch' = '%s'", (fetch) => {
    const read = (topic: string, options: Readonly<Record<string, string>> = {}) =>
      veloRecords(brokers(), topic, { fetch, ...options });
    const topicOf = (): string => topics.get(fetch) ?? '';

    it.each<Isolation>(['read_committed', 'read_uncommitted'])(
      'gives exactly what %s says',
      async (isolation) => {
        const expected = await javaRecords(java(), topicOf(), isolation);
        const actual = await read(topicOf(), { 'properties.isolation.level': isolation });
        expect(differences(actual, expected)).toEqual(SAME);
        // Behind the markers that end the last transactions too.
        expect(actual.ends).toEqual(expected.ends);
      },
    );

    it('reads committed records when nothing else is said', async () => {
      const expected = await javaRecords(java(), topicOf());
      expect(differences(await read(topicOf()), expected)).toEqual(SAME);
    });

    it('starts and ends inside of transactions', async () => {
      const { records, ends, tombstones } = await javaRecords(java(), topicOf());
      const [end = 0] = ends;
      for (const at of [1, 2, 3, 4, 5]) {
        const start = Math.floor((end * at) / 7);
        const stop = Math.floor((end * (at + 1)) / 7);
        const within = records.filter((record) => {
          const [partition = 0, offset = 0] = record.split(' ').map(Number);
          return partition === 0 && offset >= start && offset < stop;
        });
        const actual = await read(topicOf(), {
          'scan.startup.mode': 'specific-offsets',
          'scan.startup.specific-offsets': `partition:0,offset:${start}`,
          'scan.bounded.mode': 'specific-offsets',
          'scan.bounded.specific-offsets': `partition:0,offset:${stop}`,
        });
        expect(differences(actual, { records: within, ends, tombstones })).toEqual(SAME);
      }
    });

    it('ends before a transaction that is open, and goes on when it is not any more', async () => {
      const topic = kafka.newTopic('open');
      await createTopics(brokers(), [{ topic, partitions: PARTITIONS }]);
      const plain = { topic, partitions: PARTITIONS, count: 60 };
      await java().command('plain', plain);
      await java().command('open', { topic, partitions: PARTITIONS, count: 10 });
      await java().command('plain', plain);

      for (const isolation of ['read_committed', 'read_uncommitted'] as const) {
        const expected = await javaRecords(java(), topic, isolation);
        expect(expected.records).toHaveLength(isolation === 'read_committed' ? 60 : 150);
        const actual = await read(topic, { 'properties.isolation.level': isolation });
        expect(differences(actual, expected)).toEqual(SAME);
        expect(actual.ends).toEqual(expected.ends);
      }

      // Offsets 20 to 29 of each partition are the transaction's: this read must wait for its end.
      const bound = kafka.range(PARTITIONS).map((partition) => `partition:${partition},offset:25`);
      const reading = read(topic, {
        'scan.bounded.mode': 'specific-offsets',
        'scan.bounded.specific-offsets': bound.join(';'),
      });
      const outcome = fetch === 'columnar' ? 'commit' : 'abort';
      await java().command('close', { outcome });
      const { records } = await reading;
      expect(records).toHaveLength(PARTITIONS * (outcome === 'commit' ? 25 : 20));

      const after = await javaRecords(java(), topic);
      expect(after.records).toHaveLength(outcome === 'commit' ? 150 : 120);
      expect(differences(await read(topic), after)).toEqual(SAME);
    });
  });
}
