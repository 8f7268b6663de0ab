/**
 * Where a read starts and where it ends, as absolute offsets of each partition. Owns the start and
 * bounded modes: whatever the options say is resolved once, when the table is opened, so that a
 * position is a number from then on and the end of a bounded read does not move.
 *
 * Under read_committed (librdkafka's default) the high watermark asked for here is the last stable
 * offset: a bounded read does not wait for a transaction that is still open.
 */
import { ConnectorError } from '../../base/errors.js';
import { brokerUnreachable, isPassing, kafkaError } from './client.js';
import type { KafkaReadOptions } from './options.js';
import { promised } from './rdkafka.js';
import type { RdConsumer, RdError, TopicPartitionOffset, Watermarks } from './rdkafka.js';

const QUERY_TIMEOUT_MS = 10_000;

export interface PartitionRange {
  readonly partition: number;
  readonly start: number;
  /** First offset that is not read any more; Infinity = unbounded. */
  readonly stop: number;
}

/** Asks the cluster; one range per partition, in their order. */
export async function resolveRanges(
  options: KafkaReadOptions,
  consumer: RdConsumer,
  partitions: readonly number[],
  notice: (line: string) => void,
): Promise<readonly PartitionRange[]> {
  const resolver = new OffsetResolver(options, consumer, partitions, notice);
  try {
    await resolver.readWatermarks();
    const starts = await resolver.starts();
    const stops = await resolver.stops(starts);
    return partitions.map((partition) => ({
      partition,
      start: atPartition(starts, partition),
      stop: atPartition(stops, partition),
    }));
  } catch (error) {
    if (error instanceof ConnectorError) throw error;
    // Checked boundary: what else is thrown here comes from librdkafka's callbacks.
    const cause = error as RdError;
    throw isPassing(cause)
      ? brokerUnreachable(options, cause.message, cause)
      : kafkaError(options, 'asking for offsets of', cause);
  }
}

/** The offsets that a partition holds now. */
export function queryWatermarks(
  consumer: RdConsumer,
  topic: string,
  partition: number,
): Promise<Watermarks> {
  return promised((done) =>
    consumer.queryWatermarkOffsets(topic, partition, QUERY_TIMEOUT_MS, done),
  );
}

export function offsetOutOfRange(
  options: KafkaReadOptions,
  position: { readonly partition: number; readonly offset: number },
  held: Watermarks,
): ConnectorError {
  const { partition, offset } = position;
  const gone = offset < held.lowOffset;
  return new ConnectorError('OFFSET_OUT_OF_RANGE', {
    message: `offset ${offset} of topic "${options.topic}" partition ${partition} ${
      gone ? 'is no longer held by the broker' : 'is beyond the end'
    }`,
    detail: `the partition holds the offsets from ${held.lowOffset} up to ${held.highOffset}`,
    hint: gone
      ? "read faster than the topic's retention deletes, or start with 'earliest-offset'"
      : 'start at an offset that the partition holds',
  });
}

type Offsets = ReadonlyMap<number, number>;

class OffsetResolver {
  private readonly options: KafkaReadOptions;
  private readonly consumer: RdConsumer;
  private readonly partitions: readonly number[];
  private readonly notice: (line: string) => void;
  private low: Offsets = new Map();
  private high: Offsets = new Map();

  constructor(
    options: KafkaReadOptions,
    consumer: RdConsumer,
    partitions: readonly number[],
    notice: (line: string) => void,
  ) {
    this.options = options;
    this.consumer = consumer;
    this.partitions = partitions;
    this.notice = notice;
  }

  async readWatermarks(): Promise<void> {
    const { topic } = this.options;
    const held = await Promise.all(
      this.partitions.map((partition) => queryWatermarks(this.consumer, topic, partition)),
    );
    const pairs = held.map((marks, at) => [this.partitions[at] as number, marks] as const);
    this.low = new Map(pairs.map(([partition, marks]) => [partition, marks.lowOffset]));
    this.high = new Map(pairs.map(([partition, marks]) => [partition, marks.highOffset]));
  }

  async starts(): Promise<Offsets> {
    const { start } = this.options;
    switch (start.kind) {
      case 'earliest':
        return this.low;
      case 'latest':
        return this.high;
      case 'timestamp':
        return this.atTime(start.timestampMs);
      case 'group':
        return this.groupStarts(this.partitions);
      case 'offsets': {
        this.requireHeld(start.offsets);
        const others = this.partitions.filter((partition) => !start.offsets.has(partition));
        const rest = this.options.groupId === null ? this.low : await this.groupStarts(others);
        return this.each(
          (partition) => start.offsets.get(partition) ?? atPartition(rest, partition),
        );
      }
    }
  }

  async stops(starts: Offsets): Promise<Offsets> {
    const { stop } = this.options;
    switch (stop.kind) {
      case 'unbounded':
        return this.each(() => Number.POSITIVE_INFINITY);
      case 'latest':
        return this.high;
      case 'timestamp':
        return this.atTime(stop.timestampMs);
      case 'group': {
        const committed = await this.committed(this.partitions);
        return this.each((partition) => committed.get(partition) ?? this.noGroupOffset(partition));
      }
      // As in Flink, a partition that is not named is not read.
      case 'offsets':
        return this.each(
          (partition) => stop.offsets.get(partition) ?? atPartition(starts, partition),
        );
    }
  }

  /** The first record at or after the time; the end where there is none. */
  private async atTime(timestampMs: number): Promise<Offsets> {
    const { topic } = this.options;
    const times = this.partitions.map((partition) => ({ topic, partition, offset: timestampMs }));
    const found = await promised<readonly TopicPartitionOffset[]>((done) =>
      this.consumer.offsetsForTimes(times, QUERY_TIMEOUT_MS, done),
    );
    const offsets = new Map(found.map(({ partition, offset }) => [partition, offset]));
    return this.each((partition) => {
      const offset = offsets.get(partition) ?? -1;
      return offset < 0 ? atPartition(this.high, partition) : offset;
    });
  }

  private async groupStarts(partitions: readonly number[]): Promise<Offsets> {
    const committed = await this.committed(partitions);
    const missing: number[] = [];
    const starts = new Map<number, number>();
    for (const partition of partitions) {
      const offset = committed.get(partition);
      const held = offset !== undefined && offset >= atPartition(this.low, partition);
      if (!held) missing.push(partition);
      starts.set(partition, held ? offset : this.resetOffset(partition, offset));
    }
    if (missing.length > 0 && committed.size > 0) {
      this.notice(
        `group "${this.options.groupId ?? ''}" has no usable offset for partition ` +
          `${missing.join(', ')} of topic "${this.options.topic}": ` +
          `starting there at the ${this.options.offsetReset}`,
      );
    }
    return starts;
  }

  private resetOffset(partition: number, committed: number | undefined): number {
    switch (this.options.offsetReset) {
      case 'earliest':
        return atPartition(this.low, partition);
      case 'latest':
        return atPartition(this.high, partition);
      case 'error':
        if (committed === undefined) return this.noGroupOffset(partition);
        throw offsetOutOfRange(
          this.options,
          { partition, offset: committed },
          {
            lowOffset: atPartition(this.low, partition),
            highOffset: atPartition(this.high, partition),
          },
        );
    }
  }

  /** Offsets that the group committed; partitions without one are absent. */
  private async committed(partitions: readonly number[]): Promise<Offsets> {
    if (partitions.length === 0) return new Map();
    const { topic } = this.options;
    const asked = partitions.map((partition) => ({ topic, partition }));
    const found = await promised<readonly { partition: number; offset?: number }[]>((done) =>
      this.consumer.committed(asked, QUERY_TIMEOUT_MS, done),
    );
    const offsets = new Map<number, number>();
    for (const { partition, offset } of found) {
      if (offset !== undefined && offset >= 0) offsets.set(partition, offset);
    }
    return offsets;
  }

  private requireHeld(offsets: Offsets): void {
    for (const [partition, offset] of offsets) {
      const lowOffset = this.low.get(partition);
      const highOffset = this.high.get(partition);
      if (lowOffset === undefined || highOffset === undefined) {
        throw new ConnectorError('OFFSET_OUT_OF_RANGE', {
          message: `topic "${this.options.topic}" of ${this.options.label} has no partition ${partition}`,
          detail: `its partitions are ${this.partitions.join(', ')}`,
          hint: "name only these in 'scan.startup.specific-offsets'",
        });
      }
      if (offset >= lowOffset && offset <= highOffset) continue;
      throw offsetOutOfRange(this.options, { partition, offset }, { lowOffset, highOffset });
    }
  }

  private noGroupOffset(partition: number): never {
    const { groupId, topic } = this.options;
    throw new ConnectorError('OFFSET_OUT_OF_RANGE', {
      message: `group "${groupId ?? ''}" has no offset for partition ${partition} of topic "${topic}"`,
      hint: "set 'properties.auto.offset.reset' to 'earliest' or 'latest', or another scan mode",
    });
  }

  private each(offset: (partition: number) => number): Offsets {
    return new Map(this.partitions.map((partition) => [partition, offset(partition)]));
  }
}

function atPartition(offsets: Offsets, partition: number): number {
  return offsets.get(partition) ?? 0;
}
