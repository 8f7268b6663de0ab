/**
 * What librdkafka tells about a topic's offsets, for offset-choice.ts. Owns the calls and what their
 * errors mean at opening; which offsets are read is decided there.
 */
import { isPassing } from './rdkafka-client.js';
import { brokerUnreachable, kafkaError } from '../cluster/cluster-errors.js';
import type { HeldOffsets, OffsetQueries, Offsets } from '../settings/offset-choice.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import { promised } from './rdkafka.js';
import type { RdConsumer, RdError, TopicPartitionOffset, Watermarks } from './rdkafka.js';

const QUERY_TIMEOUT_MS = 10_000;

/** The offsets that a partition holds now. Throws what librdkafka does. */
export function queryWatermarks(
  consumer: RdConsumer,
  topic: string,
  partition: number,
  timeoutMs = QUERY_TIMEOUT_MS,
): Promise<Watermarks> {
  return promised((done) => consumer.queryWatermarkOffsets(topic, partition, timeoutMs, done));
}

export class RdkafkaOffsets implements OffsetQueries {
  private readonly endpoint: KafkaEndpoint;
  private readonly consumer: RdConsumer;

  constructor(endpoint: KafkaEndpoint, consumer: RdConsumer) {
    this.endpoint = endpoint;
    this.consumer = consumer;
  }

  async held(partitions: readonly number[]): Promise<ReadonlyMap<number, HeldOffsets>> {
    const { topic, connectTimeoutMs } = this.endpoint;
    const asked = partitions.map(async (partition): Promise<[number, HeldOffsets]> => [
      partition,
      await queryWatermarks(this.consumer, topic, partition, connectTimeoutMs),
    ]);
    return new Map(await this.answered(Promise.all(asked)));
  }

  async atTime(partitions: readonly number[], timestampMs: number): Promise<Offsets> {
    const { topic, connectTimeoutMs } = this.endpoint;
    const times = partitions.map((partition) => ({ topic, partition, offset: timestampMs }));
    const asked = promised<readonly TopicPartitionOffset[]>((done) =>
      this.consumer.offsetsForTimes(times, connectTimeoutMs, done),
    );
    return present(await this.answered(asked));
  }

  async committed(partitions: readonly number[]): Promise<Offsets> {
    const { topic, connectTimeoutMs } = this.endpoint;
    const named = partitions.map((partition) => ({ topic, partition }));
    const asked = promised<readonly { readonly partition: number; readonly offset?: number }[]>(
      (done) => this.consumer.committed(named, connectTimeoutMs, done),
    );
    return present(await this.answered(asked));
  }

  private async answered<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      // Checked boundary: what is thrown here comes from librdkafka's callbacks.
      const cause = error as RdError;
      throw isPassing(cause)
        ? brokerUnreachable(this.endpoint, cause.message, cause)
        : kafkaError(this.endpoint, 'asking for offsets of', cause);
    }
  }
}

/** Without the partitions whose offset is missing or one of librdkafka's negative ones. */
function present(
  found: readonly { readonly partition: number; readonly offset?: number }[],
): Offsets {
  const offsets = new Map<number, number>();
  for (const { partition, offset } of found) {
    if (offset !== undefined && offset >= 0) offsets.set(partition, offset);
  }
  return offsets;
}
