/**
 * Membership in a consumer group, on a real broker: who is given which partitions when members come
 * and go, what is committed before partitions are given back, and what is said when the group
 * cannot be followed. Reading is another matter: these members read nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { joinGroup } from '../../src/connectors/kafka/librdkafka/rdkafka-membership.js';
import type { Membership } from '../../src/connectors/kafka/librdkafka/rdkafka-membership.js';
import { readOptions } from '../../src/connectors/kafka/settings/table-options.js';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { kafkaTable, newTopic, range } from './harness.js';

const LIMIT_MS = 240_000;

describe.runIf(javaSuiteRuns('membership in groups'))('membership in a group', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  }, 90_000);

  afterAll(async () => {
    await broker.stop();
  });

  /** A member whose partitions can be waited for. */
  async function join(
    topic: string,
    group: string,
    properties: Readonly<Record<string, string>> = {},
  ): Promise<TestMember> {
    const table = kafkaTable(broker.brokers, topic, {
      'properties.group.id': group,
      ...properties,
    });
    const member = new TestMember();
    const options = { ...readOptions(table), groupId: group };
    member.membership = await joinGroup(options, member, {
      clock: systemClock,
      notice: (line) => member.notices.push(line),
    });
    return member;
  }

  for (const strategy of ['range', 'cooperative-sticky']) {
    const properties = { 'properties.partition.assignment.strategy': strategy };

    it(
      `shares partitions among those who are there (${strategy})`,
      { timeout: LIMIT_MS },
      async () => {
        const topic = newTopic('members');
        await createTopics(broker.brokers, [{ topic, partitions: 6 }]);
        const first = await join(topic, `${topic}-g`, properties);
        await first.until((owned) => owned.length === 6);
        const second = await join(topic, `${topic}-g`, properties);
        await second.until((owned) => owned.length === 3);
        await first.until((owned) => owned.length === 3);
        expect([...first.owned, ...second.owned].sort()).toEqual(range(6));
        await first.membership?.leave();
        await second.until((owned) => owned.length === 6);
        await second.membership?.leave();
        expect([
          ...first.failures,
          ...second.failures,
          ...first.notices,
          ...second.notices,
        ]).toEqual([]);
      },
    );

    it(
      `commits what is finished before giving back (${strategy})`,
      { timeout: LIMIT_MS },
      async () => {
        const topic = newTopic('members');
        const group = `${topic}-g`;
        await createTopics(broker.brokers, [{ topic, partitions: 2 }]);
        const first = await join(topic, group, properties);
        await first.until((owned) => owned.length === 2);
        first.finished = (partition) => 40 + partition;
        const second = await join(topic, group, properties);
        await second.until((owned) => owned.length === 1);
        const [given] = second.owned;
        expect(first.gaveBack).toContain(given);
        const offsets = await second.membership?.committed([0, 1]);
        expect(offsets?.get(given ?? -1)).toBe(40 + (given ?? 0));
        await first.membership?.leave();
        await second.membership?.leave();
      },
    );
  }

  it(
    'takes part with the partitions that are there, more members than partitions',
    { timeout: LIMIT_MS },
    async () => {
      const topic = newTopic('members');
      await createTopics(broker.brokers, [{ topic, partitions: 1 }]);
      const members = await Promise.all([1, 2, 3].map(() => join(topic, `${topic}-g`)));
      await Promise.race(members.map((member) => member.until((owned) => owned.length === 1)));
      const owner = members.find(({ owned }) => owned.length === 1);
      await owner?.membership?.leave();
      const others = members.filter((member) => member !== owner);
      await Promise.race(others.map((member) => member.until((owned) => owned.length === 1)));
      for (const other of others) await other.membership?.leave();
    },
  );
});

class TestMember {
  membership: Membership | null = null;
  owned: number[] = [];
  readonly gaveBack: number[] = [];
  readonly failures: Error[] = [];
  readonly notices: string[] = [];
  finished: (partition: number) => number | null = () => null;
  private readonly looks = new Set<() => void>();

  assigned(partitions: readonly number[]): void {
    this.owned = [...this.owned, ...partitions].sort((a, b) => a - b);
    this.changed();
  }

  revoked(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    this.owned = this.owned.filter((partition) => !partitions.includes(partition));
    this.gaveBack.push(...partitions);
    this.changed();
    const offsets = new Map<number, number>();
    for (const partition of partitions) {
      const offset = this.finished(partition);
      if (offset !== null) offsets.set(partition, offset);
    }
    return Promise.resolve(offsets);
  }

  failed(error: Error): void {
    this.failures.push(error);
  }

  /** Resolves when what is owned satisfies the condition; the test's time limit bounds it. */
  until(condition: (owned: readonly number[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition(this.owned)) return;
        this.looks.delete(look);
        resolve();
      };
      this.looks.add(look);
      look();
    });
  }

  private changed(): void {
    for (const look of [...this.looks]) look();
  }
}
