/**
 * Writing to a cluster that loses brokers: every topic is on three nodes and takes records while
 * two have them. `velo run` on V1 and on V2 writes from a generator while nodes are killed, leaders
 * moved and nodes started again; afterwards every record must be there once and in order. So must
 * those of jobs that write exactly once when two nodes of three are lost, one of which is killed then.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BIGINT } from '../../src/columnar/types.js';
import { javaSuiteRuns } from '../support/java.mjs';
import { startKafkaCluster } from '../support/kafka-cluster.mjs';
import type { KafkaCluster } from '../support/kafka-cluster.mjs';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';
import { ALL, drain, kafkaTable, newTopic, openSource } from './harness.js';

const SUITE = 'writing to a cluster that loses brokers';
const RECORDS = 240_000;
/** The runs take half a minute: each node is killed once in this time, or more often. */
const RECORDS_PER_SECOND = 8_000;
const PARTITIONS = 6;
const KEYS = 100;
const SAFE = { 'min.insync.replicas': '2' };
const RUNS = [
  { name: 'V1', flags: [] },
  { name: 'V2', flags: ['--arch', 'v2', '--workers', '2'] },
];

describe.runIf(javaSuiteRuns(SUITE))(SUITE, () => {
  let cluster: KafkaCluster;
  let stopCluster = (): Promise<void> => Promise.resolve();

  beforeAll(async () => {
    cluster = await startKafkaCluster();
    stopCluster = () => cluster.stop();
  }, 240_000);

  afterAll(async () => {
    await stopCluster();
  });

  it('every record is there once and in order', { timeout: 300_000 }, async () => {
    const writing = await Promise.all(
      RUNS.map(async ({ name, flags }) => {
        const topic = newTopic(`written-${name}`);
        await cluster.createTopic(topic, PARTITIONS, SAFE);
        const sql = insertSql(cluster.brokers, topic);
        const run = velo(['run', ...flags, '-e', sql], { limitMs: 240_000 });
        return { name, topic, run };
      }),
    );
    const topics = writing.map(({ topic }) => topic);
    let ended = 0;
    for (const { run } of writing) void run.then(() => (ended += 1));
    let kills = 0;
    while (ended < writing.length) {
      const node = (kills % 3) + 1;
      await cluster.kill(node);
      kills += 1;
      await Promise.all(topics.map((topic) => cluster.abdicated(topic, node)));
      await cluster.start(node);
      await Promise.all(topics.map((topic) => cluster.inSync(topic)));
      await Promise.all(topics.map((topic) => cluster.moveLeaders(topic)));
      await delay(500);
    }
    expect(kills).toBeGreaterThanOrEqual(2);
    for (const { name, topic, run } of writing) {
      expect(await endOf(run), name).toEqual({ exit: 0 });
      const written = await idsByPartition(cluster.brokers, topic);
      expect(written.flat().length, name).toBe(RECORDS);
      expect(new Set(written.flat()).size, name).toBe(RECORDS);
      for (const ids of written) {
        expect(
          ids.findIndex((id, at) => at > 0 && id < ids[at - 1]!),
          name,
        ).toBe(-1);
      }
    }
  });

  it('each row once where two nodes of three are lost', { timeout: 300_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'velo-two-lost-'));
    try {
      const jobs = await Promise.all(
        RUNS.map(async ({ name, flags }) => {
          const topic = newTopic(`kept-${name}`);
          await cluster.createTopic(topic, PARTITIONS, SAFE);
          const [file, state] = [join(folder, `${name}.sql`), join(folder, name)];
          writeFileSync(file, keptSql(cluster.brokers, topic));
          const kept = ['--checkpoint-dir', state, '--checkpoint-interval', '200ms'];
          const args = ['run', ...flags, file, ...kept];
          let kill: (signal: NodeJS.Signals) => void = () => undefined;
          const run = velo(args, { limitMs: 240_000, started: (signal) => (kill = signal) });
          return { name, topic, state, args, run, kill: () => kill('SIGKILL') };
        }),
      );
      for (const { state } of jobs) await hasKept(state);
      await Promise.all([cluster.kill(2), cluster.kill(3)]);
      const [killed, waiting] = jobs;
      killed!.kill();
      await killed!.run;
      // The other one has rows that nobody takes.
      await delay(3000);
      await Promise.all([cluster.start(2), cluster.start(3)]);
      await Promise.all(jobs.map(({ topic }) => cluster.inSync(topic)));
      expect(await endOf(waiting!.run), waiting!.name).toEqual({ exit: 0 });
      const again = await velo(killed!.args, { limitMs: 240_000 });
      expect(again, killed!.name).toMatchObject({ exit: 0 });
      expect(again.stderr).toContain('restored from epoch');
      for (const { name, topic } of jobs) {
        const written = await idsByPartition(cluster.brokers, topic);
        for (const ids of written) expect(ids, name).toEqual([...ids].sort((x, y) => x - y));
        const all = written.flat().sort((x, y) => x - y);
        expect(all, name).toEqual(Array.from({ length: KEPT_ROWS }, (_, id) => id));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Has written so many checkpoints, whose rows are seen. */
async function hasKept(state: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const { exit, stdout, stderr } = await velo(['job', 'status', state, '--json']);
      expect(exit, stderr).toBe(0);
      const { checkpoints } = JSON.parse(stdout) as {
        readonly checkpoints: { readonly transactions: { readonly committed: number } };
      };
      expect(checkpoints.transactions.committed).toBeGreaterThanOrEqual(CHECKPOINTS_FIRST);
    },
    { timeout: 60_000, interval: 50 },
  );
}

function keptSql(brokers: string, topic: string): string {
  return `CREATE TABLE numbers (i BIGINT) WITH ('connector' = 'generator', 'rows' = '${KEPT_ROWS}',
      'rows-per-second' = '${KEPT_ROWS_PER_SECOND}');
    CREATE TABLE t (id BIGINT, k STRING)
    WITH ('connector' = 'kafka', 'topic' = '${topic}', 'format' = 'json', 'key.fields' = 'k',
      'sink.delivery-guarantee' = 'exactly-once',
      'properties.bootstrap.servers' = '${brokers}');
    INSERT INTO t SELECT i, CAST(i % ${KEYS} AS STRING) FROM numbers;`;
}

/** Rows of a job with checkpoints, which takes twelve seconds for them. */
const KEPT_ROWS = 24_000;
const KEPT_ROWS_PER_SECOND = 2_000;
const CHECKPOINTS_FIRST = 3;

/** Of a run that failed, what it said. */
async function endOf(run: Promise<VeloRun>): Promise<Record<string, unknown>> {
  const { exit, stderr } = await run;
  return exit === 0 ? { exit } : { exit, stderr };
}

function insertSql(brokers: string, topic: string): string {
  return `CREATE TABLE numbers (id BIGINT AS i, k STRING AS CAST(i % ${KEYS} AS STRING),
      pad STRING AS 'some text so that a record has a size as records have')
    WITH ('connector' = 'generator', 'rows' = '${RECORDS}',
      'rows-per-second' = '${RECORDS_PER_SECOND}');
    CREATE TABLE t (id BIGINT, k STRING, pad STRING)
    WITH ('connector' = 'kafka', 'topic' = '${topic}', 'format' = 'json', 'key.fields' = 'k',
      'produce' = 'columnar', 'properties.batch.size' = '20000',
      'properties.bootstrap.servers' = '${brokers}');
    INSERT INTO t SELECT id, k, pad FROM numbers;`;
}

/** First column of a topic's records, by partition, in the order of offsets. */
async function idsByPartition(brokers: string, topic: string): Promise<number[][]> {
  const ids: number[][] = Array.from({ length: PARTITIONS }, () => []);
  const table = kafkaTable(brokers, topic, ALL, [{ name: 'id', type: BIGINT }]);
  const opened = await openSource(table, { system: ['_partition'] });
  await drain(opened.source, ({ columns: [values, places], rowCount }) => {
    if (values?.kind !== 'f64' || places?.kind !== 'f64') throw new Error('they are numbers');
    for (let row = 0; row < rowCount; row += 1) ids[places.values[row]!]!.push(values.values[row]!);
  });
  await opened.source.close();
  return ids;
}
