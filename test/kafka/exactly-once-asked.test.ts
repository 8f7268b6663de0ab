/**
 * States that somebody asks for, of a job that writes exactly once into a topic of a real broker:
 * a checkpoint is one that the next start goes on from, also of a job that rests; a savepoint is the
 * state whose rows are seen, and a job that goes on from it in another folder writes no row twice;
 * one that the topic has gone past is refused there, and taken where the rows go to another topic.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { createTopics } from '../support/kafka-broker.mjs';
import { ProxiedBroker } from '../support/kafka-proxy.js';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';
import { ALL, ids, kafkaTable, newTopic, produce, range, readIds } from './harness.js';

const LIMIT_MS = 240_000;
const ROWS = 300;
const PLACES = [
  ['V1', []],
  ['V2', ['--partitions', '3', '--workers', '2']],
] as const;
const folder = mkdtempSync(join(tmpdir(), 'velo-asked-'));

describe.runIf(javaSuiteRuns('states of exactly-once jobs that are asked for')).each(PLACES)(
  'a job that writes exactly once on %s',
  (arch, place) => {
    let kafka: ProxiedBroker;

    beforeAll(async () => {
      kafka = await ProxiedBroker.start();
    }, LIMIT_MS);

    afterAll(async () => {
      await kafka.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    interface Copying {
      readonly from: string;
      readonly to: string;
      readonly file: string;
      readonly dir: string;
      readonly savepoint: string;
      readonly args: readonly string[];
      /** Records that the job has to read more. */
      more(first: number): Promise<void>;
      /** What is committed. */
      rows(topic?: string): Promise<number[]>;
    }

    /** Copies a topic into another one, without end unless it is bounded. */
    async function copying(name: string): Promise<Copying> {
      const { brokers } = kafka.broker;
      const [from, to] = [newTopic(`${name}-in`), newTopic(`${name}-out`)];
      await createTopics(brokers, [
        { topic: from, partitions: 2 },
        { topic: to, partitions: 2 },
      ]);
      const own = join(folder, `${arch}-${name}`);
      mkdirSync(own, { recursive: true });
      const [file, dir] = [join(own, `${arch}-${name}.sql`), join(own, 'state')];
      writeFileSync(file, sqlOf(from, to));
      return {
        from,
        to,
        file,
        dir,
        savepoint: join(own, 'savepoint'),
        args: ['run', file, ...place, '--checkpoint-dir', dir],
        more: (first) => produce(brokers, from, ids(ROWS, 2, first)),
        rows: (topic = to) => readIds(kafkaTable(brokers, topic, { ...ALL, fetch: 'librdkafka' })),
      };
    }

    function sqlOf(from: string, to: string, bounded = ''): string {
      const servers = `'properties.bootstrap.servers' = '${kafka.proxied}', 'format' = 'json'`;
      return `CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${from}', ${servers},
          'scan.startup.mode' = 'earliest-offset'${bounded});
        CREATE TABLE o (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${to}', ${servers},
          'sink.delivery-guarantee' = 'exactly-once');
        INSERT INTO o SELECT id FROM t;`;
    }
    const BOUNDED = `, 'scan.bounded.mode' = 'latest-offset'`;

    interface Running {
      readonly ended: Promise<VeloRun>;
      readonly kill: (name: NodeJS.Signals) => void;
    }

    /** Keeps a state when it is asked to, and else once an hour. */
    async function running({ args, dir }: Copying): Promise<Running> {
      let kill: (name: NodeJS.Signals) => void = () => undefined;
      const ended = velo([...args, '--checkpoint-interval', '10m'], {
        started: (signal) => (kill = signal),
      });
      await vi.waitFor(async () => expect((await velo(['job', 'status', dir])).exit).toBe(0), {
        timeout: LIMIT_MS,
        interval: 50,
      });
      return { ended, kill };
    }

    interface Status {
      readonly rowsIn: number;
      readonly checkpoints: {
        readonly transactions: {
          readonly committed: number;
          readonly failed: number;
          readonly lastMs: number;
        };
      };
    }

    async function statusOf({ dir }: Copying): Promise<Status> {
      const { stdout } = await velo(['job', 'status', dir, '--json']);
      return JSON.parse(stdout) as Status;
    }

    async function hasRead(job: Copying, rows: number): Promise<void> {
      await vi.waitFor(
        async () => {
          expect((await statusOf(job)).rowsIn).toBe(rows);
        },
        { timeout: LIMIT_MS, interval: 50 },
      );
    }

    const asked = async (...args: readonly string[]): Promise<number> => {
      const { exit, stdout, stderr } = await velo(['job', ...args, '--json']);
      expect(exit, stderr).toBe(0);
      return (JSON.parse(stdout) as { readonly epoch: number }).epoch;
    };

    it(
      'goes on from a checkpoint that was asked for, of rows and of rest',
      async () => {
        const job = await copying('checkpoint');
        await job.more(0);
        const first = await running(job);
        await hasRead(job, ROWS);
        const epoch = await asked('checkpoint', job.dir);
        expect(await job.rows()).toEqual(range(ROWS));
        const again = await asked('checkpoint', job.dir);
        expect(again).toBe(epoch + 1);
        const { checkpoints } = await statusOf(job);
        expect(checkpoints.transactions).toMatchObject({ committed: 2, failed: 0 });
        expect(checkpoints.transactions.lastMs).toBeGreaterThan(0);
        first.kill('SIGKILL');
        await first.ended;
        writeFileSync(job.file, sqlOf(job.from, job.to, BOUNDED));
        const { exit, stderr } = await velo([...job.args, '--checkpoint-interval', '1s']);
        expect({ exit, stderr }).toMatchObject({ exit: 0 });
        expect(stderr).toContain(`restored from epoch ${again}`);
        expect(await job.rows()).toEqual(range(ROWS));
      },
      LIMIT_MS,
    );

    it(
      'goes on from the savepoint that it was stopped with',
      async () => {
        const job = await copying('stopped');
        await job.more(0);
        const first = await running(job);
        await hasRead(job, ROWS);
        const stop = await velo(['job', 'stop', job.dir, '--savepoint', job.savepoint]);
        expect(stop.exit, stop.stderr).toBe(0);
        expect((await first.ended).exit).toBe(0);
        rmSync(job.dir, { recursive: true });
        await job.more(ROWS);
        writeFileSync(job.file, sqlOf(job.from, job.to, BOUNDED));
        const refused = await velo([...job.args]);
        expect(refused.exit).toBe(1);
        expect(refused.stderr).toContain('error[VELO_CHECKPOINT_NOT_FOUND]');
        const from = ['--restore-from', job.savepoint, '--checkpoint-interval', '1s'];
        const { exit, stderr } = await velo([...job.args, ...from]);
        expect({ exit, stderr }).toMatchObject({ exit: 0 });
        expect(stderr).toMatch(/restored from epoch \d+ of ".*savepoint"/);
        expect(await job.rows()).toEqual(range(2 * ROWS));
        const over = await velo([...job.args, ...from]);
        expect(over.stderr).toContain('all queries had ended');
      },
      LIMIT_MS,
    );

    it(
      'refuses a savepoint that its topic has gone past, and begins with it elsewhere',
      async () => {
        const job = await copying('past');
        await job.more(0);
        const first = await running(job);
        await hasRead(job, ROWS);
        await asked('savepoint', job.dir, '--to', job.savepoint);
        expect(await job.rows()).toEqual(range(ROWS));
        await job.more(ROWS);
        await hasRead(job, 2 * ROWS);
        const drained = await velo(['job', 'stop', job.dir, '--drain']);
        expect(drained.exit, drained.stderr).toBe(0);
        await first.ended;
        expect(await job.rows()).toEqual(range(2 * ROWS));
        rmSync(job.dir, { recursive: true });
        const from = ['--restore-from', job.savepoint, '--checkpoint-interval', '1s'];
        const refused = await velo([...job.args, ...from]);
        expect(refused.exit).not.toBe(0);
        expect(refused.stderr).toMatch(
          /error\[VELO_STATE_INVALID\]: topic ".*" has the rows of checkpoint epoch \d+, and the savepoint in ".*" is another state/,
        );
        const other = newTopic('past-other');
        await createTopics(kafka.broker.brokers, [{ topic: other, partitions: 2 }]);
        writeFileSync(job.file, sqlOf(job.from, other, BOUNDED));
        const { exit, stderr } = await velo([...job.args, ...from]);
        expect({ exit, stderr }).toMatchObject({ exit: 0 });
        expect(await job.rows(other)).toEqual(range(ROWS, ROWS));
      },
      LIMIT_MS,
    );
  },
);
