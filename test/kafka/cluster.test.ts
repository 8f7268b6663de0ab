/**
 * Reading from a cluster that loses brokers: one bounded run for each way to Kafka, on V1 and V2,
 * all at once, while nodes are killed, leaders moved and nodes started again. Every record must be
 * in the final counts exactly once.
 *
 * The brokers hand out the records so slowly that no run can end before the last of these acts;
 * then the limit is lifted. So nothing depends on how fast the machine is.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { startKafkaCluster } from '../support/kafka-cluster.mjs';
import type { KafkaCluster } from '../support/kafka-cluster.mjs';
import { connectProducer, disconnect, newTopic, promise, range, send } from './harness.js';
import { FETCH_PATHS } from './java-records.js';
import { JobRun, kafkaDdl } from './job-run.js';

const SUITE = 'reading from a cluster that loses brokers';
const RECORDS = 60_000;
const PARTITIONS = 6;
const KEYS = 100;
const PAD = 'x'.repeat(200);
/** For each client of each broker: the runs would take minutes. */
const BYTES_PER_SECOND = 30_000;
const PRODUCE_LIMIT_MS = 240_000;
const PROGRESS_LIMIT_MS = 240_000;

const SHAPES = [
  { name: 'V1', shape: null },
  { name: 'V2', shape: { partitions: 8, workers: 2 } },
];

describe.runIf(javaSuiteRuns(SUITE))(SUITE, () => {
  let cluster: KafkaCluster;
  let stopCluster = (): Promise<void> => Promise.resolve();
  const topic = newTopic('counted');
  const runs = new Map<string, JobRun>();

  beforeAll(async () => {
    cluster = await startKafkaCluster();
    stopCluster = () => cluster.stop();
    await cluster.createTopic(topic, PARTITIONS);
    await produceSmallBatches(cluster.brokers, topic);
    await cluster.limitConsumers(BYTES_PER_SECOND);
  }, 240_000);

  afterAll(async () => {
    await Promise.all([...runs.values()].map((run) => run.stop().catch(() => undefined)));
    await stopCluster();
  });

  /** Each run has read records that it had not when this was called. */
  const allProgress = async (): Promise<void> => {
    const before = new Map([...runs].map(([name, run]) => [name, run.rowsRead]));
    const stands = (): string[] =>
      [...runs].filter(([name, run]) => run.rowsRead === before.get(name)).map(([name]) => name);
    const deadlineMs = performance.now() + PROGRESS_LIMIT_MS;
    while (stands().length > 0) {
      if (performance.now() > deadlineMs) throw new Error(`standing still: ${stands().join()}`);
      await delay(50);
    }
  };

  it('counts every record exactly once', async () => {
    for (const fetch of FETCH_PATHS) {
      for (const { name, shape } of SHAPES) {
        const client = `${name}-${fetch}`;
        runs.set(client, await JobRun.start(query(cluster.brokers, topic, fetch, client), shape));
      }
    }
    await allProgress();
    for (const node of [1, 2]) {
      await cluster.kill(node);
      await cluster.abdicated(topic, node);
      await allProgress();
      await cluster.moveLeaders(topic);
      await allProgress();
      await cluster.start(node);
      await cluster.inSync(topic);
      await cluster.moveLeaders(topic);
      await allProgress();
    }
    // Killed without waiting, and back before anybody leads in its place.
    await cluster.kill(3);
    await cluster.start(3);
    await cluster.inSync(topic);
    for (const [name, run] of runs) {
      expect(run.running, name).toBe(true);
      expect(run.rowsRead, name).toBeLessThan(RECORDS);
    }

    await cluster.limitConsumers(null);
    for (const [name, run] of runs) {
      const { rowsRead, end } = await run.result;
      expect({ rowsRead, end }, name).toEqual({ rowsRead: RECORDS, end: 'end-of-input' });
      const rows = [...run.rows()].sort((a, b) => Number(a['k']) - Number(b['k']));
      expect(rows, name).toEqual(range(KEYS).map(expectedCounts));
    }
  }, 300_000);
});

/** A broker hands out whole batches: small ones, so that the slowest read moves every second. */
async function produceSmallBatches(brokers: string, topic: string): Promise<void> {
  const producer = await connectProducer(brokers, {
    'enable.idempotence': true,
    'batch.size': 32_768,
    'queue.buffering.max.messages': RECORDS,
  });
  for (let id = 0; id < RECORDS; id += 1) {
    const value = `{"id":${id},"k":${id % KEYS},"pad":"${PAD}"}`;
    send(producer, topic, { value, partition: Math.floor(id / KEYS) % PARTITIONS });
  }
  await promise((done) => {
    producer.flush(PRODUCE_LIMIT_MS, done);
  });
  await disconnect(producer);
}

/** COUNT, COUNT(DISTINCT) and SUM together: each id once, no other id. */
function query(brokers: string, topic: string, fetch: string, client: string): string {
  const options = {
    fetch,
    'scan.startup.mode': 'earliest-offset',
    'scan.bounded.mode': 'latest-offset',
    // Each has a limit of its own, and gets little at a time: progress is seen soon.
    'properties.client.id': client,
    'properties.max.partition.fetch.bytes': '16384',
  };
  return `${kafkaDdl(brokers, topic, options, 'id BIGINT, k BIGINT')}
    SELECT k, COUNT(*) AS n, COUNT(DISTINCT id) AS ids, SUM(id) AS total FROM t GROUP BY k EMIT FINAL;`;
}

function expectedCounts(k: number): Record<string, number> {
  const n = RECORDS / KEYS;
  return { k, n, ids: n, total: n * k + (KEYS * n * (n - 1)) / 2 };
}
