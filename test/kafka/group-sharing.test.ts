/**
 * Several `velo run` processes in one group, on a real broker: they share a topic, members are
 * killed (SIGKILL) and others join while records keep coming. No record is lost, and one comes
 * twice only if it lay behind what its first reader had committed. A query with state refuses to
 * share.
 */
import kafka from 'node-rdkafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';
import { ids, newTopic, produce } from './harness.js';

const LIMIT_MS = 180_000;
const PARTITIONS = 6;
const WAVE = 12_000;

interface Place {
  readonly partition: number;
  readonly offset: number;
}

describe.runIf(javaSuiteRuns('groups of processes'))('processes in one group', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  }, 90_000);

  afterAll(async () => {
    await broker.stop();
  });

  const table = (topic: string, group: string): string => `CREATE TABLE t (id BIGINT)
    WITH ('connector' = 'kafka', 'topic' = '${topic}', 'format' = 'json',
      'properties.bootstrap.servers' = '${broker.brokers}', 'properties.group.id' = '${group}',
      'properties.session.timeout.ms' = '6000', 'properties.heartbeat.interval.ms' = '1000');`;

  it('lose nothing when members are killed', { timeout: LIMIT_MS }, async () => {
    const topic = newTopic('shared');
    const group = `${topic}-g`;
    await createTopics(broker.brokers, [{ topic, partitions: PARTITIONS }]);
    const seen = new Seen();
    const sql = `${table(topic, group)} SELECT id, _PARTITION AS p, _OFFSET AS o FROM t;`;
    const start = (): Member => new Member(sql, seen);
    const members = [start(), start()];
    await produce(broker.brokers, topic, ids(WAVE, PARTITIONS));
    await seen.atLeast(WAVE);
    for (let round = 1; round <= 2; round += 1) {
      const victim = members.shift() as Member;
      seen.committed.push(await committedOffsets(broker.brokers, topic, group));
      victim.signal('SIGKILL');
      members.push(start());
      await produce(broker.brokers, topic, ids(WAVE, PARTITIONS, round * WAVE));
      await seen.atLeast((round + 1) * WAVE);
    }
    for (const member of members) member.signal('SIGTERM');
    for (const member of members) expect((await member.run).exit).toBe(143);
    expect(seen.ids()).toHaveLength(3 * WAVE);
    expect(seen.unexplained(), 'twice, though committed before').toEqual([]);
  });

  it('a query with state wants the whole topic', { timeout: LIMIT_MS }, async () => {
    const topic = newTopic('whole');
    const group = `${topic}-g`;
    await createTopics(broker.brokers, [{ topic, partitions: 2 }]);
    await produce(broker.brokers, topic, ids(100, 2));
    const sql = `${table(topic, group)} SELECT COUNT(*) AS n FROM t EMIT CHANGES;`;
    const seen = new Seen();
    const first = new Member(sql, seen);
    await seen.rows(100);
    const second = await velo(['run', '-e', sql], { limitMs: 60_000 });
    expect(second.stderr).toContain('error[VELO_KAFKA_GROUP_SHARED]');
    expect(second.exit).toBe(1);
    await produce(broker.brokers, topic, ids(100, 2, 100));
    await seen.rows(200);
    first.signal('SIGTERM');
    const { stdout, exit } = await first.run;
    expect(exit).toBe(143);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('{"n":200}');
  });
});

/** A process and its way to end. */
class Member {
  readonly run: Promise<VeloRun>;
  signal: (name: NodeJS.Signals) => void = () => undefined;

  constructor(sql: string, seen: Seen) {
    let rest = '';
    this.run = velo(['run', '-e', sql], {
      limitMs: LIMIT_MS,
      started: (signal) => {
        this.signal = signal;
      },
      stdout: (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        seen.take(lines);
      },
    });
  }
}

/** Rows of all processes together. */
class Seen {
  /** What the group had committed when a member was killed. */
  readonly committed: Map<number, number>[] = [];
  private readonly places = new Map<number, Place>();
  private readonly twice: { readonly place: Place; readonly kills: number }[] = [];
  private count = 0;
  private looks: (() => void)[] = [];

  take(lines: readonly string[]): void {
    for (const line of lines) {
      this.count += 1;
      const { id, p, o } = JSON.parse(line) as { id?: number; p: number; o: number };
      if (id === undefined) continue;
      const place = { partition: p, offset: o };
      if (this.places.has(id)) this.twice.push({ place, kills: this.committed.length });
      else this.places.set(id, place);
    }
    for (const look of this.looks) look();
  }

  ids(): number[] {
    return [...this.places.keys()];
  }

  /** Resolves when so many different records were seen. */
  atLeast(records: number): Promise<void> {
    return this.until(() => this.places.size >= records);
  }

  rows(count: number): Promise<void> {
    return this.until(() => this.count >= count);
  }

  /** Records that came again although they were committed before the last kill. */
  unexplained(): Place[] {
    return this.twice
      .filter(
        ({ place, kills }) => place.offset < (this.committed[kills - 1]?.get(place.partition) ?? 0),
      )
      .map(({ place }) => place);
  }

  private until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.looks = this.looks.filter((other) => other !== look);
        resolve();
      };
      this.looks.push(look);
      look();
    });
  }
}

async function committedOffsets(
  brokers: string,
  topic: string,
  group: string,
): Promise<Map<number, number>> {
  const consumer = new kafka.KafkaConsumer({ 'bootstrap.servers': brokers, 'group.id': group }, {});
  await new Promise<void>((resolve, reject) => {
    consumer.connect({ timeout: 10_000 }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  const asked = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
  const found = await new Promise<{ partition: number; offset?: number }[]>((resolve, reject) => {
    consumer.committed(asked, 10_000, (error, offsets) => {
      if ((error as unknown) instanceof Error) reject(error);
      else resolve(offsets as { partition: number; offset?: number }[]);
    });
  });
  await new Promise((resolve) => consumer.disconnect(resolve));
  return new Map(found.map(({ partition, offset }) => [partition, Math.max(0, offset ?? 0)]));
}
