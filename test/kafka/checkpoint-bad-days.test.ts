/**
 * What comes between two lives of a job with checkpoints on a real broker: a topic that is deleted,
 * or deleted and created again, offsets that are held no more, a mark that the cluster has forgotten,
 * a cluster that is away for longer than a transaction is left open. The next start goes on without
 * a row lost or doubled, or says what is wrong, and what may be done.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { createTopics, deleteTopic } from '../support/kafka-broker.mjs';
import { API_KEY, ProxiedBroker } from '../support/kafka-proxy.js';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';
import { ALL, ids, kafkaTable, newTopic, produce, range, readIds } from './harness.js';

const LIMIT_MS = 240_000;
/** Longer than a transaction of these jobs is left open. */
const TIMEOUT_MS = 2500;
const ROWS = 200;
const V1: readonly string[] = ['--arch', 'v1'];
const V2: readonly string[] = ['--partitions', '3', '--workers', '2'];
const PLACES = [
  ['V1', V1],
  ['V2', V2],
] as const;
const FAILING = pathToFileURL(join(import.meta.dirname, '../job/failing-disk.mjs')).href;
const folder = mkdtempSync(join(tmpdir(), 'velo-bad-days-'));

describe.runIf(javaSuiteRuns('bad days of checkpoints'))('between two lives of a job', () => {
  let broker: ProxiedBroker;
  let jobs = 0;

  beforeAll(async () => {
    broker = await ProxiedBroker.start();
  }, LIMIT_MS);

  afterAll(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const brokers = (): string => broker.broker.brokers;

  interface LifeOptions {
    readonly flags?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  }

  interface Job {
    readonly dir: string;
    readonly from: string;
    readonly to: string;
    readonly groupId: string;
    /** Reads without end, for so long; or to the end that there is. */
    life(duration: string | null, options?: LifeOptions): Promise<VeloRun>;
    /** Of the newest checkpoint. */
    epoch(): string;
    /** What the file has. */
    lines(): number[];
    /** What is committed in the topic. */
    rows(): Promise<number[]>;
  }

  /** Copies a topic of two partitions into a file, or exactly once into a topic. */
  async function jobOf(place: readonly string[], exactlyOnce: boolean): Promise<Job> {
    const [from, to] = [newTopic('days-in'), newTopic('days-out')];
    const topics = [from, to].map((topic) => ({ topic, partitions: 2 }));
    await createTopics(brokers(), topics);
    await produce(brokers(), from, ids(ROWS, 2));
    jobs += 1;
    const name = `days-${jobs}.sql`;
    const own = join(folder, `days-${jobs}`);
    mkdirSync(own);
    const [file, out, dir] = [join(own, name), join(own, 'out.jsonl'), join(own, 'state')];
    const servers = `'properties.bootstrap.servers' = '${broker.proxied}', 'format' = 'json'`;
    const sink = exactlyOnce
      ? `CREATE TABLE o (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${to}', ${servers},
           'sink.delivery-guarantee' = 'exactly-once', 'properties.transaction.timeout.ms' = '1500');
         INSERT INTO o`
      : `INSERT INTO '${out}'`;
    const args = ['run', file, ...place, '--checkpoint-dir', dir, '--checkpoint-interval', '1s'];
    return {
      from,
      to,
      groupId: `velo-${name}-${to}`,
      dir,
      life: (duration, { flags = [], env = {} } = {}) => {
        const end = duration === null ? `, 'scan.bounded.mode' = 'latest-offset'` : '';
        writeFileSync(
          file,
          `CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${from}', ${servers},
             'scan.startup.mode' = 'earliest-offset'${end}); ${sink} SELECT id FROM t;`,
        );
        return velo([...args, ...(duration === null ? [] : ['--duration', duration]), ...flags], {
          env,
        });
      },
      epoch: () => {
        const names = readdirSync(dir).filter((each) => /^epoch-\d+$/.test(each));
        return String(Number(names.sort().at(-1)?.slice('epoch-'.length)));
      },
      lines: () => {
        const lines = readFileSync(out, 'utf8').trimEnd().split('\n');
        return lines.map((line) => (JSON.parse(line) as { id: number }).id).sort((a, b) => a - b);
      },
      rows: () => readIds(kafkaTable(brokers(), to, { ...ALL, fetch: 'librdkafka' })),
    };
  }

  async function begun(place: readonly string[], exactlyOnce: boolean): Promise<Job> {
    const job = await jobOf(place, exactlyOnce);
    const { exit, stderr } = await job.life('3s');
    expect({ exit, stderr }).toMatchObject({ exit: 0 });
    expect(exactlyOnce ? await job.rows() : job.lines(), stderr).toEqual(range(ROWS));
    return job;
  }

  async function again(topic: string, count: number, first: number): Promise<void> {
    await deleteTopic(brokers(), topic);
    await createTopics(brokers(), [{ topic, partitions: 2 }]);
    await produce(brokers(), topic, ids(count, 2, first));
  }

  async function admin(work: (client: Admin) => Promise<unknown>): Promise<void> {
    const client = new Admin({ clientId: 'bad-days', bootstrapBrokers: [brokers()] });
    try {
      await work(client);
    } finally {
      await client.close();
    }
  }

  it.each(PLACES)(
    'a topic is deleted and created again, on %s: it has other records',
    async (_, place) => {
      const job = await begun(place, false);
      await again(job.from, 3 * ROWS, 1000);
      const refused = await job.life(null);
      expect(refused.exit).not.toBe(0);
      expect(refused.stderr).toContain(
        `error[VELO_STATE_INVALID]: topic "${job.from}" is another one than that of checkpoint`,
      );
      expect(refused.stderr).toContain('--restore none');
      expect(job.lines()).toEqual(range(ROWS));
      const anew = await job.life(null, { flags: ['--restore', 'none'] });
      expect(anew, anew.stderr).toMatchObject({ exit: 0 });
      expect(job.lines()).toEqual(range(3 * ROWS, 1000));
    },
    LIMIT_MS,
  );

  it(
    'a topic is created again with the records that it had: who knows that says the epoch',
    async () => {
      const job = await begun(V1, false);
      await again(job.from, 2 * ROWS, 0);
      const { exit, stderr } = await job.life(null, { flags: ['--restore', job.epoch()] });
      expect({ exit, stderr }).toMatchObject({ exit: 0 });
      expect(stderr).toContain(`warning: topic "${job.from}" is another one`);
      expect(job.lines()).toEqual(range(2 * ROWS));
    },
    LIMIT_MS,
  );

  it.each(PLACES)(
    'a topic is deleted, on %s',
    async (_, place) => {
      const job = await begun(place, false);
      await deleteTopic(brokers(), job.from);
      const refused = await job.life(null);
      expect(refused.exit).not.toBe(0);
      expect(refused.stderr).toContain('error[VELO_TOPIC_NOT_FOUND]');
      expect(job.lines()).toEqual(range(ROWS));
    },
    LIMIT_MS,
  );

  it.each(PLACES)(
    'records are deleted that were not read, on %s',
    async (_, place) => {
      const job = await begun(place, false);
      await produce(brokers(), job.from, ids(2 * ROWS, 2, ROWS));
      await admin((client) =>
        client.deleteRecords({
          topics: [{ name: job.from, partitions: [{ partition: 1, offset: BigInt(ROWS) }] }],
        }),
      );
      const refused = await job.life(null);
      expect(refused.exit).not.toBe(0);
      expect(refused.stderr).toContain('error[VELO_OFFSET_OUT_OF_RANGE]');
      expect(refused.stderr).toContain(
        `offset ${ROWS / 2} of topic "${job.from}" partition 1 is no longer held by the broker`,
      );
    },
    LIMIT_MS,
  );

  it.each(PLACES)(
    'the cluster has forgotten the mark, on %s',
    async (_, place) => {
      const job = await begun(place, true);
      await produce(brokers(), job.from, ids(ROWS, 2, ROWS));
      await admin((client) => client.deleteGroups({ groups: [job.groupId] }));
      const refused = await job.life(null);
      expect(refused.exit).not.toBe(0);
      expect(refused.stderr).toContain('error[VELO_STATE_INVALID]: nothing in topic');
      expect(refused.stderr).toContain(`--restore ${job.epoch()}`);
      expect(await job.rows()).toEqual(range(ROWS));
      const { exit, stderr } = await job.life(null, { flags: ['--restore', job.epoch()] });
      expect({ exit, stderr }).toMatchObject({ exit: 0 });
      expect(await job.rows()).toEqual(range(2 * ROWS));
    },
    LIMIT_MS,
  );

  it(
    'the topic that is written is deleted and created again: its rows and their mark are gone',
    async () => {
      const job = await begun(V1, true);
      await again(job.to, 0, 0);
      const refused = await job.life(null);
      expect(refused.exit).not.toBe(0);
      expect(refused.stderr).toContain('error[VELO_STATE_INVALID]: nothing in topic');
      const anew = await job.life(null, { flags: ['--restore', 'none'] });
      expect(anew, anew.stderr).toMatchObject({ exit: 0 });
      expect(await job.rows()).toEqual(range(ROWS));
    },
    LIMIT_MS,
  );

  it.each(PLACES)(
    'the disk takes no checkpoint, on %s: rows are not seen, and the job ends',
    async (_, place) => {
      const job = await begun(place, true);
      await produce(brokers(), job.from, ids(ROWS, 2, ROWS));
      const env = {
        NODE_OPTIONS: `--import ${FAILING}`,
        VELO_DISK: JSON.stringify({ code: 'ENOSPC', times: 1000 }),
      };
      const full = await job.life(null, { env });
      expect(full.exit).toBe(1);
      expect(full.stderr).toContain('error[VELO_CHECKPOINT_WRITE]');
      expect(await job.rows()).toEqual(range(ROWS));
      const last = await job.life(null);
      expect(last, last.stderr).toMatchObject({ exit: 0 });
      expect(await job.rows()).toEqual(range(2 * ROWS));
    },
    LIMIT_MS,
  );

  it(
    'its folder is gone: what the mark names cannot be found, and nothing is written',
    async () => {
      const job = await begun(V1, true);
      rmSync(job.dir, { recursive: true });
      const refused = await job.life(null);
      expect(refused.exit).toBe(1);
      expect(refused.stderr).toContain('error[VELO_CHECKPOINT_NOT_FOUND]');
      expect(refused.stderr).toContain('bring the folder back');
      expect(await job.rows()).toEqual(range(ROWS));
    },
    LIMIT_MS,
  );

  it.each(PLACES)(
    'the cluster was away for longer than it leaves a transaction open, on %s',
    async (_, place) => {
      const job = await begun(place, true);
      await produce(brokers(), job.from, ids(ROWS, 2, ROWS));
      let back: Promise<void> | null = null;
      broker.watch = ({ kind, apiKey }) => {
        if (kind !== 'answer' || apiKey !== API_KEY.produce) return true;
        back ??= broker.broker
          .kill('SIGKILL')
          .then(() => new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS)))
          .then(() => broker.broker.start());
        return false;
      };
      const life = job.life('20s');
      await expect.poll(() => back, { timeout: LIMIT_MS }).not.toBe(null);
      broker.watch = null;
      await back;
      const { exit, stderr } = await life;
      // It came back in time to go on, or its transaction was ended meanwhile.
      if (exit !== 0) expect(stderr).toMatch(/error\[VELO_KAFKA/);
      const last = await job.life(null);
      expect(last, last.stderr).toMatchObject({ exit: 0 });
      expect(await job.rows(), stderr).toEqual(range(2 * ROWS));
    },
    LIMIT_MS,
  );
});
