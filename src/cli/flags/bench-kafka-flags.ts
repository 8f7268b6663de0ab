/**
 * The flags of `velo bench --source kafka`: where the brokers are, how the topics of the fixtures
 * are kept, and by which path they are read. Owns their checking; the topics are bench/.
 */
import type { Command } from 'commander';
import { ConfigError } from '../../base/errors.js';
import { FETCH_PATHS, KAFKA_CODECS } from '../../bench/scenario/kafka-fixture.js';
import type { FetchPath, KafkaBench, KafkaCodec } from '../../bench/scenario/kafka-fixture.js';
import type { BenchSource } from '../../bench/trial-lanes.js';
import { choiceFlag, wholeFlag } from '../options.js';

export interface KafkaFlags {
  readonly brokers?: string;
  readonly codec?: KafkaCodec;
  readonly topicPartitions?: number;
  readonly fetch?: FetchPath;
}

/** Flag by commander's name of it. */
const FLAGS = {
  brokers: '--brokers',
  codec: '--codec',
  topicPartitions: '--topic-partitions',
  fetch: '--fetch',
} as const;

export function addKafkaFlags(command: Command): Command {
  return command
    .option('--brokers <host:port>', 'kafka: where topics are kept and read')
    .option(
      '--codec <codec>',
      'kafka: none (the default), gzip, snappy, lz4, zstd',
      choiceFlag('--codec', KAFKA_CODECS),
    )
    .option(
      '--topic-partitions <n>',
      'kafka: partitions of each topic (default: 4; 3b has 1)',
      wholeFlag('--topic-partitions', 1),
    )
    .option(
      '--fetch <path>',
      'kafka: columnar (the default) or librdkafka',
      choiceFlag('--fetch', FETCH_PATHS),
    );
}

/** null with any other source, whose flags these are not. */
export function kafkaBenchOf(
  flags: KafkaFlags & { readonly source: BenchSource },
): KafkaBench | null {
  const { brokers, codec = 'none', topicPartitions, fetch = 'columnar' } = flags;
  if (flags.source === 'kafka') {
    if (brokers !== undefined) {
      return { brokers, codec, partitions: topicPartitions ?? null, fetch };
    }
    throw new ConfigError('FLAG_INVALID', {
      message: '--source kafka needs to know the brokers',
      hint: 'add --brokers localhost:9092',
    });
  }
  const names = Object.keys(FLAGS) as (keyof typeof FLAGS)[];
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return null;
  throw new ConfigError('FLAG_INVALID', {
    message: `${FLAGS[given]} says something about topics`,
    hint: 'add --source kafka',
  });
}
