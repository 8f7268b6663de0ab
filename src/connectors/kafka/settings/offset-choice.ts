/**
 * Where a read starts and where it ends, as absolute offsets of each partition. Owns the start and
 * bounded modes: whatever the options say is resolved once, when the table is opened, so that a
 * position is a number from then on and the end of a bounded read does not move. How the cluster is
 * asked is the business of both ways to read: librdkafka's is rdkafka-offsets.ts, columnar fetch's
 * cluster-offsets.ts.
 *
 * Under read_committed (the default) the high offset asked for here is the last stable offset: a
 * bounded read does not wait for a transaction that is still open.
 */
import { ConnectorError } from '../../../base/errors.js';
import type { PartitionRange } from '../../source.js';
import type { KafkaReadOptions } from './table-options.js';

/** The offsets that a partition holds: from low up to, not including, high. */
export interface HeldOffsets {
  readonly lowOffset: number;
  readonly highOffset: number;
}

/** Offsets by partition. */
export type Offsets = ReadonlyMap<number, number>;

/** What a cluster is asked about a topic. Whatever fails is a ConnectorError. */
export interface OffsetQueries {
  held(partitions: readonly number[]): Promise<ReadonlyMap<number, HeldOffsets>>;
  /** Of the first record at or after the time; partitions without one are absent. */
  atTime(partitions: readonly number[], timestampMs: number): Promise<Offsets>;
  /** What the table's group committed; partitions without an offset are absent. */
  committed(partitions: readonly number[]): Promise<Offsets>;
}

/** Asks the cluster; one range per partition, in their order. */
export async function resolveRanges(
  options: KafkaReadOptions,
  queries: OffsetQueries,
  partitions: readonly number[],
  notice: (line: string) => void,
): Promise<readonly PartitionRange[]> {
  const resolver = new OffsetResolver(options, queries, partitions, notice);
  await resolver.readHeld();
  const starts = await resolver.starts();
  const stops = await resolver.stops(starts);
  return partitions.map((partition) => ({
    partition,
    start: atPartition(starts, partition),
    stop: atPartition(stops, partition),
  }));
}

export function offsetOutOfRange(
  options: KafkaReadOptions,
  position: { readonly partition: number; readonly offset: number },
  held: HeldOffsets,
): ConnectorError {
  const { partition, offset } = position;
  const gone = offset < held.lowOffset;
  return new ConnectorError('OFFSET_OUT_OF_RANGE', {
    message: `offset ${offset} of topic "${options.topic}" partition ${partition} ${
      gone ? 'is no longer held by the broker' : 'is beyond the end'
    }`,
    detail: `the partition holds the offsets from ${held.lowOffset} up to ${held.highOffset}`,
    hint: !gone
      ? 'start at an offset that the partition holds'
      : options.groupId === null
        ? "read faster than the topic's retention deletes, or start with 'earliest-offset'"
        : "set 'properties.auto.offset.reset' to 'earliest' or 'latest' to go on without them",
  });
}

/**
 * Where to go on from an offset that the broker does not hold. Throws OFFSET_OUT_OF_RANGE unless
 * the table says where.
 */
export function resetPosition(
  options: KafkaReadOptions,
  position: { readonly partition: number; readonly offset: number },
  held: HeldOffsets,
  notice: (line: string) => void,
): number {
  const { outOfRange } = options;
  const error = offsetOutOfRange(options, position, held);
  if (outOfRange === 'error') throw error;
  const offset = outOfRange === 'earliest' ? held.lowOffset : held.highOffset;
  notice(`${error.message}: going on at the ${outOfRange}, offset ${offset}`);
  return offset;
}

/** Records from the position (null: unknown) up to `readTo` were read and are not there any more. */
export function logTruncated(
  { topic }: KafkaReadOptions,
  { partition, offset }: { readonly partition: number; readonly offset: number | null },
  readTo: number,
): ConnectorError {
  return new ConnectorError('KAFKA_LOG_TRUNCATED', {
    message: `topic "${topic}" partition ${partition} lost records that had been read`,
    detail: `its log was read up to offset ${readTo}; ${
      offset === null ? 'before that' : `from offset ${offset} on`
    } it holds others now, or none: a replica that lacked them became the leader`,
    hint: 'what was made of them is in the results: start the job again from where they are right',
  });
}

/** What is said when a commit failed: the read goes on. */
export function notCommitted(groupId: string, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (
    `offsets of group "${groupId}" could not be committed (${text}): ` +
    'a restart would read these records again'
  );
}

class OffsetResolver {
  private readonly options: KafkaReadOptions;
  private readonly queries: OffsetQueries;
  private readonly partitions: readonly number[];
  private readonly notice: (line: string) => void;
  private low: Offsets = new Map();
  private high: Offsets = new Map();

  constructor(
    options: KafkaReadOptions,
    queries: OffsetQueries,
    partitions: readonly number[],
    notice: (line: string) => void,
  ) {
    this.options = options;
    this.queries = queries;
    this.partitions = partitions;
    this.notice = notice;
  }

  async readHeld(): Promise<void> {
    const held = [...(await this.queries.held(this.partitions))];
    this.low = new Map(held.map(([partition, { lowOffset }]) => [partition, lowOffset]));
    this.high = new Map(held.map(([partition, { highOffset }]) => [partition, highOffset]));
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
        const committed = await this.queries.committed(this.partitions);
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
    const found = await this.queries.atTime(this.partitions, timestampMs);
    return this.each((partition) => found.get(partition) ?? atPartition(this.high, partition));
  }

  private async groupStarts(partitions: readonly number[]): Promise<Offsets> {
    const asked = partitions.length > 0;
    const committed: Offsets = asked ? await this.queries.committed(partitions) : new Map();
    const missing: number[] = [];
    const starts = new Map<number, number>();
    for (const partition of partitions) {
      const offset = committed.get(partition);
      if (offset === undefined) missing.push(partition);
      starts.set(partition, this.groupStart(partition, offset));
    }
    if (missing.length > 0 && committed.size > 0) {
      this.notice(
        `group "${this.options.groupId ?? ''}" has no offset for partition ` +
          `${missing.join(', ')} of topic "${this.options.topic}": ` +
          `starting there at the ${this.options.offsetReset}`,
      );
    }
    return starts;
  }

  /** Records between a group's offset and the log's begin are gone: a restart must not hide it. */
  private groupStart(partition: number, committed: number | undefined): number {
    if (committed === undefined) return this.resetOffset(partition);
    const lowOffset = atPartition(this.low, partition);
    if (committed >= lowOffset) return committed;
    const held = { lowOffset, highOffset: atPartition(this.high, partition) };
    return resetPosition(this.options, { partition, offset: committed }, held, this.notice);
  }

  private resetOffset(partition: number): number {
    switch (this.options.offsetReset) {
      case 'earliest':
        return atPartition(this.low, partition);
      case 'latest':
        return atPartition(this.high, partition);
      case 'error':
        return this.noGroupOffset(partition);
    }
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
