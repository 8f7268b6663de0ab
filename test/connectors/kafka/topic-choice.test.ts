/** Names and patterns of topics as tables and addresses write them. */
import { describe, expect, it } from 'vitest';
import { topicAddress } from '../../../src/connectors/kafka/topic-address.js';
import {
  topicNames,
  topicPattern,
  TopicPattern,
  TOPICS_MAX,
} from '../../../src/connectors/kafka/settings/topic-choice.js';
import { topicShares } from '../../../src/connectors/kafka/blocks/joined-topics.js';
import { SPLIT_SPAN } from '../../../src/columnar/record-place.js';

function matching(pattern: string, names: readonly string[]): readonly string[] {
  const compiled = new TopicPattern(pattern);
  return names.filter((name) => compiled.matches({ name, internal: false }));
}

describe('a topic pattern', () => {
  it('matches whole names, with flags, alternatives and classes', () => {
    const names = ['orders', 'orders-de', 'my-orders', 'Orders-at', 'returns'];
    expect(matching('orders', names)).toEqual(['orders']);
    expect(matching('orders-.*', names)).toEqual(['orders-de']);
    expect(matching('(?i)orders-..', names)).toEqual(['orders-de', 'Orders-at']);
    expect(matching('orders|returns', names)).toEqual(['orders', 'returns']);
    expect(matching('^orders$', names)).toEqual(['orders']);
    expect(matching('.*', names)).toEqual(names);
  });

  it("never matches the cluster's own topics", () => {
    const pattern = new TopicPattern('.*');
    expect(pattern.matches({ name: '__consumer_offsets', internal: true })).toBe(false);
    expect(pattern.matches({ name: '__transaction_state', internal: false })).toBe(false);
    expect(pattern.matches({ name: 'named-by-a-broker', internal: true })).toBe(false);
  });

  it('takes time in proportion to the name', () => {
    const pattern = new TopicPattern('(a+)+b');
    const timeOf = (length: number): number => {
      const name = 'a'.repeat(length);
      const startedMs = performance.now();
      for (let round = 0; round < 200; round += 1) pattern.matches({ name, internal: false });
      return performance.now() - startedMs;
    };
    timeOf(20);
    // Stepping back would double it with every sign.
    expect(timeOf(240) / Math.max(0.01, timeOf(24))).toBeLessThan(200);
  });

  it.each([
    ['', /'orders-\.\*'/],
    ['a(b', /no regular expression/],
    ['(a)\\1', /back/],
    ['orders- ', /%2B/],
  ])('%j is a fault', (text, hint) => {
    expect(topicPattern(text)).toMatchObject({ hint: expect.stringMatching(hint) as string });
  });
});

describe('a list of topics', () => {
  it('has each name once', () => {
    expect(topicNames('a')).toEqual(['a']);
    expect(topicNames('a; b;c')).toEqual(['a', 'b', 'c']);
    expect(topicNames('a;b;a')).toEqual({ hint: '"a" is named twice' });
    expect(topicNames('a;')).toMatchObject({ hint: expect.stringContaining('several') as string });
    expect(topicNames('a;b-.*')).toMatchObject({
      hint: expect.stringContaining("'topic-pattern'") as string,
    });
    const many = Array.from({ length: TOPICS_MAX + 1 }, (_, at) => `t${at}`).join(';');
    expect(topicNames(many)).toEqual({ hint: `name ${TOPICS_MAX} topics at most` });
  });
});

describe('an address', () => {
  it.each([
    ['kafka://h:1/a', { topic: 'a' }],
    ['kafka://h:1/a,b', { topic: 'a;b' }],
    ['kafka://h:1/a.b-*', { 'topic-pattern': 'a\\.b-.*' }],
    ['kafka://h:1/a-*,b', { 'topic-pattern': 'a-.*|b' }],
    ['kafka://h:1?topic-pattern=a-.%2B', { 'topic-pattern': 'a-.+' }],
    ['kafka://h:1/?topic-pattern=a', { 'topic-pattern': 'a' }],
  ])('%s', (address, options) => {
    const found = topicAddress(address)?.options ?? {};
    const { topic, 'topic-pattern': pattern } = found;
    expect(JSON.parse(JSON.stringify({ topic, 'topic-pattern': pattern }))).toEqual(options);
    expect(found['properties.bootstrap.servers']).toBe('h:1');
  });
});

describe('the splits of a worker', () => {
  it('are its partitions in each topic', () => {
    const at = (topic: number, partition: number): number => topic * SPLIT_SPAN + partition;
    const range = (partition: number): { partition: number; start: number; stop: number } => ({
      partition,
      start: partition,
      stop: 9,
    });
    const splits = [at(0, 3), at(2, 0), at(2, 5)];
    expect(topicShares(['a', 'b', 'c'], splits, splits.map(range))).toEqual([
      { topic: 'a', index: 0, partitions: [3], ranges: [{ ...range(at(0, 3)), partition: 3 }] },
      {
        topic: 'c',
        index: 2,
        partitions: [0, 5],
        ranges: [
          { ...range(at(2, 0)), partition: 0 },
          { ...range(at(2, 5)), partition: 5 },
        ],
      },
    ]);
    expect(topicShares(['a', 'b'], null, null).map(({ index }) => index)).toEqual([0, 1]);
  });
});
