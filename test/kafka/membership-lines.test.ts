/**
 * What a member of a group does where its coordinator is silent or talks nonsense: what it says and
 * when, which answer belongs to which commit, and what becomes of a consumer that is owed one. Over a
 * consumer that does as it is told; time is a number here. A real broker is membership.test.ts.
 */
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isAnythingLeftBehind } from '../../src/base/left-behind.js';
import { RdkafkaCommits } from '../../src/connectors/kafka/librdkafka/rdkafka-commits.js';
import { Membership } from '../../src/connectors/kafka/librdkafka/rdkafka-membership.js';
import { RdkafkaOffsets } from '../../src/connectors/kafka/librdkafka/rdkafka-offsets.js';
import { RD_ERROR } from '../../src/connectors/kafka/librdkafka/rdkafka.js';
import type {
  RdConsumer,
  RdError,
  RdMember,
  TopicPartition,
} from '../../src/connectors/kafka/librdkafka/rdkafka.js';
import { readOptions } from '../../src/connectors/kafka/settings/table-options.js';
import { kafkaTable } from './harness.js';

/** Answers a poll when the test says so. */
class TestConsumer extends EventEmitter {
  readonly commits: unknown[] = [];
  readonly assigned: (readonly TopicPartition[])[] = [];
  isClosed = false;
  private polls: (() => void)[] = [];
  private closed: () => void = () => undefined;
  readonly whenClosed = new Promise<void>((resolve) => {
    this.closed = resolve;
  });

  /** Everybody that polls gets nothing; resolves when they have had their turn. */
  async turn(): Promise<void> {
    const { polls } = this;
    this.polls = [];
    for (const poll of polls) poll();
    await new Promise((resolve) => setImmediate(resolve));
  }

  consume(_max: number, done: (error: null) => void): void {
    this.polls.push(() => {
      done(null);
    });
  }

  commit(offsets: unknown): void {
    this.commits.push(offsets);
  }

  answer(error: Error | null): void {
    this.emit('offset.commit', error);
  }

  disconnect(done: () => void): void {
    this.isClosed = true;
    done();
    this.closed();
  }

  assign(positions: readonly TopicPartition[]): void {
    this.assigned.push(positions);
  }

  rebalanceProtocol(): string {
    return 'EAGER';
  }

  setDefaultConsumeTimeout(): void {
    // It polls as the test says.
  }

  subscribe(): void {
    // It is in the group from the start.
  }

  pause(): void {
    // Nothing is read.
  }

  unassign(): void {
    // They are given back.
  }
}

/** As much of librdkafka's consumer as is asked for here. */
function asMember(consumer: TestConsumer): RdMember {
  return consumer as unknown as RdMember;
}

class TestGroup {
  readonly consumer = new TestConsumer();
  readonly notices: string[] = [];
  readonly failures: Error[] = [];
  nowMs = 0;
  readonly membership: Membership;
  private readonly events = {
    take: (_error: RdError, _list: readonly TopicPartition[]): void => undefined,
  };

  constructor() {
    const table = kafkaTable('b:1', 'orders', { 'properties.group.id': 'g' });
    this.membership = new Membership({
      options: { ...readOptions(table), groupId: 'g' },
      consumer: asMember(this.consumer),
      handler: {
        assigned: () => undefined,
        revoked: () => Promise.resolve(new Map()),
        failed: (error) => this.failures.push(error),
      },
      clock: { nowMs: () => this.nowMs, monotonicNs: () => this.nowMs * 1e6 },
      notice: (line) => this.notices.push(line),
      events: this.events,
    });
  }

  async after(ms: number): Promise<readonly string[]> {
    this.nowMs += ms;
    await this.consumer.turn();
    return this.notices.splice(0);
  }

  async given(code: number, list: readonly TopicPartition[]): Promise<void> {
    this.events.take(Object.assign(new Error('rebalance'), { code }), list);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const OURS = [{ topic: 'orders', partition: 0 }];

describe('a group that gives no partitions', () => {
  it('is told of after 10 s, every minute, and when it is over', async () => {
    const group = new TestGroup();
    expect(await group.after(9_900)).toEqual([]);
    const line = /^group "g" has given no partitions for (\d+) s: its coordinator .*; waiting …$/;
    const [first = ''] = await group.after(200);
    expect(line.exec(first)?.[1]).toBe('10');
    expect(await group.after(59_000)).toEqual([]);
    const [second = ''] = await group.after(1_100);
    expect(line.exec(second)?.[1]).toBe('70');
    await group.given(RD_ERROR.ASSIGN_PARTITIONS, OURS);
    expect(await group.after(0)).toEqual(['group "g" has given partitions again']);
    expect(await group.after(600_000)).toEqual([]);
  });

  it('is told of when it has taken them away, and not when it has none for this member', async () => {
    const group = new TestGroup();
    await group.given(RD_ERROR.ASSIGN_PARTITIONS, []);
    expect(await group.after(600_000)).toEqual([]);
    await group.given(RD_ERROR.REVOKE_PARTITIONS, []);
    expect(await group.after(9_000)).toEqual([]);
    expect(await group.after(2_000)).toHaveLength(1);
  });

  it.each<[string, TopicPartition]>([
    ['a negative number', { topic: 'orders', partition: -1 }],
    ['another topic', { topic: 'other', partition: 0 }],
  ])('is an error where it gives %s, and librdkafka is not told', async (_, partition) => {
    const group = new TestGroup();
    await group.given(RD_ERROR.ASSIGN_PARTITIONS, [...OURS, partition]);
    expect(group.failures).toMatchObject([
      {
        code: 'VELO_KAFKA_ANSWER',
        message: `group "g" gives table "t" partition ${partition.partition} of topic "${partition.topic}"`,
      },
    ]);
    expect(group.consumer.assigned).toEqual([]);
  });
});

describe('a commit', () => {
  const offsets = [{ topic: 'orders', partition: 0, offset: 1 }];

  it('is not answered by the answer to one that was given up', async () => {
    const consumer = new TestConsumer();
    const commits = new RdkafkaCommits(asMember(consumer));
    commits.hurry();
    await expect(commits.send(offsets)).rejects.toThrow('no answer for 1 s');
    const second = commits.send(offsets);
    consumer.answer(null);
    consumer.answer(new Error('of the second'));
    await expect(second).rejects.toThrow('of the second');
    expect(commits.isOwed).toBe(false);
  });

  it('is not waited for any longer once the job hurries', async () => {
    const consumer = new TestConsumer();
    const commits = new RdkafkaCommits(asMember(consumer));
    const sent = commits.send(offsets);
    commits.hurry();
    await expect(sent).rejects.toThrow('no answer for 1 s');
  });

  it('without an answer leaves the consumer behind, and closes it when the answer comes', async () => {
    const consumer = new TestConsumer();
    const commits = new RdkafkaCommits(asMember(consumer));
    const sent = commits.send(offsets);
    commits.hurry();
    await expect(sent).rejects.toThrow('no answer');
    await commits.close();
    await consumer.turn();
    expect([consumer.isClosed, isAnythingLeftBehind()]).toEqual([false, true]);
    consumer.answer(null);
    await consumer.turn();
    await consumer.whenClosed;
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAnythingLeftBehind()).toBe(false);
  });
});

describe("librdkafka's questions at opening", () => {
  it("wait for as long as 'connect.timeout'", async () => {
    const asked: number[] = [];
    const consumer = {
      committed: (_: unknown, ms: number, done: (error: null, found: []) => void) => {
        asked.push(ms);
        done(null, []);
      },
      offsetsForTimes: (_: unknown, ms: number, done: (error: null, found: []) => void) => {
        asked.push(ms);
        done(null, []);
      },
      queryWatermarkOffsets: (
        _topic: string,
        _partition: number,
        ms: number,
        done: (error: null, found: object) => void,
      ) => {
        asked.push(ms);
        done(null, { lowOffset: 0, highOffset: 1 });
      },
    } as unknown as RdConsumer;
    const table = kafkaTable('b:1', 'orders', { 'connect.timeout': '3s' });
    const offsets = new RdkafkaOffsets(readOptions(table), consumer);
    await offsets.committed([0]);
    await offsets.atTime([0], 5);
    await offsets.held([0]);
    expect(asked).toEqual([3_000, 3_000, 3_000]);
  });
});
