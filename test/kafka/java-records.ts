/**
 * What a topic holds, as Kafka's own consumer says and as velo's source says, in one form, so that
 * tests of reading can compare them record by record. The Java side is support/java-client.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JavaClient } from '../support/java-client.mjs';
import type { SecureListeners } from '../support/kafka-secure.mjs';
import type { TlsFiles } from '../support/tls-files.mjs';
import * as kafka from './harness.js';

/** Both ways to Kafka, by the value of the option 'fetch'. */
export const FETCH_PATHS = ['columnar', 'librdkafka'] as const;
export type FetchPath = (typeof FETCH_PATHS)[number];

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
/** node-rdkafka is usually built without zstd. */
export const RDKAFKA_CODECS = CODECS.filter((codec) => codec !== 'zstd');

/** One broker for all that Java writes, with its secured listeners. */
export interface JavaFixture extends kafka.ReadFixture {
  readonly java: () => JavaClient;
  readonly secure: () => SecureListeners;
  readonly tls: () => TlsFiles;
}

export type Isolation = 'read_committed' | 'read_uncommitted';

export interface TopicRecords {
  /** `partition offset timestamp id`, sorted. */
  readonly records: readonly string[];
  readonly tombstones: number;
  /** Offsets behind all of it, by partition. */
  readonly ends: readonly number[];
}

/** What Java's consumer reads from the start of a topic to its end. */
export async function javaRecords(
  java: JavaClient,
  topic: string,
  isolation: Isolation = 'read_committed',
): Promise<TopicRecords> {
  const folder = mkdtempSync(join(tmpdir(), 'velo-records-'));
  try {
    const file = join(folder, 'records.txt');
    const answer = await java.command('read', { topic, isolation, file });
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const records = lines.filter((line) => !line.endsWith(' -1')).sort();
    const ends: number[] = [];
    for (const [name, value] of Object.entries(answer)) {
      if (name.startsWith('end')) ends[Number(name.slice('end'.length))] = value;
    }
    return { records, tombstones: lines.length - records.length, ends };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the source reads of a bounded topic. */
export async function veloRecords(
  brokers: string,
  topic: string,
  options: Readonly<Record<string, string>>,
): Promise<TopicRecords> {
  const table = kafka.kafkaTable(brokers, topic, { ...kafka.ALL, ...options });
  const opened = await kafka.openSource(table, {
    system: ['_partition', '_offset', '_record_time'],
  });
  const rows = await kafka.readRows(opened);
  if (opened.failed.length > 0) throw new Error(JSON.stringify(opened.failed.slice(0, 3)));
  const records = rows.map(([id, partition, offset, time]) =>
    [partition, offset, time, id].map(String).join(' '),
  );
  const [, count = '0'] = /: (\d+) records without a value/.exec(opened.notices.join('\n')) ?? [];
  return {
    records: records.sort(),
    tombstones: Number(count),
    ends: opened.source.splits.map((split) => Number(split.position())),
  };
}

/**
 * A few of the records that only one of the two sides has, or has more often: a test that fails
 * shall not print the topic.
 */
export function differences(
  actual: TopicRecords,
  expected: TopicRecords,
): { readonly missing: string[]; readonly unexpected: string[] } {
  const surplus = new Map<string, number>();
  const count = (records: readonly string[], by: number): void => {
    for (const record of records) surplus.set(record, (surplus.get(record) ?? 0) + by);
  };
  count(actual.records, 1);
  count(expected.records, -1);
  const where = (holds: (times: number) => boolean): string[] =>
    [...surplus].filter(([, times]) => holds(times)).map(([record]) => record);
  return {
    missing: where((times) => times < 0).slice(0, 5),
    unexpected: where((times) => times > 0).slice(0, 5),
  };
}

export const SAME = { missing: [], unexpected: [] };
