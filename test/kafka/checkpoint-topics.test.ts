/**
 * A job that reads a topic of a real broker with checkpoints, is killed again and again and started
 * again: the file that it writes holds each record once, and the offsets that it goes on from are
 * its own, whatever a consumer group says. VELO_KILLS=50 asks for more lives.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { livesOf } from '../support/job-lives.js';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { velo } from '../support/velo-process.js';
import { newTopic } from './harness.js';

const ROWS = 6000;
const KILLS = Number(process.env['VELO_KILLS'] ?? 4);
const SEED = Number(process.env['VELO_KILL_SEED'] ?? 20261130);
const LIMIT_MS = 240_000;
const folder = mkdtempSync(join(tmpdir(), 'velo-topic-kill-'));

describe.runIf(javaSuiteRuns('checkpoints over topics'))(
  `a job over a topic that is killed (seed ${SEED})`,
  () => {
    let broker: KafkaBroker;
    const topic = newTopic('killed');

    beforeAll(async () => {
      broker = await startKafkaBroker();
      await createTopics(broker.brokers, [{ topic, partitions: 3 }]);
      const { exit, stderr } = await velo([
        'run',
        '-q',
        '-e',
        `CREATE TABLE o (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${topic}',
           'format' = 'json', 'properties.bootstrap.servers' = '${broker.brokers}',
           'properties.batch.size' = '400');
         CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '${ROWS}');
         INSERT INTO o SELECT i FROM g;`,
      ]);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    }, LIMIT_MS);

    afterAll(async () => {
      await broker.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it.each([
      ['rows', 'SELECT id, 0 AS n FROM t'],
      ['groups', 'SELECT id % 7 AS id, COUNT(*) AS n FROM t GROUP BY id % 7 EMIT CHANGES'],
    ])(
      'and started again gives each row once: %s',
      async (name, query) => {
        const [path, script] = [join(folder, `${name}.jsonl`), join(folder, `${name}.sql`)];
        // One small batch in each answer: the job is still at work when it is killed.
        writeFileSync(
          script,
          `CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${topic}',
             'format' = 'json', 'properties.bootstrap.servers' = '${broker.brokers}',
             'properties.group.id' = 'killed-${name}', 'scan.startup.mode' = 'earliest-offset',
             'scan.bounded.mode' = 'latest-offset', 'properties.max.partition.fetch.bytes' = '1',
             'properties.fetch.max.bytes' = '1');
           INSERT INTO '${path}' ${query};\n`,
        );
        const dir = join(folder, name);
        const { killed, told } = await livesOf(script, dir, { kills: KILLS, seed: SEED });
        expect(killed, told).toBeGreaterThan(0);
        const rows = readFileSync(path, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { readonly id: number; readonly n: number });
        expect(rows.length, told).toBe(ROWS);
        if (name === 'rows') expect(new Set(rows.map(({ id }) => id)).size).toBe(ROWS);
        else {
          const expected = Array.from(
            { length: ROWS },
            (_, id) => `${id % 7} ${Math.floor(id / 7) + 1}`,
          );
          expect(rows.map(({ id, n }) => `${id} ${n}`).sort()).toEqual(expected.sort());
        }
      },
      LIMIT_MS,
    );
  },
);
