/**
 * Three `velo run` processes in one group, two on V1 and one on V2, on a real broker. One is killed
 * (SIGKILL) every few seconds and another takes its place while records keep coming: none is lost,
 * and one comes twice only if it lay behind what the victim had committed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { Feed, Member, Seen, committedOffsets, memberTable } from './group-processes.js';
import type { Architecture } from './group-processes.js';
import { newTopic, range } from './harness.js';

const LIMIT_MS = 240_000;
const PARTITIONS = 6;
const KILLS = 6;
const WAVE = 9_000;

describe.runIf(javaSuiteRuns('three members of a group'))('three members of a group', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  }, 90_000);

  afterAll(async () => {
    await broker.stop();
  });

  it.each(['range', 'cooperative-sticky'])(
    'lose nothing while one after the other is killed (%s)',
    { timeout: LIMIT_MS },
    async (strategy) => {
      const { brokers } = broker;
      const topic = newTopic('three');
      const group = `${topic}-g`;
      const place = { topic, partitions: PARTITIONS };
      await createTopics(brokers, [place]);
      const seen = new Seen();
      const more = `, 'properties.partition.assignment.strategy' = '${strategy}'`;
      const table = memberTable(brokers, topic, group, more);
      const sql = `${table} SELECT id, _PARTITION AS p, _OFFSET AS o FROM t;`;
      const start = (architecture: Architecture): Member =>
        new Member(sql, seen, { architecture, limitMs: LIMIT_MS });
      const feed = new Feed(brokers, place, seen);
      const members = [start('v1'), start('v2'), start('v1')];
      for (let kill = 0; kill < KILLS; kill += 1) {
        await feed.wave(WAVE);
        const victim = members.shift() as Member;
        await feed.untilReads(victim);
        seen.committed.push(await committedOffsets(brokers, group, place));
        victim.signal('SIGKILL');
        members.push(start(victim.architecture));
      }
      for (const member of members) await feed.untilReads(member);
      await seen.atLeast(feed.produced);
      for (const member of members) member.signal('SIGTERM');
      for (const member of members) {
        const { exit, stderr } = await member.run;
        expect(exit, stderr).toBe(143);
      }
      expect(seen.ids().sort((a, b) => a - b)).toEqual(range(feed.produced));
      expect(seen.unexplained(), 'twice, though committed before').toEqual([]);
    },
  );
});
