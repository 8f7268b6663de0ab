/**
 * What `velo run` says of its progress over topics of a real broker, on a terminal, while rows are
 * printed on it: share, rate and the time left of a read that ends, rate and lag of one that does not.
 * Reading is slowed down by what is asked for at a time, not by a clock.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { onPty, widest } from '../support/pty.js';
import { velo } from '../support/velo-process.js';
import { newTopic } from './harness.js';

const ROWS = 20_000;
const SIZE = { columns: 100, rows: 24 } as const;
/** One small batch in each answer. */
const SLOWLY = `'properties.max.partition.fetch.bytes' = '1', 'properties.fetch.max.bytes' = '1'`;

describe.runIf(javaSuiteRuns('progress over topics'))('progress over topics', () => {
  let broker: KafkaBroker;
  const topics = [newTopic('progress'), newTopic('progress')];

  beforeAll(async () => {
    broker = await startKafkaBroker();
    await createTopics(
      broker.brokers,
      topics.map((topic) => ({ topic, partitions: 2 })),
    );
    for (const topic of topics) {
      const table = `CREATE TABLE o (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${topic}', 'format' = 'json',
        'properties.bootstrap.servers' = '${broker.brokers}', 'properties.batch.size' = '400')`;
      const rows = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '${ROWS / 2}')`;
      const { exit, stderr } = await velo([
        'run',
        '-q',
        '-e',
        `${table}; ${rows}; INSERT INTO o SELECT i FROM g`,
      ]);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    }
  }, 240_000);

  afterAll(async () => {
    await broker.stop();
  });

  function sql(more: string): string {
    return `CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${topics.join(';')}', 'format' = 'json',
      'properties.bootstrap.servers' = '${broker.brokers}', 'scan.startup.mode' = 'earliest-offset', ${SLOWLY}${more});
      SELECT id, _TOPIC AS topic FROM t WHERE id % 1000 = 0`;
  }

  describe.each([
    ['--arch', 'v1'],
    ['--arch', 'v2', '--workers', '1'],
  ])('%s %s', (...arch) => {
    it('of a read that ends has share, rate and the time left', () => {
      const bounded = sql(`, 'scan.bounded.mode' = 'latest-offset'`);
      const { exit, sent, screen } = onPty(
        ['run', ...arch, '--max-rows', 'all', '-e', bounded],
        SIZE,
      );
      expect(exit).toBe(0);
      const shares = [
        ...sent.matchAll(/[\d,]+ in \((\d+) %\) · \d+ out · [\d.]+ ?[KM]? rec\/s · \d+ s left/g),
      ];
      expect(shares.length).toBeGreaterThan(0);
      const numbers = shares.map(([, share]) => Number(share));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(sent).not.toContain('lag');
      expect(screen.join('\n')).toContain(`end of input · ${ROWS.toLocaleString('en')} in`);
      expect(screen.filter((line) => line.includes(topics[0] ?? '')).length).toBe(10);
      expect(widest(screen)).toBeLessThanOrEqual(SIZE.columns);
    });

    it('of a read without end has rate and lag', () => {
      const limit = ['--limit', String(ROWS / 1000)];
      const { exit, sent, screen } = onPty(['run', ...arch, ...limit, '-e', sql('')], SIZE);
      expect(exit).toBe(0);
      const lags = [
        ...sent.matchAll(/[\d,]+ in · \d+ out · [\d.]+ ?[KM]? rec\/s · lag ([\d,]+)/g),
      ].map(([, lag = '']) => Number(lag.replaceAll(',', '')));
      expect(lags.length).toBeGreaterThan(0);
      // Of all partitions of both topics, and less with time.
      expect(Math.max(...lags)).toBeLessThanOrEqual(ROWS);
      expect(lags).toEqual([...lags].sort((a, b) => b - a));
      expect(sent).not.toContain(' left');
      expect(widest(screen)).toBeLessThanOrEqual(SIZE.columns);
    });
  });
});
