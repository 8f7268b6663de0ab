/**
 * Jobs that write exactly once into topics of a real broker and are killed, at moments that a seed
 * picks and between any request of a commit and its answer: who reads what is committed reads each
 * row once, in its order, as of a run that nothing came between. VELO_KILLS=50 asks for more lives.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { BIGINT } from '../../src/columnar/types.js';
import { Cluster } from '../../src/connectors/kafka/cluster/cluster.js';
import { clientSettings } from '../../src/connectors/kafka/settings/client-settings.js';
import { readOptions } from '../../src/connectors/kafka/settings/table-options.js';
import { javaSuiteRuns } from '../support/java.mjs';
import { livesOf } from '../support/job-lives.js';
import { createTopics } from '../support/kafka-broker.mjs';
import { API_KEY, ProxiedBroker } from '../support/kafka-proxy.js';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';
import { ALL, kafkaTable, newTopic, openSource, produce, ids, readRows } from './harness.js';

const ROWS = 3000;
const KILLS = Number(process.env['VELO_KILLS'] ?? 3);
const SEED = Number(process.env['VELO_KILL_SEED'] ?? 20261130);
const LIMIT_MS = 240_000;
const PARTITIONS = 3;
const V1: readonly string[] = [];
const V2 = ['--partitions', '3', '--workers', '2'];
const CRASHING = pathToFileURL(join(import.meta.dirname, '../job/crashing-worker.mjs')).href;
const folder = mkdtempSync(join(tmpdir(), 'velo-exactly-once-'));

describe.runIf(javaSuiteRuns('exactly once into topics'))(
  `a job that writes exactly once (seed ${SEED})`,
  () => {
    let kafka: ProxiedBroker;

    beforeAll(async () => {
      kafka = await ProxiedBroker.start();
    }, LIMIT_MS);

    afterAll(async () => {
      await kafka.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    /** CREATE TABLE of a topic that is made for it. */
    async function topicOf(
      name: string,
      columns: string,
      options: Readonly<Record<string, string>> = {},
    ): Promise<{ readonly topic: string; readonly ddl: string }> {
      const topic = newTopic(name);
      await createTopics(kafka.broker.brokers, [{ topic, partitions: PARTITIONS }]);
      const all = {
        connector: 'kafka',
        topic,
        format: 'json',
        'properties.bootstrap.servers': kafka.proxied,
        'sink.delivery-guarantee': 'exactly-once',
        ...options,
      };
      const list = Object.entries(all).map(([key, value]) => `'${key}' = '${value}'`);
      return { topic, ddl: `CREATE TABLE ${name} (${columns}) WITH (${list.join(', ')});` };
    }

    const numbers = (rows = ROWS): string =>
      `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '${rows}',
         'rows-per-second' = '2000');`;

    /** What is committed, by partition, as another client reads it. */
    async function committed(topic: string, names = ['id']): Promise<number[][][]> {
      const columns = names.map((name) => ({ name, type: BIGINT }));
      const table = kafkaTable(
        kafka.broker.brokers,
        topic,
        { ...ALL, fetch: 'librdkafka' },
        columns,
      );
      const rows = await readRows(await openSource(table, { system: ['_partition'] }));
      const partitions = Array.from({ length: PARTITIONS }, (): number[][] => []);
      for (const row of rows) partitions[Number(row.at(-1))]?.push(row.slice(0, -1).map(Number));
      return partitions;
    }

    /** Each number once, ascending in each partition. */
    async function expectNumbers(topic: string, told: string, rows = ROWS): Promise<void> {
      const partitions = (await committed(topic)).map((own) => own.map(([id = -1]) => id));
      for (const own of partitions) expect(own, told).toEqual([...own].sort((a, b) => a - b));
      const all = partitions.flat().sort((a, b) => a - b);
      expect(all, told).toEqual(Array.from({ length: rows }, (_, id) => id));
    }

    /** Each count of each of seven groups once, in order. */
    async function expectGroups(topic: string, told: string): Promise<void> {
      const groups = new Map<number, number[]>();
      for (const [id = -1, n = -1] of (await committed(topic, ['id', 'n'])).flat()) {
        groups.set(id, [...(groups.get(id) ?? []), n]);
      }
      for (let id = 0; id < 7; id += 1) {
        const rows = Math.floor((ROWS - 1 - id) / 7) + 1;
        expect(groups.get(id), told).toEqual(Array.from({ length: rows }, (_, at) => at + 1));
      }
    }

    function script(name: string, sql: string): { readonly file: string; readonly dir: string } {
      const own = join(folder, name);
      mkdirSync(own);
      const file = join(own, `${name}.sql`);
      writeFileSync(file, sql);
      return { file, dir: join(own, 'state') };
    }

    const flags = (dir: string): string[] => [
      '--checkpoint-dir',
      dir,
      '--checkpoint-interval',
      '50ms',
    ];

    it.each([
      ['rows of a generator', 'a', 'SELECT i, 0 FROM g'],
      ['groups of a generator', 'b', 'SELECT i % 7, COUNT(*) FROM g GROUP BY i % 7 EMIT CHANGES'],
      ['groups of a topic', 'c', 'SELECT id % 7, COUNT(*) FROM t GROUP BY id % 7 EMIT CHANGES'],
    ])(
      'and is killed at any moment gives each row once: %s',
      async (_, name, query) => {
        const { topic, ddl } = await topicOf(`o${name}`, 'id BIGINT, n BIGINT', {
          'properties.compression.type': name === 'a' ? 'lz4' : 'none',
        });
        const source = newTopic('in');
        await createTopics(kafka.broker.brokers, [{ topic: source, partitions: PARTITIONS }]);
        await produce(kafka.broker.brokers, source, ids(ROWS, PARTITIONS));
        const { file, dir } = script(
          name,
          `${ddl} ${numbers()}
           CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${source}',
             'format' = 'json', 'properties.bootstrap.servers' = '${kafka.proxied}',
             'scan.bounded.mode' = 'latest-offset', 'properties.max.partition.fetch.bytes' = '1',
             'properties.fetch.max.bytes' = '1');
           INSERT INTO o${name} ${query};`,
        );
        const { killed, told } = await livesOf(file, dir, { kills: KILLS, seed: SEED });
        expect(killed, told).toBeGreaterThan(0);
        expect(told).toContain(`o${name} exactly once (read_committed readers)`);
        if (name === 'a') {
          await expectNumbers(topic, told);
          return;
        }
        await expectGroups(topic, told);
      },
      LIMIT_MS,
    );

    /** Runs until the n-th such frame, which is swallowed as everything behind it; then kills. */
    async function killedAt(
      args: readonly string[],
      frame: { readonly kind: 'request' | 'answer'; readonly apiKey: number; readonly nth: number },
    ): Promise<VeloRun> {
      let seen = 0;
      let kill: (name: NodeJS.Signals) => void = () => undefined;
      kafka.watch = ({ kind, apiKey }) => {
        if (kind === frame.kind && apiKey === frame.apiKey) seen += 1;
        if (seen < frame.nth) return true;
        kill('SIGKILL');
        return false;
      };
      try {
        return await velo(['run', ...args], { started: (signal) => (kill = signal) });
      } finally {
        kafka.watch = null;
      }
    }

    const POINTS = [
      ['before its first mark', 'request', 'endTxn', 1, V1],
      ['when its first mark is committed', 'answer', 'endTxn', 1, V2],
      ['before its first rows', 'answer', 'addPartitions', 1, V1],
      ['between rows', 'answer', 'produce', 5, V2],
      ['when the first state is on disk', 'request', 'addOffsets', 2, V1],
      ['when a state is on disk', 'request', 'addOffsets', 4, V2],
      ['before the mark', 'request', 'txnOffsetCommit', 4, V1],
      ['behind the mark', 'answer', 'txnOffsetCommit', 4, V2],
      ['before the commit', 'request', 'endTxn', 4, V1],
      ['when the commit is not answered', 'answer', 'endTxn', 4, V2],
    ] as const;

    it.each(POINTS)(
      'and is killed %s goes on with the state whose rows are seen',
      async (_, kind, api, nth, place) => {
        const name = `p${POINTS.findIndex(([text]) => text === _)}`;
        const { topic, ddl } = await topicOf(name, 'id BIGINT');
        const { file, dir } = script(
          name,
          `${ddl} ${numbers()} INSERT INTO ${name} SELECT i FROM g;`,
        );
        const args = [file, ...place, ...flags(dir)];
        const first = await killedAt(args, { kind, apiKey: API_KEY[api], nth });
        expect(first.exit, first.stderr).toBe(null);
        const second = await velo(['run', ...args]);
        expect(second.exit, second.stderr).toBe(0);
        await expectNumbers(topic, `${first.stderr}\n${second.stderr}`);
        const third = await velo(['run', ...args]);
        expect(third).toMatchObject({ exit: 0 });
        expect(third.stderr).toContain('all queries had ended');
        await expectNumbers(topic, third.stderr);
      },
      LIMIT_MS,
    );

    it(
      'says which states are thrown away',
      async () => {
        const { topic, ddl } = await topicOf('thrown', 'id BIGINT');
        const { file, dir } = script(
          'thrown',
          `${ddl} ${numbers()} INSERT INTO thrown SELECT i FROM g;`,
        );
        const args = [file, ...flags(dir)];
        await killedAt(args, { kind: 'request', apiKey: API_KEY.endTxn, nth: 5 });
        const { exit, stderr } = await velo(['run', ...args]);
        expect({ exit, stderr }).toMatchObject({ exit: 0 });
        // The first end is that of the mark that says that nothing is seen yet.
        expect(stderr).toContain(
          `checkpoint epoch 3 is thrown away: its rows are not in topic "${topic}"`,
        );
        expect(stderr).toContain('restored from epoch 2');
        expect(stderr).toMatch(/committed through epoch \d+/);
      },
      LIMIT_MS,
    );

    it(
      'commits two topics, and cuts a file, at one point',
      async () => {
        const one = await topicOf('one', 'id BIGINT');
        const two = await topicOf('two', 'id BIGINT');
        const path = join(folder, 'both.jsonl');
        const { file, dir } = script(
          'both',
          `${one.ddl} ${two.ddl} ${numbers()} INSERT INTO one SELECT i FROM g;
           INSERT INTO two SELECT i FROM g; INSERT INTO '${path}' SELECT i AS id FROM g;`,
        );
        const args = [file, ...V2, ...flags(dir)];
        let told = '';
        for (const [kind, nth] of [
          ['request', 3],
          ['answer', 2],
          ['request', 2],
        ] as const) {
          const life = await killedAt(args, { kind, apiKey: API_KEY.endTxn, nth });
          told += life.stderr;
          expect(life.exit, told).toBe(null);
        }
        const last = await velo(['run', ...args]);
        expect(last.exit, last.stderr).toBe(0);
        await expectNumbers(one.topic, told);
        await expectNumbers(two.topic, told);
        const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
        expect(lines, told).toEqual(Array.from({ length: ROWS }, (_, id) => `{"id":${id}}`));
      },
      LIMIT_MS,
    );

    it(
      'goes on in the same process when a worker dies',
      async () => {
        const { topic, ddl } = await topicOf('died', 'id BIGINT, n BIGINT');
        const { file, dir } = script(
          'died',
          `${ddl} ${numbers()} INSERT INTO died SELECT i % 7, COUNT(*) FROM g GROUP BY i % 7 EMIT CHANGES;`,
        );
        const crash = { kind: 'exit', times: 2, batch: 60, dir: join(dir, '..') };
        // Small batches, so that a machine that is late with its rows has as many of them.
        const lanes = [...V2, '--batch-size', '16'];
        const { exit, stderr } = await velo(['run', file, ...lanes, ...flags(dir)], {
          modules: true,
          env: {
            NODE_OPTIONS: `--import ${CRASHING}`,
            VELO_CRASH: JSON.stringify(crash),
            VELO_RESTART_DELAY: '10ms',
          },
        });
        expect({ exit, stderr }).toMatchObject({ exit: 0 });
        expect(stderr).toContain('restart 1 of 3');
        await expectGroups(topic, stderr);
      },
      LIMIT_MS,
    );

    it(
      'goes on with other partitions, whether it is killed afterwards or not',
      async () => {
        for (const dies of [false, true]) {
          const name = `cut${dies ? 'b' : 'a'}`;
          const { topic, ddl } = await topicOf(name, 'id BIGINT, n BIGINT');
          const { file, dir } = script(
            name,
            `${ddl} ${numbers()} INSERT INTO ${name} SELECT i % 7, COUNT(*) FROM g GROUP BY i % 7 EMIT CHANGES;`,
          );
          let kill: (signal: NodeJS.Signals) => void = () => undefined;
          let isCut = false;
          let begins: () => void = () => undefined;
          const begun = new Promise<void>((resolve) => (begins = resolve));
          kafka.watch = ({ kind, apiKey }) => {
            if (kind !== 'answer') return true;
            if (apiKey === API_KEY.produce) begins();
            // The transaction is one that was open when the job was cut.
            const isKilled = dies && isCut && apiKey === API_KEY.endTxn;
            if (isKilled) kill('SIGKILL');
            return !isKilled;
          };
          const run = velo(['run', file, ...V2, ...flags(dir)], {
            started: (signal) => (kill = signal),
          });
          await begun;
          const cut = await velo(['job', 'rescale', dir, '--partitions', '8']);
          isCut = true;
          const { exit, stderr } = await run;
          kafka.watch = null;
          const told = `${stderr}\n${cut.stderr}`;
          expect(stderr, told).toContain('rescaled from 3 to 8 partitions');
          expect(exit, told).toBe(dies ? null : 0);
          const next = dies ? await velo(['run', file, ...flags(dir)]) : null;
          expect(next?.exit ?? 0, next?.stderr).toBe(0);
          await expectGroups(topic, told);
        }
      },
      LIMIT_MS,
    );

    it(
      'ends when another one has taken its place, and adds nothing',
      async () => {
        const { topic, ddl } = await topicOf('fenced', 'id BIGINT');
        const { file, dir } = script(
          'fenced',
          `${ddl} ${numbers()} INSERT INTO fenced SELECT i FROM g;`,
        );
        let signal: (name: NodeJS.Signals) => void = () => undefined;
        let ends = 0;
        let stopped: () => void = () => undefined;
        const sleeping = new Promise<void>((resolve) => (stopped = resolve));
        kafka.watch = ({ kind, apiKey }) => {
          if (kind === 'answer' && apiKey === API_KEY.endTxn) ends += 1;
          if (ends === 3) {
            ends += 1;
            signal('SIGSTOP');
            stopped();
          }
          return true;
        };
        const args = (state: string): string[] => ['run', file, ...flags(state)];
        const first = velo(args(dir), { started: (send) => (signal = send) });
        await sleeping;
        kafka.watch = null;
        const copy = `${dir}-copy`;
        cpSync(dir, copy, {
          recursive: true,
          filter: (path) => !/lock|partial|control/.test(path.slice(dir.length)),
        });
        const second = await velo(args(copy));
        expect(second.exit, second.stderr).toBe(0);
        await expectNumbers(topic, second.stderr);
        signal('SIGCONT');
        const { exit, stderr } = await first;
        expect({ exit, stderr }).toMatchObject({ exit: 1 });
        expect(stderr).toContain('error[VELO_KAFKA_FENCED]');
        await expectNumbers(topic, stderr);
      },
      LIMIT_MS,
    );

    it(
      'loses nothing when its transaction is ended by the cluster while it is down',
      async () => {
        const { topic, ddl } = await topicOf('late', 'id BIGINT', {
          'properties.transaction.timeout.ms': '1500',
        });
        const { file, dir } = script(
          'late',
          `${ddl} ${numbers()} INSERT INTO late SELECT i FROM g;`,
        );
        const args = [file, ...flags(dir)];
        const first = await killedAt(args, { kind: 'request', apiKey: API_KEY.endTxn, nth: 4 });
        expect(first.exit, first.stderr).toBe(null);
        await untilNothingIsOpen(topic);
        const second = await velo(['run', ...args]);
        expect(second.exit, second.stderr).toBe(0);
        await expectNumbers(topic, second.stderr);
      },
      LIMIT_MS,
    );

    it(
      'waits for a broker that dies and comes back',
      async () => {
        const { topic, ddl } = await topicOf('away', 'id BIGINT');
        const { file, dir } = script(
          'away',
          `${ddl} ${numbers()} INSERT INTO away SELECT i FROM g;`,
        );
        let ends = 0;
        let restarted: Promise<void> = Promise.resolve();
        kafka.watch = ({ kind, apiKey }) => {
          if (kind !== 'request' || apiKey !== API_KEY.endTxn) return true;
          ends += 1;
          if (ends !== 3) return true;
          restarted = kafka.broker.kill('SIGKILL').then(() => kafka.broker.start());
          return false;
        };
        const { exit, stderr } = await velo(['run', file, ...flags(dir)]);
        kafka.watch = null;
        await restarted;
        expect({ exit, stderr }).toMatchObject({ exit: 0 });
        expect(ends, stderr).toBeGreaterThan(3);
        await expectNumbers(topic, stderr);
      },
      LIMIT_MS,
    );

    /** The cluster has ended every transaction of the topic. */
    async function untilNothingIsOpen(topic: string): Promise<void> {
      const endpoint = readOptions(kafkaTable(kafka.broker.brokers, topic));
      const cluster = await Cluster.connect(
        endpoint,
        clientSettings(endpoint),
        () => undefined,
        systemClock,
      );
      cluster.opened();
      const questions = cluster
        .topic()
        .partitions.map(({ partition }) => ({ partition, at: 'latest' as const }));
      try {
        await vi.waitFor(
          async () => {
            const stable = await cluster.listOffsets(questions, 'read_committed');
            expect(stable).toEqual(await cluster.listOffsets(questions, 'read_uncommitted'));
          },
          { timeout: 60_000, interval: 100 },
        );
      } finally {
        await cluster.close();
      }
    }

    it(
      'keeps the last rows of a job that is stopped, and those of its duration',
      async () => {
        const { topic, ddl } = await topicOf('stopped', 'id BIGINT');
        const { file, dir } = script(
          'stopped',
          `${ddl} ${numbers()} INSERT INTO stopped SELECT i FROM g;`,
        );
        const args = ['run', file, '--checkpoint-dir', dir, '--checkpoint-interval', '1h'];
        const refused = await velo(args);
        expect(refused.exit).toBe(2);
        expect(refused.stderr).toContain('properties.transaction.timeout.ms');
        args[args.length - 1] = '5m';
        const timed = await velo([...args, '--duration', '300ms']);
        expect(timed.exit, timed.stderr).toBe(0);
        const before = (await committed(topic)).flat().length;
        expect(before, timed.stderr).toBeGreaterThan(0);
        let produced = 0;
        let signal: (name: NodeJS.Signals) => void = () => undefined;
        kafka.watch = ({ kind, apiKey }) => {
          if (kind === 'answer' && apiKey === API_KEY.produce) produced += 1;
          if (produced === 3) {
            produced += 1;
            signal('SIGTERM');
          }
          return true;
        };
        const stopped = await velo([...args, ...V2], { started: (send) => (signal = send) });
        kafka.watch = null;
        expect(stopped.exit, stopped.stderr).toBe(143);
        const after = (await committed(topic)).flat().length;
        expect(after, stopped.stderr).toBeGreaterThan(before);
        const last = await velo(args);
        expect(last.exit, last.stderr).toBe(0);
        await expectNumbers(topic, `${timed.stderr}${stopped.stderr}${last.stderr}`);
      },
      LIMIT_MS,
    );

    it(
      'is refused where folder and topic do not belong together',
      async () => {
        const { topic, ddl } = await topicOf('apart', 'id BIGINT');
        const sql = `${ddl} ${numbers(200)} INSERT INTO apart SELECT i FROM g;`;
        const { file, dir } = script('apart', sql);
        const other = script('other', sql.replace('exactly-once', 'at-least-once'));
        const run = (...args: string[]): Promise<VeloRun> => velo(['run', ...args]);
        expect(await run(file, ...flags(dir))).toMatchObject({ exit: 0 });
        expect(await run(other.file, ...flags(other.dir))).toMatchObject({ exit: 0 });
        const empty = await run(file, ...flags(`${dir}-new`));
        expect(empty.exit).toBe(1);
        expect(empty.stderr).toContain('error[VELO_CHECKPOINT_NOT_FOUND]');
        expect(empty.stderr).toContain(`topic "${topic}" has the rows of checkpoint epoch`);
        const foreign = await run(file, ...flags(other.dir));
        expect(foreign.exit).not.toBe(0);
        expect(foreign.stderr).toMatch(/is not the one whose rows|which folder/);
        writeFileSync(other.file, sql);
        const unmarked = await run(other.file, ...flags(other.dir));
        expect(unmarked.exit).not.toBe(0);
        expect(unmarked.stderr).toContain('error[VELO_STATE_INVALID]: nothing in topic');
        const [newest = ''] = readdirSync(other.dir)
          .filter((each) => each.startsWith('epoch-'))
          .sort()
          .reverse();
        const epoch = String(Number(newest.slice('epoch-'.length)));
        const asked = await run(other.file, ...flags(other.dir), '--restore', epoch);
        expect(asked).toMatchObject({ exit: 0 });
        expect(asked.stderr).toContain('they come again');
        expect(await run(other.file, ...flags(other.dir))).toMatchObject({ exit: 0 });
        const anew = await run(file, ...flags(dir), '--restore', 'none');
        expect(anew).toMatchObject({ exit: 0 });
      },
      LIMIT_MS,
    );
  },
);
