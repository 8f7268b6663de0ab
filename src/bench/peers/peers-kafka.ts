/**
 * `npm run bench:peers -- --kafka`: velo on one thread and on two workers beside those who read the
 * same topic on the same broker: Flink SQL with the same works, and kcat, node-rdkafka and
 * @platformatic/kafka that only consume. Owns the rounds, in which all take turns, and what is
 * compared; test/peers/kafka.mjs starts the broker and prepares Flink.
 *
 * velo's answers are checked column by column, Flink's by rows and exact sums, the readers' by the
 * records that they saw. Rates are from the first record to the last row out; Flink's time is that
 * of the job less that of the same job over nothing, in a JVM that has run it before.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../../base/errors.js';
import { PARTITIONED_DEFAULTS } from '../../processors/partitioned/job-settings.js';
import type { PartitionedSettings } from '../../processors/partitioned/job-settings.js';
import { benchEnvironment } from '../environment.js';
import { digestFaults } from '../scenario/expectation.js';
import { FETCH_PATHS, KAFKA_CODECS, kafkaFixture } from '../scenario/kafka-fixture.js';
import type { FetchPath, KafkaCodec, KafkaFixture } from '../scenario/kafka-fixture.js';
import { FlinkPeer, flinkFaults } from './peers-kafka-flink.js';
import { READERS, hasKcat, readBare } from './peers-kafka-readers.js';
import type { ReaderName } from './peers-kafka-readers.js';
import { kafkaPeersTables } from './peers-kafka-table.js';
import { kafkaWorks, tradesScenario } from './peers-kafka-works.js';
import type { KafkaWork } from './peers-kafka-works.js';
import { environmentLine } from '../report.js';
import type { FixtureOptions } from '../scenario/scenario.js';
import { runTrial, trialTask } from '../trial-process.js';
import type { KafkaPeerRun } from './peers-kafka-table.js';
import type { KafkaReaderLane } from './peers-kafka-table.js';
import type { KafkaWorkLane } from './peers-kafka-table.js';

/** What targets.md asks of V2. */
const V2: PartitionedSettings = { ...PARTITIONED_DEFAULTS, partitions: 8, workers: 2 };
const PARTITIONS = 4;
const CODECS: readonly KafkaCodec[] = ['none', 'lz4', 'zstd'];
/** The libraries of Node read so many of the records: at their pace all would take minutes. */
const LIBRARY_RECORDS_MAX = 1_000_000;
/** node-rdkafka as npm builds it here has no zstd, and so has the zlib of Node 20. */
const UNREADABLE: Partial<Record<KafkaCodec, readonly ReaderName[]>> = {
  zstd: ['node-rdkafka', '@platformatic/kafka'],
};

interface Peers {
  readonly brokers: string;
  readonly rounds: number;
  readonly records: number;
  readonly fetch: FetchPath;
  readonly flink: FlinkPeer | null;
  readonly readers: readonly ReaderName[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      brokers: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      records: { type: 'string', default: '5000000' },
      codec: { type: 'string', default: 'all' },
      fetch: { type: 'string', default: 'columnar' },
      json: { type: 'string' },
      'flink-class-path': { type: 'string' },
      'flink-logging': { type: 'string', default: '' },
    },
  });
  const { brokers, 'flink-class-path': classPath } = values;
  if (brokers === undefined) {
    throw new ConfigError('FLAG_INVALID', { message: '--brokers is missing' });
  }
  const codecs = values.codec === 'all' ? CODECS : [oneOf('--codec', values.codec, KAFKA_CODECS)];
  const environment = benchEnvironment(1);
  process.stdout.write(`${environmentLine(environment)}\n`);
  const folder = await mkdtemp(join(tmpdir(), 'velo-peers-'));
  const logging = values['flink-logging'];
  const flink = classPath === undefined ? null : new FlinkPeer({ classPath, logging, folder });
  if (!hasKcat()) process.stderr.write('without kcat, which is not installed\n');
  try {
    const peers: Peers = {
      brokers,
      rounds: Number(values.rounds),
      records: Number(values.records),
      fetch: oneOf('--fetch', values.fetch, FETCH_PATHS),
      flink,
      readers: hasKcat() ? READERS : READERS.filter((reader) => reader !== 'kcat'),
    };
    const runs: KafkaPeerRun[] = [];
    for (const codec of codecs) {
      const run = await runCodec(codec, peers);
      process.stdout.write(`${kafkaPeersTables(run, peers.records)}\n`);
      runs.push(run);
    }
    const faults = runs.flatMap(({ codec, faults: found }) => found.map((f) => `${codec}: ${f}`));
    for (const fault of faults) process.stderr.write(`does not verify: ${fault}\n`);
    if (values.json !== undefined) {
      await writeFile(values.json, JSON.stringify({ schema: 1, environment, runs }, null, 2));
    }
    process.exitCode = faults.length === 0 ? 0 : 3;
  } finally {
    await flink?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function oneOf<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new ConfigError('FLAG_INVALID', {
    message: `bad value "${text}" for ${flag}`,
    hint: `choose one of ${choices.join(', ')}`,
  });
}

async function runCodec(codec: KafkaCodec, peers: Peers): Promise<KafkaPeerRun> {
  const options: FixtureOptions = {
    records: peers.records,
    groups: 20,
    stepMs: 1,
    changes: 'snapshot',
  };
  const { brokers, fetch, rounds } = peers;
  const fixture = await kafkaFixture(
    tradesScenario(),
    options,
    { brokers, partitions: PARTITIONS, codec, fetch },
    { onProgress: talk, onNote: talk },
    // Final groups and windows come out the same in any order of the partitions.
    { key: null, onePartition: false },
  );
  const works = kafkaWorks(options);
  const run: KafkaPeerRun = {
    codec,
    fixture,
    works: works.map(({ name }) => emptyLane(name)),
    readers: peers.readers
      .filter((reader) => UNREADABLE[codec]?.includes(reader) !== true)
      .map((reader) => ({
        reader,
        records: reader === 'kcat' ? peers.records : Math.min(peers.records, LIBRARY_RECORDS_MAX),
        rates: [],
        rssBytes: null,
      })),
    flinkIdleSeconds: {},
    faults: [],
  };
  const warm = { ...run, flinkIdleSeconds: await warmFlink(works, fixture, peers) };
  for (let round = 0; round < rounds; round += 1) {
    talk(`${codec}, round ${round + 1} of ${rounds}`);
    for (const [at, work] of works.entries()) {
      const lane = warm.works[at] as KafkaWorkLane;
      await runVelo(work, options, lane, warm);
      await runFlink(work, lane, warm, peers);
    }
    for (const lane of warm.readers) await runReader(lane, warm);
  }
  return warm;
}

function emptyLane(work: KafkaWork['name']): KafkaWorkLane {
  const rates = { v1: [], v2: [], flink: [], flinkMiniBatch: [] };
  return { work, ...rates, v1RssBytes: 0, v2RssBytes: 0 };
}

function talk(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function runVelo(
  work: KafkaWork,
  options: FixtureOptions,
  lane: KafkaWorkLane,
  { fixture, faults }: KafkaPeerRun,
): Promise<void> {
  const { redirects } = fixture;
  const task = { text: work.veloText, redirects };
  const v1 = await runTrial(trialTask(tradesScenario(), options, task));
  const v2 = await runTrial(trialTask(tradesScenario(), options, { ...task, partitioned: V2 }));
  for (const [name, { digest, rowsIn }] of Object.entries({ V1: v1, V2: v2 })) {
    const found = digestFaults(work.expected, digest);
    if (rowsIn !== options.records) found.push(`read ${rowsIn} records`);
    faults.push(...found.map((fault) => `${work.name} on ${name}: ${fault}`));
  }
  lane.v1.push(v1.rowsIn / v1.seconds);
  lane.v2.push(v2.rowsIn / v2.seconds);
  lane.v1RssBytes = Math.max(lane.v1RssBytes, v1.rssPeakBytes);
  lane.v2RssBytes = Math.max(lane.v2RssBytes, v2.rssPeakBytes);
}

/** Flink's jobs once over everything, unmeasured, and then over nothing, measured. */
async function warmFlink(
  works: readonly KafkaWork[],
  fixture: KafkaFixture,
  { flink }: Peers,
): Promise<Record<string, number>> {
  const idle: Record<string, number> = {};
  if (flink === null) return idle;
  for (const work of works) {
    talk(`${fixture.codec}: Flink warms up with ${work.name}`);
    for (const miniBatch of work.miniBatch ? [false, true] : [false]) {
      await flink.run(work, fixture, { miniBatch, empty: false });
      const first = await flink.run(work, fixture, { miniBatch, empty: true });
      const second = await flink.run(work, fixture, { miniBatch, empty: true });
      idle[idleName(work, miniBatch)] = Math.min(first.seconds, second.seconds);
    }
  }
  return idle;
}

function idleName({ name }: KafkaWork, miniBatch: boolean): string {
  return miniBatch ? `${name}, mini-batch` : name;
}

async function runFlink(
  work: KafkaWork,
  lane: KafkaWorkLane,
  { fixture, flinkIdleSeconds, faults }: KafkaPeerRun,
  { flink, records }: Peers,
): Promise<void> {
  if (flink === null) return;
  for (const miniBatch of work.miniBatch ? [false, true] : [false]) {
    const run = await flink.run(work, fixture, { miniBatch, empty: false });
    faults.push(...flinkFaults(work, run).map((fault) => `${work.name}: ${fault}`));
    const idle = flinkIdleSeconds[idleName(work, miniBatch)] ?? 0;
    // Of few records the job itself is most of the time, and hardly ever the same.
    const seconds = Math.max(run.seconds - idle, run.seconds / 2);
    (miniBatch ? lane.flinkMiniBatch : lane.flink).push(records / seconds);
  }
}

async function runReader(lane: KafkaReaderLane, { fixture, faults }: KafkaPeerRun): Promise<void> {
  const { reader, records } = lane;
  const outcome = await readBare(reader, fixture, records);
  lane.rates.push(outcome.records / outcome.seconds);
  if (outcome.rssPeakBytes !== null) {
    lane.rssBytes = Math.max(lane.rssBytes ?? 0, outcome.rssPeakBytes);
  }
  // A library hands over what it has: a little more than asked for is no fault.
  const enough = reader === 'kcat' ? outcome.records === records : outcome.records >= records;
  if (!enough) faults.push(`${reader} saw ${outcome.records} records`);
}

await main();
