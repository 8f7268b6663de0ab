/**
 * Fixtures in topics: a scenario's generated table as JSON records, produced once into a topic that
 * is named after all that its content depends on, and read by every lane and every later run.
 * Owns the name, the check that the topic is complete, and how a lane's rows keep the order that
 * its expected output needs; writing is job/write-table, topics are connectors/kafka/librdkafka/topic-admin.
 */
import { createHash } from 'node:crypto';
import { VeloError } from '../../base/errors.js';
import { systemClock } from '../../base/clock.js';
import type { HeldOffsets } from '../../connectors/kafka/librdkafka/topic-admin.js';
import { targetTable } from '../../job/write-table.js';
import type { WriteTarget } from '../../job/write-table.js';
import { planFixture } from './fixture.js';
import { fixtureVariables } from './scenario.js';
import type { BuiltinId, FixtureOptions, Scenario } from './scenario.js';

export const KAFKA_CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type KafkaCodec = (typeof KAFKA_CODECS)[number];

export const FETCH_PATHS = ['columnar', 'librdkafka'] as const;
export type FetchPath = (typeof FETCH_PATHS)[number];

/** How records are kept and read. */
export interface KafkaBench {
  readonly brokers: string;
  /** null: as many as the scenario is good for, up to PARTITIONS. */
  readonly partitions: number | null;
  readonly codec: KafkaCodec;
  readonly fetch: FetchPath;
}

/** A topic that holds a scenario's records. */
export interface KafkaFixture {
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly codec: KafkaCodec;
  readonly fetch: FetchPath;
  /** What --source says for it. */
  readonly redirects: readonly (readonly [string, string])[];
}

export interface FixtureTalk {
  readonly onProgress: (line: string) => void;
  readonly onNote: (line: string) => void;
}

const PARTITIONS = 4;

/** What a scenario's output asks of the order of its records. */
interface Arrangement {
  /** Records of one key stay in order, in one partition; null: order does not matter. */
  readonly key: string | null;
  /** Every record's place matters. */
  readonly onePartition: boolean;
}

/**
 * 1 and 2 put out a row per record that depends on those before it of its symbol or trader; a
 * snapshot of 3b depends on all records before it. Records without a key are spread evenly.
 */
const ARRANGEMENTS: Readonly<Record<BuiltinId, Arrangement>> = {
  '0': { key: null, onePartition: false },
  '1': { key: 'symbol', onePartition: false },
  '2': { key: 'trader_id', onePartition: false },
  '3a': { key: null, onePartition: false },
  '3b': { key: null, onePartition: true },
};

/** Of the user's own files nothing is known. */
const OF_FILES: Arrangement = { key: null, onePartition: true };

/**
 * Finds the topic complete or fills it. `arrangement` is the scenario's by default.
 * Throws ConnectorError when the cluster cannot be reached or creates no topics.
 */
export async function kafkaFixture(
  scenario: Scenario,
  fixture: FixtureOptions,
  bench: KafkaBench,
  talk: FixtureTalk,
  arrangement: Arrangement = arrangementOf(scenario),
): Promise<KafkaFixture> {
  const { brokers, codec, fetch } = bench;
  const partitions = partitionsOf(scenario, bench, arrangement);
  const topic = topicName(scenario, fixture, { ...arrangement, codec, partitions });
  const target = writeTarget(topic, bench, arrangement);
  const table = await fillTopic({ scenario, fixture, target, partitions, codec }, talk);
  const uri = `kafka://${brokers}/${topic}?scan.bounded.mode=latest-offset&fetch=${fetch}`;
  return { brokers, topic, partitions, codec, fetch, redirects: [[table, uri]] };
}

function arrangementOf({ builtin }: Scenario): Arrangement {
  return builtin === null ? OF_FILES : ARRANGEMENTS[builtin];
}

function partitionsOf(
  scenario: Scenario,
  { partitions }: KafkaBench,
  { onePartition }: Arrangement,
): number {
  if (scenario.builtin !== null && onePartition) return 1;
  return partitions ?? (onePartition ? 1 : PARTITIONS);
}

/** Two topics of one name hold the same records in the same places, compressed alike. */
function topicName(
  { text, id }: Scenario,
  fixture: FixtureOptions,
  content: Arrangement & { readonly codec: KafkaCodec; readonly partitions: number },
): string {
  const { key, codec, partitions } = content;
  const hash = createHash('sha256')
    .update(JSON.stringify([text, fixtureVariables(fixture), key, 'json']))
    .digest('hex');
  const name = id.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(0, 40);
  const { records, groups } = fixture;
  return `velo-bench-${name}-${records}r-${groups}g-${partitions}p-${codec}-${hash.slice(0, 8)}`;
}

function writeTarget(topic: string, { brokers }: KafkaBench, { key }: Arrangement): WriteTarget {
  return {
    connector: 'kafka',
    options: {
      topic,
      'properties.bootstrap.servers': brokers,
      format: 'json',
      ...(key === null ? {} : { 'key.fields': key }),
    },
  };
}

interface Filling {
  readonly scenario: Scenario;
  readonly fixture: FixtureOptions;
  readonly target: WriteTarget;
  readonly partitions: number;
  readonly codec: KafkaCodec;
}

/** The name of the scenario's table, whose records the topic holds when this resolves. */
async function fillTopic(filling: Filling, talk: FixtureTalk): Promise<string> {
  const { scenario, fixture, target, partitions, codec } = filling;
  const admin = await import('../../connectors/kafka/librdkafka/topic-admin.js');
  const { table, processor, bytesWritten } = planFixture(scenario, fixture, target);
  const endpoint = admin.endpointOf(targetTable(table, target));
  const place = `topic ${endpoint.topic} at ${endpoint.brokers}`;
  const kind = `${partitions} ${partitions === 1 ? 'partition' : 'partitions'}, ${codec}`;
  const found = await admin.heldOffsets(endpoint);
  if (found !== null && isComplete(found, filling)) {
    talk.onNote(`scenario ${scenario.id}: ${place}, ${kind}, complete from an earlier run`);
    return table;
  }
  // A run that was interrupted left it behind: nobody else makes topics of that name.
  if (found !== null) await admin.removeTopic(endpoint);
  await admin.findOrCreateTopic(endpoint, {
    partitions,
    // The broker compresses what it stores: the same batches for every codec.
    configs: {
      'compression.type': codec === 'none' ? 'uncompressed' : codec,
      'retention.ms': '-1',
    },
  });
  talk.onProgress(`scenario ${scenario.id}: producing ${fixture.records} records into ${place}`);
  const startNs = systemClock.monotonicNs();
  await processor.start();
  const seconds = (systemClock.monotonicNs() - startNs) / 1e9;
  const held = (await admin.heldOffsets(endpoint)) ?? [];
  const bytes = bytesWritten();
  if (!isComplete(held, filling)) throw incomplete(place, held, fixture.records);
  talk.onNote(
    `scenario ${scenario.id}: ${place}, ${kind}, ` +
      `${fixture.records} records${bytes === null ? '' : ` of ${bytes} bytes`} produced in ` +
      `${seconds.toFixed(1)} s`,
  );
  return table;
}

function isComplete(held: readonly HeldOffsets[], { fixture, partitions }: Filling): boolean {
  return held.length === partitions && recordsIn(held) === fixture.records;
}

function recordsIn(held: readonly HeldOffsets[]): number {
  return held.reduce((sum, { start, end }) => sum + end - start, 0);
}

function incomplete(place: string, held: readonly HeldOffsets[], records: number): VeloError {
  return new VeloError('VERIFICATION_FAILED', {
    message: `${place} holds ${recordsIn(held)} records after ${records} were produced`,
    detail: `by partition: ${held.map(({ start, end }) => end - start).join(', ')}`,
    hint: 'produce it again; a retry of a producer without idempotence can double records',
  });
}
