/**
 * Two `velo run` processes in one group, on a real broker, on V1 and on V2: they share a topic,
 * members are killed (SIGKILL) and others join while records keep coming. No record is lost, and
 * one comes twice only if it lay behind what its first reader had committed. Who is asked to end
 * commits and leaves. A query with state refuses to share.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { Feed, Member, Seen, committedOffsets, memberTable } from './group-processes.js';
import { ids, newTopic, produce } from './harness.js';
import { atThisPace } from '../support/machine-pace.js';

const LIMIT_MS = 240_000;
const PARTITIONS = 6;
const WAVE = 12_000;

describe.runIf(javaSuiteRuns('groups of processes'))('processes in one group', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  }, 90_000);

  afterAll(async () => {
    await broker.stop();
  });

  describe.each(['v1', 'v2'] as const)('on %s', (architecture) => {
    const how = { architecture, limitMs: LIMIT_MS };

    it('lose nothing when members are killed', { timeout: LIMIT_MS }, async () => {
      const topic = newTopic('shared');
      const group = `${topic}-g`;
      await createTopics(broker.brokers, [{ topic, partitions: PARTITIONS }]);
      const seen = new Seen();
      const table = memberTable(broker.brokers, topic, group);
      const sql = `${table} SELECT id, _PARTITION AS p, _OFFSET AS o FROM t;`;
      const start = (): Member => new Member(sql, seen, how);
      const place = { topic, partitions: PARTITIONS };
      const feed = new Feed(broker.brokers, place, seen);
      const members = [start(), start()];
      await feed.wave(WAVE);
      await seen.atLeast(WAVE);
      for (let round = 0; round < 2; round += 1) {
        const victim = members.shift() as Member;
        seen.committed.push(await committedOffsets(broker.brokers, group, place));
        victim.signal('SIGKILL');
        members.push(start());
        await feed.wave(WAVE);
        await seen.atLeast(feed.produced);
      }
      for (const member of members) await feed.untilReads(member);
      await seen.atLeast(feed.produced);
      for (const member of members) member.signal('SIGTERM');
      for (const member of members) expect((await member.run).exit).toBe(143);
      expect(seen.ids()).toHaveLength(feed.produced);
      expect(seen.unexplained(), 'twice, though committed before').toEqual([]);
    });

    it('commit and leave when they are asked to end', { timeout: LIMIT_MS }, async () => {
      const topic = newTopic('left');
      const group = `${topic}-g`;
      await createTopics(broker.brokers, [{ topic, partitions: PARTITIONS }]);
      const seen = new Seen();
      const table = memberTable(broker.brokers, topic, group);
      const sql = `${table} SELECT id, _PARTITION AS p, _OFFSET AS o FROM t;`;
      const first = new Member(sql, seen, how);
      await produce(broker.brokers, topic, ids(WAVE, PARTITIONS));
      await seen.atLeast(WAVE);
      const askedMs = performance.now();
      first.signal('SIGTERM');
      const { exit, stderr } = await first.run;
      expect(exit).toBe(143);
      expect(stderr).not.toMatch(/could not be/);
      expect(performance.now() - askedMs).toBeLessThan(atThisPace(8_000));
      const place = { topic, partitions: PARTITIONS };
      const offsets = await committedOffsets(broker.brokers, group, place);
      expect([...offsets.values()].reduce((sum, offset) => sum + offset, 0)).toBe(WAVE);
      // Who left is not waited for: the next member gets everything at once, and nothing twice.
      const second = new Member(sql, seen, how);
      await produce(broker.brokers, topic, ids(WAVE, PARTITIONS, WAVE));
      await seen.atLeast(2 * WAVE);
      second.signal('SIGTERM');
      expect((await second.run).exit).toBe(143);
      expect(seen.repeats).toBe(0);
    });

    it('a query with state wants the whole topic', { timeout: LIMIT_MS }, async () => {
      const topic = newTopic('whole');
      const group = `${topic}-g`;
      await createTopics(broker.brokers, [{ topic, partitions: 2 }]);
      await produce(broker.brokers, topic, ids(100, 2));
      const table = memberTable(broker.brokers, topic, group);
      const sql = `${table} SELECT COUNT(*) AS n FROM t EMIT CHANGES;`;
      const firstRows = new Seen();
      const first = new Member(sql, firstRows, how);
      await firstRows.rows(1);
      const second = await new Member(sql, new Seen(), how).run;
      expect(second.stderr).toContain('error[VELO_KAFKA_GROUP_SHARED]');
      expect(second.exit).toBe(1);
      await produce(broker.brokers, topic, ids(100, 2, 100));
      await firstRows.saw({ n: 200 });
      first.signal('SIGTERM');
      const { stdout, exit } = await first.run;
      expect(exit).toBe(143);
      expect(stdout.trimEnd().split('\n').at(-1)).toBe('{"n":200}');
    });
  });
});
